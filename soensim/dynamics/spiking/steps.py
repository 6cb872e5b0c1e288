"""What a step size adds to a spiking network, and how large it may be."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import SourceArrays
from soensim.dynamics.integrators import MAX_DRIVE_PER_STEP, Integrator, coefficients
from soensim.dynamics.spiking.arrays import Floats, Indices, Rise, SpikingArrays
from soensim.dynamics.spiking.jumps import no_rise, rise_in_jumps
from soensim.errors import SimulationError


class StepArrays(NamedTuple):
    """What a step size adds.

    Parameters
    ----------
    dt_ns
        The step (ns).
    retention, gain
        (dendrites,): coefficients of `soensim.dynamics.integrators`; where spikes are located, what is left of a state
        after a step without drive, and gamma_plus dt.
    leak
        (dendrites,): gamma_minus dt.
    rest_flux
        (dendrites,): for |phi| up to it g = 0 at every state >= 0, so that the source function need not be looked up.
    hold
        (neurons,): steps for which the soma is held at zero.
    peak
        (kinds,): flux (Phi_0) from which a response falls.
    first_pool, pool_kind
        (dendrites + 1,): dendrite d has the pools first_pool[d] to first_pool[d + 1] - 1; (pools,): the kind of each.
    synapse_pool
        (synapses,): where its response is summed once it falls.
    synapse_fed
        (synapses,): whether neurons feed it, not an input channel.
    neuron_of, pool_dendrite
        (dendrites,) and (pools,): the neuron of a dendrite, and the dendrite of a pool.
    by_level, first_of_level
        (dendrites,) and (levels + 1,): dendrites by how far they are from their soma, the farthest first.
    locates
        Whether spikes are located within a step (Heun), or fall on its end.
    rise
        How responses rise where they are; else empty.
    """

    dt_ns: float
    retention: Floats
    gain: Floats
    leak: Floats
    rest_flux: Floats
    hold: Indices
    peak: Floats
    first_pool: Indices
    pool_kind: Indices
    synapse_pool: Indices
    synapse_fed: NDArray[np.bool_]
    neuron_of: Indices
    pool_dendrite: Indices
    by_level: Indices
    first_of_level: Indices
    locates: bool
    rise: Rise


class SteppedNetwork(NamedTuple):
    """A network, its step, and the source function of all its dendrites: what the kernel reads."""

    arrays: SpikingArrays
    steps: StepArrays
    source: SourceArrays


def step_arrays(
    arrays: SpikingArrays, source: SourceArrays, *, dt_ns: float, tau_0_ns: float, integrator: Integrator
) -> StepArrays:
    """Prepare steps of ``dt_ns``.

    Parameters
    ----------
    arrays, source
        The network, and the source function of all its dendrites.
    dt_ns, tau_0_ns
        The step, and the unit of dimensionless time (ns).
    integrator
        `forward-euler` or `exponential-euler`, as `soensim.dynamics.coefficients`: spikes fall on the ends of steps.
        `heun`: of second order, and spikes are located within a step (`soensim.dynamics.spiking.located`).

    Raises
    ------
    SimulationError
        The step is not positive, or longer than `largest_step`; or the integrator is another.
    """
    if not (math.isfinite(dt_ns) and dt_ns > 0):
        raise SimulationError(f"the step dt_ns is {dt_ns!r}; it must be a positive finite number")
    largest_ns, reason = largest_step(arrays, tau_0_ns=tau_0_ns, integrator=integrator)
    if dt_ns > largest_ns * (1 + 1e-9):
        raise SimulationError(f"a step of {dt_ns:.4g} ns is too coarse: {reason}, so {largest_ns:.4g} ns or less")
    dt_tau = dt_ns / tau_0_ns
    exact = "exponential-euler" if integrator == "heun" else integrator
    retention, gain = coefficients(arrays.gamma_plus, arrays.gamma_minus, dt_tau, exact)
    hold = np.ceil(arrays.absolute_refractory_ns / dt_ns * (1 - 1e-12)).astype(np.int64)
    return StepArrays(
        dt_ns=float(dt_ns),
        retention=retention,
        gain=arrays.gamma_plus * dt_tau if integrator == "heun" else gain,
        leak=arrays.gamma_minus * dt_tau,
        rest_flux=rest_flux(arrays.bias_current, source),
        hold=hold,
        peak=_peaks(arrays.kinds),
        locates=integrator == "heun",
        rise=rise_in_jumps(arrays.kinds, dt_ns) if integrator == "heun" else no_rise(len(arrays.kinds)),
        **_pools(arrays),
        **_levels(arrays),
    )


def _peaks(kinds: Floats) -> Floats:
    """Largest flux of each kind of response: where its rise ends (`soensim.dynamics.spiking.synapse`)."""
    phi_peak, tau_rise, tau_fall, hotspot = kinds[:, :4].T
    return np.ascontiguousarray(-phi_peak * (1 - tau_rise / tau_fall) * np.expm1(-hotspot / tau_rise))


def _levels(arrays: SpikingArrays) -> dict[str, Any]:
    """Dendrites by their distance from the soma; a parent comes before its branches."""
    depth = np.zeros(arrays.dendrites, dtype=np.int64)
    above = arrays.parent.copy()
    while (inside := above >= 0).any():
        depth += inside
        above = np.where(inside, arrays.parent[above], -1)
    by_level = np.argsort(-depth, kind="stable")
    sizes = np.bincount(depth[by_level])[::-1]
    return {"by_level": by_level, "first_of_level": np.concatenate([[0], np.cumsum(sizes)])}


def _pools(arrays: SpikingArrays) -> dict[str, Any]:
    """One pool for every dendrite and kind of synapse on it, in the order of dendrites."""
    kinds = max(1, len(arrays.kinds))
    pairs, synapse_pool = np.unique(arrays.synapse_dendrite * kinds + arrays.synapse_kind, return_inverse=True)
    fed = np.zeros(arrays.synapses, dtype=np.bool_)
    fed[arrays.edge_synapse[: arrays.first_edge[arrays.neurons]]] = True
    return {
        "first_pool": np.searchsorted(pairs // kinds, np.arange(arrays.dendrites + 1)).astype(np.int64),
        "pool_kind": (pairs % kinds).astype(np.int64),
        "synapse_pool": synapse_pool.astype(np.int64),
        "synapse_fed": fed,
        "neuron_of": np.repeat(np.arange(arrays.neurons), np.diff(arrays.first_dendrite)),
        "pool_dendrite": (pairs // kinds).astype(np.int64),
    }


def largest_step(arrays: SpikingArrays, *, tau_0_ns: float, integrator: Integrator) -> tuple[float, str]:
    """Find the largest step (ns) that follows every part of a network, and say in words what limits it.

    dt gamma_plus <= 0.2 (`soensim.dynamics.integrators`), dt <= tau_fall / 5 of a synapse, dt <= the absolute
    refractory time, and under forward Euler and Heun dt gamma_minus <= 1.

    Raises
    ------
    SimulationError
        The integrator is none of those that the spiking engine has.
    """
    if integrator not in ("forward-euler", "exponential-euler", "heun"):
        raise SimulationError(f"no integrator {integrator!r}; there are forward-euler, exponential-euler and heun")
    explicit = "Heun" if integrator == "heun" else "forward Euler"
    no_leak = math.inf if integrator == "exponential-euler" else 1.0
    limits = (
        (MAX_DRIVE_PER_STEP * tau_0_ns, arrays.gamma_plus, f"dt gamma_plus must be at most {MAX_DRIVE_PER_STEP}"),
        (no_leak * tau_0_ns, arrays.gamma_minus, f"dt gamma_minus must be at most 1 for {explicit}"),
        (0.2, 1 / arrays.kinds[:, 2], "dt must be at most a fifth of a synapse's tau_fall"),
        (1.0, 1 / arrays.absolute_refractory_ns, "dt must be at most the absolute refractory time"),
    )
    return min((one / rate, reason) for one, rates, reason in limits if (rate := float(np.max(rates, initial=0.0))) > 0)


def rest_flux(bias_current: Floats, source: SourceArrays) -> Floats:
    """Largest |phi| (Phi_0) at which no current from 0 to ``bias_current`` (I_c) exceeds the table's threshold.

    The threshold falls from phi = 0 to 1/2 and repeats; where the bias never reaches it the answer is infinity, where
    it always does, -1. Found by bisection on the table's own edge, so that it is exact for this table.
    """
    low, high = np.zeros(len(bias_current)), np.full(len(bias_current), 0.5)
    for _ in range(50):
        middle = 0.5 * (low + high)
        rests = bias_current <= _edge(middle, source)
        low, high = np.where(rests, middle, low), np.where(rests, high, middle)
    # unequal arms shift the flux by skew x current; a rounding error more keeps the answer on the safe side
    low = low - abs(source.skew) * bias_current - 1e-12
    low = np.where(bias_current > _edge(np.zeros(1), source), -1.0, low)
    always = (bias_current <= _edge(np.full(1, 0.5), source)) & (bias_current < source.current_max)
    return np.where(always, math.inf, low)


def _edge(x: Floats, source: SourceArrays) -> Any:
    cells = source.edge
    a = np.minimum((x * 2 * len(cells)).astype(np.int64), len(cells) - 1)
    r = x * 2 * len(cells) - a
    return cells[a, 0] + r * (cells[a, 1] + r * (cells[a, 2] + r * cells[a, 3]))
