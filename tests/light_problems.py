"""Small chips whose rates are carried by light, and slow references for what their light does."""

import dataclasses
import math

import numpy as np
import scipy.stats

from soensim.dynamics import LightDraws
from soensim.dynamics.light import DARK, EMITTERS, MISSED
from soensim.netlist import parse_netlist
from soensim.network import compile_network
from soensim.program import Program, slots
from soensim.routing import route

CHIP = """
schema: soensim/1
name: lit
technology: nist-2023
populations:
  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  first:
    {kind: dendrite, size: 5, source_function: squid-fit, bias_current: 1.9, flux_offset: 0.3, beta_di: 7.0e5,
     tau_di_ns: 900, flux_trim: {bits: 6, range: 0.5}}
  second: {kind: dendrite, size: 4, source_function: tanh, beta_di: 8.0e5, tau_di_ns: 700, reference_state: 0.05}
projections:
  - {source: pixels, target: first, topology: all-to-all, efficacy: {bits: 4, range: 0.3}, medium: optical}
  - {source: pixels, target: second, topology: all-to-all, efficacy: {bits: 4, range: 0.3}, medium: PIXELS_SECOND}
  - {source: first, target: first, topology: all-to-all, efficacy: {bits: 4, range: 0.6}, medium: optical}
  - {source: first, target: second, topology: all-to-all, efficacy: {bits: 4, range: 0.6}, medium: FIRST_SECOND}
  - {source: second, target: first, topology: all-to-all, efficacy: {bits: 4, range: 0.6}, medium: optical}
floorplan:
  {die_width_um: 2000, die_height_um: 2000, margin_um: 100, placement: {kind: grid}, synapse_pitch_um: 20}
routing:
  {strategy: crossbar, absent_edges: error, photonic_planes: 2, detector_efficiency: 0.9}
timing: {sample_ns: 700, substeps: 4}  # 7 spikes at 10 MHz
readout:
  {kind: linear, populations: [first, second], classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
"""
FEW_PHOTONS = ("detector_efficiency: 0.9", "detector_efficiency: 0.9, photons_per_spike: 12")
DARK_COUNTS = ("detector_efficiency: 0.9", "detector_efficiency: 0.9, dark_count_rate_hz: 4.0e5")
POISSON = ("detector_efficiency: 0.9", "detector_efficiency: 0.9, spike_statistics: poisson")
POISSON2 = ("photons_per_spike: 12", "photons_per_spike: 12, spike_statistics: poisson")
REFERENCE = ("reference_state: 0.05", "reference_state: 0.8")
AHEAD = ("substeps: 4}", "substeps: 4, update: feed-forward}")
LABEL = [
    ("  first:\n", "  label: {kind: input, size: 10, carries: label, drive_low: 0.0, drive_high: 0.4}\n  first:\n"),
    (
        "projections:\n",
        "projections:\n  - {source: label, target: first, topology: all-to-all, efficacy: {bits: 4, range: 0.6}, "
        "medium: optical}\n",
    ),
    (
        "{kind: linear, populations: [first, second], classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}",
        "{kind: goodness, population: first, state: all}",
    ),
]
ONE = [  # population, and no other
    (line, "")
    for line in CHIP.splitlines(keepends=True)
    if line.startswith("  second:") or "source: second" in line or "target: second" in line
]
ONE.append(("populations: [first, second]", "population: first"))


def chip_text(*changes, all_light=False):
    """Its YAML; a port and a population are read by light and by wire side by side, unless all is light."""
    text = CHIP
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    for medium in ("PIXELS_SECOND", "FIRST_SECOND"):
        text = text.replace(medium, "optical" if all_light else "electrical")
    return text


def lit_network(*changes, all_light=False, delays=True, seed=0):
    """Compile the chip; with delays, every edge has one of its own, of up to 1.6 samples, whole steps among them."""
    routed, rng = route(parse_netlist(chip_text(*changes, all_light=all_light))), np.random.default_rng(seed)
    if delays:
        projections = {}
        for key, p in routed.projections.items():
            samples = rng.uniform(0, 1.6, len(p.edges))
            samples[:3] = 0.25, 0.0, 1.0
            projections[key] = dataclasses.replace(p, delay_ps=samples * 700e3)
        routed = dataclasses.replace(routed, projections=projections)
    return compile_network(routed)


def random_program(network, seed=1):
    """A program with random efficacies and trims."""
    rng = np.random.default_rng(seed)
    values = {
        key: rng.uniform(-0.6 if key != "pixels->first" else 0.0, 1.0, slot.shape) * slot.levels.max()
        for key, slot in slots(network).items()
    }
    return Program.quantised(network, values)


