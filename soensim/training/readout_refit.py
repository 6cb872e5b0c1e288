"""A linear readout fitted to what was measured: logistic regression, rounded to the levels of the chip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from soensim.program import Slot, best_scale

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

PENALTIES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
"""Weights of |W|^2 / 2 that are tried, with readings divided by their root mean square."""


def fitted_readouts(read: Floats, labels: Labels, classes: int) -> Iterator[Floats]:
    """Fit W, (classes, neurons), for each of `PENALTIES`: least mean cross-entropy of softmax(W s), plus the penalty.

    Parameters
    ----------
    read
        s, (samples, neurons).
    labels
        Classes of the samples.
    classes
        How many there are.
    """
    size = float(np.sqrt(np.mean(read**2))) or 1.0
    given, right = read / size, np.eye(classes)[labels]
    weights = np.zeros(classes * read.shape[1])
    for penalty in PENALTIES:
        with threadpool_limits(1):  # the order of sums depends on the number of threads
            weights = minimize(
                _cost, weights, (given, right, penalty), "L-BFGS-B", jac=True, options={"maxiter": 500}
            ).x
        yield weights.reshape(classes, -1).copy()


def at_levels(weights: Floats, slot: Slot) -> Floats:
    """Multiply W by the factor that brings it nearest to the levels of a table: which score is best depends on none."""
    largest = np.abs(weights).max()
    if largest == 0:
        return weights
    fitted: Floats = weights * (np.abs(slot.levels).max() / largest)
    return np.divide(fitted, best_scale(slot, fitted))


def _cost(weights: Floats, read: Floats, right: Floats, penalty: float) -> tuple[float, Floats]:
    """Mean cross-entropy and penalty, and their gradient."""
    logits = read @ weights.reshape(right.shape[1], -1).T
    logits -= logits.max(1, keepdims=True)
    shares = np.exp(logits)
    total = shares.sum(1, keepdims=True)
    entropy = float(np.mean(np.log(total[:, 0]) - (logits * right).sum(1)))
    slope = (shares / total - right).T @ read / len(read)
    return entropy + 0.5 * penalty * float(weights @ weights), slope.ravel() + penalty * weights
