"""From a data set's values and labels to the signals on a chip's input channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soensim.data.dataset import Dataset, FloatArray
from soensim.data.encoding import checked_labels, encode
from soensim.dynamics import Array, HeldFrames, InputSignal, array_namespace, normalise
from soensim.errors import DataError
from soensim.netlist import Netlist
from soensim.network.network import InputLines, Network


def data_lines(chip: Network | Netlist) -> int:
    """Return how many lines of a chip carry the values of a data set; 0 where none does."""
    if isinstance(chip, Network):
        lines = chip.lines("data")
        return 0 if lines is None else lines.channels.stop - lines.channels.start
    sizes = [lines.size for lines in chip.inputs.values() if lines.carries == "data"]
    sizes += [lines.size for lines in chip.spike_inputs.values() if lines.code is not None]
    return next(iter(sizes), 0)


def check_fit(network: Network, dataset: Dataset) -> None:
    """Refuse a data set that does not fit the chip's input channels or its readout.

    Raises
    ------
    DataError
        The number of channels or classes differs, or the chip has no readout.
    """
    channels = data_lines(network)
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


def encode_data(network: Network, values: FloatArray) -> FloatArray:
    """Map a data set's values in [0, 1] to the drive range of the chip's data lines, (batch, frames, data channels).

    Raises
    ------
    DataError
        Values out of range.
    """
    line = network.lines("data")
    if line is None:
        return values[:, :, :0]
    return encode(values, line.drive_low, line.drive_high)


def signals(network: Network, data: Array, labels: Array | None = None) -> list[InputSignal]:
    """Lay encoded samples, and hypotheses on their labels, onto the input populations; numpy or torch.

    Parameters
    ----------
    network
        The chip: how long a frame of the data is held, when labels come on, what is normalised.
    data
        What `encode_data` made, shape (batch, frames, data channels).
    labels
        Classes, shape (hypotheses, batch) or (hypotheses, 1); required exactly if the chip has label lines.

    Returns
    -------
    list
        One signal per input population; leading axes broadcast to (hypotheses, batch).

    Raises
    ------
    DataError
        Labels are missing or given in vain.
    """
    if (labels is None) != (network.labels == 0):
        need = "has no label lines" if network.labels == 0 else "needs labels for its label lines"
        raise DataError(f"chip {network.name!r} {need}")
    frames = data.shape[1]
    samples = frames * network.hold_samples
    held = [k // network.hold_samples for k in range(samples)]
    data_line = network.lines("data")
    parts = []
    for line in network.inputs:
        size = line.channels.stop - line.channels.start
        if line.carries == "label":
            off = _zeros(data, size) + line.drive_low
            on = normalise(_one_hot(line, labels, size, data)[:, :, None], line.normalisation)
            shown = [int(k >= network.unlabelled_samples) for k in range(samples)]
            parts.append(InputSignal([off, on], shown))
        elif line is data_line:
            block = data[None]
            if line.label_channels:
                one_hot = _one_hot(line, labels, line.label_channels, data)[:, :, None]
                block = _overlay(block, one_hot)
            parts.append(InputSignal([normalise(block, line.normalisation)], held))
        else:
            parts.append(InputSignal([_zeros(data, size)], [0] * samples))
    return parts


def _zeros(like: Array, channels: int) -> Array:
    return array_namespace(like).zeros((1, 1, 1, channels), dtype=like.dtype)


def _one_hot(line: InputLines, labels: Array, classes: int, like: Array) -> Array:
    """Drive of label lines, shape (hypotheses, batch, classes)."""
    xp = array_namespace(like)
    return (xp.eye(classes, dtype=like.dtype) * (line.drive_high - line.drive_low) + line.drive_low)[labels]


def _overlay(block: Array, one_hot: Array) -> Array:
    """Write the label over the first channels of every frame, as Hinton does with the first pixels."""
    xp = array_namespace(block)
    shape = (*np.broadcast_shapes(block.shape[:2], one_hot.shape[:2]), block.shape[2])
    return xp.concatenate(
        [
            xp.broadcast_to(one_hot, (*shape, one_hot.shape[-1])),
            xp.broadcast_to(block[..., one_hot.shape[-1] :], (*shape, block.shape[-1] - one_hot.shape[-1])),
        ],
        -1,
    )


def present(network: Network, values: FloatArray, labels: ArrayLike | None = None) -> FloatArray:
    """Lay samples, and labels where the chip has label lines, onto the input channels.

    Parameters
    ----------
    network
        The chip; its input populations state the drive ranges.
    values
        In [0, 1], shape (batch, frames, data channels).
    labels
        Classes to hold on the label lines, shape (batch,); required exactly if the chip has such lines.

    Returns
    -------
    array
        Signals (I_c), shape (batch, samples, channels), in the precision of ``values``: every frame is held as long as
        the netlist says.

    Raises
    ------
    DataError
        Values out of range, or labels missing, given in vain, or no classes of the chip.
    """
    checked = None if labels is None else checked_labels(labels, network.labels or 1)[None]
    parts = signals(network, encode_data(network, values), checked)
    samples = values.shape[1] * network.hold_samples
    whole = np.empty((len(values), samples, network.channels), dtype=values.dtype)
    for line, part in zip(network.inputs, parts, strict=True):
        held = HeldFrames(part)
        for sample in range(samples):
            whole[:, sample, line.channels] = held.at(sample)[0]
    return whole


def split_channels(network: Network, inputs: Array) -> list[InputSignal]:
    """Take signals on all channels, shape (batch, samples, channels), apart by input population."""
    return [InputSignal([inputs[:, :, line.channels]], range(inputs.shape[1])) for line in network.inputs]
