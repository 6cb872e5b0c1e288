"""Measured values as a CSV file: of a program on the chip as drawn, or of a fabricated chip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soensim.fabrication.chip import FabricatedChip
from soensim.fabrication.measured.chip import Key, MeasuredChip, Readings, program_key
from soensim.fabrication.measured.quantities import KINDS, QUANTITIES, SQUID_QUANTITIES, nominal, places, quantities_at
from soensim.network import Network

FloatArray = NDArray[np.float64]

COLUMNS: Final = ("kind", "where", "neuron", "source", "quantity", "value", "unit")
ASKED: Final = "asked"


def measured_values(network: Network, chip: FabricatedChip, asked: Mapping[str, FloatArray]) -> MeasuredChip:
    """Return all that a perfect measurement would find on a chip.

    What is as drawn on the whole chip, SQUIDs, delays, photons and noise, is left out.

    Parameters
    ----------
    network
        The chip as drawn.
    chip
        As fabricated, its values numpy arrays.
    asked
        What was programmed, by program key.
    """
    readings: dict[Key, Readings] = {}
    for kind in KINDS[1:]:
        for place in places(network, kind):
            for quantity in quantities_at(network, kind, place):
                key: Key = (kind, place, quantity)
                value = _value(network, chip, key)
                if value is None:
                    continue
                programmed = program_key(network, key)
                wanted = nominal(network, kind, place, quantity) if programmed is None else asked[programmed]
                readings[key] = Readings(value, np.broadcast_to(np.asarray(wanted, dtype=np.float64), value.shape))
    drawn = FabricatedChip.nominal(network, {})
    whole: dict[str, float] = {}
    for name in quantities_at(network, "chip", network.name):
        field = QUANTITIES["chip"][name].field
        if (number := getattr(chip, field)) != getattr(drawn, field):
            whole[name] = number
    measured = MeasuredChip("", "", readings, whole)
    return replace(measured, fingerprint=fingerprint(network, measured))


def measured_text(network: Network, measured: MeasuredChip, comments: Sequence[str] = ()) -> str:
    """Write what was measured as CSV, with comments above; reading it gives the same to the last bit."""
    lines = [*(f"# {line}" for line in comments), ",".join((*COLUMNS, ASKED)), *_rows(network, measured)]
    return "\n".join(lines) + "\n"


def fingerprint(network: Network, measured: MeasuredChip) -> str:
    """Return the SHA-256 of all that was measured, whatever the order of the rows, their units and their comments."""
    digest = hashlib.sha256()
    for row in _rows(network, measured):
        digest.update(row.encode() + b"\n")
    return digest.hexdigest()


def _rows(network: Network, measured: MeasuredChip) -> Iterator[str]:
    """Yield the rows in the order of the chip."""
    for name, about in QUANTITIES["chip"].items():
        if name in measured.whole:
            yield f"chip,{network.name},,,{name},{measured.whole[name]!r},{about.unit},"
    for kind in KINDS[1:]:
        for place in places(network, kind):
            for quantity, about in QUANTITIES[kind].items():
                readings = measured.readings.get((kind, place, quantity))
                if readings is None:
                    continue
                names = _names(network, kind, place)
                pairs = zip(names, readings.value.ravel().tolist(), readings.asked.ravel().tolist(), strict=True)
                for at, value, asked in pairs:
                    if value == value:  # a NaN is none
                        said = repr(asked) if asked == asked else ""
                        yield f"{kind},{place},{at},{quantity},{value!r},{about.unit},{said}"


def _names(network: Network, kind: str, place: str) -> list[str]:
    """Write the columns neuron and source of every device at a place, in the order of its arrays."""
    if kind == "neuron":
        size = next(p.size for p in network.populations if p.name == place)
        return [f"{k}," for k in range(size)]
    if kind == "readout":
        classes, neurons = places(network, "readout")[place]
        return [f"{row},{column}" for row in range(classes) for column in range(neurons)]
    synapses = network.synapses[place]
    return [f"{t},{s}" for t, s in zip(synapses.targets.tolist(), synapses.sources.tolist(), strict=True)]


def _value(network: Network, chip: FabricatedChip, key: Key) -> FloatArray | None:
    """Return what the devices at a place have; None where they are as drawn and `FabricatedChip` says nothing."""
    kind, place, quantity = key
    programmed = program_key(network, key)
    if programmed is not None:
        return np.asarray(chip.values[programmed], dtype=np.float64)
    if kind == "synapse":
        factors = chip.edge_delay_factor if quantity == "delay" else chip.photons
        return factors.get(place)
    index = next(k for k, p in enumerate(network.populations) if p.name == place)
    if quantity in SQUID_QUANTITIES:
        if not chip.squids:
            return None
        squid: FloatArray = getattr(chip.squids[index], quantity)
        return None if (squid == 1).all() else squid
    value: FloatArray = getattr(chip, quantity)[index]
    return value
