"""Compare learning that goes forward in time only with backpropagation through time: accuracy and memory.

Trains the network of studies/quantisation on digits with both rules, and counts what a batch keeps in memory for
sequences of growing length. Writes table.csv. Ten minutes on one core: python studies/eprop/run.py
"""

import csv
import gc
import weakref
from pathlib import Path

import numpy as np
import torch

from soensim import compile_network, load_dataset, load_netlist, make_recipe, route, train
from soensim.evaluation.score import predict
from soensim.training.eligibility_traces import run_with_traces
from soensim.training.trainable_network import TrainableChip

HERE = Path(__file__).parent
CHIP = HERE.parent / "quantisation" / "rows-28.yaml"
SEEDS = range(3)  # of the weights and of the split
SETTINGS = {"batch_size": 32, "epochs": 12, "ideal_epochs": 12}
RULES = {  # learning rates chosen on the validation images of split 0
    "bptt": ("bptt", {"learning_rate": 0.02}),
    "eprop, symmetric": ("eprop", {}),
    "eprop, random": ("eprop", {"feedback": "random", "recurrent_gain": 0.1, "readout_gain": 3.0}),
    "bptt without recurrence at the start": ("bptt", {"learning_rate": 0.02, "recurrent_gain": 0.1}),
}
LENGTHS = (8, 64, 512)


def kept_bytes(rule_name: str, samples: int) -> int:
    """Count bytes of states, traces and what is saved for the way back, for one batch of 32."""
    network = compile_network(route(load_netlist(CHIP)))
    recipe = make_recipe(rule_name, {})
    chip = TrainableChip(network, recipe)
    rule = recipe.make_rule(chip)
    saved: weakref.WeakSet[object] = weakref.WeakSet()

    class Saved:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor
            saved.add(self)

    nominal, x = chip.nominal(False), torch.full((32, samples, network.channels), 0.2)
    y = torch.zeros(32, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda kept: kept.tensor):
        loss = rule.loss(nominal, x, y, np.random.default_rng(0))
    gc.collect()
    storages = {s.tensor.untyped_storage().data_ptr(): s.tensor.untyped_storage().nbytes() for s in saved}
    found = sum(storages.values())
    if rule_name == "eprop":
        traces = run_with_traces(chip, nominal, chip.signals(x), mean=False)
        found += sum(e.numel() * e.element_size() for e in traces.eligibility.values())
    del loss
    return found


def main() -> None:
    """Run the study."""
    rows: list[list[object]] = [
        ["memory_kib", rule, *(round(kept_bytes(rule, n) / 1024) for n in LENGTHS)] for rule in ("bptt", "eprop")
    ]
    print(rows, flush=True)  # noqa: T201
    network = compile_network(route(load_netlist(CHIP)))
    for name, (rule, settings) in RULES.items():
        scores, seconds = [], 0.0
        for seed in SEEDS:
            data = load_dataset("digits-rows", data_seed=seed)
            result = train(network, data, make_recipe(rule, {**SETTINGS, **settings, "train_seed": seed}))
            scores.append(float((predict(network, result.program, data.test) == data.test.labels).mean()))
            seconds += sum(float(row["seconds_train"]) for row in result.history)
        rows.append(["accuracy", name, *(f"{v:.4f}" for v in scores)])
        print(rows[-1], seconds, flush=True)  # noqa: T201
        with (HERE / "table.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["quantity", "rule", "seed_0 or 8 samples", "seed_1 or 64", "seed_2 or 512"])
            writer.writerows(rows)


if __name__ == "__main__":
    main()
