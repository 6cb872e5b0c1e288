"""Flux noise that is fresh for every neuron and sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, register, stream
from soensim.network import Network

if TYPE_CHECKING:
    import torch
    from torch import Tensor

READ_SEED = "read_seed"


@register
@dataclass(frozen=True)
class ReadNoiseFlux(Imperfection):
    """phi -> phi + size n, with a normal n for each neuron and input sample, held over the sample.

    A chip only has the seed; the noise is drawn when it runs, by `array_noise` or `tensor_noise`.
    """

    name = "read_noise_flux"
    varies = "read noise"
    unit = "Phi_0"
    description = "Gaussian flux noise, one sigma (Phi_0), fresh for every neuron and input sample"
    source = "any size: noise of bias lines and readout; that of the SQUIDs at 4 K is in their source function"
    stage = "run"
    has_flag = True
    touches = "neurons"

    def draw(self, network: Network, chip_seed: int) -> Draws:  # noqa: ARG002
        """Draw the seed of the noise."""
        return {READ_SEED: np.array(stream(chip_seed, READ_SEED).integers(2**62))}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Give the chip the seed and the size."""
        return replace(chip, read_seed=int(drawn[READ_SEED]), read_noise_flux=self.size)


def array_noise(seed: int, sigma: float, rows: range, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw flux noise (Phi_0) for samples ``rows`` of a data set, shape (rows, frames, neurons).

    Every sample has a stream of its own: its noise does not depend on the batch that it comes in.
    """
    drawn = np.stack([np.random.default_rng([seed, row]).standard_normal(shape) for row in rows])
    drawn *= sigma
    return drawn


def tensor_noise(seed: int, sigma: float, shape: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    """Draw flux noise (Phi_0), shape (frames, batch, neurons), on the CPU: the same numbers for every device."""
    import torch  # a simulation does not load it

    generator = torch.Generator().manual_seed(seed)
    return sigma * torch.randn(shape, generator=generator, dtype=dtype, device="cpu")
