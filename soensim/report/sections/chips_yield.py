"""How many of the fabricated chips reach what."""

from __future__ import annotations

from soensim.evaluation import Evaluation
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
    said = f"Yield {found}." if found else f"{all_reach(evaluation)} Nothing was required of them."
    body = side_by_side(
        picture("yield-chips", figures.chip_histogram(evaluation), "accuracies of the fabricated chips"),
        joined(
            words(said),
            words(_note(evaluation), "note"),
        ),
    )
    return Section("yield", "Yield", body)


def _note(evaluation: Evaluation) -> str:
    if evaluation.measured:
        found = evaluation.chip_yield
        if found is None or found.of_these:
            return "These chips were measured; nothing is said of others."
        return "The interval is Wilson's, over chips, on this test set, and holds for chips made as these were."
    return (
        "The interval is Wilson's, over chips, on this test set. Chips are drawn with the spreads below: what these do "
        "not say of a process, the yield does not know."
    )


def all_reach(evaluation: Evaluation) -> str:
    """Say what the worst chip reaches; of drawn chips also which share of all such chips does."""
    chips = evaluation.accuracy.chips
    lower, _ = proportion_interval(len(chips), len(chips))
    least = formatting.percent(min(chips), evaluation.samples)
    if evaluation.measured:
        return f"All {len(chips)} measured chips answer {least} % or more right."
    return (
        f"All {len(chips)} chips answer {least} % or more right; with 95 % confidence so do {int(100 * lower)} or more "
        "of 100 such chips."
    )
