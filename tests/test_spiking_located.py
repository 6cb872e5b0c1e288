"""Steps that locate spikes: against the slow reference, a much finer step, and closed forms."""

import dataclasses
import sys

import numba
import numpy as np
import pytest
from spiking_problems import (
    GAMMA_PLUS,
    RECEIVER,
    RESPONSE,
    TABLE,
    TAU_0_NS,
    dendrite,
    links,
    network,
    point_neuron,
    poisson,
    tree_neuron,
)

from soensim.circuit import source_table
from soensim.dynamics.spiking import (
    Dendrite,
    Neuron,
    Receiver,
    SynapseResponse,
    largest_step,
    reference_run,
    step_arrays,
)
from soensim.dynamics.spiking.jumps import at_old_level, rise_in_jumps
from soensim.dynamics.spiking.slopes import main_slopes
from soensim.errors import SimulationError
from soensim.simulation.spiking import Recording, SpikeBatch, count_spikes, read_seed_of, simulate_spikes
from soensim.simulation.spiking.rate import spike_interval

WARM = source_table(TABLE.device, temperature_k=4.2)


def everything(net):
    return Recording(range(net.arrays.dendrites), range(net.arrays.synapses), 1)


def coarse(noise, dead_time_ns=3.0, hotspot_ns=0.06):
    """Two slow trees that drive each other within a step of 0.8 ns; light, dark counts, ends of responses in steps."""
    response = SynapseResponse(0.5, 0.02, 4.0, hotspot_ns, cut_ns=12.0, dead_time_ns=dead_time_ns)
    light = {"photons": 6.0, "tau_rad_ns": 5.0} if noise else {"photons": 12.0, "tau_rad_ns": 5.0}
    receiver = Receiver(response, dark_counts_per_ns=0.02 if noise else 0.0)
    drive = [(2 + k, k % 2, (0, 2, 3, 4, 5)[k % 5]) for k in range(6)]
    between = [(0, 1, 3), (1, 0, 4), (1, 1, 2)]
    groups = [
        links(drive, Receiver(response), **({"photons": 1.5, "tau_rad_ns": 0.0} if noise else {})),
        links(between, receiver, delay_ns=np.array([0.0, 0.1, 2.5]), efficacy=np.array([0.9, -0.4, 1.0]), **light),
    ]
    net = network([(tree_neuron(), 2)], 6, groups)
    arrays = net.arrays._replace(gamma_plus=net.arrays.gamma_plus / 6, threshold=np.array([0.08, 0.06]))
    return dataclasses.replace(net, source=WARM, arrays=arrays, integrator="heun", dt_ns=0.8)


