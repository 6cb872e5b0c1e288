"""Learning rules, one module each: what is presented, what is scored, and how far a gradient goes.

A rule is made by its recipe (`soensim.training.recipes.Recipe.make_rule`), which is also where its name is.
"""

from soensim.training.rules.base import Loss, Measured, MeasuringRule, Rule, predict

__all__ = ["Loss", "Measured", "MeasuringRule", "Rule", "predict"]
