"""How long signals take: along the longest path, per hop, and from the inputs to the readout."""

from __future__ import annotations

from collections.abc import Iterator

from soensim.budget.entry import BudgetEntry, entry, stated
from soensim.netlist import Netlist
from soensim.network import sample_duration
from soensim.routing import RoutedNetlist

GROUP = "latency"


def longest_delay_ps(routed: RoutedNetlist) -> float:
    """Longest signal delay of all edges (ps); 0 where there is none."""
    return max((float(p.delay_ps.max(initial=0.0)) for p in routed.projections.values()), default=0.0)


def hops_to(netlist: Netlist, target: str) -> int | None:
    """Fewest projections from an input population to ``target``; None if no input reaches it."""
    ports = {**netlist.inputs, **netlist.spike_inputs}
    reached, hops = set(ports), 0
    while target not in reached:
        new = {p.target for p in netlist.projections if p.source in reached} - reached
        if not new:
            return None
        reached, hops = reached | new, hops + 1
    return hops


def latency_entries(routed: RoutedNetlist) -> Iterator[BudgetEntry]:
    """Say how long signals take; a hop is the path's delay and one input sample, over which the neuron integrates.

    Raises
    ------
    TechnologyError
        The group index or the delay of wires has no value.
    """
    netlist = routed.netlist
    delay_ps = longest_delay_ps(routed)
    sample_ns = netlist.device_technology.junction.seconds_from_tau(sample_duration(netlist)) * 1e9
    numbers = []
    if routed.layout is not None:
        media = {p.medium for p in netlist.projections}
        keys = {"optical": "group_index", "electrical": "wire_delay_ps_per_cm"}
        numbers = [stated(netlist, key) for medium, key in keys.items() if medium in media]
    where = "routes" if routed.layout is not None else "netlist: delay_ps"
    yield entry(GROUP, "longest delay", delay_ps, "ps", "largest over all edges", numbers, where)
    if netlist.spiking:
        return  # a spike does not wait for a sample
    hop_ns = delay_ps * 1e-3 + sample_ns
    yield entry(GROUP, "latency per hop", hop_ns, "ns", "longest delay + one input sample", numbers, where)
    if netlist.readout is not None:
        reached = [hops_to(netlist, name) for name in netlist.readout.reads]
        hops = max((h for h in reached if h is not None), default=None)
        if hops is not None:
            yield entry(GROUP, "hops, input to readout", hops, "1", "fewest projections", basis="netlist")
            formula = "hops x latency per hop"
            yield entry(GROUP, "latency, input to readout", hops * hop_ns, "ns", formula, numbers, where)
