"""`python -m soensim.evaluate`, the same as `soensim evaluate`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("evaluate"))
