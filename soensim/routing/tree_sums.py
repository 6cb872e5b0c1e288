"""Sums along waveguide trees (an array of parents, which come before their children; -1 at a root), and in parts."""

import numpy as np

from soensim._runtime.kernel_cache import njit


@njit(cache=True)
def path_sums(parent, values):  # type: ignore[no-untyped-def]
    """Sum over the path from the root to each node; (nodes,)."""
    sums = values.copy()
    for node in range(len(parent)):
        if parent[node] >= 0:
            sums[node] += sums[parent[node]]
    return sums


@njit(cache=True)
def light_shares(parent, loss_db, is_detector):  # type: ignore[no-untyped-def]
    """Fraction of the light at its parent that each node needs, for equal light at all detectors; (nodes,)."""
    need = is_detector.astype(np.float64)  # light wanted at the node
    wanted = np.empty(len(parent))  # light that its parent must send
    for node in range(len(parent) - 1, -1, -1):
        wanted[node] = need[node] * 10 ** (loss_db[node] / 10)
        if parent[node] >= 0:
            need[parent[node]] += wanted[node]
    shares = np.ones(len(parent))
    for node in range(len(parent)):
        if parent[node] >= 0:
            shares[node] = wanted[node] / need[parent[node]]
    return shares


@njit(cache=True)
def running_sums(values, first):  # type: ignore[no-untyped-def]
    """Sums from the start of each part on; a part begins at each of ``first``."""
    sums = np.empty(len(values))
    for part in range(len(first) - 1):
        total = 0.0
        for k in range(first[part], first[part + 1]):
            total += values[k]
            sums[k] = total
    return sums
