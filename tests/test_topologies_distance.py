"""Topologies that depend on distance: by definition, and statistics against the stated law."""

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from topology_problems import check_order, distances, make, matrix, pairs, seeds

from soensim.netlist.topology import distance_probability as decay_module
from soensim.netlist.topology.distance_probability import scale_for
from soensim.netlist.topology.edges import EdgeError

# --- within a radius --------------------------------------------------------------------------------------


def test_rounding_does_not_decide_at_the_radius_itself():
    """A pair whose whole distance is across the rows, one bit above the radius."""
    edges = make(40, 21, kind="distance-limited", radius=3.083333333333333)
    assert np.array_equal(matrix(edges, 40, 21), distances(40, 21) <= 3.083333333333333 + 1e-9)


@given(data=st.data(), n_sources=st.integers(1, 40), n_targets=st.integers(1, 40), radius=st.floats(0.5, 9))
@settings(deadline=None)
def test_distance_limited_by_its_definition(data: st.DataObject, n_sources: int, n_targets: int, radius: float) -> None:
    recurrent = data.draw(st.booleans())
    n_targets = n_sources if recurrent else n_targets
    far = distances(n_sources, n_targets)
    radius = data.draw(st.sampled_from([radius, *far.ravel()[far.ravel() > 0].tolist()]))  # many at exactly the radius
    near = far <= radius + 1e-9
    if recurrent:
        np.fill_diagonal(near, False)
    ends = (n_sources,) if recurrent else (n_sources, n_targets)
    if not near.any():
        with pytest.raises(EdgeError, match="no source is within"):
            make(*ends, kind="distance-limited", radius=radius)
        return
    edges = make(*ends, kind="distance-limited", radius=radius)
    check_order(edges, n_sources, n_targets)
    assert np.array_equal(matrix(edges, n_sources, n_targets), near)
    density = data.draw(st.floats(0.02, 0.98))
    if count := round(density * near.sum()):
        drawn = make(*ends, kind="distance-limited", radius=radius, density=density, seed=data.draw(seeds))
        check_order(drawn, n_sources, n_targets)
        assert len(drawn) == count
        assert np.all(near[drawn.targets, drawn.sources])


def test_distance_limited_agrees_with_networkx() -> None:
    places = {k: divmod(k, 10) for k in range(95)}
    graph = nx.random_geometric_graph(95, 3.2, pos=places)
    assert pairs(make(95, kind="distance-limited", radius=3.2)) == set(graph.to_directed().edges)


def test_distance_limited_density_is_uniform() -> None:
    near = distances(7, 12) <= 1.6
    draws = 1000
    keys = {"kind": "distance-limited", "radius": 1.6, "density": 0.3}
    count = sum(matrix(make(7, 12, seed=seed, **keys), 7, 12).astype(int) for seed in range(draws))
    chance = round(0.3 * near.sum()) / near.sum()
    assert np.all(count[~near] == 0)
    assert np.all(np.abs(count[near] - draws * chance) < 4.5 * np.sqrt(draws * chance * (1 - chance)))


def test_all_pairs_within_a_radius_that_holds_everything() -> None:
    assert make(8, 5, kind="distance-limited", radius=1e300) == make(8, 5, kind="all-to-all")
    own = make(8, kind="distance-limited", radius=1e3, self_connections=True)
    assert own == make(8, kind="all-to-all")
    assert make(8, kind="distance-limited", radius=1e3) == make(8, kind="all-to-all", self_connections=False)


# --- probability that falls with distance -----------------------------------------------------------------


def exponential(distance: np.ndarray) -> np.ndarray:
    return np.exp(-distance / 1.3)


def power_law(distance: np.ndarray) -> np.ndarray:
    return np.maximum(distance, 1.0) ** -2.5


LAWS: list[tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]] = [
    ({"kind": "distance-exponential", "length": 1.3}, exponential),
    ({"kind": "distance-power-law", "exponent": 2.5}, power_law),
]


def chances(n_sources: int, n_targets: int, law: Callable[[np.ndarray], np.ndarray], mean: float, own: bool) -> Any:
    """Probability of every pair by brute force, c by bracketing."""
    weight = law(distances(n_sources, n_targets))
    if not own:
        np.fill_diagonal(weight, 0.0)
    scale = brentq(lambda c: np.minimum(1, c * weight).sum() - mean * n_targets, 0, 1e9, xtol=1e-14, rtol=1e-14)
    return np.minimum(1.0, scale * weight)


