"""`soensim schema`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from soensim._runtime.atomic_write import write_atomic
from soensim.commands import cli
from soensim.netlist.yaml.load import json_schema

_EPILOG = """\
For completion and checks in an editor, begin a netlist with the line
  # yaml-language-server: $schema=soensim-1.schema.json
"""


def main(arguments: Sequence[str]) -> int:
    """Run `soensim schema`: the JSON Schema of netlists.

    Parameters
    ----------
    arguments
        What follows the verb.

    Returns
    -------
    int
        0; bad input raises.

    Raises
    ------
    SoensimError
        A wrong flag, or a file that cannot be written.
    """
    parser = cli.parser("schema", "Write the JSON Schema of netlists (schema: soensim/1).", _EPILOG)
    parser.add_argument("--out", "--json", metavar="FILE", default="-", help="where to; - is standard output (default)")
    target = parser.parse_args(arguments).out
    cli.check_writable(target)
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    if target == "-":
        cli.say(text)
    else:
        write_atomic(target, text + "\n")
    return cli.DONE
