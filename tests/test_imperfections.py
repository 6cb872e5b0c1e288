"""Each imperfection alone: its closed form, or a loop written out; and what all of them have in common."""

import dataclasses
import itertools
import json
import math
import re
import zlib

import numpy as np
import pytest
import torch
from conftest import LABELS, ROOT, SMALL, compiled, delayed
from test_program import random_weights

from soensim.commands.evaluate import main as evaluate_main
from soensim.dynamics import InputSignal, LightDraws
from soensim.errors import NetlistError, RecipeError, SimulationError, SoensimError
from soensim.evaluation import evaluate
from soensim.fabrication import (
    IMPERFECTIONS,
    FabricatedChip,
    array_noise,
    converted_inputs,
    count_touched,
    die_field,
    fabricate_chip,
    read_sizes,
    spiking_light,
    with_asked,
)
from soensim.fabrication.carried_light import carried, stray_flux
from soensim.fabrication.chip import SquidFactors
from soensim.fabrication.die_field import field_at, gradient_at, synapse_places
from soensim.fabrication.imperfections.base import STAGES
from soensim.fabrication.sizes import acting, written
from soensim.netlist import parse_netlist
from soensim.network import compile_network, present, with_average_light
from soensim.program import READOUT, Program, slots
from soensim.routing import route
from soensim.simulation import class_scores, simulate
from soensim.training import BpttRecipe, EpropRecipe, FFLocalRecipe, FFTemporalRecipe
from soensim.training.trainable_network import TrainableChip

FABRICATED = ("pixels->hidden", "hidden->hidden", READOUT)
NO_SPREAD = (
    "imperfections: {efficacy_spread: 0, gamma_minus_spread: 0, bias_current_spread: 0, flux_offset_spread: 0}\n"
)
CALM = SMALL + NO_SPREAD
PLACED = (
    CALM + "floorplan: {die_width_um: 1500, die_height_um: 900, margin_um: 100, placement: {kind: grid}}\n"
    "routing: {absent_edges: error}\n"
)
CROSSBAR = PLACED.replace("efficacy: {bits: 4, range: 0.3}", "efficacy: {bits: 4, range: 0.3}\n    medium: electrical")
THINGS = ("neurons", "efficacies")
SPREADS = [
    name for name, kind in IMPERFECTIONS.items() if "correlation_um" in kind.parameters() and kind.touches in THINGS
]


@pytest.fixture(scope="module")
def calm():
    return compiled(CALM)


@pytest.fixture(scope="module")
def placed():
    return compiled(CROSSBAR)


def quantised(network, scale=0.3):
    return Program.quantised(network, random_weights(network, scale=scale))


def by_hand(chip_seed, name):
    return np.random.default_rng([chip_seed, zlib.crc32(name.encode())])


def fabricated(network, chip_seed=3, **sizes):
    return fabricate_chip(network, quantised(network).values, sizes, chip_seed)


def asking(network, text):
    return with_asked(network, read_sizes(text))


def inputs(network, batch=3, frames=6):
    return np.random.default_rng(7).uniform(0, 0.5, (batch, frames, network.channels))


# --- what was programmed, and what became of it -----------------------------------------------------------


