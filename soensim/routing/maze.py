"""Cheapest paths and trees of one net on a grid whose places have prices. numba, one thread.

A tree is a set of grid edges; `mask` holds for every place the directions in which the net leaves it (bits 1 east,
2 north, 4 west, 8 south). Layer 0 of a place carries waveguides along its row, layer 1 those along its column; a net
uses a layer of a place where it has an edge in that direction, and pays for its tree

    sum of edge lengths + sum over used layers of congestion costs + hop_um * (places where both layers are used).

The congestion cost of a layer is zero while it has a free track, see `congestion_cost_um`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit
from soensim.routing.placement import FloatArray, IntArray

#: What `Work.side` can be: in the tree (its places are sources of a search), a target, or neither.
FREE, NEAR, FAR = 0, 1, 2


class Grid(NamedTuple):
    """The grid and its prices; place = row * columns + column, state = 2 * place + layer.

    Attributes
    ----------
    neighbour, step_um
        Shape (places, 4): the place to the east, north, west, south (-1: none), and the distance of the centres.
    size_um
        Shape (states,): extent of the place along the layer; congestion costs are counted in it.
    tracks, used, history
        Shape (states,): the tracks that there are, that nets use, and how often they did not suffice.
    """

    neighbour: IntArray
    step_um: FloatArray
    size_um: FloatArray
    tracks: IntArray
    used: IntArray
    history: FloatArray


class Prices(NamedTuple):
    """What a net pays beside its length: factor for each track that is missing; length that a hop is worth (um)."""

    present: float
    hop_um: float


class Work(NamedTuple):
    """Work space. Between calls `mask` and `side` are 0, `cost` infinite and `where` -1."""

    mask: NDArray[np.uint8]
    side: NDArray[np.uint8]
    own: IntArray
    cost: FloatArray
    back: IntArray
    heap: IntArray
    where: IntArray
    touched: IntArray
    counts: IntArray


#: Places in `Work.counts`: states in the heap, states with a finite cost, places of the tree (in `Work.own`).
QUEUED, TOUCHED, OWN = range(3)


def make_work(n: int) -> Work:
    """Make the work space for a grid of n places."""
    states = 2 * n
    return Work(
        mask=np.zeros(n, dtype=np.uint8),
        side=np.zeros(n, dtype=np.uint8),
        own=np.zeros(2 * n, dtype=np.int64),
        cost=np.full(states, np.inf),
        back=np.full(states, -1, dtype=np.int64),
        heap=np.zeros(states, dtype=np.int64),
        where=np.full(states, -1, dtype=np.int64),
        touched=np.zeros(states, dtype=np.int64),
        counts=np.zeros(3, dtype=np.int64),
    )


@njit(cache=True, error_model="numpy")
def congestion_cost_um(size_um, tracks, used, history, present):  # type: ignore[no-untyped-def]
    """Price of one more track at a place, beside its length (McMurchie & Ebeling 1995: base * history * present)."""
    if tracks == 0:
        return np.inf
    price = 1.0 + history
    if used >= tracks:
        price *= 1.0 + present * (used + 1 - tracks)
    return size_um * (price - 1.0)


@njit(cache=True, error_model="numpy")
def _congestion_cost(grid, prices, state):  # type: ignore[no-untyped-def]
    return congestion_cost_um(
        grid.size_um[state], grid.tracks[state], grid.used[state], grid.history[state], prices.present
    )


@njit(cache=True, error_model="numpy")
def _offer(work, state, cost, back):  # type: ignore[no-untyped-def]
    """Lower the cost of a state, if this is lower, and queue it."""
    if cost >= work.cost[state]:
        return
    if work.cost[state] == np.inf:
        work.touched[work.counts[TOUCHED]] = state
        work.counts[TOUCHED] += 1
    work.cost[state], work.back[state] = cost, back
    at = work.where[state]
    if at < 0:
        at = work.counts[QUEUED]
        work.counts[QUEUED] += 1
    while at > 0:
        above = work.heap[(at - 1) >> 1]
        if work.cost[above] < cost or (work.cost[above] == cost and above < state):
            break
        work.heap[at], work.where[above] = above, at
        at = (at - 1) >> 1
    work.heap[at], work.where[state] = state, at


@njit(cache=True, error_model="numpy")
def offer_place(grid, work, prices, place):  # type: ignore[no-untyped-def]
    """Make a place of the tree a source; both of its layers if no edge of the tree ends there yet."""
    mask = work.mask[place]
    for layer in range(2):
        if mask & (5 << layer):
            _offer(work, 2 * place + layer, 0.0, -1)
        elif mask == 0:
            _offer(work, 2 * place + layer, _congestion_cost(grid, prices, 2 * place + layer), -1)


@njit(cache=True, error_model="numpy")
def search(grid, work, prices):  # type: ignore[no-untyped-def]
    """Spread from the queued states to the nearest FAR place (Dijkstra); return its state, -1 if there is no path.

    The binary heap is written out: numba counts references to arrays that are passed to functions, which makes the loop
    five times slower. Ties go by state, so that the order is total.
    """
    neighbour, step_um, size_um = grid.neighbour, grid.step_um, grid.size_um
    tracks, used, history = grid.tracks, grid.used, grid.history
    mask, side = work.mask, work.side
    cost, back, heap, where, touched = work.cost, work.back, work.heap, work.where, work.touched
    present, hop_um = prices.present, prices.hop_um
    queued, n_touched = work.counts[QUEUED], work.counts[TOUCHED]
    nearest = -1
    while queued > 0:
        state = heap[0]
        so_far = cost[state]
        if so_far == np.inf:
            break
        # take the first out; the last fills the hole and sinks
        where[state] = -1
        queued -= 1
        if queued > 0:
            last = heap[queued]
            key = cost[last]
            at = 0
            while True:
                child = 2 * at + 1
                if child >= queued:
                    break
                low = heap[child]
                if child + 1 < queued:
                    right = heap[child + 1]
                    if cost[right] < cost[low] or (cost[right] == cost[low] and right < low):
                        child += 1
                        low = right
                if key < cost[low] or (key == cost[low] and last < low):
                    break
                heap[at], where[low] = low, at
                at = child
            heap[at], where[last] = last, at
        place, layer = state >> 1, state & 1
        if side[place] == FAR:
            nearest = state
            break
        # continue to the two neighbours along the layer, and the other layer
        for k in range(3):
            if k < 2:
                d = layer + 2 * k
                to = neighbour[place, d]
                if to < 0 or side[to] == NEAR:
                    continue
                new = 2 * to + layer
                price = so_far + step_um[place, d]
                is_used = mask[to] & (5 << layer) != 0
                if not is_used and mask[to] != 0:
                    price += hop_um
            else:
                new = state ^ 1
                price = so_far + hop_um
                is_used = False
            if not is_used:
                price += congestion_cost_um(size_um[new], tracks[new], used[new], history[new], present)
            if price >= cost[new]:
                continue
            if cost[new] == np.inf:
                touched[n_touched] = new
                n_touched += 1
            cost[new], back[new] = price, state
            at = where[new]
            if at < 0:
                at = queued
                queued += 1
            while at > 0:
                above = heap[(at - 1) >> 1]
                if cost[above] < price or (cost[above] == price and above < new):
                    break
                heap[at], where[above] = above, at
                at = (at - 1) >> 1
            heap[at], where[new] = new, at
    work.counts[QUEUED], work.counts[TOUCHED] = queued, n_touched
    return nearest


@njit(cache=True, error_model="numpy")
def forget(work):  # type: ignore[no-untyped-def]
    """End a search."""
    cost, where, touched = work.cost, work.where, work.touched
    for k in range(work.counts[TOUCHED]):
        cost[touched[k]] = np.inf
        where[touched[k]] = -1
    work.counts[QUEUED] = 0
    work.counts[TOUCHED] = 0


@njit(cache=True, error_model="numpy")
def lay(grid, work, state):  # type: ignore[no-untyped-def]
    """Lay the path from a state that `search` found back to the tree, and add its places to `own`; return their first.

    The place where it leaves the tree is not among them, the one where it ends is if it was on its own.
    """
    neighbour, mask, side, own, back = grid.neighbour, work.mask, work.side, work.own, work.back
    first = n = work.counts[OWN]
    place = state >> 1
    if mask[place] == 0:
        own[n] = place
        n += 1
    while side[place] != NEAR:
        before = back[state]
        to = before >> 1
        if to != place:
            for d in range(4):
                if neighbour[place, d] == to:
                    mask[place] |= 1 << d
                    mask[to] |= 1 << (d ^ 2)
            place = to
            if side[place] == FREE:
                own[n] = place
                n += 1
        state = before
    work.counts[OWN] = n
    return first, place


@njit(cache=True, error_model="numpy")
def grow(grid, work, prices, root, sinks):  # type: ignore[no-untyped-def]
    """Grow a tree from ``root``, each time by the cheapest path from anywhere on it to the nearest sink not yet on it.

    (Takahashi & Matsuyama 1980, Math. Japonica 24, 573.) One search serves all: costs only fall when a path joins the
    tree, so what was found before stays an upper bound, and every path is cut where it first meets the tree.
    """
    side, own = work.side, work.own
    own[0] = root
    work.counts[OWN] = 1
    missing = 0
    for sink in sinks:
        if sink != root:
            side[sink] = FAR
            missing += 1
    side[root] = NEAR
    offer_place(grid, work, prices, root)
    while missing > 0:
        state = search(grid, work, prices)
        if state < 0:
            break
        missing -= 1
        first, start = lay(grid, work, state)
        offer_place(grid, work, prices, start)
        for k in range(first, work.counts[OWN]):
            side[own[k]] = NEAR
            offer_place(grid, work, prices, own[k])
    for sink in sinks:
        side[sink] = FREE
    for k in range(work.counts[OWN]):
        side[own[k]] = FREE
    forget(work)
