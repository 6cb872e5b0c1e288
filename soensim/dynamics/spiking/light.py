"""The transmitter and its light: when the photons of a spike are detected, and when a detector counts in the dark.

A spike excites a light source that emits photons with an exponential delay, time constant tau_rad. Of those aimed at
one synapse a mean number

    n = photons x (light source efficiency) x (path transmission) x (detector efficiency)

would be detected; their number is Poisson distributed (docs/physics.md), so that P(no photon) = exp(-n). The
detections are then an inhomogeneous Poisson process of rate n exp(-t/tau_rad)/tau_rad, which is a unit-rate process
on the clock G(t) = n (1 - exp(-t/tau_rad)): the next one is at G^-1(G(t) + E), E a unit exponential, and there is none
if that exceeds n. Only detections by a live detector matter, so the clock may be set forward to the end of a dead time.

Random numbers are functions of (seed, stream, count): each synapse is a stream of its own. Results do not depend on the
order in which synapses are served, nor on threads.
"""

import math

import numpy as np

from soensim._runtime.kernel_cache import njit

GOLDEN, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@njit(cache=True)
def mix(x):  # type: ignore[no-untyped-def]
    """Finaliser of SplitMix64 (Steele, Lea, Flood 2014): 64 bits to 64 well mixed bits."""
    x = (x ^ (x >> _S30)) * _MIX_1
    x = (x ^ (x >> _S27)) * _MIX_2
    return x ^ (x >> _S31)


@njit(cache=True)
def stream_start(seed, stream):  # type: ignore[no-untyped-def]
    """State of a stream before its first number; `GOLDEN` further for every number, which is the mixed state."""
    return mix(mix(np.uint64(seed) + GOLDEN) ^ mix(np.uint64(stream) * _MIX_2 + GOLDEN))


@njit(cache=True)
def uniform(bits):  # type: ignore[no-untyped-def]
    """Uniform deviate in (0, 1) of 64 mixed bits."""
    return (np.float64(bits >> _S11) + 0.5) * _UNIT


@njit(cache=True)
def unit_exponential(seed, stream, count):  # type: ignore[no-untyped-def]
    """Exponential deviate of mean 1: number ``count`` of stream ``stream`` under ``seed`` (whole numbers)."""
    return -math.log(uniform(mix(stream_start(seed, stream) + np.uint64(count) * GOLDEN)))


@njit(cache=True)
def sample_seed(read_seed, sample):  # type: ignore[no-untyped-def]
    """Read seed of one sample of many: a function of both whole numbers, 0 or more and below 2^63."""
    key = mix(mix(np.uint64(read_seed) + GOLDEN) + np.uint64(sample) * GOLDEN)
    return np.int64(key >> np.uint64(1))


@njit(cache=True, error_model="numpy")
def photon_delay(after, mean, tau_rad_ns, deviate):  # type: ignore[no-untyped-def]
    """Delay (ns) from emission to the next detection later than ``after``; infinity if there is none.

    Parameters
    ----------
    after
        Time since the spike reached the synapse (ns), >= 0.
    mean
        Mean number n of detections that a spike causes in an ever live detector.
    tau_rad_ns
        Decay time of the light source (ns); with 0 all photons arrive at once.
    deviate
        A unit exponential.
    """
    if tau_rad_ns == 0.0:
        return 0.0 if after == 0.0 and deviate < mean else math.inf
    left = (
        mean if after == 0.0 else mean * math.exp(-after / tau_rad_ns)
    ) - deviate  # what remains of n - G at the next detection
    if left <= 0.0:
        return math.inf
    return -tau_rad_ns * math.log(left / mean)
