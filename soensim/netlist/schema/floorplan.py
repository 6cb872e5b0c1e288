"""Floorplan: the die, the cells of the neurons, and where they are placed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from soensim.netlist.base import Name, Part, Seed, Text, as_quantity, exactly_one, kind_of, legal
from soensim.netlist.schema.strategies import PLACEMENT_METHODS, known_in, listed
from soensim.technology import Technology

ON_DIE = legal(0, 1e7, "um", "no die is wider than a metre", zero=True, signed=True)
Position = Annotated[tuple[Annotated[float, ON_DIE], Annotated[float, ON_DIE]], Field(strict=False)]


class GridPlacement(Part):
    """All neurons on one grid, row by row in file order."""

    kind: Literal["grid"]
    """All neurons on one grid, row by row in file order."""


class ByPopulationPlacement(Part):
    """Every population is a block of its own; the blocks stand side by side in file order."""

    kind: Literal["by-population"]
    """Every population is a block of its own; the blocks stand side by side in file order."""


class OptimisedPlacement(Part):
    """A grid in the order that makes the wires short."""

    kind: Literal["optimised"]
    """A grid in the order that makes the wires short."""
    method: Annotated[
        str,
        BeforeValidator(known_in(PLACEMENT_METHODS)),
        Field(json_schema_extra=listed(PLACEMENT_METHODS)),
    ]
    """How the order is found."""
    seed: Seed
    """Seed (a whole number) of the search; the floorplan is fixed at fabrication, and so is its seed."""
    sweeps: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Number of exchanges that annealing tries per neuron; more than 200 gain little on the chips that ship: 1000
    shorten the wires by 1 % more, 5000 by 1.5 %."""


class ExplicitPlacement(Part):
    """The centres of the cells, given."""

    kind: Literal["explicit"]
    """The centres of the cells, given."""
    positions_um: dict[Name, Annotated[tuple[Position, ...], Field(strict=False)]] | None = None
    """List of [x, y] (um) by population, one per neuron; the origin is the lower left corner of the die."""
    path: Text | None = None
    """CSV file with the columns population, index, x_um, y_um, relative to the netlist; instead of `positions_um`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        exactly_one(self, ("positions_um", "path"), "placement")
        return self


_KINDS = ("grid", "by-population", "optimised", "explicit")
Placement = Annotated[
    GridPlacement | ByPopulationPlacement | OptimisedPlacement | ExplicitPlacement,
    Field(discriminator="kind"),
    BeforeValidator(kind_of("placement", _KINDS)),
]


class Floorplan(Part):
    """The die, and where the neurons are on it."""

    die_width_um: Annotated[float, as_quantity("die_width_um")]
    """Width of the die (um)."""
    die_height_um: Annotated[float, as_quantity("die_height_um")]
    """Height of the die (um)."""
    margin_um: Annotated[float, legal(1e-2, 1e6, "um", "10 nm to a metre, as a die", zero=True)]
    """Strip along the edge of the die without neurons (um); the input ports are in it."""
    placement: Placement
    """Where the neurons are."""
    input_side: Literal["left", "right", "top", "bottom"] = "left"
    """Edge of the die at which the input ports are."""
    cell_um: Annotated[float, legal(1e-1, 1e6, "um", "cells of 100 to 900 um are in use")] | None = None
    """Side of a neuron's square cell (um); absent: what the largest fan-in needs, synapse_pitch_um x
    sqrt(fan-in / electronic_planes)."""
    synapse_pitch_um: Annotated[float, as_quantity("synapse_pitch_um")] | None = None
    """Side of a synapse's square (um); absent: the technology's."""
    electronic_planes: Annotated[int, Field(ge=1, le=100)] | None = None
    """Number of planes of synapses above one another; absent: the technology's."""

    def completed(self, technology: Technology) -> Self:
        """Return it with every number that it leaves to the technology: those that the side of a cell follows from.

        Raises
        ------
        TechnologyError
            Neither the netlist nor the technology gives a number.
        """
        if self.cell_um is not None:
            return self
        update: dict[str, float | int] = {}
        if self.synapse_pitch_um is None:
            update["synapse_pitch_um"] = technology.value("synapse_pitch_um")
        if self.electronic_planes is None:
            update["electronic_planes"] = int(technology.value("electronic_planes"))
        return self.model_copy(update=update)
