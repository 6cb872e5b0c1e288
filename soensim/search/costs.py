"""What a chip costs, as far as it is known before it is trained."""

from __future__ import annotations

from collections.abc import Sequence

from soensim._runtime.words import nearest, shown
from soensim.budget import answer_latency_ns, stated
from soensim.check import Report
from soensim.errors import StudyError
from soensim.netlist import Netlist
from soensim.study.measures import CHECKED, MEASURES, measure_chip
from soensim.study.run import Measured

LATENCY, PLANES = "latency_ns", "planes"
COSTS = (*(name for name in CHECKED if name != "passes"), LATENCY, PLANES)
"""Costs by name; they have the values of the measures of these names, and `planes` are those of waveguides."""

_CHECK = "check."


def check_cost(name: str) -> None:
    """Refuse what is no cost that is known before a training.

    Raises
    ------
    StudyError
        With what there is.
    """
    if name in COSTS or (name.startswith(_CHECK) and name != _CHECK):
        return
    if name in MEASURES or name.startswith("evaluate."):
        told = "is known only after a training; a search needs costs that are known before"
    else:
        told = "is no cost"
    raise StudyError(
        f"{shown(name)} {told}; {nearest(name, COSTS)}there are {', '.join(COSTS)}, and paths in the JSON of check, "
        "such as check.budget.cells"
    )


def costs_of(report: Report, frames: int, names: Sequence[str]) -> dict[str, Measured]:
    """Measure costs of a chip.

    Parameters
    ----------
    report
        Of its check.
    frames
        Input samples that an answer takes.
    names
        As `check_cost` takes them.

    Raises
    ------
    StudyError
        The chip has no routes, or a path leads to no number.
    """
    if report.routed is None:
        raise StudyError("the chip has no routes, so that its costs are not known")
    found = measure_chip(report, None, [name for name in names if name not in COSTS])
    found |= {LATENCY: answer_latency_ns(report.routed, frames), PLANES: _planes(report.netlist)}
    return {name: found[name] for name in names}


def _planes(netlist: Netlist) -> int:
    return int(stated(netlist, "photonic_planes").value) if netlist.has_waveguides else 0
