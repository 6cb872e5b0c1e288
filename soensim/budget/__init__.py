"""RoutedNetlist -> budget: counts, areas, light, power, latency and closed forms, each figure with its source."""

from soensim.budget.chip_budget import budget
from soensim.budget.energy import Activity, classification_energy
from soensim.budget.entry import BudgetEntry, Number, stated
from soensim.budget.limits import fan_in

__all__ = ["Activity", "BudgetEntry", "Number", "budget", "classification_energy", "fan_in", "stated"]
