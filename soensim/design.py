"""`python -m soensim.design`, the same as `soensim design`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("design"))
