"""The floorplan picture shows every cell, port and waveguide once, where it is, in the colour of its loss."""

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from layouts import chip
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.text import Text

from soensim.errors import RoutingError, SoensimError
from soensim.netlist import load_netlist, parse_netlist
from soensim.report import figures
from soensim.report.figures.floorplans import waveguides
from soensim.report.figures.floorplans.bundles import bundle, occupancy
from soensim.report.figures.floorplans.routes import find_optics, losses_from_emitter
from soensim.routing import Channels, route
from soensim.routing.ledger import LossTable
from soensim.routing.waveguides import Kind

NETLISTS = Path(__file__).parents[1] / "netlists"

MANY = """
schema: soensim/1
name: many
technology: nist-2023
populations:
  an-input-population-whose-name-is-long: {kind: input, size: 12, drive_low: 0.0, drive_high: 0.5}
  labels: {kind: input, size: 5, drive_low: 0.0, drive_high: 0.5}
POPULATIONS
projections:
  - {source: an-input-population-whose-name-is-long, target: p0, topology: all-to-all, EFFICACY, medium: optical}
  - {source: labels, target: p3, topology: all-to-all, EFFICACY, medium: electrical}
PROJECTIONS
timing: {sample_tau: 100}
floorplan:
  {die_width_um: 1500, die_height_um: 1200, margin_um: 100, placement: {kind: grid}, synapse_pitch_um: 20, cell_um: 90}
routing: {strategy: crossbar, absent_edges: prune, detector_efficiency: 0.9}
"""


def many():
    """Seven populations in a ring, two input populations, both media."""
    size = "size: 12, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1"
    populations = "\n".join(f"  p{k}: {{kind: dendrite, {size}}}" for k in range(7))
    ring = "\n".join(
        f"  - {{source: p{k}, target: p{(k + 1) % 7}, topology: all-to-all, EFFICACY, medium: optical}}"
        for k in range(7)
    )
    text = MANY.replace("POPULATIONS", populations).replace("PROJECTIONS", ring)
    return parse_netlist(text.replace("EFFICACY", "efficacy: {bits: 4, range: 0.3}"))


CHIPS = {
    "two planes": lambda: chip(),
    "28 neurons": lambda: chip(neurons=28, inputs=8),
    "one plane": lambda: chip(routing="photonic_planes: 1"),
    "five planes": lambda: chip(routing="photonic_planes: 5, waveguide_pitch_um: 10"),
    "starved channels": lambda: chip(neurons=49, inputs=12, routing="waveguide_pitch_um: 15"),
    "straight lines": lambda: chip(strategy="direct"),
    "no inputs but one": lambda: chip(inputs=1, topology="{kind: random, density: 0.3, seed: 1}"),
    "one neuron": lambda: chip(neurons=1, inputs=1, die_um=400),
    "electrical": lambda: chip(medium="electrical", input_medium="electrical"),
    "both media": lambda: chip(input_medium="electrical"),
    "nothing routed": lambda: chip(routing="limits: {max_loss_db: 0}"),
    "many populations": many,
}
OPTICAL = [name for name in CHIPS if name != "electrical"]


@pytest.fixture(scope="module")
def routed():
    """Every chip, routed once."""
    return {name: route(make()) for name, make in CHIPS.items()}


@pytest.fixture(scope="module")
def pictures(routed):
    """Draw a chip, once; for tests that look at its figure and leave it as it is."""
    return cache(lambda name: figures.floorplan(routed[name]))


def drawn(figure, kind, prefix, axes=0):
    """The collections of one part of a figure (the die first), whose names begin so."""
    return [c for c in figure.axes[axes].collections if isinstance(c, kind) and str(c.get_label()).startswith(prefix)]


def words(figure):
    return " ".join(" ".join(t.get_text() for t in figure.findobj(Text) if t.get_visible()).split())


