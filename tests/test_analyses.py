"""Waterfall, margins and causes: against direct evaluations, known thresholds and Sobol indices in closed form."""

import dataclasses
import json
import math

import numpy as np
import pytest
import scipy.stats
from conftest import LABELS, SMALL, compiled
from test_imperfections import CALM, CROSSBAR, NO_SPREAD, OPTICAL
from test_program import random_weights

from soensim.commands import cli
from soensim.commands import evaluate as command
from soensim.data import argmax_decode
from soensim.errors import SimulationError, SoensimError
from soensim.evaluation import Analyses, causes, evaluate, margins
from soensim.evaluation.analyses import planned
from soensim.evaluation.causes import factors_of, find_causes, share_out, sobol_indices
from soensim.evaluation.chips import Chip, chip_scorer, effects_of, only
from soensim.evaluation.margins import MOST_CHIPS, TOLERANCE, find_bound, find_margins, most_margin_chips
from soensim.evaluation.statistics import proportion_interval
from soensim.fabrication import read_sizes
from soensim.fabrication.shift import OFFSETS
from soensim.netlist import parse_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import class_scores

THREE = {"bias_current_spread": 0.01, "efficacy_spread": 0.05, "gamma_minus_spread": 0.02}


def with_spreads(text, sizes):
    return dataclasses.replace(compiled(text), spreads=sizes)


@pytest.fixture(scope="module")
def calm():
    return compile_network(route(parse_netlist(CALM)))


def test_chips_of_an_analysis_see_the_light_of_the_read_seed(digits):
    network = compiled(OPTICAL)
    program = Program.quantised(network, random_weights(network, seed=0, scale=0.3))
    few = dataclasses.replace(digits.test, labels=digits.test.labels[:60], indices=digits.test.indices[:60])
    found = [chip_scorer(network, program, few, seed, lambda _: None)("", [Chip({}, 3)])[0] for seed in (0, 1, 2)]
    for seed, accuracy in enumerate(found):
        scores = class_scores(network, program, few.inputs, chip_seed=3, read_seed=seed)
        assert accuracy == float((argmax_decode(scores) == few.labels).mean())
    assert len(set(found)) > 1


# --- causes -----------------------------------------------------------------------------------------------


def unit(seed, name):
    """Uniform, with mean 0 and variance 1."""
    return math.sqrt(12) * (np.random.default_rng([seed, list(THREE).index(name)]).random() - 0.5)


def model(chip):
    """0.9 + (2 x + y + 1.5 x z) / 100 of three numbers: V = 4 + 1 + 1.5^2."""
    x, y, z = (unit(chip.own_seeds.get(name, chip.chip_seed), name) for name in THREE)
    return 0.9 + (2 * x + y + 1.5 * x * z) / 100


def test_sobol_indices_of_a_model_with_an_interaction():
    network = with_spreads(CALM, THREE)
    found = find_causes(network, 2048, 360, 0, lambda _, chips: [model(chip) for chip in chips])
    assert (found.rows, found.chips) == (2048, 2048 * 5)
    assert found.deviation == pytest.approx(math.sqrt(7.25) / 100, rel=0.05)
    assert found.mean == pytest.approx(0.9, abs=0.002)
    assert [cause.effect for cause in found.effects] == list(THREE)
    for cause, first, total in zip(found.effects, (4, 1, 0), (6.25, 1, 2.25), strict=True):
        assert cause.first == pytest.approx(first / 7.25, abs=0.07)
        assert cause.total == pytest.approx(total / 7.25, abs=0.07)
        for (low, high), value in ((cause.first_ci95, cause.first), (cause.total_ci95, cause.total)):
            assert low < value < high
            assert high - low < 0.3
        assert cause.deviation == pytest.approx(found.deviation * math.sqrt(min(max(cause.first, 0), 1)))


def test_intervals_cover_the_closed_form(monkeypatch):
    """95 %: of 40 intervals of an index no more than 7 miss it (binomial, 0.999)."""
    monkeypatch.setattr(causes, "_RESAMPLES", 199)
    network, missed = with_spreads(CALM, THREE), 0
    for start in range(40):
        found = find_causes(network, 64, 360, 1000 * start, lambda _, chips: [model(chip) for chip in chips])
        low, high = found.effects[0].total_ci95
        missed += not low <= 6.25 / 7.25 <= high
    assert missed <= 7