def test_a_programming_error_is_relative_to_the_largest_level(calm):
    chip, values = fabricated(calm, programming_error=0.02), quantised(calm).values
    for key, largest in (("pixels->hidden", 0.3), ("hidden->hidden", 0.3), (READOUT, 1.0)):
        normal = by_hand(3, f"{key}.programming").standard_normal(values[key].shape)
        np.testing.assert_allclose(chip.values[key], values[key] + 0.02 * largest * normal, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(chip.values["hidden.flux_trim"], values["hidden.flux_trim"])


def test_efficacies_drift_by_a_power_law_of_time(calm):
    values = quantised(calm).values
    for time_s in (0.0, 9.0, 3.0e7):
        chip = fabricated(calm, **{"retention_drift": 0.05, "retention_drift.time_s": time_s})
        for key in FABRICATED:
            np.testing.assert_allclose(chip.values[key], values[key] * (1 + time_s) ** -0.05, rtol=1e-14)
    sizes = {"retention_drift": 0.05, "retention_drift.time_s": 9.0, "retention_drift.exponent_spread": 0.5}
    chip = fabricated(calm, **sizes)
    for key in FABRICATED:
        n = by_hand(3, f"{key}.drift").standard_normal(values[key].shape)
        np.testing.assert_allclose(
            chip.values[key], values[key] * 10 ** (-0.05 * np.maximum(1 + 0.5 * n, 0)), rtol=1e-14
        )
    day = fabricated(calm, retention_drift=0.05).values[READOUT]
    np.testing.assert_allclose(day, values[READOUT] * 86401**-0.05, rtol=1e-14)


def test_a_stuck_synapse_holds_a_level_of_its_table(calm):
    values, stuck = quantised(calm).values, []
    for seed in range(200):
        chip = fabricated(calm, seed, stuck_synapses=0.25)
        for key in FABRICATED:
            rng, slot = by_hand(seed, f"{key}.stuck"), slots(calm)[key]
            stuck.extend(float(rng.random()) for _ in range(values[key].size))  # one by one, as the arrays do
            chosen = np.array(stuck[-values[key].size :]).reshape(values[key].shape) < 0.25
            held = slot.levels[rng.integers(15, size=values[key].shape)]
            np.testing.assert_array_equal(chip.values[key], np.where(chosen, slot.sign * held, values[key]))
    assert np.mean(np.array(stuck) < 0.25) == pytest.approx(0.25, abs=0.01)


def test_dead_neurons_stay_at_rest_and_the_others_miss_them(calm):
    program, x = quantised(calm), inputs(calm)
    alive = by_hand(3, "hidden.dead").random(6) >= 0.4
    assert 0 < alive.sum() < 6
    states = simulate(dataclasses.replace(calm, spreads={"dead_neurons": 0.4}), program, x, chip_seed=3).state
    assert not states[..., ~alive].any()
    synapses = calm.synapses["hidden->hidden"]
    values = {**program.values, "hidden->hidden": program.values["hidden->hidden"] * alive[synapses.sources]}
    without = simulate(calm, Program.ideal(calm, values), x).state
    np.testing.assert_array_equal(states[..., alive], without[..., alive])


# --- spreads ----------------------------------------------------------------------------------------------


def test_a_neurons_coupling_is_one_factor_for_all_that_drives_it(calm):
    values, chip = quantised(calm).values, fabricated(calm, coupling_spread=0.1)
    factor = 1 + 0.1 * by_hand(3, "hidden.coupling").standard_normal(6)
    for key in ("pixels->hidden", "hidden->hidden"):
        np.testing.assert_array_equal(chip.values[key], values[key] * factor[calm.synapses[key].targets])
    np.testing.assert_array_equal(chip.values[READOUT], values[READOUT])


def test_the_drive_gain_of_each_neuron(calm):
    program, x = quantised(calm), inputs(calm)
    factor = 1 + 0.1 * by_hand(3, "hidden.gamma_plus").standard_normal(6)
    (population,) = calm.populations
    by_netlist = dataclasses.replace(population, gamma_plus=population.gamma_plus * factor)
    np.testing.assert_array_equal(
        simulate(dataclasses.replace(calm, spreads={"gamma_plus_spread": 0.1}), program, x, chip_seed=3).state,
        simulate(dataclasses.replace(calm, populations=(by_netlist,)), program, x).state,
    )


# --- light and delays -------------------------------------------------------------------------------------

OPTICAL = (
    PLACED.replace("efficacy: {bits: 4, range: 0.3}", "efficacy: {bits: 4, range: 0.3}\n    medium: optical")
    .replace("gamma_plus: 1.0e-3", "gamma_plus: 2.0e-7")
    .replace("gamma_minus: 5.0e-4", "gamma_minus: 1.0e-7")
    .replace("{sample_tau: 200, substeps: 2}", "{sample_ns: 1000}")
    .replace(
        "routing: {absent_edges: error}",
        "routing: {strategy: crossbar, photonic_planes: 2, photons_per_spike: 100, detector_efficiency: 0.5, "
        "absent_edges: prune}",
    )
)


@pytest.fixture(scope="module")
def optical():
    return compiled(OPTICAL)


def detectors_of(network, chip):
    light = spiking_light(network, chip, LightDraws(0, 0, 4))
    return dict(zip(network.light.photons, [d for _, d, _ in light._noisy], strict=True))


def test_detectors_of_another_efficiency_miss_other_photons(optical):
    chip = fabricated(optical, detector_efficiency_spread=0.3)
    drawn = detectors_of(optical, chip)
    for key, photons in optical.light.photons.items():
        factor = np.maximum(1 + 0.3 * by_hand(3, f"{key}.detector_efficiency").standard_normal(len(photons)), 0)
        np.testing.assert_allclose(drawn[key].no_photon, np.exp(-photons * factor), rtol=1e-13)
    average = with_average_light(optical)
    values = quantised(optical).values
    for key, photons in optical.light.photons.items():
        ratio = (1 - drawn[key].no_photon) / (1 - np.exp(-photons))
        np.testing.assert_allclose(carried(average, chip, key), values[key] * ratio, rtol=1e-12)
        np.testing.assert_array_equal(carried(optical, chip, key), values[key])


def test_emitters_of_another_power_serve_all_their_detectors_alike(optical):
    chip = fabricated(optical, emitter_power_spread=0.3)
    for key, name in (("pixels->hidden", "pixels"), ("hidden->hidden", "hidden")):
        factor = 1 + 0.3 * by_hand(3, f"{name}.emitter_power").standard_normal(8 if name == "pixels" else 6)
        np.testing.assert_allclose(chip.photons[key], np.maximum(factor, 0)[optical.synapses[key].sources], rtol=1e-14)


def test_what_a_splitter_sends_to_one_detector_the_others_lack(optical):
    chip = fabricated(optical, tap_ratio_spread_db=2.0)
    for key, photons in optical.light.photons.items():
        synapses = optical.synapses[key]
        share = 10 ** (0.2 * by_hand(3, f"{key}.tap_ratio").standard_normal(len(photons)))
        for source in range(synapses.shape[1]):  # each source has one net here
            own = synapses.sources == source
            if own.any():
                np.testing.assert_allclose(chip.photons[key][own], share[own] / share[own].mean(), rtol=1e-13)
                assert chip.photons[key][own].sum() == pytest.approx(own.sum())


def test_stray_light_is_counted_beside_the_own(optical):
    chip = fabricated(optical, stray_light_db=-20.0)
    drawn = detectors_of(optical, chip)
    for key, photons in optical.light.photons.items():
        np.testing.assert_allclose(drawn[key].dark_counts, 10 * (1 - np.exp(-0.01 * photons)), rtol=1e-12)
    silent = fabricated(optical, stray_light_db=0.0)
    assert not np.any(detectors_of(optical, silent)["pixels->hidden"].dark_counts)
    np.testing.assert_array_equal(chip.photons, silent.photons)


def test_stray_light_taken_for_its_average_is_a_constant_flux(optical):
    average = with_average_light(optical)
    program, x = quantised(optical), inputs(optical)
    states = simulate(dataclasses.replace(average, spreads={"stray_light_db": -20.0}), program, x, chip_seed=0).state
    flux = np.zeros(6)
    for key, reference in (("pixels->hidden", 0.5), ("hidden->hidden", optical.light.populations[0].reference)):
        counted = 1 - np.exp(-0.01 * optical.light.photons[key])
        for edge, target in enumerate(optical.synapses[key].targets):
            flux[target] += program.values[key][edge] * reference * counted[edge]
    (p,) = optical.populations
    shifted = dataclasses.replace(average, populations=(dataclasses.replace(p, flux_offset=p.flux_offset + flux),))
    np.testing.assert_allclose(states, simulate(shifted, program, x).state, rtol=0, atol=1e-13)


def test_the_mean_of_stray_counts_is_that_of_their_average(optical):
    """Half a million counts: the flux of a silent chip, drawn and in closed form."""
    chip = fabricated(optical, stray_light_db=-25.0)
    light = spiking_light(optical, chip, LightDraws(1, 0, 3000))
    light.emit(0, 0, np.zeros((3000, 6)))
    light.inputs([InputSignal([np.zeros((3000, 1, 8))], [0])])
    expected = stray_flux(with_average_light(optical), chip, 0)
    drawn = light.detector_flux(0, 0)
    assert np.abs(drawn.mean(0) - expected).max() < 5 * drawn.std(0).max() / np.sqrt(3000)


def test_each_edge_has_a_delay_of_its_own():
    network = dataclasses.replace(compile_network(delayed(CALM, 300)), spreads={"edge_delay_spread": 0.4})
    program, x = quantised(network), inputs(network)
    synapses = {}
    for key, s in network.synapses.items():
        factor = np.maximum(1 + 0.4 * by_hand(1, f"{key}.delay").standard_normal(len(s)), 0)
        synapses[key] = dataclasses.replace(s, delay_tau=s.delay_tau * factor)
    expected = simulate(dataclasses.replace(network, synapses=synapses), program, x).state
    np.testing.assert_array_equal(simulate(network, program, x, chip_seed=1).state, expected)
    chip = TrainableChip(network, BpttRecipe(spread="edge_delay=0.4"), dtype=torch.float64)
    tensors = {key: torch.from_numpy(np.array(v)) for key, v in program.values.items()}
    ours = chip.unroll(chip.fabricated(tensors, 1), chip.signals(torch.from_numpy(x)))[0][0]
    np.testing.assert_allclose(ours.numpy(), expected[:, 1:], rtol=0, atol=1e-12)
    assert count_touched(network, program.values, 1) == {"edge_delay_spread": 66}


def test_an_electrical_chip_has_no_light(calm):
    for text in ("detector_efficiency=0.1", "tap_ratio_spread_db=1", "emitter_power=0.1", "stray_light_db=-30"):
        with pytest.raises(SimulationError, match="has no light: none of its projections is optical; leave"):
            asking(calm, text)
    with pytest.raises(SimulationError, match=r"stray_light_db is 30\.0; it must be at most 0"):
        read_sizes("stray_light_db=30")
    with pytest.raises(SimulationError, match=r"stray_light_db is -300\.0; it must not be below -200"):
        read_sizes("stray_light_db=-300")


def test_correlated_light_is_an_edges_place_and_an_emitters(optical):
    """Ports have places too."""
    for name in ("emitter_power_spread", "detector_efficiency_spread", "tap_ratio_spread_db"):
        sizes = {name: 0.2, f"{name}.correlation_um": 5000.0, f"{name}.gradient": 0.1}
        chip = fabricated(optical, **sizes)
        assert all(np.isfinite(factor).all() and np.ptp(factor) > 0 for factor in chip.photons.values())


# --- correlation and gradient -----------------------------------------------------------------------------


def numbers(chip):
    """Every number of a chip that an imperfection may change, one after the other."""
    devices = np.concatenate([array for arrays in chip.devices() for array in arrays])
    squids = chip.squids or tuple(SquidFactors.ones(len(own)) for own in chip.bias_current)
    junctions = [s.critical_current for s in squids]
    return np.concatenate([devices, *junctions, *(np.asarray(v).ravel() for v in chip.values.values())])


@pytest.mark.parametrize("name", SPREADS)
def test_zero_length_and_gradient_give_the_bits_of_devices_alone(placed, name):
    alone = fabricated(placed, **{name: 0.1})
    zero = fabricated(placed, **{name: 0.1, f"{name}.correlation_um": 0.0, f"{name}.gradient": 0.0})
    np.testing.assert_array_equal(numbers(alone), numbers(zero))


@pytest.mark.parametrize("name", SPREADS)
def test_an_infinite_length_is_one_common_draw(calm, name):
    """Also on a chip without a floorplan: all places are one."""
    nominal = numbers(FabricatedChip.nominal(calm, quantised(calm).values))
    chips = [numbers(fabricated(calm, seed, **{name: 0.1, f"{name}.correlation_um": math.inf})) for seed in range(40)]
    for chip in chips:
        changed = (chip != nominal) & (nominal != 0)
        ratio = chip[changed] - nominal[changed] if name == "flux_offset_spread" else chip[changed] / nominal[changed]
        assert np.ptp(ratio) < 1e-12
    assert (
        0.05 < np.std([chip[changed][0] / nominal[changed][0] for chip in chips]) < 0.2 or name == "flux_offset_spread"
    )


def test_the_field_is_normal_with_the_correlation_of_its_length():
    places = np.array([[700.3, 220.7], [760.1, 220.7], [760.1, 300.9], [951.7, 417.3], [1400.0, 850.0]])
    drawn = np.array([field_at(places, 130.0, seed, "x") for seed in range(8000)])
    assert np.abs(drawn.mean(0)).max() < 0.05
    assert np.abs(drawn.std(0) - 1).max() < 0.03
    assert abs((np.abs(drawn) < 0.6745).mean() - 0.5) < 0.02
    apart = places[:, None] - places[None]
    expected = np.exp(-(apart**2).sum(-1) / (2 * 130.0**2))
    assert np.abs(np.corrcoef(drawn.T) - expected).max() < 0.05


def test_the_correlation_of_the_nodes_sums_to_its_closed_form():
    """What the drawn numbers are a sample of: sum_k w(x - u_k) w(y - u_k), along one axis."""
    spacing, reach, places = die_field._SPACING, die_field._REACH, np.arange(-40, 41)
    nodes = spacing * places
    for x, d in itertools.product(np.linspace(0, spacing, 7), (0.0, 0.3, 1.0, 2.5)):
        near = [np.where(np.abs(places - np.rint(a / spacing)) <= reach, 1.0, 0.0) for a in (x, x + d)]
        first, second = (np.exp(-((a - nodes) ** 2)) * own for a, own in zip((x, x + d), near, strict=True))
        found = first @ second / np.sqrt((first @ first) * (second @ second))
        assert found == pytest.approx(np.exp(-(d**2) / 2), abs=1e-5)


def test_a_field_is_the_sum_over_all_nodes_that_it_says():
    """Six nodes to each side of the nearest; 24 give the same to 2e-5."""
    length, spacing = 50.0, 0.6 * 50.0
    places = np.random.default_rng(2).uniform(-400, 400, (40, 2))
    key = np.random.SeedSequence([3, zlib.crc32(b"x.field")]).generate_state(1, np.uint64)[0]
    for reach, tolerance in ((6, 1e-12), (24, 2e-5)):
        nodes = np.rint(places / spacing).astype(np.int64)[:, :, None] + np.arange(-reach, reach + 1)
        weights = np.exp(-(((places[:, :, None] - spacing * nodes) / length) ** 2))
        numbers = die_field._node_numbers(key, nodes[:, 0, :, None], nodes[:, 1, None, :])
        joint = weights[:, 0, :, None] * weights[:, 1, None, :]
        expected = (joint * numbers).sum((1, 2)) / np.sqrt((joint**2).sum((1, 2)))
        np.testing.assert_allclose(field_at(places, length, 3, "x"), expected, rtol=0, atol=tolerance)


def test_numbers_of_nodes_are_those_of_splitmix64():
    """The first output of the published generator from the seed 0 is 0xE220A8397B1DCDAF."""
    assert die_field._mixed(np.array([0], dtype=np.uint64)).tolist() == [0xE220A8397B1DCDAF]
    assert die_field._uniform(np.array([2**64 - 1, 2**11, 2**10], dtype=np.uint64)).tolist() == [1 - 2**-53, 2**-53, 0]
    numbers = die_field._node_numbers(np.uint64(7), np.arange(-200, 200)[:, None], np.arange(-200, 200)[None])
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    assert numbers.std() == pytest.approx(1, abs=0.01)
    assert len(np.unique(numbers)) == 160_000


def test_a_device_keeps_its_deviation_when_others_are_added():
    places = np.random.default_rng(0).uniform(0, 2000, (9000, 2))
    whole = field_at(places, 90.0, 4, "x")
    np.testing.assert_array_equal(field_at(places[[17, 8000, 3]], 90.0, 4, "x"), whole[[17, 8000, 3]])
    assert not np.array_equal(field_at(places[:9], 90.0, 5, "x"), whole[:9])
    assert not np.array_equal(field_at(places[:9], 90.0, 4, "y"), whole[:9])


def test_a_gradient_runs_from_edge_to_edge_in_any_direction():
    corners = np.array([[0.0, 0.0], [1500, 0], [0, 900], [1500, 900], [750, 450]])
    ramps = np.array([gradient_at(corners, (1500, 900), seed, "x") for seed in range(400)])
    along, across = ramps[:, 1] - ramps[:, 0], ramps[:, 2] - ramps[:, 0]
    np.testing.assert_allclose(along**2 + across**2, 1, atol=1e-12)
    np.testing.assert_allclose(ramps[:, 4], 0, atol=1e-12)
    np.testing.assert_allclose(ramps[:, 3] - ramps[:, 0], along + across, atol=1e-12)
    assert abs(along.mean()) < 0.15
    assert abs(across.mean()) < 0.15


def test_a_gradient_adds_to_the_spread(placed):
    die = placed.die
    ramp = gradient_at(die.neurons_um["hidden"], (1500, 900), 3, "bias_current")
    normal = by_hand(3, "hidden.bias_current").standard_normal(6)
    chip = fabricated(placed, **{"bias_current_spread": 0.01, "bias_current_spread.gradient": 0.03})
    np.testing.assert_allclose(chip.bias_current[0], 1.9 * (1 + 0.01 * normal + 0.03 * ramp), rtol=1e-15)
    alone = fabricated(placed, **{"bias_current_spread.gradient": 0.03})
    np.testing.assert_allclose(alone.bias_current[0], 1.9 * (1 + 0.03 * ramp), rtol=1e-15)


def test_synapses_are_in_the_cells_of_their_neurons(placed):
    places, die = synapse_places(placed), placed.die
    for key in ("pixels->hidden", "hidden->hidden"):
        centre = die.neurons_um["hidden"][placed.synapses[key].targets]
        assert np.abs(places[key] - centre).max() < die.cell_um / 2
    own = np.concatenate([places["pixels->hidden"], places["hidden->hidden"]])
    assert len(np.unique(own, axis=0)) == len(own)  # no two at one place
    for k in range(10):
        np.testing.assert_array_equal(places[READOUT][6 * k : 6 * k + 6], die.neurons_um["hidden"])


def test_neighbours_deviate_alike(placed):
    sizes = {"efficacy_spread": 0.1, "efficacy_spread.correlation_um": 2000.0}
    values = quantised(placed).values["pixels->hidden"]
    held = values != 0
    spread = [np.ptp(fabricated(placed, s, **sizes).values["pixels->hidden"][held] / values[held]) for s in range(20)]
    alone = [
        np.ptp(fabricated(placed, s, efficacy_spread=0.1).values["pixels->hidden"][held] / values[held])
        for s in range(20)
    ]
    assert np.mean(spread) < 0.3 * np.mean(alone)


# --- while it runs ----------------------------------------------------------------------------------------


def running(text, spreads, **options):
    return dataclasses.replace(compiled(text, **options), spreads=spreads)


def normals(seed, name, rows, shape):
    """Numbers that are drawn while the chips of a block run: a stream per kind of noise and sample."""
    crc = zlib.crc32(name.encode())
    return np.stack([np.random.default_rng([seed, row, crc]).standard_normal(shape) for row in rows])


SILENT = CALM.replace("bias_current: 1.9", "bias_current: 0.9").replace("flux_offset: 0.15", "flux_offset: 0")


@pytest.mark.parametrize("refine", [1, 4])
def test_thermal_noise_has_the_variance_of_equipartition_and_the_memory_of_the_loop(refine):
    """A SQUID below its threshold: a loop and a resistor. k_B T / L in units of I_c^2 is Gamma gamma_plus."""
    network = running(SILENT, {"thermal_noise_k": 4.2}, refine=refine)
    states = simulate(network, quantised(network), np.zeros((400, 60, 8)), read_seed=1).state
    gamma = 2 * math.pi * 1.380649e-23 * 4.2 / (2.067833848e-15 * 1e-4)
    assert gamma == pytest.approx(1.76e-3, rel=0.003)
    assert states[:, 40:].var() == pytest.approx(gamma * 1e-3, rel=0.06)
    assert np.var(1e-4 * states[:, 40:]) == pytest.approx(
        1.380649e-23 * 4.2 / (1000 * 2.067833848e-15 / (2 * math.pi * 1e-4)), rel=0.06
    )
    correlation = np.corrcoef(states[:, 50].ravel(), states[:, 55].ravel())[0, 1]
    assert correlation == pytest.approx(math.exp(-5 * 200 * 5e-4), abs=0.04)  # frames of 200 tau, leak 5e-4
    assert abs(np.corrcoef(states[:, 50, 0], states[:, 50, 1])[0, 1]) < 0.15


def test_thermal_and_shot_noise_against_a_loop_written_out():
    spreads = {"thermal_noise_k": 50.0, "fluxon_shot_noise": 0.7}
    network = running(CALM, spreads)
    program, x = quantised(network), inputs(network, batch=4, frames=5)
    (p,) = network.populations
    thermal, shot = (normals(9, name, range(10, 14), (5, 2, 6)) for name in ("thermal", "shot"))
    w = {key: np.zeros(s.shape) for key, s in network.synapses.items()}
    for key, s in network.synapses.items():
        w[key][s.targets, s.sources] = program.values[key]
    dt, s = network.dt_tau, np.zeros((4, 6))
    gamma = 2 * math.pi * 1.380649e-23 * 50.0 / (2.067833848e-15 * 1e-4)
    q = 2 * math.pi * 1e-3
    record = [s]
    for frame in range(5):
        for step in range(2):
            flux = (
                x[:, frame] @ w["pixels->hidden"].T
                + s @ w["hidden->hidden"].T
                + 0.15
                + program.values["hidden.flux_trim"]
            )
            drive = 1e-3 * dt * p.source(flux, 1.9 - s)
            s = (1 - 5e-4 * dt) * s + drive
            s = s + np.sqrt(gamma * 1e-3 * (1 - (1 - 5e-4 * dt) ** 2)) * thermal[:, frame, step]
            s = s + np.sqrt(0.7 * q * np.maximum(drive, 0)) * shot[:, frame, step]
        record.append(s)
    states = simulate(network, program, x, read_seed=9, first_sample=10).state
    np.testing.assert_allclose(states, np.stack(record, 1), rtol=0, atol=1e-11)


@pytest.mark.parametrize("integrator", ["forward-euler", "exponential-euler"])
def test_shot_noise_of_a_poisson_process_has_the_variance_of_its_counts(integrator):
    """In one step from rest, before anything feeds back, the state is q times their number: variance = q mean."""
    text = CALM.replace("gamma_minus: 5.0e-4", "gamma_minus: 0").replace(
        "substeps: 2", f"substeps: 1, integrator: {integrator}"
    )
    quiet, network = running(text, {}), running(text, {"fluxon_shot_noise": 1.0})
    program = Program.ideal(quiet, {key: np.zeros(slot.shape) for key, slot in slots(quiet).items()})
    x = np.zeros((1500, 1, 8))
    states, mean = (
        simulate(n, program, x, **seed).state[:, -1] for n, seed in ((network, {"read_seed": 2}), (quiet, {}))
    )
    assert mean.min() > 5 * 2 * math.pi * 1e-3
    assert (states - mean).var() == pytest.approx(2 * math.pi * 1e-3 * mean.mean(), rel=0.06)


def test_an_input_converter_takes_the_nearest_level():
    network = running(CALM, {"input_dac_bits": 3})
    program, x = quantised(network), inputs(network)
    levels = np.linspace(0, 0.5, 8)
    nearest = levels[np.abs(x[..., None] - levels).argmin(-1)]
    states = simulate(network, program, x, chip_seed=0).state
    np.testing.assert_allclose(states, simulate(network, program, nearest).state, rtol=0, atol=1e-15)
    beyond = simulate(network, program, np.full((1, 2, 8), 0.9), chip_seed=0).state
    np.testing.assert_array_equal(beyond, simulate(network, program, np.full((1, 2, 8), 0.5)).state)


def test_noise_of_an_input_converter_is_relative_to_the_drive_range():
    network = running(CALM, {"input_dac_noise": 0.1})
    program, x = quantised(network), inputs(network)
    noisy = x + 0.1 * 0.5 * normals(5, "dac 0 0", range(3), (6, 8))
    states = simulate(network, program, x, read_seed=5).state
    np.testing.assert_allclose(states, simulate(network, program, noisy).state, rtol=0, atol=1e-15)


def nearest_of(values, low, high, bits):
    levels = np.linspace(low, high, 2**bits)
    return levels[np.abs(values[..., None] - levels).argmin(-1)]


def test_a_readout_converter_reads_scores_of_a_readout_on_the_chip():
    spreads = {"readout_adc_bits": 5, "readout_adc_noise": 0.01}
    network, exact = running(CALM, spreads), running(CALM, {})
    program, x = quantised(network), inputs(network)
    full = np.abs(program.values[READOUT]).sum(1).max()
    plain = simulate(exact, program, x)
    noisy = plain.output + 0.01 * 2 * full * normals(4, "adc scores", range(3), (10,))
    both = simulate(network, program, x, chip_seed=0, read_seed=4)
    np.testing.assert_allclose(both.output, nearest_of(noisy, -full, full, 5), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(both.state, plain.state)
    bits = simulate(network, program, x, chip_seed=0)
    np.testing.assert_allclose(bits.output, nearest_of(plain.output, -full, full, 5), rtol=0, atol=1e-12)


def test_a_readout_converter_reads_states_for_a_readout_off_the_chip():
    text = CALM.replace("  state: final\n", "  state: mean\n  location: off-chip\n")
    network, exact = running(text, {"readout_adc_bits": 4}), running(text, {})
    program, x = quantised(network), inputs(network)
    plain, read = simulate(exact, program, x), simulate(network, program, x, chip_seed=0)
    expected = nearest_of(plain.state[:, 1:], 0.0, 1.0, 4).mean(1) @ program.values[READOUT].T
    np.testing.assert_allclose(read.output, expected, rtol=0, atol=1e-12)


def test_a_readout_converter_reads_states_for_a_goodness(digits):
    network, exact = running(LABELS, {"readout_adc_bits": 3}), running(LABELS, {})
    program, x = quantised(network), digits.test.inputs[:5]
    scores = class_scores(network, program, x, chip_seed=0)
    for label in range(10):
        states = simulate(exact, program, present(exact, x, np.full(5, label))).state[:, 1:]
        expected = (nearest_of(states, -1.0, 1.0, 3) ** 2).mean(-1).sum(-1)
        np.testing.assert_allclose(scores[:, label], expected, rtol=0, atol=1e-12)


def test_a_sample_has_its_noise_whatever_it_comes_with():
    noise = {name: 0.1 for name, kind in IMPERFECTIONS.items() if kind.is_noise}
    network = running(CALM, {**noise, "input_dac_bits": 5, "readout_adc_bits": 6})
    program, x = quantised(network), inputs(network, batch=20)
    whole = simulate(network, program, x, read_seed=3)
    part = simulate(network, program, x[12:15], read_seed=3, first_sample=12)
    np.testing.assert_array_equal(part.state, whole.state[12:15])
    np.testing.assert_array_equal(part.output, whole.output[12:15])
    other = simulate(network, program, x, read_seed=4)
    assert np.abs(other.state - whole.state).max() > 1e-3


def test_each_noise_has_numbers_of_its_own():
    rows = range(3)
    drawn = [normals(1, name, rows, (7,)) for name in ("thermal", "shot", "dac 0 0", "adc scores")]
    drawn.append(array_noise(1, 1.0, rows, (7, 1))[..., 0])
    for a, b in itertools.combinations(drawn, 2):
        assert np.abs(a - b).min() > 1e-6


def test_converters_of_what_is_not_there_are_refused():
    text = CALM.partition("readout:")[0] + NO_SPREAD
    with pytest.raises(SimulationError, match="readout_adc_bits=4 can touch nothing: chip 'small' has no readout"):
        asking(compiled(text), "readout_adc_bits=4")
    normalised = LABELS.replace("drive_high: 0.275", "drive_high: 0.275, normalise: l2").replace(
        "drive_high: 0.25}", "drive_high: 0.25, normalise: l2}"
    )
    with pytest.raises(SimulationError, match="no input line with a drive range"):
        asking(compiled(normalised), "input_dac_noise=0.1")
    for text in ("thermal_noise_k=4", "fluxon_shot_noise=1"):
        with pytest.raises(SimulationError, match="virtual"):
            asking(compiled(LABELS), text)
    with pytest.raises(SimulationError, match=r"input_dac_bits is 2.5; it must be a whole number; write 2"):
        read_sizes("input_dac_bits=2.5")
    with pytest.raises(
        RecipeError, match="readout_adc_bits: rule 'ff-temporal' learns from the states before they are"
    ):
        TrainableChip(compiled(LABELS), FFTemporalRecipe(spread="readout_adc_bits=4"))


# --- order, seeds, counts ---------------------------------------------------------------------------------


def test_stages_follow_each_other():
    sizes = {name: 1 if kind.unit == "bit" else kind.least or 0.1 for name, kind in IMPERFECTIONS.items()}
    order = [STAGES.index(one.stage) for one in acting(sizes)]
    assert order == sorted(order)
    assert set(order) == {0, 1, 2, 3}
    again = acting(sizes)
    again.clear()  # a list of one's own, though the same sizes are made once
    assert len(acting(sizes)) == len(order)
    assert [one.size for one in acting({**sizes, "dead_neurons": 0.2}) if one.name == "dead_neurons"] == [0.2]


def test_what_is_stuck_or_wrong_drifts_and_has_the_mismatch_of_its_device(calm):
    values = quantised(calm).values["hidden->hidden"]
    sizes = {"programming_error": 0.05, "retention_drift": 0.1, "efficacy_spread": 0.2}
    error = 0.05 * 0.3 * by_hand(3, "hidden->hidden.programming").standard_normal(18)
    factor = 1 + 0.2 * by_hand(3, "hidden->hidden").standard_normal(18)
    chip = fabricated(calm, **sizes)
    np.testing.assert_allclose(chip.values["hidden->hidden"], (values + error) * 86401**-0.1 * factor, rtol=1e-13)


def test_a_chip_is_the_same_for_any_batch_order_and_company(placed):
    everything = {
        name: 4 if kind.unit == "bit" else 0.05 for name, kind in IMPERFECTIONS.items() if not kind.absent(placed)
    }
    network = dataclasses.replace(placed, spreads=everything | {"efficacy_spread.correlation_um": 200.0})
    program, x = quantised(network), np.random.default_rng(1).uniform(0, 1, (300, 4, 8))
    whole = class_scores(network, program, x, chip_seed=7)
    other = class_scores(network, program, x, chip_seed=8)
    np.testing.assert_array_equal(class_scores(network, program, x[:9], chip_seed=7), whole[:9])
    np.testing.assert_array_equal(class_scores(network, program, x, chip_seed=7), whole)
    assert not np.array_equal(whole, other)


def test_the_count_of_what_was_touched(calm):
    network = dataclasses.replace(calm, spreads={"stuck_synapses": 0.3, "dead_neurons": 0.5, "efficacy_spread": 0.1})
    program = quantised(network)
    touched = count_touched(network, program.values, 3)
    total, held = 0, 0
    for key in FABRICATED:
        rng, slot, v = by_hand(3, f"{key}.stuck"), slots(network)[key], program.values[key]
        stuck = rng.random(v.shape) < 0.3
        now = np.where(stuck, slot.sign * slot.levels[rng.integers(15, size=v.shape)], v)
        total, held = total + int((now != v).sum()), held + int((now != 0).sum())
    dead = int((by_hand(3, "hidden.dead").random(6) < 0.5).sum())
    assert touched == {"stuck_synapses": total, "dead_neurons": dead, "efficacy_spread": held}


@pytest.mark.parametrize(
    ("name", "text", "changes", "count"),
    [
        ("read_noise_flux", CALM, {}, 6),
        ("thermal_noise_k", CALM, {}, 6),
        ("fluxon_shot_noise", CALM, {}, 6),
        ("input_dac_bits", CALM, {}, 8),
        ("input_dac_noise", LABELS, {}, 18),
        ("input_dac_noise", LABELS, {"drive_high: 0.275": "drive_high: 0.275, normalise: l2"}, 10),
        ("input_dac_bits", LABELS, {"drive_low: 0.025, drive_high: 0.275": "drive_low: 0.1, drive_high: 0.1"}, 10),
        ("readout_adc_bits", CALM, {}, 10),  # scores
        ("readout_adc_noise", CALM, {"  state: final\n": "  state: final\n  location: off-chip\n"}, 6),  # states
        ("readout_adc_bits", LABELS, {}, 12),
    ],
)
def test_what_acts_while_a_chip_runs_touches_all_that_it_can(name, text, changes, count):
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    network = running(text, {name: 3.0 if name.endswith("bits") else 0.1})
    assert IMPERFECTIONS[name].count(network) == count
    assert count_touched(network, quantised(network).values, 3) == {name: count}


@pytest.mark.parametrize("name", ["detector_efficiency_spread", "emitter_power_spread", "stray_light_db"])
def test_what_acts_on_light_touches_every_detector(name):
    network = running(OPTICAL, {name: -30.0 if name.endswith("db") else 0.1})
    detectors = sum(len(photons) for photons in network.light.photons.values())
    assert detectors == IMPERFECTIONS[name].count(network) > 10
    assert count_touched(network, quantised(network).values, 3) == {name: detectors}


def test_lines_without_a_drive_range_of_their_own_have_no_converter():
    """What is normalised, or always at one current, passes a DAC of one bit and its noise as it is."""
    text = LABELS.replace("drive_low: 0.025, drive_high: 0.275", "drive_low: 0.1, drive_high: 0.1")
    text = text.replace("drive_low: 0.0, drive_high: 0.25}", "drive_low: 0.0, drive_high: 0.25, normalise: l2}")
    network = dataclasses.replace(compiled(text), spreads={"input_dac_bits": 1.0, "input_dac_noise": 0.5})
    chip = fabricate_chip(network, quantised(network).values, network.spreads, 3)
    given = [InputSignal([np.full((1, 2, 2, width), 0.07)], np.zeros(2, dtype=np.int64)) for width in (8, 10)]
    for before, after in zip(given, converted_inputs(network, chip, given, range(2)), strict=True):
        np.testing.assert_array_equal(before.blocks[0], after.blocks[0])


def test_which_imperfections_are_noise_and_which_have_a_flag_of_their_own():
    assert {name for name, kind in IMPERFECTIONS.items() if kind.is_noise} == {
        *("read_noise_flux", "thermal_noise_k", "fluxon_shot_noise", "input_dac_noise", "readout_adc_noise")
    }
    assert {name for name, kind in IMPERFECTIONS.items() if kind.has_flag} == {
        *("efficacy_spread", "bias_current_spread", "flux_offset_spread", "gamma_minus_spread", "read_noise_flux"),
        *("drop_synapses", "delay_spread"),
    }


def test_parameters_have_their_defaults_and_ranges():
    placed = {"correlation_um": (0.0, "0, or 1 to 1e+06", True), "gradient": (0.0, "0 to 1", False)}
    drift = {"time_s": (86400.0, "0, or 1e-09 to 1e+12", False), "exponent_spread": (0.0, "0 to 1", False)}
    for name, kind in IMPERFECTIONS.items():
        found = {
            parameter: (item.default, str(item.metadata["limits"]).partition(" (")[0], item.metadata["infinite"])
            for parameter, item in kind.parameters().items()
        }
        assert found == (drift if name == "retention_drift" else placed if "gradient" in found else {}), name
        assert all(item.metadata["limits"].hold(0) for item in kind.parameters().values())


def test_the_page_lists_every_imperfection_with_its_source():
    hardware = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", (ROOT / "docs" / "hardware.md").read_text())
    for name, kind in IMPERFECTIONS.items():
        assert re.search(rf"^\| {kind.stage} \| `{name}` \| .* \| {kind.unit} \|$", hardware, re.MULTILINE), name
        assert f"| `{name}` | {kind.unit} | {kind.legal_text()} | {kind.source} |" in hardware, name
        assert all(f"`{parameter}`" in hardware for parameter in kind.parameters()), name


# --- one name, one size -----------------------------------------------------------------------------------


def test_sizes_are_read_by_short_and_full_names_and_written_again():
    sizes = read_sizes(" efficacy=0.1, gamma_minus_spread = 2e-2,efficacy.correlation_um=inf,retention_drift.time_s=9")
    assert sizes == {
        "efficacy_spread": 0.1,
        "gamma_minus_spread": 0.02,
        "efficacy_spread.correlation_um": math.inf,
        "retention_drift.time_s": 9.0,
    }
    assert read_sizes(written(sizes)) == sizes
    assert read_sizes("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("efficacy", "'efficacy' is no size of an imperfection; write NAME=SIZE, efficacy=0.1"),
        ("efficacy=0.1,", "'' is no size of an imperfection"),
        ("eficacy=0.1", "no imperfection 'eficacy'; did you mean 'efficacy'"),
        ("efficacy=much", "efficacy_spread is 'much'; it must be a number"),
        ("efficacy=inf", "efficacy_spread is 'inf'; it must be a number"),
        ("efficacy=2", "efficacy_spread is 2.0; it must be at most 1; 5 % is written 0.05"),
        ("dead_neurons=1", "dead_neurons is 1.0; it must be below 1"),
        ("efficacy=0.1,efficacy_spread=0.2", "efficacy_spread is given twice; keep one"),
        ("efficacy.length=3", "efficacy_spread has no parameter 'length'; it has correlation_um, gradient"),
        ("dead_neurons.gradient=3", "dead_neurons has no parameter 'gradient'; it has none beside its size"),
        ("efficacy.correlation_um=-1", "efficacy_spread.correlation_um is -1; it must be at least 0"),
        ("efficacy.gradient=inf", "efficacy_spread.gradient is inf; it must be a finite number"),
    ],
)
def test_what_is_no_size_is_refused(text, message):
    with pytest.raises(SimulationError) as error:
        read_sizes(text)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("delay=0.1", "no delays"),
        ("efficacy.gradient=0.1", "no floorplan"),
        ("efficacy=0.1,efficacy.correlation_um=100", "no floorplan"),
        ("gamma_plus.correlation_um=inf", "no gamma_plus_spread: its size is 0"),
    ],
)
def test_a_size_that_can_touch_nothing_is_refused(calm, digits, text, lacking):
    with pytest.raises(SimulationError, match=f"can touch nothing: chip 'small' has {lacking}"):
        asking(calm, text)
    with pytest.raises(SoensimError, match=lacking):
        evaluate(route(parse_netlist(CALM)), quantised(calm), digits, trials=1, spreads=read_sizes(text))
    with pytest.raises(RecipeError, match=f"spread: .*{lacking}"):
        TrainableChip(calm, BpttRecipe(spread=text))


