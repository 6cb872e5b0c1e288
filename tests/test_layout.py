"""Layouts: what the drawing refuses, its geometry, and from a netlist to a file and back by KLayout's extraction."""

import json
import math
import re
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from conftest import ROOT
from layouts import chip, chip_text

from soensim.commands import cli
from soensim.errors import RoutingError, TechnologyError
from soensim.layout import FORMATS, draw_chip, write_drawing
from soensim.layout.guides import arc_outline
from soensim.layout.layers import LayerTable, Rule
from soensim.layout.wires import Wires, lay_wires
from soensim.netlist import load_netlist
from soensim.routing import route
from soensim.technology import load_technology

export = import_module("soensim.commands.export").main


def with_pitch(netlist, pitch_um):
    return netlist.model_copy(
        update={"routing": netlist.routing.model_copy(update={"waveguide_pitch_um": float(pitch_um)})}
    )


# --- the layer map --------------------------------------------------------------------------------------------

HEAD = "schema: soensim-technology/1\nname: mine\nextends: nist-2023\n"


def test_a_file_changes_layers_of_what_it_extends(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"{HEAD}layout:\n  pad: {{layer: 7, datatype: 1, width_um: 60, space_um: 30.5, source: 'a  fab'}}\n"
    )
    mine, base = load_technology(path), load_technology("nist-2023")
    pad = mine.layers["pad"]
    assert (pad.layer, pad.datatype, pad.width_um, pad.space_um, pad.line_um, pad.count) == (7, 1, 60, 30.5, None, None)
    assert pad.source == "a fab"
    assert {**mine.layers, "pad": base.layers["pad"]} == base.layers
    assert mine.hash != base.hash
    assert base.with_values({"coupler_db": 0.1}).layers == base.layers
    assert mine.as_dict()["layout"]["pad"]["layer"] == 7


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("3", "layout: 3 is not legal; it must be a mapping of layers"),
        ("{wavegide: {}}", "layout.wavegide: unknown layer 'wavegide'; did you mean 'waveguide'?"),
        ("{pad: 3}", "layout.pad: 3 is not legal; it must be a mapping with layer, datatype"),
        ("{pad: {layer: 1, datatype: 0, source: x}}", "layout.pad.width_um: is missing; this layer needs"),
        ("{die: {layer: 1, source: x}}", "layout.die.datatype: is missing"),
        (
            "{die: {layer: 1.5, datatype: 0, source: x}}",
            "layout.die.layer: 1.5 is not legal; it must be a whole number",
        ),
        ("{die: {layer: -1, datatype: 0, source: x}}", "layout.die.layer: -1 is not legal"),
        ("{die: {layer: 32001, datatype: 0, source: x}}", "layout.die.layer: 32001 is not legal"),
        ("{die: {layer: true, datatype: 0, source: x}}", "layout.die.layer: true is not legal"),
        ("{die: {layer: 1, datatype: 0, source: ' '}}", "layout.die.source: ' ' is not legal"),
        ("{die: {layer: 1, datatype: 0, source: x, wide: 3}}", "layout.die.wide: unknown key 'wide'"),
        (
            "{pad: {layer: 1, datatype: 0, width_um: a, space_um: 1, source: x}}",
            "layout.pad.width_um: 'a' is not legal",
        ),
        ("{pad: {layer: 1, datatype: 0, width_um: 0, space_um: 1, source: x}}", "layout.pad.width_um: 0 is not legal"),
        ("{metal: {layer: 1, datatype: 0, width_um: 1, space_um: 1, count: 0, source: x}}", "layout.metal.count: 0 is"),
        (
            "{pad: {layer: 1, datatype: 0, width_um: 2, space_um: 1, line_um: 1.5, source: x}}",
            "layout.pad.line_um: 1.5 is narrower than the least width, 2",
        ),
    ],
)
def test_layers_that_are_refused(tmp_path, entry, message):
    path = tmp_path / "mine.yaml"
    path.write_text(f"{HEAD}layout: {entry}\n")
    with pytest.raises(TechnologyError) as caught:
        load_technology(path)
    assert message in str(caught.value)


def test_layers_that_a_chip_cannot_use():
    base = load_technology("nist-2023")

    def table(**layers):
        return LayerTable(replace(base, layers={**base.layers, **layers}))

    found = table(coupler=replace(base.layers["coupler"], layer=100))
    found.numbers("waveguide", 0, 1)
    with pytest.raises(RoutingError, match=r"layout.coupler and layout.waveguide both take layer 100/1 on this chip"):
        found.numbers("coupler", 0, 1)
    with pytest.raises(RoutingError, match=r"layout.waveguide counts up to 32768/0; the largest number is 32767"):
        table(waveguide=replace(base.layers["waveguide"], layer=32000)).numbers("waveguide", 768)
    with pytest.raises(TechnologyError, match=r"'nist-2023' has no layer 'pad' \(bond pads\); give layout.pad"):
        LayerTable(replace(base, layers={})).layer("pad")
    assert table().rule("waveguide") == Rule(400, 500)  # half of line_um, not of width_um
    assert table().rule("coupler") == Rule(400, 500)


