"""Where neurons and ports are: geometry, fit, optimisation, positions from a file."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import chip

from soensim.errors import NetlistError, RoutingError
from soensim.netlist import parse_netlist
from soensim.routing.placement import Placement, place
from soensim.routing.placement.graph import graph_of


def wire_cells(netlist, placement: Placement, source: str = "") -> float:
    """Sum of the Manhattan lengths of all edges, or those from one population, in cells."""
    total = 0.0
    for projection in (p for p in netlist.projections if source in ("", p.source)):
        edges = netlist.edges(projection)
        a, b = placement.populations[projection.source], placement.populations[projection.target]
        total += np.abs(a.x_um[edges.sources] - b.x_um[edges.targets]).sum()
        total += np.abs(a.y_um[edges.sources] - b.y_um[edges.targets]).sum()
    return total / placement.cell_um


def test_nine_cells_in_the_middle_of_the_die():
    placement = place(chip(floorplan="cell_um: 200"))
    hidden, pixels = placement.populations["hidden"], placement.populations["pixels"]
    assert placement.cell_um == 200
    assert hidden.x_um == pytest.approx([800, 1000, 1200] * 3)
    assert hidden.y_um == pytest.approx(np.repeat([800, 1000, 1200], 3))
    assert (hidden.column.tolist(), hidden.row.tolist()) == ([1, 2, 3] * 3, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert placement.column_borders_um == pytest.approx([0, 700, 900, 1100, 1300])
    assert placement.row_borders_um == pytest.approx([700, 900, 1100, 1300])
    assert pixels.x_um.tolist() == [50, 50, 50]  # in the middle of the margin
    assert pixels.y_um == pytest.approx([800, 1000, 1200])
    assert (pixels.column.tolist(), pixels.row.tolist()) == ([0, 0, 0], [0, 1, 2])


@pytest.mark.parametrize(
    ("side", "x", "y", "columns", "rows"),
    [("right", 1950, None, 4, 3), ("top", None, 1950, 3, 4), ("bottom", None, 50, 3, 4)],
)
def test_ports_on_every_side(side, x, y, columns, rows):
    placement = place(chip(floorplan=f"cell_um: 200\n  input_side: {side}"))
    pixels, hidden = placement.populations["pixels"], placement.populations["hidden"]
    assert (placement.columns, placement.rows) == (columns, rows)
    assert set((pixels.x_um if x else pixels.y_um).tolist()) == {x or y}
    strip = {"right": 3, "top": 3, "bottom": 0}[side]
    assert set((pixels.column if x else pixels.row).tolist()) == {strip}
    assert not (set(hidden.row.tolist()) if not x else set(hidden.column.tolist())) & {strip}


def test_a_cell_holds_the_synapses_of_the_largest_fan_in():
    placement = place(chip())  # 12 sources, 20 um each, one plane
    assert placement.cell_um == pytest.approx(20 * 12**0.5)
    assert place(chip(floorplan="electronic_planes: 3")).cell_um == pytest.approx(20 * 4**0.5)


@given(
    st.integers(1, 60),
    st.integers(1, 7),
    st.sampled_from(["{kind: grid}", "{kind: by-population}", "{kind: optimised, method: spectral, seed: 1}"]),
    st.sampled_from(["left", "right", "top", "bottom"]),
)
@settings(max_examples=40, deadline=None)
def test_everything_is_inside_and_nothing_overlaps(neurons, inputs, kind, side):
    netlist = chip(neurons=neurons, inputs=inputs, placement=kind, floorplan=f"input_side: {side}", die_um=4000)
    placement = place(netlist)
    hidden, pixels = placement.populations["hidden"], placement.populations["pixels"]
    half = placement.cell_um / 2
    for at in (hidden.x_um, hidden.y_um):
        assert at.min() - half >= 100 - 1e-6
        assert at.max() + half <= 3900 + 1e-6
    assert len(set(zip(hidden.column.tolist(), hidden.row.tolist(), strict=True))) == neurons
    for places in (hidden, pixels):
        for at, borders, index in (
            (places.x_um, placement.column_borders_um, places.column),
            (places.y_um, placement.row_borders_um, places.row),
        ):
            assert (borders[index] - 1e-6 <= at).all()
            assert (at <= borders[index + 1] + 1e-6).all()
    outside = np.concatenate((pixels.x_um, 4000 - pixels.x_um, pixels.y_um, 4000 - pixels.y_um))
    assert outside.min() == 50


@given(st.integers(2, 80), st.integers(30, 200), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_smallest_die_of_the_message_fits_and_a_smaller_one_does_not(neurons, cell, by_population):
    changes = {"neurons": neurons, "floorplan": f"cell_um: {cell}"}
    changes["placement"] = "{kind: by-population}" if by_population else "{kind: grid}"
    with pytest.raises(RoutingError, match="do not fit on the die") as error:
        place(chip(**changes, die_um=201 + cell))
    width, height = map(int, re.search(r"the smallest die is (\d+) x (\d+) um", str(error.value)).groups())
    assert f"cells of {cell} um (cell_um)" in str(error.value)
    base = chip(**changes, die_um=99999)
    for less, fits in ((0, True), (1, False)):
        floorplan = base.floorplan.model_copy(update={"die_width_um": width - less, "die_height_um": height - less})
        smaller = base.model_copy(update={"floorplan": floorplan})
        if fits:
            assert place(smaller).cell_um == cell
        else:
            with pytest.raises(RoutingError):
                place(smaller)


SHUFFLED = np.random.default_rng(0).permutation(36)


def lattice_edges() -> str:
    """A 6 x 6 lattice with its neurons in a drawn order."""
    pairs = []
    for k in range(36):
        if k % 6 < 5:
            pairs.append((k, k + 1))
        if k < 30:
            pairs.append((k, k + 6))
    return str([[int(SHUFFLED[a]), int(SHUFFLED[b])] for a, b in pairs])


@pytest.mark.parametrize(("method", "most"), [("spectral", 100), ("annealing", 85)])
def test_optimised_placement_finds_a_hidden_lattice(method, most):
    changes = {
        "neurons": 36,
        "inputs": 1,
        "from_inputs": "{kind: explicit, edges: [[0, 0]]}",
        "topology": f"{{kind: explicit, edges: {lattice_edges()}}}",
    }
    grid = chip(**changes)
    better = chip(**changes, placement=f"{{kind: optimised, method: {method}, seed: 1}}")
    assert wire_cells(grid, place(grid), "hidden") > 200
    assert wire_cells(better, place(better), "hidden") <= most  # 60 edges of one cell each are the best there is
    again = place(better).populations["hidden"]
    assert (again.column == place(better).populations["hidden"].column).all()


def test_the_length_that_is_made_short_is_that_of_the_wires():
    netlist = chip(neurons=20, topology="{kind: random, density: 0.2, seed: 3}")
    placement = place(netlist)
    hidden, ports, cell = placement.populations["hidden"], placement.populations["pixels"], placement.cell_um
    x0, y0 = hidden.x_um[0] - hidden.column[0] * cell, hidden.y_um[0] - hidden.row[0] * cell
    graph = graph_of(netlist, (ports.x_um - x0) / cell, (ports.y_um - y0) / cell)
    assert graph.length(hidden.column, hidden.row) / 1000 == pytest.approx(wire_cells(netlist, placement), rel=1e-3)


def test_by_population_keeps_blocks_apart():
    text = """
