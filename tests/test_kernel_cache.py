"""Compiled kernels in the user's cache directory: what they are kept under, and what happens when they cannot be.

The kernels are tiny ones of a package `chips` in a temporary folder. To load it again stands for a new process.
"""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import llvmlite
import numba
import numpy as np
import pytest

import soensim
from soensim import _runtime
from soensim._runtime import compile_notice, kernel_cache, source_stamp
from soensim._runtime.cache_directory import cache_directory
from soensim._runtime.kernel_cache import njit
from soensim.commands import cli

PACKAGE = Path(soensim.__file__).parent

SOURCES = {
    "__init__.py": "",
    "kernel.py": """
from soensim._runtime.kernel_cache import njit
from chips import scale
from chips.inlined import add

@njit(cache=True)
def run(x):
    return add(x) * scale.SCALE
""",
    "inlined.py": """
from soensim._runtime.kernel_cache import njit

@njit(forceinline=True)
def add(x):
    return x + 1

def plain():
    from chips.constants import UNUSED
""",
    "constants.py": "UNUSED = 1\n",
    "scale.py": "SCALE = 10\n",
    "other.py": "from chips.kernel import run\n",
    "pairs.py": """
from typing import NamedTuple
class Pair(NamedTuple):
    left: float
    right: float
""",
    "use_pairs.py": """
from soensim._runtime.kernel_cache import njit

@njit(cache=True)
def left(pair):
    return pair.left
""",
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache directory, empty."""
    monkeypatch.setenv("SOENSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


@pytest.fixture
def chips(tmp_path, monkeypatch, cache):  # noqa: ARG001
    """Folder of a package with kernels."""
    monkeypatch.setattr(_runtime, "IMPORTED_AT", float("inf"))  # files that a test writes are older than the process
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(kernel_cache, "_done", set())
    folder = tmp_path / "one" / "chips"
    for name, text in SOURCES.items():
        write(folder / name, text)
    yield folder
    forget()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def forget():
    for name in [name for name in sys.modules if name.partition(".")[0] == "chips"]:
        del sys.modules[name]
    source_stamp.source_stamp.cache_clear()
    source_stamp._read.cache_clear()


def load(folder, module="kernel"):
    """Import a module of the package anew."""
    forget()
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder.parent))
    try:
        return importlib.import_module(f"chips.{module}")
    finally:
        sys.path.remove(str(folder.parent))


def run(folder, x=1):
    """Result of the kernel in a new process, and whether it was compiled there."""
    kernel = load(folder).run
    return kernel(x), not kernel.stats.cache_hits


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_kernel_is_compiled_by_soensims_own_njit():
    """One that numba's own `njit` keeps would be written beside the sources."""
    importing = re.compile(r"from numba[\w.]* import .*\bn?jit\b|numba\.n?jit\b|import .*FunctionCache")
    others = {path for path in PACKAGE.rglob("*.py") if importing.search(path.read_text())}
    assert others == {PACKAGE / "_runtime" / "kernel_cache.py"}


def test_a_kernel_is_compiled_once_and_the_package_left_as_it_is(chips, cache):
    before = contents(chips)
    assert run(chips) == (20, True)
    stored = contents(cache)
    assert [path.name.rpartition("-")[0] for path in stored] == ["chips.kernel.run"]
    assert run(chips) == (20, False)
    assert contents(chips) == before
    assert contents(cache) == stored
    assert run(chips, 1.5) == (25.0, True)
    assert len(contents(cache)) == 2


def test_numba_functions_of_the_user_are_left_alone(chips, cache):
    write(chips / "own.py", "from numba import njit\n@njit(cache=True)\ndef f(x):\n    return x\n")
    assert load(chips, "own").f(1) == 1
    assert contents(chips).keys() >= {Path("__pycache__", name.name) for name in chips.rglob("own.f*.nbc")} != set()
    assert not cache.exists()


@pytest.mark.parametrize("written", [None, 1e9], ids=["newer", "older"])
@pytest.mark.parametrize(
    ("file", "old", "new", "result"),
    [
        ("kernel.py", "add(x) *", "add(x) -", -8),
        ("inlined.py", "x + 1", "x + 2", 30),
        ("scale.py", "10", "70", 140),
        ("constants.py", "1", "2", 20),
    ],
)
def test_a_kernel_is_compiled_again_with_any_source_that_it_comes_from(chips, file, old, new, result, written):
    assert run(chips) == (20, True)
    write(chips / file, SOURCES[file].replace(old, new))
    if written:
        os.utime(chips / file, (written, written))
    assert run(chips) == (result, True)
    write(chips / file, SOURCES[file])
    assert run(chips) == (20, False)


def test_a_kernel_is_kept_where_another_source_changes(chips):
    assert run(chips) == (20, True)
    write(chips / "other.py", "")
    assert run(chips) == (20, False)


def test_installations_with_the_same_sources_share_kernels(chips, cache, tmp_path):
    assert run(chips) == (20, True)
    stored = contents(cache)
    shutil.copytree(chips, tmp_path / "two" / "chips")
    shutil.rmtree(chips)
    assert run(tmp_path / "two" / "chips") == (20, False)
    assert contents(cache) == stored


def test_a_source_that_changed_since_the_import_is_not_compiled_for_others(chips, cache, monkeypatch):
    """A process that runs the old text must not store it under the name of the new one, nor load that."""
    monkeypatch.setattr(_runtime, "IMPORTED_AT", time.time() - 60)
    for path in chips.iterdir():
        os.utime(path, (1e9, 1e9))
    assert run(chips) == (20, True)
    assert not cache.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[:31],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    ],
    ids=["empty", "start", "half", "bit"],
)
def test_a_damaged_file_is_compiled_again(chips, cache, damage):
    assert run(chips) == (20, True)
    [path] = cache.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert run(chips) == (20, True)
    assert run(chips) == (20, False)


