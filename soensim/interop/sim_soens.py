"""A point neuron of sim_soens as a chip: the dictionary that its `neuron(**parameters)` takes, saved as JSON.

sim_soens counts every photon that comes to a detector that is not blind, and steps all dendrites at 0.1 ns with forward
Euler; so does the chip: detectors without dark counts, and light of many photons per spike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soensim._runtime.words import shown, shown_path
from soensim.errors import ModelError
from soensim.files import load_json
from soensim.interop.entry import Entry
from soensim.interop.imported import ChipPlan, ImportedChip, make_chip

MAX_BYTES = 2**24
TECHNOLOGY = "nist-2023"  # whose junctions, arms and synapses are the defaults of sim_soens
PHOTONS = 1000.0  # of an input spike: the chance that none is counted is e^-1000
STEP_NS, STEPS = 1.0, 10  # of `network(dt=0.1)`, its default

_BIAS = 1.802395858835221
_BETA = 2 * math.pi * 100

#: Numbers of a neuron and their defaults in sim_soens.
DEFAULTS: Mapping[str, float] = {
    "ib_n": _BIAS,
    "beta_ni": _BETA,
    "tau_ni": 50.0,
    "s_th": 0.5,
    "absolute_refractory_period": 10.0,
    "offset_flux": 0.0,
    "ib_ref": _BIAS,
    "beta_di": _BETA,
    "tau_ref": 50.0,
    "tau_rise__refraction": 0.02,
    "tau_fall__refraction": 50.0,
    "hotspot_duration__refraction": 2.0,
    "spd_duration__refraction": 8.0,
    "phi_peak__refraction": 0.5,
    "num_photons_out_factor": 10.0,
    "w_sd": 1.0,
}
_ARBOR = ("weights", "biases", "taus", "betas", "types", "syns", "syn_w", "synaptic_structure", "random_syn")
#: Keys that must have this value, and what else would take.
_FIXED: Mapping[str, tuple[Any, str]] = {
    "Ic": (100, "a technology file with another critical current"),
    "beta_c": (0.3, "a technology file with other junctions"),
    "Ic__refraction": (100, "a neuron of soensim has one kind of junction"),
    "beta_c__refraction": (0.3, "a neuron of soensim has one kind of junction"),
    "loops_present": ("ri", "soensim has the receiving and integrating loop alone"),
    "loops_present__refraction": ("ri", "soensim has the receiving and integrating loop alone"),
    "self_feedback_coupling_strength": (0, "no soma of soensim drives itself"),
    "second_ref": (False, "a neuron of soensim has one refractory dendrite"),
    "normalize_input_connection_strengths": (False, "give the strengths that are to act"),
    "pri": (False, "soensim has the receiving and integrating loop alone"),
}
_SOURCES = {"qd": "quantum-dot", "ec": "electron-capture"}
_OF_ARBORS = ("ib", "ib_di", "tau_di", "w_sid", "w_dd", "w_dn")
_DERIVED = ("s_max", "s_max_n", "phi_th", "phi_th_n", "ib_list_ri", "ib_list_rtti", "ind_ib", "s_th_factor_n")
_SILENT = (
    *("name", "seed", "beta_ref", "light_production_delay", "source_type", "integrated_current_threshold"),
    *("total_excitatory_input_connection_strength", "total_inhibitory_input_connection_strength"),
)


@dataclass(frozen=True, kw_only=True)
class PointNeuronOptions:
    """How a dictionary becomes a chip.

    Attributes
    ----------
    name
        Of the chip.
    neurons
        Number of neurons with these parameters, each with an input line of its own.
    command
        The command line, for comments.
    """

    name: str
    neurons: int = 1
    command: str | None = None


def import_point_neuron(path: str | Path, options: PointNeuronOptions) -> ImportedChip:
    """Make a chip of a dictionary of parameters of sim_soens.

    There is no program: every synapse has its highest level, the strength `w_sd`.

    Parameters
    ----------
    path
        JSON of the dictionary; keys that it lacks have the defaults of sim_soens.
    options
        How.

    Raises
    ------
    ModelError
        The file cannot be read, or a chip cannot have what it says: all of it is named.
    """
    advice = "save the dictionary that a neuron of sim_soens takes with json.dump"
    top = Entry(shown_path(path), (), load_json(path, limit_bytes=MAX_BYTES, error=ModelError, advice=advice))
    top.mapping()
    _refuse(top)
    values = {key: default if top.get(key) is None else top[key].number() for key, default in DEFAULTS.items()}
    notes = _notes(top, values)
    comments = [f"Imported from {Path(path).name}, parameters of a neuron of sim_soens."]
    return make_chip(ChipPlan(_content(top, values, options), {}, None, comments, notes), top.file, options.command)


def _refuse(top: Entry) -> None:
    faults = []
    arbor = [key for key in _ARBOR if top.get(key) is not None and top.mapping()[key] != []]
    if arbor:
        faults.append(
            f"{', '.join(arbor)}: an arbor of dendrites; point neurons alone are converted, write its `arbor`"
        )
    for key, (legal, otherwise) in _FIXED.items():
        found = top.get(key)
        if found is not None and found.value != legal:
            faults.append(f"{key}: {shown(found.value)}; it must be {shown(legal)}: {otherwise}")
    source = top.get("source_type")
    if source is not None and source.value not in _SOURCES:
        faults.append(f"source_type: {shown(source.value)}; soensim has {', '.join(_SOURCES)}")
    if faults:
        raise ModelError.of_file(top.file, [f"{top.file}: {fault}" for fault in faults])


def _notes(top: Entry, values: Mapping[str, float]) -> list[str]:
    known = (*DEFAULTS, *_FIXED, *_OF_ARBORS, *_DERIVED, *_SILENT, *_ARBOR)
    notes = []
    unread = [key for key in top.mapping() if key in _OF_ARBORS]
    if unread:
        notes.append(f"{', '.join(unread)}: of dendrites in an arbor, without effect on a point neuron")
    unknown = [shown(key) for key in top.mapping() if key not in known]
    if unknown:
        notes.append(f"{', '.join(unknown)}: sim_soens does not read it of a neuron")
    back = top.get("beta_ref")
    if back is not None and back.number() != values["beta_di"]:
        notes.append(
            f"beta_ref is {back.number():g}; sim_soens steps the refractory loop with beta_di, {values['beta_di']:g}, "
            "and so does the chip"
        )
    delay = top.get("light_production_delay")
    if delay is not None:
        notes.append(
            f"light_production_delay is {delay.number():g} ns: the delay_ps of projections that leave the neurons"
        )
    return notes


def _content(top: Entry, values: Mapping[str, float], options: PointNeuronOptions) -> dict[str, Any]:
    held: Callable[[str], float] = values.__getitem__
    source = top.get("source_type")
    rise, fall = held("tau_rise__refraction"), held("tau_fall__refraction")
    back = {
        "phi_peak": held("phi_peak__refraction"),
        "tau_rise_ns": rise,
        "tau_fall_ns": fall,
        "hotspot_ns": held("hotspot_duration__refraction") * rise,
        "response_cut_ns": held("spd_duration__refraction") * fall,
    }
    neurons = {
        "kind": "spiking",
        "size": options.neurons,
        "bias_current": held("ib_n"),
        "beta_di": held("beta_ni"),
        "soma": {
            "threshold": held("s_th"),
            "absolute_refractory_ns": held("absolute_refractory_period"),
            "tau_di_ns": held("tau_ni"),
            "flux_offset": held("offset_flux"),
        },
        "refractory": {
            "bias_current": held("ib_ref"),
            "beta_di": held("beta_di"),
            "tau_di_ns": held("tau_ref"),
            "flux_offset": held("offset_flux"),
            "synapse": back,
        },
        "synapse": {"detector_efficiency": 1.0, "dark_count_rate_hz": 0.0},
        "transmitter": {
            "photons_per_synapse": held("num_photons_out_factor"),
            "light_source": "quantum-dot" if source is None else _SOURCES[source.word()],
        },
    }
    strength = held("w_sd")
    if strength == 0:
        raise top["w_sd"].error("is 0: nothing would drive the neuron")
    return {
        "schema": "soensim/1",
        "name": options.name,
        "description": f"from {Path(top.file).name}, parameters of sim_soens",
        "technology": TECHNOLOGY,
        "populations": {
            "drive": {"kind": "spike-input", "size": options.neurons, "photons_per_synapse": PHOTONS},
            "neurons": neurons,
        },
        "projections": [
            {
                "source": "drive",
                "target": "neurons",
                "topology": {"kind": "one-to-one"},
                "efficacy": {"levels": [0.0, abs(strength)], "sign": "positive" if strength > 0 else "negative"},
            }
        ],
        "timing": {"sample_ns": STEP_NS, "substeps": STEPS, "integrator": "forward-euler"},
    }
