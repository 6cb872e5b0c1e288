"""How numbers lie in memory: a row per neuron or channel, with (steps x batch) numbers and a little more."""

from __future__ import annotations

from torch import Tensor


def make_rows(like: Tensor, count: int, steps: int, batch: int) -> Tensor:
    """Make an array (count, steps x batch and a little more).

    Rows whose distance is a multiple of 4096 bytes, as that of a power of two is, compete for the same few lines of the
    cache: they are made longer, by a line at least.
    """
    if steps == 0:
        return like.new_empty(count, 0)
    size = like.element_size()
    length = -(-steps * batch * size // 128) * 128
    return like.new_empty(count, (length + 128 * (1 + length // 128 % 2)) // size)


def by_channel(signals: Tensor) -> Tensor:
    """Return the same (batch, samples, channels) laid out in rows, channel by channel, as the kernel reads it."""
    batch, samples, channels = signals.shape
    rows = make_rows(signals, channels, samples, batch)[:, : samples * batch].view(channels, samples, batch)
    return rows.copy_(signals.permute(2, 1, 0)).permute(2, 1, 0)


def channel_rows(signals: Tensor) -> Tensor:
    """Return signals as (channels, samples x batch and perhaps more); no copy if `by_channel` laid them out."""
    batch, samples, channels = signals.shape
    length = signals.stride(2)
    in_rows = signals.stride()[:2] == (1, batch) and length >= samples * batch
    numbers = signals.untyped_storage().nbytes() // signals.itemsize - signals.storage_offset()
    if in_rows and channels * length <= numbers:
        return signals.detach().as_strided((channels, length), (length, 1))
    return channel_rows(by_channel(signals.detach()))
