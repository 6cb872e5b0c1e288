"""The time loop as compiled kernels: states and gradients of `soensim.dynamics.time_loop` for training, or states."""

from typing import TYPE_CHECKING

from soensim._runtime.lazy import lazy_names

if TYPE_CHECKING:
    from soensim.kernels.edge_loop import edges_alone, unroll_edges
    from soensim.kernels.forward_forward_loss import ForwardForwardLoss, mean_square, temporal_forward_forward
    from soensim.kernels.input_flux import kernel_inputs, leading_shape, projected_inputs, shared_inputs
    from soensim.kernels.lit import lit_throughout, unroll_lit
    from soensim.kernels.memory_layout import by_channel
    from soensim.kernels.packed_network import Inputs
    from soensim.kernels.sparse import SparsePattern, SparseWeights
    from soensim.kernels.supported import supports
    from soensim.kernels.unroll import project, unroll_fused

else:  # most of them load torch, which a simulation does not need
    _MODULES = {
        "ForwardForwardLoss": "soensim.kernels.forward_forward_loss",
        "Inputs": "soensim.kernels.packed_network",
        "SparsePattern": "soensim.kernels.sparse",
        "SparseWeights": "soensim.kernels.sparse",
        "by_channel": "soensim.kernels.memory_layout",
        "edges_alone": "soensim.kernels.edge_loop",
        "kernel_inputs": "soensim.kernels.input_flux",
        "leading_shape": "soensim.kernels.input_flux",
        "lit_throughout": "soensim.kernels.lit",
        "mean_square": "soensim.kernels.forward_forward_loss",
        "project": "soensim.kernels.unroll",
        "projected_inputs": "soensim.kernels.input_flux",
        "shared_inputs": "soensim.kernels.input_flux",
        "supports": "soensim.kernels.supported",
        "temporal_forward_forward": "soensim.kernels.forward_forward_loss",
        "unroll_edges": "soensim.kernels.edge_loop",
        "unroll_fused": "soensim.kernels.unroll",
        "unroll_lit": "soensim.kernels.lit",
    }
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = [
    "ForwardForwardLoss",
    "Inputs",
    "SparsePattern",
    "SparseWeights",
    "by_channel",
    "edges_alone",
    "kernel_inputs",
    "leading_shape",
    "lit_throughout",
    "mean_square",
    "project",
    "projected_inputs",
    "shared_inputs",
    "supports",
    "temporal_forward_forward",
    "unroll_edges",
    "unroll_fused",
    "unroll_lit",
]
