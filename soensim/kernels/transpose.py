"""From rows of channels, as data sets have them, to the rows of a block: tile by tile, in vector registers.

Number by number and frame by frame it took longer than the product of 28 channels with 24 neurons that follows
(measured at batch 1024, 28 frames: 1.1 against 0.7 ms).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from soensim._runtime.kernel_cache import njit
from soensim.kernels.block_rows import ROWS
from soensim.kernels.matmul import VECTOR
from soensim.kernels.vector_math import FLAGS


@intrinsic
def _transpose_tile(typingctx, signals, at, step, out, out_at):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """out[out_at + j ROWS + i] = signals[at + i step + j], i and j < lanes of a register. Places count elements."""
    signature = types.void(signals, types.intp, types.intp, out, types.intp)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = context.get_data_type(signature.args[0].dtype)
        size = signature.args[0].dtype.bitwidth // 8
        lanes = VECTOR // size
        vector, mask = ir.VectorType(number, lanes), ir.VectorType(ir.IntType(32), lanes)
        at, step, out_at = args[1], args[2], args[4]

        def place(k: int, index: Any) -> Any:
            base = context.make_array(signature.args[k])(context, builder, args[k]).data
            return builder.bitcast(builder.gep(base, [index]), vector.as_pointer())

        def word(k: int) -> Any:
            return ir.Constant(at.type, k)

        tile = [builder.load(place(0, builder.add(at, builder.mul(step, word(i)))), align=size) for i in range(lanes)]
        # riffle the numbers of the upper half of the tile into those of the lower, log2(lanes) times
        low, high = (
            ir.Constant(mask, [k for i in range(first, first + lanes // 2) for k in (i, lanes + i)])
            for first in (0, lanes // 2)
        )
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(tile[: lanes // 2], tile[lanes // 2 :], strict=True)
            tile = [builder.shuffle_vector(a, b, half) for a, b in pairs for half in (low, high)]
        for j, row in enumerate(tile):
            builder.store(row, place(3, builder.add(out_at, word(j * ROWS))), align=size)
        return context.get_dummy_value()

    return signature, codegen


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def load_frames(signals, low, width, out):  # type: ignore[no-untyped-def]
    """Read rows ``low`` to ``low + width`` of signals (rows, frames, channels) into out[frame, channel, row]."""
    _, frames, channels = signals.shape
    lanes = VECTOR // signals.itemsize
    in_tiles = width - width % lanes if channels >= lanes else 0
    for r in range(0, in_tiles, lanes):  # a few rows from end to end, which the memory sees coming
        for frame in range(frames):
            at = ((low + r) * frames + frame) * channels
            for tile in range((channels + lanes - 1) // lanes):
                c = min(tile * lanes, channels - lanes)  # the last one overlaps
                _transpose_tile(signals, at + c, frames * channels, out[frame], c * ROWS + r)  # type: ignore[call-arg]
    for r in range(in_tiles, width):
        for frame in range(frames):
            for c in range(channels):
                out[frame, c, r] = signals[low + r, frame, c]
