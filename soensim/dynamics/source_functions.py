"""Source functions g(phi, i): the dimensionless voltage that a dendrite's SQUID feeds into its loop.

`squid-fit` approximates the SQUID; `squid`, in `soensim.dynamics.squid`, follows from its junctions. The others are
*virtual*: activations of machine learning, for which no circuit is known; they take the flux alone. Each works on
numpy arrays and on torch tensors, element by element.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from soensim.circuit import SourceTable

Array = Any  # numpy.ndarray or torch.Tensor; one definition of the physics serves both


def array_namespace(x: Array) -> Any:
    """Return the module (numpy or torch) whose functions take ``x``."""
    if isinstance(x, np.ndarray | np.generic):
        return np
    import torch

    return torch


@dataclass(frozen=True, eq=False)
class VariedTables:
    """What the SQUIDs of a population look up that differ from neuron to neuron (`soensim.fabrication.varied_squid`).

    With i' = i / critical_current and x the folded flux phi - skew i', all arrays (neurons,):
    g = critical_current sum_k shares[k] g_k(x, i_k) above the threshold e = sum_k shares[k] e_k(x), where
    i_k = e_k + ratios[k] (|i'| - e); e_k and g_k are threshold and value of table k, whose arms are equal.
    """

    tables: tuple[SourceTable, ...]
    critical_current: Any
    skew: Any
    shares: tuple[Any, ...]
    ratios: tuple[Any, ...]


@dataclass(frozen=True)
class FusedForm:
    """How the fused kernels of `soensim.kernels` evaluate a source function: the same formula, other code."""

    kind: str
    width: float = 0.0
    """Width of the surrogate slopes (I_c); see `soft_slope`."""
    polynomials: Any = None
    """The `SmoothSquid` of the kind "squid"."""
    table: SourceTable | None = None
    """That of the kind "table", which has values alone, in float64."""
    varied: VariedTables | None = None
    """Those of the kind "varied"; as a table."""


@dataclass(frozen=True)
class FormedFunction:
    """Values of a source function, and the form in which kernels compute the same, without slopes.

    The two are one object, so that a function in its place is not taken for what it was.
    """

    values: Callable[[Array, Array], Array]
    form: FusedForm

    def __call__(self, flux: Array, squid_current: Array) -> Array:
        """Evaluate g(phi, i); see `SourceFunction`."""
        return self.values(flux, squid_current)


@dataclass(frozen=True)
class SourceFunction:
    """A source function, whether it is virtual, and the currents for which it holds."""

    name: str
    virtual: bool
    function: Callable[[Array, Array], Array]
    max_current: float = math.inf
    """Largest SQUID current i (I_c) for which it holds."""
    soft: Callable[[Array, Array, float], Array] | None = None
    """The same values with the surrogate slopes of `soft_slope`: (flux, squid_current, width) -> g, torch only."""
    smooth: Callable[[], SourceFunction] | None = None
    """Makes the form that training uses, where that is another one (`soensim.dynamics.smooth`)."""
    fused: FusedForm | None = None
    """Its form in the fused kernels, if it has one."""
    table: SourceTable | None = None
    """What it was solved to, where it follows from junctions and arms."""

    def __call__(self, flux: Array, squid_current: Array) -> Array:
        """Evaluate g(phi, i).

        Parameters
        ----------
        flux
            phi (Phi_0), any shape.
        squid_current
            i = i_b - s (I_c), the same shape; a virtual function does not look at it.
        """
        return self.function(flux, squid_current)


def _tanh(flux: Array, squid_current: Array) -> Array:  # noqa: ARG001
    return array_namespace(flux).tanh(flux)


def _relu(flux: Array, squid_current: Array) -> Array:  # noqa: ARG001
    return flux.clip(0.0) if isinstance(flux, np.ndarray) else flux.relu()


def _steep_sigmoid(flux: Array, squid_current: Array) -> Array:  # noqa: ARG001
    xp = array_namespace(flux)
    return 0.5 * (1 + xp.tanh(5 * (flux - 0.1)))  # = sigmoid(10 (flux - 0.1)), without overflow


# Least-squares fits, for beta_c = 0.3 and beta_1 = beta_2 = pi/2 (defaults of arXiv:2210.09976), over
# |phi| <= 1/2 and 1 <= i <= 2.5. Threshold: against the closed form (static fold), max error 4e-4. Rate: against
# the mean fluxon rate of the RCSJ equations, max error 0.037, rms 0.006 where g reaches 0.89.
FIT_THRESHOLD = (1.84014351, 0.10688158, 1.04488312, -0.84713986)
FIT_RATE = (
    (0.97006508, 0.18852856, -0.22284125),
    (3.10519903, -11.99202647, 8.03107400),
    (-13.22784777, 40.02798724, -26.10982087),
)


def squid_fit_threshold(flux: Array) -> Array:
    """Threshold current i_th(phi) (I_c) of `squid-fit`; even in phi, period 1 (Phi_0)."""
    a, b, c, d = FIT_THRESHOLD
    p2 = (flux - array_namespace(flux).round(flux)) ** 2
    return 2.0 - a * ((p2 + b * b) ** 0.5 - b) - p2 * (c + d * p2)


def _squid_rate(flux: Array, excess: Array) -> Array:
    """Fitted g at a current that exceeds the threshold by ``excess`` > 0."""
    p2 = (flux - array_namespace(flux).round(flux)) ** 2
    u = excess**0.5
    row0, row1, row2 = (c0 + u * (c1 + u * c2) for c0, c1, c2 in FIT_RATE)
    total = 2 * squid_fit_threshold(flux) + excess  # i + i_th
    # the resistively shunted junction far above threshold, sqrt(i^2 - i_th^2)/2, times a correction near 1
    return 0.5 * u * total**0.5 * (row0 + p2 * (row1 + p2 * row2))


def _squid_fit(flux: Array, squid_current: Array) -> Array:
    xp = array_namespace(flux)
    excess = squid_current - squid_fit_threshold(flux)
    running = excess > 0
    # the square root sees 1 where the SQUID is at rest, so that its infinite slope at 0 never meets a gradient
    rate = _squid_rate(flux, xp.where(running, excess, xp.ones_like(excess)))
    return xp.where(running, rate, xp.zeros_like(rate))


def _squid_fit_soft(flux: Array, squid_current: Array, width: float) -> Array:
    from torch.nn.functional import softplus

    sharp = _squid_fit(flux.detach(), squid_current.detach())
    excess = width * softplus((squid_current - squid_fit_threshold(flux)) / width, threshold=40.0)
    soft = _squid_rate(flux, excess + 1e-9)
    return soft + (sharp - soft).detach()


def soft_slope(source: SourceFunction, width: float) -> SourceFunction:
    """Give a SQUID slopes that training can use; values stay as they are. Torch only.

    The slope at the threshold is infinite, and zero below it: a neuron that is driven too little never learns to
    fire. Here the slope is that of g with the excess current v = i - i_th(phi) replaced by
    width softplus(v / width) (a surrogate gradient; docs/learning-rules.md). Virtual functions are returned
    as they are.

    Parameters
    ----------
    source
        The source function of the chip.
    width
        Width of the softening (I_c); 0 leaves the slopes as they are.
    """
    soft = source.soft
    if soft is None or width == 0:
        return source
    fused = None if source.fused is None else replace(source.fused, width=width)
    return replace(source, function=lambda flux, squid_current: soft(flux, squid_current, width), fused=fused)


def training_source(source: SourceFunction, width: float) -> SourceFunction:
    """Return the source function to train with: the smooth form of a table, with the slopes of `soft_slope`."""
    return soft_slope(source.smooth() if source.smooth is not None else source, width)


def holds_for(source: SourceFunction, bias_current: Array) -> bool:
    """Say whether a smooth form holds for SQUIDs of these biases (I_c), a numpy array of any shape.

    Their current i = i_b - s does not exceed the bias, since s >= 0. Below 0 a smooth form is 0, while g is odd.
    """
    return bool(np.all((bias_current >= 0) & (bias_current <= source.max_current)))


def _virtual(name: str, function: Callable[[Array, Array], Array]) -> SourceFunction:
    form = FusedForm(name)
    return SourceFunction(name, True, FormedFunction(function, form), fused=form)


_FIT = FusedForm("squid-fit")

SOURCE_FUNCTIONS: dict[str, SourceFunction] = {
    s.name: s
    for s in (
        SourceFunction(
            "squid-fit", False, FormedFunction(_squid_fit, _FIT), max_current=2.5, soft=_squid_fit_soft, fused=_FIT
        ),
        _virtual("tanh", _tanh),
        _virtual("relu", _relu),
        _virtual("steep-sigmoid", _steep_sigmoid),
    )
}