@pytest.mark.parametrize(("dead_time_ns", "hotspot_ns"), [(3.0, 0.06), (0.15, 0.06), (1.5, 1.0)])
@pytest.mark.parametrize(("noise", "seed"), [(False, None), (True, 7)])
def test_kernel_equals_the_reference(noise, seed, dead_time_ns, hotspot_ns):
    """Several arrivals and spikes in a step, some of which cause the others; rises of one jump and of five.

    Slow somas magnify rounding errors in the times of their spikes: 1e-11, not 1e-12.
    """
    net = coarse(noise, dead_time_ns, hotspot_ns)
    inputs = [np.array([1.0, 1.0, 4.0, 20.0, 60.0]), np.arange(0.5, 110.0, 13.0), *poisson(4, 120.0, per_ns=0.2)]
    trace = simulate_spikes(net, inputs, duration_ns=120.0, read_seed=seed, record=everything(net))
    steps = step_arrays(net.arrays, WARM.arrays, dt_ns=0.8, tau_0_ns=TAU_0_NS, integrator="heun")
    pairs = [(float(t), channel) for channel, train in enumerate(inputs) for t in train]
    slow = reference_run(net.arrays, steps, WARM, pairs, until=150, seed=-1 if seed is None else seed)
    np.testing.assert_allclose(trace.synapse_flux, slow.synapse_flux, rtol=0, atol=1e-11)
    np.testing.assert_allclose(trace.state, slow.state, rtol=0, atol=1e-11)
    np.testing.assert_allclose(trace.flux, slow.flux, rtol=0, atol=1e-11)
    np.testing.assert_allclose(trace.spikes_ns, slow.spikes_ns, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(trace.spike_neuron, slow.spike_neuron)
    assert trace.detections == len(slow.detections)
    assert len(trace.spikes_ns) > 8
    assert (np.diff(trace.spikes_ns) >= 0).all()


def soma_alone(flux, beta_di=2e4 * np.pi, held_ns=20.0):
    return Neuron(Dendrite("soma", 1 / beta_di, TAU_0_NS / 500.0, 1.8, flux), 0.3, held_ns)


@pytest.mark.parametrize(("beta_di", "dt_ns"), [(2e4 * np.pi, 1.0), (2e4 * np.pi, 7.0), (2e3 * np.pi, 1.3)])
def test_intervals_under_constant_flux_are_exact(beta_di, dt_ns):
    """Climb and hold, neither a multiple of the step: the interval of the integral, to 1e-4 of a step."""
    fluxes = (0.37, 0.41, 0.48)
    neurons = [(soma_alone(flux, beta_di, 20.3), 1) for flux in fluxes]
    trace = simulate_spikes(network(neurons, 0, []), [], duration_ns=700.0, dt_ns=dt_ns, integrator="heun")
    for n, (neuron, _) in enumerate(neurons):
        expected = spike_interval(neuron.soma, TABLE, threshold=0.3, held_ns=20.3, flux=0.0)
        spikes = trace.train_ns(n)
        assert len(spikes) > 5
        np.testing.assert_allclose(np.diff(spikes), expected, rtol=0, atol=1e-4 * dt_ns)
        assert spikes[0] == pytest.approx(expected - 20.3, abs=1e-4 * dt_ns)


def driven(neurons, beta_di, inputs=16, seed=0):
    """Somas alone, each with a synapse from every input, of efficacies and delays of its own."""
    rng = np.random.default_rng(seed)
    pairs = [(neurons + k, n, 0) for n in range(neurons) for k in range(inputs)]
    light = links(pairs, efficacy=rng.normal(0.12, 0.04, len(pairs)), delay_ns=rng.uniform(0.0, 0.1, len(pairs)))
    return network([(soma_alone(0.1, beta_di), neurons)], inputs, [light], integrator="heun")


@pytest.mark.parametrize(
    ("beta_di", "dt_ns"), [(2e4 * np.pi, 1.0), (2e4 * np.pi, 2.0), (2e4 * np.pi, 8.0), (2e3 * np.pi, 1.0)]
)
def test_spike_times_are_those_of_a_step_a_hundred_times_finer(beta_di, dt_ns):
    """Regular trains of 4 to 18 MHz, no noise. The rest is a rise of 60 ps that turns g on, or makes a drive end."""
    rng = np.random.default_rng(1)
    rates = rng.uniform(0.004, 0.018, 16)
    trains = [np.arange(rng.uniform(0, 1) / rate, 400.0, 1 / rate) for rate in rates]
    net = driven(30, beta_di)
    exact = simulate_spikes(net, trains, duration_ns=400.0, dt_ns=0.01)
    found = simulate_spikes(net, trains, duration_ns=400.0, dt_ns=dt_ns)
    euler = simulate_spikes(net, trains, duration_ns=400.0, dt_ns=dt_ns, integrator="exponential-euler")
    errors, coarse_errors = (
        np.concatenate(
            [
                np.diff(trace.train_ns(n)) - np.diff(exact.train_ns(n))
                for n in range(30)
                if len(trace.train_ns(n)) == len(exact.train_ns(n))
            ]
        )
        / dt_ns
        for trace in (found, euler)
    )
    assert len(errors) > 80
    assert np.median(np.abs(errors)) < 2e-4
    assert np.mean(np.abs(errors) < 1e-3) > 0.85
    assert np.abs(errors).max() < 0.1
    assert np.median(np.abs(coarse_errors)) > 0.02


def test_order_of_a_tree_is_two():
    """States of all dendrites, with jumps within steps; no spike, and a rise that matters in no step."""
    sudden = Receiver(dataclasses.replace(RESPONSE, tau_rise_ns=2e-4, hotspot_ns=6e-4))
    net = network([(tree_neuron(), 1)], 2, [links([(1, 0, 3), (2, 0, 4)], sudden)])
    arrays = net.arrays._replace(threshold=np.array([1e9]), gamma_plus=net.arrays.gamma_plus / 10)
    net = dataclasses.replace(net, arrays=arrays, source=WARM)
    ends = [
        simulate_spikes(
            net,
            [[1.03, 60.1], [3.01]],
            duration_ns=80.0,
            dt_ns=dt,
            integrator="heun",
            record=Recording(range(6), every=round(80 / dt)),
        ).state[-1]
        for dt in (1.6, 0.8, 0.4, 0.025)
    ]
    errors = [np.abs(end - ends[-1]).max() for end in ends[:-1]]
    assert errors[0] < 1e-3
    assert errors[0] > 3 * errors[1] > 9 * errors[2] > 0


def test_light_leaves_at_the_time_of_the_spike_and_may_arrive_in_the_same_step():
    """A chain of four neurons within one step of 1 ns: every response begins a delay after its spike."""
    quick = Neuron(dendrite(), 0.002, 20.0)
    pairs = links([(4, 0, 0), (0, 1, 0), (1, 2, 0), (2, 3, 0)], delay_ns=np.array([0.0, 0.01, 0.02, 0.015]))
    net = network([(quick, 4)], 1, [pairs])
    net = dataclasses.replace(net, arrays=net.arrays._replace(gamma_plus=np.full(4, GAMMA_PLUS / 6)))
    trace = simulate_spikes(net, [[10.2]], duration_ns=18.0, dt_ns=0.9, integrator="heun", record=everything(net))
    assert trace.spike_neuron.tolist() == [0, 1, 2, 3]
    assert 10.2 < trace.spikes_ns[0] < trace.spikes_ns[3] < 10.8
    arrivals = [10.2, *(trace.spikes_ns[:3] + np.array([0.01, 0.02, 0.015]))]
    for k, arrival in enumerate(arrivals):
        np.testing.assert_allclose(trace.synapse_flux[:, k], RESPONSE.flux(trace.t_ns - arrival), rtol=0, atol=1e-13)
    finer = simulate_spikes(net, [[10.2]], duration_ns=18.0, dt_ns=0.01, integrator="heun")
    np.testing.assert_allclose(trace.spikes_ns, finer.spikes_ns, rtol=0, atol=0.04)


def test_a_spike_of_an_arrival_is_not_too_early_for_one_that_it_prevents():
    """Inhibition that comes within the step, before the threshold would be reached: there is no spike."""
    neuron = soma_alone(0.45)
    alone = simulate_spikes(network([(neuron, 1)], 0, []), [], duration_ns=60.0, dt_ns=8.0, integrator="heun")
    first = alone.spikes_ns[0]
    for late, expected in ((-0.5, 0), (0.01, 1)):
        net = network([(neuron, 1)], 1, [links([(1, 0, 0)], efficacy=-0.9)])
        trace = simulate_spikes(net, [[first + late]], duration_ns=60.0, dt_ns=8.0, integrator="heun")
        assert (trace.spikes_ns < first + 5).sum() == expected


def test_batches_and_small_buffers_change_nothing(monkeypatch):
    net, inputs = coarse(noise=True), poisson(6, 100.0, per_ns=0.2)
    whole = simulate_spikes(net, inputs, duration_ns=100.0, read_seed=3, record=everything(net))
    engine = sys.modules["soensim.simulation.spiking.engine"]
    monkeypatch.setattr(engine, "_SPIKE_BUFFER", 1)
    monkeypatch.setattr(engine, "_LOOK_EVERY", 50)
    parts = simulate_spikes(net, inputs, duration_ns=100.0, read_seed=3, record=everything(net))
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(array, parts.arrays()[name])
    times = np.concatenate(inputs)
    channels = np.repeat(np.arange(6), [len(train) for train in inputs])
    order = np.argsort(times)
    both = SpikeBatch(np.tile(times[order], 2), np.tile(channels[order], 2), np.arange(3) * len(times))
    counted = count_spikes(net, both, duration_ns=100.0, read_seed=5, threads=2)
    for k in range(2):
        own = simulate_spikes(net, inputs, duration_ns=100.0, read_seed=read_seed_of(5, k))
        np.testing.assert_array_equal(counted.spikes[k], np.bincount(own.spike_neuron, minlength=2))


def test_more_light_in_a_step_than_there_was_room_for():
    """A detector without dead time sees 100 spikes in one step; its response is that of the last one."""
    receiver = Receiver(dataclasses.replace(RESPONSE, dead_time_ns=0.0))
    silent = point_neuron(threshold=1e9, refractory=False)
    net = network([(silent, 1)], 1, [links([(1, 0, 0)], receiver)])
    train = 1.0 + np.arange(100) * 1e-3
    trace = simulate_spikes(net, [train], duration_ns=5.0, dt_ns=0.1, integrator="heun", record=everything(net))
    assert trace.detections == 100
    late = trace.t_ns > 1.5
    expected = RESPONSE.flux(trace.t_ns[late] - train[-1])
    np.testing.assert_allclose(trace.flux[late, 0], expected, rtol=1e-12)
    bright = network([(silent, 1)], 1, [links([(1, 0, 0)], receiver, photons=1e5, tau_rad_ns=1.0)])
    with pytest.raises(SimulationError, match=r"step 10 brings more photons to detectors .* use a finer step"):
        simulate_spikes(bright, [[1.05]], duration_ns=5.0, dt_ns=0.1, integrator="heun", read_seed=0)


def test_levels_of_responses_outlast_any_run():
    """Over 600 decay times: epochs, and what is still to jump, are renewed."""
    brief = SynapseResponse(0.5, 0.02, 0.6, 0.06, cut_ns=9.0, dead_time_ns=1.0)
    silent = point_neuron(threshold=1e9, refractory=False)
    net = network([(silent, 1)], 2, [links([(1, 0, 0), (2, 0, 0)], Receiver(brief), efficacy=0.4)])
    trains = [np.array([1.03, 119.995, 120.0, 355.5]), np.arange(0.5, 400.0, 7.3)]
    trace = simulate_spikes(net, trains, duration_ns=400.0, dt_ns=0.1, integrator="heun", record=everything(net))
    responses = [
        np.max([brief.flux(trace.t_ns - t) for t in times], axis=0)
        for times in (np.array([1.03, 119.995, 355.5]), trains[1])
    ]
    np.testing.assert_allclose(trace.synapse_flux.T, responses, rtol=0, atol=1e-14)
    risen = np.min([np.abs(trace.t_ns - t - 0.05) for t in np.concatenate(trains)], axis=0) > 0.06
    np.testing.assert_allclose(trace.flux[risen, 0], 0.4 * np.sum(responses, axis=0)[risen], rtol=0, atol=1e-14)


@pytest.mark.parametrize("old", [0.0, 0.3, 0.9])
def test_jumps_leave_the_area_under_a_rise_as_it_is(old):
    kinds = np.array([[0.5, 0.02, 50.0, 0.06, 400.0, 50.0, 0.0], [0.4, 0.5, 4.0, 2.0, 12.0, 3.0, 0.0]])
    rise = rise_in_jumps(kinds, 1.0)
    assert rise.after_ns.shape == (2, 8, 65)
    for kind, jumps in ((0, 1), (1, 8)):
        _, tau_rise, tau_fall, hotspot = kinds[kind, :4]
        age = np.linspace(0, hotspot, 200_001)
        share = np.expm1(-age / tau_rise) / np.expm1(-hotspot / tau_rise) * np.exp((age - hotspot) / tau_fall)
        level = np.maximum(old, share)
        ages, before = hotspot * np.arange(jumps + 1) / jumps, max(old, 0.0)
        area = before * hotspot
        for jump in range(jumps):
            after = max(old, rise.share[kind, jump + 1])
            at = at_old_level(rise.after_ns, kind, jump, old)
            if after > before:
                assert ages[jump] <= at <= ages[jump + 1]
                area += (after - before) * (hotspot - at)
            before = after
        assert area == pytest.approx(np.trapezoid(level, age), abs=3e-5 * hotspot)
    assert rise.share[0].tolist()[:2] == [0.0, 1.0]
    age = np.linspace(0, 0.06, 200_001)
    share = np.maximum(old, np.expm1(-age / 0.02) / np.expm1(-3) * np.exp((age - 0.06) / 50))
    share = (share - old) / (1 - old)
    blur = at_old_level(rise.blur_ns, 0, 0, old)
    assert blur == pytest.approx(np.trapezoid(share * (1 - share), age), rel=2e-3)


@numba.njit(error_model="numpy")
def _slopes(phi, i, arrays, out):
    for k in range(phi.size):
        out[0, k], out[1, k], out[2, k] = main_slopes(phi[k], i[k], arrays)


@pytest.mark.parametrize("table", [TABLE, WARM], ids=["cold", "warm"])
def test_slopes_are_those_of_the_table(table):
    rng = np.random.default_rng(0)
    phi, i = rng.uniform(-2, 2, 20_000), rng.uniform(-2.4, 2.4, 20_000)
    out = np.empty((3, 20_000))
    _slopes(phi, i, table.arrays, out)
    for found, expected in zip(out, table.value_and_gradient(phi, i), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_what_limits_a_step():
    def limit(neuron):
        arrays = network([(neuron, 1)], 1, [links([(1, 0, 0)], RECEIVER)]).arrays
        return largest_step(arrays, tau_0_ns=TAU_0_NS, integrator="heun")

    leaky = Neuron(dataclasses.replace(soma_alone(0.1).soma, gamma_minus=TAU_0_NS / 0.05), 0.3, 10.0)
    assert limit(leaky) == (pytest.approx(0.05), "dt gamma_minus must be at most 1 for Heun")
    assert limit(soma_alone(0.1))[0] == pytest.approx(10.0)  # a fifth of the fall time
    assert limit(soma_alone(0.1, held_ns=3.0))[0] == pytest.approx(3.0)


def test_divergence_is_an_error():
    pairs = [(1 + k, 0, 0) for k in range(3)]
    net = network([(point_neuron(refractory=False), 1)], 3, [links(pairs, efficacy=1.7e308)])
    with pytest.raises(SimulationError, match="diverges before step"):
        simulate_spikes(net, [[1.0]] * 3, duration_ns=10.0, dt_ns=0.1, integrator="heun")
