"""The verbs of the command line: one module of this room each, with a function `main(arguments) -> exit status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Everything else is imported inside the functions: Ctrl-C gets its answer from `process.take_over` on.
from soensim.commands import process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soensim.commands import cli

VERBS = {
    "examples": "list the chips that ship, or copy some of them",
    "init": "write the netlist of a chip of one's own",
    "check": "check a netlist, and whether the model holds for it",
    "explain": "say how one edge is routed, or why it does not exist",
    "evaluate": "score a program on its chip and on fabricated copies of it",
    "train": "fit a program for a chip",
    "sweep": "train and score a chip over all combinations of some settings",
    "study": "run a study from its file",
    "design": "find the cheapest chip that meets requirements",
    "report": "show trainings: curves, efficacies, sweeps over several runs",
    "simulate": "run a program on given inputs and record the states",
    "import": "make a chip of a model of another tool",
    "export": "write a SPICE deck, the layout of a chip, what is asked of its devices, or a model of another tool",
    "fit": "estimate spreads and device parameters from measured chips and traces",
    "circuit": "solve the SQUID of a technology: thresholds and source function",
    "schema": "write the JSON Schema of netlists",
    "technology": "list the numbers of a technology, with their sources",
    "convert": "convert between dimensionless and SI quantities",
}


def run_verb(verb: str, arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status; without arguments, as this process, with its command line's."""
    return _run([verb], arguments)


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run `soensim VERB …` and return the exit status of the verb; without arguments as `run_verb`."""
    return _run([], arguments)


def _run(verb: list[str], arguments: Sequence[str] | None) -> int:
    if arguments is None:
        process.take_over()
    from soensim.commands import cli

    status = cli.run(lambda given: _dispatch([*verb, *given]), arguments)
    process.finish()
    return status


def _main_of(verb: str) -> cli.Main:
    from importlib import import_module

    main: cli.Main = import_module(f"soensim.commands.{verb}").main
    process.begin()
    return main


def _dispatch(arguments: Sequence[str]) -> int:
    from soensim.commands import cli
    from soensim.errors import SoensimError

    if not arguments or arguments[0] in ("-h", "--help"):
        lines = "\n".join(f"  {verb:12} {text}" for verb, text in VERBS.items())
        cli.say(
            f"usage: soensim VERB …\n\n{lines}\n\n`soensim VERB --help` explains a verb; "
            "`soensim --completion bash` lets the shell complete them."
        )
        return cli.DONE
    verb, *rest = arguments
    if verb == "--version":
        from importlib.metadata import version

        cli.say(f"soensim {version('soensim')}")
        return cli.DONE
    if verb == "--completion":
        from soensim.commands.completion import SHELLS, completion

        if len(rest) != 1:
            raise SoensimError(f"--completion takes the name of a shell, one of {', '.join(SHELLS)}")
        cli.say(completion(rest[0]))
        return cli.DONE
    if verb not in VERBS:
        import difflib

        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SoensimError(f"no verb {verb!r}; {hint}there are {', '.join(VERBS)}")
    return _main_of(verb)(rest)
