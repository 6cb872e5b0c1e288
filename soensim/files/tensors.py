"""The guarded reader of safetensors files, and the checksum of what they hold.

The format (https://github.com/huggingface/safetensors): 8 bytes, little-endian, the length of a header; the header,
JSON ``{name: {dtype, shape, data_offsets}, "__metadata__": {text: text}}``; the bytes of the tensors without gaps.
All that the header claims is compared with the file before anything is allocated for it. Our files keep their plain
data as JSON in one metadata entry, `soensim`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.words import shown_path
from soensim.errors import SoensimError
from soensim.files.json_text import parse_json
from soensim.files.regular import open_regular

Arrays = dict[str, NDArray[Any]]

MAX_FILE_BYTES = 2**31  # a program of a hundred million synapses
MAX_HEADER_BYTES = 2**25  # a checkpoint's header holds the history, some 500 bytes per epoch
MAX_AXES = 8
_MAX_ELEMENTS = 2**48  # of a tensor without entries too: numpy multiplies the lengths of its axes
_LENGTH_BYTES = 8
_NO_LENGTH = 2**63
_ENTRY = "soensim"
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
}


class _DamagedError(Exception):
    """Why the content of a file is not what it should be."""


def load_tensors(
    path: str | Path,
    *,
    error: type[SoensimError],
    what: str,
    format_name: str,
    advice: str,
    limit_bytes: int = MAX_FILE_BYTES,
) -> tuple[Arrays, dict[str, Any]]:
    """Read a safetensors file of ours: its tensors, sorted by name, and the plain data of its header.

    Parameters
    ----------
    path
        The file.
    error
        The class to raise.
    what
        What the file should be, with its article: `a program`.
    format_name
        What `format` in the plain data must be.
    advice
        How to get a right file.
    limit_bytes
        The longest file that is read.

    Returns
    -------
    arrays
        Writeable, contiguous and aligned; whole numbers and floats of 8 to 64 bits.
    plain
        What `soensim` in the metadata holds.

    Raises
    ------
    SoensimError
        There is no such file; it is no regular file, too long, truncated or damaged; it is not of ours, or of another
        format version.
    """
    name = shown_path(path)
    kind = what.partition(" ")[2] or what
    try:
        with open_regular(path, limit_bytes=limit_bytes, error=error, advice=advice, what=kind) as file:
            size = file.seek(0, 2)
            file.seek(0)
            header = _parsed(_decoded(file.read(_header_bytes(file.read(_LENGTH_BYTES), size))), "its header")
            plain = _plain(header.pop("__metadata__", {}))
            if plain is None:
                raise error(f"{name}: is a safetensors file, but not {what} of soensim; {advice}")
            if plain.get("format") != format_name:
                given = _shown(plain.get("format"))
                raise error(f"{name}: has the format {given}; this soensim reads {format_name!r}; {advice}")
            return _arrays(header, file.read(size - file.tell())), plain
    except _DamagedError as cause:
        raise error(f"{name}: is not {what}, or is damaged: {cause}; {advice}") from cause


def format_of(path: str | Path) -> Any:
    """Return the `format` of a safetensors file of ours; None where it has none, or cannot be read."""
    try:
        with open_regular(path, limit_bytes=2**63, error=_DamagedError) as file:
            size = file.seek(0, 2)
            file.seek(0)
            header = _parsed(_decoded(file.read(_header_bytes(file.read(_LENGTH_BYTES), size))), "its header")
            return (_plain(header.get("__metadata__", {})) or {}).get("format")
    except _DamagedError:
        return None


def checksum(arrays: Mapping[str, NDArray[Any]], *texts: str) -> str:
    """Make the SHA-256 (hexadecimal) of texts, then of arrays by name: dtype, shape and bytes."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode(errors="surrogatepass"))
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode(errors="surrogatepass"))
        digest.update(array.tobytes())
    return digest.hexdigest()


def _header_bytes(start: bytes, size: int) -> int:
    """Return the length of the header of a file of this size that starts with these bytes."""
    if len(start) < _LENGTH_BYTES:
        raise _DamagedError(f"it has {size} bytes, and a safetensors file has at least {_LENGTH_BYTES + 2}")
    length, left = int.from_bytes(start, "little"), size - _LENGTH_BYTES
    if length > left:
        raise _DamagedError(f"its first bytes claim a header of {length} bytes, and {left} bytes follow")
    if length > MAX_HEADER_BYTES:
        raise _DamagedError(f"its header has {length} bytes; the limit is {MAX_HEADER_BYTES}")
    return length


def _parsed(text: str, where: str) -> dict[str, Any]:
    value = parse_json(text, where, error=_DamagedError)
    if not isinstance(value, dict):
        raise _DamagedError(f"{where} is no JSON object")
    return value


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as cause:
        raise _DamagedError(f"its header is not UTF-8 at byte {cause.start}") from cause


def _plain(metadata: Any) -> dict[str, Any] | None:
    """Return our plain data, or None where the file is not of ours."""
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _DamagedError("__metadata__ is no mapping from text to text")
    return _parsed(metadata[_ENTRY], f"{_ENTRY} in its metadata") if _ENTRY in metadata else None


def _arrays(header: Mapping[str, Any], data: bytes) -> Arrays:
    """Make the arrays that a header describes, whose bytes must cover the data without a gap."""
    places = {name: _place(name, entry) for name, entry in header.items()}
    arrays, end = {}, 0
    for name in sorted(places, key=lambda name: places[name][2:]):
        dtype, shape, first, last = places[name]
        if first != end:
            raise _DamagedError(
                f"tensor {_shown(name)} starts at byte {first} of the data, where the one before ends at {end}"
            )
        if last > len(data):
            raise _DamagedError(f"tensor {_shown(name)} ends at byte {last} of the data, which has {len(data)}")
        arrays[name] = np.frombuffer(data[first:last], dtype).reshape(shape).copy()
        end = last
    if end != len(data):
        raise _DamagedError(f"its tensors end at byte {end} of the data, which has {len(data)}")
    return {name: arrays[name] for name in sorted(arrays)}


def _place(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Return dtype, shape, first byte and end of a tensor, which agree with each other."""
    tensor = f"tensor {_shown(name)}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _DamagedError(f"{tensor} is not described by dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise _DamagedError(f"{tensor} has the dtype {_shown(code)}; legal are {', '.join(_DTYPES)}")
    if not _lengths(shape) or len(shape) > MAX_AXES or math.prod(max(n, 1) for n in shape) > _MAX_ELEMENTS:
        raise _DamagedError(f"{tensor} has the shape {_shown(shape)}; legal are up to {MAX_AXES} lengths of 0 or more")
    if not _lengths(offsets) or len(offsets) != 2:
        raise _DamagedError(f"{tensor} has the data_offsets {_shown(offsets)}; legal are two places in the data")
    dtype = np.dtype(_DTYPES[code])
    needed = math.prod(shape) * dtype.itemsize
    if offsets[1] - offsets[0] != needed:
        raise _DamagedError(
            f"{tensor} has {offsets[1] - offsets[0]} bytes; {code} of shape {_shown(shape)} needs {needed}"
        )
    return dtype, tuple(shape), offsets[0], offsets[1]


def _lengths(value: Any) -> bool:
    return isinstance(value, list) and all(type(part) is int and 0 <= part < _NO_LENGTH for part in value)


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
