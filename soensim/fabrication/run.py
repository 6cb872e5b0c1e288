"""What a fabricated chip does while it runs: noise of its loops, and converters at its inputs and its readout.

All of it is drawn by `FabricatedChip.read_seed`, every kind of noise and every sample of a data set from a stream of
its own: it does not depend on the batch that a sample comes in. For numpy arrays and torch tensors.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soensim.dynamics import Array, InputSignal, array_namespace
from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.imperfections.base import like
from soensim.network import InputLines, LinearOutput, Network, step_coefficients

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FloatArray = NDArray[np.float64]
Kick = Callable[[int, int, Array], Array]


def array_noise(seed: int, sigma: float, rows: range, shape: tuple[int, int]) -> FloatArray:
    """Draw flux noise (Phi_0) for samples ``rows`` of a data set, shape (rows, frames, neurons).

    Every sample has a stream of its own: its noise does not depend on the batch that it comes in.
    """
    drawn = np.stack([np.random.default_rng([seed, row]).standard_normal(shape) for row in rows])
    drawn *= sigma
    return drawn


def tensor_noise(seed: int, sigma: float, shape: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    """Draw flux noise (Phi_0), shape (frames, batch, neurons), on the CPU: the same numbers for every device."""
    import torch  # a simulation does not load it

    generator = torch.Generator().manual_seed(seed)
    return sigma * torch.randn(shape, generator=generator, dtype=dtype, device="cpu")


def loop_noise(network: Network, chip: FabricatedChip, rows: range) -> Kick | None:
    """Make the noise of the integration loops; None if the chip has none.

    Parameters
    ----------
    network
        The chip at the step that it runs with.
    chip
        Its thermal and shot noise, and its seed.
    rows
        Places of the samples in their data set.

    Returns
    -------
    callable
        ``kick(step, population, drive)``: what is added to the state (I_c), shape (rows, neurons); ``drive`` is what
        the step has added (I_c), (..., rows, neurons). Steps are asked for in ascending order, some twice. The gradient
        takes it for a constant.
    """
    seed = chip.read_seed
    if seed is None or not (chip.thermal_noise or chip.shot_noise):
        return None
    thermal = [_thermal_sigma(network, chip, k) for k in range(len(network.populations))]
    fluxon = [
        np.where(p.source.virtual, 0.0, 2 * math.pi * g)
        for p, g in zip(network.populations, chip.gamma_plus, strict=True)
    ]
    draws = {name: _Frames(seed, name, rows, (network.substeps, network.neurons)) for name in ("thermal", "shot")}

    def kick(at: int, population: int, drive: Array) -> Array:
        frame, step = divmod(at, network.substeps)
        neurons = network.populations[population].neurons
        total: Array = 0.0
        if chip.thermal_noise:
            total = like(thermal[population] * draws["thermal"].at(frame)[:, step, neurons], drive)
        if chip.shot_noise:
            constant = drive if isinstance(drive, np.ndarray) else drive.detach()
            variance = like(chip.shot_noise * fluxon[population], drive) * constant.clip(0.0)
            total = total + variance**0.5 * like(draws["shot"].at(frame)[:, step, neurons], drive)
        return total

    return kick


def converted_inputs(
    network: Network, chip: FabricatedChip, signals: Sequence[InputSignal], rows: range
) -> list[InputSignal]:
    """Return the signals as the chip's input converters give them, one per input population.

    What one hypothesis on the label shares with another stays shared, its noise too.
    """
    if not (chip.dac_bits or chip.dac_noise):
        return list(signals)
    return [
        _converted(chip, line, port, signal, rows)
        for port, (line, signal) in enumerate(zip(network.inputs, signals, strict=True))
    ]


def read_states(network: Network, chip: FabricatedChip, states: Sequence[Array], rows: range) -> list[Array]:
    """Return the states as they are read off the chip, one (..., rows, samples, neurons) per population.

    Where a linear readout is on the chip it sees the states themselves.
    """
    on_chip = isinstance(network.output, LinearOutput) and network.output.on_chip
    if on_chip or not (chip.adc_bits or chip.adc_noise):
        return list(states)
    read = network.output.populations if network.output is not None else ()
    taken = list(states)
    for k in read:
        low = -1.0 if network.populations[k].source.virtual else 0.0
        taken[k] = _reading(chip, states[k], (low, 1.0), f"states {network.populations[k].name}", rows)
    return taken


def read_scores(network: Network, chip: FabricatedChip, scores: Array, weights: Array, rows: range) -> Array:
    """Return the scores (…, rows, classes) of a linear readout as they are read: converted where it is on the chip."""
    on_chip = isinstance(network.output, LinearOutput) and network.output.on_chip
    if not on_chip or not (chip.adc_bits or chip.adc_noise):
        return scores
    fixed = weights if isinstance(weights, np.ndarray) else weights.detach()
    largest = float(abs(fixed).sum(-1).max()) or 1.0
    return _reading(chip, scores, (-largest, largest), "scores", rows)


def quantise(values: Array, low: float, high: float, bits: int) -> Array:
    """Return the nearest of 2^bits evenly spaced levels from low to high; the gradient is that of the values."""
    step = (high - low) / (2**bits - 1)
    nearest = low + array_namespace(values).round((values.clip(low, high) - low) / step) * step
    return nearest if isinstance(values, np.ndarray) else values + (nearest - values).detach()


def _thermal_sigma(network: Network, chip: FabricatedChip, index: int) -> FloatArray:
    """Sigma of the noise that a step adds (I_c), shape (neurons,); see `ThermalNoise`."""
    population, gamma_plus = network.populations[index], chip.gamma_plus[index]
    retention, _ = step_coefficients(network, population, chip.gamma_minus[index], gamma_plus)
    if population.source.virtual:
        return np.zeros(population.size)
    sigma: FloatArray = np.sqrt(chip.thermal_noise * gamma_plus * (1 - retention**2))
    return sigma


class _Frames:
    """Normal numbers of the frames of a run, one after the other: (rows, …) per frame."""

    def __init__(self, seed: int, name: str, rows: range, shape: tuple[int, ...]) -> None:
        self._streams = [_stream(seed, name, row) for row in rows]
        self._shape, self._frame = shape, -1
        self._drawn: FloatArray = np.empty(0)

    def at(self, frame: int) -> FloatArray:
        while self._frame < frame:
            self._drawn = np.stack([rng.standard_normal(self._shape) for rng in self._streams])
            self._frame += 1
        return self._drawn


def _stream(seed: int, name: str, row: int) -> np.random.Generator:
    return np.random.default_rng([seed, row, zlib.crc32(name.encode())])


def _normal(seed: int, name: str, rows: range, shape: tuple[int, ...]) -> FloatArray:
    return np.stack([_stream(seed, name, row).standard_normal(shape) for row in rows])


def _converted(chip: FabricatedChip, line: InputLines, port: int, signal: InputSignal, rows: range) -> InputSignal:
    low, high = line.drive_low, line.drive_high
    if line.normalisation is not None or low == high:
        return signal
    blocks = []
    for place, block in enumerate(signal.blocks):
        taken = block
        if chip.dac_bits:
            taken = quantise(block, min(low, high), max(low, high), chip.dac_bits)
        if chip.dac_noise and chip.read_seed is not None:
            normal = _normal(chip.read_seed, f"dac {port} {place}", rows, tuple(block.shape[-2:]))
            taken = taken + like(chip.dac_noise * abs(high - low) * normal, taken)
        blocks.append(taken)
    return replace(signal, blocks=blocks)


def _reading(chip: FabricatedChip, values: Array, scale: tuple[float, float], name: str, rows: range) -> Array:
    low, high = scale
    if chip.adc_noise and chip.read_seed is not None:
        per_row = tuple(values.shape[-2:]) if name != "scores" else tuple(values.shape[-1:])
        normal = _normal(chip.read_seed, f"adc {name}", rows, per_row)
        values = values + like(chip.adc_noise * (high - low) * normal, values)
    return quantise(values, low, high, chip.adc_bits) if chip.adc_bits else values
