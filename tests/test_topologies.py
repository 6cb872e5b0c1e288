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
from soensim.netlist import dump_netlist, parse_netlist
from soensim.netlist.draws import distinct, spread
from soensim.netlist.edges import Edges
from soensim.netlist.lattice import lattice
from soensim.netlist.topology import _KINDS

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


@pytest.mark.parametrize("keys", [keys for keys, _ in ALL], ids=lambda keys: keys["kind"])
def test_round_trip(keys: dict[str, Any]) -> None:
    netlist = parse_netlist(CHIP.format(topology=json.dumps(keys), source="hidden"))
    again = parse_netlist(dump_netlist(netlist))
    assert again == netlist
    assert again.hash == netlist.hash
    assert dump_netlist(again) == dump_netlist(netlist)
    assert netlist.edges(netlist.projections[0]) == make(36, **keys)


PUBLISHED = 330_430


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


# source | topology | column (line 10) | key | message
MESSAGES = r"""
"""


def cases() -> list[list[str]]:
    return [[part.strip() for part in line.split("|")] for line in MESSAGES.strip().splitlines()]


@pytest.mark.parametrize(("source", "topology", "column", "key", "message"), cases())
def test_message(source: str, topology: str, column: str, key: str, message: str) -> None:
    at = f"projections[0].topology{'.' if key else ''}{key}"
    assert message_of(topology, source) == f"<netlist>:10:{column}: {at}: {message}"
