"""Training on a device other than the CPU: nothing is left behind, and the numbers are the same."""

import numpy as np
import pretend_device
import pytest
import torch
from conftest import ROOT

from soensim.data import load_dataset
from soensim.errors import RecipeError
from soensim.netlist import load_netlist
from soensim.network import compile_network
from soensim.routing import route
from soensim.training import make_recipe, train

ROBUST = {
    "efficacy_spread": 0.05,
    "gamma_minus_spread": 0.02,
    "flux_offset_spread": 0.01,
    "read_noise_flux": 0.01,
    "drop_synapses": 0.01,
}
SHORT = {"ideal_epochs": 0, "train_samples": 16}  # a SQUID is hundreds of operations
CASES = {
    "bptt": ("optical-28", "digits-rows", {**ROBUST, "bias_current_spread": 0.01, "delay_spread": 0.1, **SHORT}),
    "eprop": ("year1-28", "digits-rows", SHORT),
    "ff-temporal": ("digits-labels-24", "digits-rows", {"negatives": "hard", "quantisation": "gradual"}),
    "ff-local": ("digits-local-60", "digits-image", {"shift_pixels": 1, **ROBUST}),
    "ff-recurrent": ("digits-recurrent-60", "digits-image", {"quantisation": "stochastic"}),
    "ff-inverted": ("digits-inverted-60", "digits-image", {}),
    "ff-unsupervised": ("digits-unsupervised-100", "digits-image", {}),
}


def network_of(chip):
    return compile_network(route(load_netlist(ROOT / "netlists" / f"{chip}.yaml")))


@pytest.mark.parametrize("rule", CASES)
def test_every_rule_trains_as_on_the_cpu(rule, tmp_path):
    """The pretended device refuses what a GPU refuses. The training is stopped after an epoch, and goes on."""
    chip, data, settings = CASES[rule]
    network, dataset = network_of(chip), load_dataset(data)
    few = {"train_samples": 32, "batch_size": 16, "ideal_epochs": 1, "epochs": 1}
    recipe = make_recipe(rule, {**few, **settings})
    there = tmp_path / "there"

    def stop(*_):
        raise KeyboardInterrupt

    with pretend_device.Sending():
        with pytest.raises(KeyboardInterrupt):
            train(network, dataset, recipe, run_dir=there, device="pretend", watch=stop)
        found = train(network, dataset, recipe, run_dir=there, device="pretend", resume=True)
    expected = train(network, dataset, recipe)
    for ours, theirs in zip(found.history, expected.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    for key, ideal in expected.program.ideal_values.items():
        np.testing.assert_allclose(found.program.ideal_values[key], ideal, rtol=0, atol=2e-3 * np.abs(ideal).max())


def test_the_pretended_device_refuses_what_a_gpu_refuses():
    there = torch.ones(3).to("pretend")
    with pytest.raises(RuntimeError, match="on the CPU"):
        there + torch.ones(3)
    with pytest.raises(RuntimeError, match="numpy"):
        there.numpy()


@pytest.mark.parametrize("name", ["graphics", "cuda:99", "meta"])
def test_a_device_that_is_not_there(name):
    recipe = make_recipe("bptt", {"epochs": 1})
    with pytest.raises(RecipeError, match=rf"device is '{name}', on which torch .* cannot compute here .*; give cpu"):
        train(network_of("year1-28"), load_dataset("digits-rows"), recipe, device=name)
