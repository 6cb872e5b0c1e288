"""Images that are moved, so that a training does not learn them by heart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from soensim.data import shift_places


def shifted(x: Tensor, largest: int, rng: np.random.Generator) -> Tensor:
    """Move every image of a batch, (batch, frames, channels), by at most ``largest`` pixels."""
    if largest == 0:
        return x
    places = torch.as_tensor(shift_places(len(x), (x.shape[1], x.shape[2]), largest, rng))
    return x.flatten(1).gather(1, places).view_as(x)
