"""Physical constants and the conversions between SI and the dimensionless units of SOEN circuits.

Currents are measured in I_c, fluxes in Phi_0, times in tau_0 = 1/omega_c, resistances in r_jj, voltages in
I_c r_jj. Inductances appear as beta = 2 pi L I_c / Phi_0. All of these scales follow from three junction
parameters (I_c, gamma_c, beta_c) and nothing else is stored (Shainline, Primavera, Khan, arXiv:2210.09976):

    c_j = gamma_c I_c,  r_jj = sqrt(beta_c Phi_0 / (2 pi c_j I_c)),  omega_c = 2 pi I_c r_jj / Phi_0

Each conversion is one multiplication or division by such a scale, so there and back again agrees to the last
one or two bits of a double. (No pair of roundings can do better for every number.)
"""

import difflib
import math
import sys
from dataclasses import dataclass, fields
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from soensim.errors import TechnologyError

# Exact since the 2019 redefinition of the SI; CODATA 2018, https://physics.nist.gov/cuu/Constants/
PLANCK_J_S: Final = 6.62607015e-34
ELEMENTARY_CHARGE_C: Final = 1.602176634e-19
BOLTZMANN_J_PER_K: Final = 1.380649e-23
SPEED_OF_LIGHT_M_PER_S: Final = 299_792_458.0
#: Magnetic flux quantum h/(2e) = 2.067833848...e-15 Wb.
FLUX_QUANTUM_WB: Final = PLANCK_J_S / (2.0 * ELEMENTARY_CHARGE_C)

Real = TypeVar("Real", float, NDArray[np.float64])


@dataclass(frozen=True)
class Junction:
    """A resistively shunted Josephson junction, and the unit system that it defines.

    Parameters
    ----------
    critical_current_a
        I_c in A.
    gamma_c_f_per_a
        Capacitance per critical current, c_j = gamma_c I_c, in F/A.
    beta_c
        Stewart-McCumber parameter, beta_c = 2 pi I_c r_jj^2 c_j / Phi_0; dimensionless.

    Raises
    ------
    TechnologyError
        If a parameter is not a positive finite number.
    """

    critical_current_a: float
    gamma_c_f_per_a: float
    beta_c: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TechnologyError(f"junction: {field.name} is {value!r}; it must be a number")
            if not 0.0 < value <= sys.float_info.max:
                raise TechnologyError(f"junction: {field.name} is {value!r}; it must be positive and finite")

    # --- the scales -----------------------------------------------------------------------------------------

    @property
    def capacitance_f(self) -> float:
        """c_j = gamma_c I_c, in F."""
        return self.gamma_c_f_per_a * self.critical_current_a

    @property
    def shunt_resistance_ohm(self) -> float:
        """r_jj = sqrt(beta_c Phi_0 / (2 pi c_j I_c)), in Ohm."""
        return math.sqrt(self.beta_c * FLUX_QUANTUM_WB / (2.0 * math.pi * self.capacitance_f * self.critical_current_a))

    @property
    def voltage_scale_v(self) -> float:
        """I_c r_jj, in V: the voltage where g = 1."""
        return self.critical_current_a * self.shunt_resistance_ohm

    @property
    def omega_c_per_s(self) -> float:
        """omega_c = 2 pi I_c r_jj / Phi_0, in 1/s."""
        return 2.0 * math.pi * self.voltage_scale_v / FLUX_QUANTUM_WB

    @property
    def tau_0_s(self) -> float:
        """tau_0 = 1/omega_c, in s: the unit of dimensionless time."""
        return 1.0 / self.omega_c_per_s

    @property
    def inductance_scale_h(self) -> float:
        """Phi_0 / (2 pi I_c), in H: the inductance where beta = 1."""
        return FLUX_QUANTUM_WB / (2.0 * math.pi * self.critical_current_a)

    # --- time and rate --------------------------------------------------------------------------------------

    def tau_from_seconds(self, t_s: Real) -> Real:
        """Dimensionless time tau = t omega_c."""
        return t_s / self.tau_0_s

    def seconds_from_tau(self, tau: Real) -> Real:
        """Time in s from dimensionless time."""
        return tau * self.tau_0_s

    def gamma_from_per_second(self, rate_per_s: Real) -> Real:
        """Dimensionless rate gamma = rate / omega_c, for gamma_plus and gamma_minus."""
        return rate_per_s / self.omega_c_per_s

    def per_second_from_gamma(self, gamma: Real) -> Real:
        """Rate in 1/s from a dimensionless rate."""
        return gamma * self.omega_c_per_s

    def gamma_minus_from_tau_di_seconds(self, tau_di_s: Real) -> Real:
        """Leak gamma_minus = tau_0 / tau_di of a loop with decay time tau_di = L_di / r_di."""
        return self.tau_0_s / tau_di_s

    def tau_di_seconds_from_gamma_minus(self, gamma_minus: Real) -> Real:
        """Decay time tau_di = tau_0 / gamma_minus, in s."""
        return self.tau_0_s / gamma_minus

    # --- current, inductance, resistance --------------------------------------------------------------------

    def current_from_amperes(self, current_a: Real) -> Real:
        """Current in units of I_c."""
        return current_a / self.critical_current_a

    def amperes_from_current(self, current: Real) -> Real:
        """Current in A from a current in units of I_c."""
        return current * self.critical_current_a

    def beta_from_henries(self, inductance_h: Real) -> Real:
        """Dimensionless inductance beta = 2 pi L I_c / Phi_0."""
        return inductance_h / self.inductance_scale_h

    def henries_from_beta(self, beta: Real) -> Real:
        """Inductance in H from beta."""
        return beta * self.inductance_scale_h

    def gamma_plus_from_henries(self, inductance_h: Real) -> Real:
        """Drive gain gamma_plus = 1/beta_di of an integration loop of inductance L_di."""
        return self.inductance_scale_h / inductance_h

    def henries_from_gamma_plus(self, gamma_plus: Real) -> Real:
        """Integration-loop inductance in H from gamma_plus = 1/beta_di."""
        return self.inductance_scale_h / gamma_plus

    def alpha_from_ohms(self, resistance_ohm: Real) -> Real:
        """Dimensionless resistance alpha = r / r_jj."""
        return resistance_ohm / self.shunt_resistance_ohm

    def ohms_from_alpha(self, alpha: Real) -> Real:
        """Resistance in Ohm from alpha."""
        return alpha * self.shunt_resistance_ohm

    # --- voltage and fluxon rate ----------------------------------------------------------------------------

    def g_from_volts(self, voltage_v: Real) -> Real:
        """Dimensionless mean voltage g = V / (I_c r_jj)."""
        return voltage_v / self.voltage_scale_v

    def volts_from_g(self, g: Real) -> Real:
        """Mean voltage in V from g."""
        return g * self.voltage_scale_v

    def g_from_fluxon_rate(self, rate_per_s: Real) -> Real:
        """Dimensionless g from a fluxon rate in 1/s: one fluxon is a voltage-time area Phi_0."""
        return rate_per_s * (FLUX_QUANTUM_WB / self.voltage_scale_v)

    def fluxon_rate_from_g(self, g: Real) -> Real:
        """Mean fluxon rate V/Phi_0 = g omega_c / 2 pi, in 1/s."""
        return g * (self.voltage_scale_v / FLUX_QUANTUM_WB)

    # --- noise ----------------------------------------------------------------------------------------------

    def thermal_noise(self, temperature_k: float) -> float:
        """Thermal noise parameter Gamma = 2 pi k_B T / (Phi_0 I_c)."""
        return 2.0 * math.pi * BOLTZMANN_J_PER_K * temperature_k / (FLUX_QUANTUM_WB * self.critical_current_a)