schema: soensim/1
name: blocks
technology: nist-2023
populations:
  a: {kind: dendrite, size: 9, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}
  b: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}
projections: [{source: a, target: b, topology: all-to-all, efficacy: {bits: 4, range: 1}, medium: electrical}]
timing: {sample_tau: 10}
floorplan: {die_width_um: 1000, die_height_um: 800, margin_um: 0, cell_um: 100, placement: {kind: by-population}}
routing: {absent_edges: error}
"""
    placement = place(parse_netlist(text))
    assert placement.populations["a"].column.tolist() == [0, 1, 2] * 3
    assert placement.populations["b"].column.tolist() == [3, 4] * 2
    assert placement.populations["b"].row.tolist() == [0, 0, 1, 1]
    assert (placement.columns, placement.rows) == (5, 3)  # no strip without ports


# --- explicit --------------------------------------------------------------------------------------------

ROWS = [f"hidden,{k},{100 + 60 * k},{200 + 60 * (k % 2)}" for k in range(9)]


def from_file(tmp_path, rows, header="population,index,x_um,y_um"):
    (tmp_path / "positions.csv").write_text("\n".join([header, *rows]) + "\n")
    from layouts import CHIP

    parts = dict.fromkeys(("floorplan", "routing"), "") | {
        "inputs": 3,
        "neurons": 9,
        "from_inputs": "all-to-all",
        "topology": "all-to-all",
        "input_medium": "optical",
        "medium": "optical",
        "die_um": 2000,
        "placement": "{kind: explicit, path: positions.csv}",
        "strategy": "direct",
        "absent": "prune",
    }
    return parse_netlist(CHIP.format(**parts), folder=tmp_path)


def test_positions_from_a_file_are_those_of_a_list(tmp_path):
    netlist = from_file(tmp_path, ROWS[::-1])
    positions = [[float(v) for v in row.split(",")[2:]] for row in ROWS]
    listed = chip(placement=f"{{kind: explicit, positions_um: {{hidden: {positions}}}}}", strategy="direct")
    assert netlist.hash == listed.hash
    for one, other in ((place(netlist), place(listed)),):
        assert one.populations["hidden"].x_um.tolist() == [100 + 60 * k for k in range(9)]
        assert (one.populations["hidden"].row == other.populations["hidden"].row).all()
    assert from_file(tmp_path, [ROWS[0].replace("100", "101"), *ROWS[1:]]).hash != listed.hash


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:-1], "lacks hidden[8]; give the position of every neuron"),
        ([*ROWS, ROWS[0]], "positions.csv:11: gives the position of hidden[0] again"),
        ([*ROWS, "hiden,0,1,1"], "positions.csv:11: no neurons 'hiden'; did you mean 'hidden'?"),
        ([*ROWS, "hidden,9,1,1"], "index 9 is outside 'hidden'; legal is 0 to 8"),
        ([*ROWS[:-1], "hidden,8,nan,1"], "x_um 'nan' is not a finite number"),
        ([*ROWS[:-1], "hidden,8,1"], "positions.csv:10: is too short"),
    ],
)
def test_bad_files_of_positions(tmp_path, rows, message):
    with pytest.raises(NetlistError) as error:
        from_file(tmp_path, rows)
    assert message in str(error.value)
    assert "floorplan.placement.path" in str(error.value)
