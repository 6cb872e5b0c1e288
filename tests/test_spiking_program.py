"""Spiking chips that are programmed: codes, fabricated chips, spike trains of data, scores, and their cost."""

import dataclasses

import numpy as np
import pytest
from conftest import ROOT, SMALL
from spiking_chips import ARBOR, SPIKING, changed, chip

from soensim.data import Dataset, Split
from soensim.errors import DataError, NetlistError, SimulationError
from soensim.evaluation import evaluate
from soensim.fabrication import FabricatedChip, fabricate_chip, with_asked
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import encode_data, refined
from soensim.program import Program, slots
from soensim.routing import route
from soensim.simulation import class_scores, measure_activity, simulate
from soensim.simulation.chip import chip_of
from soensim.simulation.spiking import count_spikes, simulate_spikes
from soensim.simulation.spiking.batch import read_seed_of
from soensim.simulation.spiking.classify import count_samples
from soensim.simulation.spiking.encode import encode_spikes, sample_ns
from soensim.simulation.spiking.realise import realise

LATENCY = "{kind: latency, window_ns: 300}"
RATE = "{kind: rate, rate_max_mhz: 15}"


def weights(network, seed=0):
    rng = np.random.default_rng(seed)
    return {key: rng.uniform(-0.25, 0.25, slot.shape) for key, slot in slots(network).items()}


def programmed(network, seed=0):
    return Program.quantised(network, weights(network, seed))


def values(samples, frames=1, seed=0):
    return np.random.default_rng(seed).random((samples, frames, 4))


def trains(network, rows, **options):
    """Spike times (ns) of every line in the first sample."""
    batch = encode_spikes(network, encode_data(network, rows), read_seed=3, **options)
    assert batch.samples == len(rows)
    return batch.trains(0, network.channels)


# --- what can be programmed ---------------------------------------------------------------------------------


def test_a_spiking_chip_has_codes_of_its_synapses_and_trims():
    found = slots(chip())
    assert {key: (slot.shape, len(slot.levels)) for key, slot in found.items()} == {
        "lines->hidden": ((12,), 15),
        "hidden->output": ((6,), 7),
        "hidden.flux_trim": ((3,), 63),
        "output.flux_trim": ((2,), 63),
    }


def test_branches_have_trims_and_the_refractory_dendrite_has_none():
    arbor = "size: 3\n    arbor: [{name: near, coupling: 0.5, branches: [{name: far, coupling: 0.4}]}]"
    network = chip(**{"size: 3": arbor, "refractory: {present: false}": "refractory: {present: true}"})
    assert [p.name for p in network.populations] == [
        "hidden", "hidden.refractory", "hidden.near", "hidden.far", "output", "output.refractory",
    ]  # fmt: skip
    trims = [key for key in slots(network) if key.endswith("flux_trim")]
    assert trims == ["hidden.flux_trim", "hidden.near.flux_trim", "hidden.far.flux_trim", "output.flux_trim"]


def test_realise_puts_every_value_where_its_device_is():
    network = changed("refractory: {present: false}", "refractory: {present: true}")
    spiking, program = network.spiking, programmed(network)
    drawn = FabricatedChip.nominal(network, program.values)
    made = dataclasses.replace(
        drawn,
        bias_current=tuple(b * (1 + 0.01 * np.arange(len(b))) for b in drawn.bias_current),
        gamma_minus=tuple(g * 2 for g in drawn.gamma_minus),
        photons={"hidden->output": np.arange(1, 7) / 10},
        delay_factor=3.0,
        edge_delay_factor={"lines->hidden": np.arange(1.0, 13)},
    )
    arrays = realise(network, made).arrays
    for population in ("hidden", "output"):
        somas = spiking.dendrites(population, "soma")
        trim = program.values[f"{population}.flux_trim"]
        assert np.array_equal(arrays.flux_offset[somas], 0.3 + trim)
        assert np.array_equal(
            arrays.bias_current[somas], spiking.arrays.bias_current[somas] * (1 + 0.01 * np.arange(len(somas)))
        )
    assert np.array_equal(arrays.gamma_minus, 2 * spiking.arrays.gamma_minus)
    assert np.array_equal(arrays.gamma_plus, spiking.arrays.gamma_plus)
    own = spiking.arrays.edge_photons
    for key, group in spiking.groups.items():
        assert np.array_equal(arrays.efficacy[group.synapses], program.values[key])
        edges = np.flatnonzero(
            (spiking.arrays.edge_synapse >= group.synapses.start) & (spiking.arrays.edge_synapse < group.synapses.stop)
        )
        factor = np.arange(1, 7) / 10 if key == "hidden->output" else np.ones(12)
        assert np.allclose(
            arrays.edge_photons[edges], own[edges] * factor[spiking.arrays.edge_synapse[edges] - group.synapses.start]
        )
    assert np.array_equal(realise(network, drawn).arrays.edge_photons, own)


