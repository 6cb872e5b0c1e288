"""Measure what the thermal rounding of the SQUID's threshold does to training.

Trains year1-28 with the noise-free source function and with that of 4.2 K, with surrogate slopes and with true ones,
and scores each program on the chip at 4.2 K. Writes table.csv. A quarter of an hour: python studies/temperature/run.py
"""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from soensim import Netlist, Program, compile_network, evaluate, load_dataset, load_netlist, make_recipe, route, train
from soensim.netlist import dump_netlist, parse_netlist

HERE = Path(__file__).parent
CHIP = HERE.parents[1] / "netlists" / "year1-28.yaml"
SPLITS = range(3)
TEMPERATURE_K = 4.2  # liquid helium, arXiv:1805.01947


def warmed(netlist: Netlist) -> Netlist:
    """Return the same chip with SQUIDs at 4.2 K."""
    text = dump_netlist(netlist)
    return parse_netlist(
        text.replace("source_function: squid", f"source_function: squid\n    temperature_k: {TEMPERATURE_K}")
    )


def main() -> None:
    """Run the study."""
    cold = load_netlist(CHIP)
    warm = warmed(cold)
    settings = dict(Program.load(CHIP.with_suffix(".safetensors")).header["recipe"])
    recipe = make_recipe(settings.pop("rule"), settings)
    rows = []
    for label, chip in (("0 K", cold), (f"{TEMPERATURE_K} K", warm)):
        for slopes, width in (("surrogate", recipe.slope_width), ("true", 0.0)):
            scores = []
            for data_seed in SPLITS:
                data = load_dataset("digits-rows", data_seed=data_seed)
                found = train(
                    compile_network(route(chip)), data, dataclasses.replace(recipe, slope_width=width)
                ).program
                # the levels are the same on both chips; only the source function differs
                moved = dataclasses.replace(found, netlist_hash=warm.hash)
                accuracy = evaluate(route(warm), moved, data).accuracy
                scores.append([accuracy.ideal, accuracy.quantised, accuracy.chip_mean])
            rows.append([label, slopes, *(f"{v:.4f}" for v in np.mean(scores, 0)), *(f"{s[1]:.4f}" for s in scores)])
            print(rows[-1], flush=True)  # noqa: T201
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        codes = [f"codes_split_{s}" for s in SPLITS]
        writer.writerow(["trained_at", "slopes", "ideal", "codes", "chips_mean", *codes])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
