"""The chip that comes back from fabrication: a program's values and the device parameters, with their spreads."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.network import LinearOutput, Network
from soensim.program import READOUT, Program

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FabricatedChip:
    """What one chip really has.

    Attributes
    ----------
    values
        Efficacies and trims by program key.
    gamma_minus, bias_current, flux_offset
        Per population, shape (neurons,); the offset without the programmed trim.
    """

    values: Mapping[str, FloatArray]
    gamma_minus: tuple[FloatArray, ...]
    bias_current: tuple[FloatArray, ...]
    flux_offset: tuple[FloatArray, ...]


def fabricate(network: Network, program: Program, chip_seed: int | None) -> FabricatedChip:
    """Draw one chip; None gives the nominal one.

    Gaussian spreads: relative on efficacies, gamma_minus and bias_current, absolute (Phi_0) on flux_offset. Every
    quantity has a random stream of its own, so that a chip keeps its other draws when a population is added.
    """
    values = program.values
    chip = FabricatedChip(
        values,
        tuple(p.gamma_minus for p in network.populations),
        tuple(p.bias_current for p in network.populations),
        tuple(p.flux_offset for p in network.populations),
    )
    if chip_seed is None:
        return chip
    spreads = network.spreads

    def normal(name: str, shape: tuple[int, ...]) -> FloatArray:
        return np.random.default_rng([chip_seed, zlib.crc32(name.encode())]).standard_normal(shape)

    off_chip = isinstance(network.output, LinearOutput) and not network.output.on_chip
    exact = {p.trim_key for p in network.populations} | ({READOUT} if off_chip else set())
    return FabricatedChip(
        {
            key: v if key in exact else v * (1 + spreads["efficacy_spread"] * normal(key, v.shape))
            for key, v in values.items()
        },
        tuple(
            # a leak below zero would be a gain: the tail of the Gaussian is cut there
            p.gamma_minus
            * np.maximum(1 + spreads["gamma_minus_spread"] * normal(f"{p.name}.gamma_minus", (p.size,)), 0)
            for p in network.populations
        ),
        tuple(
            p.bias_current * (1 + spreads["bias_current_spread"] * normal(f"{p.name}.bias_current", (p.size,)))
            for p in network.populations
        ),
        tuple(
            p.flux_offset + spreads["flux_offset_spread"] * normal(f"{p.name}.flux_offset", (p.size,))
            for p in network.populations
        ),
    )
