"""The table of a study: one line per run; a file of comma-separated values, or Parquet."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.words import shown, shown_path
from soensim.errors import SoensimError
from soensim.study.quantities import MEASURES, Axis, axes_of, order_of
from soensim.study.run import Level, Measured, Outcome, Row, Run

SEED, ERROR = "seed", "error"
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?inf|nan")
_WHOLE = re.compile(r"[-+]?[0-9]+")


def measure_names(rows: Sequence[Row]) -> tuple[str, ...]:
    """Name all measures of some runs: the usual ones in their usual order, then others by the alphabet."""
    found = {name for row in rows for name in row.outcome.measures}
    return (*(name for name in MEASURES if name in found), *sorted(found.difference(MEASURES)))


def ordered(rows: Sequence[Row], factors: Sequence[str | Axis]) -> list[Row]:
    """Sort runs by their levels, the first factor slowest, then by seed; what came in twice is there once.

    Raises
    ------
    SoensimError
        A run has no level of a factor; or two runs of one point and seed have measured different values.
    """
    axes = axes_of(factors)
    orders: list[dict[tuple[type, Level], tuple[int, float, str]]] = [{} for _ in axes]
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        missing = [axis.name for axis in axes if axis.name not in row.run.levels]
        if missing:
            raise SoensimError(
                f"a run of the study has no level of the factor {missing[0]!r}; it has {_listed(row.run.levels)}"
            )
        place: tuple[Any, ...] = ()
        for axis, known in zip(axes, orders, strict=True):
            level = row.run.levels[axis.name]
            if (type(level), level) not in known:
                known[type(level), level] = order_of(level, axis.levels)
            place = (*place, known[type(level), level])
        place = (*place, row.run.seed)
        found[place] = _one_of(found[place], row, axes) if place in found else row
    return [found[place] for place in sorted(found)]


def _one_of(one: Row, other: Row, axes: Sequence[Axis]) -> Row:
    """Choose of two rows of the same point and seed: one that did not fail."""
    failed = [row.outcome.error is not None for row in (one, other)]
    if failed[0] and failed[1]:
        return min(one, other, key=lambda row: row.outcome.error or "")
    if any(failed):
        return other if failed[0] else one
    if len({repr(sorted(row.outcome.measures.items())) for row in (one, other)}) > 1:  # nan is equal to nan here
        point = ", ".join(f"{axis.name} = {axis.text(one.run.levels[axis.name])}" for axis in axes)
        raise SoensimError(
            f"two runs of the point {point or 'without factors'} with seed {one.run.seed} measured different values; "
            "results of two versions or studies are mixed: give the study a new folder"
        )
    return one


def table_columns(
    rows: Sequence[Row], factors: Sequence[str | Axis], measures: Sequence[str] | None = None
) -> dict[str, list[Level | None]]:
    """Lay the table out by columns: factors, seed, measures, error; None where a run has no such number.

    Parameters
    ----------
    rows
        The runs in any order.
    factors
        In the order of the study.
    measures
        Which, in this order; by default all.

    Raises
    ------
    SoensimError
        As of `ordered`; or two columns have one name.
    """
    axes = axes_of(factors)
    names = measure_names(rows) if measures is None else tuple(measures)
    header = [*(axis.name for axis in axes), SEED, *names, ERROR]
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise SoensimError(f"two columns of the table would be called {twice[0]!r}; give the factor another name")
    lines = ordered(rows, axes)
    columns: dict[str, list[Level | None]] = {axis.name: [row.run.levels[axis.name] for row in lines] for axis in axes}
    columns[SEED] = [row.run.seed for row in lines]
    columns |= {name: [row.outcome.measures.get(name) for row in lines] for name in names}
    columns[ERROR] = [row.outcome.error for row in lines]
    return columns


def table_csv(rows: Sequence[Row], factors: Sequence[str | Axis], measures: Sequence[str] | None = None) -> str:
    """Write the table as comma-separated values; numbers keep all their digits, what is not there is empty.

    The same rows give the same text in whatever order they come. Parameters and errors are those of `table_columns`.
    """
    return csv_text(table_columns(rows, factors, measures))


def csv_text(columns: Mapping[str, Sequence[Level | None]]) -> str:
    """Write columns as comma-separated values."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(_word, values) for values in columns.values()), strict=True))
    return text.getvalue()


