"""Files of measured values that a command is given: read, and compared with what the program was trained for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from soensim._runtime.words import shown_path
from soensim.commands import cli
from soensim.errors import MeasurementError
from soensim.fabrication import MeasuredChip, read_measured
from soensim.netlist import Netlist
from soensim.network import Network
from soensim.program import Program

_DRAWS = ("--trials", "trials"), ("--seed", "chip_seed"), ("--spread", "spread")
_OF_DRAWS = ("--waterfall", "waterfall"), ("--margins", "margins"), ("--causes", "causes")


def refuse_draws(given: argparse.Namespace) -> None:
    """Refuse flags that say which chips to draw: measured ones are not drawn.

    Raises
    ------
    MeasurementError
        The first of them.
    """
    for flag, name in (*_DRAWS, *_OF_DRAWS):
        if getattr(given, name, None) is not None:
            raise MeasurementError(f"{flag} is for chips that are drawn; leave it out, or --measured")


def load_measured(
    files: Sequence[str], network: Network, netlist: Netlist, program: Program | None = None
) -> list[MeasuredChip]:
    """Read files of measured values, and tell of a program that was trained for another measured chip.

    Raises
    ------
    MeasurementError
        A file cannot be read (`soensim.fabrication.read_measured`), or two files say the same.
    """
    chips: dict[str, MeasuredChip] = {}
    for file in files:
        chip = read_measured(file, network, netlist.device_technology.junction)
        if chip.fingerprint in chips:
            raise MeasurementError(
                f"{shown_path(file)}: says the same as {shown_path(chips[chip.fingerprint].file)}; give each chip once"
            )
        chips[chip.fingerprint] = chip
        if program is not None:
            _tell_other(chip, program)
    return list(chips.values())


def _tell_other(chip: MeasuredChip, program: Program) -> None:
    trained = program.header.get("measured")  # checked when the program was loaded
    if trained and trained["fingerprint"] != chip.fingerprint:
        cli.tell(
            f"{shown_path(chip.file)}: the program was trained for another measured chip, {trained['file']} "
            f"({trained['fingerprint']:.12}); this one is {chip.fingerprint:.12}"
        )
