"""The trainable chip of spiking neurons with arbors: fixed efficacies, and a flux trim per dendrite."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from soensim.errors import RecipeError
from soensim.fabrication import MeasuredChip
from soensim.network import CountOutput, Network
from soensim.program import Slot
from soensim.simulation.spiking.encode import duration_ns, spiking_of
from soensim.simulation.spiking.rate import soma_rates
from soensim.simulation.spiking.realise import dendrites_of
from soensim.training.recipes import Recipe
from soensim.training.trainable_values import TrainableValues


class TrainableArborChip(TrainableValues):
    """A chip of spiking neurons whose dendrites have trims: what `arbor` moves.

    Efficacies start at the highest level of their table and stay there, trims start at zero.

    Parameters
    ----------
    network, recipe, dtype, measured
        As `TrainableValues`.

    Raises
    ------
    RecipeError
        The chip has no spike-count readout, or no dendrite of the neurons that are read has a trim.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        dtype: torch.dtype = torch.float32,
        *,
        measured: MeasuredChip | None = None,
    ) -> None:
        if not isinstance(network.output, CountOutput):
            raise RecipeError(f"chip {network.name!r} has no readout of kind spike-count, which arbor trains for")
        super().__init__(network, recipe, dtype, measured=measured)
        self.signs = _signs(network)
        """By population of dendrites that are trained: +1 where their state drives the soma, -1 where it inhibits."""
        if not self.signs:
            raise RecipeError(
                f"chip {network.name!r}: no dendrite of the neurons that are read has a flux_trim; arbor moves these"
            )

    def most_spikes(self, frames: int) -> float:
        """Spikes that the slowest neuron that is read can fire in a sample of so many frames."""
        output, spiking = self.network.output, spiking_of(self.network)
        if not isinstance(output, CountOutput):
            return 0.0
        highest = []
        for k in output.populations:
            population = self.network.populations[k]
            neuron = spiking.population(population.name).neurons.start
            rates = soma_rates(
                spiking.source,
                population.gamma_plus[:1],
                population.gamma_minus[:1],
                population.bias_current[:1],
                threshold=float(spiking.arrays.threshold[neuron]),
                held_ns=float(spiking.arrays.absolute_refractory_ns[neuron]),
            )
            highest.append(float(rates.max()))
        return min(highest) * duration_ns(self.network, frames)

    def _initial(self, key: str, slot: Slot, rng: np.random.Generator) -> NDArray[np.float64]:
        """Trims at zero, efficacies at the highest level."""
        if key.endswith(".flux_trim"):
            return super()._initial(key, slot, rng)
        highest: NDArray[np.float64] = slot.sign * slot.levels[-1]
        return highest


def _signs(network: Network) -> dict[str, float]:
    """Signs of the paths from dendrites with a trim to their somas, by population; somas are left out."""
    output, spiking = network.output, spiking_of(network)
    arrays = spiking.arrays
    read = [network.populations[k].name for k in output.populations] if isinstance(output, CountOutput) else []
    signs = {}
    for population in network.populations:
        name, _, place = population.name.partition(".")
        if not place or population.trim_levels is None or name not in read:
            continue
        dendrite, sign = int(dendrites_of(spiking, population)[0]), 1.0
        while arrays.parent[dendrite] >= 0:
            sign *= float(np.sign(arrays.coupling[dendrite]))
            dendrite = int(arrays.parent[dendrite])
        signs[population.name] = sign
    return signs
