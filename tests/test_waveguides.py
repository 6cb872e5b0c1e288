"""Tracks, crossings, trees and the ledger, against walks over the graph, slow references and published arithmetic."""

import dataclasses
import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import chip, crossings_by_hand, pairs, walk

from soensim.errors import RoutingError
from soensim.netlist import parse_netlist
from soensim.routing import graph, route
from soensim.routing.crossbar import crossbar_trees
from soensim.routing.crossings import count_chord_crossings, count_grid_crossings
from soensim.routing.geometry import _slots
from soensim.routing.graph import waveguide_graph
from soensim.routing.layer_stack import MAX_TRACKS, LayerStack, channel_tracks
from soensim.routing.ledger import LossTable, optical_ledger, split_shares
from soensim.routing.nets import Nets
from soensim.routing.tracks import Runs, assign_tracks
from soensim.routing.waveguides import Kind, Waveguides
from soensim.technology import load_technology

CHIPS = {
    "two planes": {},
    "one plane": {"routing": "photonic_planes: 1"},
    "five planes, few tracks": {"routing": "photonic_planes: 5, waveguide_pitch_um: 20"},
    "starved channels": {"routing": "waveguide_pitch_um: 15"},
    "straight lines": {"strategy": "direct"},
    "steiner trees": {"strategy": "manhattan"},
    "no inputs but one": {"inputs": 1, "topology": "{kind: random, density: 0.3, seed: 1}"},
    "ports on top": {"floorplan": "input_side: top"},
}


# --- the ledger ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
def test_the_ledger_is_what_a_walk_over_the_graph_finds(changes):
    routed = route(chip(**changes))
    graph = waveguide_graph(routed)
    detectors = {
        (data["source"], data["target"]): name for name, data in graph.nodes(data=True) if data["kind"] == "detector"
    }
    assert len(detectors) == sum(len(p.edges) for p in routed.projections.values()) > 0
    for projection in routed.netlist.projections:
        found = routed.projections[projection.key]
        for k, (j, i) in enumerate(zip(found.edges.sources, found.edges.targets, strict=True)):
            walked = walk(graph, detectors[(projection.source, int(j)), (projection.target, int(i))])
            ledger = found.ledger
            assert walked["crossings"] == ledger.crossings[k] + ledger.plane_crossings[k]
            assert (walked["couplers"], walked["taps"]) == (ledger.couplers[k], ledger.taps[k])
            for name in ("length_um", "delay_ps", "loss_db"):
                assert walked[name] == pytest.approx(getattr(ledger, name)[k], abs=1e-9)
            assert 1e4 * 10 ** (-walked["loss_db"] / 10) == pytest.approx(ledger.photons[k])


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
def test_counts_and_places_are_whole_numbers(changes):
    guides = route(chip(**changes)).layout.waveguides
    for field in dataclasses.fields(guides):
        assert (getattr(guides, field.name).dtype.kind == "f") == field.name.endswith("_um"), field.name
    roots = guides.kind == Kind.EMITTER
    assert (guides.parent[roots] == -1).all()
    assert (guides.parent[~roots] >= 0).all()


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
def test_every_waveguide_of_the_graph_is_as_long_as_its_ends_are_apart(changes):
    graph = waveguide_graph(route(chip(**changes)))
    for start, end, data in graph.edges(data=True):
        a, b = graph.nodes[start], graph.nodes[end]
        along = [abs(a[axis] - b[axis]) for axis in ("x_um", "y_um")]
        apart = math.hypot(*along) if changes.get("strategy") == "direct" else sum(along)
        assert data["length_um"] == pytest.approx(apart, abs=1e-6)


def test_light_passes_a_coupler_for_every_plane_that_it_climbs():
    guides = route(chip(**CHIPS["five planes, few tracks"])).layout.waveguides
    inner = guides.parent >= 0
    climbed = np.abs(guides.plane - guides.plane[guides.parent])[inner]
    assert climbed.max() >= 3
    assert (guides.couplers[inner] == climbed).all()
    assert (guides.couplers[~inner] == 0).all()


