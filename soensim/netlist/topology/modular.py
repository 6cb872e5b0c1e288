"""Modular topologies: dense inside modules, sparse between them; and modules of modules.

Modules are tiles of the lattice (neuron k of n in row k // columns, column k % columns, with ceil(sqrt(n)) columns),
as equal in size as can be; where source and target populations differ, both are cut in the same way.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from soensim.netlist.base import MAX_NEURONS, Fraction, Seed, fault
from soensim.netlist.topology.edges import EdgeError, Edges, IndexArray
from soensim.netlist.topology.nested_blocks import Shared, joined, shared_modules
from soensim.netlist.topology.sampling import spread
from soensim.netlist.topology.topology_part import EdgeCount, Ends, MeanCount, TopologyPart, affordable

Mean = Annotated[float, Field(ge=0, le=MAX_NEURONS)]
Parts = Annotated[int, Field(ge=2, le=MAX_NEURONS)]

_WAYS = (("fan_in_inside", "fan_in_between"), ("density_inside", "density_between"), ("edges", "fraction_inside"))
_LEGAL = "give " + ", or ".join(" and ".join(way) for way in _WAYS)


class Modular(TopologyPart):
    """Block model: edges are drawn uniformly inside modules, and uniformly between them.

    Three ways to say how many: the fan-in of every target, the fraction of the possible edges, or the exact number
    of edges and the part of them that stays inside.
    """

    kind: Literal["modular"]
    """Block model: edges are drawn uniformly inside modules, and uniformly between them."""
    modules: Parts
    """Number of modules, each a tile of the lattice; as equal in size as can be."""
    fan_in_inside: Mean | None = None
    """Number of sources of a target in its own module, on average; no target has two more than another."""
    fan_in_between: Mean | None = None
    """Number of sources of a target in all other modules together, on average; likewise."""
    density_inside: Fraction | None = None
    """Fraction of the possible edges inside modules that exist; their number is density x possible, rounded."""
    density_between: Fraction | None = None
    """Fraction of the possible edges between modules that exist; likewise."""
    edges_: Annotated[EdgeCount | None, Field(alias="edges")] = None
    """Number of edges, exactly."""
    fraction_inside: Fraction | None = None
    """Fraction of the edges that stay inside modules; their number is fraction x edges, rounded."""
    seed: Seed
    """Seed (a whole number) of the draw."""
    self_connections: bool = True
    """Whether a neuron may drive itself; without, it is not among the sources that can be drawn."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [key for way in _WAYS for key in way if getattr(self, "edges_" if key == "edges" else key) is not None]
        if not given:
            raise fault(f"does not say how many edges; {_LEGAL}")
        way = next(way for way in _WAYS if given[0] in way)
        for key in given:
            if key not in way:
                raise fault(f"does not go with {given[0]}; {_LEGAL}", key, key=True)
        for key in way:
            if key not in given:
                raise fault(f"is missing; {_LEGAL}", key, key=True)
        return self

    def _make(self, ends: Ends) -> Edges:
        _check_modules(self.modules, 1, ends, "modules")
        mean_fan_in = (self.fan_in_inside or 0.0) + (self.fan_in_between or 0.0)
        affordable(round(mean_fan_in * ends.n_targets), "fan_in_inside")
        inside, between = shared_modules(ends.n_sources, ends.n_targets, self.modules, 1, self.skips_self(ends))
        rng = np.random.default_rng(self.seed)
        if self.fan_in_inside is None or self.fan_in_between is None:
            count_inside, count_between = self._counts(inside.pairs, between.pairs)
            drawn = [inside.drawn_in_all(rng, count_inside), between.drawn_in_all(rng, count_between)]
        else:
            shares_inside = _shares(rng, self.fan_in_inside, inside, "in its own module", "fan_in_inside")
            shares_between = _shares(rng, self.fan_in_between, between, "in other modules", "fan_in_between")
            drawn = [inside.drawn(rng, shares_inside), between.drawn(rng, shares_between)]
        edges = joined(drawn, ends.n_sources)
        if not len(edges):
            raise EdgeError("gives no edge; raise the numbers inside and between", "kind")
        return edges

    def _counts(self, inside: int, between: int) -> tuple[int, int]:
        """Number of edges inside and between modules, of the possible pairs there."""
        if self.edges_ is None or self.fraction_inside is None:
            counts = (round((self.density_inside or 0.0) * inside), round((self.density_between or 0.0) * between))
            affordable(sum(counts), "density_inside")
            return counts
        stays = round(self.fraction_inside * self.edges_)
        counts = (stays, self.edges_ - stays)
        for count, possible, where in zip(counts, (inside, between), ("inside", "between"), strict=True):
            if count > possible:
                raise EdgeError(
                    f"{count} of {self.edges_} edges would be {where} modules, where only {possible} are possible; "
                    "give fewer edges, or another fraction_inside",
                    "edges",
                )
        return counts


class Hierarchical(TopologyPart):
    """Modules of modules: the fan-in from the own module is largest, and falls with every level above it.

    Every target has `fan_in` sources in its own module of the lowest level, `fan_in x falloff` in the rest of the
    module that holds it, `fan_in x falloff^2` in the rest of the next, and so on up to the whole population.
    """

    kind: Literal["hierarchical"]
    """Modules of modules: the fan-in from the own module is largest, and falls with every level above it."""
    levels: Annotated[int, Field(ge=1, le=23)]  # 2^24 modules are more than the neurons of a chip
    """Number of times that modules are cut into modules; 1 is a plain block model."""
    modules: Parts
    """Number of modules into which the population, and then every module, is cut: tiles of the lattice."""
    fan_in: MeanCount
    """Number of sources of a target in its own lowest module, on average; no target has two more than another."""
    falloff: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """Fraction of the fan-in that remains from one level to the next above it."""
    seed: Seed
    """Seed (a whole number) of the draw."""
    self_connections: bool = True
    """Whether a neuron may drive itself; without, it is not among the sources that can be drawn."""

    def _make(self, ends: Ends) -> Edges:
        _check_modules(self.modules, self.levels, ends, "levels")
        fan_in = [self.fan_in * self.falloff**level for level in range(self.levels + 1)]
        affordable(round(sum(fan_in) * ends.n_targets), "fan_in")
        shared = shared_modules(ends.n_sources, ends.n_targets, self.modules, self.levels, self.skips_self(ends))
        rng = np.random.default_rng(self.seed)
        drawn = [
            s.drawn(rng, _shares(rng, mean, s, f"at level {level} (the lowest is 0)", "fan_in"))
            for level, (mean, s) in enumerate(zip(fan_in, shared, strict=True))
        ]
        edges = joined(drawn, ends.n_sources)
        if not len(edges):
            raise EdgeError(f"a mean of {self.fan_in} gives no edge; raise it", "fan_in")
        return edges


def _check_modules(modules: int, levels: int, ends: Ends, at: str) -> None:
    smallest = min(ends.n_sources, ends.n_targets)
    if modules**levels > smallest:
        raise EdgeError(
            f"{modules**levels} modules are more than the {smallest} neurons of a population; give fewer", at
        )


def _shares(rng: np.random.Generator, mean: float, shared: Shared, where: str, at: str) -> IndexArray:
    """Number of sources that every target draws."""
    shares = spread(rng, mean, len(shared.width))
    least = int(shared.width.min())
    if shares.max() > least:
        raise EdgeError(f"asks for {mean:.6g} sources {where}, where a target can have only {least}", at)
    return shares
