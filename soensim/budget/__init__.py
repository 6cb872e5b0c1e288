"""RoutedNetlist -> budget: counts, areas, light, power, latency and closed forms, each figure with its source."""

from soensim.budget.chip_budget import budget
from soensim.budget.entry import BudgetEntry, Number, stated
from soensim.budget.limits import fan_in

__all__ = ["BudgetEntry", "Number", "budget", "fan_in", "stated"]
