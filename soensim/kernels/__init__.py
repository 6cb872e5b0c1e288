"""The time loop as one kernel per pass, for training: states and gradients of `soensim.dynamics.time_loop`."""

from soensim.kernels.forward_forward_loss import ForwardForwardLoss, mean_square, temporal_forward_forward
from soensim.kernels.input_flux import kernel_inputs, leading_shape, projected_inputs, shared_inputs
from soensim.kernels.lit import lit_throughout, unroll_lit
from soensim.kernels.memory_layout import by_channel
from soensim.kernels.packed_network import Inputs
from soensim.kernels.sparse import SparsePattern, SparseWeights
from soensim.kernels.supported import supports
from soensim.kernels.unroll import project, unroll_fused

__all__ = [
    "ForwardForwardLoss",
    "Inputs",
    "SparsePattern",
    "SparseWeights",
    "by_channel",
    "kernel_inputs",
    "leading_shape",
    "lit_throughout",
    "mean_square",
    "project",
    "projected_inputs",
    "shared_inputs",
    "supports",
    "temporal_forward_forward",
    "unroll_fused",
    "unroll_lit",
]
