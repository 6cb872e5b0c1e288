"""What does a spiking point neuron do? Raster, trace, phase portrait and rate curve of `point-neurons-10`.

python studies/point-neurons/point_neurons.py    (about 10 s; writes its figures and table.csv beside itself)
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from soensim._runtime.atomic_write import write_atomic
from soensim.dynamics.spiking import threshold_flux
from soensim.netlist import load_netlist
from soensim.network.spiking import SpikingNetwork, compile_spiking
from soensim.report.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    NEGATIVE,
    POSITIVE,
    new_figure,
    save_png,
    styled,
)
from soensim.routing import route
from soensim.simulation.spiking import Recording, SpikingTrace, simulate_spikes

FOLDER = Path(__file__).parent
CHIP = FOLDER.parents[1] / "netlists" / "point-neurons-10.yaml"
DATA_SEED, READ_SEED = 1, 0
RATES_MHZ = (1, 2, 5, 8, 10, 13, 16, 20, 30, 40, 60, 80)


def poisson(channels: int, rate_mhz: float, duration_ns: float) -> list[NDArray[np.float64]]:
    """Poisson spike trains (ns), one per channel."""
    rng = np.random.default_rng([DATA_SEED, round(rate_mhz * 1000)])
    counts = rng.poisson(rate_mhz * 1e-3 * duration_ns, channels)
    return [np.sort(rng.uniform(0, duration_ns, count)) for count in counts]


@styled
def raster(inputs: list[NDArray[np.float64]], trace: SpikingTrace) -> Figure:
    """Input spikes above, output spikes below; the mean rate of each neuron beside them."""
    figure = new_figure(8.0, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=[8, 1])
    outputs = [trace.train_ns(n) for n in range(trace.neurons)]
    duration_us = trace.duration_ns * 1e-3
    for row, (trains, title, colour) in enumerate(
        ((inputs, "input spikes", FAINT), (outputs, "output spikes", POSITIVE))
    ):
        axes = figure.add_subplot(grid[row, 0])
        axes.eventplot([t * 1e-3 for t in trains], colors=colour, linelengths=0.75, linewidths=0.9)
        axes.set(xlim=(0, duration_us), ylim=(len(trains) - 0.4, -0.6), title=title)
        axes.set_ylabel("channel" if row == 0 else "neuron")
        rates = figure.add_subplot(grid[row, 1], sharey=axes)
        rates.barh(np.arange(len(trains)), [len(t) / duration_us for t in trains], color=colour, height=0.7)
        rates.tick_params(labelleft=False)
        rates.set_xlim(0, max(len(t) for t in inputs) / duration_us * 1.15)
        if row == 1:
            axes.set_xlabel("time (µs)")
            rates.set_xlabel("rate (MHz)")
        else:
            axes.tick_params(labelbottom=False)
            rates.tick_params(labelbottom=False)
    return figure


@styled
def traces(network: SpikingNetwork, trace: SpikingTrace, neuron: int) -> Figure:
    """One neuron: responses of its synapses, flux and state of soma and refractory dendrite."""
    figure = new_figure(8.0, 5.4)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    t_ns = trace.t_ns
    soma, back = (network.dendrites("neurons", place)[neuron] for place in ("soma", "refractory"))
    for k, (label, colour) in enumerate((("input", INK), ("from its neighbour", NEGATIVE))):
        flux = trace.synapse_flux[:, k] * network.arrays.efficacy[trace.synapses[k]]
        top.plot(t_ns, flux, color=colour, lw=1.0, label=label)
    top.set(ylabel="synapse $\\phi$ ($\\Phi_0$)", title=f"neuron {neuron}")
    reach = threshold_flux(network.source, float(network.arrays.bias_current[soma]))
    middle.axhspan(-reach, reach, color=FAINT, alpha=0.15, lw=0, label="dead zone of the soma")
    middle.plot(t_ns, trace.flux[:, soma], color=POSITIVE, lw=1.0, label="soma")
    middle.plot(t_ns, trace.flux[:, back], color=FAINT, lw=1.0, label="refractory dendrite")
    middle.set_ylabel("flux $\\phi$ ($\\Phi_0$)")
    bottom.axhline(network.arrays.threshold[neuron], color=INK, lw=0.7, ls=":")
    bottom.plot(t_ns, trace.state[:, soma], color=POSITIVE, lw=1.0, label="soma")
    bottom.plot(t_ns, trace.state[:, back], color=FAINT, lw=1.0, label="refractory dendrite")
    for spike in trace.train_ns(neuron):
        bottom.plot([spike], [0.36], marker="v", ms=4, color=INK)
    bottom.set(ylabel="state $s$ ($I_c$)", xlabel="time (ns)", xlim=(t_ns[0], t_ns[-1]))
    for axes in (top, middle, bottom):
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return figure


@styled
def portrait(network: SpikingNetwork, trace: SpikingTrace, neuron: int) -> Figure:
    """Trajectory of the soma over its drift (left), and soma against refractory dendrite (right)."""
    figure = new_figure(8.0, 3.8)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    arrays = network.arrays
    soma, back = (int(network.dendrites("neurons", place)[neuron]) for place in ("soma", "refractory"))
    threshold = float(arrays.threshold[neuron])
    phi, s = np.meshgrid(np.linspace(-0.45, 0.75, 241), np.linspace(0, 0.42, 121))
    g = network.source(phi, arrays.bias_current[soma] - s)
    per_ns = (arrays.gamma_plus[soma] * g - arrays.gamma_minus[soma] * s) / network.tau_0_ns
    largest = float(np.abs(per_ns).max())
    drawn = left.imshow(
        per_ns,
        cmap=DIVERGING,
        norm=SymLogNorm(0.003, vmin=-largest, vmax=largest),
        extent=(phi.min(), phi.max(), s.min(), s.max()),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
    )
    left.contour(phi, s, per_ns, levels=[0.0], colors=[INK], linewidths=0.7, linestyles=":")
    left.axhline(threshold, color=INK, lw=0.7, ls="--")
    left.plot(*_without_jumps(trace.flux[:, soma], trace.state[:, soma]), color=INK, lw=0.7)
    left.set(xlabel="soma flux $\\phi$ ($\\Phi_0$)", ylabel="soma state $s$ ($I_c$)", title="drift of the soma")
    left.text(-0.43, threshold + 0.006, "$s_{th}$", fontsize=8)
    bar = figure.colorbar(drawn, ax=left, pad=0.01)
    bar.set_label("ds/dt (per ns)")
    bar.outline.set_visible(False)  # type: ignore[operator]
    right.plot(*_without_jumps(trace.state[:, back], trace.state[:, soma]), color=POSITIVE, lw=0.7)
    right.axhline(threshold, color=INK, lw=0.7, ls="--")
    right.set(
        xlabel="refractory state $s$ ($I_c$)", ylabel="soma state $s$ ($I_c$)", title="soma and refractory dendrite"
    )
    right.set_ylim(0, 0.42)
    return figure


def _without_jumps(x: NDArray[np.float64], s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Break the line where the soma is reset and where a response starts: no state lies between."""
    x = x.copy()
    x[1:][np.diff(s) < -0.1] = np.nan
    x[1:][np.abs(np.diff(x)) > 0.1] = np.nan
    return x, s


