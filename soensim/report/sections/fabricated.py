"""The fabricated chips: what they were drawn with or measured as, and what each reached."""

from __future__ import annotations

from markupsafe import Markup

from soensim.report import formatting
from soensim.report.page_parts import heading, joined, rows
from soensim.report.sections.section import Section, Subject


def fabricated_section(subject: Subject) -> Section:
    """List spreads and what they touched, or the files of measured values; and the accuracy of each chip."""
    evaluation = subject.evaluation
    chips = Markup("\n").join(
        Markup("<li><span>{}</span>{} %</li>").format(
            name.removeprefix("chip_seed "), formatting.percent(value, evaluation.samples)
        )
        for name, value in zip(formatting.chip_names(evaluation), evaluation.accuracy.chips, strict=True)
    )
    if evaluation.measured:
        return Section(
            "fabricated",
            "Measured chips",
            joined(
                heading("Files, and SHA-256 of what they say"),
                rows([(one.file, one.fingerprint) for one in evaluation.measured]),
                heading("Accuracy of each chip"),
                Markup('<ul class="chips">\n{}\n</ul>').format(chips),
            ),
        )
    return Section(
        "fabricated",
        "Fabricated chips",
        joined(
            heading("Spreads, one standard deviation"),
            rows(formatting.spread_rows(evaluation, subject.network)),
            heading("What they touched, mean over the chips"),
            rows(formatting.touched_rows(evaluation)),
            heading("Accuracy of each chip, by chip_seed"),
            Markup('<ul class="chips">\n{}\n</ul>').format(chips),
        ),
    )
