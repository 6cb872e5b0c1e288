"""Settings as text of a command line: `PATH=VALUE` sets a key, `PATH=VALUE,VALUE` makes a factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from soensim._runtime.words import shown
from soensim.errors import StudyError
from soensim.files.yaml_source import parse_yaml
from soensim.study.design import Factor, factor_of
from soensim.study.key_path import KeyPath

_OPEN, _CLOSED = "[{(", "]})"
EXAMPLE = "'projections[1].topology.density=1,0.5,0.2'"


def read_settings(texts: Sequence[str]) -> tuple[dict[str, Any], tuple[Factor, ...]]:
    """Read texts of the form ``PATH=VALUE[,VALUE…]``: what one value sets, and the factors of several.

    A value is written as in YAML; its own commas are in brackets, or in quotes.

    Raises
    ------
    StudyError
        A text has another form, a path is given twice, or a value is not YAML.
    """
    fixed: dict[str, Any] = {}
    factors: list[Factor] = []
    for text in texts:
        path, sign, rest = text.partition("=")
        path = path.strip()
        if not sign:
            raise StudyError(
                f"--set {shown(text)}: has no `=`; it is PATH=VALUE or PATH=VALUE,VALUE, such as {EXAMPLE}"
            )
        KeyPath.read(path)
        if path in fixed or path in [factor.name for factor in factors]:
            raise StudyError(f"--set {path}: is given twice; give all its values in one --set {path}=VALUE,VALUE")
        values = [_value(path, part) for part in _parts(rest)]
        if len(values) == 1:
            fixed[path] = values[0]
        else:
            factors.append(factor_of(path, values))
    return fixed, tuple(factors)


def _parts(text: str) -> list[str]:
    """Cut at commas that are neither in brackets nor in quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSED:
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += letter
    return parts


def _value(path: str, text: str) -> Any:
    word = text.strip()
    if not word:
        raise StudyError(f"--set {path}: a value is empty; write one before and after every comma, or null")
    if word in ("null", "~"):
        return None
    return parse_yaml(word, f"--set {path}", error=StudyError, what="value").value
