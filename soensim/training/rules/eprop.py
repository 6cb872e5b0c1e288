"""`eprop`: learning that goes forward in time only."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.program import READOUT
from soensim.training.eligibility_traces import run_with_traces
from soensim.training.recipes.eprop import EpropRecipe
from soensim.training.rules.base import Loss
from soensim.training.rules.linear_readout import LinearReadoutRule
from soensim.training.trainable_network import TrainableChip


class Eprop(LinearReadoutRule):
    """Cross-entropy E of softmax(k W_out s), with dE/dW_ij = sum over the batch of L_i e_ij.

    e_ij is the eligibility trace of a synapse (`soensim.training.eligibility_traces`) and L_i the learning signal of
    its neuron: with the error d = softmax - one-hot, L = k W_out^T d (`symmetric`: then dE/dW is exact but for paths
    through other neurons), or L = k B^T d with fixed random B (`random`, broadcast alignment). Bellec et al. 2020,
    Nat. Commun. 11, 3625. The readout itself learns by the delta rule, k d s^T.

    What a chip could do itself: e_ij is a low-pass filter of what arrives at the synapse, times the slope of its own
    SQUID at its working point, with the neuron's own leak: an integration loop per synapse and a slope that a small
    flux dither measures. L_i is one number per neuron, sent at the end of a sequence; `random` needs no wire that knows
    W_out. Memory is one trace per synapse (and sample of a batch), whatever the length of the sequence.
    """

    def __init__(self, chip: TrainableChip, recipe: EpropRecipe) -> None:
        super().__init__(chip, recipe.rule, recipe.readout_gain)
        network = chip.network
        if network.integrator == "heun":
            raise RecipeError(f"rule 'eprop' has traces for Euler steps; chip {network.name!r} takes Heun's")
        if any(p.normalisation is not None for p in network.populations):
            raise RecipeError(f"rule 'eprop' has no traces through a normalisation; chip {network.name!r} has one")
        unread = [p.name for k, p in enumerate(network.populations) if k not in self.output.populations]
        if unread and recipe.feedback == "symmetric":
            raise RecipeError(
                f"the readout does not see population {unread[0]!r}, so no symmetric feedback reaches it; "
                "set feedback to random"
            )
        self.feedback = None if recipe.feedback == "symmetric" else self._draw_feedback(recipe.train_seed)

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:  # noqa: ARG002
        """Cross-entropy of the readout, mean over the batch; its gradient is that of the traces."""
        network = self.chip.network
        traces = run_with_traces(self.chip, fabricated, self.chip.signals(x), mean=self.output.state == "mean")
        gain = self.gain
        read = torch.cat([traces.states[k] for k in self.output.populations], 1)
        logits = gain * (read @ fabricated.values[READOUT].T)
        total = cross_entropy(logits, y)
        with torch.no_grad():
            error = (torch.softmax(logits, 1) - torch.eye(self.output.classes, dtype=logits.dtype)[y]) / len(y)
            signals = [gain * (error @ weights) for weights in self._feedback_weights(fabricated)]
            gradients = {
                key: torch.einsum("be,be->e", signals[s.target][:, torch.tensor(s.targets)], traces.eligibility[key])
                for key, s in network.synapses.items()
            }
            for k, p in enumerate(network.populations):
                if p.trim_key in traces.eligibility:
                    gradients[p.trim_key] = (signals[k] * traces.eligibility[p.trim_key]).sum(0)
        for key, gradient in gradients.items():
            along = (fabricated.values[key] * gradient).sum()
            total = total + along - along.detach()  # adds a gradient, and nothing to the value
        return Loss(total, {})

    def _feedback_weights(self, fabricated: FabricatedChip) -> list[Tensor]:
        """Weights from errors to neurons, (classes, neurons) per population."""
        if self.feedback is not None:
            return self.feedback
        sizes = [self.chip.network.populations[k].size for k in self.output.populations]
        order = dict(zip(self.output.populations, torch.split(fabricated.values[READOUT], sizes, 1), strict=True))
        return [order[k] for k in range(len(self.chip.network.populations))]

    def _draw_feedback(self, seed: int) -> list[Tensor]:
        """Xavier-uniform, like an untrained readout."""
        rng, classes = np.random.default_rng([seed, 0, 1]), self.output.classes
        return [
            torch.tensor(rng.uniform(-1, 1, (classes, p.size)) * np.sqrt(6 / (classes + p.size)), dtype=self.chip.dtype)
            for p in self.chip.network.populations
        ]
