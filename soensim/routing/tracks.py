"""Tracks: every straight run of a net gets a waveguide of its own in its row or column, as long as there are any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.kernel_cache import njit
from soensim.routing.placement import IntArray
from soensim.routing.trees import GridTrees


@dataclass(frozen=True, eq=False)
class Runs:
    """The maximal straight parts of all trees; a run takes one track at every place that it touches.

    Attributes
    ----------
    channel
        Shape (runs,): index of the row that it is in, or of the column.
    low, high
        Shape (runs,): first and last place along the channel.
    of_node
        Shape (nodes,): the run that each node is on; -1 where it is on none of this direction.
    """

    channel: IntArray
    low: IntArray
    high: IntArray
    of_node: IntArray

    def wanted(self, channels: int, places: int) -> IntArray:
        """Count the runs at every place, shape (channels, places)."""
        change = np.zeros((channels, places + 1), dtype=np.int64)
        np.add.at(change, (self.channel, self.low), 1)
        np.add.at(change, (self.channel, self.high + 1), -1)
        counts: IntArray = np.cumsum(change, axis=1)[:, :-1]
        return counts


def find_runs(trees: GridTrees, *, along_row: bool) -> Runs:
    """Find the runs along rows, or along columns; collinear segments that meet at a node are one run."""
    channel, place = (trees.row, trees.column) if along_row else (trees.column, trees.row)
    of_node, count = _label_runs(channel, trees.parent, place)
    on_run = np.flatnonzero(of_node >= 0)
    run = of_node[on_run]
    channel_of = np.zeros(count, dtype=np.int64)
    channel_of[run] = channel[on_run]
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, run, place[on_run])
    np.maximum.at(high, run, place[on_run])
    return Runs(channel_of, low, high, of_node)


def assign_tracks(runs: Runs, tracks: IntArray) -> IntArray:
    """Give every run the lowest free track of its channel.

    Where more runs meet than there are tracks, those that reach furthest go: no other choice keeps more of them.

    Parameters
    ----------
    runs
        The runs of one direction.
    tracks
        Shape (channels,): number of tracks of each channel.

    Returns
    -------
    array
        Shape (runs,): the track, or -1.
    """
    order = np.lexsort((runs.high, runs.low, runs.channel))
    assigned: IntArray = _assign(order, runs.channel, runs.low, runs.high, tracks)
    return assigned


def has_all_tracks(trees: GridTrees, without_track: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say for each node whether all segments from its emitter have a track, given those whose own lacks one."""
    reached: NDArray[np.bool_] = _reach(trees.parent, without_track)
    return reached


@njit(cache=True)
def _label_runs(channel, parent, place):  # type: ignore[no-untyped-def]
    of_node = np.full(len(parent), -1, dtype=np.int64)
    count = 0
    for node in range(len(parent)):
        above = parent[node]
        if above < 0 or channel[above] != channel[node] or place[above] == place[node]:
            continue
        if of_node[above] < 0:
            of_node[above] = count
            count += 1
        of_node[node] = of_node[above]
    return of_node, count


@njit(cache=True)
def _assign(order, channel, low, high, tracks):  # type: ignore[no-untyped-def]
    assigned = np.full(len(order), -1, dtype=np.int64)
    holder = np.empty(0, dtype=np.int64)  # run that holds each track; -1: free
    current = -1
    for run in order:
        if channel[run] != current:
            current = channel[run]
            holder = np.full(tracks[current], -1, dtype=np.int64)
        furthest, track, longest_track = run, -1, -1
        for k in range(len(holder)):
            held = holder[k]
            if held < 0 or high[held] < low[run]:
                track = k
                break
            if high[held] > high[furthest]:
                furthest, longest_track = held, k
        if track < 0 and furthest != run:
            assigned[furthest] = -1
            track = longest_track
        if track >= 0:
            holder[track] = run
            assigned[run] = track
    return assigned


@njit(cache=True)
def _reach(parent, without_track):  # type: ignore[no-untyped-def]
    reached = np.zeros(len(parent), dtype=np.bool_)
    for node in range(len(parent)):
        reached[node] = not without_track[node] and (parent[node] < 0 or reached[parent[node]])
    return reached
