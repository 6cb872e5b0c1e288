"""Waterfall, margins and causes as text, as figures and on the page."""

import dataclasses
import re

import pytest
from conftest import compiled
from test_imperfections import CALM
from test_program import random_weights

from soensim.evaluation import Evaluation, evaluate
from soensim.evaluation.causes import Cause, Causes
from soensim.evaluation.margins import Margin, Margins
from soensim.evaluation.requirement import Requirement, count_yield
from soensim.evaluation.result import MeasuredFile, Seeds
from soensim.evaluation.waterfall import Waterfall, WaterfallRow
from soensim.netlist import parse_netlist
from soensim.program import Program
from soensim.report import figures, formatting
from soensim.report.analysis_rows import limits
from soensim.report.figures.style import COLUMN
from soensim.report.sections.causes import causes_section
from soensim.report.sections.chips_yield import yield_section
from soensim.report.sections.margins import margins_section
from soensim.report.sections.section import NotRun, Subject
from soensim.report.sections.verdict import verdict
from soensim.report.sections.waterfall import waterfall_section
from soensim.report.text import WIDTH, table
from soensim.routing import route

WATERFALL = Waterfall(
    (
        WaterfallRow("ideal weights", 0.95, (0.92, 0.97), 0, None, None, 0.95, (0.92, 0.97)),
        WaterfallRow("quantised codes", 0.94, (0.91, 0.96), 0, -0.01, None, 0.94, (0.91, 0.96)),
        WaterfallRow("efficacy_spread", 0.925, (0.915, 0.935), 10, -0.015, (-0.02, -0.0101), 0.925, (0.915, 0.935)),
        WaterfallRow("dead_neurons", 0.88, (0.86, 0.9), 10, -0.045, (-0.06, -0.03), 0.9, (0.88, 0.92)),
    )
)
MARGINS = Margins(
    (
        Margin("efficacy_spread", "spread", "1", 0.05, None, 0.08, (0.05, 1.0), 0.6, 0.002),
        Margin("dead_neurons", "spread", "1", 0.01, None, None, (0.01, 1.0)),
        Margin("bias_current", "offset", "1", 0.0, -0.012, 0.02, (-0.99, 9.0), 0.012, 0.003, critical=True),
        Margin("flux_offset", "offset", "Phi_0", 0.0, -0.04, None, (-0.5, 0.5), 0.04, 0.001),
    ),
    *(0.02, 0.88, 10, 400),
)
CAUSES = Causes(
    (
        Cause("efficacy_spread", 0.2, (0.1, 0.3), 0.3, (0.2, 0.42), 0.009),
        Cause("read_noise_flux+thermal_noise_k", -0.001, (-0.05, 0.02), 0.75, (0.6, 0.9), 0.0),
    ),
    *(256, 1024, 0.88, 0.02, 1 / 360),
)
SAME = Causes((Cause("efficacy_spread", *(None,) * 5),), 256, 768, 0.88, 0.001, 1 / 360)


@pytest.fixture(scope="module")
def plain(digits):
    network = compiled(CALM)
    routed = route(parse_netlist(CALM))
    program = Program.quantised(network, random_weights(network, seed=1, scale=0.2))
    return Subject(evaluate(routed, program, digits, trials=1, refine=1), routed, network, program, digits, None)


def text_of(subject, **found) -> str:
    return table(dataclasses.replace(subject.evaluation, **found), subject.network)


def lines_of(text, head):
    """The block of lines from a head to the next empty line, words apart by one space."""
    block = re.search(rf"^{head} .*?(?=\n\n|\Z)", text, flags=re.S | re.M)
    return [" ".join(line.split()) for line in block.group().splitlines()]


def test_the_text_of_a_waterfall(plain):
    lines = lines_of(text_of(plain, waterfall=WATERFALL), "waterfall")
    assert "all rows on the same 10 chips" in " ".join(lines)
    assert lines[-4:] == [
        "ideal weights 95.0 92.0 to 97.0",
        "quantised codes 94.0 91.0 to 96.0 -1.00",
        "+ efficacies 92.5 91.5 to 93.5 -1.50 (-2.00 to -1.01) 92.5",
        "+ dead neurons 88.0 86.0 to 90.0 -4.50 (-6.00 to -3.00) 90.0",
    ]


