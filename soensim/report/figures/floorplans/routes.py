"""What the floorplan picture shows of the routes: waveguides with their losses, the worst net, the longest wire."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.netlist import Netlist
from soensim.routing import Channels, RoutedNetlist
from soensim.routing.layer_stack import LayerStack
from soensim.routing.ledger import LossTable, segment_db
from soensim.routing.nets import Nets
from soensim.routing.placement import Placement
from soensim.routing.waveguides import Waveguides

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def input_names(netlist: Netlist) -> list[str]:
    """Names of the populations that come in through ports, in file order."""
    return [name for name in netlist.populations if name in netlist.inputs or name in netlist.spike_inputs]


@dataclass(frozen=True, eq=False)
class Segments:
    """Straight pieces of waveguide, those of no length left out; in order of rising loss.

    Attributes
    ----------
    node, net
        Shape (segments,): the node of the waveguides at which each arrives, and its net.
    ends_um
        Shape (segments, 2, 2): (start, end) x (x, y).
    path_db
        Shape (segments,): loss from the emitter to the segment's end, splitting not counted.
    """

    node: IntArray
    net: IntArray
    ends_um: FloatArray
    path_db: FloatArray

    def __len__(self) -> int:
        return len(self.node)

    @property
    def along_row(self) -> NDArray[np.bool_]:
        """Which of them run along x."""
        along: NDArray[np.bool_] = self.ends_um[:, 0, 1] == self.ends_um[:, 1, 1]
        return along

    def part(self, kept: NDArray[np.bool_]) -> Segments:
        """Take some of them."""
        return Segments(self.node[kept], self.net[kept], self.ends_um[kept], self.path_db[kept])

    def within(self, low_um: FloatArray, high_um: FloatArray) -> Segments:
        """Take those whose bounding box meets a window, given by two corners (x, y)."""
        below, above = self.ends_um.min(axis=1), self.ends_um.max(axis=1)
        return self.part(((above >= low_um) & (below <= high_um)).all(axis=1))


@dataclass(frozen=True)
class WorstNet:
    """The net whose detectors have the highest loss.

    Attributes
    ----------
    net
        Its index.
    source, member
        Population and member that emits.
    detectors
        How many there are; all of them have the same loss and the same light.
    loss_db, photons
        Loss, splitting included, and mean number of photons that arrive per spike.
    path_db
        Loss of its costliest path, splitting not counted.
    end
        Node of the detector at the end of that path.
    target, target_member
        The neuron that this detector is in.
    """

    net: int
    source: str
    member: int
    detectors: int
    loss_db: float
    photons: float
    path_db: float
    end: int
    target: str
    target_member: int


@dataclass(frozen=True, eq=False)
class Optics:
    """The waveguides of a chip, as they are drawn.

    Attributes
    ----------
    guides, stack
        The waveguides and their planes.
    segments
        Their straight pieces.
    worst
        The net with the highest loss; None where no edge has a route.
    channels
        How full the channels are; None where waveguides are straight lines.
    leads_um
        Shape (leads, 2, 2): from each port that has a net to where its waveguide starts on the grid, (start, end) x
        (x, y), unless it starts at the port. The ledger does not count them.
    """

    guides: Waveguides
    stack: LayerStack
    segments: Segments
    worst: WorstNet | None
    channels: Channels | None
    leads_um: FloatArray


def find_optics(routed: RoutedNetlist) -> Optics | None:
    """Collect what is drawn of the waveguides; None on a chip without optical projections.

    Raises
    ------
    TechnologyError
        A loss has no value.
    """
    layout, routing = routed.layout, routed.netlist.routing
    if layout is None or layout.nets is None or layout.waveguides is None or routing is None:
        return None
    technology, guides = routed.netlist.device_technology, layout.waveguides
    path_db = losses_from_emitter(guides, LossTable.of(technology))
    return Optics(
        guides,
        LayerStack.of(routing.completed(technology)),
        _find_segments(guides, path_db),
        _find_worst_net(routed, layout.nets, guides, path_db),
        layout.channels,
        _find_leads(routed, layout.nets, guides, layout.placement),
    )


def losses_from_emitter(guides: Waveguides, losses: LossTable) -> FloatArray:
    """Loss (dB) from the emitter to each node, splitting not counted; shape (nodes,)."""
    total = segment_db(guides, losses)
    above = guides.parent.copy()
    while True:  # every turn doubles how far up a node has added
        inner = np.flatnonzero(above >= 0)
        if not len(inner):
            return total
        total[inner] += total[above[inner]]
        above[inner] = above[above[inner]]


def _find_segments(guides: Waveguides, path_db: FloatArray) -> Segments:
    """Collect the pieces to draw; those with the highest loss come last, so that they are on top."""
    node = np.flatnonzero(guides.length_um > 0)
    node = node[np.argsort(path_db[node], kind="stable")]
    xy = np.column_stack([guides.x_um, guides.y_um])
    return Segments(node, guides.net[node], np.stack([xy[guides.parent[node]], xy[node]], axis=1), path_db[node])


def _find_leads(routed: RoutedNetlist, nets: Nets, guides: Waveguides, placement: Placement) -> FloatArray:
    names = list(routed.netlist.populations)
    ports = [k for k, name in enumerate(names) if name in input_names(routed.netlist)]
    starts = np.column_stack([guides.x_um, guides.y_um])[guides.parent < 0]  # one per net, in their order
    leads = [np.empty((0, 2, 2))]
    for k in ports:
        mine = (nets.population == k) & (np.diff(nets.first) > 0)
        places, member = placement.populations[names[k]], nets.member[mine]
        leads.append(np.stack([np.column_stack([places.x_um[member], places.y_um[member]]), starts[mine]], axis=1))
    joined = np.concatenate(leads)
    apart: FloatArray = joined[np.abs(joined[:, 0] - joined[:, 1]).max(axis=1) > 1e-6]
    return apart


def _find_worst_net(routed: RoutedNetlist, nets: Nets, guides: Waveguides, path_db: FloatArray) -> WorstNet | None:
    """Find the net with the highest loss, the first of equals."""
    if not nets.sinks:
        return None
    loss_db, photons = np.empty(nets.sinks), np.empty(nets.sinks)
    for k, projection in enumerate(routed.netlist.projections):
        ledger = routed.projections[projection.key].ledger
        here = np.flatnonzero(nets.projection == k)
        if ledger is not None and len(here):
            here = here[np.argsort(nets.edge[here])]  # a ledger is in the order of the edges
            loss_db[here], photons[here] = ledger.loss_db, ledger.photons
    highest = int(np.argmax(loss_db))
    net = int(nets.net[highest])
    sinks = np.arange(nets.first[net], nets.first[net + 1])
    far = int(sinks[np.argmax(path_db[guides.detector[sinks]])])
    projection = routed.netlist.projections[int(nets.projection[far])]
    return WorstNet(
        net=net,
        source=list(routed.netlist.populations)[int(nets.population[net])],
        member=int(nets.member[net]),
        detectors=len(sinks),
        loss_db=float(loss_db[highest]),
        photons=float(photons[highest]),
        path_db=float(path_db[guides.detector[far]]),
        end=int(guides.detector[far]),
        target=projection.target,
        target_member=int(routed.netlist.edges(projection).targets[nets.edge[far]]),
    )


@dataclass(frozen=True)
class Wire:
    """The longest wire of a chip: from, to, and how long."""

    source: str
    member: int
    target: str
    target_member: int
    length_um: float
    delay_ps: float


def find_longest_wire(routed: RoutedNetlist) -> Wire | None:
    """Find the longest wire of all electrical projections, the first of equals; None where there is none."""
    longest: Wire | None = None
    for projection in routed.netlist.projections:
        routes = routed.projections[projection.key]
        if projection.medium != "electrical" or routes.ledger is None or not len(routes.edges):
            continue
        k = int(np.argmax(routes.ledger.length_um))
        length_um = float(routes.ledger.length_um[k])
        if longest is None or length_um > longest.length_um:
            source, target = int(routes.edges.sources[k]), int(routes.edges.targets[k])
            delay_ps = float(routes.ledger.delay_ps[k])
            longest = Wire(projection.source, source, projection.target, target, length_um, delay_ps)
    return longest
