"""The second model: a neuron's spikes folded into a source function nu(phi), as fluxons are into g(phi, i).

The idea is that of arXiv:2409.18016: what a neuron drives low-pass filters its spikes, so that their mean is enough and
no threshold crossing has to be looked for. The paper's equations were not at hand; these are ours:

1. A soma under a constant flux phi climbs from 0 to s_th and is then held for t_abs. Its interval is

       T(phi) = t_abs + integral from 0 to s_th of ds / (gamma_plus g(phi, i_b - s) - gamma_minus s)

   and infinite where it comes to rest below s_th; nu = 1 / T. Exact, without a refractory dendrite or an arbor.
2. With them there is no such integral: nu is the rate of the neuron's own limit cycle under a constant flux, found by
   simulating it alone. (To low-pass the refractory dendrite too was tried: off by up to a factor of 2.3.)
3. A regular train of spikes is detected at every ceil(nu t_d)-th of them, t_d being the detector's dead time, and gives
   the mean flux counts x integral of the response.

It holds for what changes slowly against 1 / nu and is slow itself: dendrites with long decay times, not a soma driven
by single detections, which follows every one of them (studies/point-neurons).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soensim.circuit import SourceTable
from soensim.dynamics.spiking import Dendrite, Neuron, SynapseResponse, assemble
from soensim.errors import SimulationError
from soensim.network.spiking.spiking_network import SpikingNetwork, SpikingPopulation
from soensim.simulation.spiking.engine import simulate_spikes

#: Fluxes over a period at which `soma_rates` gives a rate.
FLUX_GRID = 256
_GRID_NODES = 32  # the grid itself is off by more near a threshold


@cache  # a second of work: not when the module is loaded
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of Gauss-Legendre; 400 resolve the slow part of a climb that almost stops."""
    return np.polynomial.legendre.leggauss(400)


def spike_interval(soma: Dendrite, source: SourceTable, *, threshold: float, held_ns: float, flux: float) -> float:
    """Interval between spikes (ns) of a soma alone under a constant flux (point 1); infinite if it does not fire.

    Parameters
    ----------
    soma
        The dendrite that spikes; its own static flux is added.
    source
        g(phi, i).
    threshold, held_ns
        s_th (I_c), and the absolute refractory time (ns).
    flux
        Flux from its synapses (Phi_0).
    """
    nodes, weights = _quadrature()
    state = 0.5 * threshold * (nodes + 1)
    phi = np.full_like(state, flux + soma.flux_offset)
    drift = soma.gamma_plus * source(phi, soma.bias_current - state) - soma.gamma_minus * state
    if not np.all(drift > 0):
        return math.inf
    climb_tau = 0.5 * threshold * float(np.sum(weights / drift))
    return held_ns + climb_tau * source.device.junction.tau_0_s * 1e9


def soma_rates(
    source: SourceTable,
    gamma_plus: NDArray[np.float64],
    gamma_minus: NDArray[np.float64],
    bias_current: NDArray[np.float64],
    *,
    threshold: float,
    held_ns: float,
) -> NDArray[np.float64]:
    """Rates of somas alone (point 1) on an even grid of fluxes over a period, from 0 on.

    Parameters
    ----------
    source
        g(phi, i).
    gamma_plus, gamma_minus, bias_current
        Shape (somas,): 1/tau, 1/tau, I_c.
    threshold, held_ns
        s_th (I_c), and the absolute refractory time (ns), of all.

    Returns
    -------
    array
        Spikes per ns, shape (somas, `FLUX_GRID`); 0 where a soma does not fire.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_GRID_NODES)
    state = 0.5 * threshold * (nodes + 1)
    flux = np.arange(FLUX_GRID) / FLUX_GRID
    shape = len(bias_current), FLUX_GRID, _GRID_NODES
    current = np.broadcast_to(bias_current[:, None, None] - state, shape)
    drive = source(np.broadcast_to(flux[:, None], shape).ravel(), current.ravel()).reshape(shape)
    drift = gamma_plus[:, None, None] * drive - gamma_minus[:, None, None] * state
    climbs = (drift > 0).all(-1)
    climb_tau = 0.5 * threshold * (weights / np.where(drift > 0, drift, 1.0)).sum(-1)
    interval_ns = held_ns + climb_tau * source.device.junction.tau_0_s * 1e9
    rates: NDArray[np.float64] = np.where(climbs, 1 / interval_ns, 0.0)
    return rates


def neuron_source(
    neuron: Neuron, source: SourceTable, flux: ArrayLike, *, duration_ns: float = 4000.0, dt_ns: float = 0.05
) -> NDArray[np.float64]:
    """Measure nu(phi): spikes per ns of a neuron under a constant flux through its soma (point 2).

    Parameters
    ----------
    neuron
        The neuron with its refractory dendrite and arbor.
    source
        g(phi, i).
    flux
        Fluxes (Phi_0), shape (n,), on top of the soma's own static flux.
    duration_ns, dt_ns
        How long it is simulated, the first half of which is left out; and the step.

    Returns
    -------
    array
        Shape (n,); 0 where it does not fire.

    Raises
    ------
    SimulationError
        A flux is not finite, or the step is too coarse.
    """
    fluxes = np.atleast_1d(np.asarray(flux, dtype=np.float64))
    if fluxes.ndim != 1 or not np.isfinite(fluxes).all():
        raise SimulationError("neuron source: the flux must be a list of finite numbers (Phi_0)")
    arrays = assemble([(neuron, len(fluxes))], 0, [])
    offset = arrays.flux_offset.copy()
    offset[arrays.first_dendrite[:-1]] += fluxes
    network = SpikingNetwork(
        "isolated neurons",
        arrays._replace(flux_offset=offset),
        source,
        source.device.junction.tau_0_s * 1e9,
        (SpikingPopulation("neurons", slice(0, len(fluxes)), neuron.places, 0),),
        {},
    )
    trace = simulate_spikes(network, [], duration_ns=duration_ns, dt_ns=dt_ns)
    rates = np.zeros(len(fluxes))
    for k in range(len(fluxes)):
        late = trace.spikes_ns[(trace.spike_neuron == k) & (trace.spikes_ns > duration_ns / 2)]
        if len(late) > 1:
            rates[k] = (len(late) - 1) / (late[-1] - late[0])
    return rates


def mean_flux(response: SynapseResponse, spikes_per_ns: float, *, efficacy: float = 1.0) -> float:
    """Mean flux (Phi_0) of a synapse under a regular train, every spike of which brings a photon (point 3).

    Holds while responses that overlap add little: a new one replaces the rest of the old one, it does not add to it.
    """
    if spikes_per_ns == 0:
        return 0.0
    detected = spikes_per_ns / max(1, math.ceil(spikes_per_ns * response.dead_time_ns * (1 - 1e-9)))
    ages = np.linspace(0.0, min(1 / detected, response.cut_ns), 4001)[1:]
    ages -= ages[0] / 2  # midpoints
    return efficacy * detected * float(response.flux(ages).sum() * (ages[1] - ages[0]))
