"""What measured spikes make of the source function of each neuron: rate = gain x nu(mean + shift, factor x spread).

The rate of a neuron under a Gaussian flux (`soensim.training.rate_table`) leaves out how fast the flux changes: a fast
soma fires on every excursion. Near the samples that were measured, a gain, a shift of its flux and a factor on the
spread of it make up for that. They are fitted to the spikes of each neuron by damped least squares (Levenberg 1944,
Q. Appl. Math. 2, 164; Marquardt 1963, J. SIAM 11, 431).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.training.rate_table import RateTable

Floats = NDArray[np.float64]

NONE = (1.0, 0.0, 1.0)
"""Gain, shift (Phi_0) and factor of a neuron that fires as its source function says."""

_LOWEST, _HIGHEST = (0.1, -0.25, 0.25), (4.0, 0.25, 4.0)
_WIDTHS = (0.5, 0.1, 1.0)  # one spike of error in one sample weighs as much as a deviation of one width
_STEPS = 30


def no_correction(neurons: int, dtype: torch.dtype) -> Tensor:
    """Rates as they are: gain, shift and factor of every neuron, shape (3, neurons)."""
    return torch.tensor(NONE, dtype=dtype)[:, None].repeat(1, neurons)


def corrected_rates(table: RateTable, correction: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Rates with a correction, shape (3, neurons), at means and spreads of the flux (Phi_0), (..., neurons)."""
    gain, shift, factor = correction
    rates: Tensor = gain * table(mean + shift, factor * spread)
    return rates


def fit_correction(
    table: RateTable, mean: Tensor, spread: Tensor, spikes: NDArray[np.int64], *, frame_ns: float
) -> Floats:
    """Fit the correction of every neuron to what it fired.

    Parameters
    ----------
    table
        Source functions, averaged.
    mean, spread
        Of the flux (Phi_0), (samples, frames, neurons).
    spikes
        Measured, (samples, neurons).
    frame_ns
        How long a frame lasts.

    Returns
    -------
    array
        (3, neurons): gain, shift (Phi_0), factor; within 0.1 to 4, -0.25 to 0.25 and 0.25 to 4. A neuron of which the
        samples tell nothing keeps `NONE`.
    """
    start = np.array(NONE)[:, None]
    own = np.repeat(start, spikes.shape[1], axis=1)
    weight = 1 / np.array(_WIDTHS)[:, None] ** 2
    limits = np.array(_LOWEST)[:, None], np.array(_HIGHEST)[:, None]
    damping = np.full(spikes.shape[1], 1e-2)
    error, slopes = _errors(table, mean, spread, spikes, own, frame_ns)
    cost = (error**2).sum(0) + (weight * (own - start) ** 2).sum(0)
    for _ in range(_STEPS):
        curvature = np.einsum("isn,jsn->nij", slopes, slopes) + np.eye(3) * weight[None, :, 0, None]
        slope = np.einsum("isn,sn->ni", slopes, error) + (weight * (own - start)).T
        diagonal = np.einsum("nii->ni", curvature)
        step = np.linalg.solve(curvature + np.eye(3) * (damping[:, None] * diagonal)[:, :, None], slope[:, :, None])
        tried = np.clip(own - step[:, :, 0].T, *limits)
        new_error, new_slopes = _errors(table, mean, spread, spikes, tried, frame_ns)
        new_cost = (new_error**2).sum(0) + (weight * (tried - start) ** 2).sum(0)
        better = new_cost < cost
        own, cost, error = (
            np.where(better, tried, own),
            np.where(better, new_cost, cost),
            np.where(better, new_error, error),
        )
        slopes = np.where(better, new_slopes, slopes)
        damping = np.clip(damping * np.where(better, 0.3, 4.0), 1e-6, 1e6)
    return own


def _errors(
    table: RateTable, mean: Tensor, spread: Tensor, spikes: NDArray[np.int64], own: Floats, frame_ns: float
) -> tuple[Floats, Floats]:
    """Spikes that are too many, (samples, neurons), and their slopes in the correction, (3, samples, neurons)."""
    gain, shift, factor = torch.tensor(own, dtype=mean.dtype)
    at = (mean + shift).detach().requires_grad_()
    seen = (factor * spread).detach().requires_grad_()
    with torch.enable_grad():
        rates = table(at, seen)
        by_mean, by_spread = torch.autograd.grad(rates.sum(), (at, seen))
    parts = rates.detach(), gain * by_mean, gain * by_spread * spread
    fired, *others = (frame_ns * part.double().sum(1).cpu().numpy() for part in parts)
    return own[0] * fired - spikes, np.stack([fired, *others])
