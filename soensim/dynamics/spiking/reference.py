"""The same network, stepped slowly: to be read, and to check the kernel against.

Differences in method, not in meaning: arrivals are a sorted list, a response is evaluated from its closed form at every
step, sums are written out dendrite by dendrite, and the source function is any callable g(phi, i).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from soensim.dynamics.spiking.arrays import Floats, Indices, SpikingArrays
from soensim.dynamics.spiking.light import photon_delay, unit_exponential
from soensim.dynamics.spiking.steps import StepArrays
from soensim.dynamics.spiking.synapse import SynapseResponse


@dataclass(frozen=True)
class ReferenceRun:
    """Everything that happened.

    Attributes
    ----------
    state, flux
        (steps + 1, dendrites): s (I_c) and phi (Phi_0).
    synapse_flux
        (steps + 1, synapses): responses (Phi_0).
    spikes_ns, spike_neuron
        (spikes,): when (ns) and which neuron.
    detections
        (time in ns, synapse) of every response that began.
    """

    state: Floats
    flux: Floats
    synapse_flux: Floats
    spikes_ns: Floats
    spike_neuron: Indices
    detections: tuple[tuple[float, int], ...]


class _Light:
    """Arrivals under way, and the detectors at the synapses."""

    def __init__(self, arrays: SpikingArrays, seed: int) -> None:
        self.arrays, self.seed = arrays, seed
        self.kinds = [SynapseResponse(*row[:6]) for row in arrays.kinds]
        self.responses: list[list[float]] = [[] for _ in range(arrays.synapses)]
        self.detections: list[tuple[float, int]] = []
        self.draws = [0] * arrays.synapses
        self.under_way: list[tuple[float, int, float]] = []
        if seed >= 0:
            for k in range(arrays.synapses):
                if (rate := arrays.kinds[arrays.synapse_kind[k], 6]) > 0:
                    bisect.insort(self.under_way, (self.deviate(k) / rate, -1 - k, 0.0))

    def deviate(self, synapse: int) -> float:
        self.draws[synapse] += 1
        return float(unit_exponential(self.seed, synapse, self.draws[synapse] - 1))

    def emit(self, emitter: int, t_ns: float) -> None:
        """Send the light of a spike on all edges of an emitter."""
        for e in range(self.arrays.first_edge[emitter], self.arrays.first_edge[emitter + 1]):
            self.next_photon(e, t_ns + self.arrays.edge_delay_ns[e], 0.0)

    def next_photon(self, e: int, origin: float, after: float) -> None:
        photons, tau_rad = self.arrays.edge_photons[e], self.arrays.edge_tau_rad_ns[e]
        if photons == math.inf:
            delay = 0.0
        elif self.seed < 0:
            delay = tau_rad / photons
        else:
            delay = photon_delay(after, photons, tau_rad, self.deviate(self.arrays.edge_synapse[e]))
        if delay < math.inf:
            bisect.insort(self.under_way, (origin + delay, e, origin))

    def receive(self, t_end: float) -> None:
        """Let the arrivals up to ``t_end`` reach their detectors."""
        while self.under_way and self.under_way[0][0] <= t_end:
            t, e, origin = self.under_way.pop(0)
            k = int(self.arrays.edge_synapse[e]) if e >= 0 else -1 - e
            dead = self.kinds[self.arrays.synapse_kind[k]].dead_time_ns
            if not self.responses[k] or t - self.responses[k][-1] >= dead * (1 - 1e-12):
                self.responses[k].append(t)
                self.detections.append((t, k))
            if self.seed < 0:
                continue
            live = max(t, self.responses[k][-1] + dead)
            if e < 0:
                rate = self.arrays.kinds[self.arrays.synapse_kind[k], 6]
                bisect.insort(self.under_way, (live + self.deviate(k) / rate, e, 0.0))
            elif self.arrays.edge_photons[e] < math.inf and self.arrays.edge_tau_rad_ns[e] > 0:
                self.next_photon(e, origin, live - origin)

    def flux(self, synapse: int, t_ns: float) -> float:
        """The response at ``t_ns``: the larger of the one that began last and the rest of those before."""
        kind = self.kinds[self.arrays.synapse_kind[synapse]]
        begun = self.responses[synapse]
        if not begun or t_ns - begun[-1] >= kind.cut_ns:
            return 0.0
        return float(kind.flux(t_ns - np.array(begun)).max())


def reference_run(
    arrays: SpikingArrays,
    steps: StepArrays,
    source: Callable[[float, float], float],
    inputs: Sequence[tuple[float, int]],
    *,
    until: int,
    seed: int = -1,
) -> ReferenceRun:
    """Run ``until`` steps; the equations are in `soensim.dynamics.spiking.kernel`.

    Parameters
    ----------
    arrays, steps
        The network and its step.
    source
        g(phi, i) for one flux (Phi_0) and one SQUID current i_b - s (I_c).
    inputs
        (time in ns, channel), any order.
    until, seed
        Number of steps; read seed, or -1 for none.
    """
    light = _Light(arrays, seed)
    waiting = sorted((t, arrays.neurons + channel) for t, channel in inputs)
    children: list[list[int]] = [[] for _ in range(arrays.dendrites)]
    for d, parent in enumerate(arrays.parent):
        if parent >= 0:
            children[parent].append(d)
    state = np.zeros((until + 1, arrays.dendrites))
    flux = np.tile(arrays.flux_offset, (until + 1, 1))
    responses = np.zeros((until + 1, arrays.synapses))
    held = [0] * arrays.neurons
    spikes: list[tuple[float, int]] = []
    for n in range(until):
        t_end = (n + 1) * steps.dt_ns
        while waiting and waiting[0][0] <= t_end:
            t, emitter = waiting.pop(0)
            light.emit(emitter, t)
        light.receive(t_end)
        responses[n + 1] = [light.flux(k, t_end) for k in range(arrays.synapses)]
        for k, d in enumerate(arrays.synapse_dendrite):
            flux[n + 1, d] += arrays.efficacy[k] * responses[n + 1, k]
        for d in range(arrays.dendrites):
            flux[n + 1, d] += sum(arrays.coupling[c] * state[n, c] for c in children[d])
            before, current = state[n, d], arrays.bias_current[d] - state[n, d]
            state[n + 1, d] = steps.retention[d] * before + steps.gain[d] * source(flux[n + 1, d], current)
        for neuron in _spiking(arrays, steps, state[n + 1], held):
            spikes.append((t_end, neuron))
            light.emit(neuron, t_end)
    return ReferenceRun(
        state,
        flux,
        responses,
        np.array([t for t, _ in spikes]),
        np.array([neuron for _, neuron in spikes], dtype=np.int64),
        tuple(light.detections),
    )


def _spiking(arrays: SpikingArrays, steps: StepArrays, state: Floats, held: list[int]) -> Iterator[int]:
    """Hold somas at zero, in place; yield each neuron that reaches its threshold."""
    for neuron, soma in enumerate(arrays.first_dendrite[:-1]):
        if held[neuron] > 0:
            held[neuron] -= 1
            state[soma] = 0.0
        if state[soma] >= arrays.threshold[neuron]:
            held[neuron] = int(steps.hold[neuron])
            yield neuron
