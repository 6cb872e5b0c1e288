"""Scores of every class: one run for a linear readout, all labels side by side for goodness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from soensim.data import FloatArray
from soensim.dynamics import LightDraws
from soensim.errors import SimulationError
from soensim.fabrication import FabricatedChip, read_states
from soensim.network import GoodnessOutput, Network
from soensim.program import Program
from soensim.simulation.engine import Engine, diverged
from soensim.simulation.readout import goodness, label_scores
from soensim.simulation.samples import Samples


def class_scores(
    network: Network,
    program: Program,
    values: FloatArray | Samples,
    *,
    chip_seed: int | None = None,
    chip: FabricatedChip | None = None,
    read_seed: int = 0,
    stop: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Score every class for each sample of a data set.

    A linear readout gives its scores, one of spike counts the spikes of each class's neuron. A goodness readout is
    asked once per label: all labels run side by side, and share whatever the label does not change (the drive of the
    pixels above all).

    Parameters
    ----------
    network
        The chip, compiled at the integration step to use.
    program
        Made for this chip.
    values
        In [0, 1], shape (batch, frames, data channels); or the `Samples` of them, encoded once for many chips.
    chip_seed
        Draws one fabricated chip, and its noise; None is the nominal chip without spread and noise.
    chip
        One that has been fabricated from the program's values, instead of one that is drawn.
    read_seed
        Draws the spikes of a chip whose rates are carried by light, and the input spikes, photons and dark counts of a
        spiking one; an electrical chip of rate neurons has none.
    stop
        Called before each block of samples; what it raises ends the work.

    Returns
    -------
    array
        Shape (batch, classes); the same for a given sample, whatever the size of the batch.

    Raises
    ------
    ProgramError
        The program was made for another chip.
    DataError
        Values out of range.
    SimulationError
        The chip has no readout, or a state diverges.
    """
    output = network.output
    if output is None:
        raise SimulationError(f"chip {network.name!r} has no readout; add one to the netlist to classify with it")
    if network.spiking is not None:
        from soensim.simulation.spiking.classify import spike_scores  # numba: loaded only by chips that need it

        given = values.values if isinstance(values, Samples) else values
        return spike_scores(network, program, given, chip_seed=chip_seed, chip=chip, read_seed=read_seed, stop=stop)
    engine = Engine(network, program, chip_seed, chip=chip)
    samples = values if isinstance(values, Samples) else Samples(network, values)
    scores = np.empty((len(samples), output.classes))
    for block in engine.blocks(samples):
        stop()
        first = block.place.start
        states = engine.states(
            block,
            light=LightDraws(read_seed, first, block.rows, hypotheses=network.labels or 1),
            first_frame=len(block.signals[0].frame_of) - 1 if engine.reads_last_frame_alone else 0,
        )
        if isinstance(output, GoodnessOutput):
            read = read_states(network, engine.chip, states, range(first, first + block.rows))
            block_scores = label_scores(output, [goodness(s) for s in read]).T
        else:
            block_scores = engine.scores(states, range(first, first + block.rows))[0]
        scores[block.place] = block_scores[: block.used]
    if not np.isfinite(scores).all():
        raise diverged(network)
    return scores
