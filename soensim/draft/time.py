"""How long a frame is held, and how large the integration loop is, from the leak.

Three things decide. A frame must drive the state: gamma_plus x sample = 0.2 where there are eight frames or more, as in
year1-28, and in proportion longer frames where there are fewer. A sequence must not be forgotten: it lasts two leaks at
most (studies/leak: a leak of four frames of eight suffices). And the inputs must keep up: lines of wires take 12 GHz
(docs/devices.md, the rate chip), light takes ten spikes per frame (SOEN-LI-001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from soensim.check.light import FEWEST_SPIKES
from soensim.errors import NetlistError
from soensim.technology import Technology

DRIVE_PER_FRAME = 0.2  # gamma_plus x sample with FEW_FRAMES frames or more
FEW_FRAMES = 8
MOST_LEAKS = 2  # of a sequence
WIRE_LOOP = 2 * math.pi * 100  # beta_di: the smallest that is published, arXiv:2210.09976
WIRE_LEAK_NS = 1.6
INPUT_GHZ = 12
LIGHT_LEAK_NS = 60_000.0
LARGEST_LOOP = 2 * math.pi * 1e7  # beta_di, 207 uH: the largest of the technology
FRAMES_PER_LEAK = 10  # of light, with FEW_FRAMES frames


@dataclass(frozen=True)
class Pace:
    """Times of a chip.

    Attributes
    ----------
    leak_ns
        tau_di.
    sample_ns
        How long a frame is held.
    beta_di
        Loop inductance, 2 pi I_c L / Phi_0.
    driven
        gamma_plus x sample: how far a frame drives a state, of its source function.
    spikes
        Of an emitter at its highest rate in a frame; 0 without light.
    """

    leak_ns: float
    sample_ns: float
    beta_di: float
    driven: float
    spikes: float


def wire_pace(frames: int, leak_ns: float | None, technology: Technology) -> Pace:
    """Choose the times of a chip with wires.

    Parameters
    ----------
    frames
        Of a data set's sample.
    leak_ns
        Wished; None: 1.6 ns, or what a longer sequence needs.
    technology
        Whose tau_0 is meant.

    Raises
    ------
    NetlistError
        The leak is too short for the sequence at the rate of the inputs.
    """
    tau_ns = float(technology.junction.seconds_from_tau(1.0)) * 1e9
    driven_ns = DRIVE_PER_FRAME * WIRE_LOOP * tau_ns * _longer(frames)
    leak = leak_ns if leak_ns is not None else max(WIRE_LEAK_NS, _digits(frames * driven_ns / MOST_LEAKS, up=True))
    sample_ns = _held(frames, leak, driven_ns, 1 / INPUT_GHZ, f"wires take {INPUT_GHZ} GHz", ("ns", 1.0))
    return Pace(leak, sample_ns, WIRE_LOOP, sample_ns / tau_ns / WIRE_LOOP, 0.0)


def light_pace(frames: int, leak_ns: float | None, rate_mhz: float, technology: Technology) -> Pace:
    """Choose the times of a chip with light; the loop grows with the frame, for the same drive.

    Parameters
    ----------
    frames, technology
        As of `wire_pace`.
    leak_ns
        Wished; None: 60 us, as optical-28, or what a longer sequence needs.
    rate_mhz
        Highest rate of spikes.

    Raises
    ------
    NetlistError
        The leak is too short for the sequence with ten spikes in a frame.
    """
    least_ns = FEWEST_SPIKES / rate_mhz * 1e3
    leak = leak_ns if leak_ns is not None else max(LIGHT_LEAK_NS, frames * least_ns / MOST_LEAKS)
    tau_ns = float(technology.junction.seconds_from_tau(1.0)) * 1e9
    largest_ns = DRIVE_PER_FRAME * LARGEST_LOOP * tau_ns  # a longer leak holds the sequence as well
    wished_ns = min(max(leak / FRAMES_PER_LEAK, least_ns), largest_ns) * _longer(frames)
    reason = f"{FEWEST_SPIKES} spikes at {rate_mhz:g} MHz"
    sample_ns = _held(frames, leak, wished_ns, least_ns, reason, ("us", 1e-3))
    sample_tau = float(technology.junction.tau_from_seconds(sample_ns * 1e-9))
    beta_di = _digits(sample_tau / (DRIVE_PER_FRAME * _longer(frames)))
    return Pace(leak, sample_ns, beta_di, sample_tau / beta_di, rate_mhz * sample_ns * 1e-3)


def _longer(frames: int) -> float:
    """How much longer a frame is held than one of many."""
    return max(1.0, FEW_FRAMES / frames)


def _held(
    frames: int, leak_ns: float, wished_ns: float, least_ns: float, reason: str, unit: tuple[str, float]
) -> float:
    """Return how long a frame is held (ns): as wished, but no sequence of more than two leaks."""
    sample_ns = min(wished_ns, MOST_LEAKS * leak_ns / frames)
    if sample_ns < least_ns * (1 - 1e-9):
        name, size = unit
        needed = _digits(frames * least_ns / MOST_LEAKS * size, up=True)
        raise NetlistError(
            f"leak {leak_ns * size:g} {name}: {frames} frames of {least_ns * size:.3g} {name} or more ({reason}) last "
            f"more than {MOST_LEAKS} leaks, so that the first would be forgotten; give {needed:g} {name} or more, or "
            "data with fewer frames"
        )
    return max(_digits(sample_ns), least_ns)


def _digits(value: float, *, up: bool = False) -> float:
    """Round to three digits, or up to two."""
    unit = 10.0 ** (math.floor(math.log10(value)) - (1 if up else 2))
    whole = math.ceil(value / unit * (1 - 1e-9)) if up else round(value / unit)
    return float(f"{whole * unit:.6g}")
