"""Settings of `spiking-rate`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from soensim.errors import RecipeError
from soensim.fabrication import MeasuredChip
from soensim.network import Network
from soensim.training.recipes.base import Recipe, setting
from soensim.training.recipes.registry import register
from soensim.training.refused_settings import refuse_rate_settings

if TYPE_CHECKING:
    from soensim.training.rules.base import Rule
    from soensim.training.trainable_spiking import TrainableSpikingChip


@register
@dataclass(frozen=True, kw_only=True)
class SpikingRateRecipe(Recipe):
    """Spiking chips: cross-entropy of what is to be read, from the rate of each neuron under its flux."""

    rule: ClassVar[str] = "spiking-rate"
    spiking: ClassVar[bool] = True
    usual_for: ClassVar[str | None] = "spike-count"

    learning_rate: float = setting(0.006, "the optimiser's step size, or the peak of one-cycle", above=0)
    batch_size: int = setting(32, "samples per optimiser step", above=0, most=1_000_000)
    epochs: int = setting(
        60, "passes over the training samples, quantisation-aware unless --no-quantise", above=0, most=1_000_000
    )
    input_gain: float = setting(0.4, "initial input efficacies, times Xavier-uniform", least=0)
    recurrent_gain: float = setting(0.75, "initial efficacies between neurons, times Xavier-uniform", least=0)
    shift_pixels: int = setting(
        0, "move every image by up to this many pixels, drawn for each batch", least=0, most=1000
    )
    count_gain: float = setting(
        0.5, "factor from spikes of a sample to logits; of a linear readout its initial value, learned", above=0
    )
    flux_gain: float = setting(20.0, "the same from mean fluxes (Phi_0), where these are read", above=0)
    flux_spread_floor: float = setting(
        0.04, "least spread of the flux (Phi_0) that a rate is averaged over, so that thresholds have a slope", above=0
    )

    closed_loop_rounds: int = setting(
        0,
        "times that the engine corrects the rate of each neuron, evenly spread over all epochs",
        least=0,
        most=10_000,
    )
    closed_loop_samples: int = setting(
        256, "training samples (at most) that the engine runs for it", above=0, most=1_000_000
    )
    refit_samples: int = setting(
        0,
        "fit a linear readout, at the end, to what the engine counts of this many training samples (at most), and "
        "choose by as many of validation; 0: none",
        least=0,
        most=1_000_000,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_rate_settings(self)
        total = self.ideal_epochs + self.epochs
        if self.closed_loop_rounds >= total:
            raise RecipeError(
                f"closed_loop_rounds is {self.closed_loop_rounds}, of {total} epochs; they come between epochs, so it "
                f"must be at most {total - 1}"
            )
        usual = next(item.default for item in fields(self) if item.name == "closed_loop_samples")
        if not self.closed_loop_rounds and self.closed_loop_samples != usual:
            raise RecipeError(
                "closed_loop_samples has no meaning without closed_loop_rounds; leave it out, or set both"
            )

    @property
    def correction_epochs(self) -> frozenset[int]:
        """Epochs (from 0) before which the engine corrects the rates: the ends of all parts but the last."""
        total, parts = self.ideal_epochs + self.epochs, self.closed_loop_rounds + 1
        return frozenset(total * part // parts for part in range(1, parts))

    def make_chip(self, network: Network, measured: MeasuredChip | None) -> TrainableSpikingChip:
        """Make the trainable form of a spiking chip."""
        from soensim.training.trainable_spiking import TrainableSpikingChip

        return TrainableSpikingChip(network, self, measured=measured)

    def make_rule(self, chip: TrainableSpikingChip) -> Rule:
        """Make the rule on a chip; see `soensim.training.rules.spiking_rate`."""
        from soensim.training.rules.spiking_rate import SpikingRate

        return SpikingRate(chip, self)
