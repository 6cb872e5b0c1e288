"""What light costs: the floorplan of optical-28, and its routes under every strategy.

Run: python studies/optical-28/run.py
Writes floorplan.png and table.csv beside this file.
"""

import csv
from pathlib import Path

import numpy as np

from soensim import RoutedNetlist, load_netlist, route
from soensim.report.figures import floorplan, save_png

HERE = Path(__file__).parent
CHIP = HERE.parents[1] / "netlists" / "optical-28.yaml"
FIGURES = ("length_um", "delay_ps", "plane_crossings", "crossings", "loss_db", "photons")


def main() -> None:
    """Run the study."""
    netlist = load_netlist(CHIP)
    rows = []
    for strategy in ("crossbar", "manhattan", "direct"):
        routing = netlist.routing.model_copy(update={"strategy": strategy, "absent_edges": "prune"})
        routed = route(netlist.model_copy(update={"routing": routing}))
        rows.append([strategy, *_row(routed)])
        if strategy == netlist.routing.strategy:
            save_png(floorplan(routed), HERE / "floorplan.png")
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["strategy", "edges", "waveguide_mm", *(f"{f}_{w}" for f in FIGURES for w in ("median", "max", "min"))]
        )
        writer.writerows(rows)


def _row(routed: RoutedNetlist) -> list[str]:
    ledgers = [p.ledger for p in routed.projections.values()]
    row = [str(sum(map(len, ledgers))), f"{routed.layout.waveguides.length_um.sum() * 1e-3:.1f}"]
    for name in FIGURES:
        values = np.concatenate([getattr(ledger, name) for ledger in ledgers])
        row += [f"{value:.4g}" for value in (np.median(values), values.max(), values.min())]
    return row


if __name__ == "__main__":
    main()
