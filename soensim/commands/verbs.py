"""The verbs of the command line: one module of this room each, with a function `main(arguments) -> exit status`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from soensim.commands import cli
from soensim.errors import SoensimError

VERBS = {
    "check": "check a netlist, and whether the model holds for it",
    "explain": "say how one edge is routed, or why it does not exist",
    "evaluate": "score a program on its chip and on fabricated copies of it",
    "train": "fit a program for a chip",
    "report": "show trainings: curves, efficacies, sweeps over several runs",
    "simulate": "run a program on given inputs and record the states",
    "export": "write a dendrite, a chain or a tree as a SPICE deck",
    "circuit": "solve the SQUID of a technology: thresholds and source function",
    "schema": "write the JSON Schema of netlists",
    "technology": "list the numbers of a technology, with their sources",
    "convert": "convert between dimensionless and SI quantities",
}


def run_verb(verb: str, arguments: Sequence[str] | None = None) -> int:
    """Run one verb, with the command line's arguments where none are given; returns the exit status."""
    return cli.run(_main_of(verb), arguments)


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run `soensim VERB …`; returns the exit status of the verb."""
    return cli.run(_dispatch, arguments)


def _main_of(verb: str) -> cli.Main:
    main: cli.Main = import_module(f"soensim.commands.{verb}").main
    return main


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = "\n".join(f"  {verb:12} {text}" for verb, text in VERBS.items())
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
    return _main_of(verb)(rest)
