"""Presentations as text, `KEY=VALUE,KEY=VALUE`: what a user says, and what a program stores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from soensim._runtime.words import nearest, real_number, shown, whole_number
from soensim.data.presentation.presentation import Presentation
from soensim.errors import DataError

MOST = 1_000_000
"""Highest number of frames, channels, pieces or repeats that can be asked for."""

FITTED = ("line", "middle", "all")
"""Scales that stand for ranges of the training samples."""


def _count(word: str) -> int:
    number = whole_number(word)
    if not 1 <= number <= MOST:
        raise ValueError(word)
    return number


def _finite(word: str) -> float:
    number = real_number(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def _missing(word: str) -> str:
    return word if word in ("refuse", "hold", "linear") else repr(_finite(word))


def _scale(word: str) -> str | tuple[tuple[float, float], ...]:
    if word in ("none", "sample", *FITTED):
        return word
    ranges = []
    for part in word.split("/"):
        low, high = part.split(":")
        ranges.append((_finite(low), _finite(high)))
        if ranges[-1][0] > ranges[-1][1]:
            raise ValueError(word)
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        raise ValueError(word)
    return tuple(ranges)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(word: str) -> str:
        if word not in words:
            raise ValueError(word)
        return word

    return read


def _code(word: str) -> tuple[str, int]:
    if word == "level":
        return "level", 1
    kind, frames = word.split(":")
    return _one_of("rate", "latency")(kind), _count(frames)


_NUMBER = f"a whole number from 1 to {MOST}"
KEYS: Mapping[str, tuple[Callable[[str], Any], str]] = MappingProxyType(
    {
        "missing": (_missing, "refuse, hold, linear or a number"),
        "scale": (_scale, "none, line, middle, all, sample, LOW:HIGH, or LOW:HIGH/LOW:HIGH/… with a range per channel"),
        "frames": (_count, _NUMBER),
        "fit": (_one_of("resample", "mean", "pad"), "resample, mean or pad"),
        "channels": (_count, _NUMBER),
        "join": (_count, _NUMBER),
        "cut": (_count, _NUMBER),
        "lines": (_count, _NUMBER),
        "code": (_code, "level, rate:FRAMES or latency:FRAMES"),
        "repeat": (_count, _NUMBER),
    }
)
"""How each setting is read, and what is legal."""


def words_of(text: str, legal: tuple[str, ...], what: str) -> dict[str, str]:
    """Part `KEY=VALUE,KEY=VALUE`; refuse unknown keys and those that come twice.

    Raises
    ------
    DataError
        With the key, and what is legal.
    """
    words: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, mark, value = part.partition("=")
        if not mark or key not in legal:
            hint = nearest(key, legal)
            raise DataError(f"{what} has {shown(part)}; {hint}legal: KEY=VALUE with {', '.join(legal)}")
        if key in words:
            raise DataError(f"{what} has {key} twice; say it once")
        words[key] = value
    return words


def read_settings(words: Mapping[str, str], what: str) -> dict[str, Any]:
    """Read the values of settings of a presentation.

    Raises
    ------
    DataError
        With the setting, its value, and what is legal.
    """
    settings: dict[str, Any] = {}
    for key, word in words.items():
        read, legal = KEYS[key]
        try:
            value = read(word)
        except (ValueError, OverflowError) as error:
            raise DataError(f"{what} has {key}={shown(word)[1:-1]}; legal: {legal}") from error
        if key == "code":
            settings["code"], settings["code_frames"] = value
        else:
            settings[key] = value
    return settings


def read_presentation(text: str, what: str) -> Presentation:
    """Read a presentation that a program has stored: all that it was fitted to is in it.

    Raises
    ------
    DataError
        It is none.
    """
    settings = read_settings(words_of(text, tuple(KEYS), what), what)
    if settings.get("scale") in FITTED:
        raise DataError(f"{what} has scale={settings['scale']}, and not the ranges that it was fitted to")
    return Presentation(**settings)


def write_presentation(presentation: Presentation) -> str:
    """Write a presentation, without what is as usual; `read_presentation` gives an equal one."""
    parts = []
    for field in fields(presentation):
        value = getattr(presentation, field.name)
        if field.name == "code_frames" or value == field.default:
            continue
        if field.name == "scale" and not isinstance(value, str):
            value = "/".join(f"{low!r}:{high!r}" for low, high in value)
        if field.name == "code":
            value = f"{value}:{presentation.code_frames}"
        parts.append(f"{field.name}={value}")
    return ",".join(parts)