def test_no_damaged_file_is_loaded(chips, cache):
    run(chips)
    [path] = cache.iterdir()
    content = path.read_bytes()
    kernel = load(chips).run
    kernel(1)
    [signature] = kernel.signatures
    assert kernel_cache._read(path, signature) is not None
    for end in [*range(64), *range(64, len(content), 997), len(content) - 1]:
        path.write_bytes(content[:end])
        assert kernel_cache._read(path, signature) is None, end
    for at in [*range(64), *range(64, len(content), 997), len(content) - 1]:
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :])
        assert kernel_cache._read(path, signature) is None, at


def test_a_file_for_other_argument_types_is_not_loaded(chips, cache):
    run(chips)
    [whole] = cache.iterdir()
    run(chips, 1.5)
    [real] = set(cache.iterdir()) - {whole}
    shutil.copy(whole, real)
    assert run(chips, 1.5) == (25.0, True)


def test_fields_of_named_tuples_count(chips):
    """The text of a numba type has their types, not their names; the file of the kernel does not import the class."""
    write(chips / "both.py", "from chips.pairs import Pair\nfrom chips.use_pairs import left\n")
    both = load(chips, "both")
    assert both.left(both.Pair(1.0, 2.0)) == 1.0
    lines = SOURCES["pairs.py"].splitlines()
    write(chips / "pairs.py", "\n".join([*lines[:3], lines[4], lines[3]]))
    both = load(chips, "both")
    assert both.left(both.Pair(right=2.0, left=1.0)) == 1.0
    assert not both.left.stats.cache_hits


def test_recompiling_takes_changed_globals_and_stores_nothing(chips, cache):
    module = load(chips)
    assert module.run(1) == 20
    stored = contents(cache)
    module.scale.SCALE = 30
    module.run.recompile()
    assert module.run(1) == 60
    assert contents(cache) == stored
    assert run(chips) == (20, False)


class Codegen:
    def __init__(self, features="+avx2"):
        self.features = features

    def magic_tuple(self):
        return ("x86_64", "znver3", self.features)


