"""What an answer costs as text: time, energy, light and power; formatted once for table, page and comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from soensim.budget import AnswerCost, CostLine
from soensim.evaluation import Evaluation


@dataclass(frozen=True)
class EnergyRow:
    """One figure of light and power while a chip answers, as text."""

    label: str
    value: str
    unit: str
    note: str
    """`e` where an estimate enters."""


#: Figures that the cost of an answer says too, under another name.
IN_COST = {
    "duration",
    "emitters",
    "synapse events",
    "SQUIDs of rate neurons",
    "energy per classification",
    "the same after cooling",
}


def energy_rows(evaluation: Evaluation) -> list[EnergyRow]:
    """List light and power while a chip answers, beside its cost; empty where no light carries a rate."""
    return [
        EnergyRow(line.quantity, f"{line.value:.4g}", "" if line.unit == "1" else line.unit, "e" * line.estimate)
        for line in evaluation.energy
        if line.quantity not in IN_COST
    ]


@dataclass(frozen=True)
class CostRow:
    """One figure of what an answer costs, as text; the value is – where it is not known, and the note says why."""

    label: str
    value: str
    note: str
    formula: str
    source: str


_COST_LABELS = {
    "frames": "latency: frames",
    "hops": "path delays",
    "readout": "readout",
    "latency": "latency",
    "static_bias": "static bias",
    "fluxons": "fluxons",
    "light": "light",
    "detection": "detection",
    "cooling": "cooling",
    "total": "energy in all",
    "area_mm2": "die",
    "junctions": "junctions",
    "photons": "photons",
    "spikes": "spikes of light",
    "activity_sparsity": "activity sparsity",
}
_PREFIXES = ("a", "f", "p", "n", "u", "m", "")


def cost_rows(cost: AnswerCost) -> list[CostRow]:
    """List what an answer costs: the parts of its latency and their sum, of its energy and their sum, the chip."""
    latency = _sum_row("latency", cost.latency_ns, cost.latency_at_least_ns, latency_text)
    energy = _sum_row("total", cost.energy_aj, cost.energy_at_least_aj, energy_text)
    return [
        *map(_cost_row, cost.latency),
        latency,
        *map(_cost_row, cost.energy),
        energy,
        *map(_cost_row, cost.others),
    ]


def cost_label(line: CostLine) -> str:
    """Name a figure of the cost."""
    return _COST_LABELS[line.name]


def _cost_row(line: CostLine) -> CostRow:
    label = cost_label(line)
    if line.value is None:
        why = line.unknown.partition(" (")[0]
        said = why if why.startswith("not known") else f"not known: {why}"
        return CostRow(label, "–", said, line.formula, line.unknown)
    if line.unit == "ns":
        text = latency_text(line.value)
    elif line.unit == "aJ":
        text = energy_text(line.value)
    else:
        text = _amount(line.value) + ("" if line.unit == "1" else f" {line.unit}")
    return CostRow(label, text, "estimate" if line.estimate else "", line.formula, line.source)


def _amount(value: float) -> str:
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if 1000 <= rounded < 1e9 else f"{rounded:.4g}"


def _sum_row(name: str, value: float | None, least: float, write: Callable[[float], str]) -> CostRow:
    if value is None and not least:
        return CostRow(_COST_LABELS[name], "–", "not known: no part that is known is above zero", "", "")
    if value is None:
        said = "at least: what is known, and its cooling" if name == "total" else "at least: a part is not known"
        return CostRow(_COST_LABELS[name], write(least), said, "sum of the known parts", "")
    return CostRow(_COST_LABELS[name], write(value), "", "sum of the parts", "")


def latency_text(nanoseconds: float) -> str:
    """Write a time in the unit that suits it."""
    return f"{_scaled(nanoseconds, 3)}s"


def energy_text(attojoules: float) -> str:
    """Write an energy in the unit that suits it."""
    return f"{_scaled(attojoules, 0)}J"


def _scaled(value: float, prefix: int) -> str:
    """Write a value, whose unit has this prefix, with one that leaves up to three digits in front of the point."""
    if value == 0:
        return f"0 {_PREFIXES[prefix]}"
    shift = math.floor(math.log10(abs(float(f"{value:.3g}"))) / 3)
    place = min(max(prefix + shift, 0), len(_PREFIXES) - 1)
    return f"{value * 1000.0 ** (prefix - place):.3g} {_PREFIXES[place]}"
