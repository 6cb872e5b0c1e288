"""What happens inside: the states of every neuron while a few test samples are read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from soensim.data import Split
from soensim.evaluation import predict
from soensim.network import GoodnessOutput, Network, present
from soensim.program import Program
from soensim.report.figures.style import DIVERGING, FAINT, INK, RIGHT, WRONG, new_figure, styled
from soensim.simulation import simulate

FloatArray = NDArray[np.float64]

SEARCHED = 256  # first test samples among which examples are looked for: one block of the engine
_MAX_LINES = 64  # neurons that are drawn as lines; more are rows of a picture
_LINE_COLOURS = ("#3b7dc4", "#2f8f6b", "#9a6cc3", "#b38a1d", "#c4587b")  # one per population
_SHADES = LinearSegmentedColormap.from_list("soensim_shades", ["#2b5f9e", "#3b8fc4", "#2f9f8b", "#8c7bc9", "#b05fa8"])


@dataclass(frozen=True)
class Examples:
    """A few test samples with what the nominal chip did.

    Attributes
    ----------
    values
        Data values in [0, 1], shape (examples, frames, data channels).
    state
        s (I_c), shape (examples, frames + 1, neurons).
    true, answered
        Classes, shape (examples,).
    indices
        Positions in the data set's source, shape (examples,).
    """

    values: NDArray[np.floating]
    state: FloatArray
    true: NDArray[np.int64]
    answered: NDArray[np.int64]
    indices: NDArray[np.int64]


def find_examples(network: Network, program: Program, split: Split, *, right: int = 4, wrong: int = 2) -> Examples:
    """Simulate the first samples of a split and keep some of different classes, the first of each kind.

    Parameters
    ----------
    network, program
        The nominal chip and what runs on it.
    split
        Test samples; only the first 256 are looked at.
    right, wrong
        How many examples to show that are answered right and wrong; fewer where there are fewer.

    Raises
    ------
    SoensimError
        As `soensim.simulation.simulate`.
    """
    count = min(split.samples, SEARCHED)
    first = dataclasses.replace(split, labels=split.labels[:count], indices=split.indices[:count])
    answered = predict(network, program, first)
    hit = answered == first.labels
    chosen = np.array(
        [*_different(first.labels, np.flatnonzero(hit), right), *_different(first.labels, np.flatnonzero(~hit), wrong)]
    )
    values = first.inputs[chosen]
    # a chip that answers by goodness is shown with its answer on the label lines
    labels = answered[chosen] if isinstance(network.output, GoodnessOutput) else None
    state = simulate(network, program, present(network, values, labels)).state
    return Examples(values, state, first.labels[chosen], answered[chosen], first.indices[chosen])


def _different(labels: NDArray[np.int64], candidates: NDArray[np.int64], count: int) -> list[int]:
    """First candidates of classes not seen yet, then further ones."""
    _, first = np.unique(labels[candidates], return_index=True)
    order = [*np.sort(first), *np.setdiff1d(np.arange(len(candidates)), first)]
    return [int(candidates[k]) for k in order[:count]]


@styled
def traces(network: Network, examples: Examples) -> Figure:
    """Draw, per example, the input over time and below it the state of every neuron.

    Up to 64 neurons are lines, one colour per population; more are rows of a picture.
    """
    count = len(examples.true)
    columns = min(3, count)
    rows = -(-count // columns)
    figure = new_figure(3.0 * columns + 0.5, 2.7 * rows + 0.3)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[1, 2] * rows)
    lines = network.neurons <= _MAX_LINES
    low, high = float(examples.state.min()), float(examples.state.max())
    margin = 0.05 * (high - low or 1.0)
    for k in range(count):
        row, column = divmod(k, columns)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        _input(above, examples, k)
        if lines:
            _lines(below, network, examples.state[k])
            below.set_ylim(low - margin, high + margin)
            below.set_ylabel("state s (I_c)" if column == 0 else "")
        else:
            _picture(below, examples.state[k], max(abs(low), abs(high)) or 1.0)
            below.set_ylabel("neuron" if column == 0 else "")
        if column:
            below.tick_params(labelleft=False)
        below.set_xlabel("input samples read" if row == rows - 1 else "")
        below.locator_params(axis="x", integer=True, nbins=8)
    if lines and len(network.populations) > 1:
        marks = [Line2D([], [], color=_colour(k), label=p.name) for k, p in enumerate(network.populations)]
        figure.legend(handles=marks, loc="outside lower center", ncols=min(6, len(marks)), frameon=False, fontsize=8)
    return figure


def _input(axes: Axes, examples: Examples, k: int) -> None:
    """Draw what goes in: one column per input sample, one row per channel."""
    values = examples.values[k].T
    shade = np.zeros((*values.shape, 4))
    shade[...] = to_rgba(FAINT)
    shade[..., 3] = values
    axes.imshow(shade, extent=(0, values.shape[1], len(values), 0), interpolation="nearest", aspect="auto")
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.5)
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    true, answered = int(examples.true[k]), int(examples.answered[k])
    colour = RIGHT if true == answered else WRONG
    axes.set_title(f"true {true}, answered {answered}", color=colour, fontsize=9)


def _lines(axes: Axes, network: Network, state: FloatArray) -> None:
    time = np.arange(len(state))
    one = len(network.populations) == 1
    for k, population in enumerate(network.populations):
        for place in range(population.size):
            # shades within the only population keep neighbouring lines apart
            colour = _SHADES(place / max(1, population.size - 1)) if one else _colour(k)
            axes.plot(time, state[:, population.neurons.start + place], color=colour, linewidth=0.8, alpha=0.8)
    axes.set_xlim(0, len(state) - 1)
    axes.axhline(0, color=INK, linewidth=0.4)


def _picture(axes: Axes, state: FloatArray, largest: float) -> None:
    steps, neurons = state.shape
    axes.imshow(
        state.T,
        cmap=DIVERGING,
        norm=Normalize(-largest, largest),
        extent=(-0.5, steps - 0.5, neurons - 0.5, -0.5),
        interpolation="nearest",
        aspect="auto",
    )
    axes.set_xlim(0, steps - 1)


def _colour(population: int) -> str:
    return _LINE_COLOURS[population % len(_LINE_COLOURS)]
