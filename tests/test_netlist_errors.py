"""Every way to get a netlist wrong that we know of, with the exact message."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from soensim.errors import NetlistError
from soensim.netlist import load_netlist, parse_netlist

CHIP = """\
schema: soensim/1
name: small
technology: ideal
populations:
  pixels: {kind: input, size: 3, carries: data, drive_low: 0.0, drive_high: 1.0}
  hidden:
    kind: dendrite
    size: 4
    source_function: tanh
    flux_trim: {bits: 8, range: 2.0}
    gamma_plus: 0.5
    gamma_minus: 0.5
projections:
  - source: pixels
    target: hidden
    topology: {kind: all-to-all}
    efficacy: {bits: 4, range: 1.0}
  - source: hidden
    target: hidden
    topology: {kind: random, density: 0.5, seed: 1}
    efficacy: {bits: 4, range: 1.0}
timing: {sample_tau: 1.0, substeps: 2}
readout: {kind: linear, population: hidden, classes: 2, state: final, efficacy: {bits: 4, range: 1.0}}
"""

# For each case: what stands in CHIP => what is written instead (↵ is a line end), and below it the message after
# the file's name; of several faults with ` | ` between them. NAME65 is a name of 65 letters.
CASES = r"""
# numbers
size: 4 => size: "4"
  8:11: populations.hidden.size: '4' is text; it must be a whole number, so remove the quotes
size: 4 => size: "4e9"
  8:11: populations.hidden.size: '4e9' is not legal; it must be a whole number from 1 to 10000000
size: 4 => size: 1e9
  8:11: populations.hidden.size: 1000000000.0 is not legal; it must be a whole number from 1 to 10000000
size: 4 => size: 1_000_000_000
  8:11: populations.hidden.size: '1_000_000_000' is not legal; it must be a whole number from 1 to 10000000
flux_trim: {bits: 8, range: 2.0} => flux_trim: {bits: 17.0, range: '200,5'}
  10:23: populations.hidden.flux_trim.bits: 17.0 is not legal; it must be a whole number from 2 to 16 | 10:36: populations.hidden.flux_trim.range: '200,5' is not legal; it must be a number
size: 4 => size: -4
  8:11: populations.hidden.size: -4 is not legal; it must be at least 1
size: 4 => size: 0
  8:11: populations.hidden.size: 0 is not legal; it must be at least 1
size: 4 => size: 4.0
  8:11: populations.hidden.size: 4.0 is not legal; it must be a whole number; write 4
size: 4 => size: 4.5
  8:11: populations.hidden.size: 4.5 is not legal; it must be a whole number
size: 4 => size: 1e3
  8:11: populations.hidden.size: 1000.0 is not legal; it must be a whole number; write 1000
size: 4 => size: four
  8:11: populations.hidden.size: 'four' is not legal; it must be a whole number
size: 4 => size: 0x10
  8:11: populations.hidden.size: '0x10' is not legal; it must be a whole number; write 16
size: 4 => size: true
  8:11: populations.hidden.size: true is not legal; it must be a whole number
size: 4 => size:
  8:10: populations.hidden.size: has no value; it must be a whole number
size: 4 => size: [4]
  8:5: populations.hidden.size: a list is not legal; it must be a whole number
size: 4 => size: 100000000000
  8:11: populations.hidden.size: 100000000000 is not legal; it must be at most 10000000
size: 4 => size: .nan
  8:11: populations.hidden.size: nan is not legal; it must be a whole number
gamma_plus: 0.5 => gamma_plus: "1e-9"
  11:17: populations.hidden.gamma_plus: '1e-9' is text; it must be a number, so remove the quotes
gamma_plus: 0.5 => gamma_plus: '0.5'
  11:17: populations.hidden.gamma_plus: '0.5' is text; it must be a number, so remove the quotes
gamma_plus: 0.5 => gamma_plus: .nan
  11:17: populations.hidden.gamma_plus: nan is not legal; it must be a finite number
gamma_plus: 0.5 => gamma_plus: .inf
  11:17: populations.hidden.gamma_plus: inf is not legal; it must be a finite number
gamma_plus: 0.5 => gamma_plus: -.INF
  11:17: populations.hidden.gamma_plus: -inf is not legal; it must be a finite number
gamma_plus: 0.5 => gamma_plus: 1e999
  11:17: populations.hidden.gamma_plus: inf is not legal; it must be a finite number
gamma_plus: 0.5 => gamma_plus: 1_000
  11:17: populations.hidden.gamma_plus: '1_000' is not legal; it must be a number; write 1000
gamma_plus: 0.5 => gamma_plus: 5 ns
  11:17: populations.hidden.gamma_plus: '5 ns' is not legal; it must be a number; write the number alone; the name says its unit, if it has one
gamma_plus: 0.5 => gamma_plus: on
  11:17: populations.hidden.gamma_plus: 'on' is not legal; it must be a number
gamma_plus: 0.5 => gamma_plus: 0
  11:17: populations.hidden.gamma_plus: 0 is not legal; it must be greater than 0
gamma_plus: 0.5 => gamma_plus: false
  11:17: populations.hidden.gamma_plus: false is not legal; it must be a number
gamma_minus: 0.5 => gamma_minus: -0.5
  12:18: populations.hidden.gamma_minus: -0.5 is not legal; it must be at least 0
seed: 1 => seed: -1
  20:50: projections[1].topology.seed: -1 is not legal; it must be at least 0
seed: 1 => seed: 9223372036854775808
  20:50: projections[1].topology.seed: 9223372036854775808 is not legal; it must be less than 9223372036854775808
drive_low: 0.0 => drive_low: {}
  5:49: populations.pixels.drive_low: a mapping is not legal; it must be a number
density: 0.5 => density: 1.5
  20:39: projections[1].topology.density: 1.5 is not legal; it must be at most 1
density: 0.5 => density: 0
  20:39: projections[1].topology.density: 0 is not legal; it must be greater than 0
