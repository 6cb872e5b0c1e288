"""Rules on chips of spiking neurons: rates that follow the flux, light that is counted, inhibition that excites."""

import dataclasses
import math

import numpy as np
import pytest
from check_problems import TODAY, waived
from conftest import ROOT
from spiking_chips import SPIKING

from soensim.check import check_chip
from soensim.check.spiking import climb_ns, spiking_findings
from soensim.netlist import load_netlist, parse_netlist
from soensim.routing import route

RATE = "rate_max_mhz: 15"
WITH_REFRACTORY = {"refractory: {present: false}": "refractory: {present: true}"}


def netlist(**replaced):
    text = SPIKING
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    return parse_netlist(text)


def of(rule, chip):
    return [found for found in check_chip(chip, today=TODAY).findings if found.id == rule]


def test_the_small_chip_breaks_no_rule():
    assert not [f for f in check_chip(netlist(), today=TODAY).findings if f.id.startswith("SOEN-SP")]


# --- the climb of a soma ------------------------------------------------------------------------------------


def test_climb_is_the_time_to_the_threshold_at_full_drive():
    chip = netlist()
    part = chip.spiking["hidden"].completed(chip.device_technology)
    tau_0_s = chip.device_technology.junction.tau_0_s
    assert climb_ns(part, tau_0_s) == pytest.approx(62831.853 * tau_0_s * 1e9 * 0.3)
    assert climb_ns(part, tau_0_s) == pytest.approx(24.18, abs=0.01)


@pytest.mark.parametrize(("share", "broken"), [(0.401, 0), (0.399, 2)])
def test_a_soma_climbs_in_a_good_part_of_the_fall_time(share, broken):
    tau_0_ns = netlist().device_technology.junction.tau_0_s * 1e9
    beta_di = share * 50 / 0.3 / tau_0_ns
    found = of("SOEN-SP-001", netlist(**{"beta_di: 62831.853": f"beta_di: {beta_di!r}"}))
    assert [f.object for f in found] == ["populations.hidden.soma", "populations.output.soma"][:broken]
    for finding in found:
        assert (finding.severity, finding.unit, finding.limit) == ("warning", "ns", pytest.approx(20))
        assert finding.value == pytest.approx(share * 50)
        for part in ("climbs in 20 ns, 0.4 of the 50 ns", "every excursion", "evaluate", "beta_di", "soma.threshold"):
            assert part in finding.message


def test_a_soma_that_dendrites_drive_may_climb_fast():
    arbor = "size: 3\n    arbor: [{name: near, coupling: 0.5}]"
    fast = {"beta_di: 62831.853": "beta_di: 6283.0", "size: 3": arbor}
    there = {"target: hidden, ": "target: hidden, place: near, "}
    assert [f.object for f in of("SOEN-SP-001", netlist(**fast, **there))] == ["populations.output.soma"]
    assert [f.object for f in of("SOEN-SP-001", netlist(**fast))] == [
        "populations.hidden.soma",
        "populations.output.soma",
    ]


def test_rates_that_carry_nothing_may_be_what_they_are():
    text = SPIKING.replace("beta_di: 62831.853", "beta_di: 6283.0").replace("sample_ns: 400", "sample_ns: 100")
    coded = text[: text.index("readout:")].replace("absolute_refractory_ns: 20", "absolute_refractory_ns: 60")
    assert {f.id for f in spiking_findings(parse_netlist(coded))} == {"SOEN-SP-001", "SOEN-SP-005"}
    assert list(spiking_findings(parse_netlist(coded.replace(", code: {kind: rate, rate_max_mhz: 15}", "")))) == []


# --- dead times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "every"), [(20, 1), (20.1, 2), (39.9, 2), (40.1, 3)])
def test_lines_are_slower_than_a_dead_time(rate, every):
    found = of("SOEN-SP-002", netlist(**{RATE: f"rate_max_mhz: {rate}"}))
    assert len(found) == (every > 1)
    for finding in found:
        assert finding.object == "populations.lines.code.rate_max_mhz"
        assert (finding.severity, finding.value, finding.limit, finding.unit) == ("warning", rate, 20.0, "MHz")
        assert f"one in {every} of its spikes, as if it sent {rate / every:.3g} MHz" in finding.message


def test_poisson_lines_say_what_is_counted():
    (found,) = of("SOEN-SP-002", netlist(**{RATE: "rate_max_mhz: 30, statistics: poisson"}))
    assert "counts 40 % of its spikes, 12 MHz" in found.message  # 1 / (1 + r t_d)


