"""The tool that changes the package to test the tests: which changes it makes, and where it makes none."""

import ast
import importlib.util
import sys

import pytest
from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
mutants = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = mutants
SPEC.loader.exec_module(mutants)

SOURCE = b'''"""A text: 1 < 2."""

LIMIT: Literal[3] = 7


@njit(cache=True)
def compiled(a):
    return a + 1


def mean(x, *, axis: int | None = 0):
    """Not this: 1 + 1."""
    if not len(x) or axis < 0:
        raise ValueError(f"{len(x) + 1} rows" + str(1 + 1))
    total = np.sum(x, axis=axis)  # \xcf\x86 is two bytes
    total -= 0.5
    x.sort()
    return np.where(total, x[0], x[1]) if axis else min(total, 0.0)
'''


@pytest.fixture
def changes(tmp_path, monkeypatch):
    """Return every change of SOURCE, as (kind, before, after)."""
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    path = tmp_path / "soensim" / "mean.py"
    path.parent.mkdir()
    path.write_bytes(SOURCE)

    def make(kernels=False):
        return mutants.mutants_of(path, kernels)

    return make


def test_every_kind_of_change_is_made_once(changes):
    assert sorted((m.kind, m.before, m.after) for m in changes()) == sorted([
        ("and/or", "not len(x) or axis < 0", "(not len(x) and axis < 0)"),
        ("arithmetic", "total -= 0.5", "total += 0.5"),
        ("comparison", "axis < 0", "(axis <= 0)"),
        ("comparison", "axis < 0", "(axis >= 0)"),
        ("condition", "not len(x) or axis < 0", "False"),
        ("condition", "not len(x) or axis < 0", "not (not len(x) or axis < 0)"),
        (
            "condition",
            "np.where(total, x[0], x[1]) if axis else min(total, 0.0)",
            "(np.where(total, x[0], x[1]) if not axis else min(total, 0.0))",
        ),
        ("constant", "0", "1"),
        ("constant", "0", "1"),
        ("constant", "0", "1"),
        ("constant", "0.0", "1.0"),
        ("constant", "0.5", "1.0"),
        ("constant", "1", "2"),
        ("constant", "7", "8"),
        ("dropped keyword", "np.sum(x, axis=axis)", "np.sum(x)"),
        ("dropped not or sign", "not len(x)", "len(x)"),
        ("other function", "min(total, 0.0)", "max(total, 0.0)"),
        ("other function", "np.sum(x, axis=axis)", "np.mean(x, axis=axis)"),
        ("removed statement", "total -= 0.5", "pass"),
        ("removed statement", "x.sort()", "pass"),
        ("swapped arguments", "np.where(total, x[0], x[1])", "np.where(x[0], total, x[1])"),
    ])  # fmt: skip


def test_bodies_of_compiled_functions_are_changed_on_request(changes):
    more = {m.before for m in changes(kernels=True)} - {m.before for m in changes()}
    assert more == {"a + 1"}


def test_a_change_is_that_of_its_place_and_nothing_else(changes):
    for mutant in changes():
        changed = mutant.apply(SOURCE)
        assert changed[: mutant.start] == SOURCE[: mutant.start]
        assert changed.endswith(SOURCE[mutant.end :])
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(SOURCE))
        assert SOURCE.decode().splitlines()[mutant.line - 1].strip() == mutant.code


def test_the_draw_is_seeded_and_shared_by_the_rooms(monkeypatch):
    few = {  # files of each room, which have at least 40 expressions: all of them take seconds
        "physics": ("units.py",),
        "routing": ("routing/tracks.py", "routing/maze.py"),
        "training": ("training/quantise.py", "training/calibrate.py"),
        "fabrication": ("fabrication/die_field.py", "fabrication/sizes.py"),
        "evaluation": ("evaluation/margins.py", "simulation/samples.py"),
    }
    monkeypatch.setattr(mutants, "ROOMS", few)
    rooms = list(few)
    chosen = mutants.choose(rooms, 200, 0, kernels=False)
    assert chosen == mutants.choose(rooms, 200, 0, kernels=False) != mutants.choose(rooms, 200, 1, kernels=False)
    assert [sum(room == name for name, _ in chosen) for room in rooms] == [40] * len(rooms)
    places = [(m.file, m.start, m.end) for _, m in chosen]
    assert len(set(places)) == len(places)


def test_every_file_has_owners_that_exist():
    for pattern in (pattern for patterns in mutants.ROOMS.values() for pattern in patterns):
        for path in (ROOT / "soensim").glob(f"{pattern.removesuffix('/*')}/**/*.py"):
            assert mutants.owners(path.relative_to(ROOT / "soensim").as_posix())


def test_an_equivalent_mutant_is_known_by_its_line_not_by_its_number(changes):
    mutant = changes()[0]
    entry = {"file": "mean.py", "code": "LIMIT: Literal[3] = 7", "before": "7", "after": "8", "reason": "a limit"}
    assert mutant.same_as(entry)
    assert mutant.same_as(entry | {"nth": 0})
    assert not mutant.same_as(entry | {"nth": 1})
    assert not mutant.same_as(entry | {"after": "9"})


def test_changes_of_lines_that_are_alike_are_told_apart(changes):
    """What is known of one must not be taken for the other's."""
    every = changes()
    assert len({mutants.place(vars(mutant)) for mutant in every}) == len(every)
    source = b"x = f(y[0], y[0])\nx = f(y[0], y[0])\n"
    (mutants.ROOT / "soensim" / "mean.py").write_bytes(source)
    ones = [m for m in changes() if m.kind == "constant"]
    assert [m.nth for m in ones] == [0, 1, 2, 3]
    assert len({m.apply(source) for m in ones}) == 4
