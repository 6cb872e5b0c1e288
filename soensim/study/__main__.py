"""`python -m soensim.study`, the same as `soensim study`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("study"))
