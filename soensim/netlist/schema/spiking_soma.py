"""What turns the state of a rate neuron into spikes, and spikes into the flux that the rate engine holds."""

from __future__ import annotations

from typing import Annotated

from soensim.netlist.base import Part, as_quantity, legal
from soensim.netlist.schema.spiking import COUPLING

LOOP_STATE = legal(1e-4, 1, "I_c", "far below the bias, so that every spike adds the same")


class SpikingSoma(Part):
    """Soma and synapses of a rate neuron that drives light; what is absent is derived (docs/physics.md).

    They decide what `soensim evaluate --engine spiking` simulates, and nothing else.
    """

    bias_current: Annotated[float, as_quantity("bias_current")] | None = None
    """Bias of the soma, of its refractory dendrite and of the synapses' dendrites (I_c); absent: the technology's."""
    threshold: Annotated[float, as_quantity("soma_threshold")] | None = None
    """s_th of the soma (I_c); absent: the lowest in use, 0.1."""
    absolute_refractory_ns: Annotated[float, as_quantity("absolute_refractory_ns")] | None = None
    """How long it is held at zero after a spike (ns); absent: the dead time of a detector, which loses none then."""
    beta_di: Annotated[float, as_quantity("beta_di")] | None = None
    """Dimensionless inductance of the soma's loop (a number); absent: half a flux quantum makes it climb to its
    threshold in a quarter of the shortest interval."""
    tau_di_ns: Annotated[float, as_quantity("tau_di_dendrite_ns")] | None = None
    """Decay time of the soma's loop (ns); absent: the technology's of a dendrite."""
    coupling: Annotated[float, COUPLING] | None = None
    """Flux into the soma per unit of the neuron's state (Phi_0 per I_c); absent: 0.35 Phi_0 at the reference state."""
    feedback_tau_ns: Annotated[float, as_quantity("tau_di_dendrite_ns")] | None = None
    """Decay time of the refractory dendrite, which counts the neuron's own spikes (ns); absent: seven of the shortest
    intervals."""
    synapse_tau_ns: Annotated[float, as_quantity("tau_di_dendrite_ns")] | None = None
    """Decay time of the dendrite behind a synapse that rate neurons feed (ns); absent: that of the feedback and half a
    sample, the mean age of a state that the rate engine holds."""
    input_tau_ns: Annotated[float, as_quantity("tau_di_dendrite_ns")] | None = None
    """Decay time of the dendrite behind a synapse that input ports feed (ns); absent: three of the shortest
    intervals."""
    loop_state: Annotated[float, LOOP_STATE] | None = None
    """State (I_c) of the refractory dendrite and of those behind synapses at the highest rate; absent: 0.02."""
    tau_rad_ns: Annotated[float, as_quantity("quantum_dot_tau_rad_ns")] | None = None
    """Decay time of the light sources of neurons and ports (ns); absent: the technology's."""
