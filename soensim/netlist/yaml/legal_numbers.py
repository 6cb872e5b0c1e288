"""Whether a number is legal at a place of a netlist, by the JSON Schema of it: no other is advised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]


def number_legal(schema: Node, location: tuple[int | str, ...], value: float) -> bool:
    """Return whether a number is within the limits of a place.

    Parameters
    ----------
    schema
        The JSON Schema of netlists.
    location
        Place as pydantic names it: keys and indices, and which member of a union it tried.
    value
        The number.
    """
    return any(_holds(node, value) for node in _at(schema, location))


def whole_range(schema: Node, location: tuple[int | str, ...]) -> str:
    """Write the range of a whole number at a place, as `from 1 to 16`; empty where it has no two limits."""
    for node in _at(schema, location):
        if "minimum" in node and "maximum" in node:
            return f"from {node['minimum']} to {node['maximum']}"
        if "minimum" in node and "exclusiveMaximum" in node:
            return f"from {node['minimum']} to {node['exclusiveMaximum'] - 1}"
    return ""


def _at(schema: Node, location: tuple[int | str, ...]) -> list[Node]:
    """Find the nodes of a place, the alternatives of each among them."""
    nodes = [schema]
    for part in location:
        # what is no key is the name of a member of a union
        nodes = [below for node in nodes for below in _below(schema, node, part)] or nodes
    return [node for start in nodes for node in _members(schema, start)]


def _members(schema: Node, node: Node) -> Iterator[Node]:
    """Yield what a node refers to, or the alternatives that it has."""
    if "$ref" in node:
        yield from _members(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
        return
    yield node
    for member in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _members(schema, member)


def _below(schema: Node, start: Node, part: int | str) -> Iterator[Node]:
    for node in _members(schema, start):
        if isinstance(part, int):
            members = node.get("prefixItems", ())
            if part < len(members):
                yield members[part]
            elif isinstance(node.get("items"), Mapping):
                yield node["items"]
        elif part in node.get("discriminator", {}).get("mapping", {}):
            yield {"$ref": node["discriminator"]["mapping"][part]}
        elif part in node.get("properties", {}):
            yield node["properties"][part]
        else:
            yield from node.get("patternProperties", {}).values()
            if isinstance(node.get("additionalProperties"), Mapping):
                yield node["additionalProperties"]


def _holds(node: Node, value: float) -> bool:
    """Whether a number is within the limits of a node, which may be of something else."""
    if node.get("type") not in ("integer", "number"):
        return False
    return (
        node.get("minimum", value) <= value <= node.get("maximum", value)
        and ("exclusiveMinimum" not in node or value > node["exclusiveMinimum"])
        and ("exclusiveMaximum" not in node or value < node["exclusiveMaximum"])
    )
