"""Drawing -> file: GDSII and OASIS, by gdstk, which is imported when a file is written."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.memory import require_memory
from soensim.errors import SoensimError
from soensim.layout.drawing import GRID_PER_UM, Cell, Drawing

# Of gdstk's objects and of the arrays that they are made from, measured on die-8100.
_BYTES_PER_SHAPE: Final = 500
# GDSII notes the time of writing: always the same, so that the same chip makes the same file.
_TIME: Final = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Format:
    """A file format: the ending of its names, and how a gdstk library is written to a path."""

    ending: str
    write: Callable[[Any, str], None]


#: The formats by name.
FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "gds": Format(".gds", lambda library, path: library.write_gds(path, max_points=8000, timestamp=_TIME)),
        "oasis": Format(".oas", lambda library, path: library.write_oas(path, compression_level=6)),
    }
)


def write_drawing(drawing: Drawing, path: str | Path, form: str) -> None:
    """Write a drawing.

    Parameters
    ----------
    drawing
        What to write; one user unit is a micrometre, the database unit a nanometre.
    path
        Where to; whole or not at all.
    form
        A key of `FORMATS`.

    Raises
    ------
    SoensimError
        gdstk is not installed, or the file cannot be written.
    """
    gdstk = require_gdstk()
    require_memory(
        _BYTES_PER_SHAPE * drawing.shapes,
        f"a layout of {drawing.shapes} shapes",
        advice="take a smaller chip",
        error=SoensimError,
    )
    library = _library(gdstk, drawing)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"chip{FORMATS[form].ending}"
        FORMATS[form].write(library, str(file))
        content = file.read_bytes()
    write_atomic(path, content)


def require_gdstk() -> Any:
    """Import gdstk.

    Raises
    ------
    SoensimError
        It is not installed.
    """
    try:
        import gdstk  # it is optional
    except ImportError as error:
        raise SoensimError(
            "a layout needs the package gdstk: pip install 'soensim[layout]' (or pip install gdstk)"
        ) from error
    return gdstk


def _library(gdstk: Any, drawing: Drawing) -> Any:
    library = gdstk.Library("soensim", unit=1e-6, precision=1e-6 / GRID_PER_UM)
    cells: dict[str, Any] = {}
    for cell in drawing.cells:
        cells[cell.name] = library.new_cell(cell.name)
        _fill(gdstk, cells[cell.name], cell, cells)
    return library


def _fill(gdstk: Any, written: Any, cell: Cell, cells: Mapping[str, Any]) -> None:
    for boxes in cell.boxes:
        layer, datatype = boxes.layer
        low, high = (boxes.low / GRID_PER_UM).tolist(), (boxes.high / GRID_PER_UM).tolist()
        written.add(*(gdstk.rectangle(a, b, layer, datatype) for a, b in zip(low, high, strict=True)))
    for polygon in cell.polygons:
        written.add(gdstk.Polygon((polygon.points / GRID_PER_UM).tolist(), *polygon.layer))
    for labels in cell.labels:
        layer, texttype = labels.layer
        places = zip(labels.texts, (labels.at / GRID_PER_UM).tolist(), strict=True)
        written.add(*(gdstk.Label(text, at, layer=layer, texttype=texttype) for text, at in places))
    for references in cell.references:
        copied = cells[references.cell]
        angles = (references.quarter * (math.pi / 2)).tolist()
        copies = zip((references.at / GRID_PER_UM).tolist(), angles, references.mirrored.tolist(), strict=True)
        written.add(*(gdstk.Reference(copied, at, angle, 1, bool(mirror)) for at, angle, mirror in copies))
