"""Routing: how the waveguides and wires of a chip run, and which routes are good enough to exist."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field

from soensim.netlist.base import MAX_NEURONS, Part, as_quantity, legal
from soensim.netlist.schema.projection import PATH_DELAY
from soensim.netlist.schema.strategies import ROUTING_STRATEGIES, known_in, listed
from soensim.technology import Technology

#: Numbers of the technology that decide routes beside those that a netlist may state itself.
ROUTE_QUANTITIES = (
    "waveguide_loss_db_per_cm",
    "crossing_db",
    "plane_crossing_db",
    "coupler_db",
    "bend_db",
    "splitter_excess_db",
    "group_index",
    "wire_delay_ps_per_cm",
)


class RouteLimits(Part):
    """What a route may cost; one that costs more does not exist. Absent: no limit."""

    max_loss_db: Annotated[float, legal(0, 1e3, "dB", "1000 dB is darkness", zero=True)] | None = None
    """Largest loss from emitter to detector, splitting included (dB)."""
    max_delay_ps: Annotated[float, PATH_DELAY] | None = None
    """Longest delay of an edge (ps)."""
    max_fan_out: Annotated[int, Field(ge=1, le=MAX_NEURONS)] | None = None
    """Largest number of detectors that one emitter drives; the nearest are kept."""
    max_crossings: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Largest number of crossings on a path, in a plane and between planes together."""
    min_photons: Annotated[float, legal(1e-9, 1e12, "1", "no emitter sends more", zero=True)] | None = None
    """Fewest photons (mean number per spike) that must arrive at a detector."""
    max_wire_um: Annotated[float, as_quantity("wire_length_max_um")] | None = None
    """Longest electrical wire (um); absent: the technology's."""


class Routing(Part):
    """How waveguides and wires run."""

    absent_edges: Literal["error", "prune"]
    """What an edge without a good route means: `error`, the chip cannot be compiled; `prune`, it does without."""
    strategy: Annotated[
        str | None,
        BeforeValidator(known_in(ROUTING_STRATEGIES)),
        Field(json_schema_extra=listed(ROUTING_STRATEGIES)),
    ] = None
    """How waveguides run; optical projections need it. Wires take a row and a column each, without tracks."""
    limits: RouteLimits = RouteLimits()
    """What a route may cost."""
    photonic_planes: Annotated[int, Field(ge=1, le=100)] | None = None
    """Number of waveguide planes; even ones (0, 2, …) hold rows, odd ones columns. Absent: the technology's."""
    waveguide_pitch_um: Annotated[float, as_quantity("waveguide_pitch_um")] | None = None
    """Distance between neighbouring tracks of a plane (um); absent: the technology's."""
    photons_per_spike: Annotated[float, as_quantity("photons_per_spike")] | None = None
    """Mean number of photons that an emitter or an input port sends into its waveguide per spike; absent: the
    technology's. The state of a rate neuron is the mean rate of such spikes."""
    detector_efficiency: Annotated[float, as_quantity("detector_efficiency")] | None = None
    """Fraction of the photons at a detector that are counted; absent: the technology's."""
    dark_count_rate_hz: Annotated[float, as_quantity("dark_count_rate_hz")] | None = None
    """Dark counts of a detector (Hz), on chips of rate neurons; absent: the technology's, or none where it has none."""
    spike_statistics: Literal["regular", "poisson"] = "regular"
    """How the spikes of a rate neuron follow each other: `regular`, a train of random phase, or `poisson`."""

    def completed(self, technology: Technology) -> Self:
        """Return it with every number that it leaves to the technology.

        Raises
        ------
        TechnologyError
            Neither the netlist nor the technology gives a number.
        """
        update: dict[str, float | int | RouteLimits] = {}
        for key in ("waveguide_pitch_um", "photons_per_spike", "detector_efficiency"):
            if getattr(self, key) is None:
                update[key] = technology.value(key)
        if self.photonic_planes is None:
            update["photonic_planes"] = int(technology.value("photonic_planes"))
        if self.dark_count_rate_hz is None and (known := technology.quantity("dark_count_rate_hz").value) is not None:
            update["dark_count_rate_hz"] = known
        return self.model_copy(update=update)
