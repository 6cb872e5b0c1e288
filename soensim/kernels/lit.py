"""The time loop of chips whose recurrence is all light, which is held for a frame: frames run one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from soensim.dynamics.input_flux import HeldFrames, InputSignal
from soensim.dynamics.light import SpikingLight
from soensim.dynamics.time_loop import Cell
from soensim.kernels.edge_product import SparseBlock, sparse_blocks, sparse_product
from soensim.kernels.sparse import SparseWeights
from soensim.kernels.unroll import unroll_fused


def lit_throughout(cells: Sequence[Cell]) -> bool:
    """Say whether light carries every projection between populations, so that `unroll_lit` can run these cells."""
    return all(term.light for cell in cells for term in cell.terms if term.source is not None)


def unroll_lit(
    cells: Sequence[Cell],
    signals: Sequence[InputSignal],
    initial: Sequence[Tensor],
    substeps: int,
    light: SpikingLight,
    noise: Callable[[int, int], Tensor] | None = None,
) -> list[Tensor]:
    """Run populations that only light couples; the same states and gradients as `soensim.dynamics.time_loop`.

    Parameters
    ----------
    cells
        The populations; those of `supports` and `lit_throughout`.
    signals
        One per port.
    initial
        States at the start, one (hypotheses, batch, neurons) tensor per population.
    substeps
        Steps per frame.
    light
        Light of the run; its ports are numbered after the plain ones.
    noise
        As for `soensim.dynamics.unroll`.

    Returns
    -------
    list
        States after every frame, one (hypotheses, batch, frames, neurons) tensor per population.
    """
    alone = [replace(cell, terms=()) for cell in cells]
    held = [HeldFrames(signal) for signal in light.inputs(signals)]
    lags = [lag for cell in cells for term in cell.terms for lag in term.lags]
    late = max(lags, default=0)  # from this step on, all that is sent in a frame has arrived
    carried: deque[list[Tensor]] = deque(maxlen=1 - (-late // substeps))
    carried.extend([[0 * state for state in initial]] * (carried.maxlen or 1))
    phases = [[_by_frame(cell, at, substeps) for at in range(min(late, substeps - 1) + 1)] for cell in cells]
    states, record = list(initial), []
    for frame in range(len(signals[0].frame_of)):
        carried.append([light.emit(frame, p, state) for p, state in enumerate(states)])

        def seen(part: _Part, frame: int = frame) -> Tensor | None:
            if part.source is not None:
                return carried[-1 - part.ago][part.source]
            return held[part.port].at(frame - part.ago)  # type: ignore[no-any-return]

        flux = []
        for p, state in enumerate(states):
            own = [_sum([_product(seen(part), part.weights) for part in parts], state) for parts in phases[p]]
            extra = [light.detector_flux(frame, p), None if noise is None else noise(frame, p)]
            steps = torch.stack([_sum([step, *extra], state).flatten(0, 1) for step in own])
            flux.append(torch.cat([steps, steps[-1:].expand(substeps - len(own), -1, -1)]))
        after = unroll_fused(alone, flux, [s.flatten(0, 1) for s in states], substeps=substeps, steps_per_entry=1)
        states = [new[:, 0].view(state.shape) for new, state in zip(after, states, strict=True)]
        record.append(states)
    return [torch.stack(part, -2) for part in zip(*record, strict=True)]


class _Part(NamedTuple):
    """What drives a population in one step of a frame: signals of so many frames ago, and their efficacies."""

    source: int | None
    port: int
    ago: int
    weights: Tensor | SparseBlock


def _by_frame(cell: Cell, phase: int, substeps: int) -> list[_Part]:
    parts = []
    for term in cell.terms:
        if isinstance(term.weights, SparseWeights):
            blocks = zip(term.lags, sparse_blocks(term.weights), strict=True)
            parts += [_Part(term.source, term.port, -((phase - lag) // substeps), block) for lag, block in blocks]
            continue
        shared: dict[int, Tensor] = {}
        for lag, block in zip(term.lags, term.blocks(), strict=True):
            ago = -((phase - lag) // substeps)
            shared[ago] = shared[ago] + block if ago in shared else block
        parts += [_Part(term.source, term.port, ago, weights) for ago, weights in shared.items()]
    return parts


def _product(signal: Tensor | None, weights: Tensor | SparseBlock) -> Tensor | None:
    if signal is None:
        return None
    return sparse_product(signal, weights) if isinstance(weights, SparseBlock) else signal @ weights


def _sum(parts: Sequence[Tensor | None], like: Tensor) -> Tensor:
    """Sum what there is, in the shape of ``like``."""
    total = torch.zeros_like(like)
    for part in parts:
        if part is not None:
            total = total + part
    return total
