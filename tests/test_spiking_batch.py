"""Many samples at once: each is the run of its own, whatever is beside it and on however many threads."""

import dataclasses
import sys

import numpy as np
import pytest
from spiking_problems import busy, links, network, point_neuron, poisson

from soensim.errors import SimulationError
from soensim.simulation.spiking import Recording, SpikeBatch, count_spikes, read_seed_of, simulate_spikes

DURATION_NS = 60.0


def batch_of(samples):
    """Samples are lists of trains, one per channel."""
    times, channels, starts = [], [], [0]
    for trains in samples:
        pairs = sorted((float(t), k) for k, train in enumerate(trains) for t in train)
        times += [t for t, _ in pairs]
        channels += [k for _, k in pairs]
        starts.append(len(times))
    return SpikeBatch(np.array(times, dtype=np.float64), np.array(channels, dtype=np.int64), np.array(starts))


def some_samples(count=7):
    """One without spikes, one with two at once in its last moment."""
    samples = [poisson(12, DURATION_NS, per_ns=0.03, seed=k) for k in range(count)]
    samples[2] = [np.zeros(0)] * 12
    samples[4][3] = np.array([1.0, 1.0, DURATION_NS])
    samples[4][5] = np.array([1.0, DURATION_NS])
    return samples


@pytest.fixture(scope="module")
def noisy():
    return busy(noise=True)


@pytest.mark.parametrize(("noise", "seed"), [(False, None), (True, 11)])
def test_a_sample_is_the_run_of_its_own(noise, seed):
    net, samples = busy(noise), some_samples()
    counted = count_spikes(net, batch_of(samples), duration_ns=DURATION_NS, read_seed=seed, first_sample=5, threads=2)
    assert counted.spikes.shape == counted.mean_flux.shape == (7, 3)
    somas = net.dendrites("p0", "soma")
    for k, trains in enumerate(samples):
        own = read_seed_of(seed, 5 + k)
        trace = simulate_spikes(net, trains, duration_ns=DURATION_NS, read_seed=own, record=Recording(somas, every=1))
        np.testing.assert_array_equal(counted.spikes[k], np.bincount(trace.spike_neuron, minlength=3))
        np.testing.assert_allclose(counted.mean_flux[k], trace.flux[1:].mean(axis=0), rtol=1e-12, atol=1e-15)
    assert counted.spikes.sum() > 20
    assert not counted.spikes[2].any() or noise


def test_the_result_depends_on_nothing_else(noisy, monkeypatch):
    """Not on threads, on what else is in the batch, or on where the engine pauses."""
    samples = some_samples()
    whole = count_spikes(noisy, batch_of(samples), duration_ns=DURATION_NS, read_seed=1, threads=1)
    for engine_look in (50_000_000, 2_000):
        monkeypatch.setattr(sys.modules["soensim.simulation.spiking.engine"], "_LOOK_EVERY", engine_look)
        for threads in (1, 2, 3, 50, None):
            other = count_spikes(noisy, batch_of(samples), duration_ns=DURATION_NS, read_seed=1, threads=threads)
            np.testing.assert_array_equal(whole.spikes, other.spikes)
            np.testing.assert_array_equal(whole.mean_flux, other.mean_flux)
    part = count_spikes(noisy, batch_of(samples[3:5]), duration_ns=DURATION_NS, read_seed=1, first_sample=3)
    np.testing.assert_array_equal(whole.mean_flux[3:5], part.mean_flux)
    shifted = count_spikes(noisy, batch_of(samples[3:5]), duration_ns=DURATION_NS, read_seed=1)
    assert not np.array_equal(whole.mean_flux[3:5], shifted.mean_flux)
    again = count_spikes(noisy, batch_of([samples[0]] * 3), duration_ns=DURATION_NS, read_seed=1)
    assert len({row.tobytes() for row in again.mean_flux}) == 3


def test_synapses_of_efficacy_0_change_nothing(noisy):
    """They are left out, dark counts and all; the others see the light that they would see beside them."""
    efficacy = noisy.arrays.efficacy.copy()
    efficacy[3::2] = 0.0
    net = dataclasses.replace(noisy, arrays=noisy.arrays._replace(efficacy=efficacy))
    samples = some_samples()[:2] + some_samples()[4:5]
    counted = count_spikes(net, batch_of(samples), duration_ns=DURATION_NS, read_seed=2)
    somas = net.dendrites("p0", "soma")
    for k, trains in enumerate(samples):
        trace = simulate_spikes(
            net, trains, duration_ns=DURATION_NS, read_seed=read_seed_of(2, k), record=Recording(somas, every=1)
        )
        np.testing.assert_array_equal(counted.spikes[k], np.bincount(trace.spike_neuron, minlength=3))
        np.testing.assert_allclose(counted.mean_flux[k], trace.flux[1:].mean(axis=0), rtol=1e-12, atol=1e-15)
    assert counted.spikes.sum() > 3


