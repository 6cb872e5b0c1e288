"""How numbers lie in memory, and how blocks of rows are shared among threads.

Outside a kernel, an array has one row per neuron or channel, with (steps x batch) numbers and a few unused ones. In a
kernel, `ROWS` rows of the batch, a block, go through all steps together, as (neurons, ROWS).

The size of a block is fixed: numba compiles it into every kernel. Sums over one row of the batch do not depend on its
block, and sums over rows are taken in the order of the blocks: a result does not depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

#: Rows of the batch in a block: 128 bytes of float32, four vector registers of AVX2.
ROWS = 32
_LINE = 64  # bytes of a line of the cache


def parallel_for(kernel: Callable[..., None], count: int, threads: int, *args: Any) -> None:
    """Call ``kernel(first, last, *args)`` on consecutive parts of range(count), each on a thread of its own.

    The kernel must release the interpreter's lock, and what it does for one index must not depend on the others.
    """
    threads = min(threads, count)
    if threads <= 1:
        kernel(0, count, *args)
        return
    ends = [count * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(kernel, *span, *args) for span in pairwise(ends)]:
            future.result()


def aligned_zeros(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Make an array of zeros that begins at a line of the cache: a vector of a whole line then lies in one line."""
    size = math.prod(shape)
    room = np.zeros(size + _LINE // 8)
    first = -room.ctypes.data % _LINE // 8
    return room[first : first + size].reshape(shape)


def make_rows(like: Tensor, count: int, steps: int, batch: int) -> Tensor:
    """Make an array (count, steps x batch and a few unused numbers).

    Rows whose distance is a multiple of 4096 bytes, as that of a power of two is, compete for the same few lines of the
    cache: they are made longer, by a line at least.
    """
    if steps == 0:
        return like.new_empty(count, 0)
    size = like.element_size()
    length = -(-steps * batch * size // 128) * 128
    return like.new_empty(count, (length + 128 * (1 + length // 128 % 2)) // size)


def by_channel(signals: Tensor) -> Tensor:
    """Return the same (batch, frames, channels) laid out in rows, channel by channel, as the kernel reads it."""
    batch, frames, channels = signals.shape
    rows = make_rows(signals, channels, frames, batch)[:, : frames * batch].view(channels, frames, batch)
    return rows.copy_(signals.permute(2, 1, 0)).permute(2, 1, 0)


def channel_rows(signals: Tensor) -> Tensor:
    """Return signals as (channels, frames x batch and perhaps more); no copy if `by_channel` laid them out."""
    batch, frames, channels = signals.shape
    length = signals.stride(2)
    in_rows = signals.stride()[:2] == (1, batch) and length >= frames * batch
    numbers = signals.untyped_storage().nbytes() // signals.itemsize - signals.storage_offset()
    if in_rows and channels * length <= numbers:
        return signals.detach().as_strided((channels, length), (length, 1))
    return channel_rows(by_channel(signals.detach()))
