"""Margins: how far a spread, a bias, an offset or a delay may be off before accuracy falls by some amount.

In the manner of margins of superconducting circuits: one parameter is moved and all others stay as stated, until the
circuit fails; the range is given in parts of the nominal value, and the smallest is the critical margin. Chips that
classify fail by degrees: failure is here a fall of their mean accuracy, with all draws as before (common random
numbers).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from soensim.errors import SimulationError
from soensim.evaluation.chips import Chip, ScoreChips, effects_of, seeds_needed
from soensim.evaluation.statistics import Interval
from soensim.fabrication import Imperfection
from soensim.fabrication.shift import OFFSETS
from soensim.network import Network
from soensim.technology.legal_ranges import LEGAL

FloatArray = NDArray[np.float64]

USUAL_DROP = 0.01
MOST_CHIPS = 32
"""Fabricated chips that margins are the mean of: the first of the evaluation's."""
TOLERANCE = 0.05
"""A bound is known when the first move that fails is this much beyond it, in parts of itself."""

_FACTORS = (0.01, 10.0)  # how far an offset is looked for, in parts of the nominal value
_PHOTON_FACTORS = (1e-4, 10.0)  # detectors that count every spike at 100 photons still do at 10
_FLUXES = (-0.5, 0.5)  # Phi_0: g has the period 1
_VIRTUAL_FLUXES = (-10.0, 10.0)  # a virtual source function has none
_FIRST_FACTOR, _FIRST_FLUX, _FIRST_SPREAD = math.log(1.01), 0.005, math.log(1.1)
_FINEST = 32  # parts of the first move: nothing finer is told apart


@dataclass(frozen=True)
class Margin:
    """How far one parameter may be off.

    Attributes
    ----------
    parameter
        Name of an imperfection, whose size may grow, or of an offset that all devices have alike
        (`soensim.fabrication.shift.OFFSETS`).
    kind
        Which of them.
    unit
        Of what follows. A size has that of the imperfection; an offset is in parts of the nominal value, of the flux in
        Phi_0.
    stated
        Size of the imperfection as stated; 0 for an offset.
    low, high
        Furthest the parameter may go; None: no bound was found in ``searched``, and for a size, which has no low one.
    searched
        How far it was looked for.
    relative
        The smaller of the two moves in parts of the nominal value: of the size as stated, of Phi_0 for the flux; None
        without a bound.
    fall_error
        Standard error, over the chips, of the fall of the mean accuracy at the bounds: the larger of the two; None
        without a bound, or from one chip.
    critical
        Whether `relative` is the smallest of all parameters.
    """

    parameter: str
    kind: Literal["spread", "offset"]
    unit: str
    stated: float
    low: float | None
    high: float | None
    searched: Interval
    relative: float | None = None
    fall_error: float | None = None
    critical: bool = False


@dataclass(frozen=True)
class Margins:
    """How far each parameter may be off before the mean accuracy of the chips falls by `drop`.

    Attributes
    ----------
    rows
        See `Margin`.
    drop, stated_mean
        The fall, and the mean accuracy with everything as stated that it is measured from.
    chips, scored
        Fabricated chips that a mean is over, and the chips that were scored in all.
    """

    rows: tuple[Margin, ...]
    drop: float
    stated_mean: float
    chips: int
    scored: int

    def as_list(self) -> list[dict[str, Any]]:
        """Return plain data for JSON; every row has the drop."""
        return [asdict(row) | {"searched": list(row.searched), "drop": self.drop} for row in self.rows]


@dataclass(frozen=True, eq=False)
class _Side:
    """One direction of a parameter: a move u > 0, up to ``limit``; the first that is tried is ``first``."""

    parameter: str
    up: bool
    first: float
    limit: float
    value: Callable[[float], float]
    """The parameter after a move, in the unit of its row."""
    chip: Callable[[Chip, float], Chip]

    @property
    def most_tries(self) -> int:
        """Largest number of moves that the search of the bound tries."""
        doublings = max(0, math.ceil(math.log2(self.limit / self.first))) + 1
        # from one move to its double, the width halves until it is within the tolerance
        return doublings + math.ceil(math.log2(max(_FINEST, 1 / TOLERANCE)))


def most_margin_chips(network: Network, chip_seeds: Sequence[int]) -> int:
    """Count the most chips that margins can take."""
    tries = sum(side.most_tries for _, sides in _parameters(network) for side in sides)
    return len(_chips(network, chip_seeds)) * (1 + tries)


def find_margins(network: Network, drop: float, chip_seeds: Sequence[int], score: ScoreChips) -> Margins:
    """Move each parameter alone until the mean accuracy has fallen.

    The move is doubled until the accuracy has fallen, and the last interval halved until it is within `TOLERANCE`; the
    bound is the end at which it has not. A chip that the simulation cannot do, since a state diverges, ends the search
    without a bound.

    Parameters
    ----------
    network
        The chip, with the spreads of the evaluation.
    drop
        Of the mean accuracy, as a fraction.
    chip_seeds
        Of the evaluation; the first `MOST_CHIPS` are scored.
    score
        See `soensim.evaluation.chips.chip_scorer`.
    """
    chips = _chips(network, chip_seeds)
    stated = np.array(score("margins", chips))
    fallen: dict[tuple[_Side, float], FloatArray] = {}

    def falls(side: _Side, move: float) -> bool:
        what = f"margins, {side.parameter} at {side.value(move):+.3g}"
        fallen[side, move] = stated - score(what, [side.chip(chip, move) for chip in chips])
        return float(np.mean(fallen[side, move])) >= drop - 1e-9

    rows = []
    for row, sides in _parameters(network):
        found: dict[str, float | None] = {"low": None, "high": None}
        errors = []
        for side in sides:
            bound = find_bound(partial(falls, side), side.first, side.limit)
            if bound is not None:
                found["high" if side.up else "low"] = side.value(bound)
                errors.append(_standard_error(fallen.get((side, bound), np.zeros(1))))
        moves = [_relative(row, value) for value in found.values() if value is not None]
        relative, error = min(moves, default=None), max(filter(None, errors), default=None)
        rows.append(replace(row, low=found["low"], high=found["high"], relative=relative, fall_error=error))
    return Margins(_with_critical(rows), drop, float(np.mean(stated)), len(chips), len(chips) * (1 + len(fallen)))


