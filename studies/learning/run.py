"""Measure every learning rule on the chip that is meant for it, as a user would: `soensim train`, `soensim evaluate`.

Each case is one command line. A line of table.csv is one seed of one case: the test accuracy of the ideal weights, of
the 4-bit codes, and of fabricated chips. Settings were chosen on validation images; test images are scored once a line.
A line that table.csv has is not measured again. All of it takes hours on one core:

    python studies/learning/run.py --list          # the commands
    python studies/learning/run.py --summary       # means and 95 % intervals over the seeds; accuracy.png
    python studies/learning/run.py bptt squid-mnist-rows --seeds 0 1 2
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from soensim.evaluation.statistics import mean_interval
from soensim.report.figures import save_png
from soensim.report.figures.style import RIGHT, SERIES, WRONG, new_figure, styled

HERE = Path(__file__).parent
NETLISTS = HERE.parents[1] / "netlists"
COLUMNS = ["case", "seed", "ideal", "codes_training_step", "codes", "chips_mean", "chips_worst", "train_s"]
SCORES = ["ideal", "codes", "chips_mean", "chips_worst"]


@dataclass(frozen=True)
class Case:
    """A chip, its data, the flags of `soensim train`; a seed draws the weights, or the split of the digits."""

    chip: Path
    data: str
    flags: str
    trials: int = 10
    seed: str = "--seed"
    seeds: tuple[int, ...] = (0, 1, 2)


SQUID = (
    "--rule bptt --learning-rate 0.02 --recurrent-gain 0.3 --slope-width 0 --ideal-epochs 30 --epochs 20 "
    "--quantised-rate 0.5"
)
SPLITS = (0, 1, 2, 3, 4)
CASES = {
    "bptt": Case(NETLISTS / "rows-24.yaml", "mnist-rows", "--rule bptt --ideal-epochs 18 --epochs 24"),
    "bptt-after-training": Case(
        NETLISTS / "rows-24.yaml", "mnist-rows", "--rule bptt --no-quantise --calibration-samples 1000 --epochs 24"
    ),
    "bptt-sparse": Case(HERE / "rows-24-sparse.yaml", "mnist-rows", "--rule bptt --ideal-epochs 18 --epochs 24"),
    "squid-mnist-pooled": Case(NETLISTS / "year1-28.yaml", "mnist-8in-pool", SQUID),
    "squid-mnist-rows": Case(NETLISTS / "squid-rows-24.yaml", "mnist-rows", SQUID),
    "squid-mnist-pooled-robust": Case(
        NETLISTS / "year1-28.yaml",
        "mnist-8in-pool",
        "--rule bptt --learning-rate 0.02 --recurrent-gain 0.3 --slope-width 0 --ideal-epochs 12 --epochs 12 "
        "--quantised-rate 0.5 --robust",
        trials=20,
    ),
    "squid-mnist-rows-robust": Case(
        NETLISTS / "squid-rows-24.yaml", "mnist-rows", f"{SQUID} --robust --refine 2", trials=20
    ),
    "digits-robust": Case(
        NETLISTS / "year1-28.yaml",
        "digits-rows",
        "--rule bptt --batch-size 32 --learning-rate 0.02 --ideal-epochs 40 --epochs 80 --robust",
        20,
        "--data-seed",
        SPLITS,
    ),
    "ff-temporal": Case(
        NETLISTS / "rows-24-labels.yaml",
        "mnist-rows",
        "--rule ff-temporal --sharpness 1000 --negatives hard --weight-decay 0 --schedule half-linear "
        "--ideal-epochs 25 --epochs 25",
    ),
    "ff-temporal-range-1": Case(
        HERE / "labels-range-1.yaml",
        "mnist-rows",
        "--rule ff-temporal --sharpness 1000 --negatives hard --weight-decay 0 --schedule half-linear "
        "--ideal-epochs 25 --epochs 25",
    ),
    "ff-local-24": Case(
        HERE / "local-24.yaml",
        "mnist-image",
        "--rule ff-local --learning-rate 0.003 --shift-pixels 1 --ideal-epochs 60 --epochs 20 --quantised-rate 0.2",
    ),
    "ff-local-500": Case(
        NETLISTS / "mnist-local-500.yaml",
        "mnist-image",
        "--rule ff-local --shift-pixels 1 --ideal-epochs 40 --epochs 15",
    ),
    "ff-unsupervised": Case(
        NETLISTS / "mnist-unsupervised-500.yaml",
        "mnist-image",
        "--rule ff-unsupervised --shift-pixels 1 --ideal-epochs 40 --epochs 10 --quantised-rate 0.3",
    ),
    "ff-unsupervised-control": Case(
        NETLISTS / "mnist-unsupervised-500.yaml",
        "mnist-image",
        "--rule ff-unsupervised --no-train-populations --shift-pixels 1 --ideal-epochs 20 --epochs 10 "
        "--quantised-rate 0.3",
    ),
    "ff-recurrent": Case(
        NETLISTS / "mnist-recurrent-500.yaml",
        "mnist-image",
        "--rule ff-recurrent --shift-pixels 1 --ideal-epochs 20 --epochs 6 --quantised-rate 0.3",
    ),
    "ff-inverted": Case(
        NETLISTS / "mnist-inverted-300.yaml",
        "mnist-image",
        "--rule ff-inverted --shift-pixels 1 --ideal-epochs 22 --epochs 6 --quantised-rate 0.3",
        trials=20,
    ),
}


def main() -> None:
    """Measure the cases named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="cases (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, help="seeds (default: those of the case)")
    parser.add_argument("--runs", type=Path, help="folder for the run folders (default: thrown away)")
    parser.add_argument("--list", action="store_true", help="print the commands and do nothing")
    parser.add_argument("--summary", action="store_true", help="print means and intervals of what was measured")
    options = parser.parse_args()
    if options.summary:
        print("\n".join(summary()))  # noqa: T201
        save_png(drawn(), HERE / "accuracy.png")
        return
    for name in options.cases or CASES:
        for seed in options.seeds or CASES[name].seeds:
            if options.list:
                print(train_command(CASES[name], seed))  # noqa: T201
            elif (name, str(seed)) not in measured():
                with TemporaryDirectory() as scratch:
                    row = measure(name, seed, (options.runs or Path(scratch)) / f"{name}-{seed}")
                print(row, flush=True)  # noqa: T201
                append(row)


