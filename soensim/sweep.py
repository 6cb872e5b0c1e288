"""`python -m soensim.sweep`, the same as `soensim sweep`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("sweep"))
