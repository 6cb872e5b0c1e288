"""Score a program on its chip: ideal weights, quantised codes, fabricated chips. Holds no physics and no training."""

from soensim.evaluation.score import Accuracy, Evaluation, evaluate, predict

__all__ = ["Accuracy", "Evaluation", "evaluate", "predict"]
