"""Files of MNIST's kind, IDX: images and labels in files of their own, gzipped or not.

IDX (documented with MNIST): two zeros, a type, the number of dimensions, one uint32 per dimension, then the values, all
big-endian.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.memory import require_memory
from soensim._runtime.words import shown_path
from soensim.data.formats.format import Format
from soensim.data.own.labelled import Labelled, Raw
from soensim.errors import DataError
from soensim.files import open_regular

ENDINGS = ("ubyte", "ubyte.gz", ".idx", ".idx.gz")
MAX_BYTES = 8 * 2**30
_GZIP_MAGIC = b"\x1f\x8b"
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 4


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:  # noqa: ARG001
    """Read images and labels, and those of the test where they are named; or find them in a folder.

    Raises
    ------
    DataError
        There is another number of files, or one cannot be read.
    """
    files = _in_folder(paths[0]) if len(paths) == 1 and paths[0].is_dir() else list(paths)
    if len(files) not in (2, 4):
        named = ", ".join(shown_path(path) for path in files[:5])
        raise DataError(
            f"idx: {len(files)} files are named: {named}; legal: IMAGES,LABELS or IMAGES,LABELS,TESTIMAGES,TESTLABELS, "
            "or a folder with them"
        )
    arrays = [read_idx_array(path) for path in files]
    return Raw(Labelled(arrays[0], arrays[1]), test=Labelled(arrays[2], arrays[3]) if arrays[2:] else None)


def _in_folder(folder: Path) -> list[Path]:
    """Find the files by their names: train or not t10k and test, images or labels."""
    files = [file for file in sorted(folder.iterdir()) if file.name.lower().endswith(ENDINGS)]
    found: list[Path] = []
    for test in (False, True):
        for what in ("image", "label"):
            fitting = [f for f in files if what in f.name.lower() and _is_test(f) == test]
            if len(fitting) == 2 and {f.name.removesuffix(".gz") for f in fitting} == {fitting[0].name}:
                fitting = fitting[:1]  # packed and unpacked
            if len(fitting) > 1 or (not fitting and not test):
                listed = ", ".join(file.name for file in files[:12]) or "none"
                raise DataError(
                    f"{shown_path(folder)}: it takes one file of {what}s to train; there are: {listed}; name them"
                )
            found += fitting
    return found


def _is_test(file: Path) -> bool:
    return any(word in file.name.lower() for word in ("t10k", "test"))


def read_idx_array(path: Path) -> NDArray[Any]:
    """Read an array of an IDX file.

    Raises
    ------
    DataError
        It is no IDX file, damaged, truncated, or too long.
    """
    where = shown_path(path)
    with open_regular(path, limit_bytes=MAX_BYTES, error=DataError, what="IDX file") as stream:
        packed = stream.read(2) == _GZIP_MAGIC
        stream.seek(0)
        try:
            with gzip.GzipFile(fileobj=stream) if packed else nullcontext(stream) as unpacked:
                head = unpacked.read(4)
                if (
                    len(head) < 4
                    or head[:2] != b"\0\0"
                    or head[2] not in _TYPES
                    or not 1 <= head[3] <= _MOST_DIMENSIONS
                ):
                    raise DataError(f"{where}: is no IDX file, it begins with 0x{head.hex()}")
                sizes = unpacked.read(4 * head[3])
                shape: Sequence[int] = struct.unpack(f">{len(sizes) // 4}I", sizes[: len(sizes) // 4 * 4])
                dtype = np.dtype(_TYPES[head[2]])
                size = math.prod(shape) * dtype.itemsize
                require_memory(2 * size, f"{where} is large and", advice="use fewer samples", error=DataError)
                content = unpacked.read(size + 1) if len(shape) == head[3] else b""
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{where}: damaged or truncated gzip file ({error}); replace it by a fresh copy") from error
    if len(shape) != head[3] or len(content) != size:
        raise DataError(f"{where}: holds another number of bytes than its header says, shape {tuple(shape)}")
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


FORMAT = Format(
    "idx", ENDINGS, "files of MNIST's kind: IMAGES,LABELS and those of the test after them, or a folder", read
)