def test_the_text_of_margins(plain):
    lines = lines_of(text_of(plain, margins=MARGINS), "margins")
    whole = " ".join(lines)
    assert "before accuracy falls by 2 points from 88.0 % (mean of 10 chips); spreads are one sigma" in whole
    for line in (
        "efficacies, spread 5 % 8 % 3 sigma: 24 %",
        "dead neurons 1 % none to 100 %",
        "bias current, common -1.2 % +2 % critical",
        "flux offset, common -0.04 Phi_0 none to +0.5 Phi_0",
    ):
        assert line in lines
    assert (
        "critical margin: bias current, common, 1.2 % of the nominal value; a bound is known to 5 % of the move"
        in whole
    )
    assert "the fall there to 0.3 points or better (standard error)" in whole
    none = dataclasses.replace(MARGINS, rows=(MARGINS.rows[1],), drop=0.01)
    whole = " ".join(lines_of(text_of(plain, margins=none), "margins"))
    assert "falls by 1 point from" in whole
    assert whole.endswith("no parameter has a bound in the range that was searched")


def test_the_text_of_causes(plain):
    lines = lines_of(text_of(plain, causes=CAUSES), "causes")
    assert "(standard deviation 2 points), from 1,024 chips" in " ".join(lines)
    assert lines[-2:] == [
        "efficacies 20 (10 to 30) 30 (20 to 42) 0.9",
        "read noise + thermal noise of the loops 0 (-5 to 2) 75 (60 to 90) 0",
    ]
    whole = " ".join(lines_of(text_of(plain, causes=SAME), "causes"))
    assert whole.endswith(
        "0.1 points (standard deviation), not more than one of 360 samples: shares of that mean nothing"
    )


def test_no_line_is_wider_than_the_table(plain):
    text = text_of(plain, waterfall=WATERFALL, margins=MARGINS, causes=CAUSES)
    assert max(map(len, text.splitlines())) <= WIDTH


def test_what_limits_the_chips_is_said_in_sentences(plain):
    found = dataclasses.replace(plain.evaluation, margins=MARGINS, causes=CAUSES)
    assert limits(found) == [
        "Chips differ by 2 points (standard deviation), the largest part due to read noise + thermal noise of the "
        "loops (75 % of the variance, alone and with others).",
        "The critical margin is that of bias current, common: 1.2 % of the nominal value costs 2 points.",
    ]
    said = dict(verdict(dataclasses.replace(plain, evaluation=found)))["What limits it?"]
    assert said.endswith(" ".join(limits(found)))
    most = dataclasses.replace(CAUSES, effects=(dataclasses.replace(CAUSES.effects[0], total=1.06),))
    assert "efficacies (100 % of the variance" in limits(dataclasses.replace(plain.evaluation, causes=most))[0]
    assert limits(plain.evaluation) == []
    assert limits(dataclasses.replace(plain.evaluation, causes=SAME)) == []


def seen_as(plain, chips, *, measured=True, requirement=None, **accuracy):
    """The subject with these accuracies of its chips, measured or drawn."""
    scored = dataclasses.replace(
        plain.evaluation.accuracy, chips=chips, chip_mean=sum(chips) / len(chips), chip_ci95=(0.0, 1.0), **accuracy
    )
    files = tuple(MeasuredFile(f"{k}.csv", 64 * str(k)) for k in range(len(chips))) if measured else ()
    found = None if requirement is None else count_yield(requirement, chips, plain.evaluation.samples)
    seeds = Seeds(() if measured else tuple(range(len(chips))))
    changes = {"accuracy": scored, "measured": files, "chip_yield": found, "seeds": seeds}
    return dataclasses.replace(plain, evaluation=dataclasses.replace(plain.evaluation, **changes))


def words_of(subject):
    """Verdict and section of the yield as one text, without tags."""
    return " ".join(text for _, text in verdict(subject)) + re.sub("<[^>]*>", " ", str(yield_section(subject).body))


def test_of_measured_chips_nothing_is_said_of_others(plain):
    asked = Requirement("accuracy", 0.9, of_these=True)
    said = words_of(seen_as(plain, (0.95, 0.8), requirement=asked))
    assert "Not for accuracy >= 0.9: 1 of 2 measured chips do not reach it." in said
    assert "1 of 2 measured chips reach accuracy >= 0.9" in said
    assert "Yes, for accuracy >= 0.9: all measured" in words_of(seen_as(plain, (0.95, 0.92), requirement=asked))
    nothing_asked = words_of(seen_as(plain, (0.95, 0.8)))
    assert "All 2 measured chips answer 80.0 % or more right." in nothing_asked
    for text in (said, nothing_asked):
        assert "such chips" not in text
        assert "drawn" not in text