def test_the_estimators_are_those_of_scipy():
    rng = np.random.default_rng(1)
    a, b, ab = rng.random(64), rng.random(64), rng.random((3, 64))
    theirs = scipy.stats.sobol_indices(func={"f_A": a[None], "f_B": b[None], "f_AB": ab[:, None]}, n=64)
    first, total = sobol_indices(a, b, ab)
    np.testing.assert_allclose(first, theirs.first_order, rtol=1e-12)
    np.testing.assert_allclose(total, theirs.total_order, rtol=1e-12)


def test_chips_a_are_those_of_the_evaluation_and_ab_take_one_effect_of_b():
    seen = []
    network = with_spreads(CALM, {"efficacy_spread": 0.05, "gamma_minus_spread": 0.02})
    find_causes(network, 2, 360, 5, lambda _, chips: seen.extend(chips) or [0.5] * len(chips))
    assert [(chip.chip_seed, dict(chip.own_seeds)) for chip in seen] == [
        *((5, {}), (6, {})),
        *((7, {}), (8, {})),
        *((5, {"efficacy_spread": 7}), (6, {"efficacy_spread": 8})),
        *((5, {"gamma_minus_spread": 7}), (6, {"gamma_minus_spread": 8})),
    ]
    assert all(chip.spreads == network.spreads for chip in seen)


@pytest.mark.parametrize(("gap", "resolved"), [(0.0, False), (0.9, False), (2.1, True)])
def test_indices_of_chips_that_differ_by_less_than_a_sample_are_not_said(gap, resolved):
    a = 0.9 + np.array([0.0, gap, 0.0, gap]) / 100  # standard deviation: half the gap
    found = share_out(["one", "other"], a, a[::-1], np.stack([a, a[::-1]]), 0.01)
    assert found.resolved is resolved
    for cause in found.effects:
        assert (cause.first is None) == (cause.total is None) == (cause.deviation is None) == (not resolved)
    plain = found.as_list()
    assert [row["effect"] for row in plain] == ["one", "other"]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain[0]["chips_deviation"] == pytest.approx(gap / 200)


def test_chips_that_differ_by_one_sample_are_not_resolved():
    a = np.array([0.90, 0.92, 0.90, 0.92])
    deviation = share_out(["one"], a, a[::-1], a[None], 0.001).deviation
    assert not share_out(["one"], a, a[::-1], a[None], deviation).resolved


def test_no_effect_has_a_larger_deviation_than_all_together():
    """Estimates of few chips lie beyond 0 and 1, what they stand for does not."""
    a, b = np.array([0.9, 0.8, 0.7, 0.95]), np.array([0.7, 0.95, 0.9, 0.8])
    beyond, below = share_out(["one", "other"], a, b, np.stack([a + 2 * (b - a), a - (b - a)]), 0.001).effects
    found = share_out(["one"], a, b, a[None], 0.001)
    assert beyond.first > 1
    assert beyond.deviation == found.deviation
    assert below.first < 0
    assert below.deviation == 0


def test_one_effect_alone_has_all_of_the_variance():
    network = with_spreads(CALM, {"efficacy_spread": 0.05})
    (cause,) = find_causes(network, 512, 360, 0, lambda _, c: [model(k) for k in _known(c, "efficacy_spread")]).effects
    assert cause.first == pytest.approx(1, abs=0.15)
    assert cause.total == pytest.approx(1, abs=0.1)


def _known(chips, name):
    """Give all streams of the model the seed of one effect."""
    return [Chip(chip.spreads, chip.own_seeds.get(name, chip.chip_seed)) for chip in chips]


def test_what_does_not_part_chips_is_no_cause_and_all_noise_is_one():
    text = "efficacy=0.05,read_noise_flux=0.01,thermal_noise_k=4,retention_drift=0.01,readout_adc_bits=8"
    network = with_spreads(CALM, read_sizes(text))
    assert factors_of(network) == [("efficacy_spread",), ("read_noise_flux", "thermal_noise_k")]
    assert [e.name for e in effects_of(network)][:2] == ["retention_drift", "efficacy_spread"]
    seen = []
    found = find_causes(network, 2, 360, 0, lambda _, chips: seen.extend(chips) or [0.5] * len(chips))
    assert found.effects[1].effect == "read_noise_flux+thermal_noise_k"
    assert seen[-1].own_seeds == {"read_noise_flux": 3, "thermal_noise_k": 3}


