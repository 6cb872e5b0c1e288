"""`python -m soensim.circuit`, the same as `soensim circuit`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("circuit"))
