"""`spiking-rate` with the chip in the loop: measured spikes correct the model, and give a linear readout."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from spiking_chips import SPIKING, changed
from test_spiking_program import dataset
from test_spiking_rate_rule import tensors, trained_values
from test_spiking_readout import FLUX, LINEAR, LINEAR_FLUX, read_by

from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip, read_measured
from soensim.netlist import parse_netlist
from soensim.network import compile_network
from soensim.program import READOUT, Program, Slot, slots
from soensim.routing import route
from soensim.simulation import class_scores
from soensim.simulation.spiking.classify import count_encoded, count_samples
from soensim.training import make_recipe, train
from soensim.training.rate_table import RateTable
from soensim.training.readout_refit import PENALTIES, _cost, at_levels, fitted_readouts
from soensim.training.rules import Measured, MeasuringRule, spiking_rate
from soensim.training.source_correction import corrected_rates, fit_correction, no_correction
from soensim.training.trainable_spiking import TrainableSpikingChip

FAST = "beta_di: 628.3185", "soma: {threshold: 0.3, absolute_refractory_ns: 50"


def fast_chip():
    """Somas that climb in a quarter of a nanosecond and are held for 50: the model is far off."""
    text = SPIKING.replace("beta_di: 62831.853", FAST[0])
    text = text.replace("soma: {threshold: 0.3, absolute_refractory_ns: 20", FAST[1])
    return text.replace("sample_ns: 400, substeps: 200", "sample_ns: 400, substeps: 3200")


# --- corrections of a source function -----------------------------------------------------------------------

GRID = np.arange(256) / 256
TABLE = RateTable(0.01 * np.exp(-(((GRID - 0.5) / 0.12) ** 2))[None], torch.float64)


def test_without_a_correction_rates_are_as_they_are():
    mean = torch.linspace(0, 1, 8, dtype=torch.float64)[:, None].expand(8, 3)
    spread = torch.full((8, 3), 0.05, dtype=torch.float64)
    assert torch.equal(corrected_rates(TABLE, no_correction(3, torch.float64), mean, spread), TABLE(mean, spread))


def test_a_correction_is_found_again():
    """Spikes of known gains, shifts and factors, to whole ones; of the last neuron the samples tell nothing."""
    rng = np.random.default_rng(1)
    mean = torch.tensor(rng.uniform(0.1, 0.9, (120, 2, 4)))
    spread = torch.tensor(rng.uniform(0.04, 0.12, (120, 2, 4)))
    mean[:, :, 3], spread[:, :, 3] = 0.0, 0.04
    known = np.array([[1.0, 0.6, 1.8, 1.0], [0.0, 0.08, -0.05, 0.0], [1.0, 1.6, 0.7, 1.0]])
    fired = corrected_rates(TABLE, torch.tensor(known), mean, spread).sum(1).numpy() * 5000
    spikes = np.floor(fired + 0.5).astype(np.int64)
    assert spikes[:, :3].max() > 40
    assert not spikes[:, 3].any()
    found = fit_correction(TABLE, mean, spread, spikes, frame_ns=5000)
    assert found == pytest.approx(known, abs=0.02)
    with torch.no_grad():  # a training measures between its epochs, without gradients
        assert np.array_equal(fit_correction(TABLE, mean, spread, spikes, frame_ns=5000), found)


def test_a_correction_has_limits():
    rng = np.random.default_rng(2)
    mean, spread = torch.tensor(rng.uniform(0.3, 0.7, (50, 1, 2))), torch.full((50, 1, 2), 0.05, dtype=torch.float64)
    spikes = np.zeros((50, 2), dtype=np.int64)
    spikes[:, 1] = 10_000
    gain, shift, factor = fit_correction(TABLE, mean, spread, spikes, frame_ns=1000)
    assert 0.1 <= gain[0] < 0.3
    assert gain[1] == 4
    assert (abs(shift) <= 0.25).all()
    assert ((factor >= 0.25) & (factor <= 4)).all()


# --- rounds -------------------------------------------------------------------------------------------------


def test_rounds_are_evenly_spread_over_all_epochs():
    def epochs(rounds, **settings):
        return make_recipe("spiking-rate", {"closed_loop_rounds": rounds, **settings}).correction_epochs

    assert epochs(0, epochs=5) == frozenset()
    assert epochs(2, ideal_epochs=20, epochs=40) == {20, 40}
    assert epochs(3, epochs=5) == {1, 2, 3}


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"closed_loop_rounds": 5, "epochs": 5}, "closed_loop_rounds is 5, of 5 epochs; .* at most 4"),
        ({"closed_loop_samples": 8}, "closed_loop_samples has no meaning without closed_loop_rounds"),
    ],
)
def test_rounds_that_mean_nothing_are_refused(settings, match):
    with pytest.raises(RecipeError, match=match):
        make_recipe("spiking-rate", settings)


def test_measured_spikes_bring_the_model_to_the_chip():
    network = read_by("readout: {kind: spike-count, population: output}", fast_chip())
    recipe = make_recipe("spiking-rate", {"closed_loop_rounds": 2, "closed_loop_samples": 60, "epochs": 6})
    trainable = TrainableSpikingChip(network, recipe)
    rule = recipe.make_rule(trainable)
    assert isinstance(rule, MeasuringRule)
    with torch.no_grad():
        for key, value in tensors(trained_values(network, 3)).items():
            trainable.latent[key].copy_(value)
    rows = np.random.default_rng(5).random((120, 1, 4))
    x = trainable.encode(rows)
    nominal = trainable.nominal(True)
    spikes = count_samples(network, FabricatedChip.nominal(network, trainable.arrays(nominal.values)), rows).spikes

    def wrong():
        with torch.no_grad():
            fired = torch.cat(trainable.expected(nominal, x).rates, -1)[:, 0].numpy() * 400
        return np.abs(fired - spikes).mean(0)

    before = wrong()
    rule.measure(1, Measured(x[:80], np.zeros(80, dtype=np.int64)))
    assert np.array_equal(wrong(), before)  # not between parts
    rule.measure(2, Measured(x[:80], np.zeros(80, dtype=np.int64)))
    assert before.mean() > 0.8
    assert wrong().mean() < 0.6 * before.mean()
    shapes = {name: tuple(tensor.shape) for name, tensor in rule.extra.items()}
    assert shapes == {"correction/hidden": (3, 3), "correction/output": (3, 2)}


class InterruptedTrainingError(Exception):
    pass


def test_a_training_in_the_loop_goes_on_as_if_never_interrupted(tmp_path):
    network = changed("substeps: 200", "substeps: 100")
    settings = {"closed_loop_rounds": 2, "closed_loop_samples": 16, "ideal_epochs": 2, "epochs": 4, "batch_size": 8}
    recipe, data = make_recipe("spiking-rate", settings), dataset()
    whole = train(network, data, recipe)
    usual = make_recipe("spiking-rate", {**settings, "closed_loop_rounds": 0, "closed_loop_samples": 256})
    assert train(network, data, usual).program != whole.program

    def stop(row, _values, _answers):
        if row["epoch"] == 3:
            raise InterruptedTrainingError

    with pytest.raises(InterruptedTrainingError):
        train(network, data, recipe, run_dir=tmp_path / "run", watch=stop)
    again = train(network, data, recipe, run_dir=tmp_path / "run", resume=True)
    assert again.program == whole.program


# --- readouts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readout", [FLUX, LINEAR, LINEAR_FLUX])
def test_other_readouts_are_trained(readout):
    network, data = read_by(readout), dataset(48)
    recipe = make_recipe("spiking-rate", {"epochs": 25, "batch_size": 8, "learning_rate": 0.02, "train_seed": 1})
    found = train(network, data, recipe)
    assert found.history[-1]["validation_accuracy"] > 0.85
    answers = class_scores(network, found.program, data.test.inputs).argmax(1)
    assert (answers == data.test.labels).mean() > 0.85


@pytest.mark.parametrize("readout", [FLUX, LINEAR, LINEAR_FLUX])
def test_what_is_expected_of_a_readout_is_what_the_engine_reads(readout):
    network = read_by(readout, SPIKING.replace("sample_ns: 400, substeps: 200", "sample_ns: 2000, substeps: 1000"))
    recipe = make_recipe("spiking-rate", {"flux_spread_floor": 0.01})
    trainable = TrainableSpikingChip(network, recipe)
    values = trained_values(network)
    rows = np.random.default_rng(0).random((60, 1, 4))
    with torch.no_grad():
        expected = recipe.make_rule(trainable).scores(
            trainable.fabricated(tensors(values), None), trainable.encode(rows)
        )
    scores = class_scores(network, Program.ideal(network, values), rows)
    assert np.abs(expected.numpy() - scores).mean() < 0.15 * np.abs(scores).mean()
    assert np.corrcoef(expected.numpy().ravel(), scores.ravel())[0, 1] > 0.97


def test_slow_readout_dendrites_are_trained_though_they_never_fire():
    start, _, end = SPIKING.partition("  output:")
    silent = f"{start}  output:{end.replace('threshold: 0.3', 'threshold: 20', 1)}"
    network = read_by(FLUX, silent)
    trainable = TrainableSpikingChip(network, make_recipe("spiking-rate", {}))
    assert trainable.firing == [0]
    expected = trainable.expected(trainable.nominal(False), trainable.encode(dataset().test.inputs))
    assert not expected.rates[1].any()
    assert expected.rates[0].any()
    with pytest.raises(RecipeError, match="somas of 'output' do not reach their threshold"):
        TrainableSpikingChip(read_by(LINEAR.replace("hidden", "output"), silent), make_recipe("spiking-rate", {}))


@pytest.mark.parametrize(
    ("readout", "settings", "match"),
    [
        (FLUX, {"count_gain": 0.6}, "count_gain has no meaning for chip 'small-spiking', which reads fluxes"),
        (LINEAR_FLUX, {"count_gain": 0.6}, "count_gain has no meaning .* reads fluxes"),
        (LINEAR, {"flux_gain": 21.0}, "flux_gain has no meaning .* reads spikes"),
        (FLUX, {"refit_samples": 9}, "refit_samples is 9; chip 'small-spiking' has no linear readout to fit"),
    ],
)
def test_settings_of_another_readout_are_refused(readout, settings, match):
    recipe = make_recipe("spiking-rate", settings)
    with pytest.raises(RecipeError, match=match):
        recipe.make_rule(TrainableSpikingChip(read_by(readout), recipe))


@pytest.mark.parametrize(("readout", "gain"), [(LINEAR, {"count_gain": 0.7}), (LINEAR_FLUX, {"flux_gain": 30.0})])
def test_the_gain_of_a_linear_readout_is_learned(readout, gain):
    recipe = make_recipe("spiking-rate", gain)
    trainable = TrainableSpikingChip(read_by(readout), recipe)
    rule = recipe.make_rule(trainable)
    (value,) = gain.values()
    assert float(rule.extra["log_readout_gain"].detach().exp()) == pytest.approx(value)
    x, y = trainable.encode(np.random.default_rng(0).random((6, 1, 4))), torch.tensor([0, 1] * 3)
    loss = rule.loss(trainable.nominal(False), x, y, np.random.default_rng(0)).total
    scores = rule.scores(trainable.nominal(False), x)
    expected = torch.nn.functional.cross_entropy(value * scores, y)
    assert torch.allclose(loss, expected)
    loss.backward()
    assert rule.extra["log_readout_gain"].grad != 0


# --- the refit ----------------------------------------------------------------------------------------------


def test_the_cost_of_a_readout_has_its_gradient():
    rng = np.random.default_rng(0)
    read, right = rng.random((7, 4)), np.eye(3)[rng.integers(3, size=7)]
    weights = rng.standard_normal(12)
    logits = read @ weights.reshape(3, 4).T
    entropy = float(torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(right)))
    cost, slope = _cost(weights, read, right, 0.3)
    assert cost == pytest.approx(entropy + 0.15 * (weights**2).sum())
    for k in range(12):
        step = np.zeros(12)
        step[k] = 1e-6
        difference = _cost(weights + step, read, right, 0.3)[0] - _cost(weights - step, read, right, 0.3)[0]
        assert slope[k] == pytest.approx(difference / 2e-6, abs=1e-6)


def test_readouts_are_fitted_whatever_the_unit():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=90)
    read = np.eye(3)[labels] @ rng.random((3, 5)) + 0.1 * rng.standard_normal((90, 5))
    fitted = list(fitted_readouts(read, labels, 3))
    assert len(fitted) == len(PENALTIES)
    sizes = [float((weights**2).sum()) for weights in fitted]
    assert sizes == sorted(sizes)  # the smaller the penalty, the larger the weights
    assert ((read @ fitted[-1].T).argmax(1) == labels).mean() > 0.95
    for one, other in zip(fitted, fitted_readouts(1000 * read, labels, 3), strict=True):
        assert np.allclose(one, other, atol=1e-3)
    assert not next(fitted_readouts(np.zeros((4, 2)), np.array([0, 1, 0, 1]), 2)).any()


def test_a_readout_is_scaled_to_the_levels():
    slot = Slot((1, 3), np.array([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]), np.ones((1, 3)))
    assert np.allclose(at_levels(np.array([[0.2, -0.4, 0.6]]), slot), [[1, -2, 3]])
    assert np.array_equal(at_levels(np.zeros((1, 3)), slot), np.zeros((1, 3)))


def trained(settings, network=None):
    network = network or read_by(LINEAR)
    return train(network, dataset(48), make_recipe("spiking-rate", {"epochs": 1, "batch_size": 48, **settings}))


def test_a_readout_is_fitted_to_what_is_counted():
    network, data = read_by(LINEAR), dataset(48)
    usual, found = trained({}).program, trained({"refit_samples": 48}).program
    found.check_chip(network)
    results = found.header["results"]
    assert results["refitted_readout"] > results["trained_readout"]
    assert "trained_readout" not in usual.header["results"]
    for key in slots(network):
        assert np.array_equal(found.codes[key], usual.codes[key]) == (key != READOUT)

    def right(program, seed):
        scores = class_scores(network, program, data.validation.inputs, read_seed=seed)
        return np.mean([scores.argmax(1) == data.validation.labels])

    assert np.mean([right(found, seed) for seed in range(3)]) > np.mean([right(usual, seed) for seed in range(3)])
    assert trained({"refit_samples": 48}).program == found
    slot = slots(network)[READOUT]
    assert np.array_equal(slot.codes(found.ideal_values[READOUT]), found.codes[READOUT])


def test_a_trained_readout_stays_where_no_other_is_better():
    network = read_by(LINEAR)
    recipe = make_recipe("spiking-rate", {"refit_samples": 12})
    trainable = TrainableSpikingChip(network, recipe)
    rule = recipe.make_rule(trainable)
    program = Program.quantised(network, trained_values(network)).with_header({"results": {"epoch": 1}})
    x = trainable.encode(dataset().train.inputs)
    same = Measured(x, np.zeros(len(x), dtype=np.int64))
    # samples of one class alone, which any W with a larger first row answers
    better = program.values[READOUT].copy()
    better[0], better[1] = 1.0, -1.0
    first = Program.quantised(network, {**program.values, READOUT: better}).with_header({"results": {"epoch": 1}})
    found = rule.refit(first, same, same)
    assert np.array_equal(found.codes[READOUT], first.codes[READOUT])
    assert found.header["results"] == {"epoch": 1, "trained_readout": 1.0, "refitted_readout": 1.0}
    worse = replace(first, codes={**first.codes, READOUT: first.codes[READOUT][::-1].copy()})
    assert rule.refit(worse, same, same).header["results"]["refitted_readout"] == 1.0


def test_a_full_scale_that_is_programmable_is_used_whole():
    network = read_by(LINEAR.replace("range: 1.0", "range: 1.0, full_scale: programmable"))
    found = trained({"refit_samples": 48}, network).program
    found.check_chip(network)
    assert found.levels[READOUT][-1] == slots(network)[READOUT].levels[-1]


def test_it_is_the_measured_chip_that_runs(tmp_path, monkeypatch):
    """In the loop and in the refit: the flux offset of a neuron, and codes that are float64 for the engine."""
    netlist = parse_netlist(SPIKING.replace("readout: {kind: spike-count, population: output}", LINEAR))
    network = compile_network(route(netlist))
    (path := tmp_path / "chip.csv").write_text(
        "kind,where,neuron,source,quantity,value,unit,asked\nneuron,hidden,1,,flux_offset,0.42,Phi_0,0.3\n"
    )
    measured = read_measured(path, network, netlist.device_technology.junction)
    run = []

    def counted(network, chip, drive, *, read_seed):
        run.append((chip.flux_offset[0].tolist(), chip.values["lines->hidden"].dtype, len(drive), read_seed))
        return count_encoded(network, chip, drive, read_seed=read_seed)

    monkeypatch.setattr(spiking_rate, "count_encoded", counted)
    settings = {"closed_loop_rounds": 1, "closed_loop_samples": 5, "epochs": 2, "refit_samples": 7, "batch_size": 24}
    train(network, dataset(), make_recipe("spiking-rate", settings), measured=measured)
    assert [(offset, dtype, size) for offset, dtype, size, _ in run] == [
        ([0.3, 0.42, 0.3], np.dtype(np.float64), size) for size in (5, 7, 7)
    ]
    assert len({read_seed for *_, read_seed in run}) == 3
