"""Integration steps per input sample: those that a netlist states, or as many as training needs."""

from __future__ import annotations

import math
from typing import NamedTuple

from soensim.dynamics import SOURCE_FUNCTIONS, SourceFunction, largest_step, safe_step, substeps_needed
from soensim.netlist import DendritePopulation, Netlist
from soensim.network.dendrite_parameters import gammas, sample_duration


class Substeps(NamedTuple):
    """Steps per input sample of a chip of dendrites.

    Attributes
    ----------
    fewest
        The fewest that follow every dendrite.
    safe
        The fewest, a multiple of ``fewest``, at which training learns the chip and not the integrator.
    taken
        Those that the netlist states; without any, ``safe``.
    """

    fewest: int
    safe: int
    taken: int


class StepLimits(NamedTuple):
    """Largest step (tau) that follows the dendrites of a population, and the largest that is safe for training."""

    largest_tau: float
    safe_tau: float


def step_limits(netlist: Netlist, population: DendritePopulation) -> StepLimits:
    """Compute the limits of a population's step."""
    given = (*gammas(netlist, population), netlist.timing.integrator)
    source = _source(population)
    return StepLimits(largest_step(source, *given), safe_step(source, *given))


def substeps_of(netlist: Netlist) -> Substeps:
    """Count the steps per input sample of a chip of dendrites.

    A program that was trained with any multiple of ``fewest`` stays one of a chip that states no substeps.
    """
    sample_tau = sample_duration(netlist)
    limits = [step_limits(netlist, population) for population in netlist.dendrites.values()]
    fewest = substeps_needed(sample_tau, min(limit.largest_tau for limit in limits))
    safe = substeps_needed(sample_tau, min(limit.safe_tau for limit in limits))
    safe = fewest * math.ceil(safe / fewest)
    return Substeps(fewest, safe, netlist.timing.substeps or safe)


def _source(population: DendritePopulation) -> SourceFunction:
    """Return a source function with the limits of the population's: those of a SQUID do not depend on its formula."""
    return SOURCE_FUNCTIONS[population.source_function if population.virtual else "squid-fit"]
