"""Spiking networks: the kernel against the slow reference, the physics against exact solutions, honest refusals."""

import dataclasses
import math
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from spiking_problems import (
    RECEIVER,
    RESPONSE,
    TABLE,
    TAU_0_NS,
    busy,
    dendrite,
    links,
    network,
    point_neuron,
    poisson,
    tree_neuron,
)

from soensim.circuit import source_table
from soensim.dynamics.spiking import (
    Links,
    Neuron,
    Receiver,
    SynapseResponse,
    largest_state,
    largest_step,
    reference_run,
    refractory_coupling,
    step_arrays,
    threshold_flux,
)
from soensim.dynamics.spiking.light import mix, photon_delay, unit_exponential
from soensim.dynamics.spiking.queue import drop_first, push
from soensim.errors import SimulationError
from soensim.simulation.spiking import Recording, simulate_spikes


def everything(net, every=1):
    return Recording(range(net.arrays.dendrites), range(net.arrays.synapses), every)


def one_synapse(neuron=None, **settings):
    """One input channel into the soma of one neuron that never spikes, unless another is given."""
    neuron = neuron or point_neuron(threshold=1e9, refractory=False)
    return network([(neuron, 1)], 1, [links([(1, 0, 0)], **settings)])


# --- the kernel against the reference ------------------------------------------------------------------------------


@pytest.mark.parametrize("integrator", ["forward-euler", "exponential-euler", "heun"])
@pytest.mark.parametrize(("noise", "seed"), [(False, None), (True, 7)])
def test_kernel_equals_the_reference(integrator, noise, seed):
    # With noise-free junctions g rises from its threshold with infinite slope: a dendrite that sits there, saturated,
    # magnifies rounding errors without bound. At 4.2 K the slope is finite, and the comparison is sharp.
    warm = source_table(TABLE.device, temperature_k=4.2)
    net = dataclasses.replace(busy(noise), source=warm)
    inputs = poisson(12, 150.0)
    trace = simulate_spikes(
        net, inputs, duration_ns=150.0, dt_ns=0.1, integrator=integrator, read_seed=seed, record=everything(net)
    )
    steps = step_arrays(net.arrays, warm.arrays, dt_ns=0.1, tau_0_ns=TAU_0_NS, integrator=integrator)
    pairs = [(float(t), channel) for channel, train in enumerate(inputs) for t in train]
    slow = reference_run(net.arrays, steps, warm, pairs, until=1500, seed=-1 if seed is None else seed)
    np.testing.assert_allclose(trace.state, slow.state, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.flux, slow.flux, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.synapse_flux, slow.synapse_flux, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.spikes_ns, slow.spikes_ns, rtol=0, atol=1e-11 if integrator == "heun" else 0)
    np.testing.assert_array_equal(trace.spike_neuron, slow.spike_neuron)
    assert trace.detections == len(slow.detections)
    assert len(trace.spikes_ns) > 5
    assert trace.lost_to_dead_time > 5
    assert np.abs(trace.flux).max() > 0.5  # beyond half a period, so that folding is tested too


def brief(noise, dead_time_ns):
    """Two trees that drive each other, with responses that end within the run and detectors that are soon live again.

    With noise there are several photons per spike, late ones too, and many dark counts.
    """
    response = SynapseResponse(0.5, 0.02, 4.0, 0.06, cut_ns=12.0, dead_time_ns=dead_time_ns)
    light = {"photons": 6.0, "tau_rad_ns": 5.0} if noise else {"photons": 12.0, "tau_rad_ns": 5.0}
    receiver = Receiver(response, dark_counts_per_ns=0.02 if noise else 0.0)
    drive = [(2 + k, k % 2, (0, 2, 3, 4, 5)[k % 5]) for k in range(6)]
    between = [(0, 1, 3), (1, 0, 4), (1, 1, 2)]
    groups = [
        links(drive, Receiver(response), **({"photons": 1.5, "tau_rad_ns": 0.0} if noise else {})),  # all at once
        links(between, receiver, delay_ns=np.array([0.0, 0.1, 2.5]), efficacy=np.array([0.9, -0.4, 1.0]), **light),
    ]
    warm = source_table(TABLE.device, temperature_k=4.2)
    return dataclasses.replace(network([(tree_neuron(), 2)], 6, groups), source=warm)


