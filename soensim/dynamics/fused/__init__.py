"""The time loop as one kernel each way, for training: the same states and gradients as `soensim.dynamics.unroll`."""

from soensim.dynamics.fused.drives import input_drives, leading_shape
from soensim.dynamics.fused.sparse import Edges, SparseWeights
from soensim.dynamics.fused.unroll import supports, unroll_fused

__all__ = ["Edges", "SparseWeights", "input_drives", "leading_shape", "supports", "unroll_fused"]
