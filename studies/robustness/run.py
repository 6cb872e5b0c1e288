"""Measure what training on virtual chips gives to the chips that come back from fabrication.

Trains year1-28 on splits of the digits: on the nominal chip, on chips with all spreads of its netlist, and with one
kind of difference alone. Scores each program on twenty fabricated chips at a step four times finer than that of
training. Writes table.csv and accuracy.png. Half an hour on one core: python studies/robustness/run.py
"""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from soensim import Program, compile_network, evaluate, load_dataset, load_netlist, make_recipe, route, train
from soensim.report.figures import save_png

HERE = Path(__file__).parent
CHIP = HERE.parents[1] / "netlists" / "year1-28.yaml"
TRIALS = 20
TRAININGS = {  # settings beside those of the program that ships, and on how many splits
    "nominal": ({}, 5),
    "all of the netlist": ({"robust": True}, 5),
    "flux offset 0.01": ({"flux_offset_spread": 0.01}, 3),
    "bias 1 %": ({"bias_current_spread": 0.01}, 3),
    "efficacies 5 %": ({"efficacy_spread": 0.05}, 3),
    "leak 2 %": ({"gamma_minus_spread": 0.02}, 3),
    "read noise 0.01": ({"read_noise_flux": 0.01}, 3),
    "dead synapses 2 %": ({"drop_synapses": 0.02}, 3),
    "delays 20 %": ({"delay_spread": 0.2}, 3),
}


def main() -> None:
    """Run the study."""
    routed = route(load_netlist(CHIP))
    network = compile_network(routed)
    shipped = {k: v for k, v in Program.load(CHIP.with_suffix(".safetensors")).header["recipe"].items() if k != "rule"}
    rows: list[tuple[str, int, float, float, list[float]]] = []
    for name, (settings, splits) in TRAININGS.items():
        for data_seed in range(splits):
            data = load_dataset("digits-rows", data_seed=data_seed)
            program = train(network, data, make_recipe("bptt", {**shipped, **settings})).program
            scores = evaluate(routed, program, data, trials=TRIALS).accuracy
            rows.append((name, data_seed, scores.quantised_training_step, scores.quantised, list(scores.chips)))
            print(name, data_seed, scores.quantised, np.mean(scores.chips), min(scores.chips), flush=True)  # noqa: T201
        write(rows)
    save_png(drawn(rows), HERE / "accuracy.png")


def write(rows: list[tuple[str, int, float, float, list[float]]]) -> None:
    """Write what is measured so far."""
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["training", "data_seed", "codes_training_step", "codes", "chips_mean", "chips_worst", "chips_std"]
        )
        for name, seed, coarse, codes, chips in rows:
            found = (coarse, codes, np.mean(chips), min(chips), np.std(chips, ddof=1))
            writer.writerow([name, seed, *(f"{v:.4f}" for v in found)])


def drawn(rows: list[tuple[str, int, float, float, list[float]]]) -> Figure:
    """Draw every chip of every training, and the mean over splits 0 to 2."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for k, name in enumerate(TRAININGS):
        own = [row for row in rows if row[0] == name and row[1] < 3]
        chips = 100 * np.concatenate([row[4] for row in own])
        axes.plot(chips, k + np.linspace(-0.25, 0.25, len(chips)), ".", color="tab:blue", markersize=4)
        axes.plot(chips.mean(), k, "|", color="black", markersize=20, markeredgewidth=2)
    axes.set_yticks(range(len(TRAININGS)), TRAININGS)
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy of fabricated chips (%), splits 0 to 2; line: mean")
    axes.grid(axis="x", linewidth=0.4)
    return figure


if __name__ == "__main__":
    main()
