"""Light that carries rates: spikes and detectors against closed forms, whole chips against a brute-force loop."""

import dataclasses
import json
import re
import tracemalloc

import numpy as np
import pytest
import scipy.stats
import torch
from conftest import ROOT, SMALL, compiled, untimed
from light_problems import (
    AHEAD,
    DARK_COUNTS,
    FEW_PHOTONS,
    LABEL,
    ONE,
    POISSON,
    POISSON2,
    REFERENCE,
    brute_force,
    chip_text,
    lit_network,
    random_program,
)
from scipy.special import bdtr, pdtr

from soensim.commands import cli
from soensim.commands.evaluate import main as evaluate_main
from soensim.commands.simulate import main as simulate_main
from soensim.dynamics import Detectors, Emission, InputSignal, LightDraws, SpikingLight, unroll
from soensim.dynamics.light import _binomial, _poisson
from soensim.errors import NetlistError, SimulationError, TechnologyError
from soensim.kernels import lit_throughout, unroll_lit
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import compile_network, with_average_light
from soensim.network.light import largest_state
from soensim.network.sizes import state_bytes
from soensim.program import READOUT, Program
from soensim.routing import route
from soensim.simulation import class_scores, simulate
from soensim.simulation.engine import BLOCK
from soensim.training import BpttRecipe, train
from soensim.training.recipes import EpropRecipe
from soensim.training.rules.bptt import Bptt
from soensim.training.rules.eprop import Eprop
from soensim.training.trainable_network import TrainableChip

REGULAR = Emission(reference=0.5, spikes=20.0, most=40, poisson=False)
SIMULATE = ["--inputs", "x.npy", "--out", "trace.npz"]
GRID = (np.arange(20000) + 0.5) / 20000  # uniform numbers that integrate a function of one to 1e-4


# --- spikes and detectors --------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.0, 0.003, 0.25, 0.5, 1.0, 7.3, 19.999])
def test_a_regular_train_has_the_mean_and_a_variance_below_a_quarter(mean):
    counts = REGULAR.counts(np.array(mean), GRID)
    assert set(counts) <= {np.floor(mean), np.floor(mean) + 1}
    assert counts.mean() == pytest.approx(mean, abs=1e-4)
    part = mean % 1
    assert counts.var() == pytest.approx(part * (1 - part), abs=1e-4)