def loss_by_walking(guides, losses, node):
    """Loss from the emitter to a node: up the tree, element by element."""
    loss_db = 0.0
    while guides.parent[node] >= 0:
        loss_db += losses.propagation_db_per_cm * guides.length_um[node] / 1e4
        for name in ("bend", "crossing", "plane_crossing", "tap", "coupler"):
            counts = {"bend": "bends", "crossing": "crossings", "plane_crossing": "plane_crossings"}
            count = getattr(guides, counts.get(name, f"{name}s"))[node]
            loss_db += count * getattr(losses, f"{name}_db")
        node = guides.parent[node]
    return loss_db


# --- the die ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHIPS)
def test_every_cell_and_port_is_drawn_once_at_its_place(routed, pictures, name):
    placement, netlist = routed[name].layout.placement, routed[name].netlist
    figure = pictures(name)
    colours = set()
    for population, places in placement.populations.items():
        what = "ports" if population in netlist.inputs else "cells"
        (squares,) = drawn(figure, PolyCollection, f"{what}-{population}")
        corners = np.array([path.vertices[:4] for path in squares.get_paths()])
        np.testing.assert_allclose(corners.mean(axis=1), np.column_stack([places.x_um, places.y_um]))
        if what == "cells":
            np.testing.assert_allclose(np.ptp(corners, axis=1), placement.cell_um)
        colours.add((tuple(squares.get_facecolor()[0][:3]), squares.get_hatch()))
    assert len(colours) == len(placement.populations)
    die = figure.axes[0]
    assert (*die.get_xlim(), *die.get_ylim()) == (0, placement.die_width_um, 0, placement.die_height_um)


def test_cells_have_their_numbers_where_they_are_legible(routed, pictures):
    figure = pictures("28 neurons")
    numbers = {t.get_text(): t.get_position() for t in figure.axes[0].texts if t.get_text().isdigit()}
    places = routed["28 neurons"].layout.placement.populations["hidden"]
    half = routed["28 neurons"].layout.placement.cell_um / 2
    for k in range(8, 28):  # ports have the others as well
        x, y = numbers[str(k)]
        assert abs(x - places.x_um[k]) <= half
        assert abs(y - places.y_um[k]) <= half
    small = pictures("two planes")  # cells of 13 points
    assert sum(t.get_text().isdigit() for t in small.axes[0].texts) == 3  # the ports


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_ports_are_numbered_outside_the_die_on_their_side(side):
    routed = route(chip(medium="electrical", input_medium="electrical", floorplan=f"input_side: {side}"))
    along, edge = np.array([800.0, 1000.0, 1200.0]), np.full(3, 1950.0 if side in ("right", "top") else 50.0)
    x_um, y_um = (edge, along) if side in ("left", "right") else (along, edge)
    placement = routed.layout.placement
    places = dataclasses.replace(placement.populations["pixels"], x_um=x_um, y_um=y_um)
    placement = dataclasses.replace(placement, populations={**placement.populations, "pixels": places})
    figure = figures.floorplan(
        dataclasses.replace(routed, layout=dataclasses.replace(routed.layout, placement=placement))
    )
    FigureCanvasAgg(figure).draw()
    die = figure.axes[0].get_window_extent()
    numbers = [t for t in figure.axes[0].texts if t.get_text().isdigit()]
    assert [t.get_text() for t in numbers] == ["0", "1", "2"]
    for number, x, y in zip(numbers, x_um, y_um, strict=True):
        box = number.get_window_extent()
        outside = {"left": die.x0 - box.x1, "right": box.x0 - die.x1, "top": box.y0 - die.y1, "bottom": die.y0 - box.y1}
        assert 0 < outside[side] < 20
        port = figure.axes[0].transData.transform((x, y))
        assert min(abs(port - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])) < 3


