"""JSON with the guards that Python's reader lacks: nesting, repeated keys, NaN, endless numbers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from soensim._runtime.words import shown_path
from soensim.files.regular import ErrorMaker, read_text

MAX_DEPTH = 60  # as YAML

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


class _JsonError(ValueError):
    """What is wrong with a JSON text although Python reads it."""


def load_json(path: str | Path, *, limit_bytes: int, error: ErrorMaker, advice: str = "") -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path
        The file.
    limit_bytes
        The longest file that is read.
    error
        Makes the error to raise from its message.
    advice
        How to get a right file; said of a missing and of a damaged one.

    Raises
    ------
    Exception
        What `error` makes: the file is missing, not a regular file, too long, or as `parse_json`.
    """
    text = read_text(path, limit_bytes=limit_bytes, error=error, advice=advice)
    return parse_json(text, shown_path(path), error=error, advice=advice)


def parse_json(text: str, name: str, *, error: ErrorMaker, advice: str = "") -> Any:
    """Parse JSON text; ``name`` says where it is from, the other parameters are those of `load_json`.

    Raises
    ------
    Exception
        What `error` makes: the text is not JSON, is nested more than `MAX_DEPTH` deep, gives a key twice, or holds a
        number that is not finite or has more than 4000 digits.
    """
    try:
        _check_depth(text)
        return json.loads(
            text, object_pairs_hook=_mapping, parse_constant=_no_number, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as cause:
        place = f"{name}:{cause.lineno}:{cause.colno}"
        raise error(f"{place}: is not JSON: {cause.msg}" + (f"; {advice}" if advice else "")) from cause
    except _JsonError as cause:
        raise error(f"{name}: {cause}" + (f"; {advice}" if advice else "")) from cause


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise _JsonError(f"is nested more than {MAX_DEPTH} deep")
        elif token[0] in "]}":
            depth -= 1


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _JsonError(f"key {twice[:60]!r} is given twice")
    return content


def _no_number(word: str) -> NoReturn:
    raise _JsonError(f"holds {word}, which is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _JsonError(f"holds {text[:60]}, which is beyond the largest number")
    return value


def _whole(text: str) -> int:
    if len(text) > 4000:  # Python itself refuses more than 4300 digits
        raise _JsonError(f"holds a number of {len(text)} digits; the limit is 4000")
    return int(text)
