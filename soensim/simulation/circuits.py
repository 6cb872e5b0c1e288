"""A program on a nominal chip whose dendrites are solved as their circuits, coupled, instead of as the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import Device
from soensim.errors import SimulationError
from soensim.network import GoodnessOutput, Network, Population, Synapses, present
from soensim.program import READOUT, Program
from soensim.simulation.engine import simulate
from soensim.simulation.readout import goodness, label_scores, linear_scores

if TYPE_CHECKING:
    from soensim.circuit.coupled import CoupledCircuits, Edges

FloatArray = NDArray[np.float64]
Solve = Callable[[FloatArray], FloatArray]
Samples = NDArray[np.floating[Any]]


def check_has_circuit(network: Network) -> None:
    """Refuse a chip with a part that is no circuit, or none that can be solved here.

    Raises
    ------
    SimulationError
        A source function is virtual, states are normalised, the SQUIDs are warm, light carries rates, or
        neurons spike.
    """
    if network.spiking is not None:
        raise SimulationError(
            f"chip {network.name!r} has no circuit to compare with: circuits are solved of rate neurons alone, and its "
            "neurons spike; compare one dendrite (SOEN-PH-002 of check)"
        )
    for population in network.populations:
        where = f"chip {network.name!r} has no circuit to compare with: population {population.name!r}"
        if population.source.virtual:
            raise SimulationError(
                f"{where} has the source function {population.source.name!r}, which is virtual; circuits are those of "
                "SQUIDs: take source_function `squid`"
            )
        if population.normalisation is not None:
            raise SimulationError(f"{where} normalises its states ({population.normalisation}), which no circuit does")
        if population.source.table is not None and population.source.table.temperature_k > 0:
            raise SimulationError(
                f"{where} is at {population.source.table.temperature_k:g} K, and circuits are solved without noise; "
                "leave temperature_k out"
            )
    if network.light is not None:
        raise SimulationError(
            f"chip {network.name!r} has no circuit to compare with: light carries its rates, as spikes that are "
            f"counted over a whole input sample of {network.sample_tau:.3g} tau_0, where circuits take some 5 steps in "
            "each; compare one dendrite (SOEN-PH-002 of check)"
        )


def coupled_circuits(network: Network, program: Program, device: Device) -> CoupledCircuits:
    """Make the circuits of a nominal chip, with the efficacies of a program.

    Parameters
    ----------
    network
        The chip; its integration step does not matter, nor its integrator and order of update.
    program
        Made for this chip.
    device
        The SQUID of every dendrite.

    Raises
    ------
    SimulationError
        The chip has a part that is no circuit.
    ProgramError
        The program was made for another chip.
    """
    from soensim.circuit.coupled import CoupledCircuits  # numba: loaded only where circuits are solved

    check_has_circuit(network)
    program.check_chip(network)
    values, populations = program.values, network.populations
    recurrent = [s for s in network.synapses.values() if s.source is not None]
    inputs = [s for s in network.synapses.values() if s.source is None]
    return CoupledCircuits(
        device,
        bias_current=np.concatenate([p.bias_current for p in populations]),
        beta_di=np.concatenate([1.0 / p.gamma_plus for p in populations]),
        gamma_minus=np.concatenate([p.gamma_minus for p in populations]),
        flux_offset=np.concatenate([p.flux_offset + values.get(p.trim_key, 0.0) for p in populations]),
        recurrent=_edges(populations, recurrent, program, [populations[s.source or 0].neurons for s in recurrent]),
        inputs=_edges(populations, inputs, program, [network.inputs[s.port].channels for s in inputs]),
        sample_tau=network.sample_tau,
    )


def _edges(
    populations: Sequence[Population], projections: Sequence[Synapses], program: Program, sources: Sequence[slice]
) -> Edges:
    """Put projections together, numbered through; ``sources`` are the places of what drives each."""
    from soensim.circuit.coupled import Edges  # numba, as above

    none = np.zeros(0)
    target = [s.targets + populations[s.target].neurons.start for s in projections]
    source = [s.sources + place.start for s, place in zip(projections, sources, strict=True)]
    return Edges(
        np.concatenate([none.astype(np.int64), *target]),
        np.concatenate([none.astype(np.int64), *source]),
        np.concatenate([none, *(s.delay_tau for s in projections)]),
        np.concatenate([none, *(program.values[s.key] for s in projections)]),
    )


def model_states(network: Network, program: Program) -> Solve:
    """Return what solves the model for signals (rows, samples, channels): states (rows, samples, neurons)."""
    return lambda signals: simulate(network, program, signals).state[:, 1:]


def states_and_scores(
    network: Network, program: Program, values: Samples, solve: Solve
) -> tuple[FloatArray, FloatArray]:
    """Show samples to a chip, once for every label where it has label lines, and read it.

    Parameters
    ----------
    network
        The chip.
    program
        Its readout.
    values
        In [0, 1], shape (batch, frames, data channels).
    solve
        States (rows, samples, neurons) for signals (rows, samples, channels).

    Returns
    -------
    tuple
        States, shape (labels or 1, batch, samples, neurons), and scores of the classes, (batch, classes).

    Raises
    ------
    SimulationError
        The chip has no readout.
    """
    output = network.output
    if output is None:
        raise SimulationError(f"chip {network.name!r} has no readout; add one to the netlist to classify with it")
    shown = [None] if not network.labels else [np.full(len(values), k) for k in range(network.labels)]
    signals = [present(network, values.astype(np.float64), labels) for labels in shown]
    states = np.stack([solve(np.asarray(own, dtype=np.float64)) for own in signals])
    parts = [states[..., p.neurons] for p in network.populations]
    if isinstance(output, GoodnessOutput):
        return states, np.asarray(label_scores(output, [goodness(part) for part in parts])).T
    return states, np.asarray(linear_scores(network, parts, program.values[READOUT]))[0]