def _word(value: Level | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def write_table(
    path: str | Path,
    rows: Sequence[Row],
    factors: Sequence[str | Axis],
    measures: Sequence[str] | None = None,
) -> None:
    """Write the table as Parquet where the name ends in `.parquet`, else as comma-separated values.

    Raises
    ------
    SoensimError
        As of `table_columns`; the file cannot be written; or pyarrow is not installed.
    """
    columns = table_columns(rows, factors, measures)
    parquet = Path(path).suffix.lower() == ".parquet"
    write_atomic(path, _parquet_bytes(columns, path) if parquet else csv_text(columns))


def read_table(path: str | Path) -> tuple[tuple[str, ...], list[Row]]:
    """Read a table that `write_table` has written: the names of the factors, and the runs.

    Columns before `seed` are factors, those between it and `error` measures. The runs have no key and no job. In a
    table of comma-separated values a level that is written like a number is one.

    Raises
    ------
    SoensimError
        The file cannot be read, or is no such table.
    """
    parquet = Path(path).suffix.lower() == ".parquet"
    header, lines = _parquet_lines(path) if parquet else _csv_lines(path)
    if SEED not in header or header[-1] != ERROR or len(set(header)) < len(header):
        raise SoensimError(
            f"{shown_path(path)}: is no table of a study: its columns must be factors, then {SEED}, measures, and "
            f"{ERROR} last, each once"
        )
    place = header.index(SEED)
    factors, measures = tuple(header[:place]), header[place + 1 : -1]
    return factors, [
        _row(line, factors, measures, f"{shown_path(path)}: line {number}") for number, line in enumerate(lines, 2)
    ]


def _row(line: Sequence[Any], factors: Sequence[str], measures: Sequence[str], where: str) -> Row:
    seed, error, place = line[len(factors)], line[-1], len(factors) + 1
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise SoensimError(f"{where}: the seed must be a whole number; it is {shown(seed)}")
    found: dict[str, Measured] = {}
    for name, value in zip(measures, line[place:-1], strict=True):
        if isinstance(value, str | bool):
            raise SoensimError(f"{where}: {name} must be a number or empty; it is {shown(value)}")
        found[name] = value
    missing = [name for name, level in zip(factors, line, strict=False) if level is None]
    if missing:
        raise SoensimError(f"{where}: {missing[0]} is empty; every run has a level of every factor")
    levels = dict(zip(factors, line, strict=False))
    text = None if error is None else str(error)
    return Row(Run("", levels, seed, {}), Outcome("", {} if text is not None else found, text))


def _csv_lines(path: str | Path) -> tuple[list[str], list[list[Any]]]:
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except OSError as error:
        raise SoensimError(f"{shown_path(path)}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SoensimError(f"{shown_path(path)}: is not a CSV file: {error}") from error
    header = lines[0] if lines else []
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            raise SoensimError(f"{shown_path(path)}: line {number} has {len(line)} values, the first {len(header)}")
    return (header or [""]), [[*map(_value, line[:-1]), line[-1] or None] for line in lines[1:]]


def _value(word: str) -> Level | None:
    if word == "":
        return None
    if word in ("true", "false"):
        return word == "true"
    if _WHOLE.fullmatch(word):
        return int(word)
    return float(word) if _NUMBER.fullmatch(word) else word


def _pyarrow(path: str | Path) -> Any:
    try:
        import pyarrow.parquet  # it is optional
    except ImportError as error:
        raise SoensimError(
            f"{shown_path(path)}: Parquet needs the package pyarrow (pip install 'soensim[parquet]'); or give a name "
            "that ends in .csv"
        ) from error
    return pyarrow


def _parquet_bytes(columns: Mapping[str, Sequence[Level | None]], path: str | Path) -> bytes:
    pyarrow = _pyarrow(path)
    arrays = {name: _array(pyarrow, values, name) for name, values in columns.items()}
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays), buffer)
    return buffer.getvalue()


def _array(pyarrow: Any, values: Sequence[Level | None], name: str) -> Any:
    """Make a column of one type: a column with texts and numbers becomes texts."""
    kinds = {type(value) for value in values if value is not None}
    if name == ERROR or str in kinds or (bool in kinds and len(kinds) > 1):
        return pyarrow.array([None if value is None else _word(value) for value in values], pyarrow.string())
    if kinds == {bool}:
        return pyarrow.array(values, pyarrow.bool_())
    if name == SEED or (kinds == {int} and all(abs(int(value)) < 2**63 for value in values if value is not None)):
        return pyarrow.array(values, pyarrow.int64())
    return pyarrow.array([None if value is None else float(value) for value in values], pyarrow.float64())


def _parquet_lines(path: str | Path) -> tuple[list[str], list[list[Any]]]:
    pyarrow = _pyarrow(path)
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(Path(path).read_bytes()))
    except OSError as error:
        raise SoensimError(f"{shown_path(path)}: cannot be read: {error.strerror or error}") from error
    except pyarrow.ArrowException as error:
        raise SoensimError(f"{shown_path(path)}: is not a Parquet file: {error}") from error
    return list(table.column_names), [list(line) for line in zip(*table.to_pydict().values(), strict=True)]


def _listed(levels: Mapping[str, Level]) -> str:
    return ", ".join(map(repr, levels)) or "no factors"


def is_finite(value: Measured) -> TypeGuard[float | int]:
    """Whether a run has measured this number."""
    return value is not None and math.isfinite(value)
