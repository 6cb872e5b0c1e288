"""Compiled kernels in the user's cache directory: what they are kept under, and what happens when they cannot be."""

import re
from pathlib import Path

import soensim

PACKAGE = Path(soensim.__file__).parent


def test_every_kernel_is_compiled_by_soensims_own_njit() -> None:
    """One that numba's own `njit` keeps would be written beside the sources."""
    importing = re.compile(r"from numba[\w.]* import .*\bn?jit\b|numba\.n?jit\b|import .*FunctionCache")
    others = {path for path in PACKAGE.rglob("*.py") if importing.search(path.read_text())}
    assert others == {PACKAGE / "_runtime" / "kernel_cache.py"}