def flux_from_webers(flux_wb: Real) -> Real:
    """Flux in units of Phi_0."""
    return flux_wb / FLUX_QUANTUM_WB


def webers_from_flux(flux: Real) -> Real:
    """Flux in Wb from a flux in units of Phi_0."""
    return flux * FLUX_QUANTUM_WB


# --- conversion by name: what `soensim convert` offers ------------------------------------------------------

#: Names of dimensionless quantities (docs/physics.md) and the dimension that each one measures.
DIMENSIONLESS: Final = {
    "state": "current", "s": "current", "current": "current", "bias_current": "current", "i_b": "current",
    "i": "current", "s_th": "current",
    "flux": "flux", "phi": "flux", "flux_offset": "flux", "phi_offset": "flux", "phi_peak": "flux",
    "beta": "inductance", "beta_1": "inductance", "beta_2": "inductance", "beta_p": "inductance",
    "beta_di": "inductance",
    "tau": "time", "dt": "time", "tau_di": "time",
    "alpha": "resistance",
    "gamma": "rate", "gamma_minus": "rate", "gamma_plus": "gain",
    "g": "voltage",
}  # fmt: skip

#: Unit suffixes of SI names (`length_um`, `tau_ns`): dimension and size of the unit in SI.
SUFFIXES: Final = {
    "a": ("current", 1.0), "ma": ("current", 1e-3), "ua": ("current", 1e-6), "na": ("current", 1e-9),
    "wb": ("flux", 1.0),
    "h": ("inductance", 1.0), "uh": ("inductance", 1e-6), "nh": ("inductance", 1e-9),
    "ph": ("inductance", 1e-12),
    "s": ("time", 1.0), "us": ("time", 1e-6), "ns": ("time", 1e-9), "ps": ("time", 1e-12),
    "ohm": ("resistance", 1.0), "mohm": ("resistance", 1e-3), "kohm": ("resistance", 1e3),
    "per_s": ("rate", 1.0), "per_us": ("rate", 1e6), "per_ns": ("rate", 1e9),
    "v": ("voltage", 1.0), "mv": ("voltage", 1e-3), "uv": ("voltage", 1e-6),
    "hz": ("fluxon rate", 1.0), "mhz": ("fluxon rate", 1e6), "ghz": ("fluxon rate", 1e9),
}  # fmt: skip


