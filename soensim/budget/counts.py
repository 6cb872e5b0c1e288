"""How much there is on a chip: neurons, synapses, junctions, planes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from soensim.budget.entry import BudgetEntry, entry, stated
from soensim.netlist import LinearReadout, Netlist
from soensim.netlist.schema.spiking import Branch
from soensim.routing import RoutedNetlist

GROUP = "counts"


def neuron_sizes(netlist: Netlist) -> dict[str, int]:
    """Sizes of the populations of neurons, in file order."""
    ports = {**netlist.inputs, **netlist.spike_inputs}
    return {name: population.size for name, population in netlist.populations.items() if name not in ports}


def neurons(netlist: Netlist) -> int:
    """Number of neurons of all populations."""
    return sum(neuron_sizes(netlist).values())


def dendrites(netlist: Netlist) -> int:
    """Number of dendrites: one per rate neuron; soma, arbor and refractory dendrite of a spiking one."""
    count = sum(p.size for p in netlist.dendrites.values())
    for population in netlist.spiking.values():
        arbor = sum(map(_branches, population.arbor))
        count += population.size * (1 + arbor + population.refractory.present)
    return count


def _branches(branch: Branch) -> int:
    return 1 + sum(map(_branches, branch.branches))


def synapses(routed: RoutedNetlist, medium: str | None = None) -> int:
    """Number of edges that exist; those of one medium, or all."""
    return sum(
        len(routed.projections[p.key].edges) for p in routed.netlist.projections if medium is None or p.medium == medium
    )


def emitters(routed: RoutedNetlist) -> int:
    """Number of neurons whose light reaches a synapse; the light of input ports comes from elsewhere."""
    on_chip = neuron_sizes(routed.netlist)
    return sum(int(seen.sum()) for name, seen in lit_sources(routed).items() if name in on_chip)


def lit_sources(routed: RoutedNetlist) -> dict[str, NDArray[np.bool_]]:
    """Which neurons and ports have light that reaches a synapse, shape (size,), by population with optical edges."""
    lit: dict[str, NDArray[np.bool_]] = {}
    for projection in routed.netlist.projections:
        if projection.medium == "optical":
            seen = lit.setdefault(
                projection.source, np.zeros(routed.netlist.populations[projection.source].size, dtype=bool)
            )
            seen[routed.projections[projection.key].edges.sources] = True
    return lit


def readout_synapses(netlist: Netlist) -> int:
    """Weights of a linear readout that are on the chip; 0 if there is none there."""
    readout = netlist.readout
    if not isinstance(readout, LinearReadout) or readout.location != "on-chip":
        return 0
    return readout.classes * sum(netlist.populations[name].size for name in readout.reads)


def count_entries(routed: RoutedNetlist) -> Iterator[BudgetEntry]:
    """Count neurons, synapses, junctions and planes.

    Raises
    ------
    TechnologyError
        The technology has no number of junctions or planes.
    """
    netlist = routed.netlist
    where = "routes" if routed.layout else "netlist (not laid out: every edge exists)"
    per_synapse, per_neuron = stated(netlist, "junctions_per_synapse"), stated(netlist, "junctions_per_neuron")
    yield entry(GROUP, "neurons", neurons(netlist), "1", "sum of the populations' sizes", basis="netlist")
    ports = sum(population.size for population in netlist.populations.values()) - neurons(netlist)
    yield entry(GROUP, "input ports", ports, "1", "sum of the populations' sizes", basis="netlist")
    total = synapses(routed)
    yield entry(GROUP, "synapses", total, "1", "edges that exist", basis=where)
    if routed.layout:
        for medium in ("optical", "electrical"):
            count = synapses(routed, medium)
            yield entry(GROUP, f"{medium} synapses", count, "1", f"{medium} edges that exist", basis=where)
    trees = dendrites(netlist)
    junctions = per_synapse.value * total + per_neuron.value * trees
    yield entry(
        GROUP,
        "junctions",
        junctions,
        "1",
        f"junctions_per_synapse x {total} + junctions_per_neuron x {trees} dendrites",
        (per_synapse, per_neuron),
        where,
    )
    weights = readout_synapses(netlist)
    if weights:
        yield entry(GROUP, "readout synapses", weights, "1", "classes x neurons, on-chip readout", basis="netlist")
        yield entry(
            GROUP,
            "readout junctions",
            per_synapse.value * weights,
            "1",
            f"junctions_per_synapse x {weights}; beside the above",
            (per_synapse,),
            "netlist",
        )
    if routed.layout:
        for key in ("photonic_planes", "electronic_planes") if netlist.has_waveguides else ("electronic_planes",):
            planes = stated(netlist, key)
            yield entry(GROUP, key.replace("_", " "), planes.value, "1", key, (planes,))
