"""YAML text -> plain values, and the line and column of any of them.

The values are read by PyYAML's C loader with the number and boolean rules of YAML 1.2: ``1e-9`` is a
number, ``on`` and ``no`` are words. The text is composed a second time, for positions, only after an error.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from soensim.errors import NetlistError

MAX_BYTES = 16 * 2**20  # larger edge lists belong into a CSV or npz file
MAX_NODES = 2_000_000  # after the expansion of aliases: stops "billion laughs" before it costs memory

PathPart = str | int


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe C loader with YAML 1.2 scalars and without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word, not a list or a mapping", key.start_mark
                )
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                first = seen[key.value].start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is given twice (first in line {first})", key.start_mark
                )
            seen[key.value] = key
        return super().construct_mapping(node, deep=deep)


def _yaml_1_2_scalars() -> None:
    import re

    tag = "tag:yaml.org,2002:"
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    rules = [
        ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
        ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+."),
        ("merge", r"^<<$", "<"),
    ]
    for name, pattern, first_characters in rules:
        for character in first_characters:
            key = "" if character == "\0" else character
            resolvers.setdefault(key, []).append((tag + name, re.compile(pattern)))
    _Loader.yaml_implicit_resolvers = resolvers


def _construct_int(loader: yaml.Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # decimal always: 010 is ten, as the reader sees it


_yaml_1_2_scalars()
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


@dataclass(frozen=True)
class YamlSource:
    """A YAML document: its name, its text and its value."""

    name: str
    text: str
    value: Any

    def position(self, path: tuple[PathPart, ...]) -> tuple[int, int, tuple[PathPart, ...]]:
        """Find the line and column (both from 1) of the deepest part of ``path`` that the text holds.

        Parts that are not in the text (the tag of a union, a missing key) are passed over. The third value
        is the path without those in its middle.
        """
        node: yaml.Node = yaml.compose(self.text, Loader=_Loader)  # type: ignore[assignment]  # it was not empty
        mark: yaml.Mark = node.start_mark
        kept: list[PathPart] = []
        for place, part in enumerate(path):
            child = _child(node, part)
            if child is not None:
                mark, node = child
                kept.append(part)
            elif place == len(path) - 1:
                kept.append(part)
        return mark.line + 1, mark.column + 1, tuple(kept)

    def error(self, path: tuple[PathPart, ...], message: str) -> NetlistError:
        """Make the error ``name:line:column: path: message``."""
        line, column, kept = self.position(path)
        where = f"{self.name}:{line}:{column}: "
        return NetlistError(where + (f"{dotted(kept)}: " if kept else "") + message)


def dotted(path: tuple[PathPart, ...]) -> str:
    """Write a path as a person would: ``projections[0].efficacy.bits``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def _child(node: yaml.Node, part: PathPart) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return key.start_mark, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None


def read_yaml(path: Path) -> YamlSource:
    """Read a YAML file.

    Raises
    ------
    NetlistError
        The file is missing, a directory, too large, not UTF-8, empty or not YAML.
    """
    name = str(path)
    if not path.exists():
        raise NetlistError(
            f"{name}: no such file; give the path of a netlist, such as netlists/year1-28.yaml"
        )
    if path.is_dir():
        raise NetlistError(f"{name}: is a directory; give the path of one netlist in it")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NetlistError(f"{name}: cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise NetlistError(
            f"{name}: is {len(raw)} bytes long, the limit is {MAX_BYTES}; "
            "keep long edge lists in a CSV or npz file (topology: {kind: file, path: …})"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - (raw[: error.start].rfind(b"\n") + 1) + 1
        raise NetlistError(
            f"{name}:{line}:{column}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        ) from error
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse YAML text; ``name`` stands for the file in messages."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            raise NetlistError(f"{name}: is empty; a netlist starts with `schema: soensim/1`")
        _refuse_large(node, name)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  (a subclass of CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise NetlistError(f"{where}: {_plain(error, text)}") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise NetlistError(
            f"{name}:{line}: character U+{error.character:04X} is not allowed in YAML; remove it"
        ) from error
    except ValueError as error:  # Python refuses an integer of more than 4300 digits
        raise NetlistError(f"{name}: {error}") from error
    return YamlSource(name, text, value)


def _plain(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is not None and not isinstance(error, yaml.constructor.ConstructorError):
        line = (text.splitlines() or [""])[min(mark.line, text.count("\n"))] if text else ""
        if "\t" in line[: mark.column + 1]:
            return "a tab is used for indentation; YAML takes spaces only"
    problem = error.problem or "is not YAML"
    return problem if error.context is None else f"{problem} ({error.context})"


def _refuse_large(root: yaml.Node, name: str) -> None:
    """Count nodes as they will be once every alias is expanded; refuse cycles and explosions."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        key = id(node)
        if key in sizes:
            return sizes[key]
        where = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        if key in open_nodes:
            raise NetlistError(
                f"{where}: an anchor contains itself; an alias may only point to a finished value"
            )
        if len(open_nodes) > 60:
            raise NetlistError(f"{where}: is nested more than 60 deep")
        open_nodes.add(key)
        children = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
        )
        total = 1 + sum(size(child) for child in children)
        open_nodes.discard(key)
        if total > MAX_NODES:
            raise NetlistError(
                f"{where}: expands to more than {MAX_NODES} values; aliases may not multiply, "
                "and long edge lists belong into a CSV or npz file"
            )
        sizes[key] = total
        return total

    size(root)
