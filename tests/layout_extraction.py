"""What a layout file says by its geometry alone: nets by KLayout's extraction, lengths by a walk along centre lines."""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import klayout.db as kdb

from soensim.technology import Technology

LABEL = re.compile(r"(.+)\[(\d+)\]")


def member(text: str) -> tuple[str, int]:
    """Read `hidden[3]`."""
    name, number = LABEL.fullmatch(text).groups()
    return name, int(number)


class Extraction:
    """A layout file with the numbers of its technology's layers."""

    def __init__(self, path: Path, technology: Technology, *, single: bool = False) -> None:
        self.layout = kdb.Layout()
        self.layout.read(str(path))
        (self.top,) = self.layout.top_cells()
        self.technology, self.single = technology, single

    def number(self, name: str, layers_on: int = 0, datatypes_on: int = 0) -> tuple[int, int]:
        layer = self.technology.layers[name]
        return layer.layer + layers_on, layer.datatype + datatypes_on

    def guide(self, plane: int) -> tuple[int, int]:
        return self.number("waveguide", *((0, plane) if self.single else (plane, 0)))

    def region(self, numbers: tuple[int, int]) -> kdb.Region:
        return kdb.Region(self.top.begin_shapes_rec(self.layout.layer(*numbers))).merged()

    @property
    def planes(self) -> list[int]:
        used = {(info.layer, info.datatype) for info in self.layout.layer_infos()}
        return [plane for plane in range(100) if self.guide(plane) in used]

    def edges(self) -> set[tuple[str, int, str, int]]:
        """(source, member, target, member) of every connection, by KLayout's own netlist extraction."""
        flat = self.layout.dup()
        top = flat.top_cell()
        top.flatten(True)
        l2n = kdb.LayoutToNetlist(kdb.RecursiveShapeIterator(flat, top, []))
        made: dict[Any, Any] = {}

        def layer(numbers: tuple[int, int]) -> Any:
            if numbers not in made:
                index = flat.layer(*numbers)
                made[numbers] = (
                    l2n.make_polygon_layer(index, f"p{numbers[0]}_{numbers[1]}"),
                    l2n.make_text_layer(index, f"t{numbers[0]}_{numbers[1]}"),
                )
                l2n.connect(made[numbers][0])
                l2n.connect(made[numbers][0], made[numbers][1])
            return made[numbers][0]

        used = {(info.layer, info.datatype) for info in flat.layer_infos()}
        for one, other in self._connections():
            if {one, other} <= used:
                l2n.connect(layer(one), layer(other))
        l2n.extract_netlist()
        ends = {self.number(name, 0, k) for name in ("emitter", "wire_source") for k in range(100)}
        named = ends | {self.number(name, 0, k) for name in ("detector", "wire_target") for k in range(100)}
        texts_of = {numbers: l2n.layer_index(texts) for numbers, (_, texts) in made.items() if numbers in named}
        found = set()
        for net in l2n.netlist().circuit_by_name(top.name).each_net():
            texts = {
                numbers: [text.string for text in l2n.texts_of_net(net, index, True).each()]
                for numbers, index in texts_of.items()
            }
            sources = {text for numbers, each in texts.items() if numbers in ends for text in each}
            targets = [text for numbers, each in texts.items() if numbers not in ends for text in each]
            assert len(sources) <= 1, f"sources that are one net: {sources}"
            assert sources or not targets, f"targets without a source: {targets}"
            for text in targets:
                found.add((*member(next(iter(sources))), *member(text)))
        return found

    def _connections(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Pairs of layers that are joined where they touch."""
        pairs = []
        for plane in self.planes:
            pairs += [(self.guide(plane), self.number(kind, 0, plane)) for kind in ("emitter", "detector")]
            pairs.append((self.number("emitter", 0, plane), self.number("detector", 0, plane)))
        for m in range(0, 8, 2):
            one, two = self.number("metal", m), self.number("metal", m + 1)
            via = self.number("via", m)
            pairs += [(one, via), (via, two)]
            for metal, layer in ((m, one), (m + 1, two)):
                ends = [self.number(kind, 0, metal) for kind in ("wire_source", "wire_target")]
                pairs += [(layer, end) for end in ends]
        for p, q in itertools.combinations(self.planes, 2):
            coupler = self.number("coupler", p, q)
            pairs += [(self.guide(p), coupler), (coupler, self.guide(q))]
        return pairs

    # --- rules ---------------------------------------------------------------------------------------------------

    def broken_rules(self, layers: Any) -> list[str]:
        """Check least widths and spaces of all layers that are used, by KLayout.

        Within one guide the space narrows to nothing where an arc leaves it: spaces are those between two guides.
        """
        broken = []
        for numbers, (name, rules) in layers.items():
            if rules.width_um is None:
                continue
            region = self.region(numbers)
            assert not region.is_empty(), name
            arcs = name == "waveguide" and any(cell.name.startswith("BEND") for cell in self.layout.each_cell())
            space = region.isolated_check if arcs else region.space_check
            narrow = region.width_check(round(rules.width_um / self.layout.dbu)).count()
            near = space(round(rules.space_um / self.layout.dbu)).count()
            if narrow or near:
                broken.append(f"{name} {numbers}: {narrow} too narrow, {near} too near")
        return broken

    def beside_guides(self, layers: Any) -> list[str]:
        """List couplers, splitters and vias that do not lie on the lines that they belong to."""
        pairs = [(self.number("splitter", 0, plane), self.guide(plane)) for plane in self.planes]
        for p, q in itertools.combinations(self.planes, 2):
            pairs += [(self.number("coupler", p, q), self.guide(plane)) for plane in (p, q)]
        pairs += [(self.number("via", m), self.number("metal", m + k)) for m in range(0, 8, 2) for k in (0, 1)]
        return [
            f"{one} beside {other}"
            for one, other in pairs
            if one in layers and not (self.region(one) - self.region(other)).is_empty()
        ]

    # --- lengths ------------------------------------------------------------------------------------------------

    def lengths_um(self, radius_um: float) -> dict[tuple[str, int, str, int], tuple[float, float]]:
        """Length from each source to each target: through the corners, and along the arcs."""
        links: dict[Any, list[tuple[Any, float, float]]] = defaultdict(list)
        points: dict[int, set[tuple[int, int]]] = defaultdict(set)
        emitters, detectors = self._labels("emitter"), self._labels("detector")
        for plane, x, y, _ in (*emitters, *detectors):
            points[plane].add((x, y))

        def link(one: Any, other: Any, corner_um: float, arc_um: float) -> None:
            links[one].append((other, corner_um, arc_um))
            links[other].append((one, corner_um, arc_um))

        radius = round(radius_um / self.layout.dbu)
        for instance in self.top.each_inst():
            name, trans = instance.cell.name, instance.trans
            if name.startswith("BEND_P"):
                plane = int(name.split("_")[1].removeprefix("P"))
                start, end = trans * kdb.Point(0, 0), trans * kdb.Point(radius, radius)
                points[plane] |= {(start.x, start.y), (end.x, end.y)}
                # the coupler is on the straight part, half a width on
                half = round(self.technology.layers["waveguide"].line_um / self.layout.dbu) // 2
                one, other = (
                    ((-half, 0), (0, 0)) if name.endswith("BEHIND") else ((radius, radius), (radius, radius + half))
                )
                one, other = trans * kdb.Point(*one), trans * kdb.Point(*other)
                points[plane] |= {(one.x, one.y), (other.x, other.y)}
                link((plane, one.x, one.y), (plane, other.x, other.y), half * self.layout.dbu, half * self.layout.dbu)
                arc_um = math.pi / 2 * radius_um
                link((plane, start.x, start.y), (plane, end.x, end.y), 2 * radius_um, arc_um)
            elif name.startswith("COUPLER_P"):
                p, q = map(int, re.findall(r"P(\d+)", name))
                at = trans.disp.x, trans.disp.y
                points[p].add(at)
                points[q].add(at)
                link((p, *at), (q, *at), 0.0, 0.0)
        for plane in self.planes:
            self._along_guides(plane, points[plane], link)
        found = {}
        targets = defaultdict(list)
        for plane, x, y, text in detectors:
            targets[plane, x, y].append(text)
        for plane, x, y, source in emitters:
            for node, lengths in _walk(links, (plane, x, y)).items():
                for text in targets.get(node, ()):
                    found[*member(source), *member(text)] = lengths
        return found

    def wire_lengths_um(self) -> dict[tuple[str, int, str, int], float]:
        """Length of each wire: its boxes are found from its source on, metal by metal."""
        found = {}
        ends = {(m, x, y): text for m, x, y, text in self._labels("wire_target", range(8))}
        vias = {
            (int(instance.cell.name[5:]), instance.trans.disp.x, instance.trans.disp.y)
            for instance in self.top.each_inst()
            if instance.cell.name.startswith("VIA_M")
        }
        lines: dict[Any, list[tuple[int, int]]] = defaultdict(list)
        for m in range(8):
            half = round(self.technology.layers["metal"].width_um / self.layout.dbu) // 2
            for shape in self.top.shapes(self.layout.layer(*self.number("metal", m))).each():
                box = shape.bbox().enlarged(-half, -half)
                a, b = (box.left, box.bottom), (box.right, box.top)
                lines[m, *a].append(b)
                if a != b:
                    lines[m, *b].append(a)
        for m, x, y, source in self._labels("wire_source", range(8)):
            length, metal, at = 0.0, m, (x, y)
            for _ in range(2):
                (other,) = lines[metal, *at]
                length += (abs(other[0] - at[0]) + abs(other[1] - at[1])) * self.layout.dbu
                at = other
                if (metal, *at) not in vias:
                    break
                metal += 1
            found[*member(source), *member(ends[metal, *at])] = length
        return found

    def _labels(self, kind: str, datatypes: Any = None) -> list[tuple[int, int, int, str]]:
        return [
            (plane, shape.text_pos.x, shape.text_pos.y, shape.text_string)
            for plane in (datatypes or self.planes or [0])
            for shape in self.top.shapes(self.layout.layer(*self.number(kind, 0, plane))).each()
            if shape.is_text()
        ]

    def _along_guides(self, plane: int, points: set[tuple[int, int]], link: Any) -> None:
        """Link what lies on the centre line of each straight guide, one after the other."""
        by_row, by_column = defaultdict(list), defaultdict(list)
        for x, y in sorted(points):
            by_row[y].append(x)
            by_column[x].append(y)
        for shape in self.top.shapes(self.layout.layer(*self.guide(plane))).each():
            box = shape.bbox()
            for along_row in (True, False):  # a short one may be wider than long
                at = box.center().y if along_row else box.center().x
                low, high = (box.left, box.right) if along_row else (box.bottom, box.top)
                places = [k for k in (by_row if along_row else by_column)[at] if low <= k <= high]
                for a, b in itertools.pairwise(places):
                    ends = [(plane, k, at) if along_row else (plane, at, k) for k in (a, b)]
                    length = (b - a) * self.layout.dbu
                    link(*ends, length, length)


def _walk(links: Any, start: Any) -> dict[Any, tuple[float, float]]:
    """Lengths from a point to all that it is linked to, by the shortest way (Dijkstra)."""
    found: dict[Any, tuple[float, float]] = {}
    queue = [(0.0, 0.0, start)]
    while queue:
        corner_um, arc_um, node = heapq.heappop(queue)
        if node in found:
            continue
        found[node] = corner_um, arc_um
        for other, more, more_arc in links[node]:
            if other not in found:
                heapq.heappush(queue, (corner_um + more, arc_um + more_arc, other))
    return found