def _scale(junction: Junction, dimension: str) -> float:
    """SI size of one dimensionless unit of a dimension."""
    scales: dict[str, float] = {
        "current": junction.critical_current_a,
        "flux": FLUX_QUANTUM_WB,
        "inductance": junction.inductance_scale_h,
        "time": junction.tau_0_s,
        "resistance": junction.shunt_resistance_ohm,
        "rate": junction.omega_c_per_s,
        "gain": 1.0,
        "voltage": junction.voltage_scale_v,
        "fluxon rate": junction.voltage_scale_v / FLUX_QUANTUM_WB,
    }
    return scales[dimension]


def _describe(name: str) -> tuple[str, float | None]:
    """Dimension of a name and, for an SI name, the size of its unit."""
    if name in DIMENSIONLESS:
        return DIMENSIONLESS[name], None
    # The longest suffix wins: `rate_per_s` is a rate, not a time.
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name == suffix or name.endswith("_" + suffix):
            return SUFFIXES[suffix]
    near = difflib.get_close_matches(name, DIMENSIONLESS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise TechnologyError(
        f"convert: unknown quantity {name!r}; {hint}use one of {', '.join(DIMENSIONLESS)}, or an SI "
        f"name that ends in a unit such as current_ua, tau_ns, inductance_nh, gamma_per_ns, v_uv"
    )


#: Dimensions that describe the same thing: how a value in dimensionless units goes from one to the other.
_BRIDGES: Final[dict[tuple[str, str], str]] = {
    ("rate", "time"): "reciprocal",  # tau_di = 1/gamma_minus
    ("time", "rate"): "reciprocal",
    ("gain", "inductance"): "reciprocal",  # gamma_plus = 1/beta_di
    ("inductance", "gain"): "reciprocal",
    ("gain", "time"): "reciprocal",
    ("time", "gain"): "reciprocal",
    ("gain", "rate"): "same",  # gamma_plus as a rate, in 1/s
    ("rate", "gain"): "same",
    ("voltage", "fluxon rate"): "same",
    ("fluxon rate", "voltage"): "same",
}

#: Dimensions that have no negative values.
_MAGNITUDES: Final = frozenset({"inductance", "resistance", "gain", "rate"})

#: First words of times that have no negative values: time constants and steps.
_DURATIONS: Final = frozenset({"tau", "dt"})


def convert(name: str, value: Real, to: str, junction: Junction) -> Real:
    """Convert a named quantity to another name: dimensionless to SI, SI to dimensionless, or SI to SI.

    A dimensionless quantity has its name of docs/physics.md (`gamma_minus`, `beta_di`, `flux`); an SI
    quantity ends in its unit (`tau_ns`, `inductance_nh`). Rates and times turn into each other by
    tau = 1/gamma, `gamma_plus` and inductances by gamma_plus = 1/beta, voltages and fluxon rates by
    V = Phi_0 f.

    Parameters
    ----------
    name, to
        Names of the given and of the wanted quantity.
    value
        A float or an array.
    junction
        The junction whose units are used.

    Returns
    -------
    float or array
        The same quantity under the name `to`.

    Raises
    ------
    TechnologyError
        If a name is unknown, if the two measure different things, if an inductance, a resistance, a rate or a gain is
        negative, on the reciprocal of zero, or if the result is beyond the range of a float.

    Examples
    --------
    >>> junction = Junction(100e-6, 1.5e-9, 0.3)
    >>> round(convert("gamma_minus", 0.001, "tau_ns", junction), 6)
    1.282782
    """
    (from_dim, from_unit), (to_dim, to_unit) = _describe(name), _describe(to)
    bridge = "same" if from_dim == to_dim else _BRIDGES.get((from_dim, to_dim))
    if bridge is None:
        raise TechnologyError(f"convert: {name} is a {from_dim}, {to} is a {to_dim}; they do not convert")
    one_sided = from_dim in _MAGNITUDES or bridge == "reciprocal" or name.partition("_")[0] in _DURATIONS
    if one_sided and np.any(np.less(value, 0.0)):
        article = "an" if from_dim == "inductance" else "a"
        raise TechnologyError(f"convert: {name} is {value}; {article} {from_dim} is not negative")
    if from_dim == to_dim and from_unit == to_unit:
        return value
    pure = value if from_unit is None else value * (from_unit / _scale(junction, from_dim))
    if bridge == "reciprocal":
        if np.any(np.equal(pure, 0.0)):
            raise TechnologyError(f"convert: {name} = 0 has no {to}: it would be infinite")
        pure = 1.0 / pure
    result = pure if to_unit is None else pure * (_scale(junction, to_dim) / to_unit)
    if np.all(np.isfinite(value)) and not np.all(np.isfinite(result)):
        raise TechnologyError(f"convert: {name} is {value}; as {to} it is beyond the range of numbers")
    return result


__all__ = [
    "BOLTZMANN_J_PER_K",
    "DIMENSIONLESS",
    "ELEMENTARY_CHARGE_C",
    "FLUX_QUANTUM_WB",
    "PLANCK_J_S",
    "SPEED_OF_LIGHT_M_PER_S",
    "SUFFIXES",
    "Junction",
    "convert",
    "flux_from_webers",
    "webers_from_flux",
]
