"""YAML text -> plain values, and the line and column of any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from soensim._runtime.words import shown_path
from soensim.files.regular import ErrorMaker, read_text
from soensim.files.yaml_loader import Loader, YamlError, check_nodes, check_stream, child

MAX_BYTES = 4 * 2**20  # longer lists belong into a CSV or npz file, which is read a hundred times faster

PathParts = tuple[str | int, ...]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")
_ANCHOR = re.compile(r"&\S+\s+")
_PLAIN_KEY = re.compile(r"[\w-]{1,64}")
_ADVICE = {  # libyaml's own words for the mistakes that people make
    "mapping values are not allowed in this context": (
        "a `:` is not expected here; check the indentation above, or put the text in quotes"
    ),
    "found undefined alias": "the alias has no anchor above it; mark the value that it repeats with `&`",
    "second occurrence": "the anchor is defined a second time; give each anchor its own name",
    "did not find expected key": "is not YAML: a key is expected here; check the indentation",
    "did not find expected '-' indicator": "is not YAML: a `-` is expected here; check the indentation",
    "did not find expected ',' or '}'": (
        "is not YAML: a `,` or `}` is expected here; put a text that has brackets or commas in quotes"
    ),
    "found character that cannot start any token": ("a value cannot start with this character; put the text in quotes"),
}


@dataclass(frozen=True)
class YamlSource:
    """A YAML document: its name, its text and its value, and what makes its errors."""

    name: str
    text: str
    value: Any
    error_maker: ErrorMaker

    @cached_property
    def _root(self) -> yaml.Node:
        """The nodes, composed a second time: only an error needs them."""
        node: yaml.Node = yaml.compose(self.text, Loader=Loader)  # type: ignore[assignment]  # it is not empty
        return node

    def position(self, path: PathParts, *, key: bool = False) -> tuple[int, int]:
        """Find the line and column, both from 1.

        Parameters
        ----------
        path
            Keys and indices from the top. Where the text lacks the rest of it, the deepest part that is there
            counts.
        key
            Point at a key even if its value is a scalar; that of a list or mapping is always pointed at.
        """
        node = self._root
        mark = node.start_mark
        for part in path:
            entry = child(node, part)
            if entry is None:
                break
            node = entry[1]
            is_value = isinstance(node, yaml.ScalarNode) and not key
            mark = (node if is_value else entry[0]).start_mark
        return mark.line + 1, mark.column + 1

    def with_words(self, words: Mapping[PathParts, str]) -> str:
        """Return the text with other words in the place of some of its scalars, all else as it is.

        Parameters
        ----------
        words
            By the path of the scalar, which must be in the text.
        """
        spans = {}
        for path, word in words.items():
            node = self._root
            for part in path:
                entry = child(node, part)
                if entry is None:
                    raise KeyError(dotted(path))
                node = entry[1]
            spans[node.start_mark.index, node.end_mark.index] = json.dumps(word)
        text = self.text
        for (start, end), word in sorted(spans.items(), reverse=True):
            anchor = _ANCHOR.match(text, start, end)
            line_end = "\n" if text[start:end].endswith("\n") else ""  # of a block scalar
            text = text[: anchor.end() if anchor else start] + word + line_end + text[end:]
        return text

    def error(self, path: PathParts, message: str, *, key: bool = False) -> Exception:
        """Make the error ``name:line:column: path: message``."""
        line, column = self.position(path, key=key)
        return self.error_maker(f"{self.name}:{line}:{column}: " + (f"{dotted(path)}: " if path else "") + message)


def dotted(path: PathParts) -> str:
    """Write a path as a person would: ``projections[0].efficacy.bits``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not _PLAIN_KEY.fullmatch(part):
            text += f"[{part[:40]!r}]"
        else:
            text += f".{part}" if text else part
    return text


def load_yaml(
    path: str | Path, *, error: ErrorMaker, what: str, advice: str = "", empty: str = "", too_long: str = ""
) -> YamlSource:
    """Read a YAML file.

    Parameters
    ----------
    path
        The file.
    error
        Makes the error to raise from its message.
    what
        What the file should be, such as `netlist`, for messages.
    advice, empty, too_long
        How to mend a file that is missing, empty, or has too many bytes or values.

    Raises
    ------
    Exception
        What `error` makes: the file is missing, not a regular file, longer than `MAX_BYTES`, not UTF-8, or as
        `parse_yaml`.
    """
    text = read_text(path, limit_bytes=MAX_BYTES, error=error, advice=advice, what=what, too_long=too_long)
    return parse_yaml(text, shown_path(path), error=error, what=what, empty=empty, too_long=too_long)


def parse_yaml(
    text: str, name: str, *, error: ErrorMaker, what: str, empty: str = "", too_long: str = ""
) -> YamlSource:
    """Parse YAML text; ``name`` is the file's name in messages, the other parameters are those of `load_yaml`.

    Raises
    ------
    Exception
        What `error` makes: the text is empty, not YAML, or one of the kinds of YAML that hide mistakes.
    """
    text = text.removeprefix("\ufeff")
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        before = text[: forbidden.start()]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise error(
            f"{name}:{line}:{column}: the character U+{ord(forbidden[0]):04X} is not allowed in YAML; remove it"
        )
    try:
        value = _value(text, too_long) if check_stream(text, what) else None
    except YamlError as cause:
        raise error(_at(name, cause.mark, str(cause))) from cause
    except yaml.MarkedYAMLError as cause:
        raise error(_at(name, cause.problem_mark or cause.context_mark, _plain(cause, text))) from cause
    if value is None:
        raise error(f"{name}: is empty" + (f"; {empty}" if empty else ""))
    return YamlSource(name, text, value, error)


def _value(text: str, too_long: str) -> Any:
    loader = Loader(text)
    try:
        node: yaml.Node = loader.get_single_node()  # type: ignore[assignment]  # there is a document
        check_nodes(node, too_long)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _at(name: str, mark: yaml.Mark | None, message: str) -> str:
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    return f"{where}: {message}"


def _plain(error: yaml.MarkedYAMLError, text: str) -> str:
    """Say what is wrong with the syntax, with advice where it is known."""
    problem, mark = error.problem or "unknown error", error.problem_mark
    line = text.split("\n")[mark.line] if mark and mark.line < text.count("\n") + 1 else ""
    if "tab" in problem or (mark and line[mark.column : mark.column + 1] == "\t"):
        return "a tab is used for indentation; YAML takes spaces only"
    if problem in _ADVICE:
        return _ADVICE[problem]
    return f"is not YAML: {problem}" + (f" {error.context}" if error.context else "")
