"""Text above the floorplan picture."""

from __future__ import annotations

from soensim.netlist import Netlist
from soensim.report.figures.floorplans.figure_layout import wrapped
from soensim.report.figures.floorplans.routes import Optics, Wire, input_names
from soensim.report.figures.floorplans.waveguides import WIDEST_BAND, are_bundled, are_thinned
from soensim.routing import RoutedNetlist
from soensim.routing.placement import Placement

_LONGEST_NAME = 28


def short(name: str) -> str:
    """Shorten the name of a population to what a line has room for."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def caption_lines(
    routed: RoutedNetlist, placement: Placement, optics: Optics | None, wire: Wire | None, width: float
) -> list[str]:
    """Say in a few lines of a width (inches) what the chip is, which edges it has, and what its worst net costs."""
    sentences = [
        f"{_chip(routed.netlist, placement)} {_edges(routed)}",
        *([] if optics is None else _waveguides(routed, optics)),
        *_wires(routed, wire),
    ]
    return [line for text in sentences for line in wrapped(text, width)]


def length(length_um: float) -> str:
    """Write a length in the unit that suits it."""
    for unit, size_um in (("m", 1e6), ("mm", 1e3)):
        if length_um >= size_um:
            return f"{length_um / size_um:.4g} {unit}"
    return f"{length_um:.4g} µm"


def _chip(netlist: Netlist, placement: Placement) -> str:
    ports = sum(netlist.populations[name].size for name in input_names(netlist))
    neurons = sum(p.size for p in netlist.populations.values()) - ports
    said = f"{neurons:,} {_plural('neuron', neurons)}, {ports:,} {_plural('input port', ports)}"
    die = f"{length(placement.die_width_um)} × {length(placement.die_height_um)}"
    return f"{said}; die {die}, margin {length(placement.margin_um)}, cells {length(placement.cell_um)} wide."


def _edges(routed: RoutedNetlist) -> str:
    present = sum(len(p.edges) for p in routed.projections.values())
    absent: dict[str, int] = {}
    for projection in routed.projections.values():
        for reason, count in projection.absent.items():
            absent[reason] = absent.get(reason, 0) + count
    asked = present + sum(absent.values())
    said = f"{present:,} of {asked:,} edges have a route."
    if absent:
        said += " Absent: " + ", ".join(f"{count:,} ({_REASON[reason]})" for reason, count in absent.items()) + "."
    return said


_REASON = {
    "track": "no free track",
    "fan-out": "fan-out limit",
    "crossings": "crossing limit",
    "delay": "delay limit",
    "loss": "loss limit",
    "photons": "too few photons",
    "wire": "wire too long",
}


def _waveguides(routed: RoutedNetlist, optics: Optics) -> list[str]:
    routing, stack, worst = routed.netlist.routing, optics.stack, optics.worst
    strategy = routing.strategy if routing is not None else None
    total = length(float(optics.guides.length_um.sum()))
    if optics.channels is None:
        planes = "straight lines in one plane, crossings counted"
    elif stack.planes == 1:
        planes = f"one plane, tracks every {length(stack.pitch_um)}"
    else:
        along_x, along_y = (", ".join(map(str, stack.planes_along(row=row))) for row in (True, False))
        planes = (
            f"{stack.planes} planes (those along x: {along_x}; along y: {along_y}), "
            f"tracks every {length(stack.pitch_um)}"
        )
    said = [f"Waveguides: {strategy}, {planes}; {total} in all."]
    if are_thinned(optics):
        said[0] += " Drawn: the costliest line of each net."
    if are_bundled(optics):
        said[0] += (
            f" Drawn as one band per channel, {WIDEST_BAND:g} of a cell wide where all tracks are taken, in the colour "
            "of the highest loss."
        )
    if worst is not None:
        each = "its detector" if worst.detectors == 1 else f"each of {worst.detectors:,} detectors"
        said.append(
            f"Worst net: {short(worst.source)} {worst.member}, {worst.loss_db:.4g} dB and {worst.photons:,.4g} photons "
            f"per spike at {each}; its costliest path, to {short(worst.target)} {worst.target_member}, loses "
            f"{worst.path_db:.4g} dB on the way."
        )
    return said


def _wires(routed: RoutedNetlist, wire: Wire | None) -> list[str]:
    wired = sum(len(routed.projections[p.key].edges) for p in routed.netlist.projections if p.medium == "electrical")
    if wire is None:
        return []
    return [
        f"Electrical wires, {wired:,}, are not drawn; the longest, {short(wire.source)} {wire.member} to "
        f"{short(wire.target)} {wire.target_member}, is {length(wire.length_um)} and takes {wire.delay_ps:.3g} ps."
    ]


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
