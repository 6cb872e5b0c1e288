"""One projection of a compiled chip: its edges, their delays, and where they are among delayed signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WHOLE_STEP = 1e-9  # a remainder this near to 0 or 1 is a rounding error of delay / dt, not a part of a step


@dataclass(frozen=True)
class DelayLayout:
    """One projection as a single matrix over its delayed signals: a block of rows per lag.

    Attributes
    ----------
    lags
        Ascending steps back from the state that a step starts from; -1 is the state that it makes (feed-forward).
    shape
        (lags x sources, targets).
    rows, columns, edges, part
        Shape (entries,): part x (efficacy of the edge) is the entry at [row, column]; no place is named twice.
    """

    lags: tuple[int, ...]
    shape: tuple[int, int]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    edges: NDArray[np.int64]
    part: FloatArray


@dataclass(frozen=True)
class Synapses:
    """One projection as an edge list, sorted by target, then source.

    Attributes
    ----------
    key
        `source->target`.
    source
        Index of the upstream population, or None where inputs drive it.
    target
        Index of the driven population.
    shape
        (targets, sources) of the dense matrix W; W[i, j] is from j to i.
    port
        Index of the input population, where inputs drive it; else 0, and not read.
    sources, targets
        Shape (edges,): index within the source and the target population.
    sign
        Shape (edges,): efficacy = sign x level; +1 everywhere where the program decides.
    levels
        Ascending level table (Phi_0 per I_c).
    programmable_scale
        Whether a program may shrink the whole table by one factor.
    delay_tau
        Shape (edges,): delay of each edge (tau), 0 or more. See `delays` for how it is taken at a given step.
    """

    key: str
    source: int | None
    target: int
    shape: tuple[int, int]
    port: int
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    sign: FloatArray
    levels: FloatArray
    programmable_scale: bool
    delay_tau: FloatArray

    def __len__(self) -> int:
        return len(self.sources)

    def delays(self, dt_tau: float) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        """Return (steps, edges, part), ascending in steps: a part of the edge's efficacy reads its source steps dt ago.

        An edge whose delay is k whole steps and a remainder r is read by linear interpolation between two steps:
        s(t - (k + r) dt) = (1 - r) s[t - k] + r s[t - k - 1], off by at most r (1 - r) dt^2 max|s''| / 2. It is
        listed with the part 1 - r at k and r at k + 1; without a remainder, once and whole.

        An input is held over its sample and jumps between samples. Over a step in which such a jump arrives, the same
        mixture is the mean of what the edge sees: the old value for the part r of the step, then the new one. The flux
        is then right on average, but the mean of g is not g of the mean: an error of first order in the step for each
        jump, of second order in its size, and none where g is linear.
        """
        whole, remainder = whole_steps(self.delay_tau / dt_tau)
        partial = np.flatnonzero(remainder)
        steps = np.concatenate([whole, whole[partial] + 1])
        edges = np.concatenate([np.arange(len(self)), partial])
        part = np.concatenate([1 - remainder, remainder[partial]])
        order = np.lexsort((edges, steps))
        return steps[order], edges[order], part[order]

    def delay_layout(self, dt_tau: float, *, feed_forward: bool) -> DelayLayout:
        """Lay the projection out over its delayed signals at a step (tau); see `DelayLayout`."""
        ahead = feed_forward and self.source is not None and self.source < self.target
        n_targets, n_sources = self.shape
        steps, edges, part = self.delays(dt_tau)
        delays, block = np.unique(steps, return_inverse=True)
        return DelayLayout(
            lags=tuple(int(delay) - ahead for delay in delays),
            shape=(len(delays) * n_sources, n_targets),
            rows=block * n_sources + self.sources[edges],
            columns=self.targets[edges],
            edges=edges,
            part=part,
        )


def whole_steps(delays: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Split delays (in steps) into whole steps and a remainder in [0, 1)."""
    whole = np.floor(delays)
    remainder = delays - whole
    up = remainder > 1 - _WHOLE_STEP
    return (whole + up).astype(np.int64), np.where(up | (remainder < _WHOLE_STEP), 0.0, remainder)
