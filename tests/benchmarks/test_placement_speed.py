"""Speed of placement: `pytest tests/benchmarks/test_placement_speed.py --benchmark-enable --benchmark-only`."""

from typing import Any

import pytest

from soensim.netlist import Netlist, parse_netlist
from soensim.routing.placement import place

CHIP = """
schema: soensim/1
name: large
technology: nist-2023
populations:
  pixels: {{kind: input, size: 90, drive_low: 0.0, drive_high: 0.5}}
  hidden: {{kind: dendrite, size: {neurons}, source_function: tanh, gamma_plus: 0.1, gamma_minus: 0.1}}
projections:
  - source: pixels
    target: hidden
    topology: {{kind: random, density: 0.01, seed: 1}}
    efficacy: {{bits: 4, range: 0.3}}
    medium: electrical
  - source: hidden
    target: hidden
    topology: {topology}
    efficacy: {{bits: 4, range: 0.3}}
    medium: electrical
timing: {{sample_tau: 100}}
floorplan: {{die_width_um: 10000, die_height_um: 10000, margin_um: 100, cell_um: 100, placement: {placement}}}
routing: {{absent_edges: prune}}
"""


def chip(neurons: int, topology: str, placement: str) -> Netlist:
    return parse_netlist(CHIP.format(neurons=neurons, topology=topology, placement=placement))


@pytest.mark.benchmark(group="placement")
def test_grid_of_8100(benchmark: Any) -> None:
    """Target: < 50 ms."""
    netlist = chip(8100, "{kind: random, density: 0.005, seed: 1}", "{kind: grid}")
    benchmark(place, netlist)
    assert benchmark.stats.stats.min < 0.05


@pytest.mark.benchmark(group="placement")
@pytest.mark.parametrize(
    "topology",
    [
        "{kind: random, density: 0.005, seed: 1}",
        "{kind: small-world, neighbours: 40, rewiring: 0.1, seed: 1}",
        "{kind: grid, neighbourhood: von-neumann}",
    ],
)
def test_spectral_of_8100(benchmark: Any, topology: str) -> None:
    """Target: < 5 s with 330,000 edges."""
    netlist = chip(8100, topology, "{kind: optimised, method: spectral, seed: 1}")
    benchmark.pedantic(place, args=(netlist,), rounds=2)
    assert benchmark.stats.stats.min < 5


@pytest.mark.benchmark(group="placement")
def test_annealing_of_1000(benchmark: Any) -> None:
    """Target: < 10 s with 20,000 edges, after numba's compilation."""
    kind = "{kind: optimised, method: annealing, seed: 1}"
    place(chip(50, "{kind: random, density: 0.1, seed: 1}", kind))
    netlist = chip(1000, "{kind: random, density: 0.02, seed: 1}", kind)
    benchmark.pedantic(place, args=(netlist,), rounds=2)
    assert benchmark.stats.stats.min < 10
