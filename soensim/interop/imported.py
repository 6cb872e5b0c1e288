"""A chip that was made from another tool's model: netlist, the files that it names, program, what was left out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from soensim.errors import ModelError, SoensimError
from soensim.interop.entry import FloatArray
from soensim.netlist import Netlist, dump_netlist, parse_netlist
from soensim.netlist.topology.edges import Edges
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route

BoolArray = NDArray[np.bool_]

#: Bits of an imported chip's synapses where none are asked for: the finest that a program holds.
FINEST_BITS = 16


@dataclass(frozen=True, eq=False)
class ImportedChip:
    """A chip made from another tool's model.

    Attributes
    ----------
    netlist
        The chip.
    text
        The netlist as YAML, with comments on where it is from.
    edge_files
        Content of the npz files that the netlist names, by name.
    program
        The model's values on the chip, as codes, with the values themselves as ideal ones; None: it has none.
    notes
        What was left out, or is not the same in both tools.
    """

    netlist: Netlist
    text: str
    edge_files: Mapping[str, bytes]
    program: Program | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ChipPlan:
    """What to make a chip of.

    Attributes
    ----------
    content
        The netlist as plain data. Projections without a `topology` get theirs from ``masks``.
    masks
        (targets, sources) by projection key: which edges exist.
    values
        Weights by program key, as `Program.ideal` takes them; None: the model has none.
    comments
        Lines at the top of the netlist.
    notes
        As those of `ImportedChip`.
    """

    content: dict[str, Any]
    masks: Mapping[str, BoolArray]
    values: Mapping[str, FloatArray] | None
    comments: Sequence[str]
    notes: Sequence[str]


def make_chip(plan: ChipPlan, source: str, command: str | None = None) -> ImportedChip:
    """Make a chip of a plan.

    Parameters
    ----------
    plan
        What to make.
    source
        Name of the model's file, for messages and the program's header.
    command
        The command line, for the program's header.

    Raises
    ------
    ModelError
        A number of the model is outside of what a chip can have; the message names the key of the netlist.
    """
    content, listed = dict(plan.content), {}
    content["projections"] = [dict(projection) for projection in content["projections"]]
    for projection in content["projections"]:
        key = f"{projection['source']}->{projection['target']}"
        if "topology" not in projection:
            projection["topology"], edges = _topology(plan.masks[key], projection["source"] == projection["target"])
            if edges is not None:
                name = f"{content['name']}-{projection['source']}-{projection['target']}.npz"
                listed[key] = (name, edges)
    try:
        netlist = parse_netlist(yaml.safe_dump(content, sort_keys=False), name=source, folder=Path()).with_edges(listed)
        network = compile_network(route(netlist))
        program = None if plan.values is None else Program.quantised(network, plan.values)
    except SoensimError as error:
        raise ModelError(f"{source}: makes no chip: {error.in_one_line}") from error
    if program is not None:
        program = program.with_header({"netlist": netlist.name, "command": command, "imported_from": source})
    comments = "".join(f"# {line}".rstrip() + "\n" for line in plan.comments)
    notes = "".join(f"# - {note}\n" for note in plan.notes)
    text = (
        comments + ("# Not the same as in the model, or left out:\n" + notes if notes else "") + dump_netlist(netlist)
    )
    files = {name: _npz(edges) for name, edges in listed.values()}
    return ImportedChip(netlist, text, files, program, tuple(plan.notes))


def _topology(mask: BoolArray, recurrent: bool) -> tuple[dict[str, Any], Edges | None]:
    """Return the topology with these edges; where it has no word of its own, the edges too, for a file."""
    if mask.all():
        return {"kind": "all-to-all"}, None
    if recurrent and np.array_equal(mask, ~np.eye(len(mask), dtype=bool)):
        return {"kind": "all-to-all", "self_connections": False}, None
    if mask.shape[0] == mask.shape[1] and np.array_equal(mask, np.eye(len(mask), dtype=bool)):
        return {"kind": "one-to-one"}, None
    targets, sources = np.nonzero(mask)
    return {"kind": "all-to-all"}, Edges(sources.astype(np.int64), targets.astype(np.int64))


def _npz(edges: Edges) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, source=edges.sources, target=edges.targets)
    return buffer.getvalue()


def level_range(weights: FloatArray) -> float:
    """Return the largest magnitude of weights, as the range of a level table; 1 where all are zero."""
    return float(np.abs(weights).max(initial=0.0)) or 1.0
