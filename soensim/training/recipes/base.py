"""What the settings of every rule have in common."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from soensim.errors import RecipeError

Schedule = Literal["constant", "exponential", "one-cycle", "cosine", "half-linear"]
Optimiser = Literal["adam", "adamw", "rmsprop", "sgd"]
Quantisation = Literal["straight-through", "gradual", "stochastic"]
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
    quantised_rate: float = setting(1.0, "learning rate of the quantised epochs after ideal ones, as a factor")
    schedule: Schedule = setting("one-cycle", "learning rate over time")
    decay: float = setting(0.98, "factor per epoch of the exponential schedule")
    weight_decay: float = setting(0.0, "L2 penalty; of adamw, the decay per step and learning rate")
    clip_norm: float = setting(1.0, "largest norm of the gradient")
    quantise: bool = setting(True, "quantisation-aware: train through the level tables")
    quantisation: Quantisation = setting(
        "straight-through", "how: the nearest level, a blend that turns into it, or a random neighbour level"
    )
    calibration_samples: int = setting(
        0,
        "with --no-quantise: round so that errors make up for one another over so many training samples; 0: each alone",
    )
    input_gain: float = setting(1.0, "initial input efficacies, times Xavier-uniform")
    recurrent_gain: float = setting(1.0, "initial recurrent efficacies, times Xavier-uniform")
    slope_width: float = setting(0.05, "softening of the SQUID's slope in the gradient (I_c); docs/learning-rules.md")
    robust: bool = setting(False, "train on virtual chips with the netlist's spreads and read noise")
    efficacy_spread: float = setting(0.0, "relative spread of efficacies between the virtual chips, one sigma")
    gamma_minus_spread: float = setting(0.0, "relative spread of leaks, one sigma")
    bias_current_spread: float = setting(0.0, "relative spread of bias currents, one sigma")
    flux_offset_spread: float = setting(0.0, "spread of static flux, one sigma (Phi_0)")
    read_noise_flux: float = setting(0.0, "flux noise, fresh for every neuron and sample, one sigma (Phi_0)")
    delay_spread: float = setting(0.0, "relative spread of the factor that all delays of a chip share, one sigma")
    drop_synapses: float = setting(0.0, "probability that a synapse of a virtual chip is dead")
    chips_per_batch: int = setting(
        1, "virtual chips that share the samples of a batch; each costs a pass (what it gives: studies/robustness)"
    )
    validation_chips: int = setting(0, "virtual chips, drawn once, on which validation is scored as well")
    refine: int = setting(1, "train at a step this much finer than the netlist's")
    keep: Keep = setting("last", "epoch that becomes the program: the last, or the best in validation")
    train_samples: int = setting(0, "use only this many training samples; 0 is all")
    train_seed: int = setting(0, "initial weights and order of the batches")

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for item in fields(self):
            _check_type(item.name, getattr(self, item.name), hints[item.name])
        positive = (
            "epochs",
            "batch_size",
            "learning_rate",
            "clip_norm",
            "decay",
            "refine",
            "chips_per_batch",
            "quantised_rate",
        )
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
            "efficacy_spread",
            "gamma_minus_spread",
            "bias_current_spread",
            "flux_offset_spread",
            "read_noise_flux",
            "delay_spread",
            "drop_synapses",
            "validation_chips",
            "calibration_samples",
            "ideal_epochs",
        ):
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} is {getattr(self, name)}; it must not be below 0")

        if self.drop_synapses >= 1:
            raise RecipeError(f"drop_synapses is {self.drop_synapses}; it is a probability below 1")
        if self.momentum and self.optimiser not in ("sgd", "rmsprop"):
            raise RecipeError(f"momentum is for sgd and rmsprop; leave it out with {self.optimiser}")
        if self.momentum >= 1:
            raise RecipeError(f"momentum is {self.momentum}; it must be below 1")
        if self.ideal_epochs and not self.quantise:
            raise RecipeError("ideal_epochs come before quantised ones; without quantisation, use epochs alone")
        if self.quantised_rate != 1 and not self.ideal_epochs:
            raise RecipeError(
                "quantised_rate is for quantised epochs after ideal ones; set ideal_epochs, or learning_rate"
            )
        if self.quantisation != "straight-through" and not self.quantise:
            raise RecipeError(f"quantisation is {self.quantisation!r}; it has no meaning without quantise")
        if self.calibration_samples and self.quantise:
            raise RecipeError("calibration_samples are for quantisation after training; they need quantise = false")

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
