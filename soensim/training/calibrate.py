"""Quantisation after training: rounding that keeps the flux, not each weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import normalise
from soensim.network import LinearOutput, Network, present
from soensim.program import READOUT, Program, Slot, best_scale, slots
from soensim.simulation import Trace, simulate

FloatArray = NDArray[np.float64]

_DAMPING = 1e-4  # of the mean power, added to every signal's: Frantar et al. use 1e-2, here 1e-2 to 1e-5 are alike


def calibrated(
    network: Network,
    weights: Mapping[str, FloatArray],
    values: NDArray[np.floating[Any]],
    labels: NDArray[np.int64] | None = None,
) -> Program:
    """Make a program whose rounding errors make up for one another in every neuron's flux.

    The flux of a neuron is w . u, with u the signals of its synapses and 1 for its trim. Rounding w to q costs the mean
    square of (q - w) . u over all frames, (q - w)^T H (q - w) with H = <u u^T>. The values of a neuron are rounded one
    after the other, strongest signal first and trim last; after each, those left are moved to where they make up for
    its error as well as they can: GPTQ (Frantar et al. 2022, arXiv:2210.17323), after optimal brain surgery. Signals
    are those of the unquantised chip, every delay taken as one sample. The readout is rounded in the same way on the
    states that it reads. No gradient, no training.

    Parameters
    ----------
    network
        The chip.
    weights
        As for `Program.ideal`.
    values
        A data set's values for calibration, shape (samples, frames, channels): of the training split.
    labels
        Their classes, shape (samples,); required exactly if the chip has label lines. Each sample is then shown twice,
        with its class and with another one, since both kinds of signals decide.

    Raises
    ------
    DataError
        Values out of range, or labels missing, given in vain, or no classes of the chip.
    ProgramError
        The weights do not fit the chip.
    """
    ideal = Program.ideal(network, weights)
    inputs = _inputs(network, values, labels)
    trace = simulate(network, ideal, inputs)
    all_slots = slots(network)
    scales = {k: best_scale(s, ideal.ideal_values[k]) for k, s in all_slots.items() if s.programmable_scale}
    tables = {key: slot.scaled(scales.get(key, 1.0)) for key, slot in all_slots.items()}
    rounded = {key: np.array(v) for key, v in ideal.ideal_values.items()}
    for index in range(len(network.populations)):
        _round_population(network, index, inputs, trace, tables, rounded)
    if isinstance(network.output, LinearOutput):
        _round_readout(network, network.output, trace, tables, rounded)
    return Program.quantised(network, rounded, ideal=weights, scales=scales)


def _inputs(network: Network, values: NDArray[np.floating[Any]], labels: NDArray[np.int64] | None) -> FloatArray:
    """Signals on all input channels, shape (presentations, frames, channels)."""
    if network.labels == 0 or labels is None:
        return present(network, values, labels).astype(np.float64)
    wrong = (labels + 1 + np.arange(len(labels)) % (network.labels - 1)) % network.labels
    return np.concatenate([present(network, values, shown) for shown in (labels, wrong)]).astype(np.float64)


def _round_readout(
    network: Network, output: LinearOutput, trace: Trace, tables: Mapping[str, Slot], rounded: dict[str, FloatArray]
) -> None:
    """Round the readout for the states that it reads, in place."""
    read = [_sent(network, k, trace)[:, 1:] for k in output.populations]
    states: FloatArray = np.concatenate([s[:, -1] if output.state == "final" else s.mean(1) for s in read], -1)
    power = states.T @ states / len(states)
    for row, w in enumerate(rounded[READOUT]):
        places = [(READOUT, (row, column)) for column in range(len(w))]
        rounded[READOUT][row] = _round(w, power, places, tables)


def _round_population(
    network: Network,
    index: int,
    inputs: FloatArray,
    trace: Trace,
    tables: Mapping[str, Slot],
    rounded: dict[str, FloatArray],
) -> None:
    """Round all that drives one population, in place."""
    population = network.populations[index]
    driving = {key: s for key, s in network.synapses.items() if s.target == index}
    columns = []
    for synapses in driving.values():
        if synapses.source is None:
            columns.append(inputs[:, :, network.inputs[synapses.port].channels])
        else:
            ahead = network.feed_forward and synapses.source < index
            columns.append(_sent(network, synapses.source, trace)[:, int(ahead) :][:, : inputs.shape[1]])
    columns.append(np.ones((*inputs.shape[:2], 1)))
    signals: FloatArray = np.concatenate(columns, -1).reshape(-1, sum(c.shape[-1] for c in columns))
    power = signals.T @ signals / len(signals)
    starts = np.cumsum([0, *(c.shape[-1] for c in columns)])
    for neuron in range(population.size):
        places: list[tuple[str, tuple[int, ...]]] = []
        rows: list[int] = []
        for start, (key, synapses) in zip(starts, driving.items(), strict=False):
            for edge in np.flatnonzero(synapses.targets == neuron):
                places.append((key, (int(edge),)))
                rows.append(int(start + synapses.sources[edge]))
        if population.trim_levels is not None:
            places.append((population.trim_key, (neuron,)))
            rows.append(int(starts[-2]))
        w = np.array([rounded[key][at] for key, at in places])
        for (key, at), q in zip(places, _round(w, power[np.ix_(rows, rows)], places, tables), strict=True):
            rounded[key][at] = q


def _round(
    w: FloatArray, power: FloatArray, places: Sequence[tuple[str, tuple[int, ...]]], tables: Mapping[str, Slot]
) -> FloatArray:
    """Round the values of one neuron, shape (k,), given H of shape (k, k) and the place of each in the program."""
    if len(w) == 0:
        return w
    damped = power + (_DAMPING * np.trace(power) / len(w) + 1e-12) * np.eye(len(w))
    trim = np.array([key.endswith(".flux_trim") for key, _ in places])
    order: NDArray[np.intp] = np.lexsort((-np.diag(damped), trim))
    # row k of the upper Cholesky factor of H^-1 holds the inverse of H without the values before k (GPTQ, section 3.3)
    factor = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    left, q = w[order].copy(), np.empty(len(w))
    for k, place in enumerate(order):
        key, at = places[place]
        sign, levels = tables[key].sign[at], tables[key].levels
        q[place] = sign * levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, sign * left[k])]
        left[k + 1 :] -= (left[k] - q[place]) / factor[k, k] * factor[k, k + 1 :]
    return q


def _sent(network: Network, index: int, trace: Trace) -> FloatArray:
    """States of a population as it sends them, shape (samples, frames + 1, neurons)."""
    population = network.populations[index]
    sent: FloatArray = normalise(trace.state[:, :, population.neurons], population.normalisation)
    return sent
