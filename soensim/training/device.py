"""The device that training runs on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from soensim.errors import RecipeError


def make_device(name: str) -> torch.device:
    """Return torch's device of this name.

    Raises
    ------
    RecipeError
        torch knows no such device, or cannot compute on it here.
    """
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise RecipeError(
            f"device is {name!r}, on which torch {torch.__version__} cannot compute here ({reason}); give cpu, or "
            "install a torch with CUDA (not with -c constraints.txt) where there is a GPU"
        ) from error
    return device


def new_tensors_on(device: torch.device) -> AbstractContextManager[object]:
    """Let torch make new tensors on this device. The CPU needs no context, which costs time in every call of torch."""
    return nullcontext() if device.type == "cpu" else device
