"""What the page says in words: the verdict, how sure it is, and figures that must not say more than is known."""

import dataclasses
from datetime import date
from types import SimpleNamespace

import pytest
from conftest import compiled
from test_analyses_report import WATERFALL
from test_imperfections import CALM
from test_program import random_weights

from soensim.budget import AnswerCost, CostLine
from soensim.budget.entry import BudgetEntry
from soensim.check import check_chip
from soensim.check.finding import Finding
from soensim.check.physics import validity_findings
from soensim.evaluation import evaluate
from soensim.evaluation.circuit_check import CircuitCheck
from soensim.evaluation.waterfall import Waterfall
from soensim.netlist import load_netlist, parse_netlist
from soensim.program import Program
from soensim.report.analysis_rows import waterfall_rows
from soensim.report.cost_rows import cost_rows, energy_rows
from soensim.report.formatting import lower_bound
from soensim.report.page_parts import with_commands
from soensim.report.sections.model import model_section
from soensim.report.sections.origin import origin_section
from soensim.report.sections.verdict import design_rules, verdict
from soensim.routing import route

SPREADS = "The spreads are those stated, not measured on a process: other spreads have another yield."


@pytest.fixture(scope="module")
def scored(digits):
    network = compiled(CALM)
    program = Program.quantised(network, random_weights(network, seed=1, scale=0.2))
    return evaluate(route(parse_netlist(CALM)), program, digits, trials=2, refine=1)


def finding(chi_squared: float) -> Finding:
    return Finding("SOEN-PH-002", "note", "populations.hidden", chi_squared, 1e-4, "chi^2", "see `soensim check A`")


def answers(evaluation, *chi_squared: float) -> dict[str, str]:
    routed = SimpleNamespace(projections={}, layout=object())
    found = tuple(map(finding, chi_squared))
    return dict(verdict(SimpleNamespace(evaluation=evaluation, routed=routed, validity=found)))


def cost(energy: dict[str, float | None], latency: dict[str, float | None]) -> AnswerCost:
    def lines(values, unit):
        return tuple(
            CostLine(name, value, unit, unknown="not known without it" if value is None else "")
            for name, value in values.items()
        )

    return AnswerCost(lines(latency, "ns"), lines(energy, "aJ"), (), sum(v or 0.0 for v in energy.values()))


def test_a_doubtful_model_is_told_with_what_circuits_answer(scored):
    limit = "The states of a dendrite are 1.8 % off its circuit's, beyond the 1 % up to which the model is valid."
    open_still = "What that changes in the answers is open: `--circuit 100` measures it."
    assert answers(scored, 1e-5, 3.18e-4)["How sure is it?"] == f"{limit} {open_still} {SPREADS}"
    compared = dataclasses.replace(scored, circuit=CircuitCheck(360, 354 / 360, 352 / 360, 358 / 360, 6.5e-4))
    assert answers(compared, 3.18e-4)["How sure is it?"] == (
        f"{limit} What counts are answers: with every dendrite as its circuit 98.3 % of 360 samples are answered "
        f"right, with the model 97.8 %, and 99.4 % of the decisions agree. {SPREADS}"
    )


def test_a_valid_model_leaves_nothing_open(scored):
    assert answers(scored, 1e-4)["How sure is it?"] == (
        f"The states of a dendrite are 1 % off its circuit's, within the 1 % up to which the model is valid. {SPREADS}"
    )


def test_what_is_virtual_or_measured_is_told(scored):
    virtual = dataclasses.replace(scored, chip=dataclasses.replace(scored.chip, virtual=True))
    assert answers(virtual)["How sure is it?"] == f"No circuit can confirm a virtual source function. {SPREADS}"
    accuracy = dataclasses.replace(scored.accuracy, ideal=0.9, quantised=0.9, chip_mean=0.8)
    measured = dataclasses.replace(scored, measured=(object(), object()), accuracy=accuracy)
    assert "How sure is it?" not in answers(measured)
    assert "by the deviations of the measured chips" in answers(measured)["What limits it?"]


def test_what_is_gained_is_no_loss(scored):
    accuracy = dataclasses.replace(scored.accuracy, ideal=0.975, quantised=0.978, chip_mean=0.97)
    said = answers(dataclasses.replace(scored, accuracy=accuracy))["What limits it?"]
    assert said == (
        "The mean chip misses 3.00 points: 2.50 by the ideal weights, before any effect of the chip, 0.80 by the "
        "spreads of fabrication; the few-bit codes gain 0.30."
    )
    perfect = dataclasses.replace(accuracy, ideal=1.0, quantised=1.0, chip_mean=1.0)
    assert answers(dataclasses.replace(scored, accuracy=perfect))["What limits it?"].startswith("Nothing: ")


