"""Measure what training on virtual chips gives to the chips that come back from fabrication.

Trains year1-28 on splits of the digits: on the nominal chip, on chips with all spreads of its netlist, and with one
kind of difference alone. Scores each program on twenty fabricated chips at a step four times finer than that of
training. Writes table.csv and accuracy.png. Half an hour on one core: python studies/robustness/run.py
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from soensim import Program, compile_network, evaluate, load_dataset, load_netlist, make_recipe, route, train
from soensim.report.figures import save_png
from soensim.report.figures.style import RIGHT, WRONG, new_figure, styled

HERE = Path(__file__).parent
CHIP = HERE.parents[1] / "netlists" / "year1-28.yaml"
TRIALS = 20
TWICE = {
    "efficacy_spread": 0.1,
    "gamma_minus_spread": 0.04,
    "bias_current_spread": 0.02,
    "flux_offset_spread": 0.02,
}
TRAININGS: dict[
    str, tuple[dict[str, Any], int]
] = {  # settings beside those of the program that ships, and on how many splits
    "nominal": ({}, 5),
    "all of the netlist": ({"robust": True}, 5),
    "all, twice as much": (TWICE, 5),
    "flux offset 0.01": ({"flux_offset_spread": 0.01}, 2),
    "bias 1 %": ({"bias_current_spread": 0.01}, 2),
    "efficacies 5 %": ({"efficacy_spread": 0.05}, 2),
    "read noise 0.01": ({"read_noise_flux": 0.01}, 2),
    "dead synapses 2 %": ({"drop_synapses": 0.02}, 2),
    "leak 2 %": ({"gamma_minus_spread": 0.02}, 2),
    "delays 20 %": ({"delay_spread": 0.2}, 2),
    "all, 4 chips per batch": ({"robust": True, "chips_per_batch": 4}, 2),
}
COLUMNS = ["training", "data_seed", "codes_training_step", "codes", "chips_mean", "chips_worst", "chips_std"]
Row = dict[str, str]


def main() -> None:
    """Run the study; a row that table.csv already has is not measured again."""
    routed = route(load_netlist(CHIP))
    network = compile_network(routed)
    shipped = {k: v for k, v in Program.load(CHIP.with_suffix(".safetensors")).header["recipe"].items() if k != "rule"}
    table = HERE / "table.csv"
    rows: list[Row] = list(csv.DictReader(table.open())) if table.exists() else []
    for name, (settings, splits) in TRAININGS.items():
        for data_seed in range(splits):
            if any(row["training"] == name and row["data_seed"] == str(data_seed) for row in rows):
                continue
            data = load_dataset("digits-rows", data_seed=data_seed)
            program = train(network, data, make_recipe("bptt", {**shipped, **settings})).program
            a = evaluate(routed, program, data, trials=TRIALS).accuracy
            scores = (a.quantised_training_step, a.quantised, a.chip_mean, min(a.chips), np.std(a.chips, ddof=1))
            rows.append(dict(zip(COLUMNS, [name, str(data_seed), *(f"{v:.4f}" for v in scores)], strict=True)))
            print(rows[-1], flush=True)  # noqa: T201
            with table.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
    save_png(drawn(rows), HERE / "accuracy.png")


@styled
def drawn(rows: list[Row]) -> Figure:
    """Draw mean and worst chip of every training and split."""
    figure = new_figure(8.0, 3.8)
    axes = figure.add_subplot()
    for k, name in enumerate(TRAININGS):
        own = [row for row in rows if row["training"] == name]
        height = k + np.linspace(-0.2, 0.2, 5)[: len(own)]
        mean, worst = (100 * np.array([float(row[c]) for row in own]) for c in ("chips_mean", "chips_worst"))
        axes.hlines(height, worst, mean, color=RIGHT, linewidth=1)
        axes.plot(mean, height, "o", color=RIGHT, markersize=4, label="mean of 20 chips" if k == 0 else None)
        axes.plot(worst, height, "|", color=WRONG, markersize=6, label="worst of 20" if k == 0 else None)
    axes.set_yticks(range(len(TRAININGS)), list(TRAININGS))
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy of fabricated chips (%); one line per split, from 0 downwards")
    axes.grid(axis="x", linewidth=0.4)
    axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    main()