# --- waveguides -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTICAL)
def test_every_segment_is_drawn_once_in_the_colour_of_its_loss(routed, pictures, name):
    guides = routed[name].layout.waveguides
    losses = LossTable.of(routed[name].netlist.device_technology)
    expected = {
        (guides.x_um[p], guides.y_um[p], guides.x_um[n], guides.y_um[n]): loss_by_walking(guides, losses, n)
        for n, p in enumerate(guides.parent)
        if p >= 0 and guides.length_um[n] > 0
    }
    figure = pictures(name)
    found, lightness = {}, []
    for lines in drawn(figure, LineCollection, "waveguides-"):
        loss_db = np.asarray(lines.get_array())
        assert (np.diff(loss_db) >= 0).all()  # the costliest on top
        rows = lines.get_label() == "waveguides-rows"
        for ends, value in zip(lines.get_segments(), loss_db, strict=True):
            assert tuple(ends.ravel()) not in found
            found[tuple(ends.ravel())] = value
            if name != "straight lines":
                assert (ends[0, 1] == ends[1, 1]) == rows
        rgb = lines.to_rgba(loss_db)[:, :3]
        lightness += list(zip(loss_db, rgb @ [0.2126, 0.7152, 0.0722], strict=True))
    assert found == pytest.approx(expected)
    darkness = [light for _, light in sorted(lightness)]
    assert (np.diff(darkness) <= 1e-9).all()
    assert len(found) == len(expected)


def test_the_losses_are_those_of_the_ledger(routed):
    for name in OPTICAL:
        layout = routed[name].layout
        path_db = losses_from_emitter(layout.waveguides, LossTable.of(routed[name].netlist.device_technology))
        for k, projection in enumerate(routed[name].netlist.projections):
            if projection.medium == "optical":
                here = np.flatnonzero(layout.nets.projection == k)
                here = here[np.argsort(layout.nets.edge[here])]
                ledger = routed[name].projections[projection.key].ledger
                np.testing.assert_allclose(path_db[layout.waveguides.detector[here]], ledger.path_db, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in OPTICAL if n != "nothing routed"])
def test_the_worst_net_is_named_and_drawn(routed, pictures, name):
    chip_, guides = routed[name], routed[name].layout.waveguides
    ledgers = [(p, chip_.projections[p.key]) for p in chip_.netlist.projections if p.medium == "optical"]
    loss_db = max(float(found.ledger.loss_db.max()) for _, found in ledgers)
    photons = min(float(found.ledger.photons.min()) for _, found in ledgers)
    worst = find_optics(chip_).worst
    assert (worst.loss_db, worst.photons) == (pytest.approx(loss_db), pytest.approx(photons))
    figure = pictures(name)
    said = re.search(r"Worst net: (\S+) (\d+), ([\d.e+-]+) dB and ([\d,.e+-]+) photons per spike", words(figure))
    assert float(said[3]) == pytest.approx(loss_db, rel=1e-3)
    assert float(said[4].replace(",", "")) == pytest.approx(photons, rel=1e-3)
    # its detectors all have this loss; another net may have the same
    at = {p.source: f.ledger.loss_db[f.edges.sources == int(said[2])] for p, f in ledgers}
    assert at[worst.source] == pytest.approx(loss_db)
    (lines,) = drawn(figure, LineCollection, "worst")
    mine = [n for n in range(len(guides)) if guides.net[n] == worst.net and guides.length_um[n] > 0]
    if name == "straight lines":
        mine = [max(mine, key=lambda n: loss_by_walking(guides, LossTable.of(chip_.netlist.device_technology), n))]
    ends = {(guides.x_um[n], guides.y_um[n]) for n in mine}
    assert {tuple(segment[1]) for segment in lines.get_segments()} == ends
    assert len(lines.get_segments()) == len(mine)


