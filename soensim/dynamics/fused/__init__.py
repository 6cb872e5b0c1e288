"""The time loop as one kernel each way, for training: the same states and gradients as `soensim.dynamics.unroll`."""

from soensim.dynamics.fused.contrast import Contrast, contrast
from soensim.dynamics.fused.door import supports
from soensim.dynamics.fused.drives import input_drives, input_flux, leading_shape, shared_inputs
from soensim.dynamics.fused.goodness import mean_square
from soensim.dynamics.fused.plan import Inputs
from soensim.dynamics.fused.rows import by_channel
from soensim.dynamics.fused.sparse import Edges, SparseWeights
from soensim.dynamics.fused.unroll import project, unroll_fused

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
