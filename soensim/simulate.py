"""`python -m soensim.simulate`, the same as `soensim simulate`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("simulate"))
