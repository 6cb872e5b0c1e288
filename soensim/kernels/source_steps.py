"""A step of the source functions over a block: forward, and back with their slopes.

A kernel is compiled for what the chip has: virtual sources alone, `squid-fit` alone, the smooth form of a SQUID's table
alone, or all of them (`source_set`). The first three hold most chips, and compile in a part of the time. The same goes
for the tables themselves, which scores look up: alone, or with other sources. They have no way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba.extending import overload

from soensim._runtime.table_access import own_load, own_store
from soensim.circuit.source import SourceArrays, cell_of, edge_at, main_value, running_value, source_value
from soensim.dynamics.source_functions import FusedForm
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.squid_functions import (
    fit_form,
    fit_slopes,
    fit_value,
    smooth_form,
    smooth_slopes,
    smooth_value,
    squid_coefficients,
    take3,
)
from soensim.kernels.vector_math import INLINED, inlined, inlined_exact, tanh

if TYPE_CHECKING:
    from soensim.circuit import SourceTable

TANH, RELU, STEEP_SIGMOID, SQUID_FIT, SQUID, TABLE, VARIED = range(7)
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


class TableSources(NamedTuple):
    """The table of a SQUID in all populations: fields of `SourceArrays`, with an axis of populations in front."""

    edge: Any
    shape: Any
    beyond: Any
    single: Any
    """skew, scale, current_max, corner, tangent."""


class VariedSources(NamedTuple):
    """The tables of `VariedTables` in all populations, one after the other, and what each neuron has of them."""

    tables: TableSources
    critical_current: Any
    skew: Any
    shares: Any
    """(3, neurons), as the ratios."""
    ratios: Any


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
        return _varied(forms)
    if kinds.max() == TABLE:
        tables = _tables(tuple(form.table for form in forms))
        if kinds.min() == TABLE:
            return tables
        return MixedTableSources(kinds, np.array([squid_coefficients(None, 0.0, dtype)] * len(forms)), tables)
    coefficients = np.array([squid_coefficients(form.polynomials, form.width, dtype) for form in forms])
    if kinds.min() == kinds.max():
        return (SquidFitSources if kinds[0] == SQUID_FIT else SquidSources)(coefficients)
    return MixedSources(kinds, coefficients)


@lru_cache(maxsize=16)
def _tables(tables: tuple[SourceTable | None, ...]) -> TableSources:
    """Stack the tables of all populations; one without a table takes another's."""
    own = [None if table is None else table.arrays for table in tables]
    some = next(arrays for arrays in own if arrays is not None)
    full = [arrays or some for arrays in own]
    return TableSources(
        np.stack([arrays.edge for arrays in full]),
        np.stack([arrays.shape for arrays in full]),
        np.stack([arrays.beyond for arrays in full]),
        np.array([arrays[3:] for arrays in full]),
    )


def _varied(forms: Sequence[FusedForm]) -> VariedSources:
    own = [form.varied for form in forms if form.varied is not None]
    return VariedSources(
        _tables(tuple(table for one in own for table in one.tables)),
        np.concatenate([one.critical_current for one in own]),
        np.concatenate([one.skew for one in own]),
        np.concatenate([np.stack(one.shares) for one in own], 1),
        np.concatenate([np.stack(one.ratios) for one in own], 1),
    )


@inlined
def _virtual_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
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


@inlined
def _virtual_backward(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]  # noqa: ARG001
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    for n in range(first, last):
        retention, gain = retentions[n], gains[n]
        for r in range(ROWS):
            own = adjoint[n, r]
            grad_flux[n, r] = gain * own * flux[n, r]
            adjoint[n, r] = retention * own


@inlined
def _fit_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
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


@inlined
def _table(tables, k):  # type: ignore[no-untyped-def]
    one = tables.single[k]
    return SourceArrays(tables.edge[k], tables.shape[k], tables.beyond[k], one[0], one[1], one[2], one[3], one[4])


@inlined_exact
def _varied_places(flux, current, own, tables):  # type: ignore[no-untyped-def]
    """Return the place in the tables, and the current in each; ``own`` are skew, shares and ratios."""
    skew, shares, ratios = own
    one, two, three = tables
    place = cell_of(flux - skew * current, 0.0, one)  # their own skew is 0: their arms are equal
    e1, e2, e3 = edge_at(place[1], place[2], one), edge_at(place[1], place[2], two), edge_at(place[1], place[2], three)
    over = abs(current) - (shares[0] * e1 + shares[1] * e2 + shares[2] * e3)
    return place, (e1, e2, e3), (e1 + over * ratios[0], e2 + over * ratios[1], e3 + over * ratios[2])


