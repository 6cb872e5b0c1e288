"""Waterfall, margins and causes of an evaluation as text, formatted once for the table and the page."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.evaluation import Evaluation
from soensim.evaluation.causes import Causes
from soensim.evaluation.margins import TOLERANCE, Margin, Margins
from soensim.evaluation.statistics import Interval
from soensim.evaluation.waterfall import Waterfall
from soensim.fabrication import IMPERFECTIONS
from soensim.fabrication.shift import OFFSETS
from soensim.report.formatting import digits, percent


@dataclass(frozen=True)
class WaterfallTexts:
    """One row of a waterfall; empty where there is no interval or no change."""

    label: str
    percent: str
    interval: str
    change: str
    alone: str


@dataclass(frozen=True)
class MarginTexts:
    """One parameter: what is stated, how far it may go, and what that means."""

    label: str
    stated: str
    low: str
    high: str
    note: str


@dataclass(frozen=True)
class CauseTexts:
    """One effect: its shares of the variance in per cent with their intervals, and the deviation by itself."""

    label: str
    first: str
    total: str
    deviation: str


def effect_label(effect: str) -> str:
    """Say what varies; of several effects that are one factor, each."""
    return " + ".join(IMPERFECTIONS[name].varies if name in IMPERFECTIONS else name for name in effect.split("+"))


def waterfall_title(waterfall: Waterfall) -> str:
    """Say how to read a waterfall."""
    chips = max(row.chips for row in waterfall.rows)
    same = f"; all rows on the same {chips} chips" if chips > 1 else ""
    return f"each effect is added to those above{same}; change: against the row above; alone: with no other effect"


def waterfall_rows(waterfall: Waterfall, samples: int) -> list[WaterfallTexts]:
    """List the effects in the order of fabrication."""
    finer = digits(samples) + 1

    def change(value: float | None, interval: Interval | None) -> str:
        if value is None:
            return ""
        within = "" if interval is None else f" ({100 * interval[0]:+z.{finer}f} to {100 * interval[1]:+z.{finer}f})"
        return f"{100 * value:+z.{finer}f}{within}"

    return [
        WaterfallTexts(
            effect_label(row.effect) if k < 2 else f"+ {effect_label(row.effect)}",
            percent(row.mean, samples),
            "" if row.ci95 is None else " to ".join(percent(end, samples) for end in row.ci95),
            change(row.change, row.change_ci95),
            percent(row.alone, samples) if k > 1 else "",
        )
        for k, row in enumerate(waterfall.rows)
    ]


def margins_title(margins: Margins, samples: int) -> str:
    """Say what margins are bounded by."""
    chips = f"mean of {margins.chips} chips" if margins.chips > 1 else "one chip"
    return (
        f"how far one parameter may be off, all else as stated, before accuracy falls by {_points(margins.drop)} from "
        f"{percent(margins.stated_mean, samples)} % ({chips}); spreads are one sigma, common: all devices alike"
    )


def margins_note(margins: Margins) -> str:
    """Name the critical margin, and say how well bounds are known."""
    critical = next((row for row in margins.rows if row.critical), None)
    if critical is None:
        return "no parameter has a bound in the range that was searched"
    errors = [row.fall_error for row in margins.rows if row.fall_error is not None]
    fall = f", and the fall there to {100 * max(errors):.1g} points or better (standard error)" if errors else ""
    return (
        f"critical margin: {margin_label(critical)}, {100 * (critical.relative or 0.0):.2g} % "
        f"{_reference(critical)}; a bound is known to {100 * TOLERANCE:.0f} % of the move{fall}"
    )


def margin_rows(margins: Margins) -> list[MarginTexts]:
    """List what may be off: spreads (one sigma), then offsets of all devices alike."""
    rows = []
    for row in margins.rows:
        least, most = row.searched
        high = f"none to {_value(row, most)}" if row.high is None else _value(row, row.high)
        low = (
            "" if row.kind == "spread" else f"none to {_value(row, least)}" if row.low is None else _value(row, row.low)
        )
        notes = ["critical"] if row.critical else []
        if row.kind == "spread" and "one sigma" in IMPERFECTIONS[row.parameter].description:
            notes += [] if row.high is None else [f"3 sigma: {_value(row, 3 * row.high)}"]
        rows.append(
            MarginTexts(
                margin_label(row), _value(row, row.stated) if row.kind == "spread" else "", low, high, ", ".join(notes)
            )
        )
    return rows


def margin_label(row: Margin) -> str:
    """Name a parameter."""
    if row.kind == "offset":
        return f"{OFFSETS[row.parameter].varies}, common"
    kind = IMPERFECTIONS[row.parameter]
    return f"{kind.varies}, spread" if "one sigma" in kind.description else kind.varies


def causes_title(causes: Causes, samples: int) -> str:
    """Say what the variance is that is shared out, or why it is not."""
    deviation = f"{100 * causes.deviation:.2g} points"
    if not causes.resolved:
        return (
            f"chips differ by {deviation} (standard deviation), not more than one of {samples:,} samples: shares of "
            "that mean nothing"
        )
    return (
        f"of the variance of accuracy between chips (standard deviation {deviation}), from {causes.chips:,} chips: "
        "Sobol indices in per cent; total: with what an effect does together with others; deviation: by itself, points"
    )


def cause_rows(causes: Causes) -> list[CauseTexts]:
    """List the effects; empty where chips hardly differ."""
    if not causes.resolved:
        return []
    return [
        CauseTexts(
            effect_label(cause.effect),
            _share(cause.first, cause.first_ci95),
            _share(cause.total, cause.total_ci95),
            f"{100 * (cause.deviation or 0.0):.2g}",
        )
        for cause in causes.effects
    ]


def limits(evaluation: Evaluation) -> list[str]:
    """Say in a sentence each what limits the chips, from what was analysed; empty if nothing was."""
    causes, margins, said = evaluation.causes, evaluation.margins, []
    if causes is not None and causes.resolved:
        largest = max(causes.effects, key=lambda cause: cause.total or 0.0)
        share = min(largest.total or 0.0, 1.0)  # an estimate may lie above all of it
        said.append(
            f"Chips differ by {100 * causes.deviation:.2g} points (standard deviation), the largest part due to "
            f"{effect_label(largest.effect)} ({_whole(share)} % of the variance, alone and with others)."
        )
    critical = None if margins is None else next((row for row in margins.rows if row.critical), None)
    if critical is not None and margins is not None:
        said.append(
            f"The critical margin is that of {margin_label(critical)}: {100 * (critical.relative or 0.0):.2g} % "
            f"{_reference(critical)} costs {_points(margins.drop)}."
        )
    return said


def _share(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return "–"
    within = "" if interval is None else f" ({_whole(interval[0])} to {_whole(interval[1])})"
    return f"{_whole(value)}{within}"


def _whole(share: float) -> str:
    return f"{100 * share:z.0f}"


def _points(drop: float) -> str:
    return f"{100 * drop:.3g} point{'s' if drop != 0.01 else ''}"


def _reference(row: Margin) -> str:
    """Say what a relative move is a part of."""
    if row.unit == "Phi_0" and row.kind == "offset":
        return "of Phi_0"
    return "of the nominal value" if row.kind == "offset" else "beyond what is stated"


def _value(row: Margin, value: float) -> str:
    sign = "+" if row.kind == "offset" else ""
    if row.unit == "1":
        return f"{100 * value:{sign}.3g} %"
    return f"{value:{sign}.3g} {row.unit}"
