"""The answer of a study in plain English; no sentence claims what its interval does not show."""

from __future__ import annotations

from collections.abc import Sequence

from soensim.study.effects import (
    Cheapest,
    Contrast,
    Interaction,
    cheapest_within,
    interactions,
    main_contrasts,
    plus_minus,
    value_text,
)
from soensim.study.quantities import Axis, Measure, axes_of, measure_of, number_text
from soensim.study.run import Level, Row
from soensim.study.summary import Levels, Summary, main_cost, main_measure, summarise


def sentences(
    rows: Sequence[Row], factors: Sequence[str | Axis], measure: str | None = None, cost: str | None = None
) -> list[str]:
    """Say what the factors do to a measure.

    Parameters
    ----------
    rows, factors
        As for `soensim.study.summary.summarise`.
    measure
        What the sentences are about; by default an accuracy.
    cost
        What is saved; by default the first cost that differs between points.

    Returns
    -------
    list of str
        The best point; every level of each factor against the reference, averaged over the other factors; which
        differences depend on another factor; the cheapest level of each factor, and the cheapest point, that are not
        shown to be worse than the best; failed runs.
    """
    axes = axes_of(factors)
    summary = summarise(rows, axes)
    name = measure or main_measure(summary)
    if name is None:
        return _failures(summary) or ["No run has ended yet."]
    shown, cost = measure_of(name), cost or main_cost(summary)
    told = [_best(summary, shown)] if shown.kind == "score" and len(summary.points) > 1 else []
    contrasts = main_contrasts(rows, axes, name)
    told += [contrast_sentence(one, shown) for one in contrasts]
    told += [_interaction_sentence(one, shown) for one in interactions(rows, axes, name)]
    if cost is not None and shown.kind == "score":
        told += _savings(rows, axes, contrasts, shown, measure_of(cost))
    return [*(text for text in told if text), *_failures(summary)]


def note(rows: Sequence[Row], factors: Sequence[str | Axis], measure: str | None = None) -> str:
    """Say what the intervals of the sentences are, and how many of them hold at once; empty where there are none."""
    axes = axes_of(factors)
    name = measure or main_measure(summarise(rows, axes))
    contrasts = [] if name is None else main_contrasts(rows, axes, name)
    seeds = sorted({one.difference.n for one in contrasts})
    if not seeds:
        return ""
    if seeds[-1] < 2:
        return "With one seed no difference can be told from chance."
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return (
        f"±: half of the 95 % Student interval of the differences, paired over {count} seeds. Each of the "
        f"{len(contrasts)} intervals holds by itself; among twenty such one is expected to miss."
    )


def contrast_sentence(contrast: Contrast, measure: Measure) -> str:
    """Say what one level does against another: "30 % of W_hh at 24 neurons costs 1.3 ± 0.4 points against 100 %."."""
    axis, found = contrast.axis, contrast.difference
    at = f" at {' and '.join(other.said(level) for other, level in contrast.at)}" if contrast.at else ""
    subject = _first(_with(axis.said(contrast.level), [(by, level) for by, level, _ in contrast.beside])) + at
    other = _with(axis.text_with_unit(contrast.against), [(by, level) for by, _, level in contrast.beside])
    over = f", averaged over {_averaged(contrast)}" if contrast.over else ""
    size = plus_minus(found, measure, signed=False)
    if found.low is None:
        side = "below" if found.mean < 0 else "above"
        return f"{subject}: {measure.label} {size} {side} that of {other}{over}; one seed has no interval."
    if not found.shown:
        return f"{subject} against {other}: no difference is shown ({plus_minus(found, measure)}){over}."
    if measure.kind == "score":
        many = _is_plural(axis, contrast.level)
        verb = {"less": "cost" if many else "costs", "more": "gain" if many else "gains"}[found.shown]
        return f"{subject} {verb} {size} against {other}{over}."
    change = "more" if found.shown == "more" else "less"
    return f"{subject}: {measure.label} {size} {change} than at {other}{over}."


