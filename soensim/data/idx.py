"""Files of uint8 arrays in IDX format, packed or not: from a local folder, the cache, or a mirror.

IDX (documented with MNIST): a big-endian magic number 0x0800 + dimensions, one uint32 per dimension, the
values. Whether a file is gzipped is told from its content, because a mirror may unpack it in transit.
"""

import gzip
import hashlib
import math
import os
import struct
import sys
import tempfile
import zlib
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soensim.errors import DataError
from soensim.files import open_regular

_GZIP_MAGIC = b"\x1f\x8b"
_PACKED_OVERHEAD_BYTES = 65536  # beyond what the values take, packed badly or not at all
_TIMEOUT_S = (10.0, 60.0)  # to connect, to wait for the next bytes


@dataclass(frozen=True)
class SourceFile:
    """A published IDX file: name without `.gz`, shape, SHA-256 of the unpacked file (hexadecimal)."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """The bytes that an unpacked file of this shape begins with."""
        return struct.pack(f">{1 + len(self.shape)}I", 0x0800 + len(self.shape), *self.shape)


def read_idx(path: Path, file: SourceFile) -> NDArray[np.uint8]:
    """Return the values of a file, (*file.shape), read-only.

    Raises
    ------
    DataError
        If the file cannot be read or unpacked, or is not exactly the published one.
    """
    size = len(file.header) + math.prod(file.shape)
    with open_regular(path, limit_bytes=2 * size + _PACKED_OVERHEAD_BYTES, error=DataError) as stream:
        packed = stream.read(2) == _GZIP_MAGIC
        stream.seek(0)
        try:
            with gzip.GzipFile(fileobj=stream) if packed else nullcontext(stream) as unpacked:
                content = unpacked.read(size + 1)  # one more than there should be, so that more is seen
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{path}: damaged or truncated gzip file ({error}); replace it by a fresh copy") from error
    if content[:4] != file.header[:4]:
        raise DataError(
            f"{path}: wrong magic number 0x{content[:4].hex()}; an IDX file of {len(file.shape)}-dimensional "
            f"bytes, gzipped or not, starts with 0x{file.header[:4].hex()}"
        )
    if len(content) != size or not content.startswith(file.header):
        raise DataError(
            f"{path}: truncated or of another shape; {file.name} unpacks to {size} bytes, "
            f"{' x '.join(map(str, file.shape))} values"
        )
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(
            f"{path}: wrong content, its SHA-256 is not that of the published {file.name}; replace it by a "
            "fresh copy, or load data of your own as npz:PATH"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=len(file.header)).reshape(file.shape)


def _present(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # a folder that may not be searched: reading the file says why


def read_local(file: SourceFile, folder: Path, subfolder: str, named_by: str) -> NDArray[np.uint8]:
    """Read a file from `<folder>/<subfolder>`, gzipped or unpacked, and never from anywhere else.

    Raises
    ------
    DataError
        If it is missing there or damaged; `named_by` tells the user where the folder was named.
    """
    place = folder / subfolder
    for path in (place / f"{file.name}.gz", place / file.name):
        if _present(path):
            return read_idx(path, file)
    misplaced = any(_present(folder / name) for name in (f"{file.name}.gz", file.name))
    fix = f"move the files from {folder} into it" if misplaced else f"put {file.name}.gz there"
    raise DataError(
        f"{place}: {file.name}.gz is missing (the folder is named by {named_by}); {fix}, or name no folder "
        "to use the cache or a download"
    )


def read_cached(file: SourceFile, subfolder: str, mirrors: tuple[str, ...]) -> NDArray[np.uint8]:
    """Read a file from the cache, else download it from the first mirror that has the right one.

    Raises
    ------
    DataError
        If nothing worked; the message lists what was tried and how to give local files.
    """
    from pooch import os_cache  # slow import

    cached = Path(os_cache("soensim")) / subfolder / f"{file.name}.gz"
    tried = []
    if _present(cached):
        try:
            return read_idx(cached, file)
        except DataError as error:
            tried.append(str(error))
    for mirror in mirrors:
        try:
            return _download(f"{mirror}{file.name}.gz", cached, file)
        except DataError as error:
            tried.append(str(error))
    raise DataError(
        f"{file.name} could not be loaded. Tried: {'; '.join(tried)}. Give local files: put the {subfolder} "
        f"files (*-ubyte.gz) in FOLDER/{subfolder} and name FOLDER by --data-dir (data_dir) or SOENSIM_DATA"
    )


def _download(url: str, cached: Path, file: SourceFile) -> NDArray[np.uint8]:
    """Download to a temporary name, verify, then rename: the cache holds only good files."""
    from pooch import HTTPDownloader  # slow import

    temporary = None
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cached.parent, prefix=f".{file.name}-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            fetch = HTTPDownloader(timeout=_TIMEOUT_S, progressbar=sys.stderr.isatty(), chunk_size=1 << 16)
            fetch(url, stream, None)
        values = read_idx(temporary, file)
        temporary.replace(cached)
    except DataError as error:
        raise DataError(f"{url}: {str(error).removeprefix(f'{temporary}: ')}") from error
    except OSError as error:  # the file system, and every error of requests
        response = getattr(error, "response", None)
        reason = f"HTTP {response.status_code}" if response is not None else error.strerror or type(error).__name__
        raise DataError(f"{url}: {reason}") from error
    else:
        return values
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
