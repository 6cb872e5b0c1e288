"""`python -m soensim.init`, the same as `soensim init`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("init"))
