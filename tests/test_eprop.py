"""`eprop`: traces against the gradient of the plain loop without paths between neurons; memory; learning."""

import weakref

import numpy as np
import pytest
import torch
from conftest import LABELS, SMALL, compiled, delayed
from torch.nn.functional import cross_entropy

from soensim.dynamics import step
from soensim.errors import RecipeError
from soensim.network import compile_network
from soensim.program import READOUT
from soensim.training import BpttRecipe, make_recipe, train
from soensim.training.recipes import EpropRecipe
from soensim.training.rules.bptt import Bptt
from soensim.training.rules.eprop import Eprop
from soensim.training.trainable_network import TrainableChip

TANH = SMALL.replace("squid-fit\n    bias_current: 1.9", "tanh")
TWO = SMALL.replace(
    "projections:\n",
    """  out: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 1.0e-3, gamma_minus: 5.0e-4}
projections:
  - {source: hidden, target: out, topology: {kind: random, density: 0.6, seed: 1}, efficacy: {bits: 4, range: 2.0}}
  - {source: out, target: hidden, topology: {kind: random, density: 0.6, seed: 2}, efficacy: {bits: 4, range: 0.3}}
""",
).replace("population: hidden\n  classes", "populations: [hidden, out]\n  classes")
LEARNER = (
    LABELS.replace("  label: {kind: input, size: 10, carries: label, drive_low: 0.0, drive_high: 0.25}\n", "")
    .replace("  - {source: label, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}\n", "")
    .replace("readout: {kind: goodness, population: hidden, state: all}", "readout:\n" + SMALL.split("readout:\n")[1])
)
CHIPS = {
    "squid": compiled(SMALL),
    "exponential": compiled(SMALL.replace("substeps: 2", "substeps: 2, integrator: exponential-euler")),
    "tanh, mean": compiled(TANH.replace("state: final", "state: mean")),
    "squid, mean": compiled(SMALL.replace("state: final", "state: mean")),
    "delays": compile_network(delayed(SMALL, 400)),
}


def prepared(network, recipe=None, seed=0):
    recipe = recipe or EpropRecipe(recurrent_gain=1.0)
    chip = TrainableChip(network, recipe, dtype=torch.float64)
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.uniform(0, 0.5, (5, 6, network.channels)))
    return chip, recipe.make_rule(chip), x, torch.tensor([1, 7, 3, 3, 0])


def reference_loss(chip, fabricated, x, y, gain):
    """Cross-entropy where every synapse sends a constant, and a neuron keeps the gradient of its own state."""
    network, cells, delayed = chip.network, chip.cells(fabricated), chip.delayed(fabricated)
    s = torch.zeros(len(x), network.neurons, dtype=torch.float64)
    (cell,) = cells
    past, record = [s], []
    for at in range(x.shape[1] * network.substeps):
        flux = cell.flux_offset
        for key, synapses in network.synapses.items():
            for lag, block in zip(
                delayed[key].lags, delayed[key].matrix(fabricated.values[key]).split(synapses.shape[1]), strict=True
            ):
                if synapses.source is None:
                    sample = (at - lag) // network.substeps
                    sent = x[:, sample] if sample >= 0 else torch.zeros_like(x[:, 0])
                else:
                    sent = past[max(len(past) - 1 - lag, 0)].detach()
                flux = flux + sent @ block
        s = step(s, flux, retention=cell.retention, gain=cell.gain, bias_current=cell.bias_current, source=cell.source)
        past.append(s)
        if (at + 1) % network.substeps == 0:
            record.append(s)
    read = record[-1] if network.output.state == "final" else torch.stack(record).mean(0)
    return cross_entropy(gain * (read @ fabricated.values[READOUT].T), y)


@pytest.mark.parametrize("network", CHIPS.values(), ids=CHIPS)
@pytest.mark.parametrize("spread", [False, True], ids=["nominal", "virtual chip"])
def test_the_gradient_is_that_of_the_loop_without_paths_between_neurons(network, spread):
    settings = {"efficacy_spread": 0.1, "gamma_minus_spread": 0.1, "flux_offset_spread": 0.02} if spread else {}
    chip, rule, x, y = prepared(network, EpropRecipe(**settings))
    fabricated = chip.training_chip(True, (0, 1))
    parameters = [*chip.latent.values(), *rule.extra.values()]
    loss = rule.loss(fabricated, x, y, np.random.default_rng(0)).total
    ours = torch.autograd.grad(loss, parameters, retain_graph=True)
    expected = reference_loss(chip, fabricated, x, y, rule.extra["log_readout_gain"].exp())
    theirs = torch.autograd.grad(expected, parameters)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)
    for name, a, b in zip([*chip.latent, *rule.extra], ours, theirs, strict=True):
        assert float(b.abs().max()) > 1e-6, name
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


def test_it_is_the_whole_gradient_where_no_neuron_drives_another():
    network = compiled(SMALL)
    chip, rule, x, y = prepared(network)
    with torch.no_grad():
        chip.latent["hidden->hidden"].zero_()
    bptt = Bptt(chip, BpttRecipe())
    names = [key for key in chip.latent if key != "hidden->hidden"]
    latent = [chip.latent[key] for key in names]
    ours = torch.autograd.grad(rule.loss(chip.nominal(False), x, y, np.random.default_rng(0)).total, latent)
    theirs = torch.autograd.grad(bptt.loss(chip.nominal(False), x, y, np.random.default_rng(0)).total, latent)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


