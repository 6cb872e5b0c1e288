"""The netlist file: every number with the reason for it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soensim.draft import drive
from soensim.draft.die import MARGIN_UM, Die
from soensim.draft.time import FEW_FRAMES, INPUT_GHZ, MOST_LEAKS, Pace
from soensim.draft.topology import Recurrence
from soensim.draft.wish import Wish

SCHEMA_LINE = "# yaml-language-server: $schema=soensim-1.schema.json"
WIDTH = 120
PLANES = 2  # photonic: rows and columns, as optical-28
DETECTOR_EFFICIENCY = 0.9  # an estimate, docs/devices.md
READOUT_RANGE = 1.0  # only the ratios of scores matter

#: Topologies in which neuron k is at place k of the lattice, and which the order of the file suits.
_BY_LATTICE = ("grid", "distance-limited", "distance-exponential", "distance-power-law")


@dataclass(frozen=True)
class Parts:
    """What the rules chose, and what they chose it from."""

    wish: Wish
    command: str
    technology: str
    pace: Pace
    recurrent: Recurrence
    die: Die
    drive_high: float
    recurrent_range: float
    recipe: Mapping[str, Any]


def netlist_text(parts: Parts) -> str:
    """Write the netlist."""
    sections = (_head, _populations, _projections, _floorplan, _routing, _timing, _readout, _task)
    return "\n".join("\n".join(section(parts)) + "\n" for section in sections)


def counted(number: int, what: str) -> str:
    """Write "1 frame", "2 frames"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _head(parts: Parts) -> list[str]:
    wish = parts.wish
    what = f"{counted(wish.data.channels, 'input')} and {counted(wish.neurons, 'SQUID dendrite')}"
    return [
        SCHEMA_LINE,
        f"# {wish.name}: {what}, made by",
        f"#   {parts.command if parts.command.isprintable() else f'soensim init {wish.name} …'}",
        *_comment(
            "Every number has its reason beside it. Change any of them: `soensim check` says what the change breaks. "
            "`soensim schema --out soensim-1.schema.json` writes the file of the first line, with which an editor "
            "completes and checks keys."
        ),
        "schema: soensim/1",
        f"name: {wish.name}",
        f"description: {what}, {wish.topology}, {wish.medium}, {counted(wish.bits, 'bit')}",
        f"technology: {parts.technology}  # `soensim technology` lists its numbers, with their sources",
    ]


def _populations(parts: Parts) -> list[str]:
    wish, pace = parts.wish, parts.pace
    loop = "2 pi 100, 2.07 nH: the smallest loop that is published (arXiv:2210.09976); in smaller ones fluxons count."
    if pace.spikes:
        loop = (
            f"2 pi {pace.beta_di / (2 * math.pi):.4g}: as much larger than the 2 pi 100 of chips with wires as its "
            "frames are longer, so that a frame drives a state as far."
        )
    share = wish.data.frames * pace.sample_ns / pace.leak_ns
    leak = (
        f"The leak (ns). {counted(wish.data.frames, 'frame')} last {share:.2g} of it; of a sequence of more than "
        f"{MOST_LEAKS} leaks the first frames would be forgotten."
    )
    return [
        "populations:",
        *_comment(
            f"Signals in I_c. The flux of n lines with efficacies of either sign grows as sqrt(n): {drive.LINES} lines "
            f"of {drive.DRIVE:g} are known to work (year1-28), more lines are made weaker.",
            "  ",
        ),
        f"  input: {{kind: input, size: {wish.data.channels}, drive_low: 0.0, drive_high: {parts.drive_high:g}}}",
        "  hidden:",
        "    kind: dendrite",
        f"    size: {wish.neurons}",
        "    source_function: squid  # solved from the junctions of the technology",
        *_comment(
            "I_c. Between the thresholds at half a flux quantum, 1.05, and without flux, 2.0 (SOEN-PH-003), and near "
            "the upper one: little flux suffices.",
            "    ",
        ),
        f"    bias_current: {drive.BIAS_CURRENT}",
        *_comment(
            "Phi_0. The threshold is 1.83 here, a little below the bias: flux of either sign changes the state.", "    "
        ),
        f"    flux_offset: {drive.FLUX_OFFSET}",
        "    flux_trim: {bits: 8, range: 0.5}  # a flux per neuron (Phi_0) that the program sets",
        *_comment(loop, "    "),
        f"    beta_di: {pace.beta_di:.10g}",
        *_comment(leak, "    "),
        f"    tau_di_ns: {pace.leak_ns:.10g}",
    ]


