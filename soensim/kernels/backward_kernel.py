"""Gradients of the efficacies: sums over all steps and rows of the batch, after the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soensim.kernels.matmul import dense_gradient, sparse_gradient
from soensim.kernels.memory_layout import make_rows
from soensim.kernels.packed_network import Entry
from soensim.kernels.parallel import share_out
from soensim.kernels.sparse import Edges


def weight_gradients(
    entries: Sequence[Entry],
    edges: Sequence[Edges | None],
    first: Sequence[int],
    depth: int,
    record: Tensor,
    by_flux: Tensor,
    steps: int,
    batch: int,
    tensors: Sequence[Tensor],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """dL/dW of every recurrent term: sums over all steps and rows of the signal that a step saw and its dL/dphi."""
    signals, gradient = record.numpy(), by_flux.numpy()
    length, threads = steps * batch, torch.get_num_threads()
    found: list[Tensor | None] = [t.new_empty(t.shape) if w else None for t, w in zip(tensors, wanted, strict=True)]
    for entry in entries:
        out = found[entry.term]
        if out is None:
            continue
        own = signals[first[entry.source] : first[entry.source + 1]]
        to = gradient[first[entry.target] : first[entry.target + 1]]
        start = (depth - 1 - entry.lag) * batch
        sparse = edges[entry.term]
        if sparse is not None:
            order, _, places = sparse.by_target[entry.part]
            columns = sparse.columns[order]
            share = np.empty(order.size, own.dtype)
            share_out(_sparse_part, order.size, threads, own, start, to, length, places, columns, share)
            out.numpy()[order] = share
        else:
            height = len(own)
            block = out.numpy()[entry.part * height : (entry.part + 1) * height]
            share_out(_dense_part, -(-height // 2), threads, own, start, to, length, block)
    return found


def input_gradients(
    first: Sequence[int],
    signals: Tensor,
    rows: int,
    by_drive: Tensor,
    frames: int,
    batch: int,
    driven: Sequence[int],
    tensors: Sequence[Tensor],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """dL/dW of the inputs of every population that is driven.

    Signals are (channels, frames x rows), ``by_drive`` is (neurons, frames x batch), both with more at the end of a row
    perhaps; the batch repeats the rows.
    """
    if not any(wanted):
        return [None] * len(tensors)
    if batch > rows:
        repeated = by_drive[:, : frames * batch].view(-1, frames, batch // rows, rows)
        by_drive = make_rows(by_drive, len(by_drive), frames, rows)
        torch.sum(repeated, 2, out=by_drive[:, : frames * rows].view(-1, frames, rows))
    # whole rows, cut by `length` alone: numba's loops are slow over an array with gaps
    own, gradient, channels, length = signals.numpy(), by_drive.numpy(), len(signals), frames * rows
    found: list[Tensor | None] = []
    for p, tensor, want in zip(driven, tensors, wanted, strict=True):
        out = tensor.new_empty(tensor.shape) if want else None
        if out is not None:
            to = gradient[first[p] : first[p + 1]]
            share_out(_dense_part, -(-channels // 2), torch.get_num_threads(), own, 0, to, length, out.numpy())
        found.append(out)
    return found


def _dense_part(first: int, last: int, own: Any, start: int, to: Any, length: int, block: Any) -> None:
    """Pairs of rows, so that rows are paired alike for any number of threads."""
    dense_gradient(own, start, to, length, block, 2 * first, min(2 * last, len(block)))


def _sparse_part(
    first: int, last: int, own: Any, start: int, to: Any, length: int, rows: Any, columns: Any, out: Any
) -> None:
    sparse_gradient(own, start, to, length, rows, columns, out, first, last)
