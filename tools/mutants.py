"""Mutation testing: small seeded changes to the package, each run against the tests that own the changed file.

    python tools/mutants.py                     # 200 mutants, 40 of each room, 2 at a time
    python tools/mutants.py --rooms routing     # one room
    python tools/mutants.py --list              # what would be changed, nothing run

A mutant is killed if a test of the owner's files fails (or runs out of processor time); if all pass it survives. Every
survivor is either a missing test or a change that nothing can observe. The second kind is listed, with the reason, in
`tools/mutants_equivalent.yaml`. Results go to a JSON file after every mutant; a second run takes from it what neither
the changed file nor the owner's tests have altered since, and asks the test that killed a mutant first.

The work is done in copies of the checkout. Bodies of compiled functions (numba) are left out unless `--kernels` is
given: each such mutant compiles its kernels again.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import json
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.yaml")
ROOMS = {
    "physics": ("units.py", "circuit/*", "dynamics/*"),
    "routing": ("routing/*",),
    "training": ("training/*",),
    "fabrication": ("fabrication/*",),
    "evaluation": ("evaluation/*", "simulation/*", "fit/*"),
}
# The tests that own a file: those of the first pattern that it matches. Every name must exist.
OWNERS = {
    "units.py": "test_units.py",
    "circuit/drive_validity.py": "test_drive_validity.py",
    "circuit/*": "test_circuit_*.py",
    "dynamics/spiking/*": "test_spiking*.py",
    "dynamics/smooth.py": "test_kernels.py",
    "dynamics/squid.py": "test_dynamics.py test_kernels.py",
    "dynamics/light.py": "test_light.py",
    "dynamics/time_loop.py": "test_dynamics.py test_light.py",
    "dynamics/*": "test_dynamics.py",
    "routing/placement/*": "test_placement.py",
    "routing/manhattan.py": "test_manhattan.py",
    "routing/maze.py": "test_manhattan.py",
    "routing/tracks.py": "test_manhattan.py test_waveguides.py",
    "routing/wiring.py": "test_routing.py test_wiring_budget.py",
    "routing/*": "test_routing.py test_waveguides.py",
    "training/eligibility_traces.py": "test_eprop.py",
    "training/rules/eprop.py": "test_eprop.py",
    "training/rules/bptt.py": "test_train.py",
    "training/rules/ff_temporal.py": "test_train.py",
    "training/rules/arbor.py": "test_arbor.py",
    "training/rules/spiking_rate.py": "test_spiking_rate_rule.py test_spiking_closed_loop.py",
    "training/rules/*": "test_rules.py",
    "training/virtual_chips.py": "test_robust.py",
    "training/task.py": "test_task.py",
    "training/trainable_network.py": "test_train.py test_robust.py",
    "training/device.py": "test_device.py",
    "training/__init__.py": "test_train.py test_tracking.py test_device.py",
    "training/recipes/*": "test_registries.py test_limits.py test_train.py",
    "training/calibrate.py": "test_quantise.py",
    "training/quantise.py": "test_quantise.py",
    "training/history.py": "test_tracking.py",
    "training/optimise.py": "test_tracking.py",
    **{f"training/{name}.py": "test_wiring_budget.py" for name in ("pruned_chip", "pruning", "wiring_budget")},
    "training/progress.py": "test_tracking.py",
    "training/run_folder.py": "test_run_folder.py test_tracking.py",
    "training/run_lock.py": "test_run_folder.py",
    "training/run_records.py": "test_run_damage.py",
    "training/checkpoint.py": "test_run_damage.py test_train.py",
    "training/loop.py": "test_train.py test_tracking.py test_quantise.py test_wiring_budget.py",
    "training/trainable_arbor.py": "test_arbor.py",
    "training/trainable_spiking.py": "test_spiking_rate_rule.py test_spiking_closed_loop.py",
    "training/rate_table.py": "test_spiking_rate_rule.py",
    "training/*": "test_train.py test_tracking.py",
    "fabrication/imperfections/base.py": "test_imperfections.py test_fabrication.py test_spiking_program.py",
    "fabrication/imperfections/*": "test_imperfections.py test_fabrication.py",
    "fabrication/carried_light.py": "test_light.py test_imperfections.py",
    "fabrication/varied_squid.py": "test_varied_squid.py",
    "fabrication/measured/*": "test_measured.py",
    "fabrication/shift.py": "test_own_seeds.py",
    "fabrication/fabricate.py": "test_fabrication.py test_imperfections.py test_own_seeds.py",
    "fabrication/*": "test_fabrication.py test_simulate.py test_imperfections.py",
    "evaluation/parallel.py": "test_parallel.py",
    "evaluation/requirement.py": "test_yield.py",
    "evaluation/answer_cost.py": "test_energy.py test_cost.py",
    "evaluation/circuit_check.py": "test_circuit_check.py",
    "evaluation/step_changes.py": "test_circuit_check.py",
    "evaluation/analyses.py": "test_analyses.py test_analyses_report.py",
    **{f"evaluation/{name}.py": "test_analyses.py" for name in ("causes", "chips", "margins", "waterfall")},
    "evaluation/*": "test_evaluate.py test_evaluate_command.py",
    "simulation/spiking/*": "test_spiking*.py",
    "simulation/circuits.py": "test_circuit_check.py",
    "simulation/classify.py": "test_simulate.py test_spiking_program.py",
    "simulation/activity.py": "test_energy.py test_cost.py",
    "simulation/*": "test_simulate.py",
    "fit/*": "test_fit.py",
}
SWAPPED_CALLS = {
    "min": "max", "minimum": "maximum", "fmin": "fmax", "any": "all", "floor": "ceil", "argmin": "argmax", "sin": "cos",
    "zeros": "ones", "zeros_like": "ones_like", "sum": "mean", "cumsum": "cumprod", "exp": "expm1", "log": "log1p",
}  # fmt: skip
SWAPPED_CALLS |= {new: old for old, new in SWAPPED_CALLS.items()}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


# --- what can be changed ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one file, by its position in the source text."""

    file: str  # below soensim/
    line: int
    start: int  # byte offsets into the file
    end: int
    kind: str
    before: str
    after: str
    code: str  # the line as it is, without indentation
    nth: int = 0  # of the changes of the file whose line, and what is changed in it, are alike

    def apply(self, source: bytes) -> bytes:
        """Return the changed file."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def same_as(self, entry: Mapping[str, str]) -> bool:
        """Whether an entry of the list of equivalent mutants means this one; without `nth`, all that are alike."""
        return place(vars(self))[:-1] == place(entry)[:-1] and entry.get("nth", self.nth) == self.nth


def place(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells a mutant from others whatever the number of its line."""
    return (*(entry[key] for key in ("file", "code", "before", "after")), entry.get("nth", 0))