def test_waveguides_along_rows_are_on_even_planes_and_those_along_columns_on_odd_ones():
    guides = route(chip(**CHIPS["five planes, few tracks"])).layout.waveguides
    above = np.where(guides.parent >= 0, guides.parent, 0)
    drawn = (guides.parent >= 0) & (guides.length_um > 0)
    along_row, along_column = drawn & (guides.y_um == guides.y_um[above]), drawn & (guides.x_um == guides.x_um[above])
    assert {0, 2} <= set(guides.plane[along_row]) <= {0, 2, 4}
    assert {1} <= set(guides.plane[along_column]) <= {1, 3}


def test_tracks_of_a_channel_are_limited_over_all_its_planes():
    placement = SimpleNamespace(row_borders_um=np.array([0.0, 3e5]), column_borders_um=np.array([0.0, 10.0]))
    pitch_um = 3e5 / (MAX_TRACKS / 4)
    assert 0 < channel_tracks(placement, LayerStack(4, pitch_um))[0].sum() <= MAX_TRACKS
    with pytest.raises(RoutingError, match=f"a channel of 300000 um has more than {MAX_TRACKS} tracks at a pitch of"):
        channel_tracks(placement, LayerStack(5, pitch_um))


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
def test_every_detector_of_a_net_gets_the_same_light_and_none_is_lost(changes):
    routed = route(chip(**changes))
    guides = routed.layout.waveguides
    share = split_shares(guides, LossTable.of(routed.netlist.device_technology))
    inner = guides.parent >= 0
    sent = np.bincount(guides.parent[inner], weights=share[inner], minlength=len(guides))
    leaf = guides.kind == Kind.DETECTOR
    empty = (guides.kind == Kind.EMITTER) & (sent == 0)  # a net that lost all its edges
    assert sent[~leaf & ~empty] == pytest.approx(1)
    by_emitter: dict[tuple[str, int], list[float]] = {}
    for projection in routed.netlist.projections:
        found = routed.projections[projection.key]
        for j, photons in zip(found.edges.sources, found.ledger.photons, strict=True):
            by_emitter.setdefault((projection.source, int(j)), []).append(float(photons))
    for photons in by_emitter.values():
        assert photons == pytest.approx([photons[0]] * len(photons))


def one_net(k, *, length_um, plane_crossings=0, crossings=0, couplers=0, taps=0):
    """k equal paths from one emitter."""
    n = k + 1
    first = np.arange(n) == 0

    def each(value, dtype=np.int64):
        return np.where(first, 0, value).astype(dtype)

    guides = Waveguides(
        net=each(0),
        parent=np.where(first, -1, 0),
        kind=np.where(first, Kind.EMITTER, Kind.DETECTOR).astype(np.int8),
        x_um=each(length_um, np.float64),
        y_um=each(0, np.float64),
        plane=each(0),
        length_um=each(length_um, np.float64),
        bends=each(0),
        crossings=each(crossings),
        plane_crossings=each(plane_crossings),
        taps=each(taps),
        couplers=each(couplers),
        detector=np.arange(1, n),
    )
    zero, one = np.zeros(k, dtype=np.int64), np.zeros(1, dtype=np.int64)
    return guides, Nets(one, one, one, one, np.array([0, k]), zero, np.arange(k), zero, zero)


@pytest.mark.parametrize(("k", "loss_db", "photons", "none"), [(28, 16.8, 6.5, None), (100, 22.3, 1.8, 0.16)])
def test_photon_arithmetic_of_a_tree(k, loss_db, photons, none):
    """docs/hardware.md: 312 photons, 0.24 dB/cm, 0.02 dB per crossing, 2 couplers, 1 cm, 100 crossings, no bends."""
    guides, nets = one_net(k, length_um=1e4, crossings=100, couplers=2)
    losses = LossTable.of(load_technology("nist-2023"))
    ledger = optical_ledger(guides, nets, losses, photons_per_spike=312, detector_efficiency=1.0)
    assert ledger.loss_db == pytest.approx([loss_db] * k, abs=0.05)
    assert ledger.photons == pytest.approx([photons] * k, abs=0.05)
    assert ledger.split_db == pytest.approx([10 * math.log10(k)] * k)
    if none is not None:
        assert ledger.no_photon_probability == pytest.approx([none] * k, abs=0.005)


# --- planes ----------------------------------------------------------------------------------------------


def test_rows_are_on_even_planes_and_columns_on_odd_ones():
    for planes, rows, columns in [(1, [0], [0]), (2, [0], [1]), (5, [0, 2, 4], [1, 3])]:
        stack = LayerStack(planes, 10.0)
        assert stack.planes_along(row=True).tolist() == rows
        assert stack.planes_along(row=False).tolist() == columns