@pytest.mark.parametrize("dead_time_ns", [0.15, 3.0])
@pytest.mark.parametrize(("noise", "seed"), [(False, None), (True, 0)])
def test_kernel_equals_the_reference_where_responses_end(noise, seed, dead_time_ns):
    """Inputs in steps and between them, twice at once, and just when a response ends or a detector is live again."""
    net = brief(noise, dead_time_ns)
    inputs = [np.array([1.0, 1.0, 4.0, 20.0, 60.0]), np.arange(0.5, 110.0, 13.0), *poisson(4, 120.0, per_ns=0.2)]
    trace = simulate_spikes(net, inputs, duration_ns=120.0, dt_ns=0.1, read_seed=seed, record=everything(net))
    steps = step_arrays(net.arrays, net.source.arrays, dt_ns=0.1, tau_0_ns=TAU_0_NS, integrator=net.integrator)
    pairs = [(float(t), channel) for channel, train in enumerate(inputs) for t in train]
    slow = reference_run(net.arrays, steps, net.source, pairs, until=1200, seed=-1 if seed is None else seed)
    np.testing.assert_allclose(trace.synapse_flux, slow.synapse_flux, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.state, slow.state, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(trace.spikes_ns, slow.spikes_ns)
    assert trace.detections == len(slow.detections)
    assert len(trace.spikes_ns) > 5
    for synapse in range(net.arrays.synapses):
        times = [t for t, k in slow.detections if k == synapse]
        assert (np.diff(times) >= net.arrays.kinds[net.arrays.synapse_kind[synapse], 5] * (1 - 1e-9)).all()
    silent = trace.synapse_flux == 0
    assert (silent[1:] & ~silent[:-1]).sum() > 10  # responses that ended
    if noise:
        dark = [t for t, k in slow.detections if net.arrays.kinds[net.arrays.synapse_kind[k], 6] > 0]
        assert len(dark) > 10


@pytest.mark.parametrize("cut_ns", [9.0, 300.0])
def test_levels_of_responses_outlast_any_run(cut_ns):
    """Over 600 decay times, so that their epoch is renewed; cuts that come soon, and after the level underflows."""
    brief = SynapseResponse(0.5, 0.02, 0.6, 0.06, cut_ns=cut_ns, dead_time_ns=1.0)
    silent = point_neuron(threshold=1e9, refractory=False)
    net = network([(silent, 2)], 2, [links([(2, 0, 0), (3, 1, 0), (2, 1, 0)], Receiver(brief), efficacy=0.4)])
    trains = [np.array([1.03, 2.0, 130.0, 355.5, 356.0, 357.3]), np.arange(0.5, 400.0, 7.3)]
    trace = simulate_spikes(net, trains, duration_ns=400.0, dt_ns=0.1, record=everything(net))
    seen = [np.array([1.03, 130.0, 355.5, 357.3]), trains[1], np.array([1.03, 130.0, 355.5, 357.3])]
    for k, times in enumerate(seen):
        expected = np.max([brief.flux(trace.t_ns - t) for t in times], axis=0)
        np.testing.assert_allclose(trace.synapse_flux[:, k], expected, rtol=0, atol=1e-14)
    one, two, three = trace.synapse_flux.T
    np.testing.assert_allclose(trace.flux, 0.4 * np.array([one, two + three]).T, rtol=0, atol=1e-14)


def test_responses_end_in_the_order_of_their_detections():
    """Light of one spike after delays of 0 to 3 ns, so that detections of a step are not in the order of edges."""
    short = Receiver(SynapseResponse(0.5, 0.02, 4.0, 0.06, cut_ns=10.0, dead_time_ns=2.0))
    silent = point_neuron(threshold=1e9, refractory=False)
    delays = np.array([2.93, 0.41, 0.02, 1.7, 0.44, 0.0])
    net = network([(silent, 1)], 2, [links([(1 + k % 2, 0, 0) for k in range(6)], short, delay_ns=delays)])
    for dt_ns in (0.1, 0.5):
        slow = dataclasses.replace(net, arrays=net.arrays._replace(gamma_plus=np.array([1e-5])))
        trace = simulate_spikes(slow, [[1.0, 4.2], [1.1]], duration_ns=25.0, dt_ns=dt_ns, record=everything(net))
        for k, delay in enumerate(delays):
            times = np.array([1.0, 4.2] if k % 2 == 0 else [1.1]) + delay
            expected = np.max([short.response.flux(trace.t_ns - t) for t in times], axis=0)
            np.testing.assert_allclose(trace.synapse_flux[:, k], expected, rtol=0, atol=1e-14)
        np.testing.assert_allclose(trace.flux[:, 0], trace.synapse_flux.sum(axis=1), rtol=0, atol=1e-14)


def test_a_detector_without_dead_time_loses_nothing():
    """Also of two photons at once; one that is dead for a moment loses the second."""
    for dead_time_ns, expected in ((0.0, (4, 0)), (1e-3, (3, 1))):
        receiver = Receiver(dataclasses.replace(RESPONSE, dead_time_ns=dead_time_ns))
        net = network([(point_neuron(threshold=1e9, refractory=False), 1)], 1, [links([(1, 0, 0)], receiver)])
        trace = simulate_spikes(net, [[1.0, 1.0, 1.25, 3.0]], duration_ns=5.0, dt_ns=0.1)
        assert (trace.detections, trace.lost_to_dead_time) == expected


def test_skipping_the_lookup_changes_nothing():
    """`rest_flux` spares lookups where g = 0; without it the states are the same to the last bit."""
    for bias in (1.0, 1.2, 1.8, 1.9999, 2.1, 2.6):
        net = network([(point_neuron(bias=bias), 1)], 1, [links([(1, 0, 0)])])
        steps = step_arrays(net.arrays, TABLE.arrays, dt_ns=0.1, tau_0_ns=TAU_0_NS, integrator="forward-euler")
        rest = min(float(steps.rest_flux[0]), 0.5)
        phi, state = np.meshgrid(np.linspace(-rest, rest, 41), np.linspace(0, bias, 11))
        if rest > 0:
            assert not TABLE(phi, bias - state).any()
        if rest < 0.5:
            assert TABLE(max(rest, 0.0) + 1e-6, bias) > 0
    assert steps.rest_flux[0] == -1.0


def test_light_under_way_may_outgrow_the_queue():
    """A delay of several intervals: the queue has two places at the start, more photons are under way, none is lost."""
    train = np.arange(12) * 60.0 + 0.03
    net = one_synapse(delay_ns=200.0)
    late = simulate_spikes(net, [train], duration_ns=1000.0, dt_ns=0.1, record=everything(net))
    prompt = simulate_spikes(one_synapse(), [train + 200.0], duration_ns=1000.0, dt_ns=0.1, record=everything(net))
    assert late.detections == prompt.detections == 12
    np.testing.assert_array_equal(late.synapse_flux, prompt.synapse_flux)
    cut = simulate_spikes(net, [train[:5]], duration_ns=300.0, dt_ns=0.1)
    assert (cut.detections, cut.under_way) == (2, 3)


# --- synapse ---------------------------------------------------------------------------------------------------------


def test_response_is_the_closed_form_at_exact_times():
    """The detection falls between two steps; the response is that of its own time, not of a step."""
    net = one_synapse()
    trace = simulate_spikes(net, [[20.03]], duration_ns=500.0, dt_ns=0.1, record=everything(net))
    age = trace.t_ns - 20.03
    scale = 0.5 * (1 - 0.02 / 50) * (1 - math.exp(-3))
    expected = np.where((age >= 0.06) & (age < 400.0), scale * np.exp(-(age - 0.06) / 50), 0.0)
    np.testing.assert_allclose(trace.synapse_flux[:, 0], expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(trace.flux[:, 0], trace.synapse_flux[:, 0], rtol=0, atol=1e-15)
    assert not trace.flux[trace.t_ns >= 420.03].any()


def test_rise_is_resolved_by_a_fine_step():
    net = one_synapse()
    trace = simulate_spikes(net, [[0.5]], duration_ns=1.0, dt_ns=0.001, record=everything(net))
    np.testing.assert_allclose(trace.synapse_flux[:, 0], RESPONSE.flux(trace.t_ns - 0.5), rtol=0, atol=1e-12)
    assert trace.synapse_flux[:, 0].argmax() == pytest.approx(560, abs=1)


def test_response_peaks_after_the_hotspot_and_is_cut():
    ages = np.array([-1.0, 0.0, 0.06, 399.999, 400.0])
    flux = RESPONSE.flux(ages)
    peak = 0.5 * 0.9996 * (1 - math.exp(-3))
    np.testing.assert_allclose(flux, [0, 0, peak, peak * math.exp(-399.939 / 50), 0], rtol=1e-12)


def test_dead_time_is_not_restarted_by_what_it_loses():
    """40 ns after a detection a photon is lost; 50 ns after the detection (not after the loss) the next one counts."""
    net = one_synapse()
    trace = simulate_spikes(net, [[100.0, 140.0, 150.0, 199.0]], duration_ns=300.0, record=everything(net))
    assert (trace.detections, trace.lost_to_dead_time) == (2, 2)
    begun = np.flatnonzero(np.diff(trace.synapse_flux[:, 0]) > 0.05)
    np.testing.assert_allclose(trace.t_ns[begun], [100.0, 150.0])


def test_responses_of_one_synapse_never_add_up():
    """Unlike those of two synapses on one dendrite."""
    net = network([(point_neuron(1e9, refractory=False), 1)], 2, [links([(1, 0, 0), (2, 0, 0)], efficacy=0.4)])
    both = simulate_spikes(net, [[10.0, 70.0], [10.0]], duration_ns=200.0, record=everything(net))
    one, two = both.synapse_flux.T
    assert one.max() == pytest.approx(0.475, abs=0.001)
    np.testing.assert_allclose(both.flux[:, 0], 0.4 * (one + two), rtol=1e-12)


# --- dendrite and soma -----------------------------------------------------------------------------------------------


def test_unlooked_state_decays_exactly():
    """Once the flux is below threshold the state decays as exp(-t / tau); exponential Euler has no error there."""
    net = one_synapse()
    trace = simulate_spikes(net, [[1.0]], duration_ns=390.0, dt_ns=0.1, record=everything(net))
    quiet = np.flatnonzero((trace.flux[:, 0] < threshold_flux(TABLE, 1.8)) & (trace.t_ns > 5))
    start = trace.state[quiet[0], 0]
    expected = start * np.exp(-(trace.t_ns[quiet] - trace.t_ns[quiet[0]]) / 50.0)
    assert start > 0.1
    np.testing.assert_allclose(trace.state[quiet, 0], expected, rtol=1e-11)


@pytest.mark.parametrize("integrator", ["forward-euler", "exponential-euler"])
def test_first_order_convergence(integrator):
    net = network([(tree_neuron(), 1)], 2, [links([(1, 0, 3), (2, 0, 4)])])
    net = dataclasses.replace(net, arrays=net.arrays._replace(threshold=np.array([1e9])))
    ends = [
        simulate_spikes(
            net,
            [[1.0, 60.0], [3.0]],
            duration_ns=80.0,
            dt_ns=dt,
            integrator=integrator,
            record=Recording(range(6), every=round(80 / dt)),
        ).state[-1]
        for dt in (0.08, 0.04, 0.02, 0.00125)
    ]
    errors = [np.abs(end - ends[-1]).max() for end in ends[:-1]]
    assert errors[0] > 1.8 * errors[1] > 3.0 * errors[2] > 1e-6


def test_saturated_dendrite_stops_at_s_max():
    """Held at half a flux quantum without leak, s ends at i_b - i_th(1/2)."""
    held = dataclasses.replace(dendrite(flux_offset=0.5), gamma_minus=0.0)
    net = network([(Neuron(held, 1e9, 10.0), 1)], 0, [])
    trace = simulate_spikes(net, [], duration_ns=300.0, dt_ns=0.005, record=everything(net))
    assert trace.state[-1, 0] == pytest.approx(largest_state(TABLE, 1.8), abs=1e-4)
    assert largest_state(TABLE, 1.8) == pytest.approx(1.8 - 1.04716, abs=1e-4)


def test_soma_is_held_for_the_absolute_refractory_time():
    """A soma under constant drive: periodic spikes, zero for 10 ns after each, the crossing itself kept on record."""
    net = network([(point_neuron(refractory=False, flux_offset=0.45), 1)], 0, [])
    trace = simulate_spikes(net, [], duration_ns=200.0, dt_ns=0.05, record=everything(net))
    assert len(trace.spikes_ns) > 10
    assert np.ptp(np.diff(trace.spikes_ns)) <= 0.05 * 1.001
    state = trace.state[:, 0]
    for spike in trace.spikes_ns:
        at = round(spike / 0.05)
        assert state[at] >= 0.3 > state[at - 1]
        assert not state[at + 1 : at + 201].any()
        assert at + 201 >= len(state) or state[at + 201] > 0


def test_refractory_dendrite_slows_the_neuron():
    rates = []
    for coupling in (0.0, -0.3, -0.63):
        net = network([(point_neuron(coupling=coupling, flux_offset=0.4), 1)], 0, [])
        rates.append(len(simulate_spikes(net, [], duration_ns=2000.0).spikes_ns))
    assert rates[0] > 1.5 * rates[1] > 1.5 * rates[2] > 0


def test_threshold_flux_inverts_the_threshold():
    for current in (1.1, 1.6, 1.99):
        assert TABLE.threshold(threshold_flux(TABLE, current)) == pytest.approx(current, abs=1e-10)
    with pytest.raises(SimulationError, match=r"between 1\.047 and 2"):
        threshold_flux(TABLE, 2.1)
    with pytest.raises(SimulationError, match="never runs"):
        refractory_coupling(TABLE, threshold=0.3, bias_current=1.8, refractory_bias_current=1.0)


def test_tree_in_any_shape():
    names = tree_neuron().places
    assert names == ("soma", "refractory", "left", "right", "l1", "far")
    arrays = network([(point_neuron(), 2), (tree_neuron(), 2)], 0, []).arrays
    np.testing.assert_array_equal(arrays.parent, [-1, 0, -1, 2, -1, 4, 4, 4, 6, 8, -1, 10, 10, 10, 12, 14])
    with pytest.raises(SimulationError, match=r"'left'.*own name"):
        point_neuron(branches=(dendrite("left"), dendrite("left")))


# --- light -----------------------------------------------------------------------------------------------------------


def test_photon_delays_are_honoured():
    """The response begins exactly a path's delay after the spike; 0.5 ns and 7.3 ns to the same neuron."""
    pairs = links([(2, 0, 0), (0, 1, 0), (0, 1, 0)], delay_ns=np.array([0.0, 0.5, 7.3]))
    net = network([(point_neuron(), 1), (point_neuron(threshold=1e9), 1)], 1, [pairs])
    trace = simulate_spikes(net, [[10.0]], duration_ns=100.0, dt_ns=0.05, record=everything(net))
    spike = trace.train_ns(0)[0]
    assert 10.0 < spike < 12.0
    for synapse, delay in ((3, 0.5), (4, 7.3)):
        later = trace.t_ns > spike + delay + 0.06
        expected = RESPONSE.flux(trace.t_ns[later] - spike - delay)
        np.testing.assert_allclose(trace.synapse_flux[later, synapse], expected, rtol=1e-9)
        assert not trace.synapse_flux[trace.t_ns <= spike + delay, synapse].any()


def test_part_of_the_spikes_brings_no_photon():
    """P(no photon) = exp(-n): 16.5 % at 1.8 photons (docs/hardware.md)."""
    n, photons = 20_000, 1.8
    net = network(
        [(point_neuron(1e9, refractory=False), n)],
        1,
        [links([(n, k, 0) for k in range(n)], photons=photons, tau_rad_ns=1.0)],
    )
    trace = simulate_spikes(net, [[0.0]], duration_ns=40.0, read_seed=1)
    missed = 1 - trace.detections / n
    assert missed == pytest.approx(math.exp(-photons), abs=4 * math.sqrt(0.165 * 0.835 / n))


def test_photon_delays_have_the_distribution_of_the_source():
    """First detection of a mean number n: P(later than t) = exp(-n (1 - exp(-t / tau)))."""
    photons, tau = 3.0, 40.0
    draws = np.array([photon_delay(0.0, photons, tau, unit_exponential(5, k, 0)) for k in range(20_000)])
    for t in (2.0, 10.0, 30.0, 200.0):
        expected = math.exp(-photons * (1 - math.exp(-t / tau)))
        assert np.mean(draws > t) == pytest.approx(expected, abs=0.014)
    # all photons of a spike: their number is Poisson(n), their mean delay is tau
    counts, delays = [], []
    for k in range(4000):
        t, count = photon_delay(0.0, photons, tau, unit_exponential(6, k, 0)), 0
        while t < math.inf:
            count += 1
            delays.append(t)
            t = photon_delay(t, photons, tau, unit_exponential(6, k, count))
        counts.append(count)
    assert np.mean(counts) == pytest.approx(photons, abs=0.1)
    assert np.var(counts) == pytest.approx(photons, rel=0.1)
    assert np.mean(delays) == pytest.approx(tau, rel=0.03)


def test_late_photons_of_a_slow_source_are_detected_again():
    """With tau_rad 40 ns and a detector that is live again after 5 ns, one spike begins several responses."""
    quick = Receiver(dataclasses.replace(RESPONSE, dead_time_ns=5.0))
    n, photons, tau, dead = 2000, 10.0, 40.0, 5.0
    net = network(
        [(point_neuron(1e9, refractory=False), n)],
        1,
        [links([(n, k, 0) for k in range(n)], quick, photons=photons, tau_rad_ns=tau)],
    )
    mean = simulate_spikes(net, [[0.0]], duration_ns=600.0, read_seed=1).detections / n
    # independent simulation: all photons, then the dead time
    rng = np.random.default_rng(0)
    expected = []
    for _ in range(2000):
        last, count = -math.inf, 0
        for t in np.sort(rng.exponential(tau, rng.poisson(photons))):
            if t - last >= dead:
                last, count = t, count + 1
        expected.append(count)
    assert mean == pytest.approx(np.mean(expected), abs=0.15)
    assert mean > 3


@pytest.mark.parametrize(("photons", "tau_rad_ns"), [(3.0, 0.0), (8.0, 0.0), (8.0, 30.0), (2.0, 1.0), (2000.0, 0.5)])
def test_photons_are_those_of_their_delays(photons, tau_rad_ns):
    """Each of three spikes, drawn one by one by `photon_delay`: no short cut of the kernel changes a number."""
    receiver = Receiver(dataclasses.replace(RESPONSE, dead_time_ns=20.0))
    silent = point_neuron(threshold=1e9, refractory=False)
    light = links([(1, 0, 0)] * 300, receiver, photons=photons, tau_rad_ns=tau_rad_ns, delay_ns=0.25)
    net = network([(silent, 1)], 1, [light])
    spikes, expected = (1.0, 41.2, 300.0), 0
    trace = simulate_spikes(net, [spikes], duration_ns=900.0, read_seed=9, record=everything(net, every=9000))
    for k in range(300):
        waiting, last, draws = [(t + 0.25, t + 0.25, True) for t in spikes], -math.inf, 0
        while waiting:
            t, origin, sent = waiting.pop(0)
            if not sent:
                if t - last >= 20.0:
                    last, expected = t, expected + 1
                if tau_rad_ns == 0.0:
                    continue
                after = max(t, last + 20.0) - origin
            delay = photon_delay(0.0 if sent else after, photons, tau_rad_ns, unit_exponential(9, k, draws))
            draws += 1
            if delay < math.inf:
                waiting = sorted([*waiting, (origin + delay, origin, False)])
    assert trace.detections == expected
    assert expected > 300


def test_dark_counts_come_at_their_rate():
    """A detector with dead time d counts r / (1 + r d)."""
    n, rate = 200, 0.02
    net = network([(point_neuron(1e9, refractory=False), n)], 1, [])
    dark = Receiver(RESPONSE, dark_counts_per_ns=rate)
    net = network([(point_neuron(1e9, refractory=False), n)], 1, [links([(n, k, 0) for k in range(n)], dark)])
    trace = simulate_spikes(net, [[]], duration_ns=5000.0, read_seed=4)
    expected = n * 5000.0 * rate / (1 + rate * 50.0)
    assert trace.detections == pytest.approx(expected, rel=0.02)
    assert simulate_spikes(net, [[]], duration_ns=5000.0).detections == 0


def test_without_noise_the_light_is_not_flattered():
    net = one_synapse(photons=1.8, tau_rad_ns=1.0)
    with pytest.raises(SimulationError, match=r"16\.5% of the spikes do not reach it; give a read seed"):
        simulate_spikes(net, [[1.0]], duration_ns=10.0)
    bright = one_synapse(photons=10.0, tau_rad_ns=1.0)
    trace = simulate_spikes(bright, [[1.0]], duration_ns=10.0, record=everything(bright))
    late = trace.t_ns > 2
    np.testing.assert_allclose(trace.synapse_flux[late, 0], RESPONSE.flux(trace.t_ns[late] - 1.1), rtol=1e-9)


def test_random_numbers_are_mixed_as_published():
    """SplitMix64 from the seed 1234567: its first outputs, mix(seed + k golden) for k from 1 (Steele, Lea, Flood)."""
    golden = 0x9E3779B97F4A7C15
    states = [np.uint64((1234567 + k * golden) % 2**64) for k in range(1, 6)]
    assert [int(np.uint64(mix(state))) for state in states] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_queue_gives_arrivals_in_order():
    rng = np.random.default_rng(0)
    times = rng.integers(0, 50, 300).astype(float)
    queue, size = (np.empty(300), np.empty(300), np.empty(300, np.int64)), 0
    for edge, t in enumerate(times):
        size = push(queue, size, t, -t, edge)
    found = []
    while size:
        found.append((queue[0][0], int(queue[2][0])))
        assert queue[1][0] == -queue[0][0]
        size = drop_first(queue, size)
    assert found == sorted(zip(times, range(300), strict=True))


# --- seeds, records and refusals -----------------------------------------------------------------------------------


def same(a, b):
    return all(np.array_equal(x, b.arrays()[name]) for name, x in a.arrays().items())


def test_a_seed_decides_everything():
    net, inputs = busy(noise=True), poisson(12, 200.0)
    runs = [
        simulate_spikes(net, inputs, duration_ns=200.0, read_seed=seed, record=everything(net)) for seed in (3, 3, 4)
    ]
    assert same(runs[0], runs[1])
    assert not np.array_equal(runs[0].state, runs[2].state)
    with ThreadPoolExecutor(2) as pool:
        for other in pool.map(
            lambda _: simulate_spikes(net, inputs, duration_ns=200.0, read_seed=3, record=everything(net)), range(2)
        ):
            assert same(runs[0], other)


def test_small_buffers_change_nothing(monkeypatch):
    """The engine enlarges its queue, empties its spike buffer and pauses to look, wherever that falls."""
    net, inputs = busy(noise=True), poisson(12, 200.0, per_ns=0.1)
    whole = simulate_spikes(net, inputs, duration_ns=200.0, read_seed=3, record=everything(net))
    engine = sys.modules["soensim.simulation.spiking.engine"]
    monkeypatch.setattr(engine, "_SPIKE_BUFFER", 1)
    monkeypatch.setattr(engine, "_LOOK_EVERY", 300)
    seen = []
    parts = simulate_spikes(
        net, inputs, duration_ns=200.0, read_seed=3, record=everything(net), progress=lambda *now: seen.append(now)
    )
    assert same(whole, parts)
    assert seen[-1] == (2000, 2000)
    assert len(seen) > 50


def test_the_last_input_spike_counts():
    """Also one in the very last step, and one whose light is still under way when the run ends."""
    net = one_synapse()
    assert simulate_spikes(net, [[10.0]], duration_ns=10.0).detections == 1
    assert simulate_spikes(net, [[9.99]], duration_ns=9.99, dt_ns=0.1).detections == 1
    late = simulate_spikes(one_synapse(delay_ns=5.0), [[1.0, 9.0]], duration_ns=10.0)
    assert (late.detections, late.under_way) == (1, 1)
    with pytest.raises(SimulationError, match=r"a spike at 10\.1 ns is outside .* simulate longer"):
        simulate_spikes(net, [[10.1]], duration_ns=10.0)


def test_records_are_time_major_and_sparse():
    net = busy()
    inputs = poisson(12, 100.0)
    full = simulate_spikes(net, inputs, duration_ns=100.0, record=everything(net))
    few = simulate_spikes(net, inputs, duration_ns=100.0, record=Recording([4, 1], [2], 10))
    assert few.state.shape == (101, 2)
    assert few.synapse_flux.shape == (101, 1)
    np.testing.assert_array_equal(few.state, full.state[::10, [4, 1]])
    np.testing.assert_array_equal(few.flux, full.flux[::10, [4, 1]])
    np.testing.assert_array_equal(few.t_ns, full.t_ns[::10])
    np.testing.assert_array_equal(few.spikes_ns, full.spikes_ns)
    none = simulate_spikes(net, inputs, duration_ns=100.0)
    assert none.state.shape == (1001, 0)
    np.testing.assert_array_equal(none.spikes_ns, full.spikes_ns)
    np.testing.assert_allclose(none.rate_mhz.sum() * 100.0 / 1e3, len(none.spikes_ns))
    assert len(none.train_ns(1)) == (none.spike_neuron == 1).sum()
    assert net.dendrites("p0", "l1").tolist() == [4, 10, 16]


def test_a_record_too_large_says_how_often_to_record(monkeypatch):
    """A row holds the state and the flux of each dendrite and the response of each synapse, 8 bytes each."""
    net = network([(point_neuron(), 2)], 1, [links([(2, 0, 0)])])
    assert (net.arrays.dendrites, net.arrays.synapses) == (4, 3)
    trace = sys.modules[Recording.__module__]
    monkeypatch.setattr(trace, "_MAX_RECORD_BYTES", 101 * 11 * 8)
    assert simulate_spikes(net, [[1.0]], duration_ns=10.0, dt_ns=0.1, record=everything(net)).state.shape == (101, 4)
    monkeypatch.setattr(trace, "_MAX_RECORD_BYTES", 101 * 11 * 8 - 1)
    with pytest.raises(SimulationError, match=r"101 rows of 11 variables need 0\.0 GiB.* or every 2 steps"):
        simulate_spikes(net, [[1.0]], duration_ns=10.0, dt_ns=0.1, record=everything(net))
    simulate_spikes(net, [[1.0]], duration_ns=10.0, dt_ns=0.1, record=everything(net, every=2))


def test_a_record_has_at_most_4_gib():
    columns = 2**20
    assert Recording().rows(511, 1, columns) == 512
    assert Recording().rows(1023, 2, columns) == 512
    with pytest.raises(SimulationError, match=r"513 rows .* need 4\.0 GiB, the limit is 4; .* or every 2 steps"):
        Recording().rows(512, 1, columns)
    with pytest.raises(SimulationError, match=r"every is 0; it must be 1 or more"):
        Recording().rows(512, 0, columns)


def test_trace_round_trips(tmp_path):
    net = busy()
    trace = simulate_spikes(net, poisson(12, 50.0), duration_ns=50.0, record=everything(net))
    trace.save(tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as file:
        for name, array in trace.arrays().items():
            np.testing.assert_array_equal(file[name], array)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dt_ns": 0.2}, r"gamma_plus must be at most 0\.2, so 0\.1612 ns or less"),
        ({"dt_ns": 0.0}, "positive finite"),
        ({"dt_ns": -0.1}, "positive finite"),
        ({"dt_ns": math.nan}, "positive finite"),
        ({"duration_ns": -1.0}, "positive finite"),
        ({"duration_ns": math.inf}, "positive finite"),
        (
            {"integrator": "foward-euler"},
            "no integrator 'foward-euler'; there are forward-euler, exponential-euler",
        ),
        ({"read_seed": 1}, "nothing random"),
        ({"read_seed": -1}, "0 or more"),
        ({"inputs": []}, "1 input channels, one train each"),
        ({"inputs": [[-1.0]]}, "outside"),
        ({"inputs": [[math.nan]]}, "finite times"),
        ({"inputs": [[[1.0]]]}, "flat list"),
        ({"record": Recording([2])}, "0 to 0"),
        ({"record": Recording([0.5])}, "whole numbers"),
        ({"record": Recording(every=0)}, "1 or more"),
    ],
)
def test_refusals(settings, message):
    settings = {"inputs": [[1.0]], "duration_ns": 10.0, **settings}
    inputs = settings.pop("inputs")
    with pytest.raises(SimulationError, match=message):
        simulate_spikes(one_synapse(), inputs, **settings)


def test_every_limit_of_the_step_is_found():
    def limit(neuron, receiver=RECEIVER, integrator="forward-euler"):
        arrays = network([(neuron, 1)], 1, [links([(1, 0, 0)], receiver)]).arrays
        return largest_step(arrays, tau_0_ns=TAU_0_NS, integrator=integrator)

    plain = point_neuron(refractory=False)
    assert limit(plain)[0] == pytest.approx(0.2 * 200 * np.pi * TAU_0_NS)
    leaky = Neuron(dataclasses.replace(plain.soma, gamma_minus=TAU_0_NS / 0.05), 0.3, 10.0)
    assert limit(leaky)[0] == pytest.approx(0.05)
    assert limit(leaky, integrator="exponential-euler") == limit(plain)
    short = SynapseResponse(0.5, 0.02, 0.3, 0.06, 4.0, 1.0)
    assert limit(plain, Receiver(short))[0] == pytest.approx(0.06)
    assert limit(Neuron(plain.soma, 0.3, 0.02))[0] == pytest.approx(0.02)


def test_divergence_is_an_error():
    net = one_synapse()
    wild = dataclasses.replace(net, arrays=net.arrays._replace(efficacy=np.array([1e308])))
    wild = dataclasses.replace(wild, arrays=wild.arrays._replace(bias_current=np.array([1e308])))
    with pytest.raises(SimulationError, match="diverges before step"):
        simulate_spikes(wild, [[1.0]], duration_ns=10.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau_fall_ns": 0.01}, "tau_rise_ns 0.02 must be below"),
        ({"phi_peak": -0.5}, "phi_peak is -0.5"),
        ({"cut_ns": 0.05}, "must be below cut_ns"),
        ({"dead_time_ns": -1.0}, "dead_time_ns is -1"),
        ({"hotspot_ns": math.nan}, "hotspot_ns is nan"),
    ],
)
def test_synapse_refuses_nonsense(change, message):
    with pytest.raises(SimulationError, match=message):
        dataclasses.replace(RESPONSE, **change)