# --- what is refused ------------------------------------------------------------------------------------------


def test_chips_that_cannot_be_drawn(small_netlist):
    with pytest.raises(RoutingError, match="'small' has no floorplan, so that nothing has a place"):
        draw_chip(route(small_netlist))
    routed = route(chip())
    with pytest.raises(RoutingError, match="straight lines of `direct` are for early sizing"):
        draw_chip(replace(routed, layout=replace(routed.layout, channels=None)))
    with pytest.raises(
        RoutingError, match=r"tracks 1.2 um apart are closer than layout.waveguide allows, .* of 1.3 um"
    ):
        draw_chip(route(chip(routing="waveguide_pitch_um: 1.2")))
    draw_chip(route(chip(routing="waveguide_pitch_um: 1.3")))
    placement = replace(routed.layout.placement, die_width_um=2.1e6)
    with pytest.raises(RoutingError, match=r"'laid-out' reaches to 2.1e\+06 um; layouts hold 2e\+06 um"):
        draw_chip(replace(routed, layout=replace(routed.layout, placement=placement)))


def test_what_the_command_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text(chip_text())
    (tmp_path / "narrow.yaml").write_text(chip_text(routing="waveguide_pitch_um: 1.2"))

    def refused(words, message):
        assert cli.run(export, words.split()) == cli.BAD_INPUT
        assert message in capsys.readouterr().err

    refused("--format gds --out a.gds", "--format gds needs a netlist: soensim export CHIP --format gds")
    refused("chip.yaml --format oasis", "--format oasis needs --out FILE.oas: a layout is no text")
    refused("chip.yaml --format gds --out a.oas", "a.oas: the name must end in .gds")
    refused(
        "chip.yaml --format gds --out a.gds --program p",
        "--program is for --format targets or soen-toolkit, not gds; leave it out",
    )
    refused("chip.yaml --format gds --out a.gds --length 3", "--length is for --format ngspice or josim, not gds")
    refused("chip.yaml --format josim", "the deck of a whole chip is for --format ngspice, not josim")
    refused("narrow.yaml --format gds --out none", "narrow.yaml: netlist 'laid-out': tracks 1.2 um apart")
    monkeypatch.setitem(sys.modules, "gdstk", None)
    refused("chip.yaml --format gds --out a.gds", "a layout needs the package gdstk: pip install 'soensim[layout]'")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chip.yaml", "narrow.yaml"]
    assert cli.run(export, ["chip.yaml", "--format", "gds", "--out", "none", "--json", "-"]) == cli.DONE  # no file
    document = json.loads(capsys.readouterr().out)
    assert document["file"] is None
    assert document["chip"]["name"] == "laid-out"
    assert document["edges"] == 3 * 9 + 9 * 9
    assert document["cells"]["SYNAPSE"] == 108
    assert document["turns"] > document["arcs"] > 0
    assert document["arc_pitch_um"] is None  # cells of 69 um
    lengths = document["length_um"]
    assert lengths["edges"] > lengths["shorter_by_arcs"] > lengths["largest_shorter"] >= (2 - math.pi / 2) * 25 - 1e-9
    assert {"name": "waveguide", "layer": 101, "datatype": 0, "width_um": 0.7, "space_um": 0.5} in document["layers"]


def test_what_the_command_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text(chip_text(floorplan="cell_um: 600", routing="waveguide_pitch_um: 10"))
    assert cli.run(export, ["chip.yaml", "--format", "gds", "--out", "none"]) == cli.DONE
    said = capsys.readouterr().out
    assert "CHIP_laid_out of laid-out: 9 DENDRITE, 108 SYNAPSE, 3 INPUT_PORT, " in said
    assert "108 edges, as long as in the ledger along rows and columns" in said
    arcs, turns, shorter = re.search(
        r"(\d+) of (\d+) turns are arcs of 25 um, .* up to ([\d.]+) um shorter", said
    ).groups()
    assert 0 < int(arcs) < int(turns)
    assert float(shorter) == pytest.approx(2 * (2 - math.pi / 2) * 25, rel=1e-3) or float(shorter) == 10.73
    assert f"{int(turns) - int(arcs)} turns have no room for an arc and are right angles at a coupler" in said


