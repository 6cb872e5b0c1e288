"""The time loop over blocks of the batch, forward and back.

Signals lie neuron by neuron in memory, a row of (steps x batch) numbers each, so that a product over all steps and rows
of the batch needs no copy. A few blocks, as many as fit the cache, take each step in turn: what a step reads and writes
lies close together then. The last states of a block (in the backward pass the last gradients) are in a ring, with a
slot for each lag.

What the kernels call is inlined by force where it computes anything, and has no cache of its own: the linker would else
take one of several compiled copies, another one in a process that compiles than in one that finds the cache, and round
differently.
"""

from typing import Any, NamedTuple

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_io import add_load, add_store, load, load_input_flux, store
from soensim.kernels.llvm_intrinsics import wide_vectors
from soensim.kernels.matmul import LAG, OWNER, add_product
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.source_steps import backward_sources, forward_sources
from soensim.kernels.vector_math import inlined, inlined_exact

# Bytes of the blocks that take a step in turn, at most: a part of the second-level cache.
_CACHE_BYTES = 100_000


class Schedule(NamedTuple):
    """Numbers of steps and rows."""

    batch: int
    steps: int
    depth: int
    """States that a step looks at: 1 + the largest lag."""
    steps_per_entry: int
    """Steps that an entry of the input flux is held."""
    steps_per_output: int
    """Steps from one recorded state to the next; in a backward pass, from one state with a gradient to the next."""
    initial_records: int
    """How often the initial state is recorded, before the others."""


class FluxAndStart(NamedTuple):
    """What a forward pass starts from."""

    flux: Any
    """Flux of the inputs, (neurons, entries x rows)."""
    rows: int
    """Rows of the flux; the batch repeats them."""
    held: Any
    """Flux that stays the same in all steps, (neurons, batch), or (neurons, 1) if all rows share it."""
    initial: Any
    """States, (neurons, batch)."""


class Gradients(NamedTuple):
    """What a backward pass computes."""

    flux: Any
    """dL/dphi of every step, (neurons, steps x batch)."""
    input_flux: Any
    """dL/d flux of every entry of the input flux; not used where an entry is a step, since it is ``flux`` then."""
    held: Any
    """Sum of dL/dphi over all steps, (neurons, batch)."""
    initial: Any
    """dL/d initial, (neurons, batch)."""


