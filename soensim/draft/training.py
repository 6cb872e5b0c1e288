"""The recipe of a first chip: as many steps of the optimiser as the shipped chips take."""

from __future__ import annotations

import math
from typing import Any

from soensim.draft.wish import Wish

STEPS = 1600  # with ideal weights, and as many through the levels: those of year1-28, 40 epochs of 1257 digits each
FEW_SAMPLES = 10_000
BATCH, LARGE_BATCH = 32, 128
LEAST_EPOCHS = 5
LEARNING_RATE = 0.02


def recipe_for(wish: Wish) -> dict[str, Any]:
    """Choose the settings of rule `bptt`."""
    batch = BATCH if wish.data.training_samples < FEW_SAMPLES else LARGE_BATCH
    per_epoch = math.ceil(wish.data.training_samples / batch)
    epochs = max(LEAST_EPOCHS, round(STEPS / per_epoch))
    settings = {"ideal_epochs": epochs, "epochs": epochs, "batch_size": batch, "learning_rate": LEARNING_RATE}
    return {**settings, "robust": True} if wish.medium == "optical" else settings
