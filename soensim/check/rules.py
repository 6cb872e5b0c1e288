"""All design rules in one place: stable ID, what is checked, how severe it is, how to fix it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from soensim.check.finding import Severity
from soensim.routing.routed_netlist import Reason


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes
    ----------
    id
        Never reused for another rule.
    title
        What is wrong, in a few words.
    description
        What is checked, against what.
    severity
        Of a chip that breaks it; the description says where it is another.
    fix
        How to fix it.
    """

    id: str
    title: str
    description: str
    severity: Severity
    fix: str


_PRUNED = "Error where routing.absent_edges is `error`"

_ALL = (
    Rule(
        "SOEN-PH-001",
        "integration step too coarse",
        "The step of the timing must resolve gain, leak, synapses and refractory times. Note where it does; warning "
        "where SQUIDs are followed, but a training at this step may learn the integrator instead of the chip.",
        "error",
        "raise timing.substeps, or leave it out",
    ),
    Rule(
        "SOEN-PH-002",
        "phenomenological dendrite does not hold",
        "chi^2 of the model against the circuit of one dendrite, with the input samples, bias, loop and leak of the "
        "chip: valid up to 1e-4 (note), doubtful beyond (warning). Error where a slow drive of such a loop has more "
        "than 1e-3.",
        "error",
        "use a larger integration loop (beta_di)",
    ),
    Rule(
        "SOEN-PH-003",
        "bias outside the thresholds",
        "The bias must lie between i_th at half a flux quantum (below: never active, error) and i_th at zero flux "
        "(above: active without drive, warning). Note where it does.",
        "error",
        "change bias_current",
    ),
    Rule(
        "SOEN-PH-004",
        "virtual source function",
        "No known circuit has the source function of the population.",
        "warning",
        "take source_function `squid` to describe a chip",
    ),
    Rule(
        "SOEN-PH-005",
        "above the transition of niobium",
        "Junctions of niobium are superconducting up to 9.3 K; a temperature_k beyond needs another superconductor.",
        "warning",
        "lower temperature_k (kelvins); a technology of another superconductor may waive this",
    ),
    Rule(
        "SOEN-PH-006",
        "states may grow without bound",
        "`relu` has no largest value. With every synapse at its highest level, the states of unnormalised relu neurons "
        "that drive each other would overflow within two frames.",
        "warning",
        "normalise the population, lower the levels, or take `tanh` or `squid`; smaller efficacies may run",
    ),
    Rule(
        "SOEN-LI-001",
        "too few spikes to be a rate",
        "Light carries the state of a rate neuron as spikes: at its highest rate an emitter must send 10 or more in "
        "an input sample. The rate is the least of spike_rate_max_mhz, synapse_rate_max_mhz and one per "
        "detector_dead_time_ns.",
        "error",
        "lengthen the sample (timing.sample_ns) with a larger loop (beta_di, tau_di_ns) for the same drive per sample, "
        "take faster emitters and synapses, or wires (medium: electrical)",
    ),
    Rule(
        "SOEN-LI-002",
        "input sample shorter than a dead time",
        "On a chip of rate neurons with light, an input sample must last detector_dead_time_ns or more.",
        "error",
        "lengthen the sample (timing.sample_ns) with a larger loop (beta_di, tau_di_ns) for the same drive per sample, "
        "or take wires (medium: electrical)",
    ),
    Rule(
        "SOEN-SP-001",
        "soma follows single spikes",
        "On spiking chips that are read, or fed, by rates: a soma with photon synapses climbs to its threshold, which "
        "takes beta_di tau_0 s_th, in less than 0.4 of their fall time. It then fires on every excursion of its flux, "
        "and its rate is no function of the mean flux alone.",
        "warning",
        "take a larger loop (beta_di), a higher soma.threshold or a longer soma.absolute_refractory_ns; `soensim "
        "evaluate` runs the spikes, and says what it costs",
    ),
    Rule(
        "SOEN-SP-002",
        "spikes faster than a detector's dead time",
        "Input lines (rate_max_mhz), or somas without a refractory dendrite at the flux at which they fire most often, "
        "may send more than a spike per dead time of the detectors that they reach: of a regular train every second "
        "one is then lost.",
        "warning",
        "lower rate_max_mhz; lengthen soma.absolute_refractory_ns to the dead time",
    ),
    Rule(
        "SOEN-SP-003",
        "inhibition can make the neuron fire",
        "The source function is even in the flux. With every negative efficacy, the trim and the inhibiting branches "
        "of the arbor at their largest, the flux of a soma falls below the negative threshold, where its refractory "
        "dendrite, which pulls further down, excites it: it runs away, at a rate that its hold alone limits.",
        "warning",
        "lower the range of negative efficacies, raise soma.flux_offset, inhibit through fewer synapses, or do without "
        "the refractory dendrite (refractory: {present: false}) and with a longer soma.absolute_refractory_ns",
    ),
    Rule(
        "SOEN-SP-004",
        "fewer than two photons counted per spike",
        "Of the spikes at a synapse of a spiking neuron exp(-n) bring no photon, n the mean number that a live "
        "detector counts: with fewer than 2 more than 13 % of them.",
        "warning",
        "send more light (photons_per_synapse), shorten the path, or train with the photons that are counted, as "
        "spiking-rate does, and lengthen the sample",
    ),
    Rule(
        "SOEN-SP-005",
        "too few spikes to be a rate",
        "On spiking chips that are read, or fed, by rates, input lines and neurons should be able to send five spikes "
        "in a frame, at the highest rate that they have.",
        "warning",
        "lengthen the frame (timing.sample_ns, hold_samples), raise rate_max_mhz, or shorten the soma's hold and climb",
    ),
    Rule(
        "SOEN-SI-001",
        "chip cannot be simulated",
        "Compilation as by `soensim simulate` must succeed: source functions, steps, delays, memory, all edges routed. "
        "Not told where another error says so already; cannot be waived.",
        "error",
        "see the message",
    ),
    Rule(
        "SOEN-TE-001",
        "number missing",
        "A rule, the routes or the budget need a number that neither the netlist nor its technology gives; none is "
        "taken to be zero.",
        "error",
        "state it in the netlist, or in a technology file that extends the present one",
    ),
    Rule(
        "SOEN-FP-001",
        "chip cannot be laid out",
        "The cells must fit the die, and the strategy must be able to route this number of edges.",
        "error",
        "enlarge the die or shrink the cells (synapse_pitch_um, electronic_planes); see the message",
    ),
    Rule(
        "SOEN-FP-002",
        "cells overlap",
        "The square cells of two neurons share area; the value is how deep.",
        "error",
        "move the cells apart (placement.positions_um), or shrink cell_um",
    ),
    Rule(
        "SOEN-FP-003",
        "cell outside the die or in its margin",
        "Every cell must lie within the die, without the strip of margin_um along its edge; the value is how far it "
        "extends beyond.",
        "error",
        "move the cell inwards, enlarge the die, or narrow margin_um",
    ),
    Rule(
        "SOEN-FP-004",
        "cell too small for its synapses",
        "The synapses of a neuron are in its cell: its side must be synapse_pitch_um x sqrt(fan-in / "
        "electronic_planes).",
        "error",
        "enlarge or leave out cell_um, narrow synapse_pitch_um, add electronic_planes, or lower the fan-in",
    ),
    Rule(
        "SOEN-FP-005",
        "cell narrower than two bends",
        "A waveguide that turns around within a cell needs two bend radii (technology: bend_radius_um).",
        "warning",
        "enlarge cell_um, or take tighter bends with their loss (bend_radius_um, bend_db)",
    ),
    Rule(
        "SOEN-FP-006",
        "no room for the loop's inductor",
        "The inductor of a rate neuron's integration loop takes L / sheet_inductance_ph_per_square squares of "
        "inductor_width_um x inductor_pitch_um. Where that is more than the square of a synapse it must fit the cell "
        "beside the synapses, on one of their planes.",
        "error",
        "enlarge or state cell_um, narrow synapse_pitch_um, take a smaller loop (beta_di) with a shorter sample, or a "
        "film of more inductance per square or narrower lines (technology)",
    ),
    Rule(
        "SOEN-RT-001",
        "overfull channel",
        f"A row or column of the routing grid wants more tracks than it has. {_PRUNED}, else warning.",
        "error",
        "enlarge cells or die, add photonic_planes, narrow waveguide_pitch_um, or take fewer edges",
    ),
    Rule(
        "SOEN-RT-002",
        "edges without a track",
        f"The waveguide finds no free track. {_PRUNED}, else warning.",
        "error",
        "enlarge cells or die, add photonic_planes, narrow waveguide_pitch_um, or take fewer edges",
    ),
    Rule(
        "SOEN-RT-003",
        "edges over the fan-out limit",
        f"The emitter would drive more detectors than routing.limits.max_fan_out. {_PRUNED}, else note.",
        "error",
        "raise routing.limits.max_fan_out, or take fewer edges per source",
    ),
    Rule(
        "SOEN-RT-004",
        "edges over the crossing limit",
        f"The path would cross more waveguides than routing.limits.max_crossings. {_PRUNED}, else note.",
        "error",
        "raise routing.limits.max_crossings, add photonic_planes, or place partners closer",
    ),
    Rule(
        "SOEN-RT-005",
        "edges over the delay limit",
        f"The signal would take longer than routing.limits.max_delay_ps. {_PRUNED}, else note.",
        "error",
        "raise routing.limits.max_delay_ps, or place partners closer (placement `optimised`)",
    ),
    Rule(
        "SOEN-RT-006",
        "edges over the loss limit",
        f"The path would lose more than routing.limits.max_loss_db, splitting included. {_PRUNED}, else note.",
        "error",
        "raise routing.limits.max_loss_db, lower the fan-out, or shorten paths (placement `optimised`)",
    ),
    Rule(
        "SOEN-RT-007",
        "edges with too few photons",
        f"Fewer photons than routing.limits.min_photons would arrive. {_PRUNED}, else note.",
        "error",
        "lower routing.limits.min_photons or the fan-out, or send more light (photons_per_spike)",
    ),
    Rule(
        "SOEN-RT-008",
        "wires too long",
        f"The wire would be longer than routing.limits.max_wire_um, or the technology's. {_PRUNED}, else note.",
        "error",
        "place partners closer, make the projection optical, or raise routing.limits.max_wire_um",
    ),
    Rule(
        "SOEN-RT-010",
        "fan-in too large",
        "An integration loop may have no more synapses than the technology's fan_in_max.",
        "error",
        "spread the synapses over an arbor, or lower the fan-in",
    ),
    Rule(
        "SOEN-RT-011",
        "neurons without inputs",
        "Pruning left a neuron without any of the inputs that the netlist gives it.",
        "warning",
        "loosen the limit that prunes its edges, or move it closer to its sources",
    ),
    Rule(
        "SOEN-RT-012",
        "less than one photon counted per spike",
        "P(no photon counted) = exp(-detector_efficiency x photons) is above 1/e: most spikes of the edge are missed.",
        "warning",
        "send more light (photons_per_spike), lower the fan-out, or shorten the path",
    ),
    Rule(
        "SOEN-RT-013",
        "delay longer than an input sample",
        "The signal arrives after the next input sample has begun, one or more steps of the recurrence later.",
        "warning",
        "lengthen the sample (timing), or place partners closer",
    ),
    Rule(
        "SOEN-RT-020",
        "chip is not laid out",
        "Without a floorplan every edge exists, with the delay that the netlist states; areas, light and losses are "
        "not known.",
        "note",
        "add floorplan, routing and the medium of every projection",
    ),
    Rule(
        "SOEN-PW-001",
        "power density above the process's",
        "The power before cooling, per area of the die, at the stated activity (by default every emitter at its "
        "highest rate, every rate neuron at state 1), against the technology's power_density_mw_per_cm2.",
        "warning",
        "state the activity that the data cause (--activity; `evaluate` measures it), send fewer photons "
        "(photons_per_spike), take better emitters (emitter_efficiency), or enlarge the die",
    ),
    Rule(
        "SOEN-WV-001",
        "waiver matches nothing",
        "The waiver names no object that breaks its rule with an error or a warning.",
        "warning",
        "remove it, or correct its rule and object",
    ),
    Rule(
        "SOEN-WV-002",
        "waiver has expired",
        "The last day of the waiver is over; what it accepted counts again.",
        "warning",
        "fix what it accepted, or extend `until`",
    ),
)

#: All rules by ID, in the order in which they are listed.
RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in _ALL})

#: The rule for each reason of an absence.
ABSENCE_RULES: Mapping[Reason, str] = MappingProxyType(
    {
        "track": "SOEN-RT-002",
        "fan-out": "SOEN-RT-003",
        "crossings": "SOEN-RT-004",
        "delay": "SOEN-RT-005",
        "loss": "SOEN-RT-006",
        "photons": "SOEN-RT-007",
        "wire": "SOEN-RT-008",
    }
)