def changed(node: ast.AST, **fields: Any) -> ast.AST:
    """Return a copy of a node with other fields."""
    return type(node)(**{**{name: getattr(node, name) for name in node._fields if hasattr(node, name)}, **fields})


def replacements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what an expression or statement may be replaced by, with the kind of the change."""
    match node:
        case ast.Compare(ops=[operator]):
            for other in COMPARISONS[type(operator)]:
                yield "comparison", changed(node, ops=[other()])
        case ast.BinOp(op=operator, left=left) if type(operator) in OPERATORS and not isinstance(left, ast.JoinedStr):
            yield "arithmetic", changed(node, op=OPERATORS[type(operator)]())
        case ast.BoolOp(op=operator):
            yield "and/or", changed(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "dropped not or sign", operand
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield "constant", ast.Constant(value * 2 if value else 1.0)
        case ast.Call():
            yield from changed_calls(node)
        case ast.IfExp(test=test):
            yield "condition", changed(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.AugAssign(op=operator) if type(operator) in OPERATORS:
            yield "arithmetic", changed(node, op=OPERATORS[type(operator)]())
            yield "removed statement", ast.Pass()
        case ast.Expr(value=ast.Call()) | ast.Break() | ast.Continue() | ast.Assign(targets=[ast.Subscript()]):
            yield "removed statement", ast.Pass()


def changed_calls(call: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    """Yield calls of another function, with two arguments swapped, or without one of the keywords."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in SWAPPED_CALLS:
        field = "attr" if isinstance(call.func, ast.Attribute) else "id"
        yield "other function", changed(call, func=changed(call.func, **{field: SWAPPED_CALLS[name]}))
    match call.args:
        case [first, second, *rest] if may_be_swapped(first, second) and name not in {"isinstance", "max", "min"}:
            yield "swapped arguments", changed(call, args=[second, first, *rest])
    for keyword in call.keywords:
        if keyword.arg not in {None, "strict"}:
            yield "dropped keyword", changed(call, keywords=[k for k in call.keywords if k is not keyword])


