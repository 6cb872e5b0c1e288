"""The trainable chip: latent values per existing edge, seen through the chip's own level tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.data import FloatArray, encode_data, signals
from soensim.dynamics import Cell, InputSignal, Term, alike, soft_slope, unroll
from soensim.network import DelayLine, Network, step_coefficients
from soensim.program import Slot, midpoints, slots
from soensim.train.recipes import Recipe


class TrainableChip:
    """Latent values of all that a chip lets one program, and its forward pass in torch.

    There is one latent value per existing edge: an optimiser cannot revive an absent one.

    Parameters
    ----------
    network
        The chip, at the integration step to train with.
    recipe
        Initial gains, quantisation and the seed.
    dtype
        Precision of the forward pass.
    """

    def __init__(self, network: Network, recipe: Recipe, dtype: torch.dtype = torch.float32) -> None:
        self.network = network
        self.recipe = recipe
        self.dtype = dtype
        self.slots = slots(network)
        self._tables = {key: _SlotTensors(slot, dtype) for key, slot in self.slots.items()}
        rng = np.random.default_rng(recipe.train_seed)
        self.latent = {
            key: torch.tensor(self._initial(key, slot, rng), dtype=dtype, requires_grad=True)
            for key, slot in self.slots.items()
        }
        self._lines = {key: _LineTensors(network.delay_line(s), dtype) for key, s in network.synapses.items()}
        self._sources = [soft_slope(p.source, recipe.slope_width) for p in network.populations]

    def values(self, quantise: bool) -> dict[str, Tensor]:
        """Values that the synapses hold, by key, with straight-through gradients where quantised."""
        if not quantise:
            return dict(self.latent)
        return {key: _straight_through(latent, self._tables[key]) for key, latent in self.latent.items()}

    def encode(self, values: FloatArray) -> Tensor:
        """Drive that a data set's values in [0, 1] are on the data lines, shape (samples, frames, channels)."""
        return torch.from_numpy(encode_data(self.network, values)).to(self.dtype)

    def signals(self, data: Tensor, labels: Tensor | None = None) -> list[InputSignal]:
        """Lay encoded samples, and hypotheses on their labels, onto the chip's inputs (`soensim.data.signals`)."""
        return signals(self.network, data, labels)

    def unroll(
        self,
        values: Mapping[str, Tensor],
        inputs: Sequence[InputSignal],
        *,
        local: bool = False,
        window: range | None = None,
        populations: int | None = None,
        initial: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """Run the chip.

        Parameters
        ----------
        values
            What the synapses hold, by key.
        inputs
            One signal per input population.
        local
            A gradient stays within one population and one step.
        window
            Samples whose states are wanted; None is all. A gradient is computed for no others if ``local``.
        populations
            Run only the first so many, as if those after them stayed at rest; None is all.
        initial
            States at the start, (..., neurons) per population; None is at rest.

        Returns
        -------
        list
            States after these samples, one (..., samples, neurons) tensor per population, leading axes as those of
            the signals.
        """
        kept = self.network.populations[:populations]
        cells = [self._cell(index, values, len(kept)) for index in range(len(kept))]
        rest = [torch.zeros((1, 1, p.size), dtype=self.dtype) for p in kept]
        record = unroll(
            cells,
            inputs,
            rest if initial is None else initial,
            substeps=self.network.substeps,
            heun=self.network.integrator == "heun",
            local=local,
        )[1:]
        if window is not None:
            record = record[window.start : window.stop]
        return [torch.stack(tuple(alike(states)), -2) for states in zip(*record, strict=True)]

    def clamp(self) -> None:
        """Pull latent values back into the range that the chip can hold."""
        with torch.no_grad():
            for key, latent in self.latent.items():
                low, high = self._tables[key].low, self._tables[key].high
                latent.copy_(torch.minimum(torch.maximum(latent, low), high))

    def weights(self, values: Mapping[str, Tensor] | None = None) -> dict[str, NDArray[np.float64]]:
        """Values per edge (default: the latent ones) as the mapping that `Program.quantised` takes."""
        found = {}
        for key, latent in (self.latent if values is None else values).items():
            array = latent.detach().double().numpy().copy()
            synapses = self.network.synapses.get(key)
            if synapses is not None:
                dense = np.zeros(synapses.shape)
                dense[synapses.targets, synapses.sources] = array
                array = dense
            found[key] = array
        return found

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

    def _cell(self, index: int, values: Mapping[str, Tensor], populations: int) -> Cell:
        population = self.network.populations[index]
        retention, gain = step_coefficients(self.network, population, population.gamma_minus)
        terms = [
            Term(synapses.source, line.lags, line.matrix(values[key]), synapses.port)
            for key, synapses in self.network.synapses.items()
            if synapses.target == index and (synapses.source or 0) < populations and (line := self._lines[key]).lags
        ]
        offset = self._tensor(population.flux_offset)
        if population.trim_key in values:
            offset = offset + values[population.trim_key]
        return Cell(
            self._tensor(retention),
            self._tensor(gain),
            self._tensor(population.bias_current),
            self._sources[index],
            offset,
            terms,
            population.normalisation,
        )

    def _tensor(self, array: NDArray[np.float64]) -> Tensor:
        return torch.tensor(array, dtype=self.dtype)


class _LineTensors:
    """Where the values of a projection stand in the matrix over its delayed signals."""

    def __init__(self, line: DelayLine, dtype: torch.dtype) -> None:
        self.lags, self.shape = line.lags, line.shape
        self.place = torch.tensor(line.rows * line.shape[1] + line.columns)
        self.edges = torch.tensor(line.edges)
        self.part = torch.tensor(line.part, dtype=dtype)
        # edges are sorted by target, then source: where all exist, undelayed, their values are the transposed matrix
        whole = len(line.lags) == 1 and len(line.edges) == line.shape[0] * line.shape[1]
        self.whole = whole and bool((self.part == 1).all())

    def matrix(self, values: Tensor) -> Tensor:
        """Efficacies as (lags x sources or channels, targets)."""
        if self.whole:
            return values.view(self.shape[1], self.shape[0]).T
        parts = values[self.edges] * self.part
        return values.new_zeros(self.shape[0] * self.shape[1]).index_put((self.place,), parts).view(self.shape)


class _SlotTensors:
    def __init__(self, slot: Slot, dtype: torch.dtype) -> None:
        self.levels = torch.tensor(slot.levels, dtype=dtype)
        self.midpoints = torch.tensor(midpoints(slot.levels), dtype=dtype)
        self.sign = torch.tensor(slot.sign, dtype=dtype)
        ends = self.sign * self.levels[0], self.sign * self.levels[-1]
        self.low, self.high = torch.minimum(*ends), torch.maximum(*ends)


def _straight_through(latent: Tensor, table: _SlotTensors) -> Tensor:
    """Nearest level forward, identity backward (Bengio 2013, arXiv:1308.3432)."""
    with torch.no_grad():
        nearest = table.sign * table.levels[torch.bucketize(table.sign * latent, table.midpoints)]
    return latent + (nearest - latent).detach()
