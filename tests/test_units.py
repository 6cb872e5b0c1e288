"""Constants, scales and conversions against published numbers, and round trips."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soensim import units
from soensim.errors import TechnologyError
from soensim.units import Junction

JUNCTION = Junction(critical_current_a=1e-4, gamma_c_f_per_a=1.5e-9, beta_c=0.3)
# Two roundings there, two back: four half-ulps at the worst.
ROUND_TRIP = 4.5e-16

PAIRS = [
    ("tau_from_seconds", "seconds_from_tau"),
    ("gamma_from_per_second", "per_second_from_gamma"),
    ("gamma_minus_from_tau_di_seconds", "tau_di_seconds_from_gamma_minus"),
    ("current_from_amperes", "amperes_from_current"),
    ("beta_from_henries", "henries_from_beta"),
    ("gamma_plus_from_henries", "henries_from_gamma_plus"),
    ("alpha_from_ohms", "ohms_from_alpha"),
    ("g_from_volts", "volts_from_g"),
    ("g_from_fluxon_rate", "fluxon_rate_from_g"),
]


def test_flux_quantum_is_the_codata_value() -> None:
    flux_quantum_wb = units.FLUX_QUANTUM_WB
    assert flux_quantum_wb == pytest.approx(2.067833848e-15, rel=5e-10)


def test_scales_are_those_of_numbers_md() -> None:
    assert JUNCTION.capacitance_f == pytest.approx(150e-15)
    assert JUNCTION.shunt_resistance_ohm == pytest.approx(2.565564, rel=1e-6)
    assert JUNCTION.omega_c_per_s == pytest.approx(7.79556e11, rel=1e-6)
    assert JUNCTION.tau_0_s == pytest.approx(1.2827821e-12, rel=1e-7)
    assert JUNCTION.voltage_scale_v == pytest.approx(256.556e-6, rel=2e-6)
    assert JUNCTION.thermal_noise(4.2) == pytest.approx(1.76e-3, rel=2e-3)


def test_beta_c_is_recovered_from_the_derived_elements() -> None:
    beta_c = (
        2 * math.pi * JUNCTION.critical_current_a * JUNCTION.shunt_resistance_ohm**2 * JUNCTION.capacitance_f
    ) / units.FLUX_QUANTUM_WB
    assert beta_c == pytest.approx(0.3, rel=1e-14)


def test_published_trap_of_a_stored_shunt_resistance() -> None:
    """A code constant r_jj = 1.2191 Ohm would mean beta_c = 0.068: nothing derivable is stored here."""
    implied = 0.3 * (1.2191 / JUNCTION.shunt_resistance_ohm) ** 2
    assert implied == pytest.approx(0.068, abs=5e-4)
    assert Junction(1e-4, 1.5e-9, implied).shunt_resistance_ohm == pytest.approx(1.2191)


def test_known_conversions() -> None:
    assert JUNCTION.tau_from_seconds(1e-9) == pytest.approx(779.5556, rel=1e-7)
    assert JUNCTION.henries_from_beta(math.pi / 2) == pytest.approx(5.17e-12, rel=1e-3)
    # One fluxon adds 2 pi / beta_di I_c; a loop of beta_di = 2 pi 100 holds one Phi_0 at 0.01 I_c.
    inductance = JUNCTION.henries_from_beta(2 * math.pi * 100)
    assert inductance * 0.01 * JUNCTION.critical_current_a == pytest.approx(units.FLUX_QUANTUM_WB)
    assert JUNCTION.gamma_plus_from_henries(inductance) == pytest.approx(1 / (2 * math.pi * 100))


@pytest.mark.parametrize(("forward", "backward"), PAIRS)
@given(value=st.floats(1e-15, 1e15))
def test_round_trips(forward: str, backward: str, value: float) -> None:
    there_and_back = getattr(JUNCTION, backward)(getattr(JUNCTION, forward)(value))
    assert there_and_back == pytest.approx(value, rel=ROUND_TRIP)


@pytest.mark.parametrize(("forward", "backward"), PAIRS)
def test_arrays_convert_like_scalars(forward: str, backward: str) -> None:
    values = np.array([1e-3, 0.5, 7.0])
    for name in (forward, backward):
        method = getattr(JUNCTION, name)
        np.testing.assert_array_equal(method(values), [method(float(v)) for v in values])


def test_flux_round_trip() -> None:
    assert units.flux_from_webers(units.webers_from_flux(0.23)) == pytest.approx(0.23, rel=ROUND_TRIP)


@pytest.mark.parametrize("field", ["critical_current_a", "gamma_c_f_per_a", "beta_c"])
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, "1", True])
def test_junction_refuses_what_is_not_positive(field: str, bad: object) -> None:
    with pytest.raises(TechnologyError, match=field):
        Junction(**{"critical_current_a": 1e-4, "gamma_c_f_per_a": 1.5e-9, "beta_c": 0.3, field: bad})


@pytest.mark.parametrize(
    ("name", "value", "to", "expected"),
    [
        ("gamma_minus", 1e-3, "tau_ns", 1.2827821),
        ("tau_ns", 250.0, "gamma_minus", 5.1311e-6),
        ("tau", 779.5556, "t_ns", 1.0),
        ("beta_di", 2 * math.pi * 100, "inductance_nh", 2.0678338),
        ("gamma_plus", 1 / (2 * math.pi * 100), "inductance_nh", 2.0678338),
        ("gamma_plus", 1e-3, "rate_per_ns", 0.7795556),
        ("bias_current", 1.7, "current_ua", 170.0),
        ("alpha", 1.0, "r_ohm", 2.565564),
        ("g", 1.0, "v_uv", 256.556),
        ("g", 1.0, "fluxons_ghz", 124.07),  # omega_c / 2 pi
        ("flux", 1.0, "flux_wb", 2.067833848e-15),
        ("t_ns", 1.0, "t_ps", 1000.0),
    ],
)
def test_convert_by_name(name: str, value: float, to: str, expected: float) -> None:
    converted = units.convert(name, value, to, JUNCTION)
    assert converted == pytest.approx(expected, rel=2e-5)
    assert units.convert(to, converted, name, JUNCTION) == pytest.approx(value, rel=2 * ROUND_TRIP)
    np.testing.assert_allclose(units.convert(name, np.array([value, 2.0]), to, JUNCTION)[0], converted)


def test_convert_to_itself_changes_nothing() -> None:
    assert units.convert("phi", 0.1, "flux", JUNCTION) == 0.1


@pytest.mark.parametrize(
    ("name", "to", "message"),
    [
        ("gama_minus", "tau_ns", "gamma_minus"),
        ("gamma_minus", "tau_parsec", "unknown quantity 'tau_parsec'"),
        ("flux", "current_ua", "do not convert"),
    ],
)
def test_convert_refuses(name: str, to: str, message: str) -> None:
    with pytest.raises(TechnologyError, match=message):
        units.convert(name, 1.0, to, JUNCTION)


@pytest.mark.parametrize(
    ("name", "to", "negative"),
    [
        ("inductance_nh", "beta_di", "an inductance"),
        ("r_ohm", "alpha", "a resistance"),
        ("gamma_minus", "tau_ns", "a "),
    ],
)
def test_one_negative_value_of_many_is_refused(name: str, to: str, negative: str) -> None:
    with pytest.raises(TechnologyError, match=f"{name} is .*{negative}.* is not negative"):
        units.convert(name, np.array([1.0, -1e-9, 2.0]), to, JUNCTION)
    assert (units.convert(name, np.array([1.0, 2.0]), to, JUNCTION) > 0).all()
    assert units.convert("flux", -0.5, "flux_wb", JUNCTION) < 0  # a flux has a sign


def test_what_is_beyond_the_range_of_numbers_is_refused() -> None:
    with np.errstate(over="ignore"), pytest.raises(TechnologyError, match="as flux it is beyond the range of numbers"):
        units.convert("flux_wb", np.array([1.0, 1e300]), "flux", JUNCTION)
    with pytest.raises(TechnologyError, match="gamma_minus = 0 has no tau_ns"):
        units.convert("gamma_minus", np.array([1e-3, 0.0]), "tau_ns", JUNCTION)


def test_reciprocal_of_zero_is_an_error() -> None:
    with pytest.raises(TechnologyError, match="infinite"):
        units.convert("gamma_minus", 0.0, "tau_ns", JUNCTION)
