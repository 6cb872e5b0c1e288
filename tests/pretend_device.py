"""A device of torch that exists nowhere: tensors that say they are on it, with their numbers on the CPU.

It computes what the CPU computes, and refuses what a GPU refuses: an operation on tensors of two devices, and `numpy()`
without `cpu()`. Importing this module registers it with torch, for the whole process, as `pretend`.
"""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretend"
_setup_privateuseone_for_python_backend(NAME)

# As with a GPU, the CPU may hold what is copied, and where an index points.
_TAKES_BOTH = {torch.ops.aten.index.Tensor, torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}


class Pretended(torch.Tensor):
    """A tensor on the device; `inner` holds its numbers."""

    @staticmethod
    def __new__(cls, inner):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=f"{NAME}:0", **layout)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _run(operation, *args, **(kwargs or {}))


def _run(operation, *args, **kwargs):
    tensors = [a for a in tree_leaves((args, kwargs)) if isinstance(a, torch.Tensor)]
    on_device = [a for a in tensors if isinstance(a, Pretended)]
    stays = bool(on_device)
    if kwargs.get("device") is not None:
        stays = kwargs["device"].type == NAME
        kwargs["device"] = torch.device("cpu")
    if on_device and operation not in _TAKES_BOTH:
        for other in tensors:
            if other.ndim > 0 and not isinstance(other, Pretended):
                raise RuntimeError(f"{operation}: a tensor {tuple(other.shape)} is on the CPU, others are not")
    found = operation(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    written = {id(a.inner): a for a in on_device}  # operations in place return what they were given

    def outer(value):
        return written.get(id(value), Pretended(value)) if stays and isinstance(value, torch.Tensor) else value

    return tree_map(outer, found)


def _inner(value):
    return value.inner if isinstance(value, Pretended) else value


_LIBRARY = torch.library.Library("_", "IMPL")
_LIBRARY.fallback(_run, "PrivateUse1")


class Sending(TorchFunctionMode):
    """What torch does past a device that is written in Python: it makes tensors of numbers, and lists of tensors."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.Tensor.tolist:
            return _inner(args[0]).tolist()
        device = kwargs.get("device")
        if function not in (torch.tensor, torch.as_tensor) or device is None or torch.device(device).type != NAME:
            return function(*args, **kwargs)
        if isinstance(args[0], Pretended):
            return args[0].to(kwargs.get("dtype", args[0].dtype))
        gradient = kwargs.pop("requires_grad", False)
        return function(*args, **{**kwargs, "device": "cpu"}).to(device).requires_grad_(gradient)
