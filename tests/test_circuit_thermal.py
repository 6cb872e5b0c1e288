"""Thermal noise: exact passage time, limits, and the noisy table against direct simulation."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from soensim.circuit import (
    Device,
    SourceTable,
    langevin,
    langevin_voltage,
    mean_voltage,
    source_table,
    table_builder,
)
from soensim.circuit.langevin import DEPTH, _fold, _rounded, passage_time, thermal_voltage
from soensim.commands.verbs import run_command
from soensim.errors import CircuitError
from soensim.technology import load_technology

DEVICE = Device.from_technology(load_technology("nist-2023"))


@pytest.fixture(scope="module")
def warm() -> SourceTable:
    return source_table(DEVICE, temperature_k=4.2)  # shipped


@pytest.mark.parametrize(("mu", "diffusion"), [(0.5, 0.3), (0.0, 0.1), (-0.3, 0.2), (2.0, 1e-3)])
def test_passage_time_against_its_integral(mu: float, diffusion: float) -> None:
    """T = sqrt(pi / D) int_0^inf exp(-(mu x + x^3 / 12) / D) x^(-1/2) dx, from the double integral of the MFPT."""
    value, _ = quad(lambda r: 2.0 * math.exp(-(mu * r**2 + r**6 / 12.0) / diffusion), 0.0, math.inf)
    integral = math.sqrt(math.pi / diffusion) * value
    assert float(passage_time(np.array(mu), diffusion)) == pytest.approx(integral, rel=1e-7)


def test_passage_time_without_noise_is_the_bottleneck_time() -> None:
    mu = np.array([0.01, 0.5, 30.0])
    np.testing.assert_allclose(passage_time(mu, 1e-9), math.pi / np.sqrt(mu), rtol=1e-5)


@pytest.mark.parametrize("of", [DEVICE, Device(DEVICE.junction, 1.0, 2.5)])
def test_cold_simulation_is_the_noise_free_voltage(of: Device) -> None:
    phi, i = np.array([0.1, 0.3, 0.5]), np.array([2.1, 1.8, 1.4])
    result = langevin_voltage(of, phi, i, temperature_k=0.0, duration=4e4)
    assert abs(result.g - mean_voltage(of, phi, i)).max() < 5e-4


def test_the_error_is_that_of_the_mean_of_four_parts(monkeypatch) -> None:
    """Each part lasts a quarter of the duration; the standard error is their standard deviation over sqrt(4)."""
    parts, seen = [0.1, 0.3, 0.2, 0.6, 1.0, 1.0, 1.0, 1.0], []

    def simulated(_phi, _i, squid, h, steps, _rng):
        seen.append((squid.noise, h * steps))
        return parts[len(seen) - 1]

    monkeypatch.setattr(langevin, "_simulate", simulated)
    found = langevin_voltage(DEVICE, [0.1, 0.2], 1.5, temperature_k=4.2, duration=4e3)
    np.testing.assert_allclose(found.g, [0.3, 1.0])
    np.testing.assert_allclose(found.error, [math.sqrt((0.04 + 0.01 + 0.09) / 3) / 2, 0.0])
    assert len(seen) == 8
    np.testing.assert_allclose(seen, [(DEVICE.junction.thermal_noise(4.2), 1e3)] * 8)


@pytest.mark.parametrize("of", [DEVICE, Device(DEVICE.junction, 1.0, 2.5)])
def test_the_rounded_threshold_is_noise_free_without_noise_and_far_above(of: Device) -> None:
    """Fluxes of the symmetric SQUID, which is that of unequal arms at phi + skew i."""
    phi = np.array([0.0, 0.1, 0.3, 0.5])
    i = _fold(phi, of.beta_sum).current[:, None] + np.array([1e-3, 0.01, 0.05, 0.2, 0.5])
    cold = mean_voltage(of, phi[:, None] + of.skew * i, i)
    np.testing.assert_allclose(_rounded(of, phi, i, 0.0), cold, rtol=0, atol=5e-5)  # measured: 2e-5
    noisy = _rounded(of, phi, i, of.junction.thermal_noise(4.2))
    np.testing.assert_allclose(noisy[:, 3:], cold[:, 3:], rtol=0, atol=1e-4)
    assert (noisy[:, 0] - cold[:, 0] > 0.02).all()


def test_the_table_corrects_the_rounded_threshold_by_what_simulations_found(monkeypatch) -> None:
    """What they exceed it by, as a function of flux and offset in widths: linear in the offset, zero at its start."""
    noise = DEVICE.junction.thermal_noise(4.2)
    width = noise ** (2 / 3)

    def excess(phi, i):
        offset = np.clip((i - _fold(phi, DEVICE.beta_sum).current[:, None]) / width, -DEPTH, 25.0)
        return (0.01 + 0.1 * phi[:, None] ** 3) * (offset + DEPTH)

    def simulated(device, phi, i, *, temperature_k):
        symmetric = (phi - device.skew * i)[:, 0]
        g = _rounded(device, symmetric, i, device.junction.thermal_noise(temperature_k)) + excess(symmetric, i)
        return langevin.NoisyVoltage(g, np.zeros(g.shape))

    monkeypatch.setattr(langevin, "langevin_voltage", simulated)
    phi = np.array([0.05, 0.2, 0.45])
    i = _fold(phi, DEVICE.beta_sum).current[:, None] + width * np.array([-5.0, -1.0, 0.3, 2.0, 10.0, 30.0])
    expected = _rounded(DEVICE, phi, i, noise) + excess(phi, i)
    np.testing.assert_allclose(thermal_voltage(DEVICE, phi, i, 4.2), expected, rtol=0, atol=1e-9)
    monkeypatch.setattr(langevin, "_rounded", lambda _device, _phi, i, _noise: np.full(i.shape, -1.0))
    assert (thermal_voltage(DEVICE, phi, i[:, :1], 4.2) >= 0).all()  # a mean voltage is not negative


@pytest.mark.parametrize("flux", [0.1, 0.25, 0.4])
def test_the_slow_motion_at_a_fold_is_that_of_the_squid(flux: float) -> None:
    """Near threshold a period is pi / sqrt(rate (i - i_c)), plus what stays finite (Strogatz 2015, section 4.3)."""
    fold = _fold(np.array([flux]), DEVICE.beta_sum)
    above = np.array([1e-4, 1e-3])
    g = mean_voltage(DEVICE, np.full(2, flux), fold.current[0] + above)
    rest = 2 * math.pi / g - math.pi / np.sqrt(fold.rate[0] * above)
    assert math.pi / math.sqrt(fold.rate[0] * above[0]) > 100
    assert abs(rest[1] - rest[0]) < 1


def test_a_noisy_table_begins_where_noise_no_longer_reaches(monkeypatch) -> None:
    """Its lower edge: DEPTH widths D^(2/3) of the rounding below the threshold."""
    asked = []

    def flat(_device, phi, i, _temperature_k):
        asked.append((phi, i))
        return np.full(i.shape, 0.1)

    monkeypatch.setattr(table_builder, "thermal_voltage", flat)
    table = table_builder.build_arrays(DEVICE, 2.0)
    ((phi, i),) = asked
    edge = source_table(DEVICE).threshold(phi) - DEPTH * DEVICE.junction.thermal_noise(2.0) ** (2 / 3)
    np.testing.assert_allclose(phi, np.arange(129) / 256, rtol=0, atol=1e-15)
    above = (2.5 - edge[-1]) * (np.arange(192, 0, -1) / 192) ** 2  # where g is smallest the table just ends at i_max
    np.testing.assert_allclose(i, edge[:, None] + above, rtol=0, atol=1e-6)  # of the table's threshold
    cold, z = source_table(DEVICE).arrays.beyond, np.arange(33) / 32
    np.testing.assert_allclose(table.beyond, cold + (0.25 * 2.5**2 - 0.1**2 - cold[:, -1:]) * z**2, rtol=0, atol=1e-9)


def test_noisy_table_against_direct_simulation(warm: SourceTable) -> None:
    """Fresh seed, points on both sides of the threshold; the table's own error is 5e-4 rms."""
    rng = np.random.default_rng(5)
    phi = rng.uniform(0.0, 0.5, 30)
    i = warm.threshold(phi) + rng.uniform(-0.06, 0.2, 30)
    result = langevin_voltage(DEVICE, phi, i, temperature_k=4.2, duration=1e5, read_seed=77)
    error = warm(phi, i) - result.g
    assert math.sqrt((error**2).mean()) < 1.2e-3
    assert abs(error).max() < 4e-3
    cold = source_table(DEVICE)(phi, i)
    assert math.sqrt(((cold - result.g) ** 2).mean()) > 5e-3  # without noise one would be far off


