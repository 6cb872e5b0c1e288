"""Waterfall: accuracy as each effect of fabrication is added to those before it, and with each alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from soensim.errors import SoensimError
from soensim.evaluation.chips import Chip, ScoreChips, effects_of, only, seeds_needed
from soensim.evaluation.statistics import Interval, mean_interval, proportion_interval, student_interval
from soensim.fabrication import Imperfection
from soensim.network import Network

if TYPE_CHECKING:  # it holds the waterfall
    from soensim.evaluation.result import Accuracy

IDEAL, CODES = "ideal weights", "quantised codes"


@dataclass(frozen=True)
class WaterfallRow:
    """Accuracy with an effect added to all of the rows before.

    Attributes
    ----------
    effect
        `IDEAL`, `CODES`, or the name of an imperfection.
    mean, ci95
        Accuracy: over the samples on one chip (Wilson), or over the fabricated chips (Student); None from one chip.
    chips
        Fabricated chips; 0 where nothing is drawn, so that all chips are one.
    change, change_ci95
        Against the row before, on the same chips: mean of the differences, and its Student interval; None in the first
        row, and no interval where nothing is drawn.
    alone, alone_ci95
        Accuracy of the codes with this effect and no other.
    """

    effect: str
    mean: float
    ci95: Interval | None
    chips: int
    change: float | None
    change_ci95: Interval | None
    alone: float
    alone_ci95: Interval | None


@dataclass(frozen=True)
class Waterfall:
    """Accuracy as each effect is added, in the order of fabrication."""

    rows: tuple[WaterfallRow, ...]

    def as_list(self) -> list[dict[str, Any]]:
        """Return plain data for JSON."""
        return [{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(r).items()} for r in self.rows]


def waterfall_effects(network: Network) -> tuple[Imperfection, ...]:
    """Return the effects that a waterfall adds.

    Raises
    ------
    SoensimError
        There is none.
    """
    effects = effects_of(network)
    if not effects:
        raise SoensimError(
            f"chip {network.name!r} has no imperfection to add to its codes; give one with --spread, as in "
            "--spread efficacy=0.05, or leave --waterfall out"
        )
    return effects


def waterfall_chips(effects: Sequence[Imperfection], chip_seeds: Sequence[int]) -> int:
    """Count the chips that a waterfall scores: all effects together are those of the evaluation."""
    return sum(len(seeds_needed(group, chip_seeds)) for group in _groups(effects)[1:])


def add_effects(
    network: Network, accuracy: Accuracy, samples: int, chip_seeds: Sequence[int], score: ScoreChips
) -> Waterfall:
    """Score the codes with the first effect, the first two, …, and with each alone; all rows on the same chips.

    Parameters
    ----------
    network
        The chip, with the spreads of the evaluation.
    accuracy, samples, chip_seeds
        What the evaluation found, on how many test samples, for which chips.
    score
        See `soensim.evaluation.chips.chip_scorer`.

    Raises
    ------
    SoensimError
        No imperfection acts.
    """
    effects = waterfall_effects(network)
    scored: dict[tuple[str, ...], list[float]] = {}
    for group in _groups(effects):
        names = tuple(effect.name for effect in group)
        seeds = seeds_needed(group, chip_seeds)
        if len(group) == len(effects):
            scored[names] = list(accuracy.chips[: len(seeds)])
        else:
            sizes = only(network.spreads, names)
            scored[names] = score(f"waterfall, {' + '.join(names)}", [Chip(sizes, seed) for seed in seeds])
    quantised, many = accuracy.quantised, len(chip_seeds)
    rows = [
        WaterfallRow(IDEAL, accuracy.ideal, accuracy.ideal_ci95, 0, None, None, accuracy.ideal, accuracy.ideal_ci95),
        WaterfallRow(
            *(CODES, quantised, accuracy.quantised_ci95, 0, quantised - accuracy.ideal, None),
            *(quantised, accuracy.quantised_ci95),
        ),
    ]
    before = np.full(many, quantised)
    for k, effect in enumerate(effects):
        chips, alone = scored[tuple(e.name for e in effects[: k + 1])], scored[(effect.name,)]
        drawn = any(e.differs for e in effects[: k + 1])
        now = np.broadcast_to(chips, many) if len(chips) in (1, many) else np.array(chips)
        rows.append(
            WaterfallRow(
                effect.name,
                float(np.mean(chips)),
                _interval(chips, samples, drawn),
                len(chips) if drawn else 0,
                float(np.mean(now - before)),
                student_interval(now - before) if drawn and many > 1 else None,
                float(np.mean(alone)),
                _interval(alone, samples, effect.differs),
            )
        )
        before = now
    return Waterfall(tuple(rows))


def _groups(effects: Sequence[Imperfection]) -> list[Sequence[Imperfection]]:
    """Return the sets of effects to score: all of them first, the shorter beginnings, each alone; none twice."""
    beginnings = [effects[:k] for k in range(len(effects), 0, -1)]
    return beginnings + [[effect] for effect in effects[1:]]


def _interval(chips: Sequence[float], samples: int, drawn: bool) -> Interval | None:
    if not drawn:
        return proportion_interval(round(chips[0] * samples), samples)
    return mean_interval(chips) if len(chips) > 1 else None
