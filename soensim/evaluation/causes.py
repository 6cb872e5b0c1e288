"""Causes: which effects part fabricated chips from one another, as shares of the variance of their accuracy.

An effect is a factor: all that it draws for a chip follows from one chip_seed of its own. Chips A have all effects of
one seed, chips B those of another, and chips AB_i those of A with effect i of B ("pick-freeze"). With N of each kind

    first order  S_i = mean(f_B (f_AB_i - f_A)) / V      share of the variance that the effect has by itself
    total        T_i = mean((f_A - f_AB_i)^2) / (2 V)    share that is left if all others are known

after the mean of f_A and f_B is subtracted; V is the variance of both (Saltelli et al. 2010, Comput. Phys. Commun. 181,
259, Table 2 (b) and (f)): the estimators of `scipy.stats.sobol_indices`. T_i - S_i is what an effect does together with
others. Intervals are percentiles of a bootstrap over the N rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.errors import SoensimError
from soensim.evaluation.chips import Chip, ScoreChips, effects_of
from soensim.evaluation.statistics import Interval
from soensim.network import Network

FloatArray = NDArray[np.float64]

USUAL_ROWS, LEAST_ROWS, MOST_ROWS = 256, 16, 16_384  # of fewer the intervals are wider than what they are of
_RESAMPLES = 999


@dataclass(frozen=True)
class Cause:
    """What one effect contributes to the variance of accuracy between chips.

    Attributes
    ----------
    effect
        Name of the imperfection; names joined by `+` for the kinds of noise, which have one seed.
    first, first_ci95, total, total_ci95
        Sobol indices; None where the chips hardly differ (`Causes.resolved`). Estimates may lie below 0 or above 1.
    deviation
        Standard deviation of the accuracy that the effect has by itself: sqrt(first) times that of all, an estimate
        beyond 0 or 1 taken to be that.
    """

    effect: str
    first: float | None
    first_ci95: Interval | None
    total: float | None
    total_ci95: Interval | None
    deviation: float | None


@dataclass(frozen=True)
class Causes:
    """Variance of accuracy between chips by effect.

    Attributes
    ----------
    effects
        In the order of fabrication.
    rows, chips
        N of the estimators, and the chips that were scored.
    mean, deviation
        Mean and standard deviation of the accuracy of chips A and B.
    resolution
        One sample: the least that two accuracies differ by.
    """

    effects: tuple[Cause, ...]
    rows: int
    chips: int
    mean: float
    deviation: float
    resolution: float

    @property
    def resolved(self) -> bool:
        """Whether chips differ by more than one sample: of less, no share means anything."""
        return self.deviation > self.resolution

    def as_list(self) -> list[dict[str, Any]]:
        """Return plain data for JSON; `chips_deviation` is that of all effects together."""
        return [
            {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(cause).items()}
            | {"chips_deviation": self.deviation}
            for cause in self.effects
        ]


def factors_of(network: Network) -> list[tuple[str, ...]]:
    """Return the effects that part one chip from another; all noise is one, since it has one seed.

    Raises
    ------
    SoensimError
        There is none.
    """
    effects = [effect for effect in effects_of(network) if effect.differs]
    noise = tuple(effect.name for effect in effects if effect.is_noise)
    factors: list[tuple[str, ...]] = [(effect.name,) for effect in effects if not effect.is_noise]
    if not effects:
        raise SoensimError(
            f"chip {network.name!r} has no imperfection that parts one chip from another; give one with --spread, as "
            "in --spread efficacy=0.05, or leave --causes out"
        )
    return [*factors, noise] if noise else factors


def find_causes(network: Network, rows: int, samples: int, chip_seed: int, score: ScoreChips) -> Causes:
    """Score N (d + 2) chips, and share the variance of their accuracy out to the d effects.

    Parameters
    ----------
    network
        The chip, with the spreads of the evaluation.
    rows
        N, 2 or more.
    samples
        Test samples.
    chip_seed
        Chips A have the chip_seeds from here on, as those of the evaluation, and chips B the N after them.
    score
        See `soensim.evaluation.chips.chip_scorer`.

    Raises
    ------
    SoensimError
        No effect parts chips.
    """
    factors = factors_of(network)
    pairs = [(seed, seed + rows) for seed in range(chip_seed, chip_seed + rows)]
    kinds: list[tuple[str, list[Chip]]] = [
        ("chips A", [Chip(network.spreads, a) for a, _ in pairs]),
        ("chips B", [Chip(network.spreads, b) for _, b in pairs]),
    ]
    names = ["+".join(factor) for factor in factors]
    for name, factor in zip(names, factors, strict=True):
        kinds.append((f"A with {name} of B", [Chip(network.spreads, a, dict.fromkeys(factor, b)) for a, b in pairs]))
    accuracy = np.array(
        [score(f"causes {k + 1} of {len(kinds)}, {what}", chips) for k, (what, chips) in enumerate(kinds)]
    )
    return share_out(names, accuracy[0], accuracy[1], accuracy[2:], 1 / samples)


def share_out(effects: Sequence[str], a: FloatArray, b: FloatArray, ab: FloatArray, resolution: float) -> Causes:
    """Share a variance out to effects.

    Parameters
    ----------
    effects
        Their names.
    a, b
        Accuracy of the chips A and B, shape (rows,).
    ab
        Accuracy of the chips AB_i, shape (effects, rows).
    resolution
        What two accuracies differ by at least.
    """
    deviation = float(np.std([a, b]))
    first, total = sobol_indices(a, b, ab)
    rng, resampled = np.random.default_rng(0), []
    for _ in range(_RESAMPLES if deviation > resolution else 0):
        place = rng.integers(len(a), size=len(a))
        resampled.append(sobol_indices(a[place], b[place], ab[:, place]))
    found = []
    for k, effect in enumerate(effects):
        if not resampled:
            found.append(Cause(effect, None, None, None, None, None))
            continue
        low, high = np.nanpercentile(np.array(resampled)[:, :, k], [2.5, 97.5], axis=0)
        found.append(
            Cause(
                effect,
                float(first[k]),
                (float(low[0]), float(high[0])),
                float(total[k]),
                (float(low[1]), float(high[1])),
                deviation * math.sqrt(min(max(float(first[k]), 0.0), 1.0)),  # no effect has more than all
            )
        )
    return Causes(tuple(found), len(a), a.size + b.size + ab.size, float(np.mean([a, b])), deviation, resolution)


def sobol_indices(a: FloatArray, b: FloatArray, ab: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Estimate the first-order and total indices, shape (effects,) each; not a number where nothing varies."""
    mean, variance = np.mean([a, b]), np.var([a, b])
    if variance == 0:
        return np.full(len(ab), np.nan), np.full(len(ab), np.nan)
    first: FloatArray = np.mean((b - mean) * (ab - a), axis=-1) / variance
    total: FloatArray = 0.5 * np.mean((a - ab) ** 2, axis=-1) / variance
    return first, total
