"""`soensim VERB …`, the same as `python -m soensim.VERB …`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from soensim import cli
from soensim.errors import SoensimError

VERBS = {
    "check": ("soensim.check.__main__", "main", "check a netlist, and whether the model holds for it"),
    "explain": ("soensim.explain", "explain_main", "tell the story of one edge: its route, or why it does not exist"),
    "evaluate": ("soensim.evaluate.__main__", "main", "score a program on its chip and on fabricated copies of it"),
    "train": ("soensim.train.__main__", "main", "fit a program for a chip"),
    "report": ("soensim.report.__main__", "main", "show trainings: curves, efficacies, sweeps over several runs"),
    "simulate": ("soensim.simulate.__main__", "main", "run a program on given inputs and record the states"),
    "export": ("soensim.export", "export_main", "write a dendrite, a chain or a tree as a SPICE deck"),
    "schema": ("soensim.netlist.commands", "schema_main", "write the JSON Schema of netlists"),
    "technology": ("soensim.technology", "technology_main", "list the numbers of a technology, with their sources"),
    "convert": ("soensim.technology", "convert_main", "convert between dimensionless and SI quantities"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is that of the verb."""
    return cli.run(_dispatch, arguments)


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = "\n".join(f"  {verb:12} {text}" for verb, (_, _, text) in VERBS.items())
        cli.say(f"usage: soensim VERB …\n\n{lines}\n\n`soensim VERB --help` explains a verb.")
        return cli.DONE
    verb, *rest = arguments
    if verb == "--version":
        cli.say(f"soensim {version('soensim')}")
        return cli.DONE
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SoensimError(f"no verb {verb!r}; {hint}there are {', '.join(VERBS)}")
    module, function, _ = VERBS[verb]
    status: int = getattr(import_module(module), function)(rest)
    return status


if __name__ == "__main__":
    sys.exit(main())
