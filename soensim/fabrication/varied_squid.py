"""The source function of SQUIDs whose junctions and arms differ from neuron to neuron.

With factors c on the critical current and a_1, a_2 on the arms, a SQUID at the current i (in the I_c of the drawing)
is one of i' = i/c in its own I_c, with beta_k' = c a_k beta_k, and gives c times the voltage:

    g'(phi, i) = c g_b(phi - skew' i', i')
    skew' = (beta_1' - beta_2') / (4 pi),    b = (beta_1' + beta_2') / (beta_1 + beta_2)

g_b is that of equal arms whose sum is b times the drawing's: unequal arms only shift the flux
(`soensim.circuit.source`). It is interpolated between three tables, at the b of `NODES`, at the same place u above the
threshold: quadratic in b, and smooth, since u moves with the threshold. Off by at most 2e-3 (rms 2e-4) of a g that
reaches 0.9, for factors from 0.9 to 1.1; 5e-3 from 0.75 to 1.25 (tests/test_varied_squid.py). beta_c is taken to be
that of the drawing, though it goes with I_c: at c = 0.9 that is 5e-3 of g. So is the thermal rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import Device
from soensim.dynamics import Array, SourceFunction, array_namespace
from soensim.dynamics.source_functions import FormedFunction, FusedForm, VariedTables
from soensim.fabrication.chip import SquidFactors

if TYPE_CHECKING:
    from soensim.circuit import SourceTable
    from soensim.circuit.source import SourceArrays

FloatArray = NDArray[np.float64]

NODES = (0.75, 1.0, 1.25)
"""Sums of the arms, in parts of the drawing's, that tables are made for."""


def varied_source(
    source: SourceFunction,
    factors: SquidFactors,
    *,
    convert: Callable[[FloatArray], Array] = lambda array: array,
    soften: Callable[[SourceFunction], SourceFunction] = lambda function: function,
) -> SourceFunction:
    """Make the source function of a population whose SQUIDs differ.

    Parameters
    ----------
    source
        That of the drawing: `squid`, or `squid-fit`, whose arms cannot differ.
    factors
        What the neurons have.
    convert
        Makes the array type of the values from a numpy array in float64.
    soften
        Makes the form to train with of each table's function.
    """
    c = convert(factors.critical_current)
    if source.table is None:
        plain = soften(source)
        return replace(source, function=lambda phi, i: c * plain(phi, i / c), soft=None, smooth=None, fused=None)
    device = source.table.device
    beta_1, beta_2 = (
        beta * factors.critical_current * arm
        for beta, arm in ((device.beta_1, factors.arm_1), (device.beta_2, factors.arm_2))
    )
    own_skew = (beta_1 - beta_2) / (4 * math.pi)
    skew = convert(own_skew)
    family = _Family(source.table, (beta_1 + beta_2) / device.beta_sum, convert, soften)
    varied = VariedTables(family.tables, factors.critical_current, own_skew, family.shares, family.ratios)

    def g(phi: Array, i: Array) -> Array:
        own = i / c
        return c * family(phi - skew * own, own)

    function = FormedFunction(g, FusedForm("varied", varied=varied))
    return replace(source, function=function, soft=None, smooth=None, fused=None, table=None)


class _Family:
    """g_b of equal arms; see the top of this module."""

    def __init__(
        self,
        table: SourceTable,
        sums: FloatArray,
        convert: Callable[[FloatArray], Array],
        soften: Callable[[SourceFunction], SourceFunction],
    ) -> None:
        from soensim.dynamics.squid import squid_source  # numba: loaded only by chips that need it

        self.tables = _tables(table)
        self._sources = [soften(squid_source(one)) for one in self.tables]
        self.shares = tuple(_shares(sums))
        self._shares = [convert(share) for share in self.shares]
        # C - edge(1/2) of each table, and of each neuron
        heights = [one.arrays.scale**-2 for one in self.tables]
        own = np.sum([share * height for share, height in zip(self.shares, heights, strict=True)], axis=0)
        self.ratios = tuple(height / own for height in heights)
        self._ratios = [convert(ratio) for ratio in self.ratios]

    def __call__(self, phi: Array, i: Array) -> Array:
        xp = array_namespace(phi)
        phi = phi - xp.round(phi)
        x, magnitude = abs(phi), abs(i)
        edges = [_edge(one.arrays, x) for one in self.tables]
        edge = sum(share * e for share, e in zip(self._shares, edges, strict=True))
        total: Array = 0.0
        for source, share, ratio, e in zip(self._sources, self._shares, self._ratios, edges, strict=True):
            total = total + share * source(x, e + (magnitude - edge) * ratio)
        # below the threshold every table gives 0, up to a rounding error of the three edges
        return total.clip(0.0) * xp.sign(i)


@lru_cache(maxsize=16)
def _tables(table: SourceTable) -> tuple[SourceTable, ...]:
    """Solve the tables of the nodes, or find them in the cache."""
    from soensim.circuit import source_table  # numba: loaded only by chips that need it

    return tuple(source_table(one, temperature_k=table.temperature_k) for one in node_devices(table.device))


def node_devices(device: Device) -> list[Device]:
    """Return the SQUIDs of equal arms, one per node of `NODES`, whose tables serve those that vary about a drawing."""
    arms = [node * device.beta_sum / 2 for node in NODES]
    return [Device(device.junction, arm, arm) for arm in arms]


def _shares(sums: FloatArray) -> list[FloatArray]:
    """Lagrange's weight of each node, shape (neurons,)."""
    shares = []
    for k, node in enumerate(NODES):
        share = np.ones_like(sums)
        for other in (n for j, n in enumerate(NODES) if j != k):
            share = share * (sums - other) / (node - other)
        shares.append(share)
    return shares


def _edge(arrays: SourceArrays, x: Array) -> Array:
    """Threshold current (I_c) at fluxes x in [0, 1/2], numpy or torch; the polynomials of the table."""
    cells = arrays.edge.shape[0]
    at = x * (2.0 * cells)
    if isinstance(x, np.ndarray):
        cell = np.minimum(at.astype(np.int64), cells - 1)
        e0, e1, e2, e3 = np.moveaxis(arrays.edge[cell], -1, 0)
    else:
        import torch  # a simulation does not load it

        cell = at.detach().long().clamp(max=cells - 1)
        table = torch.as_tensor(arrays.edge, dtype=x.dtype, device=x.device)
        e0, e1, e2, e3 = table[cell].unbind(-1)
    r = at - cell
    return e0 + r * (e1 + r * (e2 + r * e3))
