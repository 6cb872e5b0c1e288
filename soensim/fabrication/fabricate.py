"""The chip that comes back from fabrication: a program's values and the device parameters, with their spreads."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.network import LinearOutput, Network
from soensim.program import READOUT, Program, slots

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Deviations:
    """How one chip differs from the drawing.

    Attributes
    ----------
    efficacy
        Factor on every value that is spread, by program key.
    gamma_minus, bias_current
        Factors per population, shape (neurons,).
    flux_offset
        Added flux (Phi_0) per population, shape (neurons,).
    """

    efficacy: Mapping[str, FloatArray]
    gamma_minus: tuple[FloatArray, ...]
    bias_current: tuple[FloatArray, ...]
    flux_offset: tuple[FloatArray, ...]


def deviations(network: Network, spreads: Mapping[str, float], chip_seed: int) -> Deviations:
    """Draw how one chip differs from the drawing.

    Gaussian spreads: relative on efficacies, gamma_minus and bias_current, absolute (Phi_0) on flux_offset. Every
    quantity has a random stream of its own, so that a chip keeps its other draws when a population is added.
    """

    def normal(name: str, shape: tuple[int, ...]) -> FloatArray:
        return stream(chip_seed, name).standard_normal(shape)

    off_chip = isinstance(network.output, LinearOutput) and not network.output.on_chip
    exact = {p.trim_key for p in network.populations} | ({READOUT} if off_chip else set())
    populations = network.populations
    return Deviations(
        {
            key: 1 + spreads["efficacy_spread"] * normal(key, slot.shape)
            for key, slot in slots(network).items()
            if key not in exact
        },
        tuple(
            # a leak below zero would be a gain: the tail of the Gaussian is cut there
            np.maximum(1 + spreads["gamma_minus_spread"] * normal(f"{p.name}.gamma_minus", (p.size,)), 0)
            for p in populations
        ),
        tuple(1 + spreads["bias_current_spread"] * normal(f"{p.name}.bias_current", (p.size,)) for p in populations),
        tuple(spreads["flux_offset_spread"] * normal(f"{p.name}.flux_offset", (p.size,)) for p in populations),
    )


def stream(chip_seed: int, name: str) -> np.random.Generator:
    """Make the random stream of one quantity of one chip."""
    return np.random.default_rng([chip_seed, zlib.crc32(name.encode())])


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


def fabricate_chip(network: Network, program: Program, chip_seed: int | None) -> FabricatedChip:
    """Make one chip with its `deviations`; None gives the nominal one."""
    values, populations = program.values, network.populations
    if chip_seed is None:
        return FabricatedChip(
            values,
            tuple(p.gamma_minus for p in populations),
            tuple(p.bias_current for p in populations),
            tuple(p.flux_offset for p in populations),
        )
    drawn = deviations(network, network.spreads, chip_seed)
    return FabricatedChip(
        {key: v * drawn.efficacy[key] if key in drawn.efficacy else v for key, v in values.items()},
        tuple(p.gamma_minus * factor for p, factor in zip(populations, drawn.gamma_minus, strict=True)),
        tuple(p.bias_current * factor for p, factor in zip(populations, drawn.bias_current, strict=True)),
        tuple(p.flux_offset + added for p, added in zip(populations, drawn.flux_offset, strict=True)),
    )
