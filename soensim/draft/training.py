"""The recipe of a first chip: as many steps of the optimiser as the shipped chips of its medium take."""

from __future__ import annotations

import math
from typing import Any

from soensim.draft.wish import Wish

# Of year1-28 and optical-28: 1257 digits in batches of 32.
IDEAL_STEPS = {"electrical": 1600, "optical": 1600}
STEPS = {"electrical": 1600, "optical": 1600}
FEW_SAMPLES = 10_000
BATCH, LARGE_BATCH = 32, 128
LEAST_EPOCHS = 5
LEARNING_RATE = 0.02


def recipe_for(wish: Wish) -> dict[str, Any]:
    """Choose the settings of rule `bptt`."""
    batch = BATCH if wish.data.training_samples < FEW_SAMPLES else LARGE_BATCH
    per_epoch = math.ceil(wish.data.training_samples / batch)
    ideal, quantised = (max(LEAST_EPOCHS, round(steps[wish.medium] / per_epoch)) for steps in (IDEAL_STEPS, STEPS))
    settings = {"ideal_epochs": ideal, "epochs": quantised, "batch_size": batch, "learning_rate": LEARNING_RATE}
    return {**settings, "robust": True} if wish.medium == "optical" else settings
