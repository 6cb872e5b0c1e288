"""Arrays of npy and npz files; what a header claims is compared with what the file holds before memory is taken.

numpy reads them; the guards are: no Python objects, real numbers only, the size of the file.
"""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.memory import require_memory
from soensim._runtime.words import shown_path
from soensim.errors import SoensimError
from soensim.files.regular import ErrorMaker, open_regular

MAX_BYTES = 8 * 2**30  # of a file, and of the arrays of an archive together

_MAX_MEMBERS = 1000
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
#: What numpy and zipfile raise on damaged content. Headers pass through Python's parser, hence its errors.
DAMAGE = (
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    KeyError,
    RuntimeError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class _ArrayError(SoensimError):
    """What is wrong with an array that numpy would read."""


def load_npy(
    path: str | Path, *, error: ErrorMaker, advice: str = "", finite: bool = True, limit_bytes: int = MAX_BYTES
) -> NDArray[Any]:
    """Read the array of an npy file.

    Parameters
    ----------
    path
        The file.
    error
        Makes the error to raise from its message.
    advice
        What the file must hold; ends most messages.
    finite
        Whether NaN and infinity are refused.
    limit_bytes
        The longest file that is read.

    Returns
    -------
    array
        Of any shape; bool, integer or floating-point numbers of at most 64 bits, in the byte order of the machine.

    Raises
    ------
    Exception
        What `error` makes: the file is missing, not a regular file, too long, damaged, claims more than it holds, or
        does not hold (finite) real numbers.
    """
    name, ending = shown_path(path), f"; {advice}" if advice else ""
    with open_regular(path, limit_bytes=limit_bytes, error=error, advice=advice, what="npy file") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(6) != np.lib.format.MAGIC_PREFIX:
            raise error(f"{name}: is not an npy file{ending}")
        file.seek(0)
        try:
            return _array(file, size, finite=finite)
        except _ArrayError as cause:
            raise error(f"{name}: {cause}{ending}") from cause
        except DAMAGE as cause:
            raise error(f"{name}: is a damaged npy file{ending}") from cause


def load_npz(
    path: str | Path,
    *,
    error: ErrorMaker,
    names: Sequence[str],
    optional: Sequence[str] = (),
    words: Sequence[str] = (),
    advice: str = "",
    finite: bool = True,
    limit_bytes: int = MAX_BYTES,
) -> dict[str, NDArray[Any]]:
    """Read arrays of an npz file.

    Parameters
    ----------
    path
        The file.
    error
        Makes the error to raise from its message.
    names, optional
        Arrays that must be there, and that may be there; others are not read.
    words
        Those of them that hold one word, as bytes, and no number.
    advice, finite
        As in `load_npy`.
    limit_bytes
        The longest file that is read, and the most that its arrays may unpack to.

    Returns
    -------
    dict of arrays
        As `load_npy` returns them.

    Raises
    ------
    Exception
        What `error` makes: as in `load_npy`, or an array is missing.
    """
    name, ending = shown_path(path), f"; {advice}" if advice else ""
    with open_regular(path, limit_bytes=limit_bytes, error=error, advice=advice, what="npz file") as file:
        try:
            _refuse_npy(file)
            with zipfile.ZipFile(file) as archive:
                members = _members(archive)
                chosen = _chosen(members, names, optional, limit_bytes)
                return {k: _member(archive, members[k], k, finite=finite, word=k in words) for k in chosen}
        except _ArrayError as cause:
            raise error(f"{name}: {cause}{ending}") from cause
        except DAMAGE as cause:
            raise error(f"{name}: is not an npz file, or a damaged one{ending}") from cause


def npz_names(path: str | Path, *, error: ErrorMaker, advice: str = "") -> list[str]:
    """Names of the arrays of an npz file; parameters and errors are those of `load_npz`."""
    name, ending = shown_path(path), f"; {advice}" if advice else ""
    with open_regular(path, limit_bytes=MAX_BYTES, error=error, advice=advice, what="npz file") as file:
        try:
            _refuse_npy(file)
            with zipfile.ZipFile(file) as archive:
                return sorted(_members(archive))
        except _ArrayError as cause:
            raise error(f"{name}: {cause}{ending}") from cause
        except DAMAGE as cause:
            raise error(f"{name}: is not an npz file, or a damaged one{ending}") from cause


def _refuse_npy(file: IO[bytes]) -> None:
    if file.read(6) == np.lib.format.MAGIC_PREFIX:
        raise _ArrayError("is an npy file, one array without a name, and not an npz file")


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MAX_MEMBERS:
        raise _ArrayError(f"holds {len(entries)} arrays; the limit is {_MAX_MEMBERS}")
    members = {entry.filename.removesuffix(".npy"): entry for entry in entries}
    if len(members) < len(entries):
        raise _ArrayError("holds two arrays of one name")
    return members


def _chosen(
    members: dict[str, zipfile.ZipInfo], names: Sequence[str], optional: Sequence[str], limit_bytes: int
) -> list[str]:
    for wanted in names:
        if wanted not in members:
            held = ", ".join(sorted(members)[:12]) or "nothing"
            raise _ArrayError(f"lacks the array {wanted!r}; it holds {held}")
    chosen = [wanted for wanted in (*names, *optional) if wanted in members]
    if sum(members[wanted].file_size for wanted in chosen) > limit_bytes:
        raise _ArrayError(f"unpacks to more than the limit of {limit_bytes} bytes")
    return chosen


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, *, finite: bool, word: bool) -> NDArray[Any]:
    try:
        with archive.open(entry) as file:
            values = _array(file, entry.file_size, finite=finite, word=word)
            file.read(1)  # the end: only there the checksum of the archive is compared
            return values
    except _ArrayError as cause:
        raise _ArrayError(f"array {name!r} {cause}") from cause
    except DAMAGE as cause:
        raise _ArrayError(f"array {name!r} is damaged, or holds Python objects") from cause


