"""The time loop of chips of which few edges exist, forward and back: it takes the edges alone, those of inputs too.

A block of rows goes through all steps with its states side by side, (steps, neurons, ROWS). So an edge with a delay
finds what it carries at a fixed distance from the state of the step, and a step reads and writes memory in order. The
way back takes the products and the gradient of an edge's efficacy together: both want dL/dphi of its target, of which
only the last few steps are kept.
"""

from typing import Any, NamedTuple

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_io import add_load, load_frames, store
from soensim.kernels.llvm_intrinsics import add_edges, edge_gradients, edges_back, wide_vectors
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.source_steps import backward_sources, forward_sources
from soensim.kernels.vector_math import inlined, inlined_exact

#: Rows after the last neuron of a step: steps whose distance is a power of two would compete for the same lines.
SPARE = 1
# Steps of dL/dphi that are kept beyond those that a step looks at: how seldom they are moved.
_KEPT = 24


class Edges(NamedTuple):
    """Edges sorted by the neuron at one end: those of neuron n are starts[n] to starts[n + 1]."""

    starts: Any
    """int64, (neurons + 1,)."""
    places: Any
    """Distance of the other end's signal from where the step's signals begin, in numbers, int64."""
    values: Any
    """Efficacies."""


class InputEdges(NamedTuple):
    """Edges from channels, by their lag; the places are those of the channels."""

    lags: Any
    """int64, (lags,)."""
    edges: Edges
    """Sorted by lag, then target: starts has the shape (lags, neurons + 1)."""


class EdgeSchedule(NamedTuple):
    """Numbers of steps and rows."""

    batch: int
    steps: int
    substeps: int
    depth: int
    """States that a step looks at: 1 + the largest lag."""
    first_frame: int
    """The first frame whose states are an output."""


class EdgeGradients(NamedTuple):
    """What each block adds to a gradient, (blocks, ...)."""

    edges: Any
    inputs: Any
    offset: Any


@inlined
def _add_inputs(inputs, frames, m, substeps, flux):  # type: ignore[no-untyped-def]
    """Add what the inputs give in step m; before the first frame they are dark."""
    lags, edges = inputs
    for k in range(lags.size):
        if m >= lags[k]:
            at = (m - lags[k]) // substeps * frames.shape[1] * ROWS
            for n in range(edges.starts.shape[1] - 1):
                first, last = edges.starts[k, n], edges.starts[k, n + 1]
                if last > first:
                    add_edges(edges.values, edges.places, frames, flux, (first, at, n * ROWS), last - first)


@inlined
def _input_gradients(inputs, frames, m, substeps, kept, first, out):  # type: ignore[no-untyped-def]
    """Add the share of step m to dL/dW of the inputs; its dL/dphi are those of ``kept`` from number ``first`` on."""
    lags, edges = inputs
    for k in range(lags.size):
        if m >= lags[k]:
            at = (m - lags[k]) // substeps * frames.shape[1] * ROWS
            for n in range(edges.starts.shape[1] - 1):
                begin, end = edges.starts[k, n], edges.starts[k, n + 1]
                if end > begin:
                    edge_gradients(edges.places, frames, kept, out, (begin, at, first + n * ROWS), end - begin)


@inlined_exact
def _set_rows(offset, flux):  # type: ignore[no-untyped-def]
    wide_vectors()
    for n in range(offset.size):
        for r in range(ROWS):
            flux[n, r] = offset[n]


@inlined
def _add_to(new, total):  # type: ignore[no-untyped-def]
    wide_vectors()
    for n in range(new.shape[0]):
        for r in range(ROWS):
            total[n, r] += new[n, r]


@njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def forward_edges(first_block, last_block, network, edges, inputs, schedule, data, record, saved, out):  # type: ignore[no-untyped-def]
    """Run blocks of the batch through all steps, from rest.

    Parameters
    ----------
    network
        `PackedNetwork`, whose products are not used.
    edges, inputs
        `Edges` that end in the targets, whose places count from the state that a step starts from; `InputEdges`.
    schedule
        `EdgeSchedule`.
    data
        Signals (batch, frames, channels), flux offset of every neuron, and the row where the first block starts.
    record
        Takes all states, (blocks, depth + steps, neurons + SPARE, ROWS).
    saved
        Takes what `forward_sources` leaves in the flux, (blocks, steps, neurons + SPARE, ROWS).
    out
        Takes the states after the frames that are wanted, (neurons, frames x batch).
    """
    wide_vectors()
    batch, steps, substeps, depth, first_frame = schedule
    signals, offset, begin = data
    frames = np.zeros((signals.shape[1], signals.shape[2] + SPARE, ROWS), signals.dtype)
    for b in range(first_block, last_block):
        low = begin + b * ROWS
        width = min(ROWS, batch - low)
        load_frames(signals, low, width, frames)
        states = record[b]
        states[:depth] = 0
        for m in range(steps):
            flux = saved[b, m]
            _set_rows(offset, flux)
            _add_inputs(inputs, frames, m, substeps, flux)
            at = (depth - 1 + m) * states.shape[1] * ROWS
            for p in range(network.first.size - 1):
                for n in range(network.first[p], network.first[p + 1]):
                    first, last = edges.starts[n], edges.starts[n + 1]
                    if last > first:
                        add_edges(edges.values, edges.places, states, flux, (first, at, n * ROWS), last - first)
                forward_sources(network, p, flux, states[depth - 1 + m], states[depth + m])  # type: ignore[no-untyped-call]
            frame = m // substeps - first_frame
            if (m + 1) % substeps == 0 and frame >= 0 and frame * batch < out.shape[1]:
                store(states[depth + m : depth + m + 1], width, out, frame * batch + low, batch)


@njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def backward_edges(first_block, last_block, network, edges, inputs, schedule, data, saved, grad_states, gradients):  # type: ignore[no-untyped-def]
    """Run blocks of the batch back through all steps.

    Parameters
    ----------
    network, inputs, schedule, data
        As for `forward_edges`.
    edges
        `Edges` that start in the sources, whose places count from dL/dphi of a step to that of the steps that looked at
        the state after it.
    saved
        ``record`` and ``saved`` of `forward_edges`.
    grad_states
        dL/ds of the states in ``out``.
    gradients
        `EdgeGradients` that are computed.
    """
    wide_vectors()
    batch, steps, substeps, depth, first_frame = schedule
    signals, offset, begin = data
    record, fluxes = saved
    count, height = offset.size, record.shape[2]
    frames = np.zeros((signals.shape[1], signals.shape[2] + SPARE, ROWS), signals.dtype)
    room, total = np.zeros((1, height, ROWS), offset.dtype), np.zeros((count, ROWS), offset.dtype)
    kept = np.zeros((_KEPT + depth, height, ROWS), offset.dtype)
    for b in range(first_block, last_block):
        low = begin + b * ROWS
        width = min(ROWS, batch - low)
        load_frames(signals, low, width, frames)
        states, adjoint, at = record[b], room[0], _KEPT
        kept[:], room[:], total[:], gradients.edges[b], gradients.inputs[b] = 0, 0, 0, 0, 0
        for m in range(steps - 1, -1, -1):
            if at == 0:
                kept[_KEPT:] = kept[:depth]
                at = _KEPT
            at -= 1
            grad_flux = kept[at]
            frame = m // substeps - first_frame
            if (m + 1) % substeps == 0 and frame >= 0 and frame * batch < grad_states.shape[1]:
                add_load(grad_states, frame * batch + low, width, -batch, room)
            place, after = at * height * ROWS, (depth + m) * height * ROWS
            for p in range(network.first.size - 2, -1, -1):
                for n in range(network.first[p], network.first[p + 1]):
                    first, last = edges.starts[n], edges.starts[n + 1]
                    if last > first:
                        own, out = (first, place, after + n * ROWS, n * ROWS), gradients.edges[b]
                        edges_back(edges.places, kept, states, out, edges.values, adjoint, own, last - first)
                backward_sources(network, p, fluxes[b, m], states[depth - 1 + m], adjoint, grad_flux)  # type: ignore[no-untyped-call]
            _add_to(grad_flux[:count], total)
            _input_gradients(inputs, frames, m, substeps, kept, place, gradients.inputs[b])
        for n in range(count):
            gradients.offset[b, n] = total[n].sum()
