"""The loop of the growth model: numba, one thread, no randomness of its own.

A link is chosen in two steps, the row of the lattice and the neuron within it, so that it costs no more than a row and
a column. The weights of all neurons are summed anew for every one that joins: time grows with the square of the number
of neurons (0.3 s for 8100, half a minute for 100,000), memory with the number itself.
"""

from __future__ import annotations

import numpy as np

from soensim._runtime.kernel_cache import njit


@njit(cache=True)
def grow(arrivals, links, choices, outward, nearness, preference, max_fan_in):  # type: ignore[no-untyped-def]
    """Let neurons join one by one; see `soensim.netlist.topology.growth.Growth` for the law.

    Parameters
    ----------
    arrivals
        Shape (n,), int64: the neurons, in the order in which they join.
    links
        Shape (n,), int64: how many links each makes, in the same order.
    choices
        Shape (edges,), float64: uniform on [0, 1), one per link.
    outward
        Shape (edges,), bool: whether the neuron that joins drives the other, one per link.
    nearness
        Shape (rows, 2 columns - 1), float64: factor for every distance in rows, and in columns from 1 - columns on.
    preference
        Exponent of 1 + the number of links.
    max_fan_in
        Most sources of a neuron; no neuron makes more links than that.

    Returns
    -------
    Sources and targets, shape (edges,), int64, in the order in which links are made.
    """
    rows, width = nearness.shape
    columns = (width + 1) // 2
    sources, targets = np.empty(choices.size, np.int64), np.empty(choices.size, np.int64)
    degree, fan_in = np.zeros(rows * columns, np.int64), np.zeros(rows * columns, np.int64)
    attraction = np.zeros((rows, columns))  # (1 + k)^preference of the neurons that are there
    row_weight, weight = np.empty(rows), np.empty(columns)
    link = 0
    for arrival in range(arrivals.size):
        new = arrivals[arrival]
        new_row, new_column = new // columns, new % columns
        shift = columns - 1 - new_column  # from columns to the places of nearness
        first = link
        if links[arrival]:
            for row in range(rows):
                row_weight[row] = _weighted(attraction[row], nearness[abs(row - new_row)], shift)
        for _ in range(links[arrival]):
            row, left = _chosen(row_weight, choices[link] * _total(row_weight))
            for column in range(columns):
                weight[column] = attraction[row, column] * nearness[abs(row - new_row), shift + column]
            column, _ = _chosen(weight, left)
            attraction[row, column] = 0.0  # one link per pair
            row_weight[row] = _weighted(attraction[row], nearness[abs(row - new_row)], shift)
            other = row * columns + column
            source, target = (new, other) if outward[link] and fan_in[other] < max_fan_in else (other, new)
            sources[link], targets[link] = source, target
            fan_in[target] += 1
            link += 1
        for k in range(first, link):
            other = sources[k] + targets[k] - new
            degree[other] += 1
            attraction[other // columns, other % columns] = (1.0 + degree[other]) ** preference
        degree[new] += links[arrival]
        attraction[new_row, new_column] = (1.0 + degree[new]) ** preference
    return sources, targets


@njit(cache=True)
def _weighted(values, weights, shift):  # type: ignore[no-untyped-def]
    """Sum of products, one after another, so that it is the same on every machine."""
    total = 0.0
    for k in range(values.size):
        total += values[k] * weights[shift + k]
    return total


@njit(cache=True)
def _total(weights):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(weights.size):
        total += weights[k]
    return total


@njit(cache=True)
def _chosen(weights, place):  # type: ignore[no-untyped-def]
    """Find the weight in whose share of the total the place is, and the place within it."""
    last = -1
    for k in range(weights.size):
        if weights[k] > 0.0:
            if place < weights[k]:
                return k, place
            place -= weights[k]
            last = k
    return last, weights[last]  # rounding led past the end
