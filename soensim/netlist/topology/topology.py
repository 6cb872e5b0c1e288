"""Topologies: how the edges of a projection are given."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context
from functools import cache
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BeforeValidator, Field

from soensim.netlist.base import MAX_NEURONS, Seed, Text, kind_of
from soensim.netlist.topology.distance import DistanceExponential, DistanceLimited, DistancePowerLaw
from soensim.netlist.topology.edge_files import read_edges
from soensim.netlist.topology.edges import EdgeError, Edges, checked_edges
from soensim.netlist.topology.generators import all_to_all, one_to_one, random_edges
from soensim.netlist.topology.grid import Grid
from soensim.netlist.topology.growth import Growth
from soensim.netlist.topology.modular import Hierarchical, Modular
from soensim.netlist.topology.sampling import in_order
from soensim.netlist.topology.small_world import SmallWorld
from soensim.netlist.topology.topology_part import Count, Ends, TopologyPart, affordable

Index = Annotated[int, Field(ge=0, lt=MAX_NEURONS)]


class AllToAll(TopologyPart):
    """Every source drives every target."""

    kind: Literal["all-to-all"]
    """Every source drives every target."""
    self_connections: bool = True
    """Whether a neuron may drive itself (the diagonal of W_hh)."""

    def _make(self, ends: Ends) -> Edges:
        if not self.self_connections and ends.n_sources == 1:
            raise EdgeError("leaves one neuron without any edge; remove the projection", "self_connections")
        affordable((ends.n_sources - (not self.self_connections)) * ends.n_targets, "kind")
        return all_to_all(ends.n_sources, ends.n_targets, self.self_connections)


class RandomTopology(TopologyPart):
    """A random part of all possible edges, drawn uniformly."""

    kind: Literal["random"]
    """A random part of all possible edges, drawn uniformly."""
    density: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    """Fraction of the possible edges that exist; their number is density x possible, rounded."""
    seed: Seed
    """Seed (a whole number) of the draw; the topology is fixed at fabrication, and so is its seed."""
    min_fan_in: Annotated[int, Field(ge=0)] = 0
    """Number of edges that every target has at least; they count towards the density."""
    self_connections: bool = True
    """Whether a neuron may drive itself; without, the diagonal of W_hh is not among the possible edges."""

    def _make(self, ends: Ends) -> Edges:
        width = ends.n_sources - (not self.self_connections)
        possible = width * ends.n_targets
        if self.min_fan_in > width:
            raise EdgeError(f"{self.min_fan_in} is more than the {width} sources that a target can have", "min_fan_in")
        count = affordable(round(self.density * possible), "density")
        if not count:
            raise EdgeError(
                f"{self.density} of {possible} possible edges is less than one edge; "
                + (f"give {_rounded_up(1 / possible)} or more" if possible else "remove the projection"),
                "density",
            )
        if self.min_fan_in * ends.n_targets > count:
            raise EdgeError(
                f"{self.min_fan_in} for {ends.n_targets} targets needs {self.min_fan_in * ends.n_targets} edges, but "
                f"density {self.density} gives {count}; raise density to "
                f"{_rounded_up(self.min_fan_in / width)} or lower min_fan_in",
                "min_fan_in",
            )
        return random_edges(ends.n_sources, ends.n_targets, count, self.seed, self.min_fan_in, self.self_connections)


class FixedFanIn(TopologyPart):
    """Every target has the same number of sources, drawn uniformly."""

    kind: Literal["fixed-fan-in"]
    """Every target has the same number of sources, drawn uniformly."""
    fan_in: Count
    """Number of sources of every target."""
    seed: Seed
    """Seed (a whole number) of the draw."""
    self_connections: bool = True
    """Whether a neuron may drive itself; without, it is not among the sources that can be drawn."""

    def _make(self, ends: Ends) -> Edges:
        width = ends.n_sources - self.skips_self(ends)
        if self.fan_in > width:
            raise EdgeError(f"{self.fan_in} is more than the {width} sources that a target can have", "fan_in")
        count = affordable(self.fan_in * ends.n_targets, "fan_in")
        return random_edges(ends.n_sources, ends.n_targets, count, self.seed, self.fan_in, not self.skips_self(ends))


class FixedFanOut(TopologyPart):
    """Every source drives the same number of targets, drawn uniformly."""

    kind: Literal["fixed-fan-out"]
    """Every source drives the same number of targets, drawn uniformly."""
    fan_out: Count
    """Number of targets of every source."""
    seed: Seed
    """Seed (a whole number) of the draw."""
    self_connections: bool = True
    """Whether a neuron may drive itself; without, it is not among the targets that can be drawn."""

    def _make(self, ends: Ends) -> Edges:
        width = ends.n_targets - self.skips_self(ends)
        if self.fan_out > width:
            raise EdgeError(f"{self.fan_out} is more than the {width} targets that a source can have", "fan_out")
        count = affordable(self.fan_out * ends.n_sources, "fan_out")
        # fan-in with the ends exchanged
        turned = random_edges(ends.n_targets, ends.n_sources, count, self.seed, self.fan_out, not self.skips_self(ends))
        return in_order(turned.targets, turned.sources, ends.n_sources)


class OneToOne(TopologyPart):
    """Source k drives target k; both populations have one size."""

    kind: Literal["one-to-one"]
    """Source k drives target k; both populations have one size."""

    def _make(self, ends: Ends) -> Edges:
        if ends.n_sources != ends.n_targets:
            raise EdgeError(f"one-to-one needs populations of one size, not {ends.n_sources} and {ends.n_targets}")
        return one_to_one(ends.n_sources)


class ExplicitTopology(TopologyPart):
    """The edges, written out."""

    kind: Literal["explicit"]
    """The edges, written out."""
    edges_: Annotated[
        tuple[Annotated[tuple[Index, Index], Field(strict=False)], ...],
        Field(alias="edges", min_length=1, strict=False),
    ]
    """List of [source, target] pairs; each index counts from 0 within its population."""

    def _make(self, ends: Ends) -> Edges:
        table = np.array(self.edges_, dtype=np.int64)
        return checked_edges(table[:, 0], table[:, 1], ends.n_sources, ends.n_targets, "edges")


class FileTopology(TopologyPart):
    """Edges from a file beside the netlist."""

    kind: Literal["file"]
    """Edges from a file beside the netlist."""
    path: Text
    """CSV with the columns source, target; or npz with arrays of these names, with an array mask of the shape (targets,
    sources), or with a sparse matrix as scipy saves it. Relative to the netlist."""

    def _make(self, ends: Ends) -> Edges:
        file = ends.folder / self.path
        sources, targets = read_edges(file, (ends.n_targets, ends.n_sources))
        if not len(sources):
            raise EdgeError(f"{file}: holds no edge", "path")
        return checked_edges(sources, targets, ends.n_sources, ends.n_targets, "path", file=str(file))


_KINDS = (
    *("all-to-all", "random", "fixed-fan-in", "fixed-fan-out", "one-to-one", "small-world", "grid"),
    *("distance-limited", "distance-exponential", "distance-power-law", "modular", "hierarchical", "growth"),
    *("explicit", "file"),
)
_WORDS = ("all-to-all", "one-to-one")
_check_kind = kind_of("topology", _KINDS, _WORDS)


def _spelled_out(data: Any) -> Any:
    data = _check_kind(data)
    return {"kind": data} if isinstance(data, str) else data


_AnyTopology = Annotated[
    AllToAll
    | RandomTopology
    | FixedFanIn
    | FixedFanOut
    | OneToOne
    | SmallWorld
    | Grid
    | DistanceLimited
    | DistanceExponential
    | DistancePowerLaw
    | Modular
    | Hierarchical
    | Growth
    | ExplicitTopology
    | FileTopology,
    Field(discriminator="kind"),
]
Topology = Annotated[
    _AnyTopology,
    BeforeValidator(_spelled_out, json_schema_input_type=Literal["all-to-all", "one-to-one"] | _AnyTopology),
]


def needs_seed(topology: Mapping[str, Any]) -> bool:
    """Whether a topology, as a netlist writes it, is drawn, so that it must give a seed."""
    kind = topology.get("kind")
    if kind == "distance-limited":
        density = topology.get("density", 1)
        return isinstance(density, int | float) and density < 1
    return kind in _drawn_kinds()


@cache
def _drawn_kinds() -> frozenset[str]:
    parts = get_args(get_args(_AnyTopology)[0])
    drawn = [part for part in parts if "seed" in part.model_fields and part.model_fields["seed"].is_required()]
    return frozenset(kind for part in drawn for kind in get_args(part.model_fields["kind"].annotation))


def _rounded_up(density: float) -> float:
    """Three digits, not below the density itself."""
    return float(Context(prec=3, rounding=ROUND_CEILING).create_decimal(repr(density)))
