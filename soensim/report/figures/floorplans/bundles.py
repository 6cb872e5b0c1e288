"""Waveguides by place of the routing grid: how many run there, what the worst of them lost, how full the channel is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.report.figures.floorplans.routes import FloatArray, IntArray, Segments
from soensim.routing import Channels
from soensim.routing.placement import Placement


@dataclass(frozen=True, eq=False)
class Bundles:
    """All waveguides of one direction, bundled: one entry per place of the routing grid, arrays (rows, columns).

    Attributes
    ----------
    nets
        How many nets run there.
    path_db
        The highest loss among them, from the emitter to the segment's end; NaN where there are none.
    low_um, high_um
        Where the first of them begins and the last ends, along their direction and within the place; infinite where
        there are none.
    """

    nets: IntArray
    path_db: FloatArray
    low_um: FloatArray
    high_um: FloatArray


def bundle(segments: Segments, placement: Placement, *, along_row: bool) -> Bundles:
    """Bundle the segments of one direction by the places of the grid that they touch."""
    mine = segments.part(segments.along_row == along_row)
    along, across = (0, 1) if along_row else (1, 0)
    borders = (placement.column_borders_um, placement.row_borders_um)
    places = placement.rows * placement.columns
    channel = _place(mine.ends_um[:, 0, across], borders[across])
    ends = _place(mine.ends_um[:, :, along], borders[along])
    spans = np.ptp(ends, axis=1) + 1
    segment = np.repeat(np.arange(len(mine)), spans)
    step = np.arange(len(segment)) - np.repeat(np.cumsum(spans) - spans, spans)
    at = ends.min(axis=1)[segment] + step
    row, column = (channel[segment], at) if along_row else (at, channel[segment])
    place = row * placement.columns + column
    path_db, low_um, high_um = np.full(places, np.nan), np.full(places, np.inf), np.full(places, -np.inf)
    np.fmax.at(path_db, place, mine.path_db[segment])
    start_um, end_um = mine.ends_um[:, :, along].min(axis=1)[segment], mine.ends_um[:, :, along].max(axis=1)[segment]
    np.minimum.at(low_um, place, np.maximum(start_um, borders[along][at]))
    np.maximum.at(high_um, place, np.minimum(end_um, borders[along][at + 1]))
    # segments of a net that meet in a place are one waveguide there
    once = np.unique(mine.net[segment] * places + place) % places
    nets = np.bincount(once, minlength=places)
    shape = (placement.rows, placement.columns)
    return Bundles(nets.reshape(shape), path_db.reshape(shape), low_um.reshape(shape), high_um.reshape(shape))


def _place(at_um: FloatArray, borders_um: FloatArray) -> IntArray:
    places: IntArray = np.searchsorted(borders_um, at_um, side="right") - 1
    return np.clip(places, 0, len(borders_um) - 2)


def occupancy(channels: Channels, *, along_row: bool) -> FloatArray:
    """Tracks requested over tracks available, shape (rows, columns); above 1 where they do not suffice."""
    wanted, tracks = (
        (channels.row_wanted, channels.row_tracks[:, None])
        if along_row
        else (channels.column_wanted, channels.column_tracks[None, :])
    )
    # a channel without tracks is overfull as soon as one is requested
    share: FloatArray = wanted / np.maximum(tracks, 0.5)
    return share
