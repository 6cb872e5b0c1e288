"""The first import of matplotlib, which must work whatever the user's settings are.

matplotlib reads `MPLBACKEND` and a `matplotlibrc` (of the working folder too) when it is imported, and fails, or prints
log lines, where it does not like them. soensim draws with neither. This module imports it when it is imported.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from soensim.errors import SoensimError

_LOG = "matplotlib"


def import_matplotlib() -> None:
    """Import matplotlib; if the user's settings stop it, then without them.

    Raises
    ------
    SoensimError
        There is no folder in which matplotlib can keep its list of fonts.
    """
    with _quiet():
        try:
            importlib.import_module(f"{_LOG}.font_manager")  # which looks for its folder
        except (ValueError, OSError, RuntimeError, LookupError):  # of what a backend, a matplotlibrc or a folder may be
            _import_without_settings()


def _import_without_settings() -> None:
    kept = {name: os.environ.pop(name, None) for name in ("MPLBACKEND", "MATPLOTLIBRC")}
    os.environ["MATPLOTLIBRC"] = os.devnull
    for name in [name for name in sys.modules if name.startswith(f"{_LOG}.")]:  # what the failed import has left
        del sys.modules[name]
    try:
        importlib.import_module(f"{_LOG}.font_manager")  # which looks for its folder
    except OSError as error:
        raise SoensimError(
            f"figures need a folder that matplotlib can write to; set MPLCONFIGDIR to one ({error})"
        ) from error
    finally:
        del os.environ["MATPLOTLIBRC"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what matplotlib logs about the user's settings while it is imported."""
    log = logging.getLogger(_LOG)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


import_matplotlib()
