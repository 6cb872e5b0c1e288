"""Which chips a training sees: how much virtual ones differ, or the one that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from soensim._runtime.words import shown_path
from soensim.errors import RecipeError, SimulationError
from soensim.fabrication import IMPERFECTIONS, MeasuredChip, read_sizes, with_asked
from soensim.network import Network
from soensim.training.recipes import Recipe


def training_spreads(network: Network, recipe: Recipe) -> dict[str, float]:
    """Size of every imperfection by name: from the recipe, and with `robust` from the netlist where that has none.

    A setting of 0 is none, while `spread: efficacy=0` is a size. Parameters follow, where there are any.

    Raises
    ------
    RecipeError
        The recipe has a spread that the chip cannot show, or asks for chips that would not differ.
    """
    flagged = {name: size for name in IMPERFECTIONS if (size := getattr(recipe, name, 0.0))}
    for name in flagged:
        if absent := IMPERFECTIONS[name].missing(network):
            raise RecipeError(f"{name}: chip {network.name!r} has {absent}")
    stated = network.spreads if recipe.robust else {}
    try:
        asked = with_asked(replace(network, spreads={**stated, **flagged}), read_sizes(recipe.spread)).spreads
    except SimulationError as error:
        raise RecipeError(f"spread: {error}") from error
    converters = [name for name in ("readout_adc_bits", "readout_adc_noise") if asked.get(name)]
    if converters and not recipe.sees_readout_converters:
        raise RecipeError(
            f"{converters[0]}: rule {recipe.rule!r} learns from the states before they are read; leave it out, or "
            "score with it (soensim evaluate --spread)"
        )
    spreads = {**dict.fromkeys(IMPERFECTIONS, 0.0), **asked}
    if recipe.robust and not any(spreads.values()):
        raise RecipeError(f"robust: chip {network.name!r} states no spread and no read noise; set some in the recipe")
    if recipe.validation_chips and not any(spreads.values()):
        raise RecipeError(
            "validation_chips would all be the nominal chip; add --robust or a spread, such as --efficacy-spread "
            "(robust, efficacy_spread in a recipe), or leave validation_chips out"
        )
    return spreads


def check_measured(measured: MeasuredChip, recipe: Recipe, spreads: Mapping[str, float]) -> None:
    """Refuse what has no meaning where a training is for one measured chip.

    Raises
    ------
    RecipeError
        The recipe draws virtual chips, or rounds on the chip as drawn; or what was measured holds for one program
        alone, or has a converter that the rule does not see.
    """
    name = shown_path(measured.file)
    drawn = [key for key, size in spreads.items() if size]
    if drawn:
        ask = "robust" if recipe.robust else drawn[0]
        raise RecipeError(
            f"{ask}: virtual chips are drawn, and the chip of {name} is not; leave it out (--no-robust), or the "
            "measured chip"
        )
    if recipe.calibration_samples:
        raise RecipeError(
            f"calibration_samples: it rounds for the chip as drawn, and not for that of {name}; leave it out"
        )
    if place := measured.of_one_program:
        raise RecipeError(
            f"{name}: says what efficacies of {place} were measured, and not what was asked for; a training asks for "
            "others, so add the column `asked` (soensim export --format targets writes it)"
        )
    converters = [key for key in ("adc_bits", "adc_noise") if measured.whole.get(key)]
    if converters and not recipe.sees_readout_converters:
        raise RecipeError(
            f"{name}: has {converters[0]}; rule {recipe.rule!r} learns from the states before they are read; remove "
            "its row for the training"
        )