@pytest.mark.parametrize(
    ("pairs", "settings", "message"),
    [
        ([(2, 0, 0)], {}, "2 emitters"),
        ([(0, 1, 0)], {}, "1 neurons"),
        ([(0, 0, 1)], {}, "does not have"),
        ([(0, 0, 0)], {"delay_ns": -1.0}, "delay_ns must be finite"),
        ([(0, 0, 0)], {"photons": 0.0}, "photons must be positive"),
        ([(0, 0, 0)], {"efficacy": math.inf}, "efficacy"),
        ([(0, 0, 0)], {"receiver": Receiver(RESPONSE, -1.0)}, "dark counts"),
    ],
)
def test_links_refuse_nonsense(pairs, settings, message):
    with pytest.raises(SimulationError, match=message):
        network([(point_neuron(refractory=False), 1)], 1, [links(pairs, **settings)])


@pytest.mark.parametrize(
    "change",
    [{"gamma_plus": 0.0}, {"gamma_plus": -1.0}, {"gamma_minus": -1e-9}, {"bias_current": math.nan},
     {"flux_offset": math.inf}, {"coupling": math.nan}],
)  # fmt: skip
def test_dendrites_refuse_nonsense(change):
    leaf = dataclasses.replace(dendrite("leaf"), **change)
    with pytest.raises(SimulationError, match=r"gains must be positive, leaks 0 or more, and .* finite"):
        network([(point_neuron(branches=(leaf,)), 1)], 0, [])
    still = dataclasses.replace(dendrite("leaf"), gamma_minus=0.0)
    assert network([(point_neuron(branches=(still,)), 1)], 0, []).arrays.gamma_minus[2] == 0


