"""Small chips that are laid out, and slow references for what routing computes."""

import itertools
import math
from typing import Any

import networkx as nx
import numpy as np

from soensim.netlist import Netlist, parse_netlist
from soensim.routing import RoutedNetlist

CHIP = """
schema: soensim/1
name: laid-out
technology: nist-2023
populations:
  pixels: {{kind: input, size: {inputs}, drive_low: 0.0, drive_high: 0.5}}
  hidden: {{kind: dendrite, size: {neurons}, source_function: tanh, gamma_plus: 1.0e-5, gamma_minus: 1.0e-5,
           reference_state: 1.0}}
projections:
  - source: pixels
    target: hidden
    topology: {from_inputs}
    efficacy: {{bits: 4, range: 0.3}}
    medium: {input_medium}
  - {{source: hidden, target: hidden, topology: {topology}, efficacy: {{bits: 4, range: 0.3}}, medium: {medium}}}
timing: {{sample_tau: 1.0e+6}}
floorplan:
  die_width_um: {die_um}
  die_height_um: {die_um}
  margin_um: 100
  placement: {placement}
  synapse_pitch_um: 20
  {floorplan}
routing: {{strategy: {strategy}, absent_edges: {absent}, detector_efficiency: 0.9 {routing}}}
"""


def chip(**changes: Any) -> Netlist:
    """A chip of a few neurons; every part of it can be changed."""
    return parse_netlist(chip_text(**changes))


def chip_text(**changes: Any) -> str:
    """Its YAML."""
    parts: dict[str, Any] = {
        "inputs": 3,
        "neurons": 9,
        "from_inputs": "all-to-all",
        "topology": "all-to-all",
        "input_medium": "optical",
        "medium": "optical",
        "die_um": 2000,
        "placement": "{kind: grid}",
        "floorplan": "",
        "strategy": "crossbar",
        "absent": "prune",
        "routing": "",
    }
    parts.update(changes)
    if parts["routing"]:
        parts["routing"] = f", {parts['routing']}"
    return CHIP.format(**parts)


def pairs(routed: RoutedNetlist, key: str) -> set[tuple[int, int]]:
    """The edges of a projection that exist, as (source, target)."""
    edges = routed.projections[key].edges
    return set(zip(edges.sources.tolist(), edges.targets.tolist(), strict=True))


def walk(graph: nx.DiGraph, detector: tuple[int, int]) -> dict[str, float]:
    """Add up everything that light meets between its emitter and a detector, element by element."""
    path = [detector]
    while graph.nodes[path[-1]]["kind"] != "emitter":
        (before,) = graph.predecessors(path[-1])
        path.append(before)
    path.reverse()
    steps = [graph.edges[a, b] for a, b in itertools.pairwise(path)]
    kinds = [graph.nodes[node]["kind"] for node in path]
    share = math.prod(step["share"] for step in steps)
    own_db = sum(step["loss_db"] for step in steps) + sum(graph.nodes[node]["loss_db"] for node in path)
    return {
        "length_um": sum(step["length_um"] for step in steps),
        "delay_ps": sum(step["delay_ps"] for step in steps),
        "crossings": kinds.count("crossing"),
        "couplers": kinds.count("coupler"),
        "taps": kinds.count("split"),
        "share": share,
        "loss_db": own_db - 10 * math.log10(share),
    }


def crossings_by_hand(lines: list[tuple[float, float, float, float]]) -> list[int]:
    """How many other lines each line (x1, y1, x2, y2) crosses, by solving for the crossing point of each pair."""
    counts = []
    for a in lines:
        count = 0
        for b in lines:
            matrix = np.array([[a[2] - a[0], b[0] - b[2]], [a[3] - a[1], b[1] - b[3]]])
            if abs(np.linalg.det(matrix)) < 1e-9:
                continue
            s, t = np.linalg.solve(matrix, [b[0] - a[0], b[1] - a[1]])
            count += 1e-9 < s < 1 - 1e-9 and 1e-9 < t < 1 - 1e-9
        counts.append(count)
    return counts