def test_a_size_of_zero_turns_the_netlists_off(small, calm):
    assert small.spreads["efficacy_spread"] > 0
    assert asking(small, "efficacy=0").spreads["efficacy_spread"] == 0
    chip = TrainableChip(small, BpttRecipe(robust=True, spread="efficacy=0,dead_neurons=0.1"))
    assert (chip.spreads["efficacy_spread"], chip.spreads["dead_neurons"]) == (0, 0.1)
    assert chip.spreads["gamma_minus_spread"] == small.spreads["gamma_minus_spread"]
    asking(calm, "delay=0")  # nothing is asked of what is not there


def test_a_recipe_refuses_what_is_given_twice_or_cannot_be_read():
    with pytest.raises(RecipeError, match="spread: efficacy_spread is given as a setting of its own, too; keep one"):
        BpttRecipe(efficacy_spread=0.1, spread="efficacy=0.1")
    with pytest.raises(RecipeError, match="spread: no imperfection 'x'"):
        BpttRecipe(spread="x=1")
    with pytest.raises(RecipeError, match="spread is 3; it must be text"):
        BpttRecipe(spread=3)


def test_a_netlist_states_parameters_by_imperfection():
    own = {
        "gamma_plus_spread": 0.05,
        "retention_drift": 0.01,
        "correlation_um": {"gamma_plus_spread": 300.0, "efficacy_spread": math.inf},
        "gradient": {"bias_current_spread": 0.02},
        "time_s": {"retention_drift": 60.0},
    }
    text = CROSSBAR.replace(NO_SPREAD, f"imperfections: {json.dumps(own).replace('Infinity', '.inf')}\n")
    spreads = parse_netlist(text).spreads
    assert spreads["gamma_plus_spread.correlation_um"] == 300
    assert spreads["efficacy_spread.correlation_um"] == math.inf
    assert spreads["bias_current_spread.gradient"] == 0.02
    assert spreads["retention_drift.time_s"] == 60
    assert parse_netlist(text).hash == parse_netlist(CROSSBAR).hash
    network = compile_network(route(parse_netlist(text)))
    assert np.isfinite(simulate(network, quantised(network), inputs(network), chip_seed=0).state).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            "correlation_um: {efficacy_spread: 100}",
            "efficacy_spread: is 100, and the chip has no floorplan, so that no",
        ),
        (
            "gradient: {bias_current_spread: 0.1}",
            "bias_current_spread: is 0.1, and the chip has no floorplan, so that no",
        ),
        ("correlation_um: {efficacy_spread: 0.5}", "0.5 is not legal; it is in micrometres and must be 0, or 1 to 1e"),
        ("gradient: {dead_neurons: 0.1}", "dead_neurons: Input should be|dead_neurons"),
    ],
)
def test_parameters_that_mean_nothing_are_refused_in_a_netlist(parameters, message):
    text = SMALL + f"imperfections: {{{parameters}}}\n"
    with pytest.raises(NetlistError, match=message):
        parse_netlist(text)
    network = dataclasses.replace(compiled(CALM), spreads={"efficacy_spread": 0.1, "efficacy_spread.gradient": 0.1})
    with pytest.raises(SimulationError, match="chip 'small' has no floorplan; add one, or leave it out"):
        simulate(network, quantised(network), inputs(network), chip_seed=0)


