"""Files that appear complete, memory that the C library keeps, and names that load late."""

import ctypes
import fcntl
import os
import socket
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType

import pytest

from soensim._runtime.atomic_write import check_folder, check_target, write_atomic
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


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_what_was_there_stays_where_writing_fails(tmp_path, monkeypatch, failing):
    (tmp_path / "a").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, full)
    with pytest.raises(SoensimError, match="a: cannot be written: No space left on device"):
        write_atomic(tmp_path / "a", "new", durable=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_the_error_of_the_clean_up_hides_nothing(tmp_path, monkeypatch):
    def no(*_):
        raise OSError(5, "Input/output error")

    def not_there(*_):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "replace", no)
    monkeypatch.setattr(Path, "unlink", not_there)
    with pytest.raises(SoensimError, match="a: cannot be written: Input/output error"):
        write_atomic(tmp_path / "a", "new")


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    """At the moment of the rename the old file is whole, and so is the temporary one."""
    (tmp_path / "a").write_text("old")
    seen, replace = [], Path.replace

    def watch(temporary, target):
        seen.append((target.read_text(), temporary.read_text()))
        replace(temporary, target)

    monkeypatch.setattr(Path, "replace", watch)
    write_atomic(tmp_path / "a", "new")
    assert seen == [("old", "new")]
    assert (tmp_path / "a").read_text() == "new"


def test_the_target_of_a_link_is_replaced_and_its_mode_kept(tmp_path):
    (tmp_path / "real").mkdir()
    real, link, dangling = tmp_path / "real" / "a", tmp_path / "link", tmp_path / "dangling"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to("real/a")
    dangling.symlink_to("real/b")
    write_atomic(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640
    umask = os.umask(0o027)
    try:
        write_atomic(dangling, "made")
    finally:
        os.umask(umask)
    assert dangling.is_symlink()
    assert (tmp_path / "real" / "b").read_text() == "made"
    assert (tmp_path / "real" / "b").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["a", "b"]


def test_a_write_removes_what_dead_writers_left_and_nothing_else(tmp_path):
    dead, alive = tmp_path / ".soensim-dead.tmp", tmp_path / ".soensim-alive.tmp"
    link, other = tmp_path / ".soensim-link.tmp", tmp_path / ".soensim-notes"
    dead.write_text("half")
    other.write_text("mine")
    link.symlink_to(other)
    with alive.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_atomic(tmp_path / "a", "new")
        names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [alive.name, link.name, other.name, "a"]
    assert other.read_text() == "mine"
    write_atomic(tmp_path / "a", "new")
    assert not alive.exists()


def test_a_temporary_file_that_another_process_removed_is_written_again(tmp_path, monkeypatch):
    replace, calls = Path.replace, []

    def racing(temporary, target):
        calls.append(temporary)
        if len(calls) < 3:
            temporary.unlink()
        replace(temporary, target)

    monkeypatch.setattr(Path, "replace", racing)
    write_atomic(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert len(set(calls)) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 256, r"the name is too long \(256 bytes"),
        ("", "is a folder"),
        ("new/", "is a folder"),
        ("file/a", "a part of its path is a file"),
        ("missing/a", "the folder .*missing does not exist; make it first"),
        ("to-missing", "the folder .*missing does not exist; make it first"),
        ("loop", "the link leads to itself"),
        ("two\nlines/a", r"the folder two\\nlines does not exist; make it first"),
        ("/proc/a", "no file can be made in /proc; choose another folder"),
        ("socket", "is a socket"),
        ("a\0b", "null"),
        pytest.param("protected", "write-protected", marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may")),
    ],
)
@pytest.mark.parametrize("write", [lambda path: write_atomic(path, "new"), check_target])
def test_a_target_that_cannot_be_written_is_one_message(tmp_path, monkeypatch, name, message, write):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "protected").write_text("old")
    (tmp_path / "protected").chmod(0o444)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to-missing").symlink_to("missing/a")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        before = sorted(tmp_path.iterdir())
        with pytest.raises(SoensimError, match=message) as error:
            write(name if name else tmp_path)
        assert "cannot be written" in str(error.value)
        assert sorted(tmp_path.iterdir()) == before


def test_the_longest_legal_name_is_written(tmp_path):
    write_atomic(tmp_path / ("x" * 255), "new")
    assert (tmp_path / ("x" * 255)).read_text() == "new"


def test_a_deleted_working_folder_is_said(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for write in (check_target, lambda path: write_atomic(path, "new")):
        with pytest.raises(SoensimError, match="the working folder no longer exists"):
            write("a")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_is_one_message():
    with pytest.raises(SoensimError, match="/dev/full: cannot be written: No space left on device"):
        write_atomic("/dev/full", "new")


def test_checking_a_target_leaves_no_trace(tmp_path):
    (tmp_path / "a").write_text("old")
    before = tmp_path.stat().st_mtime_ns
    check_target(tmp_path / "a")
    check_target(tmp_path / "b")
    check_target(os.devnull)
    check_folder(tmp_path / "new" / "deeper")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"
    with pytest.raises(SoensimError, match="a part of its path is a file"):
        check_folder(tmp_path / "a" / "deeper")
    assert tmp_path.stat().st_mtime_ns >= before


def test_a_read_only_file_system_is_said_before_any_work(tmp_path, monkeypatch):

    def read_only(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    for check in (check_target, check_folder):
        with pytest.raises(SoensimError, match="cannot be written: Read-only file system"):
            check(tmp_path / "a")


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