@pytest.mark.parametrize("mean", [0.0, 0.003, 0.5, 7.3, 20.0])
def test_random_spikes_have_the_mean_and_the_variance(mean):
    counts = dataclasses.replace(REGULAR, most=10**6, poisson=True).counts(np.array(mean), GRID)
    assert counts.mean() == pytest.approx(mean, rel=2e-3, abs=1e-4)
    assert counts.var() == pytest.approx(mean, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("poisson", [False, True])
def test_a_count_is_a_signal_and_ends_at_the_dead_time(poisson):
    """r T = 20 spikes at s_ref = 0.5; below 0 none, and never more than a detector tells apart."""
    emission = dataclasses.replace(REGULAR, poisson=poisson)
    assert emission.expected(np.array([-0.3, 0.0, 0.25, 0.5, 0.8, 1.0, 9.0])).tolist() == [0, 0, 10, 20, 32, 40, 40]
    assert emission.signal(np.array([0.0, 20.0, 40.0])).tolist() == [0, 0.5, 1.0]
    counts = emission.counts(emission.expected(np.array(1.4)), GRID)
    assert counts.max() == 40
    assert poisson or counts.min() == 40


@pytest.mark.parametrize("mean", [0.0, 1e-9, 1e-3, 0.3, 1.0, 4.7, 60.0, 119.5, 2000.0])
def test_the_inverse_poisson_distribution(mean):
    uniform = np.concatenate([[2.0**-53, 1 - 2.0**-53], GRID])
    np.testing.assert_array_equal(
        _poisson(uniform, np.full_like(uniform, mean)), scipy.stats.poisson.ppf(uniform, mean)
    )
    assert _poisson(np.zeros(1), np.full(1, mean)) == 0


@pytest.mark.parametrize("trials", [1, 2, 7, 60, 120])
@pytest.mark.parametrize("probability", [1e-9, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_the_inverse_binomial_distribution(trials, probability):
    shape = np.ones_like(GRID)
    found = _binomial(GRID, trials * shape, probability * shape)
    np.testing.assert_array_equal(found, scipy.stats.binom.ppf(GRID, trials, probability))


def port_detectors(no_photon, dark_counts, sources):
    edges = len(no_photon)
    return Detectors(None, 0, 0, edges, np.array(sources), np.arange(edges), np.array(no_photon), dark_counts)


def detected(no_photon, dark_counts, *, sources=(0, 0), rows=20000, seed=3):
    """Flux of one neuron per detector from light of 12 spikes in one frame, in counts."""
    emission = dataclasses.replace(REGULAR, spikes=20.0)
    detectors = port_detectors(no_photon, dark_counts, sources)
    weight = 0.1
    light = SpikingLight([emission], [None], [detectors], [np.full(2, weight)], LightDraws(seed, 0, rows))
    signal = InputSignal([np.full((rows, 1, 1), 0.3)], [0])
    light.inputs([signal])
    flux = light.detector_flux(0, 0)
    return None if flux is None else flux / weight * 20.0 / 0.5


@pytest.mark.parametrize("mean", [0.05, 0.7, 3.3, 40.0])
def test_numbers_are_the_least_whose_distribution_reaches_a_place(mean):
    """Places at the very steps of the distribution, where the inverse may round to the next number."""
    k = np.arange(60.0)
    places = pdtr(k, mean)
    k, places = k[(places > 1e-12) & (places < 1 - 1e-9)], places[(places > 1e-12) & (places < 1 - 1e-9)]
    np.testing.assert_array_equal(_poisson(places, np.full(len(k), mean)), k)
    for trials in (1, 7, 60):
        probability = min(mean / trials, 0.9)
        k = np.arange(trials)
        places = bdtr(k.astype(float), trials, probability)
        k, places = k[(places > 1e-12) & (places < 1 - 1e-9)], places[(places > 1e-12) & (places < 1 - 1e-9)]
        many = np.full(len(k), float(trials)), np.full(len(k), probability)
        np.testing.assert_array_equal(_binomial(places, *many), k)


def test_missed_spikes_and_dark_counts_have_their_mean_and_variance():
    """12 spikes, all detected; -Binomial(12, p) + Poisson(d): mean d - 12 p, variance 12 p (1 - p) + d."""
    for missed, dark in (((0.2, 0.7), 0.0), ((0.0, 0.0), 1.7), ((0.2, 0.05), 0.6)):
        counts = detected(missed, dark)
        for k, p in enumerate(missed):
            mean, variance = dark - 12 * p, 12 * p * (1 - p) + dark
            assert counts[:, k].mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / 20000))
            assert counts[:, k].var() == pytest.approx(variance, rel=0.06)
        assert abs(np.corrcoef(counts[:, 0], counts[:, 1])[0, 1]) < 0.03  # every detector by itself
    assert detected((0.0, 1e-17), 0.0) is None  # what is certain is not drawn
    np.testing.assert_allclose(detected((1.0, 1.0), 0.0, rows=9), -12.0, rtol=1e-12)


def test_all_detectors_of_a_net_see_the_same_spikes():
    """Where no photon is missed, neurons with equal efficacies see equal flux; another emitter fires by itself."""
    light = SpikingLight([REGULAR], [], [], [], LightDraws(0, 0, 500))
    (_, lit) = light.inputs([InputSignal([np.full((500, 4, 2), 0.3123)], range(4))])
    signal = lit.blocks[0]
    assert signal.shape == (500, 4, 2)
    assert set(np.unique(np.rint(signal / 0.025))) == {12.0, 13.0}
    first, second = signal[..., 0].ravel(), signal[..., 1].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    assert abs(np.corrcoef(signal[:, 0, 0], signal[:, 1, 0])[0, 1]) < 0.15  # nor is a frame like the one before


# --- whole chips -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "all_light"),
    [
        ([], False),
        ([AHEAD], False),
        ([AHEAD], True),
        ([FEW_PHOTONS], False),
        ([POISSON], False),
        ([DARK_COUNTS], False),
        ([FEW_PHOTONS, AHEAD, DARK_COUNTS], False),
    ],
    ids=["regular", "feed-forward", "feed-forward light", "missed", "poisson", "dark", "all"],
)
def test_a_chip_runs_as_the_definition_says(changes, all_light):
    """Delays of up to 1.6 samples; a port and a population read by light and by wire; states beyond the reference."""
    if FEW_PHOTONS in changes and DARK_COUNTS in changes:
        changes = [(FEW_PHOTONS[0], FEW_PHOTONS[1] + ", dark_count_rate_hz: 4.0e5"), AHEAD]
    network = lit_network(*changes, all_light=all_light)
    program = random_program(network)
    x = np.random.default_rng(0).uniform(0, 0.5, (2, 4, 8))
    ours = simulate(network, program, x, read_seed=5).state[:, 1:]
    dark = network.light.dark_counts
    brute = brute_force(network, program.values, x, read_seed=5, poisson=POISSON in changes, dark_counts=dark)
    np.testing.assert_allclose(ours, brute, rtol=0, atol=1e-12)
    average = simulate(with_average_light(network), program, x).state[:, 1:]
    assert np.abs(ours - average).max() > 1e-2


