"""From a data set's values and labels to the signals on a chip's input channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.data.dataset import Dataset, FloatArray
from soensim.data.encode import encode, label_lines
from soensim.errors import DataError
from soensim.network import Network


def check_fit(network: Network, dataset: Dataset) -> None:
    """Refuse a data set that does not fit the chip's input channels or its readout.

    Raises
    ------
    DataError
        The number of channels or classes differs, or the chip has no readout.
    """
    lines = network.lines("data")
    channels = 0 if lines is None else lines.channels.stop - lines.channels.start
    if channels != dataset.channels:
        raise DataError(
            f"data set {dataset.name!r} has {dataset.channels} channels, chip {network.name!r} has {channels} "
            "that carry data; choose another data set or change the input population's size"
        )
    if network.output is None:
        raise DataError(f"chip {network.name!r} has no readout; add one to the netlist to classify with it")
    if network.output.classes != dataset.classes:
        raise DataError(
            f"data set {dataset.name!r} has {dataset.classes} classes, the readout of chip {network.name!r} "
            f"has {network.output.classes}"
        )


def present(network: Network, values: FloatArray, labels: ArrayLike | None = None) -> NDArray[np.float32]:
    """Lay samples, and labels where the chip has label lines, onto the input channels.

    Parameters
    ----------
    network
        The chip; its input populations state the drive ranges.
    values
        In [0, 1], shape (batch, steps, data channels).
    labels
        Classes to hold on the label lines, shape (batch,); required exactly if the chip has such lines.

    Returns
    -------
    float32 array
        Signals (I_c), shape (batch, steps, channels).

    Raises
    ------
    DataError
        Values out of range, or labels missing or given in vain.
    """
    label_input = network.lines("label")
    if (labels is None) != (label_input is None):
        need = "has no label lines" if label_input is None else "needs labels for its label lines"
        raise DataError(f"chip {network.name!r} {need}")
    batch, steps, _ = values.shape
    signals = np.zeros((batch, steps, network.channels), dtype=np.float32)
    data_input = network.lines("data")
    if data_input is not None:
        signals[:, :, data_input.channels] = encode(values, data_input.drive_low, data_input.drive_high)
    if label_input is not None and labels is not None:
        classes = label_input.channels.stop - label_input.channels.start
        one_hot = label_lines(labels, classes, steps, 1.0)
        signals[:, :, label_input.channels] = encode(one_hot, label_input.drive_low, label_input.drive_high)
    return signals
