"""Rules on floorplan and routes, on chips laid out by hand: each fires beyond its limit, and not at it."""

import math
import re

import numpy as np
import pytest
from check_problems import TODAY, by_hand, of, report
from conftest import SMALL
from hypothesis import example, given, settings
from hypothesis import strategies as st
from layouts import chip, chip_text

from soensim.check import RULES, Box, check_chip, check_routed
from soensim.check.floorplan import overlapping
from soensim.check.grouped_findings import MOST_FINDINGS
from soensim.check.rules import ABSENCE_RULES
from soensim.netlist import Netlist, parse_netlist
from soensim.netlist.schema.waivers import RULE_PATTERN
from soensim.routing import REASONS, Channels, RoutedNetlist, route

HIDDEN = "hidden->hidden"


def row_of(*x_um: float, y_um: float = 500.0) -> dict[str, list[tuple[float, float]]]:
    """Places of the nine neurons of `layouts.chip`: these in a row, the others out of the way above."""
    rest = [(150.0 + 150 * k, 1500.0) for k in range(9 - len(x_um))]
    return {"hidden": [(x, y_um) for x in x_um] + rest}


# --- the registry ----------------------------------------------------------------------------------------


def test_ids_are_those_that_waivers_may_name():
    assert all(re.fullmatch(RULE_PATTERN, rule) for rule in RULES)
    assert all(RULES[rule].id == rule for rule in RULES)


def test_every_reason_of_an_absence_has_its_own_rule():
    assert set(ABSENCE_RULES) == set(REASONS)
    assert len(set(ABSENCE_RULES.values())) == len(REASONS)
    assert set(ABSENCE_RULES.values()) < set(RULES)


# --- floorplan -------------------------------------------------------------------------------------------


def test_cells_that_touch_do_not_overlap():
    assert of("SOEN-FP-002", by_hand(chip(), positions=row_of(300.0, 400.0, 500.0))) == []


def test_cells_that_overlap():
    (found,) = of("SOEN-FP-002", by_hand(chip(), positions=row_of(300.0, 370.0, 500.0)))
    assert (found.severity, found.object, found.limit) == ("error", "hidden[0], hidden[1]", 0)
    assert found.value == pytest.approx(30)
    assert found.location == pytest.approx(Box(320, 450, 350, 550))


squares = st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=40)


@given(squares, st.sampled_from([1.0, 7.5, 30.0]))
@example([(0.0, 0.0), (0.999, 0.999), (2.0, 0.5)], 1.0)
@settings(deadline=None)
def test_overlaps_are_those_of_all_pairs(places, side):
    x, y = np.array(places).T
    first, second = overlapping(x, y, side)
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert len(found) == len(set(found))
    apart = np.maximum(np.abs(x[:, None] - x), np.abs(y[:, None] - y))
    wanted = {(i, j) for i in range(len(x)) for j in range(i + 1, len(x)) if apart[i, j] < side - 1e-6}
    if len(places) <= 16:  # beyond, a bin may be deeper than what is compared: all squares, but not all pairs
        assert set(found) == wanted
    else:
        assert set(found) <= wanted
        assert bool(found) == bool(wanted)


@pytest.mark.parametrize(
    ("place", "by_um"),
    [((150.0, 500.0), 0), ((149.0, 500.0), 1), ((1851.0, 500.0), 1), ((500.0, 1900.0), 50), ((-300.0, 60.0), 450)],
)
def test_cells_stay_off_the_margin(place, by_um):
    found = of("SOEN-FP-003", by_hand(chip(), positions=row_of(place[0], y_um=place[1])))
    assert [(f.object, f.severity) for f in found] == ([("hidden[0]", "error")] if by_um else [])
    for finding in found:
        assert finding.value == pytest.approx(by_um)
        assert finding.location == Box.around(*place, 100.0)


