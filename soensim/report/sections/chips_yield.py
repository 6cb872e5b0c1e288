"""How many of the fabricated chips reach what."""

from __future__ import annotations

from soensim.evaluation.statistics import proportion_interval
from soensim.report import figures, formatting
from soensim.report.page_parts import joined, picture, side_by_side, words
from soensim.report.sections.section import NotRun, Section, Subject


def yield_section(subject: Subject) -> Section | NotRun:
    """Draw the accuracies of the chips, and say what so few of them can tell of all such chips."""
    evaluation = subject.evaluation
    chips = evaluation.accuracy.chips
    if len(chips) == 1:
        return NotRun("the yield of fabricated chips", "--trials 60")
    found = formatting.yield_text(evaluation)
    said = f"Yield {found}." if found else f"{all_reach(chips, evaluation.samples)} Nothing was required of them."
    body = side_by_side(
        picture("yield-chips", figures.chip_histogram(evaluation), "accuracies of the fabricated chips"),
        joined(
            words(said),
            words(
                "The interval is Wilson's, over chips, on this test set. Chips are drawn with the spreads below: what "
                "these do not say of a process, the yield does not know.",
                "note",
            ),
        ),
    )
    return Section("yield", "Yield", body)


def all_reach(chips: tuple[float, ...], samples: int) -> str:
    """Say which share of all such chips reaches what the worst of these does."""
    lower, _ = proportion_interval(len(chips), len(chips))
    least = formatting.percent(min(chips), samples)
    return (
        f"All {len(chips)} chips answer {least} % or more right; with 95 % confidence so do {int(100 * lower)} or more "
        "of 100 such chips."
    )