@pytest.mark.parametrize("changes", [[], [FEW_PHOTONS]], ids=["regular", "missed"])
def test_training_sees_the_same_light(changes):
    for all_light in (False, True):
        network = lit_network(*changes, all_light=all_light)
        chip = TrainableChip(network, BpttRecipe(recurrent_gain=1.0), dtype=torch.float64)
        x = np.random.default_rng(0).uniform(0, 0.5, (3, 4, 8))
        fabricated = dataclasses.replace(chip.nominal(True), light_seed=8)
        with torch.no_grad():
            states = chip.unroll(fabricated, chip.signals(torch.from_numpy(x)))
        program = Program.quantised(network, chip.arrays())
        theirs = simulate(network, program, x, read_seed=8).state[:, 1:]
        np.testing.assert_allclose(np.concatenate([s[0] for s in states], -1), theirs, rtol=0, atol=1e-12)


def test_the_reference_is_the_largest_state():
    """At half a flux quantum for ever a SQUID's state comes to rest at what `largest_state` says, and never above."""
    network = lit_network()
    first, second = network.light.populations
    assert second.reference == 0.05
    assert network.light.ports[0].reference == 0.5
    assert first.spikes == pytest.approx(7.0)
    assert first.most == 14
    population = network.populations[0]
    state = np.zeros(5)
    for _ in range(4000):
        g = population.source(np.full(5, 0.5), 1.9 - state)
        state += 0.01 / population.gamma_minus * (population.gamma_plus * g - population.gamma_minus * state)
    assert first.reference == pytest.approx(state[0], rel=1e-9)
    assert first.reference < largest_state(population.source, np.inf, 1.9) < 1.9  # without a leak up to the bias


# --- streams ---------------------------------------------------------------------------------------------


def test_a_sample_has_its_spikes_whatever_runs_with_it():
    network = lit_network(FEW_PHOTONS)
    program = random_program(network)
    x = np.random.default_rng(0).uniform(0, 0.5, (300, 2, 8))  # more than a block
    whole = simulate(network, program, x, read_seed=3).state
    np.testing.assert_array_equal(simulate(network, program, x[290:], read_seed=3, first_sample=290).state, whole[290:])
    others = np.concatenate([x[:100][::-1], x[100:]])
    np.testing.assert_array_equal(simulate(network, program, others, read_seed=3).state[100:], whole[100:])
    assert np.abs(simulate(network, program, x, read_seed=4).state - whole).max() > 1e-2
    alike = simulate(network, program, np.tile(x[:1], (5, 1, 1)), read_seed=3).state
    assert np.abs(alike - alike[0]).max(axis=(1, 2))[1:].min() > 1e-3  # equal samples have spikes of their own


def test_no_read_seed_is_the_seed_0_of_the_light():
    network = lit_network()
    program, x = random_program(network), np.full((2, 2, 8), 0.3)
    none = simulate(network, program, x).state
    np.testing.assert_array_equal(none, simulate(network, program, x, read_seed=0).state)
    values = np.random.default_rng(1).random((4, 2, 8))
    scores = class_scores(network, program, values)
    np.testing.assert_array_equal(scores[:2], class_scores(network, program, values[:2]))
    assert not np.array_equal(scores, class_scores(network, program, values, read_seed=1))
    alike = class_scores(network, program, np.full((BLOCK + 2, 2, 8), 0.5))
    assert len(np.unique(alike[:, 0])) > BLOCK / 2
    assert not np.array_equal(alike[BLOCK:], alike[:2])  # a block has other places than the one before
    average = with_average_light(network)
    with pytest.raises(SimulationError, match="no light carries its rates"):
        simulate(average, program, x, read_seed=0)