def test_a_neuron_that_does_not_exist_has_no_spikes():
    trace = simulate_spikes(one_synapse(), [[1.0]], duration_ns=2.0)
    assert trace.train_ns(0).tolist() == []
    for neuron in (-1, 1):
        with pytest.raises(SimulationError, match=f"no neuron {neuron}; there are 1, counted from 0"):
            trace.train_ns(neuron)


def test_unknown_parameters_are_refused():
    with pytest.raises(TypeError, match="gama_plus"):
        dendrite(gama_plus=1.0)
    with pytest.raises(TypeError, match="tau"):
        Links(np.array([0]), np.array([0]), np.array([0]), RECEIVER, tau_raid_ns=1.0)
    with pytest.raises(SimulationError, match="threshold is -1"):
        point_neuron(threshold=-1)


def test_a_large_network_fits_into_memory():
    """100,000 dendrites with 110,000 synapses, built and run, in less than 200 MB on top of an empty Python."""
    leaves = tuple(dendrite(f"l{k}", 250.0, coupling=0.1) for k in range(8))
    neuron, n = point_neuron(branches=leaves), 10_000
    simulate_spikes(one_synapse(), [[0.5]], duration_ns=1.0)  # compile before memory is watched
    tracemalloc.start()
    between = [np.arange(10 * n) % n, np.arange(10 * n) * 7 % n, 2 + np.arange(10 * n) % 8]
    light = Links(*between, RECEIVER, delay_ns=1.0, photons=9.0, tau_rad_ns=1.0)
    net = network([(neuron, n)], 0, [light])
    trace = simulate_spikes(net, [], duration_ns=1.0, read_seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (net.arrays.dendrites, net.arrays.synapses) == (100_000, 110_000)
    assert trace.neurons == n
    assert 20e6 < peak < 200e6
