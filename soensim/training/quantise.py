"""Weights that a chip can hold: three ways of training through a level table."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.program import Slot, midpoints


class Table:
    """The level table of a slot as tensors, and the range of its latent values."""

    def __init__(self, slot: Slot, dtype: torch.dtype) -> None:
        self.levels = torch.tensor(slot.levels, dtype=dtype)
        self.midpoints = torch.tensor(midpoints(slot.levels), dtype=dtype)
        self.sign = torch.tensor(slot.sign, dtype=dtype)
        self.positive = bool((self.sign == 1).all())
        ends = self.sign * self.levels[0], self.sign * self.levels[-1]
        self.low, self.high = torch.minimum(*ends), torch.maximum(*ends)

    def clamp_(self, latent: Tensor) -> Tensor:
        """Pull values into the range of the table, in place."""
        return latent.clamp_(self.low, self.high)

    def nearest(self, latent: Tensor) -> Tensor:
        """Nearest levels; no gradient."""
        with torch.no_grad():
            if self.positive:
                return self.levels[torch.bucketize(latent, self.midpoints)]
            return self.sign * self.levels[torch.bucketize(self.sign * latent, self.midpoints)]

    def rounded(self, latent: Tensor, drawn: Tensor) -> Tensor:
        """One of the two neighbouring levels, the upper where ``drawn`` < (v - lower) / (upper - lower); no gradient.

        With ``drawn`` uniform in [0, 1) the mean is the value itself, clamped into the table (Gupta et al. 2015,
        arXiv:1502.02551).
        """
        with torch.no_grad():
            value = torch.clamp(self.sign * latent, self.levels[0], self.levels[-1])
            above = torch.bucketize(value, self.levels, right=True).clamp(1, len(self.levels) - 1)
            lower, upper = self.levels[above - 1], self.levels[above]
            return self.sign * torch.where(drawn < (value - lower) / (upper - lower), upper, lower)


def straight_through(latent: Tensor, held: Tensor) -> Tensor:
    """``held`` forward, identity backward (Bengio 2013, arXiv:1308.3432)."""
    return latent + (held - latent).detach()


def uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: torch.dtype) -> Tensor:
    """Draw uniform numbers in [0, 1)."""
    drawn: NDArray[np.float64] = rng.random(shape)
    return torch.tensor(drawn, dtype=dtype)


def blended(latent: Tensor, nearest: Tensor, share: float) -> Tensor:
    """(1 - share) w + share q(w): the nearest level takes over little by little; q has no gradient.

    Alpha-blending (Liu and Mattina 2019, arXiv:1903.01061) needs no estimator of the slope of q. Fixing a growing
    share of the values at their level, nearest ones first (after INQ, arXiv:1702.03044), was worse at 4 and 3 bits: by
    0.7 and 2.1 points with a fitted full scale, by 6 and 40 with a fixed one (rows-28 of studies/quantisation,
    validation, three seeds).
    """
    return (1 - share) * latent + share * nearest
