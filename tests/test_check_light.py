"""Rules on light that carries rates, on the power of a chip, and on the inductors that slow dendrites take."""

import dataclasses
import datetime
import math

import pytest
from check_problems import TODAY, by_hand, of, report, waived
from conftest import ROOT, SMALL
from layouts import chip_text

from soensim.check import Finding, check_chip, check_routed
from soensim.netlist import Netlist, load_netlist, parse_netlist
from soensim.routing import route

PHI_0 = 2.067833848e-15  # Wb, CODATA
I_C = 1e-4  # A
SQUID = "source_function: squid-fit, bias_current: 1.9"


def optical(sample_ns: float = 1000.0, *, technology: str = "nist-2023", folder=None, **changes) -> Netlist:
    """Nine virtual neurons and three ports, all in light."""
    text = chip_text(**changes).replace("sample_tau: 1.0e+6", f"sample_ns: {sample_ns!r}")
    return parse_netlist(text.replace("technology: nist-2023", f"technology: {technology}"), folder=folder)


def own_technology(folder, **quantities: tuple[float | None, str]) -> str:
    lines = [
        f"  {key}: {{value: {'null' if value is None else value}, unit: {unit}, range: null, range_reason: own, "
        f"source: {'not found' if value is None else 'own'}}}\n"
        for key, (value, unit) in quantities.items()
    ]
    head = "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n"
    (folder / "own.yaml").write_text(head + "".join(lines))
    return "./own.yaml"


# --- spikes of a frame -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample_ns", "broken"), [(1000.0, False), (999.0, True), (100.0, True)])
def test_ten_spikes_make_a_rate(sample_ns, broken):
    """At 10 MHz ten spikes take a microsecond."""
    found = of("SOEN-LI-001", by_hand(optical(sample_ns)))
    assert len(found) == broken
    for finding in found:
        assert (finding.severity, finding.object, finding.limit) == ("error", "timing", 10)
        assert finding.value == pytest.approx(sample_ns / 100)
        for part in ("this is no rate", "1000 ns have 10", "lengthen the sample", "larger loop", "electrical"):
            assert part in finding.message


@pytest.mark.parametrize(("sample_ns", "broken"), [(50.0, False), (49.9, True)])
def test_a_sample_outlasts_a_dead_time(sample_ns, broken):
    found = of("SOEN-LI-002", by_hand(optical(sample_ns)))
    assert [(f.severity, f.value, f.limit, f.unit) for f in found] == (
        [("error", pytest.approx(sample_ns), 50.0, "ns")] if broken else []
    )


@pytest.mark.parametrize(
    ("key", "value", "unit", "spikes"),
    [
        ("spike_rate_max_mhz", 5.0, "MHz", 5.0),
        ("synapse_rate_max_mhz", 8.0, "MHz", 8.0),
        ("detector_dead_time_ns", 125.0, "ns", 8.0),
        ("synapse_rate_max_mhz", 20.0, "MHz", None),
    ],
)
def test_the_slowest_part_counts(tmp_path, key, value, unit, spikes):
    technology = own_technology(tmp_path, **{key: (value, unit)})
    found = of("SOEN-LI-001", by_hand(optical(technology=technology, folder=tmp_path)))
    assert [f.value for f in found] == ([] if spikes is None else [pytest.approx(spikes)])


def test_the_rules_are_for_states_that_light_carries():
    wires = by_hand(optical(0.1, medium="electrical", input_medium="electrical"))
    assert not [f for f in report(wires).findings if f.id.startswith("SOEN-LI")]
    inputs_alone = by_hand(optical(0.1, medium="electrical"))
    assert [f.id for f in report(inputs_alone).findings if f.id.startswith("SOEN-LI")] == ["SOEN-LI-002", "SOEN-LI-001"]
    spiking = check_chip(load_netlist(ROOT / "netlists" / "die-8100.yaml"), today=TODAY)
    assert not [f for f in spiking.findings if f.id.startswith("SOEN-LI")]