@pytest.mark.parametrize("name", ["two planes", "28 neurons", "many populations"])
def test_splitters_and_detectors_are_marked(routed, pictures, name):
    guides = routed[name].layout.waveguides
    ways = np.bincount(guides.parent[guides.parent >= 0], minlength=len(guides))
    expected = {"junction": int((ways > 1).sum()), "detector": int((guides.kind == Kind.DETECTOR).sum())}
    figure = pictures(name)
    for what, count in expected.items():
        marks = [c for c in figure.axes[0].collections if c.get_label() == what]
        legible = name != "two planes"  # its cells are 13 points wide
        assert sum(len(c.get_offsets()) for c in marks) == (count if legible else 0)


def test_the_enlarged_place_holds_the_end_of_the_worst_net(routed, pictures):
    for name in OPTICAL:
        optics = find_optics(routed[name])
        if optics.worst is None or optics.channels is None:
            continue
        figure = pictures(name)
        (axes,) = [a for a in figure.axes if a.get_title(loc="left").startswith("Enlarged")]
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        x, y = optics.guides.x_um[optics.worst.end], optics.guides.y_um[optics.worst.end]
        assert left < x < right
        assert low < y < high
        inside = (abs(optics.guides.x_um - (left + right) / 2) <= (right - left) / 2) & (
            abs(optics.guides.y_um - (low + high) / 2) <= (high - low) / 2
        )
        marks = [c for c in axes.collections if c.get_label() == "detector"]
        assert sum(len(c.get_offsets()) for c in marks) == (inside & (optics.guides.kind == Kind.DETECTOR)).sum()


# --- large chips ------------------------------------------------------------------------------------------


def test_bundles_hold_the_nets_and_the_highest_loss_of_every_place(routed):
    for name in ("28 neurons", "starved channels", "five planes", "many populations"):
        optics, placement = find_optics(routed[name]), routed[name].layout.placement
        x, y = placement.column_borders_um, placement.row_borders_um
        for along_row in (True, False):
            found = bundle(optics.segments, placement, along_row=along_row)
            nets = [[set() for _ in range(placement.columns)] for _ in range(placement.rows)]
            highest = np.full((placement.rows, placement.columns), -1.0)
            low, high = np.full(highest.shape, np.inf), np.full(highest.shape, -np.inf)
            for ends, net, loss_db in zip(
                optics.segments.ends_um, optics.segments.net, optics.segments.path_db, strict=True
            ):
                if (ends[0, 1] == ends[1, 1]) != along_row:
                    continue
                (x1, y1), (x2, y2) = ends.min(axis=0), ends.max(axis=0)
                for row, column in itertools.product(range(placement.rows), range(placement.columns)):
                    if x1 < x[column + 1] and x2 >= x[column] and y1 < y[row + 1] and y2 >= y[row]:
                        nets[row][column].add(int(net))
                        highest[row, column] = max(highest[row, column], loss_db)
                        start, end, border = (x1, x2, x[column:]) if along_row else (y1, y2, y[row:])
                        low[row, column] = min(low[row, column], max(start, border[0]))
                        high[row, column] = max(high[row, column], min(end, border[1]))
            np.testing.assert_array_equal(found.nets, [[len(s) for s in line] for line in nets])
            np.testing.assert_allclose(np.nan_to_num(found.path_db, nan=-1.0), highest)
            np.testing.assert_array_equal(found.low_um, low)
            np.testing.assert_array_equal(found.high_um, high)


def test_too_many_waveguides_are_drawn_as_bundles(routed, monkeypatch):
    monkeypatch.setattr(waveguides, "MAX_DRAWN_SEGMENTS", 10)
    chip_ = routed["28 neurons"]
    figure = figures.floorplan(chip_)
    assert not drawn(figure, LineCollection, "waveguides-")
    assert "one band per channel" in words(figure)
    optics, placement = find_optics(chip_), chip_.layout.placement
    for name, along_row in (("rows", True), ("columns", False)):
        (bands,) = drawn(figure, PolyCollection, f"bundles-{name}")
        found = bundle(optics.segments, placement, along_row=along_row)
        np.testing.assert_allclose(bands.get_array(), found.path_db[found.nets > 0])
        across = 1 if along_row else 0
        widths = [np.ptp(path.vertices[:, across]) for path in bands.get_paths()]
        tracks = chip_.layout.channels.row_tracks[:, None] if along_row else chip_.layout.channels.column_tracks
        share = (found.nets / tracks)[found.nets > 0]
        expected = placement.cell_um * np.maximum(0.6 * np.minimum(share, 1), 0.05)
        np.testing.assert_allclose(widths, expected)


