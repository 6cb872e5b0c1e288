"""Where soensim keeps what it can compute again: compiled kernels and source tables."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path | None:
    """Return `$SOENSIM_CACHE`, else `$XDG_CACHE_HOME/soensim`, else `~/.cache/soensim`.

    The folder need not exist. None: the user has no home directory, so nothing is kept.
    """
    if named := os.environ.get("SOENSIM_CACHE"):
        return Path(named)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches, "soensim")
    try:
        return Path.home() / ".cache" / "soensim"
    except RuntimeError:  # HOME is not set and the user is not in the password database
        return None