def test_a_cell_holds_its_synapses():
    # 3 inputs and 9 neurons: 12 synapses of 20 um in one plane, 20 sqrt(12) = 69.3 um
    for cell_um, broken in ((69.2, 9), (69.3, 0)):
        netlist = chip(floorplan=f"cell_um: {cell_um}")
        found = of("SOEN-FP-004", by_hand(netlist, cell_um=cell_um))
        assert [f.count for f in found] == ([broken] if broken else [])
        for finding in found:
            assert finding.limit == pytest.approx(20 * math.sqrt(12))
            assert "9 of 9 cells of hidden" in finding.message
    two_planes = chip(floorplan="cell_um: 50\n  electronic_planes: 2")
    assert of("SOEN-FP-004", by_hand(two_planes, cell_um=50)) == []


def test_absent_synapses_take_no_room_where_they_are_pruned():
    gone = {HIDDEN: {(s, t): ("track", math.nan, math.nan) for s in range(9) for t in range(9)}}
    for absent, broken in (("error", 1), ("prune", 0)):
        netlist = chip(floorplan="cell_um: 60", absent=absent)
        assert len(of("SOEN-FP-004", by_hand(netlist, cell_um=60, absent=gone))) == broken


def test_a_cell_has_room_for_two_bends():
    narrow = chip(floorplan="cell_um: 49.9")
    (found,) = of("SOEN-FP-005", by_hand(narrow, cell_um=49.9))
    assert (found.severity, found.value, found.limit) == ("warning", 49.9, 50)
    assert of("SOEN-FP-005", by_hand(chip(floorplan="cell_um: 50"), cell_um=50)) == []
    wires = chip(floorplan="cell_um: 49.9", medium="electrical", input_medium="electrical")
    assert of("SOEN-FP-005", by_hand(wires, cell_um=49.9)) == []


def test_a_chip_that_does_not_fit_still_has_its_physics():
    found = check_chip(chip(die_um=300), today=TODAY)
    assert not found.passes
    assert found.routed is None
    assert found.budget == ()
    assert [f.id for f in found.findings] == ["SOEN-PH-001", "SOEN-PH-004", "SOEN-FP-001"]
    assert "300" in found.findings[-1].message


# --- channels --------------------------------------------------------------------------------------------


def channels() -> Channels:
    """Ten by ten places; row 2 is overfull at columns 3 and 5, column 7 at row 9."""
    row_wanted, column_wanted = np.zeros((10, 10), dtype=np.int64), np.zeros((10, 10), dtype=np.int64)
    row_wanted[2, [3, 5]] = 12, 15
    row_wanted[4, 0] = 10
    column_wanted[9, 7] = 4
    return Channels(row_wanted, column_wanted, np.full(10, 10), np.full(10, 3))


@pytest.mark.parametrize(("absent", "severity"), [("error", "error"), ("prune", "warning")])
def test_overfull_channels(absent, severity):
    found = of("SOEN-RT-001", by_hand(chip(absent=absent), channels=channels()))
    assert [(f.object, f.severity, f.value, f.limit) for f in found] == [
        ("row 2", severity, 15, 10),
        ("column 7", severity, 4, 3),
    ]
    assert found[0].location == Box(300, 200, 600, 300)
    assert found[1].location == Box(700, 900, 800, 1000)
    assert "at 2 of 10 places" in found[0].message


def test_many_channels_end_in_a_count():
    size = MOST_FINDINGS + 30
    wanted = np.zeros((size, 3), dtype=np.int64)
    wanted[:, 1] = np.arange(1, size + 1)
    full = Channels(wanted, np.zeros((size, 3), dtype=np.int64), np.zeros(size, dtype=np.int64), np.zeros(3))
    routed = by_hand(chip())
    placement = routed.layout.placement
    object.__setattr__(placement, "row_borders_um", np.arange(size + 1.0))
    object.__setattr__(routed.layout, "channels", full)
    found = of("SOEN-RT-001", routed)
    assert [f.count for f in found] == [1] * MOST_FINDINGS + [30]
    assert (found[0].object, found[0].value) == (f"row {size - 1}", size)
    assert (found[-1].object, found[-1].value) == ("rows", 30)
    assert "30 more, the worst of them row 29" in found[-1].message


# --- absent edges ----------------------------------------------------------------------------------------

