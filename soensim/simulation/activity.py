"""What a data set makes a chip do: the spikes of its light, and the drive of its SQUIDs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soensim.budget import Activity
from soensim.dynamics import Array, HeldFrames, InputSignal, LightDraws, normalise
from soensim.network import Network, step_coefficients
from soensim.network.light import Light
from soensim.program import Program
from soensim.simulation.engine import BLOCK, Engine, Tally
from soensim.simulation.samples import Samples

FloatArray = NDArray[np.float64]


def measure_activity(network: Network, program: Program, values: Array, *, read_seed: int = 0) -> Activity:
    """Run a program on the nominal chip over a data set, and count what it does in the mean of a sample.

    Of a spiking chip the spikes of lines and neurons are counted.
    Of light that is taken for its average, the expected spikes are counted; a chip without light has none.

    The mean of g over time follows from the states alone: summing s' = retention s + gain g over all steps gives
    gain sum g = s_end - s_start + (1 - retention) sum s, exact for Euler steps; for Heun's the sum is trapezoidal.

    Parameters
    ----------
    network
        The chip, compiled at the integration step to use.
    program
        Made for this chip.
    values
        In [0, 1], shape (batch, frames, data channels).
    read_seed
        Draws the spikes, as in `class_scores`.
    """
    if network.spiking is not None:
        from soensim.simulation.spiking.activity import spiking_activity  # numba: loaded only by chips that need it

        return spiking_activity(network, program, values, read_seed=read_seed)
    light = network.light
    engine = Engine(network, program, None)
    hypotheses = network.labels or 1
    names = [line.name for line in network.inputs] + [p.name for p in network.populations]
    spikes: dict[str, FloatArray] = {}
    drive: dict[str, FloatArray] = {}
    dense = 0.0
    for block in Samples(network, values).blocks(BLOCK, BLOCK):
        kept, tally = block.used, Tally()
        draws = LightDraws(read_seed, block.place.start, BLOCK, hypotheses=hypotheses)
        states = engine.states(block, light=draws, tally=tally)
        if light is not None:
            sent = _expected(network, light, block.signals, states) if tally.light is None else tally.light.sent
            for place, counts in sent.items():
                _add(spikes, names[place], _of_samples(counts, hypotheses, kept).sum((0, 1)))
        dense += _density([_of_samples(part, hypotheses, kept, 2) for part in states])
        for k, population in enumerate(network.populations):
            coefficients = step_coefficients(network, population, engine.chip.gamma_minus[k])
            mean = _mean_drive(network, states[k], tally.states[k], *coefficients)
            _add(drive, population.name, _of_samples(mean, hypotheses, kept).mean(0).sum(0))
    batch = len(values)
    return Activity(
        {name: total / batch for name, total in spikes.items()},
        {name: total / batch for name, total in drive.items()},
        values.shape[1] * network.hold_samples * hypotheses,
        1 - dense / batch,
    )


def _density(states: Sequence[FloatArray]) -> float:
    """Return <|s|>^2 / <s^2> of each sample, over neurons, input samples and labels, summed over the samples."""
    count = sum(part.size // part.shape[1] for part in states)
    mean = sum(np.abs(part).sum((0, 2, 3)) for part in states) / count
    square = sum((part**2).sum((0, 2, 3)) for part in states) / count
    return float(np.divide(mean**2, square, out=np.zeros_like(square), where=square > 0).sum())


def _mean_drive(
    network: Network, states: FloatArray, total: FloatArray, retention: FloatArray, gain: FloatArray
) -> FloatArray:
    """Return the mean over time of g, (..., neurons), from the states after all samples and the sum over all steps."""
    end, steps = states[..., -1, :], states.shape[-2] * network.substeps  # every state starts at 0
    if network.integrator == "heun":
        total = total + 0.5 * end
    mean: FloatArray = (end + (1 - retention) * total) / (gain * steps)
    return mean


def _expected(
    network: Network, light: Light, inputs: Sequence[InputSignal], states: Sequence[FloatArray]
) -> dict[int, Array]:
    """Count the spikes that average light stands for, by place as `SpikingLight.sent` has them."""
    expected: dict[int, Array] = {}
    for port, (emission, signal) in enumerate(zip(light.ports, inputs, strict=True)):
        if emission is not None:
            held = HeldFrames(signal)
            expected[port] = sum(emission.expected(held.at(frame)) for frame in range(len(signal.frame_of)))
    for k, (emission, population) in enumerate(zip(light.populations, network.populations, strict=True)):
        if emission is not None:  # what it sends at the start of every frame: at rest, then after all but the last
            rest = np.zeros_like(states[k][..., :1, :])
            starts = np.concatenate([rest, states[k][..., :-1, :]], axis=-2)
            sent = emission.expected(normalise(starts, population.normalisation))
            expected[len(light.ports) + k] = sent.sum(-2)
    return expected


def _add(totals: dict[str, FloatArray], name: str, part: FloatArray) -> None:
    totals[name] = totals[name] + part if name in totals else part


def _of_samples(array: Array, hypotheses: int, kept: int, inner: int = 1) -> FloatArray:
    """Return it without the rows that pad a block, (hypotheses, samples, …), with so many ``inner`` axes."""
    full: FloatArray = np.broadcast_to(array, (hypotheses, BLOCK, *array.shape[-inner:]))
    return full[:, :kept]
