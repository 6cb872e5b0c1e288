"""Size of a spread, and what all devices are off by alike, from the deviations of finitely many devices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, gammaincinv, stdtrit  # scipy.stats would double the start-up time

from soensim.fit.deviations import Deviations

FloatArray = NDArray[np.float64]
Interval = tuple[float, float]

ALIKE = 1e-3
"""Below this probability devices of one chip deviate alike."""


@dataclass(frozen=True)
class SpreadFit:
    """Normal deviations with a mean and a sigma.

    Attributes
    ----------
    imperfection
        The one that draws such deviations.
    chips, devices
        How many deviations there are, on how many chips.
    mean, mean_ci95
        What all are off by alike, and its Student interval.
    sigma, sigma_ci95
        Spread about the mean (one sigma, n - 1), and its chi-square interval; None for one device.
    relative_error
        Standard error of sigma in parts of it, 1 / sqrt(2 (n - 1)): what so few devices can tell at best.
    alike
        Probability that chips whose devices are drawn each alone differ in their means as these do (F test); None for
        one chip, or one device per chip. Below `ALIKE` the deviations have a part that a chip has in common, and the
        intervals, which take each device for independent, are too narrow.
    """

    imperfection: str
    chips: int
    devices: int
    mean: float
    mean_ci95: Interval | None
    sigma: float | None
    sigma_ci95: Interval | None
    relative_error: float | None
    alike: float | None

    @property
    def in_common(self) -> bool:
        """Whether devices of one chip deviate alike."""
        return self.alike is not None and self.alike < ALIKE

    @property
    def off(self) -> bool:
        """Whether the interval of the mean leaves zero out."""
        return self.mean_ci95 is not None and not self.mean_ci95[0] <= 0 <= self.mean_ci95[1]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        intervals = {name: _listed(getattr(self, name)) for name in ("mean_ci95", "sigma_ci95")}
        return {**asdict(self), **intervals}


def estimate(deviations: Deviations) -> SpreadFit:
    """Estimate mean and sigma of normal deviations, each device for itself, with 95 % intervals.

    mean +- t s / sqrt(n) (Student), and s sqrt((n - 1) / chi^2) at both ends of the chi-square distribution.
    """
    per_chip = [part for part in deviations.per_chip if len(part)]
    every = np.concatenate(per_chip)
    n, mean = len(every), float(every.mean())
    if n < 2:
        return SpreadFit(deviations.imperfection, len(per_chip), n, mean, None, None, None, None, None)
    freedom = n - 1
    sigma = float(every.std(ddof=1))
    half = float(stdtrit(freedom, 0.975)) * sigma / math.sqrt(n)
    low, high = (sigma * math.sqrt(freedom / float(2 * gammaincinv(freedom / 2, p))) for p in (0.975, 0.025))
    return SpreadFit(
        deviations.imperfection,
        len(per_chip),
        n,
        mean,
        (mean - half, mean + half),
        sigma,
        (low, high),
        1 / math.sqrt(2 * freedom),
        _alike(per_chip),
    )


def _alike(per_chip: Sequence[FloatArray]) -> float | None:
    """Probability of means that differ as much, one-way analysis of variance (Fisher 1925)."""
    chips, n = len(per_chip), sum(map(len, per_chip))
    if chips < 2 or n <= chips:
        return None
    mean = float(np.concatenate(per_chip).mean())
    between = sum(len(part) * (float(part.mean()) - mean) ** 2 for part in per_chip) / (chips - 1)
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in per_chip) / (n - chips)
    if within == 0:
        return 1.0 if between == 0 else 0.0
    return float(fdtrc(chips - 1, n - chips, between / within))


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
