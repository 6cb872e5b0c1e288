"""What both reference runs share: what they return, and light and its detectors, as plain lists."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from soensim.dynamics.spiking.arrays import Floats, Indices, SpikingArrays
from soensim.dynamics.spiking.light import photon_delay, unit_exponential
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


class Light:
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
        """Draw a unit exponential of a synapse's own stream."""
        self.draws[synapse] += 1
        return float(unit_exponential(self.seed, synapse, self.draws[synapse] - 1))

    def emit(self, emitter: int, t_ns: float) -> None:
        """Send the light of a spike on all edges of an emitter."""
        for e in range(self.arrays.first_edge[emitter], self.arrays.first_edge[emitter + 1]):
            self.next_photon(e, t_ns + self.arrays.edge_delay_ns[e], 0.0)

    def next_photon(self, e: int, origin: float, after: float) -> None:
        """Send the next photon of a spike whose light reached edge e at ``origin``, later than ``after`` (ns) that."""
        photons, tau_rad = self.arrays.edge_photons[e], self.arrays.edge_tau_rad_ns[e]
        if photons == math.inf:
            delay = 0.0
        elif self.seed < 0:
            delay = tau_rad / photons
        else:
            delay = photon_delay(after, photons, tau_rad, self.deviate(self.arrays.edge_synapse[e]))
        if delay < math.inf:
            bisect.insort(self.under_way, (origin + delay, e, origin))

    def synapse(self, edge: int) -> int:
        """Return the synapse of an edge; -1 - synapse stands for its dark counts."""
        return int(self.arrays.edge_synapse[edge]) if edge >= 0 else -1 - edge

    def begin(self, synapse: int, t: float) -> None:
        """Begin a response in a live detector."""
        self.responses[synapse].append(t)
        self.detections.append((t, synapse))

    def receive(self, t_end: float, those: Callable[[int], bool] = lambda _: True) -> None:
        """Let the arrivals up to ``t_end`` reach their detectors, those of the synapses that are asked for."""
        while arrivals := [a for a in self.under_way if a[0] <= t_end and those(self.synapse(a[1]))]:
            self.under_way.remove(arrivals[0])
            t, e, origin = arrivals[0]
            k = self.synapse(e)
            dead = self.kinds[self.arrays.synapse_kind[k]].dead_time_ns
            if not self.responses[k] or t - self.responses[k][-1] >= dead * (1 - 1e-12):
                self.begin(k, t)
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
