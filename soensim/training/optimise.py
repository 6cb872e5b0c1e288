"""Optimisers and learning-rate schedules, all of them torch's own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from torch import Tensor, no_grad
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, LRScheduler, OneCycleLR

from soensim.training.recipes import Recipe


def make_optimiser(parameters: Iterable[Tensor], recipe: Recipe, learning_rate: float) -> Optimizer:
    """Make the optimiser of a recipe, at the rate of its phase; `weight_decay` is an L2 penalty, in adamw a decay."""
    common: dict[str, Any] = {"lr": learning_rate, "weight_decay": recipe.weight_decay}
    made: Optimizer
    match recipe.optimiser:
        case "adam":
            made = _lean(Adam)(
                list(parameters), fused=True, **common
            )  # one pass over the memory; the same on every thread
        case "adamw":
            made = _lean(AdamW)(list(parameters), fused=True, **common)
        case "rmsprop":
            made = _lean(RMSprop)(list(parameters), momentum=recipe.momentum, **common)
        case "sgd":
            made = _lean(SGD)(list(parameters), momentum=recipe.momentum, **common)
    return made


@lru_cache
def _lean(kind: type[Optimizer]) -> Any:
    """Return the same optimiser, whose methods do not ask torch's compiler to leave them alone.

    For that torch imports `torch._dynamo` and sympy, which takes longer than a small training.
    """
    plain = inspect.unwrap(kind.step)
    own = {name: inspect.unwrap(getattr(kind, name)) for name in ("add_param_group", "state_dict", "load_state_dict")}
    return type(kind.__name__, (kind,), {**own, "step": no_grad()(lambda self: plain(self))})


def make_schedule(optimiser: Optimizer, recipe: Recipe, batches: int) -> LRScheduler:
    """Make the schedule of a recipe over a phase of this number of batches.

    exponential takes a step per epoch, the others one per batch (`steps_per_batch`). half-linear: constant over the
    first half, then linear to 0 (docs/learning-rules.md). one-cycle leaves the momentum of rmsprop and sgd alone; with
    adam and adamw it cycles the first beta, as torch does.
    """
    match recipe.schedule:
        case "one-cycle":
            cycles = isinstance(optimiser, Adam)  # AdamW is one
            peak = optimiser.param_groups[0]["lr"]
            return OneCycleLR(optimiser, peak, total_steps=batches, cycle_momentum=cycles)
        case "exponential":
            return ExponentialLR(optimiser, recipe.decay)
        case "cosine":
            return CosineAnnealingLR(optimiser, T_max=batches)
        case "half-linear":
            return LambdaLR(optimiser, lambda step: min(1.0, 2 * (1 - step / batches)))
        case "constant":
            return LambdaLR(optimiser, lambda _: 1.0)


def steps_per_batch(recipe: Recipe) -> bool:
    """Say whether the schedule moves with every batch, or with every epoch."""
    return recipe.schedule != "exponential"


def plain_state(schedule: LRScheduler) -> dict[str, Any]:
    """Keep what JSON can hold of a schedule's state; the rest are functions that its constructor sets."""
    state: Mapping[str, Any] = schedule.state_dict()
    return {k: v for k, v in state.items() if isinstance(v, int | float | str | bool | list | type(None))}


def replace_parameter(optimiser: Optimizer, old: Tensor, new: Tensor, places: Tensor) -> None:
    """Let an optimiser go on with some values of a parameter: ``new`` are those of ``old`` at ``places``."""
    for group in optimiser.param_groups:
        group["params"] = [new if parameter is old else parameter for parameter in group["params"]]
    state = optimiser.state.pop(old, {})
    if state:
        optimiser.state[new] = {
            name: value[places] if isinstance(value, Tensor) and value.shape == old.shape else value
            for name, value in state.items()
        }
