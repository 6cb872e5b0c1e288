"""The clocked engine: a program on a chip, step by step, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from soensim._runtime.memory import require_memory
from soensim.dynamics import Array, Cell, InputSignal, LightDraws, SpikingLight, alike
from soensim.dynamics.time_loop import TimeLoop
from soensim.errors import SimulationError
from soensim.fabrication import (
    IMPERFECTIONS,
    FabricatedChip,
    array_noise,
    build_cells,
    converted_inputs,
    delayed_network,
    fabricate_chip,
    loop_noise,
    read_scores,
    read_states,
    spiking_light,
)
from soensim.netlist.schema.populations import DRIVE
from soensim.network import DelayLayout, LinearOutput, Network, split_channels
from soensim.network.sizes import delay_steps, state_bytes
from soensim.program import READOUT, Program
from soensim.simulation.readout import linear_scores

FloatArray = NDArray[np.float64]

# Samples are simulated in blocks of this many rows, the last one padded: matrix products then have one shape, and a
# sample's result does not depend on how many others come with it.
BLOCK = 256
_DENSE_ENTRIES = 2**20  # up to here a dense product is as fast as a sparse one at any density (measured)
_DENSE_DENSITY = 0.1


@dataclass(frozen=True)
class Trace:
    """What a simulation recorded.

    Attributes
    ----------
    state
        s (I_c), shape (batch, frames + 1, neurons), at the start and after every frame.
    t_tau
        Shape (frames + 1,).
    output
        Scores of a linear readout, shape (batch, classes); None where the chip has none.
    """

    state: FloatArray
    t_tau: FloatArray
    output: FloatArray | None


def simulate(
    network: Network,
    program: Program,
    inputs: NDArray[np.floating[Any]],
    *,
    chip_seed: int | None = None,
    read_seed: int | None = None,
    first_sample: int = 0,
) -> Trace:
    """Run a program on a chip.

    Parameters
    ----------
    network
        The chip, compiled at the integration step to use.
    program
        Made for this chip.
    inputs
        Signals on the input channels (I_c), shape (batch, frames, channels).
    chip_seed
        Draws one fabricated chip; None is the nominal chip without spread.
    read_seed
        Draws the noise, and the spikes of a chip whose rates are carried by light. None is without noise, and with the
        spikes of seed 0. The netlist must state noise, such as ``read_noise_flux``, or be such a chip.
    first_sample
        Place of the first input in its data set, so that parts of a set see the noise that the whole would.

    Returns
    -------
    Trace
        The same for a given sample, whatever the size of the batch.

    Raises
    ------
    ProgramError
        The program was made for another chip.
    SimulationError
        The inputs have another shape or are not finite, a seed is negative or has no noise to draw, or a state
        diverges, or the trace needs more memory than there is.
    """
    signals = checked_signals(network, inputs)
    _check_read_seed(network, read_seed)
    engine = Engine(network, program, chip_seed, read_seed=read_seed)
    batch, samples, _ = signals.shape
    require_memory(
        8 * batch * (samples + 1) * network.neurons,
        f"a trace of {batch} samples x {samples + 1} times x {network.neurons} neurons",
        advice="simulate fewer samples at a time",
        error=SimulationError,
    )
    state = np.zeros((batch, samples + 1, network.neurons))
    for rows, block in padded_blocks(signals):
        light = LightDraws(read_seed or 0, first_sample + rows.start, BLOCK)
        parts = engine.states(split_channels(network, block), (BLOCK,), light=light, used=rows.stop - rows.start)
        for population, part in zip(network.populations, parts, strict=True):
            state[rows, 1:, population.neurons] = part[: rows.stop - rows.start]
    if not np.isfinite(state).all():
        raise diverged(network)
    output = None
    if isinstance(network.output, LinearOutput):
        read = [state[:, 1:, p.neurons] for p in network.populations]
        output = engine.scores(read, range(first_sample, first_sample + batch))
    return Trace(state, np.arange(samples + 1) * network.sample_tau, output)


def padded_blocks(signals: NDArray[np.floating[Any]]) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the rows in blocks of `BLOCK`, the last one padded with zeros, and their place in the batch."""
    for start in range(0, len(signals), BLOCK):
        rows = slice(start, min(start + BLOCK, len(signals)))
        padded = np.zeros((BLOCK, *signals.shape[1:]))
        padded[: rows.stop - start] = signals[rows]
        yield rows, padded