def test_tracks_fill_a_channel_plane_by_plane_and_no_two_lie_on_one_another():
    stack, borders_um = LayerStack(5, 10.0), np.array([0.0, 30.0, 59.9999999999, 64.0])
    assert stack.tracks(borders_um, row=True).tolist() == [9, 9, 0]  # a channel that misses a track by 1e-10 has it
    assert stack.tracks(borders_um, row=False).tolist() == [6, 6, 0]
    at_um, plane = stack.place(np.full(9, 1), np.arange(9), borders_um, row=True)
    assert plane.tolist() == [0, 0, 0, 2, 2, 2, 4, 4, 4]
    within = [10 * track + 10 * (level + 0.5) / 3 for level in range(3) for track in range(3)]
    assert at_um == pytest.approx(30 + np.array(within))
    at_um, plane = stack.place(np.full(6, 0), np.arange(6), borders_um, row=False)
    assert plane.tolist() == [1, 1, 1, 3, 3, 3]
    assert at_um == pytest.approx([2.5, 12.5, 22.5, 7.5, 17.5, 27.5])
    at_um, plane = stack.place(np.zeros(3, dtype=np.int64), np.arange(3), np.array([0.0, 14.0]), row=True)
    assert plane.tolist() == [0, 2, 4]  # one track on each plane
    assert at_um == pytest.approx([10 / 6, 5, 50 / 6])


def test_detectors_lie_between_the_tracks_of_their_place():
    stack, borders_um = LayerStack(2, 10.0), np.array([0.0, 40.0, 44.0])
    place, rank = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 1])
    at_um = stack.slot(place, rank, np.array([3, 3, 3, 2, 2]), borders_um)
    assert at_um == pytest.approx([10, 20, 30, 40, 44])


# --- crossings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(4, 31))
def test_chords_of_a_circle_cross_n_choose_4_times(n):
    positions = [
        [1000 + 800 * math.cos(2 * math.pi * k / n), 1000 + 800 * math.sin(2 * math.pi * k / n)] for k in range(n)
    ]
    edges = [[a, b] for a in range(n) for b in range(a + 1, n)]
    text = f"""
schema: soensim/1
name: circle
technology: nist-2023
populations: {{ring: {{kind: dendrite, size: {n}, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}}}}
projections:
  - source: ring
    target: ring
    topology: {{kind: explicit, edges: {edges}}}
    efficacy: {{bits: 4, range: 1.0}}
    medium: optical
timing: {{sample_tau: 10}}
floorplan:
  die_width_um: 2000
  die_height_um: 2000
  margin_um: 10
  cell_um: 20
  placement: {{kind: explicit, positions_um: {{ring: {positions}}}}}
routing: {{strategy: direct, absent_edges: error, detector_efficiency: 1.0}}
"""
    ledger = route(parse_netlist(text)).projections["ring->ring"].ledger
    assert ledger.crossings.sum() == 2 * math.comb(n, 4)  # each crossing is on two chords
    assert not ledger.plane_crossings.any()


coordinates = st.integers(0, 12)


@given(st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_chord_crossings_are_those_found_by_solving(lines):
    lines = [line for line in lines if line[:2] != line[2:]] or [(0, 0, 1, 1)]
    x1, y1, x2, y2 = (np.array(column, dtype=float) for column in zip(*lines, strict=True))
    assert count_chord_crossings(x1, y1, x2, y2).tolist() == crossings_by_hand(lines)


pieces = st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=0, max_size=15)


@given(pieces, pieces)
@settings(max_examples=100, deadline=None)
def test_grid_crossings_are_those_found_pair_by_pair(rows, columns):
    def arrays(parts):
        at = [a for a, _, _ in parts]
        return tuple(
            np.array(v, dtype=float) for v in (at, [min(b, c) for _, b, c in parts], [max(b, c) for _, b, c in parts])
        )

    y, x_low, x_high = arrays(rows)
    x, y_low, y_high = arrays(columns)
    expected = [
        sum(x_low[k] < x[m] < x_high[k] and y_low[m] < y[k] < y_high[m] for m in range(len(x))) for k in range(len(y))
    ]
    assert count_grid_crossings(y, x_low, x_high, (x, y_low, y_high)).tolist() == expected


