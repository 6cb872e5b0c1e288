"""How far the devices of measured chips are off: what each imperfection would have drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown_path
from soensim.errors import MeasurementError
from soensim.evaluation.statistics import proportion_interval
from soensim.fabrication import MeasuredChip, Readings
from soensim.fabrication.measured.chip import program_key
from soensim.fabrication.measured.quantities import Kind, nominal
from soensim.network import Network

FloatArray = NDArray[np.float64]

_RELATIVE: Final[Mapping[str, tuple[tuple[Kind, str], ...]]] = {
    "gamma_plus_spread": (("neuron", "gamma_plus"),),
    "gamma_minus_spread": (("neuron", "gamma_minus"),),
    "bias_current_spread": (("neuron", "bias_current"),),
    "critical_current_spread": (("neuron", "critical_current"),),
    "arm_inductance_spread": (("neuron", "arm_1"), ("neuron", "arm_2")),
    "edge_delay_spread": (("synapse", "delay"),),
    "detector_efficiency_spread": (("synapse", "photons"),),
}
"""Imperfections of size d that make a quantity 1 + d times the drawing's; those of a sum or of the chip are below."""


@dataclass(frozen=True, eq=False)
class Deviations:
    """What devices are off by.

    Attributes
    ----------
    imperfection
        The one that draws such deviations.
    per_chip
        One array (devices,) per chip: relative, and of the flux offset in Phi_0.
    """

    imperfection: str
    per_chip: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Share:
    """A share of devices that do nothing.

    Attributes
    ----------
    imperfection
        The one that draws them.
    count, devices
        Those that do nothing, of how many.
    share, ci95
        Their quotient, and its Wilson interval.
    """

    imperfection: str
    count: int
    devices: int
    share: float
    ci95: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "ci95": list(self.ci95)}


def deviations_of(
    network: Network, chips: Sequence[MeasuredChip], programmed: Mapping[str, FloatArray] | None = None
) -> tuple[list[Deviations], list[Share]]:
    """Collect the deviations of measured chips by imperfection, and the shares of dead devices.

    A dead device, with a gain or an efficacy of zero that was not asked for, counts for the share alone. An efficacy
    that was asked to be zero, and a leak of the drawing of zero, tell nothing: a relative deviation of zero is zero.

    Parameters
    ----------
    network
        The chip as drawn.
    chips
        The measured ones.
    programmed
        What was programmed, by program key, for files that do not say what was asked for; None: all do.

    Raises
    ------
    MeasurementError
        What was asked for is needed, and said nowhere.
    """
    found: dict[str, list[FloatArray]] = {}
    counts: dict[str, tuple[int, int]] = {}

    def add(imperfection: str, parts: Sequence[FloatArray]) -> None:
        if parts:
            found.setdefault(imperfection, []).append(np.concatenate(parts))

    def count_dead(imperfection: str, values: Sequence[FloatArray]) -> None:
        dead, of = counts.get(imperfection, (0, 0))
        if values:
            counts[imperfection] = (dead + sum(int((v == -1).sum()) for v in values), of + sum(map(len, values)))

    for chip in chips:
        efficacies = _efficacies(network, chip, programmed)
        count_dead("drop_synapses", efficacies)
        add("efficacy_spread", _alive(efficacies))
        add("flux_offset_spread", _parts(network, chip, (("neuron", "flux_offset"),), lambda v, drawn: v - drawn))
        for imperfection, places in _RELATIVE.items():
            parts = _parts(network, chip, places, _relative)
            if imperfection == "gamma_plus_spread":
                count_dead("dead_neurons", parts)
                parts = _alive(parts)
            add(imperfection, parts)
        if "delay" in chip.whole:
            add("delay_spread", [np.array([chip.whole["delay"] - 1.0])])
    deviations = [Deviations(name, tuple(parts)) for name, parts in found.items() if any(map(len, parts))]
    shares = [
        Share(name, dead, of, dead / of, proportion_interval(dead, of)) for name, (dead, of) in counts.items() if of
    ]
    return deviations, shares


def _alive(parts: Sequence[FloatArray]) -> list[FloatArray]:
    return [part[part != -1] for part in parts]


def _relative(value: FloatArray, drawn: FloatArray) -> FloatArray:
    """Return value / drawn - 1 where something is drawn; -1 exactly where the value is zero."""
    some = drawn != 0
    return np.where(value[some] == 0, -1.0, value[some] / drawn[some] - 1)


def _parts(
    network: Network,
    chip: MeasuredChip,
    places: Sequence[tuple[Kind, str]],
    difference: Callable[[FloatArray, FloatArray], FloatArray],
) -> list[FloatArray]:
    """Deviations of some quantities, one array per place."""
    parts = []
    for (kind, place, quantity), readings in chip.readings.items():
        if (kind, quantity) in places:
            drawn = np.broadcast_to(np.asarray(nominal(network, kind, place, quantity)), readings.value.shape)
            known = readings.known
            parts.append(difference(readings.value[known], drawn[known]))
    return parts


def _efficacies(network: Network, chip: MeasuredChip, programmed: Mapping[str, FloatArray] | None) -> list[FloatArray]:
    """Relative deviations of the efficacies of which some were asked for."""
    parts = []
    for key, readings in chip.readings.items():
        if key[2] != "efficacy":
            continue
        asked = _asked(readings, None if programmed is None else programmed[str(program_key(network, key))])
        known = readings.known
        if np.isnan(asked[known]).any():
            raise MeasurementError(
                f"{shown_path(chip.file)}: says what efficacies of {key[1]} were measured, and not what was asked for; "
                "add the column `asked`, or name the program with --program"
            )
        parts.append(_relative(readings.value[known], asked[known]))
    return parts


def _asked(readings: Readings, programmed: FloatArray | None) -> FloatArray:
    return readings.asked if programmed is None else np.where(np.isnan(readings.asked), programmed, readings.asked)
