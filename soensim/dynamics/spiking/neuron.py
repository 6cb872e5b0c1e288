"""A neuron as its designer sees it: a tree of dendrites that ends in the soma, and what follows a spike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from soensim.circuit import SourceTable
from soensim.dynamics.spiking.synapse import SynapseResponse
from soensim.errors import SimulationError


@dataclass(frozen=True)
class Dendrite:
    """One dendrite and the subtree that drives it.

    Parameters
    ----------
    name
        Its place in the neuron.
    gamma_plus, gamma_minus
        Drive gain and leak (1/tau).
    bias_current, flux_offset
        i_b (I_c) and static flux (Phi_0).
    coupling
        Flux into its parent per unit of its state (Phi_0 per I_c); negative inhibits. A soma has no parent.
    branches
        The dendrites that drive it.
    """

    name: str
    gamma_plus: float
    gamma_minus: float
    bias_current: float
    flux_offset: float = 0.0
    coupling: float = 0.0
    branches: tuple[Dendrite, ...] = ()


@dataclass(frozen=True)
class Receiver:
    """A synapse's response and the counts of its detector in the dark (1/ns)."""

    response: SynapseResponse
    dark_counts_per_ns: float = 0.0


@dataclass(frozen=True)
class Refractory:
    """The refractory dendrite: driven by the neuron's own spikes through a synapse of its own, it pulls the soma back.

    Its synapse sees every spike at once, with certainty. The spike drives it directly, without light, so that its
    receiver has no dead time unless one is stated.
    """

    dendrite: Dendrite
    receiver: Receiver
    efficacy: float = 1.0


@dataclass(frozen=True)
class Neuron:
    """A neuron.

    Parameters
    ----------
    soma
        Root of the tree.
    threshold
        s_th (I_c): the soma spikes when its state reaches it.
    absolute_refractory_ns
        How long the soma is held at zero after a spike.
    refractory
        The refractory dendrite, if there is one.

    Raises
    ------
    SimulationError
        The threshold or the refractory time is not positive, or two dendrites have one name.
    """

    soma: Dendrite
    threshold: float
    absolute_refractory_ns: float
    refractory: Refractory | None = None

    def __post_init__(self) -> None:
        for name in ("threshold", "absolute_refractory_ns"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SimulationError(f"neuron: {name} is {value!r}; it must be a positive finite number")
        names = [d.name for d, _ in self.tree()]
        for name in names:
            if names.count(name) > 1:
                raise SimulationError(f"neuron: two dendrites are called {name!r}; every place needs its own name")

    def tree(self) -> list[tuple[Dendrite, int]]:
        """All dendrites with the place of their parent in this list (-1 for the soma), parents before branches."""
        dendrites: list[tuple[Dendrite, int]] = [(self.soma, -1)]
        if self.refractory is not None:
            dendrites.append((self.refractory.dendrite, 0))
        waiting = [(branch, 0) for branch in self.soma.branches]
        while waiting:
            dendrite, parent = waiting.pop(0)
            dendrites.append((dendrite, parent))
            waiting += [(branch, len(dendrites) - 1) for branch in dendrite.branches]
        return dendrites

    @property
    def places(self) -> tuple[str, ...]:
        """Names of its dendrites, in the order of arrays."""
        return tuple(d.name for d, _ in self.tree())


def threshold_flux(source: SourceTable, current: float) -> float:
    """Flux in [0, 1/2] (Phi_0) whose threshold current i_th is ``current`` (I_c).

    Raises
    ------
    SimulationError
        No flux has it: the current is outside (i_th(1/2), i_th(0)).
    """
    low, high = source.threshold(0.5), source.threshold(0.0)
    if not low < current < high:
        raise SimulationError(
            f"no flux has the threshold current {current:.4g} I_c; it must be between {low:.4g} and {high:.4g}"
        )
    return float(brentq(lambda phi: source.threshold(phi) - current, 0.0, 0.5, xtol=1e-14))


def largest_state(source: SourceTable, bias_current: float, flux: float = 0.5) -> float:
    """s_max(phi) = i_b - i_th(phi) (I_c): where a dendrite without leak stops, zero if it never starts."""
    return max(0.0, bias_current - float(np.asarray(source.threshold(flux))))


def refractory_coupling(
    source: SourceTable, *, threshold: float, bias_current: float, refractory_bias_current: float
) -> float:
    """Default coupling of a refractory dendrite (Phi_0 per I_c), negative.

    -(phi(s_max = s_th) - phi_th) / s_max_ref, as sim_soens: phi(s_max = s_th) is the flux at which the soma could just
    reach s_th, phi_th the *negative* threshold flux of the soma at rest, and s_max_ref = i_b - i_th(1/2) the largest
    state of the refractory dendrite. A saturated refractory dendrite thus takes a barely sufficient drive to the far
    edge of the soma's dead zone: as far as it can go without driving the soma from the other side (g is even in phi).

    Raises
    ------
    SimulationError
        The soma cannot reach s_th at any flux, or the refractory dendrite never runs.
    """
    reach = largest_state(source, refractory_bias_current)
    if reach <= 0.0:
        raise SimulationError(f"refractory dendrite: it never runs at a bias current of {refractory_bias_current} I_c")
    return -(threshold_flux(source, bias_current - threshold) + threshold_flux(source, bias_current)) / reach
