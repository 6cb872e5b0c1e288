"""What is written to the chip: integer codes on the fabricated topology, and the file that holds them.

The values of one chip have these keys: ``source->target`` (one value per edge, in the network's edge order),
``readout`` (classes, neurons) and ``population.flux_trim`` (neurons,).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.described import Described, percent, sizes
from soensim._runtime.words import shown_path
from soensim.errors import ProgramError
from soensim.files import checksum, load_tensors
from soensim.network import Network
from soensim.program.chip_check import check_program
from soensim.program.levels import FloatArray, best_scale, slots

FORMAT = "soensim-program/1"

_PARTS = ("ideal", "codes", "levels", "signs")

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False, repr=False)
class Program(Described):
    """Codes for one chip, the levels that they stand for, and the ideal weights that they came from.

    Attributes
    ----------
    netlist_hash
        Hash of the netlist that it was made for.
    ideal_values
        What training found, before quantisation, by key.
    codes
        Indices into the level tables, by key; None in an ideal program, whose values are not quantised.
    levels
        What the codes stand for, by key: the chip's table, shrunk where its full scale was programmed.
    values
        What the synapses then hold, by key: sign x level, or the ideal value.
    header
        Plain data on its origin: netlist name, recipe, data, seeds, versions, command, results.
    """

    netlist_hash: str
    ideal_values: Mapping[str, FloatArray]
    codes: Mapping[str, NDArray[np.uint16]] | None
    levels: Mapping[str, FloatArray]
    signs: Mapping[str, FloatArray]
    header: Mapping[str, Any] = field(default_factory=dict)

    def _facts(self) -> Mapping[str, Any]:
        accuracy = _within(self.header, "results", "validation_accuracy")
        held = self.ideal_values if self.codes is None else self.codes
        return {
            "chip": None if "netlist" not in self.header else repr(self.header["netlist"]),
            "ideal_values" if self.codes is None else "codes": sizes({key: part.size for key, part in held.items()}),
            "rule": _within(self.header, "recipe", "rule"),
            "data": _within(self.header, "data", "name"),
            "validation_accuracy": None if accuracy is None else percent(accuracy),
            "netlist_hash": self.netlist_hash[:8],
        }

    @classmethod
    def ideal(cls, network: Network, weights: Mapping[str, FloatArray]) -> Program:
        """Make an ideal program: weights exactly as given, on the chip's edges only.

        Parameters
        ----------
        network
            The chip.
        weights
            ``source->target``: W of shape (targets, sources), or one value per edge, (edges,); ``readout``: (classes,
            neurons); ``population.flux_trim``: (neurons,), 0 if absent.

        Raises
        ------
        ProgramError
            A key is unknown or missing, a shape is wrong, a value is not finite, or W is not zero where the chip
            has no edge.
        """
        ideal = _edge_values(network, weights)
        chip_slots = slots(network)
        return cls(
            network.netlist_hash,
            ideal,
            None,
            {key: slot.levels for key, slot in chip_slots.items()},
            {key: slot.sign for key, slot in chip_slots.items()},
        )

    @classmethod
    def quantised(
        cls,
        network: Network,
        weights: Mapping[str, FloatArray],
        *,
        ideal: Mapping[str, FloatArray] | None = None,
        scales: Mapping[str, float] | None = None,
    ) -> Program:
        """Make a program of the codes nearest to ``weights``.

        ``ideal`` are the unquantised weights to compare with, by default ``weights`` themselves; quantisation-aware
        training passes those that it started from. ``scales`` are the full scales in (0, 1] of the level tables that
        have a programmable one, by key; by default those that bring the levels nearest to the weights (`best_scale`).
        Otherwise as `Program.ideal`.

        Raises
        ------
        ProgramError
            As for `Program.ideal`; or a scale is given that the chip cannot set.
        """
        program = cls.ideal(network, weights if ideal is None else ideal)
        values = _edge_values(network, weights)
        chip_slots = slots(network)
        if scales is None:
            scales = {key: best_scale(slot, values[key]) for key, slot in chip_slots.items() if slot.programmable_scale}
        for key in set(scales) - set(chip_slots):
            raise ProgramError(f"a scale is given for {key!r}; chip {network.name!r} has {', '.join(chip_slots)}")
        set_slots = {key: slot.scaled(scales.get(key, 1.0)) for key, slot in chip_slots.items()}
        return replace(
            program,
            codes=_read_only({key: slot.codes(values[key]) for key, slot in set_slots.items()}),
            levels={key: slot.levels for key, slot in set_slots.items()},
        )

    def as_ideal(self) -> Program:
        """Make the same program without quantisation."""
        return replace(self, codes=None)

    def with_header(self, header: Mapping[str, Any]) -> Program:
        """Make the same program with another header."""
        return replace(self, header=json.loads(json.dumps(header)))

    @property
    def values(self) -> dict[str, FloatArray]:
        """What the synapses hold, by key."""
        if self.codes is None:
            return dict(self.ideal_values)
        return {key: self.signs[key] * self.levels[key][codes] for key, codes in self.codes.items()}

    def check_chip(self, network: Network) -> None:
        """Refuse a chip that the program was not made for, and a program that cannot be one of this chip.

        Raises
        ------
        ProgramError
            The netlist hashes differ; or keys, shapes, level tables, signs, codes or the header are not what this chip
            can have (`soensim.program.chip_check`).
        """
        check_program(self, network)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        return self.header == other.header and _digest(self) == _digest(other)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def save(self, path: str | Path) -> None:
        """Write the program as safetensors: all or nothing.

        Raises
        ------
        ProgramError
            It is an ideal program: those cannot be written to a chip.
        """
        if self.codes is None:
            raise ProgramError("an ideal program has no codes to save; quantise it first")
        # one entry: safetensors writes several in an order that changes from run to run
        metadata = {
            "format": FORMAT,
            "netlist_hash": self.netlist_hash,
            "header": self.header,
            "sha256": _digest(self),
        }
        write_atomic(path, safetensors.numpy.save(_tensors(self), {"soensim": json.dumps(metadata, sort_keys=True)}))

    @classmethod
    def load(cls, path: str | Path, network: Network | None = None) -> Program:
        """Read a program file; with ``network``, one that is for this chip.

        Raises
        ------
        ProgramError
            The file is missing, truncated, altered, not a program, or of another format version; or it is not one of
            the chip, as for `check_chip`.
        """
        arrays, plain = load_tensors(
            path, error=ProgramError, what="a program", format_name=FORMAT, advice="train one with `soensim train`"
        )
        program = _from_file(shown_path(path), arrays, plain)
        if network is not None:
            try:
                program.check_chip(network)
            except ProgramError as misfit:
                raise ProgramError(f"{shown_path(path)}: {misfit}") from misfit
        return program


def _from_file(path: str, arrays: Mapping[str, NDArray[Any]], plain: Mapping[str, Any]) -> Program:
    """Make a program of what its file holds, if that is what its checksum says."""
    for entry in ("netlist_hash", "sha256"):
        if not isinstance(plain.get(entry), str):
            raise ProgramError(f"{path}: its {entry} is missing or no text; it was altered or damaged")
    header = plain.get("header")
    if not isinstance(header, Mapping):
        raise ProgramError(f"{path}: its header is missing or no mapping; it was altered or damaged")
    for name in arrays:
        if name.partition("/")[0] not in _PARTS:
            raise ProgramError(f"{path}: holds a tensor {name[:60]!r}; those of a program are {', '.join(_PARTS)}/KEY")
    ideal, codes, levels, signs = (_part(arrays, part) for part in _PARTS)
    program = Program(plain["netlist_hash"], ideal, codes, levels, signs, header)
    if _digest(program) != plain["sha256"]:
        raise ProgramError(f"{path}: its content does not match its checksum; it was altered or damaged")
    return program


def dense_weights(network: Network, values: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Spread edge values over dense W, shape (targets, sources) per projection, 0 where no edge is."""
    dense = {}
    for key, synapses in network.synapses.items():
        dense[key] = np.zeros(synapses.shape)
        dense[key][synapses.targets, synapses.sources] = values[key]
    return dense


