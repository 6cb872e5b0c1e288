"""Measure how well the first-year chip reads digits, and how much the split of 1797 images decides.

Trains year1-28 on five splits of the digits and scores each as `soensim.evaluate` does. Writes table.csv, and
accuracy.png for the program that ships. About ten minutes on one core: python studies/year1-28/run.py
"""

import csv
from pathlib import Path

import numpy as np

from soensim import Program, compile_network, evaluate, load_dataset, load_netlist, make_recipe, route, train
from soensim.evaluation.statistics import mean_interval
from soensim.report.figures import accuracy, save_png

HERE = Path(__file__).parent
CHIP = HERE.parents[1] / "netlists" / "year1-28.yaml"
SPLITS = range(5)


def main() -> None:
    """Run the study."""
    routed = route(load_netlist(CHIP))
    network = compile_network(routed)
    shipped = Program.load(CHIP.with_suffix(".safetensors"))
    settings = {name: value for name, value in shipped.header["recipe"].items() if name != "rule"}
    recipe = make_recipe(shipped.header["recipe"]["rule"], settings)
    rows = []
    for data_seed in SPLITS:
        data = load_dataset("digits-rows", data_seed=data_seed)
        program = train(network, data, recipe).program
        result = evaluate(routed, program, data)
        a = result.accuracy
        rows.append([data_seed, a.ideal, a.quantised_training_step, a.quantised, a.chip_mean, min(a.chips)])
        print(rows[-1], flush=True)  # noqa: T201
        if data_seed == 0:
            save_png(accuracy(result), HERE / "accuracy.png")
    columns = ["data_seed", "ideal", "codes_training_step", "codes", "chips_mean", "chips_worst"]
    values = np.array(rows)[:, 1:]
    intervals = [mean_interval(list(column)) for column in values.T]
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([[int(row[0]), *(f"{v:.4f}" for v in row[1:])] for row in rows])
        writer.writerow(["mean", *(f"{v:.4f}" for v in values.mean(0))])
        writer.writerow(["ci95_low", *(f"{low:.4f}" for low, _ in intervals)])
        writer.writerow(["ci95_high", *(f"{high:.4f}" for _, high in intervals)])


if __name__ == "__main__":
    main()
