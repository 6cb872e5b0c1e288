"""Samples of a data set as blocks of signals: encoded once, for any number of chips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soensim.data import FloatArray
from soensim.data.encoding import check_unit_range
from soensim.dynamics import InputSignal
from soensim.network import Network, encode_data, signals

if TYPE_CHECKING:
    from soensim.kernels.frame_loop import PackedSignals

#: Encoded samples are kept up to here.
_KEPT_BYTES = 2**27


@dataclass(frozen=True)
class SampleBlock:
    """Samples that run side by side.

    Attributes
    ----------
    place
        Their places in the data set.
    rows
        Their number with those that fill the block.
    signals
        One per input population; leading axes of frames are (hypotheses or 1, rows or 1), or (rows,).
    """

    place: slice
    rows: int
    signals: Sequence[InputSignal]

    @property
    def used(self) -> int:
        """Number of the samples without those that fill the block."""
        return int(self.place.stop - self.place.start)

    @property
    def leading(self) -> tuple[int, ...]:
        """Leading axes of the states: (hypotheses, rows), or (rows,)."""
        shapes = [block.shape[:-2] for signal in self.signals for block in signal.blocks]
        axes = max(len(shape) for shape in shapes)
        return np.broadcast_shapes((*[1] * (axes - 1), self.rows), *shapes)

    @cached_property
    def packed(self) -> PackedSignals:
        """The signals as the kernels read them."""
        return pack(self, self.signals)


def pack(block: SampleBlock, own: Sequence[InputSignal], hypotheses: int = 1) -> PackedSignals:
    """Lay signals out that take the place of those of a block."""
    from soensim.kernels.frame_loop import Rows, pack_signals  # numba: loaded when a chip runs

    shapes = [part.shape[:-3] for signal in own for part in signal.blocks]
    (all_hypotheses,) = np.broadcast_shapes((hypotheses,), *shapes)
    return pack_signals(own, Rows(all_hypotheses, block.rows, block.used))


class Samples:
    """Samples of a data set for the input channels of a chip, whatever its step and its imperfections.

    Blocks are made when they are asked for, and kept where they are small: what runs one set on many chips hands this
    over instead of the values.

    Parameters
    ----------
    network
        The chip.
    values
        In [0, 1], shape (batch, frames, data channels); not to be changed meanwhile.

    Raises
    ------
    DataError
        Values out of range.
    """

    def __init__(self, network: Network, values: FloatArray) -> None:
        if network.lines("data") is not None:
            check_unit_range(values, "the values to encode")
        self._network, self._values = network, values
        self._labels = np.arange(network.labels)[:, None] if network.labels else None
        self._kept: dict[tuple[int, int], list[SampleBlock]] = {}

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> FloatArray:
        """In [0, 1], shape (batch, frames, data channels)."""
        return self._values

    @property
    def frames(self) -> int:
        """Frames of a sample, as long as they are held."""
        return int(self._values.shape[1]) * self._network.hold_samples

    def blocks(self, size: int, multiple: int) -> Iterator[SampleBlock]:
        """Yield blocks of at most ``size`` samples, filled up to a multiple of some number."""
        if self._values.size * 8 > _KEPT_BYTES:
            yield from self._blocks(size, multiple)
            return
        key = size, multiple
        if key not in self._kept:
            self._kept[key] = list(self._blocks(size, multiple))
        yield from self._kept[key]

    def _blocks(self, size: int, multiple: int) -> Iterator[SampleBlock]:
        for start in range(0, len(self._values), size):
            place = slice(start, min(start + size, len(self._values)))
            encoded = filled(encode_data(self._network, self._values[place]), multiple)
            yield SampleBlock(place, len(encoded), signals(self._network, encoded, self._labels))


def filled(values: NDArray[np.floating], multiple: int) -> FloatArray:
    """Return the rows in float64, with zeros behind them up to a multiple of some number."""
    rows = -(-len(values) // multiple) * multiple
    padded = np.zeros((rows, *values.shape[1:]))
    padded[: len(values)] = values
    return padded