def expected_spikes(network, source, signal):
    """r T max(s, 0) / s_ref, at most T / dead time; nist-2023: r = 10 MHz, a dead time of 50 ns, T = 700 ns."""
    reference = 0.5 if source == "port" else network.light.populations[source].reference
    return min(7.0 * max(signal, 0.0) / reference, 14.0), reference


def brute_force(network, values, inputs, read_seed=0, poisson=False, dark_counts=0.0, first_sample=0):
    """States after every sample, edge by edge and step by step, by forward Euler; inputs (samples, frames, channels).

    ``dark_counts`` is their mean number in a frame. The random numbers are those of `LightDraws`.
    """
    substeps, dt = network.substeps, network.dt_tau
    samples, frames = inputs.shape[:2]
    populations = network.populations
    draws = LightDraws(read_seed, first_sample, samples)
    feed_forward = network.feed_forward

    def counts_of(place, frame, expected):
        uniform = draws.uniform(EMITTERS, place, frame, expected.shape[1])
        counts = np.empty(expected.shape)
        for n in np.ndindex(expected.shape):
            x, u = float(expected[n]), float(uniform[n])
            drawn = max(scipy.stats.poisson.ppf(u, x), 0.0) if poisson else math.floor(x + u)
            counts[n] = min(drawn, 14)
        return counts

    record = []
    states = [np.zeros((samples, p.size)) for p in populations]
    past = [[s.copy() for s in states]]  # by step
    port_light, light, extra = [], [], []
    places = list(network.light.photons)
    for frame in range(frames):
        mean = np.array([[expected_spikes(network, "port", x)[0] for x in row] for row in inputs[:, frame]])
        port_counts = counts_of(0, frame, mean)
        port_light.append(port_counts * 0.5 / 7.0)
        own_counts = []
        for p, s in enumerate(states):
            mean = np.array([[expected_spikes(network, p, x)[0] for x in row] for row in s])
            own_counts.append(counts_of(len(network.inputs) + p, frame, mean))
        references = [expected_spikes(network, p, 0.0)[1] for p in range(len(populations))]
        light.append([n * r / 7.0 for n, r in zip(own_counts, references, strict=True)])
        # what detectors miss, and what they count in the dark
        held = [np.zeros((samples, p.size)) for p in populations]
        for place, key in enumerate(places):
            synapses = network.synapses[key]
            edges = len(synapses)
            missed_u = draws.uniform(MISSED, place, frame, edges)
            dark_u = draws.uniform(DARK, place, frame, edges)
            for row in range(samples):
                for e in range(edges):
                    j, i = int(synapses.sources[e]), int(synapses.targets[e])
                    sent = port_counts[row, j] if synapses.source is None else own_counts[synapses.source][row, j]
                    reference = 0.5 if synapses.source is None else references[synapses.source]
                    none = math.exp(-float(network.light.photons[key][e]))
                    excess = -scipy.stats.binom.ppf(missed_u[row, e], int(sent), none) if sent else 0.0
                    if dark_counts:
                        excess += scipy.stats.poisson.ppf(dark_u[row, e], dark_counts)
                    held[synapses.target][row, i] += values[key][e] * excess * reference / 7.0
        extra.append(held)
        for at in range(frame * substeps, (frame + 1) * substeps):
            new = []
            for p, population in enumerate(populations):
                flux = np.broadcast_to(population.flux_offset, (samples, population.size)).copy()
                if population.trim_key in values:
                    flux += values[population.trim_key]
                flux += extra[frame][p]
                for key, synapses in network.synapses.items():
                    if synapses.target != p:
                        continue
                    steps = synapses.delay_tau / dt
                    for e in range(len(synapses)):
                        j, i = int(synapses.sources[e]), int(synapses.targets[e])
                        whole = math.floor(steps[e] + 1e-9)
                        rest = max(steps[e] - whole, 0.0)
                        rest = 0.0 if rest < 1e-8 else rest
                        for lag, part in ((whole, 1 - rest), (whole + 1, rest)):
                            if part == 0:
                                continue
                            then = (at - lag) // substeps
                            if key in network.light.photons:
                                if then < 0:
                                    continue
                                signal = port_light[then] if synapses.source is None else light[then][synapses.source]
                            elif synapses.source is None:
                                if then < 0:
                                    continue
                                signal = inputs[:, then]
                            elif feed_forward and synapses.source < p and lag == 0:
                                signal = new[synapses.source]
                            else:
                                ahead = 1 if feed_forward and synapses.source < p else 0
                                signal = past[max(at - lag + ahead, 0)][synapses.source]
                            flux[:, i] += values[key][e] * part * signal[:, j]
                s = states[p]
                g = population.source(flux, population.bias_current - s)
                new.append(s + dt * (population.gamma_plus * g - population.gamma_minus * s))
            states = new
            past.append([s.copy() for s in states])
        record.append(np.concatenate(states, axis=1))
    return np.stack(record, axis=1)