# --- tracks ----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2), coordinates, coordinates), min_size=1, max_size=25), st.integers(0, 4))
@settings(max_examples=100, deadline=None)
def test_tracks_hold_one_run_at_a_place_and_as_many_as_can_be(runs, tracks):
    channel, low, high = (
        np.array(v) for v in ([r[0] for r in runs], [min(r[1:]) for r in runs], [max(r[1:]) for r in runs])
    )
    wanted = Runs(channel, low, high, np.empty(0, dtype=np.int64))
    track = assign_tracks(wanted, np.full(3, tracks))
    for place in range(13):
        at = [(channel[k], track[k]) for k in range(len(runs)) if track[k] >= 0 and low[k] <= place <= high[k]]
        assert len(at) == len(set(at))
    assert track.max(initial=-1) < tracks
    if wanted.wanted(3, 13).max() <= tracks:
        assert (track >= 0).all()
    # no choice keeps more: the known optimum of k-colourable interval subgraphs, by end, refusing what does not fit
    best = 0
    for c in range(3):
        kept: list[int] = []
        for k in sorted(np.flatnonzero(channel == c), key=lambda k: high[k]):
            load = [sum(low[m] <= p <= high[m] for m in (*kept, k)) for p in range(low[k], high[k] + 1)]
            if max(load) <= tracks:
                kept.append(k)
        best += len(kept)
    assert (track >= 0).sum() == best


def test_runs_that_touch_need_two_tracks_and_runs_side_by_side_need_one():
    """A run takes a track at both of its ends too: two that share only an end place cannot share a track."""
    touching = Runs(*(np.array(v) for v in ([0, 0], [0, 3], [3, 5])), np.empty(0, dtype=np.int64))
    assert assign_tracks(touching, np.array([2])).tolist() == [0, 1]
    assert assign_tracks(touching, np.array([1])).tolist() in ([0, -1], [-1, 0])
    assert touching.wanted(1, 6).tolist() == [[1, 1, 1, 2, 1, 1]]
    apart = Runs(*(np.array(v) for v in ([0, 0], [0, 3], [2, 5])), np.empty(0, dtype=np.int64))
    assert assign_tracks(apart, np.array([2])).tolist() == [0, 0]
    assert apart.wanted(1, 6).tolist() == [[1] * 6]


def test_no_two_waveguides_lie_on_one_another():
    for changes in CHIPS.values():
        if changes.get("strategy") == "direct":
            continue
        guides = route(chip(**changes)).layout.waveguides
        segments: dict[tuple[int, bool, float], list[tuple[float, float]]] = {}
        for node in np.flatnonzero((guides.parent >= 0) & (guides.length_um > 0)):
            above = guides.parent[node]
            along_row = guides.y_um[node] == guides.y_um[above]
            assert along_row or guides.x_um[node] == guides.x_um[above]
            a, b = (guides.x_um if along_row else guides.y_um)[[above, node]]
            across = (guides.y_um if along_row else guides.x_um)[node]
            segments.setdefault((int(guides.plane[node]), bool(along_row), float(across)), []).append(
                (min(a, b), max(a, b))
            )
        for parts in segments.values():
            parts.sort()
            assert all(before[1] <= after[0] for before, after in itertools.pairwise(parts))


def test_light_bends_where_its_waveguide_turns():
    """Not where it leaves its emitter, and once at every node behind which it goes on at a right angle."""
    turned = 0
    for changes in CHIPS.values():
        if changes.get("strategy") == "direct":
            continue
        guides = route(chip(**changes)).layout.waveguides
        for node in np.flatnonzero(guides.length_um > 0):
            above = guides.parent[node]
            before = guides.parent[above]
            if before < 0:
                assert guides.bends[node] == 0
            elif guides.length_um[above] > 0:
                along_row, along_row_before = (
                    guides.y_um[b] == guides.y_um[a] for a, b in ((above, node), (before, above))
                )
                assert guides.bends[node] == (along_row != along_row_before)
                turned += along_row != along_row_before
        assert not guides.bends[guides.parent < 0].any()
    assert turned > 20


# --- trees -----------------------------------------------------------------------------------------------