@pytest.mark.parametrize("size", IMPERFECTIONS)
def test_every_size_of_the_schema_is_laid_over_by_the_flag(placed, digits, size):
    kind = IMPERFECTIONS[size]
    lit = bool(kind.absent(placed))  # all that an electrical chip lacks, an optical one has
    placed = compiled(OPTICAL if kind.touches != "arms" else CROSSBAR.replace("squid-fit", "squid")) if lit else placed
    value = {"bit": 3, "K": 20.0, "dB": max(kind.least, -20.0) or 3.0}.get(kind.unit, 0.1)
    network = asking(placed, f"{size}={value}")
    assert network.spreads[size] == value
    program, x = quantised(network), digits.test.inputs[:40]
    if kind.touches == "delays":
        assert network.spreads[size] == value  # a picosecond is nothing in a frame of light
        return
    assert not np.array_equal(class_scores(network, program, x, chip_seed=0), class_scores(network, program, x))


def test_the_flags_of_evaluate_go_over_the_netlists_and_are_reported(tmp_path, capsys):
    out = tmp_path / "e.json"
    arguments = [str(ROOT / "netlists/year1-28.yaml"), "--trials", "2", "--html", "none", "--json", str(out)]
    assert evaluate_main([*arguments, "--spread", "efficacy=0.1,dead_neurons=0.1", "--spread", "bias_current=0"]) == 0
    result = json.loads(out.read_text())
    assert (result["spreads"]["efficacy_spread"], result["spreads"]["bias_current_spread"]) == (0.1, 0)
    touched = {row["name"]: row for row in result["touched"]}
    assert set(touched) == {"efficacy_spread", "gamma_minus_spread", "flux_offset_spread", "dead_neurons"}
    assert touched["flux_offset_spread"] == {"name": "flux_offset_spread", "things": "neurons", "mean": 28.0, "of": 28}
    assert "dead neurons:" in capsys.readouterr().out
    with pytest.raises(SoensimError, match="--spread: efficacy_spread is given twice"):
        evaluate_main([*arguments, "--spread", "efficacy=0.1", "--spread", "efficacy=0.2"])