def _projections(parts: Parts) -> list[str]:
    wish, recurrent = parts.wish, parts.recurrent
    levels = f"{wish.bits} bits are {2**wish.bits - 1} levels about an exact zero, from -range to range."
    if wish.bits == 1:
        levels = "1 bit: an efficacy is there or not. Fabrication draws the signs."
    possible = wish.neurons**2
    made = f"{len(recurrent.edges)} of {possible} edges, {100 * recurrent.density:.3g} %"
    made = f"all {possible} edges" if len(recurrent.edges) == possible else made
    return [
        "projections:",
        *_comment(
            f"{levels} Ranges (Phi_0 per I_c) as in year1-28; where a neuron has more than {drive.FAN_IN} recurrent "
            "synapses, less by the root of their number: its flux must stay within half a period of g.",
            "  ",
        ),
        "  - source: input",
        "    target: hidden",
        "    topology: all-to-all",
        f"    efficacy: {_efficacy(wish, drive.RANGE)}",
        f"    medium: {wish.medium}",
        "  - source: hidden",
        "    target: hidden",
        f"    topology: {_flow(recurrent.keys)}  # {made}",
        f"    efficacy: {_efficacy(wish, parts.recurrent_range)}",
        f"    medium: {wish.medium}",
    ]


def _efficacy(wish: Wish, largest: float) -> str:
    sign = f", sign: {{kind: per-edge, negative_fraction: 0.5, seed: {wish.seed}}}" if wish.bits == 1 else ""
    return f"{{bits: {wish.bits}, range: {largest:g}{sign}}}"


def _floorplan(parts: Parts) -> list[str]:
    die, wish = parts.die, parts.wish
    cell = "the synapses of the largest fan-in (SOEN-FP-004)"
    if die.loop_um2:
        cell += f" and {die.loop_um2 * 1e-6:.3g} mm^2 for the inductor of the loop (SOEN-FP-006)"
    placement = "{kind: grid}"
    why = "all alike: any order will do" if wish.topology == "all-to-all" else "the lattice of the topology"
    if wish.topology not in ("all-to-all", *_BY_LATTICE):
        placement = f"{{kind: optimised, method: annealing, seed: {wish.seed}}}"
        why = "partners near each other"
    return [
        "floorplan:",
        *_comment(f"A square of cells, with a margin for the input ports. A cell holds {cell}.", "  "),
        f"  die_width_um: {die.width_um}",
        f"  die_height_um: {die.height_um}",
        f"  margin_um: {MARGIN_UM}",
        f"  cell_um: {die.cell_um}",
        f"  placement: {placement}  # {why}",
    ]


def _routing(parts: Parts) -> list[str]:
    if parts.wish.medium == "electrical":
        return ["routing: {absent_edges: error}  # no edge may be missing; wires reach 4 mm (SOEN-RT-008)"]
    dense = parts.wish.topology == "all-to-all"
    strategy = "crossbar  # along rows, then columns"
    return [
        "routing:",
        f"  strategy: {strategy if dense else 'manhattan  # Steiner trees: less waveguide where edges are few'}",
        "  absent_edges: error  # no edge may be missing",
        f"  photonic_planes: {PLANES}  # rows in one, columns in the other: no crossings within a plane",
        f"  detector_efficiency: {DETECTOR_EFFICIENCY}  # an estimate: no published value was found",
    ]


def _timing(parts: Parts) -> list[str]:
    pace, frames = parts.pace, parts.wish.data.frames
    why = (
        f"A frame drives a state by {pace.driven:.2g} of its source function (gamma_plus x sample): 0.2 where there "
        f"are {FEW_FRAMES} frames or more, in proportion more of fewer. Lines of {INPUT_GHZ} GHz can follow."
    )
    if pace.spikes:
        why = (
            f"An emitter at its highest rate sends {pace.spikes:.3g} spikes in a frame; fewer than 10 are no rate "
            "(SOEN-LI-001)."
        )
    return [
        "timing:",
        *_comment(f"{counted(frames, 'frame')}, ns each. {why} Steps: as fine as training needs.", "  "),
        f"  sample_ns: {pace.sample_ns:.10g}",
    ]


def _readout(parts: Parts) -> list[str]:
    wish = parts.wish
    return [
        *_comment(
            "Weighted sums of the states after the last frame, on the chip; the largest is the answer, so that only "
            "the ratios of efficacies matter."
        ),
        "readout:",
        "  kind: linear",
        "  population: hidden",
        f"  classes: {wish.data.classes}",
        "  state: final",
        f"  efficacy: {_efficacy(wish, READOUT_RANGE)}",
    ]


def _task(parts: Parts) -> list[str]:
    data = parts.wish.data
    return [
        *_comment(
            f"What `train` and `evaluate` do without flags: {counted(data.frames, 'frame')} of "
            f"{counted(data.channels, 'value')}; back-propagation through time, first with ideal weights, then through "
            "the levels."
        ),
        "task:",
        f"  data: {_scalar(data.name)}",
        "  rule: bptt",
        f"  recipe: {_flow(parts.recipe)}",
    ]


def _comment(text: str, indent: str = "") -> list[str]:
    mark = f"{indent}# "
    return textwrap.wrap(
        text, WIDTH, initial_indent=mark, subsequent_indent=mark, break_long_words=False, break_on_hyphens=False
    )


def _flow(content: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in content.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str) and not value.replace("-", "").isalnum():
        return "'" + value.replace("'", "''") + "'"
    return str(value)
