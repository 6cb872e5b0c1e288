"""The time loop over blocks of samples, from frame to frame: states alone, for scores.

It takes the step of `soensim.kernels.unroll_kernel`, but runs block by block: what a block needs lies together, as
(neurons, ROWS), and stays in the cache from its first frame to its last. Inputs are multiplied here, at the steps at
which a frame of them arrives.
"""

from typing import Any, NamedTuple

from soensim._runtime.kernel_cache import njit
from soensim.kernels.matmul import COUNT_IN, LAG, Products, add_product
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.unroll_kernel import forward_step


class Span(NamedTuple):
    """Frames to run, and how the blocks lie."""

    first_frame: int
    last_frame: int
    substeps: int
    first_record: int
    """The frame that is recorded first."""
    blocks: int
    """Blocks of each hypothesis that are run; block b is number b % blocks of hypothesis b // blocks."""
    recorded_blocks: int
    """Blocks of each hypothesis in the record."""


class DrivenInputs(NamedTuple):
    """Signals that are held for a frame, and their efficacies."""

    values: Any
    """Signals (I_c) of all ports; a frame of a block is (channels, ROWS) of them."""
    places: Any
    """(ports, 4), int64: where a port starts, and the distances of hypotheses, blocks and frames; 0 if they share."""
    frame_of: Any
    """(ports, frames), int64: the frame that is held."""
    products: Products
    """Their lags count frames."""
    ports: Any
    """Of each product, int64."""
    first: Any
    """(substeps + 1,), int64: the products of each step of a frame; none where nothing new arrives."""


@njit(cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def run_frames(first_block, last_block, network, inputs, span, held, buffers, record):  # type: ignore[no-untyped-def]
    """Run blocks through frames.

    Parameters
    ----------
    network
        `PackedNetwork`, products to the targets.
    inputs, span
        `DrivenInputs` and `Span`.
    held
        Flux (Phi_0) of these frames beside that of the inputs, (blocks or 1, neurons, ROWS).
    buffers
        The last states of each block, (blocks, 1 + the steps looked back at, 1, neurons + 1, ROWS); that of a step is
        in slot step % slots. They end as they are at the last frame. And room for what comes in between, (2, neurons +
        1, ROWS). Both from `aligned_zeros`.
    record
        Takes the states after every frame from ``first_record`` on, (hypotheses x recorded_blocks x ROWS, frames,
        neurons).
    """
    rings, room = buffers
    count, slots, products = network.retention.size, rings.shape[1], inputs.products
    driven, flux = room[0], room[1]
    for b in range(first_block, last_block):
        ring, fixed = rings[b], held[b % held.shape[0]]
        hypothesis, own = b // span.blocks, b % span.blocks
        to = (hypothesis * span.recorded_blocks + own) * ROWS
        for frame in range(span.first_frame, span.last_frame):
            for phase in range(span.substeps):
                m = frame * span.substeps + phase
                first, last = inputs.first[phase], inputs.first[phase + 1]
                if phase == 0 or last > first:
                    for n in range(count):
                        for r in range(ROWS):
                            driven[n, r] = fixed[n, r]
                    for k in range(first, last):
                        shown = frame - products.table[k, LAG]
                        if shown >= 0:  # before the first frame every input is dark
                            place = inputs.places[inputs.ports[k]]
                            at = place[0] + hypothesis * place[1] + own * place[2]
                            at += inputs.frame_of[inputs.ports[k], shown] * place[3]
                            signal = inputs.values[at : at + products.table[k, COUNT_IN] * ROWS]
                            add_product(products, k, signal.reshape(-1, ROWS), driven)
                for n in range(count):
                    for r in range(ROWS):
                        flux[n, r] = driven[n, r]
                forward_step(ring, 0, flux, m, network)
            if frame >= span.first_record:
                state = ring[(frame + 1) * span.substeps % slots, 0]
                for r in range(ROWS):
                    for n in range(count):
                        record[to + r, frame - span.first_record, n] = state[n, r]
