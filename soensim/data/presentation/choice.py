"""Which presentation is taken where a user leaves a setting out: chosen from the shapes and values of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data.presentation.presentation import Presentation, Ranges
from soensim.data.presentation.text import FITTED
from soensim.errors import DataError

_MIDDLE = (1, 99)  # percentiles that `scale=middle` maps to 0 and 1


def choose(
    settings: Mapping[str, Any], train: NDArray[Any], others: Iterable[NDArray[Any]], lines: int | None
) -> Presentation:
    """Fill in what is not said.

    Parameters
    ----------
    settings
        What is said, as `soensim.data.presentation.text.read_settings` reads it.
    train
        Samples that ranges and lengths are taken from, as `Presentation` takes them.
    others
        Further samples, which may be presented: their lengths and whether they are in [0, 1] count too.
    lines
        Data lines of the chip; None where no chip is known.

    Raises
    ------
    DataError
        What is said does not fit the samples or the chip.
    """
    if lines is not None and settings.get("lines", lines) != lines:
        raise DataError(f"the presentation says lines={settings['lines']}, the chip has {lines} that carry data")
    chosen = {"lines": lines, **settings}
    whole = [train, *others]
    if chosen.get("scale") is None:
        chosen["scale"] = "none" if all(_in_unit_range(part) for part in whole) else _usual_scale(train)
    elif chosen["scale"] == "none":
        _check_unit_range(whole)
    if chosen["scale"] in FITTED:
        chosen["scale"] = _ranges(train, chosen["scale"])
    lengths = _lengths(whole)
    if chosen.get("frames") is None and len(lengths) > 1:
        chosen["frames"] = max(_lengths([train]))
    channels = (train[0] if train.dtype == object else train).shape[-1]
    if lines is not None and not {"channels", "join", "cut"} & settings.keys():
        frames = chosen.get("frames") or max(lengths)
        if channels > lines:
            chosen["cut"] = -(-channels // lines)
        elif (together := min(lines // channels, frames)) > 1:
            chosen["join"] = together
    return Presentation(**chosen)


def _lengths(parts: Iterable[NDArray[Any]]) -> set[int]:
    return {n for part in parts for n in ({len(s) for s in part} if part.dtype == object else {part.shape[1]})}


def _flat(part: NDArray[Any]) -> NDArray[Any]:
    """Return the frames of all samples, (frames, channels)."""
    return np.concatenate(list(part)) if part.dtype == object else part.reshape(-1, part.shape[-1])


def _in_unit_range(part: NDArray[Any]) -> bool:
    frames = _flat(part)
    return bool(frames.size == 0 or (np.nanmin(frames) >= 0 and np.nanmax(frames) <= 1))


def _check_unit_range(parts: Iterable[NDArray[Any]]) -> None:
    for part in parts:
        if not _in_unit_range(part):
            frames = _flat(part)
            raise DataError(
                f"the presentation says scale=none, and values reach {np.nanmin(frames):g} .. {np.nanmax(frames):g}; "
                "they must be in [0, 1]"
            )


def _usual_scale(train: NDArray[Any]) -> str | Ranges:
    """Bytes have the range of a byte; whole numbers that are alike in most channels (pixels, counts) one range.

    They are alike where more than half of the channels reach half of the highest value. All others have a range per
    channel.
    """
    if train.dtype == np.uint8:
        return ((0.0, 255.0),)
    frames = np.nan_to_num(_flat(train).astype(np.float64))
    highest = np.abs(frames).max(axis=0)
    alike = (2 * highest >= highest.max()).mean() > 0.5
    return "all" if alike and (frames == np.floor(frames)).all() else "line"


def _ranges(train: NDArray[Any], scale: str) -> Ranges:
    """Return the range of all channels, or of each: `line`, or `middle`, from the 1st to the 99th percentile.

    A channel whose two percentiles are one has its lowest and its highest value; one without any value has 0 .. 0.
    """
    frames = _flat(train).astype(np.float64)
    if scale == "all":
        frames = frames.reshape(-1, 1)
    known = ~np.isnan(frames).all(axis=0)
    low, high = np.zeros(frames.shape[1]), np.zeros(frames.shape[1])
    low[known], high[known] = np.nanmin(frames[:, known], axis=0), np.nanmax(frames[:, known], axis=0)
    if scale == "middle":
        inner = np.nanpercentile(frames[:, known], _MIDDLE, axis=0)
        wide = inner[0] < inner[1]
        low[known], high[known] = np.where(wide, inner, [low[known], high[known]])
    if len(low) == 1 and low[0] == high[0]:
        raise DataError(f"all values of the training samples are {low[0]:g}; there is nothing to learn")
    return tuple(zip(low.tolist(), high.tolist(), strict=True))
