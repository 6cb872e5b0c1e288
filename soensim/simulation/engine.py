"""The clocked engine: a program on a chip, step by step, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from soensim._runtime.described import Described
from soensim._runtime.memory import require_memory
from soensim.dynamics import Array, InputSignal, LightDraws, SpikingLight, alike
from soensim.dynamics.time_loop import TimeLoop
from soensim.errors import SimulationError
from soensim.fabrication import (
    IMPERFECTIONS,
    FabricatedChip,
    array_noise,
    build_cells,
    converted_inputs,
    delayed_network,
    loop_noise,
    read_scores,
    read_states,
    spiking_light,
)
from soensim.netlist.schema.populations import DRIVE
from soensim.network import DelayLayout, GoodnessOutput, LinearOutput, Network, split_channels
from soensim.network.sizes import delay_steps, state_bytes
from soensim.program import READOUT, Program
from soensim.simulation.chip import chip_of
from soensim.simulation.readout import linear_scores
from soensim.simulation.samples import SampleBlock, Samples, filled, pack

if TYPE_CHECKING:
    from soensim.kernels.frame_loop import FrameLoop

FloatArray = NDArray[np.float64]

# The plain time loop simulates samples in blocks of this many rows, the last one padded: matrix products then have one
# shape, and a sample's result does not depend on how many others come with it.
BLOCK = 256
# Kernels take any multiple of these rows, up to what keeps the interpreter's part of the time small (measured).
KERNEL_ROWS, _MOST_ROWS, _BLOCK_BYTES = 32, 1024, 2**26
_DENSE_ENTRIES = 2**20  # up to here a dense product is as fast as a sparse one at any density (measured)
_DENSE_DENSITY = 0.1


@dataclass(frozen=True, repr=False)
class Trace(Described):
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

    def _facts(self) -> Mapping[str, Any]:
        samples, times, neurons = self.state.shape
        return {
            "samples": samples,
            "frames": times - 1,
            "neurons": neurons,
            "t_tau": f"{self.t_tau[0]:g}..{self.t_tau[-1]:g}",
            "classes": None if self.output is None else self.output.shape[-1],
        }


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
    for start in range(0, batch, BLOCK):
        place = slice(start, min(start + BLOCK, batch))
        block = SampleBlock(place, BLOCK, split_channels(network, filled(signals[place], BLOCK)))
        parts = engine.states(block, light=LightDraws(read_seed or 0, first_sample + start, BLOCK))
        for population, part in zip(network.populations, parts, strict=True):
            state[place, 1:, population.neurons] = part[: block.used]
    if not np.isfinite(state).all():
        raise diverged(network)
    output = None
    if isinstance(network.output, LinearOutput):
        read = [state[:, 1:, p.neurons] for p in network.populations]
        output = engine.scores(read, range(first_sample, first_sample + batch))
    return Trace(state, np.arange(samples + 1) * network.sample_tau, output)


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
        if network.spiking is not None:
            raise SimulationError(
                f"chip {network.name!r} has spiking neurons, which have no states to step here; run it with "
                "simulate_spikes (`soensim simulate`), or score it (`soensim evaluate`)"
            )
        self.network = network
        self.chip = chip_of(network, program, chip_seed, chip, read_seed=read_seed)
        delayed = delayed_network(network, self.chip)
        layouts = {key: delayed.delay_layout(synapses) for key, synapses in delayed.synapses.items()}
        self._cells = build_cells(network, self.chip, layouts, lambda _, layout, values: _matrix(layout, values))
        self._loop = self._compiled()

    def _compiled(self) -> FrameLoop | None:
        """Return the cells as compiled kernels run them; None where they cannot."""
        from soensim.kernels.frame_loop import FrameLoop, runs_in_blocks  # numba: loaded when a chip runs

        network, chip = self.network, self.chip
        kicked = chip.read_seed is not None and (chip.thermal_noise or chip.shot_noise)
        if kicked or not runs_in_blocks(self._cells, heun=network.integrator == "heun"):
            return None
        return FrameLoop(self._cells, [p.size for p in network.populations], network.substeps)

    def blocks(self, samples: Samples) -> Iterator[SampleBlock]:
        """Yield samples in the blocks that this chip runs."""
        if self._loop is None:
            return samples.blocks(BLOCK, BLOCK)
        row_bytes = state_bytes(self.network, self.network.labels or 1, samples.frames)
        fitting = _BLOCK_BYTES // row_bytes // KERNEL_ROWS * KERNEL_ROWS
        return samples.blocks(min(max(fitting, KERNEL_ROWS), _MOST_ROWS), KERNEL_ROWS)

    @cached_property
    def reads_last_frame_alone(self) -> bool:
        """Whether scores depend on the states after the last frame alone."""
        output, chip = self.network.output, self.chip
        if not isinstance(output, LinearOutput | GoodnessOutput) or output.state != "final":
            return False
        return not chip.adc_noise or (isinstance(output, LinearOutput) and output.on_chip)

    def states(
        self, block: SampleBlock, *, light: LightDraws, first_frame: int = 0, tally: Tally | None = None
    ) -> list[FloatArray]:
        """States after ``first_frame`` and every later one, one array (..., frames, neurons) per population.

        Leading axes broadcast to those of the block. ``light`` draws the spikes of the optical projections, and says
        where in its data set a block is, for all that is drawn at run time. ``tally`` counts what the chip does
        meanwhile.
        """
        network, chip = self.network, self.chip
        rows_run, frames = math.prod(block.leading), len(block.signals[0].frame_of)
        require_memory(
            state_bytes(network, rows_run, frames),
            f"running {rows_run} samples of {frames} frames through {network.neurons} neurons, with "
            f"{delay_steps(network)} steps of delay,",
            advice="give fewer or shorter samples (timing.hold_samples), or shorten the delays",
            error=SimulationError,
        )
        rows = range(light.first, light.first + light.rows)
        converted = bool(chip.dac_bits or chip.dac_noise)
        signals = converted_inputs(network, chip, block.signals, rows)
        noise, spikes = _flux_noise(network, chip, rows, frames), spiking_light(network, chip, light)
        if tally is not None:
            tally.light = spikes
        if self._loop is None or tally is not None:
            return [s[..., first_frame:, :] for s in self._in_steps(block, signals, rows, noise, spikes, tally)]
        if spikes is not None:
            packed = pack(block, spikes.inputs(signals), light.hypotheses or 1)
        else:
            packed = pack(block, signals) if converted else block.packed
        states = self._loop.run(packed, first_frame, noise=noise, light=spikes)
        if len(block.leading) == 1:
            states = states[0]
        return [states[..., population.neurons] for population in network.populations]

    def _in_steps(
        self,
        block: SampleBlock,
        signals: Sequence[InputSignal],
        rows: range,
        noise: Callable[[int, int], FloatArray] | None,
        spikes: SpikingLight | None,
        tally: Tally | None,
    ) -> list[FloatArray]:
        """Run the plain time loop."""
        # one BLAS thread: for products this small threads cost ten times what they give (measured), and the order of
        # sums must not depend on how many there are
        with one_blas_thread():
            loop = TimeLoop(
                self._cells,
                signals,
                substeps=self.network.substeps,
                heun=self.network.integrator == "heun",
                noise=noise,
                kick=loop_noise(self.network, self.chip, rows),
                light=spikes,
                each_step=(lambda _: None) if tally is None else tally.add,
            )
            start = (1, 1) if len(block.leading) > 1 else (block.rows,)
            record = list(loop.run([np.zeros((*start, p.size)) for p in self.network.populations]))
        return [np.stack(alike(states), -2) for states in zip(*record, strict=True)]

    def scores(self, states: list[FloatArray], rows: range) -> FloatArray:
        """Scores of a linear readout of the states of some samples, (..., rows, classes), as they are read."""
        weights = self.chip.values[READOUT]
        read = read_states(self.network, self.chip, states, rows)
        if len(rows) % KERNEL_ROWS == 0:  # products of one shape: a score does not depend on the block
            pieces = [s.reshape(*s.shape[:-3], -1, KERNEL_ROWS, *s.shape[-2:]) for s in read]
            of_pieces = linear_scores(self.network, pieces, weights)
            scores = of_pieces.reshape(*of_pieces.shape[:-3], len(rows), -1)
        else:
            scores = linear_scores(self.network, read, weights)
        taken: FloatArray = read_scores(self.network, self.chip, scores, weights, rows)
        return taken


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
