"""Files that appear complete, memory that the C library keeps, and names that load late."""

import ctypes
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.lazy import keep_from_submodules, lazy_names
from soensim._runtime.malloc import keep_freed_memory
from soensim.errors import SoensimError


def test_a_file_is_written_whole(tmp_path):
    write_atomic(tmp_path / "a", b"\x00\xff")
    write_atomic(str(tmp_path / "b"), "µ\n")
    write_atomic(tmp_path / "b", "Φ\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_text("utf-8") == "Φ\n"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_what_was_there_stays_where_writing_fails(tmp_path, monkeypatch, failing):
    (tmp_path / "a").write_text("old")

    def full(path, _):
        Path.touch(path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, failing, full)
    with pytest.raises(SoensimError, match="a: cannot be written: No space left on device"):
        write_atomic(tmp_path / "a", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    seen = []
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda *given: (write(*given), seen.append((tmp_path / "a").read_text())))
    write_atomic(tmp_path / "a", "new")
    assert seen == ["old"]


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_be_written_is_one_message(tmp_path, folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(SoensimError, match=f"{folder}/a: cannot be written: "):
        write_atomic(tmp_path / folder / "a", "")


def test_devices_and_pipes_are_not_replaced(tmp_path):
    """Seen on a pipe: a test that replaced /dev/null would harm the machine."""
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_atomic(pipe, "text")
    reader.join(10)
    assert read == ["text"]
    assert pipe.is_fifo()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_freed_memory_is_kept(monkeypatch):
    given = {}
    monkeypatch.setattr(ctypes, "CDLL", lambda _: type("C", (), {"mallopt": staticmethod(given.__setitem__)}))
    keep_freed_memory()
    assert given == {-3: 32 * 2**20, -1: 2**31 - 1}  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_are_left_alone(monkeypatch, error):
    def missing(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", missing)
    keep_freed_memory()


@pytest.fixture
def package(monkeypatch):
    """A package `late` with the public names `load` (of `json`) and `part`, and the submodule `part`."""
    module = ModuleType("late")
    monkeypatch.setitem(sys.modules, "late", module)
    module.__getattr__, module.__dir__ = lazy_names("late", {"load": "json", "part": "string"})
    return module


def test_a_name_is_loaded_when_first_asked_for(package):
    import json

    assert "load" not in vars(package)
    assert package.load is json.load
    assert vars(package)["load"] is json.load
    assert {"load", "part", "__name__"} <= set(dir(package))
    with pytest.raises(AttributeError, match="module 'late' has no attribute 'loads'"):
        package.loads  # noqa: B018


def test_a_submodule_does_not_take_the_place_of_a_public_name(package):
    keep_from_submodules("late", frozenset({"load"}))
    package.load = package.other = ModuleType("late.load")  # as the import of `late.load` does
    assert callable(package.load)
    assert isinstance(package.other, ModuleType)
    package.load = len
    assert package.load is len
