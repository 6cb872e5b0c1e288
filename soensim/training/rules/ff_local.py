"""`ff-local`: forward-forward on a static image, population by population."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from soensim.fabrication import FabricatedChip
from soensim.training.recipes.ff_local import FFLocalRecipe
from soensim.training.rules.local_forward_forward import LocalForwardForward
from soensim.training.trainable_network import TrainableChip


class FFLocal(LocalForwardForward):
    """Layer-local forward-forward: image and label enter below, each population learns from its own goodness.

    Hinton 2022, arXiv:2212.13345, section 3; docs/learning-rules.md. Populations send normalised activities (netlist),
    so that the goodness of one does not tell the next the answer. On the chip: all but the draw of wrong labels; see
    `LocalForwardForward` for what a synapse has to know.

    `growth: one-by-one` trains one population after another, in equal shares of the (ideal, else all) epochs, and ends
    when a population adds too little validation accuracy: those after it are silenced.
    """

    recipe: FFLocalRecipe

    def __init__(self, chip: TrainableChip, recipe: FFLocalRecipe) -> None:
        super().__init__(chip, recipe)
        self.recipe = recipe
        self._grown = len(chip.network.populations)
        self._learning = list(range(self._grown))

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Set which populations exist by now, and which of them learn; depends on the history alone."""
        if self.recipe.growth == "together":
            return
        populations = len(self.chip.network.populations)
        epochs = self.recipe.ideal_epochs or self.recipe.epochs
        share = max(1, epochs // populations)
        ends = [
            history[(k + 1) * share - 1]["validation_accuracy"] for k in range(populations) if (k + 1) * share <= epoch
        ]
        gains = [after - before for before, after in itertools.pairwise(ends)]
        poor = next((k + 2 for k, gain in enumerate(gains) if gain < self.recipe.growth_gain), populations)
        self._grown = min(poor, epoch // share + 1, populations)
        self._learning = [self._grown - 1] if epoch < epochs else list(range(self._grown))
        if poor < populations:
            self._silence(range(poor, populations))

    def learning(self) -> list[int]:
        """Populations that learn in this epoch."""
        return self._learning

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Goodness with each label, over the populations that exist by now; shape (batch, classes)."""
        goodness = self.goodness(fabricated, x, self.all_labels)
        counted = [k for k in self.output.populations if k < self._grown] or [self._grown - 1]
        total: Tensor = sum(goodness[k].sum(-1) for k in counted)  # type: ignore[assignment]
        return self.sign * total.T

    def _silence(self, populations: range) -> None:
        network = self.chip.network
        with torch.no_grad():
            for key, synapses in network.synapses.items():
                if synapses.target in populations:
                    self.chip.latent[key].zero_()
            for k in populations:
                if network.populations[k].trim_key in self.chip.latent:
                    self.chip.latent[network.populations[k].trim_key].zero_()