def test_of_too_many_straight_lines_the_costliest_of_each_net_is_drawn(routed, monkeypatch):
    monkeypatch.setattr(waveguides, "MAX_DRAWN_SEGMENTS", 10)
    figure = figures.floorplan(routed["straight lines"])
    assert "the costliest line of each net" in words(figure)
    segments = find_optics(routed["straight lines"]).segments
    highest = {}
    for net, loss_db in zip(segments.net, segments.path_db, strict=True):
        highest[net] = max(loss_db, highest.get(net, 0.0))
    shown = np.concatenate([c.get_array() for c in drawn(figure, LineCollection, "waveguides-")])
    assert sorted(shown) == pytest.approx(sorted(highest.values()))


def test_heat_maps_show_how_full_the_channels_are(routed):
    chip_ = routed["starved channels"]
    channels, figure = chip_.layout.channels, figures.floorplan(chip_)
    maps = [a for a in figure.axes if a.get_title(loc="left").startswith("Channels")]
    wanted = (channels.row_wanted, channels.column_wanted)
    tracks = (channels.row_tracks[:, None], channels.column_tracks[None, :])
    overfull = 0
    for axes, want, have in zip(maps, wanted, tracks, strict=True):
        (mesh,) = [c for c in axes.collections if isinstance(c, QuadMesh)]
        np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(want.shape), want / have)
        here = int((want > have).sum())
        overfull += here
        marks = [c for c in axes.collections if not isinstance(c, QuadMesh)]
        assert sum(len(c.get_offsets()) for c in marks) == here
        if here:
            assert f"{here} of {want.size} overfull" in axes.get_title(loc="left")
        over = mesh.to_rgba(np.array([1.01, 2.0]))
        assert np.ptp(over, axis=0).max() == 0
        assert not np.allclose(over[0], mesh.to_rgba(1.0))
    assert overfull > 0


def test_a_channel_without_tracks_is_overfull():
    some, none = np.array([[0, 1], [3, 0]]), np.array([0, 2])
    share = occupancy(Channels(some, some, none, none), along_row=True)
    np.testing.assert_array_equal(share > 1, [[False, True], [True, False]])
    share = occupancy(Channels(some, some, none, none), along_row=False)
    np.testing.assert_array_equal(share > 1, [[False, False], [True, False]])


# --- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHIPS)
def test_no_words_overlap_and_none_is_too_small(pictures, name, monkeypatch):
    figure = pictures(name)
    written, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: (written.append(text), draw(text, renderer)))
    FigureCanvasAgg(figure).draw()
    texts = [t for t in written if t.get_text().strip()]
    boxes = [t.get_window_extent() for t in texts]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in zip(texts, boxes, strict=True):
        assert text.get_fontsize() >= 7
        assert 0 <= box.x0 < box.x1 <= width, text
        assert 0 <= box.y0 < box.y1 <= height, text
    slack = 1.0  # pixel
    for (one, a), (other, b) in itertools.combinations(zip(texts, boxes, strict=True), 2):
        apart = a.x1 <= b.x0 + slack or b.x1 <= a.x0 + slack or a.y1 <= b.y0 + slack or b.y1 <= a.y0 + slack
        assert apart, (one, other)
    wide, high = (10.3, 8.0) if width > height else (7.6, 10.2)  # fits Letter and A4, at full size
    assert width / figure.dpi <= wide
    assert height / figure.dpi <= high