def _array(file: IO[bytes], size: int, *, finite: bool, word: bool = False) -> NDArray[Any]:
    """Read the array of an open file of this many bytes: numbers, or one word."""
    with warnings.catch_warnings():  # a header of Python 2 makes numpy warn; what matters is checked here
        warnings.simplefilter("ignore")
        version = np.lib.format.read_magic(file)
        if version not in _READERS:
            raise _ArrayError(f"is of npy version {version[0]}.{version[1]}; legal are 1.0 and 2.0")
        shape, _, dtype = _READERS[version](file)
        if word and (dtype.kind != "S" or shape != ()):
            raise _ArrayError(
                f"has the type {_shown_type(dtype)} and shape {_shown_shape(shape)}; it must hold one word"
            )
        if not word and dtype.kind not in "biuf":
            raise _ArrayError(f"has the type {_shown_type(dtype)}; it must hold real numbers")
        if any(length < 0 for length in shape):
            raise _ArrayError("has a negative length in its header")
        needed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
        if needed != held:
            raise _ArrayError(
                f"has a header that claims {_shown_bytes(needed)}, shape {_shown_shape(shape)}, "
                f"but the file holds {_shown_bytes(held)}"
            )
        require_memory(2 * needed, "is large and", advice="divide it into several files", error=_ArrayError)
        file.seek(0)
        values: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        if not word and dtype.itemsize > 8:  # long doubles
            values = values.astype(np.float64)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        if finite and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise _ArrayError("holds a value that is not a finite number")
        return values


def _shown_type(dtype: np.dtype[Any]) -> str:
    if dtype.hasobject:
        return "Python object"
    return "structured" if dtype.names is not None else str(dtype)[:40]


def _shown_shape(shape: tuple[int, ...]) -> str:
    lengths = [f"{n}" if n < 10**15 else "more than 1e15" for n in shape[:6]]
    return f"({', '.join(lengths)}{',' * (len(lengths) == 1)})"


def _shown_bytes(count: int) -> str:
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{count // size} {unit}" if count < 2**60 else "more than a million TiB"
    return f"{count} bytes"
