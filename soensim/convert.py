"""`python -m soensim.convert`, the same as `soensim convert`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("convert"))
