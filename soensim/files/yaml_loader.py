"""PyYAML's safe C loader with the scalars of YAML 1.2, and the checks that must come before it.

``1e-9`` is a number, ``on`` and ``no`` are words, ``010`` is ten, and every key is a word.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

MAX_NODES = 2_000_000  # after the expansion of aliases: stops "billion laughs" before it costs memory
MAX_DEPTH = 60  # the C composer calls itself for each level, and a deep enough file would crash it

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_SCALARS = (
    ("null", r"^(?:~|null|Null|NULL|)$", ("~", "n", "N", "")),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", tuple("tTfF")),
    ("int", r"^[-+]?[0-9]+$", tuple("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", tuple("-+.0123456789")),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", tuple("-+.")),
    ("merge", r"^<<$", ("<",)),
)
SCALAR_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _name, _pattern, _first_characters in _SCALARS:
    for _character in _first_characters:
        SCALAR_RESOLVERS.setdefault(_character, []).append((_TAG + _name, re.compile(_pattern)))


AnyMark = Any  # a mark of the C parser or of the Python one; the C parser's has no public type


class YamlError(Exception):
    """What is wrong with a YAML text, and where."""

    def __init__(self, message: str, mark: AnyMark) -> None:
        super().__init__(message)
        self.mark = mark


class Loader(yaml.CSafeLoader):
    """Makes plain values from nodes that `checked` has let pass."""

    yaml_implicit_resolvers = SCALAR_RESOLVERS

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dictionary whose keys are the words as written."""
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_int(self, node: yaml.ScalarNode) -> int:
        """Read a decimal number; leading zeros do not make it octal."""
        if len(node.value) > 4000:  # Python itself refuses more than 4300 digits
            raise YamlError(f"a number of {len(node.value)} digits; the limit is 4000", node.start_mark)
        return int(node.value)


Loader.add_constructor(_TAG + "int", Loader.construct_int)


def looks_like_number(text: str) -> bool:
    """Whether a text would be a number without its quotes."""
    rules = SCALAR_RESOLVERS.get(text[:1], [])
    return any(tag in (_TAG + "int", _TAG + "float") and rule.match(text) for tag, rule in rules)


def check_stream(text: str, what: str) -> bool:
    """Refuse what must not reach the composer; return whether the text holds a document at all.

    ``what`` is what the text should be, such as `netlist`, for messages.

    Raises
    ------
    YamlError
        Nested too deep, a tag, or a second document.
    yaml.MarkedYAMLError
        It is not YAML.
    """
    depth = documents = 0
    for event in yaml.parse(text, Loader=Loader):
        match event:
            case yaml.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    raise YamlError(
                        f"a second document starts here; put each {what} into its own file", event.start_mark
                    )
            case yaml.CollectionStartEvent():
                depth += 1
                if depth > MAX_DEPTH:
                    raise YamlError(f"is nested more than {MAX_DEPTH} deep", event.start_mark)
            case yaml.CollectionEndEvent():
                depth -= 1
        tag = None if isinstance(event, yaml.AliasEvent) else getattr(event, "tag", None)
        if tag is not None:
            raise YamlError(
                f"the tag {tag.replace(_TAG, '!!')!r} is not allowed; write the plain value", event.start_mark
            )
    return documents > 0


def check_nodes(root: yaml.Node, too_long: str = "") -> None:
    """Refuse duplicate keys, keys that are not words, wrong merges, cycles, and aliases that multiply or nest.

    ``too_long`` says what to do about too many values, for messages.

    Raises
    ------
    YamlError
        With the place of the first of them.
    """
    sizes: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        """Count the values and the levels of a node with its aliases written out."""
        if isinstance(node, yaml.ScalarNode):
            return 1, 0
        key = id(node)
        if key in sizes:
            return sizes[key]
        if key in open_nodes:
            raise YamlError(
                "an anchor contains itself; an alias may only repeat a value that is finished",
                node.start_mark,
            )
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        open_nodes.add(key)
        size, depth = 1, 0
        for entry in _children(node):
            inside = measure(entry)
            size, depth = size + inside[0], max(depth, inside[1])
        open_nodes.discard(key)
        if size > MAX_NODES:
            more = f"; {too_long}" if too_long else ""
            raise YamlError(f"expands to more than {MAX_NODES} values; aliases may not multiply{more}", node.start_mark)
        if depth >= MAX_DEPTH:
            raise YamlError(f"is nested more than {MAX_DEPTH} deep", node.start_mark)
        sizes[key] = size, depth + 1
        return sizes[key]

    measure(root)


def child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Find the (key, value) nodes of a part, also through merge keys; a list item is its own key."""
    if isinstance(node, yaml.SequenceNode):
        if isinstance(part, int) and part < len(node.value):
            return node.value[part], node.value[part]
        return None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.tag != _MERGE and key.value == part:
            return key, value
    for base in _bases(node):
        entry = child(base, part)
        if entry is not None:
            return entry
    return None


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    for entry in node.value:
        if isinstance(node, yaml.MappingNode):
            yield from entry
        else:
            yield entry


def _bases(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """Mappings that are merged into this one, strongest first."""
    for key, value in node.value:
        if key.tag == _MERGE:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]


def _check_keys(node: yaml.MappingNode) -> None:
    seen: dict[str, yaml.Mark] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError("a key must be a plain word, not a list or a mapping", key.start_mark)
        if key.value in seen:
            raise YamlError(
                f"key {key.value!r} is given twice (first in line {seen[key.value].line + 1}); keep one",
                key.start_mark,
            )
        seen[key.value] = key.start_mark
    for base in _bases(node):
        if not isinstance(base, yaml.MappingNode):
            raise YamlError("`<<` merges a mapping, or a list of mappings; give it an alias of one", base.start_mark)