def test_absent_edges_and_their_reasons_are_counted(routed, pictures):
    chip_ = routed["starved channels"]
    present = sum(len(p.edges) for p in chip_.projections.values())
    absent = sum(len(p.absences) for p in chip_.projections.values())
    said = words(pictures("starved channels"))
    assert f"{present:,} of {present + absent:,} edges have a route. Absent: {absent:,} (no free track)." in said
    assert "0 of 108 edges have a route. Absent: 108 (loss limit)." in words(pictures("nothing routed"))


def test_wires_are_not_drawn_but_the_longest(routed, pictures):
    chip_ = routed["electrical"]
    longest = max(float(p.ledger.length_um.max()) for p in chip_.projections.values())
    figure = pictures("electrical")
    assert "Electrical wires, 108, are not drawn" in words(figure)
    assert not drawn(figure, LineCollection, "waveguides-")
    (wire,) = [line for line in figure.axes[0].lines if line.get_label() == "longest-wire"]
    x, y = wire.get_data()
    assert np.abs(np.diff(x)).sum() + np.abs(np.diff(y)).sum() == pytest.approx(longest)
    both = pictures("both media")
    assert "Electrical wires, 27, are not drawn" in words(both)
    assert drawn(both, LineCollection, "waveguides-rows")


def test_a_chip_without_a_floorplan_is_refused(routed):
    bare = dataclasses.replace(routed["two planes"], layout=None)
    with pytest.raises(RoutingError, match=r"'laid-out' is not laid out, .* give it a `floorplan`"):
        figures.floorplan(bare)


# --- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two planes", "straight lines", "electrical"])
def test_files_repeat_exactly_and_settings_stay(routed, name, tmp_path):
    before = dict(mpl.rcParams)
    for k in range(2):
        figure = figures.floorplan(routed[name])
        figures.save_png(figure, tmp_path / f"{k}.png")
        figures.save_svg(figure, tmp_path / f"{k}.svg")
    assert dict(mpl.rcParams) == before
    for kind in ("png", "svg"):
        assert (tmp_path / f"0.{kind}").read_bytes() == (tmp_path / f"1.{kind}").read_bytes()
    figures.save_svg(figure, tmp_path / "2.svg")  # a figure may be written again
    assert (tmp_path / "2.svg").read_bytes() == (tmp_path / "0.svg").read_bytes()


def test_an_svg_file_needs_nothing_else(routed, tmp_path):
    figures.save_svg(figures.floorplan(routed["28 neurons"]), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314  # our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for word in ("<!DOCTYPE", "<text", "font-family", "<metadata", "currentColor"):
        assert word not in text
    for reference in re.findall(r'href="([^"]*)"', text):
        assert reference.startswith(("#", "data:"))
    first = root.find(".//{http://www.w3.org/2000/svg}path")
    assert "fill: #ffffff" in first.get("style")  # the page is white
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))


def test_a_folder_that_is_not_there(routed, tmp_path):
    with pytest.raises(SoensimError, match=r"a\.svg: cannot be written"):
        figures.save_svg(figures.floorplan(routed["electrical"]), tmp_path / "no" / "a.svg")


@pytest.mark.parametrize(("name", "bundled"), [("optical-28", False), ("modular-1000", True)])
def test_files_of_shipped_chips_stay_small(name, bundled, tmp_path):
    routed = route(load_netlist(NETLISTS / f"{name}.yaml"))
    figure = figures.floorplan(routed)
    assert bool(drawn(figure, PolyCollection, "bundles-")) == bundled
    figures.save_svg(figure, tmp_path / "a.svg")
    figures.save_png(figure, tmp_path / "a.png")
    assert (tmp_path / "a.svg").stat().st_size < 3e6
    assert (tmp_path / "a.png").stat().st_size < 3e6
