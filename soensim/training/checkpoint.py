"""The state of a training between two epochs, as one safetensors file: never pickle, never half-written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from soensim._runtime.atomic_write import write_atomic
from soensim.errors import RecipeError

FORMAT = "soensim-checkpoint/1"


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
            "origin": self.origin,
            "groups": self.optimiser["param_groups"],
            "schedule": self.schedule,
            "history": self.history,
        }
        tensors = {f"parameters/{name}": t.detach() for name, t in self.parameters.items()} | moments
        tensors = {name: t.cpu() for name, t in tensors.items()}
        write_atomic(path, safetensors.torch.save(tensors, {"soensim": json.dumps({"format": FORMAT, **plain})}))

    @classmethod
    def load(cls, path: Path, origin: Mapping[str, Any]) -> Checkpoint:
        """Read the file of a training of this origin.

        Raises
        ------
        RecipeError
            The file is missing, damaged, or of a training with another chip, recipe or data set.
        """
        if not path.is_file():
            raise RecipeError(f"{path}: no checkpoint to resume from; start without --resume")
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            plain = json.loads(metadata["soensim"])
            if plain["format"] != FORMAT:
                raise RecipeError(f"{path}: is not a checkpoint of the format {FORMAT!r}")
        except (safetensors.SafetensorError, ValueError, KeyError) as error:
            raise RecipeError(f"{path}: the checkpoint is damaged ({error}); start without --resume") from error
        if plain["origin"] != json.loads(json.dumps(origin)):
            differs = [key for key in origin if plain["origin"].get(key) != json.loads(json.dumps(origin[key]))]
            raise RecipeError(
                f"{path}: the checkpoint is of another training (its {', '.join(differs)} differ); "
                "resume with the same settings, or use another run folder"
            )
        state: dict[int, dict[str, Tensor]] = {}
        parameters = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            if part == "parameters":
                parameters[rest] = tensor
            else:
                index, _, moment = rest.partition("/")
                state.setdefault(int(index), {})[moment] = tensor
        return cls(
            plain["origin"],
            parameters,
            {"state": state, "param_groups": plain["groups"]},
            plain["schedule"],
            plain["history"],
        )
