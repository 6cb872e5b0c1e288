"""How the state of a rate neuron becomes spikes, and how spikes become the flux that the rate engine holds.

A soma reads the neuron's dendrite. Its refractory dendrite counts its spikes, and takes as much flux away as they stand
for: the soma fires whenever what it has sent falls below what its dendrite holds, as a delta-sigma modulator does. Its
rate is then linear in the state, whatever the source function (Ermentrout 1998, Neural Computation 10, 1721). Behind
every synapse is a dendrite of its own, to which each spike adds the same, and which forgets within a part of an input
sample; its coupling is the efficacy. docs/physics.md has the formulas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from soensim.circuit import SourceTable
from soensim.dynamics.spiking import Dendrite, Receiver, Refractory, SynapseResponse
from soensim.errors import SimulationError
from soensim.netlist import Netlist
from soensim.netlist.schema.spiking import REFRACTORY, SOMA, Response
from soensim.netlist.schema.spiking_soma import SpikingSoma
from soensim.network.light import frame_seconds, frame_spikes
from soensim.simulation.spiking.rate import spike_interval

LONGEST_STEP_NS = 5.0
THRESHOLD = 0.1  # I_c; the lowest in use: the soma's bias current hardly changes while it climbs
FLUX_AT_REFERENCE = 0.35  # Phi_0; far above what takes the soma from silence to its highest rate
FEEDBACK_INTERVALS, INPUT_INTERVALS = 7.0, 3.0
LOOP_STATE = 0.02  # I_c
# Parts of the flux of one spike by which the soma is held below its threshold: the feedback swings by half of it about
# its mean. A tenth less lets small states spike (measured: the mean rate is then that of the mean state).
HEADROOM = 0.4


@dataclass(frozen=True)
class SpikeStage:
    """Soma and synapses of the neurons of one population.

    Attributes
    ----------
    soma, threshold, held_ns
        Dendrite that spikes, without branches; s_th (I_c); how long it is held after a spike (ns).
    coupling
        Flux into the soma per unit of the neuron's state (Phi_0 per I_c).
    refractory
        Counts the neuron's own spikes; None of neurons that drive no light.
    recurrent, inputs
        Dendrites behind the synapses that neurons and input ports feed; their coupling is the efficacy's.
    loop_state
        State of the latter three at the highest rate (I_c).
    receiver
        Response and dark counts of every synapse.
    tau_rad_ns
        Decay time of the light sources (ns).
    stated
        Names of the values that the netlist states; the others are derived.
    """

    soma: Dendrite
    threshold: float
    held_ns: float
    coupling: float
    refractory: Refractory | None
    recurrent: Dendrite
    inputs: Dendrite
    loop_state: float
    receiver: Receiver
    tau_rad_ns: float
    stated: tuple[str, ...]

    def efficacy_coupling(self, efficacy: NDArray[np.float64], reference: float) -> NDArray[np.float64]:
        """Couplings of loops (Phi_0 per I_c) for efficacies (Phi_0 per I_c) and the reference state of their source."""
        return efficacy * (reference / self.loop_state)


@dataclass(frozen=True)
class Clock:
    """Times of a rate chip that is run as a spiking one: input sample and step (ns), highest rate (1/ns)."""

    frame_ns: float
    step_ns: float
    rate_per_ns: float

    @property
    def substeps(self) -> int:
        """Steps in an input sample."""
        return round(self.frame_ns / self.step_ns)


def clock_of(netlist: Netlist) -> Clock:
    """Choose the step: no longer than `LONGEST_STEP_NS`, and a whole number of them in an input sample."""
    frame_ns = frame_seconds(netlist) * 1e9
    steps = math.ceil(frame_ns / LONGEST_STEP_NS * (1 - 1e-9))
    return Clock(frame_ns, frame_ns / steps, frame_spikes(netlist) / frame_ns)


def design_stage(
    netlist: Netlist, name: str, source: SourceTable, clock: Clock, reference: float | None, dark_per_ns: float
) -> SpikeStage:
    """Derive soma and synapses of a population from netlist and technology.

    Parameters
    ----------
    netlist, name
        The chip, and its population.
    source
        g(phi, i) of its SQUIDs.
    clock
        See `clock_of`.
    reference
        State at which its neurons fire at the highest rate (I_c); None where they drive no light.
    dark_per_ns
        Dark counts of a detector (1/ns).

    Raises
    ------
    SimulationError
        The soma cannot fire at the highest rate, or a detection drives no dendrite.
    """
    given = netlist.dendrites[name].spiking_soma or SpikingSoma()
    technology, tau_0_ns = netlist.device_technology, source.device.junction.tau_0_s * 1e9
    interval_ns, where = 1 / clock.rate_per_ns, f"chip {netlist.name!r}: populations.{name}.spiking_soma"
    bias = _or(given.bias_current, technology.value("bias_current"))
    threshold = _or(given.threshold, THRESHOLD)
    dead_ns = technology.value("detector_dead_time_ns")
    held_ns = _or(given.absolute_refractory_ns, dead_ns or 0.5 * interval_ns)
    climb_ns = interval_ns / 4 * float(source(np.array(0.5), np.array(bias)))
    soma = Dendrite(
        SOMA,
        gamma_plus=1 / _or(given.beta_di, climb_ns / (tau_0_ns * threshold)),
        gamma_minus=tau_0_ns / _or(given.tau_di_ns, technology.value("tau_di_dendrite_ns")),
        bias_current=bias,
    )
    feedback_ns = _or(given.feedback_tau_ns, FEEDBACK_INTERVALS * interval_ns)
    loop_state = _or(given.loop_state, LOOP_STATE)
    response = _response(netlist, "hotspot_per_tau_rise", dead_ns)
    own = _response(netlist, "refractory_hotspot_per_tau_rise", 0.0)

    def loop(place: str, tau_ns: float, responds: SynapseResponse, step_ns: float) -> Dendrite:
        """Make a dendrite that a regular train at the highest rate keeps at the loop state, in the mean."""
        area_ns = _driven(source, bias - loop_state, responds, interval_ns, step_ns)
        if area_ns <= 0:
            raise SimulationError(
                f"{where}: a detection brings {responds.phi_peak:g} Phi_0, and no dendrite with a bias of {bias:g} I_c "
                "is driven by it; raise bias_current"
            )
        gamma_plus = loop_state * tau_0_ns / (area_ns * clock.rate_per_ns * tau_ns)
        return Dendrite(place, gamma_plus, tau_0_ns / tau_ns, bias)

    synapse_ns = _or(given.synapse_tau_ns, feedback_ns + clock.frame_ns / 2)
    stage = SpikeStage(
        soma=soma,
        threshold=threshold,
        held_ns=held_ns,
        coupling=0.0,
        refractory=None,
        recurrent=loop("synapse", synapse_ns, response, clock.step_ns),
        inputs=loop(
            "synapse", _or(given.input_tau_ns, INPUT_INTERVALS * interval_ns), response, min(0.25, dead_ns or 1)
        ),
        loop_state=loop_state,
        receiver=Receiver(response, dark_per_ns),
        tau_rad_ns=_or(given.tau_rad_ns, technology.value("quantum_dot_tau_rad_ns")),
        stated=tuple(sorted(given.model_dump(exclude_none=True))),
    )
    if reference is None:
        return stage
    coupling = _or(given.coupling, FLUX_AT_REFERENCE / reference)
    counter = Refractory(loop(REFRACTORY, feedback_ns, own, clock.step_ns), Receiver(own))
    return _with_feedback(replace(stage, coupling=coupling), where, source, interval_ns, reference, counter)


def _with_feedback(
    stage: SpikeStage, where: str, source: SourceTable, interval_ns: float, reference: float, counter: Refractory
) -> SpikeStage:
    """Set the soma's static flux and the feedback: silent at rest, and the highest rate at the reference state."""
    least, most = _firing_fluxes(stage, where, source, interval_ns)
    full_flux = stage.coupling * reference
    tau_0_ns = source.device.junction.tau_0_s * 1e9
    spikes = tau_0_ns / counter.dendrite.gamma_minus / interval_ns  # that the feedback remembers at the highest rate
    # the flux of one spike is part / spikes; at the highest rate the soma needs most - least more than at rest
    feedback = (full_flux - (most - least)) / (1 - (0.5 - HEADROOM) / spikes)
    if feedback <= 0:
        raise SimulationError(
            f"{where}: the reference state gives {full_flux:.3g} Phi_0, and the soma needs {most - least:.3g} to "
            "fire at the highest rate; raise coupling"
        )
    return replace(
        stage,
        soma=replace(stage.soma, flux_offset=least - HEADROOM * feedback / spikes),
        refractory=replace(counter, dendrite=replace(counter.dendrite, coupling=-feedback / stage.loop_state)),
    )


