"""Compiled kernels that are older than their sources are forgotten."""

import os
from pathlib import Path

import pytest

import soensim
from soensim._runtime.kernel_cache import forget_stale_kernels

SOURCES = {
    "__init__.py": "from chips.three import x\n",
    "one/__init__.py": "",
    "one/kernel.py": "from numba import njit\n\nimport chips\nfrom chips.one.inlined import g\n",
    "one/inlined.py": "from chips.constants import FIT\n",
    "constants.py": "FIT = 1\n",
    "two/__init__.py": "from chips.two.form import f\n",
    "two/form.py": "",
    "two/other.py": "def lazy():\n    from chips.two import f\n",
    "three.py": "import chips.one.kernel\n",
}
KERNELS = {"one": "kernel.step-1.py311.nbi", "two": "other.step-9.py311.nbi"}


@pytest.fixture
def package(tmp_path):
    """A package with two kernels, compiled after their sources were written."""
    root = tmp_path / "chips"
    for name, text in SOURCES.items():
        write(root / name, text, 100)
    for room, name in KERNELS.items():
        write(root / room / "__pycache__" / name, "", 200)
    return root


def write(path, text, when):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))


def kept(root):
    return {path.parent.parent.name for path in root.rglob("*.nbi")}


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ("one/kernel.py", {"two"}),
        ("one/inlined.py", {"two"}),
        ("constants.py", {"two"}),
        ("two/form.py", {"one"}),
        ("three.py", {"one", "two"}),
        (None, {"one", "two"}),
    ],
)
def test_a_kernel_is_forgotten_with_any_source_that_it_came_from(package, changed, left):
    if changed:
        os.utime(package / changed, (300, 300))
    forget_stale_kernels(package)
    assert kept(package) == left


def test_a_kernel_that_was_compiled_since_is_kept(package):
    os.utime(package / "constants.py", (300, 300))
    os.utime(package / "one" / "__pycache__" / KERNELS["one"], (400, 400))
    forget_stale_kernels(package)
    assert kept(package) == {"one", "two"}


def test_the_kernels_of_soensim_come_from_the_files_whose_functions_they_compile_in(tmp_path):
    """The time loop takes the SQUID's formulas from files that do not mention numba."""
    root = tmp_path / "soensim"
    for path in Path(soensim.__file__).parent.rglob("*.py"):
        write(root / path.relative_to(Path(soensim.__file__).parent), path.read_text("utf-8"), 100)
    index = root / "dynamics" / "fused" / "__pycache__" / "kernel.forward_blocks-1.py311.nbi"
    for name in ("block", "elementary", "product", "squid_fit", "squid_smooth", "surrogate", "virtual"):
        write(index, "", 200)
        os.utime(root / "dynamics" / "fused" / f"{name}.py", (300, 300))
        forget_stale_kernels(root)
        assert not index.exists(), name
        os.utime(root / "dynamics" / "fused" / f"{name}.py", (100, 100))
    write(index, "", 200)
    os.utime(root / "train" / "loop.py", (300, 300))
    forget_stale_kernels(root)
    assert index.exists()
