"""JSON files of `soensim evaluate`, read for a comparison: only what is compared, and only if it is what it must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soensim._runtime.words import shown_path
from soensim.errors import SoensimError
from soensim.files import load_json

_LIMIT_BYTES = 64 * 2**20
_ADVICE = "give a file of soensim evaluate --json"
_LONGEST = 200
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Score:
    """What one chip reaches and costs; None is not known, or was not measured.

    Attributes
    ----------
    file, chip
        Where it is from, and the name of the chip.
    virtual
        Whether a source function is one that no known circuit has.
    neurons, synapses
        Sizes of the chip.
    data, fingerprint, samples
        The test split that was scored.
    ideal, quantised, chips_mean, chips_ci95, chips_worst, trials
        Fractions of the samples that are answered right, and the number of fabricated chips.
    substeps
        Integration steps per input sample.
    spreads
        Sizes of the imperfections that the chips were drawn with, as text.
    measured
        Whether these are measured chips, and none was drawn.
    require, share, passed, lower, met
        What was required, of which share of the chips (1: of those scored alone), how many chips met it, the lower
        bound of their share, and whether that suffices.
    latency_ns, latency_at_least_ns, energy_aj, energy_at_least_aj, area_mm2, junctions
        Cost of an answer.
    """

    file: str
    chip: str
    virtual: bool
    neurons: int
    synapses: int
    data: str
    fingerprint: str
    samples: int
    ideal: float
    quantised: float
    chips_mean: float
    chips_ci95: tuple[float, float] | None
    chips_worst: float
    trials: int
    substeps: int
    spreads: str
    measured: bool = False
    require: str | None = None
    share: float | None = None
    passed: int | None = None
    lower: float | None = None
    met: bool | None = None
    latency_ns: float | None = None
    latency_at_least_ns: float | None = None
    energy_aj: float | None = None
    energy_at_least_aj: float | None = None
    area_mm2: float | None = None
    junctions: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def load_score(path: str | Path) -> Score:
    """Read what `soensim evaluate --json` wrote.

    Raises
    ------
    SoensimError
        The file is missing, not JSON, or a value that is compared is missing, not legal, or not what others say.
    """
    plain = load_json(path, limit_bytes=_LIMIT_BYTES, error=SoensimError, advice=_ADVICE)
    read = _Reader(shown_path(path), plain)
    each = read.chips()
    found = read.has("yield")
    cost = read.has("cost")
    return Score(
        file=str(path),
        chip=read.text("chip.name"),
        virtual=read.flag("chip.virtual"),
        neurons=read.count("chip.neurons"),
        synapses=read.count("chip.synapses"),
        data=read.text("data.name"),
        fingerprint=read.text("data.fingerprint"),
        samples=read.count("samples", 1),
        ideal=read.fraction("accuracy.ideal"),
        quantised=read.fraction("accuracy.quantised"),
        chips_mean=read.fraction("accuracy.chip.mean"),
        chips_ci95=read.interval("accuracy.chip.ci95"),
        chips_worst=min(each),
        trials=len(each),
        substeps=read.count("steps.substeps"),
        spreads=read.spreads(),
        measured=bool(read.has("measured")),
        require=read.text("yield.require") if found else None,
        share=read.fraction("yield.share") if found else None,
        passed=read.count("yield.passed", most=len(each)) if found else None,
        lower=read.fraction("yield.lower") if found else None,
        met=read.flag("yield.met") if found else None,
        latency_ns=read.amount("cost.latency_ns") if cost else None,
        latency_at_least_ns=read.amount("cost.latency_at_least_ns") if cost else None,
        energy_aj=read.amount("cost.energy_aj.total") if cost else None,
        energy_at_least_aj=read.amount("cost.energy_aj.at_least") if cost else None,
        area_mm2=read.amount("cost.area_mm2") if cost else None,
        junctions=read.amount("cost.junctions") if cost else None,
    )


class _Reader:
    """Values of a JSON document by their path, each checked."""

    def __init__(self, name: str, plain: Any) -> None:
        self.name = name
        self.plain = plain

    def error(self, place: str, value: object, legal: str) -> SoensimError:
        shown = "missing" if value is None else repr(value)[:60]
        return SoensimError(f"{self.name}: {place} is {shown}; it must be {legal}; {_ADVICE}")

    def at(self, place: str) -> Any:
        """Return what is at a path; None where there is nothing."""
        found = self.plain
        for key in place.split("."):
            if not isinstance(found, dict):
                return None
            found = found.get(key)
        return found

    def has(self, place: str) -> bool:
        return self.at(place) is not None

    def text(self, place: str) -> str:
        value = self.at(place)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
            raise self.error(place, value, f"a printable text of at most {_LONGEST} characters")
        return value

    def flag(self, place: str) -> bool:
        value = self.at(place)
        if not isinstance(value, bool):
            raise self.error(place, value, "true or false")
        return value

    def count(self, place: str, least: int = 0, most: int = 2**53) -> int:
        value = self.at(place)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            up_to = "" if most == 2**53 else f" to {most}"
            raise self.error(place, value, f"a whole number from {least}{up_to}")
        return value

    def chips(self) -> list[float]:
        """Return the accuracy of each chip; their number and their mean must be those that the file states."""
        each = self.parts("accuracy.chip.each")
        if not each:
            raise self.error("accuracy.chip.each", each, "a list of fractions")
        self.count("accuracy.chip.trials", len(each), len(each))
        mean = self.fraction("accuracy.chip.mean")
        if abs(mean - sum(each) / len(each)) > _ROUNDING:
            raise self.error("accuracy.chip.mean", mean, "the mean of accuracy.chip.each")
        return each

    def interval(self, place: str) -> tuple[float, float] | None:
        """Return both ends of an interval; None where it is null."""
        ends = self.parts(place)
        if ends is None:
            return None
        if len(ends) != 2 or ends[0] > ends[1]:
            raise self.error(place, ends, "null, or two fractions, ascending")
        return ends[0], ends[1]

    def fraction(self, place: str) -> float:
        return self._fraction(place, self.at(place))

    def _fraction(self, place: str, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise self.error(place, value, "a number from 0 to 1")
        return float(value)

    def parts(self, place: str) -> list[float] | None:
        """Return a list of fractions; None where it is null."""
        value = self.at(place)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.error(place, value, "a list of fractions")
        return [self._fraction(place, part) for part in value]

    def amount(self, place: str) -> float | None:
        """Return a number from 0; None where it is not known."""
        value = self.at(place)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e300:
            raise self.error(place, value, "a number from 0, or null")
        return float(value)

    def spreads(self) -> str:
        value = self.at("spreads")
        if not isinstance(value, dict) or not all(
            isinstance(size, int | float | str) and str(size).isprintable() and str(name).isprintable()
            for name, size in value.items()
        ):
            raise self.error("spreads", value, "sizes by name")
        return ", ".join(f"{name} {size}" for name, size in sorted(value.items()) if size != 0)[: 4 * _LONGEST]


def cautions(scores: Sequence[Score]) -> list[str]:
    """Say what makes the scores of several files not comparable."""
    said = []
    names = {score.data for score in scores}
    if len(names) > 1:
        each = "; ".join(f"{score.chip} on {score.data}" for score in scores)
        said.append(f"Different data sets, so that accuracies do not compare: {each}.")
    elif len({score.fingerprint for score in scores}) > 1:
        said.append(f"Different test splits of {scores[0].data}: accuracies differ by chance too.")
    if len({score.spreads for score in scores if not score.measured}) > 1:
        said.append("Fabricated chips were drawn with different spreads.")
    measured = [score.chip for score in scores if score.measured]
    if 0 < len(measured) < len(scores):
        said.append(f"Measured chips, beside such that are drawn: {', '.join(measured)}.")
    if len({(score.require, score.share) for score in scores if score.require is not None}) > 1:
        said.append("Different things were required, so that yields do not compare.")
    virtual = [score.chip for score in scores if score.virtual]
    if virtual:
        said.append(f"Virtual, no known circuit has their source function: {', '.join(virtual)}.")
    return said
