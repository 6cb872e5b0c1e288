"""`python -m soensim.fit`, the same as `soensim fit`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("fit"))
