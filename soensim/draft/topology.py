"""From a density to the keys of a recurrent topology: the part of all neurons^2 edges that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from soensim.errors import NetlistError
from soensim.netlist.topology.edges import EdgeError, Edges
from soensim.netlist.topology.topology import Topology
from soensim.netlist.topology.topology_part import TopologyPart

#: Of every kind but all-to-all where none is wished: with it year1-28 and rows-28-sparse lose one to three points.
DEFAULT_DENSITY = 0.3
#: How far the density of a chip may be from the wished one, as a part of it.
TOLERANCE = 0.2

REWIRING = 0.2  # of small-world-100: paths as short as a random graph's, most links still short
LENGTH, EXPONENT = 2.0, 2.0  # of probabilities that fall with distance: most edges within a few cells

Keys = dict[str, Any]
_parse: TypeAdapter[TopologyPart] = TypeAdapter(Topology)


@dataclass(frozen=True)
class Recurrence:
    """A recurrent topology as the netlist writes it.

    Attributes
    ----------
    keys
        Of the netlist's `topology`, `kind` first.
    edges
        What it makes of the neurons.
    density
        Edges over neurons^2.
    """

    keys: Keys
    edges: Edges
    density: float


def recurrence(kind: str, density: float | None, neurons: int, seed: int) -> Recurrence:
    """Choose the keys of a topology whose density is nearest to the wished one.

    Raises
    ------
    NetlistError
        The kind has no such density for this number of neurons; the message says which are nearest.
    """
    if kind == "all-to-all" and density not in (None, 1):
        others = ", ".join(other for other in TOPOLOGIES if other != kind)
        raise NetlistError(f"density {density:g}: all-to-all has every edge; leave the density out, or take {others}")
    wished = density if density is not None else 1.0 if kind == "all-to-all" else DEFAULT_DENSITY
    found, refused = [], ""
    for keys in TOPOLOGIES[kind](wished, neurons, seed):
        try:
            edges = _parse.validate_python(keys).edges(neurons, neurons, Path(), recurrent=True)
        except EdgeError as error:
            refused = f": {error}"
            continue
        found.append(Recurrence(keys, edges, len(edges) / neurons**2))
    if not found:
        raise NetlistError(
            f"{kind} with {neurons} neurons and density {wished:g} has no edges{refused}; take all-to-all"
        )
    best = min(found, key=lambda one: abs(one.density - wished))
    if density is not None and abs(best.density - wished) > TOLERANCE * wished:
        near = sorted({one.density for one in found}, key=lambda possible: abs(possible - wished))[:2]
        legal = " or ".join(f"{possible:.3g}" for possible in sorted(near))
        raise NetlistError(
            f"density {wished:g}: {kind} with {neurons} neurons has nothing near it; give {legal}, or another topology"
        )
    return best


def _all_to_all(_wished: float, _neurons: int, _seed: int) -> Iterator[Keys]:
    yield {"kind": "all-to-all"}


def _random(wished: float, neurons: int, seed: int) -> Iterator[Keys]:
    keys = {"kind": "random", "density": wished, "seed": seed}
    if round(wished * neurons**2) >= neurons:
        keys["min_fan_in"] = 1
    yield keys


def _fixed(kind: str, key: str) -> Callable[[float, int, int], Iterator[Keys]]:
    def keys(wished: float, neurons: int, seed: int) -> Iterator[Keys]:
        for count in _around(wished * neurons, 1, neurons):
            yield {"kind": kind, key: count, "seed": seed}

    return keys


def _small_world(wished: float, neurons: int, seed: int) -> Iterator[Keys]:
    for half in _around(wished * neurons / 2, 1, (neurons - 1) // 2):
        yield {"kind": "small-world", "neighbours": 2 * half, "rewiring": REWIRING, "seed": seed}


def _grid(wished: float, neurons: int, _seed: int) -> Iterator[Keys]:
    # a diamond of range r has 2 r (r + 1) neighbours, a square 4 r (r + 1); fewer at the border of the lattice
    near = round((wished * neurons / 4) ** 0.5)
    for neighbourhood in ("von-neumann", "moore"):
        for reach in range(max(1, near - 2), near + 4):
            yield {"kind": "grid", "neighbourhood": neighbourhood, "range": reach}


def _distance_limited(wished: float, neurons: int, _seed: int) -> Iterator[Keys]:
    # pi r^2 places are within a radius r, fewer at the border; in steps of half a pitch
    near = 2 * (wished * neurons / 3.14) ** 0.5
    for half in range(max(2, int(near) - 1), int(near) + 8):
        yield {"kind": "distance-limited", "radius": half / 2}


def _decaying(kind: str, key: str, value: float) -> Callable[[float, int, int], Iterator[Keys]]:
    def keys(wished: float, neurons: int, seed: int) -> Iterator[Keys]:
        fan_in = max(min(wished * neurons, neurons - 1), 1 / neurons)  # an edge at least, on average
        yield {"kind": kind, "fan_in": float(f"{fan_in:.4g}"), key: value, "seed": seed}

    return keys


def _around(wished: float, least: int, most: int) -> list[int]:
    """Return the whole numbers about a wished one, within limits: two, or the limit that is nearest."""
    low = int(wished)
    return sorted({min(max(count, least), most) for count in (low, low + 1)} - set(range(least)))


#: How each kind that can be drafted takes a density: candidates for its keys, from (density, neurons, seed).
TOPOLOGIES: Mapping[str, Callable[[float, int, int], Iterator[Keys]]] = MappingProxyType(
    {
        "all-to-all": _all_to_all,
        "random": _random,
        "fixed-fan-in": _fixed("fixed-fan-in", "fan_in"),
        "fixed-fan-out": _fixed("fixed-fan-out", "fan_out"),
        "small-world": _small_world,
        "grid": _grid,
        "distance-limited": _distance_limited,
        "distance-exponential": _decaying("distance-exponential", "length", LENGTH),
        "distance-power-law": _decaying("distance-power-law", "exponent", EXPONENT),
    }
)
