"""The SQUID: threshold, mean voltage, symmetries, exact limits, and refusals."""

import math
from pathlib import Path

import numpy as np
import pytest

from soensim.circuit import Device, mean_voltage, threshold
from soensim.circuit.squid import check_single_valued
from soensim.circuit.threshold_current import lobe
from soensim.errors import CircuitError
from soensim.technology import load_technology
from soensim.units import Junction

SHARED = Path(__file__).parents[1] / "shared"
if not SHARED.is_dir():
    SHARED = Path(__file__).parents[2] / "shared"
TOOLKIT = SHARED / "reference" / "toolkit_rate_table.npz"

DEVICE = Device.from_technology(load_technology("nist-2023"))
SKEWED = Device(DEVICE.junction, 1.0, 2.5)


def device(beta_c: float, beta_1: float, beta_2: float) -> Device:
    return Device(Junction(1e-4, 1.5e-9, beta_c), beta_1, beta_2)


def test_thresholds_of_numbers_md() -> None:
    np.testing.assert_allclose(
        threshold([0.0, 0.25, 0.5], math.pi / 2, math.pi / 2), [2.0, 1.63433, 1.04716], atol=5e-6
    )


@pytest.mark.parametrize("of", [DEVICE, SKEWED], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("phi", [0.0, 0.1, 0.25, 0.4, 0.47, 0.5, -0.3])
def test_threshold_against_the_dynamics(of: Device, phi: float) -> None:
    """The SQUID runs 3e-5 above the closed form and rests 3e-5 below it (target: 1e-4)."""
    i_th = threshold(phi, of.beta_1, of.beta_2)
    assert mean_voltage(of, phi, i_th + 3e-5) > 0.0
    assert mean_voltage(of, phi, i_th - 3e-5) == 0.0


def test_threshold_of_a_small_loop_is_the_interference_pattern() -> None:
    """For beta -> 0 the two junctions act as one: i_th = 2 |cos pi phi|."""
    phi = np.linspace(-1.0, 1.0, 41)
    np.testing.assert_allclose(threshold(phi, 1e-6, 1e-6), 2.0 * abs(np.cos(np.pi * phi)), atol=2e-6)


def test_threshold_symmetries() -> None:
    phi = np.linspace(-1.3, 1.4, 61)
    for beta_1, beta_2 in [(1.5, 1.5), (1.0, 2.5)]:
        i_th = threshold(phi, beta_1, beta_2)
        np.testing.assert_allclose(threshold(phi + 1.0, beta_1, beta_2), i_th, atol=1e-12)
        np.testing.assert_allclose(threshold(-phi, beta_2, beta_1), i_th, atol=1e-12)
        assert i_th.max() <= 2.0
    # The largest critical current sits where both junctions carry I_c: phi = (beta_1 - beta_2) / 2 pi.
    assert threshold((1.0 - 2.5) / (2 * math.pi), 1.0, 2.5) == pytest.approx(2.0, abs=1e-12)


def test_lobe_slope_is_its_derivative() -> None:
    phi, h = np.array([0.05, 0.2, 0.45]), 1e-6
    numerical = (lobe(phi + h, 3.0)[0] - lobe(phi - h, 3.0)[0]) / (2 * h)
    np.testing.assert_allclose(lobe(phi, 3.0)[1], numerical, rtol=1e-7)


def test_overdamped_junctions_in_step_have_a_closed_form() -> None:
    """At phi = 0 both junctions move together; for beta_c -> 0, g = sqrt((i/2)^2 - 1) exactly."""
    i = np.array([2.02, 2.2, 3.0, 5.0])
    exact = np.sqrt(0.25 * i**2 - 1.0)
    coarse, fine = (abs(mean_voltage(device(b, 1.5, 1.5), 0.0, i) - exact) for b in (4e-2, 2e-2))
    assert fine.max() < 5e-3
    # The deviation is of second order in beta_c v, not a constant: it falls as beta_c does.
    assert (fine < 0.6 * coarse).all()


@pytest.mark.parametrize(("phi", "i"), [(0.13, 2.1), (0.37, 1.7), (0.45, 1.6), (0.21, 4.0)])
def test_symmetries_of_the_mean_voltage(phi: float, i: float) -> None:
    g = mean_voltage(DEVICE, phi, i)
    for other_phi, other_i, sign in [(-phi, i, 1), (phi + 1, i, 1), (phi - 2, i, 1), (phi, -i, -1)]:
        assert mean_voltage(DEVICE, other_phi, other_i) == pytest.approx(sign * g, abs=1e-8)
    skewed = mean_voltage(SKEWED, phi, i)
    mirrored = Device(SKEWED.junction, SKEWED.beta_2, SKEWED.beta_1)
    assert mean_voltage(mirrored, -phi, i) == pytest.approx(skewed, abs=1e-8)
    assert mean_voltage(SKEWED, -phi, i) != pytest.approx(skewed, abs=1e-3)  # unequal arms: not even


def test_unequal_arms_are_a_shift_of_the_flux() -> None:
    """g(phi, i; beta_1, beta_2) = g(phi - (beta_1 - beta_2) i / 4 pi, i; equal arms of the same sum)."""
    i = np.array([1.5, 1.9, 2.4])
    equal = Device(SKEWED.junction, 1.75, 1.75)
    shifted = mean_voltage(equal, 0.3 - SKEWED.skew * i, i)
    np.testing.assert_allclose(mean_voltage(SKEWED, 0.3, i), shifted, atol=1e-8)


def test_mean_voltage_converges_with_the_step() -> None:
    phi, i = np.array([0.1, 0.3, 0.5]), np.array([2.1, 1.8, 1.4])
    exact = mean_voltage(DEVICE, phi, i, tolerance=1e-11)
    errors = [abs(mean_voltage(DEVICE, phi, i, tolerance=t) - exact).max() for t in (1e-4, 1e-6, 1e-8)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 1e-7  # the tolerance that tables are built with
    assert errors[2] < 2e-9


@pytest.mark.skipif(not TOOLKIT.exists(), reason="shared/reference is not here")
def test_mean_voltage_against_the_table_of_soen_toolkit() -> None:
    with np.load(TOOLKIT, allow_pickle=False) as table:
        i, phi, theirs = table["ib_list"], table["phi_array"], table["g_array"]
    rows, columns = np.nonzero(theirs > 0.05)
    pick = np.random.default_rng(0).choice(rows.size, 1500, replace=False)
    rows, columns = rows[pick], columns[pick]
    own = mean_voltage(DEVICE, phi[columns], i[rows])
    assert abs(own - theirs[rows, columns]).max() < 1e-4  # measured: 4.1e-5


def test_hysteretic_devices_are_refused() -> None:
    check_single_valued(device(0.7, 1.5, 1.5))
    with pytest.raises(CircuitError, match="hysteretic"):
        check_single_valued(device(1.2, 1.5, 1.5))


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan, "1"])
def test_device_refuses_bad_arms(bad: float) -> None:
    with pytest.raises(CircuitError, match="beta_2"):
        Device(DEVICE.junction, 1.5, bad)


def test_mean_voltage_refuses_what_is_not_finite() -> None:
    with pytest.raises(CircuitError, match="finite"):
        mean_voltage(DEVICE, math.nan, 1.0)
