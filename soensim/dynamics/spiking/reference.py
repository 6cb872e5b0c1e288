"""The same network, stepped slowly: to be read, and to check the kernel against.

Differences in method, not in meaning: arrivals are a sorted list, a response is evaluated from its closed form at every
step, sums are written out dendrite by dendrite, and the source function is any callable g(phi, i).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from soensim.circuit import SourceTable
from soensim.dynamics.spiking.arrays import Floats, SpikingArrays
from soensim.dynamics.spiking.reference_light import Light, ReferenceRun
from soensim.dynamics.spiking.reference_located import located_run
from soensim.dynamics.spiking.steps import StepArrays
from soensim.errors import SimulationError


def reference_run(
    arrays: SpikingArrays,
    steps: StepArrays,
    source: Callable[[float, float], float] | SourceTable,
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
        g(phi, i) for one flux (Phi_0) and one SQUID current i_b - s (I_c); a `SourceTable` where spikes are located.
    inputs
        (time in ns, channel), any order.
    until, seed
        Number of steps; read seed, or -1 for none.

    Raises
    ------
    SimulationError
        Spikes are located, and ``source`` is no `SourceTable`.
    """
    if steps.locates:
        if not isinstance(source, SourceTable):
            raise SimulationError("reference run: steps that locate spikes need the slopes of g: give a SourceTable")
        return located_run(arrays, steps, source, inputs, until=until, seed=seed)
    light = Light(arrays, seed)
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
            light.receive(t)
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