NAN = math.nan
REASON_CASES = [
    ("track", (NAN, NAN), (NAN, NAN), "warning"),
    ("fan-out", (5.0, 4.0), (9.0, 4.0), "note"),
    ("crossings", (30.0, 20.0), (70.0, 20.0), "note"),
    ("delay", (60.0, 50.0), (80.0, 50.0), "note"),
    ("loss", (21.0, 20.0), (25.0, 20.0), "note"),
    ("photons", (9.0, 10.0), (2.0, 10.0), "note"),
    ("wire", (4100.0, 4000.0), (5000.0, 4000.0), "note"),
]


@pytest.mark.parametrize(("reason", "mild", "worst", "pruned"), REASON_CASES, ids=[c[0] for c in REASON_CASES])
@pytest.mark.parametrize("absent", ["error", "prune"])
def test_absent_edges(reason, mild, worst, pruned, absent):
    gone = {(0, 1): (reason, *mild), (3, 1): (reason, *worst), (2, 6): (reason, *mild)}
    routed = by_hand(chip(absent=absent), absent={HIDDEN: gone})
    (found,) = of(ABSENCE_RULES[reason], routed)
    assert found.severity == (pruned if absent == "prune" else "error")
    assert found.count == 3
    assert "3 of 81 edges of hidden->hidden do not exist" in found.message
    if reason == "track":
        assert (found.value, found.limit) == (None, None)
    else:
        assert (found.object, found.value, found.limit) == ("hidden[3]->hidden[1]", *worst)
        assert found.location == Box(250, 150, 450, 150)
    assert report(routed).passes == (absent == "prune")


def test_every_reason_and_projection_has_its_own_finding():
    gone = {
        HIDDEN: {(0, 1): ("loss", 21.0, 20.0), (0, 2): ("delay", 60.0, 50.0)},
        "pixels->hidden": {(0, 1): ("loss", 22.0, 20.0)},
    }
    routed = by_hand(chip(absent="error"), absent=gone)
    found = [(f.id, f.object) for f in report(routed).findings if f.severity == "error"]
    assert found == [
        ("SOEN-RT-006", "pixels[0]->hidden[1]"),
        ("SOEN-RT-005", "hidden[0]->hidden[2]"),
        ("SOEN-RT-006", "hidden[0]->hidden[1]"),
    ]


# --- fan-in, light, delay --------------------------------------------------------------------------------


def with_technology(tmp_path, numbers: str, text: str) -> Netlist:
    (tmp_path / "own.yaml").write_text(
        "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n" + numbers
    )
    return parse_netlist(text.replace("technology: nist-2023", "technology: ./own.yaml"), folder=tmp_path)


@pytest.mark.parametrize(("most", "broken"), [(12, 0), (11, 9)])
def test_fan_in_per_loop(tmp_path, most, broken):
    number = f'  fan_in_max: {{value: {most}, unit: "1", range: null, range_reason: "a test", source: "a test"}}\n'
    text = chip_text(medium="electrical", input_medium="electrical")
    found = of("SOEN-RT-010", by_hand(with_technology(tmp_path, number, text)))
    assert [(f.severity, f.count, f.value, f.limit) for f in found] == ([("error", broken, 12, 11)] if broken else [])


@pytest.mark.parametrize(("absent", "count"), [("prune", 1), ("error", 0)])
def test_neurons_that_lost_all_inputs(absent, count):
    gone = {(source, 4): ("loss", 30.0, 20.0) for source in range(9)}
    netlist = chip(absent=absent, inputs=3)
    routed = by_hand(
        netlist,
        absent={HIDDEN: gone, "pixels->hidden": {(source, 4): ("loss", 30.0, 20.0) for source in range(3)}},
    )
    found = of("SOEN-RT-011", routed)
    assert [(f.object, f.severity, f.count) for f in found] == [("hidden[4]", "warning", 1)] * count
    some = by_hand(netlist, absent={HIDDEN: gone})
    assert of("SOEN-RT-011", some) == []


