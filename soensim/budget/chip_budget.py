"""RoutedNetlist -> budget: what a chip has, takes and costs, each figure with its formula and its source."""

from __future__ import annotations

from soensim.budget.area import area_lines
from soensim.budget.counts import count_lines
from soensim.budget.latency import latency_lines
from soensim.budget.limits import limit_lines
from soensim.budget.line import BudgetLine
from soensim.budget.power import Operation, light_lines, power_lines
from soensim.routing import RoutedNetlist


def budget(
    routed: RoutedNetlist, *, rate_mhz: float | None = None, frame_samples: int | None = None
) -> tuple[BudgetLine, ...]:
    """Make the budget of a chip.

    A chip that is not laid out has neither areas nor light; its lines say so.

    Parameters
    ----------
    routed
        The chip.
    rate_mhz
        Firing rate of every emitter (MHz); None: the highest of the technology.
    frame_samples
        Input samples per frame; None: without the energy per frame.

    Raises
    ------
    SoensimError
        A rate or a number of samples is not legal, or has no meaning on this chip.
    TechnologyError
        A number that a figure needs has no value. None is ever taken to be zero.
    """
    operation = Operation(rate_mhz, frame_samples)
    lines = list(count_lines(routed))
    layout = routed.layout
    if layout is not None:
        lines += area_lines(routed, layout)
        if routed.netlist.has_waveguides:
            lines += light_lines(routed)
    lines += power_lines(routed, operation)
    lines += latency_lines(routed)
    if layout is not None:
        lines += limit_lines(routed, layout)
    return tuple(lines)