@pytest.mark.parametrize("name", ["gamma_minus_spread", "bias_current_spread"])
def test_a_chip_that_is_scored_has_one_effect_of_another(calm, digits, name):
    """Through the whole of it: fabricate, simulate, count."""
    network = dataclasses.replace(calm, spreads={"efficacy_spread": 0.3, name: 0.3})
    program, test = Program.quantised(network, random_weights(network, seed=1, scale=0.2)), digits.test
    score = chip_scorer(network, program, test, 0, lambda _: None)
    mixed, own, off = score(
        "", [Chip(network.spreads, 1, {name: 4}), Chip(network.spreads, 1), Chip({}, 1, off=("gamma_plus", 0.1))]
    )
    for accuracy, spreads, seed in ((own, network.spreads, 1), (off, {}, 1)):
        direct = argmax_decode(
            class_scores(dataclasses.replace(network, spreads=spreads), program, test.inputs, chip_seed=seed)
        )
        assert (accuracy == float((direct == test.labels).mean())) == (accuracy is own)
    assert mixed != own


# --- margins ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.001, 0.0099, 0.011, 0.25, 0.7, 3.9])
def test_a_bound_is_just_inside_of_what_falls(threshold):
    tried = []
    bound = find_bound(lambda move: tried.append(move) or move >= threshold, 0.01, 4.0)
    assert bound < threshold <= max(bound * (1 + TOLERANCE) / (1 - TOLERANCE), bound + 0.01 / 32)
    assert bound == 0 or bound in tried
    assert max(tried) <= 4.0


def test_what_never_falls_has_no_bound():
    tried = []
    assert find_bound(lambda move: bool(tried.append(move)), 0.01, 1.0) is None
    assert tried == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0]
    assert find_bound(lambda _: True, 0.01, 1.0) == 0.0


def test_a_chip_that_cannot_be_simulated_ends_the_search():
    def falls(move):
        if move > 0.1:
            raise SimulationError("diverges")
        return False

    assert find_bound(falls, 0.01, 1.0) is None


def edges(chip):
    """0.9, less where a parameter is beyond an edge that is known: by the drop exactly, or by more."""
    fall = 0.0
    sigma = chip.spreads.get("efficacy_spread", 0.0)
    fall += 0.01 * (sigma >= 0.08) + (sigma > 0.2)
    name, amount = chip.off or ("", 1.0)
    if name == "bias_current":
        fall += 0.3 * (amount < 0.98 or amount > 1.05)
    if name == "flux_offset":
        fall += 0.3 * (amount < -0.03)
    if name == "gamma_plus":
        fall += 0.009 * (amount != 1)  # not enough
    return 0.9 - fall + 0.001 * (chip.chip_seed % 2)


def test_margins_of_known_edges():
    network = with_spreads(CALM, {"efficacy_spread": 0.05, "gamma_minus_spread": 0.02})
    scored = []
    score = lambda _, chips: scored.extend(chips) or [edges(chip) for chip in chips]  # noqa: E731
    found = find_margins(network, 0.01, range(4), score)
    rows = {row.parameter: row for row in found.rows}
    assert list(rows) == [
        *("efficacy_spread", "gamma_minus_spread"),
        *("bias_current", "flux_offset", "gamma_plus", "gamma_minus"),
    ]
    near = 1 + 1.1 * TOLERANCE
    bias, flux, spread = rows["bias_current"], rows["flux_offset"], rows["efficacy_spread"]
    assert -0.02 <= bias.low <= -0.02 / near
    assert 0.05 / near <= bias.high <= 0.05
    assert -0.03 <= flux.low <= -0.03 / near
    assert flux.high is None
    assert math.log(spread.high / 0.05) == pytest.approx(math.log(0.08 / 0.05), rel=2 * TOLERANCE)
    assert (spread.high < 0.08, spread.low, spread.stated, spread.kind) == (True, None, 0.05, "spread")
    for free in ("gamma_plus", "gamma_minus", "gamma_minus_spread"):
        assert (rows[free].low, rows[free].high, rows[free].relative, rows[free].fall_error) == (None,) * 4
    assert rows["gamma_plus"].searched == pytest.approx((-0.99, 9))
    assert rows["gamma_minus_spread"].searched == (0.02, 1.0)
    assert bias.relative == pytest.approx(-bias.low)
    assert spread.relative == pytest.approx(spread.high / 0.05 - 1)
    assert [name for name, row in rows.items() if row.critical] == ["bias_current"]
    assert (found.chips, found.scored, found.drop) == (4, len(scored), 0.01)
    assert found.stated_mean == pytest.approx(0.9005)
    assert len(scored) <= most_margin_chips(network, range(4))
    assert bias.fall_error is None or bias.fall_error < 1e-12  # all chips fall alike
    plain = found.as_list()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert {"parameter", "low", "high", "critical", "drop"} <= set(plain[0])


