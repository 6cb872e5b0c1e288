"""What can be programmed on a chip: sets of values, the levels that they can take, and the scale of those levels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from soensim.errors import ProgramError
from soensim.network import LinearOutput, Network

READOUT = "readout"

FloatArray = NDArray[np.float64]

_PIECES = 2**23  # values x levels of the search for a scale: half a gigabyte, two seconds


@dataclass(frozen=True)
class Slot:
    """A set of programmable values: their shape, ascending level table and fixed signs."""

    shape: tuple[int, ...]
    levels: FloatArray
    sign: FloatArray
    programmable_scale: bool = False
    """Whether a program may shrink the table by one factor."""

    def codes(self, values: FloatArray) -> NDArray[np.uint16]:
        """Code of the nearest level; a value of the wrong sign gets the level nearest to zero."""
        return np.searchsorted(midpoints(self.levels), self.sign * values).astype(np.uint16)

    def values(self, codes: NDArray[np.uint16]) -> FloatArray:
        """Value of each code."""
        return self.sign * self.levels[codes]

    def scaled(self, scale: float) -> Slot:
        """Make the slot whose table is shrunk to this full scale.

        Raises
        ------
        ProgramError
            The scale is not in (0, 1], or not 1 where the chip's full scale is fixed.
        """
        if scale == 1:
            return self
        if not self.programmable_scale:
            raise ProgramError(
                f"the full scale is {scale}; this table's is fixed (efficacy.full_scale), so it must be 1"
            )
        if not 0 < scale < 1:
            raise ProgramError(f"the full scale is {scale}; it must be above 0 and at most 1")
        return replace(self, levels=_frozen(self.levels * scale))


def midpoints(levels: FloatArray) -> FloatArray:
    """Borders between neighbouring levels, shape (levels - 1,); a value on a border takes the lower level."""
    return (levels[1:] + levels[:-1]) / 2


def slots(network: Network) -> dict[str, Slot]:
    """List all that can be programmed on a chip, by key."""
    by_key = {key: Slot((len(s),), s.levels, s.sign, s.programmable_scale) for key, s in network.synapses.items()}
    for population in network.populations:
        if population.trim_levels is not None:
            by_key[population.trim_key] = Slot((population.size,), population.trim_levels, np.ones(population.size))
    if isinstance(network.output, LinearOutput):
        output = network.output
        by_key[READOUT] = Slot(output.sign.shape, output.levels, output.sign, output.programmable_scale)
    return by_key


def best_scale(slot: Slot, values: FloatArray) -> float:
    """Find the full scale c in (0, 1] that brings the levels nearest to given values.

    Minimises E(c) = sum (v - c l)^2, l being the level whose multiple c l is nearest to v = sign x value. E is
    piecewise quadratic: the level of v changes where c passes v / m, for a midpoint m of the table; between two such
    borders E = sum v^2 - 2 c (v . l) + c^2 (l . l). All pieces are looked at, so the minimum is the global one; of
    equal ones the largest scale is taken. With very many values and levels, evenly spread quantiles of the values stand
    for them.
    """
    v = np.sort((slot.sign * values).ravel())
    if not v.any():
        return 1.0
    levels, borders = slot.levels, midpoints(slot.levels)
    kept = max(_PIECES // len(levels), 1)
    if len(v) > kept:
        v = v[np.linspace(0, len(v) - 1, kept).astype(np.int64)]
    taken = levels[np.searchsorted(borders, v)]
    # going down from c = 1: where c passes v / m, a positive v takes the level above, a negative one the level below
    with np.errstate(divide="ignore", invalid="ignore"):
        passed = v[:, None] / borders
    rows, steps = np.nonzero((passed > 0) & (passed < 1))
    order = np.argsort(-passed[rows, steps], kind="stable")
    rows, steps = rows[order], steps[order]
    up = v[rows] > 0
    old, new = levels[np.where(up, steps, steps + 1)], levels[np.where(up, steps + 1, steps)]
    overlap = v @ taken + np.concatenate([[0.0], np.cumsum(v[rows] * (new - old))])
    power = taken @ taken + np.concatenate([[0.0], np.cumsum(new**2 - old**2)])
    top = np.concatenate([[1.0], passed[rows, steps]])
    bottom = np.concatenate([passed[rows, steps], [top[-1] * 1e-3]])  # the best c of the last piece is far above this
    scale = np.clip(np.divide(overlap, power, out=top.copy(), where=power > 0), bottom, top)
    return float(scale[np.argmin(scale * (scale * power - 2 * overlap))])


def _frozen(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
