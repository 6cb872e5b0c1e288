"""Waveguides: the trees of all nets with coordinates, planes and what light meets on every segment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from soensim.routing.placement import FloatArray, IntArray


class Kind(IntEnum):
    """What a node of a waveguide tree is."""

    EMITTER = 0
    BEND = 1
    JUNCTION = 2
    DETECTOR = 3


@dataclass(frozen=True, eq=False)
class Waveguides:
    """All waveguide trees as flat arrays of nodes, parents before children; nodes of a net are adjacent.

    What is named after a cause of loss describes the segment that arrives from the parent; it is 0 at an emitter.

    Attributes
    ----------
    net, parent, kind
        Shape (nodes,); the parent of an emitter is -1. Detectors are leaves.
    x_um, y_um
        Where the node is. A detector is at the point where its tap leaves the waveguide, on plane 0 below it.
    plane
        Plane of the segment that arrives; even ones hold rows, odd ones columns.
    length_um, bends, crossings, plane_crossings, taps, couplers
        Length; 90-degree bends; crossings in the plane and with other planes; splitters passed at its start; hops
        between neighbouring planes.
    detector
        Shape (sinks,): node of each sink of the nets; -1 where it is not reached.
    """

    net: IntArray
    parent: IntArray
    kind: NDArray[np.int8]
    x_um: FloatArray
    y_um: FloatArray
    plane: IntArray
    length_um: FloatArray
    bends: IntArray
    crossings: IntArray
    plane_crossings: IntArray
    taps: IntArray
    couplers: IntArray
    detector: IntArray

    def __len__(self) -> int:
        return len(self.net)