def _within(header: Mapping[str, Any], section: str, key: str) -> Any:
    found = header.get(section)
    return found.get(key) if isinstance(found, Mapping) else None


def _edge_values(network: Network, weights: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    chip_slots = slots(network)
    unknown = set(weights) - set(chip_slots)
    if unknown:
        raise ProgramError(f"no {sorted(unknown)[0]!r} on chip {network.name!r}; it has {', '.join(chip_slots)}")
    values: dict[str, FloatArray] = {}
    for key, slot in chip_slots.items():
        if key not in weights:
            if key.endswith(".flux_trim"):
                values[key] = np.zeros(slot.shape)
                continue
            raise ProgramError(f"the weights lack {key!r}; chip {network.name!r} has {', '.join(chip_slots)}")
        given = np.asarray(weights[key], dtype=np.float64)
        synapses = network.synapses.get(key)
        legal = [slot.shape] if synapses is None else [synapses.shape, slot.shape]
        if given.shape not in legal:
            shapes = ", or one per edge, ".join(map(str, legal))
            raise ProgramError(f"weights {key!r} have the shape {given.shape}; the chip needs {shapes}")
        if not np.isfinite(given).all():
            raise ProgramError(f"weights {key!r} hold a value that is not finite")
        if synapses is not None and given.ndim == 2:
            values[key] = given[synapses.targets, synapses.sources]
            if np.count_nonzero(given) != np.count_nonzero(values[key]):
                raise ProgramError(f"weights {key!r} are not zero on an edge that the chip does not have")
        else:
            values[key] = given.copy()
    return _read_only(values)


def _read_only(arrays: dict[str, NDArray[T]]) -> dict[str, NDArray[T]]:
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _tensors(program: Program) -> dict[str, NDArray[Any]]:
    parts = (program.ideal_values, program.codes or {}, program.levels, program.signs)
    return {
        f"{part}/{key}": np.ascontiguousarray(array)
        for part, arrays in zip(_PARTS, parts, strict=True)
        for key, array in arrays.items()
    }


def _part(tensors: Mapping[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    prefix = part + "/"
    return _read_only({name.removeprefix(prefix): a for name, a in tensors.items() if name.startswith(prefix)})


def _digest(program: Program) -> str:
    header = json.dumps(program.header, sort_keys=True)
    return checksum(_tensors(program), f"{FORMAT} {program.netlist_hash} ", header)