def rate_curve(network: SpikingNetwork) -> NDArray[np.float64]:
    """Rows of (input, output with the ring, output without it), in MHz, means over the ten neurons."""
    alone = network.with_efficacies({"neurons->neurons": np.zeros((10, 10))})
    rows = []
    for rate in RATES_MHZ:
        inputs = poisson(10, rate, 20_000.0)
        row = [
            simulate_spikes(net, inputs, duration_ns=20_000.0, read_seed=READ_SEED).rate_mhz.mean()
            for net in (network, alone)
        ]
        rows.append([rate, *row])
    return np.array(rows)


@styled
def curve(rows: NDArray[np.float64]) -> Figure:
    """Output rate over input rate."""
    figure = new_figure(4.6, 3.4)
    axes: Axes = figure.subplots()
    axes.plot(rows[:, 0], rows[:, 1], "o-", color=POSITIVE, ms=3.5, lw=1.2, label="with the neighbour's light")
    axes.plot(rows[:, 0], rows[:, 2], "o-", color=NEGATIVE, ms=3.5, lw=1.2, label="alone")
    axes.plot(
        rows[:, 0], rows[:, 0] / (1 + rows[:, 0] * 0.05), color=FAINT, lw=1.0, ls="--", label="detections (50 ns dead)"
    )
    axes.set(xlabel="input rate (MHz)", ylabel="output rate (MHz)", ylim=(0, None), xlim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Write the figures and the table."""
    network = compile_spiking(route(load_netlist(CHIP)))
    inputs = poisson(10, 8.0, 2000.0)
    save_png(
        raster(inputs, simulate_spikes(network, inputs, duration_ns=2000.0, read_seed=READ_SEED)), FOLDER / "raster.png"
    )
    neuron = 3
    synapses = [
        int(group.synapses.start + np.flatnonzero(group.targets == neuron)[0]) for group in network.groups.values()
    ]
    trace = simulate_spikes(
        network,
        poisson(10, 14.0, 700.0),
        duration_ns=700.0,
        dt_ns=0.01,  # fine enough to see the rise of a state
        read_seed=READ_SEED,
        record=Recording(range(network.arrays.dendrites), synapses, every=1),
    )
    save_png(traces(network, trace, neuron), FOLDER / "trace.png")
    save_png(portrait(network, trace, neuron), FOLDER / "phase-portrait.png")
    rows = rate_curve(network)
    save_png(curve(rows), FOLDER / "rate-curve.png")
    lines = ["input_mhz,output_mhz,output_alone_mhz", *(",".join(f"{x:.3f}" for x in row) for row in rows)]
    write_atomic(FOLDER / "table.csv", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