def test_a_queue_that_fills_and_a_spike_at_every_step_are_no_matter():
    """More light is under way than the queue has room for at the start."""
    train = np.arange(12) * 60.0 + 0.03
    net = network([(point_neuron(), 1)], 1, [links([(1, 0, 0)], delay_ns=200.0)])
    trace = simulate_spikes(net, [train], duration_ns=1000.0)
    counted = count_spikes(net, batch_of([[train], [train[:1]], [train]]), duration_ns=1000.0, threads=1)
    assert counted.spikes[:, 0].tolist() == [len(trace.spikes_ns), 1, len(trace.spikes_ns)]
    assert len(trace.spikes_ns) > 5


def test_seeds_of_samples():
    seeds = {read_seed_of(seed, k) for seed in range(30) for k in range(30)}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62
    assert read_seed_of(None, 3) is None
    assert read_seed_of(7, 0) != 7


def test_no_samples_are_no_error(noisy):
    counted = count_spikes(noisy, batch_of([]), duration_ns=10.0, read_seed=0)
    assert counted.spikes.shape == counted.mean_flux.shape == (0, 3)


def test_trains_of_a_sample():
    batch = batch_of([[[2.0]], [[1.0, 3.0], [], [2.0]]])
    assert batch.samples == 2
    assert [t.tolist() for t in batch.trains(1, 3)] == [[1.0, 3.0], [], [2.0]]
    assert [t.tolist() for t in batch.trains(0, 2)] == [[2.0], []]


@pytest.mark.parametrize("threads", [1, 2])
def test_stop_ends_the_run(noisy, monkeypatch, threads):
    monkeypatch.setattr(sys.modules["soensim.simulation.spiking.engine"], "_LOOK_EVERY", 20_000)
    batch = batch_of(some_samples() * 4)
    looks, calls = [], []

    def stop():
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("enough")

    count_spikes(noisy, batch, duration_ns=DURATION_NS, read_seed=0, threads=threads, stop=lambda: looks.append(1))
    with pytest.raises(KeyError, match="enough"):
        count_spikes(noisy, batch, duration_ns=DURATION_NS, read_seed=0, threads=threads, stop=stop)
    assert len(calls) < len(looks) / 2


@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_names_the_sample(threads):
    """Three responses at once, whose sum is no number; before the last sample that is run is done."""
    pairs = [(1 + k, 0, 0) for k in range(3)]
    net = network([(point_neuron(threshold=1e9, refractory=False), 1)], 3, [links(pairs, efficacy=1.7e308)])
    quiet = [[], [], []]
    with pytest.raises(SimulationError, match=r"^sample 1: the .* of dendrite 0 of chip 'by-hand' diverges before"):
        count_spikes(net, batch_of([quiet, [[1.0]] * 3, quiet]), duration_ns=10.0, threads=threads)


GOOD = {"times_ns": np.array([1.0, 3.0, 2.0]), "channels": np.array([0, 11, 0]), "starts": np.array([0, 2, 2, 3])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": np.array([0, 12, 0])}, "sample 0: channel 12 does not exist; chip 'by-hand' has 12"),
        ({"channels": np.array([0, 0, -1])}, "sample 2: channel -1 does not exist"),
        ({"channels": np.array([0, 0])}, r"shapes \(3,\) and \(2,\); they must be flat"),
        ({"channels": np.array([0.0, 0.0, 0.0])}, "whole numbers"),
        ({"times_ns": np.array([1.0, 10.1, 2.0])}, r"sample 0: a spike at 10\.1 ns is outside the simulated 0 to 10"),
        ({"times_ns": np.array([1.0, 3.0, -0.1])}, r"sample 2: a spike at -0\.1 ns is outside"),
        ({"times_ns": np.array([1.0, np.nan, 2.0])}, "sample 0: a spike at nan ns is outside"),
        ({"times_ns": np.array([3.0, 1.0, 2.0])}, "sample 0: a spike at 1 ns follows a later one; sort"),
        ({"times_ns": np.zeros((3, 1))}, r"shapes \(3, 1\)"),
        ({"starts": np.array([0, 2, 1, 3])}, "starts must be whole numbers in ascending order, from 0 to the 3 spikes"),
        ({"starts": np.array([0, 2])}, "starts must be"),
        ({"starts": np.array([1, 3])}, "starts must be"),
        ({"starts": np.array([0.0, 3.0])}, "starts must be"),
        ({"starts": np.zeros(0, dtype=np.int64)}, "starts must be"),
        ({"threads": 0}, "threads is 0; it must be 1 or more"),
        ({"first_sample": -1}, "first_sample is -1; it must be 0 or more"),
        ({"duration_ns": 0.0}, "duration_ns is 0.0"),
        ({"read_seed": None}, "give a read seed"),
        ({"read_seed": -1}, "read_seed is -1"),
    ],
)
def test_refusals(change, message):
    arrays = GOOD | {name: change[name] for name in GOOD if name in change}
    settings = {"duration_ns": 10.0, "read_seed": 0} | {n: v for n, v in change.items() if n not in GOOD}
    light = [links([(1 + k, 0, 0) for k in range(12)], photons=3.0)]
    net = network([(point_neuron(), 1)], 12, light)
    with pytest.raises(SimulationError, match=message):
        count_spikes(net, SpikeBatch(**arrays), **settings)
    assert count_spikes(net, SpikeBatch(**GOOD), duration_ns=10.0, read_seed=0).spikes.shape == (3, 1)
