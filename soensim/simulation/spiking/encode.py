"""From the values of a data set to spike trains on the input lines of a spiking chip."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.memory import require_memory
from soensim.errors import SimulationError
from soensim.netlist import LatencyCode, RateCode
from soensim.network import InputLines, Network
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.simulation.spiking.batch import SpikeBatch

Floats = NDArray[np.float64]

_BYTES_PER_SPIKE = 64  # time and channel, twice while they are put in order


def encode_spikes(
    network: Network, drive: NDArray[np.floating], *, read_seed: int, first_sample: int = 0
) -> SpikeBatch:
    """Turn samples into spikes.

    Parameters
    ----------
    network
        The chip; its input lines say how a value becomes spikes, and its timing how long a frame lasts.
    drive
        Rates (MHz) or, with a latency code, values from 0 to 1, shape (samples, frames, data channels), as
        `soensim.network.encode_data` gives them; every frame is held as long as the netlist says.
    read_seed
        Draws the phases of regular trains, and Poisson trains.
    first_sample
        Number of the first sample in its data set: what is drawn depends on it and on ``read_seed`` alone.

    Returns
    -------
    SpikeBatch
        Times from the start of each sample (ns), ascending.

    Raises
    ------
    SimulationError
        The chip has no input lines that take data, or there are more spikes than fit into memory.
    """
    lines = network.lines("data")
    if lines is None or lines.code is None:
        raise SimulationError(
            f"chip {network.name!r} has no spike-input population with a `code`, so that data cannot become spikes"
        )
    frame_ns = duration_ns(network, 1)
    if isinstance(lines.code, RateCode):
        require_memory(
            int(_BYTES_PER_SPIKE * 1e-3 * frame_ns * float(drive.sum())),
            f"the input spikes of {len(drive)} samples",
            advice="lower rate_max_mhz, or shorten the sample",
            error=SimulationError,
        )
    make = _latency if isinstance(lines.code, LatencyCode) else _regular if _is_regular(lines.code) else _poisson
    exact = drive.astype(np.float64)  # periods of 50 and of 49.999998 ns differ for a detector that is dead for 50
    parts = [
        make(lines, sample, frame_ns, _stream(read_seed, first_sample + k, lines.name))
        for k, sample in enumerate(exact)
    ]
    times_ns = np.concatenate([times for times, _ in parts]) if parts else np.zeros(0)
    return SpikeBatch(
        np.minimum(times_ns, duration_ns(network, drive.shape[1])),  # the last spike may be a rounding error late
        np.concatenate([channels for _, channels in parts]) if parts else np.zeros(0, dtype=np.int64),
        np.cumsum([0, *(len(times) for times, _ in parts)]),
    )


def sample_ns(network: Network) -> float:
    """Return how long an input sample of a spiking chip lasts (ns)."""
    return network.sample_tau * spiking_of(network).tau_0_ns


def duration_ns(network: Network, frames: int) -> float:
    """Return how long frames of a data set last on a spiking chip (ns)."""
    return frames * network.hold_samples * sample_ns(network)


def spiking_of(network: Network) -> SpikingNetwork:
    """Return the arrays of a spiking chip.

    Raises
    ------
    SimulationError
        It has no spiking neurons.
    """
    if network.spiking is None:
        raise SimulationError(f"chip {network.name!r} has no spiking neurons")
    return network.spiking


def _is_regular(code: RateCode | LatencyCode) -> bool:
    return isinstance(code, RateCode) and code.statistics == "regular"


def _stream(read_seed: int, sample: int, name: str) -> np.random.Generator:
    return np.random.default_rng([read_seed, sample, zlib.crc32(name.encode())])


def _ordered(times: list[Floats], channels: list[NDArray[np.int64]]) -> tuple[Floats, NDArray[np.int64]]:
    time, channel = np.concatenate(times), np.concatenate(channels)
    order = np.lexsort((channel, time))
    return time[order], channel[order]


def regular_trains(rates_mhz: Floats, frame_ns: float, phases: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Spike whenever the number of periods since the start, and a phase, is whole.

    A frame of rate r and length T has floor(r T + u) spikes, u uniform: r T in the mean.

    Parameters
    ----------
    rates_mhz
        Of each frame and line, shape (frames, lines).
    frame_ns
        Length of a frame (ns).
    phases
        In [0, 1), shape (lines,).

    Returns
    -------
    tuple
        Times (ns) in ascending order, and the line of each.
    """
    done = phases
    times, channels = [], []
    for frame, rate in enumerate(rates_mhz * 1e-3):
        after = done + rate * frame_ns
        count = (np.floor(after) - np.floor(done)).astype(np.int64)
        channel = np.repeat(np.arange(len(rate)), count)
        number = np.arange(len(channel)) - np.repeat(np.cumsum(count) - count, count)  # within its channel
        whole = np.floor(done)[channel] + 1 + number
        times.append(frame * frame_ns + (whole - done[channel]) / rate[channel])
        channels.append(channel)
        done = after
    return _ordered(times, channels)


def _regular(
    lines: InputLines, rates_mhz: Floats, frame_ns: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int64]]:
    times, channels = regular_trains(rates_mhz, frame_ns, rng.random((rates_mhz.shape[1],)))
    return times, lines.channels.start + channels


def _poisson(
    lines: InputLines, rates_mhz: Floats, frame_ns: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw the number of spikes of each frame, then their times."""
    first = lines.channels.start
    times, channels = [], []
    for frame, rate in enumerate(rates_mhz * 1e-3):
        channel = np.repeat(np.arange(len(rate)), rng.poisson(rate * frame_ns))
        times.append(frame_ns * (frame + rng.random(len(channel))))
        channels.append(first + channel)
    return _ordered(times, channels)


def _latency(
    lines: InputLines, values: Floats, frame_ns: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int64]]:
    """Spike once per frame, the earlier the larger the value."""
    del rng
    window_ns = lines.code.window_ns if isinstance(lines.code, LatencyCode) else 0.0
    place = np.nonzero(values > 0)
    frames, channel = place[0], place[1]
    times = frames * frame_ns + window_ns * (1 - values[frames, channel])
    return _ordered([times], [lines.channels.start + channel])
