"""Compare recurrent wiring that was trained with wiring that was drawn: at equal routed length and at equal edges.

`bptt`, unquantised weights, three seeds of weights, topology and, for the digits, the split. A line of table.csv is one
training: test accuracy, recurrent edges, their routed length. Lines that are there are not measured again.
An hour on one core: python studies/co-design/run.py [CASE …]
"""

import argparse
import csv
import dataclasses
import time
from pathlib import Path

import numpy as np
import yaml

from soensim import compile_network, evaluate, load_dataset, load_netlist, make_recipe, route, train
from soensim.netlist import Netlist, dump_netlist, parse_netlist
from soensim.routing import RoutedNetlist
from soensim.routing.wiring import wiring_of

HERE = Path(__file__).parent
KEY = "hidden->hidden"
COLUMNS = ["case", "wiring", "seed", "edges", "length_mm", "validation", "test", "train_s"]
SEEDS = (0, 1, 2)
NEAR = "co-designed, near"


@dataclasses.dataclass(frozen=True)
class Case:
    """A chip whose W_hh is all-to-all, its data, the settings of the rule, budgets: from all edges, from near ones."""

    chip: Path
    data: str
    settings: dict[str, float]
    budget_mm: float
    near_budget_mm: float


CASES = {
    "rows-24-wired": Case(HERE / "rows-24-wired.yaml", "mnist-rows", {"epochs": 10}, 25.0, 18.0),
    "optical-28": Case(
        HERE.parents[1] / "netlists" / "optical-28.yaml",
        "digits-rows",
        {"epochs": 60, "batch_size": 32, "learning_rate": 0.02},
        120.0,
        100.0,
    ),
}


def main() -> None:
    """Measure the cases named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--dense", action="store_true", help="measure all-to-all as well")
    options = parser.parse_args()
    for name in options.cases or CASES:
        for seed in SEEDS:
            whole = load_netlist(CASES[name].chip)
            measure(name, NEAR, seed, near(whole, 2, self_connections=True), CASES[name].near_budget_mm)
            edges, length_mm = measure(name, "co-designed", seed, whole, CASES[name].budget_mm)
            measure(name, "random, equal length", seed, random_of_length(whole, length_mm, seed))
            measure(name, "random, equal edges", seed, random_of_edges(whole, edges, seed))
            measure(name, "neighbours, equal edges", seed, neighbours(whole, edges, seed))
            if options.dense:
                measure(name, "all-to-all", seed, whole)


def measure(name: str, wiring: str, seed: int, netlist: Netlist, budget_mm: float = 0.0) -> tuple[int, float]:
    """Train and score one chip, or look it up; return its recurrent edges and their length (mm)."""
    for row in measured():
        if (row["case"], row["wiring"], row["seed"]) == (name, wiring, str(seed)):
            return int(row["edges"]), float(row["length_mm"])
    case, started = CASES[name], time.process_time()
    data = load_dataset(case.data, data_seed=0 if case.data.startswith("mnist") else seed)
    settings = {**case.settings, "wiring_budget_mm": budget_mm, "quantise": False, "train_seed": seed}
    recipe = make_recipe("bptt", settings)
    routed = route(netlist)
    result = train(compile_network(routed), data, recipe, routed=routed)
    seconds = time.process_time() - started
    final = routed if result.pruned is None else result.pruned.routed
    found = evaluate(final, result.program, data, trials=1)
    row = [
        *(name, wiring, seed, len(final.projections[KEY].edges), f"{length_of(final):.2f}"),
        *(f"{result.history[-1]['validation_accuracy']:.4f}", f"{found.accuracy.ideal:.4f}", f"{seconds:.0f}"),
    ]
    print(*row, sep=", ", flush=True)  # noqa: T201
    append(row)
    return int(row[3]), float(row[4])


def length_of(routed: RoutedNetlist) -> float:
    """Length (mm) of the recurrent edges, as the budget of `soensim check` has it."""
    wiring = wiring_of(routed, [KEY])
    return wiring.taken_um(np.ones(len(wiring), dtype=bool)) / 1e3


def with_topology(whole: Netlist, **topology: object) -> Netlist:
    """Return the chip with another recurrent topology."""
    content = yaml.safe_load(dump_netlist(whole))
    (recurrent,) = (part for part in content["projections"] if part["source"] == part["target"])
    recurrent["topology"] = topology
    return parse_netlist(yaml.safe_dump(content))


def random_of_edges(whole: Netlist, edges: int, seed: int) -> Netlist:
    """Draw as many edges, uniformly."""
    size = whole.populations["hidden"].size
    return with_topology(whole, kind="random", density=edges / size**2, seed=seed)


def random_of_length(whole: Netlist, length_mm: float, seed: int) -> Netlist:
    """Draw edges uniformly; of all numbers of edges, the one whose routes come nearest to the length."""
    low, high = 1, len(whole.edges(whole.projections[-1]))
    while high - low > 1:  # more edges of one seed take more length, nearly always
        middle = (low + high) // 2
        if length_of(route(random_of_edges(whole, middle, seed))) < length_mm:
            low = middle
        else:
            high = middle
    chips = [random_of_edges(whole, edges, seed) for edges in range(max(1, low - 2), high + 3)]
    return min(chips, key=lambda chip: abs(length_of(route(chip)) - length_mm))


def near(whole: Netlist, radius: float, **more: object) -> Netlist:
    """Take the pairs within a radius (cell pitches)."""
    return with_topology(whole, kind="distance-limited", radius=radius, **more)


def neighbours(whole: Netlist, edges: int, seed: int) -> Netlist:
    """Draw as many edges among the nearest neighbours."""
    nearest = near(whole, 1)
    possible = len(nearest.edges(nearest.projections[-1]))
    return nearest if edges == possible else near(whole, 1, density=edges / possible, seed=seed)


def measured() -> list[dict[str, str]]:
    """Lines of table.csv."""
    table = HERE / "table.csv"
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def append(row: list[object]) -> None:
    """Add a line to table.csv."""
    table = HERE / "table.csv"
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


if __name__ == "__main__":
    main()