@inlined_exact
def _blocks_in_turn(count, slots, itemsize, blocks):  # type: ignore[no-untyped-def]
    """Blocks that take each step in turn."""
    return max(1, min(blocks, _CACHE_BYTES // (count * slots * ROWS * itemsize)))


@inlined
def _set_zero(group):  # type: ignore[no-untyped-def]
    wide_vectors()
    for b in range(group.shape[0]):
        for n in range(group.shape[1]):
            for r in range(ROWS):
                group[b, n, r] = 0


@inlined
def _copy(source, group):  # type: ignore[no-untyped-def]
    wide_vectors()
    for b in range(group.shape[0]):
        for n in range(group.shape[1]):
            for r in range(ROWS):
                group[b, n, r] = source[b, n, r]


@inlined
def _add(source, group):  # type: ignore[no-untyped-def]
    wide_vectors()
    for b in range(group.shape[0]):
        for n in range(group.shape[1]):
            for r in range(ROWS):
                group[b, n, r] += source[b, n, r]


@inlined_exact
def forward_step(rings, b, flux, m, network):  # type: ignore[no-untyped-def]
    """Take step m of block b; ``flux`` has that of the inputs."""
    slots, products = rings.shape[0], network.products
    table, populations = products.table, network.first.size - 1
    state, new = rings[m % slots, b], rings[(m + 1) % slots, b]
    for p in range(populations):
        for k in range(table.shape[0]):
            if table[k, OWNER] == p:
                add_product(products, k, rings[(m - table[k, LAG]) % slots, b], flux)
        forward_sources(network, p, flux, state, new)  # type: ignore[no-untyped-call]


@inlined_exact
def backward_step(rings, b, m, steps, adjoint, saved, network):  # type: ignore[no-untyped-def]
    """Go back over step m of block b.

    ``adjoint`` is dL/ds after the step, without what later steps looked at, and then the same before it. ``saved`` is
    what the forward pass left in the flux, and the state before the step. The ring takes dL/dphi.
    """
    slots, products = rings.shape[0], network.products
    table, populations = products.table, network.first.size - 1
    flux, state = saved
    grad_flux = rings[m % slots, b]
    for p in range(populations - 1, -1, -1):
        for k in range(table.shape[0]):
            # this state was looked at by the step that starts `lag` after it
            user = m + 1 + table[k, LAG]
            if table[k, OWNER] == p and user < steps:
                add_product(products, k, rings[user % slots, b], adjoint)
        backward_sources(network, p, flux, state, adjoint, grad_flux)  # type: ignore[no-untyped-call]


@njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def forward_blocks(first_block, last_block, network, schedule, inputs, record, saved):  # type: ignore[no-untyped-def]
    """Run blocks of the batch through all steps.

    Parameters
    ----------
    network
        `PackedNetwork`, products to the targets.
    schedule, inputs
        `Schedule` and `FluxAndStart`.
    record
        Takes the states: first the initial one, ``initial_records`` times, then after every ``steps_per_output`` steps.
        A row may be longer than that, and for other arrays as well.
    saved
        Takes what the backward pass needs (the slope of a virtual source, the flux of a SQUID) of every step, or has no
        columns.
    """
    wide_vectors()
    batch, steps, depth, per_entry, per_output, before = schedule
    count, slots, real = inputs.flux.shape[0], depth + 1, inputs.flux.dtype
    in_turn = _blocks_in_turn(count, slots + 2, inputs.flux.itemsize, last_block - first_block)
    rings = np.zeros((slots, in_turn, count + 1, ROWS), real)
    room, frame = np.zeros((in_turn, count + 1, ROWS), real), np.zeros((in_turn, count + 1, ROWS), real)
    fixed = np.zeros((in_turn, count + 1, ROWS), real)
    for b in range(in_turn):
        for n in range(count):
            for r in range(ROWS):
                fixed[b, n, r] = inputs.held[n, 0]
    for begin in range(first_block, last_block, in_turn):
        low, blocks = begin * ROWS, min(in_turn, last_block - begin)
        width, fluxes, frames = min(blocks * ROWS, batch - low), room[:blocks], frame[:blocks]
        if inputs.held.shape[1] == batch:
            load(inputs.held, low, width, 0, fixed[:blocks])
        for slot in range(slots):
            load(inputs.initial, low, width, 0, rings[slot, :blocks])
        for k in range(before):
            store(rings[0, :blocks], width, record, k * batch + low, batch)
        for m in range(steps):
            if m % per_entry == 0:
                target = fluxes if per_entry == 1 else frames
                load_input_flux(inputs, m // per_entry * inputs.rows, low, width, fixed, target)
            if per_entry > 1:
                _copy(frames, fluxes)
            for b in range(blocks):
                forward_step(rings, b, fluxes[b], m, network)
            if (m + 1) % per_output == 0:
                at = (before + m // per_output) * batch + low
                store(rings[(m + 1) % slots, :blocks], width, record, at, batch)
            if saved.shape[1] > 0:
                store(fluxes, width, saved, m * batch + low, batch)


@njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def backward_blocks(first_block, last_block, network, schedule, grad_states, saved, gradients):  # type: ignore[no-untyped-def]
    """Run blocks of the batch back through all steps: one pass, with the slopes that the forward pass has left.

    Parameters
    ----------
    network
        `PackedNetwork`, products back to the sources.
    schedule
        `Schedule`.
    grad_states
        dL/ds after every ``steps_per_output`` steps, (neurons, outputs x batch).
    saved
        ``record`` and ``saved`` of `forward_blocks`, with every state after ``depth`` initial ones.
    gradients
        `Gradients` that are computed.
    """
    wide_vectors()
    batch, steps, depth, per_entry, per_output, _ = schedule
    record, slopes = saved
    count, slots, real = grad_states.shape[0], depth + 1, grad_states.dtype
    in_turn = _blocks_in_turn(count, slots + 3, grad_states.itemsize, last_block - first_block)
    rings = np.zeros((slots, in_turn, count + 1, ROWS), real)
    room, fluxes = np.zeros((in_turn, count + 1, ROWS), real), np.zeros((in_turn, count + 1, ROWS), real)
    states, total = np.zeros((in_turn, count + 1, ROWS), real), np.zeros((in_turn, count + 1, ROWS), real)
    for begin in range(first_block, last_block, in_turn):
        low, blocks = begin * ROWS, min(in_turn, last_block - begin)
        width, adjoints = min(blocks * ROWS, batch - low), room[:blocks]
        _set_zero(adjoints)
        _set_zero(total)
        for m in range(steps - 1, -1, -1):
            if (m + 1) % per_output == 0:
                add_load(grad_states, m // per_output * batch + low, width, -batch, adjoints)
            load(slopes, m * batch + low, width, -batch, fluxes[:blocks])
            if network.uses_states:
                load(record, (depth - 1 + m) * batch + low, width, -batch, states[:blocks])
            for b in range(blocks):
                backward_step(rings, b, m, steps, adjoints[b], (fluxes[b], states[b]), network)
            grad_flux = rings[m % slots, :blocks]
            _add(grad_flux, total[:blocks])
            store(grad_flux, width, gradients.flux, m * batch + low, -batch)
            if per_entry > 1:
                at = m // per_entry * batch + low
                if (m + 1) % per_entry == 0:
                    store(grad_flux, width, gradients.input_flux, at, -batch)
                else:
                    add_store(grad_flux, width, gradients.input_flux, at)
        # the initial state is also what every earlier state was
        for b in range(blocks):
            for k in range(network.products.table.shape[0]):
                for m in range(min(network.products.table[k, LAG] + 1, steps)):
                    add_product(network.products, k, rings[m % slots, b], adjoints[b])
        store(total[:blocks], width, gradients.held, low, 0)
        store(adjoints, width, gradients.initial, low, 0)
