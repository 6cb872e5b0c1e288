"""Base of what is drawn anew while a chip runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import Draws, Imperfection, Stage, stream
from soensim.network import Network

READ_SEED = "read_seed"


@dataclass(frozen=True)
class RunNoise(Imperfection):
    """Noise of a running chip; the chip only has its size and the seed, which all kinds of noise share.

    `soensim.fabrication.run` draws it: every kind from a stream of its own, and every sample of a data set too.
    """

    stage: ClassVar[Stage] = "run"
    is_noise: ClassVar[bool] = True
    acts_on_spikes: ClassVar[bool] = False
    field: ClassVar[str]
    """The field of `FabricatedChip` that holds the size."""

    def draw(self, network: Network, chip_seed: int) -> Draws:  # noqa: ARG002
        """Draw the seed of the noise."""
        return {READ_SEED: np.array(stream(chip_seed, READ_SEED).integers(2**62))}

    def apply(self, chip: FabricatedChip, drawn: Draws) -> FabricatedChip:
        """Give the chip the seed and the size."""
        sizes: dict[str, float] = {self.field: self.amount(chip)}
        return replace(chip, read_seed=int(drawn[READ_SEED]), **sizes)  # type: ignore[arg-type]

    def amount(self, chip: FabricatedChip) -> float:  # noqa: ARG002
        """Return what the chip is given for the size."""
        return self.size