@pytest.mark.parametrize(("keys", "law"), LAWS)
@pytest.mark.parametrize(
    ("ends", "mean", "own", "groups"),
    [
        ((11,), 2.0, False, 1 << 20),
        ((11,), 6.5, False, 40),
        ((11,), 3.0, True, 1 << 20),
        ((7, 12), 2.0, True, 40),
        ((30, 4), 9.0, True, 1 << 20),
    ],
)
def test_every_pair_exists_with_its_probability(
    keys: dict[str, Any],
    law: Callable[[np.ndarray], np.ndarray],
    ends: tuple[int, ...],
    mean: float,
    own: bool,
    groups: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frequencies, and the variance of the number of edges, which says that pairs are independent."""
    monkeypatch.setattr(decay_module, "_GROUPS", groups)  # 40: one row of targets at a time
    n_sources, n_targets = ends[0], ends[-1]
    expected = chances(n_sources, n_targets, law, mean, own)
    draws = 1000
    own_key = {"self_connections": True} if own and len(ends) == 1 else {}
    found = [matrix(make(*ends, fan_in=mean, seed=s, **keys, **own_key), n_sources, n_targets) for s in range(draws)]
    count = np.sum(found, axis=0)
    assert np.all(count[expected == 0] == 0)
    assert np.all(count[expected == 1] == draws)
    spread_of = np.sqrt(draws * expected * (1 - expected))
    assert np.all(np.abs(count - draws * expected) <= 4.5 * spread_of + 1e-9)
    totals = np.sum(found, axis=(1, 2))
    variance = (expected * (1 - expected)).sum()
    assert totals.mean() == pytest.approx(mean * n_targets, abs=4.5 * np.sqrt(variance / draws))
    assert totals.var() == pytest.approx(variance, rel=0.2)  # 4.5 standard deviations: sqrt(2 / draws)


@pytest.mark.parametrize(("keys", "law"), LAWS)
def test_large_network_falls_with_distance_as_the_law_says(
    keys: dict[str, Any], law: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Edges per possible pair at every lattice distance of 90 x 90 neurons, far beyond the first neighbours."""
    n, side = 8100, 90
    edges = make(n, fan_in=20, seed=1, **keys)
    across, along = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    both = np.where(across > 0, 2, 1) * np.where(along > 0, 2, 1)
    possible = both * (side - across) * (side - along)
    possible[0, 0] = 0
    weight = law(np.hypot(across, along))
    scale = brentq(lambda c: (possible * np.minimum(1, c * weight)).sum() - 20 * n, 0, 1e6)
    expected = possible * np.minimum(1, scale * weight)
    y = np.abs(edges.sources // side - edges.targets // side)
    x = np.abs(edges.sources % side - edges.targets % side)
    found = np.bincount(y * side + x, minlength=n).reshape(side, side)
    ring = np.hypot(across, along).astype(int)
    seen, due = (np.bincount(ring.ravel(), weights=w.ravel()) for w in (found, expected))
    rings = due > 20
    assert rings.sum() >= 9
    assert np.all(np.abs(seen - due)[rings] < 4.5 * np.sqrt(due[rings]))
    assert len(edges) == pytest.approx(20 * n, abs=4.5 * np.sqrt(20 * n))


@given(st.integers(2, 40), st.integers(2, 40), st.floats(0.01, 1), st.floats(0.05, 50), st.booleans())
@settings(deadline=None)
def test_scale_meets_the_mean_fan_in(n_sources: int, n_targets: int, part: float, length: float, same: bool) -> None:
    def law(distance: np.ndarray) -> np.ndarray:
        return np.maximum(np.exp(-distance / length), 1e-300)

    n_targets = n_sources if same else n_targets
    mean = part * (n_sources - same)
    scale = scale_for(n_sources, n_targets, law, mean, same)
    with np.errstate(over="ignore"):
        chance = np.minimum(1.0, scale * law(distances(n_sources, n_targets)))
    if same:
        np.fill_diagonal(chance, 0.0)
    assert chance.sum() / n_targets == pytest.approx(mean, rel=1e-9)


def test_scale_with_distances_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = scale_for(1000, 2116, exponential, 12.0, False)
    monkeypatch.setattr(decay_module, "_DISTINCT", 300)  # of 736 and 713
    assert scale_for(1000, 2116, exponential, 12.0, False) == pytest.approx(exact, rel=2e-4)
    assert scale_for(1000, 2116, exponential, 12.0, False) != exact


@pytest.mark.parametrize("keys", [keys for keys, _ in LAWS])
def test_every_source_if_the_fan_in_says_so(keys: dict[str, Any]) -> None:
    assert make(9, fan_in=8, seed=1, **keys) == make(9, kind="all-to-all", self_connections=False)
    assert make(9, 5, fan_in=9, seed=1, **keys) == make(9, 5, kind="all-to-all")


@pytest.mark.parametrize("keys", [keys for keys, _ in LAWS])
def test_extreme_numbers_give_edges_or_say_why(keys: dict[str, Any]) -> None:
    with pytest.raises(EdgeError, match="gave no edge"):
        make(30, fan_in=5e-324, seed=1, **keys)
    for key in {"length", "exponent"} & set(keys):
        for value in (5e-324, 1e308):
            assert len(make(30, fan_in=5, seed=1, **(keys | {key: value}))) > 90


def test_two_populations_of_one_size_have_no_self_connections_to_skip() -> None:
    drawn = [make(9, 9, kind="distance-exponential", length=0.5, fan_in=2, seed=seed) for seed in range(20)]
    assert any(np.any(edges.sources == edges.targets) for edges in drawn)
