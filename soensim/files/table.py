"""CSV files with named columns, as spreadsheets and people write them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from soensim._runtime.words import shown, shown_path
from soensim.files.regular import ErrorMaker, open_regular

MAX_BYTES = 2 * 2**30
_MAX_HEADER = 65536  # letters of the first line


def read_csv(
    path: str | Path,
    *,
    columns: Sequence[str],
    error: ErrorMaker,
    optional: Sequence[str] = (),
    comments: bool = False,
    advice: str = "",
    what: str = "file",
    limit_bytes: int = MAX_BYTES,
) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV file whose first line names its columns.

    The columns are in any order and beside others. A byte order mark, blank lines, and spaces around a value are
    passed over; the separator is that of the first line: a comma, a semicolon, a tab or spaces.

    Parameters
    ----------
    path
        The file.
    columns
        Names of the wanted columns.
    error
        Makes the error to raise from its message.
    optional
        Names of columns that may be missing, or be cut off at the end of a row; their words are then empty.
    comments
        Whether lines that begin with `#`, in quotes or not, are passed over.
    advice, what, limit_bytes
        As in `open_regular`.

    Yields
    ------
    tuple
        Number of the line, from 1, and its words in the order of `columns`, then of `optional`.

    Raises
    ------
    Exception
        What `error` makes: the file is missing, not a regular file, too long, not UTF-8 or not CSV; a column is
        missing; a row is too short.
    """
    name = shown_path(path)
    with open_regular(path, limit_bytes=limit_bytes, error=error, advice=advice, what=what) as binary:
        try:
            text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
            first, before = _first_line(text, comments)
            delimiter = next((mark for mark in ",;\t" if mark in first), " ")
            rest = _without_comments(text) if comments else text
            rows = csv.reader(_with(first, rest), delimiter=delimiter, skipinitialspace=True, strict=True)
            header = [word.strip() for word in next(rows, [])]
            if any(header.count(column) != 1 for column in columns) or any(header.count(c) > 1 for c in optional):
                found = shown(first.rstrip("\r\n")) if first else "nothing"
                raise error(
                    f"{name}:{before + 1}: the first line must name the columns {_listed(columns)}, each once; "
                    f"it is {found}"
                )
            places = [header.index(column) for column in columns]
            others = [header.index(column) if column in header else math.inf for column in optional]
            for row in rows:
                if len(row) > max(places):
                    words = [row[place].strip() for place in places]
                    words += [row[int(place)].strip() if place < len(row) else "" for place in others]
                    if any(words) or any(word.strip() for word in row):
                        yield before + rows.line_num, words
                elif any(word.strip() for word in row):
                    raise error(f"{name}:{before + rows.line_num}: is too short; a row has {_listed(columns)}")
        except UnicodeDecodeError as cause:
            raise error(f"{name}: is not UTF-8 text; save it as CSV in UTF-8") from cause
        except csv.Error as cause:
            raise error(f"{name}:{before + rows.line_num}: is not a CSV file: {cause}") from cause


def _first_line(text: io.TextIOWrapper, comments: bool) -> tuple[str, int]:
    """Read the first line that is not blank and no comment, and count those before it."""
    before = 0
    while (line := text.readline(_MAX_HEADER)) and (not line.strip() or (comments and _is_comment(line))):
        before += line.endswith(("\n", "\r"))
    return line, before


def _is_comment(line: str) -> bool:
    """Whether a line begins with `#`; a spreadsheet puts one with commas in quotes."""
    return line.lstrip(' "').startswith("#")


def _without_comments(text: Iterator[str]) -> Iterator[str]:
    """Make comments blank, so that lines keep their numbers."""
    return ("\n" if _is_comment(line) else line for line in text)


def _with(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _listed(columns: Sequence[str]) -> str:
    return f"{', '.join(columns[:-1])} and {columns[-1]}"
