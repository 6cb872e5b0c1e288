"""`arbor`: the step of the local rule, what it refuses, and the nine pixels that it learns."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import ROOT
from spiking_chips import ARBOR, chip

from soensim.data import load_dataset
from soensim.errors import DataError, RecipeError
from soensim.fabrication import FabricatedChip
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import compile_network
from soensim.program import slots
from soensim.routing import route
from soensim.simulation.spiking import Recording, simulate_spikes
from soensim.simulation.spiking.batch import read_seed_of
from soensim.simulation.spiking.encode import encode_spikes
from soensim.simulation.spiking.mean_states import measure_states
from soensim.simulation.spiking.realise import realise
from soensim.training import make_recipe, train

DRIVE = np.array([[[12.0, 3.0]], [[1.0, 15.0]]])


def arbor(old="", new=""):
    assert old in ARBOR
    return compile_network(route(parse_netlist(ARBOR.replace(old, new) if old else ARBOR)))


def drawn(network):
    values = {key: np.full(slot.shape, slot.levels[-1]) for key, slot in slots(network).items() if "->" in key}
    trims = {key: np.zeros(slot.shape) for key, slot in slots(network).items() if "->" not in key}
    return FabricatedChip.nominal(network, values | trims)


def rule_on(network, **settings):
    recipe = make_recipe("arbor", settings)
    trainable = recipe.make_chip(network, None)
    return recipe.make_rule(trainable), trainable


# --- what is measured on the chip ---------------------------------------------------------------------------


def test_states_are_the_means_of_the_trace():
    network = arbor()
    chip_, spiking = drawn(network), network.spiking
    found = measure_states(network, chip_, DRIVE, read_seed=4)
    batch = encode_spikes(network, DRIVE, read_seed=4)
    assert set(found.states) == {"cells", "cells.plus", "cells.minus"}
    for k in range(2):
        trace = simulate_spikes(
            realise(network, chip_),
            batch.trains(k, 2),
            duration_ns=400,
            read_seed=read_seed_of(4, k),
            record=Recording(dendrites=range(6), every=10),
        )
        assert np.array_equal(found.spikes[k], np.bincount(trace.spike_neuron, minlength=2))
        for name, place in (("cells", "soma"), ("cells.plus", "plus"), ("cells.minus", "minus")):
            assert np.allclose(found.states[name][k], trace.state.mean(0)[spiking.dendrites("cells", place)])
    assert found.states["cells.plus"].max() > 0.01


# --- the step -----------------------------------------------------------------------------------------------


def test_signs_are_those_of_the_paths():
    _, trainable = rule_on(arbor())
    assert trainable.signs == {"cells.plus": 1.0, "cells.minus": -1.0}
    nested = "{name: minus, coupling: -0.6, branches: [{name: deep, coupling: -0.2}]}"
    _, trainable = rule_on(arbor("{name: minus, coupling: -0.6}", nested))
    assert trainable.signs == {"cells.plus": 1.0, "cells.minus": -1.0, "cells.deep": 1.0}


def test_efficacies_start_at_their_highest_level_and_trims_at_zero():
    _, trainable = rule_on(arbor())
    for key, latent in trainable.latent.items():
        highest = 0.0 if "trim" in key else trainable.slots[key].levels[-1]
        assert torch.equal(latent, torch.full_like(latent, float(highest)))


def test_the_gradient_is_the_local_step():
    network = arbor()
    rule, trainable = rule_on(network, target_spikes=4.0, other_spikes=1.0)
    y = torch.tensor([1, 0])
    loss = rule.loss(trainable.nominal(True), torch.tensor(DRIVE), y, np.random.default_rng(2))
    loss.total.backward()
    found = measure_states(network, drawn(network), DRIVE, read_seed=int(np.random.default_rng(2).integers(2**62)))
    error = np.array([[1.0, 4.0], [4.0, 1.0]]) - found.spikes
    assert float(loss.measures["squared_error"]) == pytest.approx((error**2).mean())
    for place, sign in (("plus", 1), ("minus", -1)):
        step = sign * (error * found.states[f"cells.{place}"]).mean(0)
        assert np.abs(step).max() > 1e-3
        assert np.allclose(-trainable.latent[f"cells.{place}.flux_trim"].grad.numpy(), step, rtol=1e-5)
    assert trainable.latent["cells.flux_trim"].grad is None
    assert trainable.latent["lines->cells.plus"].grad is None


def test_elastic_bounds_shrink_steps_outward():
    rule, trainable = rule_on(arbor(), bounds="elastic")
    key = "cells.plus.flux_trim"
    with torch.no_grad():
        trainable.latent[key].copy_(torch.tensor([0.125, -0.25]))
    assert torch.allclose(rule._bounded(key, np.array([1.0, 1.0])), torch.tensor([0.5, 1.0]))
    assert torch.allclose(rule._bounded(key, np.array([-1.0, -1.0])), torch.tensor([-1.0, 0.0]))
    hard, trainable = rule_on(arbor())
    assert torch.equal(hard._bounded(key, np.array([1.0, -1.0])), torch.tensor([1.0, -1.0]))


def test_scores_are_spikes():
    network = arbor()
    rule, trainable = rule_on(network)
    with torch.no_grad():
        scores = rule.scores(trainable.nominal(True), torch.tensor(DRIVE))
    assert np.array_equal(scores.numpy(), measure_states(network, drawn(network), DRIVE, read_seed=0).spikes)


# --- what is refused ----------------------------------------------------------------------------------------


def test_a_target_beyond_the_neuron_is_refused():
    network = arbor()
    rule, trainable = rule_on(network, target_spikes=50.0)
    most = trainable.most_spikes(1)
    assert 3 < most < 40
    with pytest.raises(
        RecipeError, match=f"target_spikes is 50; a neuron of chip 'two-places' fires at most {most:.1f}"
    ):
        rule.loss(trainable.nominal(True), torch.tensor(DRIVE), torch.tensor([0, 1]), np.random.default_rng(0))


def test_chips_without_trims_in_an_arbor_are_refused():
    with pytest.raises(RecipeError, match="no dendrite of the neurons that are read has a flux_trim"):
        rule_on(chip())
    with pytest.raises(RecipeError, match="no readout of kind spike-count"):
        rule_on(arbor("readout: {kind: spike-count, population: cells}", ""))


@pytest.mark.parametrize("name", ["input_gain", "recurrent_gain", "slope_width"])
def test_settings_without_meaning_are_refused(name):
    with pytest.raises(RecipeError, match=f"{name} has no meaning for rule 'arbor'"):
        make_recipe("arbor", {name: 0.5})


# --- nine pixels --------------------------------------------------------------------------------------------


def test_the_patterns_are_letters_and_their_neighbours():
    data = load_dataset("nine-pixel")
    patterns, labels = data.train.inputs[:, 0], data.train.labels
    assert len(np.unique(patterns, axis=0)) == 30
    for letter, text in enumerate(("110 010 011", "101 101 010", "010 101 101")):
        own = patterns[labels == letter]
        clean = np.array([int(pixel) for pixel in text.replace(" ", "")])
        assert sorted(np.abs(own - clean).sum(1)) == [0, *[1] * 9]
    assert data.test.indices.tolist() == list(range(30))
    with pytest.raises(DataError, match="leave validation_fraction out"):
        load_dataset("nine-pixel", validation_fraction=0.1)


def test_nine_pixels_are_learned_in_three_epochs():
    network = compile_network(route(load_netlist(ROOT / "netlists" / "nine-pixel.yaml")))
    recipe = make_recipe("arbor", {"epochs": 3})
    found = train(network, load_dataset("nine-pixel"), recipe)
    assert found.history[-1]["validation_accuracy"] == 1.0
    values = found.program.values
    assert np.ptp(values["letters.plus0.flux_trim"]) > 0
    assert (values["pixels->letters.plus0"] == 1).all()
    assert dataclasses.asdict(recipe)["optimiser"] == "sgd"