def test_the_error_of_a_fall_is_that_of_the_paired_differences():
    network = with_spreads(CALM, {"efficacy_spread": 0.05})
    falls = np.array([0.1, 0.3, 0.2, 0.4])

    def score(_, chips):
        return [0.9 - falls[c.chip_seed] * abs((c.off or ("", 1.0))[1] - 1) * (c.off is not None) for c in chips]

    row = next(r for r in find_margins(network, 0.01, range(4), score).rows if r.parameter == "bias_current")
    assert row.high == pytest.approx(0.04, rel=TOLERANCE)  # mean slope 0.25
    larger = max(-row.low, row.high)
    assert row.fall_error == pytest.approx(np.std(falls, ddof=1) / 2 * larger, rel=0.01)


def test_a_level_in_decibels_grows_in_power_and_a_share_stays_below_one():
    network = with_spreads(
        OPTICAL, read_sizes("stray_light_db=-30,dead_neurons=0.3,stuck_synapses=0.1,input_dac_bits=4")
    )

    def score(_, chips):
        return [0.9 - 0.5 * (c.spreads["stray_light_db"] > -24) - (c.spreads["stuck_synapses"] > 0.97) for c in chips]

    found = find_margins(network, 0.01, [0], score)
    rows = {row.parameter: row for row in found.rows}
    assert "input_dac_bits" not in rows
    stray = rows["stray_light_db"]
    assert -24.4 < stray.high <= -24
    assert stray.relative == pytest.approx(10 ** ((stray.high + 30) / 10) - 1)
    assert rows["dead_neurons"].high is None
    assert 0.9 < rows["dead_neurons"].searched[1] < 1
    assert 0.8 < rows["stuck_synapses"].high <= 0.97
    assert {"photons", "delays"} <= set(rows)


def test_a_chip_without_spreads_is_one_chip(calm):
    seen = []
    found = find_margins(calm, 0.01, range(100), lambda _, chips: seen.append(len(chips)) or [0.9] * len(chips))
    assert set(seen) == {1}
    assert [row.kind for row in found.rows] == ["offset"] * 4
    assert not any(row.critical for row in found.rows)
    seen.clear()
    find_margins(with_spreads(CALM, THREE), 0.01, range(100), lambda _, c: seen.append(len(c)) or [0.9] * len(c))
    assert set(seen) == {MOST_CHIPS}


def test_numbers_that_the_documentation_states():
    """32 chips, bounds to 5 %, a drop of 1 %, 256 rows from 16 to 16,384, 999 resamples; the first moves."""
    assert (MOST_CHIPS, TOLERANCE, margins.USUAL_DROP) == (32, 0.05, 0.01)
    assert (causes.USUAL_ROWS, causes.LEAST_ROWS, causes.MOST_ROWS) == (256, 16, 16_384)
    tried = []
    network = with_spreads(CALM, {"efficacy_spread": 0.05})
    find_margins(network, 0.01, [0], lambda _, chips: tried.extend(chips) or [0.9 - 0.5 * (len(tried) > 1)])
    sizes = [chip.spreads["efficacy_spread"] for chip in tried if chip.off is None]
    assert sizes[:2] == pytest.approx([0.05, 0.05 * 1.1])
    offs = {}
    for chip in tried:
        if chip.off is not None:
            offs.setdefault(chip.off[0], []).append(chip.off[1])
    assert offs["flux_offset"][0] == -0.005
    assert 0.005 in offs["flux_offset"]
    assert offs["gamma_plus"][0] == pytest.approx(1 / 1.01)
    assert any(factor == pytest.approx(1.01) for factor in offs["gamma_plus"])
    assert min(abs(flux) for flux in offs["flux_offset"]) == pytest.approx(0.005 / 32)  # nothing finer is told apart


def test_intervals_of_causes_are_of_999_resamples(monkeypatch):
    calls = []
    monkeypatch.setattr(causes, "sobol_indices", lambda a, b, ab: calls.append(len(a)) or sobol_indices(a, b, ab))
    a = np.array([0.9, 0.8, 0.7, 0.9])
    share_out(["one"], a, a[::-1], a[None], 0.001)
    assert calls == [4] * (1 + 999)


