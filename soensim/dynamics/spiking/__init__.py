"""Spiking neurons: photon synapse, dendritic tree, soma, refractory dendrite, transmitter, and their time loop."""

from soensim.dynamics.spiking.arrays import (
    Buffers,
    InputSpikes,
    Jumps,
    Lanes,
    Pieces,
    Record,
    SampleSpikes,
    SampleSums,
    SpikingArrays,
    SpikingState,
    Trial,
    initial_state,
)
from soensim.dynamics.spiking.assembly import Links, assemble
from soensim.dynamics.spiking.kernel import advance
from soensim.dynamics.spiking.neuron import (
    Dendrite,
    Neuron,
    Receiver,
    Refractory,
    largest_state,
    refractory_coupling,
    threshold_flux,
)
from soensim.dynamics.spiking.reference import reference_run
from soensim.dynamics.spiking.reference_light import ReferenceRun
from soensim.dynamics.spiking.samples import advance_samples
from soensim.dynamics.spiking.steps import StepArrays, SteppedNetwork, largest_step, step_arrays
from soensim.dynamics.spiking.synapse import SynapseResponse

__all__ = [
    "Buffers",
    "Dendrite",
    "InputSpikes",
    "Jumps",
    "Lanes",
    "Links",
    "Neuron",
    "Pieces",
    "Receiver",
    "Record",
    "ReferenceRun",
    "Refractory",
    "SampleSpikes",
    "SampleSums",
    "SpikingArrays",
    "SpikingState",
    "StepArrays",
    "SteppedNetwork",
    "SynapseResponse",
    "Trial",
    "advance",
    "advance_samples",
    "assemble",
    "initial_state",
    "largest_state",
    "largest_step",
    "reference_run",
    "refractory_coupling",
    "step_arrays",
    "threshold_flux",
]
