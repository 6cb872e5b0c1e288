"""Flags that several verbs have, each defined once, and the types of numbers that flags take."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import Any

from soensim._runtime.words import DECIMAL, number_meant, shown, whole_number_meant
from soensim.errors import SoensimError
from soensim.limits import Limits

LARGEST = 2**63 - 1
MOST_REFINE = 10_000  # 40,000 steps per sample of the shipped chips: minutes
MOST_TRIALS = 1_000_000  # intervals shrink with the root of the number; 1000 chips say all
MOST_THREADS = 4096  # more than any machine has
MOST_SAMPLES = 1_000_000_000  # of a frame

#: What a simulated time may be: spikes of a second are days of work.
DURATION = Limits(1e-6, 1e9, "ns", "a thousandth of tau_0 to a second")

TECHNOLOGY = "nist-2023"

_DIGITS = re.compile(r"[-+]?[0-9]+")

Container = argparse._ActionsContainer


def whole(least: int = 0, most: int = LARGEST) -> Callable[[str], int]:
    """Make the type of a flag that takes a whole number from ``least`` to ``most``, in decimal digits."""
    legal = f"a whole number from {least} to {most}" if most < LARGEST else f"a whole number, {least} or more"
    if least < 0:
        legal = "a whole number"

    def read(text: str) -> int:
        word = text.strip()
        if _DIGITS.fullmatch(word):
            if len(word) <= 30 and least <= int(word) <= most:
                return int(word)
            if len(word) > 18 and not word.startswith("-"):
                raise argparse.ArgumentTypeError(f"{_given(text)} is too large; it must be at most {most}")
        meant = whole_number_meant(word)
        hint = f"; write {meant}" if meant is not None and least <= meant <= most else ""
        raise argparse.ArgumentTypeError(f"{_given(text)} is not legal; it must be {legal}{hint}")

    return read


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    also: Callable[[float], bool] = lambda _: True,
) -> Callable[[str], float]:
    """Make the type of a flag that takes a finite number; above and below are exclusive, least and most inclusive.

    What is not ``also`` legal is not advised.
    """
    limits = (("above", above), ("at least", least), ("below", below), ("at most", most))
    legal = " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
    legal = f"a number {legal}" if legal else "a finite number"

    def is_legal(value: float) -> bool:
        return (
            math.isfinite(value)
            and (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
            and (most is None or value <= most)
        )

    def read(text: str) -> float:
        word = text.strip()
        value = float(word) if DECIMAL.fullmatch(word) else math.nan
        if is_legal(value):
            return value
        advice = number_meant(word, lambda meant: is_legal(meant) and also(meant))
        hint = f"; {advice}" if advice else ""
        raise argparse.ArgumentTypeError(f"{_given(text)} is not legal; it must be {legal}{hint}")

    return read


def quantity(limits: Limits) -> Callable[[str], float]:
    """Make the type of a flag that takes a number with a unit, within the same limits as in a netlist."""
    bounds: dict[str, float] = {"least": 0.0} if limits.zero else {"above": 0.0}
    if limits.signed or limits.unit == "K":  # a negative temperature was meant in degrees Celsius
        bounds = {}
    finite = number(**bounds, also=limits.hold)

    def read(text: str) -> float:
        value = finite(text)
        if limits.hold(value):
            return value
        raise argparse.ArgumentTypeError(f"{_given(text)} is not legal; {limits.fault(value)}")

    return read


def _given(text: str) -> str:
    """Show what was typed: a number as it is, anything else in quotes."""
    word = text.strip()
    return word if DECIMAL.fullmatch(word) and len(word) <= 60 else shown(text)


def chip(parser: Container, *, optional: bool = False) -> None:
    """Add the netlist."""
    text = "netlist, YAML" + (" (default: none, which --rules allows)" if optional else "")
    parser.add_argument("chip", metavar="CHIP", nargs="?" if optional else None, help=text)


def json_file(parser: Container, what: str, default: str = "none") -> None:
    """Add ``--json``; ``what`` is written, by default to the file that ``default`` names."""
    parser.add_argument(
        "--json",
        metavar="FILE",
        help=f"write {what} as JSON; - writes it to standard output instead of the text, none omits it "
        f"(default: {default})",
    )


def no_seed(parser: Container) -> None:
    """Add ``--seed`` to a verb in which nothing is random."""
    parser.add_argument(
        "--seed", type=whole(), metavar="SEED", help="accepted by every verb; nothing is random here (default: none)"
    )


def approximate(parser: Container, where: str) -> None:
    """Add ``--approximate``; ``where`` is what may lack a part of the model."""
    parser.add_argument(
        "--approximate",
        action="store_true",
        help=f"leave out or replace what {where} lacks, and say so, instead of refusing it",
    )


def chip_seed(parser: Container, what: str, default: int | None) -> None:
    """Add ``--seed``, which is also called ``--chip-seed``; ``what`` says what it draws and what the default is."""
    parser.add_argument(
        "--seed", "--chip-seed", dest="chip_seed", type=whole(), metavar="SEED", default=default, help=what
    )


def read_seed(parser: Container, what: str, default: int | None) -> None:
    """Add ``--read-seed``; ``what`` says what it draws and what the default is."""
    parser.add_argument("--read-seed", type=whole(), metavar="SEED", default=default, help=what)


def light(parser: Container) -> None:
    """Add ``--light``."""
    parser.add_argument(
        "--light",
        choices=("spikes", "average"),
        default="spikes",
        help="of a chip of rate neurons with optical projections: draw every spike, or take the mean, as if there were "
        "any number of them (default: spikes)",
    )


class _Sizes(argparse.Action):
    """Collects the sizes of all `--spread` flags in one mapping; a name may be given once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        known: dict[str, float] = dict(getattr(namespace, self.dest) or {})
        for name, size in values.items():
            if name in known:
                parser.error(f"argument --spread: {name} is given twice; keep one")
            known[name] = size
        setattr(namespace, self.dest, known)


