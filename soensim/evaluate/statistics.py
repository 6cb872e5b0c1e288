"""Intervals: of one accuracy on finitely many samples, and of a mean over finitely many chips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.stats

Interval = tuple[float, float]


def proportion_interval(successes: int, samples: int) -> Interval:
    """95 % Wilson score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209)."""
    interval = scipy.stats.binomtest(successes, samples).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float]) -> Interval:
    """95 % Student interval of the mean of independent values, cut to [0, 1]; needs two or more."""
    mean, error = np.mean(values), scipy.stats.sem(values)
    half = float(scipy.stats.t.ppf(0.975, len(values) - 1) * error)
    return max(0.0, float(mean) - half), min(1.0, float(mean) + half)
