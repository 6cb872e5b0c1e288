"""Whether decisions depend on the integration step: they are compared between steps of the same chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

#: From this change of the accuracy on, a step is said to matter.
MATTERS = 0.01


@dataclass(frozen=True)
class StepChanges:
    """What other steps change in the answers of the quantised codes on the nominal chip.

    Attributes
    ----------
    training
        Share of the test samples that are classified otherwise at the step of the training.
    finer
        The same at a step twice finer than the scored one; None where none was taken: the step is part of the model of
        a chip without SQUIDs, and a chip may be too large for it.
    finer_accuracy
        Accuracy at that step, or None.
    """

    training: float
    finer: float | None = None
    finer_accuracy: float | None = None


def compare_steps(answers: IntArray, training: IntArray, finer: IntArray | None, labels: IntArray) -> StepChanges:
    """Compare the answers at the scored step with those at other steps, shape (samples,) each."""
    if finer is None:
        return StepChanges(float(np.mean(answers != training)))
    return StepChanges(
        float(np.mean(answers != training)), float(np.mean(answers != finer)), float(np.mean(finer == labels))
    )
