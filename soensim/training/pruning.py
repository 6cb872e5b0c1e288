"""The pruning of one training: its schedule, and the chip that is left of the one that it began with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soensim.errors import RecipeError
from soensim.network import Network
from soensim.routing.placement import FloatArray, IntArray
from soensim.training.pruned_chip import PrunedChip
from soensim.training.recipes import Recipe
from soensim.training.run_options import RunOptions
from soensim.training.wiring_budget import PRUNED_SHARE, LengthSchedule

_UM_PER_MM = 1e3


class Pruning:
    """The pruning of one training.

    Parameters
    ----------
    chip
        The chip with all its edges.
    budget_um
        Length that its recurrent edges may take in the end (um).
    steps
        Number of steps over which edges go.

    Raises
    ------
    RecipeError
        The shortest edge of each recurrent projection takes more.
    """

    def __init__(self, chip: PrunedChip, budget_um: float, steps: int) -> None:
        self.chip, self.budget_um = chip, budget_um
        self.schedule = LengthSchedule(chip.length_um, budget_um, steps)
        shortest_um = chip.shortest_um
        if shortest_um > budget_um:
            raise RecipeError(
                f"wiring_budget_mm is {budget_um / _UM_PER_MM:.6g}; the shortest edge of each recurrent projection "
                f"takes {shortest_um / _UM_PER_MM:.6g} mm: give more"
            )

    def is_due(self, step: int) -> bool:
        """Whether edges may go after this step of the training (counted from 1)."""
        return self.schedule.is_due(step)

    def prune(self, step: int, weights: Mapping[str, FloatArray]) -> None:
        """Take edges out until the rest takes no more than the schedule allows after this step."""
        self.chip = self.chip.within(self.schedule.length_um(step), weights)

    def restore(self, kept: Mapping[str, IntArray]) -> None:
        """Take the edges that a checkpoint has.

        Raises
        ------
        RecipeError
            The chip does not have them.
        """
        whole = self.chip.whole
        sizes = {p.key: len(whole.edges(p)) for p in whole.projections}
        fine = kept.keys() == sizes.keys() and all(_is_places(kept[key], size) for key, size in sizes.items())
        if not fine:
            raise RecipeError("holds other edges than this chip has")
        self.chip = self.chip.left(kept)

    @property
    def measures(self) -> dict[str, float]:
        """What the history has of it."""
        return {"wiring_mm": self.chip.length_um / _UM_PER_MM, "recurrent_edges": float(self.chip.edges)}


def make_pruning(network: Network, recipe: Recipe, options: RunOptions, samples: int) -> Pruning | None:
    """Make the pruning that a recipe asks for; None where it has no wiring budget.

    Parameters
    ----------
    network
        The chip.
    recipe
        The recipe.
    options
        Those of the training: the routes of the chip.
    samples
        Number of training samples.

    Raises
    ------
    RecipeError
        The chip has nothing to prune, or the budget cannot be met; its routes are not given, or are of another chip; a
        measured chip is given; or the rule does not train the recurrent edges.
    """
    if not recipe.wiring_budget_mm:
        return None
    if untrained := recipe.untrained_edges:
        raise RecipeError(f"wiring_budget_mm: {untrained}, so that their size says nothing; leave it out")
    if options.measured is not None:
        raise RecipeError("wiring_budget_mm: a measured chip exists, and its edges cannot be pruned; leave one out")
    if options.routed is None:
        raise RecipeError("wiring_budget_mm needs the routes of the chip: train(…, routed=route(netlist))")
    if options.routed.hash != network.netlist_hash:
        raise RecipeError("wiring_budget_mm: the routes are of another chip than the network; compile it from them")
    batches = recipe.unquantised_epochs * -(-samples // recipe.batch_size)
    chip = PrunedChip.of(options.routed)
    return Pruning(chip, recipe.wiring_budget_mm * _UM_PER_MM, max(1, int(PRUNED_SHARE * batches)))


def _is_places(places: IntArray, size: int) -> bool:
    """Whether these are ascending places among this number."""
    if places.ndim != 1 or places.dtype != np.int64 or not len(places):
        return len(places) == size == 0
    return bool(places[0] >= 0 and places[-1] < size and (np.diff(places) > 0).all())
