"""Sizes of imperfections by name: read from text, checked, laid over those of a chip.

A name is that of an imperfection, with or without its `_spread` (`efficacy`), or one of its parameters
(`efficacy.correlation_um`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from soensim._runtime.words import DECIMAL, nearest, number_meant, shown
from soensim.errors import SimulationError
from soensim.fabrication.imperfections.base import IMPERFECTIONS, STAGES, Imperfection
from soensim.network import Network

_INFINITE = ("inf", "infinite")


def read_sizes(text: str) -> dict[str, float]:
    """Read sizes from text such as `efficacy=0.1, bias_current=0.02`; full names in the result.

    Raises
    ------
    SimulationError
        It is no such text; a name is unknown or given twice, or a size is not legal.
    """
    sizes: dict[str, float] = {}
    for part in text.split(",") if text.strip() else []:
        word, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or not word:
            raise SimulationError(f"{shown(part.strip())} is no size of an imperfection; write NAME=SIZE, efficacy=0.1")
        name = full_name(word)
        if name in sizes:
            raise SimulationError(f"{name} is given twice; keep one")
        sizes[name] = _number(name, number)
    check_sizes(sizes)
    return sizes


def written(sizes: Mapping[str, float]) -> str:
    """Write sizes as `read_sizes` reads them."""
    return ",".join(f"{name}={size!r}" for name, size in sizes.items())


def full_name(word: str) -> str:
    """Return the name of an imperfection, or of a parameter of one, that a word stands for.

    Raises
    ------
    SimulationError
        There is none; the message names the nearest, or all.
    """
    head, dot, parameter = word.partition(".")
    name = next((n for n in (head, f"{head}_spread") if n in IMPERFECTIONS), None)
    if name is None:
        near = nearest(head, [*IMPERFECTIONS, *(n.removesuffix("_spread") for n in IMPERFECTIONS)])
        raise SimulationError(f"no imperfection {shown(head)}; {near}there are {', '.join(IMPERFECTIONS)}")
    known = IMPERFECTIONS[name].parameters()
    if dot and parameter not in known:
        has = f"it has {', '.join(known)}" if known else "it has none beside its size"
        raise SimulationError(f"{name} has no parameter {shown(parameter)}; {nearest(parameter, known)}{has}")
    return f"{name}.{parameter}" if dot else name


def check_sizes(sizes: Mapping[str, float]) -> None:
    """Refuse unknown names, and sizes that are not legal.

    Raises
    ------
    SimulationError
        The first of them.
    """
    acting(sizes)


def acting(sizes: Mapping[str, float]) -> list[Imperfection]:
    """Make the imperfections that act: by stage, and in the order of the registry.

    Raises
    ------
    SimulationError
        A name is unknown, or a size or a parameter is not legal.
    """
    return list(_acting(tuple(sizes.items()), tuple(IMPERFECTIONS.values())))


@lru_cache(maxsize=16)  # the same for many chips
def _acting(items: tuple[tuple[str, float], ...], kinds: tuple[type[Imperfection], ...]) -> list[Imperfection]:
    sizes = dict(items)
    for name in sizes:
        if full_name(name) != name:
            raise SimulationError(f"no imperfection {name!r}; write {full_name(name)}")
    made = [_made(kind.name, sizes) for kind in kinds]
    return sorted((one for one in made if one.acts), key=lambda one: STAGES.index(one.stage))


def without_noise(sizes: Mapping[str, float]) -> dict[str, float]:
    """Leave out what is drawn anew while a chip runs."""
    return {name: size for name, size in sizes.items() if not IMPERFECTIONS[name.partition(".")[0]].is_noise}


def noise_only(sizes: Mapping[str, float]) -> dict[str, float]:
    """Take only what is drawn anew while a chip runs."""
    return {name: size for name, size in sizes.items() if IMPERFECTIONS[name.partition(".")[0]].is_noise}


def with_asked(network: Network, asked: Mapping[str, float]) -> Network:
    """Lay sizes that a user asks for over those of a chip.

    Raises
    ------
    SimulationError
        One of them can touch nothing on this chip.
    """
    sizes = {**network.spreads, **asked}
    active = {one.name for one in acting(sizes)}
    for name, value in asked.items():
        if lacking := _lacking(network, name, value, active):
            raise SimulationError(
                f"{name}={value:g} can touch nothing: chip {network.name!r} has {lacking}; leave it out"
            )
    return replace(network, spreads=sizes)


def _lacking(network: Network, name: str, value: float, active: set[str]) -> str:
    """Say what a chip lacks for an imperfection or a parameter of one to show; empty if nothing."""
    head, _, parameter = name.partition(".")
    kind = IMPERFECTIONS[head]
    if not parameter:
        return kind.missing(network) if value != 0 else ""
    if head not in active:
        return kind.missing(network) or f"no {head}: its size is 0"
    return kind.missing(network) or kind.parameter_absent(network, parameter, value)


def _made(name: str, sizes: Mapping[str, float]) -> Imperfection:
    kind = IMPERFECTIONS[name]
    given = {p: sizes[f"{name}.{p}"] for p in kind.parameters() if f"{name}.{p}" in sizes}
    return kind(sizes.get(name, 0.0), **given)


def _number(name: str, text: str) -> float:
    if text in _INFINITE and "." in name:
        return math.inf
    if not DECIMAL.fullmatch(text):
        advice = number_meant(text)
        raise SimulationError(f"{name} is {shown(text)}; it must be a number{f'; {advice}' if advice else ''}")
    return float(text)
