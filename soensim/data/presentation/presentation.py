"""How samples of a user's own data come onto the lines of a chip: a fixed order of steps, each with one setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from soensim.data.dataset import FloatArray
from soensim.data.presentation import steps
from soensim.errors import DataError

Fit = Literal["resample", "mean", "pad"]
Code = Literal["level", "rate", "latency"]
Ranges = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Presentation:
    """Steps from samples as they are in a file, (frames, channels), to values in [0, 1], (frames, lines).

    They are taken in the order of the attributes. Every number that was chosen from training samples is in it, so that
    it does the same to other samples.

    Attributes
    ----------
    missing
        What is put where a value is missing: `refuse` (nothing: it is an error), `hold`, `linear`, or a number.
    scale
        `none`: the values are in [0, 1]. `sample`: the range of each sample is mapped to 0 .. 1. Else the ranges that
        are, (low, high) for all channels, or one per channel; values beyond are limited.
    frames, fit
        Number of frames; None: as they come. `resample` interpolates, `mean` averages over equal parts, `pad` appends
        zeros or cuts the end off.
    channels
        Neighbouring channels are averaged to this number; None: as they come.
    join
        This many frames are laid side by side into one.
    cut
        The channels of a frame are shown in this many pieces, one after the other.
    lines
        Lines of the chip: those that are left get zeros; None: as many as there are.
    code, code_frames
        `level`: a line is driven by the value. `rate`, `latency`: a frame becomes `code_frames` of zeros and ones.
    repeat
        The whole sequence is shown this often.
    """

    missing: str = "refuse"
    scale: Literal["none", "sample"] | Ranges = "none"
    frames: int | None = None
    fit: Fit = "resample"
    channels: int | None = None
    join: int = 1
    cut: int = 1
    lines: int | None = None
    code: Code = "level"
    code_frames: int = 1
    repeat: int = 1

    def __call__(self, source: NDArray[Any]) -> FloatArray:
        """Present samples.

        Parameters
        ----------
        source
            Real numbers, (samples, frames, channels), or (samples,) of arrays (frames, channels), whose lengths differ.

        Returns
        -------
        float array
            In [0, 1], (samples, frames, lines); double precision stays.

        Raises
        ------
        DataError
            A value is missing or beyond [0, 1] where nothing is said about it; a step does not fit the samples.
        """
        if source.dtype != object:
            return self._laid_out(self._of_one_length(source))
        lengths = {len(sample) for sample in source}
        if self.frames is None and len(lengths) > 1:
            raise DataError(f"samples have {min(lengths)} to {max(lengths)} frames; say how many with frames=N")
        alike = [self._of_one_length(sample[None]) for sample in source]
        return self._laid_out(np.concatenate(alike)) if alike else np.zeros((0, 1, 1))

    @property
    def told(self) -> str:
        """Say in words what is done, in its order."""
        fits = {"resample": "resampled to", "mean": "averaged to", "pad": "filled up with zeros or cut to"}
        if self.scale == "none":
            scale = "values as they are"
        elif self.scale == "sample":
            scale = "each sample from its own range to 0 .. 1"
        elif len(self.scale) == 1:
            scale = f"values from {self.scale[0][0]:g} .. {self.scale[0][1]:g} to 0 .. 1"
        else:
            scale = "each channel from its range in the training samples to 0 .. 1"
        steps_told = {
            f"missing values: {self.missing}": self.missing != "refuse",
            scale: True,
            f"{fits[self.fit]} {self.frames} frame{'' if self.frames == 1 else 's'}": self.frames is not None,
            f"channels averaged to {self.channels}": self.channels is not None,
            f"{self.join} frames side by side": self.join > 1,
            f"each frame in {self.cut} pieces": self.cut > 1,
            f"{self.code} code of {self.code_frames} frames": self.code != "level",
            f"shown {self.repeat} times": self.repeat > 1,
        }
        return ", ".join(text for text, is_done in steps_told.items() if is_done)

    def _of_one_length(self, source: NDArray[Any]) -> NDArray[Any]:
        whole = source if self.missing == "refuse" else steps.filled(source, self.missing)
        values = steps.as_float(whole)
        if self.scale == "sample":
            values = steps.scaled_alone(values) if values.size else values
        elif self.scale != "none":
            if len(self.scale) not in (1, values.shape[2]):
                raise DataError(
                    f"the presentation has the ranges of {len(self.scale)} channels, samples have {values.shape[2]}"
                )
            low, high = np.array(self.scale, dtype=np.float64).T
            values = steps.scaled(values, low, high)
        if self.frames is None:
            return values
        if self.fit == "resample":
            return steps.resampled(values, self.frames)
        return (steps.averaged if self.fit == "mean" else steps.padded)(values, self.frames, 1)

    def _laid_out(self, values: NDArray[Any]) -> FloatArray:
        given = values
        if self.channels is not None:
            values = steps.averaged(values, self.channels, 2)
        values = steps.cut(steps.joined(values, self.join), self.cut)
        if self.lines is not None:
            if values.shape[2] > self.lines:
                raise DataError(
                    f"a frame has {values.shape[2]} values for {self.lines} lines; show it in pieces (cut=N), or "
                    "average neighbours (channels=N)"
                )
            values = steps.padded(values, self.lines, 2)
        if self.code == "rate":
            values = steps.rate_code(values, self.code_frames)
        elif self.code == "latency":
            values = steps.latency_code(values, self.code_frames)
        if self.repeat > 1:
            values = np.tile(values, (1, self.repeat, 1))
        if values is given and self.scale == "none":
            return values
        limited: FloatArray = np.clip(values, 0, 1)  # means may be a rounding error beyond
        return limited
