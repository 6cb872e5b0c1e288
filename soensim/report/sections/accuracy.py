"""Accuracies of the ideal weights, the codes and the fabricated chips, and the conditions that they hold under."""

from __future__ import annotations

from soensim.report import figures, formatting, model_text
from soensim.report.page_parts import joined, picture, rows, side_by_side, table, words
from soensim.report.sections.section import Section, Subject


def accuracy_section(subject: Subject) -> Section:
    """Show every accuracy with its interval."""
    evaluation = subject.evaluation
    chips = "Fabricated: the codes on chips drawn with the spreads below."
    if evaluation.measured:
        chips = "Measured: the codes on chips whose devices have the values of the files below."
    found = [
        (row.label, row.percent, f"{row.low} to {row.high}" if row.low else "", row.note)
        for row in formatting.accuracy_rows(evaluation)
    ]
    conditions = [
        ("data", formatting.data_text(evaluation)),
        ("integration", model_text.step_text(evaluation)),
        *([("warning", warning)] if (warning := model_text.step_warning(evaluation)) else []),
        *([("light", light)] if (light := formatting.light_text(evaluation)) else []),
        *([("spikes", spikes)] if (spikes := formatting.spikes_text(evaluation)) else []),
    ]
    return Section(
        "accuracy",
        "Accuracy",
        joined(
            side_by_side(
                picture(
                    "accuracy-all",
                    figures.accuracy(evaluation),
                    "accuracies",
                    f"Blue dots: the {formatting.chip_word(evaluation)} chips.",
                ),
                joined(table(("", "%", "95 % interval", "of what"), found, numbers=(1,)), rows(conditions)),
            ),
            words(
                "Ideal: the weights that training found, on the nominal chip. Quantised: their codes, on the nominal "
                f"chip. {chips} The score is at the integration step given here.",
                "note",
            ),
        ),
    )