def test_delays_follow_their_factors():
    text = SPIKING.replace(
        "topology: all-to-all, efficacy: {bits: 4", "delay_ps: 1000, topology: all-to-all, efficacy: {bits: 4"
    )
    from soensim.network import compile_network

    network = compile_network(route(parse_netlist(text)))
    made = dataclasses.replace(
        FabricatedChip.nominal(network, programmed(network).values),
        delay_factor=3.0,
        edge_delay_factor={"lines->hidden": np.arange(1.0, 13)},
    )
    arrays, group = realise(network, made).arrays, network.spiking.groups["lines->hidden"]
    delay = np.zeros(len(arrays.edge_synapse))
    delay[arrays.edge_synapse] = arrays.edge_delay_ns
    assert np.allclose(delay[group.synapses], 3.0 * np.arange(1.0, 13))


def test_a_refined_chip_takes_finer_steps():
    network = chip()
    drawn = FabricatedChip.nominal(network, programmed(network).values)
    assert realise(network, drawn).dt_ns == pytest.approx(2.0)
    assert realise(refined(network, 4), drawn).dt_ns == pytest.approx(0.5)


@pytest.mark.parametrize(
    "name", ["efficacy_spread", "bias_current_spread", "gamma_minus_spread", "flux_offset_spread", "dead_neurons"]
)
def test_imperfections_that_spiking_chips_can_show(name):
    assert with_asked(chip(), {name: 0.1}).spreads[name] == 0.1


@pytest.mark.parametrize(
    "name", ["read_noise_flux", "thermal_noise_k", "critical_current_spread", "stray_light_db", "input_dac_bits"]
)
def test_what_the_engine_lacks_is_refused(name):
    network = chip()
    size = {"stray_light_db": -20.0, "input_dac_bits": 4.0, "thermal_noise_k": 4.2}.get(name, 0.05)
    with pytest.raises(
        SimulationError, match=f"{name}=.* can touch nothing.*spiking neurons, whose engine does not have it"
    ):
        with_asked(network, {name: size})
    made = fabricate_chip(network, programmed(network).values, {name: size}, 1)
    with pytest.raises(
        SimulationError, match="among its imperfections, which the engine of spiking chips does not have"
    ):
        realise(network, made)


def test_rate_simulation_refuses_a_spiking_chip():
    network = chip()
    with pytest.raises(SimulationError, match="has spiking neurons, which have no states to step here"):
        simulate(network, programmed(network), np.zeros((1, 2, 4)))


# --- data as spikes -----------------------------------------------------------------------------------------


