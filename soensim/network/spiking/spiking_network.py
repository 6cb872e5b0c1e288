"""A spiking network with names: where neurons, their dendrites and synapses are in its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.described import Described, sizes
from soensim._runtime.words import shown
from soensim.circuit import SourceTable
from soensim.dynamics.integrators import Integrator
from soensim.dynamics.spiking import SpikingArrays
from soensim.errors import SimulationError


@dataclass(frozen=True)
class SpikingPopulation:
    """Equal neurons, one after the other.

    Attributes
    ----------
    name
        Its name.
    neurons
        Its place among all neurons.
    places
        Names of the dendrites of one neuron, the soma first.
    first_dendrite
        Where its dendrites start; neuron by neuron.
    """

    name: str
    neurons: slice
    places: tuple[str, ...]
    first_dendrite: int

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(self.neurons.stop - self.neurons.start)


@dataclass(frozen=True)
class SynapseGroup:
    """The synapses of one projection.

    Attributes
    ----------
    synapses
        Their place among all synapses.
    sources, targets
        (synapses,): index within the source and the target population.
    shape
        (targets, sources).
    sign, levels
        Efficacy = sign x level; sign (synapses,), levels ascending.
    """

    synapses: slice
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    shape: tuple[int, int]
    sign: NDArray[np.float64]
    levels: NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SpikingNetwork(Described):
    """A chip of spiking neurons, ready to be simulated.

    Attributes
    ----------
    name, netlist_hash
        The chip that it was compiled from; the hash is empty for a network built by hand.
    arrays, source
        The network, and the source function of its dendrites.
    tau_0_ns
        Unit of dimensionless time (ns).
    populations
        In the order of neurons.
    inputs
        Input channels by population.
    groups
        Synapses by projection, `source->target`.
    dt_ns, integrator
        The step that the chip's timing asks for, and how it is taken.
    record_every
        Steps per input sample of the timing: how often a record is made unless another interval is asked for.
    """

    name: str
    arrays: SpikingArrays
    source: SourceTable
    tau_0_ns: float
    populations: tuple[SpikingPopulation, ...]
    inputs: Mapping[str, slice]
    groups: Mapping[str, SynapseGroup] = field(default_factory=dict)
    dt_ns: float = 0.1
    integrator: Integrator = "exponential-euler"
    record_every: int = 1
    netlist_hash: str = ""

    def _facts(self) -> Mapping[str, Any]:
        return {
            "name": repr(self.name),
            "channels": self.arrays.channels,
            "populations": sizes({p.name: p.size for p in self.populations}),
            "dendrites": int(self.arrays.first_dendrite[-1]),
            "synapses": sizes({key: len(group.sources) for key, group in self.groups.items()}),
            "dt_ns": f"{self.dt_ns:g}",
        }

    def population(self, name: str) -> SpikingPopulation:
        """Population of a name.

        Raises
        ------
        SimulationError
            There is none.
        """
        for population in self.populations:
            if population.name == name:
                return population
        raise SimulationError(
            f"no population {shown(name)} of spiking neurons; there are {', '.join(p.name for p in self.populations)}"
        )

    def dendrites(self, population: str, place: str) -> NDArray[np.int64]:
        """Dendrites at one place in all neurons of a population, shape (size,).

        Raises
        ------
        SimulationError
            There is no such population or place.
        """
        group = self.population(population)
        if place not in group.places:
            raise SimulationError(f"population {population!r} has no place {place!r}; it has {', '.join(group.places)}")
        members = np.arange(group.size, dtype=np.int64)
        return group.first_dendrite + members * len(group.places) + group.places.index(place)

    def with_efficacies(self, efficacies: Mapping[str, NDArray[np.float64]]) -> SpikingNetwork:
        """Return the network with other efficacies, each the nearest level that its synapse can hold.

        Parameters
        ----------
        efficacies
            By projection, dense, shape (targets, sources); entries where no edge exists are ignored.

        Raises
        ------
        SimulationError
            There is no such projection, or a matrix has another shape or is not finite.
        """
        efficacy = self.arrays.efficacy.copy()
        for key, dense in efficacies.items():
            if key not in self.groups:
                raise SimulationError(f"no projection {key!r}; there are {', '.join(self.groups) or 'none'}")
            group = self.groups[key]
            dense = np.asarray(dense, dtype=np.float64)
            if dense.shape != group.shape or not np.isfinite(dense).all():
                raise SimulationError(
                    f"efficacies of {key!r} have the shape {dense.shape}; they must be finite, "
                    f"shape (targets, sources) = {group.shape}"
                )
            wanted = dense[group.targets, group.sources] * group.sign
            nearest = np.searchsorted((group.levels[1:] + group.levels[:-1]) / 2, wanted)
            efficacy[group.synapses] = group.sign * group.levels[nearest]
        efficacy.setflags(write=False)
        return replace(self, arrays=self.arrays._replace(efficacy=efficacy))
