"""`squid`: the source function that follows from the junctions, for numpy arrays and torch tensors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit
from soensim._runtime.table_access import own_load, own_store
from soensim.circuit import SourceTable
from soensim.circuit.source import main_value, source_value, source_value_and_gradient
from soensim.dynamics.smooth import smooth_squid
from soensim.dynamics.source_functions import Array, FormedFunction, FusedForm, SourceFunction

Float64 = NDArray[np.float64]


def squid_source(table: SourceTable) -> SourceFunction:
    """Make the source function of a SQUID from its table.

    Slopes are those of the table's interpolant: infinite at the threshold from above and zero below it; `soft_slope`
    gives surrogates. Training uses its smooth form, where there is one that is close enough.
    """

    def g(flux: Array, squid_current: Array) -> Array:
        if isinstance(flux, np.ndarray):
            return _on_arrays(_values, table, flux, squid_current)[0]
        return _apply(table, flux, squid_current, 0.0)

    function = FormedFunction(g, FusedForm("table", table=table))
    exact = SourceFunction(
        "squid", False, function, soft=lambda flux, current, width: _apply(table, flux, current, width), table=table
    )

    def smooth() -> SourceFunction:
        form = smooth_squid(table)
        if form is None:
            return exact
        fused = FusedForm("squid", polynomials=form)
        return SourceFunction("squid", False, form, max_current=form.current_max, soft=form.soft, fused=fused)

    return replace(exact, smooth=smooth)


@njit(cache=True, error_model="numpy", nogil=True)
def _values(phi, i, arrays, width, out):  # type: ignore[no-untyped-def]  # noqa: ARG001
    largest = 0.0
    for k in range(phi.size):
        largest = max(largest, abs(i[k]))
    if largest > arrays.current_max:
        for k in range(phi.size):
            out[0, k] = source_value(phi[k], i[k], arrays)
    else:
        for k in range(phi.size):
            own_store(out, k, main_value(own_load(phi, k), own_load(i, k), arrays))  # type: ignore[call-arg]


@njit(cache=True, error_model="numpy")
def _values_and_slopes(phi, i, arrays, width, out):  # type: ignore[no-untyped-def]
    """Write g, dg/dphi and dg/di; with a width the slopes are those of g(phi, edge + width softplus(v / width))."""
    cells = arrays.edge.shape[0]
    for k in range(phi.size):
        if width == 0.0:
            out[0, k], out[1, k], out[2, k] = source_value_and_gradient(phi[k], i[k], arrays)
            continue
        out[0, k] = source_value(phi[k], i[k], arrays)
        x = phi[k] - arrays.skew * i[k]
        x -= math.floor(x + 0.5)
        at = abs(x) * (2.0 * cells)
        cell = min(int(at), cells - 1)
        r = at - cell
        c = arrays.edge[cell]
        edge = c[0] + r * (c[1] + r * (c[2] + r * c[3]))
        edge_phi = (c[1] + r * (2.0 * c[2] + 3.0 * r * c[3])) * math.copysign(2.0 * cells, x)
        v = (i[k] - edge) / width
        # softplus and its slope, without overflow
        soft = width * (max(v, 0.0) + math.log1p(math.exp(-abs(v)))) + 1e-9
        slope = 1.0 / (1.0 + math.exp(-v)) if v > -700.0 else 0.0
        _, g_phi, g_i = source_value_and_gradient(phi[k], edge + soft, arrays)
        out[1, k] = g_phi + g_i * edge_phi * (1.0 - slope)
        out[2, k] = g_i * slope


def _on_arrays(kernel: Any, table: SourceTable, flux: Array, squid_current: Array, width: float = 0.0) -> Any:
    phi, i = np.broadcast_arrays(flux, squid_current)
    rows = 1 if kernel is _values else 3
    out: Float64 = np.empty((rows, phi.size))
    kernel(
        np.ascontiguousarray(phi, dtype=np.float64).ravel(),
        np.ascontiguousarray(i, dtype=np.float64).ravel(),
        table.arrays,
        width,
        out,
    )
    return out.reshape(rows, *phi.shape)


def _apply(table: SourceTable, flux: Array, squid_current: Array, width: float) -> Array:
    """Evaluate on tensors of one shape, differentiable once."""
    import torch

    class TableFunction(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, phi: Any, i: Any) -> Any:
            rows = _on_arrays(_values_and_slopes, table, phi.detach().cpu().numpy(), i.detach().cpu().numpy(), width)
            g, slope_phi, slope_i = torch.from_numpy(rows).to(phi.device, phi.dtype).unbind(0)
            ctx.save_for_backward(slope_phi, slope_i)
            return g

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            slope_phi, slope_i = ctx.saved_tensors
            return gradients[0] * slope_phi, gradients[0] * slope_i

    flux, squid_current = torch.broadcast_tensors(flux, squid_current)  # type: ignore[no-untyped-call]
    return TableFunction.apply(flux, squid_current)  # type: ignore[no-untyped-call]
