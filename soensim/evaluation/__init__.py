"""Score a program on its chip: ideal weights, quantised codes, fabricated chips. Holds no physics and no training."""

from soensim.evaluation.analyses import Analyses
from soensim.evaluation.requirement import Requirement, Yield
from soensim.evaluation.result import Accuracy, Evaluation, LevelUse, MeasuredFile, Touched
from soensim.evaluation.score import evaluate, evaluate_network, predict, trial_seeds

__all__ = [
    "Accuracy",
    "Analyses",
    "Evaluation",
    "LevelUse",
    "MeasuredFile",
    "Requirement",
    "Touched",
    "Yield",
    "evaluate",
    "evaluate_network",
    "predict",
    "trial_seeds",
]