def _with(text: str, beside: Sequence[tuple[Axis, Level]]) -> str:
    """Name what changes with a level."""
    return text + (f" (with {', '.join(axis.said(level) for axis, level in beside)})" if beside else "")


def _averaged(contrast: Contrast) -> str:
    names = " and ".join(axis.label for axis in contrast.over)
    if len(contrast.over) == 1:
        return f"{contrast.cases} level{'s' * (contrast.cases > 1)} of {names}"
    return f"{contrast.cases} combination{'s' * (contrast.cases > 1)} of {names}"


def _is_plural(axis: Axis, level: Level) -> bool:
    """Whether a level is named by a number and a noun in the plural."""
    return axis.phrase.startswith("{} ") and axis.phrase.endswith("s") and " of " not in axis.phrase and level != 1


def _interaction_sentence(found: Interaction, measure: Measure) -> str:
    axis, level, against = found.one.axis, found.one.level, found.one.against
    (by, one), (_, other) = *found.one.at, *found.other.at
    first, second = (plus_minus(part.difference, measure) for part in (found.one, found.other))
    return (
        f"The difference of {axis.said(level)} to {axis.text_with_unit(against)} depends on {by.label}: {first} at "
        f"{by.said(one)}, {second} at {by.said(other)} ({plus_minus(found.difference, measure, signed=False)} apart)."
    )


def _best(summary: Summary, measure: Measure) -> str:
    known = [point for point in summary.points if point.of(measure.name).mean is not None]
    if not known:
        return ""
    best = max(known, key=lambda point: point.of(measure.name).mean or 0.0)
    return (
        f"Of {len(known)} points {summary.name(best)} has the highest mean: {measure.label} "
        f"{value_text(best.of(measure.name), measure)}."
    )


def _savings(
    rows: Sequence[Row], axes: Sequence[Axis], contrasts: Sequence[Contrast], measure: Measure, cost: Measure
) -> list[str]:
    """Say which level of each factor, and which point, is the cheapest that is not shown to be worse."""
    told = []
    varied = list(dict.fromkeys(contrast.axis.name for contrast in contrasts))
    for name in varied if len(varied) > 1 else ():
        found = cheapest_within(rows, axes, measure.name, cost.name, keep=[name])
        if found is not None and found.difference is not None:
            axis = next(axis for axis in axes if axis.name == name)
            told.append(_saving(found, axis.said(found.cheapest[0]), axis.said(found.best[0]), measure, cost, "level"))
    found = cheapest_within(rows, axes, measure.name, cost.name)
    if found is not None and found.difference is not None:
        cheapest, best = (_named(levels, axes) for levels in (found.cheapest, found.best))
        told.append(_saving(found, cheapest, best, measure, cost, "point"))
    elif found is not None:
        told.append(f"No cheaper point is left in the noise of the best ({_named(found.best, axes)}).")
    return told


def _named(levels: Levels, axes: Sequence[Axis]) -> str:
    return ", ".join(axis.said(level) for axis, level in zip(axes, levels, strict=True))


def _saving(found: Cheapest, cheapest: str, best: str, measure: Measure, cost: Measure, what: str) -> str:
    if found.difference is None or found.difference.low is None:
        return ""
    price, most = (number_text(float(f"{cost.scale * value:.4g}")) for value in found.costs)
    unit = f" {cost.unit}" if cost.unit else ""
    least = number_text(float(f"{-measure.scale * found.difference.low:.2g}"))
    return (
        f"The cheapest {what} that is not shown to be worse than the best ({best}) is {cheapest}: {cost.label} "
        f"{price}{unit} against {most}{unit}; {measure.label}: {plus_minus(found.difference, measure)}, so that a loss "
        f"of {least} {measure.difference_unit} is not excluded."
    )


def _failures(summary: Summary) -> list[str]:
    failed = sum(point.failed for point in summary.points)
    if not failed:
        return []
    total = failed + sum(point.n for point in summary.points)
    return [f"{failed} of {total} runs failed; the table says why."]


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]
