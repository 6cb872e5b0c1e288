"""RoutedNetlist -> budget: what a chip has, takes and costs, each figure with its formula and its source."""

from __future__ import annotations

from soensim.budget.area import area_entries
from soensim.budget.counts import count_entries
from soensim.budget.entry import BudgetEntry
from soensim.budget.inductors import inductor_entries
from soensim.budget.latency import latency_entries
from soensim.budget.limits import limit_entries
from soensim.budget.power import Operation, light_entries, power_entries
from soensim.routing import RoutedNetlist


def budget(
    routed: RoutedNetlist,
    *,
    rate_mhz: float | None = None,
    frame_samples: int | None = None,
    activity: float | None = None,
) -> tuple[BudgetEntry, ...]:
    """Make the budget of a chip.

    A chip that is not laid out has neither areas nor light; its entries say so.

    Parameters
    ----------
    routed
        The chip.
    rate_mhz
        Firing rate of every emitter (MHz); None: the highest that the chip can have, times the activity.
    frame_samples
        Input samples per frame; None: without the energy per frame.
    activity
        How active the chip is in the mean, 0 to 1; None: 1, the worst case. See `Operation`.

    Raises
    ------
    SoensimError
        A rate or a number of samples is not legal, or has no meaning on this chip.
    TechnologyError
        A number that a figure needs has no value. None is ever taken to be zero.
    """
    operation = Operation(rate_mhz, frame_samples, activity)
    entries = list(count_entries(routed))
    layout = routed.layout
    if layout is not None:
        entries += area_entries(routed, layout)
        entries += inductor_entries(routed.netlist, layout)
        if routed.netlist.has_waveguides:
            entries += light_entries(routed)
    entries += power_entries(routed, operation)
    entries += latency_entries(routed)
    if layout is not None:
        entries += limit_entries(routed, layout)
    return tuple(entries)