# --- training ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [n for n, kind in IMPERFECTIONS.items() if kind.stage != "run" and kind.touches in THINGS]
)
def test_training_sees_the_chip_that_a_simulation_has(calm, name):
    network = asking(calm, f"{name}=0.1")
    program, x = quantised(network), inputs(network)
    trace = simulate(network, program, x, chip_seed=2)
    trainable = TrainableChip(network, BpttRecipe(spread=f"{name}=0.1"), dtype=torch.float64)
    tensors = {key: torch.from_numpy(np.array(v)).requires_grad_() for key, v in program.values.items()}
    states = trainable.unroll(trainable.fabricated(tensors, 2), trainable.signals(torch.from_numpy(x)))[0]
    np.testing.assert_allclose(states[0].detach().numpy(), trace.state[:, 1:], rtol=0, atol=1e-12)
    gradient = torch.autograd.grad(states.sum(), tensors["hidden->hidden"])[0]
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    "text",
    [
        "thermal_noise_k=50",
        "fluxon_shot_noise=1",
        "input_dac_bits=3",
        "input_dac_noise=0.1",
        "readout_adc_bits=5",
        "readout_adc_noise=0.02",
    ],
)
def test_training_has_the_noise_that_a_simulation_has(calm, text):
    """The same numbers: a batch of training is a data set of its own."""
    network = asking(calm, text)
    program, x = quantised(network), inputs(network)
    chip = TrainableChip(network, BpttRecipe(spread=text), dtype=torch.float64)
    tensors = {key: torch.from_numpy(np.array(v)).requires_grad_() for key, v in program.values.items()}
    fabricated_chip = chip.fabricated(tensors, 2)
    trace = simulate(network, program, x, chip_seed=2, read_seed=fabricated_chip.read_seed)
    states = chip.unroll(fabricated_chip, chip.signals(torch.from_numpy(x)))
    np.testing.assert_allclose(states[0][0].detach().numpy(), trace.state[:, 1:], rtol=0, atol=1e-12)
    scores = chip.linear_scores(fabricated_chip, states)[0]
    np.testing.assert_allclose(scores.detach().numpy(), trace.output, rtol=0, atol=1e-12)
    gradient = torch.autograd.grad(scores.square().sum(), tensors["hidden->hidden"])[0]
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0
    nominal = chip.unroll(chip.nominal(False), chip.signals(torch.from_numpy(x)))
    assert all(torch.isfinite(s).all() for s in nominal)


@pytest.mark.parametrize("recipe", [BpttRecipe, EpropRecipe, FFTemporalRecipe, FFLocalRecipe])
def test_every_kind_of_rule_trains_with_noise_and_converters(digits, recipe):
    linear = recipe in (BpttRecipe, EpropRecipe)
    text = "input_dac_bits=4,input_dac_noise=0.02,dead_neurons=0.1" + (
        ",thermal_noise_k=4,fluxon_shot_noise=0.5" if linear else ""
    )
    chip = TrainableChip(compiled(CALM if linear else LABELS), recipe(spread=text))
    x, y = (
        chip.encode(digits.train.inputs[:8, :1] if recipe is FFLocalRecipe else digits.train.inputs[:8]),
        torch.tensor(digits.train.labels[:8]),
    )
    rule = chip.recipe.make_rule(chip)
    loss = rule.loss(chip.training_chip(False, (1, 0)), x, y, np.random.default_rng(0)).total
    still = rule.loss(chip.nominal(False), x, y, np.random.default_rng(0)).total
    assert torch.isfinite(loss)
    assert loss != still
    loss.backward()
    assert all(torch.isfinite(latent.grad).all() for latent in chip.latent.values() if latent.grad is not None)
