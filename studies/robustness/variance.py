"""Measure whether a batch should see more than one virtual chip.

Takes the gradient of bptt on year1-28 over batches and virtual chips with all spreads of the netlist, at weights from
the middle of a training, and splits its variance. A minute: python studies/robustness/variance.py
"""

from pathlib import Path

import numpy as np
import torch

from soensim import compile_network, load_dataset, load_netlist, make_recipe, route
from soensim.data import batches
from soensim.training.loop import Training

CHIP = Path(__file__).parents[2] / "netlists" / "year1-28.yaml"
COUNT, BATCH = 24, 32


def main() -> None:
    """Print the parts of the variance."""
    network, data = compile_network(route(load_netlist(CHIP))), load_dataset("digits-rows")
    recipe = make_recipe("bptt", {"epochs": 8, "batch_size": BATCH, "learning_rate": 0.02, "robust": True})
    training = Training(network, data, recipe)
    training.run()
    chip, rule = training.chip, training.rule
    parameters = [*chip.latent.values()]
    order = list(batches(training.samples, BATCH, seed=0, epoch=99))[:COUNT]

    def gradient(rows: np.ndarray, seed: int) -> torch.Tensor:
        fabricated = chip.fabricated(chip.values(True), seed)
        loss = rule.loss(fabricated, training.train_x[rows], training.train_y[rows], np.random.default_rng(0)).total
        return torch.cat([g.ravel() for g in torch.autograd.grad(loss, parameters)])

    everything = torch.stack([torch.stack([gradient(rows, seed) for seed in range(8)]) for rows in order])
    over_chips = everything.var(1).mean(0).sum()  # at a given batch
    over_batches = everything.var(0).mean(0).sum()  # on a given chip
    print(f"variance over chips at a batch: {over_chips:.4g}; over batches on a chip: {over_batches:.4g}")  # noqa: T201
    total = over_batches + everything.mean(0).var(0).sum()
    print(f"share of chips in the whole: {100 * over_chips / total:.0f} %")  # noqa: T201


if __name__ == "__main__":
    main()