@pytest.mark.parametrize(
    ("chips", "measured", "word"),
    [
        ((0.9, 0.8), True, "measured chips"),
        ((0.9,), True, "one measured chip"),
        ((0.9, 0.8), False, "fabricated chips"),
        ((0.9,), False, "one fabricated chip"),
    ],
)
def test_the_scored_chips_are_called_what_they_are(plain, chips, measured, word):
    assert formatting.chips_word(seen_as(plain, chips, measured=measured).evaluation) == word


def test_of_measured_chips_a_share_is_said_where_it_is_asked_for(plain):
    said = words_of(seen_as(plain, (0.95,) * 9 + (0.8,), requirement=Requirement("accuracy", 0.9, 0.5)))
    assert "Of 100 such chips 90 reach accuracy >= 0.9" in said
    assert "9 of 10 measured" in said
    assert "spreads below" not in said
    drawn = words_of(seen_as(plain, (0.95,) * 10, measured=False, requirement=Requirement("accuracy", 0.9, 0.5)))
    assert "10 of 10 drawn" in drawn
    assert "spreads below" in drawn


def test_labels_of_the_cost_are_whole(plain):
    """A long note is wrapped, and no label is cut."""
    labels = [line.name for line in plain.evaluation.cost.lines]
    long = dataclasses.replace(
        plain.evaluation.cost,
        energy=tuple(dataclasses.replace(x, value=None, unknown="why " * 40) for x in plain.evaluation.cost.energy),
    )
    text = text_of(plain, cost=long)
    assert len(labels) > 10
    assert "latency: frames" in text
    assert "energy in all" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("section", "flag", "found", "says"),
    [
        (waterfall_section, "--waterfall", {"waterfall": WATERFALL}, "+ dead neurons"),
        (margins_section, "--margins", {"margins": MARGINS}, "bias current, common"),
        (causes_section, "--causes", {"causes": CAUSES}, "read noise + thermal noise of the loops"),
    ],
)
def test_a_section_each(plain, section, flag, found, says):
    missing = section(plain)
    assert isinstance(missing, NotRun)
    assert missing.flag == flag
    shown = section(dataclasses.replace(plain, evaluation=dataclasses.replace(plain.evaluation, **found)))
    assert shown.key == flag.removeprefix("--")
    assert shown.body.count("<svg") == 1
    assert re.search(rf"<th scope=\"row\"[^>]*>{re.escape(says)}</th>", shown.body)
    measured = Evaluation(**{**vars(plain.evaluation), **found, "measured": ("a file",)})
    assert section(dataclasses.replace(plain, evaluation=measured)) is None


def test_causes_that_are_not_resolved_have_no_figure(plain):
    shown = causes_section(dataclasses.replace(plain, evaluation=dataclasses.replace(plain.evaluation, causes=SAME)))
    assert "<svg" not in shown.body
    assert "mean nothing" in shown.body


@pytest.mark.parametrize(
    "figure", [figures.waterfall(WATERFALL), figures.margins(MARGINS), figures.causes(CAUSES)], ids=["w", "m", "c"]
)
def test_figures_fit_a_phone(figure):
    assert figure.get_size_inches()[0] <= COLUMN


def test_bars_are_what_was_found():
    bars = list(figures.waterfall(WATERFALL).axes[0].patches)
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx([95, 94, 92.5, 88])
    assert [bar.get_x() for bar in bars] == pytest.approx([95, 95, 94, 92.5])
    ends = [bar.get_x() + bar.get_width() for bar in figures.margins(MARGINS).axes[0].patches]
    assert sorted(ends) == pytest.approx([1.2, 2, 4, 60])
    assert [bar.get_width() for bar in figures.causes(CAUSES).axes[0].patches] == pytest.approx([20, 30, -0.1, 75])
    labels = [text.get_text() for text in figures.margins(MARGINS).axes[0].get_yticklabels()]
    assert [label for label in labels if label.endswith("*")] == ["bias current, common *"]
