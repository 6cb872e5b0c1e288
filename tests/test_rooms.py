"""The import rules of the rooms: later rooms may import earlier ones, and a few may not be imported at all."""

import ast
from pathlib import Path

import pytest

import soensim

PACKAGE = Path(soensim.__file__).parent

# Shared floor (errors, files, cli), then the rooms in the order in which data flow through them.
ORDER = [
    "errors",
    "files",
    "cli",
    "lazy",
    "memory",
    "stale",
    "units",
    "technology",
    "netlist",
    "routing",
    "circuit",
    "dynamics",
    "network",
    "budget",
    "program",
    "data",
    "simulate",
    "check",
    "explain",
    "train",
    "evaluate",
    "report",
    "study",
    "interop",
    "export",
]
FORBIDDEN = [("dynamics", "netlist"), ("dynamics", "routing"), ("evaluate", "train"), ("report", "train")]
TORCH_ROOMS = {"dynamics", "simulate", "train"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imported_rooms(tree: ast.AST) -> set[str]:
    return {name.split(".")[1] for name in imported_modules(tree) if name.startswith("soensim.")}


FILES = sorted(PACKAGE.rglob("*.py"))
ROOM_FILES = [f for f in FILES if f.parent != PACKAGE or f.stem not in ("__init__", "__main__")]


def test_every_room_has_its_place() -> None:
    assert {room_of(f) for f in ROOM_FILES} <= set(ORDER)


@pytest.mark.parametrize("path", ROOM_FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_upward(path: Path) -> None:
    room = room_of(path)
    is_command = path.name == "__main__.py"  # commands wire the rooms: they may reach down as well
    for other in imported_rooms(ast.parse(path.read_text())):
        assert (room, other) not in FORBIDDEN, f"{room} must never import {other}"
        if other != room and not is_command and other in ORDER:
            assert ORDER.index(other) < ORDER.index(room), f"{room} may not import {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_torch_stays_in_its_rooms(path: Path) -> None:
    modules = imported_modules(ast.parse(path.read_text()))
    uses_torch = any(name.split(".")[0] == "torch" or name.startswith("safetensors.torch") for name in modules)
    assert not uses_torch or room_of(path) in TORCH_ROOMS


def test_modules_stay_small() -> None:
    assert [str(f) for f in FILES if len(f.read_text().splitlines()) > 500] == []
