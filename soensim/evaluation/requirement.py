"""What is required of fabricated chips, and how many of them meet it: yield, with what so few chips can tell of it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln  # scipy.stats would double the start-up time

from soensim.errors import SoensimError
from soensim.evaluation.statistics import proportion_interval, trials_without_failure

USUAL_YIELD, USUAL_TRIALS = 0.9, 60
_FORM = re.compile(r"\s*([a-z_]+)\s*(>=)\s*([0-9.eE+-]+)\s*")
MEASURES = ("accuracy",)


@dataclass(frozen=True)
class Requirement:
    """What a chip must reach, and the share of chips that must reach it.

    Attributes
    ----------
    measure
        One of `MEASURES`.
    least
        The least that a chip must reach, above 0 and at most 1.
    share
        Share of all chips that must reach it, above 0 and below 1.
    of_these
        Whether it is asked of the chips that are scored, each of them, and nothing of others; ``share`` is then not
        read.

    Raises
    ------
    SoensimError
        A number is not legal, or the measure is unknown.
    """

    measure: str
    least: float
    share: float = USUAL_YIELD
    of_these: bool = False

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise SoensimError(f"no measure {self.measure!r} to require something of; there is {', '.join(MEASURES)}")
        if not 0 < self.least <= 1:
            raise SoensimError(
                f"the required {self.measure} is {self.least:g}; it must be above 0 and at most 1; 93 % is written 0.93"
            )
        if not 0 < self.share < 1:
            raise SoensimError(f"the required yield is {self.share:g}; it must be above 0 and below 1; 90 % is 0.9")

    @classmethod
    def read(cls, text: str, share: float = USUAL_YIELD) -> Requirement:
        """Read a text such as `accuracy >= 0.93`.

        Raises
        ------
        SoensimError
            It is no such text, or not legal.
        """
        found = _FORM.fullmatch(text)
        try:
            measure, least = (found.group(1), float(found.group(3))) if found else ("", math.nan)
        except ValueError:
            found = None
        if found is None:
            raise SoensimError(f"{text!r} is no requirement; write it as 'accuracy >= 0.93'")
        return cls(measure, least, share)

    def __str__(self) -> str:
        short = f"{self.least:g}"
        return f"{self.measure} >= {short if float(short) == self.least else repr(self.least)}"

    @property
    def chips_needed(self) -> int:
        """Fewest chips that can show the share at 95 % confidence: with so many and no failure Wilson's bound is it."""
        return trials_without_failure(self.share)

    def failures_allowed(self, chips: int) -> int | None:
        """Most of some chips that may fail for the share to be shown; None: not even without a failure."""
        failed = None
        while (more := 0 if failed is None else failed + 1) < chips and (
            proportion_interval(chips - more, chips)[0] >= self.share
        ):
            failed = more
        return failed


@dataclass(frozen=True)
class Yield:
    """How many chips met a requirement.

    Attributes
    ----------
    require, share
        The requirement, and the share of chips that must meet it: 1 where it is asked of the scored ones alone.
    passed, trials
        Chips that met it on the test samples, of how many.
    lower, upper
        95 % Wilson interval of the share of all such chips that meet it on these test samples.
    met
        Whether `lower` reaches the share; of the scored chips alone, whether all passed.
    fresh
        Expected share that meets it on as many fresh samples: what a chip answers is binomial, and what is known of its
        accuracy is a beta distribution (Jeffreys), so that its right answers are beta-binomial.
    """

    require: str
    share: float
    passed: int
    trials: int
    lower: float
    upper: float
    met: bool
    fresh: float

    @property
    def of_these(self) -> bool:
        """Whether it is asked of the scored chips alone, and nothing is said of others."""
        return self.share == 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def count_yield(requirement: Requirement, accuracies: Sequence[float], samples: int) -> Yield:
    """Count the chips that meet a requirement.

    Parameters
    ----------
    requirement
        What they must reach.
    accuracies
        Of every chip, on the same ``samples``.
    samples
        Test samples.
    """
    right = np.rint(np.asarray(accuracies) * samples).astype(np.int64)
    needed = max(1, math.ceil(requirement.least * samples - 1e-9))  # an accuracy above 0 takes an answer
    passed = int((right >= needed).sum())
    lower, upper = proportion_interval(passed, len(right))
    fresh = float(np.mean([_at_least(needed, samples, int(r)) for r in right]))
    share, met = requirement.share, lower >= requirement.share
    if requirement.of_these:
        share, met = 1.0, passed == len(right)
    return Yield(str(requirement), share, passed, len(right), lower, upper, met, fresh)


def _at_least(needed: int, samples: int, right: int) -> float:
    """Probability of ``needed`` or more right answers of as many fresh samples, beta-binomial with Jeffreys' prior."""
    a, b = right + 0.5, samples - right + 0.5
    k = np.arange(needed, samples + 1)
    log_choose = gammaln(samples + 1) - gammaln(k + 1) - gammaln(samples - k + 1)
    return float(np.exp(log_choose + betaln(k + a, samples - k + b) - betaln(a, b)).sum())
