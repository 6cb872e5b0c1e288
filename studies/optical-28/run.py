"""What light costs and gives: routes of optical-28 under every strategy, and accuracy against spikes per sample.

Run: python studies/optical-28/run.py            (an hour on one core; goes on where it stopped)
     python studies/optical-28/run.py --routes   (the routes alone: seconds)
Writes floorplan.png, table.csv, light.csv and light.png beside this file.
"""

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from soensim import (
    Netlist,
    RoutedNetlist,
    compile_network,
    evaluate,
    load_dataset,
    load_netlist,
    make_recipe,
    route,
    train,
)
from soensim.report.figures import floorplan, save_png
from soensim.report.figures.style import SERIES, new_figure, styled
from soensim.units import FLUX_QUANTUM_WB

HERE = Path(__file__).parent
CHIP = HERE.parents[1] / "netlists" / "optical-28.yaml"
FIGURES = ("length_um", "delay_ps", "plane_crossings", "crossings", "loss_db", "photons")
TRIALS = 20
SPLITS = 5  # of the chip that ships; the others have one
SPIKES = (5, 10, 20, 40, 60, 100, 200)
SPIKES_POISSON = (20, 60, 200)
DRIVES = (2, 10)  # times that of the chip that ships: smaller loops
COLUMNS = [
    *("spikes", "statistics", "drive", "data_seed", "sample_us", "loop_uh"),
    *("codes_training_step", "codes", "chips_mean", "chips_worst", "codes_average"),
]
Row = dict[str, str]


def main() -> None:
    """Run the study; a row that light.csv already has is not measured again."""
    netlist = load_netlist(CHIP)
    _routes(netlist)
    if "--routes" in sys.argv:
        return
    table = HERE / "light.csv"
    rows: list[Row] = list(csv.DictReader(table.open())) if table.exists() else []
    own = round(compile_network(route(netlist)).light.populations[0].spikes)  # per sample, at the full state
    wanted = [(own, "regular", 1, seed) for seed in range(SPLITS)]
    wanted += [(n, "regular", 1, 0) for n in SPIKES if n != own] + [(n, "poisson", 1, 0) for n in SPIKES_POISSON]
    wanted += [(own, "regular", drive, 0) for drive in DRIVES]
    for spikes, statistics, drive, data_seed in wanted:
        key = [str(spikes), statistics, str(drive), str(data_seed)]
        if key in [[row[c] for c in COLUMNS[:4]] for row in rows]:
            continue
        chip = retimed(netlist, spikes / own, statistics, drive)
        scores = _scores(chip, netlist.task.recipe, data_seed)
        rows.append(dict(zip(COLUMNS, [*key, *scores], strict=True)))
        print(rows[-1], flush=True)  # noqa: T201
        _write(table, COLUMNS, [list(row.values()) for row in rows])
    save_png(drawn(rows), HERE / "light.png")


def retimed(netlist: Netlist, factor: float, statistics: str, drive: float) -> Netlist:
    """Make the chip with samples that are longer by a factor, and drive and leak per sample times another.

    Loops are then larger by the first, and smaller by the second; steps are those that the drive needs.
    """
    hidden = netlist.populations["hidden"]
    slower = {"beta_di": hidden.beta_di * factor / drive, "tau_di_ns": hidden.tau_di_ns * factor / drive}
    timing = {"sample_ns": netlist.timing.sample_ns * factor, "substeps": max(4, round(2 * drive))}
    return netlist.model_copy(
        update={
            "populations": {**netlist.populations, "hidden": hidden.model_copy(update=slower)},
            "timing": netlist.timing.model_copy(update=timing),
            "routing": netlist.routing.model_copy(update={"spike_statistics": statistics}),
        }
    )


def _scores(chip: Netlist, recipe: dict[str, Any], data_seed: int) -> list[str]:
    routed, data = route(chip), load_dataset("digits-rows", data_seed=data_seed)
    program = train(compile_network(routed), data, make_recipe("bptt", recipe)).program
    spikes = evaluate(routed, program, data, trials=TRIALS).accuracy
    average = evaluate(routed, program, data, trials=1, light="average").accuracy
    critical_a = chip.device_technology.junction.critical_current_a
    loop_uh = chip.populations["hidden"].beta_di * FLUX_QUANTUM_WB / (2 * np.pi * critical_a) * 1e6
    scores = (spikes.quantised_training_step, spikes.quantised, spikes.chip_mean, min(spikes.chips), average.quantised)
    return [f"{chip.timing.sample_ns / 1e3:g}", f"{loop_uh:.3g}", *(f"{v:.4f}" for v in scores)]


@styled
def drawn(rows: list[Row]) -> Figure:
    """Draw accuracy against spikes per sample."""
    figure = new_figure(7.0, 3.8)
    axes = figure.add_subplot()
    for statistics, colour in (("regular", SERIES[0]), ("poisson", SERIES[1])):
        own = sorted((float(r["spikes"]), r) for r in rows if [r[c] for c in COLUMNS[1:4]] == [statistics, "1", "0"])
        for column, style, what in (("codes", "o-", "codes"), ("chips_worst", "v:", "worst of 20 chips")):
            values = [100 * float(row[column]) for _, row in own]
            axes.plot([n for n, _ in own], values, style, color=colour, label=f"{statistics}, {what}", markersize=4)
    axes.set_xscale("log")
    axes.set_xticks(SPIKES, [str(n) for n in SPIKES])
    axes.set_xlabel("spikes per sample at full state (a sample takes 0.1 us for each)")
    axes.set_ylabel("test accuracy (%)")
    axes.grid(linewidth=0.4)
    axes.legend(fontsize=8)
    return figure


def _routes(netlist: Netlist) -> None:
    rows = []
    for strategy in ("crossbar", "manhattan", "direct"):
        routing = netlist.routing.model_copy(update={"strategy": strategy, "absent_edges": "prune"})
        routed = route(netlist.model_copy(update={"routing": routing}))
        rows.append([strategy, *_route_row(routed)])
        if strategy == netlist.routing.strategy:
            save_png(floorplan(routed), HERE / "floorplan.png")
    columns = ["strategy", "edges", "waveguide_mm", *(f"{f}_{w}" for f in FIGURES for w in ("median", "max", "min"))]
    _write(HERE / "table.csv", columns, rows)


def _route_row(routed: RoutedNetlist) -> list[str]:
    ledgers = [p.ledger for p in routed.projections.values()]
    row = [str(sum(map(len, ledgers))), f"{routed.layout.waveguides.length_um.sum() * 1e-3:.1f}"]
    for name in FIGURES:
        values = np.concatenate([getattr(ledger, name) for ledger in ledgers])
        row += [f"{value:.4g}" for value in (np.median(values), values.max(), values.min())]
    return row


def _write(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