# --- geometry -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_end", [False, True])
def test_an_arc_has_its_radius_and_width(at_end):
    points = arc_outline(25_000, Rule(400, 500), coupler_at_end=at_end)
    distance = np.hypot(*(points - [0, 25_000]).T)
    on_arc = (points[:, 0] >= 0) & (points[:, 1] <= 25_000)
    assert np.abs(np.abs(distance[on_arc] - 25_000) - 400).max() < 1
    x, y = points.T
    area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    assert area == pytest.approx(math.pi / 2 * 25_000 * 800 + 800 * 800, rel=1e-4)  # the arc, and a width straight on
    assert points.min(axis=0).tolist() == ([0, -400] if at_end else [-800, -400])
    assert points.max(axis=0).tolist() == ([25_400, 25_800] if at_end else [25_400, 25_000])


def test_what_a_drawing_says_of_turns_and_lengths():
    netlist = load_netlist(ROOT / "netlists" / "optical-28.yaml")
    routed = route(netlist)
    packed = draw_chip(routed)
    assert 0 < packed.arcs < packed.turns == int(routed.layout.waveguides.bends.sum())
    assert packed.arc_pitch_um == pytest.approx(2 * (25 + 0.8) + 0.8 + 0.5)
    wide = draw_chip(route(with_pitch(netlist, packed.arc_pitch_um)))
    assert wide.arcs == wide.turns
    for key, ledger in ((p.key, route(netlist).projections[p.key].ledger) for p in netlist.projections):
        assert (packed.length_um[key] == ledger.length_um).all()
        saved = (packed.length_um[key] - packed.drawn_um[key]) / ((2 - math.pi / 2) * 25)
        assert np.abs(saved - np.rint(saved)).max() < 1e-9
        assert (np.rint(saved) <= ledger.bends).all()
    assert packed.drawing.copies["DENDRITE"] == 28
    assert packed.drawing.copies["SYNAPSE"] == 1008
    assert sum(n for name, n in packed.drawing.copies.items() if name.startswith("DETECTOR")) == 1008
    assert draw_chip(route(with_pitch(netlist, 70))).arc_pitch_um is not None
    assert draw_chip(route(chip(floorplan="cell_um: 120", neurons=16))).arc_pitch_um is None  # two tracks per cell


def test_arcs_that_have_no_room():
    """Beside another arc, of which there would be 46, and beside a track 27 um away: 43 with tracks 29 um apart."""
    meeting, beside = (draw_chip(route(sparse(*of))) for of in ((0.5, 20), (0.25, 27)))
    assert (meeting.arcs, meeting.turns) == (45, 68)
    assert (beside.arcs, beside.turns) == (32, 43)


def test_arcs_of_a_lonely_turn():
    """One net that turns once: an arc of a quarter circle, and guides that start and end where it does."""
    netlist = chip(
        inputs=1,
        neurons=4,
        from_inputs="{kind: explicit, edges: [[0, 2]]}",
        topology="{kind: explicit, edges: [[0, 3]]}",
        floorplan="cell_um: 300",
    )
    routed = route(netlist)
    drawn = draw_chip(routed)
    assert drawn.turns == drawn.arcs == int(routed.projections["hidden->hidden"].ledger.bends[0]) == 1
    assert drawn.drawn_um["hidden->hidden"][0] == pytest.approx(
        drawn.length_um["hidden->hidden"][0] - (2 - math.pi / 2) * 25
    )
    assert "SPLITTER_P0" not in drawn.drawing.copies
    assert drawn.drawing.copies["COUPLER_P0_P1"] == 1


