"""What the settings of every rule have in common."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from soensim.errors import RecipeError

Schedule = Literal["constant", "exponential", "one-cycle", "cosine", "half-linear"]
Optimiser = Literal["adam", "adamw", "rmsprop", "sgd"]
Keep = Literal["last", "best"]


def setting(default: Any, doc: str) -> Any:
    """Make a field of a recipe: its default, and what it means (the help text of its flag)."""
    return field(default=default, metadata={"help": doc})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings that every rule has; batches and seeds fix the result to the last bit."""

    rule: ClassVar[str]

    epochs: int = setting(15, "passes over the training samples, quantisation-aware unless --no-quantise")
    ideal_epochs: int = setting(
        0, "unquantised passes before them; what they find is kept as the ideal weights to compare with"
    )
    batch_size: int = setting(128, "samples per optimiser step")
    optimiser: Optimiser = setting("adam", "how a gradient becomes a step")
    momentum: float = setting(0.0, "momentum of sgd and rmsprop")
    learning_rate: float = setting(0.03, "the optimiser's step size, or the peak of one-cycle")
    schedule: Schedule = setting("one-cycle", "learning rate over time")
    decay: float = setting(0.98, "factor per epoch of the exponential schedule")
    weight_decay: float = setting(0.0, "L2 penalty; of adamw, the decay per step and learning rate")
    clip_norm: float = setting(1.0, "largest norm of the gradient")
    quantise: bool = setting(True, "quantisation-aware: straight-through estimator over the level tables")
    input_gain: float = setting(1.0, "initial input efficacies, times Xavier-uniform")
    recurrent_gain: float = setting(1.0, "initial recurrent efficacies, times Xavier-uniform")
    slope_width: float = setting(0.05, "softening of the SQUID's slope in the gradient (I_c); SYSTEMS section 8")
    keep: Keep = setting("last", "epoch that becomes the program: the last, or the best in validation")
    train_samples: int = setting(0, "use only this many training samples; 0 is all")
    train_seed: int = setting(0, "initial weights and order of the batches")

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for item in fields(self):
            _check_type(item.name, getattr(self, item.name), hints[item.name])
        positive = ("epochs", "batch_size", "learning_rate", "clip_norm", "decay")
        for name in positive:
            if getattr(self, name) <= 0:
                raise RecipeError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in (
            "weight_decay",
            "momentum",
            "input_gain",
            "recurrent_gain",
            "slope_width",
            "train_samples",
            "train_seed",
        ):
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} is {getattr(self, name)}; it must not be below 0")

        if self.momentum and self.optimiser not in ("sgd", "rmsprop"):
            raise RecipeError(f"momentum is for sgd and rmsprop; leave it out with {self.optimiser}")
        if self.momentum >= 1:
            raise RecipeError(f"momentum is {self.momentum}; it must be below 1")
        if self.ideal_epochs and not self.quantise:
            raise RecipeError("ideal_epochs come before quantised ones; without quantisation, use epochs alone")

    def as_dict(self) -> dict[str, Any]:
        """Return the rule and all settings as plain data."""
        return {"rule": self.rule, **dataclasses.asdict(self)}


def _check_type(name: str, value: Any, hint: Any) -> None:
    if choices := get_args(hint):
        if value not in choices:
            raise RecipeError(f"{name} is {value!r}; legal are {', '.join(choices)}")
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RecipeError(f"{name} is {value!r}; it must be a finite number")
    elif type(value) is not hint:
        raise RecipeError(f"{name} is {value!r}; it must be of type {hint.__name__}")
