"""How much the virtual chips of a training differ."""

from __future__ import annotations

from dataclasses import replace

from soensim.errors import RecipeError, SimulationError
from soensim.fabrication import IMPERFECTIONS, read_sizes, with_asked
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
        if absent := IMPERFECTIONS[name].absent(network):
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