def diverged(network: Network) -> SimulationError:
    """Make the error of a simulation whose states are not finite."""
    return SimulationError(
        f"a state of chip {network.name!r} diverges; use a finer step (timing.substeps) or smaller efficacies"
    )


def checked_signals(network: Network, inputs: NDArray[np.floating[Any]]) -> FloatArray:
    """Return the inputs of a chip in float64.

    Raises
    ------
    SimulationError
        They have another shape than (batch, frames, channels), or a value that is not finite or beyond any drive.
    """
    signals: FloatArray = np.asarray(inputs, dtype=np.float64)
    if signals.ndim != 3 or signals.shape[2] != network.channels or 0 in signals.shape[:2]:
        raise SimulationError(
            f"inputs have the shape {signals.shape}; chip {network.name!r} needs (batch, frames, {network.channels}), "
            "none of them 0"
        )
    if not np.isfinite(signals).all():
        raise SimulationError("inputs hold a value that is not finite")
    largest = int(np.abs(signals).argmax())
    if not DRIVE.limits.hold(value := float(signals.flat[largest])):
        place = ", ".join(str(int(k)) for k in np.unravel_index(largest, signals.shape))
        raise SimulationError(f"inputs[{place}] is {value:g}; {DRIVE.limits.fault(value)}")
    return signals


def _check_read_seed(network: Network, read_seed: int | None) -> None:
    if read_seed is not None and read_seed < 0:
        raise SimulationError(f"read_seed is {read_seed}; it must be 0 or more, or None for no noise")
    noisy = any(
        size and name in IMPERFECTIONS and IMPERFECTIONS[name].is_noise for name, size in network.spreads.items()
    )
    if read_seed is not None and not noisy and not network.draws_spikes:
        raise SimulationError(
            f"chip {network.name!r} states no read noise, and no light carries its rates; set "
            "imperfections.read_noise_flux, or leave the read seed out"
        )


class Tally:
    """What a run of the engine does: the light that it sends, and the sum of the states that its steps start from.

    Attributes
    ----------
    light
        Light of the run, which has counted the spikes; None where none is drawn.
    states
        Sum over all steps, one array (..., neurons) per population.
    """

    def __init__(self) -> None:
        self.light: SpikingLight | None = None
        self.states: list[FloatArray] = []

    def add(self, states: Sequence[FloatArray]) -> None:
        """Add the states that a step starts from."""
        before = self.states or [0 * new for new in states]
        self.states = [old + new for old, new in zip(before, states, strict=True)]


