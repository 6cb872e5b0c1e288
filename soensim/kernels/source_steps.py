"""A step of the source functions over a block: forward, and back with their slopes.

A kernel is compiled for what the chip has: virtual sources alone, `squid-fit` alone, the smooth form of a SQUID's table
alone, or all of them (`source_set`). The first three hold most chips, and compile in a part of the time. The same goes
for the tables themselves, which scores look up: alone, or with other sources. They have no way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from soensim.dynamics.source_functions import FusedForm
from soensim.kernels.lanes import LANES, on_rows
from soensim.kernels.llvm_intrinsics import wide_vectors
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.squid_functions import (
    fit_form,
    fit_slopes,
    fit_value,
    smooth_form,
    smooth_slopes,
    smooth_value,
    squid_coefficients,
)
from soensim.kernels.table_steps import TableSources, look_up, stacked
from soensim.kernels.varied_steps import VariedSources, varied_forward, varied_sources
from soensim.kernels.vector_math import INLINED, inlined, tanh

TANH, RELU, STEEP_SIGMOID, SQUID_FIT, SQUID, TABLE, VARIED = range(7)
_ONE = np.float32(1.0)
KINDS = {
    "tanh": TANH,
    "relu": RELU,
    "steep-sigmoid": STEEP_SIGMOID,
    "squid-fit": SQUID_FIT,
    "squid": SQUID,
    "table": TABLE,
    "varied": VARIED,
}


class VirtualSources(NamedTuple):
    """Source functions of the flux alone; ``kind`` of each population, int64."""

    kind: Any


class SquidFitSources(NamedTuple):
    """`squid-fit` in all populations; ``coefficients`` of each, (populations, SIZE)."""

    coefficients: Any


class SquidSources(NamedTuple):
    """The smooth form of a SQUID's table in all populations; ``coefficients`` of each, (populations, SIZE)."""

    coefficients: Any


class MixedSources(NamedTuple):
    """Any source functions."""

    kind: Any
    coefficients: Any


class MixedTableSources(NamedTuple):
    """Tables, `squid-fit` and virtual source functions."""

    kind: Any
    coefficients: Any
    tables: TableSources


Sources = (
    VirtualSources | SquidFitSources | SquidSources | MixedSources | TableSources | VariedSources | MixedTableSources
)


def source_set(forms: Sequence[FusedForm], dtype: Any) -> Sources:
    """Lay out the source functions of all populations."""
    kinds = np.array([KINDS[form.kind] for form in forms], dtype=np.int64)
    if kinds.max() < SQUID_FIT:
        return VirtualSources(kinds)
    if kinds.min() == VARIED:
        return varied_sources([form.varied for form in forms if form.varied is not None])
    if kinds.max() == TABLE:
        tables = stacked([form.table for form in forms])
        if kinds.min() == TABLE:
            return tables
        return MixedTableSources(kinds, np.array([squid_coefficients(None, 0.0, dtype)] * len(forms)), tables)
    coefficients = np.array([squid_coefficients(form.polynomials, form.width, dtype) for form in forms])
    if kinds.min() == kinds.max():
        return (SquidFitSources if kinds[0] == SQUID_FIT else SquidSources)(coefficients)
    return MixedSources(kinds, coefficients)


@inlined
def _virtual_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    wide_vectors()
    kind, real = network.sources.kind[p], flux.dtype.type
    zero, half, one = real(0.0), real(0.5), real(1.0)
    steep, onset = real(5.0), real(0.1)
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    for n in range(first, last):
        retention, gain = retentions[n], gains[n]
        if kind == TANH:
            for r in range(ROWS):
                g = tanh(flux[n, r])  # type: ignore[no-untyped-call]
                new[n, r] = retention * state[n, r] + gain * g
                flux[n, r] = one - g * g
        elif kind == RELU:
            for r in range(ROWS):
                phi = flux[n, r]
                slope = one if phi > zero else zero
                new[n, r] = retention * state[n, r] + gain * (phi * slope)
                flux[n, r] = slope
        else:
            for r in range(ROWS):
                t = tanh(steep * (flux[n, r] - onset))  # type: ignore[no-untyped-call]
                new[n, r] = retention * state[n, r] + gain * (half * (one + t))
                flux[n, r] = half * steep * (one - t * t)