def test_every_hypothesis_has_spikes_of_its_own():
    draws = LightDraws(seed=1, first=4, rows=6, hypotheses=3)
    uniform = draws.uniform(0, 2, 5, 7)
    assert uniform.shape == (3, 6, 7)
    assert len(np.unique(uniform)) == uniform.size
    assert 0 <= uniform.min() < uniform.max() < 1
    np.testing.assert_array_equal(uniform[0], dataclasses.replace(draws, hypotheses=None).uniform(0, 2, 5, 7))
    np.testing.assert_array_equal(uniform[:, 1:], dataclasses.replace(draws, first=5, rows=5).uniform(0, 2, 5, 7))
    for other in ({"seed": 2}, {"stream": 1}, {"place": 3}, {"frame": 6}):
        call = {"seed": 1, "stream": 0, "place": 2, "frame": 5, **other}
        found = dataclasses.replace(draws, seed=call["seed"]).uniform(call["stream"], call["place"], call["frame"], 7)
        assert not np.isin(found, uniform).any()


def test_labels_are_told_apart_by_spikes_alone_where_no_label_arrives():
    network = lit_network(*LABEL)
    program = random_program(network)
    values = {**program.values, "label->first": 0 * program.values["label->first"]}
    program = Program.quantised(network, values)
    scores = class_scores(network, program, np.full((2, 2, 8), 0.5))
    dark = network.light.ports[1].reference
    assert dark == 0.4
    assert len(np.unique(scores[0])) == 10
    average = class_scores(with_average_light(network), program, np.full((2, 2, 8), 0.5))
    assert np.ptp(average, axis=1).max() < 1e-12


def test_average_light_is_the_chip_without_light():
    """To the bit, ideal and on fabricated chips: a signal of a rate is then the state itself."""
    network = lit_network(FEW_PHOTONS, AHEAD)
    program, x = random_program(network), np.random.default_rng(0).uniform(0, 0.5, (3, 3, 8))
    without = dataclasses.replace(network, light=None)
    average = with_average_light(network)
    assert average.draws_spikes is False
    for seed in (None, 4):
        for own in (program, program.as_ideal()):
            np.testing.assert_array_equal(
                simulate(average, own, x, chip_seed=seed).state, simulate(without, own, x, chip_seed=seed).state
            )
    with pytest.raises(SimulationError, match="no optical projection of rate neurons"):
        with_average_light(compiled(SMALL))


