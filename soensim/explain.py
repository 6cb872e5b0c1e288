"""`python -m soensim.explain`, the same as `soensim explain`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("explain"))
