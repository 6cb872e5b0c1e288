"""`python -m soensim.train`, the same as `soensim train`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("train"))
