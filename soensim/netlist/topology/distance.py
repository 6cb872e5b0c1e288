"""Topologies that depend on distance: a hard limit, or a probability that falls with distance.

Distances are between places on the lattice, in cell pitches: neuron k of n is in row k // columns, column
k % columns, with ceil(sqrt(n)) columns. Where the populations differ in size, both lattices are scaled onto one
rectangle, and the pitch is that of the target population. In a population that drives itself, a neuron is no
neighbour of itself; between two populations, source k and target k are two neurons at one place.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from soensim.netlist.base import MAX_NEURONS, Positive, Seed, fault
from soensim.netlist.topology.distance_probability import LEAST, decaying_edges
from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, Edges
from soensim.netlist.topology.neighbours import Float64, Runs, drawn_edges_in, edges_in, pairs_in, runs
from soensim.netlist.topology.topology_part import Ends, MeanCount, TopologyPart, affordable


class DistanceLimited(TopologyPart):
    """Every target is driven by the sources within a radius, or by a random part of them."""

    kind: Literal["distance-limited"]
    """Every target is driven by the sources within a radius, or by a random part of them."""
    radius: Positive
    """Greatest distance of source and target: a number of cell pitches of the target population."""
    density: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Fraction of the pairs within the radius that exist; their number is density x possible, rounded."""
    seed: Seed | None = None
    """Seed (a whole number) of the draw; for a density below 1."""
    self_connections: bool | None = None
    """Whether a neuron may drive itself; absent: no."""

    @model_validator(mode="after")
    def _seed_if_drawn(self) -> Self:
        if self.seed is None and self.density < 1:
            raise fault("is missing; a density below 1 draws edges: add a whole number", "seed", key=True)
        if self.seed is not None and self.density == 1:
            raise fault("has no meaning where density is 1 and every pair exists; remove it", "seed", key=True)
        return self

    def _make(self, ends: Ends) -> Edges:
        def near() -> Iterator[Runs]:
            return runs(ends.n_sources, ends.n_targets, self._half_width, self.skips_self(ends))

        possible = pairs_in(near(), MAX_EDGES / self.density + 1)
        if not possible:
            raise EdgeError(
                f"no source is within {self.radius} pitches of a target; "
                + ("give 1 or more" if ends.n_targets > 1 else "remove the projection"),
                "radius",
            )
        count = affordable(round(self.density * possible), "radius")
        if not count:
            raise EdgeError(f"{self.density} of {possible} pairs is less than one edge; raise it", "density")
        if self.seed is None:
            return edges_in(near())
        return drawn_edges_in(near(), possible, count, np.random.default_rng(self.seed))

    def _half_width(self, across: Float64) -> Float64:
        radius = min(self.radius, MAX_NEURONS)
        left = radius**2 - across**2
        # what lies at the radius itself must not depend on the last bit: 1e-9 pitches are granted, as along a row
        return np.where(left >= -2e-9 * radius, np.sqrt(np.maximum(left, 0.0)), -1.0)


class _Decaying(TopologyPart):
    """Pairs that exist independently of each other, with a probability min(1, c f(d)) of their distance."""

    kind: Literal["distance-exponential", "distance-power-law"]
    fan_in: MeanCount
    """Number of sources of a target on average over all targets and draws; it sets c."""
    seed: Seed
    """Seed (a whole number) of the draw."""
    self_connections: bool | None = None
    """Whether a neuron may drive itself (at distance 0); absent: no."""

    @abstractmethod
    def _law(self, distance: Float64) -> Float64:
        """Fall with distance, from 1, and stay above zero."""

    def _make(self, ends: Ends) -> Edges:
        width = ends.n_sources - self.skips_self(ends)
        if self.fan_in > width:
            raise EdgeError(f"{self.fan_in} is more than the {width} sources that a target can have", "fan_in")
        affordable(round(self.fan_in * ends.n_targets), "fan_in")
        edges = decaying_edges(
            ends.n_sources, ends.n_targets, self._law, self.fan_in, self.seed, skip_self=self.skips_self(ends)
        )
        if not len(edges):
            raise EdgeError(
                f"a mean of {self.fan_in} sources for {ends.n_targets} targets gave no edge; raise it", "fan_in"
            )
        return edges


class DistanceExponential(_Decaying):
    """A pair at distance d exists with probability min(1, c exp(-d / length)); c follows from the mean fan-in."""

    kind: Literal["distance-exponential"]
    """A pair at distance d exists with probability min(1, c exp(-d / length)); c follows from the mean fan-in."""
    length: Positive
    """Distance over which the probability falls by e: a number of cell pitches of the target population."""

    def _law(self, distance: Float64) -> Float64:
        with np.errstate(over="ignore"):  # a length near zero
            return np.maximum(np.exp(-distance / self.length), LEAST)


class DistancePowerLaw(_Decaying):
    """A pair at distance d exists with probability min(1, c d^-exponent); c follows from the mean fan-in.

    Pairs that are nearer than one pitch have the probability of one pitch.
    """

    kind: Literal["distance-power-law"]
    """A pair at distance d pitches exists with probability min(1, c d^-exponent); below 1 pitch, as at 1 pitch."""
    exponent: Positive
    """Exponent of the fall with distance: a number."""

    def _law(self, distance: Float64) -> Float64:
        return np.maximum(np.maximum(distance, 1.0) ** -self.exponent, LEAST)
