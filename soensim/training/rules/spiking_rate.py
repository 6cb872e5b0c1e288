"""`spiking-rate`: spiking neurons trained through their mean rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from soensim.data import argmax_decode
from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip
from soensim.network import LinearOutput
from soensim.program import READOUT, Program
from soensim.simulation.spiking.batch import SampleCounts
from soensim.simulation.spiking.classify import count_encoded
from soensim.simulation.spiking.encode import duration_ns, spiking_of
from soensim.simulation.spiking.readout import readings, reads_flux, scores_of
from soensim.training.readout_refit import at_levels, fitted_readouts
from soensim.training.recipes.spiking_rate import SpikingRateRecipe
from soensim.training.rules.base import Loss, Measured
from soensim.training.rules.shifted_images import shifted
from soensim.training.source_correction import fit_correction, no_correction
from soensim.training.trainable_spiking import TrainableSpikingChip

_ROUND, _FIT, _CHOICE = 1, 2, 3  # what a measurement is for: each has spikes of its own


class SpikingRate:
    """Cross-entropy of softmax(k scores), of what is to be read of the neurons in a sample.

    k is `count_gain` (`flux_gain` where mean fluxes are read); of a linear readout it is learned, from there on. The
    rates are those of `soensim.training.trainable_spiking`: every neuron's own, averaged over the spread of its flux.
    What is minimised is a model; the engine scores the chip (`soensim evaluate`), corrects the model between epochs
    (`closed_loop_rounds`), and gives what a linear readout is fitted to at the end (`refit_samples`).

    Raises
    ------
    RecipeError
        A setting has no meaning for the readout of the chip.
    """

    extra: dict[str, Tensor]

    def __init__(self, chip: TrainableSpikingChip, recipe: SpikingRateRecipe) -> None:
        _check(chip, recipe)
        self.chip, self.recipe = chip, recipe
        self.extra = {}
        gain = recipe.flux_gain if reads_flux(chip.network) else recipe.count_gain
        self._gain = gain
        if isinstance(chip.network.output, LinearOutput):
            self.extra["log_readout_gain"] = torch.tensor(math.log(gain), dtype=chip.dtype, requires_grad=True)
        if recipe.closed_loop_rounds:
            for k in chip.firing:
                population = chip.network.populations[k]
                chip.corrections[k] = no_correction(population.size, chip.dtype)
                self.extra[f"correction/{population.name}"] = chip.corrections[k]  # a checkpoint has it

    def begin_epoch(self, epoch: int, history: Sequence[Mapping[str, float]]) -> None:
        """Nothing changes from epoch to epoch."""

    def loss(self, fabricated: FabricatedChip, x: Tensor, y: Tensor, rng: np.random.Generator) -> Loss:
        """Cross-entropy, mean over the batch."""
        moved = shifted(x, self.recipe.shift_pixels, rng)
        learned = self.extra.get("log_readout_gain")
        gain = self._gain if learned is None else learned.exp()
        return Loss(cross_entropy(gain * self.scores(fabricated, moved), y), {})

    def scores(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """Scores of the classes to be expected, shape (batch, classes)."""
        read = self.chip.readings(fabricated, x)
        if not isinstance(self.chip.network.output, LinearOutput):
            return read
        return read @ torch.as_tensor(fabricated.values[READOUT]).T

    def measure(self, epoch: int, train: Measured) -> None:
        """Between the parts of a training, correct the rate of every neuron by what it fires.

        Populations are corrected one after the other: what drives the next is then right.
        """
        if epoch not in self.recipe.correction_epochs:
            return
        recipe, network = self.recipe, self.chip.network
        x = train.x[: recipe.closed_loop_samples]
        with torch.no_grad():
            nominal = self.chip.nominal(recipe.quantise and epoch >= recipe.ideal_epochs)
            counted = self._run(self.chip.for_engine(nominal), x, self._seed(_ROUND, epoch))
            for k in self.chip.firing:
                expected = self.chip.expected(nominal, x)
                own = spiking_of(network).population(network.populations[k].name).neurons
                fitted = fit_correction(
                    self.chip.rate_table(nominal, k),
                    expected.flux[k],
                    expected.spread[k],
                    counted.spikes[:, own],
                    frame_ns=duration_ns(network, 1),
                )
                self.chip.corrections[k].copy_(torch.tensor(fitted))

    def refit(self, program: Program, train: Measured, validation: Measured) -> Program:
        """Fit the linear readout to what the program makes the neurons do, if `refit_samples` asks for it.

        Of the readouts that are fitted, rounded to the levels, and of the one that was trained, the program has the one
        that is right most often on the validation samples; of equal ones the first, which is the trained one.
        """
        most, output = self.recipe.refit_samples, self.chip.network.output
        if not most or not isinstance(output, LinearOutput):
            return program
        made = self.chip.programmed(program.values)
        known, tested = (
            readings(self.chip.network, self._run(made, part.x[:most], self._seed(seed)))
            for part, seed in ((train, _FIT), (validation, _CHOICE))
        )
        labels = validation.labels[:most]

        def right(weights: NDArray[np.float64]) -> float:
            scores = scores_of(self.chip.network, {READOUT: weights}, tested)
            return float((argmax_decode(scores) == labels).mean())

        slot = self.chip.slots[READOUT]
        before = best = right(program.values[READOUT])
        chosen, scaled = None, None
        for weights in fitted_readouts(known, train.labels[:most], output.classes):
            candidate = at_levels(weights, slot)
            if (found := right(slot.values(slot.codes(candidate)))) > best:
                best, chosen, scaled = found, slot.codes(candidate), candidate
        if chosen is not None and scaled is not None:
            program = _with_readout(program, chosen, scaled, slot.levels)
        results = {**program.header["results"], "trained_readout": before, "refitted_readout": best}
        return program.with_header({**program.header, "results": results})

    def _run(self, chip: FabricatedChip, x: Tensor, read_seed: int) -> SampleCounts:
        found = count_encoded(self.chip.network, chip, x.double().cpu().numpy(), read_seed=read_seed)
        return SampleCounts(found.spikes, found.mean_flux)

    def _seed(self, *purpose: int) -> int:
        return int(np.random.default_rng([self.recipe.train_seed, *purpose]).integers(2**62))


def _with_readout(
    program: Program, codes: NDArray[np.uint16], weights: NDArray[np.float64], levels: NDArray[np.float64]
) -> Program:
    """Put codes, and what they are of, in the place of the readout of a program."""
    for array in (codes, weights):
        array.setflags(write=False)
    return replace(
        program,
        codes={**(program.codes or {}), READOUT: codes},
        levels={**program.levels, READOUT: levels},
        ideal_values={**program.ideal_values, READOUT: weights},
    )


def _check(chip: TrainableSpikingChip, recipe: SpikingRateRecipe) -> None:
    """Refuse settings that mean nothing for what the chip's readout reads."""
    network = chip.network
    unused = ("count_gain", "fluxes") if reads_flux(network) else ("flux_gain", "spikes")
    usual = {item.name: item.default for item in fields(recipe)}
    if getattr(recipe, unused[0]) != usual[unused[0]]:
        raise RecipeError(
            f"{unused[0]} has no meaning for chip {network.name!r}, which reads {unused[1]}; leave it out"
        )
    if recipe.refit_samples and not isinstance(network.output, LinearOutput):
        raise RecipeError(
            f"refit_samples is {recipe.refit_samples}; chip {network.name!r} has no linear readout to fit; leave it out"
        )
    if recipe.closed_loop_rounds and not chip.firing:
        raise RecipeError(f"closed_loop_rounds: no neuron of chip {network.name!r} has to fire; leave it out")
