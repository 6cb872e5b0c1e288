"""YAML text -> plain values, and the line and column of any of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from soensim.errors import NetlistError
from soensim.netlist.yaml.loader import Loader, YamlError, check_nodes, check_stream, child

MAX_BYTES = 4 * 2**20  # longer edge lists belong into a CSV or npz file, which is read a hundred times faster

PathParts = tuple[str | int, ...]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")
_PLAIN_KEY = re.compile(r"[\w-]{1,64}")
_ADVICE = {  # libyaml's own words for the mistakes that people make
    "mapping values are not allowed in this context": (
        "a `:` is not expected here; check the indentation above, or put the text in quotes"
    ),
    "found undefined alias": "the alias has no anchor above it; mark the value that it repeats with `&`",
    "second occurrence": "the anchor is defined a second time; give each anchor its own name",
    "did not find expected key": "is not YAML: a key is expected here; check the indentation",
    "did not find expected '-' indicator": "is not YAML: a `-` is expected here; check the indentation",
    "found character that cannot start any token": ("a value cannot start with this character; put the text in quotes"),
}


@dataclass(frozen=True)
class YamlSource:
    """A YAML document: its name, its text and its value."""

    name: str
    text: str
    value: Any

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

    def error(self, path: PathParts, message: str, *, key: bool = False) -> NetlistError:
        """Make the error ``name:line:column: path: message``."""
        line, column = self.position(path, key=key)
        return NetlistError(f"{self.name}:{line}:{column}: " + (f"{dotted(path)}: " if path else "") + message)


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


def read_yaml(path: Path) -> YamlSource:
    """Read a YAML file.

    Raises
    ------
    NetlistError
        The file is missing, a directory, too large, not UTF-8, empty or not YAML.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NetlistError(
            f"{name}: no such file; give the path of a netlist, such as netlists/year1-28.yaml"
        ) from error
    except IsADirectoryError as error:
        raise NetlistError(f"{name}: is a directory; give the path of one netlist in it") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise NetlistError(f"{name[:200]}: cannot be read: {reason}") from error
    if len(raw) > MAX_BYTES:
        raise NetlistError(
            f"{name}: is longer than the limit of {MAX_BYTES} bytes; "
            "keep long edge lists in a CSV or npz file (topology: {kind: file, path: …})"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, start = before.count(b"\n") + 1, before.rfind(b"\n") + 1
        column = len(before[start:].decode("utf-8-sig", errors="replace")) + 1
        raise NetlistError(
            f"{name}:{line}:{column}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        ) from error
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse YAML text; ``name`` is the file's name in messages.

    Raises
    ------
    NetlistError
        The text is empty, not YAML, or one of the kinds of YAML that hide mistakes.
    """
    text = text.removeprefix("\ufeff")
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        before = text[: forbidden.start()]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise NetlistError(
            f"{name}:{line}:{column}: the character U+{ord(forbidden[0]):04X} is not allowed in YAML; remove it"
        )
    try:
        filled = check_stream(text)
        value = _value(text) if filled else None
    except YamlError as error:
        raise _at(name, error.mark, str(error)) from error
    except yaml.MarkedYAMLError as error:
        raise _at(name, error.problem_mark or error.context_mark, _plain(error, text)) from error
    if value is None:
        raise NetlistError(f"{name}: is empty; a netlist starts with `schema: soensim/1`")
    return YamlSource(name, text, value)


def _value(text: str) -> Any:
    loader = Loader(text)
    try:
        node: yaml.Node = loader.get_single_node()  # type: ignore[assignment]  # there is a document
        check_nodes(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _at(name: str, mark: yaml.Mark | None, message: str) -> NetlistError:
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    return NetlistError(f"{where}: {message}")


def _plain(error: yaml.MarkedYAMLError, text: str) -> str:
    """Say what is wrong with the syntax, with advice where it is known."""
    problem, mark = error.problem or "unknown error", error.problem_mark
    line = text.split("\n")[mark.line] if mark and mark.line < text.count("\n") + 1 else ""
    if "tab" in problem or (mark and line[mark.column : mark.column + 1] == "\t"):
        return "a tab is used for indentation; YAML takes spaces only"
    if problem in _ADVICE:
        return _ADVICE[problem]
    return f"is not YAML: {problem}" + (f" {error.context}" if error.context else "")
