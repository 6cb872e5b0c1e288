"""The second model: exact where it claims to be, and its error where it is not."""

import dataclasses

import numpy as np
import pytest
import scipy.integrate
from spiking_problems import RECEIVER, RESPONSE, TABLE, dendrite, links, network, point_neuron

from soensim.errors import SimulationError
from soensim.simulation.spiking import Recording, simulate_spikes
from soensim.simulation.spiking.rate import mean_flux, neuron_source, spike_interval

SOMA = {"threshold": 0.3, "held_ns": 10.0}


@pytest.mark.parametrize("flux", [0.32, 0.35, 0.4, 0.5])
def test_interval_of_a_soma_alone_is_the_engines(flux):
    """Spikes fall on step ends: the engine's mean interval is at most a step longer."""
    predicted = spike_interval(dendrite(), TABLE, flux=flux, **SOMA)
    measured = 1 / neuron_source(point_neuron(refractory=False), TABLE, [flux], dt_ns=0.01, duration_ns=1000.0)[0]
    assert -1e-3 < measured - predicted < 0.011


def test_a_soma_that_comes_to_rest_below_threshold_is_silent():
    assert spike_interval(dendrite(), TABLE, flux=0.3, **SOMA) == np.inf
    assert spike_interval(dendrite(), TABLE, flux=0.0, **SOMA) == np.inf
    assert neuron_source(point_neuron(), TABLE, [0.0, 0.3]).tolist() == [0.0, 0.0]


def test_the_rate_is_that_of_the_second_half_of_a_run():
    """Against the spikes of the engine: those of the first half, while the refractory dendrite fills, are left out."""
    neuron, flux, duration = point_neuron(flux_offset=0.1), 0.35, 600.0
    found = neuron_source(neuron, TABLE, [0.0, flux], duration_ns=duration, dt_ns=0.05)
    driven = point_neuron(flux_offset=0.1 + flux)
    spikes = simulate_spikes(network([(driven, 1)], 0, []), [], duration_ns=duration, dt_ns=0.05).spikes_ns
    late = spikes[spikes > duration / 2]
    assert 2 < len(late) < len(spikes) - 2
    np.testing.assert_allclose(found, [0.0, 1 / np.diff(late).mean()], rtol=1e-12)
    assert np.diff(spikes).mean() != pytest.approx(np.diff(late).mean(), rel=1e-4)
    seen = spikes[spikes < 150.0]  # of a run of 150 ns, the second half has one spike: no interval
    assert (len(seen), (seen > 75.0).sum(), (seen > 50.0).sum()) == (3, 1, 2)
    assert neuron_source(neuron, TABLE, [flux], duration_ns=150.0, dt_ns=0.05).tolist() == [0.0]
    for bad in ([[0.1]], [np.nan], [0.1, np.inf]):
        with pytest.raises(SimulationError, match="the flux must be a list of finite numbers"):
            neuron_source(neuron, TABLE, bad)


def test_a_rate_is_measured_over_4_us_at_steps_of_50_ps(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "soensim.simulation.spiking.rate.simulate_spikes",
        lambda *given, **settings: (
            asked.append(settings) or simulate_spikes(*given, **settings | {"duration_ns": 10.0})
        ),
    )
    neuron_source(point_neuron(), TABLE, [0.1])
    assert asked == [{"duration_ns": 4000.0, "dt_ns": 0.05}]
    assert mean_flux(RESPONSE, 0.01) == mean_flux(RESPONSE, 0.01, efficacy=1.0)


def test_the_mean_flux_of_a_fast_train_is_that_of_the_spikes_that_are_seen():
    """A dead time of 50 ns: of spikes every 20 ns each third is seen; just 50 ns apart, all are."""
    for interval_ns, seen_ns in ((20.0, 60.0), (25.0, 50.0), (50.0, 50.0), (49.0, 98.0)):
        ages = (np.arange(400_000) + 0.5) * seen_ns / 400_000
        expected = 0.7 * RESPONSE.flux(ages).mean()
        assert mean_flux(RESPONSE, 1 / interval_ns, efficacy=0.7) == pytest.approx(expected, rel=1e-3)
    assert mean_flux(RESPONSE, 0.0) == 0.0


