"""The state of a training between two epochs, as one safetensors file: never pickle, never half-written.

The file carries the SHA-256 of itself, taken with zeros in the place of the digest: whatever bit of it is changed, in
tensors, plain data or the format's own header, the checkpoint is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from soensim._runtime.atomic_write import write_atomic
from soensim.errors import RecipeError
from soensim.files import load_tensors, read_bytes
from soensim.netlist.base import shown
from soensim.training.run_folder import CHECKPOINT_FORMAT
from soensim.training.run_records import checked_history

FORMAT = CHECKPOINT_FORMAT
MAX_BYTES = 2**33  # parameters, two moments and two copies of 400 million efficacies
_ADVICE = "start again with another --run-dir"
_BLANK = b"0" * 64
_BEFORE_DIGEST = b'\\"sha256\\": \\"'  # JSON text within JSON text


@dataclass(frozen=True)
class Checkpoint:
    """What a training needs to go on as if it had never stopped.

    Attributes
    ----------
    origin
        Netlist hash, recipe, data: must equal those of the training that resumes.
    parameters
        Trained tensors by name.
    optimiser, schedule
        The state dicts of torch's optimiser and scheduler.
    history
        One row per finished epoch.
    """

    origin: Mapping[str, Any]
    parameters: Mapping[str, Tensor]
    optimiser: Mapping[str, Any]
    schedule: Mapping[str, Any]
    history: list[dict[str, Any]]

    def save(self, path: Path) -> None:
        """Write the file; the one before it stays whole until this one is."""
        moments = {
            f"optimiser/{index}/{name}": tensor
            for index, state in self.optimiser["state"].items()
            for name, tensor in state.items()
            if tensor is not None  # sgd without momentum
        }
        plain = {
            "format": FORMAT,
            "sha256": _BLANK.decode(),
            "origin": self.origin,
            "groups": self.optimiser["param_groups"],
            "schedule": self.schedule,
            "history": self.history,
        }
        tensors = {f"parameters/{name}": t.detach() for name, t in self.parameters.items()} | moments
        tensors = {name: t.cpu() for name, t in tensors.items()}
        content = safetensors.torch.save(tensors, {"soensim": json.dumps(plain)})
        write_atomic(path, _with_digest(content), durable=True)

    @classmethod
    def load(cls, path: Path, origin: Mapping[str, Any]) -> Checkpoint:
        """Read the file of a training of this origin.

        Raises
        ------
        RecipeError
            The file is missing, damaged, of another format, or of a training with another chip, recipe or data set.
        """
        arrays, plain = load_tensors(
            path,
            error=RecipeError,
            what="a checkpoint",
            format_name=FORMAT,
            advice=_ADVICE,
            limit_bytes=MAX_BYTES,
        )
        content = read_bytes(path, limit_bytes=MAX_BYTES, error=RecipeError, what="checkpoint")
        if not _is_intact(content, plain.get("sha256")):
            raise RecipeError(f"{path}: is damaged, it does not match its checksum; {_ADVICE}")
        kinds = {"origin": dict, "groups": list, "schedule": dict, "history": list}
        for key, kind in kinds.items():
            if not isinstance(plain.get(key), kind):
                raise RecipeError(f"{path}: is no checkpoint of soensim: it has no {key}; {_ADVICE}")
        if differ := _differences(plain["origin"], json.loads(json.dumps(origin))):
            raise RecipeError(
                f"{path}: the checkpoint is of another training: {'; '.join(differ)}; resume with the same settings, "
                "or use another run folder"
            )
        history = checked_history(plain["history"], f"{path}: history", error=RecipeError, advice=_ADVICE)
        parameters, state = _sorted_tensors({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
        return cls(
            plain["origin"],
            parameters,
            {"state": state, "param_groups": plain["groups"]},
            plain["schedule"],
            history,
        )


def _with_digest(content: bytes) -> bytes:
    """Put the digest of a file, which has zeros in its place, into it."""
    sealed = bytearray(content)
    start = content.index(_BEFORE_DIGEST + _BLANK) + len(_BEFORE_DIGEST)
    sealed[start : start + len(_BLANK)] = hashlib.sha256(content).hexdigest().encode()
    return bytes(sealed)


def _is_intact(content: bytes, digest: Any) -> bool:
    """Whether the digest of a file, which stands in it, is that of the file with zeros in its place."""
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        return False
    start = content.find(_BEFORE_DIGEST + digest.encode())
    if start < 0:
        return False
    start += len(_BEFORE_DIGEST)
    found = hashlib.sha256(content[:start])
    found.update(_BLANK)
    found.update(memoryview(content)[start + len(_BLANK) :])
    return found.hexdigest() == digest


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in what the origins of two trainings differ; own data may have moved, as long as they are the same."""
    told = []
    for part, value in now.items():
        before = was.get(part)
        if before == value:
            continue
        if not isinstance(before, dict) or not isinstance(value, dict):
            told.append(f"its {part} was {shown(before)}, now {shown(value)}")
            continue
        places = ("name", "data_dir") if value.get("sha256") else ("data_dir",)
        told += [
            f"its {part} had {key} {shown(before.get(key))}, now {shown(value.get(key))}"
            for key in dict.fromkeys((*before, *value))
            if before.get(key) != value.get(key) and (part != "data" or key not in places)
        ]
    return told


def _sorted_tensors(
    tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    """Return the parameters by name, and the optimiser's state by number and name."""
    parameters: dict[str, Tensor] = {}
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        index, _, moment = rest.partition("/")
        if part == "parameters":
            parameters[rest] = tensor
        elif part == "optimiser" and re.fullmatch("[0-9]{1,9}", index):
            state.setdefault(int(index), {})[moment] = tensor
        else:
            raise RecipeError(f"{path}: is no checkpoint of soensim: it has a tensor {shown(name)}; {_ADVICE}")
    return parameters, state
