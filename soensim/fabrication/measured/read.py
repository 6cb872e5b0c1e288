"""The reader of measured values: every fault of the file in one line with its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import DECIMAL, nearest, number_meant, shown, shown_path, whole_number
from soensim.errors import MeasurementError
from soensim.fabrication.measured.chip import Key, MeasuredChip, Readings
from soensim.fabrication.measured.quantities import (
    KINDS,
    QUANTITIES,
    Kind,
    Nominal,
    Quantity,
    nominal,
    places,
    quantities_at,
)
from soensim.fabrication.measured.write import ASKED, COLUMNS, fingerprint
from soensim.files import read_csv
from soensim.network import Network
from soensim.units import Junction

MAX_BYTES: Final = 2**30  # ten million synapses
_ADVICE: Final = "write one with `soensim export CHIP --format targets`"
_MOST_FAULTS: Final = 1000
_SAME: Final = 1e-6  # relative: what is asked for may have passed through a spreadsheet


class _RowError(Exception):
    """What is wrong with a row."""


@dataclass
class _Table:
    """What the rows of one quantity at one place say; ``lines`` are 0 where none did."""

    value: NDArray[np.float64]
    asked: NDArray[np.float64]
    lines: NDArray[np.int64]
    drawn: Nominal | None

    @classmethod
    def empty(cls, shape: tuple[int, ...], drawn: Nominal | None) -> _Table:
        return cls(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64), drawn)


@dataclass
class _Reader:
    """The rows that were read so far."""

    network: Network
    junction: Junction
    tables: dict[Key, _Table] = field(default_factory=dict)
    whole: dict[str, float] = field(default_factory=dict)
    whole_lines: dict[str, int] = field(default_factory=dict)
    edges: dict[str, Mapping[tuple[int, int], int]] = field(default_factory=dict)
    legal: dict[tuple[Kind, str], list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places = {kind: places(self.network, kind) for kind in KINDS}

    def add(self, line: int, words: list[str]) -> None:
        """Take a row.

        Raises
        ------
        _RowError
            With all that is wrong with it, or the first part.
        """
        word, place, neuron, source, quantity, value_word, unit, asked_word = words
        kind = self._kind(word)
        place = self._place(kind, place)
        about = self._quantity(kind, place, quantity)
        scale = self._scale(about, quantity, unit)
        value = _number("value", value_word, about, scale)
        if kind == "chip":
            _empty(kind, (("neuron", neuron), ("source", source), (ASKED, asked_word)))
            if quantity in self.whole:
                raise _RowError(f"{quantity} of the chip is on line {self.whole_lines[quantity]}, too; keep one row")
            self.whole[quantity], self.whole_lines[quantity] = value, line
            return
        at = self._device(kind, place, neuron, source)
        table = self.tables.get((kind, place, quantity))
        if table is None:
            drawn = nominal(self.network, kind, place, quantity)
            table = _Table.empty(self.places[kind][place], drawn)
            self.tables[kind, place, quantity] = table
        if table.lines[at]:
            raise _RowError(f"{quantity} of this device is on line {table.lines[at]}, too; keep one row")
        asked = math.nan
        if asked_word:
            asked = _number(ASKED, asked_word, about, scale)
            if table.drawn is not None:
                _check_drawn(quantity, asked, float(np.broadcast_to(table.drawn, table.value.shape)[at]), about)
        table.value[at], table.asked[at], table.lines[at] = value, asked, line

    def _kind(self, word: str) -> Kind:
        for kind in KINDS:
            if word == kind:
                return kind
        raise _RowError(f"kind is {shown(word)}; {nearest(word, KINDS)}it must be one of {', '.join(KINDS)}")

    def _place(self, kind: Kind, word: str) -> str:
        known = self.places[kind]
        if not known:
            raise _RowError(f"chip {self.network.name!r} has no readout that is on the chip; remove the row")
        if word in known:
            return word
        if kind in ("chip", "readout") and not word:
            return next(iter(known))
        what = {"chip": "chip", "neuron": "population", "synapse": "projection", "readout": "readout"}[kind]
        raise _RowError(
            f"no {what} {shown(word)}; {nearest(word, known)}chip {self.network.name!r} has {', '.join(known)}"
        )

    def _quantity(self, kind: Kind, place: str, word: str) -> Quantity:
        if (kind, place) not in self.legal:
            self.legal[kind, place] = quantities_at(self.network, kind, place)
        legal = self.legal[kind, place]
        if word in legal:
            return QUANTITIES[kind][word]
        where = f"chip {self.network.name!r}" if kind == "chip" else f"{kind} of {place}"
        raise _RowError(f"no quantity {shown(word)} of {where}; {nearest(word, legal)}it has {', '.join(legal)}")

    def _scale(self, about: Quantity, quantity: str, word: str) -> float:
        if word not in about.units:
            raise _RowError(f"unit of {quantity} is {shown(word)}; it must be {' or '.join(about.units)}")
        return about.units[word](self.junction)

    def _device(self, kind: Kind, place: str, neuron: str, source: str) -> tuple[int, ...]:
        shape = self.places[kind][place]
        if kind == "neuron":
            _empty(kind, (("source", source),))
            return (_index("neuron", neuron, shape[0], place),)
        if kind == "readout":
            return (_index("neuron", neuron, shape[0], "the readout"), _index("source", source, shape[1], "it reads"))
        synapses = self.network.synapses[place]
        targets, sources = synapses.shape
        from_name, _, to_name = place.partition("->")
        at = (_index("neuron", neuron, targets, to_name), _index("source", source, sources, from_name))
        if place not in self.edges:
            pairs = zip(synapses.targets.tolist(), synapses.sources.tolist(), strict=True)
            self.edges[place] = {pair: k for k, pair in enumerate(pairs)}
        if at not in self.edges[place]:
            raise _RowError(f"no synapse from {from_name}[{at[1]}] to {to_name}[{at[0]}] exists on this chip")
        return (self.edges[place][at],)


def read_measured(path: str | Path, network: Network, junction: Junction) -> MeasuredChip:
    """Read what was measured on one chip.

    CSV with the columns `COLUMNS` and, if it is there, `ASKED` (docs/measured-chips.md); lines that begin with `#` are
    comments.

    Parameters
    ----------
    path
        The file.
    network
        The chip as drawn.
    junction
        Scales of its units in SI.

    Raises
    ------
    MeasurementError
        The file is missing, not regular, too long, no such CSV, or holds no row; or with every row that is wrong:
        names something that this chip does not have, another unit, a value out of range, or a device twice.
    """
    name, reader = shown_path(path), _Reader(network, junction)
    faults: list[str] = []
    rows = 0
    for line, words in read_csv(
        path,
        columns=COLUMNS,
        optional=(ASKED,),
        comments=True,
        error=MeasurementError,
        advice=_ADVICE,
        what="file of measured values",
        limit_bytes=MAX_BYTES,
    ):
        rows += 1
        try:
            reader.add(line, words)
        except _RowError as fault:
            faults.append(f"{name}:{line}: {fault}")
            if len(faults) == _MOST_FAULTS:
                break
    if faults:
        raise MeasurementError(faults[0]) if len(faults) == 1 else MeasurementError.of_file(name, faults)
    if not rows:
        raise MeasurementError(f"{name}: holds no row; {_ADVICE}")
    readings = {key: Readings(table.value, table.asked) for key, table in reader.tables.items()}
    measured = MeasuredChip(str(path), "", readings, reader.whole)
    return replace(measured, fingerprint=fingerprint(network, measured))


def _index(column: str, word: str, count: int, of: str) -> int:
    try:
        index = whole_number(word)
    except ValueError:
        index = -1
    if not 0 <= index < count:
        raise _RowError(f"{column} is {shown(word)}; {of} has {count}, numbered from 0")
    return index


def _number(column: str, word: str, about: Quantity, scale: float) -> float:
    if about.whole:
        try:
            number: float = whole_number(word)
        except ValueError:
            raise _RowError(f"{column} is {shown(word)}; it must be a whole number") from None
    elif DECIMAL.fullmatch(word):
        number = float(word)
    else:
        advice = number_meant(word)
        raise _RowError(f"{column} is {shown(word)}; it must be a number{f'; {advice}' if advice else ''}")
    if scale != 1:
        number *= scale
    if not about.limits.hold(number):
        raise _RowError(f"{column} is {shown(word)}; {about.limits.fault(number)}")
    return number


def _check_drawn(quantity: str, asked: float, drawn: float, about: Quantity) -> None:
    """Refuse what was not asked for by this netlist: the file is of another one, or it has changed."""
    if abs(asked - drawn) > _SAME * max(abs(asked), abs(drawn)):
        raise _RowError(
            f"{ASKED} is {asked!r}; the netlist asks for {quantity} {drawn!r} {about.unit}: the file is of another "
            "chip, or the netlist has changed"
        )


def _empty(kind: str, columns: tuple[tuple[str, str], ...]) -> None:
    for column, word in columns:
        if word:
            raise _RowError(f"{column} is {shown(word)}; a {kind} has none, leave it empty")
