"""Latent values of all that a chip lets one program, seen through the chip's own level tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.data import FloatArray
from soensim.fabrication import FabricatedChip, MeasuredChip, fabricate_chip
from soensim.network import Network, encode_data
from soensim.program import Slot, best_scale, slots
from soensim.training.quantise import Table, blended, straight_through, uniform
from soensim.training.recipes import Recipe
from soensim.training.virtual_chips import check_measured, training_spreads


class TrainableValues:
    """What is trained of a chip, whatever its neurons: one latent value per existing edge, weight and trim.

    There is none where no edge is: an optimiser cannot revive an absent one.

    Parameters
    ----------
    network
        The chip, at the integration step to train with.
    recipe
        Initial gains, quantisation and the seed.
    dtype
        Precision of the forward pass.
    measured
        The chip to train for; None: the chip as drawn, or virtual ones.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        dtype: torch.dtype = torch.float32,
        *,
        measured: MeasuredChip | None = None,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.dtype = dtype
        self.spreads = training_spreads(network, recipe)
        self.measured = measured
        if measured is not None:
            check_measured(measured, recipe, self.spreads)
        self.slots = slots(network)
        self.scales = {key: 1.0 for key, slot in self.slots.items() if slot.programmable_scale}
        self._tables = {key: Table(slot, dtype) for key, slot in self.slots.items()}
        rng = np.random.default_rng(recipe.train_seed)
        self.latent = {
            key: torch.tensor(self._initial(key, slot, rng), dtype=dtype, requires_grad=True)
            for key, slot in self.slots.items()
        }

    def values(self, quantise: bool) -> dict[str, Tensor]:
        """Values as they would be programmed: the nearest levels, with straight-through gradients, where quantised."""
        if not quantise:
            return dict(self.latent)
        return {key: straight_through(w, self._tables[key].nearest(w)) for key, w in self.latent.items()}

    def training_chip(self, quantise: bool, batch: tuple[int, ...]) -> FabricatedChip:
        """Chip for one batch, or for a part of it: quantised as the recipe says, with virtual chip or noise of its own.

        What is drawn depends on the train seed and on the numbers of epoch, batch and part alone.
        """
        rng = np.random.default_rng([self.recipe.train_seed, *batch])
        values = self._training_values(batch[0], rng) if quantise else self.values(False)
        chip = self.fabricated(values, int(rng.integers(2**62)) if any(self.spreads.values()) else None)
        if self.measured is not None and chip.read_seed is not None:
            chip = replace(chip, read_seed=int(rng.integers(2**62)))
        return replace(chip, light_seed=int(rng.integers(2**62))) if self.network.draws_spikes else chip

    def nominal(self, quantise: bool) -> FabricatedChip:
        """Chip as drawn, or as measured, with the latent values, or with the nearest levels."""
        return self.fabricated(self.values(quantise), None)

    def fabricated(self, values: Mapping[str, Tensor], chip_seed: int | None) -> FabricatedChip:
        """Chip with these values: the measured one, a virtual one of a seed with the recipe's spreads, or nominal."""
        if self.measured is not None:
            return self.measured.realise(self.network, values)
        return fabricate_chip(self.network, values, self.spreads, chip_seed)

    def programmed(self, values: Mapping[str, FloatArray]) -> FabricatedChip:
        """Chip as drawn, or as measured, with these values in float64."""
        if self.measured is not None:
            return self.measured.realise(self.network, values)
        return FabricatedChip.nominal(self.network, values)

    def for_engine(self, fabricated: FabricatedChip) -> FabricatedChip:
        """Chip whose values are float64 arrays instead of tensors, as the engine of spiking chips takes them."""
        return replace(fabricated, values=self.arrays({k: torch.as_tensor(v) for k, v in fabricated.values.items()}))

    def _training_values(self, epoch: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Values that training sees in place of the nearest levels."""
        recipe = self.recipe
        match recipe.quantisation:
            case "straight-through":
                return self.values(True)
            case "gradual":
                share = (epoch - recipe.ideal_epochs) / recipe.epochs
                return {key: blended(w, self._tables[key].nearest(w), share) for key, w in self.latent.items()}
            case "stochastic":
                held = {
                    key: self._tables[key].rounded(w, uniform(w.shape, rng, self.dtype))
                    for key, w in self.latent.items()
                }
                return {key: straight_through(w, held[key]) for key, w in self.latent.items()}

    def prune(self, network: Network, stays: Mapping[str, NDArray[np.int64]]) -> None:
        """Go on with fewer edges; a latent tensor that loses values is replaced, with its gradient forgotten.

        Parameters
        ----------
        network
            The chip with the edges that are left.
        stays
            Their places among the edges so far, by key of the projections that lose some.
        """
        self.network, self.slots = network, slots(network)
        self._tables = {k: Table(slot.scaled(self.scales.get(k, 1.0)), self.dtype) for k, slot in self.slots.items()}
        for key, places in stays.items():
            latent = self.latent[key].detach()
            self.latent[key] = latent[torch.as_tensor(places, device=latent.device)].requires_grad_()

    def set_scales(self, latent: Mapping[str, Tensor]) -> None:
        """Set every programmable full scale to the one that brings the levels nearest to these values."""
        self.fix_scales(
            {key: best_scale(self.slots[key], latent[key].detach().double().cpu().numpy()) for key in self.scales}
        )

    def fix_scales(self, scales: Mapping[str, float]) -> None:
        """Set programmable full scales, by key: those of a program, or of a saved state."""
        for key, scale in scales.items():
            self.scales[key] = scale
            self._tables[key] = Table(self.slots[key].scaled(scale), self.dtype)

    def encode(self, values: FloatArray) -> Tensor:
        """Drive that a data set's values in [0, 1] are on the data lines, shape (samples, frames, channels)."""
        return torch.as_tensor(encode_data(self.network, values), dtype=self.dtype)

    def clamp(self) -> None:
        """Pull latent values back into the range that the chip can hold."""
        with torch.no_grad():
            for key, latent in self.latent.items():
                self._tables[key].clamp_(latent)

    def arrays(self, values: Mapping[str, Tensor] | None = None) -> dict[str, NDArray[np.float64]]:
        """Copy values (default: the latent ones) to float64 arrays by program key: what `Program.quantised` takes."""
        taken = self.latent if values is None else values
        return {key: value.detach().double().cpu().numpy().copy() for key, value in taken.items()}

    def _initial(self, key: str, slot: Slot, rng: np.random.Generator) -> NDArray[np.float64]:
        """Xavier-uniform with the fan-in and fan-out that the topology has; trims start at zero."""
        if key.endswith(".flux_trim") or 0 in slot.shape:  # trims, and projections of which no edge exists
            return np.zeros(slot.shape)
        synapses = self.network.synapses.get(key)
        if synapses is None:
            fan_sum, gain = float(sum(slot.shape)), 1.0
        else:
            fan_sum = len(synapses) / synapses.shape[0] + len(synapses) / synapses.shape[1]
            gain = self.recipe.input_gain if synapses.source is None else self.recipe.recurrent_gain
        bound = gain * np.sqrt(6 / fan_sum)
        drawn = rng.uniform(-bound, bound, slot.shape)
        fixed = slot.levels[0] >= 0  # magnitudes: the sign is the edge's
        drawn = slot.sign * np.abs(drawn) if fixed else drawn
        return slot.sign * np.clip(slot.sign * drawn, slot.levels[0], slot.levels[-1])
