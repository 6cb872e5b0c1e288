"""`python -m soensim.examples`, the same as `soensim examples`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("examples"))