def may_be_swapped(first: ast.expr, second: ast.expr) -> bool:
    """Whether two arguments differ and are written alike, so that a slip of the pen could swap them."""
    alike = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Call)
    return isinstance(first, alike) and isinstance(second, alike) and ast.dump(first) != ast.dump(second)


def is_compiled(function: ast.FunctionDef) -> bool:
    """Whether numba compiles a function."""
    compilers = re.compile(r"\b(n?jit|inner|part)\b|kernel")
    return any(compilers.search(ast.unparse(d)) for d in function.decorator_list)


def candidates(node: ast.AST, kernels: bool) -> Iterator[ast.AST]:
    """Yield the nodes that run: no annotation, decorator, error message, text, nor what only a type checker reads."""
    skipped: list[ast.AST] = []
    match node:
        case ast.FunctionDef():
            if is_compiled(node) and not kernels:
                return
            skipped = [node.args, *node.decorator_list, *([node.returns] if node.returns else [])]
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if default is not None:
                    yield from candidates(default, kernels)
        case ast.ClassDef():
            skipped = list(node.decorator_list)
        case ast.AnnAssign(annotation=annotation):
            skipped = [annotation]
        case ast.Raise() | ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.Assert():
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Call(func=ast.Name(id="cast" | "TypeVar")) | ast.keyword(arg="strict"):
            return
    yield node
    for child in ast.iter_child_nodes(node):
        if not any(child is other for other in skipped):
            yield from candidates(child, kernels)


