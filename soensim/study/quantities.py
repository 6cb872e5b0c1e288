"""What tables, figures and sentences call factors and measures: labels, units, which of two values is better."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeGuard

from soensim.study.run import Level

Kind = Literal["score", "cost", ""]

#: Units by the end of a name.
_SUFFIXES: Final = {
    "ns": "ns",
    "ps": "ps",
    "us": "µs",
    "um": "µm",
    "mm": "mm",
    "mm2": "mm²",
    "um2": "µm²",
    "aj": "aJ",
    "fj": "fJ",
    "pj": "pJ",
    "mw": "mW",
    "db": "dB",
    "mhz": "MHz",
    "ghz": "GHz",
    "ua": "µA",
    "ph": "pH",
    "nh": "nH",
    "k": "K",
}


@dataclass(frozen=True)
class Measure:
    """A measured number as it is shown.

    Attributes
    ----------
    name
        Its column in the table.
    label
        What it is, without its unit.
    unit
        Empty for a pure number; `%` for a fraction.
    scale
        What the value in the table is multiplied with to be in the unit.
    kind
        `score`: more is better; `cost`: less is; empty: neither.
    """

    name: str
    label: str
    unit: str = ""
    scale: float = 1.0
    kind: Kind = ""

    @property
    def is_fraction(self) -> bool:
        """Whether it lies between 0 and 1."""
        return self.unit == "%"

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def difference_unit(self) -> str:
        """Unit of a difference; of percentages it is points."""
        return "points" if self.unit == "%" else self.unit


def _fraction(name: str, label: str, kind: Kind = "score") -> Measure:
    return Measure(name, label, "%", 100.0, kind)


_KNOWN: Final = (
    _fraction("ideal", "accuracy of ideal weights"),
    _fraction("codes", "accuracy of the programmed codes"),
    _fraction("chips_mean", "mean accuracy of the chips"),
    _fraction("chips_worst", "accuracy of the worst chip"),
    _fraction("yield", "yield"),
    _fraction("validation", "validation accuracy"),
    _fraction("passes", "runs that pass the check", ""),
    Measure("neurons", "neurons", kind="cost"),
    Measure("synapses", "synapses", kind="cost"),
    Measure("absent_edges", "edges without a route"),
    Measure("junctions", "junctions", kind="cost"),
    Measure("area_mm2", "die", "mm²", kind="cost"),
    Measure("waveguide_mm", "waveguide", "mm", kind="cost"),
    Measure("wire_mm", "wire", "mm", kind="cost"),
    Measure("recurrent_mm", "recurrent wiring", "mm", kind="cost"),
    Measure("photons", "photons per answer", kind="cost"),
    Measure("energy_aj", "energy per answer", "aJ", kind="cost"),
    Measure("latency_ns", "latency", "ns", kind="cost"),
    Measure("power_mw", "power", "mW", kind="cost"),
    _fraction("use_light", "use of the light", ""),
    _fraction("use_tracks", "use of the tracks", ""),
    _fraction("use_area", "use of the area", ""),
    _fraction("use_fan_in", "use of the fan-in", ""),
    _fraction("use_delay", "use of the delay", ""),
    _fraction("use_power", "use of the power", ""),
)
MEASURES: Final = {measure.name: measure for measure in _KNOWN}
#: What a figure shows and sentences are about, the first that a study has.
MAIN_MEASURES: Final = ("chips_mean", "codes", "validation", "ideal", "yield")
#: What a chip is compared by where nothing else is said, the first that differs between points.
MAIN_COSTS: Final = (
    *("junctions", "synapses", "area_mm2", "waveguide_mm", "wire_mm", "photons", "energy_aj", "latency_ns"),
    *("power_mw", "neurons"),
)


def measure_of(name: str) -> Measure:
    """Say how a measure is shown; one that is not known by the last part of its name."""
    if name in MEASURES:
        return MEASURES[name]
    label, unit = _label_and_unit(name)
    if "accuracy" in name or name.endswith("agreement"):
        return _fraction(name, label)
    return Measure(name, label, unit)


def is_bound(name: str, names: Sequence[str]) -> bool:
    """Whether a name is that of an end of the interval of another: `codes_low` and `codes_high` of `codes`."""
    return any(name.endswith(end) and name.removesuffix(end) in names for end in ("_low", "_high"))


@dataclass(frozen=True)
class Axis:
    """A factor as it is shown.

    Attributes
    ----------
    name
        Its column in the table.
    label
        What it is, without its unit.
    unit
        Empty for a pure number; `%` for a fraction.
    scale
        What a level that is a number is multiplied with to be in the unit.
    phrase
        A level in a sentence, such as `{} of W_hh`; the braces become the level with its unit.
    levels
        All levels in the order of the study; where it is empty, numbers ascend and texts are alphabetical.
    reference
        What other levels are compared with; where it is None, the largest number or the first text.
    """

    name: str
    label: str = ""
    unit: str = ""
    scale: float = 1.0
    phrase: str = ""
    levels: tuple[Level, ...] = ()
    reference: Level | None = None

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def text(self, level: Level) -> str:
        """Write a level in its unit, without the unit."""
        if isinstance(level, bool):
            return "true" if level else "false"
        return level if isinstance(level, str) else number_text(level * self.scale)

    def text_with_unit(self, level: Level) -> str:
        """Write a level with its unit."""
        return f"{self.text(level)} {self.unit}" if self.unit and is_number(level) else self.text(level)

    def said(self, level: Level) -> str:
        """Write a level as a sentence names it: "30 % of W_hh", "4 bits"."""
        words = self.phrase.replace("{}", self.text_with_unit(level))
        return words.removesuffix("s") if words == "1 bits" or words == "1 neurons" else words


_PHRASES: Final = {"bits": "{} bits", "size": "{} neurons", "neurons": "{} neurons"}
_LABELS: Final = {"size": "neurons"}


def axis_of(factor: str | Axis) -> Axis:
    """Say how a factor is shown: what is left empty is made of the last key of its name.

    A path of the netlist such as `projections[1].topology.density` becomes "density", in percent.
    """
    axis = Axis(factor) if isinstance(factor, str) else factor
    last = _last_key(axis.name)
    if not axis.label:
        label, unit = _label_and_unit(axis.name)
        axis = replace(axis, label=_LABELS.get(last, label), unit=axis.unit or unit)
        if last == "density" and axis.unit == "" and axis.scale == 1:
            axis = replace(axis, unit="%", scale=100.0)
    if not axis.phrase:
        axis = replace(axis, phrase=_PHRASES.get(last, f"{axis.label} {{}}"))
    return axis


def axes_of(factors: Sequence[str | Axis]) -> tuple[Axis, ...]:
    """Say how the factors of a study are shown; those that would be called the same get their whole names."""
    axes = [axis_of(factor) for factor in factors]
    labels = [axis.label for axis in axes]
    return tuple(
        replace(axis, label=axis.name, phrase=f"{axis.name} {{}}")
        if labels.count(axis.label) > 1 and axis.name != axis.label
        else axis
        for axis in axes
    )


def is_number(level: object) -> TypeGuard[int | float]:
    """Whether a level can be on a numeric axis."""
    return isinstance(level, int | float) and not isinstance(level, bool) and math.isfinite(level)


def number_text(value: float) -> str:
    """Write a number as people do: at most six digits, thousands apart."""
    if not math.isfinite(value):
        return str(float(value))
    rounded = float(f"{value:.6g}")
    if 1000 <= abs(rounded) < 1e9:
        return f"{rounded:,.6f}".rstrip("0").rstrip(".")
    return f"{rounded:.6g}"


def decimals_for(half_width: float) -> int:
    """Decimals of a value whose interval has this half width: one digit of it, two where the first is a 1."""
    if not math.isfinite(half_width) or half_width <= 0:
        return 2
    place = math.floor(math.log10(half_width))
    return min(6, max(0, -place + (half_width / 10.0**place < 2)))


def order_of(level: Level, known: Sequence[Level]) -> tuple[int, float, str]:
    """Sort key of a level: its place in the study, else truth values, then numbers, then texts."""
    if level in known:
        return (0, float(list(known).index(level)), "")
    if isinstance(level, str):
        return (3, 0.0, level)
    return (1 if isinstance(level, bool) else 2, float(level), "")


def _last_key(name: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", name).rstrip(".").rpartition(".")[2] or name


def _label_and_unit(name: str) -> tuple[str, str]:
    """Read a label, and the unit if the name ends in one."""
    last = _last_key(name)
    stem, mark, end = last.rpartition("_")
    if mark and end in _SUFFIXES:
        return stem.replace("_", " "), _SUFFIXES[end]
    return last.replace("_", " "), ""