substeps: 2 => substeps: 0
  22:37: timing.substeps: 0 is not legal; it must be at least 1
classes: 2 => classes: 1
  23:54: readout.classes: 1 is not legal; it must be at least 2
# words
{kind: all-to-all} => {kind: all-to-all, self_connections: yes}
  16:52: projections[0].topology.self_connections: 'yes' is not legal; it must be true or false
density: 0.5 => density: 0.5, self_connections: off
  20:62: projections[1].topology.self_connections: 'off' is not legal; it must be true or false
density: 0.5 => density: 0.5, self_connections: 1
  20:62: projections[1].topology.self_connections: 1 is not legal; it must be true or false
name: small => name: 28
  2:7: name: 28 is not legal; it must be text; put it in quotes
name: small => name: true
  2:7: name: true is not legal; it must be text; put it in quotes
name: small => name: null
  2:7: name: has no value; it must be text
name: small => name: "a b"
  2:7: name: 'a b' is not legal; it must be a letter, followed by letters, digits, `_` and `-`
name: small => name: 2nd
  2:7: name: '2nd' is not legal; it must be a letter, followed by letters, digits, `_` and `-`
name: small => name: NAME65
  2:7: name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is not legal; it must be at most 64 characters long
name: small => name: [small]
  2:1: name: a list is not legal; it must be text
technology: ideal => technology: 5
  3:13: technology: 5 is not legal; it must be text; put it in quotes
technology: ideal => technology: ""
  3:13: technology: '' is not legal; it must be text, in one line and without control characters
technology: ideal => technology: "a\tb"
  3:13: technology: 'a\tb' is not legal; it must be text, in one line and without control characters
technology: ideal => technology: ideel
  3:13: technology: unknown technology 'ideel'; the nearest preset is 'ideal'; presets: die-8100, ideal, nist-2023, rate-chip-28, sim-soens, soen-toolkit
technology: ideal => technology: my.yaml
  3:13: technology: my.yaml: no such file; presets: die-8100, ideal, nist-2023, rate-chip-28, sim-soens, soen-toolkit
source_function: tanh => source_function: tan
  9:22: populations.hidden.source_function: 'tan' is not legal; did you mean 'tanh'? it must be one of squid, squid-fit, tanh, relu, steep-sigmoid
substeps: 2 => update: no
  22:35: timing.update: 'no' is not legal; it must be one of lockstep, feed-forward
substeps: 2 => integrator: exponential
  22:39: timing.integrator: 'exponential' is not legal; did you mean 'exponential-euler'? it must be one of forward-euler, heun, exponential-euler
  hidden: =>   28:
  6:3: populations.28: '28' is not legal; it must be a letter, followed by letters, digits, `_` and `-`
  hidden: =>   a.b:
  6:3: populations['a.b']: 'a.b' is not legal; it must be a letter, followed by letters, digits, `_` and `-`
source: pixels => source: true
  14:13: projections[0].source: true is not legal; it must be text; put it in quotes
# keys
gamma_plus => gama_plus
  11:5: populations.hidden.gama_plus: unknown key 'gama_plus'; did you mean 'gamma_plus'? legal keys are kind, size, source_function, bias_current, temperature_k, flux_offset, flux_trim, gamma_plus, beta_di, gamma_plus_per_ns, gamma_minus, gamma_minus_per_ns, tau_di_ns, reference_state, spiking_soma, normalise, normalise_floor
name: small => nam: small
  2:1: nam: unknown key 'nam'; did you mean 'name'? legal keys are schema, name, description, technology, populations, projections, timing, floorplan, routing, waivers, readout, imperfections, task
carries: data => carry: data
  5:34: populations.pixels.carry: unknown key 'carry'; did you mean 'carries'? legal keys are kind, size, carries, drive_low, drive_high, normalise, label_channels
range: 2.0 => rang: 2.0
  10:26: populations.hidden.flux_trim.rang: unknown key 'rang'; did you mean 'range'? legal keys are bits, range
topology: {kind: all-to-all} => topolgy: {kind: all-to-all}
  16:5: projections[0].topolgy: unknown key 'topolgy'; did you mean 'topology'? legal keys are source, target, topology, efficacy, medium, delay_ps, place, loss_db
{kind: all-to-all} => {kind: all-to-all, self_conections: true}
  16:34: projections[0].topology.self_conections: unknown key 'self_conections'; did you mean 'self_connections'? legal keys are kind, self_connections
density => densty
  20:30: projections[1].topology.densty: unknown key 'densty'; did you mean 'density'? legal keys are kind, density, seed, min_fan_in, self_connections
seed: 1 => sed: 1
  20:44: projections[1].topology.sed: unknown key 'sed'; did you mean 'seed'? legal keys are kind, density, seed, min_fan_in, self_connections
{bits: 4, range: 1.0}↵  - => {bit: 4, range: 1.0}↵  -
  17:16: projections[0].efficacy.bit: unknown key 'bit'; did you mean 'bits'? legal keys are bits, levels, range, sign, full_scale
substeps => sub_steps
  22:27: timing.sub_steps: unknown key 'sub_steps'; did you mean 'substeps'? legal keys are sample_tau, sample_ns, substeps, hold_samples, unlabelled_samples, integrator, update
classes => class
  23:45: readout.class: unknown key 'class'; did you mean 'classes'? legal keys are kind, population, populations, classes, state, efficacy, location
timing: => tuning: 1↵timing:
  22:1: tuning: unknown key 'tuning'; did you mean 'timing'? legal keys are schema, name, description, technology, populations, projections, timing, floorplan, routing, waivers, readout, imperfections, task