@pytest.mark.parametrize("key", ["spike_rate_max_mhz", "synapse_rate_max_mhz", "detector_dead_time_ns"])
def test_a_rate_that_is_missing_is_named(tmp_path, key):
    technology = own_technology(tmp_path, **{key: (None, "ns" if key.endswith("_ns") else "MHz")})
    found = of("SOEN-TE-001", by_hand(optical(technology=technology, folder=tmp_path)))
    assert any(f.object == "light" and key in f.message for f in found)


def test_a_chip_that_does_not_fit_is_told_about_its_light():
    found = check_chip(optical(100.0, die_um=300), today=TODAY).findings
    assert {"SOEN-LI-001", "SOEN-FP-001"} <= {f.id for f in found}


# --- power density ---------------------------------------------------------------------------------------


def density(netlist: Netlist, **options) -> list[Finding]:
    found = check_routed(by_hand(netlist), today=TODAY, **options)
    return [f for f in found.findings if f.id == "SOEN-PW-001"]


def test_power_density_above_the_limit_says_what_it_supposes():
    # 9 emitters of 1.63 pJ at 10 MHz on 4 mm^2
    emitters_mw = 9 * 1e4 * 6.62607015e-34 * 299_792_458 / 1.22e-6 / 1e-3 * 10e6 * 1e3
    (found,) = density(optical())
    assert (found.severity, found.object, found.limit, found.unit) == ("warning", "power", 1, "mW/cm^2")
    assert found.value == pytest.approx(emitters_mw / 0.04, rel=1e-3)
    for part in ("every emitter firing at 10 MHz", "emitters taking 100 %", "--activity", "photons_per_spike", "die"):
        assert part in found.message
    part = 1 / found.value
    assert density(optical(), activity=part * 0.999) == []
    (fewer,) = density(optical(), activity=part * 1.01)
    assert f"{10 * part * 1.01:.4g} MHz" in fewer.message
    assert density(optical(), rate_mhz=10 * part * 0.999) == []
    assert len(density(optical(), rate_mhz=10 * part * 1.01)) == 1


def test_power_density_can_be_waived():
    netlist = waived(optical(), ("SOEN-PW-001", "power", "2026-06-01"))
    (found,) = density(netlist)
    assert found.waived
    assert not [f for f in report(by_hand(netlist)).findings if f.id.startswith("SOEN-WV")]


def test_a_chip_that_is_not_laid_out_has_no_power_density():
    assert not [f for f in check_chip(parse_netlist(SMALL), today=TODAY).findings if f.id == "SOEN-PW-001"]


# --- inductors -------------------------------------------------------------------------------------------


def slow(beta_di: float, *, folder=None, technology="nist-2023", **changes) -> Netlist:
    """The nine neurons as SQUIDs with a loop; each has 12 synapses of 20 um."""
    virtual = "source_function: tanh, gamma_plus: 1.0e-5, gamma_minus: 1.0e-5,\n           reference_state: 1.0"
    text = chip_text(**changes).replace(virtual, f"{SQUID}, beta_di: {beta_di!r}, tau_di_ns: 1.0e+4")
    assert SQUID in text
    return parse_netlist(text.replace("technology: nist-2023", f"technology: {technology}"), folder=folder)


def beta_of(area_um2: float, *, sheet_ph: float = 394.0, width_um: float = 3.0, pitch_um: float = 4.0) -> float:
    """beta_di of the loop whose inductor has this area."""
    return area_um2 / (width_um * pitch_um) * sheet_ph * 1e-12 * 2 * math.pi * I_C / PHI_0


@pytest.mark.parametrize(("area_um2", "broken"), [(5199.0, 0), (5201.0, 9)])
def test_an_inductor_fits_beside_the_synapses(area_um2, broken):
    # a cell of 100 um has 10,000 um^2, and 12 synapses take 4800
    found = of("SOEN-FP-006", by_hand(slow(beta_of(area_um2), floorplan="cell_um: 100")))
    assert [f.count for f in found] == ([broken] if broken else [])
    for finding in found:
        assert (finding.severity, finding.value, finding.unit) == ("error", 100, "um")
        assert finding.limit == pytest.approx(math.sqrt(4800 + area_um2))
        assert finding.object.startswith("hidden[")
        squares = f"{area_um2 / 12:,.0f} squares"
        assert f"{squares} or 5,201 um^2, beside 12 synapses" in finding.message