def test_the_spikes_of_input_ports_need_memory():
    """8 channels in every row and sample, twice while they are put together; peaks as measured."""
    network = lit_network(delays=False)
    more = state_bytes(network, 100, 5) - state_bytes(with_average_light(network), 100, 5)
    assert more == 8 * 100 * 5 * 8 * 2
    light = SpikingLight(network.light.ports, network.light.populations, [], [], LightDraws(0, 0, 100))
    tracemalloc.start()
    light.inputs([InputSignal([np.full((100, 2000, 8), 0.3)], range(2000))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak == pytest.approx(8 * 100 * 2000 * 8 * 3, rel=0.1)


def test_many_spikes_come_to_the_average():
    """From random spikes the error of a state falls as one over the root of their number."""
    network = lit_network(POISSON, REFERENCE, delays=False)
    program, x = random_program(network), np.random.default_rng(0).uniform(0, 0.5, (40, 2, 8))
    held = dataclasses.replace(network, light=_with_spikes(network.light, 1e12, poisson=False))
    exact = simulate(held, program, x).state
    found = {}
    for spikes in (100, 10_000):
        light = _with_spikes(network.light, spikes, poisson=True)
        state = simulate(dataclasses.replace(network, light=light), program, x).state
        found[spikes] = np.sqrt(np.mean((state - exact) ** 2))
    assert found[10_000] == pytest.approx(0.1 * found[100], rel=0.2)


def _with_spikes(light, spikes, *, poisson):
    def changed(emissions):
        return tuple(Emission(e.reference, spikes, int(10 * spikes), poisson) for e in emissions)

    return dataclasses.replace(light, ports=changed(light.ports), populations=changed(light.populations))


# --- kernel and gradients --------------------------------------------------------------------------------


def unrolled(network, dtype, *, fused, noisy, frames=3, batch=3):
    """States and gradients of a sum over them, by the frame-wise kernel or by the reference loop."""
    chip = TrainableChip(network, BpttRecipe(recurrent_gain=1.0), dtype=dtype)
    fabricated = dataclasses.replace(chip.nominal(False), light_seed=8)
    if noisy:
        fabricated = dataclasses.replace(fabricated, read_seed=3, read_noise_flux=0.01)
    x = torch.from_numpy(np.random.default_rng(0).uniform(0, 0.5, (batch, frames, 8))).to(dtype)
    labels = torch.tensor([[1, 2, 3], [4, 4, 9]])[:, :batch] if network.lines("label") else None
    inputs = chip.signals(x, labels)
    cells, light = chip.cells(fabricated), chip.light(fabricated, inputs, len(network.populations))
    noise = chip.noise(fabricated, inputs)
    rows = (1 if labels is None else 2, batch)
    rest = [torch.full((*rows, p.size), 0.01, dtype=dtype, requires_grad=True) for p in network.populations]
    assert lit_throughout(cells)
    if fused:
        states = unroll_lit(cells, inputs, rest, network.substeps, light, noise)
    else:
        record = unroll(cells, inputs, rest, substeps=network.substeps, noise=noise, light=light)[1:]
        states = [torch.stack(part, -2) for part in zip(*record, strict=True)]
    loss = sum((torch.linspace(-1, 2, s.numel(), dtype=dtype).view(s.shape) * s.square()).sum() for s in states)
    values = {key: w for key, w in chip.latent.items() if key != READOUT}
    gradients = torch.autograd.grad(loss, [*values.values(), *rest])
    return [s.detach() for s in states] + list(gradients)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)], ids=["float64", "float32"]
)
@pytest.mark.parametrize(
    ("changes", "delays", "noisy"),
    [([], False, False), ([*LABEL], True, True), ([*LABEL, FEW_PHOTONS, POISSON2], True, False)],
    ids=["plain", "delays, hypotheses, noise", "missed, random"],
)
def test_the_kernel_gives_the_states_and_gradients_of_the_loop(changes, delays, noisy, dtype, tolerance):
    network = lit_network(*changes, all_light=True, delays=delays)
    ours, plain = (unrolled(network, dtype, fused=fused, noisy=noisy) for fused in (True, False))
    for a, b in zip(ours, plain, strict=True):
        assert a.shape == b.shape
        assert b.abs().max() > 1e-6
        assert (a - b).abs().max() <= tolerance * b.abs().max()


def test_wires_between_populations_need_the_loop():
    chip = TrainableChip(lit_network(), BpttRecipe())
    assert not lit_throughout(chip.cells(chip.nominal(False)))


def test_the_gradient_of_a_count_is_that_of_its_mean():
    """Finite differences of the mean over many phases: 1 between dark and the dead time, 0 beyond."""
    light = SpikingLight([], [REGULAR], [], [], LightDraws(0, 0, 4000))
    at = torch.tensor([-0.2, 0.013, 0.2, 0.61, 0.97, 1.3], dtype=torch.float64, requires_grad=True)
    signal = light.emit(0, 0, at.expand(4000, -1))
    (slope,) = torch.autograd.grad(signal.sum() / 4000, at)
    step = 0.025  # one spike: the mean over phases is then exact
    with torch.no_grad():
        up, down = (light.emit(0, 0, (at + d).expand(4000, -1)).mean(0) for d in (step / 2, -step / 2))
    assert slope.tolist() == pytest.approx([0, 1, 1, 1, 1, 0], rel=1e-12)
    np.testing.assert_allclose(((up - down) / step)[[0, 2, 3, 5]], [0, 1, 1, 0], atol=0.05)
    assert set((signal[:, 2].detach() / 0.025).round(decimals=6).tolist()) == {8.0}


