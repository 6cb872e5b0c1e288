"""The trainable chip of rate neurons: its latent values, and its forward pass in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.dynamics import (
    Array,
    Cell,
    InputSignal,
    LightDraws,
    SourceFunction,
    SpikingLight,
    alike,
    holds_for,
    soft_slope,
    training_source,
    unroll,
)
from soensim.fabrication import (
    FabricatedChip,
    MeasuredChip,
    build_cells,
    converted_inputs,
    delayed_network,
    loop_noise,
    read_scores,
    read_states,
    spiking_light,
    tensor_noise,
)
from soensim.fabrication.chip import SquidFactors
from soensim.fabrication.run import Kick
from soensim.fabrication.varied_squid import varied_source
from soensim.kernels import (
    ForwardForwardLoss,
    SparseWeights,
    edges_alone,
    kernel_inputs,
    leading_shape,
    lit_throughout,
    projected_inputs,
    shared_inputs,
    supports,
    temporal_forward_forward,
    unroll_edges,
    unroll_fused,
    unroll_lit,
)
from soensim.network import Network, signals
from soensim.program import READOUT
from soensim.simulation import linear_scores
from soensim.training.delayed_weights import DelayedWeights
from soensim.training.recipes import Recipe
from soensim.training.trainable_values import TrainableValues


class TrainableChip(TrainableValues):
    """A chip of rate neurons: its latent values, and its forward pass in torch.

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
        super().__init__(network, recipe, dtype, measured=measured)
        self._delayed = self._delayed_weights(network)
        self._sources = [
            (training_source(p.source, recipe.slope_width), soft_slope(p.source, recipe.slope_width))
            for p in network.populations
        ]

    def prune(self, network: Network, stays: Mapping[str, NDArray[np.int64]]) -> None:
        """Go on with fewer edges, as `TrainableValues.prune`."""
        super().prune(network, stays)
        self._delayed = self._delayed_weights(network)

    def signals(self, data: Tensor, labels: Tensor | None = None) -> list[InputSignal]:
        """Lay encoded samples, and hypotheses on their labels, onto the chip's inputs (`soensim.network.signals`)."""
        return signals(self.network, data, labels)

    def unroll(
        self,
        chip: FabricatedChip,
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
        chip
            The one to run: nominal or fabricated.
        inputs
            One signal per input population.
        local
            A gradient stays within one population and one step.
        window
            Samples whose states are wanted; None is all. A gradient is computed for no others if ``local``.
        populations
            Number of first populations to run, as if those after them stayed at rest; None is all.
        initial
            States at the start, (..., neurons) per population; None is at rest.

        Returns
        -------
        list
            States after these samples, one (..., samples, neurons) tensor per population, leading axes as those of
            the signals.
        """
        network = self.network
        running = network.populations[:populations]
        heun = network.integrator == "heun"
        inputs = self.converted(chip, inputs)
        noise, kick = self.noise(chip, inputs), self.kick(chip, inputs)
        light = self.light(chip, inputs, len(running), later=initial is not None)
        if not (local or kick or initial or any(p.normalisation for p in running)):
            if light is None and noise is None and all(own.few for own in self.delayed(chip).values()):
                cells = self.cells(chip, len(running), sparse=True, sparse_inputs=True)
                if supports(cells, heun=heun) and edges_alone(cells, inputs):
                    sizes = [p.size for p in running]
                    alone = unroll_edges(cells, inputs, sizes, substeps=network.substeps, window=window)
                    return [states[None] for states in alone]
            cells = self.cells(chip, len(running), sparse=True)
            if supports(cells, heun=heun) and (light is None or lit_throughout(cells)):
                states = self._fused(cells, inputs, noise, light)
                return states if window is None else [s[..., window.start : window.stop, :] for s in states]
        cells = self.cells(chip, len(running))
        rest = [torch.zeros((1, 1, p.size), dtype=self.dtype) for p in running]
        record = unroll(
            cells,
            inputs,
            rest if initial is None else initial,
            substeps=network.substeps,
            heun=heun,
            noise=noise,
            kick=kick,
            local=local,
            light=light,
        )[1:]
        if window is not None:
            record = record[window.start : window.stop]
        return [torch.stack(tuple(alike(states)), -2) for states in zip(*record, strict=True)]

    def _fused(
        self,
        cells: Sequence[Cell],
        inputs: Sequence[InputSignal],
        noise: Callable[[int, int], Tensor] | None,
        light: SpikingLight | None,
    ) -> list[Tensor]:
        """`unroll` by the kernels, which are checked against it."""
        sizes = [p.size for p in self.network.populations[: len(cells)]]
        rows = leading_shape(inputs)
        like = torch.empty(0, dtype=self.dtype)
        substeps = self.network.substeps
        if light is not None:
            return unroll_lit(cells, inputs, [like.new_zeros((*rows, n)) for n in sizes], substeps, light, noise)
        if noise is None:
            flux, steps = kernel_inputs(cells, sizes, inputs, substeps, like)
        else:
            clean, steps = projected_inputs(cells, sizes, inputs, substeps, like)
            entries, samples = substeps // steps, range(len(inputs[0].frame_of))
            drawn = [torch.stack([noise(sample, p) for sample in samples]) for p in range(len(cells))]
            flux = [
                f + n.repeat_interleave(entries, 0).repeat(1, rows[0], 1) for f, n in zip(clean, drawn, strict=True)
            ]
        rest = [like.new_zeros((rows[0] * rows[1], n)) for n in sizes]
        unrolled = unroll_fused(cells, flux, rest, substeps=substeps, steps_per_entry=steps)
        return [states.view(*rows, *states.shape[1:]) for states in unrolled]

    def forward_forward_loss(
        self,
        chip: FabricatedChip,
        inputs: Sequence[InputSignal],
        weights: Tensor,
        margin: float,
        sharpness: float,
    ) -> ForwardForwardLoss | None:
        """Loss and goodness under a true and a wrong label by `soensim.kernels.forward_forward_loss`.

        ``inputs`` are those of `unroll`, with two hypotheses: the true labels, then the wrong ones; ``weights`` of the
        samples (populations, samples), margin and sharpness are those of `temporal_forward_forward`. None if that
        kernel does not have what the chip or its inputs need: beside what `unroll` does without kernels, light, read
        noise, inputs with delays, and projections between populations of which few edges exist.
        """
        populations = self.network.populations
        inputs = self.converted(chip, inputs)
        if self.network.draws_spikes or self.noise(chip, inputs) or self.kick(chip, inputs):
            return None
        if any(p.normalisation for p in populations):
            return None
        cells = self.cells(chip, sparse=True)
        few = any(isinstance(term.weights, SparseWeights) for cell in cells for term in cell.terms)
        if few or not supports(cells, heun=self.network.integrator == "heun"):
            return None
        shared = shared_inputs(cells, inputs)
        if shared is None:
            return None
        return temporal_forward_forward(
            cells,
            shared,
            [p.size for p in populations],
            substeps=self.network.substeps,
            weights=weights,
            margin=margin,
            sharpness=sharpness,
        )

    def delayed(self, chip: FabricatedChip) -> dict[str, DelayedWeights]:
        """Where the efficacies of each projection are among its delayed signals, with the delays of this chip."""
        network = delayed_network(self.network, chip)
        return self._delayed if network is self.network else self._delayed_weights(network)

    def cells(
        self,
        chip: FabricatedChip,
        populations: int | None = None,
        *,
        sparse: bool = False,
        sparse_inputs: bool = False,
    ) -> list[Cell]:
        """Make the cells of a chip: of the first populations, or of all.

        With ``sparse``, projections between populations of which few edges exist keep these alone; with
        ``sparse_inputs``, those of the inputs do.
        """

        def weights(key: str, delayed: DelayedWeights, efficacies: Tensor) -> Array:
            wanted = sparse if self.network.synapses[key].source is not None else sparse_inputs
            return delayed.sparse(efficacies) if wanted and delayed.few else delayed.matrix(efficacies)

        # a virtual chip's biases may leave the range of the smooth form where those of the drawn chip do not
        sources = [
            smooth if holds_for(smooth, bias) else exact
            for (smooth, exact), bias in zip(self._sources, chip.bias_current, strict=True)
        ]
        if chip.squids:
            sources = [self._varied(k, chip.squids[k], source) for k, source in enumerate(sources)]
        return build_cells(
            self.network,
            chip,
            self.delayed(chip),
            weights,
            sources=sources,
            convert=lambda array: torch.tensor(array, dtype=self.dtype),
            populations=populations,
        )

    def _varied(self, index: int, factors: SquidFactors, source: SourceFunction) -> SourceFunction:
        """Return the source function of a population whose SQUIDs differ, with the slopes to train with."""
        drawn, width = self.network.populations[index].source, self.recipe.slope_width
        if drawn.virtual:
            return source
        return varied_source(
            drawn,
            factors,
            convert=lambda array: torch.tensor(array, dtype=self.dtype),
            soften=lambda one: soft_slope(one, width),
        )

    def noise(self, chip: FabricatedChip, inputs: Sequence[InputSignal]) -> Callable[[int, int], Tensor] | None:
        """Flux noise of a sample: fresh in every row of the batch, the same for every hypothesis on its label."""
        if chip.read_seed is None or chip.read_noise_flux == 0:
            return None
        shape = (len(inputs[0].frame_of), _batch(inputs), self.network.neurons)
        drawn = tensor_noise(chip.read_seed, chip.read_noise_flux, shape, self.dtype)
        drawn = drawn.to(inputs[0].blocks[0].device)
        return lambda sample, population: drawn[sample][:, self.network.populations[population].neurons]

    def light(
        self, chip: FabricatedChip, inputs: Sequence[InputSignal], populations: int, *, later: bool = False
    ) -> SpikingLight | None:
        """Spikes of the optical projections, each hypothesis on a label with its own; None on an electrical chip.

        ``later``: those of a run that goes on where another ended, with other spikes.
        """
        hypotheses, batch = leading_shape(inputs)
        draws = LightDraws(chip.light_seed + later, 0, batch, hypotheses)
        return spiking_light(self.network, chip, draws, populations)

    def kick(self, chip: FabricatedChip, inputs: Sequence[InputSignal]) -> Kick | None:
        """Noise of the integration loops, as `noise`; see `soensim.fabrication.run.loop_noise`."""
        return loop_noise(self.network, chip, range(_batch(inputs)))

    def converted(self, chip: FabricatedChip, inputs: Sequence[InputSignal]) -> list[InputSignal]:
        """Inputs as the chip's converters give them; all rows are those of one batch."""
        return converted_inputs(self.network, chip, inputs, range(_batch(inputs)))

    def linear_scores(self, chip: FabricatedChip, states: Sequence[Tensor]) -> Tensor:
        """Scores of the chip's linear readout as they are read, (..., batch, classes); states as those of `unroll`."""
        weights, rows = chip.values[READOUT], range(states[0].shape[-3])
        read = read_states(self.network, chip, states, rows)
        scores: Tensor = read_scores(self.network, chip, linear_scores(self.network, read, weights), weights, rows)
        return scores

    def _delayed_weights(self, network: Network) -> dict[str, DelayedWeights]:
        return {key: DelayedWeights(network.delay_layout(s), self.dtype) for key, s in network.synapses.items()}


def _batch(inputs: Sequence[InputSignal]) -> int:
    return max(int(block.shape[-3]) for signal in inputs for block in signal.blocks)
