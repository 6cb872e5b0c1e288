"""The steps of `soensim.dynamics.spiking.located`, taken slowly: to be read, and to check the kernel against.

Everything is computed anew from the responses begun so far: after each arrival and each spike all neurons take their
step again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from soensim.circuit import SourceTable
from soensim.dynamics.spiking.arrays import SpikingArrays
from soensim.dynamics.spiking.jumps import at_old_level
from soensim.dynamics.spiking.reference_light import Light, ReferenceRun
from soensim.dynamics.spiking.steps import StepArrays

_ONE, _TWO, _ACROSS = 0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6, math.sqrt(3) / 6 - 0.25
_Motion = tuple[float, float, float]  # s, its slope per step, and that by the flux


class _Jumping(Light):
    """Light whose responses go from level to level in jumps: (time, flux at the reference time, that, bend)."""

    def __init__(self, arrays: SpikingArrays, steps: StepArrays, seed: int) -> None:
        super().__init__(arrays, seed)
        self.steps = steps
        self.jumps: list[list[tuple[float, float, float, float]]] = [[] for _ in range(arrays.synapses)]

    def begin(self, synapse: int, t: float) -> None:
        kind, arrays = int(self.arrays.synapse_kind[synapse]), self.arrays
        part, jumps, begun = self.kinds[kind], self.jumps[synapse], self.responses[synapse]
        old = 0.0
        if begun and t < begun[-1] + part.cut_ns:
            old = math.exp((begun[-1] - t) / part.tau_fall_ns)
            del jumps[-1]  # its end
        super().begin(synapse, t)
        falls = t + part.hotspot_ns
        peak, rise = float(part.flux(part.hotspot_ns)), self.steps.rise
        low, last = old, rise.after_ns.shape[1] - 1
        for jump in range(last + 1):
            high = max(old, float(rise.share[kind, jump + 1])) if jump < last else 1.0
            if high != low:
                change = arrays.efficacy[synapse] * (high - low) * peak
                bend = 0.5 * at_old_level(rise.blur_ns, kind, jump, old) / self.steps.dt_ns * change
                jumps.append((t + at_old_level(rise.after_ns, kind, jump, old), high * peak, falls, bend))
            low = high
        jumps.append((t + part.cut_ns, 0.0, falls, 0.0))

    def level(self, synapse: int, t: float) -> float:
        """Flux of the response after the last jump up to ``t`` (Phi_0)."""
        tau = self.kinds[self.arrays.synapse_kind[synapse]].tau_fall_ns
        before = [jump for jump in self.jumps[synapse] if jump[0] <= t]
        return before[-1][1] * math.exp(-(t - before[-1][2]) / tau) if before else 0.0


class _Chip:
    """A network in one step, from ``begin`` to ``end`` (ns)."""

    def __init__(self, arrays: SpikingArrays, steps: StepArrays, source: SourceTable, light: _Jumping) -> None:
        self.arrays, self.steps, self.source, self.light = arrays, steps, source, light
        self.synapses: list[list[int]] = [[] for _ in range(arrays.dendrites)]
        for k, d in enumerate(arrays.synapse_dendrite):
            self.synapses[d].append(k)
        self.motion: list[_Motion] = [(0.0, 0.0, 0.0)] * arrays.dendrites
        self.drive = [float(offset) for offset in arrays.flux_offset]
        self.release = [0.0] * arrays.neurons
        self.begin, self.end = 0.0, steps.dt_ns

    def flux(self, d: int, t: float, drive: float) -> float:
        """Flux at ``t``; ``drive`` is what branches and offset give at the end of the step."""
        share = (t - self.begin) / self.steps.dt_ns
        responses = sum(self.arrays.efficacy[k] * self.light.level(k, t) for k in self.synapses[d])
        return self.drive[d] + (drive - self.drive[d]) * share + float(responses)

    def drift(self, d: int, phi: float, s: float) -> tuple[float, float, float]:
        leak, gain = self.steps.leak[d], self.steps.gain[d]
        if abs(phi) <= self.steps.rest_flux[d] and s >= 0:
            return -leak * s, leak, 0.0
        g, by_flux, slope = self.source.value_and_gradient(phi, self.arrays.bias_current[d] - s)
        return gain * g - leak * s, gain * min(slope, 1e6) + leak, gain * by_flux

    def gauss(self, d: int, one: float, two: float, s: float, slope: float, h: float) -> tuple[float, ...]:
        change, fall, one_by_flux = self.drift(d, one, s + _ONE * h * slope)
        first = (change + h * fall * slope / 4) / (1 + h * fall / 4)
        change, last_fall, two_by_flux = self.drift(d, two, s + _TWO * h * first)
        last = (change + h * last_fall * first / 4) / (1 + h * last_fall / 4)
        first += h * fall * _ACROSS * (last - slope) / (1 + h * fall / 4)
        return s + h * (first + last) / 2, first, last, one_by_flux, two_by_flux

    def step(self, d: int, begin: float, drive: float, threshold: float) -> tuple[_Motion, float]:
        """Step a dendrite; return its motion at the end, and when it reaches the threshold."""
        s, slope, by_flux = self.motion[d] if begin == self.begin else (0.0, 0.0, self.motion[d][2])
        jumps = sorted(jump for k in self.synapses[d] for jump in self.light.jumps[k] if self.begin < jump[0])
        bend = 0.0
        for end, *_, further in [*(jump for jump in jumps if jump[0] <= self.end), (self.end, 0.0, 0.0, 0.0)]:
            if end - begin > 1e-9 * self.steps.dt_ns:
                pieces = [(begin, end)]
                while pieces:
                    a, b = pieces.pop(0)
                    h = (b - a) / self.steps.dt_ns
                    one, two = (self.flux(d, a + c * (b - a), drive) for c in (_ONE, _TWO))
                    rest = self.steps.rest_flux[d]
                    if by_flux == 0 and abs(one) <= rest and abs(two) <= rest and s >= 0:
                        s *= math.exp(-h * self.steps.leak[d])
                        slope, bend = -self.steps.leak[d] * s, 0.0
                        continue
                    after, _, last, one_by, two_by = self.gauss(d, one, two, s, slope, h)
                    gain, was_drive = self.steps.gain[d], slope + self.steps.leak[d] * s
                    turns = h * abs((two_by - one_by) * (two - one)) > 0.01 * gain
                    if one_by == two_by == 0:
                        turns = by_flux != 0 and h * was_drive > 0.01 * gain
                    if turns and (a, b) == (begin, end):
                        cuts = [begin + (end - begin) * part / 8 for part in range(9)]
                        pieces = list(pairwise(cuts))
                        continue
                    if one_by != 0 and by_flux != 0:
                        s, after = (x - bend * (one_by - by_flux) for x in (s, after))
                    if after >= threshold:
                        return (0.0, 0.0, 0.0), self.crossing(d, s, after, a, b, drive, threshold)
                    s, slope, by_flux, bend = after, last, two_by, 0.0
                begin = end
            bend += further
        return (s if abs(s) >= 1e-30 else 0.0, slope, by_flux), math.inf

    def crossing(self, d: int, s: float, after: float, a: float, b: float, drive: float, threshold: float) -> float:
        """When the cubic through states and slopes at both ends of a piece reaches the threshold (ns)."""
        h = (b - a) / self.steps.dt_ns
        just_before = b - 1e-12 * self.steps.dt_ns  # not what jumps at b
        first = h * self.drift(d, self.flux(d, a, drive), s)[0]
        last = h * self.drift(d, self.flux(d, just_before, drive), after)[0]
        cubic = np.polynomial.Polynomial(
            [s - threshold, first, 3 * (after - s) - 2 * first - last, 2 * (s - after) + first + last]
        )
        return a + (b - a) * float(brentq(cubic, 0.0, 1.0, xtol=1e-15))

    def step_all(self) -> tuple[list[_Motion], list[float], list[float]]:
        """Return what the step leads to: motions, drives, and when each neuron spikes."""
        arrays, motions = self.arrays, [(0.0, 0.0, 0.0)] * self.arrays.dendrites
        drive = [float(offset) for offset in arrays.flux_offset]
        spikes = [math.inf] * arrays.neurons
        for d in reversed(range(arrays.dendrites)):
            neuron = int(self.steps.neuron_of[d])
            if arrays.parent[d] >= 0:
                motions[d], _ = self.step(d, self.begin, drive[d], math.inf)
                drive[arrays.parent[d]] += arrays.coupling[d] * motions[d][0]
            elif (begin := max(self.begin, self.release[neuron])) < self.end:
                motions[d], spikes[neuron] = self.step(d, begin, drive[d], float(arrays.threshold[neuron]))
        return motions, drive, spikes


def located_run(
    arrays: SpikingArrays,
    steps: StepArrays,
    source: SourceTable,
    inputs: Sequence[tuple[float, int]],
    *,
    until: int,
    seed: int = -1,
) -> ReferenceRun:
    """Run ``until`` steps that locate spikes; arguments as `soensim.dynamics.spiking.reference_run` has them."""
    light = _Jumping(arrays, steps, seed)
    chip = _Chip(arrays, steps, source, light)
    waiting = sorted((t, arrays.neurons + channel) for t, channel in inputs)
    state = np.zeros((until + 1, arrays.dendrites))
    flux = np.tile(arrays.flux_offset, (until + 1, 1))
    responses = np.zeros((until + 1, arrays.synapses))
    spikes: list[tuple[float, int]] = []
    for n in range(until):
        chip.begin, chip.end = n * steps.dt_ns, (n + 1) * steps.dt_ns
        while waiting and waiting[0][0] <= chip.end:
            t, emitter = waiting.pop(0)
            light.receive(t, lambda k: not steps.synapse_fed[k])
            light.emit(emitter, t)
        light.receive(chip.end, lambda k: not steps.synapse_fed[k])
        while True:
            motions, drive, found = chip.step_all()
            spike = min(found)
            own = [arrival for arrival in light.under_way if steps.synapse_fed[light.synapse(arrival[1])]]
            if own and own[0][0] <= min(spike, chip.end):
                light.receive(own[0][0], lambda k: bool(steps.synapse_fed[k]))
            elif spike < math.inf:
                neuron = found.index(spike)
                spikes.append((spike, neuron))
                chip.release[neuron] = spike + float(arrays.absolute_refractory_ns[neuron])
                chip.motion[arrays.first_dendrite[neuron]] = (0.0, 0.0, 0.0)
                light.emit(neuron, spike)
            else:
                break
        chip.motion, chip.drive = motions, drive
        state[n + 1] = [motion[0] for motion in motions]
        chip.begin, rest = chip.end, chip.begin
        flux[n + 1] = [chip.flux(d, chip.end, drive[d]) for d in range(arrays.dendrites)]
        chip.begin = rest
        responses[n + 1] = [light.flux(k, chip.end) for k in range(arrays.synapses)]
    return ReferenceRun(
        state,
        flux,
        responses,
        np.array([t for t, _ in spikes]),
        np.array([neuron for _, neuron in spikes], dtype=np.int64),
        tuple(light.detections),
    )