def test_neurons_that_never_had_inputs_have_lost_none():
    netlist = chip(from_inputs="{kind: explicit, edges: [[0, 1]]}", topology="{kind: explicit, edges: [[0, 2]]}")
    assert of("SOEN-RT-011", by_hand(netlist)) == []
    (found,) = of("SOEN-RT-011", by_hand(netlist, absent={HIDDEN: {(0, 2): ("loss", 30.0, 20.0)}}))
    assert (found.object, found.count, found.value, found.limit) == ("hidden[2]", 1, 0, 1)


def test_less_than_one_photon_counted():
    missed = np.full(81, math.exp(-1))
    assert of("SOEN-RT-012", by_hand(chip(), paths={HIDDEN: {"no_photon_probability": missed}})) == []
    missed[[10, 20]] = 0.4, 0.9  # sorted by target: edge 20 is 2 -> 2
    routed = by_hand(chip(), paths={HIDDEN: {"no_photon_probability": missed, "photons": -np.log(missed) / 0.9}})
    (found,) = of("SOEN-RT-012", routed)
    assert (found.object, found.severity, found.count, found.value) == ("hidden[2]->hidden[2]", "warning", 2, 0.9)
    assert found.limit == pytest.approx(0.3679, abs=1e-4)
    assert f"{-math.log(0.9) / 0.9:.3g} at its detector" in found.message
    assert report(routed).passes


def test_delay_beyond_an_input_sample():
    netlist = chip()  # a sample of a million tau
    sample_ps = netlist.device_technology.junction.seconds_from_tau(1e6) * 1e12
    delay = np.full(81, sample_ps)
    assert of("SOEN-RT-013", by_hand(netlist, paths={HIDDEN: {"delay_ps": delay}})) == []
    delay[80] *= 1.001
    (found,) = of("SOEN-RT-013", by_hand(netlist, paths={HIDDEN: {"delay_ps": delay}}))
    assert (found.object, found.severity, found.count) == ("hidden[8]->hidden[8]", "warning", 1)
    assert found.location == Box(950, 150, 950, 150)


def test_chips_without_a_floorplan_say_so():
    found = check_chip(parse_netlist(SMALL), today=TODAY)
    assert [(f.id, f.severity) for f in found.findings if f.id.startswith("SOEN-RT")] == [("SOEN-RT-020", "note")]
    assert found.passes


# --- missing numbers -------------------------------------------------------------------------------------

NOT_FOUND = '{{value: null, unit: "1", range: null, range_reason: "not found", source: "not found"}}'


@pytest.mark.parametrize(
    ("key", "where"), [("cooling_overhead", "budget"), ("bend_radius_um", "floorplan"), ("fan_in_max", "routing")]
)
def test_a_missing_number_is_an_error(tmp_path, key, where):
    number = f"  {key}: {NOT_FOUND.format()}\n"
    text = chip_text()
    found = check_routed(by_hand(with_technology(tmp_path, number, text)), today=TODAY)
    missing = {f.object: f for f in found.findings if f.id == "SOEN-TE-001"}
    assert where in missing
    assert key in missing[where].message
    assert missing[where].severity == "error"
    assert not found.passes


# --- real routes -----------------------------------------------------------------------------------------


def summed(routed: RoutedNetlist) -> dict[str, int]:
    return {f"{p}: {r}": n for p, found in routed.projections.items() for r, n in found.absent.items()}


@pytest.mark.parametrize("strategy", ["crossbar", "manhattan", "direct"])
def test_routes_and_findings_agree(strategy):
    netlist = chip(
        strategy=strategy,
        absent="error",
        neurons=16,
        die_um=1700,
        routing="waveguide_pitch_um: 9, limits: {max_loss_db: 11, max_crossings: 40}",
    )
    routed = route(netlist)
    found = report(routed)
    rules = {rule: reason for reason, rule in ABSENCE_RULES.items()}
    counted: dict[str, int] = {}
    for finding in found.findings:
        if finding.id in rules:
            key = re.sub(r"\[\d+\]", "", finding.object)
            counted[f"{key}: {rules[finding.id]}"] = finding.count
    assert counted == summed(routed)
    assert found.passes == (not counted)
