"""A small spiking chip with inputs that take data: 4 lines, 3 hidden neurons, 2 output neurons."""

from soensim.netlist import parse_netlist
from soensim.network import Network, compile_network
from soensim.routing import route

NEURONS = """
    kind: spiking
    bias_current: 1.802395858835221
    beta_di: 62831.853
    flux_trim: {bits: 6, range: 0.25}
    soma: {threshold: 0.3, absolute_refractory_ns: 20, tau_di_ns: 250, flux_offset: 0.3}
    refractory: {present: false}
    synapse: {detector_efficiency: 0.9, dark_count_rate_hz: 0}
"""
SPIKING = f"""
schema: soensim/1
name: small-spiking
technology: nist-2023
populations:
  lines: {{kind: spike-input, size: 4, photons_per_synapse: 10, code: {{kind: rate, rate_max_mhz: 15}}}}
  hidden: {NEURONS.rstrip()}
    size: 3
  output: {NEURONS.rstrip()}
    size: 2
projections:
  - {{source: lines, target: hidden, topology: all-to-all, efficacy: {{bits: 4, range: 0.3}}}}
  - {{source: hidden, target: output, topology: all-to-all, efficacy: {{bits: 3, range: 0.5}}}}
timing: {{sample_ns: 400, substeps: 200}}
readout: {{kind: spike-count, population: output}}
"""

ARBOR = """
schema: soensim/1
name: two-places
technology: nist-2023
populations:
  lines: {kind: spike-input, size: 2, photons_per_synapse: 10, code: {kind: rate, rate_max_mhz: 15}}
  cells:
    kind: spiking
    size: 2
    bias_current: 1.8
    beta_di: 62831.853
    flux_trim: {bits: 4, range: 0.25}
    soma: {threshold: 0.3, tau_di_ns: 250, flux_offset: 0.25}
    refractory: {present: false}
    arbor: [{name: plus, coupling: 0.6}, {name: minus, coupling: -0.6}]
    synapse: {detector_efficiency: 0.9, dark_count_rate_hz: 0}
projections:
  - {source: lines, target: cells, topology: one-to-one, efficacy: {bits: 4, range: 1.0, sign: positive}, place: plus}
  - source: lines
    target: cells
    topology: {kind: explicit, edges: [[0, 1], [1, 0]]}
    efficacy: {bits: 3, range: 0.9, sign: positive}
    place: minus
timing: {sample_ns: 400}
readout: {kind: spike-count, population: cells}
"""


def chip(**replaced: str) -> Network:
    """The chip, with pieces of its text replaced (underscore: space)."""
    text = SPIKING
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    return compile_network(route(parse_netlist(text)))


def changed(old: str, new: str) -> Network:
    """The chip with a piece of its text replaced everywhere."""
    return chip(**{old: new})
