"""What the rules share that learn through a linear readout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.network import LinearOutput
from soensim.training.trainable_network import TrainableChip


class LinearReadoutRule:
    """Base of the rules that score softmax(k W_out s): the readout W_out, and k, a learned factor off the chip.

    Parameters
    ----------
    chip
        One with a linear readout.
    rule
        Name of the rule, for the error.
    readout_gain
        Initial k.

    Raises
    ------
    RecipeError
        The chip has another readout, or none.
    """

    extra: dict[str, Tensor]

    def __init__(self, chip: TrainableChip, rule: str, readout_gain: float) -> None:
        output = chip.network.output
        if not isinstance(output, LinearOutput):
            raise RecipeError(f"rule {rule!r} needs a linear readout; chip {chip.network.name!r} has none")
        self.chip = chip
        self.output = output
        log_gain = torch.tensor(float(np.log(readout_gain)), dtype=chip.dtype, requires_grad=True)
        self.extra = {"log_readout_gain": log_gain}

    @property
    def gain(self) -> Tensor:
        """k, a scalar."""
        return self.extra["log_readout_gain"].exp()

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Nothing changes from one epoch to the next."""

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """W_out s, shape (batch, classes)."""
        signals = self.chip.signals(x)
        samples, window = len(signals[0].frame_of), None
        if self.output.state == "final" and not (fabricated.adc_bits or fabricated.adc_noise):  # these see all samples
            window = range(samples - 1, samples)
        states = self.chip.unroll(fabricated, signals, window=window)
        return self.chip.linear_scores(fabricated, states)[0]
