"""`python -m soensim.check`, the same as `soensim check`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("check"))