timing: => imperfections: {spread: 1}↵timing:
  22:17: imperfections.spread: unknown key 'spread'; did you mean 'delay_spread'? legal keys are efficacy_spread, gamma_minus_spread, bias_current_spread, flux_offset_spread, read_noise_flux, drop_synapses, delay_spread, programming_error, retention_drift, stuck_synapses, dead_neurons, gamma_plus_spread, coupling_spread, critical_current_spread, arm_inductance_spread, edge_delay_spread, detector_efficiency_spread, tap_ratio_spread_db, emitter_power_spread, stray_light_db, thermal_noise_k, fluxon_shot_noise, input_dac_bits, input_dac_noise, readout_adc_bits, readout_adc_noise, correlation_um, gradient, time_s, exponent_spread
  hidden:↵ =>   hidden:↵    ? {a: 1}↵    : 2↵
  7:7: a key must be a plain word, not a list or a mapping
kind: linear => kind: goodness
  23:47: readout.classes: unknown key 'classes'; legal keys are kind, population, populations, state, first_sample, last_sample, prefers | 23:73: readout.efficacy: unknown key 'efficacy'; the legal keys are listed above
timing: => zzz: 1↵timing:
  22:1: zzz: unknown key 'zzz'; legal keys are schema, name, description, technology, populations, projections, timing, floorplan, routing, waivers, readout, imperfections, task
name: small↵ =>
  1:1: name: is missing; add it: Name of the chip
↵    size: 4 =>
  6:3: populations.hidden.size: is missing; add it: Number of neurons
size: 3, =>
  5:3: populations.pixels.size: is missing; add it: Number of channels
density: 0.5, =>
  20:5: projections[1].topology.density: is missing; add it: Fraction of the possible edges that exist; their number is density x possible, rounded
    efficacy: {bits: 4, range: 1.0}↵  - =>   -
  14:5: projections[0].efficacy: is missing; add it: The values that each synapse can hold
timing: {sample_tau: 1.0, substeps: 2}↵ =>
  1:1: timing: is missing; add it: How long an input sample lasts, and how it is integrated
classes: 2, =>
  23:1: readout.classes: is missing; add it: Number of classes
{sample_tau: 1.0, substeps: 2} => fast
  22:9: timing: 'fast' is not legal; it must be a mapping (`key: value`)
{sample_tau: 1.0, substeps: 2} =>
  22:8: timing: has no value; it must be a mapping (`key: value`)
{bits: 8, range: 2.0} => [8, 2.0]
  10:5: populations.hidden.flux_trim: a list is not legal; it must be a mapping (`key: value`)
# kinds
kind: dendrite => kind: dendrit
  7:11: populations.hidden.kind: 'dendrit' is not a kind of population; did you mean 'dendrite'? legal kinds are input, dendrite, spike-input, spiking
↵    kind: dendrite =>
  6:3: populations.hidden.kind: is missing; a population needs it: one of input, dendrite, spike-input, spiking
kind: dendrite => kind: [a]
  7:5: populations.hidden.kind: a list is not a kind of population; legal kinds are input, dendrite, spike-input, spiking
kind: dendrite => kind: neuron
  7:11: populations.hidden.kind: 'neuron' is not a kind of population; legal kinds are input, dendrite, spike-input, spiking
kind: input => kind: no
  5:18: populations.pixels.kind: 'no' is not a kind of population; legal kinds are input, dendrite, spike-input, spiking
{kind: input, size: 3, carries: data, drive_low: 0.0, drive_high: 1.0} => 5
  5:11: populations.pixels: 5 is no population; it must be a mapping with `kind:` one of input, dendrite, spike-input, spiking
{kind: all-to-all} => {kind: ring}
  16:22: projections[0].topology.kind: 'ring' is not a kind of topology; did you mean 'grid'? legal kinds are all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file
{kind: all-to-all} => {kind: al-to-all}
  16:22: projections[0].topology.kind: 'al-to-all' is not a kind of topology; did you mean 'all-to-all'? legal kinds are all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file
{kind: all-to-all} => {}
  16:5: projections[0].topology.kind: is missing; a topology needs it: one of all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file
{kind: all-to-all} => [1]
  16:5: projections[0].topology: a list is no topology; it must be all-to-all, one-to-one or a mapping with `kind:` one of all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file
{kind: all-to-all} => all2all
  16:15: projections[0].topology: 'all2all' is no topology; did you mean 'all-to-all'? it must be all-to-all, one-to-one or a mapping with `kind:` one of all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file
{kind: all-to-all} => random
  16:15: projections[0].topology: 'random' is no topology; it must be all-to-all, one-to-one or a mapping with `kind:` one of all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file
kind: linear => kind: argmax
  23:17: readout.kind: 'argmax' is not a kind of readout; legal kinds are linear, goodness, spike-count, mean-flux
kind: linear, =>
  23:1: readout.kind: is missing; a readout needs it: one of linear, goodness, spike-count, mean-flux
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, sign: pos}↵  -
  17:43: projections[0].efficacy.sign: 'pos' is no sign rule; did you mean 'positive'? it must be free, positive, negative or a mapping with `kind:` one of dale, per-edge
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, sign: 3}↵  -
  17:43: projections[0].efficacy.sign: 3 is no sign rule; it must be free, positive, negative or a mapping with `kind:` one of dale, per-edge
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, sign: {kind: dal}}↵  -
  17:50: projections[0].efficacy.sign.kind: 'dal' is not a kind of sign rule; did you mean 'dale'? legal kinds are dale, per-edge
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, sign: {kind: dale}}↵  -
  17:37: projections[0].efficacy.sign.inhibitory_fraction: is missing; add it: Fraction of the sources that are inhibitory | 17:37: projections[0].efficacy.sign.seed: is missing; add it: Seed (a whole number) of the draw
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, sign: {kind: dale, inhibitory_fraction: 2, seed: 1}}↵  -
  17:77: projections[0].efficacy.sign.inhibitory_fraction: 2 is not legal; it must be at most 1
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, sign: {kind: per-edge, negative_fraction: 0.5, seed: x}}↵  -
  17:90: projections[0].efficacy.sign.seed: 'x' is not legal; it must be a whole number
# one-of
↵    gamma_plus: 0.5 =>
  6:3: populations.hidden: no drive gain: give one of gamma_plus, beta_di, gamma_plus_per_ns
