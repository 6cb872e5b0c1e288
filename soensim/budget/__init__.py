"""RoutedNetlist -> budget: counts, areas, light, power, latency and closed forms, each figure with its source."""

from soensim.budget.chip_budget import budget
from soensim.budget.limits import fan_in
from soensim.budget.line import BudgetLine, Number, stated

__all__ = ["BudgetLine", "Number", "budget", "fan_in", "stated"]
