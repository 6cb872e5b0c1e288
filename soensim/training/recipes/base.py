"""What the settings of every rule have in common: fields with limits, and the check of a whole recipe."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, get_args, get_type_hints

from soensim._runtime.words import nearest, shown
from soensim.errors import RecipeError, SimulationError
from soensim.fabrication import IMPERFECTIONS, MeasuredChip, read_sizes
from soensim.network import Network

if TYPE_CHECKING:  # torch: loaded when a training starts
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_values import TrainableValues

Schedule = Literal["constant", "exponential", "one-cycle", "cosine", "half-linear"]
Optimiser = Literal["adam", "adamw", "rmsprop", "sgd"]
Quantisation = Literal["straight-through", "gradual", "stochastic"]
Keep = Literal["last", "best"]


LIMITS = ("above", "least", "below", "most")
"""Limits of a number, as `setting` takes them."""

LARGEST = 10**12
"""Largest magnitude of any number that has no narrower limit: its square is finite in float32."""


def setting(
    default: Any,
    doc: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Any:
    """Make a field of a recipe.

    Parameters
    ----------
    default
        Its value where none is given.
    doc
        What it means: the help text of its flag.
    above, least, below, most
        Limits of a number: above and below are exclusive, least and most inclusive, most for
        both signs. Where none is above a number, `LARGEST` is. A subclass that gives the field
        another default keeps the limits of its base, and may add narrower ones.
    """
    limits = (above, least, below, most)
    return field(default=default, metadata={"help": doc, **dict(zip(LIMITS, limits, strict=True))})


AnyRecipe = TypeVar("AnyRecipe")


def with_imperfections(recipe: type[AnyRecipe]) -> type[AnyRecipe]:
    """Give a class a setting, 0 by default, per imperfection that has a flag; a decorator under `dataclass`."""
    for name, kind in IMPERFECTIONS.items():
        if not kind.has_flag:
            continue
        recipe.__annotations__[name] = "float"
        text = f"of virtual chips: {kind.description[0].lower()}{kind.description[1:]}"
        setattr(recipe, name, setting(0.0, text, least=0, below=kind.below, most=kind.most))
    return recipe


@dataclass(frozen=True, kw_only=True)
@with_imperfections
class Recipe(ABC):
    """Settings that every rule has; batches and seeds fix the result to the last bit.

    A rule is added with a subclass in a module of this room: its name as ``rule``, its own settings, and `make_rule`.
    `register` makes the name known to `make_recipe` and to the command line.

    Raises
    ------
    RecipeError
        A value has the wrong type, is beyond a limit, or does not fit another setting.
    """

    rule: ClassVar[str]
    """Name of the rule."""
    usual_for: ClassVar[str | None] = None
    """Kind of readout that messages advise this rule for; a subclass does not inherit it."""

    spiking: ClassVar[bool] = False
    """Whether the rule trains chips of spiking neurons, and no others."""
    sees_readout_converters: ClassVar[bool] = False
    """Whether the loss is of what the readout's converters give, so that training can have their bits and noise."""

    epochs: int = setting(
        15, "passes over the training samples, quantisation-aware unless --no-quantise", above=0, most=1_000_000
    )
    ideal_epochs: int = setting(
        0,
        "unquantised passes before them; what they find is kept as the ideal weights to compare with",
        least=0,
        most=1_000_000,
    )
    batch_size: int = setting(128, "samples per optimiser step", above=0, most=1_000_000)
    optimiser: Optimiser = setting("adam", "how a gradient becomes a step")
    momentum: float = setting(0.0, "momentum of sgd and rmsprop", least=0, below=1)
    learning_rate: float = setting(0.03, "the optimiser's step size, or the peak of one-cycle", above=0)
    quantised_rate: float = setting(1.0, "learning rate of the quantised epochs after ideal ones, as a factor", above=0)
    schedule: Schedule = setting("one-cycle", "learning rate over time")
    decay: float = setting(0.98, "factor per epoch of the exponential schedule", above=0)
    weight_decay: float = setting(0.0, "L2 penalty; of adamw, the decay per step and learning rate", least=0)
    clip_norm: float = setting(1.0, "largest norm of the gradient", above=0)
    quantise: bool = setting(True, "quantisation-aware: train through the level tables")
    quantisation: Quantisation = setting(
        "straight-through", "how: the nearest level, a blend that turns into it, or a random neighbour level"
    )
    calibration_samples: int = setting(
        0,
        "with --no-quantise: round so that errors cancel over this many training samples; 0: each efficacy alone",
        least=0,
        most=10**9,
    )
    input_gain: float = setting(1.0, "initial input efficacies, times Xavier-uniform", least=0)
    recurrent_gain: float = setting(1.0, "initial recurrent efficacies, times Xavier-uniform", least=0)
    slope_width: float = setting(
        0.05, "softening of the SQUID's slope in the gradient (I_c); docs/learning-rules.md", least=0
    )
    spread: str = setting(
        "",
        "of virtual chips: size of any imperfection, over the netlist's: efficacy=0.1,dead_neurons=0.02",
    )
    robust: bool = setting(False, "train on virtual chips with the netlist's spreads and read noise")
    chips_per_batch: int = setting(
        1,
        "virtual chips that share the samples of a batch; each costs a pass (what it gives: studies/robustness)",
        above=0,
        most=10_000,
    )
    validation_chips: int = setting(
        0, "virtual chips, drawn once, on which validation is scored as well", least=0, most=10_000
    )
    refine: int = setting(1, "train at a step this much finer than the netlist's", above=0, most=10_000)
    wiring_budget_mm: float = setting(
        0.0,
        "prune the recurrent edges of a chip with a floorplan until waveguides and wires of at most this length (mm) "
        "are left, over the first 0.55 of the unquantised steps; 0: none",
        least=0,
    )
    keep: Keep = setting("last", "epoch that becomes the program: the last, or the best in validation")
    train_samples: int = setting(0, "use only this many training samples; 0 is all", least=0, most=10**9)
    train_seed: int = setting(0, "initial weights and order of the batches", least=0, most=2**63 - 1)

    def __post_init__(self) -> None:
        refuse(self.rule, wrong_settings(type(self), {item.name: getattr(self, item.name) for item in fields(self)}))
        self._check_spread()
        if self.momentum and self.optimiser not in ("sgd", "rmsprop"):
            raise RecipeError(f"momentum is for sgd and rmsprop; leave it out with {self.optimiser}")
        if self.ideal_epochs and not self.quantise:
            raise RecipeError("ideal_epochs come before quantised ones; without quantisation, use epochs alone")
        if self.wiring_budget_mm and self.quantise and not self.ideal_epochs:
            raise RecipeError(
                "wiring_budget_mm: edges go before training sees levels; set ideal_epochs, or leave quantisation out "
                "(quantise = false)"
            )
        if self.wiring_budget_mm and not self.quantise and self.keep == "best":
            raise RecipeError(
                "keep is 'best', which may be an epoch from before the wiring budget is met; with wiring_budget_mm and "
                "without quantisation, keep the last"
            )
        if self.quantised_rate != 1 and not self.ideal_epochs:
            raise RecipeError(
                "quantised_rate is for quantised epochs after ideal ones; set ideal_epochs, or learning_rate"
            )
        if self.quantisation != "straight-through" and not self.quantise:
            raise RecipeError(f"quantisation is {self.quantisation!r}; it has no meaning without quantise")
        if self.calibration_samples and self.quantise:
            raise RecipeError("calibration_samples are for quantisation after training; they need quantise = false")

    def _check_spread(self) -> None:
        """Refuse sizes that cannot be read, or are given by a setting of their own as well."""
        try:
            sizes = read_sizes(self.spread)
        except SimulationError as error:
            raise RecipeError(f"spread: {error}") from error
        for name in sizes:
            if getattr(self, name, 0.0):
                raise RecipeError(f"spread: {name} is given as a setting of its own, too; keep one")

    @property
    def unquantised_epochs(self) -> int:
        """Number of first epochs in which training does not see the levels."""
        return self.ideal_epochs if self.quantise else self.epochs

    @property
    def untrained_edges(self) -> str:
        """Why recurrent edges are not trained from the first epoch on; empty where they are."""
        return ""

    def check_chip(self, network: Network) -> None:
        """Refuse a chip of neurons of the other kind.

        Raises
        ------
        RecipeError
            It has spiking neurons and the rule trains rate neurons, or the other way round.
        """
        if self.spiking != (network.spiking is not None):
            neurons, fit = ("spiking", "spiking-rate") if network.spiking is not None else ("rate", "bptt")
            raise RecipeError(
                f"chip {network.name!r} has {neurons} neurons, which rule {self.rule!r} does not train; take {fit!r}"
            )

    def make_chip(self, network: Network, measured: MeasuredChip | None) -> TrainableValues:
        """Make the trainable form of a chip; torch is imported here."""
        from soensim.training.trainable_network import TrainableChip

        return TrainableChip(network, self, measured=measured)

    @abstractmethod
    def make_rule(self, chip: Any) -> Rule:
        """Make the rule with these settings on a chip; the module that defines it is imported here, with torch.

        Raises
        ------
        RecipeError
            The chip is not of the kind that the rule needs.
        """

    def as_dict(self) -> dict[str, Any]:
        """Return the rule and all settings as plain data."""
        return {"rule": self.rule, **dataclasses.asdict(self)}


