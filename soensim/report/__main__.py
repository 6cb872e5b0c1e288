"""`python -m soensim.report`, the same as `soensim report`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("report"))