def test_a_cost_says_what_is_not_known(scored):
    found = cost({"static_bias": None, "fluxons": 200.0, "light": 300.0, "cooling": None}, {"frames": 1.5})
    assert answers(dataclasses.replace(scored, cost=found))["At what cost?"] == (
        "An answer takes 1.5 ns and at least 500 aJ with cooling; before cooling, most of what is known goes into "
        "light. Not known: static bias (see below)."
    )
    none = cost({"static_bias": None, "light": 0.0, "cooling": None}, {"frames": 1.5, "readout": None})
    assert answers(dataclasses.replace(scored, cost=none))["At what cost?"] == (
        "An answer takes at least 1.5 ns (not known: readout); its energy is not known: static bias (see below)."
    )
    rows = {row.label: row for row in cost_rows(none)}
    assert (rows["energy in all"].value, rows["energy in all"].note) == (
        "–",
        "not known: no part that is known is above zero",
    )
    assert rows["cooling"].note == "not known without it"  # not twice
    assert {row.label: row for row in cost_rows(found)}["energy in all"].value == "500 aJ"


def test_light_and_power_say_nothing_that_the_cost_says():
    names = ("duration", "spikes, pixels", "emitters", "mean power", "energy per classification")
    lines = tuple(BudgetEntry("energy", name, 1.0, "1", "", ()) for name in names)
    assert [row.label for row in energy_rows(SimpleNamespace(energy=lines))] == ["spikes, pixels", "mean power"]


def test_a_lower_bound_is_not_rounded_up():
    assert [lower_bound(x) for x in (0.93983, 0.94, 0.9114, 1.0)] == ["93.9", "94.0", "91.1", "100.0"]


def test_a_change_of_nothing_has_no_sign_of_a_loss():
    row = dataclasses.replace(WATERFALL.rows[2], change=-0.00001, change_ci95=(-0.003, -0.00002))
    assert waterfall_rows(Waterfall((row,)), 360)[0].change == "+0.00 (-0.30 to +0.00)"


def test_commands_break_between_words_alone():
    assert str(with_commands("a < b, as `--require 'x >= 1'` does")) == (
        "a &lt; b, as <code><span>--require</span> <span>&#39;x</span> <span>&gt;=</span> <span>1&#39;</span></code> "
        "does"
    )


def test_no_line_breaks_before_a_unit():
    text = "Of 100 such 60 reach x >= 0.93: 97.8 % in 1.48 ns, at least 81.3 fJ or 2 pi"
    assert str(with_commands(text)) == (
        "Of 100 such 60 reach x &gt;=\xa00.93: 97.8\xa0% in 1.48\xa0ns, at least 81.3\xa0fJ or 2 pi"
    )


def test_the_check_that_is_named_can_be_run():
    subject = SimpleNamespace(provenance=SimpleNamespace(chip_file="my chips/a.yaml"))
    assert design_rules(subject).flag == "soensim check 'my chips/a.yaml'"


def test_the_model_has_a_section():
    section = model_section(SimpleNamespace(validity=(finding(4e-4),), evaluation=SimpleNamespace(spiking=None)))
    for text in (">hidden<", ">0.0004<", ">2 %<", "<code><span>soensim</span>", "up to 0.0001, a root of 1 %"):
        assert text in section.body
    assert model_section(SimpleNamespace(validity=())) is None


def test_the_page_finds_what_check_finds():
    netlist = load_netlist("netlists/year1-28.yaml")
    own = [f for f in check_chip(netlist, today=date(2026, 1, 1)).findings if f.id == "SOEN-PH-002"]
    assert list(validity_findings(netlist)) == own != []
    assert list(validity_findings(load_netlist("netlists/rows-24.yaml"))) == []


def test_a_seed_that_draws_nothing_is_not_missing(scored):
    origin = SimpleNamespace(command="", chip_file="", program="", header={}, versions={})
    origin.seeds = {"read_seed": None, "train_seed": None}
    body = origin_section(SimpleNamespace(evaluation=scored, provenance=origin)).body
    assert "none: nothing is drawn by it" in body
    assert body.count("not recorded") == 1
