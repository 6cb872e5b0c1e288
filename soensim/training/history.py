"""The history of a training: one row per epoch, averaged over its samples, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from soensim._runtime.atomic_write import write_atomic
from soensim.training.run_folder import HISTORY, HISTORY_CSV

if TYPE_CHECKING:
    from soensim.training.scoring import Scores

Row = dict[str, Any]
"""Numbers by name, and `phase`."""

POSITIVE, NEGATIVE, SEPARATION = "goodness_positive", "goodness_negative", "separation"


class Means:
    """Averages over samples of what a rule measures.

    They stay tensors until they are read: no batch waits for its own numbers, on a GPU or off it.
    """

    def __init__(self) -> None:
        self._seen: dict[str, list[Tensor]] = {}
        self._rows: dict[str, list[int]] = {}

    def add(self, measures: Mapping[str, Tensor], rows: int) -> None:
        """Add the means of a batch, over its number of samples."""
        for name, value in measures.items():
            self._seen.setdefault(name, []).append(value.detach())
            self._rows.setdefault(name, []).append(rows)

    def read(self, *names: str) -> dict[str, float]:
        """Return the averages so far, of these or of all; the one place that waits for the device."""
        chosen = names or tuple(self._seen)
        if not chosen:
            return {}
        averages = torch.stack([self._average(name) for name in chosen])
        return dict(zip(chosen, averages.tolist(), strict=True))

    def _average(self, name: str) -> Tensor:
        values = torch.stack(self._seen[name]).double()
        rows = torch.tensor(self._rows[name], dtype=values.dtype, device=values.device)
        return (values * rows).sum() / rows.sum()


class Seconds(NamedTuple):
    """What an epoch took on the clock."""

    train: float
    validation: float


def make_row(
    epoch: int, phase: str, means: Mapping[str, float], *, scores: Scores, learning_rate: float, seconds: Seconds
) -> Row:
    """Lay out the row of an epoch (from 1); ``means`` hold loss and gradient_norm, and what the rule measures."""
    return {
        "epoch": epoch,
        "phase": phase,
        **means,
        **separations(means),
        "train_accuracy": scores.train_accuracy,
        "validation_accuracy": scores.validation_accuracy,
        "generalisation_gap": scores.train_accuracy - scores.validation_accuracy,
        "learning_rate": learning_rate,
        "seconds_train": round(seconds.train, 3),
        "seconds_validation": round(seconds.validation, 3),
        "seconds": round(seconds.train + seconds.validation, 3),
        **scores.on_chips,
    }


def separations(means: Mapping[str, float]) -> dict[str, float]:
    """Return goodness of positive minus that of negative data, of the whole and of each population that has both."""
    endings = [name.removeprefix(POSITIVE) for name in means if name.startswith(POSITIVE)]
    return {f"{SEPARATION}{end}": means[POSITIVE + end] - means[NEGATIVE + end] for end in endings}


def write_history(run_dir: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write history.json and history.csv into a run folder."""
    write_atomic(run_dir / HISTORY, json.dumps(list(history), indent=1))
    write_atomic(run_dir / HISTORY_CSV, as_csv(history))


def as_csv(history: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as CSV; a column that a phase does not have is empty there."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, dict.fromkeys(name for row in history for name in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return buffer.getvalue()