def searched(network):
    found = find_margins(network, 0.01, [0], lambda _, chips: [0.9] * len(chips))
    return {row.parameter: row.searched for row in found.rows}


def test_how_far_margins_are_looked_for():
    squid = CALM.replace("squid-fit", "squid")
    assert searched(compiled(squid.replace("bias_current: 1.9", "bias_current: 5")))["bias_current"] == (-0.99, 3.0)
    fit = searched(compiled(CALM))["bias_current"]
    assert fit == pytest.approx((-0.99, 2.5 / 1.9 - 1))  # up to which the fit holds
    virtual = searched(compiled(LABELS + NO_SPREAD))
    assert virtual == {"flux_offset": (-10, 10), "gamma_plus": (-0.99, 9), "gamma_minus": (-0.99, 9)}
    optical = searched(compiled(OPTICAL))
    assert optical["photons"] == pytest.approx((-0.9999, 9))
    assert optical["flux_offset"] == (-0.5, 0.5)


def test_an_effect_alone_keeps_its_parameters():
    sizes = read_sizes("efficacy=0.1,efficacy.gradient=0.2,coupling=0.1,coupling.gradient=0.1")
    assert only(sizes, ["efficacy_spread"]) == {"efficacy_spread": 0.1, "efficacy_spread.gradient": 0.2}


# --- waterfall --------------------------------------------------------------------------------------------

EFFECTS = ("readout_adc_bits=6", "gamma_minus=0.3", "efficacy=0.3", "retention_drift=0.02")
IN_ORDER = ("retention_drift", "efficacy_spread", "gamma_minus_spread", "readout_adc_bits")


@pytest.fixture(scope="module")
def fall(digits):
    """A waterfall of four effects, and what gives an evaluation with some of them alone."""
    routed = route(parse_netlist(CALM))
    network = compile_network(routed)
    program = Program.quantised(network, random_weights(network, seed=1, scale=0.2))
    sizes = read_sizes(",".join(EFFECTS))

    def direct(*names, **options):
        spreads = {name: size for name, size in sizes.items() if name in names}
        return evaluate(routed, program, digits, trials=3, chip_seed=4, refine=1, spreads=spreads, **options)

    return direct(*IN_ORDER, analyses=Analyses(waterfall=True)), direct


def test_a_waterfall_is_what_evaluations_with_its_effects_give(fall):
    evaluation, direct = fall
    ideal, codes, *rows = evaluation.waterfall.rows
    accuracy = evaluation.accuracy
    assert (ideal.effect, ideal.mean, ideal.ci95) == ("ideal weights", accuracy.ideal, accuracy.ideal_ci95)
    assert (codes.effect, codes.mean, codes.ci95) == ("quantised codes", accuracy.quantised, accuracy.quantised_ci95)
    assert codes.change == accuracy.quantised - accuracy.ideal
    assert ideal.change is None
    assert tuple(row.effect for row in rows) == IN_ORDER
    before = np.full(3, accuracy.quantised)
    for k, row in enumerate(rows):
        added, alone = direct(*IN_ORDER[: k + 1]).accuracy, direct(IN_ORDER[k]).accuracy
        assert row.mean == pytest.approx(added.chip_mean, abs=1e-15)
        assert row.alone == pytest.approx(alone.chip_mean, abs=1e-15)
        change = np.array(added.chips) - before
        assert row.change == pytest.approx(change.mean(), abs=1e-15)
        if k == 0:  # drift is that of every chip
            of_samples = proportion_interval(round(added.chips[0] * 360), 360)
            assert (row.chips, row.ci95, row.change_ci95, row.alone_ci95) == (0, of_samples, None, of_samples)
        else:
            assert (row.chips, row.ci95) == (3, added.chip_ci95)
            student = scipy.stats.ttest_1samp(change, 0).confidence_interval(0.95)
            np.testing.assert_allclose(row.change_ci95, student, rtol=1e-9, atol=1e-12)
        before = np.array(added.chips)
    assert rows[-1].mean == accuracy.chip_mean
    assert rows[1].alone_ci95 == direct("efficacy_spread").accuracy.chip_ci95
    assert rows[1].mean != rows[1].alone


def test_the_json_of_a_waterfall(fall):
    plain = fall[0].as_dict()["waterfall"]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert [row["effect"] for row in plain][2:] == list(IN_ORDER)
    assert {"effect", "mean", "ci95"} <= set(plain[0])


def test_an_evaluation_without_analyses_has_none(fall):
    plain = fall[1]().as_dict()
    assert (plain["waterfall"], plain["margins"], plain["causes"]) == (None, None, None)


