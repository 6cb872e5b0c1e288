"""`python -m soensim.export`: write what soensim knows in other tools' formats."""

import sys

from soensim import cli
from soensim.interop.spice_command import export_main

if __name__ == "__main__":
    sys.exit(cli.run(export_main))