def spread(parser: Container) -> None:
    """Add ``--spread``: sizes of imperfections by name, over the netlist's."""
    parser.add_argument(
        "--spread",
        type=_sizes,
        action=_Sizes,
        metavar="NAME=SIZE",
        help="size of an imperfection, over the netlist's: efficacy=0.1,dead_neurons=0.02; repeatable "
        "(default: those of the netlist; docs/hardware.md#imperfections lists them)",
    )


def _sizes(text: str) -> dict[str, float]:
    from soensim.fabrication import read_sizes  # loads the chip's code: only where it is asked for

    try:
        return read_sizes(text)
    except SoensimError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


class _Once(argparse.Action):
    """Keep a value, and refuse a second one: the flag is repeatable elsewhere, and the first would be lost."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice; give one file")
        setattr(namespace, self.dest, values)


def measured(parser: Container, what: str, *, repeatable: bool) -> None:
    """Add ``--measured``; ``what`` says what is done with the file."""
    if repeatable:
        parser.add_argument("--measured", action="append", metavar="FILE", default=[], help=what)
    else:
        parser.add_argument("--measured", action=_Once, metavar="FILE", help=what)


def technology(parser: Container, *, flag: bool) -> None:
    """Add a technology, as ``--technology`` or as an argument without a flag; the default is `TECHNOLOGY`."""
    text = f"preset or YAML file (default: {TECHNOLOGY})"
    if flag:
        parser.add_argument("--technology", metavar="NAME", default=TECHNOLOGY, help=text)
    else:
        parser.add_argument("technology", metavar="NAME", nargs="?", default=TECHNOLOGY, help=text)


def data(parser: Container, default: str) -> None:
    """Add ``--data`` and ``--data-dir``."""
    parser.add_argument(
        "--data", metavar="NAME", help=f"data set, or a file of your own, FILE[::KEY=VALUE,...] (default: {default})"
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with local data files, mnist/*-ubyte.gz (default: $SOENSIM_DATA, if it is set)",
    )


def program(parser: Container) -> None:
    """Add ``--program``."""
    parser.add_argument(
        "--program", metavar="FILE", help="program of the chip (default: beside the netlist, CHIP.safetensors)"
    )


def refine(parser: Container, default: int | None, shown_default: str) -> None:
    """Add ``--refine``."""
    parser.add_argument(
        "--refine",
        type=whole(1, MOST_REFINE),
        metavar="N",
        default=default,
        help=f"integrate N times finer than {shown_default}",
    )