def test_the_name_has_all_that_the_code_depends_on(chips, monkeypatch):
    stored = load(chips).run._cache
    paths = [stored._path((numba.int64,), Codegen()), stored._path((numba.int64,), Codegen("+avx2,+avx512f"))]
    paths.append(stored._path((numba.int32,), Codegen()))
    for module in (numba, llvmlite, np):
        with monkeypatch.context() as patch:
            patch.setattr(module, "__version__", "1000.0")
            paths.append(stored._path((numba.int64,), Codegen()))
    for owner, name, value in (
        (numba.core.config, "OPT", "another"),
        (numba.core.config, "BOUNDSCHECK", "another"),
        (numba.core.config, "USING_SVML", "another"),
        (sys, "version_info", (3, 99, 0)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value, raising=False)
            paths.append(stored._path((numba.int64,), Codegen()))
    assert len(set(paths)) == len(paths)
    assert stored._path((numba.int64,), Codegen()) == paths[0]


def test_a_function_that_takes_from_an_enclosing_one_is_refused():
    factor = 3

    def scaled(x):
        return x * factor

    with pytest.raises(TypeError, match="takes factor from an enclosing function"):
        kernel_cache.njit(cache=True)(scaled)
    assert kernel_cache.njit(scaled)(2) == 6


def test_only_the_owner_may_put_code_into_the_folder(chips, cache):
    run(chips)
    assert cache.stat().st_mode & 0o777 == 0o700


def test_without_the_compiler_a_kernel_is_its_function(monkeypatch):
    monkeypatch.setattr(numba.core.config, "DISABLE_JIT", 1)
    assert kernel_cache.njit(homeless, cache=True) is homeless
    assert vars(homeless) == {}


@pytest.mark.parametrize("place", ["file", "file/cache", "/proc/soensim", None], ids=str)
def test_where_kernels_cannot_be_kept_they_are_compiled_and_that_is_said_once(chips, tmp_path, monkeypatch, place):
    (tmp_path / "file").write_text("")
    if place is None:
        monkeypatch.delenv("SOENSIM_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", homeless)
    else:
        monkeypatch.setenv("SOENSIM_CACHE", str(tmp_path / place))
    with pytest.warns(RuntimeWarning, match="compiled kernels cannot be kept .*set SOENSIM_CACHE"):
        first = run(chips)
    assert first == run(chips) == (20, True)  # any other warning is an error
    assert (tmp_path / "file").read_text() == ""


def homeless():
    raise RuntimeError("Could not determine home directory.")


def test_a_full_disk_leaves_nothing_behind(chips, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        result = run(chips)
    assert result == (20, True)
    assert contents(cache) == {}


def test_several_processes_at_once(chips, cache):
    """All compile the same kernels, and none sees half of a file."""
    code = "import chips.kernel as k; print(k.run(1), k.run(1.5), k.run(2j))"
    paths = os.pathsep.join([str(chips.parent), str(PACKAGE.parent)])
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": paths}
    running = [subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    printed = [process.communicate() for process in running]
    assert printed == [("20 25.0 (10+20j)\n", "")] * 2
    assert sorted(path.suffix for path in cache.iterdir()) == [".kernel"] * 3
    kernel = load(chips).run
    assert kernel(2j) == 10 + 20j
    assert kernel.stats.cache_hits


def test_unused_files_are_removed(tmp_path, monkeypatch):
    now, day = 1e9, 86400.0
    monkeypatch.setattr(kernel_cache, "MAX_BYTES", 250)
    for name, days in (("a", 1), ("b", 89), ("c", 60), ("d", 91), (".d.1.tmp", 91)):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (now - days * day, now - days * day))
    kernel_cache.prune(tmp_path, now)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c"}


def test_pruning_keeps_what_is_used(chips, cache):
    run(chips)
    [path] = cache.iterdir()
    os.utime(path, (1e9, 1e9))
    write(cache / "left behind", "")
    os.utime(cache / "left behind", (1e9, 1e9))
    assert run(chips) == (20, False)
    kernel_cache._done.clear()  # as in a new process
    assert run(chips, 1.5) == (25.0, True)
    assert path.exists()
    assert not (cache / "left behind").exists()


def test_the_directory_is_named_or_the_users_own(monkeypatch):
    monkeypatch.setenv("SOENSIM_CACHE", "/named")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_directory() == Path("/named")
    monkeypatch.setenv("SOENSIM_CACHE", "")
    assert cache_directory() == Path("/caches/soensim")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == Path("/home/me/.cache/soensim")
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_directory() is None


def test_importing_soensim_loads_no_compiler():
    code = "import sys, soensim, soensim.commands.verbs; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout == "False\n"


def test_the_sources_of_the_time_loop_have_the_formulas_of_the_squid(tmp_path, monkeypatch):
    monkeypatch.setattr(_runtime, "IMPORTED_AT", float("inf"))
    forget()
    texts = source_stamp.source_texts(PACKAGE / "kernels" / "unroll_kernel.py")
    inlined = ("block_io", "vector_math", "matmul", "llvm_intrinsics", "source_steps", "squid_functions")
    assert texts.keys() >= {f"soensim/kernels/{name}.py" for name in inlined}
    assert "soensim/training/loop.py" not in texts
    write(tmp_path / "own.py", "from soensim.circuit.source import source_value")
    texts = source_stamp.source_texts(tmp_path / "own.py")
    assert texts.keys() >= {"own.py", "soensim/circuit/source.py", "soensim/errors.py"}
    forget()


def test_imports_are_those_that_python_sees():
    for path in PACKAGE.rglob("*.py"):
        text, names = path.read_text(), set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        assert source_stamp.imported_names(text) >= names, path
    assert source_stamp.imported_names("from a.b import c, \\\n  d\n  import e.f as g, h") >= {"a.b.d", "e.f", "h"}


def test_a_command_tells_that_it_compiles_and_for_how_long(chips, capsys):
    for shown in ((True, 1), (False, 1), (True, 1.5)):
        with compile_notice.compile_notice(cli.tell, "5 s"):
            assert run(chips, shown[1])[1] == shown[0]
        out, err = capsys.readouterr()
        told = r"soensim: compiling kernels, about 5 s, once per machine …\nsoensim: kernels compiled in \d+ s\n"
        assert re.fullmatch(told if shown[0] else "", err)
        assert out == ""


def test_the_time_is_told_when_the_kernels_are_compiled(monkeypatch):
    lines, clock = [], iter([1.0, 2.0, 100.0, 107.2])
    monkeypatch.setattr(compile_notice.time, "perf_counter", lambda: next(clock))
    with compile_notice.compile_notice(lines.append, "5 s"):
        pass
    compile_notice.compilation_starts()
    compile_notice.compilation_ends()
    compile_notice.report_compile_time()
    assert lines == []  # a library says nothing
    with compile_notice.compile_notice(lines.append, "5 s"):
        compile_notice.report_compile_time()
        compile_notice.compilation_starts()
        compile_notice.compilation_starts()
        compile_notice.compilation_ends()
        compile_notice.report_compile_time()
        compile_notice.compilation_ends()
        assert len(lines) == 1
        compile_notice.report_compile_time()
        compile_notice.report_compile_time()
    assert lines == ["compiling kernels, about 5 s, once per machine …", "kernels compiled in 7 s"]


def test_a_function_takes_no_flags_from_the_kernel_that_calls_it_first() -> None:
    """1 + x times 1 - x is 1 when it is rounded, and 1 - x^2 in a fused product and sum, which the caller may use."""

    @njit
    def product_and_sum(a, b, c):
        return a * b + c

    @njit(fastmath={"contract"})
    def caller(a, b, c):
        return product_and_sum(a, b, c)

    small = 2.0**-30
    caller(1.0 + small, 1.0 - small, -1.0)  # compiles both
    assert product_and_sum(1.0 + small, 1.0 - small, -1.0) == 0.0

    @njit
    def ratio(a, b):
        return a / b

    @njit(error_model="numpy")
    def dividing(a, b):
        return ratio(a, b)

    with pytest.raises(ZeroDivisionError):
        dividing(1.0, 0.0)
    with pytest.raises(ZeroDivisionError):
        ratio(1.0, 0.0)
