"""The time loop as one kernel each way, for training: the same states and gradients as `soensim.dynamics.unroll`."""

from soensim.dynamics.fused.memory import keep_freed_memory
from soensim.dynamics.fused.sparse import Edges, SparseWeights
from soensim.dynamics.fused.unroll import project, supports, unroll_fused

__all__ = ["Edges", "SparseWeights", "keep_freed_memory", "project", "supports", "unroll_fused"]
