"""RoutedNetlist -> budget: counts, areas, light, power, latency and closed forms, each figure with its source."""

from soensim.budget.answer import AnswerCost, CostLine, answer_cost, answer_latency_ns
from soensim.budget.chip_budget import budget
from soensim.budget.energy import Activity, classification_energy
from soensim.budget.entry import BudgetEntry, Number, stated
from soensim.budget.limits import fan_in

__all__ = [
    "Activity",
    "AnswerCost",
    "BudgetEntry",
    "CostLine",
    "Number",
    "answer_cost",
    "answer_latency_ns",
    "budget",
    "classification_energy",
    "fan_in",
    "stated",
]
