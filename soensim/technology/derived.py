"""Quantities that follow from stored ones: never stored, always computed.

One formula per key. A derived quantity exists if everything that it needs has a value.
"""

import math
from collections.abc import Callable, Mapping

from soensim.units import ELEMENTARY_CHARGE_C, FLUX_QUANTUM_WB, SPEED_OF_LIGHT_M_PER_S, Junction

#: key -> (unit, formula, stored keys that it needs, function of the junction and these)
_FORMULAS: dict[str, tuple[str, str, tuple[str, ...], Callable[..., float]]] = {
    "capacitance_f": ("F", "gamma_c I_c", (), lambda j: j.capacitance_f),
    "shunt_resistance_ohm": (
        "Ohm",
        "sqrt(beta_c Phi_0 / (2 pi c_j I_c))",
        (),
        lambda j: j.shunt_resistance_ohm,
    ),
    "omega_c_per_s": ("1/s", "2 pi I_c r_jj / Phi_0", (), lambda j: j.omega_c_per_s),
    "tau_0_s": ("s", "1 / omega_c", (), lambda j: j.tau_0_s),
    "voltage_scale_v": ("V", "I_c r_jj", (), lambda j: j.voltage_scale_v),
    "arm_1_inductance_h": (
        "H",
        "beta_1 Phi_0 / (2 pi I_c)",
        ("beta_1",),
        lambda j, b: j.henries_from_beta(b),
    ),
    "arm_2_inductance_h": (
        "H",
        "beta_2 Phi_0 / (2 pi I_c)",
        ("beta_2",),
        lambda j, b: j.henries_from_beta(b),
    ),
    "loop_inductance_h": (
        "H",
        "beta_di Phi_0 / (2 pi I_c)",
        ("beta_di",),
        lambda j, b: j.henries_from_beta(b),
    ),
    "gamma_plus": ("1/tau_0", "1 / beta_di", ("beta_di",), lambda _, b: 1.0 / b),
    "gamma_minus": (
        "1/tau_0",
        "tau_0 / tau_di_dendrite",
        ("tau_di_dendrite_ns",),
        lambda j, t: j.gamma_minus_from_tau_di_seconds(t * 1e-9),
    ),
    "state_per_fluxon": ("I_c", "2 pi / beta_di", ("beta_di",), lambda _, b: 2.0 * math.pi / b),
    "bias_energy_per_fluxon_j": (
        "J",
        "bias_current I_c Phi_0",
        ("bias_current",),
        lambda j, i: i * j.critical_current_a * FLUX_QUANTUM_WB,
    ),
    "thermal_noise": (
        "1",
        "2 pi k_B T / (Phi_0 I_c)",
        ("temperature_k",),
        lambda j, t: j.thermal_noise(t),
    ),
    "hotspot_ns": (
        "ns",
        "hotspot_per_tau_rise synapse_tau_rise",
        ("hotspot_per_tau_rise", "synapse_tau_rise_ns"),
        lambda _, n, t: n * t,
    ),
    "waveguide_delay_ps_per_cm": (
        "ps/cm",
        "group_index / c",
        ("group_index",),
        lambda _, n: n / SPEED_OF_LIGHT_M_PER_S * 1e-2 * 1e12,
    ),
    "photons_per_spike_low": (
        "1",
        "emitter_efficiency_low emitter_current emitter_pulse / e",
        ("emitter_efficiency_low", "emitter_current_ua", "emitter_pulse_ns"),
        lambda _, eta, i, t: eta * i * 1e-6 * t * 1e-9 / ELEMENTARY_CHARGE_C,
    ),
    "weight_memory_bits": (
        "bit",
        "log2 weight_memory_states",
        ("weight_memory_states",),
        lambda _, n: math.log2(n),
    ),
}


def derived_quantities(junction: Junction, values: Mapping[str, float | None]) -> dict[str, tuple[float, str, str]]:
    """Evaluate every formula whose inputs have values: key -> (value, unit, formula)."""
    table: dict[str, tuple[float, str, str]] = {}
    for key, (unit, formula, needs, function) in _FORMULAS.items():
        inputs = [values.get(need) for need in needs]
        if all(x is not None for x in inputs):
            table[key] = (float(function(junction, *inputs)), unit, formula)
    return table


#: Keys that a preset may not store, because they follow from others.
DERIVED_KEYS = frozenset(_FORMULAS)
