"""Waivers: whom they accept, until when, and what is said of those that accept nothing."""

import datetime
import math

import numpy as np
import pytest
from check_problems import TODAY, by_hand, of, report, waived
from conftest import SMALL
from hypothesis import given
from hypothesis import strategies as st
from layouts import chip

from soensim.check import check_chip, check_routed
from soensim.check.waivers import glob
from soensim.netlist import parse_netlist

HIDDEN = "hidden->hidden"
GONE = {HIDDEN: {(s, 2): ("loss", 20.0 + s, 20.0) for s in range(1, 5)}}
OVER = "SOEN-RT-006"


def lossy(*waivers: tuple[str, str, str]):
    """Edges 1 to 4 -> 2 lose too much, 4 -> 2 the most; absent edges are errors."""
    return by_hand(waived(chip(absent="error"), *waivers), absent=GONE)


def counting(found):
    """IDs of the rules whose break makes the answer "no"."""
    return {finding.id for finding in found.findings if finding.counts}


#: A waiver accepts edges that are absent; the chip still asks for them, so that it cannot be simulated.
ACCEPTED = {"SOEN-SI-001"}


def test_a_waiver_accepts_what_it_names():
    assert not report(lossy()).passes
    found = report(lossy((OVER, "hidden[*]->hidden[2]", "2026-12-31")))
    assert counting(found) == ACCEPTED
    (finding,) = (f for f in found.findings if f.id == OVER)
    assert (finding.waived, finding.severity, finding.count) == (True, "error", 4)
    assert finding.as_dict()["waiver"] == {"reason": "known", "until": "2026-12-31"}


def test_edges_beside_a_waiver_still_count():
    # the worst edge alone is accepted: the other three are not
    routed = lossy((OVER, "hidden[4]->hidden[2]", "2026-12-31"))
    found = {f.waived: (f.object, f.count) for f in of(OVER, routed)}
    assert found == {True: ("hidden[4]->hidden[2]", 1), False: ("hidden[3]->hidden[2]", 3)}
    assert not report(routed).passes


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (OVER, "hidden[9]->hidden[2]"),
        (OVER, "hidden[1-4]->hidden[2]"),  # brackets stand for themselves
        (OVER, "hidden[?]->hidden[2]"),
        (OVER, "hidden*"[:-1]),
        ("SOEN-RT-005", "*"),
        ("SOEN-PH-001", "*"),  # what is as it should be needs no waiver
        ("SOEN-WV-001", "*"),
    ],
)
def test_a_waiver_that_matches_nothing_is_pointed_at(rule, name):
    routed = lossy((rule, name, "2026-12-31"))
    (found,) = of("SOEN-WV-001", routed)
    assert (found.severity, found.object, found.value) == ("warning", "waivers[0]", 0)
    assert f"{rule} on {name!r} (known)" in found.message
    assert not report(routed).passes


def test_an_unknown_rule_is_named():
    (found,) = of("SOEN-WV-001", lossy(("SOEN-RT-060", "*", "2026-12-31")))
    assert "names no rule; the nearest is SOEN-RT-0" in found.message


def test_waivers_end():
    routed = lossy((OVER, "*", "2026-06-01"))
    assert counting(report(routed)) == ACCEPTED  # the last day
    late = check_routed(routed, today=TODAY + datetime.timedelta(days=1))
    assert not late.passes
    ended = [f for f in late.findings if f.id.startswith("SOEN-WV")]
    assert [(f.id, f.severity, f.value) for f in ended] == [("SOEN-WV-002", "warning", 4)]
    assert "4 broken objects" in ended[0].message


def test_another_waiver_takes_over_from_one_that_ended():
    routed = lossy((OVER, "*", "2026-01-01"), (OVER, "hidden[4]*", "2027-01-01"), (OVER, "*", "2027-01-01"))
    assert counting(report(routed)) == ACCEPTED
    assert [(f.count, f.waived) for f in of(OVER, routed)] == [(1, True), (3, True)]
    assert [f.object for f in of("SOEN-WV-002", routed)] == ["waivers[0]"]
    assert of("SOEN-WV-001", routed) == []


def test_single_findings_can_be_waived():
    netlist = parse_netlist(SMALL.replace("bias_current: 1.9", "bias_current: 1.0"))
    assert not check_chip(netlist, today=TODAY).passes
    accepted = waived(netlist, ("SOEN-PH-003", "populations.*.bias_current", "2026-12-31"))
    assert check_chip(accepted, today=TODAY).passes
    unfit = waived(chip(die_um=300), ("SOEN-FP-001", "floorplan", "2026-12-31"))
    assert counting(check_chip(unfit, today=TODAY)) == ACCEPTED


def test_a_waiver_makes_nothing_run():
    routed = lossy((OVER, "*", "2026-12-31"), ("SOEN-SI-001", "*", "2026-12-31"))
    found = report(routed)
    assert counting(found) == ACCEPTED
    (told,) = of("SOEN-SI-001", routed)
    assert "cannot be simulated: " in told.message
    assert "4 of" in told.message
    (useless,) = of("SOEN-WV-001", routed)
    assert "this rule cannot be waived" in useless.message
    coarse = waived(parse_netlist(SMALL.replace("substeps: 2", "substeps: 1")), ("SOEN-PH-001", "*", "2026-12-31"))
    assert counting(check_chip(coarse, today=TODAY)) <= ACCEPTED


def test_objects_that_are_listed_one_by_one():
    positions = {"hidden": [(150.0 + 200 * k, 150.0) for k in range(7)] + [(150.0, 220.0), (350.0, 230.0)]}
    name = "hidden[0], hidden[7]"
    routed = by_hand(waived(chip(), ("SOEN-FP-002", name, "2026-12-31")), positions=positions)
    assert [(f.object, f.waived) for f in of("SOEN-FP-002", routed)] == [(name, True), ("hidden[1], hidden[8]", False)]


plain_text = st.text("ab[].?+-> 1^$\\", max_size=6)


@given(st.lists(plain_text, min_size=1, max_size=4), plain_text)
def test_stars_stand_for_any_text_and_all_else_for_itself(parts, filler):
    assert glob("*".join(parts)).fullmatch(filler.join(parts))
    assert bool(glob(parts[0]).fullmatch(filler)) == (parts[0] == filler)


def test_no_photon_findings_are_split_too():
    missed = np.full(81, 0.1)
    missed[:2] = 0.5, 0.6
    netlist = waived(chip(), ("SOEN-RT-012", "hidden[1]->hidden[0]", "2026-12-31"))
    found = of("SOEN-RT-012", by_hand(netlist, paths={HIDDEN: {"no_photon_probability": missed}}))
    assert [(f.object, f.waived, f.value) for f in found] == [
        ("hidden[1]->hidden[0]", True, 0.6),
        ("hidden[0]->hidden[0]", False, 0.5),
    ]
    assert math.isclose(found[0].limit or 0, math.exp(-1))
