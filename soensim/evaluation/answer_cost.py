"""Cost of an answer: what the test samples make the codes do on the nominal chip."""

from __future__ import annotations

from typing import NamedTuple

from soensim.budget import AnswerCost, BudgetEntry, answer_cost, classification_energy
from soensim.data import Split
from soensim.errors import TechnologyError
from soensim.network import Network
from soensim.program import Program
from soensim.routing import RoutedNetlist
from soensim.simulation import measure_activity


class Spent(NamedTuple):
    """What an answer costs; where light carries rates, figures of its energy too, or why there are none."""

    cost: AnswerCost
    figures: tuple[BudgetEntry, ...] = ()
    why_unknown: str | None = None


def measure_cost(routed: RoutedNetlist, network: Network, program: Program, test: Split, read_seed: int) -> Spent:
    """Say what an answer costs.

    A number that the technology lacks is no error here: accuracies do not depend on it.
    """
    activity = measure_activity(network, program, test.inputs, read_seed=read_seed)
    cost = answer_cost(routed, activity)
    if network.light is None or network.spiking is not None:
        return Spent(cost)
    try:
        return Spent(cost, classification_energy(routed, activity))
    except TechnologyError as error:
        return Spent(cost, why_unknown=str(error))