def test_regular_trains_have_the_rate_of_the_value():
    network = chip()
    rows = np.tile([0.0, 0.2, 0.5, 1.0], (300, 1))[:, None]
    batch = encode_spikes(network, encode_data(network, rows), read_seed=1)
    counts = np.zeros((300, 4))
    for k in range(300):
        for channel, times in enumerate(batch.trains(k, 4)):
            counts[k, channel] = len(times)
            assert np.allclose(np.diff(times), 1e3 / (15 * [1, 0.2, 0.5, 1.0][channel]))
            assert (times >= 0).all()
            assert (times <= 400).all()
    expected = np.array([0, 0.2, 0.5, 1.0]) * 15e-3 * 400
    assert (np.abs(counts - expected) <= 1).all()  # floor(r T + u)
    assert np.abs(counts.mean(0) - expected).max() < 0.1


def test_a_regular_train_goes_on_over_frames():
    network = chip()
    (train,) = trains(network, np.full((1, 5, 4), 0.4))[:1]
    assert np.allclose(np.diff(train), 1e3 / 6)
    changing = np.zeros((1, 3, 4))
    changing[0, 1, 0] = 1.0
    train = trains(network, changing)[0]
    assert ((train > 400) & (train < 800)).all()
    assert len(train) in (5, 6, 7)


def test_frames_are_held_as_long_as_the_netlist_says():
    network = chip(**{"substeps: 200": "substeps: 200, hold_samples: 3"})
    train = trains(network, np.full((1, 1, 4), 1.0))[0]
    assert train.max() > 1000
    assert len(train) in (17, 18, 19)


def test_poisson_trains():
    network = changed(RATE, "{kind: rate, rate_max_mhz: 15, statistics: poisson}")
    batch = encode_spikes(network, encode_data(network, np.full((500, 1, 4), 0.5)), read_seed=0)
    counts = np.array([[len(t) for t in batch.trains(k, 4)] for k in range(500)])
    assert counts.mean() == pytest.approx(3.0, abs=0.15)
    assert counts.var() == pytest.approx(3.0, abs=0.4)
    assert np.histogram(batch.times_ns, 4, (0, 400))[0].std() < 100


def test_latency_code():
    rows = np.array([[[1.0, 0.5, 0.0, 0.25], [0.0, 1.0, 0.0, 0.0]]])
    found = trains(changed(RATE, LATENCY), rows)
    assert [list(train) for train in found] == [pytest.approx(times) for times in ([0.0], [150.0, 400.0], [], [225.0])]


def test_spikes_depend_on_the_sample_and_the_seed_alone():
    network = chip()
    drive = encode_data(network, values(6))
    whole = encode_spikes(network, drive, read_seed=5)
    part = encode_spikes(network, drive[2:], read_seed=5, first_sample=2)
    assert np.array_equal(part.times_ns, whole.times_ns[whole.starts[2] :])
    assert not np.array_equal(encode_spikes(network, drive, read_seed=6).times_ns, whole.times_ns)


def test_a_chip_without_a_code_takes_no_data():
    network = changed(f", code: {RATE}", "")
    with pytest.raises(SimulationError, match="no spike-input population with a `code`"):
        encode_spikes(network, np.zeros((1, 1, 4)), read_seed=0)


def test_more_spikes_than_memory_are_refused():
    network = changed(RATE, "{kind: rate, rate_max_mhz: 1000000}")
    with pytest.raises(SimulationError, match=r"the input spikes of 1000000 samples .*lower rate_max_mhz"):
        encode_spikes(network, np.broadcast_to(1e6, (1_000_000, 1, 4)), read_seed=0)


def test_a_period_as_long_as_the_dead_time_loses_no_spike():
    """Rates come as float32: 20 MHz is then 20.0000009, whose period is shorter than the 50 ns of a dead detector."""
    network = changed(RATE, "{kind: rate, rate_max_mhz: 20}")
    rows = np.ones((1, 1, 4), dtype=np.float32)
    assert (np.diff(trains(network, rows)[0]) >= 50 * (1 - 1e-12)).all()


# --- scores -------------------------------------------------------------------------------------------------


