"""What all kinds of topology share: the base part, the keys that several have, and the limit on edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from soensim.netlist.base import MAX_NEURONS, Part
from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, Edges

EdgeCount = Annotated[int, Field(ge=1, le=MAX_EDGES)]
Count = Annotated[int, Field(ge=1, le=MAX_NEURONS)]
MeanCount = Annotated[float, Field(gt=0, le=MAX_NEURONS)]


@dataclass(frozen=True)
class Ends:
    """What a projection joins.

    Attributes
    ----------
    n_sources, n_targets
        Sizes of the populations.
    recurrent
        Whether they are one population, which drives itself.
    folder
        Where edge files are looked up.
    """

    n_sources: int
    n_targets: int
    recurrent: bool
    folder: Path


class TopologyPart(Part, ABC):
    """Base of every kind of topology."""

    recurrent_only: ClassVar[bool] = False  # whether the kind has a meaning only in a population that drives itself

    def edges(self, n_sources: int, n_targets: int, folder: Path, *, recurrent: bool) -> Edges:
        """Make the edges: at least one, sorted by target, then source.

        Parameters
        ----------
        n_sources, n_targets
            Sizes of the populations.
        folder
            Where edge files are looked up.
        recurrent
            Whether source and target are one population. Two populations of one size are not: their members k and k
            are two neurons, and no self connection.

        Raises
        ------
        EdgeError
            The populations allow no such edges; its ``at`` is the path to the cause, from the topology on.
        """
        return self._make(Ends(n_sources, n_targets, recurrent, folder))

    @abstractmethod
    def _make(self, ends: Ends) -> Edges:
        """Make the edges."""

    @property
    def refuses_self(self) -> bool:
        """Whether the netlist says `self_connections: false`, which only a population that drives itself can do."""
        return getattr(self, "self_connections", None) is False

    def skips_self(self, ends: Ends) -> bool:
        """Whether source k may not drive target k, because they are one neuron."""
        return ends.recurrent and not getattr(self, "self_connections", True)


def affordable(count: int, at: str) -> int:
    """Refuse more edges than one chip can have, before they cost memory."""
    if count > MAX_EDGES:
        raise EdgeError(f"asks for {count} edges; the limit is {MAX_EDGES}", at)
    return count