def test_the_gradient_of_a_chip_is_that_of_its_mean(monkeypatch):
    """With counts replaced by their means, what training calls the gradient is the one of finite differences."""
    network = lit_network(*LABEL, REFERENCE, all_light=True)
    chip = TrainableChip(network, BpttRecipe(recurrent_gain=1.0, slope_width=0.0), dtype=torch.float64)
    monkeypatch.setattr(Emission, "counts", lambda _, expected, uniform: expected + 0 * uniform)
    x = torch.from_numpy(np.random.default_rng(0).uniform(0.05, 0.45, (2, 3, 8)))

    def loss():
        states = chip.unroll(chip.nominal(False), chip.signals(x, torch.tensor([[1, 2], [3, 3]])))
        return sum((torch.linspace(-1, 2, s.numel(), dtype=s.dtype).view(s.shape) * s.square()).sum() for s in states)

    keys = [key for key in chip.latent if key not in (READOUT, "first.flux_trim")]
    gradients = torch.autograd.grad(loss(), [chip.latent[key] for key in keys])
    rng, h = np.random.default_rng(1), 1e-6
    for key, gradient in zip(keys, gradients, strict=True):
        direction = torch.from_numpy(rng.normal(size=gradient.shape))
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                chip.latent[key] += sign * h * direction
                ends.append(float(loss()))
                chip.latent[key] -= sign * h * direction
        slope = (ends[0] - ends[1]) / (2 * h)
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=2e-5), key


def test_eprop_sees_the_light_and_is_the_whole_gradient_where_no_neuron_drives_another():
    network = lit_network(*ONE, delays=False)
    chip = TrainableChip(network, EpropRecipe(recurrent_gain=1.0), dtype=torch.float64)
    x, y = torch.from_numpy(np.random.default_rng(0).uniform(0, 0.5, (4, 3, 8))), torch.tensor([1, 7, 3, 0])
    rules = Eprop(chip, EpropRecipe()), Bptt(chip, BpttRecipe())
    for recurrent in (True, False):
        if not recurrent:
            with torch.no_grad():
                chip.latent["first->first"].zero_()
        fabricated = dataclasses.replace(chip.nominal(False), light_seed=2)
        losses = [rule.loss(fabricated, x, y, np.random.default_rng(0)).total for rule in rules]
        assert float(losses[0].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-12)
    latent = [w for key, w in chip.latent.items() if key != "first->first"]
    for ours, theirs in zip(*(torch.autograd.grad(loss, latent) for loss in losses), strict=True):
        assert theirs.abs().max() > 1e-6
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)


def test_the_first_populations_run_without_the_light_of_the_others():
    """In the first sample the others have sent nothing, so that they are not missed."""
    network = lit_network(FEW_PHOTONS)
    chip = TrainableChip(network, BpttRecipe(), dtype=torch.float64)
    inputs = chip.signals(torch.full((3, 2, 8), 0.4, dtype=torch.float64))
    with torch.no_grad():
        whole, part = (chip.unroll(chip.nominal(False), inputs, local=True, populations=n) for n in (2, 1))
    assert len(part) == 1
    torch.testing.assert_close(part[0][..., 0, :], whole[0][..., 0, :], rtol=0, atol=1e-14)


def test_a_run_that_goes_on_has_other_spikes():
    network = lit_network(delays=False)
    chip = TrainableChip(network, BpttRecipe(), dtype=torch.float64)
    inputs = chip.signals(torch.full((3, 2, 8), 0.4, dtype=torch.float64))
    rest = [torch.zeros(1, 1, p.size, dtype=torch.float64) for p in network.populations]
    fabricated = chip.nominal(False)
    with torch.no_grad():
        first, later, other = (
            chip.unroll(dataclasses.replace(fabricated, light_seed=seed), inputs, initial=initial)[0]
            for seed, initial in ((4, None), (4, rest), (5, None))
        )
    assert torch.equal(later, other)
    assert not torch.equal(later, first)


# --- training --------------------------------------------------------------------------------------------


def test_training_with_light_is_the_same_for_any_threads_and_resumes(digits, tmp_path, train_in_two_parts):
    network = lit_network(all_light=True, delays=False)
    recipe = BpttRecipe(epochs=2, ideal_epochs=1, train_samples=32, batch_size=16)
    before = torch.get_num_threads()
    one = train(network, digits, recipe)
    try:
        torch.set_num_threads(2)
        two = train(network, digits, recipe, threads=2)
    finally:
        torch.set_num_threads(before)
    assert two.program.with_header({}) == one.program.with_header({})
    resumed = train_in_two_parts(network, digits, recipe, tmp_path / "cut", 2)
    assert resumed.program == one.program
    assert untimed(resumed.history) == untimed(one.history)


