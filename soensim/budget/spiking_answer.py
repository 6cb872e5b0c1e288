"""What an answer costs on a spiking chip: fluxons of its somas, excitations of its light sources, detections."""

from __future__ import annotations

from soensim.budget.energy import GROUP, Activity
from soensim.budget.entry import BudgetEntry, Number, entry, stated
from soensim.budget.power import photon_energy_j, soma_fluxon_energy_j
from soensim.errors import SoensimError
from soensim.netlist import Netlist
from soensim.routing import RoutedNetlist

_PJ_PER_J, _AJ = 1e12, 1e-18


def soma_energy(netlist: Netlist, activity: Activity) -> BudgetEntry:
    """Say what the bias gives to the somas that climb to their thresholds.

    Climbs that end below it, and the dendrites of arbors, are not counted: the energy is at least this.
    """
    junction = netlist.device_technology.junction
    device = Number("I_c", junction.critical_current_a, "A", f"{netlist.technology}: its junction")
    joules = sum(
        float(activity.spikes[name].sum()) * soma_fluxon_energy_j(netlist, population)
        for name, population in netlist.spiking.items()
    )
    formula = "sum over spikes of threshold beta_di / (2 pi) bias_current I_c Phi_0: fluxons to threshold"
    return entry(GROUP, "SQUIDs of somata", joules * _PJ_PER_J, "pJ", formula, (device,), "netlist, the data")


def excitations(routed: RoutedNetlist, activity: Activity) -> BudgetEntry:
    """Count the excitations of light sources of neurons: photons_per_synapse for each synapse that a spike reaches."""
    netlist, total = routed.netlist, 0.0
    for projection in netlist.projections:
        if projection.source in netlist.spiking:
            light = netlist.spiking[projection.source].completed(netlist.device_technology).transmitter
            sent = activity.spikes[projection.source][routed.projections[projection.key].edges.sources]
            total += float(sent.sum()) * (light.photons_per_synapse or 0.0)
    formula = "sum over edges of spikes x photons_per_synapse; those of input lines are made off chip"
    return entry("light", "photons", total, "1", formula, (), "netlist, the data")


def excitation_energy(routed: RoutedNetlist, activity: Activity) -> BudgetEntry:
    """Say what the light sources of neurons take: a photon's energy for each excitation, at least.

    Raises
    ------
    TechnologyError
        The technology lacks the wavelength.
    """
    count, wavelength = excitations(routed, activity), stated(routed.netlist, "wavelength_um")
    joules = count.value * photon_energy_j(wavelength.value)
    number = Number("excitations", count.value, "1", count.formula, count.estimate, computed=True)
    formula = "excitations x h c / wavelength_um; what the drive of the source loses is not known"
    return entry(GROUP, "emitters", joules * _PJ_PER_J, "pJ", formula, (number, wavelength), "the data")


def detection_energy(netlist: Netlist, activity: Activity) -> BudgetEntry:
    """Say what the synapses take of which a detector counts a spike.

    Raises
    ------
    SoensimError
        The detections were not counted.
    """
    if activity.detections is None:
        raise SoensimError("the detections were not counted")
    event = stated(netlist, "synapse_event_aj")
    formula = "sum over edges of spikes x (1 - P(no photon)) x synapse_event_aj; dead times and dark counts left out"
    value = activity.detections * event.value * _AJ * _PJ_PER_J
    return entry(GROUP, "synapse events", value, "pJ", formula, (event,), "the data")
