"""The time loop over blocks of the batch, forward and back: all steps of a block before the next block.

Signals stand neuron by neuron, (neurons, steps, batch): a product over all steps and rows then needs no copy. Within a
block the last states (and on the way back the last gradients) are kept in a ring, one slot per lag that is looked at.

What the kernels call is inlined by force and has no cache of its own: the linker would else take one of several
compiled copies, another one in a process that compiles than in one that finds the cache, and round differently.
"""

import numpy as np
from numba import njit

from soensim.dynamics.fused.block import ROWS
from soensim.dynamics.fused.plan import LAG, OWNER, add_product
from soensim.dynamics.fused.squid import SQUID_FIT, advance_squid, retreat_squid
from soensim.dynamics.fused.transfer import add_load, add_store, copy, load, load_drive, store
from soensim.dynamics.fused.virtual import advance_virtual, retreat_virtual


@njit(cache=True, error_model="numpy", nogil=True)
def forward_blocks(  # type: ignore[no-untyped-def]
    first_block, last_block, drive, initial, neurons, products, depth, per_frame, per_record, record, kept
):
    """Run blocks of the batch through all steps.

    Parameters
    ----------
    drive
        Flux of the inputs, (neurons, frames, batch); a frame is held for ``per_frame`` steps.
    initial
        (neurons, 1, batch).
    depth
        States that are looked at: 1 + the largest lag.
    record
        Takes the states: first the initial one, as often as it has room for, then after every ``per_record`` steps.
    kept
        (neurons, steps, batch): takes what the way back needs (the slope of a virtual source, the flux of a SQUID), or
        has no steps.
    """
    count, frames, batch = drive.shape
    steps = frames * per_frame
    before = record.shape[1] - steps // per_record
    ring = np.zeros((depth + 1, count + 1, ROWS), drive.dtype)
    flux, held = np.zeros((count + 1, ROWS), drive.dtype), np.zeros((count, ROWS), drive.dtype)
    for block in range(first_block, last_block):
        low = block * ROWS
        rows = min(ROWS, batch - low)
        for slot in range(depth + 1):
            load(initial, 0, low, rows, 0, ring[slot])
        for k in range(before):
            store(ring[0], rows, record, k, low, 1)
        for m in range(steps):
            state, new = ring[m % (depth + 1)], ring[(m + 1) % (depth + 1)]
            if m % per_frame == 0:
                load_drive(drive, m // per_frame, low, rows, neurons.offset, held)
            copy(held, count, flux)
            for p in range(neurons.kind.size):
                for k in range(products.table.shape[0]):
                    if products.table[k, OWNER] == p:
                        add_product(products, k, ring[(m - products.table[k, LAG]) % (depth + 1)], flux)
                first, last, kind = neurons.first[p], neurons.first[p + 1], neurons.kind[p]
                if kind < SQUID_FIT:
                    advance_virtual(kind, flux, state, new, first, last, neurons.retention, neurons.gain)
                else:
                    advance_squid(
                        kind,
                        flux,
                        state,
                        new,
                        first,
                        last,
                        neurons.retention,
                        neurons.gain,
                        neurons.bias,
                        neurons.coefs[p],
                    )
            if (m + 1) % per_record == 0:
                store(new, rows, record, before + m // per_record, low, 1)
            if kept.shape[1] > 0:
                store(flux, rows, kept, m, low, 1)


@njit(cache=True, error_model="numpy", nogil=True)
def backward_blocks(  # type: ignore[no-untyped-def]
    first_block,
    last_block,
    by_state,
    neurons,
    products,
    depth,
    per_frame,
    per_sample,
    record,
    kept,
    by_flux,
    by_drive,
    by_initial,
):
    """Run blocks of the batch back through all steps: one pass, with the slopes that the way forward has left.

    Parameters
    ----------
    by_state
        dL/ds after every sample, (neurons, samples, batch).
    record, kept
        From `forward_blocks`, with every state.
    by_flux
        Takes dL/dphi of every step, (neurons, steps, batch).
    by_drive
        Takes dL/d drive, (neurons, frames, batch); not used where a frame is a step, since it is ``by_flux`` then.
    by_initial
        Takes dL/d initial, (neurons, 1, batch).
    """
    count, steps, batch = by_flux.shape
    real = by_flux.dtype
    ring = np.zeros((depth + 1, count + 1, ROWS), real)
    carry, adjoint = np.zeros((count, ROWS), real), np.zeros((count + 1, ROWS), real)
    flux, state = np.zeros((count, ROWS), real), np.zeros((count, ROWS), real)
    any_squid = neurons.kind.max() >= SQUID_FIT
    for block in range(first_block, last_block):
        low = block * ROWS
        rows = min(ROWS, batch - low)
        carry[:] = 0
        for m in range(steps - 1, -1, -1):
            copy(carry, count, adjoint)
            if (m + 1) % per_sample == 0:
                add_load(by_state, m // per_sample, low, rows, -1, adjoint)
            load(kept, m, low, rows, -1, flux)
            if any_squid:
                load(record, depth - 1 + m, low, rows, -1, state)
            now = ring[m % (depth + 1)]
            for p in range(neurons.kind.size - 1, -1, -1):
                for k in range(products.table.shape[0]):
                    # this state was looked at by the step that starts `lag` after it
                    user = m + 1 + products.table[k, LAG]
                    if products.table[k, OWNER] == p and user < steps:
                        add_product(products, k, ring[user % (depth + 1)], adjoint)
                first, last, kind = neurons.first[p], neurons.first[p + 1], neurons.kind[p]
                if kind < SQUID_FIT:
                    retreat_virtual(flux, adjoint, now, carry, first, last, neurons.retention, neurons.gain)
                else:
                    retreat_squid(
                        kind,
                        flux,
                        state,
                        adjoint,
                        now,
                        carry,
                        first,
                        last,
                        neurons.retention,
                        neurons.gain,
                        neurons.bias,
                        neurons.coefs[p],
                    )
            store(now, rows, by_flux, m, low, -1)
            if per_frame > 1:
                if (m + 1) % per_frame == 0:
                    store(now, rows, by_drive, m // per_frame, low, -1)
                else:
                    add_store(now, rows, by_drive, m // per_frame, low)
        # the initial state is also what every earlier state was
        copy(carry, count, adjoint)
        for k in range(products.table.shape[0]):
            for m in range(min(products.table[k, LAG] + 1, steps)):
                add_product(products, k, ring[m % (depth + 1)], adjoint)
        store(adjoint, rows, by_initial, 0, low, 0)
