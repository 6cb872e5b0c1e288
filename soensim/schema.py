"""`python -m soensim.schema`, the same as `soensim schema`."""

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("schema"))
