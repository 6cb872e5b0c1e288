"""Every epoch of a training as TensorBoard events; the package `tensorboard` is optional, torch is not needed."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soensim.data import Dataset
from soensim.errors import SoensimError
from soensim.report.figures.scores import confusion_of
from soensim.report.figures.style import png_bytes
from soensim.report.figures.trainings.sample_figure import SIDE, sample_grid

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure

_NAMES = {  # what TensorBoard groups by the part before the stroke
    "loss": "loss/all",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "validation_accuracy_chips": "accuracy/validation_chips",
    "generalisation_gap": "accuracy/generalisation_gap",
    "learning_rate": "optimiser/learning_rate",
    "gradient_norm": "optimiser/gradient_norm",
    "seconds": "seconds/all",
    "seconds_train": "seconds/train",
    "seconds_validation": "seconds/evaluation",
}
_GROUPS = ("loss", "goodness_positive", "goodness_negative", "separation")


class TensorBoard:
    """Writes what each epoch found into a folder; give it to `train` as ``watch``.

    Scalars: everything in the history, accuracy per class. Histograms: the values of every projection. Pictures:
    25 validation samples with their answers, and the confusion matrix. Hyperparameters: the recipe. Resuming into
    the same folder replaces the epochs there that are trained again. An epoch costs half a second, for
    its two pictures.

    Parameters
    ----------
    folder
        Where the events go; it is made.
    data
        What is trained on.
    settings
        The recipe, as plain data.

    Raises
    ------
    SoensimError
        The package `tensorboard` is not installed.
    """

    def __init__(self, folder: Path, data: Dataset, settings: Mapping[str, Any]) -> None:
        try:
            import tensorboard.summary  # noqa: F401
        except ImportError as error:
            raise SoensimError(
                "TensorBoard logging needs the package tensorboard; install it: pip install 'soensim[tensorboard]'"
            ) from error
        self._folder, self._data, self._settings = folder, data, settings
        self._writer: Any = None

    def __call__(
        self, row: Mapping[str, Any], values: Mapping[str, NDArray[np.float64]], answered: NDArray[np.int64]
    ) -> None:
        """Write one epoch."""
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        epoch = int(row["epoch"])
        if self._writer is None:
            self._open(epoch)
        for name, value in {**self._scalars(row), **self._per_class(answered)}.items():
            self._add(epoch, scalar_pb(name, value))
        for key, array in values.items():
            if array.size:
                self._add(epoch, histogram_pb(f"efficacies/{key}", array.ravel()))
        validation = self._data.validation
        shown = SIDE * SIDE
        grid = sample_grid(validation.inputs[:shown], validation.labels[:shown], answered[:shown])
        self._add(epoch, _image("validation/samples", grid))
        self._add(epoch, _image("validation/confusion", confusion_of(self._confusion(answered))))
        self._writer.flush()

    def _open(self, epoch: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(self._folder))
        # readers drop what an earlier session wrote of this epoch and later ones
        start = SessionLog(status=SessionLog.START)
        self._writer.add_event(Event(wall_time=time.time(), step=epoch, session_log=start))
        plain = {name: value for name, value in self._settings.items() if isinstance(value, bool | int | float | str)}
        self._add(epoch, hparams_pb(plain))

    def _add(self, epoch: int, summary: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        ours = Summary.FromString(summary.SerializeToString())
        self._writer.add_event(Event(wall_time=time.time(), step=epoch, summary=ours))

    def _scalars(self, row: Mapping[str, Any]) -> dict[str, float]:
        scalars = {}
        for name, value in row.items():
            group = next((g for g in _GROUPS if name.startswith(f"{g}_")), None)
            if name in _NAMES:
                scalars[_NAMES[name]] = float(value)
            elif group is not None:
                scalars[f"{group}/{name.removeprefix(f'{group}_')}"] = float(value)
            elif name in _GROUPS:
                scalars[f"{name}/all"] = float(value)
            elif name not in ("epoch", "phase"):
                scalars[f"measured/{name}"] = float(value)
        return scalars

    def _per_class(self, answered: NDArray[np.int64]) -> dict[str, float]:
        counts = self._confusion(answered)
        return {f"class/{k}": float(row[k] / row.sum()) for k, row in enumerate(counts) if row.sum()}

    def _confusion(self, answered: NDArray[np.int64]) -> NDArray[np.int64]:
        counts = np.zeros((self._data.classes, self._data.classes), dtype=np.int64)
        np.add.at(counts, (self._data.validation.labels, answered), 1)
        return counts


def _image(tag: str, figure: Figure) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    content = png_bytes(figure)
    width, height = struct.unpack(">2I", content[16:24])  # of the header of a PNG
    image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=content)
    return Summary(value=[Summary.Value(tag=tag, image=image)])