# --- what is said before, and the command -----------------------------------------------------------------


def test_the_plan_counts_the_chips_that_are_scored():
    network = with_spreads(SMALL, read_sizes("retention_drift=0.01,efficacy=0.05,gamma_minus=0.02"))
    # drift alone is one chip; drift + efficacy, efficacy, gamma_minus: ten each
    lines = planned(Analyses(waterfall=True, margins=0.01, causes=256), network, range(10))
    assert lines[0].startswith("waterfall: 31 more chips for 3 effects, each alone")
    assert lines[1].startswith(f"margins: at most {most_margin_chips(network, range(10)):,} more chips")
    assert lines[2] == "causes: 1,024 more chips, 256 x (2 effects + 2)"
    assert planned(Analyses(), network, range(10)) == []


@pytest.mark.parametrize(
    ("analyses", "spread", "message"),
    [
        (Analyses(waterfall=True), "", "has no imperfection to add to its codes; give one with --spread"),
        (Analyses(causes=16), "", "has no imperfection that parts one chip from another; give one with --spread"),
        (Analyses(causes=16), "readout_adc_bits=8", "has no imperfection that parts one chip from another"),
    ],
)
def test_an_analysis_that_means_nothing_is_refused_before_any_work(calm, digits, analyses, spread, message):
    program = Program.quantised(calm, random_weights(calm))

    def begun(what):
        raise AssertionError(what)

    with pytest.raises(SoensimError, match=message):
        evaluate(
            route(parse_netlist(CALM)), program, digits, spreads=read_sizes(spread), analyses=analyses, progress=begun
        )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"margins": 0.0}, r"the drop of margins is 0; it must be above 0 and below 1; 1 % is 0\.01"),
        ({"margins": 1}, "the drop of margins is 1; it must be above 0"),
        ({"causes": 15}, "the rows of causes are 15; they must be from 16 to 16384"),
        ({"causes": 16385}, "the rows of causes are 16385"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(asked, message):
    with pytest.raises(SoensimError, match=message):
        Analyses(**asked)


def test_measured_chips_have_no_analyses(calm):
    assert planned(Analyses(), calm, ()) == []
    with pytest.raises(SoensimError, match="those of chips that are drawn; measured ones are not"):
        planned(Analyses(margins=0.01), calm, ())


def test_delays_may_be_off_where_there_are_some():
    found = find_margins(
        compiled(CROSSBAR), 0.01, [0], lambda _, chips: [0.9 - (c.off == ("delays", 0)) for c in chips]
    )
    assert "delays" in {row.parameter for row in found.rows}


def run(*arguments):
    return cli.run(command.main, ["netlists/year1-28.yaml", "--refine", "1", "--html", "none", *arguments])


def test_the_command_finds_all_three(capsys, monkeypatch):
    monkeypatch.setattr(margins, "OFFSETS", {"bias_current": OFFSETS["bias_current"]})  # the others take seconds
    assert run("--trials", "2", "--waterfall", "--margins", "0.05", "--causes", "16", "--json", "-") == 0
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert [row["effect"] for row in found["waterfall"]][:2] == ["ideal weights", "quantised codes"]
    assert found["waterfall"][-1]["mean"] == found["accuracy"]["chip"]["mean"]
    assert {row["parameter"] for row in found["margins"]} > {"bias_current", "efficacy_spread"}
    assert sum(row["critical"] for row in found["margins"]) == 1
    assert found["margins"][0]["drop"] == 0.05
    assert len(found["causes"]) == 4
    for line in (
        "waterfall: 12 more chips for 4 effects",
        "margins: at most",
        "causes: 96 more chips, 16 x (4 effects + 2)",
    ):
        assert line in output.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--measured", "chip.csv", "--causes"), "--causes is for chips that are drawn; leave it out, or --measured"),
        (("--margins", "1"), "must be a number above 0 and below 1"),
        (("--margins", "1%"), "must be a number above 0 and below 1"),
        (("--causes", "15"), "a whole number from 16 to 16384"),
        (("--causes", "--spread", "efficacy=0,gamma_minus=0,bias_current=0,flux_offset=0"), "leave --causes out"),
        (("--waterfall", "--spread", "efficacy=0,gamma_minus=0,bias_current=0,flux_offset=0"), "leave --waterfall out"),
    ],
)
def test_flags_that_are_refused(flags, message, capsys):
    assert run("--json", "none", *flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