def test_static_flux_and_synaptic_flux_add():
    shifted = spike_interval(dendrite(flux_offset=0.1), TABLE, flux=0.3, **SOMA)
    assert shifted == pytest.approx(spike_interval(dendrite(), TABLE, flux=0.4, **SOMA), rel=1e-12)


def test_the_refractory_dendrite_slows_a_neuron_down_and_more_flux_speeds_it_up():
    alone, with_it = (neuron_source(point_neuron(refractory=r), TABLE, [0.35, 0.4, 0.45]) for r in (False, True))
    assert np.all(with_it < 0.5 * alone)
    assert np.all(np.diff(with_it) > 0)
    assert 1 / with_it[1] == pytest.approx(78.0, rel=0.02)  # of its limit cycle, at a step of 0.01 ns


@pytest.mark.parametrize("interval_ns", [20.0, 60.0, 130.0, 500.0])
def test_mean_flux_is_the_engines(interval_ns):
    """A regular train into a synapse: mean of the recorded flux over many whole periods."""
    net = network([(point_neuron(refractory=False, bias=1.2), 1)], 1, [links([(1, 0, 0)])])
    duration = 8000.0
    trains = [np.arange(0.0, duration, interval_ns)]
    trace = simulate_spikes(net, trains, duration_ns=duration, dt_ns=0.05, record=Recording(dendrites=[0]))
    measured = float(trace.flux[len(trace.flux) // 4 :].mean())
    assert mean_flux(RESPONSE, 1 / interval_ns) == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize("interval_ns", [60.0, 130.0])
def test_mean_flux_is_the_integral_of_a_response_over_a_period(interval_ns):
    response = dataclasses.replace(RESPONSE, tau_rise_ns=2.0)  # whose rise the points resolve
    end = min(interval_ns, response.cut_ns)
    flux = lambda age: float(response.flux(np.array([age]))[0])  # noqa: E731
    area, _ = scipy.integrate.quad(flux, 0, end, points=[response.tau_rise_ns], limit=400)
    assert mean_flux(response, 1 / interval_ns, efficacy=0.7) == pytest.approx(0.7 * area / interval_ns, rel=2e-5)


def test_a_slow_dendrite_follows_the_mean_within_a_tenth():
    """Neuron under constant flux -> dendrite of 2 us in the arbor of a silent neuron."""
    driver = point_neuron(flux_offset=0.4)
    slow = dendrite("slow", 2000.0, coupling=0.0)
    reader = point_neuron(refractory=False, bias=1.2, branches=(slow,))
    net = network([(driver, 1), (reader, 1)], 0, [links([(0, 1, 1)], RECEIVER, efficacy=0.6)])
    trace = simulate_spikes(net, [], duration_ns=20000.0, dt_ns=0.1, record=Recording(dendrites=[3]))
    measured = float(trace.state[len(trace.state) // 2 :].mean())
    rate = neuron_source(point_neuron(), TABLE, [0.4])[0]
    detected = mean_flux(RESPONSE, rate, efficacy=0.6)
    # between detections the dendrite only leaks: it integrates the drive above its threshold, not the mean flux
    ages = np.linspace(0, 1 / rate, 2001)
    flux = 0.6 * RESPONSE.flux(ages)
    drive = lambda s: (slow.gamma_plus * TABLE(flux, np.full_like(flux, slow.bias_current - s))).mean()  # noqa: E731
    low, high = 0.0, 1.5
    for _ in range(50):
        s = 0.5 * (low + high)
        low, high = (s, high) if drive(s) > slow.gamma_minus * s else (low, s)
    assert 0 < detected < 0.5
    assert measured == pytest.approx(s, rel=0.1)


def test_fluxes_that_are_not_finite_are_refused():
    with pytest.raises(SimulationError, match="finite numbers"):
        neuron_source(point_neuron(), TABLE, [0.1, np.nan])