def wrong_settings(recipe: type[Recipe], settings: Mapping[str, Any]) -> list[RecipeError]:
    """Return an error for each setting that is no setting of a recipe, or whose value has a wrong type or size."""
    hints = get_type_hints(recipe)
    known = [item.name for item in fields(recipe)]
    wrong = []
    listed = ""
    for name, value in settings.items():
        if name not in known:
            what = nearest(name, known) + (listed or f"it has {', '.join(known)}")
            listed = "its settings are listed above"
            text = f"rule {recipe.rule!r} has no setting {name!r}; {what}"
        else:
            legal = _type_needed(value, hints[name])
            if legal is None or (hints[name] is int and _is_whole(value)):
                legal = _size_needed(recipe, name, value) or legal  # no advice to write what is not legal either
            text = f"{name} is {shown(value)}; {legal}" if legal else ""
        if text:
            wrong.append(RecipeError(text, setting=name))
    return wrong


def refuse(rule: str, wrong: Sequence[RecipeError]) -> None:
    """Raise one error for all wrong settings, if there are any."""
    if wrong:
        raise RecipeError.of_settings(rule, wrong)


def _type_needed(value: Any, hint: Any) -> str | None:
    """Say what type a value must have; None if it has it."""
    if choices := get_args(hint):
        if isinstance(value, str) and value in choices:
            return None
        near = nearest(value, choices) if isinstance(value, str) else ""
        return f"{near}it must be one of {', '.join(choices)}"
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and _is_finite(value) else "it must be a finite number"
    if type(value) is hint:
        return None
    if hint is bool:
        return "it must be true or false"
    if hint is str:
        return "it must be text"
    return "it must be a whole number" + (f"; write {int(value)}" if _is_whole(value) else "")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of a float
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < 1e15


