"""Compare ways to make weights that a chip can hold, after training and in training.

Trains a small network for several sign rules and numbers of bits, quantises it in every way, and scores the codes on
digits that nothing was chosen on. Writes table.csv and accuracy.png. Ten minutes on one core:
python studies/quantisation/run.py
"""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from soensim import Dataset, Network, Program, compile_network, load_dataset, make_recipe, route, train
from soensim.evaluation.score import predict
from soensim.netlist import parse_netlist
from soensim.program import dense_weights, slots
from soensim.report.figures import save_png
from soensim.report.figures.style import FAINT, new_figure, styled
from soensim.training.calibrate import calibrated

HERE = Path(__file__).parent
SEEDS = range(3)  # of the weights and of the split
EPOCHS = 20  # without quantisation, and again with it; chosen on validation splits, like the learning rate
SETTINGS = {"batch_size": 32, "learning_rate": 0.02, "epochs": EPOCHS, "ideal_epochs": EPOCHS}
PER_EDGE = "{kind: per-edge, negative_fraction: 0.5, seed: 0}"
DALE = "{kind: dale, inhibitory_fraction: 0.5, seed: 0}"
CHIPS = {  # bits, sign rule, full scale
    "4 bits, free": (4, "free", "programmable"),
    "4 bits, free, fixed full scale": (4, "free", "fixed"),
    "3 bits, free": (3, "free", "programmable"),
    "4 bits, sign per edge": (4, PER_EDGE, "programmable"),
    "4 bits, Dale": (4, DALE, "programmable"),
}
WAYS = (
    "float",
    "full range",
    "largest weight",
    "least squares",
    "calibrated",
    "straight-through",
    "gradual",
    "stochastic",
)


def network_of(bits: int, sign: str, full_scale: str) -> Network:
    """Compile the network with these efficacies."""
    text = (HERE / "rows-28.yaml").read_text()
    text = text.replace("bits: 4", f"bits: {bits}").replace("programmable}", f"{full_scale}, sign: {sign}}}")
    return compile_network(route(parse_netlist(text)))


def programs(network: Network, data: Dataset, seed: int) -> dict[str, Program]:
    """Make the weights in every way."""
    found = {
        way: train(network, data, make_recipe("bptt", {**SETTINGS, "train_seed": seed, "quantisation": way})).program
        for way in WAYS[5:]
    }
    ideal = found["straight-through"].ideal_values  # the ideal epochs of all ways are the same
    weights = {**ideal, **dense_weights(network, ideal)}
    programmable = {key: slot for key, slot in slots(network).items() if slot.programmable_scale}
    largest = {key: min(1.0, float(np.abs(ideal[key]).max() / slot.levels[-1])) for key, slot in programmable.items()}
    return {
        "float": found["straight-through"].as_ideal(),
        "full range": Program.quantised(network, weights, scales={}),
        "largest weight": Program.quantised(network, weights, scales=largest),
        "least squares": Program.quantised(network, weights),
        "calibrated": calibrated(network, weights, data.train.inputs),
        **found,
    }


def main() -> None:
    """Run the study."""
    table: dict[str, dict[str, list[float]]] = {}
    for name, efficacy in CHIPS.items():
        network = network_of(*efficacy)
        row = table.setdefault(name, {way: [] for way in WAYS})
        for seed in SEEDS:
            data = load_dataset("digits-rows", data_seed=seed)
            for way, program in programs(network, data, seed).items():
                row[way].append(float((predict(network, program, data.test) == data.test.labels).mean()))
        print(name, {way: f"{100 * np.mean(v):.1f}" for way, v in row.items()}, flush=True)  # noqa: T201
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["chip", "way", "mean", *(f"seed_{seed}" for seed in SEEDS)])
        for name, row in table.items():
            for way, found in row.items():
                writer.writerow([name, way, f"{np.mean(found):.4f}", *(f"{v:.4f}" for v in found)])
    save_png(drawn(table), HERE / "accuracy.png")


@styled
def drawn(table: dict[str, dict[str, list[float]]]) -> Figure:
    """Draw every score: a column per way, a mark per chip."""
    figure = new_figure(9.5, 3.6)
    axes = figure.add_subplot()
    for k, (name, row) in enumerate(table.items()):
        shift = 0.13 * (k - (len(table) - 1) / 2)
        x = np.repeat(np.arange(len(WAYS)) + shift, len(SEEDS))
        axes.plot(x, 100 * np.concatenate([row[way] for way in WAYS]), "osD^v"[k], markersize=4, label=name)
    axes.set_xticks(range(len(WAYS)), [way.replace(" ", "\n").replace("-", "-\n") for way in WAYS])
    axes.set_ylabel("test accuracy (%)")
    axes.set_ylim(58, 100)  # lower ones, of the full range at 3 bits and of one seed, are in table.csv
    axes.axvspan(0.5, 4.5, color=FAINT, alpha=0.15, linewidth=0)
    axes.text(2.5, 61, "after training", ha="center")
    axes.text(6, 61, "in training", ha="center")
    figure.legend(loc="outside right upper", fontsize=8)
    return figure


if __name__ == "__main__":
    main()
