"""Figure of one dendrite three ways: soensim's circuit, the phenomenological model, and ngspice.

python studies/dendrite-validity/dendrite_validity.py    (about 10 s; ngspice is left out where it is missing)
"""

import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from soensim.circuit import Device, Waveform, phenomenological, source_table
from soensim.circuit.model_validity import FAILS_ABOVE, VALID_BELOW, validity_data
from soensim.interop.simulators import has_simulator, run_ngspice
from soensim.interop.spice import DeckSettings, chain, solve
from soensim.report.figures.style import FAINT, INK, SERIES, new_figure, save_png, styled
from soensim.technology import load_technology

FOLDER = Path(__file__).parent
BETA_DI_PER_TWO_PI = (10, 100)
BIAS, TAU_DI_NS, DURATION_NS = 1.7, 50.0, 40.0
# Where single fluxons are easy to see, per loop.
WINDOWS_NS = {100: (1.5, 1.9), 10: (12.05, 12.35)}
# A weak step, a strong one, and a ramp, with silence between them.
FLUX = Waveform(
    np.array([0.0, 1.0, 1.1, 9.0, 9.1, 12.0, 12.1, 20.0, 20.1, 24.0, 34.0, 34.1]),
    np.array([0.0, 0.0, 0.3, 0.3, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.0]),
)
CIRCUIT, MODEL, SPICE = INK, SERIES[1], SERIES[0]


def simulate(device: Device, per_two_pi: int) -> dict[str, np.ndarray]:
    """States of the three simulations at common times."""
    beta_di = 2.0 * math.pi * per_two_pi
    settings = DeckSettings(
        flux=FLUX,
        bias_current=Waveform.ramp(BIAS, 0.1),
        beta_di=beta_di,
        tau_di_ns=TAU_DI_NS,
        duration_ns=DURATION_NS,
        print_step_ns=0.005,
    )
    deck = chain(device, 1, settings)
    circuit = solve(deck)["d1"]
    curves = {"t_ns": circuit.t_ns, "circuit": circuit.state}
    curves["model"] = phenomenological(
        source_table(device),
        t_ns=circuit.t_ns,
        flux=FLUX,
        bias_current=BIAS,
        beta_di=beta_di,
        tau_di_ns=TAU_DI_NS,
    )
    if has_simulator("ngspice"):
        spice = run_ngspice(deck)
        curves["ngspice"] = np.interp(circuit.t_ns, spice.t_ns, spice.state["d1"])
    return curves


def chi_squared(curves: dict[str, np.ndarray], name: str) -> float:
    """Sum of squared differences from the circuit over the sum of its squares."""
    reference = curves["circuit"]
    return float(((curves[name] - reference) ** 2).sum() / (reference**2).sum())


def draw_states(axes: Axes, curves: dict[str, np.ndarray]) -> None:
    """Three curves on each other, and a window on single fluxons."""
    t_ns = curves["t_ns"]
    axes.plot(t_ns, curves["circuit"], color=CIRCUIT, lw=2.6, alpha=0.35, label="circuit (soensim)")
    if "ngspice" in curves:
        axes.plot(t_ns, curves["ngspice"], color=SPICE, lw=1.0, label="circuit (ngspice)")
    axes.plot(t_ns, curves["model"], color=MODEL, lw=1.2, ls=(0, (4, 2)), label="phenomenological model")


