"""Folders of sound, one folder per class: the logarithm of the power in bands of the mel scale.

A frame is a Hann window of two hops; bands are triangles, evenly spaced on m = 2595 log10(1 + f / 700 Hz) (D.
O'Shaughnessy, Speech Communication, 1987), the weights of each with the sum 1. Values are decibels, of at least 1e-10.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown_path
from soensim.data.formats.class_folders import read_folders
from soensim.data.formats.format import Format
from soensim.data.formats.numbers import above_zero, count_of
from soensim.data.own.labelled import Raw
from soensim.errors import DataError
from soensim.files import open_regular

ENDINGS = (".wav",)
MAX_BYTES = 2 * 2**30
_FLOOR = 1e-10
_DAMAGE = (ValueError, EOFError, TypeError, LookupError, MemoryError, ArithmeticError, NameError, struct.error)
"""What scipy raises on damaged content."""
_LEAST_WINDOW = 16  # samples
OPTIONS = MappingProxyType(
    {
        "bands": "number of bands (usual: 20)",
        "hop_ms": "time from frame to frame (usual: 20)",
        "low_hz": "lower end of the lowest band (usual: 50)",
        "high_hz": "upper end of the highest band (usual: half of the sampling rate)",
    }
)


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:
    """Read sounds as mel bands, (frames, bands); lengths differ.

    Raises
    ------
    DataError
        One cannot be read, is shorter than a window, or has another sampling rate than the first; or a setting is not
        legal.
    """
    bands = count_of("wav", "bands", options.get("bands", "20"), 1000)
    hop_ms, low_hz = (
        above_zero("wav", "hop_ms", options.get("hop_ms", "20")),
        above_zero("wav", "low_hz", options.get("low_hz", "50")),
    )
    high = None if "high_hz" not in options else above_zero("wav", "high_hz", options["high_hz"])
    first: dict[str, int] = {}

    def sound(path: Path) -> NDArray[np.float64]:
        rate_hz, wave = _wave(path)
        if first.setdefault("rate", rate_hz) != rate_hz:
            raise DataError(
                f"{shown_path(path)}: has {rate_hz} samples per second, the first file {first['rate']}; bring all "
                "to one rate"
            )
        high_hz = rate_hz / 2 if high is None else high
        if not low_hz < high_hz <= rate_hz / 2:
            raise DataError(
                f"{shown_path(path)}: bands from {low_hz:g} to {high_hz:g} Hz; legal: low_hz < high_hz, up to half of "
                f"its {rate_hz} samples per second"
            )
        hop = max(round(hop_ms * 1e-3 * rate_hz), 1)
        if len(wave) < 2 * hop or 2 * hop < _LEAST_WINDOW:
            raise DataError(
                f"{shown_path(path)}: has {len(wave)} samples; a window of {2 * hop} ({2 * hop_ms:g} ms) does not fit; "
                f"change hop_ms ({_LEAST_WINDOW} samples at least)"
            )
        return mel_bands(wave, rate_hz, hop, (bands, low_hz, high_hz))

    return read_folders(paths, ENDINGS, sound)


def mel_bands(
    wave: NDArray[np.float64], rate_hz: int, hop: int, bands: tuple[int, float, float]
) -> NDArray[np.float64]:
    """Return the power in mel bands (dB), shape (frames, bands).

    Parameters
    ----------
    wave
        Samples, full scale -1 .. 1.
    rate_hz
        Samples per second.
    hop
        Samples from frame to frame; a window is twice as long.
    bands
        Their number, the lower end of the lowest and the upper end of the highest one (Hz).
    """
    window = np.hanning(2 * hop + 1)[:-1]
    starts = np.arange(0, len(wave) - 2 * hop + 1, hop)
    frames = wave[starts[:, None] + np.arange(2 * hop)] * window
    power = np.abs(np.fft.rfft(frames)) ** 2 / window.sum() ** 2
    return np.asarray(10 * np.log10(power @ _weights(hop, rate_hz, *bands).T + _FLOOR))


@lru_cache(maxsize=8)
def _weights(hop: int, rate_hz: int, bands: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return the weights of the frequencies in each band, (bands, hop + 1); one without any takes the nearest."""
    frequencies = np.arange(hop + 1) * rate_hz / (2 * hop)
    lowest, highest = (2595 * math.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    mels = np.linspace(lowest, highest, bands + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    weights = np.maximum(np.minimum(rising, falling), 0)
    empty = np.flatnonzero(weights.sum(axis=1) == 0)
    weights[empty, np.abs(frequencies - middle[empty]).argmin(axis=1)] = 1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _wave(path: Path) -> tuple[int, NDArray[np.float64]]:
    """Read the samples of a file, the mean of its channels, full scale -1 .. 1."""
    from scipy.io import wavfile  # slow import

    where = shown_path(path)
    with open_regular(path, limit_bytes=MAX_BYTES, error=DataError, what="WAV file") as stream:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # chunks that are not sound
                rate_hz, samples = wavfile.read(stream)
        except _DAMAGE as error:
            raise DataError(f"{where}: cannot be read as a WAV file: {error}") from error
    if samples.size == 0 or rate_hz < 1:
        raise DataError(f"{where}: holds no sound")
    wave = samples.astype(np.float64)
    if samples.dtype == np.uint8:
        wave = (wave - 128) / 128
    elif samples.dtype.kind == "i":
        wave /= -float(np.iinfo(samples.dtype).min)
    if not np.isfinite(wave).all():
        raise DataError(f"{where}: holds a value that is not a finite number")
    return int(rate_hz), wave if wave.ndim == 1 else wave.mean(axis=1)


FORMAT = Format(
    "wav",
    ENDINGS,
    "a folder of WAV files with a folder per class, as mel bands; TRAIN,TEST or train/ and test/",
    read,
    OPTIONS,
    True,
)
