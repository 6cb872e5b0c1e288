"""`arbor`: a local rule for the flux of every dendrite, with the chip in the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.simulation.spiking.classify import counts_of_classes
from soensim.simulation.spiking.mean_states import MeasuredSamples, measure_states
from soensim.training.recipes.arbor import ArborRecipe
from soensim.training.rules.base import Loss
from soensim.training.trainable_arbor import TrainableArborChip


class Arbor:
    """d trim = rate x (target - spikes of its neuron) x (mean state of the dendrite) x (sign of its path to the soma).

    The trim of a dendrite is its static flux. What a neuron needs for it is its own spikes, its target, and the states
    of its dendrites: doi 10.1145/3589737.3605972. The engine runs every sample, with the photons and the mismatch of
    the chip; there is no model beside it. As a loss it is linear in the trims, so that `sgd` makes exactly this step.
    With elastic bounds a step outward is made smaller by 1 - |trim| / range.
    """

    extra: dict[str, Tensor]

    def __init__(self, chip: TrainableArborChip, recipe: ArborRecipe) -> None:
        self.chip, self.recipe = chip, recipe
        self.extra = {}

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Nothing changes from epoch to epoch."""

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Linear loss whose gradient is the rule's step, the mean over the batch; measured: squared error in spikes.

        Raises
        ------
        RecipeError
            The target is above what a neuron of the chip can fire in a sample.
        """
        self._check_target(x.shape[1])
        found = self._run(fabricated, x, int(rng.integers(2**62)))
        counts = counts_of_classes(self.chip.network, found.spikes)
        right = np.arange(counts.shape[1]) == y.numpy()[:, None]
        error = np.where(right, self.recipe.target_spikes, self.recipe.other_spikes) - counts
        total = torch.zeros(())
        for name, (first, size) in self._readers().items():
            trim = fabricated.values[f"{name}.flux_trim"]
            wanted = (error[:, first : first + size] * found.states[name]).mean(0) * self.chip.signs[name]
            total = total - (torch.as_tensor(trim) * self._bounded(f"{name}.flux_trim", wanted)).sum()
        return Loss(total, {"squared_error": torch.tensor((error**2).mean())})

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Spikes of each class, shape (batch, classes)."""
        found = self._run(fabricated, x, 0)
        return torch.tensor(counts_of_classes(self.chip.network, found.spikes))

    def _run(self, fabricated: FabricatedChip, x: Tensor, read_seed: int) -> MeasuredSamples:
        chip = self.chip.for_engine(fabricated)
        return measure_states(self.chip.network, chip, x.double().numpy(), read_seed=read_seed)

    def _readers(self) -> dict[str, tuple[int, int]]:
        """Where the class of the first neuron of each trained population of dendrites is, and how many there are."""
        network = self.chip.network
        read = [network.populations[k] for k in network.output.populations] if network.output is not None else []
        first, places = 0, {}
        for population in read:
            for name in self.chip.signs:
                if name.partition(".")[0] == population.name:
                    places[name] = first, population.size
            first += population.size
        return places

    def _bounded(self, key: str, wanted: NDArray[np.float64]) -> Tensor:
        latent = self.chip.latent[key].detach()
        step = torch.tensor(wanted, dtype=latent.dtype)
        if self.recipe.bounds == "hard":
            return step
        largest = float(self.chip.slots[key].levels[-1])
        outward = step * latent > 0
        return torch.where(outward, step * (1 - latent.abs() / largest).clamp(min=0), step)

    def _check_target(self, frames: int) -> None:
        most = self.chip.most_spikes(frames)
        if self.recipe.target_spikes > most:
            raise RecipeError(
                f"target_spikes is {self.recipe.target_spikes:g}; a neuron of chip {self.chip.network.name!r} fires at "
                f"most {most:.1f} spikes in a sample: ask for fewer, or make the sample longer"
            )
