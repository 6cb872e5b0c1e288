"""What a training shows on standard error while it runs: a bar on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

from soensim._runtime.compile_notice import report_compile_time
from soensim.training.history import Means, Row

_EVERY = 20  # batches between two looks at the loss: each waits for the device
_BAR = "{desc} {percentage:3.0f}%|{bar}| {remaining} left, {rate_fmt}{postfix}"


class Progress:
    """Progress over all epochs of all phases: loss, accuracies, time left, samples per second.

    Parameters
    ----------
    epochs, done
        Of the whole training, and those that a resumed one has behind it.
    samples
        In an epoch.
    shown
        False shows nothing.
    """

    def __init__(self, epochs: int, done: int, samples: int, *, shown: bool) -> None:
        self._epochs, self._done, self._samples = epochs, done, samples
        self._terminal = sys.stderr.isatty()
        self._lines = shown and not self._terminal
        self._started = time.perf_counter()
        self._batches = 0
        self._accuracy = ""
        self._bar = tqdm(
            total=epochs * samples,
            initial=done * samples,
            unit=" samples",
            smoothing=0,  # the mean rate, validation included: what the time left depends on
            bar_format=_BAR,
            disable=not (shown and self._terminal),
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()

    def begin(self, epoch: int, phase: str) -> None:
        """Name the epoch (from 1) that starts."""
        self._bar.set_description_str(f"epoch {epoch}/{self._epochs} {phase}", refresh=False)

    def batch(self, rows: int, means: Means) -> None:
        """Count a batch."""
        report_compile_time()  # the first batch needs all kernels
        self._batches += 1
        if not self._bar.disable and self._batches % _EVERY == 0:
            self._bar.set_postfix_str(f"loss {means.read('loss')['loss']:.4g}{self._accuracy}", refresh=False)
        self._bar.update(rows)

    def end(self, row: Row) -> None:
        """Show the row of the epoch."""
        self._accuracy = f", train {row['train_accuracy']:.1%}, validation {row['validation_accuracy']:.1%}"
        self._bar.set_postfix_str(f"loss {row['loss']:.4g}{self._accuracy}")
        if self._lines:
            sys.stderr.write(f"{self._line(row)}\n")
            sys.stderr.flush()

    def _line(self, row: dict[str, Any]) -> str:
        here = row["epoch"] - self._done
        left = (time.perf_counter() - self._started) / here * (self._epochs - row["epoch"])
        rate = self._samples / max(row["seconds_train"], 1e-3)
        return (
            f"epoch {row['epoch']}/{self._epochs} {row['phase']}: loss {row['loss']:.4g}{self._accuracy}, "
            f"{rate:,.0f} samples/s, {tqdm.format_interval(left)} left"
        )
