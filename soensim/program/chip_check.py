"""Whether a program can be one of a chip: its keys, shapes, level tables, signs, codes and header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soensim.errors import ProgramError
from soensim.network import Network, at_training_step
from soensim.program.header import check_header
from soensim.program.levels import READOUT, Slot, slots

if TYPE_CHECKING:
    from soensim.program.program import Program

_TOLERANCE = 1e-9  # of a level, by the largest of its table: another numpy may round the steps of a table otherwise


def check_program(program: Program, network: Network) -> None:
    """Refuse a program that cannot be one of a chip, whoever made it.

    The netlist hash must be the chip's. Of every key of the chip there are ideal values, levels, signs and, unless the
    program is ideal, codes, of the chip's shapes. Levels are the chip's table, times one factor in (0, 1] where its
    full scale is programmable; signs are the chip's; codes are places in the table; ideal values may be any finite
    numbers.

    Raises
    ------
    ProgramError
        The first thing that does not fit, with its place, what was given and what is legal.
    """
    _check_hash(program, network)
    check_header(program.header)
    at_training_step(network, program.header)
    chip_slots = slots(network)
    parts: dict[str, Mapping[str, NDArray[Any]]] = {
        "levels": program.levels,
        "signs": program.signs,
        "ideal values": program.ideal_values,
    }
    if program.codes is not None:
        parts["codes"] = program.codes
    for part, arrays in parts.items():
        _check_keys(part, arrays, chip_slots, network.name)
    for key, slot in chip_slots.items():
        _check_levels(key, program.levels[key], slot)
        _check_signs(key, program.signs[key], slot)
        _check_ideal_values(key, program.ideal_values[key], slot)
        if program.codes is not None:
            _check_codes(key, program.codes[key], slot)


def _check_hash(program: Program, network: Network) -> None:
    if program.netlist_hash != network.netlist_hash:
        made_for = program.header.get("netlist", "another chip") if isinstance(program.header, Mapping) else "?"
        raise ProgramError(
            f"the program was made for chip {_shown(made_for)} (hash {program.netlist_hash[:12]}), not for "
            f"{network.name!r} (hash {network.netlist_hash[:12]}); train one for this netlist"
        )


def _check_keys(part: str, arrays: Mapping[str, Any], chip_slots: Mapping[str, Slot], chip: str) -> None:
    for key in chip_slots:
        if key not in arrays:
            raise _misfit(key, f"the program has no {part} of it", f"chip {chip!r} needs them")
    for key in arrays:
        if key not in chip_slots:
            raise ProgramError(
                f"the program has {part} of {_shown(key)}, which chip {chip!r} does not have; it has "
                f"{', '.join(chip_slots)}; {_ADVICE}"
            )


def _check_levels(key: str, levels: NDArray[Any], slot: Slot) -> None:
    _check_array(key, "levels", levels, slot.levels.shape, np.float64)
    scale = 1.0
    if slot.programmable_scale:
        largest = int(np.argmax(np.abs(slot.levels)))
        scale = float(levels[largest] / slot.levels[largest])
        if not 0 < scale <= 1 + _TOLERANCE:
            raise _misfit(key, f"its level table has {scale:g} times the chip's full scale", "legal is above 0 to 1")
    expected = slot.levels * scale
    wrong = ~(np.abs(levels - expected) <= _TOLERANCE * np.abs(expected).max())
    if wrong.any():
        k = int(np.argmax(wrong))
        table = f"the chip's table, {len(expected)} levels from {expected[0]:g} to {expected[-1]:g}"
        times = f", times one factor in (0, 1] (here {scale:g})" if slot.programmable_scale else ""
        raise _misfit(key, f"level {k} is {levels[k]:.12g}, not {expected[k]:.12g}", f"legal is {table}{times}")


def _check_signs(key: str, signs: NDArray[Any], slot: Slot) -> None:
    _check_array(key, "signs", signs, slot.shape, np.float64)
    wrong = signs != slot.sign
    if wrong.any():
        at = _first(wrong)
        raise _misfit(key, f"sign {_place(at)} is {signs[at]:g}", f"that of the chip is {slot.sign[at]:g}")


def _check_ideal_values(key: str, values: NDArray[Any], slot: Slot) -> None:
    _check_array(key, "ideal values", values, slot.shape, np.float64)
    wrong = ~np.isfinite(values)
    if wrong.any():
        at = _first(wrong)
        raise _misfit(key, f"ideal value {_place(at)} is {values[at]:g}", "legal is any finite number")


def _check_codes(key: str, codes: NDArray[Any], slot: Slot) -> None:
    _check_array(key, "codes", codes, slot.shape, np.uint16)
    wrong = codes >= len(slot.levels)
    if wrong.any():
        at = _first(wrong)
        count = len(slot.levels)
        raise _misfit(key, f"code {_place(at)} is {codes[at]}", f"legal are 0 to {count - 1}, of {count} levels")


def _check_array(key: str, part: str, array: NDArray[Any], shape: tuple[int, ...], dtype: type[Any]) -> None:
    if array.dtype != dtype:
        raise _misfit(key, f"its {part} are {array.dtype}", f"legal is {np.dtype(dtype)}")
    if array.shape != shape:
        raise _misfit(key, f"its {part} have the shape {array.shape}", f"that of the chip is {shape}")


def _misfit(key: str, given: str, legal: str) -> ProgramError:
    kind = "the readout" if key == READOUT else f"projection {key!r}"
    kind = f"the trims {key!r}" if key.endswith(".flux_trim") else kind
    return ProgramError(f"{kind}: {given}; {legal}; {_ADVICE}")


_ADVICE = "the program was changed after training, so train it again"


def _first(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.argwhere(wrong)[0])


def _place(at: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, at))}]"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