def tanh_rows(flux, state, form, retention, gain):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Take a step of some rows of a tanh neuron; return their states, and the slopes."""
    g = tanh(flux)  # type: ignore[no-untyped-call]
    return retention * state + gain * g, _ONE - g * g


_tanh_rows = on_rows(tanh_rows, 2)


@inlined
def _virtual_lanes_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    if network.sources.kind[p] == TANH:
        for n in range(network.first[p], network.first[p + 1]):
            own = network.retention[n], network.gain[n]
            _tanh_rows((flux, state, new, flux), n * ROWS, (), own)
    else:
        _virtual_forward(network, p, flux, state, new)


@inlined
def _virtual_backward(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]  # noqa: ARG001
    wide_vectors()
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    for n in range(first, last):
        retention, gain = retentions[n], gains[n]
        for r in range(ROWS):
            own = adjoint[n, r]
            grad_flux[n, r] = gain * own * flux[n, r]
            adjoint[n, r] = retention * own


@inlined
def _fit_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    wide_vectors()
    form = fit_form(network.sources.coefficients[p])
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    bias_currents = network.bias_current
    for n in range(first, last):
        retention, gain, bias_current = retentions[n], gains[n], bias_currents[n]
        for r in range(ROWS):
            g = fit_value(flux[n, r], bias_current - state[n, r], form)
            new[n, r] = retention * state[n, r] + gain * g


@inlined
def _fit_backward(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]
    wide_vectors()
    form = fit_form(network.sources.coefficients[p])
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    bias_currents = network.bias_current
    for n in range(first, last):
        retention, gain, bias_current = retentions[n], gains[n], bias_currents[n]
        for r in range(ROWS):
            own = adjoint[n, r]
            g_phi, g_i = fit_slopes(flux[n, r], bias_current - state[n, r], form)
            grad_flux[n, r] = gain * own * g_phi
            adjoint[n, r] = (retention - gain * g_i) * own


@inlined
def _squid_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    wide_vectors()
    form = smooth_form(network.sources.coefficients[p])
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    bias_currents = network.bias_current
    for n in range(first, last):
        retention, gain, bias_current = retentions[n], gains[n], bias_currents[n]
        for r in range(ROWS):
            g = smooth_value(flux[n, r], bias_current - state[n, r], form)
            new[n, r] = retention * state[n, r] + gain * g


@inlined
def _squid_backward(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]
    wide_vectors()
    form = smooth_form(network.sources.coefficients[p])
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    bias_currents = network.bias_current
    for n in range(first, last):
        retention, gain, bias_current = retentions[n], gains[n], bias_currents[n]
        for r in range(ROWS):
            own = adjoint[n, r]
            g_phi, g_i = smooth_slopes(flux[n, r], bias_current - state[n, r], form)
            grad_flux[n, r] = gain * own * g_phi
            adjoint[n, r] = (retention - gain * g_i) * own


def squid_rows(flux, state, form, retention, gain, bias_current):  # type: ignore[no-untyped-def]
    """Take a step of some rows of a neuron."""
    return (retention * state + gain * smooth_value(flux, bias_current - state, form),)


def squid_rows_back(flux, state, adjoint, form, retention, gain, bias_current):  # type: ignore[no-untyped-def]
    """Go back over a step of some rows of a neuron."""
    g_phi, g_i = smooth_slopes(flux, bias_current - state, form)
    return gain * adjoint * g_phi, (retention - gain * g_i) * adjoint


_squid_rows, _squid_rows_back = on_rows(squid_rows, 2), on_rows(squid_rows_back, 3)


@inlined
def _squid_lanes_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    form = smooth_form(network.sources.coefficients[p])
    for n in range(network.first[p], network.first[p + 1]):
        own = network.retention[n], network.gain[n], network.bias_current[n]
        _squid_rows((flux, state, new), n * ROWS, form, own)


@inlined
def _squid_lanes_backward(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]
    form = smooth_form(network.sources.coefficients[p])
    for n in range(network.first[p], network.first[p + 1]):
        own = network.retention[n], network.gain[n], network.bias_current[n]
        _squid_rows_back((flux, state, adjoint, grad_flux, adjoint), n * ROWS, form, own)


@inlined
def _table_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    look_up(network, network.sources, p, flux, state, new)


@inlined
def _mixed_table_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    kind = network.sources.kind[p]
    if kind == TABLE:
        look_up(network, network.sources.tables, p, flux, state, new)
    elif kind == SQUID_FIT:
        _fit_forward(network, p, flux, state, new)
    else:
        _virtual_forward(network, p, flux, state, new)


@inlined
def _mixed_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    kind = network.sources.kind[p]
    if kind == SQUID_FIT:
        _fit_forward(network, p, flux, state, new)
    elif kind == SQUID:
        _squid_forward(network, p, flux, state, new)
    else:
        _virtual_forward(network, p, flux, state, new)


@inlined
def _mixed_backward(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]
    kind = network.sources.kind[p]
    if kind == SQUID_FIT:
        _fit_backward(network, p, flux, state, adjoint, grad_flux)
    elif kind == SQUID:
        _squid_backward(network, p, flux, state, adjoint, grad_flux)
    else:
        _virtual_backward(network, p, flux, state, adjoint, grad_flux)


_FORWARD = {
    VirtualSources: _virtual_forward,
    SquidFitSources: _fit_forward,
    SquidSources: _squid_forward,
    MixedSources: _mixed_forward,
    TableSources: _table_forward,
    VariedSources: varied_forward,
    MixedTableSources: _mixed_table_forward,
}
_BACKWARD = {
    VirtualSources: _virtual_backward,
    SquidFitSources: _fit_backward,
    SquidSources: _squid_backward,
    MixedSources: _mixed_backward,
}

_LANES_FORWARD = {VirtualSources: _virtual_lanes_forward, SquidSources: _squid_lanes_forward}
_LANES_BACKWARD = {SquidSources: _squid_lanes_backward}


def forward_sources(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    """Take a step of population p, new = retention s + gain g(phi, i_b - s).

    The flux of virtual sources is overwritten by dg/dphi.
    """
    _FORWARD[type(network.sources)](network, p, flux, state, new)


def backward_sources(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]
    """Go back over a step of population p: from dL/d new to dL/dphi, and to what reaches the old state directly.

    ``flux`` is what `forward_sources` left there, ``state`` the old state. The latter gradient overwrites ``adjoint``.
    """
    _BACKWARD[type(network.sources)](network, p, flux, state, adjoint, grad_flux)


def _class_of_sources(network: Any) -> Any:
    return network.types[network.fields.index("sources")].instance_class


def _on_lanes(flux: Any) -> bool:
    return LANES and flux.dtype == types.float32


@overload(forward_sources, jit_options=INLINED)
def _forward_sources(network, p, flux, state, new):  # type: ignore[no-untyped-def]  # noqa: ARG001
    if _on_lanes(flux) and (own := _LANES_FORWARD.get(_class_of_sources(network))):
        return own.py_func
    return _FORWARD[_class_of_sources(network)].py_func


@overload(backward_sources, jit_options=INLINED)
def _backward_sources(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]  # noqa: ARG001
    if _on_lanes(flux) and (own := _LANES_BACKWARD.get(_class_of_sources(network))):
        return own.py_func
    return _BACKWARD[_class_of_sources(network)].py_func
