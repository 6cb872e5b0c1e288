"""What is fabricated: which input and which neuron drives which neuron."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, PathCollection
from matplotlib.colors import PowerNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from soensim.network import Network, Synapses
from soensim.program import Program
from soensim.report.figures.style import (
    COLUMN,
    FAINT,
    INK,
    NEGATIVE,
    NODE,
    POSITIVE,
    RIGHT,
    SEQUENTIAL,
    SMALLEST_PT,
    new_figure,
    quiet,
    styled,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_DRAWN_NEURONS = 40  # beyond, circles and their edges merge, and a matrix shows more
MAX_DRAWN_NODES = 80  # with the inputs
MAX_DRAWN_EDGES = 4000
_MATRIX_CELLS = 250  # cells of the matrix per side; more neurons share a cell
_NODE = 0.17  # diameter of a node; a ring of neurons has the radius 1 or more
_BEND = 0.16  # of an edge's length: i -> j and j -> i part


@styled
def topology(network: Network, program: Program | None = None) -> Figure:
    """Draw the chip's graph: nodes and edges if that is legible, else its connection matrix and fan-in.

    Parameters
    ----------
    network
        The chip.
    program
        Gives every edge the colour (sign) and the weight (size) of its efficacy; without it all edges look the same.
    """
    return _graph(network, program) if is_drawn_as_graph(network) else _matrix(network)


def is_drawn_as_graph(network: Network) -> bool:
    """Whether the chip is small enough for nodes and edges."""
    nodes = network.channels + network.neurons
    return network.neurons <= MAX_DRAWN_NEURONS and nodes <= MAX_DRAWN_NODES and network.edges <= MAX_DRAWN_EDGES


def _graph(network: Network, program: Program | None) -> Figure:
    inputs, populations, right = _places(network)
    top = max(float(np.abs(p[:, 1]).max()) for p in (*inputs.values(), *populations))
    height = 2 * top + 0.75
    width = right + 0.85
    scale = min(COLUMN / width, 5.0 / height)
    figure = new_figure(COLUMN, height * scale + (0.35 if program is None else 0.75))
    axes = figure.add_subplot()
    quiet(axes)
    axes.set(xticks=[], yticks=[], aspect="equal", xlim=(-0.4, right + 0.45), ylim=(-top - 0.4, top + 0.35))
    ports = list(inputs.values())
    values = None if program is None else program.values
    for key, synapses in network.synapses.items():
        sources = ports[synapses.port] if synapses.source is None else populations[synapses.source]
        _edges(axes, synapses, sources, populations[synapses.target], None if values is None else values[key])
    size_pt = 72 * scale * _NODE
    for line in network.inputs:
        _nodes(axes, inputs[line.name], "s", size_pt)
        middle = float(inputs[line.name][:, 1].mean())
        axes.text(-0.16, middle, line.name, rotation=90, ha="right", va="center", fontsize=8.5, color=INK)
    for population, places in zip(network.populations, populations, strict=True):
        _nodes(axes, places, "o", size_pt)
        ring = np.ptp(places[:, 0]) > 0.5
        label = f"{population.name}\n{population.source.name}"
        below = float(places[:, 1].min()) - (0.27 if ring else 0.12)
        axes.text(float(places[:, 0].mean()), below, label, ha="center", va="top", fontsize=8.5, color=INK)
    if values is not None:
        marks = [
            Line2D([], [], color=POSITIVE, linewidth=1.6, label="positive"),
            Line2D([], [], color=NEGATIVE, linewidth=1.6, label="negative"),
            Line2D([], [], color=FAINT, linewidth=0.6, label="there, programmed to zero"),
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _places(network: Network) -> tuple[dict[str, FloatArray], list[FloatArray], float]:
    """Coordinates: inputs in a column, every population a ring (a column if nothing connects its neurons)."""
    inputs = _input_places(network)
    half = max((float(np.abs(places[:, 1]).max()) for places in inputs.values()), default=0.0)
    recurrent = {s.target for s in network.synapses.values() if s.source == s.target}
    populations, x = [], 0.0
    gap = 0.55 + 0.3 * max(0.0, half - 1) if network.inputs else 0.0
    for index, population in enumerate(network.populations):
        if index in recurrent:
            # as high as the inputs, or high enough for its neurons
            radius = max(1.0, 0.8 * half, population.size * _NODE * 1.2 / (2 * math.pi))
            angle = math.pi - 2 * math.pi * np.arange(population.size) / population.size  # from the left, clockwise
            x += gap + radius + 0.25
            populations.append(np.column_stack([x + radius * np.cos(angle), radius * np.sin(angle)]))
            x += radius + 0.1
        else:
            x += gap + 0.4
            y = (np.arange(population.size)[::-1] - (population.size - 1) / 2) * max(
                _NODE * 1.3, min(0.3, 2.0 / population.size)
            )
            populations.append(np.column_stack([np.full(population.size, x), y]))
        gap = 0.7
    return inputs, populations, x


def _input_places(network: Network) -> dict[str, FloatArray]:
    """Channels in one column, with space between their populations."""
    sizes = [line.channels.stop - line.channels.start for line in network.inputs]
    pitch = min(0.22, max(2.0 / max(sum(sizes), 1), _NODE * 1.06))
    top = pitch * (sum(sizes) + 1.5 * (len(sizes) - 1) - 1) / 2
    places = {}
    for line, size in zip(network.inputs, sizes, strict=True):
        places[line.name] = np.column_stack([np.zeros(size), top - pitch * np.arange(size)])
        top -= pitch * (size + 1.5)
    return places


def _edges(axes: Axes, synapses: Synapses, sources: FloatArray, targets: FloatArray, values: FloatArray | None) -> None:
    start, end = sources[synapses.sources], targets[synapses.targets]
    strength = np.full(len(synapses), 0.35) if values is None else _relative(values)
    colour = np.tile(to_rgba(FAINT, 0.4), (len(synapses), 1))
    if values is not None:
        colour[values > 0] = to_rgba(POSITIVE)
        colour[values < 0] = to_rgba(NEGATIVE)
        # the more edges, the lighter, and only strong ones dark: else an all-to-all chip is one blot
        darkest = float(np.clip(math.sqrt(120 / max(1, len(synapses))), 0.25, 0.8))
        colour[:, 3] = 0.45 * darkest**2 + 0.6 * darkest * strength**3
    widths = 0.35 + 0.75 * strength
    order = np.argsort(strength, kind="stable")
    own = np.all(start == end, axis=1) if synapses.source == synapses.target else np.zeros(len(start), dtype=bool)
    drawn = order[~own[order]]
    along = end - start
    # recurrent edges bend, so that both directions are seen; inputs go straight
    bend = _BEND if synapses.source == synapses.target else 0.0
    control = start + along / 2 + bend * np.column_stack([along[:, 1], -along[:, 0]])
    paths = [
        Path(np.array([start[k], control[k], end[k]]), [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        if bend
        else Path(np.array([start[k], end[k]]))
        for k in drawn
    ]
    axes.add_collection(
        PathCollection(paths, facecolors="none", edgecolors=colour[drawn], linewidths=widths[drawn], zorder=1)
    )
    loops = np.flatnonzero(own)
    if len(loops):
        centre = targets.mean(axis=0)
        outward = end[loops] - centre
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
        colour[loops, 3] = np.maximum(colour[loops, 3], 0.35)
        axes.add_collection(
            EllipseCollection(
                np.full(len(loops), _NODE * 0.95),
                np.full(len(loops), _NODE * 0.95),
                np.zeros(len(loops)),
                units="xy",
                offsets=end[loops] + outward * _NODE * 0.8,
                offset_transform=axes.transData,
                facecolors="none",
                edgecolors=colour[loops],
                linewidths=widths[loops] + 0.3,
                zorder=1,
            )
        )


def _relative(values: FloatArray) -> FloatArray:
    largest = float(np.abs(values).max(initial=0.0))
    return np.abs(values) / largest if largest else np.zeros_like(values)


def _nodes(axes: Axes, places: FloatArray, marker: str, size_pt: float) -> None:
    axes.scatter(
        places[:, 0], places[:, 1], s=size_pt**2 * 0.8, marker=marker, facecolor=NODE, edgecolor="none", zorder=2
    )
    if size_pt >= 0.65 * SMALLEST_PT * len(str(len(places) - 1)) + 1.5:  # the number fits
        for k, (x, y) in enumerate(places):
            axes.text(x, y, str(k), ha="center", va="center_baseline", fontsize=SMALLEST_PT, color="white", zorder=3)


def _matrix(network: Network) -> Figure:
    """Which source drives which target, as a matrix of density, and the distribution of fan-in and fan-out."""
    density, _, _ = _connection_density(network)
    figure = new_figure(COLUMN, 3.6)
    axes = figure.add_subplot()
    image = axes.imshow(
        density,
        cmap=SEQUENTIAL,
        norm=PowerNorm(0.5, vmin=0, vmax=float(density.max())),  # a sparse part must show beside a full one
        aspect="auto",
        extent=(-0.5, network.channels + network.neurons - 0.5, network.neurons - 0.5, -0.5),
        interpolation="nearest",
    )
    _label_populations(axes, network)
    axes.set(xlabel="from", ylabel="to", title=f"{network.edges:,} synapses")
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, aspect=30)
    bar.set_label("share of the possible edges that is there", fontsize=8)
    bar.outline.set_visible(False)
    return figure


@styled
def degrees(network: Network, length_um: FloatArray | None = None) -> Figure:
    """Draw the distributions of fan-in and fan-out, and of the lengths of all edges where the chip is laid out.

    Parameters
    ----------
    network
        The chip.
    length_um
        Of every edge that is laid out, or None.
    """
    _, fan_in, fan_out = _connection_density(network)
    count = 2 if length_um is None else 3
    figure = new_figure(COLUMN, 1.5 * count)
    parts = figure.subplots(count, 1)
    for axes, (label, fan) in zip(parts, (("fan-in", fan_in), ("fan-out", fan_out)), strict=False):
        low, high = max(0, int(fan.min()) - 1), int(fan.max()) + 1
        axes.hist(fan, bins=list(np.arange(low, high + 2, -(-(high - low + 1) // 40)) - 0.5), color=RIGHT)
        axes.set(xlabel=f"{label} (synapses), mean {fan.mean():.3g}", ylabel="neurons")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if length_um is not None:
        parts[2].hist(length_um * 1e-3, bins=40, color=RIGHT)
        parts[2].set(xlabel=f"length of an edge (mm), mean {length_um.mean() * 1e-3:.3g}", ylabel="edges")
    for axes in parts:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    return figure


def _connection_density(network: Network) -> tuple[FloatArray, IntArray, IntArray]:
    """Count synapses: their density in the cells of a matrix (to, from), fan-in and fan-out of each neuron."""
    rows, columns = network.neurons, network.channels + network.neurons
    row_cells, column_cells = min(rows, _MATRIX_CELLS), min(columns, _MATRIX_CELLS)
    counts = np.zeros((row_cells, column_cells))
    fan_in = np.zeros(rows, dtype=np.int64)
    fan_out = np.zeros(columns, dtype=np.int64)
    for synapses in network.synapses.values():
        targets = synapses.targets + network.populations[synapses.target].neurons.start
        if synapses.source is None:
            first = network.inputs[synapses.port].channels.start
        else:
            first = network.channels + network.populations[synapses.source].neurons.start
        sources = synapses.sources + first
        np.add.at(counts, (targets * row_cells // rows, sources * column_cells // columns), 1)
        fan_in += np.bincount(targets, minlength=rows)
        fan_out += np.bincount(sources, minlength=columns)
    per_row = np.bincount(np.arange(rows) * row_cells // rows, minlength=row_cells)
    per_column = np.bincount(np.arange(columns) * column_cells // columns, minlength=column_cells)
    return counts / np.outer(per_row, per_column), fan_in, fan_out[network.channels :]


def _label_populations(axes: Axes, network: Network) -> None:
    """Draw borders between populations, and name them."""
    borders = [line.channels.stop for line in network.inputs]
    borders += [network.channels + p.neurons.stop for p in network.populations[:-1]]
    for x in borders:
        axes.axvline(x - 0.5, color=INK, linewidth=0.6)
    for p in network.populations[:-1]:
        axes.axhline(p.neurons.stop - 0.5, color=INK, linewidth=0.6)
    groups = [(line.name, line.channels) for line in network.inputs]
    groups += [
        (p.name, slice(network.channels + p.neurons.start, network.channels + p.neurons.stop))
        for p in network.populations
    ]
    axes.set_xticks(
        [(g.start + g.stop - 1) / 2 for _, g in groups], [name for name, _ in groups], rotation=30, ha="right"
    )
    axes.set_yticks(
        [(p.neurons.start + p.neurons.stop - 1) / 2 for p in network.populations],
        [f"{p.name} ({p.size:,})" for p in network.populations],
        rotation=90,
        va="center",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
