"""Modular, hierarchical and grown topologies: exact counts, uniform draws, a slow reference."""

from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topology_problems import check_order, fan_in, fan_out, grown_slowly, make, matrix, pairs, seeds

from soensim.netlist.topology.growth import links_made
from soensim.netlist.topology.nested_blocks import nested_tiles

# --- modules ----------------------------------------------------------------------------------------------


@given(st.integers(2, 300), st.integers(2, 6), st.integers(1, 4))
@settings(deadline=None)
def test_tiles_are_nested_and_even(n: int, parts: int, levels: int) -> None:
    levels = max(1, min(levels, int(np.log(n) / np.log(parts) + 1e-9)))
    parts = min(parts, n)
    tiles = nested_tiles(n, parts, levels)
    assert np.array_equal(tiles[:-1], tiles[1:] // parts)
    for depth in range(levels + 1):
        sizes = np.bincount(tiles[depth], minlength=parts**depth)
        assert len(sizes) == parts**depth
        assert sizes.min() == n // parts**depth
        assert sizes.max() == -(-n // parts**depth)


def test_tiles_are_patches_of_the_die() -> None:
    first, second = nested_tiles(64, 4, 2)[1:].reshape(2, 8, 8)
    assert np.array_equal(first, np.kron([[0, 1], [2, 3]], np.ones((4, 4), int)))
    assert np.array_equal(second[:4, :4], np.kron([[0, 1], [2, 3]], np.ones((2, 2), int)))
    assert second[7, 7] == 15
    three = nested_tiles(9, 3, 1)[1].reshape(3, 3)
    assert np.array_equal(three, [[0, 0, 1], [0, 1, 1], [2, 2, 2]])


@pytest.mark.parametrize("ends", [(50,), (50, 33), (33, 50)])
@pytest.mark.parametrize("modules", [2, 5, 33])
def test_modular_counts_in_all_three_ways(ends: tuple[int, ...], modules: int) -> None:
    n_sources, n_targets = ends[0], ends[-1]
    own = len(ends) == 2
    same = np.equal.outer(nested_tiles(n_targets, modules, 1)[1], nested_tiles(n_sources, modules, 1)[1])
    possible = same if own else same & ~np.eye(n_sources, dtype=bool)
    keys: dict[str, Any] = {"kind": "modular", "modules": modules, "seed": 3}
    keys |= {} if own else {"self_connections": False}
    least = possible.sum(axis=1).min()

    edges = make(*ends, fan_in_inside=0.7 * least, fan_in_between=4, **keys)
    found = matrix(edges, n_sources, n_targets)
    check_order(edges, n_sources, n_targets)
    assert np.all((found & ~same).sum(axis=1) == 4)
    inside = (found & same).sum(axis=1)
    assert inside.sum() == round(0.7 * least * n_targets)
    assert inside.max() - inside.min() <= 1
    assert not np.any(found & same & ~possible)

    found = matrix(make(*ends, density_inside=0.6, density_between=0.1, **keys), n_sources, n_targets)
    assert (found & same).sum() == round(0.6 * possible.sum())
    assert (found & ~same).sum() == round(0.1 * (~same).sum())
    assert not np.any(found & same & ~possible)

    count = possible.sum()
    edges = make(*ends, edges=int(count), fraction_inside=0.45, **keys)
    found = matrix(edges, n_sources, n_targets)
    assert len(edges) == count
    assert (found & possible).sum() == round(0.45 * count)


def test_modular_is_uniform_inside_and_between() -> None:
    same = np.equal.outer(nested_tiles(9, 2, 1)[1], nested_tiles(7, 2, 1)[1])
    draws = 800
    for keys in (
        {"fan_in_inside": 2, "fan_in_between": 1},
        {"density_inside": 0.5, "density_between": 0.2},
        {"edges": 20, "fraction_inside": 0.7},
    ):
        found = [matrix(make(7, 9, kind="modular", modules=2, seed=seed, **keys), 7, 9) for seed in range(draws)]
        count = np.sum(found, axis=0)
        for block in (same, ~same):
            chance = count[block].sum() / block.sum() / draws
            if "fan_in_inside" in keys:  # each target draws from its own 3 or 4
                chance = (keys["fan_in_inside" if block is same else "fan_in_between"] / block.sum(axis=1))[:, None]
                chance = np.broadcast_to(chance, block.shape)[block]
            assert np.all(np.abs(count[block] - draws * chance) <= 4.5 * np.sqrt(draws * chance * (1 - chance)))


def test_modular_agrees_with_the_block_model_of_networkx() -> None:
    """Mean clustering of the two, on the same blocks: a statistic that neither prescribes."""
    n, k = 200, 4
    keys = {"kind": "modular", "modules": k, "density_inside": 0.3, "density_between": 0.02, "self_connections": False}
    ours = [make(n, seed=seed, **keys) for seed in range(3)]
    p = np.full((k, k), 0.02) + 0.28 * np.eye(k)
    theirs = [nx.stochastic_block_model([n // k] * k, p, seed=seed, directed=True) for seed in range(3)]
    found = []
    for edges in ours:
        graph = nx.DiGraph()
        graph.add_edges_from(pairs(edges))
        found.append(nx.average_clustering(graph))
    assert np.mean(found) == pytest.approx(np.mean([nx.average_clustering(g) for g in theirs]), rel=0.05)


def test_a_chip_with_exactly_20000_synapses_among_1000_neurons() -> None:
    edges = make(1000, kind="modular", modules=10, edges=20_000, fraction_inside=0.8, seed=1, self_connections=False)
    assert len(edges) == 20_000
    tile = nested_tiles(1000, 10, 1)[1]
    assert (tile[edges.sources] == tile[edges.targets]).sum() == 16_000


@pytest.mark.parametrize("ends", [(81,), (81, 100)])
def test_hierarchical_fan_in_falls_by_the_factor(ends: tuple[int, ...]) -> None:
    n_sources, n_targets = ends[0], ends[-1]
    own = {} if len(ends) == 2 else {"self_connections": False}
    keys = {"kind": "hierarchical", "levels": 2, "modules": 4, "fan_in": 3.5, "falloff": 0.4, "seed": 2}
    edges = make(*ends, **keys, **own)
    check_order(edges, n_sources, n_targets)
    source_tiles, target_tiles = nested_tiles(n_sources, 4, 2), nested_tiles(n_targets, 4, 2)
    shared = (source_tiles[:, edges.sources] == target_tiles[:, edges.targets]).sum(axis=0)  # depths in common
    for level, mean in enumerate((3.5, 1.4, 0.56)):
        at_level = np.bincount(edges.targets[shared == 3 - level], minlength=n_targets)
        assert at_level.sum() == round(mean * n_targets)
        assert at_level.max() - at_level.min() <= 1
    if own:
        assert not np.any(edges.sources == edges.targets)


def test_hierarchical_draws_uniformly_at_every_level() -> None:
    keys = {"kind": "hierarchical", "levels": 2, "modules": 2, "fan_in": 1, "falloff": 1, "self_connections": False}
    draws = 800
    count = sum(matrix(make(16, seed=seed, **keys), 16, 16).astype(int) for seed in range(draws))
    tiles = nested_tiles(16, 2, 2)
    depth = (tiles[:, :, None] == tiles[:, None, :]).sum(axis=0) - 1
    depth[np.eye(16, dtype=bool)] = 3
    for level, choices in ((2, 3), (1, 4), (0, 8)):  # one of so many each
        chance = 1 / choices
        off = np.abs(count[depth == level] - draws * chance)
        assert np.all(off < 4.5 * np.sqrt(draws * chance * (1 - chance)))
    assert np.all(count[depth == 3] == 0)


# --- growth -----------------------------------------------------------------------------------------------


@given(
    st.integers(2, 30),
    st.floats(0.01, 1),
    st.floats(0.3, 20),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.integers(0, 3),
    seeds,
)
@settings(deadline=None, max_examples=60)
def test_growth_equals_the_slow_reference(
    n: int, part: float, length: float, preference: float, room: int, seed: int
) -> None:
    count = max(1, round(part * n * (n - 1) / 2))
    limit = int(links_made(n, count)[-1]) + room
    keys = {"kind": "growth", "edges": count, "length": length, "preference": preference, "seed": seed}
    edges = make(n, max_fan_in=limit, **keys)
    expected, sources_of = grown_slowly(n, count, length, preference, limit, seed)
    assert pairs(edges) == expected
    assert len(edges) == count
    check_order(edges, n, n)
    assert fan_in(edges, n).tolist() == sources_of
    assert max(sources_of) <= limit
    assert pairs(make(n, **keys)) == grown_slowly(n, count, length, preference, n, seed)[0]


def test_growth_chooses_by_the_law() -> None:
    """The third neuron of three in a row of two: one link, with chances by degree and distance, worked out by hand.

    Places: 0 and 1 in the first row, 2 below 0. The first two link (degree 1 each), so only distance decides: with 2
    last, 0 is at distance 1 and 1 at the root of 2.
    """
    draws = 1500
    near = count = 0
    for seed in range(draws):
        if np.random.default_rng(seed).permutation(3)[2] == 2:
            linked = {frozenset(edge) for edge in pairs(make(3, kind="growth", edges=2, length=0.5, seed=seed))}
            assert frozenset((0, 1)) in linked
            near += frozenset((0, 2)) in linked
            count += 1
    chance = 1 / (1 + np.exp(-(np.sqrt(2) - 1) / 0.5))
    assert abs(near - count * chance) < 4 * np.sqrt(count * chance * (1 - chance))


@given(st.integers(1, 200), st.integers(0, 10**9))
def test_links_made_add_up_and_never_fall(n: int, edges: int) -> None:
    edges %= n * (n - 1) // 2 + 1
    links = links_made(n, edges)
    assert links.sum() == edges
    assert np.all(links <= np.arange(n))
    assert np.all(np.diff(links) >= 0)
    free = links[np.arange(n) > links]  # those that could have made more
    assert len(free) == 0 or free.max() - free.min() <= 1


def test_growth_of_the_published_size() -> None:
    """8100 neurons, 330,430 synapses: hubs, clusters, short links; the limit on fan-in holds."""
    n, count = 8100, 330_430
    keys = {"kind": "growth", "edges": count, "length": 3, "seed": 1}
    free, capped = make(n, **keys), make(n, max_fan_in=60, **keys)
    uniform = make(n, kind="random", density=count / (n * (n - 1)), seed=1, self_connections=False)
    assert len(free) == len(capped) == count
    assert fan_in(capped, n).max() == 60
    degree, plain = (fan_in(edges, n) + fan_out(edges, n) for edges in (free, uniform))
    assert degree.max() > 4 * degree.mean()  # of the uniform one: 1.5
    assert degree.std() > 3 * plain.std()
    side = 90
    for edges in (free, capped):
        far = np.hypot(edges.sources // side - edges.targets // side, edges.sources % side - edges.targets % side)
        assert np.median(far) < 7  # of the uniform one: 46


def test_growth_has_a_heavier_tail_with_more_preference() -> None:
    spreads = [
        (fan_in(edges, 2000) + fan_out(edges, 2000)).std()
        for edges in (
            make(2000, kind="growth", edges=20_000, length=4, preference=p, seed=1) for p in (0.0, 0.5, 1.0, 1.5)
        )
    ]
    assert all(second > 1.1 * first for first, second in pairwise(spreads))


def test_growth_is_more_local_with_a_shorter_length() -> None:
    side = 45
    lengths = []
    for length in (1.0, 3.0, 9.0, 1e9):
        edges = make(2025, kind="growth", edges=20_000, length=length, seed=1)
        y, x = edges.sources // side - edges.targets // side, edges.sources % side - edges.targets % side
        lengths.append(np.hypot(y, x).mean())
    assert all(second > 1.3 * first for first, second in pairwise(lengths))
    assert lengths[-1] == pytest.approx(0.5214 * side, rel=0.05)  # mean distance in a unit square
