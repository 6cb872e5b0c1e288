"""g with its slopes, as the kernel needs it: inlined, and without a branch, so that loops over it are vectorised."""

import math

from soensim._runtime.table_access import table_load
from soensim.circuit.source import cell_of, edge_at
from soensim.dynamics.spiking.pools import part

_LEAST = 1e-300  # above 0


@part
def main_slopes(phi, i, source):  # type: ignore[no-untyped-def]
    """Return (g, dg/dphi, dg/di) at |i| <= current_max, as `soensim.circuit.source_value_and_gradient` to rounding."""
    magnitude = abs(i)
    x, cell, r = cell_of(phi, i, source)
    edge, at = source.edge, cell * 4
    cells = 2.0 * edge.shape[0]
    above = magnitude - edge_at(cell, r, source)
    runs = 1.0 if above > 0.0 else 0.0
    edge_x = cells * (
        table_load(edge, at + 1) + r * (2.0 * table_load(edge, at + 2) + 3.0 * r * table_load(edge, at + 3))
    )
    w_a = math.sqrt(above if above > _LEAST else _LEAST)
    gap = magnitude - source.corner - source.tangent * (0.5 - x)
    w_b = math.sqrt(gap if gap > _LEAST else _LEAST)
    h = source.shape
    n_u = h.shape[1]
    bt = w_a * source.scale * (n_u - 1)
    last = n_u - 2.0
    b = int(bt if bt < last else last)
    q = bt - b
    at = cell * n_u + b
    t00, t01 = table_load(h, at), table_load(h, at + 1)
    t10, t11 = table_load(h, at + n_u), table_load(h, at + n_u + 1)
    low, high = t00 + q * (t01 - t00), t10 + q * (t11 - t10)
    value = low + r * (high - low)
    value_u = (t01 - t00 + r * (t11 - t10 - t01 + t00)) * (n_u - 1) * 0.5 * source.scale
    share = w_b / (w_a + w_b)
    mean = w_a * share
    mean_a = 0.5 * share * share / w_a
    mean_b = 0.5 * (1.0 - share) * (1.0 - share) / w_b
    by_i = value_u * share + value * (mean_a + mean_b)
    by_x = (high - low) * cells * mean - value_u * share * edge_x - value * (mean_a * edge_x - mean_b * source.tangent)
    turned = phi - source.skew * i
    turned -= math.floor(turned + 0.5)
    sign = 1.0 if i >= 0.0 else -1.0
    by_x *= runs * sign * (1.0 if turned >= 0.0 else -1.0)
    return runs * sign * value * mean, by_x, runs * by_i - source.skew * by_x
