"""The chip of a training with a wiring budget: which edges are left, and the routes that they have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from soensim._runtime.atomic_write import write_atomic
from soensim.errors import RecipeError
from soensim.netlist import Netlist, OptimisedPlacement, dump_netlist
from soensim.netlist.topology.edges import Edges
from soensim.netlist.yaml.load import netlist_source
from soensim.network import Network, compile_network
from soensim.routing import RoutedNetlist, route
from soensim.routing.placement import FloatArray, IntArray
from soensim.routing.wiring import recurrent_keys, wiring_of
from soensim.training.netlist_copy import named_files
from soensim.training.wiring_budget import kept_edges

NETLIST_FILE = "netlist"
"""Key of the netlist among the files of `pruned_files`."""

_FILE = "edges.csv"  # until the netlist is written, and its edges with it
_HEAD = "# Made by soensim train with a wiring budget: the recurrent edges that are left are in the file beside it.\n"


@dataclass(frozen=True, eq=False)
class PrunedChip:
    """A chip that some recurrent edges of another are left of, routed as it would be fabricated.

    Cells and places are those of the chip that it began as, whatever its topology would ask for: delays do not change
    under a training but where a route does.

    Attributes
    ----------
    whole
        The chip with all edges that have a route, and its cells and places fixed.
    kept
        By key of every projection: places of the edges that are left, among those of ``whole``.
    routed
        The chip with these edges alone.
    listed
        The projections whose edges a netlist of it must list: those that are pruned, or lacked edges before.
    """

    whole: Netlist
    kept: Mapping[str, IntArray]
    routed: RoutedNetlist
    listed: tuple[str, ...]

    @classmethod
    def of(cls, routed: RoutedNetlist) -> PrunedChip:
        """Begin with all edges of a chip that have a route.

        Raises
        ------
        RecipeError
            The chip has no floorplan, no projection of a population onto itself, or signs that are drawn edge by edge.
        """
        listed = _listed(routed)
        whole = _fixed(routed, listed)
        return cls._routed(whole, {p.key: np.arange(len(whole.edges(p))) for p in whole.projections}, listed)

    @classmethod
    def _routed(cls, whole: Netlist, kept: Mapping[str, IntArray], listed: tuple[str, ...]) -> PrunedChip:
        """Route what is left; an edge that has no route then is not left."""
        while True:
            routed = route(_netlist(whole, kept))
            if not any(len(projection.absences) for projection in routed.projections.values()):
                return cls(whole, kept, routed, listed)
            kept = _routed_alone(whole, kept, routed)

    def left(self, kept: Mapping[str, IntArray]) -> PrunedChip:
        """Make the chip with these edges of ``whole``."""
        return self._routed(self.whole, kept, self.listed)

    @cached_property
    def network(self) -> Network:
        """The chip, compiled."""
        return compile_network(self.routed)

    @cached_property
    def length_um(self) -> float:
        """Length that its recurrent edges take (um)."""
        wiring = wiring_of(self.routed, recurrent_keys(self.routed))
        return wiring.taken_um(np.ones(len(wiring), dtype=bool))

    @property
    def shortest_um(self) -> float:
        """Length that the chip would take with the shortest edge of each recurrent projection alone (um)."""
        ledgers = [self.routed.projections[key].ledger for key in recurrent_keys(self.routed)]
        return sum(float(ledger.length_um.min(initial=np.inf)) for ledger in ledgers if ledger is not None)

    @property
    def edges(self) -> int:
        """Number of its recurrent edges."""
        return sum(len(self.kept[key]) for key in recurrent_keys(self.routed))

    def within(self, length_um: float, weights: Mapping[str, FloatArray]) -> PrunedChip:
        """Prune until the recurrent edges take at most a length, measured on the routes that the rest then has.

        Parameters
        ----------
        length_um
            The length (um).
        weights
            By key of every projection: one per edge that is left.

        Raises
        ------
        RecipeError
            One edge of each recurrent projection takes more already.
        """
        chip = self
        while (taken_um := chip.length_um) > length_um:
            wiring = wiring_of(chip.routed, recurrent_keys(chip.routed))
            magnitude = np.empty(len(wiring))
            for k, key in enumerate(wiring.keys):
                here = wiring.projection == k
                left = np.isin(self.kept[key], chip.kept[key])
                magnitude[here] = np.abs(weights[key])[left][wiring.edge[here]]
            present = kept_edges(wiring, magnitude, length_um)
            if present.all():
                raise RecipeError(
                    f"wiring_budget_mm: {length_um * 1e-3:.6g} mm are left, and one edge of each recurrent projection "
                    f"takes {taken_um * 1e-3:.6g} mm; give more"
                )
            kept = dict(chip.kept)
            for k in np.unique(wiring.projection[~present]):
                gone = wiring.edge[~present & (wiring.projection == k)]
                kept[wiring.keys[k]] = np.delete(kept[wiring.keys[k]], gone)
            chip = self._routed(self.whole, kept, self.listed)
        return chip


def _listed(routed: RoutedNetlist) -> tuple[str, ...]:
    """Name the projections that are pruned, or that lack edges; refuse a chip that cannot be pruned."""
    netlist, keys = routed.netlist, recurrent_keys(routed)
    if routed.layout is None:
        raise RecipeError(
            f"wiring_budget_mm: chip {netlist.name!r} has no floorplan, so that no edge has a length; add one"
        )
    if not keys:
        raise RecipeError(
            f"wiring_budget_mm: chip {netlist.name!r} has no projection of a population onto itself, and only such are "
            "pruned; leave it out"
        )
    listed = tuple(p.key for p in netlist.projections if p.key in keys or len(routed.projections[p.key].absences))
    for projection in netlist.projections:
        sign = projection.efficacy.sign
        if projection.key in listed and not isinstance(sign, str) and sign.kind == "per-edge":
            raise RecipeError(
                f"wiring_budget_mm: the signs of {projection.key} are drawn edge by edge, and with fewer edges they "
                "would be others; give its efficacy another sign (free, positive, negative, dale)"
            )
    return listed


def _fixed(routed: RoutedNetlist, listed: tuple[str, ...]) -> Netlist:
    """Return the chip with the edges that have a route, and with its cells and places as they are."""
    netlist, layout = routed.netlist, routed.layout
    if layout is None or netlist.floorplan is None:
        return netlist
    positions = None
    if isinstance(netlist.floorplan.placement, OptimisedPlacement):
        places = {name: layout.placement.populations[name] for name in netlist.dendrites}
        positions = {name: np.stack([at.x_um, at.y_um], axis=1) for name, at in places.items()}
    fixed = netlist.with_places(layout.placement.cell_um, positions)
    return fixed.with_edges({key: (_FILE, routed.projections[key].edges) for key in listed})


def _netlist(whole: Netlist, kept: Mapping[str, IntArray]) -> Netlist:
    """Return the netlist with these edges of ``whole`` alone."""
    fewer = {}
    for projection in whole.projections:
        edges, places = whole.edges(projection), kept[projection.key]
        if len(places) < len(edges):
            fewer[projection.key] = (_FILE, Edges(edges.sources[places], edges.targets[places]))
    return whole.with_edges(fewer)


def _routed_alone(whole: Netlist, kept: Mapping[str, IntArray], routed: RoutedNetlist) -> dict[str, IntArray]:
    """Return the places, among the edges of ``whole``, of those that have a route."""
    found = {}
    for projection in whole.projections:
        edges = routed.netlist.edges(projection)
        absences = routed.projections[projection.key].absences
        size = whole.populations[projection.source].size
        gone = np.isin(edges.targets * size + edges.sources, absences.targets * size + absences.sources)
        found[projection.key] = kept[projection.key][~gone]
    return found


def pruned_files(netlist: Netlist, program: Path) -> dict[str, Path]:
    """Name the files beside a program that say what a pruned chip is: `netlist`, and those of edges by projection.

    Which projections have one is known when the chip has been routed: there is a name for each.
    """
    stem = program.with_suffix("") if program.suffix == ".safetensors" else program
    edges = {p.key: stem.with_name(f"{stem.name}-{p.source}-{p.target}.csv") for p in netlist.projections}
    return {NETLIST_FILE: stem.with_name(f"{stem.name}.yaml"), **edges}


def write_pruned(chip: PrunedChip, program: Path, original: Path | None) -> Path:
    """Write the netlist of a pruned chip beside its program, and the files of edges that it names; return its path.

    Parameters
    ----------
    chip
        The chip.
    program
        Where its program is, or will be.
    original
        The netlist that it was loaded from, or a copy beside the files which that names: they stay where they are, and
        are named by their way from the program; None: named as before.

    Raises
    ------
    SoensimError
        A file cannot be written.
    """
    netlist = chip.routed.netlist
    files = pruned_files(netlist, program)
    for projection in netlist.projections:
        if projection.key in chip.listed:
            edges = netlist.edges(projection)
            rows = "".join(f"{j},{i}\n" for j, i in zip(edges.sources, edges.targets, strict=True))
            write_atomic(files[projection.key], f"source,target\n{rows}")
    if original is not None:
        netlist = _named_from(netlist, original, program.parent)
    named = {key: (files[key].name, netlist.edges(p)) for p in netlist.projections if (key := p.key) in chip.listed}
    write_atomic(files[NETLIST_FILE], _HEAD + dump_netlist(netlist.with_edges(named)))
    return files[NETLIST_FILE]


def _named_from(netlist: Netlist, original: Path, folder: Path) -> Netlist:
    """Return a netlist that names its files by their way from a folder, as a copy of the original beside them would."""
    source = netlist_source(original)
    names = {place: os.path.relpath(original.parent / name, folder) for place, name in named_files(source.value)}
    update: dict[str, Any] = {}
    if (technology := names.get(("technology",))) is not None:
        update["technology"] = technology if "/" in technology else f"./{technology}"
    projections = list(netlist.projections)
    for k, projection in enumerate(projections):
        if (path := names.get(("projections", k, "topology", "path"))) is not None:
            topology = projection.topology.model_copy(update={"path": path})
            projections[k] = projection.model_copy(update={"topology": topology})
    update["projections"] = tuple(projections)
    path = names.get(("floorplan", "placement", "path"))
    if path is not None and netlist.floorplan is not None:
        placement = netlist.floorplan.placement.model_copy(update={"path": path})
        update["floorplan"] = netlist.floorplan.model_copy(update={"placement": placement})
    return netlist.model_copy(update=update)
