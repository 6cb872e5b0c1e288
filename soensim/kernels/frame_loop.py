"""States of a chip for scores: what `soensim.dynamics.TimeLoop` does from rest, in compiled blocks of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics.input_flux import InputSignal, Term
from soensim.dynamics.light import SpikingLight
from soensim.dynamics.source_functions import FormedFunction, FusedForm, SourceFunction
from soensim.dynamics.time_loop import Cell
from soensim.kernels.frame_kernel import DrivenInputs, Span, run_frames
from soensim.kernels.matmul import Products
from soensim.kernels.memory_layout import ROWS, aligned_zeros
from soensim.kernels.packed_network import Block, PackedNetwork, packed_neurons, packed_products
from soensim.kernels.sparse import Int64

FloatArray = NDArray[np.float64]
Noise = Callable[[int, int], FloatArray]


def runs_in_blocks(cells: Sequence[Cell], *, heun: bool = False) -> bool:
    """Say whether `FrameLoop` can run these cells; else `soensim.dynamics.TimeLoop` has to.

    Not those with Heun's step, normalised states, a source function that has no form in the kernels, tables of several
    sizes, or SQUIDs that differ from neuron to neuron: so much that their tables do not reach them, or beside
    populations whose do not.
    """
    forms = [_form(cell.source) for cell in cells]
    tables = [form.table for form in forms if form is not None and form.table is not None]
    varied = [form.varied for form in forms if form is not None and form.varied is not None]
    tables += [table for one in varied for table in one.tables]
    alike = len({table.arrays.beyond.shape for table in tables}) <= 1 and len(varied) in (0, len(cells))
    reached = all(np.min(ratio) > 0 for one in varied for ratio in one.ratios)
    plain = heun or any(cell.normalisation is not None for cell in cells)
    return not plain and None not in forms and alike and reached


class Rows(NamedTuple):
    """Samples that run side by side.

    Attributes
    ----------
    hypotheses, samples
        Hypotheses on the label, and samples.
    used
        Only the first of the samples are wanted; the states of those behind them are unspecified.
    """

    hypotheses: int
    samples: int
    used: int

    @property
    def blocks(self) -> int:
        """Blocks of each hypothesis that are run."""
        return -(-self.used // ROWS)

    @property
    def all_blocks(self) -> int:
        """Blocks of each hypothesis."""
        return -(-self.samples // ROWS)


class PackedSignals(NamedTuple):
    """Signals as the kernel reads them; see `DrivenInputs`."""

    rows: Rows
    values: FloatArray
    places: Int64
    frame_of: Int64


def pack_signals(signals: Sequence[InputSignal], rows: Rows) -> PackedSignals:
    """Lay out the signals of all ports; leading axes of frames are (hypotheses or 1, rows or 1), or (rows,)."""
    packed = [_packed_signal(signal, rows) for signal in signals]
    ends = [0, *accumulate(values.size for values, _ in packed)]
    return PackedSignals(
        rows,
        packed[0][0] if len(packed) == 1 else np.concatenate([values for values, _ in packed]),
        np.array([(start, *distances) for start, (_, distances) in zip(ends, packed, strict=False)], np.int64),
        np.array([list(signal.frame_of) for signal in signals], np.int64),
    )


class FrameLoop:
    """Coupled populations, ready to run from rest; numpy, float64.

    States agree with those of `TimeLoop` to rounding errors. Those of a sample do not depend on the samples beside it.

    Parameters
    ----------
    cells, sizes
        The populations, in update order, and their numbers of neurons; those of `runs_in_blocks`.
    substeps
        Steps per frame.
    """

    def __init__(self, cells: Sequence[Cell], sizes: Sequence[int], substeps: int) -> None:
        self._substeps = substeps
        self._first = (0, *accumulate(sizes))
        lags = [lag for cell in cells for term in cell.terms if _by_step(term) for lag in term.lags]
        self._slots = 2 + max(0, 0, *lags)
        self._network = _packed_network(cells, tuple(sizes), self._first)
        held = [(p, term) for p, cell in enumerate(cells) for term in cell.terms if not _by_step(term)]
        self._lit = sorted({term.source for _, term in held if term.source is not None})
        self._blocks, self._ports, self._starts = _input_products(held, substeps, self._first, self._lit)
        offsets = [np.broadcast_to(cell.flux_offset, (n,)) for cell, n in zip(cells, sizes, strict=True)]
        self._offsets: FloatArray = np.concatenate(offsets)

    def run(
        self,
        signals: PackedSignals,
        first_frame: int = 0,
        *,
        noise: Noise | None = None,
        light: SpikingLight | None = None,
    ) -> FloatArray:
        """Return the states after ``first_frame`` and every later one, (hypotheses, rows, frames, neurons).

        Parameters
        ----------
        signals
            With those of `SpikingLight.inputs`, where light carries any.
        noise, light
            As for `TimeLoop`; arrays (rows, neurons) or (hypotheses, rows, neurons).
        """
        rows, frames, neurons = signals.rows, signals.frame_of.shape[1], self._first[-1]
        by_frame = noise is not None or light is not None
        start = 0 if by_frame else first_frame
        record = np.zeros((rows.hypotheses, rows.all_blocks * ROWS, frames - start, neurons))
        rings = aligned_zeros((rows.hypotheses * rows.blocks, self._slots, 1, neurons + 1, ROWS))
        room = aligned_zeros((2, neurons + 1, ROWS))
        held = np.repeat(self._offsets[:, None], ROWS, 1)[None]
        inputs = self._driven(signals)
        step = 1 if by_frame else frames
        for first in range(0, frames, step):
            if light is not None:
                self._emit(light, first, record, rows, inputs)
            if by_frame:
                held = self._held(first, rows, noise, light)
            span = Span(first, first + step, self._substeps, start, rows.blocks, rows.all_blocks)
            to = record.reshape(-1, *record.shape[2:])
            run_frames(0, len(rings), self._network, inputs, span, held, (rings, room), to)
        return record[:, : rows.samples, first_frame - start :]

    def _driven(self, signals: PackedSignals) -> DrivenInputs:
        """Put signals and efficacies together; ports of light between populations are behind those of the signals."""
        ports = np.where(self._ports < 0, len(signals.places) - 1 - self._ports, self._ports)
        values, places, frame_of = signals.values, signals.places, signals.frame_of
        if self._lit:
            rows, frames = signals.rows, frame_of.shape[1]
            own, at = [], values.size
            for source in self._lit:
                size = (self._first[source + 1] - self._first[source]) * ROWS
                own.append((at, rows.blocks * size, size, rows.hypotheses * rows.blocks * size))
                at += frames * own[-1][-1]
            values = np.concatenate([values, np.zeros(at - values.size)])
            places = np.concatenate([places, np.array(own, np.int64)])
            frame_of = np.concatenate([frame_of, np.tile(np.arange(frames), (len(self._lit), 1))])
        return DrivenInputs(values, places, frame_of, self._blocks, ports, self._starts)

    def _emit(self, light: SpikingLight, frame: int, record: FloatArray, rows: Rows, inputs: DrivenInputs) -> None:
        """Let the emitters fire for what the populations send at the start of a frame."""
        states = record[:, : rows.samples, frame - 1] if frame else np.zeros_like(record[:, : rows.samples, 0])
        for p, (first, last) in enumerate(pairwise(self._first)):
            carried = light.emit(frame, p, states[..., first:last])
            if p in self._lit:
                at, _, _, size = inputs.places[len(inputs.places) - len(self._lit) + self._lit.index(p)]
                blocks = _in_blocks(carried.reshape(rows.hypotheses, rows.samples, last - first), rows)
                inputs.values[at + frame * size : at + (frame + 1) * size] = blocks.ravel()

    def _held(self, frame: int, rows: Rows, noise: Noise | None, light: SpikingLight | None) -> FloatArray:
        """Return the flux of a frame beside that of the inputs, (blocks, neurons, ROWS)."""
        total = np.empty((rows.hypotheses, rows.samples, self._first[-1]))
        total[...] = self._offsets
        for p, (first, last) in enumerate(pairwise(self._first)):
            if noise is not None:
                total[..., first:last] += noise(frame, p)
            detected = None if light is None else light.detector_flux(frame, p)
            if detected is not None:
                total[..., first:last] += detected
        blocks = _in_blocks(total, rows)
        return blocks.reshape(-1, *blocks.shape[2:])


def _form(source: SourceFunction) -> FusedForm | None:
    """Return the form of a source function, exact values and no slopes; None where it has none."""
    return source.function.form if isinstance(source.function, FormedFunction) else None


def _by_step(term: Term) -> bool:
    """Whether a term carries states, step by step, and not what is held for a frame."""
    return term.source is not None and not term.light


def _packed_network(cells: Sequence[Cell], sizes: tuple[int, ...], first: Sequence[int]) -> PackedNetwork:
    forms = tuple(_form(cell.source) for cell in cells)
    blocks = [
        Block(p, lag, first[term.source or 0], first[p], _contiguous(block))
        for p, cell in enumerate(cells)
        for term in cell.terms
        if _by_step(term)
        for lag, block in zip(term.lags, term.blocks(), strict=True)
    ]
    return packed_neurons(cells, sizes, forms, np.float64)._replace(products=packed_products(blocks, np.float64))


def _input_products(
    held: Sequence[tuple[int, Term]], substeps: int, first: Sequence[int], lit: Sequence[int]
) -> tuple[Products, Int64, Int64]:
    """Lay out the products of what is held for a frame; return also the port of each, and the first of every step.

    The port of ``lit[k]`` is -1 - k. A step at which nothing new arrives has no products.
    """
    blocks: list[Block] = []
    ports: list[int] = []
    starts = [0]
    arrivals = {lag % substeps for _, term in held for lag in term.lags} | {0}
    for phase in range(substeps):
        for p, term in held if phase in arrivals else []:
            for ago, block in _by_frame(term, phase, substeps).items():
                blocks.append(Block(p, ago, 0, first[p], _contiguous(block)))
                ports.append(term.port if term.source is None else -1 - lit.index(term.source))
        starts.append(len(blocks))
    return packed_products(blocks, np.float64), np.array(ports, np.int64), np.array(starts, np.int64)


def _by_frame(term: Term, phase: int, substeps: int) -> dict[int, Any]:
    """Return the efficacies by how many frames ago that is shown which arrives in step ``phase`` of a frame."""
    shared: dict[int, Any] = {}
    for lag, block in zip(term.lags, term.blocks(), strict=True):
        ago = -((phase - lag) // substeps)
        shared[ago] = shared[ago] + block if ago in shared else block
    return shared


def _packed_signal(signal: InputSignal, rows: Rows) -> tuple[FloatArray, tuple[int, int, int]]:
    """Lay out one port; return it, and the distances of its hypotheses, blocks and frames, 0 where they share."""
    blocks = [block if block.ndim == 4 else block[None] for block in signal.blocks]
    hypotheses, count = np.broadcast_shapes(*(block.shape[:2] for block in blocks))
    wide = [np.broadcast_to(block, (hypotheses, count, *block.shape[2:])) for block in blocks]
    packed = _in_blocks(wide[0] if len(wide) == 1 else np.concatenate(wide, 2), rows)
    _, own_blocks, frames, channels, _ = packed.shape
    frame = channels * ROWS
    per_block = 0 if count == 1 else frames * frame
    return packed.ravel(), (0 if hypotheses == 1 else own_blocks * frames * frame, per_block, frame)


def _in_blocks(array: FloatArray, rows: Rows) -> FloatArray:
    """Lay (hypotheses, rows or 1, ..., width) out as (hypotheses, blocks or 1, ..., width, ROWS)."""
    hypotheses, count = array.shape[:2]
    if count == 1:
        return np.ascontiguousarray(np.broadcast_to(array[..., None], (*array.shape, ROWS)))
    packed = np.zeros((hypotheses, rows.blocks, *array.shape[2:], ROWS))
    kept = min(count, rows.blocks * ROWS)
    whole, rest = divmod(kept, ROWS)
    full = array[:, : whole * ROWS].reshape(hypotheses, whole, ROWS, *array.shape[2:])
    packed[:, :whole] = np.moveaxis(full, 2, -1)
    if rest:
        packed[:, whole, ..., :rest] = np.moveaxis(array[:, whole * ROWS : kept], 1, -1)
    return packed


def _contiguous(block: Any) -> Any:
    return np.ascontiguousarray(block, dtype=np.float64) if isinstance(block, np.ndarray) else block