gamma_plus: 0.5 => gamma_plus: 0.5↵    beta_di: 2
  12:5: populations.hidden.beta_di: drive gain is given twice, as gamma_plus and as beta_di; keep one
gamma_plus: 0.5 => gamma_plus_per_ns: 0.5↵    beta_di: 2
  11:5: populations.hidden.gamma_plus_per_ns: drive gain is given twice, as beta_di and as gamma_plus_per_ns; keep one
↵    gamma_minus: 0.5 =>
  6:3: populations.hidden: no leak: give one of gamma_minus, gamma_minus_per_ns, tau_di_ns
gamma_minus: 0.5 => gamma_minus: 0.5↵    tau_di_ns: 5
  13:5: populations.hidden.tau_di_ns: leak is given twice, as gamma_minus and as tau_di_ns; keep one
sample_tau: 1.0 => sample_tau: 1.0, sample_ns: 2
  22:27: timing.sample_ns: sample time is given twice, as sample_tau and as sample_ns; keep one
sample_tau: 1.0, =>
  22:1: timing: no sample time: give one of sample_tau, sample_ns
source_function: tanh => source_function: squid-fit
  6:3: populations.hidden.bias_current: is missing; the SQUID of 'squid-fit' needs one (I_c), for example 1.7
source_function: tanh => source_function: relu↵    bias_current: 1.7
  10:5: populations.hidden.bias_current: has no meaning for the virtual source function 'relu'; remove it, or take `squid`
source_function: tanh => source_function: relu↵    temperature_k: 4.2
  10:5: populations.hidden.temperature_k: has no effect on the source function 'relu'; remove it, or take `squid`
source_function: tanh => source_function: tanh↵    normalise_floor: 0.1
  10:5: populations.hidden.normalise_floor: has no meaning without `normalise`; remove it, or set that
# efficacy
{bits: 4, range: 1.0}↵  - => {bits: 4}↵  -
  17:5: projections[0].efficacy.range: is missing; `bits` needs it: the largest efficacy (Phi_0 per I_c)
{bits: 4, range: 1.0}↵  - => {range: 1.0}↵  -
  17:5: projections[0].efficacy: no level table: give one of bits, levels
{bits: 4, range: 1.0}↵  - => {}↵  -
  17:5: projections[0].efficacy: no level table: give one of bits, levels
{bits: 4, range: 1.0}↵  - => {bits: 1, range: 1.0}↵  -
  17:22: projections[0].efficacy.bits: 1 bit with a free sign leaves only zero; give 2 or more, or fix the sign
{bits: 4, range: 1.0}↵  - => {bits: 0, range: 1.0}↵  -
  17:22: projections[0].efficacy.bits: 0 is not legal; it must be at least 1
{bits: 4, range: 1.0}↵  - => {bits: 17, range: 1.0}↵  -
  17:22: projections[0].efficacy.bits: 17 is not legal; it must be at most 16
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 0}↵  -
  17:32: projections[0].efficacy.range: 0 is not legal; it must be greater than 0
{bits: 4, range: 1.0}↵  - => {bits: 4, range: 1.0, levels: [0, 1]}↵  -
  17:37: projections[0].efficacy.levels: level table is given twice, as bits and as levels; keep one
{bits: 4, range: 1.0}↵  - => {range: 1.0, levels: [0, 1]}↵  -
  17:16: projections[0].efficacy.range: has no meaning beside `levels`; remove it
{bits: 4, range: 1.0}↵  - => {levels: [0, 1, 1]}↵  -
  17:31: projections[0].efficacy.levels[2]: 1.0 follows 1.0; levels must ascend, each once
{bits: 4, range: 1.0}↵  - => {levels: [0, 1, 0.5]}↵  -
  17:31: projections[0].efficacy.levels[2]: 0.5 follows 1.0; levels must ascend, each once
{bits: 4, range: 1.0}↵  - => {levels: [-1, 1], sign: positive}↵  -
  17:25: projections[0].efficacy.levels[0]: -1.0 is negative; where the sign is fixed, levels are magnitudes
{bits: 4, range: 1.0}↵  - => {levels: [1]}↵  -
  17:16: projections[0].efficacy.levels: has 1 entry; it must have 2 or more entries
{bits: 4, range: 1.0}↵  - => {levels: 1}↵  -
  17:24: projections[0].efficacy.levels: 1 is not legal; it must be a list
{bits: 4, range: 1.0}↵  - => {levels: [0, .nan, x]}↵  -
  17:28: projections[0].efficacy.levels[1]: nan is not legal; it must be a finite number | 17:34: projections[0].efficacy.levels[2]: 'x' is not legal; it must be a number
# topology
{kind: all-to-all} => {kind: all-to-all, self_connections: false}
  16:34: projections[0].topology.self_connections: only a population that drives itself has self connections, not pixels->hidden; remove it
{kind: all-to-all} => one-to-one
  16:15: projections[0].topology: one-to-one needs populations of one size, not 3 and 4
density: 0.5 => density: 0.001
  20:39: projections[1].topology.density: 0.001 of 16 possible edges is less than one edge; give 0.0625 or more
density: 0.5 => density: 0.5, min_fan_in: 5
  20:56: projections[1].topology.min_fan_in: 5 is more than the 4 sources that a target can have
density: 0.5 => density: 0.5, min_fan_in: 4, self_connections: false
  20:56: projections[1].topology.min_fan_in: 4 is more than the 3 sources that a target can have
