"""`python -m soensim.technology`, the same as `soensim technology`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("technology"))
