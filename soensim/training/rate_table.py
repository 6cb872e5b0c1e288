"""Rate of a neuron under a flux that fluctuates: nu(phi), periodic in phi, averaged over a Gaussian."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SPREADS = 33  # of 0 to the largest, evenly
_LARGEST_SPREAD = 0.4  # Phi_0: beyond it every rate is its mean over a period, to 4 %


class RateTable:
    """<nu>(m, s) = integral of nu(m + s x) over a unit normal x, by linear interpolation in m and s.

    The average is exact for the table's nu: a Gaussian damps the k-th Fourier coefficient of a function of period 1 by
    exp(-2 pi^2 k^2 s^2).

    Parameters
    ----------
    rates
        nu on an even grid over a period from 0 on, shape (neurons or 1, points).
    dtype
        Of the tensors.
    """

    def __init__(self, rates: NDArray[np.float64], dtype: torch.dtype) -> None:
        points = rates.shape[-1]
        spreads = np.linspace(0, _LARGEST_SPREAD, _SPREADS)
        harmonic = np.arange(points // 2 + 1)
        damping = np.exp(-2 * np.pi**2 * np.outer(spreads, harmonic) ** 2)
        averaged = np.fft.irfft(np.fft.rfft(rates)[:, None, :] * damping, n=points)
        # closed over the period, so that the last interval ends where the first begins
        closed = np.concatenate([averaged, averaged[..., :1]], -1)
        self.values = torch.tensor(closed, dtype=dtype).reshape(-1)
        self.highest = float(rates.max())
        self._points, self._rows = points, len(rates)

    def __call__(self, mean: Tensor, spread: Tensor) -> Tensor:
        """Rates at means and spreads of the flux (Phi_0), (..., neurons)."""
        across = (mean - torch.floor(mean.detach())) * self._points
        column = across.detach().floor().clamp(0, self._points - 1)
        down = (spread / _LARGEST_SPREAD * (_SPREADS - 1)).clamp(0, _SPREADS - 1)
        row = down.detach().floor().clamp(max=_SPREADS - 2)
        a, b = across - column, down - row
        place = (row * (self._points + 1) + column).long()
        if self._rows > 1:
            place = place + torch.arange(self._rows) * (_SPREADS * (self._points + 1))
        upper, lower = self._between(place, a), self._between(place + self._points + 1, a)
        return upper + (lower - upper) * b

    def _between(self, place: Tensor, part: Tensor) -> Tensor:
        left = self.values[place]
        return left + (self.values[place + 1] - left) * part
