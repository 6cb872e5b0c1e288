"""The photonic planes: how many tracks a channel has, and where each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soensim.errors import RoutingError
from soensim.netlist import Routing
from soensim.routing.placement import FloatArray, IntArray, Placement

#: Tracks of a channel, all planes together: cells of 1 cm at the narrowest pitch in use have 6700 per plane.
MAX_TRACKS = 1_000_000


@dataclass(frozen=True)
class LayerStack:
    """Waveguide planes: even ones hold rows, odd ones columns; a single plane holds both.

    Attributes
    ----------
    planes
        Number of planes.
    pitch_um
        Distance between neighbouring tracks of a plane. Tracks of planes that run the same way are staggered by a part
        of it, so that no two waveguides of a chip have the same coordinate.
    """

    planes: int
    pitch_um: float

    @classmethod
    def of(cls, routing: Routing) -> LayerStack:
        """Take it from a completed routing."""
        return cls(routing.photonic_planes or 0, routing.waveguide_pitch_um or 0.0)

    def planes_along(self, *, row: bool) -> IntArray:
        """Planes that hold rows, or columns, lowest first."""
        return np.arange(0 if row or self.planes == 1 else 1, self.planes, 2)

    def per_plane(self, width_um: FloatArray) -> IntArray:
        """Tracks of one plane in channels of these widths."""
        tracks: IntArray = np.floor(width_um / self.pitch_um + 1e-9).astype(np.int64)
        return tracks

    def tracks(self, borders_um: FloatArray, *, row: bool) -> IntArray:
        """Tracks of every channel, all planes together; shape (channels,)."""
        return self.per_plane(np.diff(borders_um)) * len(self.planes_along(row=row))

    def place(
        self, channel: IntArray, track: IntArray, borders_um: FloatArray, *, row: bool
    ) -> tuple[FloatArray, IntArray]:
        """Coordinate across the channel (um), and plane, of tracks; lower tracks are on lower planes."""
        per_plane = self.per_plane(np.diff(borders_um))[channel]
        planes = self.planes_along(row=row)
        level = track // np.maximum(per_plane, 1)
        stagger = (level + 0.5) / len(planes)
        return borders_um[channel] + (track % np.maximum(per_plane, 1) + stagger) * self.pitch_um, planes[level]

    def slot(self, place: IntArray, rank: IntArray, count: IntArray, borders_um: FloatArray) -> FloatArray:
        """Coordinate of the ``rank``-th of ``count`` detectors in a place of the grid, between two tracks."""
        widths = np.diff(borders_um)[place]
        steps = np.maximum(np.floor(widths / self.pitch_um + 1e-9), 1)
        slots: FloatArray = borders_um[place] + np.rint((rank + 0.5) / count * steps) * np.minimum(
            self.pitch_um, widths
        )
        return slots


def channel_tracks(placement: Placement, stack: LayerStack) -> tuple[IntArray, IntArray]:
    """Tracks of every row and of every column of the routing grid.

    Raises
    ------
    RoutingError
        A channel has more than `MAX_TRACKS`.
    """
    for borders_um in (placement.row_borders_um, placement.column_borders_um):
        widest_um = float(np.diff(borders_um).max(initial=0.0))
        if not widest_um / stack.pitch_um * stack.planes <= MAX_TRACKS:
            raise RoutingError(
                f"a channel of {widest_um:.6g} um has more than {MAX_TRACKS} tracks at a pitch of "
                f"{stack.pitch_um:g} um on {stack.planes} planes; widen routing.waveguide_pitch_um, or shrink the cells"
            )
    return stack.tracks(placement.row_borders_um, row=True), stack.tracks(placement.column_borders_um, row=False)
