"""`python -m soensim.export`, the same as `soensim export`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("export"))