class Engine:
    """A program on one fabricated chip, ready to run: ``chip``, which holds the program's values, or one that is drawn.

    Raises
    ------
    ProgramError
        The program was made for another chip.
    """

    def __init__(
        self,
        network: Network,
        program: Program,
        chip_seed: int | None,
        *,
        read_seed: int | Literal["of the chip"] | None = "of the chip",
        chip: FabricatedChip | None = None,
    ) -> None:
        program.check_chip(network)
        self.network = network
        if chip is None:
            chip = fabricate_chip(network, program.values, network.spreads, chip_seed, read_seed=read_seed)
        self.chip = chip
        delayed = delayed_network(network, self.chip)
        layouts = {key: delayed.delay_layout(synapses) for key, synapses in delayed.synapses.items()}
        self._cells = build_cells(network, self.chip, layouts, lambda _, layout, values: _matrix(layout, values))

    def states(
        self,
        signals: list[InputSignal],
        rows: tuple[int, ...],
        *,
        light: LightDraws,
        used: int = BLOCK,
        tally: Tally | None = None,
    ) -> list[FloatArray]:
        """States after every sample, one array (..., samples, neurons) per population.

        ``rows`` are the leading axes at the start; those of the signals broadcast with them. ``light`` draws the spikes
        of the optical projections, and says where in its data set a block is, for all that is drawn at run time.
        Only the first ``used`` samples of a block are wanted; no source function is asked for the others. ``tally``
        counts what the chip does meanwhile.
        """
        rows_run = math.prod(np.broadcast_shapes(rows, *(b.shape[:-2] for s in signals for b in s.blocks)))
        samples = len(signals[0].frame_of) if signals else 0
        network = self.network
        require_memory(
            state_bytes(network, rows_run, samples),
            f"running {rows_run} samples of {samples} frames through {network.neurons} neurons, with "
            f"{delay_steps(network)} steps of delay,",
            advice="give fewer or shorter samples (timing.hold_samples), or shorten the delays",
            error=SimulationError,
        )
        block = range(light.first, light.first + light.rows)
        signals = converted_inputs(network, self.chip, signals, block)
        initial = [np.zeros((*rows, p.size)) for p in network.populations]
        # one BLAS thread: for products this small threads cost ten times what they give (measured), and the order of
        # sums must not depend on how many there are
        with one_blas_thread():
            loop = TimeLoop(
                self._cells if used == BLOCK else [_of_first_rows(cell, used) for cell in self._cells],
                signals,
                substeps=self.network.substeps,
                heun=self.network.integrator == "heun",
                noise=_flux_noise(network, self.chip, block, samples),
                kick=loop_noise(network, self.chip, block),
                light=(spikes := spiking_light(network, self.chip, light)),
                each_step=(lambda _: None) if tally is None else tally.add,
            )
            record = list(loop.run(initial))
        if tally is not None:
            tally.light = spikes
        return [np.stack(alike(states), -2) for states in zip(*record, strict=True)]

    def scores(self, states: list[FloatArray], rows: range) -> FloatArray:
        """Scores of a linear readout of the states of some samples, (..., rows, classes), as they are read."""
        weights = self.chip.values[READOUT]
        read = read_states(self.network, self.chip, states, rows)
        scores: FloatArray = read_scores(
            self.network, self.chip, linear_scores(self.network, read, weights), weights, rows
        )
        return scores


def _of_first_rows(cell: Cell, used: int) -> Cell:
    """Make a cell whose SQUIDs are looked up for the first samples of a block alone: most of a step is that lookup."""
    source = cell.source
    if source.virtual:
        return cell

    def first_rows(flux: FloatArray, squid_current: FloatArray) -> FloatArray:
        values = np.zeros(np.broadcast_shapes(flux.shape, squid_current.shape))
        values[..., :used, :] = source(flux[..., :used, :], squid_current[..., :used, :])
        return values

    return replace(cell, source=replace(source, function=first_rows))


def one_blas_thread() -> AbstractContextManager[object]:
    """Limit BLAS to one thread, in this whole process; threads that do so side by side want a limit around all."""
    limit: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limit


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _matrix(layout: DelayLayout, values: FloatArray) -> Array:
    """Efficacies as (lags x sources or channels, targets): dense if small or full, else sparse."""
    entries = layout.shape[0] * layout.shape[1]
    parts = values[layout.edges] * layout.part
    if entries > _DENSE_ENTRIES and len(parts) < _DENSE_DENSITY * entries:
        return scipy.sparse.csr_array((parts, (layout.rows, layout.columns)), shape=layout.shape)
    dense = np.zeros(layout.shape)
    dense[layout.rows, layout.columns] = parts
    return dense


def _flux_noise(
    network: Network, chip: FabricatedChip, rows: range, samples: int
) -> Callable[[int, int], FloatArray] | None:
    """Make the read noise of a block: ``noise(sample, population)`` is flux (Phi_0), shape (rows, neurons)."""
    if chip.read_seed is None or chip.read_noise_flux == 0:
        return None
    drawn = array_noise(chip.read_seed, chip.read_noise_flux, rows, (samples, network.neurons))
    return lambda sample, population: drawn[:, sample, network.populations[population].neurons]