def _firing_fluxes(stage: SpikeStage, where: str, source: SourceTable, interval_ns: float) -> tuple[float, float]:
    """Fluxes (Phi_0) from which the soma fires at all, and at which it fires with an interval."""
    soma, threshold = stage.soma, stage.threshold

    def interval(flux: float) -> float:
        return spike_interval(soma, source, threshold=threshold, held_ns=stage.held_ns, flux=flux)

    if not interval(0.5) < interval_ns:
        raise SimulationError(
            f"{where}: the soma fires every {interval(0.5):.4g} ns at most, and the highest rate takes "
            f"{interval_ns:.4g} ns; lower beta_di, threshold or absolute_refractory_ns, or raise bias_current"
        )
    if interval(0.0) < math.inf:
        raise SimulationError(f"{where}: the soma fires without any flux; lower bias_current")
    low, high = 0.0, 0.5
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if interval(middle) == math.inf else (low, middle)
    if interval(high) <= interval_ns:
        return high, high
    return high, float(brentq(lambda flux: min(interval(flux), 1e12) - interval_ns, high, 0.5))


def _driven(
    source: SourceTable, current: float, response: SynapseResponse, interval_ns: float, step_ns: float
) -> float:
    """Integral of g over an interval between detections (ns), taken at the middle of steps; the current in I_c."""
    age_ns = np.arange(0.5 * step_ns, interval_ns, step_ns)
    flux = np.maximum(response.flux(age_ns), response.flux(age_ns + interval_ns))
    return float(source(flux, np.full_like(flux, current)).sum()) * step_ns


def _response(netlist: Netlist, hotspot_key: str, dead_time_ns: float) -> SynapseResponse:
    part = Response().completed(netlist.device_technology, hotspot_key)
    names = ("phi_peak", "tau_rise_ns", "tau_fall_ns", "hotspot_ns", "response_cut_ns")
    phi_peak, rise_ns, fall_ns, hotspot_ns, cut_ns = (float(getattr(part, key)) for key in names)
    return SynapseResponse(phi_peak, rise_ns, fall_ns, hotspot_ns, cut_ns, dead_time_ns)


def _or(value: float | None, derived: float) -> float:
    return derived if value is None else value
