"""Topologies that are generated: exact promises, and what holds for all kinds; messages."""

import json
import subprocess
import sys
import time
import tracemalloc
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topology_problems import check_order, fan_in, fan_out, make, matrix, pairs, seeds

from soensim.errors import NetlistError
from soensim.netlist import dump_netlist, json_schema, parse_netlist
from soensim.netlist.topology.edges import EdgeError, Edges
from soensim.netlist.topology.lattice import lattice
from soensim.netlist.topology.sampling import distinct, spread
from soensim.netlist.topology.topology import _KINDS

# --- lattice and draws ------------------------------------------------------------------------------------


@given(st.integers(1, 10**7))
def test_lattice_is_the_smallest_near_a_square(n: int) -> None:
    rows, columns = lattice(n)
    assert (columns - 1) ** 2 < n <= columns**2
    assert (rows - 1) * columns < n <= rows * columns


def test_lattice_of_the_first_sizes() -> None:
    assert [lattice(n) for n in range(1, 11)] == [
        *[(1, 1), (1, 2), (2, 2), (2, 2), (2, 3)],
        *[(2, 3), (3, 3), (3, 3), (3, 3), (3, 4)],
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=9), seeds)
@settings(deadline=None)
def test_distinct_draws_as_many_as_asked_in_every_row(rows: list[tuple[int, float]], seed: int) -> None:
    widths = np.array([width for width, _ in rows])
    counts = np.array([round(width * part) for width, part in rows])
    places = distinct(np.random.default_rng(seed), widths, counts)
    assert np.all(np.diff(places) > 0)
    row = np.repeat(np.arange(len(rows)), widths)[places]
    assert np.array_equal(np.bincount(row, minlength=len(rows)), counts)


def test_distinct_is_uniform() -> None:
    """Sets of 2 of 4, 3 of 4 and 1 of 3, drawn together: each of the 6 x 4 x 3 is equally likely, by chi squared."""
    draws = 3600
    seen: dict[tuple[int, ...], int] = {}
    for seed in range(draws):
        drawn = tuple(distinct(np.random.default_rng(seed), np.array([4, 4, 3]), np.array([2, 3, 1])).tolist())
        seen[drawn] = seen.get(drawn, 0) + 1
    assert len(seen) == 72
    chi2 = sum((k - draws / 72) ** 2 / (draws / 72) for k in seen.values())
    assert chi2 < 71 + 4 * np.sqrt(2 * 71)


@given(st.floats(0, 20), st.integers(1, 50), seeds)
def test_spread_is_even(mean: float, n: int, seed: int) -> None:
    shares = spread(np.random.default_rng(seed), mean, n)
    assert shares.sum() == round(mean * n)
    assert shares.max() - shares.min() <= 1


def test_spread_draws_who_has_one_more() -> None:
    count = sum(spread(np.random.default_rng(seed), 2.4, 5) - 2 for seed in range(1000))
    assert np.all(np.abs(count - 400) < 4.5 * np.sqrt(1000 * 0.4 * 0.6))


# --- fixed fan-in and fan-out -----------------------------------------------------------------------------


@given(data=st.data(), n_sources=st.integers(1, 15), n_targets=st.integers(1, 15), seed=seeds, recurrent=st.booleans())
@settings(deadline=None)
def test_fixed_fan_in_and_fan_out(
    data: st.DataObject, n_sources: int, n_targets: int, seed: int, recurrent: bool
) -> None:
    recurrent &= n_sources > 1
    ends = (n_sources, None) if recurrent else (n_sources, n_targets)
    n_targets = ends[1] or n_sources
    keys = {"self_connections": False} if recurrent else {}
    k = data.draw(st.integers(1, n_sources - recurrent))
    edges = make(*ends, kind="fixed-fan-in", fan_in=k, seed=seed, **keys)
    check_order(edges, n_sources, n_targets)
    assert np.all(fan_in(edges, n_targets) == k)
    k = data.draw(st.integers(1, n_targets - recurrent))
    turned = make(*ends, kind="fixed-fan-out", fan_out=k, seed=seed, **keys)
    check_order(turned, n_sources, n_targets)
    assert np.all(fan_out(turned, n_sources) == k)
    if recurrent:
        assert not np.any(edges.sources == edges.targets)
        assert not np.any(turned.sources == turned.targets)