def test_noise_rounds_the_threshold_and_nothing_else(warm: SourceTable) -> None:
    cold = source_table(DEVICE)
    phi = np.linspace(0.0, 0.5, 26)
    i_th = cold.threshold(phi)
    assert (warm(phi, i_th - 0.02) > 1e-3).all()
    assert (warm(phi, i_th - 0.1) == 0.0).all()
    assert abs(warm(phi, i_th + 0.4) - cold(phi, i_th + 0.4)).max() < 2e-3
    grid_phi, grid_i = np.meshgrid(phi, np.linspace(0.9, 2.5, 400))
    slope = warm.gradient(grid_phi, grid_i)[1]
    assert slope.max() < 5.0  # diverges without noise
    assert slope.min() > -5e-3  # statistical noise of the table, far from threshold


def test_noise_is_repeatable_by_its_seed() -> None:
    one, two, other = (
        langevin_voltage(DEVICE, 0.3, 1.5, temperature_k=4.2, duration=4e3, read_seed=seed) for seed in (1, 1, 2)
    )
    assert one.g == two.g
    assert one.g != other.g
    assert one.error > 0.0


def test_refuses_negative_temperature() -> None:
    with pytest.raises(CircuitError, match="temperature_k"):
        langevin_voltage(DEVICE, 0.3, 1.5, temperature_k=-1.0)


def test_a_table_that_takes_long_is_announced_once(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("SOENSIM_CACHE", str(tmp_path))
    table_builder._cached.cache_clear()
    arrays = table_builder.read_table(*_shipped(4.2))
    monkeypatch.setattr(table_builder, "build_arrays", lambda *_: arrays)
    for told in ("soensim: solving the source function at 3.9 K, about half a minute; it is kept …\n", ""):
        assert run_command(["circuit", "--temperature-k", "3.9"]) == 0
        assert capsys.readouterr().err == told
        table_builder._cached.cache_clear()
    source_table(DEVICE, temperature_k=3.8)
    assert capsys.readouterr().err == ""  # from Python nothing is printed


def _shipped(temperature_k: float) -> tuple[Path, str]:
    key = table_builder.table_key(DEVICE, temperature_k)
    return table_builder._SHIPPED / f"{key}.npz", key
