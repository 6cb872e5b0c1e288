"""Cost of an answer: what the test samples make the codes do on the nominal chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.budget import AnswerCost, BudgetEntry, answer_cost, classification_energy
from soensim.data import Split
from soensim.errors import TechnologyError
from soensim.network import Network
from soensim.program import Program
from soensim.routing import RoutedNetlist
from soensim.simulation import measure_activity


class Spent(NamedTuple):
    """What an answer costs, and its spikes by source; where light carries rates energies too, or why there are none."""

    cost: AnswerCost
    spikes: Mapping[str, NDArray[np.float64]]
    figures: tuple[BudgetEntry, ...] = ()
    why_unknown: str | None = None


def measure_cost(routed: RoutedNetlist, network: Network, program: Program, test: Split, read_seed: int) -> Spent:
    """Say what an answer costs.

    A number that the technology lacks is no error here: accuracies do not depend on it.
    """
    activity = measure_activity(network, program, test.inputs, read_seed=read_seed)
    cost = answer_cost(routed, activity)
    if network.light is None or network.spiking is not None:
        return Spent(cost, activity.spikes)
    try:
        return Spent(cost, activity.spikes, classification_energy(routed, activity))
    except TechnologyError as error:
        return Spent(cost, activity.spikes, why_unknown=str(error))