def test_scores_are_the_spikes_of_the_output_neurons():
    network = chip()
    program, rows = programmed(network, 78), values(5)
    scores = class_scores(network, program, rows, read_seed=2)
    made = realise(network, FabricatedChip.nominal(network, program.values))
    batch = encode_spikes(network, encode_data(network, rows), read_seed=2)
    for k in range(5):
        trace = simulate_spikes(made, batch.trains(k, 4), duration_ns=sample_ns(network), read_seed=read_seed_of(2, k))
        assert np.array_equal(scores[k], np.bincount(trace.spike_neuron, minlength=5)[3:])
    assert scores.any()


def test_scores_do_not_depend_on_the_batch(monkeypatch):
    from soensim.simulation.spiking import classify

    network = chip()
    program, rows = programmed(network, 78), values(7)
    whole = class_scores(network, program, rows, chip_seed=3, read_seed=2)
    made = chip_of(network, program, 3, None)
    assert np.array_equal(class_scores(network, program, rows, chip=made, read_seed=2), whole)
    assert not np.array_equal(class_scores(network, program, rows, chip_seed=8, read_seed=2), whole)
    monkeypatch.setattr(classify, "_BLOCK", 3)
    assert np.array_equal(class_scores(network, program, rows, chip_seed=3, read_seed=2), whole)
    assert np.array_equal(class_scores(network, program, rows[:2], chip_seed=3, read_seed=2), whole[:2])


def test_values_out_of_range_are_refused():
    network = chip()
    with pytest.raises(DataError, match="0"):
        class_scores(network, programmed(network), np.full((1, 1, 4), 1.5))


def test_sent_and_fired_spikes_are_counted():
    network = chip()
    program, rows = programmed(network, 78), values(40)
    counted = count_samples(network, FabricatedChip.nominal(network, program.values), rows, read_seed=0)
    assert np.abs(counted.sent - rows[:, 0] * 6).max() <= 1
    activity = measure_activity(network, program, rows)
    assert np.allclose(activity.spikes["lines"], counted.sent.mean(0))
    assert np.allclose(activity.spikes["hidden"], counted.spikes[:, :3].mean(0))
    assert np.allclose(activity.spikes["output"], counted.spikes[:, 3:].mean(0))
    seen = {"lines": 1 - np.exp(-9.0), "hidden": 1 - np.exp(-10 * 0.906 * 0.9)}
    expected = 3 * seen["lines"] * counted.sent.mean(0).sum() + 2 * seen["hidden"] * counted.spikes[:, :3].mean(0).sum()
    assert activity.detections == pytest.approx(expected)
    n = counted.spikes.astype(float)
    assert activity.sparsity == pytest.approx(1 - np.mean(n.mean(1) ** 2 / (n**2).mean(1).clip(1e-9)))
    assert activity.frames == 1


def dataset(samples=24):
    rows = values(samples)
    labels = (rows[:, 0, 0] > 0.5).astype(np.int64)
    split = Split(rows, lambda taken: taken, labels, np.arange(samples))
    return Dataset(name="two", data_seed=0, classes=2, steps=1, channels=4, train=split, validation=split, test=split)


def test_evaluate_scores_fabricated_spiking_chips():
    routed = route(parse_netlist(SPIKING))
    network = chip()
    data = dataset()
    found = evaluate(routed, programmed(network, 78), data, trials=3, read_seed=1)
    answers = class_scores(network, programmed(network, 78), data.test.inputs, read_seed=1).argmax(1)
    assert found.accuracy.quantised == (answers == data.test.labels).mean()
    assert len(found.accuracy.chips) == 3
    assert found.steps.refine == 1
    assert found.steps.changed is not None
    assert found.seeds.read_seed == 1
    assert found.light is None
    lines = {line.name: line for line in (*found.cost.energy, *found.cost.others)}
    spikes = measure_activity(network, programmed(network, 78), data.test.inputs, read_seed=1).spikes
    joules = 0.3 * 62831.853 / (2 * np.pi) * 1.802395858835221 * 1e-4 * 2.067833848e-15
    fired = spikes["hidden"].sum() + spikes["output"].sum()
    assert lines["fluxons"].value == pytest.approx(fired * joules * 1e18, rel=1e-6)
    assert lines["photons"].value == pytest.approx(spikes["hidden"].sum() * 2 * 10)
    assert lines["spikes"].value == pytest.approx(sum(s.sum() for s in spikes.values()))
    wavelength_m = 1e-6 * load_technology_value("wavelength_um")
    assert lines["light"].value == pytest.approx(
        lines["photons"].value * 6.62607015e-34 * 299792458 / wavelength_m * 1e18
    )


