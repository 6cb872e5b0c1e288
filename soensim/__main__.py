"""`soensim VERB …` and `python -m soensim VERB …`; each verb also runs as `python -m soensim.VERB …`."""

import sys

from soensim.commands.verbs import run_command

if __name__ == "__main__":
    sys.exit(run_command())