density: 0.5 => density: 0.5, min_fan_in: 3
  20:56: projections[1].topology.min_fan_in: 3 for 4 targets needs 12 edges, but density 0.5 gives 8; raise density to 0.75 or lower min_fan_in
{kind: all-to-all} => {kind: explicit, edges: []}
  16:32: projections[0].topology.edges: has no entries; it must have 1 or more entries
{kind: all-to-all} => {kind: explicit, edges: [[0, 0], [0, 4]]}
  16:48: projections[0].topology.edges[1]: edge 1 (counted from 0) has target 4; legal is 0 to 3
{kind: all-to-all} => {kind: explicit, edges: [[0, 0], [3, 0]]}
  16:48: projections[0].topology.edges[1]: edge 1 (counted from 0) has source 3; legal is 0 to 2
{kind: all-to-all} => {kind: explicit, edges: [[0, 1], [1, 0], [0, 1]]}
  16:56: projections[0].topology.edges[2]: edge 2 (counted from 0) repeats edge 0, source 0 to target 1; give each pair once
{kind: all-to-all} => {kind: explicit, edges: [[0, 0], [1]]}
  16:48: projections[0].topology.edges[1]: a list is not legal; it must be a pair [source, target]
{kind: all-to-all} => {kind: explicit, edges: [[0, 0], [1, 2, 3]]}
  16:48: projections[0].topology.edges[1]: has 3 entries; it must have 2 entries at most
{kind: all-to-all} => {kind: explicit, edges: [[0, 0], 5]}
  16:48: projections[0].topology.edges[1]: 5 is not legal; it must be a list
{kind: all-to-all} => {kind: explicit, edges: [[0, -1], [0, "1"]]}
  16:44: projections[0].topology.edges[0][1]: -1 is not legal; it must be at least 0 | 16:53: projections[0].topology.edges[1][1]: '1' is text; it must be a whole number, so remove the quotes
{kind: all-to-all} => {kind: explicit, edges: [[0, 0.5]]}
  16:44: projections[0].topology.edges[0][1]: 0.5 is not legal; it must be a whole number
# cross references
source: pixels => source: pixel
  14:13: projections[0].source: no population 'pixel'; did you mean 'pixels'? there are pixels, hidden
target: hidden => target: hiden
  15:13: projections[0].target: no population 'hiden'; did you mean 'hidden'? there are pixels, hidden
