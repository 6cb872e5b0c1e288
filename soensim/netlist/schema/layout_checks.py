"""What must hold between projections, floorplan and routing: a chip is laid out as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soensim.errors import TechnologyError
from soensim.netlist.base import fault
from soensim.netlist.schema.floorplan import Floorplan
from soensim.netlist.schema.projection import Projection
from soensim.netlist.schema.routing import Routing
from soensim.netlist.schema.spiking import SpikingPopulation
from soensim.technology import Technology


def check_layout(
    populations: Mapping[str, Any],
    ports: Mapping[str, Any],
    projections: Sequence[Projection],
    floorplan: Floorplan | None,
    routing: Routing | None,
    technology: Technology,
) -> None:
    """Refuse a chip that is laid out in part only, or whose layout lacks a number.

    Parameters
    ----------
    populations, ports
        All populations by name, and those of them that bring signals onto the chip.
    projections, floorplan, routing, technology
        Parts of the netlist.
    """
    if floorplan is None:
        _check_not_laid_out(projections, routing)
        return
    for k, projection in enumerate(projections):
        if projection.medium is None:
            raise fault(
                "is missing; the chip has a floorplan, so this projection is `optical` or `electrical`",
                *("projections", k, "medium"),
                key=True,
            )
        if projection.medium == "electrical" and isinstance(populations[projection.target], SpikingPopulation):
            raise fault(
                "'electrical' has no meaning for a target that spikes: its synapses detect photons; take `optical`",
                *("projections", k, "medium"),
            )
        for key in ("delay_ps", "loss_db"):
            if getattr(projection, key):
                raise fault(
                    "has no meaning beside a medium: the route decides it; remove it", "projections", k, key, key=True
                )
    optical = any(projection.medium == "optical" for projection in projections)
    if routing is None:
        raise fault("is missing; a chip with a floorplan needs it: how waveguides and wires run", "routing", key=True)
    if optical and routing.strategy is None:
        raise fault("is missing; optical projections need it: how the waveguides run", "routing", "strategy", key=True)
    if optical:
        try:
            routing.completed(technology)
        except TechnologyError as error:
            raise fault(str(error), "routing") from error
        _check_light(populations, routing)
    _check_floorplan(ports, floorplan, technology)


def _check_not_laid_out(projections: Sequence[Projection], routing: Routing | None) -> None:
    for k, projection in enumerate(projections):
        if projection.medium is not None:
            raise fault(
                f"{projection.medium!r} needs a floorplan; add one (die, margin, placement), or leave the medium out "
                "and state delay_ps",
                *("projections", k, "medium"),
            )
    if routing is not None:
        raise fault("has no meaning without a floorplan; add one, or remove it", "routing", key=True)


def _check_floorplan(ports: Mapping[str, Any], floorplan: Floorplan, technology: Technology) -> None:
    at: tuple[str, ...] = ("floorplan", "margin_um")
    if 2 * floorplan.margin_um >= min(floorplan.die_width_um, floorplan.die_height_um):
        raise fault(f"{floorplan.margin_um} leaves nothing of the die; give less than half of its shorter side", *at)
    if ports and floorplan.margin_um == 0:
        raise fault("0 leaves no room for the input ports, which are in the margin; give more", *at)
    try:
        floorplan.completed(technology)
    except TechnologyError as error:
        raise fault(str(error), "floorplan") from error


def _check_light(populations: Mapping[str, Any], routing: Routing) -> None:
    """Refuse a second statement of how much light is sent: on a chip with waveguides the routing says it."""
    for name, population in populations.items():
        given: dict[tuple[str, ...], float | None] = {
            ("photons_per_synapse",): getattr(population, "photons_per_synapse", None)
        }
        if isinstance(population, SpikingPopulation):
            light = population.transmitter
            given = {("transmitter", key): getattr(light, key) for key in ("photons_per_synapse", "efficiency")}
            efficiency = population.synapse.detector_efficiency
            if efficiency is not None and efficiency != routing.detector_efficiency:
                raise fault(
                    f"{efficiency} is not routing.detector_efficiency, {routing.detector_efficiency}; one chip has one "
                    "kind of detector",
                    *("populations", name, "synapse", "detector_efficiency"),
                )
        for at, value in given.items():
            if value is not None:
                raise fault(
                    "has no meaning on a chip with waveguides: routing.photons_per_spike is what an emitter sends; "
                    "remove it",
                    *("populations", name, *at),
                    key=True,
                )