def draw_errors(axes: Axes, curves: dict[str, np.ndarray], per_two_pi: int) -> None:
    """Distances from the own circuit, logarithmic, with one fluxon for scale."""
    t_ns = curves["t_ns"]
    for name, color in (("model", MODEL), ("ngspice", SPICE)):
        if name in curves:
            error = np.maximum(abs(curves[name] - curves["circuit"]), 1e-9)
            # The largest error in every 0.1 ns: the curve stays readable.
            rows = error[: error.size // 20 * 20].reshape(-1, 20)
            axes.semilogy(t_ns[10::20][: len(rows)], rows.max(1), color=color, lw=1.0)
            text = f"$\\chi^2$ = {chi_squared(curves, name):.1e}"
            height = {"model": 0.98, "ngspice": 0.52}[name]
            axes.text(0.99, height, text, color=color, transform=axes.transAxes, ha="right", va="top", fontsize=8)
    axes.axhline(1.0 / per_two_pi, color=FAINT, lw=0.8, ls=":")
    axes.text(0.2, 1.25 / per_two_pi, "one fluxon", color=FAINT, fontsize=8, va="bottom")
    axes.set_ylim(1e-8, 3.0)


@styled
def drawn() -> Figure:
    """Draw the three simulations, their differences, and how far the model holds."""
    device = Device.from_technology(load_technology("nist-2023"))
    figure = new_figure(10.0, 6.6)
    grid = figure.add_gridspec(3, 3, height_ratios=[0.8, 2.0, 1.3], width_ratios=[1.0, 1.0, 0.75])
    for column, per_two_pi in enumerate(reversed(BETA_DI_PER_TWO_PI)):
        curves = simulate(device, per_two_pi)
        top, middle, bottom = (figure.add_subplot(grid[row, column]) for row in range(3))
        top.plot([*FLUX.t_ns, DURATION_NS], [*FLUX.value, 0.0], color=INK, lw=1.2)
        top.set_title(f"$\\beta_{{di}} = 2\\pi \\cdot {per_two_pi}$", loc="left")
        top.set_ylim(-0.03, 0.55)
        draw_states(middle, curves)
        middle.set_ylim(-0.02, 0.75)
        window_ns = WINDOWS_NS[per_two_pi]
        window = middle.inset_axes((0.55, 0.12, 0.42, 0.40))
        draw_states(window, curves)
        inside = (curves["t_ns"] >= window_ns[0]) & (curves["t_ns"] <= window_ns[1])
        window.set_xlim(*window_ns)
        window.set_ylim(curves["circuit"][inside].min() - 0.01, curves["circuit"][inside].max() + 0.01)
        window.tick_params(labelsize=6)
        window.set_title("single fluxons", fontsize=7, pad=2)
        middle.indicate_inset_zoom(window, edgecolor=FAINT, alpha=0.6)
        draw_errors(bottom, curves, per_two_pi)
        for axes in (top, middle, bottom):
            axes.set_xlim(0.0, DURATION_NS)
        for axes in (top, middle):
            axes.tick_params(labelbottom=False)
        bottom.set_xlabel("time (ns)")
        if column == 0:
            top.set_ylabel("flux ($\\Phi_0$)")
            middle.set_ylabel("state $s$ ($I_c$)")
            bottom.set_ylabel("|difference from circuit|")
            figure.legend(*middle.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False)
    axes = figure.add_subplot(grid[:, 2])
    points = np.array(validity_data()["points"])
    axes.loglog(points[:, 0], points[:, 1], "o-", color=MODEL, lw=1.2, ms=4)
    axes.axhspan(FAILS_ABOVE, 1e-1, color=FAINT, alpha=0.3, lw=0)
    axes.axhline(VALID_BELOW, color=FAINT, lw=0.8, ls=":")
    axes.text(2300, FAILS_ABOVE * 1.2, "fails", ha="right", fontsize=8, color=INK)
    axes.text(2300, VALID_BELOW * 1.2, "valid below", ha="right", fontsize=8, color=INK)
    axes.set_ylim(5e-8, 3e-2)
    axes.set_xlabel("$\\beta_{di} / 2\\pi$")
    axes.set_ylabel("$\\chi^2$ of the model against the circuit")
    axes.set_title("validity", loc="left")
    return figure


def main() -> None:
    """Draw dendrite-validity.png beside this script."""
    target = FOLDER / "dendrite-validity.png"
    save_png(drawn(), target)
    sys.stdout.write(f"wrote {target}\n")


if __name__ == "__main__":
    main()
