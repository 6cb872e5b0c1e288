"""The time loop as one kernel each way, for training: the same states and gradients as `soensim.dynamics.time_loop`."""

from soensim.kernels.forward_forward_loss import Contrast, contrast
from soensim.kernels.goodness import mean_square
from soensim.kernels.input_products import input_drives, input_flux, leading_shape, shared_inputs
from soensim.kernels.memory_layout import by_channel
from soensim.kernels.packed_network import Inputs
from soensim.kernels.sparse import Edges, SparseWeights
from soensim.kernels.supported import supports
from soensim.kernels.unroll import project, unroll_fused

__all__ = [
    "Contrast",
    "Edges",
    "Inputs",
    "SparseWeights",
    "by_channel",
    "contrast",
    "input_drives",
    "input_flux",
    "leading_shape",
    "mean_square",
    "project",
    "shared_inputs",
    "supports",
    "unroll_fused",
]
