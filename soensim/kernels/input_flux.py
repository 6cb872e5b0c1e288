"""Inputs as `unroll_fused` takes them: signals that all hypotheses share, where possible, or the flux of every row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from soensim.dynamics.input_flux import HeldFrames, InputSignal, Term
from soensim.dynamics.time_loop import Cell
from soensim.kernels.packed_network import Inputs


def leading_shape(signals: Sequence[InputSignal]) -> tuple[int, int]:
    """Hypotheses and batch to which the leading axes of all signals broadcast."""
    shapes = [tuple(block.shape[:2]) if block.ndim == 4 else (1, block.shape[0]) for s in signals for block in s.blocks]
    hypotheses, batch = np.broadcast_shapes((1, 1), *shapes)
    return hypotheses, batch


def kernel_inputs(
    cells: Sequence[Cell],
    sizes: Sequence[int],
    signals: Sequence[InputSignal],
    substeps: int,
    like: Tensor,
) -> tuple[Sequence[Tensor | Inputs], int]:
    """Lay out all inputs for `unroll_fused`: as `Inputs` if one of them alone changes, else as `projected_inputs` does.

    Parameters and steps per entry are those of `projected_inputs`.
    """
    shared = shared_inputs(cells, signals)
    return projected_inputs(cells, sizes, signals, substeps, like) if shared is None else (shared, substeps)


def shared_inputs(cells: Sequence[Cell], signals: Sequence[InputSignal]) -> list[Inputs] | None:
    """Keep apart what changes, the same for all hypotheses, and what differs between them, the same in all frames.

    None if that cannot be done: inputs with delays, or more than one port whose signal changes.
    """
    changing = _the_changing_one(signals) if _undelayed(cells) else None
    return None if changing is None else _shared(cells, signals, changing)


def projected_inputs(
    cells: Sequence[Cell], sizes: Sequence[int], signals: Sequence[InputSignal], substeps: int, like: Tensor
) -> tuple[list[Tensor], int]:
    """Multiply all inputs with their efficacies.

    Parameters
    ----------
    cells, sizes
        The populations and their numbers of neurons.
    signals
        One per port; leading axes (hypotheses or 1, batch or 1).
    substeps
        Steps per sample.
    like
        A tensor of the wanted precision.

    Returns
    -------
    flux
        Flux per population, (entries, hypotheses x batch, neurons).
    steps_per_entry
        ``substeps``: an entry per sample; or 1 where delays of the inputs make every step another.
    """
    rows = leading_shape(signals)
    samples = len(signals[0].frame_of) if signals else 0
    if _undelayed(cells):
        return [_per_sample(c, n, signals, rows, samples, like) for c, n in zip(cells, sizes, strict=True)], substeps
    return [_per_step(c, n, signals, rows, samples, substeps, like) for c, n in zip(cells, sizes, strict=True)], 1


def _undelayed(cells: Sequence[Cell]) -> bool:
    return all(tuple(t.lags) == (0,) for cell in cells for t in cell.terms if t.source is None)


def _the_changing_one(signals: Sequence[InputSignal]) -> int | None:
    """Return the port whose signal alone changes from sample to sample, the same for every hypothesis; or None."""
    changing = [port for port, signal in enumerate(signals) if len(set(signal.frame_of)) > 1]
    if len(changing) != 1:
        return None
    signal = signals[changing[0]]
    block = signal.blocks[0]
    whole = len(signal.blocks) == 1 and list(signal.frame_of) == list(range(block.shape[-2]))
    shared = block.ndim == 3 or block.shape[0] == 1
    return changing[0] if whole and shared and not block.requires_grad else None


def _shared(cells: Sequence[Cell], signals: Sequence[InputSignal], changing: int) -> list[Inputs]:
    block = signals[changing].blocks[0]
    changing_rows = block if block.ndim == 3 else block[0]
    rows = leading_shape(signals)
    inputs = []
    for cell in cells:
        weights, held = None, None
        for term in cell.terms:
            if term.source is not None:
                continue
            if term.port == changing:
                weights = term.weights if weights is None else weights + term.weights
            else:
                frame = HeldFrames(signals[term.port]).at(0)[..., None, :]  # the only one
                flux = _project(frame, term.weights).expand(-1, 1, *rows).flatten(1).T
                held = flux if held is None else held + flux
        inputs.append(Inputs(changing_rows, weights, held))
    return inputs


def _per_sample(
    cell: Cell, size: int, signals: Sequence[InputSignal], rows: tuple[int, int], samples: int, like: Tensor
) -> Tensor:
    total = like.new_zeros((size, samples, 1, 1))
    for term in cell.terms:
        if term.source is None:
            frames = [_project(block, term.weights) for block in signals[term.port].blocks]
            flux = frames[0] if len(frames) == 1 else torch.cat([f.expand(-1, -1, *rows) for f in frames], 1)
            frame_of = list(signals[term.port].frame_of)
            if frame_of != list(range(flux.shape[1])):
                flux = flux[:, frame_of]
            total = total + flux
    return total.expand(-1, -1, *rows).reshape(size, samples, rows[0] * rows[1]).permute(1, 2, 0)


def _project(block: Tensor, weights: Tensor) -> Tensor:
    """Flux (neurons, frames, hypotheses or 1, batch or 1) of a block of frames."""
    block = block if block.ndim == 4 else block[None]
    hypotheses, batch, frames, channels = block.shape
    flat = block.permute(3, 2, 0, 1).reshape(channels, -1)
    return (weights.T @ flat).view(-1, frames, hypotheses, batch)


def _per_step(
    cell: Cell,
    size: int,
    signals: Sequence[InputSignal],
    rows: tuple[int, int],
    samples: int,
    substeps: int,
    like: Tensor,
) -> Tensor:
    total = like.new_zeros((size, samples, substeps, 1, 1))
    for term in cell.terms:
        if term.source is None:
            seen = _samples(signals[term.port], rows)
            total = total + torch.stack([_delayed(seen, term, phase, substeps) for phase in range(substeps)], 2)
    return total.expand(-1, -1, -1, *rows).reshape(size, samples * substeps, rows[0] * rows[1]).permute(1, 2, 0)


def _samples(signal: InputSignal, rows: tuple[int, int]) -> Tensor:
    """Return what an input carries in every sample, (channels, samples, hypotheses or 1, batch or 1)."""
    blocks = [(block if block.ndim == 4 else block[None]).permute(3, 2, 0, 1) for block in signal.blocks]
    frames = blocks[0] if len(blocks) == 1 else torch.cat([b.expand(-1, -1, *rows) for b in blocks], 1)
    frame_of = list(signal.frame_of)
    return frames if frame_of == list(range(frames.shape[1])) else frames[:, frame_of]


def _delayed(seen: Tensor, term: Term, phase: int, substeps: int) -> Tensor:
    """Flux (neurons, samples, hypotheses or 1, batch or 1) in step ``phase`` of every sample.

    Samples are side by side: what arrives late is what lies further left. Lags that read the same sample share a
    product.
    """
    channels, samples, *leading = seen.shape
    width = leading[0] * leading[1]
    columns = seen.reshape(channels, samples * width)
    efficacies: dict[int, Tensor] = {}
    for lag, block in zip(term.lags, term.blocks(), strict=True):
        late = -((phase - lag) // substeps)  # samples
        efficacies[late] = efficacies[late] + block if late in efficacies else block
    flux = columns.new_zeros(term.weights.shape[1], samples * width)
    for late, weights in efficacies.items():
        if late < samples:  # before the first sample every input is dark
            flux = flux + pad(weights.T @ columns[:, : (samples - late) * width], (late * width, 0))
    return flux.view(-1, samples, *leading)
