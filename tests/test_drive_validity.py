"""Validity of the model under the drive of a chip: against the solvers of one dendrite, and by its symmetries."""

import math

import numpy as np
import pytest

from soensim.circuit import Device, Waveform, dendrite, drive_validity, phenomenological, source_table
from soensim.circuit.drive_validity import SampledDrive, circuit_states, flux_levels, model_states
from soensim.circuit.drive_validity import drive_validity as measure
from soensim.technology import load_technology

DEVICE = Device.from_technology(load_technology("nist-2023"))
TAU_PER_NS = float(DEVICE.junction.tau_from_seconds(1e-9))
YEAR1 = SampledDrive(1.9, 200 * math.pi, 1 / (1.6 * TAU_PER_NS), 0.16 * TAU_PER_NS)


def test_states_are_those_of_the_solvers_of_one_dendrite() -> None:
    flux = flux_levels()[:1]
    ends = 0.16 * np.arange(1, 9)
    corners = np.stack([ends - 0.16 + 1e-7, ends], 1).ravel()
    wave = Waveform(np.concatenate([[0.0], corners]), np.concatenate([[0.0], np.repeat(flux[0], 2)]))
    settings = {"t_ns": ends, "flux": wave, "beta_di": YEAR1.beta_di, "tau_di_ns": 1.6}
    bias = Waveform(np.zeros(1), np.array([1.9]))
    circuit = dendrite(DEVICE, bias_current=bias, tolerance=1e-9, **settings).state  # type: ignore[arg-type]
    part = 1.0 - DEVICE.beta_p / YEAR1.beta_di  # the model of a network leaves the arms out of the loop
    settings |= {"beta_di": part * YEAR1.beta_di, "tau_di_ns": part * 1.6}
    model = phenomenological(source_table(DEVICE), bias_current=bias, **settings)  # type: ignore[arg-type]
    np.testing.assert_allclose(circuit_states(DEVICE, YEAR1, flux)[0], circuit, atol=2e-5)
    np.testing.assert_allclose(model_states(DEVICE, YEAR1, flux)[0], model, atol=2e-5)


def test_chi_squared_is_that_of_all_states() -> None:
    flux = flux_levels()
    circuit, model = circuit_states(DEVICE, YEAR1, flux), model_states(DEVICE, YEAR1, flux)
    found = measure(DEVICE, YEAR1)
    assert found.chi_squared == ((model - circuit) ** 2).sum() / (circuit**2).sum()
    assert found.chi_squared == pytest.approx(3.2e-4, rel=0.05)
    assert found.faster == 1.0


def test_levels_are_spread_evenly_over_what_a_squid_tells_apart() -> None:
    flux = flux_levels()
    assert flux.shape == (16, 8)
    gaps = np.diff(np.sort(flux.ravel()), prepend=0.0, append=0.5)
    assert gaps.min() > 0.0
    assert gaps.max() < 2.5 * 0.5 / flux.size


def test_a_long_sample_counts_until_the_loop_is_at_rest() -> None:
    rest = SampledDrive(1.7, 600.0, 0.0, 6000.0)
    assert measure(DEVICE, SampledDrive(1.7, 600.0, 0.0, 1e9)) == measure(DEVICE, rest)
    leaky = SampledDrive(1.7, 600.0, 0.01, 1000.0)
    assert measure(DEVICE, SampledDrive(1.7, 600.0, 0.01, 1e9)) == measure(DEVICE, leaky)
    assert measure(DEVICE, SampledDrive(1.7, 600.0, 0.01, 999.0)) != measure(DEVICE, leaky)


def test_a_chip_that_is_too_slow_is_taken_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SampledDrive(1.9, 2000.0, 1e-4, 1000.0)
    exact = measure(DEVICE, slow)
    monkeypatch.setattr(drive_validity, "LONGEST", 250.0)
    measure.cache_clear()
    fast = measure(DEVICE, slow)
    assert fast.faster == 4.0
    monkeypatch.undo()
    measure.cache_clear()
    assert fast == drive_validity.DriveValidity(measure(DEVICE, SampledDrive(1.9, 500.0, 4e-4, 250.0)).chi_squared, 4.0)
    assert exact.chi_squared is not None
    assert fast.chi_squared is not None
    assert 4 * exact.chi_squared < fast.chi_squared < 64 * exact.chi_squared


def test_what_is_never_active_has_no_chi_squared() -> None:
    assert measure(DEVICE, SampledDrive(1.0, 600.0, 1e-3, 100.0)).chi_squared is None


def test_samples_are_solved_as_they_are_up_to_10_000_tau() -> None:
    loop = {"bias_current": 1.9, "beta_di": 1e5, "gamma_minus": 1e-6}
    for sample_tau, faster in ((10_000.0, 1.0), (25_000.0, 2.5)):
        assert measure(DEVICE, SampledDrive(sample_tau=sample_tau, **loop)).faster == faster


def test_steps_of_the_model_follow_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 a sample, or more: half the reciprocal of its fastest rate, 11 / beta_di + gamma_minus, is the longest."""
    calls = []
    monkeypatch.setattr("soensim.circuit._held_flux.held_states", lambda *given: calls.append(given))
    flux = flux_levels()[:2, :3]
    for sample_tau, beta_di, gamma_minus, steps in ((1.0, 100.0, 0.1, 64), (1000.0, 100.0, 0.2, 620)):
        states = model_states(DEVICE, SampledDrive(1.9, beta_di, gamma_minus, sample_tau), flux)
        given_flux, *given, arrays, filled = calls.pop()
        assert given == [steps, sample_tau / steps, (1.9, 1 / beta_di, gamma_minus)]
        assert (given_flux is flux, arrays is source_table(DEVICE).arrays, filled is states) == (True, True, True)
        assert states.shape == flux.shape