def test_a_loop_as_small_as_a_synapse_is_part_of_its_neuron():
    exact = "cell_um: 69.29"  # 12 synapses of 20 um, and nothing beside
    assert of("SOEN-FP-006", by_hand(slow(beta_of(399.0), floorplan=exact), cell_um=69.29)) == []
    assert len(of("SOEN-FP-006", by_hand(slow(beta_of(401.0), floorplan=exact), cell_um=69.29))) == 1


def test_planes_share_synapses_and_inductor_which_lies_on_one():
    # 4800 um^2 of synapses and 5000 of the inductor on two planes
    two = "electronic_planes: 2\n  cell_um: "
    for cell_um, broken in ((71.0, 0), (70.0, 1)):  # 2 x 71^2 = 10,082 and 2 x 70^2 = 9800
        netlist = slow(beta_of(5001.0), floorplan=f"{two}{cell_um}")
        assert len(of("SOEN-FP-006", by_hand(netlist, cell_um=cell_um))) == broken
    for cell_um, broken in ((100.0, 0), (99.0, 1)):  # 9900 um^2 do not fit one plane of 99^2
        netlist = slow(beta_of(9900.0), floorplan=f"{two}{cell_um}")
        assert len(of("SOEN-FP-006", by_hand(netlist, cell_um=cell_um))) == broken


def test_another_film_and_finer_lines_make_room(tmp_path):
    beta_di, floorplan = beta_of(5300.0), "cell_um: 100"
    assert len(of("SOEN-FP-006", by_hand(slow(beta_di, floorplan=floorplan)))) == 1
    for key, value, unit in (
        ("sheet_inductance_ph_per_square", 410.0, "pH/square"),
        ("inductor_width_um", 2.9, "um"),
        ("inductor_pitch_um", 3.9, "um"),
    ):
        technology = own_technology(tmp_path, **{key: (value, unit)})
        netlist = slow(beta_di, folder=tmp_path, technology=technology, floorplan=floorplan)
        assert of("SOEN-FP-006", by_hand(netlist)) == [], key


def test_a_film_that_is_missing_is_named(tmp_path):
    technology = own_technology(tmp_path, sheet_inductance_ph_per_square=(None, "pH/square"))
    netlist = slow(1e3, folder=tmp_path, technology=technology)
    found = of("SOEN-TE-001", by_hand(netlist))
    assert any(f.object == "inductors" and "sheet_inductance_ph_per_square" in f.message for f in found)
    assert not of("SOEN-TE-001", by_hand(optical(folder=tmp_path, technology=technology)))  # virtual: no loop to price


# --- chips that ship -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["optical-28", "smallworld-100", "modular-1000"])
def test_optical_rate_chips_pass_with_their_waivers(name):
    netlist = load_netlist(ROOT / "netlists" / f"{name}.yaml")
    routed = route(netlist)
    found = check_routed(routed, today=datetime.date(2026, 12, 1))
    assert found.passes
    assert not [f for f in found.findings if f.severity != "note" and not f.waived]
    assert not [f for f in found.findings if f.id.startswith("SOEN-LI")]
    # what the waivers say: on the die that is stated, and at the activity of the data
    bare = dataclasses.replace(routed, netlist=netlist.model_copy(update={"waivers": ()}))
    density_of = {
        activity: {line.quantity: line.value for line in check_routed(bare, today=TODAY, activity=activity).budget}
        for activity in (1.0, 0.5)
    }
    assert (density_of[1.0]["power density"] > 1) == bool(netlist.waivers)
    assert density_of[0.5]["power density"] < 1


def test_optical_28_needs_no_waiver():
    assert load_netlist(ROOT / "netlists" / "optical-28.yaml").waivers == ()
