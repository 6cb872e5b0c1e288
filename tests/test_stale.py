"""Compiled kernels that are older than their sources are forgotten."""

import os

import pytest

from soensim.stale import forget_stale_kernels


@pytest.fixture
def package(tmp_path):
    """A package with two kernels of different age, a source that they inline, and one without numba."""
    ages = {
        "room/inlined.py": 100,
        "room/plain.py": 100,
        "room/__pycache__/kernel.step-1.py311.nbi": 200,
        "room/__pycache__/kernel.step-1.py311.1.nbc": 200,
        "room/part/__pycache__/other.step-1.py311.nbi": 400,
    }
    for name, age in ages.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from numba import njit" if path.name == "inlined.py" else "")
        os.utime(path, (age, age))
    return tmp_path


def kept(package):
    return sorted(path.name for path in package.rglob("*.nbi"))


def test_a_source_of_kernels_outdates_what_was_compiled_before(package):
    os.utime(package / "room/inlined.py", (300, 300))
    forget_stale_kernels(package)
    assert kept(package) == ["other.step-1.py311.nbi"]


@pytest.mark.parametrize("touched", [(), ("room/plain.py",)], ids=["nothing", "no kernel"])
def test_nothing_else_does(package, touched):
    for name in touched:
        os.utime(package / name, (300, 300))
    forget_stale_kernels(package)
    assert kept(package) == ["kernel.step-1.py311.nbi", "other.step-1.py311.nbi"]


def test_a_package_without_compiled_kernels(tmp_path):
    (tmp_path / "kernel.py").write_text("from numba import njit")
    forget_stale_kernels(tmp_path)
    assert kept(tmp_path) == []
