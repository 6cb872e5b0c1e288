"""`soensim export CHIP --format gds|oasis`: the chip as a layout."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from soensim.commands import cli
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.errors import SoensimError
from soensim.layout import FORMATS, ChipDrawing, draw_chip, write_drawing
from soensim.layout.writer import require_gdstk
from soensim.routing import RoutedNetlist, route


def export_layout(args: argparse.Namespace) -> int:
    """Write the file.

    Raises
    ------
    SoensimError
        On a bad chip, one that cannot be drawn, a file that cannot be written, or without gdstk.
    """
    out, target = named(args.out), named(args.json)
    ending = FORMATS[args.format].ending
    if out == STANDARD_OUTPUT:
        raise SoensimError(f"--format {args.format} needs --out FILE{ending}: a layout is no text")
    netlist = load_chip(args.chip)
    check_outputs([Output("--out", out, (ending,)), json_output(target)], chip_files(args.chip, netlist))
    if out is not None:
        require_gdstk()  # before the work
    with naming_file(args.chip):
        routed = route(netlist)
        drawn = draw_chip(routed)
    if out is not None:
        write_drawing(drawn.drawing, out, args.format)
    cli.write_json(target, _document(args.format, out, routed, drawn))
    if target != STANDARD_OUTPUT:
        cli.say(_text(out, routed, drawn))
    return cli.DONE


def _document(form: str, out: str | None, routed: RoutedNetlist, drawn: ChipDrawing) -> dict[str, Any]:
    length_um, shorter_um = _lengths(drawn)
    return {
        "format": form,
        "file": out,
        "chip": {"name": routed.netlist.name, "hash": routed.hash},
        "top": drawn.drawing.top.name,
        "cells": drawn.drawing.copies,
        "layers": [
            {"layer": layer, "datatype": datatype, "name": name, "width_um": rules.width_um, "space_um": rules.space_um}
            for (layer, datatype), (name, rules) in sorted(drawn.layers.items())
        ],
        "edges": len(length_um),
        "turns": drawn.turns,
        "arcs": drawn.arcs,
        "radius_um": drawn.radius_um,
        "arc_pitch_um": drawn.arc_pitch_um,
        "length_um": {
            "edges": float(length_um.sum()),
            "shorter_by_arcs": float(shorter_um.sum()),
            "largest_shorter": float(shorter_um.max(initial=0.0)),
        },
    }


def _lengths(drawn: ChipDrawing) -> tuple[Any, Any]:
    """Length of every edge in the ledger, and by how much it is shorter as drawn, shape (edges,)."""
    length_um = np.concatenate([np.empty(0), *drawn.length_um.values()])
    return length_um, length_um - np.concatenate([np.empty(0), *drawn.drawn_um.values()])


def _text(out: str | None, routed: RoutedNetlist, drawn: ChipDrawing) -> str:
    length_um, shorter_um = _lengths(drawn)
    lines = [] if out is None else [f"written: {out}"]
    counts = ", ".join(f"{count} {name}" for name, count in drawn.drawing.copies.items())
    lines.append(f"{drawn.drawing.top.name} of {routed.netlist.name}: {counts or 'no cells'}")
    lines.append(f"{len(length_um)} edges, as long as in the ledger along rows and columns")
    if drawn.turns:
        arcs = f"{drawn.arcs} of {drawn.turns} turns are arcs of {drawn.radius_um:g} um"
        lines.append(f"{arcs}, along which edges are up to {shorter_um.max(initial=0.0):.4g} um shorter")
    if drawn.arcs < drawn.turns:
        left = f"{drawn.turns - drawn.arcs} turns have no room for an arc and are right angles at a coupler; "
        if drawn.arc_pitch_um is None:
            lines.append(f"{left}no pitch of tracks has room for all: the cells are too narrow for that")
        else:
            lines.append(f"{left}routing.waveguide_pitch_um: {drawn.arc_pitch_um:.4g} would have room between tracks")
    return "\n".join(lines)