@inlined_exact
def _one_varied(i, edge, place, arrays):  # type: ignore[no-untyped-def]
    above = i - edge
    return running_value(0.0 if above <= 0.0 else above, i, place, arrays)


@inlined_exact
def _varied_value(flux, current, own, tables):  # type: ignore[no-untyped-def]
    """g(phi, i) without the factor of the critical current, and whether it is beyond the main tables."""
    place, edges, i = _varied_places(flux, current, own, tables)
    one, two, three = tables
    g = own[1][0] * _one_varied(i[0], edges[0], place, one)
    g = g + own[1][1] * _one_varied(i[1], edges[1], place, two)
    g = g + own[1][2] * _one_varied(i[2], edges[2], place, three)
    g = 0.0 if g <= 0.0 else g
    beyond = (i[0] > one.current_max) | (i[1] > two.current_max) | (i[2] > three.current_max)
    return (g if current >= 0.0 else -g), beyond


@inlined_exact
def _varied_beyond(flux, current, own, tables):  # type: ignore[no-untyped-def]
    """The same at any current, with branches."""
    place, _, i = _varied_places(flux, current, own, tables)
    one, two, three = tables
    g = own[1][0] * source_value(place[0], i[0], one) + own[1][1] * source_value(place[0], i[1], two)
    g = g + own[1][2] * source_value(place[0], i[2], three)
    g = 0.0 if g <= 0.0 else g
    return g if current >= 0.0 else -g


@inlined
def _varied_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    s = network.sources
    tables = _table(s.tables, 3 * p), _table(s.tables, 3 * p + 1), _table(s.tables, 3 * p + 2)
    for n in range(network.first[p], network.first[p + 1]):
        retention, bias_current, c = network.retention[n], network.bias_current[n], s.critical_current[n]
        gain = network.gain[n] * c
        own = s.skew[n], take3(s.shares[:, n], 0), take3(s.ratios[:, n], 0)
        beyond = 0
        for r in range(ROWS):
            place = n * ROWS + r
            old = own_load(state, place)
            g, over = _varied_value(own_load(flux, place), (bias_current - old) / c, own, tables)
            beyond += over
            own_store(new, place, retention * old + gain * g)  # type: ignore[call-arg]
        if beyond > 0:
            for r in range(ROWS):
                g = _varied_beyond(flux[n, r], (bias_current - state[n, r]) / c, own, tables)
                new[n, r] = retention * state[n, r] + gain * g


@inlined
def _look_up(network, tables, p, flux, state, new):  # type: ignore[no-untyped-def]
    arrays = _table(tables, p)
    first, last, retentions, gains = network.first[p], network.first[p + 1], network.retention, network.gain
    bias_currents = network.bias_current
    for n in range(first, last):
        retention, gain, bias_current = retentions[n], gains[n], bias_currents[n]
        beyond = 0
        for r in range(ROWS):
            place = n * ROWS + r
            s = own_load(state, place)
            g = main_value(own_load(flux, place), bias_current - s, arrays)
            beyond += abs(bias_current - s) > arrays.current_max
            own_store(new, place, retention * s + gain * g)  # type: ignore[call-arg]
        if beyond > 0:  # the main table does not serve
            for r in range(ROWS):
                g = source_value(flux[n, r], bias_current - state[n, r], arrays)
                new[n, r] = retention * state[n, r] + gain * g


@inlined
def _table_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    _look_up(network, network.sources, p, flux, state, new)


@inlined
def _mixed_table_forward(network, p, flux, state, new):  # type: ignore[no-untyped-def]
    kind = network.sources.kind[p]
    if kind == TABLE:
        _look_up(network, network.sources.tables, p, flux, state, new)
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
    VariedSources: _varied_forward,
    MixedTableSources: _mixed_table_forward,
}
_BACKWARD = {
    VirtualSources: _virtual_backward,
    SquidFitSources: _fit_backward,
    SquidSources: _squid_backward,
    MixedSources: _mixed_backward,
}


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


@overload(forward_sources, jit_options=INLINED)
def _forward_sources(network, p, flux, state, new):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _FORWARD[_class_of_sources(network)].py_func


@overload(backward_sources, jit_options=INLINED)
def _backward_sources(network, p, flux, state, adjoint, grad_flux):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _BACKWARD[_class_of_sources(network)].py_func