def test_the_longest_dead_time_that_a_line_reaches_counts():
    slow = {"dark_count_rate_hz: 0}\n    size: 3": "dark_count_rate_hz: 0, dead_time_ns: 70}\n    size: 3"}
    more = "  - {source: lines, target: output, topology: all-to-all, efficacy: {bits: 4, range: 0.3}}\ntiming:"
    (found,) = of("SOEN-SP-002", netlist(**slow, **{"timing:": more}))
    assert (found.object, found.limit) == ("populations.lines.code.rate_max_mhz", pytest.approx(1e3 / 70))


def test_somas_are_slower_than_a_dead_time():
    """Somas of the small chip fire at 12.8 MHz at most; with a dead time of 80 ns that is too fast."""
    dead = {"dark_count_rate_hz: 0}": "dark_count_rate_hz: 0, dead_time_ns: 80}", RATE: "rate_max_mhz: 12"}
    (found,) = of("SOEN-SP-002", netlist(**dead))
    assert found.object == "populations.hidden.soma"  # the output reaches nothing
    assert found.value == pytest.approx(12.838, abs=0.01)
    assert "absolute_refractory_ns" in found.message
    assert of("SOEN-SP-002", netlist(**dead, **{"absolute_refractory_ns: 20": "absolute_refractory_ns: 24"})) == []
    assert of("SOEN-SP-002", netlist(**dead, **WITH_REFRACTORY)) == []


def test_detectors_without_a_dead_time_count_everything():
    dead = {"dark_count_rate_hz: 0}": "dark_count_rate_hz: 0, dead_time_ns: 0}", RATE: "rate_max_mhz: 100"}
    assert of("SOEN-SP-002", netlist(**dead)) == []


# --- inhibition that excites --------------------------------------------------------------------------------


def least_flux(weights: float, trim: float = 0.25, offset: float = 0.3) -> float:
    peak = 0.5 * (1 - 0.02 / 50) * (1 - math.exp(-3))
    return offset - trim - weights * peak


def test_inhibition_beyond_the_negative_threshold_is_told():
    """4 lines of -0.3 at each hidden neuron, 3 of -0.5 at each output neuron."""
    found = of("SOEN-SP-003", netlist(**WITH_REFRACTORY))
    assert [(f.object, f.count, f.severity) for f in found] == [
        ("populations.hidden", 3, "warning"),
        ("populations.output", 2, "warning"),
    ]
    assert [f.value for f in found] == [pytest.approx(least_flux(w), abs=1e-6) for w in (1.2, 1.5)]
    for finding in found:
        assert finding.limit == pytest.approx(-0.1, abs=0.1)
        for part in ("94 MHz", "neurons", "refractory: {present: false}", "flux_offset"):
            assert part in finding.message


def test_without_a_refractory_dendrite_nothing_runs_away():
    assert of("SOEN-SP-003", netlist()) == []


def test_positive_efficacies_inhibit_nothing():
    positive = {"range: 0.3}": "range: 0.3, sign: positive}", "range: 0.5}": "range: 0.5, sign: positive}"}
    assert of("SOEN-SP-003", netlist(**WITH_REFRACTORY, **positive)) == []
    never_zero = "efficacy: {levels: [0.1, 0.5], sign: positive}"
    ever = {"timing:": f"  - {{source: hidden, target: hidden, topology: all-to-all, {never_zero}}}\ntiming:"}
    assert of("SOEN-SP-003", netlist(**WITH_REFRACTORY, **positive, **ever)) == []
    negative = positive | ever | {"range: 0.3}": "range: 0.3, sign: negative}"}
    assert [f.value for f in of("SOEN-SP-003", netlist(**WITH_REFRACTORY, **negative))] == [
        pytest.approx(least_flux(1.2), abs=1e-6)
    ]


@pytest.mark.parametrize(("beyond", "broken"), [(-1e-6, 0), (1e-6, 1)])
def test_the_offset_decides_at_the_threshold(beyond, broken):
    one = {"range: 0.5}": "range: 0.5, sign: positive}"}
    (found,) = of("SOEN-SP-003", netlist(**WITH_REFRACTORY, **one))
    offset = 0.3 + (found.limit - found.value) - beyond
    chip = netlist(**WITH_REFRACTORY, **one, **{"flux_offset: 0.3": f"flux_offset: {offset!r}"})
    assert len(of("SOEN-SP-003", chip)) == broken


def test_branches_that_inhibit_count():
    arbor = {"size: 2": "size: 2\n    arbor: [{name: near, coupling: -0.5}, {name: far, coupling: 0.9}]"}
    positive = {"range: 0.3}": "range: 0.3, sign: positive}", "range: 0.5}": "range: 0.5, sign: positive}"}
    (found,) = of("SOEN-SP-003", netlist(**WITH_REFRACTORY, **positive, **arbor))
    assert found.object == "populations.output"
    assert found.value == pytest.approx(0.05 - 0.5 * (1.802395858835221 - 1.0467), abs=1e-3)  # i_b - i_th(1/2)


