"""Layer map of a technology: the numbers of its mask layers, and the least width and space on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from soensim._runtime.words import nearest, shown
from soensim.limits import Limits

#: What each layer holds. Those that one name has several of count up from the first one, as the text says.
LAYERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "die": "outline of the die",
        "neuron": "outline of a neuron's cell, with its name",
        "synapse": "outline of the electronics of a synapse",
        "port": "outline of an input port, with its name",
        "waveguide": "waveguides; plane p is p layers on, and the columns of a single plane one datatype on",
        "coupler": "from plane p to q above it: p layers, q datatypes on; of one plane from rows (0) to columns (1)",
        "emitter": "where light enters a waveguide of plane p (p datatypes on; of one plane columns 1), and its source",
        "detector": "where light leaves a waveguide, datatypes as of emitters, and its target",
        "splitter": "where a waveguide splits its light, datatypes as of emitters",
        "crossing": "where two waveguides of a single plane cross",
        "metal": "wires; metals 0, 2, … hold rows and 1, 3, … columns, each one layer on",
        "via": "from metal m to the one above it: m layers on",
        "wire_source": "where a wire starts on metal m (m datatypes on), with the name of its source",
        "wire_target": "where a wire ends on metal m (m datatypes on), with the name of its target",
        "pad": "bond pads",
    }
)
#: Layers that are drawn for the eye and for other tools: nothing is made of them, so that they need no rules.
OUTLINES: Final = frozenset({"die", "neuron", "synapse", "port"})

_NUMBER: Final = Limits(0, 32000, "1", "16 bits, less the planes that count up from it", zero=True)
_LENGTH: Final = Limits(1e-3, 1e4, "um", "a nanometre to a centimetre")
_COUNT: Final = Limits(1, 100, "1", "5 metals are in use")
_KEYS: Final = ("layer", "datatype", "width_um", "space_um", "line_um", "count", "source")
_NEEDED: Final = ("layer", "datatype", "source")


@dataclass(frozen=True)
class Layer:
    """One kind of mask layer.

    Attributes
    ----------
    layer, datatype
        Numbers in GDSII and OASIS.
    width_um, space_um
        Least width of a shape and least distance of two; None for outlines.
    line_um
        Width that lines are drawn with; None: the least.
    count
        How many there are at most, where the chip does not say it (metals); None: no limit.
    source
        Where the numbers come from, or that they are the project's own choice.
    """

    layer: int
    datatype: int
    width_um: float | None
    space_um: float | None
    line_um: float | None
    count: int | None
    source: str

    def as_dict(self) -> dict[str, Any]:
        """Plain form for JSON and hashing."""
        return asdict(self)


def parse_layers(raw: Any) -> tuple[dict[str, Layer], list[tuple[tuple[str, ...], str, bool]]]:
    """Read the section `layout` of a technology file.

    Returns
    -------
    tuple
        The layers that have no fault, by name, and the faults: keys below `layout`, what is wrong, and whether the key
        itself is.
    """
    if raw is None:
        return {}, []
    if not isinstance(raw, Mapping):
        return {}, [((), f"{shown(raw)} is not legal; it must be a mapping of layers", False)]
    layers: dict[str, Layer] = {}
    faults: list[tuple[tuple[str, ...], str, bool]] = []
    for name, entry in raw.items():
        if name not in LAYERS:
            legal = f"{nearest(str(name), LAYERS)}layers are {', '.join(LAYERS)}"
            faults.append(((str(name),), f"unknown layer {shown(name)}; {legal}", True))
        elif not isinstance(entry, Mapping):
            faults.append(
                ((name,), f"{shown(entry)} is not legal; it must be a mapping with {', '.join(_KEYS)}", False)
            )
        else:
            wrong = _faults(name, entry)
            faults += [((name, *at), message, key) for at, message, key in wrong]
            if not wrong:
                layers[name] = _layer(entry)
    return layers, faults


def _faults(name: str, entry: Mapping[Any, Any]) -> list[tuple[tuple[str, ...], str, bool]]:
    faults: list[tuple[tuple[str, ...], str, bool]] = []
    for key in entry:
        if key not in _KEYS:
            legal = f"{nearest(str(key), _KEYS)}legal keys are {', '.join(_KEYS)}"
            faults.append(((str(key),), f"unknown key {shown(key)}; {legal}", True))
    needed = _NEEDED if name in OUTLINES else (*_NEEDED, "width_um", "space_um")
    faults += [
        ((key,), f"is missing; this layer needs {', '.join(needed)}", True) for key in needed if key not in entry
    ]
    for key in ("layer", "datatype", "count"):
        value = entry.get(key)
        limits = _COUNT if key == "count" else _NUMBER
        if value is None and key == "count":
            continue
        if key in entry and (isinstance(value, bool) or not isinstance(value, int) or not limits.hold(value)):
            faults.append(((key,), f"{shown(value)} is not legal; it must be a whole number, {limits}", False))
    for key in ("width_um", "space_um", "line_um"):
        value = entry.get(key)
        if key not in entry or (value is None and (name in OUTLINES or key == "line_um")):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            faults.append(((key,), f"{shown(value)} is not legal; it must be a number in micrometres", False))
        elif not _LENGTH.hold(value):
            faults.append(((key,), f"{value:.10g} is not legal; {_LENGTH.fault(value)}", False))
    width, line, source = (entry.get(key) for key in ("width_um", "line_um", "source"))
    if not faults and width is not None and line is not None and line < width:
        faults.append((("line_um",), f"{line:g} is narrower than the least width, {width:g}", False))
    if "source" in entry and not (isinstance(source, str) and source.strip()):
        faults.append((("source",), f"{shown(source)} is not legal; it must be text that is not empty", False))
    return faults


def _layer(entry: Mapping[Any, Any]) -> Layer:
    """Make a layer of an entry without faults."""
    given = (entry.get(key) for key in ("width_um", "space_um", "line_um"))
    width, space, line = (None if value is None else float(value) for value in given)
    source = " ".join(entry["source"].split())
    return Layer(entry["layer"], entry["datatype"], width, space, line, entry.get("count"), source)
