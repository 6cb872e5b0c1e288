"""Strategy `direct`: straight lines from emitters to detectors, in one plane."""

from __future__ import annotations

from soensim.errors import RoutingError
from soensim.routing.problem import OpticalProblem

#: Crossings are counted pair by pair; this many lines take about 30 s on two cores (measured: 27 s).
MAX_STRAIGHT_LINES = 50_000


def direct(problem: OpticalProblem) -> None:
    """Use no trees on the routing grid: every detector has a straight line of its own.

    Raises
    ------
    RoutingError
        There are more lines than it can count the crossings of.
    """
    if problem.nets.sinks > MAX_STRAIGHT_LINES:
        raise RoutingError(
            f"netlist {problem.chip!r}: `direct` counts crossings pair by pair and takes up to "
            f"{MAX_STRAIGHT_LINES} optical edges, not {problem.nets.sinks}; take routing.strategy crossbar or manhattan"
        )
