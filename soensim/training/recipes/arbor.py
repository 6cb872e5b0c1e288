"""Settings of `arbor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from soensim.fabrication import MeasuredChip
from soensim.network import Network
from soensim.training.recipes.base import Optimiser, Recipe, Schedule, setting
from soensim.training.recipes.registry import register
from soensim.training.refused_settings import refuse_rate_settings

if TYPE_CHECKING:
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_arbor import TrainableArborChip


@register
@dataclass(frozen=True, kw_only=True)
class ArborRecipe(Recipe):
    """Spiking chips with arbors: a local rule moves the flux of every dendrite, with the chip in the loop."""

    rule: ClassVar[str] = "arbor"
    spiking: ClassVar[bool] = True

    epochs: int = setting(
        10, "passes over the training samples, quantisation-aware unless --no-quantise", above=0, most=1_000_000
    )
    batch_size: int = setting(1, "samples per optimiser step", above=0, most=1_000_000)
    optimiser: Optimiser = setting("sgd", "how a gradient becomes a step")
    learning_rate: float = setting(0.01, "flux (Phi_0) that a dendrite moves by, per spike of error and state", above=0)
    schedule: Schedule = setting("constant", "learning rate over time")
    clip_norm: float = setting(1e6, "largest norm of the gradient", above=0)
    target_spikes: float = setting(5.0, "spikes in a sample that the neuron of the right class is to fire", above=0)
    other_spikes: float = setting(0.0, "spikes in a sample that the other neurons are to fire", least=0)
    bounds: Literal["hard", "elastic"] = setting(
        "hard", "what ends a trim: the end of its range, or steps outward that shrink towards it"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        fixed = "its efficacies are fixed at their highest level"
        refuse_rate_settings(self, input_gain=fixed, recurrent_gain=fixed)

    def make_chip(self, network: Network, measured: MeasuredChip | None) -> TrainableArborChip:
        """Make the trainable form of a spiking chip."""
        from soensim.training.trainable_arbor import TrainableArborChip

        return TrainableArborChip(network, self, measured=measured)

    def make_rule(self, chip: TrainableArborChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.arbor`."""
        from soensim.training.rules.arbor import Arbor

        return Arbor(chip, self)