@cache
def limits_of(recipe: type[Recipe], name: str) -> Mapping[str, float]:
    """Return the narrowest limits of a setting among a recipe and those that it is derived from, by `LIMITS`."""
    items = [item for kind in recipe.__mro__ if is_dataclass(kind) for item in fields(kind) if item.name == name]
    limits: dict[str, float] = {}
    for limit in LIMITS:
        given = [item.metadata[limit] for item in items if item.metadata[limit] is not None]
        if given:
            limits[limit] = max(given) if limit in ("above", "least") else min(given)
    if "below" not in limits and not isinstance(items[0].default, bool | str):
        limits.setdefault("most", LARGEST)
    return MappingProxyType(limits)


def _size_needed(recipe: type[Recipe], name: str, value: Any) -> str | None:
    """Say what limit of a setting a value breaks; None if it breaks none."""
    limits = limits_of(recipe, name)
    if "above" in limits and value <= limits["above"]:
        return f"it must be above {limits['above']}"
    if "least" in limits and value < limits["least"]:
        return f"it must not be below {limits['least']}"
    if "below" in limits and value >= limits["below"]:
        return f"it must be below {limits['below']}"
    if "most" in limits and abs(value) > limits["most"]:
        return f"it must be at most {limits['most']}" if value > 0 else f"it must be at least {-limits['most']}"
    return None