@pytest.mark.parametrize(("kind", "key"), [("fixed-fan-in", "fan_in"), ("fixed-fan-out", "fan_out")])
def test_fixed_fans_are_uniform(kind: str, key: str) -> None:
    count = sum(matrix(make(6, 5, kind=kind, seed=seed, **{key: 2}), 6, 5).astype(int) for seed in range(1000))
    chance = 2 / (6 if kind == "fixed-fan-in" else 5)
    assert np.all(np.abs(count - 1000 * chance) < 4.5 * np.sqrt(1000 * chance * (1 - chance)))


# --- small world ------------------------------------------------------------------------------------------


@given(st.integers(3, 30), st.integers(1, 15), seeds, st.sampled_from([0.0, 0.3, 1.0]))
@settings(deadline=None)
def test_small_world_keeps_the_number_of_links(n: int, half: int, seed: int, rewiring: float) -> None:
    half = min(half, (n - 1) // 2)
    keys = {"kind": "small-world", "neighbours": 2 * half, "rewiring": rewiring, "seed": seed}
    both, one = make(n, **keys), make(n, both_ways=False, **keys)
    check_order(both, n, n)
    check_order(one, n, n)
    assert len(both) == 2 * n * half
    assert len(one) == n * half
    linked = matrix(both, n, n)
    assert not linked.diagonal().any()
    assert np.array_equal(linked, linked.T)
    assert np.array_equal(matrix(one, n, n) | matrix(one, n, n).T, linked)  # n x half edges: each link once
    if rewiring == 0:
        around = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        around = np.minimum(around, n - around)
        assert np.array_equal(linked, (around >= 1) & (around <= half))


def clustering(edges: Edges, n: int) -> float:
    linked = matrix(edges, n, n).astype(float)
    degree = linked.sum(axis=1)
    return float(np.mean(np.diag(linked @ linked @ linked) / (degree * (degree - 1))))


def test_small_world_clusters_as_the_law_says() -> None:
    """C(0) = 3 (K - 2) / (4 (K - 1)); C(p) is near C(0) (1 - p)^3; at p = 1 near K / n, as in a random graph."""
    n, k = 1000, 20
    ring = 3 * (k - 2) / (4 * (k - 1))
    found = {p: clustering(make(n, kind="small-world", neighbours=k, rewiring=p, seed=3), n) for p in (0.0, 0.1, 1.0)}
    assert found[0.0] == pytest.approx(ring, rel=1e-12)
    assert found[0.1] == pytest.approx(ring * 0.9**3, rel=0.04)
    assert found[1.0] == pytest.approx(k / n, rel=0.25)


def test_small_world_draws_both_directions() -> None:
    edges = make(500, kind="small-world", neighbours=10, rewiring=0.2, both_ways=False, seed=5)
    onward = int((edges.targets > edges.sources).sum())
    assert abs(onward - 1250) < 4 * np.sqrt(2500 / 4)


# --- grid -------------------------------------------------------------------------------------------------


@given(
    st.integers(2, 45),
    st.integers(1, 8),
    st.sampled_from(["moore", "von-neumann"]),
    st.sampled_from([None, False, True]),
    st.booleans(),
)
@settings(deadline=None)
def test_grid_by_its_definition(n: int, reach: int, neighbourhood: str, own: bool | None, periodic: bool) -> None:
    rows, columns = lattice(n)
    if periodic:
        n = rows * columns
    keys = {"self_connections": own} if own is not None else {}
    edges = make(n, kind="grid", neighbourhood=neighbourhood, range=reach, periodic=periodic, **keys)
    check_order(edges, n, n)
    expected = set()
    for i in range(n):
        for j in range(n):
            y, x = abs(i // columns - j // columns), abs(i % columns - j % columns)
            if periodic:
                y, x = min(y, rows - y), min(x, columns - x)
            far = y + x if neighbourhood == "von-neumann" else max(y, x)
            if far <= reach and (i != j or own):
                expected.add((j, i))
    assert pairs(edges) == expected


@pytest.mark.parametrize("periodic", [False, True])
def test_grid_agrees_with_networkx(periodic: bool) -> None:
    graph = nx.grid_2d_graph(9, 10, periodic=periodic)
    expected = {(10 * a + b, 10 * c + d) for (a, b), (c, d) in graph.to_directed().edges}
    assert pairs(make(90, kind="grid", neighbourhood="von-neumann", periodic=periodic)) == expected


def test_grid_between_two_populations_includes_the_own_place() -> None:
    edges = make(9, 9, kind="grid", neighbourhood="von-neumann")
    assert pairs(edges) == pairs(make(9, kind="grid", neighbourhood="von-neumann")) | {(k, k) for k in range(9)}


# --- what holds for all -----------------------------------------------------------------------------------


# One of each kind, for a population of 36 that drives itself, with the digest of its edges. A program belongs to the
# edges that its seed drew: another draw makes every trained program worthless.
ALL: list[tuple[dict[str, Any], str]] = [
    ({"kind": "fixed-fan-in", "fan_in": 5, "seed": 7}, "d13618487eb0ea30"),
    ({"kind": "fixed-fan-out", "fan_out": 5, "seed": 7, "self_connections": False}, "c0c9450a329b1ac9"),
    ({"kind": "small-world", "neighbours": 6, "rewiring": 0.25, "seed": 7}, "556af2677b5b01b8"),
    ({"kind": "small-world", "neighbours": 6, "rewiring": 0.25, "both_ways": False, "seed": 7}, "7a561a9fd6d3bee6"),
    ({"kind": "grid", "neighbourhood": "moore", "range": 2}, "03e99a3d63e30a44"),
    ({"kind": "grid", "neighbourhood": "von-neumann", "periodic": True, "self_connections": True}, "d5ae4aeae221336d"),
    ({"kind": "distance-limited", "radius": 1.5}, "cc3493c32450f6d0"),
    ({"kind": "distance-limited", "radius": 2.5, "density": 0.4, "seed": 7}, "1711e47c70f62d7c"),
    ({"kind": "distance-exponential", "length": 1.5, "fan_in": 4.5, "seed": 7}, "8503c98e59d41996"),
    (
        {"kind": "distance-power-law", "exponent": 2.0, "fan_in": 4.5, "seed": 7, "self_connections": False},
        "451f329f39a696db",
    ),
    ({"kind": "modular", "modules": 4, "fan_in_inside": 3.0, "fan_in_between": 1.5, "seed": 7}, "da40076f4be2b8d5"),
    ({"kind": "modular", "modules": 4, "density_inside": 0.5, "density_between": 0.1, "seed": 7}, "b4a6fd1728e2dcae"),
    (
        {"kind": "modular", "modules": 4, "edges": 150, "fraction_inside": 0.75, "seed": 7, "self_connections": False},
        "104dcd9aa261dba4",
    ),
    ({"kind": "hierarchical", "levels": 2, "modules": 3, "fan_in": 2.0, "falloff": 0.5, "seed": 7}, "152dae094ed818eb"),
    ({"kind": "growth", "edges": 150, "length": 2.0, "seed": 7}, "1ad338006b8600fa"),
    (
        {"kind": "growth", "edges": 150, "length": 2.0, "preference": 0.5, "max_fan_in": 7, "seed": 7},
        "96d2ac38e9cc1c8d",
    ),
]


@pytest.mark.parametrize(("keys", "digest"), ALL, ids=lambda value: value["kind"] if isinstance(value, dict) else "")
def test_draw_is_the_same_in_every_release(keys: dict[str, Any], digest: str) -> None:
    edges = make(36, **keys)
    check_order(edges, 36, 36)
    assert edges.digest[:16] == digest
    assert edges == make(36, **keys)


@pytest.mark.parametrize("keys", [keys for keys, _ in ALL if "seed" in keys], ids=lambda keys: keys["kind"])
def test_seeds_differ(keys: dict[str, Any]) -> None:
    assert len({make(36, **(keys | {"seed": seed})).digest for seed in range(10)}) == 10


def test_every_kind_is_tested() -> None:
    here = {keys["kind"] for keys, _ in ALL}
    assert here == set(_KINDS) - {"all-to-all", "random", "one-to-one", "explicit", "file"}  # in test_edges


CHIP = """\
schema: soensim/1
name: small
technology: ideal
populations:
  pixels: {{kind: input, size: 5, drive_low: 0.0, drive_high: 1.0}}
  hidden: {{kind: dendrite, size: 36, source_function: tanh, gamma_plus: 0.5, gamma_minus: 0.5}}
projections:
  - source: {source}
    target: hidden
    topology: {topology}
    efficacy: {{bits: 4, range: 1.0}}
timing: {{sample_tau: 1.0}}
"""


@pytest.fixture(scope="module")
def validator() -> Any:
    """What holds a projection against the schema, which is itself looked at once."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = {"$defs": json_schema()["$defs"], "$ref": "#/$defs/Projection"}
    made = jsonschema.validators.validator_for(schema)
    made.check_schema(schema)
    return made(schema)


@pytest.mark.parametrize("keys", [keys for keys, _ in ALL], ids=lambda keys: keys["kind"])
def test_round_trip(keys: dict[str, Any], validator: Any) -> None:
    netlist = parse_netlist(CHIP.format(topology=json.dumps(keys), source="hidden"))
    again = parse_netlist(dump_netlist(netlist))
    assert again == netlist
    assert again.hash == netlist.hash
    assert dump_netlist(again) == dump_netlist(netlist)
    assert netlist.edges(netlist.projections[0]) == make(36, **keys)
    projection = {"source": "a", "target": "a", "topology": keys, "efficacy": {"levels": [0.0, 1.0]}}
    validator.validate(projection)


PUBLISHED = 330_430


def test_a_chip_knows_two_populations_of_one_size_from_one() -> None:
    """Source k and target k are one neuron in the first projection, and two in the second."""
    part = "    topology: {kind: grid, neighbourhood: von-neumann}\n    efficacy: {bits: 4, range: 1.0}\n"
    text = CHIP.format(topology="{kind: grid, neighbourhood: von-neumann}", source="hidden")
    text = text.replace("timing:", f"  - source: hidden\n    target: upper\n{part}timing:")
    hidden = next(line for line in text.splitlines() if line.startswith("  hidden:"))
    netlist = parse_netlist(text.replace(hidden, hidden + "\n" + hidden.replace("hidden", "upper")))
    within, between = (netlist.edges(projection) for projection in netlist.projections)
    assert not np.any(within.sources == within.targets)
    assert pairs(between) == pairs(within) | {(k, k) for k in range(36)}


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "fixed-fan-in", "fan_in": 41, "seed": 1},
        {"kind": "fixed-fan-out", "fan_out": 41, "seed": 1},
        {"kind": "small-world", "neighbours": 40, "rewiring": 0.2, "seed": 1},
        {"kind": "grid", "neighbourhood": "moore", "range": 3},
        {"kind": "grid", "neighbourhood": "von-neumann", "range": 4, "periodic": True},
        {"kind": "distance-limited", "radius": 3.7},
        {"kind": "distance-limited", "radius": 30, "density": 0.02, "seed": 1},
        {"kind": "distance-exponential", "length": 3, "fan_in": 40.8, "seed": 1},
        {"kind": "distance-power-law", "exponent": 2, "fan_in": 40.8, "seed": 1},
        {"kind": "modular", "modules": 90, "fan_in_inside": 30, "fan_in_between": 10.8, "seed": 1},
        {"kind": "modular", "modules": 9, "edges": PUBLISHED, "fraction_inside": 0.9, "seed": 1},
        {"kind": "hierarchical", "levels": 3, "modules": 4, "fan_in": 22, "falloff": 0.5, "seed": 1},
        {"kind": "growth", "edges": PUBLISHED, "length": 4, "max_fan_in": 100, "seed": 1},
    ],
    ids=lambda keys: keys["kind"],
)
def test_published_size_is_fast_and_lean(keys: dict[str, Any]) -> None:
    make(9, kind="growth", edges=9, length=1, seed=1)  # numba compiles once
    start = time.process_time()
    edges = make(8100, **keys)
    seconds = time.process_time() - start
    assert 0.8 * PUBLISHED < len(edges) < 1.2 * PUBLISHED
    assert seconds < 3
    tracemalloc.start()
    make(8100, **keys)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150 * 2**20  # all pairs as float64 would be 500 MiB


def test_numba_is_loaded_only_by_growth() -> None:
    """A chip without it loads in a second, and numba takes half of one."""
    code = "import sys, soensim.netlist as n; n.parse_netlist(sys.argv[1]); print('numba' in sys.modules)"
    for kind, loaded in (("distance-exponential", "False"), ("growth", "True")):
        keys = next(keys for keys, _ in ALL if keys["kind"] == kind)
        text = CHIP.format(topology=json.dumps(keys), source="hidden")
        done = subprocess.run([sys.executable, "-c", code, text], check=True, capture_output=True, text=True)
        assert done.stdout.strip() == loaded


# --- messages ---------------------------------------------------------------------------------------------


def message_of(topology: str, source: str) -> str:
    with pytest.raises(NetlistError) as caught:
        parse_netlist(CHIP.format(topology=topology, source=source))
    return str(caught.value)


# source | topology | column in line 10 | key; below it the message
MESSAGES = r"""
hidden | {kind: fixed-fan-in, fan_in: 37, seed: 1} | 44 | fan_in
  37 is more than the 36 sources that a target can have
hidden | {kind: fixed-fan-in, fan_in: 36, seed: 1, self_connections: false} | 44 | fan_in
  36 is more than the 35 sources that a target can have
pixels | {kind: fixed-fan-in, fan_in: 6, seed: 1} | 44 | fan_in
  6 is more than the 5 sources that a target can have
pixels | {kind: fixed-fan-in, fan_in: 2, seed: 1, self_connections: false} | 56 | self_connections
  only a population that drives itself has self connections, not pixels->hidden; remove it
hidden | {kind: fixed-fan-in, fan_in: 0, seed: 1} | 44 | fan_in
  0 is not legal; it must be at least 1
hidden | {kind: fixed-fan-in, fan_in: 2.0, seed: 1} | 44 | fan_in
  2.0 is not legal; it must be a whole number; write 2
hidden | {kind: fixed-fan-in, fan_in: 2} | 5 | seed
  is missing; add it: Seed (a whole number) of the draw
pixels | {kind: fixed-fan-out, fan_out: 37, seed: 1} | 46 | fan_out
  37 is more than the 36 targets that a source can have
hidden | {kind: small-world, neighbours: 36, rewiring: 0.1, seed: 1} | 47 | neighbours
  36 is more than the 35 others in the population; legal is an even number up to 34
hidden | {kind: small-world, neighbours: 3, rewiring: 0.1, seed: 1} | 47 | neighbours
  3 is odd; half of the neighbours are on each side, so give an even number
hidden | {kind: small-world, neighbours: 2, rewiring: 1.5, seed: 1} | 60 | rewiring
  1.5 is not legal; it must be at most 1
pixels | {kind: small-world, neighbours: 2, rewiring: 0.1, seed: 1} | 22 | kind
  small-world joins the neurons of one population, so source and target must be the same, not pixels->hidden; name one population twice, or take another kind
pixels | {kind: grid, neighbourhood: moore} | 22 | kind
  a grid needs populations of one size, not 5 and 36; distance-limited joins populations of different sizes
hidden | {kind: grid, neighbourhood: hex} | 43 | neighbourhood
  'hex' is not legal; it must be one of von-neumann, moore
hidden | {kind: grid, neighbourhood: moore, range: 0} | 57 | range
  0 is not legal; it must be at least 1
hidden | {kind: grid, neighbourhood: moore, seed: 1} | 50 | seed
  unknown key 'seed'; legal keys are kind, neighbourhood, range, periodic, self_connections
hidden | {kind: distance-limited, radius: 0.5} | 48 | radius
  no source is within 0.5 pitches of a target; give 1 or more
hidden | {kind: distance-limited, radius: 0} | 48 | radius
  0 is not legal; it must be greater than 0
hidden | {kind: distance-limited, radius: 2, density: 0.5} | 5 | seed
  is missing; a density below 1 draws edges: add a whole number
hidden | {kind: distance-limited, radius: 2, seed: 1} | 51 | seed
  has no meaning where density is 1 and every pair exists; remove it
hidden | {kind: distance-limited, radius: 1, density: 1.0e-5, seed: 1} | 60 | density
  1e-05 of 120 pairs is less than one edge; raise it
pixels | {kind: distance-limited, radius: 0.01} | 48 | radius
  no source is within 0.01 pitches of a target; give 1 or more
pixels | {kind: distance-limited, radius: 2, self_connections: false} | 51 | self_connections
  only a population that drives itself has self connections, not pixels->hidden; remove it
pixels | {kind: distance-exponential, length: 2, fan_in: 2, seed: 1, self_connections: false} | 75 | self_connections
  only a population that drives itself has self connections, not pixels->hidden; remove it
hidden | {kind: distance-exponential, length: 2, fan_in: 36, seed: 1} | 63 | fan_in
  36.0 is more than the 35 sources that a target can have
hidden | {kind: distance-exponential, length: -2, fan_in: 3, seed: 1} | 52 | length
  -2 is not legal; it must be greater than 0
hidden | {kind: distance-exponential, length: 2, seed: 1} | 5 | fan_in
  is missing; add it: Number of sources of a target on average over all targets and draws; it sets c
hidden | {kind: distance-exponential, length: 2, fan_in: 1.0e-9, seed: 1} | 63 | fan_in
  a mean of 1e-09 sources for 36 targets gave no edge; raise it
hidden | {kind: distance-power-law, exponent: 2, fan_in: 35.5, seed: 1} | 63 | fan_in
  35.5 is more than the 35 sources that a target can have
hidden | {kind: distance-power-law, length: 2, fan_in: 3, seed: 1, exponent: 2} | 42 | length
  unknown key 'length'; legal keys are kind, fan_in, seed, self_connections, exponent
pixels | {kind: modular, modules: 6, fan_in_inside: 1, fan_in_between: 1, seed: 1} | 40 | modules
  6 modules are more than the 5 neurons of a population; give fewer
hidden | {kind: modular, modules: 1, fan_in_inside: 1, fan_in_between: 1, seed: 1} | 40 | modules
  1 is not legal; it must be at least 2
hidden | {kind: modular, modules: 4, seed: 1} | 5 | (the whole)
  does not say how many edges; give fan_in_inside and fan_in_between, or density_inside and density_between, or edges and fraction_inside
hidden | {kind: modular, modules: 4, fan_in_inside: 1, seed: 1} | 5 | fan_in_between
  is missing; give fan_in_inside and fan_in_between, or density_inside and density_between, or edges and fraction_inside
hidden | {kind: modular, modules: 4, edges: 9, seed: 1} | 5 | fraction_inside
  is missing; give fan_in_inside and fan_in_between, or density_inside and density_between, or edges and fraction_inside
hidden | {kind: modular, modules: 4, edges: 9, fan_in_inside: 3, seed: 1} | 43 | edges
  does not go with fan_in_inside; give fan_in_inside and fan_in_between, or density_inside and density_between, or edges and fraction_inside
hidden | {kind: modular, modules: 4, density_inside: 0.5, density_between: 0.1, fraction_inside: 0.5, seed: 1} | 86 | fraction_inside
  does not go with density_inside; give fan_in_inside and fan_in_between, or density_inside and density_between, or edges and fraction_inside
hidden | {kind: modular, modules: 4, density_inside: 0.5, density_between: 2, seed: 1} | 81 | density_between
  2 is not legal; it must be at most 1
hidden | {kind: modular, modules: 4, density_inside: 0, density_between: 0.0, seed: 1} | 22 | kind
  gives no edge; raise the numbers inside and between
hidden | {kind: modular, modules: 4, fan_in_inside: 10, fan_in_between: 0, seed: 1} | 58 | fan_in_inside
  asks for 10 sources in its own module, where a target can have only 9
hidden | {kind: modular, modules: 4, fan_in_inside: 0, fan_in_between: 27.1, seed: 1} | 77 | fan_in_between
  asks for 27.1 sources in other modules, where a target can have only 27
hidden | {kind: modular, modules: 4, fan_in_inside: 9, fan_in_between: 0, seed: 1, self_connections: false} | 58 | fan_in_inside
  asks for 9 sources in its own module, where a target can have only 8
hidden | {kind: modular, modules: 4, edges: 400, fraction_inside: 1, seed: 1} | 50 | edges
  400 of 400 edges would be inside modules, where only 324 are possible; give fewer edges, or another fraction_inside
hidden | {kind: modular, modules: 4, edges: 1297, fraction_inside: 0.25, seed: 1} | 50 | edges
  973 of 1297 edges would be between modules, where only 972 are possible; give fewer edges, or another fraction_inside
hidden | {kind: hierarchical, levels: 3, modules: 4, fan_in: 1, falloff: 0.5, seed: 1} | 44 | levels
  64 modules are more than the 36 neurons of a population; give fewer
hidden | {kind: hierarchical, levels: 2, modules: 4, fan_in: 3, falloff: 0.5, seed: 1} | 67 | fan_in
  asks for 3 sources at level 0 (the lowest is 0), where a target can have only 2
hidden | {kind: hierarchical, levels: 2, modules: 4, fan_in: 2, falloff: 1.5, seed: 1} | 79 | falloff
  1.5 is not legal; it must be at most 1
hidden | {kind: hierarchical, levels: 1, modules: 2, fan_in: 0.001, falloff: 1, seed: 1} | 67 | fan_in
  a mean of 0.001 gives no edge; raise it
hidden | {kind: growth, edges: 631, length: 2, seed: 1} | 37 | edges
  631 is more than the 630 pairs of 36 neurons
hidden | {kind: growth, edges: 300, length: 2, max_fan_in: 9, seed: 1} | 65 | max_fan_in
  9 leaves room for 279 of 300 edges; give 10 or more
hidden | {kind: growth, edges: 0, length: 2, seed: 1} | 37 | edges
  0 is not legal; it must be at least 1
hidden | {kind: growth, length: 2, seed: 1} | 5 | edges
  is missing; add it: Number of edges, exactly; two neurons share one edge at most
hidden | {kind: growth, edges: 9, length: 2, preference: 5, seed: 1} | 63 | preference
  5 is not legal; it must be at most 4
pixels | {kind: growth, edges: 9, length: 2, seed: 1} | 22 | kind
  growth joins the neurons of one population, so source and target must be the same, not pixels->hidden; name one population twice, or take another kind
"""  # noqa: E501


def cases() -> list[list[str]]:
    lines = MESSAGES.strip().splitlines()
    return [
        [*map(str.strip, case.split("|")), text.strip()] for case, text in zip(lines[::2], lines[1::2], strict=True)
    ]


@pytest.mark.parametrize(("source", "topology", "column", "key", "message"), cases())
def test_message(source: str, topology: str, column: str, key: str, message: str) -> None:
    at = "projections[0].topology" + ("" if key == "(the whole)" else f".{key}")
    assert message_of(topology, source) == f"<netlist>:10:{column}: {at}: {message}"


def test_messages_that_depend_on_sizes() -> None:
    with pytest.raises(EdgeError, match=r"7 neurons leave the last row of 3 x 3 short.* give the population 9, or"):
        make(7, kind="grid", neighbourhood="moore", periodic=True)
    with pytest.raises(EdgeError, match="2 is more than the 1 others in the population; a ring needs 3 neurons"):
        make(2, kind="small-world", neighbours=2, rewiring=0, seed=1)
    for kind in ({"kind": "grid", "neighbourhood": "moore"}, {"kind": "distance-limited", "radius": 1}):
        with pytest.raises(EdgeError, match="remove the projection"):
            make(1, **kind)
    with pytest.raises(EdgeError, match="1 is more than the 0 pairs of 1 neurons"):
        make(1, kind="growth", edges=1, length=1, seed=1)


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "fixed-fan-in", "fan_in": 51, "seed": 1},
        {"kind": "fixed-fan-out", "fan_out": 51, "seed": 1},
        {"kind": "small-world", "neighbours": 52, "rewiring": 0.1, "seed": 1},
        {"kind": "grid", "neighbourhood": "moore", "range": 900},
        {"kind": "grid", "neighbourhood": "von-neumann", "range": 6, "periodic": True},
        {"kind": "distance-limited", "radius": 1e9},
        {"kind": "distance-exponential", "length": 1, "fan_in": 51, "seed": 1},
        {"kind": "distance-power-law", "exponent": 1, "fan_in": 51, "seed": 1},
        {"kind": "modular", "modules": 9, "fan_in_inside": 50, "fan_in_between": 1, "seed": 1},
        {"kind": "modular", "modules": 9, "density_inside": 0.1, "density_between": 0.1, "seed": 1},
        {"kind": "hierarchical", "levels": 2, "modules": 9, "fan_in": 51, "falloff": 0, "seed": 1},
    ],
    ids=lambda keys: keys["kind"],
)
def test_too_many_edges_are_refused_before_they_cost_memory(keys: dict[str, Any]) -> None:
    tracemalloc.start()
    with pytest.raises(EdgeError, match=r"asks for \d+ edges; the limit is 50000000"):
        make(10**6, **keys)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 2**20
