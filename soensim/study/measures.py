"""What a run measures: the usual numbers by name, and any other of the JSON of `check` and `evaluate` by its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soensim._runtime.words import nearest, shown
from soensim.check import Report
from soensim.errors import StudyError
from soensim.evaluation import Evaluation
from soensim.study.run import Measured

SOURCES = ("evaluate", "check")
_NAMES = ("quantity", "name", "effect", "parameter", "projection", "id")  # what an entry of a list is called by


@dataclass(frozen=True)
class Measure:
    """A number that every run is measured by.

    Attributes
    ----------
    name
        In the table.
    label
        In figures and sentences.
    unit
        "" for a pure number; "%" where the table holds a fraction that figures show in percent.
    path
        Where it is in the JSON of `check` or `evaluate`; empty where `of` computes it.
    of
        Computes it of what the check and the evaluation found.
    """

    name: str
    label: str
    unit: str
    path: str = ""
    of: Callable[[Report, Evaluation], Measured] | None = None


def _wire_mm(report: Report, _: Evaluation) -> Measured:
    return _budget(report, "wire length", 1e3)


def _waveguide_mm(report: Report, _: Evaluation) -> Measured:
    return _budget(report, "waveguide length", 1e3)


def _power_mw(report: Report, _: Evaluation) -> Measured:
    return _budget(report, "total before cooling", 1.0)


def _absent(report: Report, _: Evaluation) -> Measured:
    return sum(sum(summary.absent.values()) for summary in report.ledger)


def _margin(report: Report, _: Evaluation) -> Measured:
    """How often the binding limit of the chip's fan-in fits in it: below 1 it does not."""
    binding = next((line for line in report.budget if line.quantity.startswith("binding limit")), None)
    mean = next((line for line in report.budget if line.quantity == "k of the chip, mean"), None)
    return None if binding is None or mean is None or not mean.value else binding.value / mean.value


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("ideal", "accuracy, ideal weights", "%", of=lambda _, e: e.accuracy.ideal),
        Measure("codes", "accuracy, quantised codes", "%", of=lambda _, e: e.accuracy.quantised),
        Measure("chips_mean", "accuracy, fabricated chips", "%", of=lambda _, e: e.accuracy.chip_mean),
        Measure("chips_worst", "accuracy, worst chip", "%", of=lambda _, e: min(e.accuracy.chips)),
        Measure("yield", "yield", "%", of=lambda _, e: _yield(e)),
        Measure("passes", "passes the check", "", of=lambda r, _: int(r.passes)),
        Measure("neurons", "neurons", "", of=lambda r, _: _budget(r, "neurons")),
        Measure("synapses", "synapses", "", of=lambda r, _: _budget(r, "synapses")),
        Measure("absent_edges", "edges without a route", "", of=_absent),
        Measure("junctions", "junctions", "", path="evaluate.cost.junctions"),
        Measure("area_mm2", "area", "mm^2", path="evaluate.cost.area_mm2"),
        Measure("waveguide_mm", "waveguide", "mm", of=_waveguide_mm),
        Measure("wire_mm", "wire", "mm", of=_wire_mm),
        Measure("photons", "photons per answer", "", path="evaluate.cost.photons"),
        Measure("energy_aj", "energy per answer, at least", "aJ", path="evaluate.cost.energy_aj.at_least"),
        Measure("latency_ns", "latency", "ns", path="evaluate.cost.latency_ns"),
        Measure("power_mw", "power before cooling", "mW", of=_power_mw),
        Measure("headroom", "fan-in that the binding limit allows, over the mean fan-in", "", of=_margin),
    )
}
"""Measures that every run has, in the order of the table; `validation` comes before them where a run trains."""

VALIDATION = Measure("validation", "accuracy, validation samples", "%")


def measure_chip(report: Report, evaluation: Evaluation, paths: Sequence[str]) -> dict[str, Measured]:
    """Measure a chip.

    Parameters
    ----------
    report
        Of its check.
    evaluation
        Of its program.
    paths
        Further measures, such as `evaluate.accuracy.quantised` or `check.budget.die.value`.

    Raises
    ------
    StudyError
        A path leads to no number.
    """
    plain: dict[str, Any] = {"evaluate": evaluation.as_dict()}
    row: dict[str, Measured] = {}
    for name, measure in MEASURES.items():
        value = measure.of(report, evaluation) if measure.of else _number(plain, measure.path)
        row[name] = _finite(value)
    if any(path.startswith("check.") for path in paths):
        plain["check"] = {
            "passes": report.passes,
            "budget": [line.as_dict() for line in report.budget],
            "ledger": [summary.as_dict() for summary in report.ledger],
        }
    return {**row, **{path: _finite(_number(plain, path)) for path in paths}}


def check_path(path: str) -> None:
    """Refuse what is no path of a measure.

    Raises
    ------
    StudyError
        It does not start with `evaluate.` or `check.`.
    """
    source, _, rest = path.partition(".")
    if source not in SOURCES or not rest:
        near = nearest(path, MEASURES)
        raise StudyError(
            f"{shown(path)} is no measure; {near}there are {', '.join(MEASURES)}, and paths in the JSON of evaluate "
            "and check, such as evaluate.steps.changed.finer or check.budget.die"
        )


def _budget(report: Report, quantity: str, factor: float = 1.0) -> Measured:
    line = next((line for line in report.budget if line.quantity == quantity), None)
    return None if line is None else _whole(line.value * factor)


def _yield(evaluation: Evaluation) -> Measured:
    found = evaluation.chip_yield
    return None if found is None else found.passed / found.trials


def _number(plain: Mapping[str, Any], path: str) -> Measured:
    """Follow a path; entries of a list are called by their number or their name."""
    value: Any = plain
    rest = path
    while rest:
        part, value, rest = _step(value, rest, path)
        if value is None:
            return None
    if isinstance(value, Mapping) and "value" in value:
        value = value["value"]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise StudyError(f"measure {path}: is no number, but {shown(value)}")


def _step(value: Any, rest: str, path: str) -> tuple[str, Any, str]:
    """Take the longest key or name with which the rest of a path begins; names may have dots and spaces."""
    if isinstance(value, Mapping):
        known = {str(key): entry for key, entry in value.items()}
    elif isinstance(value, list):
        known = {str(k): entry for k, entry in enumerate(value)}
        for entry in value:
            names = [str(entry[key]) for key in _NAMES if isinstance(entry, Mapping) and key in entry]
            known.update({name: entry for name in names[:1]})
    else:
        known = {}
    fitting = [key for key in known if rest == key or rest.startswith(f"{key}.")]
    if not fitting:
        part = rest.split(".", 1)[0]
        raise StudyError(f"measure {path}: there is no {part!r}; {nearest(part, known)}there are {', '.join(known)}")
    key = max(fitting, key=len)
    return key, known[key], rest[len(key) + 1 :]


def _finite(value: Measured) -> Measured:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value
