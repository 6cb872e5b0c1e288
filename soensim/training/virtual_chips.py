"""How much the virtual chips of a training differ."""

from __future__ import annotations

from soensim.errors import RecipeError
from soensim.fabrication import IMPERFECTIONS
from soensim.network import Network
from soensim.training.recipes import Recipe


def training_spreads(network: Network, recipe: Recipe) -> dict[str, float]:
    """Size of every imperfection by name: from the recipe, and with `robust` from the netlist where that has 0.

    Raises
    ------
    RecipeError
        The recipe has a spread that the chip cannot show, or asks for chips that would not differ.
    """
    # a recipe has no setting for an imperfection that was registered after its class was made
    given = {name: getattr(recipe, name, 0.0) for name in IMPERFECTIONS}
    for name, kind in IMPERFECTIONS.items():
        if given[name] and (absent := kind.absent(network)):
            raise RecipeError(f"{name}: chip {network.name!r} has {absent}")
    stated = {**network.spreads, "read_noise_flux": network.read_noise_flux} if recipe.robust else {}
    spreads = {name: given[name] or stated.get(name, 0.0) for name in IMPERFECTIONS}
    if recipe.robust and not any(spreads.values()):
        raise RecipeError(f"robust: chip {network.name!r} states no spread and no read noise; set some in the recipe")
    if recipe.validation_chips and not any(spreads.values()):
        raise RecipeError(
            "validation_chips would all be the nominal chip; add --robust or a spread, such as --efficacy-spread "
            "(robust, efficacy_spread in a recipe), or leave validation_chips out"
        )
    return spreads
