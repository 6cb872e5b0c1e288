"""A chip as a layer of torch: own losses, own readouts, other layers before and after it."""

from soensim.torch.chip import Chip

__all__ = ["Chip"]
