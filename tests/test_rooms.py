"""The architecture as a test: which rooms there are, which way imports point, and who may load torch."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import soensim

PACKAGE = Path(soensim.__file__).parent

# A room may import the rooms of the lines above it, and those to its left on its own line.
FLOORS = """
    errors  units  limits  _runtime
    files
    technology
    data
    netlist
    routing
    layout
    circuit
    dynamics
    kernels
    network
    program  budget
    fabrication
    simulation  check  evaluation  fit  training
    report  interop  study  search  torch  draft
    commands
"""
ORDER = FLOORS.split()
VERBS = {"check", "circuit", "convert", "evaluate", "explain", "export", "report", "schema", "simulate", "technology"}
VERBS |= {"design", "examples", "import", "init", "study", "sweep", "train"}
FORBIDDEN = {("evaluation", "training"), ("dynamics", "netlist"), ("dynamics", "routing"), ("report", "commands")}
TORCH_ROOMS = {"dynamics", "kernels", "fabrication", "training", "torch"}
MAX_LINES = 500

FILES = sorted(PACKAGE.rglob("*.py"))


def is_entry(path: Path) -> bool:
    """Whether a file only starts a verb: `soensim/train.py`, `soensim/check/__main__.py`, the package's own two."""
    inside = path.relative_to(PACKAGE)
    return path.name == "__main__.py" or (len(inside.parts) == 1 and path.stem in VERBS | {"__init__"})


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Every module that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def arrows() -> Iterator[tuple[Path, str, str]]:
    """Every import of one room by a file of another: (file, its room, the other room)."""
    for path in FILES:
        if not is_entry(path):
            for name in imported_modules(path):
                if name.startswith("soensim.") and name.split(".")[1] != room_of(path):
                    yield path, room_of(path), name.split(".")[1]


def test_the_rooms_are_those_of_the_list() -> None:
    assert {room_of(f) for f in FILES if not is_entry(f)} == set(ORDER)
    assert len(ORDER) == len(set(ORDER))
    assert {room for pair in FORBIDDEN for room in pair} <= set(ORDER)


def test_imports_point_upward() -> None:
    wrong = [
        f"{path}: {room} imports {other}"
        for path, room, other in arrows()
        if other not in ORDER or ORDER.index(other) > ORDER.index(room) or (room, other) in FORBIDDEN
    ]
    assert wrong == []


def test_nobody_imports_through_a_verb() -> None:
    verbs = {f"soensim.{verb}" for verb in VERBS if (PACKAGE / f"{verb}.py").exists()}
    used = [f"{path}: {name}" for path in FILES for name in imported_modules(path) if name.startswith("soensim.")]
    assert [line for line in used if any(f": {verb}." in line for verb in verbs)] == []


def test_entry_modules_are_thin() -> None:
    thick = [path for path in FILES if is_entry(path) and len(path.read_text().splitlines()) > 12]
    assert thick == [PACKAGE / "__init__.py"]


def test_torch_stays_in_its_rooms() -> None:
    users = {room_of(f) for f in FILES if any(name.split(".")[0] == "torch" for name in imported_modules(f))}
    users |= {room_of(f) for f in FILES if any(name.startswith("safetensors.torch") for name in imported_modules(f))}
    assert users == TORCH_ROOMS


def test_only_commands_knows_argparse() -> None:
    users = {room_of(f) for f in FILES if any(name.split(".")[0] == "argparse" for name in imported_modules(f))}
    assert users == {"commands"}


def test_no_package_hides_its_submodules() -> None:
    """`import soensim.a.b as c` must give the module; the three verbs are functions on purpose."""
    modules = {module_of(f) for f in FILES}
    hidden = []
    for path in FILES:
        if path.name == "__init__.py":
            names = {name.rsplit(".", 1)[1] for name in imported_modules(path) if "." in name}
            names |= {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
            hidden += [f"{module_of(path)}.{name}" for name in names if f"{module_of(path)}.{name}" in modules]
    assert sorted(hidden) == ["soensim.evaluate", "soensim.simulate", "soensim.train"]


def test_modules_stay_small() -> None:
    assert [str(f) for f in FILES if len(f.read_text().splitlines()) > MAX_LINES] == []
