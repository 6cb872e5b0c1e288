"""What a run measures: the usual numbers by name, and any other of the JSON of `check` and `evaluate` by its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soensim._runtime.words import nearest, shown
from soensim.errors import StudyError
from soensim.study.run import Measured

if TYPE_CHECKING:  # slow to load, and names of measures are wanted without
    from soensim.check import Report
    from soensim.evaluation import Evaluation

SOURCES = ("evaluate", "check")
_NAMES = ("quantity", "name", "effect", "parameter", "projection", "id")  # what an entry of a list is called by


SCORED: Mapping[str, str | Callable[[Evaluation], Measured]] = {
    "ideal": "evaluate.accuracy.ideal",
    "codes": "evaluate.accuracy.quantised",
    "chips_mean": "evaluate.accuracy.chip.mean",
    "chips_worst": lambda evaluation: min(evaluation.accuracy.chips),
    "yield": lambda evaluation: _yield(evaluation),
    "photons": "evaluate.cost.photons",
    "energy_aj": "evaluate.cost.energy_aj.at_least",
    "latency_ns": "evaluate.cost.latency_ns",
}
"""Measures of every run that scores: a path in the JSON of `evaluate`, or what computes them.

`validation`, of the validation samples, comes before them where a run trains.
"""

CHECKED: Mapping[str, Callable[[Report], Measured]] = {
    "passes": lambda report: int(report.passes),
    "neurons": lambda report: _budget(report, "neurons"),
    "synapses": lambda report: _budget(report, "synapses"),
    "absent_edges": lambda report: sum(sum(summary.absent.values()) for summary in report.ledger),
    "junctions": lambda report: _junctions(report),
    "area_mm2": lambda report: _budget(report, "die"),
    "waveguide_mm": lambda report: _budget(report, "waveguide length", 1e3),
    "wire_mm": lambda report: _budget(report, "wire length", 1e3),
    "recurrent_mm": lambda report: _recurrent_mm(report),
    "power_mw": lambda report: _budget(report, "total before cooling"),
    "use_light": lambda report: _use(report, "k allowed by light"),
    "use_tracks": lambda report: _use(report, "k allowed by photonic tracks"),
    "use_area": lambda report: _use(report, "k allowed by electronic area"),
    "use_fan_in": lambda report: _use(report, "k allowed by fan-in", "k of the chip, largest fan-in"),
    "use_power": lambda report: _use(report, "power density, published", "power density"),
}
"""Measures of every run, of the check and the budget of its chip."""

MEASURES = (*SCORED, *CHECKED)
"""Names of the measures that every run has, in the order of the table."""

VALIDATION = "validation"

_INTERVALS = {
    "ideal": "evaluate.accuracy.ideal_ci95",
    "codes": "evaluate.accuracy.quantised_ci95",
    "chips_mean": "evaluate.accuracy.chip.ci95",
}
"""Measures whose interval over samples or chips a run has itself: it is in the table as NAME_low and NAME_high."""


COLUMNS = (VALIDATION, *MEASURES, *(f"{name}_{end}" for name in _INTERVALS for end in ("low", "high")))
"""Columns that a table may have whatever a study asks for, beside seed and error."""


def measure_chip(report: Report, evaluation: Evaluation | None, paths: Sequence[str]) -> dict[str, Measured]:
    """Measure a chip.

    Parameters
    ----------
    report
        Of its check.
    evaluation
        Of its program; None where nothing was scored.
    paths
        Further measures, such as `evaluate.accuracy.quantised` or `check.budget.die.value`.

    Raises
    ------
    StudyError
        A path leads to no number.
    """
    plain: dict[str, Any] = {} if evaluation is None else {"evaluate": evaluation.as_dict()}
    row = {} if evaluation is None else _scores(evaluation, plain)
    row |= {name: _finite(measure(report)) for name, measure in CHECKED.items()}
    if any(path.startswith("check.") for path in paths):
        plain["check"] = {
            "passes": report.passes,
            "budget": [line.as_dict() for line in report.budget],
            "ledger": [summary.as_dict() for summary in report.ledger],
        }
    return {**row, **{path: _finite(_number(plain, path)) for path in paths}}


def _scores(evaluation: Evaluation, plain: Mapping[str, Any]) -> dict[str, Measured]:
    """Measure an evaluation, whose JSON is in ``plain``; after a mean come the ends of its interval."""
    row: dict[str, Measured] = {}
    for name, measure in SCORED.items():
        row[name] = _finite(_number(plain, measure) if isinstance(measure, str) else measure(evaluation))
        for k, end in enumerate(("low", "high") if name in _INTERVALS else ()):
            row[f"{name}_{end}"] = _finite(_number(plain, f"{_INTERVALS[name]}.{k}"))
    return row


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


def _junctions(report: Report) -> Measured:
    """Of neurons, synapses and the readout."""
    neurons = _budget(report, "junctions")
    return None if neurons is None else neurons + (_budget(report, "readout junctions") or 0)


def _recurrent_mm(report: Report) -> Measured:
    """Length of waveguide and wire that projections of a population onto itself take; None without any."""
    from soensim.routing.wiring import recurrent_keys  # loaded with the report

    keys = () if report.routed is None else recurrent_keys(report.routed)
    lengths = [_budget(report, f"length of {key}", 1e3) or 0.0 for key in keys]
    return sum(lengths) if lengths else None


def _use(report: Report, limit: str, used: str = "k of the chip, mean") -> Measured:
    """Part of a limit that the chip uses, of its budget's closed forms: above 1 it is broken."""
    allowed, needed = _budget(report, limit), _budget(report, used)
    return None if not allowed or needed is None else needed / allowed


def _yield(evaluation: Evaluation) -> Measured:
    found = evaluation.chip_yield
    return None if found is None else found.passed / found.trials


def _number(plain: Mapping[str, Any], path: str) -> Measured:
    """Follow a path; entries of a list are called by their number or their name."""
    value: Any = plain
    rest = path
    while rest:
        value, rest = _step(value, rest, path)
        if value is None:
            return None
    if isinstance(value, Mapping) and "value" in value:
        value = value["value"]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise StudyError(f"measure {path}: is no number, but {shown(value)}")


def _step(value: Any, rest: str, path: str) -> tuple[Any, str]:
    """Take the longest key or name with which the rest of a path begins; names may have dots and spaces."""
    if isinstance(value, Mapping):
        known = {str(key): entry for key, entry in value.items()}
    elif isinstance(value, list):
        known = {str(k): entry for k, entry in enumerate(value)}
        for entry in value:
            names = [str(entry[key]) for key in _NAMES if isinstance(entry, Mapping) and key in entry]
            known.update(dict.fromkeys(names[:1], entry))
    else:
        known = {}
    fitting = [key for key in known if rest == key or rest.startswith(f"{key}.")]
    if not fitting:
        part = rest.split(".", 1)[0]
        raise StudyError(f"measure {path}: there is no {part!r}; {nearest(part, known)}there are {', '.join(known)}")
    key = max(fitting, key=len)
    return known[key], rest[len(key) + 1 :]


def _finite(value: Measured) -> Measured:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value