# --- photons ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("photons", "broken"), [(2.23, 0), (2.22, 1)])
def test_two_photons_are_counted(photons, broken):
    found = of("SOEN-SP-004", netlist(**{"photons_per_synapse: 10": f"photons_per_synapse: {photons}"}))
    assert [f.object for f in found] == ["lines->hidden"][:broken]
    for finding in found:
        assert (finding.value, finding.limit, finding.count) == (pytest.approx(0.9 * photons), 2, 12)
        assert finding.severity == "warning"
        for part in ("12 of 12 synapses", "14 % of the spikes are missed", "photons_per_synapse", "spiking-rate"):
            assert part in finding.message


def test_the_path_takes_photons():
    lossy = "target: hidden, loss_db: 7,"
    (found,) = of("SOEN-SP-004", netlist(**{"target: hidden,": lossy}))
    assert found.value == pytest.approx(9 * 10**-0.7)


def test_the_ledger_says_what_arrives_on_a_chip_that_is_laid_out():
    chip = load_netlist(ROOT / "netlists" / "die-8100.yaml")
    assert not [f for f in check_chip(chip, today=TODAY).findings if f.id.startswith("SOEN-SP")]


# --- frames -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample_ns", "broken"), [(390, ()), (389, ("hidden", "output")), (333, ("lines",))])
def test_five_spikes_make_a_rate(sample_ns, broken):
    found = of("SOEN-SP-005", netlist(**{"sample_ns: 400": f"sample_ns: {sample_ns}"}))
    objects = {f.object.split(".")[1] for f in found}
    assert objects >= set(broken)
    assert bool(objects) == bool(broken)
    assert ("lines" in objects) == (sample_ns == 333)
    for finding in found:
        assert (finding.severity, finding.limit, finding.unit) == ("warning", 5, "spikes")
        rate = 15 if "lines" in finding.object else 12.838
        assert finding.value == pytest.approx(rate * sample_ns * 1e-3, rel=1e-3)
        assert f"{5e3 / rate:.3g} ns have 5" in finding.message


def test_frames_that_are_held_are_longer():
    held = {"sample_ns: 400, substeps: 200": "sample_ns: 200, substeps: 100, hold_samples: 2"}
    assert of("SOEN-SP-005", netlist(**held)) == []


def test_somas_that_never_fire_say_so():
    found = of("SOEN-SP-005", netlist(**{"bias_current: 1.802395858835221": "bias_current: 1.04"}))
    assert [f.value for f in found] == [0, 0]
    assert all("it never fires" in f.message for f in found)


# --- how they are told --------------------------------------------------------------------------------------


def test_spiking_rules_can_be_waived():
    chip = waived(netlist(**{RATE: "rate_max_mhz: 25"}), ("SOEN-SP-002", "populations.lines*", "2026-07-01"))
    (found,) = of("SOEN-SP-002", chip)
    assert found.waived


def test_a_chip_without_routes_is_told_what_needs_none():
    chip = netlist(**WITH_REFRACTORY, **{RATE: "rate_max_mhz: 25"})
    assert {f.id for f in spiking_findings(chip)} == {"SOEN-SP-002"}
    assert {f.id for f in spiking_findings(chip, route(chip))} == {"SOEN-SP-002", "SOEN-SP-003"}


def test_edges_that_do_not_exist_inhibit_nothing():
    chip = netlist(**WITH_REFRACTORY)
    routed = route(chip)
    projection = routed.projections["lines->hidden"]
    kept = projection.edges.targets != 1
    edges = dataclasses.replace(
        projection.edges, sources=projection.edges.sources[kept], targets=projection.edges.targets[kept]
    )
    fewer = dataclasses.replace(projection, edges=edges, delay_ps=np.zeros(int(kept.sum())))
    routed = dataclasses.replace(routed, projections={**routed.projections, "lines->hidden": fewer})
    found = [f for f in spiking_findings(chip, routed) if f.id == "SOEN-SP-003"]
    assert [f.count for f in found] == [2, 2]


@pytest.mark.parametrize("name", ["spiking-digits", "point-neurons-10"])
def test_spiking_chips_that_ship_break_no_rule(name):
    report = check_chip(load_netlist(ROOT / "netlists" / f"{name}.yaml"), today=TODAY)
    assert report.passes
    assert not [f for f in report.findings if f.id.startswith("SOEN-SP")]
