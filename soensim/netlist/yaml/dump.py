"""Netlist -> YAML text."""

from __future__ import annotations

from typing import Any

import yaml

from soensim.files.yaml_loader import SCALAR_RESOLVERS
from soensim.netlist.schema.netlist import Netlist

_WIDTH = 110
_FLOW_WIDTH = 84  # a mapping that is longer gets one line per key


class _Representer(yaml.representer.SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (write equal parts out, do not link them)
        return True


class _Dumper(yaml.CSafeDumper):
    """Quotes every word that YAML 1.1 or YAML 1.2 would read as something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own name, an instance attribute there too)
        first: [*yaml.CSafeDumper.yaml_implicit_resolvers.get(first, []), *SCALAR_RESOLVERS.get(first, [])]
        for first in {*yaml.CSafeDumper.yaml_implicit_resolvers, *SCALAR_RESOLVERS}
    }


def dump_netlist(netlist: Netlist) -> str:
    """Write a netlist as YAML text.

    Values that are the default are left out. Reading the text again gives an equal netlist with an equal hash; edge
    files and technology files stay files, so the text must be read in the folder of the original.
    """
    content = netlist.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    root = _Representer(sort_keys=False).represent_data(content)
    _lay_out(root, 0)
    text: str = yaml.serialize(root, Dumper=_Dumper, width=_WIDTH, allow_unicode=True)
    return text


def _lay_out(node: Any, depth: int) -> int:
    """Choose one line or one line per entry for every mapping and list; return the length on one line."""
    if isinstance(node, yaml.ScalarNode):
        return len(node.value) + 2
    if isinstance(node, yaml.MappingNode):
        length = sum(len(key.value) + 2 + _lay_out(value, depth + 1) for key, value in node.value)
        holds_parts = any(isinstance(value, yaml.CollectionNode) for _, value in node.value)
        node.flow_style = length <= _FLOW_WIDTH and (depth >= 2 or (depth == 1 and not holds_parts))
        return length
    length = sum(_lay_out(item, depth + 1) for item in node.value)
    node.flow_style = not any(isinstance(item, yaml.MappingNode) for item in node.value)
    return length