def wires_of(edges, off=0):
    """Wires between cells of 20 um in rows of four, each ``off`` nm further than its place."""
    at = np.array([[(20_000 * (k % 4) + k * off, 20_000 * (k // 4) + k * off) for k in edge] for edge in edges])
    names = [[f"h[{k}]" for k in edge] for edge in edges]
    return Wires(at[:, 0], at[:, 1], [one for one, _ in names], [other for _, other in names])


@pytest.mark.parametrize("off", [0, 700, 6000])
def test_wires_keep_their_lengths_and_their_distance(off):
    edges = np.random.default_rng(3).integers(0, 16, (160, 2))
    wires = wires_of(edges, off)
    laid = lay_wires(wires, 20_000, Rule(500, 1000), 2000, 12)
    assert np.abs(laid.offset).max() <= 9000
    assert laid.pair.max() >= 1
    pieces = []  # metal, low x, low y, high x, high y, wire
    for k, (pair, offset) in enumerate(zip(laid.pair, laid.offset, strict=True)):
        start, end = wires.start[k] + offset, wires.end[k] + offset
        corner = np.array([end[0], start[1]])
        for metal, a, b in ((2 * pair, start, corner), (2 * pair + 1, corner, end)):
            pieces.append((metal, *np.minimum(a, b) - 500, *np.maximum(a, b) + 500, k))
    for one in pieces:
        for other in pieces:
            if one[0] == other[0] and one[5] != other[5]:
                gaps = max(one[1] - other[3], other[1] - one[3]), max(one[2] - other[4], other[2] - one[4])
                assert max(gaps) >= 1000


def test_wires_that_find_no_lane():
    with pytest.raises(
        RoutingError, match=r"from h\[0\] to h\[1\] finds no lane: 1 pairs of metals have 10 lanes 2 um"
    ):
        lay_wires(wires_of([(0, 1)] * 11), 20_000, Rule(500, 1000), 2000, 1)
    lay_wires(wires_of([(0, 1)] * 10), 20_000, Rule(500, 1000), 2000, 1)
    lay_wires(wires_of([(0, 1)] * 11), 20_000, Rule(500, 1000), 2000, 2)


def test_a_pad_is_drawn_where_it_fits():
    def pads(**changes):
        return draw_chip(route(chip(input_medium="electrical", **changes))).drawing.copies.get("PAD", 0)

    assert pads(floorplan="cell_um: 150", inputs=3) == 3
    assert pads(floorplan="cell_um: 150", inputs=5) == 0  # 90 um apart, and 100 are needed
    assert pads(floorplan="cell_um: 150", inputs=4) == 4


# --- there and back -------------------------------------------------------------------------------------------


def shipped(name):
    return lambda: load_netlist(ROOT / "netlists" / f"{name}.yaml")


def sparse(density, pitch_um):
    """A chip in which an arc has no room beside another one (20 um), or beside a track (27 um)."""
    return chip(
        neurons=16,
        die_um=6000,
        from_inputs="{kind: random, density: 0.5, seed: 2}",
        topology=f"{{kind: random, density: {density}, seed: 1}}",
        routing=f"waveguide_pitch_um: {pitch_um}",
        floorplan="cell_um: 400",
    )


ROUND_TRIPS = {
    "optical-28": shipped("optical-28"),
    "optical-28, arcs": lambda: with_pitch(load_netlist(ROOT / "netlists" / "optical-28.yaml"), 54),
    "arcs that would meet": lambda: sparse(0.5, 20),
    "arcs beside tracks": lambda: sparse(0.25, 27),
    "smallworld-100": shipped("smallworld-100"),
    "one plane": lambda: chip(routing="photonic_planes: 1"),
    "one plane, arcs": lambda: chip(routing="photonic_planes: 1, waveguide_pitch_um: 55", floorplan="cell_um: 500"),
    "three planes": lambda: chip(routing="photonic_planes: 3, waveguide_pitch_um: 20", strategy="manhattan"),
    "pruned": lambda: chip(routing="limits: {max_fan_out: 4}"),
    "year1-28": shipped("year1-28"),
    "wires and light": lambda: chip(input_medium="electrical", floorplan="cell_um: 400"),
    "wires, some too long": lambda: chip(
        medium="electrical", input_medium="electrical", floorplan="cell_um: 100", routing="limits: {max_wire_um: 300}"
    ),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_round_trip(name, tmp_path):
    """Mask and lengths of the routed netlist come back from the shapes of the file, which keep the rules."""
    pytest.importorskip("gdstk", reason="layouts are written by gdstk")
    pytest.importorskip("klayout.db", reason="layouts are read back by KLayout")
    from layout_extraction import Extraction

    netlist = ROUND_TRIPS[name]()
    routed = route(netlist)
    drawn = draw_chip(routed)
    form = "oasis" if "arcs" in name else "gds"
    file = tmp_path / f"chip{FORMATS[form].ending}"
    write_drawing(drawn.drawing, file, form)
    first = file.read_bytes()
    write_drawing(drawn.drawing, file, form)
    assert file.read_bytes() == first
    technology = netlist.device_technology
    single = netlist.routing.photonic_planes == 1
    extraction = Extraction(file, technology, single=single)
    asked = {}
    for projection in netlist.projections:
        key, edges = projection.key, routed.projections[projection.key].edges
        for j, i, *length in zip(edges.sources, edges.targets, drawn.length_um[key], drawn.drawn_um[key], strict=True):
            asked[projection.source, int(j), projection.target, int(i)] = length
    assert extraction.edges() == set(asked)
    lengths = extraction.lengths_um(technology.value("bend_radius_um"))
    lengths |= {edge: (length, length) for edge, length in extraction.wire_lengths_um().items()}
    assert set(lengths) == set(asked)
    assert max(np.abs(np.subtract(lengths[edge], asked[edge])).max() for edge in asked) < 1e-3  # a nanometre
    assert extraction.broken_rules(drawn.layers) == []
    assert extraction.beside_guides(drawn.layers) == []
