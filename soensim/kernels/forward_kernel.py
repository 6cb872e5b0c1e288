"""The time loop over blocks of the batch, forward and back.

Signals stand neuron by neuron, a row of (steps x batch) numbers each, so that a product over all steps and rows of the
batch needs no copy. A few blocks, as many as fit the cache, take each step in turn: what a step reads and writes lies
close together then. The last states of a block (on the way back the last gradients) are kept in a ring, with a slot for
each lag that is looked at.

What the kernels call is inlined by force and has no cache of its own: the linker would else take one of several
compiled copies, another one in a process that compiles than in one that finds the cache, and round differently.
"""

import numpy as np

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_io import add_load, add_store, load, load_drive, store
from soensim.kernels.block_rows import ROWS
from soensim.kernels.packed_network import LAG, OWNER, add_product
from soensim.kernels.squid import SQUID_FIT, advance_squid, retreat_squid
from soensim.kernels.virtual_sources import advance_virtual, retreat_virtual

# Bytes that the blocks which take a step in turn may keep: a part of the second-level cache.
_KEPT = 100_000


@njit(cache=True)
def _together(count, slots, itemsize, blocks):  # type: ignore[no-untyped-def]
    """Blocks that take each step in turn."""
    return max(1, min(blocks, _KEPT // (count * slots * ROWS * itemsize)))


@njit(error_model="numpy", forceinline=True)
def advance(rings, b, flux, m, slots, neurons, products):  # type: ignore[no-untyped-def]
    """Take step m of block b; ``flux`` holds that of the inputs."""
    state, new = rings[m % slots, b], rings[(m + 1) % slots, b]
    for p in range(neurons.kind.size):
        for k in range(products.table.shape[0]):
            if products.table[k, OWNER] == p:
                add_product(products, k, rings[(m - products.table[k, LAG]) % slots, b], flux)
        first, last, kind = neurons.first[p], neurons.first[p + 1], neurons.kind[p]
        if kind < SQUID_FIT:
            advance_virtual(kind, flux, state, new, first, last, neurons.retention, neurons.gain)
        else:
            coefs = neurons.coefs[p]
            advance_squid(kind, flux, state, new, first, last, neurons.retention, neurons.gain, neurons.bias, coefs)


@njit(error_model="numpy", forceinline=True)
def retreat(rings, b, adjoint, flux, state, m, steps, slots, neurons, products):  # type: ignore[no-untyped-def]
    """Go back over step m of block b.

    ``adjoint`` holds dL/ds after the step, without what later steps looked at, and then the same before it.
    """
    now = rings[m % slots, b]
    for p in range(neurons.kind.size - 1, -1, -1):
        for k in range(products.table.shape[0]):
            # this state was looked at by the step that starts `lag` after it
            user = m + 1 + products.table[k, LAG]
            if products.table[k, OWNER] == p and user < steps:
                add_product(products, k, rings[user % slots, b], adjoint)
        first, last, kind = neurons.first[p], neurons.first[p + 1], neurons.kind[p]
        keep, drive = neurons.retention, neurons.gain
        if kind < SQUID_FIT:
            retreat_virtual(flux, adjoint, now, first, last, keep, drive)
        else:
            coefs = neurons.coefs[p]
            retreat_squid(kind, flux, state, adjoint, now, first, last, keep, drive, neurons.bias, coefs)


@njit(cache=True, error_model="numpy", nogil=True)
def forward_blocks(  # type: ignore[no-untyped-def]
    first_block, last_block, batch, drive, rows, held, initial, neurons, products, depth, steps, per_frame, per_record,
    before, record, kept
):  # fmt: skip
    """Run blocks of the batch through all steps.

    Parameters
    ----------
    drive, rows
        Flux of the inputs, (neurons, frames x rows); a frame lasts ``per_frame`` steps. The batch repeats its rows.
    held
        Flux that stays the same in all frames, (neurons, batch), or (neurons, 1) if all rows share it.
    initial
        (neurons, batch).
    depth
        States that are looked at: 1 + the largest lag.
    record
        Takes the states: first the initial one, ``before`` times, then after every ``per_record`` steps. A row may be
        longer than that, and for other arrays as well.
    kept
        Takes what the way back needs (the slope of a virtual source, the flux of a SQUID) of every step, or has no
        columns.
    """
    count, slots = drive.shape[0], depth + 1
    together = _together(count, slots + 2, drive.itemsize, last_block - first_block)
    rings = np.zeros((slots, together, count + 1, ROWS), drive.dtype)
    room, frame = np.zeros((together, count + 1, ROWS), drive.dtype), np.zeros((together, count + 1, ROWS), drive.dtype)
    fixed = np.zeros((together, count + 1, ROWS), drive.dtype)
    for n in range(count):
        fixed[:, n] = held[n, 0]
    for begin in range(first_block, last_block, together):
        low, blocks = begin * ROWS, min(together, last_block - begin)
        width, fluxes, frames = min(blocks * ROWS, batch - low), room[:blocks], frame[:blocks]
        if held.shape[1] == batch:
            load(held, low, width, 0, fixed[:blocks])
        for slot in range(slots):
            load(initial, low, width, 0, rings[slot, :blocks])
        for k in range(before):
            store(rings[0, :blocks], width, record, k * batch + low, batch)
        for m in range(steps):
            if m % per_frame == 0:
                target = fluxes if per_frame == 1 else frames
                load_drive(drive, m // per_frame * rows, low, width, rows, fixed, target)
            if per_frame > 1:
                fluxes[:] = frames
            for b in range(blocks):
                advance(rings, b, fluxes[b], m, slots, neurons, products)
            if (m + 1) % per_record == 0:
                at = (before + m // per_record) * batch + low
                store(rings[(m + 1) % slots, :blocks], width, record, at, batch)
            if kept.shape[1] > 0:
                store(fluxes, width, kept, m * batch + low, batch)


@njit(cache=True, error_model="numpy", nogil=True)
def backward_blocks(  # type: ignore[no-untyped-def]
    first_block, last_block, batch, by_state, neurons, products, depth, per_frame, per_sample, record, kept, by_flux,
    by_drive, by_held, by_initial
):  # fmt: skip
    """Run blocks of the batch back through all steps: one pass, with the slopes that the way forward has left.

    Parameters
    ----------
    by_state
        dL/ds after every sample, (neurons, samples x batch).
    record, kept
        From `forward_blocks`, with every state after ``depth`` initial ones.
    by_flux
        Takes dL/dphi of every step.
    by_drive
        Takes dL/d drive of every frame; not used where a frame is a step, since it is ``by_flux`` then.
    by_held
        Takes the sum of dL/dphi over all steps, (neurons, batch).
    by_initial
        Takes dL/d initial, (neurons, batch).
    """
    count, slots, real = by_state.shape[0], depth + 1, by_state.dtype
    steps = by_state.shape[1] // batch * per_sample
    together = _together(count, slots + 3, by_state.itemsize, last_block - first_block)
    rings = np.zeros((slots, together, count + 1, ROWS), real)
    room, fluxes = np.zeros((together, count + 1, ROWS), real), np.zeros((together, count + 1, ROWS), real)
    states, total = np.zeros((together, count + 1, ROWS), real), np.zeros((together, count + 1, ROWS), real)
    any_squid = neurons.kind.max() >= SQUID_FIT
    for begin in range(first_block, last_block, together):
        low, blocks = begin * ROWS, min(together, last_block - begin)
        width, adjoints = min(blocks * ROWS, batch - low), room[:blocks]
        adjoints[:] = 0
        total[:] = 0
        for m in range(steps - 1, -1, -1):
            if (m + 1) % per_sample == 0:
                add_load(by_state, m // per_sample * batch + low, width, -batch, adjoints)
            load(kept, m * batch + low, width, -batch, fluxes[:blocks])
            if any_squid:
                load(record, (depth - 1 + m) * batch + low, width, -batch, states[:blocks])
            for b in range(blocks):
                retreat(rings, b, adjoints[b], fluxes[b], states[b], m, steps, slots, neurons, products)
            now = rings[m % slots, :blocks]
            total[:blocks] += now
            store(now, width, by_flux, m * batch + low, -batch)
            if per_frame > 1:
                at = m // per_frame * batch + low
                if (m + 1) % per_frame == 0:
                    store(now, width, by_drive, at, -batch)
                else:
                    add_store(now, width, by_drive, at)
        # the initial state is also what every earlier state was
        for b in range(blocks):
            for k in range(products.table.shape[0]):
                for m in range(min(products.table[k, LAG] + 1, steps)):
                    add_product(products, k, rings[m % slots, b], adjoints[b])
        store(total[:blocks], width, by_held, low, 0)
        store(adjoints, width, by_initial, low, 0)
