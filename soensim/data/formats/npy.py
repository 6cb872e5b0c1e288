"""Arrays of numpy in files of their own: `X.npy,Y.npy`, and `X.npy,Y.npy,X_TEST.npy,Y_TEST.npy`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from soensim._runtime.words import shown_path
from soensim.data.formats.format import Format
from soensim.data.own.labelled import Labelled, Raw
from soensim.errors import DataError
from soensim.files import load_npy


def read(paths: tuple[Path, ...], options: Mapping[str, str]) -> Raw:  # noqa: ARG001
    """Read two or four files.

    Raises
    ------
    DataError
        There is another number of them, or one cannot be read.
    """
    if len(paths) not in (2, 4):
        named = ", ".join(shown_path(path) for path in paths[:5])
        raise DataError(
            f"npy: {len(paths)} files are named: {named}; legal: X.npy,Y.npy or X.npy,Y.npy,XTEST.npy,YTEST.npy"
        )
    advice = "write it with numpy.save(path, array)"
    arrays = [load_npy(path, error=DataError, advice=advice, finite=False) for path in paths]
    return Raw(Labelled(arrays[0], arrays[1]), test=Labelled(arrays[2], arrays[3]) if arrays[2:] else None)


FORMAT = Format("npy", (".npy",), "values and labels, X.npy,Y.npy, and those of the test after them", read)
