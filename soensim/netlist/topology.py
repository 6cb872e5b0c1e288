"""Topologies: how the edges of a projection are given."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from soensim.netlist.edge_files import read_edges
from soensim.netlist.edges import MAX_EDGES, EdgeError, Edges, checked_edges
from soensim.netlist.generators import all_to_all, one_to_one, random_edges
from soensim.netlist.parts import MAX_NEURONS, Part, Seed, Text, kind_of

Index = Annotated[int, Field(ge=0, lt=MAX_NEURONS)]

# Every topology has `edges(n_sources, n_targets, folder)`; it raises EdgeError, and gives at least one edge.


def _affordable(count: int, at: str) -> int:
    if count > MAX_EDGES:
        raise EdgeError(f"asks for {count} edges; the limit is {MAX_EDGES}", at)
    return count


class AllToAll(Part):
    """Every source drives every target."""

    kind: Literal["all-to-all"]
    """Every source drives every target."""
    self_connections: bool = True
    """Whether a neuron may drive itself (the diagonal of W_hh)."""

    def edges(self, n_sources: int, n_targets: int, folder: Path) -> Edges:  # noqa: ARG002
        """Make the edges."""
        if not self.self_connections and n_sources == 1:
            raise EdgeError("leaves one neuron without any edge; remove the projection", "self_connections")
        _affordable((n_sources - (not self.self_connections)) * n_targets, "kind")
        return all_to_all(n_sources, n_targets, self.self_connections)


class RandomTopology(Part):
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

    def edges(self, n_sources: int, n_targets: int, folder: Path) -> Edges:  # noqa: ARG002
        """Make the edges."""
        width = n_sources - (not self.self_connections)
        possible = width * n_targets
        if self.min_fan_in > width:
            raise EdgeError(f"{self.min_fan_in} is more than the {width} sources that a target can have", "min_fan_in")
        count = _affordable(round(self.density * possible), "density")
        if not count:
            raise EdgeError(
                f"{self.density} of {possible} possible edges is less than one edge; "
                + (f"give {_rounded_up(1 / possible)} or more" if possible else "remove the projection"),
                "density",
            )
        if self.min_fan_in * n_targets > count:
            raise EdgeError(
                f"{self.min_fan_in} for {n_targets} targets needs {self.min_fan_in * n_targets} edges, but "
                f"density {self.density} gives {count}; raise density to "
                f"{_rounded_up(self.min_fan_in / width)} or lower min_fan_in",
                "min_fan_in",
            )
        return random_edges(n_sources, n_targets, count, self.seed, self.min_fan_in, self.self_connections)


class OneToOne(Part):
    """Source k drives target k; both populations have one size."""

    kind: Literal["one-to-one"]
    """Source k drives target k; both populations have one size."""

    def edges(self, n_sources: int, n_targets: int, folder: Path) -> Edges:  # noqa: ARG002
        """Make the edges."""
        if n_sources != n_targets:
            raise EdgeError(f"one-to-one needs populations of one size, not {n_sources} and {n_targets}")
        return one_to_one(n_sources)


class ExplicitTopology(Part):
    """The edges, written out."""

    kind: Literal["explicit"]
    """The edges, written out."""
    edges_: Annotated[
        tuple[Annotated[tuple[Index, Index], Field(strict=False)], ...],
        Field(alias="edges", min_length=1, strict=False),
    ]
    """List of [source, target] pairs; each index counts from 0 within its population."""

    def edges(self, n_sources: int, n_targets: int, folder: Path) -> Edges:  # noqa: ARG002
        """Make the edges."""
        table = np.array(self.edges_, dtype=np.int64)
        return checked_edges(table[:, 0], table[:, 1], n_sources, n_targets, "edges")


class FileTopology(Part):
    """Edges from a file beside the netlist."""

    kind: Literal["file"]
    """Edges from a file beside the netlist."""
    path: Text
    """CSV with the columns source, target, or npz with arrays of these names; relative to the netlist."""

    def edges(self, n_sources: int, n_targets: int, folder: Path) -> Edges:
        """Read the edges."""
        file = folder / self.path
        sources, targets = read_edges(file)
        if not len(sources):
            raise EdgeError(f"{file}: holds no edge", "path")
        return checked_edges(sources, targets, n_sources, n_targets, "path", file=str(file))


_KINDS = ("all-to-all", "random", "one-to-one", "explicit", "file")
_WORDS = ("all-to-all", "one-to-one")
_check_kind = kind_of("topology", _KINDS, _WORDS)


def _spelled_out(data: Any) -> Any:
    data = _check_kind(data)
    return {"kind": data} if isinstance(data, str) else data


_AnyTopology = Annotated[
    AllToAll | RandomTopology | OneToOne | ExplicitTopology | FileTopology, Field(discriminator="kind")
]
Topology = Annotated[
    _AnyTopology,
    BeforeValidator(_spelled_out, json_schema_input_type=Literal["all-to-all", "one-to-one"] | _AnyTopology),
]


def _rounded_up(density: float) -> float:
    """Three digits, not below the density itself."""
    return float(Context(prec=3, rounding=ROUND_CEILING).create_decimal(repr(density)))