def find_bound(falls: Callable[[float], bool], first: float, limit: float) -> float | None:
    """Find the largest move at which nothing has fallen, before the first at which something has.

    Parameters
    ----------
    falls
        Whether something has fallen at a move. A `SimulationError` ends the search.
    first
        Move that is tried first; it is doubled until something falls.
    limit
        Largest legal move.

    Returns
    -------
    float or None
        Within `TOLERANCE` of itself, or within 1/32 of ``first``; None: nothing falls up to the limit.
    """
    inside, outside = 0.0, min(first, limit)
    try:
        while not falls(outside):
            if outside >= limit:
                return None
            inside, outside = outside, min(2 * outside, limit)
        while outside - inside > max(TOLERANCE * outside, first / _FINEST):
            middle = (inside + outside) / 2
            if falls(middle):
                outside = middle
            else:
                inside = middle
    except SimulationError:
        return None
    return inside


def _standard_error(values: FloatArray) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _chips(network: Network, chip_seeds: Sequence[int]) -> list[Chip]:
    return [Chip(network.spreads, seed) for seed in seeds_needed(effects_of(network), chip_seeds)[:MOST_CHIPS]]


def _relative(row: Margin, value: float) -> float:
    """Return how far a value is from what is stated, in parts of the nominal value."""
    if row.kind == "offset":
        return abs(value)
    if row.unit == "dB" and row.stated < 0:  # a level, not a spread: in parts of the power
        return float(10 ** ((value - row.stated) / 10) - 1)
    return value / row.stated - 1


def _with_critical(rows: Sequence[Margin]) -> tuple[Margin, ...]:
    bounded = [row for row in rows if row.relative is not None]
    critical = min(bounded, key=lambda row: row.relative or 0.0) if bounded else None
    return tuple(replace(row, critical=row is critical) for row in rows)


def _parameters(network: Network) -> Iterator[tuple[Margin, list[_Side]]]:
    """Yield what may be off: the sizes that are on, and the offsets that this chip can have."""
    for effect in effects_of(network):
        if effect.size != 0 and effect.unit != "bit":  # of bits fewer are worse, and they are no spread
            yield _size(effect)
    for name, offset in OFFSETS.items():
        if not offset.absent(network):
            yield _flux(network) if offset.adds else _factor(network, name)


def _size(effect: Imperfection) -> tuple[Margin, list[_Side]]:
    """Let the size of an imperfection grow; of a level in dB, the power that it stands for."""
    name, stated = effect.name, effect.size
    most = effect.most if effect.below is None else min(effect.most, effect.below * (1 - 1e-9))
    level = effect.least < 0
    decibels = 10 / math.log(10)

    def value(move: float) -> float:
        grown = stated + decibels * move if level else stated * math.exp(move)
        return min(grown, most)

    def chip(base: Chip, move: float) -> Chip:
        return replace(base, spreads={**base.spreads, name: value(move)})

    limit = (most - stated) / decibels if level else math.log(most / stated)
    row = Margin(name, "spread", effect.unit, stated, None, None, (stated, most))
    return row, [_Side(name, True, _FIRST_SPREAD, limit, value, chip)] if limit > 0 else []


def _factor(network: Network, name: str) -> tuple[Margin, list[_Side]]:
    """Let a factor on a parameter move both ways, as the logarithm."""
    least, most = _PHOTON_FACTORS if name == "photons" else _FACTORS
    if name == "bias_current":
        legal = LEGAL["bias_current"].high
        for p in network.populations:
            if not p.source.virtual:
                most = min(most, min(legal, p.source.max_current) / float(np.abs(p.bias_current).max()))
    row = Margin(name, "offset", "1", 0.0, None, None, (least - 1, most - 1))

    def side(sign: int, limit: float) -> _Side:
        return _Side(
            name,
            sign > 0,
            _FIRST_FACTOR,
            limit,
            lambda move: math.expm1(sign * move),
            lambda base, move: replace(base, off=(name, math.exp(sign * move))),
        )

    return row, [side(-1, -math.log(least)), side(1, math.log(most))]


def _flux(network: Network) -> tuple[Margin, list[_Side]]:
    """Add a flux of either sign."""
    least, most = _VIRTUAL_FLUXES if network.virtual else _FLUXES
    row = Margin("flux_offset", "offset", "Phi_0", 0.0, None, None, (least, most))

    def side(sign: int, limit: float) -> _Side:
        return _Side(
            "flux_offset",
            sign > 0,
            _FIRST_FLUX,
            limit,
            lambda move: sign * move,
            lambda base, move: replace(base, off=("flux_offset", sign * move)),
        )

    return row, [side(-1, -least), side(1, most)]