def train_command(case: Case, seed: int) -> str:
    """Return the line that a user would type."""
    chip = case.chip.relative_to(HERE.parents[1])
    return f"soensim train {chip} --data {case.data} {case.flags} {case.seed} {seed}"


def measure(name: str, seed: int, run_dir: Path) -> list[str]:
    """Train one seed of a case and score it; return a line of the table."""
    case = CASES[name]
    start = time.perf_counter()
    soensim(train_command(case, seed).split()[1:], ["--run-dir", str(run_dir)])
    seconds = time.perf_counter() - start
    scores = run_dir / "evaluation.json"
    program = run_dir / "program.safetensors"
    options = ["--program", str(program), "--trials", str(case.trials), "--html", "none", "--json", str(scores)]
    soensim(["evaluate", str(case.chip)], options)
    a = json.loads(scores.read_text())["accuracy"]
    values = (a["ideal"], a["quantised_training_step"], a["quantised"], a["chip"]["mean"], min(a["chip"]["each"]))
    return [name, str(seed), *(f"{value:.4f}" for value in values), f"{seconds:.0f}"]


def soensim(command: list[str], options: list[str]) -> None:
    """Run a verb of soensim from the folder of the project."""
    subprocess.run([sys.executable, "-m", "soensim", *command, *options], check=True, cwd=HERE.parents[1])  # noqa: S603


def measured() -> set[tuple[str, str]]:
    """Return case and seed of every line that table.csv has."""
    table = HERE / "table.csv"
    return {(row["case"], row["seed"]) for row in csv.DictReader(table.open())} if table.exists() else set()


def summary() -> list[str]:
    """Return the lines of a Markdown table: mean and half the 95 % interval over the seeds, in percent."""
    rows = list(csv.DictReader((HERE / "table.csv").open()))
    lines = ["| case | seeds | ideal | 4 bits | chips, mean | worst chip |", "|---|---|---|---|---|---|"]
    for name in CASES:
        own = [row for row in rows if row["case"] == name]
        if own:
            scores = [percent([float(row[column]) for row in own]) for column in SCORES]
            lines.append(f"| `{name}` | {len(own)} | {' | '.join(scores)} |")
    return lines


@styled
def drawn() -> Figure:
    """Draw what every seed of every case reached."""
    rows = list(csv.DictReader((HERE / "table.csv").open()))
    names = [name for name in CASES if any(row["case"] == name for row in rows)]
    figure = new_figure(8.0, 0.8 + 0.32 * len(names))
    axes = figure.add_subplot()
    marks = {"ideal": ("o", "none", "ideal weights"), "codes": ("o", RIGHT, "4-bit codes")}
    marks |= {"chips_mean": ("s", SERIES[2], "fabricated chips, mean"), "chips_worst": ("|", WRONG, "worst chip")}
    for column, (marker, face, label) in marks.items():
        own = [row for row in rows if row["case"] in names]
        axes.plot(
            [100 * float(row[column]) for row in own],
            [names.index(row["case"]) + 0.15 * (int(row["seed"]) - 1) for row in own],
            marker,
            markersize=5,
            markerfacecolor=face,
            markeredgecolor=RIGHT if face == "none" else face,
            label=label,
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy (%), a line per seed")
    axes.grid(axis="x", linewidth=0.4)
    axes.legend(fontsize=8, loc="upper left")
    return figure


def percent(values: list[float]) -> str:
    """Return "mean ± half of the 95 % interval", or the value alone if there is one."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{100 * mean:.2f}"
    low, high = mean_interval(values)
    return f"{100 * mean:.2f} ± {50 * (high - low):.2f}"


def append(row: list[str]) -> None:
    """Add a line to table.csv."""
    table = HERE / "table.csv"
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


if __name__ == "__main__":
    main()
