"""The clocked engine: a program on a chip, step by step, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from soensim._runtime.memory import require_memory
from soensim.dynamics import Array, InputSignal, LightDraws, alike, unroll
from soensim.errors import SimulationError
from soensim.fabrication import array_noise, build_cells, fabricate_chip, spiking_light, without_run
from soensim.netlist.schema.populations import DRIVE
from soensim.network import DelayLayout, LinearOutput, Network, split_channels, with_delay_factor
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
        Draws the read noise, and the spikes of a chip whose rates are carried by light. None is without read noise,
        and with the spikes of seed 0. The netlist must state ``read_noise_flux``, or be such a chip.
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
    still = replace(network, spreads=without_run(network.spreads))  # its noise has a seed of its own
    engine = Engine(still, program, chip_seed)
    batch, samples, _ = signals.shape
    require_memory(
        8 * batch * (samples + 1) * network.neurons,
        f"a trace of {batch} samples x {samples + 1} times x {network.neurons} neurons",
        advice="simulate fewer samples at a time",
        error=SimulationError,
    )
    state = np.zeros((batch, samples + 1, network.neurons))
    for rows, block in padded_blocks(signals):
        noise = None if read_seed is None else flux_noise(network, read_seed, first_sample + rows.start, samples)
        light = LightDraws(read_seed or 0, first_sample + rows.start, BLOCK)
        parts = engine.states(split_channels(network, block), (BLOCK,), noise, light=light)
        for population, part in zip(network.populations, parts, strict=True):
            state[rows, 1:, population.neurons] = part[: rows.stop - rows.start]
    if not np.isfinite(state).all():
        raise diverged(network)
    output = None
    if isinstance(network.output, LinearOutput):
        read = [state[:, 1:, p.neurons] for p in network.populations]
        output = linear_scores(network, read, engine.chip.values[READOUT])
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
            f"inputs have the shape {signals.shape}; chip {network.name!r} needs (batch, frames, {network.channels})"
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
    if read_seed is not None and network.read_noise_flux == 0 and not network.draws_spikes:
        raise SimulationError(
            f"chip {network.name!r} states no read noise, and no light carries its rates; set "
            "imperfections.read_noise_flux, or leave the read seed out"
        )


class Engine:
    """A program on one fabricated chip, ready to run.

    Raises
    ------
    ProgramError
        The program was made for another chip.
    """

    def __init__(self, network: Network, program: Program, chip_seed: int | None) -> None:
        program.check_chip(network)
        self.network = network
        self.chip = fabricate_chip(network, program.values, network.spreads, chip_seed)
        factor = self.chip.delay_factor
        delayed = network if factor == 1 else with_delay_factor(network, factor)
        layouts = {key: delayed.delay_layout(synapses) for key, synapses in delayed.synapses.items()}
        self._cells = build_cells(network, self.chip, layouts, lambda _, layout, values: _matrix(layout, values))

    def states(
        self,
        signals: list[InputSignal],
        rows: tuple[int, ...],
        noise: Callable[[int, int], FloatArray] | None = None,
        *,
        light: LightDraws,
    ) -> list[FloatArray]:
        """States after every sample, one array (..., samples, neurons) per population.

        ``rows`` are the leading axes at the start; those of the signals broadcast with them. ``light`` draws the spikes
        of the optical projections; an electrical chip has none to draw.
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
        initial = [np.zeros((*rows, p.size)) for p in network.populations]
        # one BLAS thread: for products this small threads cost ten times what they give (measured), and the order of
        # sums must not depend on how many there are
        with _blas().limit(limits=1, user_api="blas"):
            record = unroll(
                self._cells,
                signals,
                initial,
                substeps=self.network.substeps,
                heun=self.network.integrator == "heun",
                noise=noise,
                light=spiking_light(network, self.chip, light),
            )
        return [np.stack(alike(states), -2) for states in zip(*record[1:], strict=True)]


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


def flux_noise(network: Network, read_seed: int, first_sample: int, samples: int) -> Callable[[int, int], FloatArray]:
    """Make the read noise of a block: ``noise(sample, population)`` is flux (Phi_0), shape (rows, neurons)."""
    rows = range(first_sample, first_sample + BLOCK)
    drawn = array_noise(read_seed, network.read_noise_flux, rows, (samples, network.neurons))
    return lambda sample, population: drawn[:, sample, network.populations[population].neurons]
