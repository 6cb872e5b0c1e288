"""A whole chip with its program and one input sample as a SPICE deck: every dendrite, coupling, delay and input.

Simulators start from zero phases and currents. So a deck begins with some input samples of nothing, at whose end the
constant flux rises, then the bias: a SQUID without a bias stays at rest whatever its flux, and the few tau_0 until the
first sample put next to nothing into the integration loops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import Waveform
from soensim.circuit.coupled import CoupledCircuits
from soensim.errors import CircuitError
from soensim.interop.spice import Deck, DeckDendrite

FloatArray = NDArray[np.float64]

#: How long the constant flux and the bias take to rise before the first sample, and a signal to change, in tau_0.
FLUX_RISE, BIAS_RISE, EDGE = 20.0, 2.0, 0.05


def chip_deck(circuits: CoupledCircuits, names: Sequence[str], signals: FloatArray) -> Deck:
    """Make the deck of a chip that is shown one sample.

    Parameters
    ----------
    circuits
        The chip with its program (`soensim.simulation.circuits.coupled_circuits`).
    names
        Of the dendrites, in the order of the circuits: lower-case letters, digits and _, starting with a letter.
    signals
        Input channels (I_c), shape (samples, channels); each sample is held for `circuits.sample_tau`.

    Returns
    -------
    Deck
        Prints the states at every multiple of the length of a sample; the first sample begins at the multiple
        `samples_before`.

    Raises
    ------
    CircuitError
        The signals are not of this chip's channels.
    """
    channels = int(circuits.inputs.source.max(initial=-1)) + 1
    if signals.ndim != 2 or signals.shape[1] < channels:
        raise CircuitError(
            f"deck of a chip: signals have the shape {signals.shape}; needs (samples, {channels} channels)"
        )
    to_ns = circuits.device.junction.tau_0_s * 1e9
    before = samples_before(circuits)
    start, end = before * circuits.sample_tau, (before + len(signals)) * circuits.sample_tau
    recurrent = circuits.recurrent
    dendrites = []
    for i, name in enumerate(names):
        edges = np.flatnonzero(recurrent.target == i)
        dendrites.append(
            DeckDendrite(
                name,
                flux=_flux(circuits, i, signals, start, to_ns),
                bias_current=_rise(float(circuits.bias_current[i]), start - BIAS_RISE, start, to_ns),
                beta_di=float(circuits.beta_di[i]),
                tau_di_ns=to_ns / float(circuits.gamma_minus[i]),
                inputs=tuple((names[int(recurrent.source[e])], float(recurrent.efficacy[e])) for e in edges),
                delays_tau=tuple(float(recurrent.delay_tau[e]) for e in edges),
            )
        )
    return Deck(circuits.device, tuple(dendrites), end * to_ns, circuits.sample_tau * to_ns, recurrent=True)


def samples_before(circuits: CoupledCircuits) -> int:
    """Count the samples of nothing before the first one."""
    return max(1, math.ceil((FLUX_RISE + BIAS_RISE) / circuits.sample_tau))


def _rise(value: float, first_tau: float, last_tau: float, to_ns: float) -> Waveform:
    """Rise from 0 to a value between two times."""
    times = np.array([0.0, first_tau, last_tau]) if first_tau > 0.0 else np.array([0.0, last_tau])
    return Waveform(times * to_ns, np.append(np.zeros(len(times) - 1), value))


def _flux(circuits: CoupledCircuits, dendrite: int, signals: FloatArray, start_tau: float, to_ns: float) -> Waveform:
    """Flux of a dendrite from constant flux and inputs: straight lines, each change a short ramp after its delay."""
    inputs = circuits.inputs
    edges = np.flatnonzero(inputs.target == dendrite)
    offset = float(circuits.flux_offset[dendrite])
    offset -= round(offset)  # whole quanta are trapped as the SQUID becomes superconducting
    steps = np.diff(signals, axis=0, prepend=0.0)[:, inputs.source[edges]] * inputs.efficacy[edges]
    at = start_tau + circuits.sample_tau * np.arange(len(signals))[:, None] + inputs.delay_tau[edges]
    rise = start_tau - BIAS_RISE - FLUX_RISE
    begins = np.concatenate([[rise], at.ravel()])
    ends = np.concatenate([[rise + FLUX_RISE], at.ravel() + EDGE])
    changes = np.concatenate([[offset], steps.ravel()])
    # slopes change where ramps begin and end
    times = np.concatenate([begins, ends])
    slopes = np.concatenate([changes / (ends - begins), -changes / (ends - begins)])
    places, which = np.unique(np.round(times, 9), return_inverse=True)
    slope = np.cumsum(np.bincount(which, weights=slopes))
    values = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(places))])
    if places[0] > 0.0:
        places, values = np.append(0.0, places), np.append(0.0, values)
    return Waveform(places * to_ns, values)
