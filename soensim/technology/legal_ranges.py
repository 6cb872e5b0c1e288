"""Legal range of every quantity of a technology: what can exist, two or three decades beyond what was published.

The plausible range of a quantity is in its preset, beside the value and its source; see `soensim.limits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from soensim.limits import Limits

_TIME = "a tenth of tau_0 to a second; synapses of ns to ms were made, arXiv:2204.09665"
_LOSS_DB = "0.02 to 0.25 dB are published; 100 dB is darkness"
_SPREAD = "one sigma; beyond 100 % the sign is a matter of chance"
_EFFICIENCY = "a part of what comes in; 1e-4 is published"
_PHOTONS = "1e-3 to 1e4 per event are published"
_COUNT = "1 to 1000 are in use"

_TIME_NS: Final = Limits(1e-4, 1e9, "ns", _TIME)
_MULTIPLE: Final = Limits(1e-2, 1e4, "1", "2 to 8 are in use")
_ARM: Final = Limits(1e-3, 1e3, "1", "pi/2 is in use; 1000 is 3 nH at I_c = 100 uA")
_EMITTER: Final = Limits(1e-9, 1, "fraction", _EFFICIENCY)
_LENGTH_UM: Final = Limits(1e-2, 1e5, "um", "10 nm, a feature of lithography, to 10 cm")
_DIE_UM: Final = Limits(10, 1e6, "um", "10 um to a metre; dies are millimetres, a wafer is 300 mm")
_RELATIVE_SPREAD: Final = Limits(0, 1, "relative", _SPREAD, zero=True)

#: Legal range of every quantity of the presets, by key.
LEGAL: Final[Mapping[str, Limits]] = MappingProxyType(
    {
        # junction
        "critical_current_a": Limits(1e-8, 1e-1, "A", "1 uA to 1 mA are made; 100 uA in arXiv:2210.09976"),
        "gamma_c_f_per_a": Limits(1e-12, 1e-6, "F/A", "1.5e-9 in arXiv:2210.09976"),
        "beta_c": Limits(1e-4, 1e3, "1", "0.3 in arXiv:2210.09976; above about 1 a junction is hysteretic"),
        # dendrite
        "beta_1": _ARM,
        "beta_2": _ARM,
        "beta_di": Limits(1e-2, 1e8, "1", "2 pi 100 to 2 pi 1000 are in use, 2 pi 1e7 is 207 uH at I_c = 100 uA"),
        "tau_di_dendrite_ns": _TIME_NS,
        "tau_di_soma_ns": _TIME_NS,
        "tau_di_refractory_ns": _TIME_NS,
        "bias_current": Limits(1e-2, 20, "I_c", "1.05 to 2 bias a SQUID between its thresholds"),
        "flux_offset": Limits(1e-9, 100, "Phi_0", "g has the period 1", zero=True, signed=True),
        "temperature_k": Limits(1e-3, 100, "K", "superconductors: niobium up to 9.3 K, YBCO up to 93 K", zero=True),
        "sheet_inductance_ph_per_square": Limits(1e-2, 1e6, "pH/square", "niobium has 0.1 pH, TiN 5 to 2400"),
        "inductor_width_um": _LENGTH_UM,
        "inductor_pitch_um": _LENGTH_UM,
        "fan_in_max": Limits(1, 1e7, "1", "1000 in arXiv:1805.02599"),
        # synapse
        "phi_peak": Limits(1e-6, 100, "Phi_0", "half a flux quantum is where g peaks"),
        "synapse_tau_rise_ns": _TIME_NS,
        "synapse_tau_fall_ns": _TIME_NS,
        "hotspot_per_tau_rise": _MULTIPLE,
        "refractory_hotspot_per_tau_rise": _MULTIPLE,
        "response_cut_per_tau_fall": _MULTIPLE,
        "detector_dead_time_ns": Limits(1e-4, 1e9, "ns", _TIME, zero=True),
        "synapse_rate_max_mhz": Limits(1e-6, 1e6, "MHz", "10 to 20 MHz are published; 1 Hz to 1 THz"),
        "synapse_r1_ohm": Limits(1e-3, 1e9, "Ohm", "5 to 10 kOhm are in use"),
        "synapse_r2_ohm": Limits(1e-3, 1e9, "Ohm", "276 Ohm is in use"),
        "synapse_l1_nh": Limits(1e-4, 1e7, "nH", "825 nH is in use"),
        "synapse_circuit_hotspot_ns": _TIME_NS,
        "detector_efficiency": Limits(1e-9, 1, "fraction", "a part of the photons"),
        "dark_count_rate_hz": Limits(1e-9, 1e9, "Hz", "a count per ns is more than a detector can make", zero=True),
        # soma and transmitter
        "soma_threshold": Limits(1e-6, 20, "I_c", "0.1 to 0.5 are in use"),
        "absolute_refractory_ns": _TIME_NS,
        "photons_per_synapse": Limits(1e-6, 1e9, "1", _PHOTONS),
        "quantum_dot_efficiency": _EMITTER,
        "quantum_dot_tau_rad_ns": Limits(1e-4, 1e9, "ns", _TIME, zero=True),
        "quantum_dot_on_time_ns": _TIME_NS,
        "electron_capture_efficiency": _EMITTER,
        "electron_capture_tau_rad_ns": Limits(1e-4, 1e9, "ns", _TIME, zero=True),
        "wavelength_um": Limits(0.1, 100, "um", "1.22 um, the silicon W centre, arXiv:1708.07101"),
        "photons_per_spike": Limits(1e-3, 1e12, "1", "312 to 1e4 are published"),
        "emitter_efficiency": _EMITTER,
        "emitter_efficiency_low": _EMITTER,
        "emitter_pulse_ns": _TIME_NS,
        "emitter_current_ua": Limits(1e-5, 1e6, "uA", "10 uA is in use"),
        # energy
        "synapse_event_aj": Limits(1e-4, 1e6, "aJ", "20 to 33 aJ, arXiv:2204.09665, arXiv:1610.00053"),
        "spike_rate_max_mhz": Limits(1e-6, 1e6, "MHz", "20 MHz is published; 1 Hz to 1 THz"),
        "power_density_mw_per_cm2": Limits(1e-6, 1e6, "mW/cm^2", "1 mW/cm^2, arXiv:1610.00053"),
        "weight_memory_states": Limits(2, 1e9, "1", "more than 400, arXiv:2311.05881"),
        "programming_energy_fj": Limits(1e-6, 1e6, "fJ", "0.4 fJ, arXiv:2311.05881"),
        "bias_voltage_v": Limits(1e-6, 10, "V", "0 is a bias through inductors; RSFQ has millivolts", zero=True),
        "cooling_overhead": Limits(1, 1e6, "1", "250 to 1000 at 4.2 K; 1 is none"),
        # photonics
        "waveguide_loss_db_per_cm": Limits(1e-6, 1e3, "dB/cm", "0.07 to 0.8 dB/cm are published", zero=True),
        "crossing_db": Limits(1e-9, 100, "dB", _LOSS_DB, zero=True),
        "plane_crossing_db": Limits(1e-9, 100, "dB", _LOSS_DB, zero=True),
        "coupler_db": Limits(1e-9, 100, "dB", _LOSS_DB, zero=True),
        "bend_radius_um": Limits(1e-2, 1e5, "um", "15 to 25 um are published"),
        "bend_db": Limits(1e-9, 100, "dB", _LOSS_DB, zero=True),
        "splitter_excess_db": Limits(1e-9, 100, "dB", _LOSS_DB, zero=True),
        "tap_ratio_spread_db": Limits(1e-6, 100, "dB", "0.7 to 0.9 dB, arXiv:1805.05439", zero=True),
        "group_index": Limits(1, 100, "1", "1 is light in vacuum; 1.9 to 2.1 are in use"),
        "waveguide_pitch_um": Limits(5e-2, 1e5, "um", "1.5 to 6 um are in use; half a wavelength in silicon is 0.2 um"),
        "photonic_planes": Limits(1, 100, "1", "2 to 20 are in use"),
        "electronic_planes": Limits(1, 100, "1", "1 is in use"),
        "synapse_pitch_um": _LENGTH_UM,
        "detector_pitch_um": _LENGTH_UM,
        # electrical projections and junction counts
        "wire_delay_ps_per_cm": Limits(33, 1e5, "ps/cm", "33 ps/cm is light in vacuum; a kinetic inductor is slow"),
        "wire_length_max_um": Limits(1, 1e7, "um", "1 um to 10 m; 4 mm has the inductance of a loop"),
        "wire_pitch_um": _LENGTH_UM,
        "junctions_per_synapse": Limits(1e-3, 1e6, "1", _COUNT, zero=True),
        "junctions_per_neuron": Limits(1e-3, 1e6, "1", _COUNT, zero=True),
        # a die
        "die_width_um": _DIE_UM,
        "die_height_um": _DIE_UM,
        "neurons": Limits(1, 1e10, "1", "a wafer of millions, arXiv:1805.01942"),
        "synapses": Limits(1, 1e13, "1", "a wafer of hundreds of millions, arXiv:1805.01942"),
        "inputs": Limits(1, 1e7, "1", "lines of one die"),
        "junctions": Limits(1, 1e12, "1", "thousands are made, a million per die is the process's end"),
        "metal_layers": Limits(1, 1e3, "1", "5 are in use"),
        "efficacy_bits": Limits(1, 64, "bit", "4 to 8.6 are published"),
        "input_bandwidth_ghz": Limits(1e-9, 1e6, "GHz", "12 GHz is published"),
        "feature_size_um": _LENGTH_UM,
        # fabrication and bias spreads
        "efficacy_spread": _RELATIVE_SPREAD,
        "bias_current_spread": _RELATIVE_SPREAD,
        "gamma_minus_spread": _RELATIVE_SPREAD,
        "flux_offset_spread": Limits(0, 1, "Phi_0", "one sigma; beyond a period of g all is chance", zero=True),
    }
)
