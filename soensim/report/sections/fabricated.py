"""The fabricated chips: what they were drawn with, and what each reached."""

from __future__ import annotations

from markupsafe import Markup

from soensim.report import formatting
from soensim.report.page_parts import heading, joined, rows
from soensim.report.sections.section import Section, Subject


def fabricated_section(subject: Subject) -> Section:
    """List spreads, what they touched, and the accuracy of each chip."""
    evaluation = subject.evaluation
    chips = Markup("\n").join(
        Markup("<li><span>{}</span>{} %</li>").format(seed, formatting.percent(value, evaluation.samples))
        for seed, value in zip(evaluation.seeds.chip_seeds, evaluation.accuracy.chips, strict=True)
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