def test_every_batch_has_light_of_its_own(small):
    chip = TrainableChip(lit_network(delays=False), BpttRecipe())
    seeds = [chip.training_chip(True, batch).light_seed for batch in ((0, 0), (0, 1), (1, 0))]
    assert len(set(seeds)) == 3
    assert seeds[0] == chip.training_chip(False, (0, 0)).light_seed
    assert TrainableChip(small, BpttRecipe()).training_chip(True, (0, 0)).light_seed == 0


# --- netlist ---------------------------------------------------------------------------------------------


def test_no_program_loses_its_chip():
    """Dark counts and statistics are how a chip runs; the reference is what it is."""
    plain = parse_netlist(chip_text()).hash
    without = (", reference_state: 0.05", "")
    assert parse_netlist(chip_text(without)).hash[:12] == "4b7d7d636bc2"  # as before there were such keys
    assert plain != parse_netlist(chip_text(without)).hash
    for change in (POISSON, DARK_COUNTS):
        assert parse_netlist(chip_text(change)).hash == plain
    assert parse_netlist(chip_text(REFERENCE)).hash != plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("reference_state: 0.05", "reference_state: 0"), "reference_state"),
        (("reference_state: 0.05", "reference_state: 2000"), "reference_state"),
        (("0.9}", "0.9, dark_count_rate_hz: -1}"), "dark_count_rate_hz"),
        (("0.9}", "0.9, dark_count_rate_hz: 1.0e+10}"), "dark_count_rate_hz"),
        (("0.9}", "0.9, spike_statistics: random}"), "regular"),
    ],
)
def test_numbers_out_of_range_are_refused(change, message):
    with pytest.raises(NetlistError, match=message):
        parse_netlist(chip_text(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            (", reference_state: 0.05", ""),
            "netlist 'lit': populations.second: its source function is virtual, so that no largest state follows from "
            "it; give reference_state, the state (I_c) at which its emitters fire at their highest rate",
        ),
        (
            ("drive_high: 0.5", "drive_high: 0.0"),
            "input population 'pixels' drives light with at most 0.0 I_c; spikes can only carry what is above 0: set "
            "drive_high above 0",
        ),
    ],
)
def test_emitters_without_a_largest_signal_are_refused(change, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        compiled(chip_text(change))


def with_dead_time(folder, number):
    """Compile the chip in a technology with another dead time."""
    head = "schema: soensim-technology/1\nname: mine\nextends: nist-2023\n"
    (folder / "mine.yaml").write_text(f"{head}quantities:\n  detector_dead_time_ns: {{{number}}}\n")
    (folder / "chip.yaml").write_text(chip_text(("technology: nist-2023", "technology: mine.yaml")))
    return compile_network(route(load_netlist(folder / "chip.yaml")))


def test_a_technology_without_a_dead_time_is_refused(tmp_path):
    with pytest.raises(TechnologyError, match="detector_dead_time_ns"):
        with_dead_time(tmp_path, "value: null, unit: ns, range: null, range_reason: unknown, source: 'not found: rare'")


def test_the_slowest_part_sets_the_rate(tmp_path):
    """nist-2023: 20 MHz emitters, 10 MHz synapses, 50 ns dead; a detector dead for 250 ns makes 4 MHz of it."""
    assert compiled(chip_text()).light.ports[0].spikes == pytest.approx(7.0)
    network = with_dead_time(tmp_path, "value: 250, unit: ns, range: [250, 250], range_reason: test, source: test")
    emission = network.light.ports[0]
    assert (emission.spikes, emission.most) == (pytest.approx(2.8), 2)
    assert emission.counts(emission.expected(np.full(100, 0.5)), GRID[::200]).max() == 2


# --- commands --------------------------------------------------------------------------------------------


@pytest.fixture
def lit_folder(tmp_path, monkeypatch):
    """Make a folder with the chip, its program and an electrical chip, and work there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lit.yaml").write_text(chip_text(DARK_COUNTS))
    (tmp_path / "small.yaml").write_text(SMALL)
    spiking = (ROOT / "netlists" / "point-neurons-10.yaml").read_text()
    (tmp_path / "spiking.yaml").write_text(spiking)
    np.save("x.npy", np.full((2, 2, 8), 0.3))
    random_program(compiled(chip_text(DARK_COUNTS))).save("lit.safetensors")
    return tmp_path


def test_evaluate_scores_the_spikes_or_their_average(lit_folder, capsys, digits):
    network = compiled(chip_text(DARK_COUNTS))
    data = {"name": "digits-rows", "data_seed": 0, "fingerprint": digits.fingerprint}
    program = random_program(network).with_header({"data": data})
    program.save("lit.safetensors")
    found = {}
    for name, flags in {"0": [], "7": ["--read-seed", "7"], "average": ["--light", "average"]}.items():
        arguments = ["lit.yaml", "--trials", "1", "--refine", "1", "--json", f"{name}.json", "--html", "none", *flags]
        assert cli.run(evaluate_main, arguments) == cli.DONE
        found[name] = json.loads((lit_folder / f"{name}.json").read_text())
        table = capsys.readouterr().out
        expected = "taken for its average, without spikes" if name == "average" else (
            rf"light +up to 7 spikes per input sample, regular, 0\.28 dark counts \(read_seed {name}\)"
        )  # fmt: skip
        assert re.search(expected, table)
    assert found["7"]["light"] == {
        "model": "spikes",
        "spikes_per_sample": pytest.approx(7.0),
        "statistics": "regular",
        "dark_counts_per_sample": pytest.approx(0.28),
    }
    assert [found[name]["seeds"]["read_seed"] for name in ("0", "7", "average")] == [0, 7, None]
    assert found["0"]["confusion"] != found["7"]["confusion"]
    assert found["average"]["light"]["model"] == "average"
    electrical = dataclasses.replace(network, light=None)
    for kind, own in (("ideal", program.as_ideal()), ("quantised", program)):
        answers = class_scores(electrical, own, digits.test.inputs).argmax(1)
        assert found["average"]["accuracy"][kind] == (answers == digits.test.labels).mean()
    answers = class_scores(network, program, digits.test.inputs, read_seed=7).argmax(1)
    assert found["7"]["accuracy"]["quantised"] == (answers == digits.test.labels).mean()


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (simulate_main, ["small.yaml", *SIMULATE, "--light", "average"], "no optical projection of rate neurons"),
        (evaluate_main, ["small.yaml", "--light", "average"], "no optical projection of rate neurons"),
        (simulate_main, ["spiking.yaml", *SIMULATE, "--light", "average"], "is for chips of rate neurons"),
        (evaluate_main, ["spiking.yaml", "--light", "average"], "has spiking neurons"),
        (evaluate_main, ["lit.yaml", "--light", "none"], "--light"),
        (evaluate_main, ["lit.yaml", "--read-seed", "-1"], "--read-seed"),
        (simulate_main, ["lit.yaml", *SIMULATE, "--light", "average", "--read-seed", "1"], "states no read noise"),
    ],
)  # fmt: skip
def test_what_does_not_apply_is_refused_in_a_sentence(lit_folder, capsys, main, arguments, message):
    assert cli.run(main, arguments) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("soensim: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert lit_folder.exists()


def test_simulate_draws_spikes_of_its_read_seed(lit_folder, capsys):
    states = {}
    for name, flags in {"none": [], "0": ["--read-seed", "0"], "3": ["--read-seed", "3"]}.items():
        assert cli.run(simulate_main, ["lit.yaml", "--inputs", "x.npy", "--out", f"{name}.npz", *flags]) == cli.DONE
        with np.load(lit_folder / f"{name}.npz") as trace:
            states[name] = trace["state"]
    np.testing.assert_array_equal(states["none"], states["0"])
    assert np.abs(states["3"] - states["0"]).max() > 1e-3
    for flags, model in (([], "spikes"), (["--light", "average"], "average")):
        assert cli.run(simulate_main, ["lit.yaml", *SIMULATE, "--json", "answer.json", *flags]) == cli.DONE
        assert json.loads((lit_folder / "answer.json").read_text())["light"] == model
        assert ("light taken for its average" in capsys.readouterr().out) == (model == "average")