target: hidden↵    topology: {kind: random => target: pixels↵    topology: {kind: random
  19:13: projections[1].target: 'pixels' is an input population; a target must be of kind 'dendrite'
source: hidden => source: pixels
  18:5: projections[1]: pixels->hidden is given twice (first as projections[0]); one projection per pair
population: hidden => population: pixels
  23:37: readout.population: 'pixels' is an input population; a readout needs one of kind 'dendrite'
population: hidden => population: out
  23:37: readout.population: no population 'out'; there are pixels, hidden
kind: linear, population: hidden, classes: 2, state: final, efficacy: {bits: 4, range: 1.0} => kind: goodness, population: hidden, state: all
  23:17: readout.kind: goodness needs one input population with `carries: label` (or label_channels), not 0; mark the label lines, or take a linear readout
carries: data => carries: label
  23:17: readout.kind: a linear readout cannot use the label lines of 'pixels'; remove that population, or take a goodness readout
kind: linear, population: hidden, classes: 2, state: final => kind: goodness, population: hidden, state: mean
  23:54: readout.state: 'mean' is not legal; it must be one of final, all | 23:60: readout.efficacy: unknown key 'efficacy'; legal keys are kind, population, populations, state, first_sample, last_sample, prefers
# version
soensim/1 => soensim/2
  1:9: schema: 'soensim/2' is not legal; this soensim reads soensim/1
schema: soensim/1↵ =>
  1:1: schema: is missing; a netlist starts with `schema: soensim/1`
schema: soensim/1 => schema: 1
  1:9: schema: 1 is not legal; this soensim reads soensim/1
schema: soensim/1 => schema:
  1:1: schema: is missing; a netlist starts with `schema: soensim/1`
soensim/1 => soensim/2↵foo: bar
  1:9: schema: 'soensim/2' is not legal; this soensim reads soensim/1
"""  # noqa: E501  (a message is one line)

# A whole file, and the message after its name.
NOT_A_NETLIST = [
    ("", " is empty; a netlist starts with `schema: soensim/1`"),
    ("# only a comment\n", " is empty; a netlist starts with `schema: soensim/1`"),
    ("---\n", " is empty; a netlist starts with `schema: soensim/1`"),
    ("~", " is empty; a netlist starts with `schema: soensim/1`"),
    ("[1, 2]", "1:1: a list is no netlist; it must be a mapping that starts with `schema: soensim/1`"),
    ("5", "1:1: 5 is no netlist; it must be a mapping that starts with `schema: soensim/1`"),
    ("hello", "1:1: 'hello' is no netlist; it must be a mapping that starts with `schema: soensim/1`"),
    (CHIP + "---\n" + CHIP, "24:1: a second document starts here; put each netlist into its own file"),
    ("schema: soensim/1\n...\nfoo", "3:1: is not YAML: did not find expected <document start>"),
]

SYNTAX = [
    ("\ta: 1", "1:1: a tab is used for indentation; YAML takes spaces only"),
    ("a:\n\tb: 1", "2:1: a tab is used for indentation; YAML takes spaces only"),
    ("a: 1\n\tb: 2", "2:1: a tab is used for indentation; YAML takes spaces only"),
    ("a: >\n b\n\tc", "3:1: a tab is used for indentation; YAML takes spaces only"),
    ("a: b\x07c", "1:5: the character U+0007 is not allowed in YAML; remove it"),
    ("a: é\nb: ü\x00", "2:5: the character U+0000 is not allowed in YAML; remove it"),
    ("a: \ud800", "1:4: the character U+D800 is not allowed in YAML; remove it"),
    ("a\ufeffb: 1", "1:2: the character U+FEFF is not allowed in YAML; remove it"),
    ("a: b: c", "1:5: a `:` is not expected here; check the indentation above, or put the text in quotes"),
    ("a: @x", "1:4: a value cannot start with this character; put the text in quotes"),
    ("a: [1, 2", "2:1: is not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
    ("a:\n  - b\n c: d", "3:2: is not YAML: a key is expected here; check the indentation"),
    ("- a\nb: c", "2:1: is not YAML: a `-` is expected here; check the indentation"),
    ("a: 'x", "1:6: is not YAML: found unexpected end of stream while scanning a quoted scalar"),
    ("a: !foo 1", "1:4: the tag '!foo' is not allowed; write the plain value"),
    ('a: !!int "3"', "1:4: the tag '!!int' is not allowed; write the plain value"),
    ("a: !!python/name:os.system", "1:4: the tag '!!python/name:os.system' is not allowed; write the plain value"),
    ("? [a]\n: b", "1:3: a key must be a plain word, not a list or a mapping"),
    ("a: 1\nb: 2\na: 3", "3:1: key 'a' is given twice (first in line 1); keep one"),
    ("{a: {b: 1, b: 2}}", "1:12: key 'b' is given twice (first in line 1); keep one"),
    ("a: 1\n'a': 2", "2:1: key 'a' is given twice (first in line 1); keep one"),
    ("a: " + "9" * 5000, "1:4: a number of 5000 digits; the limit is 4000"),
    ("a: " + "[" * 200_000, "1:63: is nested more than 60 deep"),
    ("a: " + "{b: " * 200_000, "1:240: is nested more than 60 deep"),
    ("- " * 200_000, "1:121: is nested more than 60 deep"),
]

ANCHORS = [
    ("a: *x", "1:4: the alias has no anchor above it; mark the value that it repeats with `&`"),
    ("a: &x 1\nb: &x 2", "2:4: the anchor is defined a second time; give each anchor its own name"),
    ("a: &a [*a]", "1:4: an anchor contains itself; an alias may only repeat a value that is finished"),
    ("a: &a {b: *a}", "1:4: an anchor contains itself; an alias may only repeat a value that is finished"),
    ("a: &a {<<: *a}", "1:4: an anchor contains itself; an alias may only repeat a value that is finished"),
    ("a: {<<: 5}", "1:9: `<<` merges a mapping, or a list of mappings; give it an alias of one"),
    ("a: {<<: [1]}", "1:10: `<<` merges a mapping, or a list of mappings; give it an alias of one"),
    ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x", "4:3: key '<<' is given twice (first in line 3); keep one"),
]


def message_of(text: str, folder: Path | None = None) -> str:
    with pytest.raises(NetlistError) as caught:
        parse_netlist(text, name="chip.yaml", folder=folder)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in CHIP
    return CHIP.replace(old, new, 1)


def test_the_chip_itself_is_legal() -> None:
    parse_netlist(CHIP)


def cases() -> Iterator[tuple[str, str, str]]:
    lines = [line for line in CASES.splitlines() if line and not line.startswith("# ")]
    for change, message in zip(lines[::2], lines[1::2], strict=True):
        old, new = change.replace("↵", "\n").replace("NAME65", "x" * 65).split(" =>")
        yield old, new.removeprefix(" "), message.removeprefix("  ")


@pytest.mark.parametrize(("old", "new", "message"), list(cases()))
def test_message(old: str, new: str, message: str) -> None:
    faults = [f"chip.yaml:{fault}" for fault in message.split(" | ")]
    first = [] if len(faults) == 1 else [f"chip.yaml: {len(faults)} faults"]
    assert message_of(changed(old, new)).splitlines() == [*first, *faults]


@pytest.mark.parametrize(("text", "message"), [*NOT_A_NETLIST, *SYNTAX, *ANCHORS])
def test_message_about_the_yaml(text: str, message: str) -> None:
    assert message_of(text) == f"chip.yaml:{message}"


@pytest.mark.parametrize("pattern", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_multiply(pattern: str) -> None:
    first = "&a {x: 1, y: 2}" if "<<" in pattern else "&a [x, y]"
    lines = [f"a: {first}"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} {pattern.format(', '.join([f'*{before}'] * 10))}")
    message = message_of("\n".join(lines))
    assert message.startswith("chip.yaml:7:4: " if "<<" not in pattern else "chip.yaml:7:")
    assert message.endswith(
        ": expands to more than 2000000 values; aliases may not multiply; "
        "keep long edge lists in a CSV or npz file (topology: {kind: file, path: …})"
    )


# --- files -----------------------------------------------------------------------------------------------


def file_message(path: Path) -> str:
    with pytest.raises(NetlistError) as caught:
        load_netlist(path)
    return str(caught.value).replace(str(path), "FILE")


def test_missing_file(tmp_path: Path) -> None:
    advice = "give the path of a netlist, such as netlists/year1-28.yaml"
    assert file_message(tmp_path / "no.yaml") == f"FILE: no such file; {advice}"


def test_directory(tmp_path: Path) -> None:
    assert file_message(tmp_path) == "FILE: is a directory; give the path of one netlist in it"


def test_file_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert file_message(tmp_path / "a" / "b.yaml") == (
        "FILE: cannot be read: a part of its path is a file and not a folder; give the path of a netlist, such as "
        "netlists/year1-28.yaml"
    )


def test_null_character_in_the_path() -> None:
    with pytest.raises(NetlistError, match=r"^a\\x00b: cannot be read: embedded null byte$"):
        load_netlist("a\0b")


def test_name_that_is_too_long() -> None:
    with pytest.raises(NetlistError, match=r"^a{200}….{0,3}: cannot be read: File name too long$"):
        load_netlist("a" * 5000)


@pytest.mark.parametrize(
    ("content", "where", "byte"),
    [
        ("a: é".encode("latin-1"), "1:4", "e9"),
        ("a: é\nbé: é".encode() + b"\xff", "2:6", "ff"),
        (CHIP.encode("utf-16"), "1:1", "ff"),
    ],
)
def test_not_utf_8(tmp_path: Path, content: bytes, where: str, byte: str) -> None:
    path = tmp_path / "chip.yaml"
    path.write_bytes(content)
    assert file_message(path) == f"FILE:{where}: byte 0x{byte} is not UTF-8; save the file as UTF-8 text"


def test_file_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(CHIP + "#" * 4 * 2**20)
    assert file_message(path) == (
        "FILE: is longer than the limit of 4194304 bytes; "
        "keep long edge lists in a CSV or npz file (topology: {kind: file, path: …})"
    )


# --- positions -------------------------------------------------------------------------------------------


def test_error_behind_an_alias_points_at_the_anchor() -> None:
    text = changed("efficacy: {bits: 4, range: 1.0}\n  -", "efficacy: &e {bits: 40, range: 1.0}\n  -")
    text = text.replace("seed: 1}\n    efficacy: {bits: 4, range: 1.0}", "seed: 1}\n    efficacy: *e")
    assert message_of(text) == ("chip.yaml:17:25: projections[0].efficacy.bits: 40 is not legal; it must be at most 16")


def test_key_missing_behind_an_alias_points_at_its_use() -> None:
    text = changed("{bits: 8, range: 2.0}", "&e {bits: 8, range: 2.0}")
    text = text.replace("{kind: random, density: 0.5, seed: 1}", "*e")
    assert message_of(text) == (
        "chip.yaml:20:5: projections[1].topology.kind: is missing; a topology needs it: one of "
        "all-to-all, random, fixed-fan-in, fixed-fan-out, one-to-one, small-world, grid, distance-limited, "
        "distance-exponential, distance-power-law, modular, hierarchical, growth, explicit, file"
    )


@pytest.mark.parametrize("merge", ["*base", "[*base]", "[*other, *base]", "{<<: *base}"])
def test_error_behind_a_merge_key_points_at_the_anchor(merge: str) -> None:
    text = changed("range: 1.0}\n  -", "range: -1.0}\n  -").replace("efficacy: {bits", "efficacy: &base {bits", 1)
    text = text.replace("flux_trim: {", "flux_trim: &other {").replace("range: 2.0}", "range: 2.0}")
    text = text.replace(
        "seed: 1}\n    efficacy: {bits: 4, range: 1.0}", f"seed: 1}}\n    efficacy: {{<<: {merge}, bits: 5}}"
    )
    # what an alias repeats is one fault
    expected = "range: -1 is not legal; it must be greater than 0"
    assert message_of(text) == f"chip.yaml:17:38: projections[0].efficacy.{expected}"


def test_own_key_beats_a_merged_one_in_positions() -> None:
    text = changed("efficacy: {bits: 4, range: 1.0}\n  -", "efficacy: &e {bits: 4, range: 1.0}\n  -")
    text = text.replace(
        "seed: 1}\n    efficacy: {bits: 4, range: 1.0}", "seed: 1}\n    efficacy:\n      <<: *e\n      bits: 99"
    )
    assert message_of(text) == ("chip.yaml:23:13: projections[1].efficacy.bits: 99 is not legal; it must be at most 16")


def test_all_faults_are_reported_in_the_order_of_the_file() -> None:
    # pydantic would find the readout's before the timing's, and both before that of a population's last field
    text = changed("substeps: 2", "substeps: 0").replace("classes: 2", "classes: 1")
    text = text.replace("gamma_minus: 0.5", "gamma_minus: x")
    with pytest.raises(NetlistError) as caught:
        parse_netlist(text, name="chip.yaml")
    assert caught.value.faults == (
        "chip.yaml:12:18: populations.hidden.gamma_minus: 'x' is not legal; it must be a number",
        "chip.yaml:22:37: timing.substeps: 0 is not legal; it must be at least 1",
        "chip.yaml:23:54: readout.classes: 1 is not legal; it must be at least 2",
    )
    assert str(caught.value).splitlines() == ["chip.yaml: 3 faults", *caught.value.faults]
    assert caught.value.in_one_line == f"{caught.value.faults[0]} (and 2 more faults)"


def test_one_fault_is_its_own_message() -> None:
    with pytest.raises(NetlistError) as caught:
        parse_netlist(changed("substeps: 2", "substeps: 0"), name="chip.yaml")
    assert caught.value.faults == (str(caught.value),)
    assert caught.value.in_one_line == str(caught.value)


def test_keys_and_values_of_one_part_are_reported_together() -> None:
    text = changed("size: 4", "size: four").replace("gamma_plus", "gama_plus").replace("    gamma_minus: 0.5\n", "")
    text = text.replace("source_function: tanh", "bits: 3")
    faults = faults_of(text)
    assert [line.split(": ")[0:2] for line in faults] == [
        ["chip.yaml:6:3", "populations.hidden.source_function"],
        ["chip.yaml:8:11", "populations.hidden.size"],
        ["chip.yaml:9:5", "populations.hidden.bits"],
        ["chip.yaml:11:5", "populations.hidden.gama_plus"],
    ]
    assert "unknown key 'gama_plus'; did you mean 'gamma_plus'?" in faults[3]


def test_a_misspelt_key_is_one_fault() -> None:
    assert len(faults_of(changed("source_function: tanh", "source_functon: tanh"))) == 1


def test_the_first_ten_of_many_faults_are_shown() -> None:
    edges = ", ".join("[0, -1]" for _ in range(25))
    text = changed("{kind: all-to-all}", f"{{kind: explicit, edges: [{edges}]}}")
    lines = message_of(text).splitlines()
    assert lines[0] == "chip.yaml: 25 faults, of which these are the first 10"
    assert [line.split(": ")[1] for line in lines[1:]] == [f"projections[0].topology.edges[{k}][1]" for k in range(10)]
    assert len(faults_of(text)) == 25


def test_many_faults_are_counted_and_not_all_looked_at() -> None:
    edges = ", ".join("[0, -1]" for _ in range(1500))
    lines = message_of(changed("{kind: all-to-all}", f"{{kind: explicit, edges: [{edges}]}}")).splitlines()
    assert lines[0] == "chip.yaml: 1500 faults, of which these are the first 10"


def test_what_holds_between_parts_is_checked_when_they_are_right() -> None:
    text = changed("source: pixels", "source: pixel").replace(
        "readout: {kind: linear, population: hidden", "readout: {kind: linear, population: hiden"
    )
    assert faults_of(text) == (
        "chip.yaml:14:13: projections[0].source: no population 'pixel'; did you mean 'pixels'? "
        "there are pixels, hidden",
        "chip.yaml:23:37: readout.population: no population 'hiden'; did you mean 'hidden'? there are pixels, hidden",
    )
    assert faults_of(text.replace("size: 4", "size: 0")) == (
        "chip.yaml:8:11: populations.hidden.size: 0 is not legal; it must be at least 1",
    )


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(NetlistError) as caught:
        parse_netlist(text, name="chip.yaml")
    return caught.value.faults


def test_wrong_version_is_said_before_anything_else() -> None:
    text = changed("name: small", "nam: 5").replace("soensim/1", "soensim/9")
    assert message_of(text) == "chip.yaml:1:9: schema: 'soensim/9' is not legal; this soensim reads soensim/1"


def test_a_population_named_like_a_kind_keeps_its_place_in_the_path() -> None:
    text = CHIP.replace("hidden", "dendrite").replace("size: 4", "size: 0")
    assert message_of(text).startswith("chip.yaml:8:11: populations.dendrite.size: 0 is not legal")


def test_a_key_named_like_its_kind_stands_in_the_path_once() -> None:
    message = message_of(changed("size: 4", "size: 4\n    dendrite: 5"))
    assert message.startswith("chip.yaml:9:5: populations.hidden.dendrite: unknown key 'dendrite'; legal keys are ")


def test_control_characters_of_a_key_do_not_reach_the_terminal() -> None:
    message = message_of(changed("name: small", '"\\e[31mname": small'))
    assert message.startswith(r"chip.yaml:2:1: ['\x1b[31mname']: unknown key '\x1b[31mname'; ")
    assert message.isprintable()


def test_a_long_value_is_cut() -> None:
    message = message_of(changed("kind: dendrite", "kind: " + "x" * 100_000))
    assert len(message) < 250


def test_no_words_of_pydantic_anywhere() -> None:
    """Put something wrong in the place of every value and every key."""
    wrong = ["x", "-1", "{}", "[]", "[[1]]", "{kind: x}", "true", "null", "1e400", '"1"', "2023-01-01"]
    jargon = ("input should", "discriminator", "tag ", "union", "pydantic", "literal", "instance", "extra", "valid ")
    lines = CHIP.splitlines()
    messages = []
    for k, line in enumerate(lines):
        key = line.partition(":")[0]
        for value in wrong:
            text = "\n".join([*lines[:k], f"{key}: {value}", *lines[k + 1 :]])
            try:
                parse_netlist(text, name="chip.yaml")
            except NetlistError as error:
                messages.append(str(error))
    assert len(messages) > 100
    for message in messages:
        assert message.startswith("chip.yaml:")
        assert "something else" not in message
        assert not any(word in message.lower() for word in jargon), message


# --- sizes -----------------------------------------------------------------------------------------------


def test_enormous_sizes_are_refused_before_they_cost_memory() -> None:
    text = changed("size: 3", "size: 9000").replace("size: 4", "size: 9000")
    assert message_of(text) == (
        "chip.yaml:16:22: projections[0].topology.kind: asks for 81000000 edges; the limit is 50000000"
    )
    text = changed("size: 4", "size: 9999997").replace("all-to-all}", "random, density: 1.0e-9, seed: 1}")
    assert message_of(text) == (
        "chip.yaml:16:39: projections[0].topology.density: 1e-09 of 29999991 possible edges is less than one edge; "
        "give 3.34e-08 or more"
    )
    text = changed("size: 4", "size: 9999998")
    assert message_of(text) == ("chip.yaml:4:1: populations: have 10000001 members together; the limit is 10000000")


def test_all_projections_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soensim.netlist.schema.netlist.MAX_EDGES", 19)  # 12 + 8 edges
    assert message_of(CHIP) == ("chip.yaml:20:5: projections[1].topology: brings the chip to 20 edges; the limit is 19")


def test_readout_has_a_limit() -> None:
    text = changed("size: 4", "size: 1000").replace("classes: 2", "classes: 100000")
    assert message_of(text) == ("chip.yaml:23:54: readout.classes: needs 100000000 weights; the limit is 50000000")


def test_chip_without_neurons() -> None:
    text = """\
schema: soensim/1
name: small
technology: ideal
populations:
  pixels: {kind: input, size: 3, drive_low: 0.0, drive_high: 1.0}
projections:
  - {source: pixels, target: pixels, topology: all-to-all, efficacy: {bits: 4, range: 1.0}}
timing: {sample_tau: 1.0}
"""
    assert message_of(text) == (
        "chip.yaml:4:1: populations: has no population of kind 'dendrite' or 'spiking'; a chip needs one"
    )


@pytest.mark.parametrize(
    ("part", "wrong", "message"),
    [
        ("populations", "{}", "4:1: populations: has no entries; it must have 1 or more entries"),
        ("populations", "5", "4:14: populations: 5 is not legal; it must be a mapping (`name: value`)"),
        ("projections", "[]", "4:1: projections: has no entries; it must have 1 or more entries"),
        ("projections", "5", "4:14: projections: 5 is not legal; it must be a list"),
        ("projections", "[5]", "4:15: projections[0]: 5 is not legal; it must be a mapping (`key: value`)"),
    ],
)
def test_wrong_containers(part: str, wrong: str, message: str) -> None:
    parts = {
        "populations": "{a: {kind: dendrite, size: 1, source_function: relu, gamma_plus: 1, gamma_minus: 1}}",
        "projections": "[{source: a, target: a, topology: all-to-all, efficacy: {bits: 2, range: 1}}]",
    }
    order = sorted(parts, key=lambda name: name != part)
    lines = ["schema: soensim/1", "name: a", "technology: ideal"]
    lines += [f"{name}: {wrong if name == part else parts[name]}" for name in order]
    assert message_of("\n".join([*lines, "timing: {sample_tau: 1}"])) == f"chip.yaml:{message}"
