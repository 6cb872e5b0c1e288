"""Write docs/netlist-keys.md, every key of a netlist with unit, range and default: `python tools/key_reference.py`.

Made from the models that read netlists, and from nothing else: a test holds the page and them together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from soensim._runtime.atomic_write import write_atomic
from soensim.commands.schema import full_schema
from soensim.limits import Limits
from soensim.netlist.base import Legal, Part
from soensim.netlist.schema.netlist import Netlist

PAGE = Path(__file__).resolve().parent.parent / "docs" / "netlist-keys.md"
_HEAD = """\
# Keys of a netlist

Every key of `schema: soensim/1`, with its unit, its legal range and its default; *required* has none. A number outside
its range is refused as a slip of the unit: ranges say what can exist, not what is usual. `soensim schema` writes the
same for [editors](contracts.md#netlist), and `soensim init` a netlist to begin with. What keys mean together:
[Physics](physics.md), [Hardware](hardware.md). Made by `python tools/key_reference.py`; do not edit.
"""

Schema = Mapping[str, Any]


def page() -> str:
    """Return the page: the netlist itself, then its parts in the order in which they are named."""
    schema = full_schema()
    limits = {(model.__name__, key): found for model in _models() for key, found in _limits(model).items()}
    parts: dict[str, Schema] = {"Netlist": schema}
    waiting = ["Netlist"]
    while waiting:
        for name in _references(parts[waiting.pop(0)]["properties"]):
            if name not in parts:
                parts[name] = schema["$defs"][name]
                waiting.append(name)
    return _HEAD + "".join(_section(name, part, limits) for name, part in parts.items())


def _models() -> Iterator[type[BaseModel]]:
    waiting: list[type[BaseModel]] = [Netlist, *Part.__subclasses__()]
    while waiting:
        model = waiting.pop()
        yield model
        waiting += model.__subclasses__()


def _limits(model: type[BaseModel]) -> dict[str, Limits]:
    """Find the limits with a unit that the numbers of a part have, by key."""
    found = {}
    for name, field in model.model_fields.items():
        kinds = [item for item in [*field.metadata, *_nested(field.annotation)] if isinstance(item, Legal)]
        if kinds:
            found[field.alias or name] = kinds[0].limits
    return found


def _nested(annotation: Any) -> Iterator[Any]:
    for item in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        yield item
        yield from _nested(item)


def _references(schema: Any) -> Iterator[str]:
    """Names of the parts that a schema refers to, in its order."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for key, value in schema.items():
            if key != "discriminator":
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def _title(name: str) -> str:
    """Write the name of a model in words: SmallWorld, Small world."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()


def _link(reference: str) -> str:
    title = _title(reference.rpartition("/")[2])
    return f"[{title[0].lower()}{title[1:]}](#{title.lower().replace(' ', '-')})"


def _section(name: str, part: Schema, limits: Mapping[tuple[str, str], Limits]) -> str:
    needed = part.get("required", ())
    kind = part["properties"].get("kind", {}).get("const")
    lines = [f"\n## {_title(name)}\n\n{'' if kind is None else f'`kind: {kind}`. '}{_sentence(part['description'])}\n"]
    lines += ["\n| key | value | default | meaning |\n|---|---|---|---|\n"]
    for key, schema in part["properties"].items():
        if key == "kind":
            continue
        default = "*required*" if key in needed else _default(schema)
        meaning = _in_cell(schema.get("description", ""))
        lines.append(f"| `{key}` | {_in_cell(_value(schema, limits.get((name, key))))} | {default} | {meaning} |\n")
    return "".join(lines[:1] if len(lines) == 2 else lines)


def _sentence(text: str) -> str:
    """Return the first paragraph of a docstring."""
    return " ".join(text.partition("\n\n")[0].split())


def _in_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or isinstance(value, dict | list):
        return "absent" if value is None else "its defaults" if value or "$ref" in schema else "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`" if value != "" else "empty"


def _value(schema: Schema, limits: Limits | None) -> str:
    """Say what a key can have."""
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return ", ".join(_value(one, limits) for one in schema[key] if one.get("type") != "null")
    match schema.get("type"):
        case "array":
            return _list(schema, limits)
        case "object":
            return _mapping(schema, limits)
        case "boolean":
            return "`true`, `false`"
        case "string":
            return "name" if "A-Za-z" in schema.get("pattern", "") else "text"
        case "integer" | "number" as kind:
            return _number("whole number" if kind == "integer" else "number", schema, limits)
    return "number, word, `true` or `false`"


def _list(schema: Schema, limits: Limits | None) -> str:
    items = schema.get("prefixItems") or [schema.get("items", {})]
    return "list of " + (_value(items[0], limits) if len(items) == 1 else f"{len(items)} x {_value(items[0], limits)}")


def _mapping(schema: Schema, limits: Limits | None) -> str:
    if "properties" in schema:
        return "mapping of settings of the [rule](learning-rules.md)"
    named = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties", {})]
    inner = next((one for one in named if isinstance(one, Mapping) and one), {})
    return f"mapping of names to {_value(inner, limits)}"


def _number(kind: str, schema: Schema, limits: Limits | None) -> str:
    if limits is not None:
        unit = "" if limits.unit == "1" else f", {limits.unit}"
        return f"{kind}{unit}; {limits}"
    words = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
    ends = [f"{word} {schema[key]:,}" for key, word in words.items() if key in schema and abs(schema[key]) < 2**53]
    return f"{kind}; {' '.join(ends)}" if ends else kind


if __name__ == "__main__":
    write_atomic(sys.argv[1] if len(sys.argv) > 1 else PAGE, page())