def mutants_of(path: Path, kernels: bool = False) -> list[Mutant]:
    """Return every change that the operators above can make to a file, in the order of the text."""
    source = path.read_bytes()
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    file = path.relative_to(ROOT / "soensim").as_posix()
    mutants = []
    for node in candidates(ast.parse(source), kernels):
        for kind, new in replacements(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            before = ast.unparse(node)
            after = ast.unparse(ast.fix_missing_locations(new))
            if isinstance(node, ast.expr) and not isinstance(new, ast.Constant | ast.Call | ast.Name):
                after = f"({after})"
            code = lines[node.lineno - 1].decode().strip()
            mutants.append(Mutant(file, node.lineno, start, end, kind, before, after, code))
        if isinstance(node, ast.If | ast.While):  # the condition alone: the body stays where it is
            test, text = node.test, ast.unparse(node.test)
            start = starts[test.lineno - 1] + test.col_offset
            end = starts[test.end_lineno - 1] + test.end_col_offset
            code = lines[test.lineno - 1].decode().strip()
            changes = (f"not ({text})", "False")
            mutants += [Mutant(file, test.lineno, start, end, "condition", text, after, code) for after in changes]
    found, alike = [], Counter[tuple[Any, ...]]()
    for mutant in sorted(mutants, key=lambda m: (m.start, m.end, m.kind, m.after)):
        key = place(vars(mutant))
        found.append(dataclasses.replace(mutant, nth=alike[key]))
        alike[key] += 1
    return found


def choose(rooms: Sequence[str], count: int, seed: int, kernels: bool) -> list[tuple[str, Mutant]]:
    """Draw as many mutants of each room, without replacement and at most one of each expression.

    The order of the draw is that of a hash of each change: an edit of one line leaves the draw of all others as it is.
    """

    def rank(mutant: Mutant) -> str:
        parts = (seed, mutant.file, mutant.code, mutant.before, mutant.after)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    package, chosen = ROOT / "soensim", []
    for room in rooms:
        paths = (path for path in package.rglob("*.py") if path.name != "__main__.py")
        files = [p for p in paths if any(fnmatch(p.relative_to(package).as_posix(), name) for name in ROOMS[room])]
        one_each: dict[tuple[str, int, int], Mutant] = {}
        for mutant in sorted((m for path in files for m in mutants_of(path, kernels)), key=rank):
            one_each.setdefault((mutant.file, mutant.start, mutant.end), mutant)
        drawn = list(one_each.values())[: count // len(rooms)]
        chosen += [(room, mutant) for mutant in sorted(drawn, key=lambda m: (m.file, m.start))]
    return chosen


def owners(file: str) -> tuple[str, ...]:
    """Return the test files, below the checkout, that own a file of the package."""
    names = next(names for pattern, names in OWNERS.items() if fnmatch(file, pattern))
    found = []
    for name in names.split():
        paths = sorted((ROOT / "tests").glob(name))
        if not paths:
            raise SystemExit(f"tools/mutants.py: no test file {name}, owner of {file}; correct OWNERS")
        found += [path.relative_to(ROOT).as_posix() for path in paths]
    return tuple(found)


# --- running tests in a copy --------------------------------------------------------------------------------


class Plan:
    """A plugin of pytest: tests that are likely to fail first, then the others; notes what failed."""

    def __init__(self, first: Sequence[str]) -> None:
        self.rank = {name: k for k, name in enumerate(first)}
        self.failed, self.passed = "", 0

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Sort by rank; whatever has none keeps its place behind them."""
        items.sort(key=lambda item: self.rank.get(item.nodeid, len(self.rank)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note the first failure."""
        self.passed += report.when == "call" and report.passed
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """Note a file that cannot be imported."""
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (import)"


def pytest_process(
    tree: str, environment: Mapping[str, str], arguments: Sequence[str], first: Sequence[str], seconds: float, send: Any
) -> None:
    """Run pytest in a copy of the checkout; the body of a process of its own."""
    import pytest

    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    out = os.open(f"{tree}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(tree)
    sys.path.insert(0, tree)
    os.environ |= {"PYTHONPATH": tree, **environment}
    plan = Plan(first)
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments], plugins=[plan])
    send.send((int(code), plan.failed, plan.passed, time.process_time()))


def copy_checkout(to: Path) -> None:
    """Copy what git tracks or would track, and compile it so that a changed text is always noticed."""
    command = ["git", "ls-files", "-zco", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()  # noqa: S603
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "soensim"]
    subprocess.run(command, cwd=to, check=True)  # noqa: S603


def digest(*paths: Path) -> str:
    """Return a short hash of the contents of files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


class Workshop:
    """Copies of the checkout and processes that run tests in them."""

    def __init__(self, folder: Path, workers: int) -> None:
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["torch", "scipy.stats", "numba", "pytest", "matplotlib"])
        self.folder, self.trees, self.cache = folder, SimpleQueue[Path](), folder / "cache"
        kernels = Path(os.environ.get("SOENSIM_CACHE") or Path.home() / ".cache" / "soensim") / "kernels"
        if kernels.is_dir():  # their names say what they come from, so that a changed file has others
            shutil.copytree(kernels, self.cache / "kernels")
        for k in range(workers):
            tree = folder / f"tree-{k}"
            copy_checkout(tree)
            self.trees.put(tree)
        package = folder / "tree-0" / "soensim"
        self.sources = {path.relative_to(package).as_posix(): digest(path) for path in package.rglob("*.py")}

    def run(
        self, mutant: Mutant | None, arguments: Sequence[str], first: Sequence[str], seconds: float
    ) -> dict[str, Any]:
        """Run tests with a change, or without, for ``seconds`` of processor time and four times that at most."""
        tree = self.trees.get()
        cache = self.cache
        if mutant is not None:  # what it leaves there must not reach the next one
            cache = tree.with_suffix(".cache")
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(self.cache, cache, copy_function=os.link)
        receive, send = self.processes.Pipe(duplex=False)
        environment = {"SOENSIM_CACHE": str(cache), "COVERAGE_FILE": f"{tree}.coverage"}
        given = (str(tree), environment, arguments, first, seconds, send)
        process = self.processes.Process(target=pytest_process, args=given)
        try:
            if mutant is not None:
                path = tree / "soensim" / mutant.file
                original = path.read_bytes()
                path.write_bytes(mutant.apply(original))
            start = time.monotonic()
            process.start()
            send.close()
            process.join(seconds * 4)
            if process.is_alive():
                os.killpg(process.pid, 9)
                process.join()
            result: dict[str, Any] = {"seconds": round(time.monotonic() - start, 1)}
            try:
                code, failed, passed, cpu = receive.recv() if receive.poll() else (None, "", 0, seconds)
            except EOFError:
                code, failed, passed, cpu = None, "", 0, seconds
            if code is None and process.exitcode == 1:  # not a mutant's doing
                raise RuntimeError(f"pytest did not run: {Path(f'{tree}.log').read_text(errors='replace')}")
            result |= {"exit": code, "failed": failed, "passed": passed, "cpu": round(cpu, 1)}
            if mutant is None and code == 0:
                result["lines"] = self.reached(Path(f"{tree}.coverage"))
            return result | {"log": Path(f"{tree}.log").read_text(errors="replace")[-4000:]}
        finally:
            if mutant is not None:
                path.write_bytes(original)
            self.trees.put(tree)

    def reached(self, data: Path) -> dict[str, dict[int, list[str]]]:
        """Return the tests that reach each line of each file, from what coverage has written."""
        import coverage

        reached = coverage.CoverageData(str(data))
        reached.read()
        lines: dict[str, dict[int, list[str]]] = {}
        for name in reached.measured_files():
            contexts = reached.contexts_by_lineno(name)
            lines[name.partition("/soensim/")[2]] = {
                line: [context.partition("|")[0] for context in found if context] for line, found in contexts.items()
            }
        return lines

    def baseline(self, tests: Sequence[str]) -> dict[str, Any]:
        """Run test files as they are, and note which test reaches which line."""
        arguments = ["--cov=soensim", "--cov-context=test", "--cov-report=", "--cov-branch", *tests]
        result = self.run(None, arguments, (), 3600)
        if result["exit"] != 0:
            sys.stdout.write(f"the tests fail without any change: {' '.join(tests)}\n{result['log']}\n")
            return {}
        sys.stdout.write(f"{result['passed']} tests, {result['cpu']:.0f} s: {' '.join(tests)}\n")
        sys.stdout.flush()
        return result


# --- the whole run ------------------------------------------------------------------------------------------


def judge(
    workshop: Workshop, mutant: Mutant, baselines: Mapping[tuple[str, ...], Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    """Say whether the owner's tests kill a mutant."""
    tests = owners(mutant.file)
    copy = workshop.folder / "tree-0"  # what is run: the checkout may be edited meanwhile
    helpers = sorted(name for name in (copy / "tests").glob("*.py") if not name.name.startswith("test_"))
    state = {"source": workshop.sources[mutant.file], "tests": digest(*(copy / name for name in tests), *helpers)}
    if known and state.items() <= known.items():
        return dict(known)
    baseline = baselines[tests]
    if not baseline:
        return {**dataclasses.asdict(mutant), "verdict": "not run", "reached": False}
    first = [known.get("failed", ""), *dict.fromkeys(baseline["lines"].get(mutant.file, {}).get(mutant.line, ()))]
    result = workshop.run(mutant, tests, first, 60 + 5 * baseline["cpu"])
    verdict = {0: "survived", 1: "killed", None: "killed (time or crash)"}.get(result["exit"], "killed (import)")
    reached = bool(baseline["lines"].get(mutant.file, {}).get(mutant.line))
    return {**dataclasses.asdict(mutant), **state, "verdict": verdict, "reached": reached,
            **{key: result[key] for key in ("failed", "seconds", "cpu")}}  # fmt: skip


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the result as text: a line per room, then every survivor."""
    lines = [
        f"{'room':12} {'mutants':>8} {'killed':>8} {'equivalent':>11} {'survived':>9} {'killed of the others':>21}"
    ]
    rooms = list(dict.fromkeys(r["room"] for r in results))
    for room in (*rooms, "all"):
        of_room = [r for r in results if room in (r["room"], "all")]
        count = Counter(r["verdict"].split()[0] for r in of_room)
        killed, equivalent, survived = (count[verdict] for verdict in ("killed", "equivalent", "survived"))
        share = killed / max(1, killed + survived)
        lines.append(f"{room:12} {len(of_room):8} {killed:8} {equivalent:11} {survived:9} {share:21.1%}")
    for r in results:
        if r["verdict"] == "survived":
            reached = "" if r["reached"] else "  (no test reaches the line)"
            lines += [
                f"\nsoensim/{r['file']}:{r['line']}: {r['kind']}{reached}",
                f"    {r['code']}",
                f"    {r['before']}  ->  {r['after']}",
            ]
    return "\n".join(lines)


def main() -> None:
    """Draw mutants, run them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="mutants, shared equally by the rooms (default 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="mutants at a time (default 2)")
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--kernels", action="store_true", help="change the bodies of compiled functions too")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "mutants.json", help="results (default mutants.json)")
    given = parser.parse_args()
    chosen = choose(given.rooms, given.count, given.seed, given.kernels)
    if given.list:
        for room, m in chosen:
            sys.stdout.write(f"{room:12} soensim/{m.file}:{m.line}: {m.kind}: {m.before}  ->  {m.after}\n")
        return
    listed = yaml.safe_load(EQUIVALENT.read_text()) if EQUIVALENT.exists() else []
    before = json.loads(given.out.read_text()) if given.out.exists() else []
    known = {place(r): r for r in before}
    results: dict[int, dict[str, Any]] = {}

    def note(number: int, room: str, mutant: Mutant, result: Mapping[str, Any]) -> None:
        results[number] = {**result, "room": room}
        drawn = {place(r) for r in results.values()}
        kept = [r for key, r in known.items() if key not in drawn]  # what is not asked for, or not yet
        text = json.dumps([*(results[k] for k in sorted(results)), *kept], indent=1)
        given.out.with_suffix(".tmp").write_text(text)
        given.out.with_suffix(".tmp").replace(given.out)
        sys.stdout.write(
            f"{len(results):4}/{len(chosen)} {result['verdict']:12} {mutant.file}:{mutant.line} {mutant.after!r:.60}\n"
        )
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workshop = Workshop(Path(folder), given.workers)
        baselines: dict[tuple[str, ...], Any] = {}

        def work(number: int, room: str, mutant: Mutant) -> None:
            reason = next((e["reason"] for e in listed if mutant.same_as(e)), None)
            if reason is not None:
                note(number, room, mutant, {**dataclasses.asdict(mutant), "verdict": "equivalent", "reason": reason})
                return
            old = known.get(place(vars(mutant)), {})
            note(number, room, mutant, judge(workshop, mutant, baselines, old))

        with ThreadPoolExecutor(given.workers) as pool:
            files = list(dict.fromkeys(owners(mutant.file) for _, mutant in chosen))
            baselines |= zip(files, pool.map(workshop.baseline, files), strict=True)
            for done in [pool.submit(work, k, room, mutant) for k, (room, mutant) in enumerate(chosen)]:
                done.result()
    sys.stdout.write(table([results[k] for k in sorted(results)]) + "\n")
    if any(result["verdict"] == "not run" for result in results.values()):
        raise SystemExit("some mutants were not run: the tests of their files fail without any change")


if __name__ == "__main__":
    main()
