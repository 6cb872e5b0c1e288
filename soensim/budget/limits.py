"""How many synapses a neuron of a chip can have, and which limit binds: closed forms beside the routed chip."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from soensim.budget import closed_forms as forms
from soensim.budget.area import die_area_um2
from soensim.budget.counts import neuron_sizes, neurons, synapses
from soensim.budget.entry import BudgetEntry, Number, entry, stated
from soensim.routing import Layout, RoutedNetlist
from soensim.routing.placement import IntArray

GROUP = "closed forms"


def fan_in(routed: RoutedNetlist, *, asked: bool = False) -> dict[str, IntArray]:
    """Edges into each neuron, shape (size,), by population.

    Parameters
    ----------
    routed
        The chip.
    asked
        Count the edges of the netlist, and not those that exist.
    """
    netlist = routed.netlist
    counts_of = {name: np.zeros(size, dtype=np.int64) for name, size in neuron_sizes(netlist).items()}
    for projection in netlist.projections:
        counts = counts_of[projection.target]
        edges = netlist.edges(projection) if asked else routed.projections[projection.key].edges
        counts += np.bincount(edges.targets, minlength=len(counts))
    return counts_of


def optical_fan_out(routed: RoutedNetlist) -> dict[str, IntArray]:
    """Optical edges out of each neuron or port, shape (size,), by population."""
    fan_out: dict[str, IntArray] = {}
    for projection in routed.netlist.projections:
        if projection.medium == "optical":
            size = routed.netlist.populations[projection.source].size
            counts = np.bincount(routed.projections[projection.key].edges.sources, minlength=size)
            fan_out[projection.source] = fan_out.get(projection.source, 0) + counts
    return fan_out


def limit_entries(routed: RoutedNetlist, layout: Layout) -> Iterator[BudgetEntry]:
    """Compare the synapses per neuron of the chip with what tracks, area, fan-in and light allow.

    Raises
    ------
    TechnologyError
        A number has no value.
    """
    netlist = routed.netlist
    count, area_um2 = neurons(netlist), die_area_um2(layout)
    each_um2 = forms.area_per_neuron(area_um2, count)
    mean = synapses(routed) / count
    yield entry(GROUP, "area per neuron", each_um2, "um^2", "A_n = die / neurons", basis="netlist")
    yield entry(GROUP, "k of the chip, mean", mean, "1", "synapses / neurons", basis="routes")
    largest = max(int(a.max()) for a in fan_in(routed).values())
    yield entry(GROUP, "k of the chip, largest fan-in", largest, "1", "largest over neurons", basis="routes")
    allowed: list[BudgetEntry] = []

    def allow(name: str, k: float, formula: str, *numbers: Number, basis: str = "netlist: die") -> None:
        allowed.append(entry(GROUP, f"k allowed by {name}", k, "1", formula, numbers, basis))

    if netlist.has_waveguides:
        fan_out = max(int(a.max()) for a in optical_fan_out(routed).values())
        yield entry(GROUP, "k of the chip, largest fan-out", fan_out, "1", "largest over emitters", basis="routes")
        planes, pitch = stated(netlist, "photonic_planes"), stated(netlist, "waveguide_pitch_um")
        k = forms.photonic_fan_in(each_um2, planes.value, pitch.value)
        allow("photonic tracks", k, "p sqrt(A_n) / w", planes, pitch)
        _allow_photons(routed, allow)
    e_planes, width = stated(netlist, "electronic_planes"), stated(netlist, "synapse_pitch_um")
    k = forms.electronic_fan_in(each_um2, e_planes.value, width.value)
    allow("electronic area", k, "p_e A_n / w_sy^2", e_planes, width)
    most = stated(netlist, "fan_in_max")
    allow("fan-in", most.value, most.name, most, basis="")
    yield from allowed
    least = min(allowed, key=lambda found: found.value)
    yield entry(
        *(GROUP, f"binding limit: {least.quantity.removeprefix('k allowed by ')}", least.value, "1"),
        *("the smallest k allowed", (Number("k", least.value, "1", least.quantity, least.estimate, computed=True),)),
    )
    if netlist.has_waveguides and mean:
        formula = "A (p / (w k))^2 at the mean k"
        most_neurons = forms.neurons_on_die(area_um2, planes.value, pitch.value, mean)
        yield entry(GROUP, "neurons that tracks allow", most_neurons, "1", formula, (planes, pitch), "routes")
    recurrent = sum(
        len(routed.projections[p.key].edges) for p in netlist.projections if p.source in neuron_sizes(netlist)
    )
    if recurrent > count:  # k > 1: below, a random network falls apart
        k = recurrent / count
        formula = "(ln N - 0.5772) / ln k + 1/2, k between neurons"
        yield entry(GROUP, "mean path of a random network", forms.mean_path(count, k), "hops", formula, basis="routes")


def _allow_photons(routed: RoutedNetlist, allow: Callable[..., None]) -> None:
    netlist = routed.netlist
    photons, counted = stated(netlist, "photons_per_spike"), stated(netlist, "detector_efficiency")
    wanted = netlist.routing.limits.min_photons if netlist.routing is not None else None
    needed = Number("min_photons", wanted, "1", "netlist, routing.limits.min_photons") if wanted else None
    if needed is None:  # one photon counted per spike, as rule SOEN-RT-012 asks
        needed = Number(
            "photons needed", 1 / counted.value, "1", "1 / detector_efficiency: one counted", counted.estimate
        )
    paths = [
        ledger.loss_db - ledger.split_db
        for p in netlist.projections
        if p.medium == "optical" and (ledger := routed.projections[p.key].ledger) is not None and len(ledger.loss_db)
    ]
    if not paths:
        return
    excess = stated(netlist, "splitter_excess_db")
    median_db, what = float(np.median(np.concatenate(paths))), "median path loss without splitting, routes"
    loss = Number("L", median_db, "dB", what, excess.estimate, computed=True)
    allow(
        "light",
        forms.photon_fan_out(photons.value, needed.value, loss.value),
        "photons_per_spike 10^(-L/10) / photons needed",
        *(photons, counted, needed, loss, excess),
        basis="routes",
    )