def nets_of(emitters, sinks):
    """Nets from the places (column, row) of emitters, and a list of the places of detectors for each."""
    flat = [place for of_net in sinks for place in of_net]
    none = np.zeros(len(emitters), dtype=np.int64)
    return Nets(
        none,
        none,
        *(np.array([e[axis] for e in emitters]) for axis in (0, 1)),
        np.cumsum([0, *map(len, sinks)]),
        np.zeros(len(flat), dtype=np.int64),
        np.arange(len(flat)),
        *(np.array([s[axis] for s in flat], dtype=np.int64) for axis in (0, 1)),
    )


@given(st.data(), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_crossbar_trees_reach_every_sink_with_one_turn(data, columns, rows):
    places = st.tuples(st.integers(0, columns - 1), st.integers(0, rows - 1))
    emitters = data.draw(st.lists(places, min_size=1, max_size=4))
    sinks = [data.draw(st.lists(places, unique=True, max_size=8)) for _ in emitters]
    flat = [place for of_net in sinks for place in of_net]
    nets = nets_of(emitters, sinks)
    trees = crossbar_trees(nets, columns, rows)
    assert len({(n, c, r) for n, c, r in zip(trees.net, trees.column, trees.row, strict=True)}) == len(trees)
    for sink, node in enumerate(trees.sink_node):
        assert (trees.column[node], trees.row[node]) == flat[sink]
        net, turns, last = trees.net[node], 0, None
        assert net == nets.net[sink]
        while trees.parent[node] >= 0:
            above = trees.parent[node]
            assert above < node
            along_row = trees.row[above] == trees.row[node]
            assert along_row or trees.column[above] == trees.column[node]
            turns += last is not None and along_row != last
            node, last = above, along_row
        assert turns <= 1
        assert (trees.column[node], trees.row[node]) == emitters[net]
    # cut back to some of the sinks: the same places in the same order, without dead ends or nodes that do nothing
    kept = np.array([data.draw(st.booleans()) for _ in flat], dtype=bool)
    pruned = trees.pruned(kept)
    hosts = set(pruned.sink_node.tolist())
    places = {(n, c, r) for n, c, r in zip(trees.net, trees.column, trees.row, strict=True)}
    for node in range(len(pruned)):
        assert (pruned.net[node], pruned.column[node], pruned.row[node]) in places
        children = np.flatnonzero(pruned.parent == node)
        above = pruned.parent[node]
        if above >= 0 and node not in hosts:
            assert len(children) > 0
            straight = (pruned.row[node] == pruned.row[above]) == (pruned.row[children[0]] == pruned.row[node])
            assert len(children) > 1 or not straight
    reached = [(int(pruned.column[n]), int(pruned.row[n])) for n in pruned.sink_node]
    assert reached == [place for place, stays in zip(flat, kept, strict=True) if stays]


@given(st.data(), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_a_crossbar_net_has_its_trunk_where_it_is_shorter(data, columns, rows):
    """Covered steps of the grid against those of both ways; as long as each other, by the parity of the emitter."""
    places = st.tuples(st.integers(0, columns - 1), st.integers(0, rows - 1))
    emitters = data.draw(st.lists(places, min_size=1, max_size=4))
    sinks = [data.draw(st.lists(places, unique=True, max_size=8)) for _ in emitters]
    trees = crossbar_trees(nets_of(emitters, sinks), columns, rows)

    def line(a, b):
        """Steps of the grid from one place to another in the same row or column."""
        if a > b:
            a, b = b, a
        (c, r), (d, q) = a, b
        if r == q:
            return {((k, r), (k + 1, r)) for k in range(c, d)}
        return {((c, k), (c, k + 1)) for k in range(r, q)}

    for net, ((c0, r0), of_net) in enumerate(zip(emitters, sinks, strict=True)):
        by_row = set().union(*(line((c0, r0), (c, r0)) | line((c, r0), (c, r)) for c, r in of_net))
        by_column = set().union(*(line((c0, r0), (c0, r)) | line((c0, r), (c, r)) for c, r in of_net))
        odd = (c0 + r0) % 2 == 1
        turned = len(by_column) < len(by_row) or (len(by_column) == len(by_row) and odd)
        nodes = [k for k in range(len(trees)) if trees.net[k] == net and trees.parent[k] >= 0]
        at = list(zip(trees.column.tolist(), trees.row.tolist(), strict=True))
        covered = [line(at[trees.parent[k]], at[k]) for k in nodes]
        assert set().union(*covered) == (by_column if turned else by_row)
        assert sum(map(len, covered)) == len(set().union(*covered))  # no step twice


def test_detectors_of_a_cell_have_a_slot_each():
    """Ranks 0 to n - 1 of n in every cell, whichever nets they are of; other nodes are in the middle of their place."""
    sinks = [[(c, r) for c in range(2) for r in range(4)], [(0, 0), (1, 2), (1, 1)], [(1, 2)]]
    nets = nets_of([(0, 0), (1, 0), (1, 1)], sinks)
    trees = crossbar_trees(nets, 2, 4)
    grid = SimpleNamespace(columns=2, column_borders_um=None, row_borders_um=None)
    seen = SimpleNamespace(slot=lambda _, rank, count, __: np.stack([rank, count]))
    found = _slots(nets, trees, grid, seen)
    np.testing.assert_array_equal(*found)
    rank, count = found[0]
    flat = [place for of_net in sinks for place in of_net]
    for cell in set(flat):
        nodes = [node for node, place in zip(trees.sink_node, flat, strict=True) if place == cell]
        assert sorted(rank[nodes].tolist()) == list(range(len(nodes)))
        assert set(count[nodes].tolist()) == {len(nodes)}
    others = np.setdiff1d(np.arange(len(trees)), trees.sink_node)
    assert len(others) > 0
    assert not rank[others].any()
    assert (count[others] == 1).all()


# --- the graph -------------------------------------------------------------------------------------------


def test_a_net_alone_is_a_part_of_the_whole_graph():
    routed = route(chip())
    whole, alone = waveguide_graph(routed), waveguide_graph(routed, [2])
    assert set(alone) == {name for name in whole if name[0] == 2}
    assert all(alone.nodes[name] == whole.nodes[name] for name in alone)


def test_a_graph_too_large_is_refused_before_it_is_made(monkeypatch):
    """Counted: the nodes of the trees, and whatever lies on the waveguides between them."""
    routed = route(chip())
    guides = routed.layout.waveguides
    size = len(guides.net) + int((guides.crossings + guides.plane_crossings + guides.couplers).sum())
    whole = len(waveguide_graph(routed))
    assert size <= whole <= 2 * size
    monkeypatch.setattr(graph, "MAX_NODES", size)
    assert len(waveguide_graph(routed)) == whole
    monkeypatch.setattr(graph, "MAX_NODES", size - 1)
    with pytest.raises(
        RoutingError, match=rf"the graph would have {size} nodes; the limit is {size - 1}: ask for some"
    ):
        waveguide_graph(routed)
    waveguide_graph(routed, [0])


def test_chips_without_waveguides_have_no_graph():
    with pytest.raises(RoutingError, match="no projection is optical"):
        waveguide_graph(route(chip(medium="electrical", input_medium="electrical")))
    with pytest.raises(RoutingError, match="nets 0 to 11"):
        waveguide_graph(route(chip()), [12])


def test_pairs_of_a_present_chip_are_all():
    assert pairs(route(chip()), "hidden->hidden") == {(j, i) for j in range(9) for i in range(9)}


def lattice_lines(seed):
    """Lines between the cells of a grid with rounded coordinates: many touch, or pass within a rounding of an end."""
    rng = np.random.default_rng(seed)
    pitch, offset = rng.choice([33.3, 28.37, 17.1, rng.uniform(5, 50)]), rng.uniform(0, 30, 2)
    places = rng.integers(0, rng.integers(3, 9), (24, 4))
    return [(places[:, k] + 0.5) * pitch + offset[k % 2] for k in range(4)]


@pytest.mark.parametrize("seed", range(200))
def test_chord_crossings_are_exact(seed):
    columns = lattice_lines(seed)
    scale = 2**60  # of every coordinate, which makes it an exact integer
    whole = [[int(Fraction(value) * scale) for value in column.tolist()] for column in columns]
    lines = list(zip(*whole, strict=True))
    assert whole == [[Fraction(value) * scale for value in column.tolist()] for column in columns]

    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    def apart(line, other):
        return side(line[:2], line[2:], other[:2]) * side(line[:2], line[2:], other[2:]) < 0

    expected = [sum(apart(a, b) and apart(b, a) for b in lines) for a in lines]
    assert count_chord_crossings(*columns).tolist() == expected
