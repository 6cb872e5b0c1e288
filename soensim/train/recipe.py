"""Training settings: one frozen dataclass per rule; every default has its reason beside it."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from soensim.errors import RecipeError

Schedule = Literal["constant", "exponential", "one-cycle"]


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"help": doc})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings that every rule has; batches and seeds fix the result to the last bit."""

    rule: ClassVar[str]

    epochs: int = _setting(15, "passes over the training samples, quantisation-aware unless --no-quantise")
    ideal_epochs: int = _setting(
        0, "unquantised passes before them; what they find is kept as the ideal weights to compare with"
    )
    batch_size: int = _setting(128, "samples per optimiser step")
    learning_rate: float = _setting(0.03, "Adam's step size, or the peak of one-cycle")
    schedule: Schedule = _setting("one-cycle", "learning rate over time")
    decay: float = _setting(0.98, "factor per epoch of the exponential schedule")
    weight_decay: float = _setting(0.0, "L2 penalty of Adam")
    clip_norm: float = _setting(1.0, "largest norm of the gradient")
    quantise: bool = _setting(True, "quantisation-aware: straight-through estimator over the level tables")
    input_gain: float = _setting(1.0, "initial input efficacies, times Xavier-uniform")
    recurrent_gain: float = _setting(1.0, "initial recurrent efficacies, times Xavier-uniform")
    slope_width: float = _setting(0.05, "softening of the SQUID's slope in the gradient (I_c); SYSTEMS section 8")
    train_samples: int = _setting(0, "use only this many training samples; 0 is all")
    train_seed: int = _setting(0, "initial weights and order of the batches")

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
            "input_gain",
            "recurrent_gain",
            "slope_width",
            "train_samples",
            "train_seed",
        ):
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} is {getattr(self, name)}; it must not be below 0")

        if self.ideal_epochs and not self.quantise:
            raise RecipeError("ideal_epochs come before quantised ones; without quantisation, use epochs alone")

    def as_dict(self) -> dict[str, Any]:
        """Return the rule and all settings as plain data."""
        return {"rule": self.rule, **dataclasses.asdict(self)}


@dataclass(frozen=True, kw_only=True)
class BpttRecipe(Recipe):
    """Backpropagation through time: cross-entropy of the linear readout (SYSTEMS section 6)."""

    rule: ClassVar[str] = "bptt"

    readout_gain: float = _setting(
        10.0, "initial factor from scores to logits; learned, not on the chip (the argmax does not see it)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.readout_gain <= 0:
            raise RecipeError(f"readout_gain is {self.readout_gain}; it must be above 0")


@dataclass(frozen=True, kw_only=True)
class FFTemporalRecipe(Recipe):
    """Temporal forward-forward: goodness of true against wrong labels at every step (SYSTEMS section 1)."""

    rule: ClassVar[str] = "ff-temporal"

    epochs: int = _setting(100, "passes over the training samples")
    batch_size: int = _setting(64, "samples per optimiser step")
    learning_rate: float = _setting(0.01, "Adam's step size, or the peak of one-cycle")
    schedule: Schedule = _setting("exponential", "learning rate over time")
    weight_decay: float = _setting(1e-4, "L2 penalty of Adam")
    recurrent_gain: float = _setting(0.1, "initial recurrent efficacies, times Xavier-uniform")
    margin: float = _setting(0.01, "goodness that the true label should have more than the wrong one")
    sharpness: float = _setting(1.0, "k of softplus(k (margin - dG)) / k")
    steps: Literal["all", "final"] = _setting("all", "steps that the loss scores")
    compensation: bool = _setting(False, "weigh step t by (1/a)^(T-1-t), normalised to the sum T")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sharpness <= 0:
            raise RecipeError(f"sharpness is {self.sharpness}; it must be above 0")
        if self.steps == "final" and self.compensation:
            raise RecipeError("compensation weighs several steps; it has no meaning with steps = final")


RECIPES: dict[str, type[Recipe]] = {r.rule: r for r in (BpttRecipe, FFTemporalRecipe)}


def make_recipe(rule: str, settings: Mapping[str, Any]) -> Recipe:
    """Make the recipe of a rule; settings that are left out take its defaults.

    Raises
    ------
    RecipeError
        The rule or a setting is unknown, or a value is not legal.
    """
    if rule not in RECIPES:
        raise RecipeError(f"no rule {rule!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[rule]
    known = [item.name for item in fields(recipe)]
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise RecipeError(f"rule {rule!r} has no setting {name!r}; {hint}it has {', '.join(known)}")
    return recipe(**settings)


def _check_type(name: str, value: Any, hint: Any) -> None:
    if choices := get_args(hint):
        if value not in choices:
            raise RecipeError(f"{name} is {value!r}; legal are {', '.join(choices)}")
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RecipeError(f"{name} is {value!r}; it must be a finite number")
    elif type(value) is not hint:
        raise RecipeError(f"{name} is {value!r}; it must be of type {hint.__name__}")
