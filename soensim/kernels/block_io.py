"""Moving a block between the arrays of all steps and the cache.

A step touches two or three lines of memory per neuron and array, each on another page, so that the processor does not
foresee them. Each move thus asks for the lines of the next step. In single runs on a busy machine (24 neurons) that
took the forward pass from 5.3 to 4.6 ns per neuron and step at 128 rows and from 9.0 to 8.1 at 2048, where other runs
of the same code differed by as much.

A group is a few blocks that take each step in turn, (blocks, neurons and a spare row, ROWS).
"""

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.kernels.emitter import VECTOR
from soensim.kernels.llvm_intrinsics import prefetch, transpose_tile
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.vector_math import INLINED, inlined, inlined_exact

_LINE = 64  # bytes of a line of the cache
# Called at several places of a kernel, and long enough to stay apart: not inlined by force.
_called = njit(**{**INLINED, "forceinline": False})


@_called
def load(source, at, width, ahead, group):  # type: ignore[no-untyped-def]
    """Read source[n, at : at + width] into group[b, n, r]; the next step will read ``ahead`` further."""
    for n in range(source.shape[0]):
        line = source[n]
        for b in range(group.shape[0]):
            low, rows = at + b * ROWS, width - b * ROWS
            if rows >= ROWS:
                prefetch(line, low + ahead, False)  # type: ignore[call-arg]
                for r in range(ROWS):
                    group[b, n, r] = line[low + r]
            else:
                for r in range(rows):
                    group[b, n, r] = line[low + r]


@_called
def load_input_flux(inputs, at, first, width, fixed, group):  # type: ignore[no-untyped-def]
    """As `load` from row ``first`` of the batch on, which repeats the rows flux[n, at : at + rows]; plus ``fixed``."""
    flux, rows = inputs.flux, inputs.rows
    for n in range(flux.shape[0]):
        line = flux[n]
        for b in range(group.shape[0]):
            low, count = (first + b * ROWS) % rows, min(ROWS, width - b * ROWS)
            if low + ROWS <= rows and count == ROWS:
                prefetch(line, at + rows + low, False)  # type: ignore[call-arg]
                for r in range(ROWS):
                    group[b, n, r] = line[at + low + r] + fixed[b, n, r]
            else:
                for r in range(count):
                    group[b, n, r] = line[at + (low + r) % rows] + fixed[b, n, r]


@_called
def add_load(source, at, width, ahead, group):  # type: ignore[no-untyped-def]
    """As `load`, but add to what is there."""
    for n in range(source.shape[0]):
        line = source[n]
        for b in range(group.shape[0]):
            low, rows = at + b * ROWS, width - b * ROWS
            if rows >= ROWS:
                prefetch(line, low + ahead, False)  # type: ignore[call-arg]
                for r in range(ROWS):
                    group[b, n, r] += line[low + r]
            else:
                for r in range(rows):
                    group[b, n, r] += line[low + r]


@_called
def store(group, width, target, at, ahead):  # type: ignore[no-untyped-def]
    """Write group[b, n, r] to target[n, at : at + width]; the next step will write ``ahead`` further."""
    for n in range(target.shape[0]):
        line = target[n]
        for b in range(group.shape[0]):
            low, rows = at + b * ROWS, width - b * ROWS
            if rows >= ROWS:
                for r in range(ROWS):
                    line[low + r] = group[b, n, r]
                prefetch(line, low + ahead, True)  # type: ignore[call-arg]
            else:
                for r in range(rows):
                    line[low + r] = group[b, n, r]


@_called
def add_store(group, width, target, at):  # type: ignore[no-untyped-def]
    """Add group[b, n, r] to target[n, at : at + width]."""
    for n in range(target.shape[0]):
        line = target[n]
        for b in range(group.shape[0]):
            low = at + b * ROWS
            for r in range(min(ROWS, width - b * ROWS)):
                line[low + r] += group[b, n, r]


@inlined_exact
def line_zeros(like, size):  # type: ignore[no-untyped-def]
    """Make so many zeros of the type of ``like``, from a line of the cache on: no vector then lies in two lines."""
    room = np.zeros(size + _LINE // like.itemsize, like.dtype)
    first = (-room.ctypes.data % _LINE) // like.itemsize
    return room[first : first + size]


@inlined
def load_frames(signals, low, width, out):  # type: ignore[no-untyped-def]
    """Read rows ``low`` to ``low + width`` of signals (rows, frames, channels) into out[frame, channel, row].

    Tile by tile, in vector registers: number by number and frame by frame it took longer than the product of 28
    channels with 24 neurons that follows (measured at batch 1024, 28 frames: 1.1 against 0.7 ms).
    """
    _, frames, channels = signals.shape
    lanes = VECTOR // signals.itemsize
    in_tiles = width - width % lanes if channels >= lanes else 0
    for r in range(0, in_tiles, lanes):  # a few rows from end to end, whose lines the processor foresees
        for frame in range(frames):
            at = ((low + r) * frames + frame) * channels
            for tile in range((channels + lanes - 1) // lanes):
                c = min(tile * lanes, channels - lanes)  # the last one overlaps
                transpose_tile(signals, out[frame], at + c, frames * channels, c * ROWS + r)  # type: ignore[call-arg]
    for r in range(in_tiles, width):
        for frame in range(frames):
            for c in range(channels):
                out[frame, c, r] = signals[low + r, frame, c]