def test_a_trim_has_a_slope_per_row_where_only_dark_inputs_drive_its_neuron():
    """The second population that carries data is dark: its signals, and the flux, have one row for the whole batch."""
    text = SMALL.replace("  hidden:\n", "  spare: {kind: input, size: 2, drive_low: 0.0, drive_high: 0.5}\n  hidden:\n")
    text = text.replace(
        "projections:\n",
        """  dark: {kind: dendrite, size: 3, source_function: squid-fit, bias_current: 1.9, flux_offset: 0.35,
    flux_trim: {bits: 6, range: 0.5}, gamma_plus: 1.0e-3, gamma_minus: 5.0e-4}
projections:
  - {source: spare, target: dark, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 0.3}}
""",
    ).replace("population: hidden\n  classes", "populations: [hidden, dark]\n  classes")
    chip, rule, x, y = prepared(compiled(text))
    gradients = []
    for one in (rule, Bptt(chip, BpttRecipe())):
        loss = one.loss(chip.nominal(False), x[:, :, :8], y, np.random.default_rng(0)).total
        gradients.append(torch.autograd.grad(loss, chip.latent["dark.flux_trim"])[0])
    assert float(gradients[0].abs().max()) > 1e-6
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("text", [TWO, TWO.replace("substeps: 2", "substeps: 2, update: feed-forward")])
def test_several_populations_have_the_states_of_the_plain_loop(text):
    network = compiled(text)
    chip, rule, x, y = prepared(network)
    ours = rule.loss(chip.nominal(True), x, y, np.random.default_rng(0))
    theirs = Bptt(chip, BpttRecipe()).loss(chip.nominal(True), x, y, np.random.default_rng(0))
    assert float(ours.total.detach()) == pytest.approx(float(theirs.total.detach()), rel=1e-12)
    ours.total.backward()
    assert all(float(latent.grad.abs().max()) > 0 for key, latent in chip.latent.items())


def test_read_noise_is_that_of_the_plain_loop():
    chip, rule, x, y = prepared(compiled(SMALL), EpropRecipe(read_noise_flux=0.02))
    fabricated = chip.training_chip(True, (0, 1))
    ours = rule.loss(fabricated, x, y, np.random.default_rng(0)).total
    theirs = Bptt(chip, BpttRecipe()).loss(fabricated, x, y, np.random.default_rng(0)).total
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-12)


def test_random_feedback_is_fixed_by_the_seed_and_reaches_unread_populations():
    unread = TWO.replace("populations: [hidden, out]", "population: out")
    with pytest.raises(RecipeError, match="the readout does not see population 'hidden'"):
        prepared(compiled(unread))
    chip, rule, x, y = prepared(compiled(unread), EpropRecipe(feedback="random"))
    rule.loss(chip.nominal(True), x, y, np.random.default_rng(0)).total.backward()
    assert float(chip.latent["pixels->hidden"].grad.abs().max()) > 0
    again = Eprop(chip, EpropRecipe(feedback="random"))
    other = Eprop(chip, EpropRecipe(feedback="random", train_seed=1))
    assert all(torch.equal(a, b) for a, b in zip(rule.feedback, again.feedback, strict=True))
    assert not torch.equal(rule.feedback[0], other.feedback[0])


def bytes_kept(rule, chip, steps):
    """Bytes that are kept for the backward pass when the forward pass is over."""
    kept = weakref.WeakSet()

    class Saved:
        def __init__(self, tensor):
            self.tensor = tensor
            kept.add(self)

    x = torch.full((4, steps, 8), 0.2, dtype=torch.float64)
    nominal = chip.nominal(True)
    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
        loss = rule.loss(nominal, x, torch.zeros(4, dtype=torch.int64), np.random.default_rng(0))
    found = sum(saved.tensor.numel() * saved.tensor.element_size() for saved in kept)
    del loss
    return found


def test_memory_does_not_grow_with_the_length_of_the_sequence(small):
    chip, rule, _, _ = prepared(small)
    bptt = Bptt(chip, BpttRecipe())
    assert 0 < bytes_kept(rule, chip, 5) == bytes_kept(rule, chip, 40)
    assert bytes_kept(bptt, chip, 40) > 3 * bytes_kept(bptt, chip, 5)


@pytest.mark.parametrize("feedback", ["symmetric", "random"])
def test_it_learns_digits(digits, feedback):
    network = compiled(LEARNER)
    recipe = EpropRecipe(epochs=5, batch_size=64, learning_rate=0.05, feedback=feedback)
    result = train(network, digits, recipe)
    assert result.history[-1]["loss"] < 0.8 * result.history[0]["loss"]
    assert result.history[-1]["validation_accuracy"] > (0.4 if feedback == "symmetric" else 0.25)
    assert result.program.header["recipe"]["rule"] == "eprop"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LABELS, "needs a linear readout"),
        (SMALL.replace("substeps: 2", "substeps: 2, integrator: heun"), "takes Heun's"),
        (SMALL.replace("bias_current: 1.9", "bias_current: 1.9\n    normalise: l2"), "through a normalisation"),
    ],
)
def test_chips_without_traces_are_refused(text, message):
    with pytest.raises(RecipeError, match=message):
        prepared(compiled(text))


def test_illegal_settings():
    with pytest.raises(RecipeError, match="it must be one of symmetric, random"):
        make_recipe("eprop", {"feedback": "none"})
    with pytest.raises(RecipeError, match=r"readout_gain is 0\.0; it must be above 0"):
        make_recipe("eprop", {"readout_gain": 0.0})