def load_technology_value(key):
    from soensim.technology import load_technology

    return load_technology("nist-2023").value(key)


# --- netlists -----------------------------------------------------------------------------------------------


def test_netlists_of_before_keep_their_hash():
    assert load_netlist(ROOT / "netlists" / "point-neurons-10.yaml").hash.startswith("f40098556d63")


def test_code_and_trim_are_part_of_the_hash():
    known = parse_netlist(SPIKING).hash
    assert parse_netlist(SPIKING.replace("rate_max_mhz: 15", "rate_max_mhz: 16")).hash != known
    assert parse_netlist(SPIKING.replace("bits: 6", "bits: 5")).hash != known


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("kind: spike-count,", "kind: goodness, state: all,", "does not read a spiking chip; take spike-count"),
        ("population: output}", "population: lines}", "'lines' is an input population; .* of kind 'spiking'"),
        (RATE, "{kind: rank}", "legal kinds are rate, latency"),
        ("  hidden:", f"  more: {{kind: spike-input, size: 1, code: {LATENCY}}}\n  hidden:", "'lines' takes the data"),
        (RATE, "{kind: rate}", "rate_max_mhz"),
        (RATE, "{kind: latency, window_ns: 401}", "code.window_ns: 401 ns is longer than a frame, 400 ns"),
        (RATE, "{kind: rate, rate_max_mhz: 0}", "is not legal"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(old, new, match):
    with pytest.raises(NetlistError, match=match):
        parse_netlist(SPIKING.replace(old, new))


def test_rate_neurons_have_no_spike_count():
    start, _, _ = SMALL.partition("readout:")
    with pytest.raises(NetlistError, match="does not read rate neurons; take linear or goodness"):
        parse_netlist(f"{start}readout: {{kind: spike-count, population: hidden}}\n")


def test_count_spikes_is_public():
    assert count_spikes.__module__ == "soensim.simulation.spiking.batch"


def test_one_pair_of_populations_has_a_projection_per_place():
    from soensim.network import compile_network

    netlist = parse_netlist(ARBOR)
    network = compile_network(route(netlist))
    assert list(slots(network)) == [
        "lines->cells.plus", "lines->cells.minus", "cells.flux_trim", "cells.plus.flux_trim", "cells.minus.flux_trim",
    ]  # fmt: skip
    program = programmed(network)
    arrays = realise(network, FabricatedChip.nominal(network, program.values)).arrays
    for key, place in (("lines->cells.plus", "plus"), ("lines->cells.minus", "minus")):
        group = network.spiking.groups[key]
        dendrites = network.spiking.dendrites("cells", place)
        assert np.array_equal(arrays.synapse_dendrite[group.synapses], dendrites[group.targets])
        assert np.array_equal(arrays.efficacy[group.synapses], program.values[key])
        assert np.array_equal(arrays.flux_offset[dendrites], program.values[f"cells.{place}.flux_trim"])
    assert network.synapses["lines->cells.minus"].shape == (2, 2)
    start, first, second = ARBOR.partition("  - source: lines")
    head, entry, rest = start.partition("  - {source: lines")
    swapped = head + first + second.replace("timing:", entry + rest + "timing:")
    assert parse_netlist(swapped).hash == netlist.hash
    with pytest.raises(NetlistError, match=r"lines->cells\.plus is given twice .*; one projection per pair and place"):
        parse_netlist(ARBOR.replace("place: minus", "place: plus"))
