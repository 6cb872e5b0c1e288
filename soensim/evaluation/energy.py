"""Energy of a classification: what the test samples make the codes do on the nominal chip."""

from __future__ import annotations

from typing import NamedTuple

from soensim.budget import BudgetEntry, classification_energy
from soensim.data import Split
from soensim.errors import TechnologyError
from soensim.network import Network
from soensim.program import Program
from soensim.routing import RoutedNetlist
from soensim.simulation import measure_activity


class Spent(NamedTuple):
    """Figures of the energy, or why there are none; empty and None where no light carries a rate."""

    figures: tuple[BudgetEntry, ...] = ()
    why_unknown: str | None = None


def measure_energy(routed: RoutedNetlist, network: Network, program: Program, test: Split, read_seed: int) -> Spent:
    """Say what a classification costs on a chip whose light carries rates.

    A number that the technology lacks is no error here: accuracies do not depend on it.
    """
    if network.light is None:
        return Spent()
    activity = measure_activity(network, program, test.inputs, read_seed=read_seed)
    try:
        return Spent(classification_energy(routed, activity))
    except TechnologyError as error:
        return Spent(why_unknown=str(error))
