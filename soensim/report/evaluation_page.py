"""One self-contained HTML page of an evaluation: no script, font or picture from elsewhere."""

from __future__ import annotations

from soensim.report import formatting
from soensim.report.page_parts import command, with_commands
from soensim.report.sections.absent_edges import absent_edges_section
from soensim.report.sections.accuracy import accuracy_section
from soensim.report.sections.budget import budget_section
from soensim.report.sections.causes import causes_section
from soensim.report.sections.chip import chip_section
from soensim.report.sections.chips_yield import yield_section
from soensim.report.sections.circuits import circuits_section
from soensim.report.sections.classes import classes_section
from soensim.report.sections.cost import cost_section
from soensim.report.sections.efficacies import efficacies_section
from soensim.report.sections.energy import energy_section
from soensim.report.sections.fabricated import fabricated_section
from soensim.report.sections.floorplan import floorplan_section
from soensim.report.sections.margins import margins_section
from soensim.report.sections.model import model_section
from soensim.report.sections.origin import origin_section
from soensim.report.sections.scores import scores_section
from soensim.report.sections.section import NotRun, Section, SectionFunction, Subject
from soensim.report.sections.spike_check import spike_check_section
from soensim.report.sections.spikes import spikes_section
from soensim.report.sections.states import states_section
from soensim.report.sections.verdict import design_rules, verdict
from soensim.report.sections.waterfall import waterfall_section
from soensim.report.templates import template

SECTIONS: tuple[SectionFunction, ...] = (  # in the order of the page
    # what the chip answers, and what limits it
    accuracy_section,
    yield_section,
    waterfall_section,
    margins_section,
    causes_section,
    classes_section,
    scores_section,
    states_section,
    spikes_section,
    model_section,
    circuits_section,
    spike_check_section,
    # what it costs
    cost_section,
    energy_section,
    budget_section,
    # what it is
    chip_section,
    floorplan_section,
    absent_edges_section,
    efficacies_section,
    fabricated_section,
    origin_section,
    design_rules,
)


def page(subject: Subject) -> str:
    """Write an evaluation as an HTML page with its figures inline; the same result gives the same bytes.

    Raises
    ------
    SoensimError
        The example traces cannot be simulated.
    """
    evaluation, network = subject.evaluation, subject.network
    accuracy, samples = evaluation.accuracy, evaluation.samples
    made = [section(subject) for section in SECTIONS]
    return template("page.html").render(
        name=evaluation.chip.name,
        headline=formatting.headline(evaluation, network).replace(" %", "\N{NO-BREAK SPACE}%"),
        scores=[
            ("ideal weights", formatting.percent(accuracy.ideal, samples)),
            ("quantised codes", formatting.percent(accuracy.quantised, samples)),
            (
                formatting.chips_word(evaluation),
                formatting.percent(accuracy.chip_mean, samples),
            ),
        ],
        verdict=[(question, with_commands(answer)) for question, answer in verdict(subject)],
        sections=[section for section in made if isinstance(section, Section)],
        not_run=[(section.what, command(section.flag)) for section in made if isinstance(section, NotRun)],
    )
