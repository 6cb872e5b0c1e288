"""`python -m soensim.import`, the same as `soensim import`."""  # noqa: N999  (the verb is a keyword of Python)

import sys

from soensim.commands.verbs import run_verb

if __name__ == "__main__":
    sys.exit(run_verb("import"))
