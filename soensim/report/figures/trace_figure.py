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
from soensim.report.figures.style import COLUMN, DIVERGING, FAINT, INK, RIGHT, WRONG, new_figure, styled
from soensim.simulation import simulate

FloatArray = NDArray[np.float64]

SEARCHED = 256  # first test samples among which examples are looked for: one block of the engine
_UNITS = (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9), ("ps", 1e-12))
_MAX_LINES = 40  # neurons that are drawn as lines; more are rows of a picture
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
        [*different(first.labels, np.flatnonzero(hit), right), *different(first.labels, np.flatnonzero(~hit), wrong)]
    )
    values = first.inputs[chosen]
    # a chip that answers by goodness is shown with its answer on the label lines
    labels = answered[chosen] if isinstance(network.output, GoodnessOutput) else None
    state = simulate(network, program, present(network, values, labels)).state
    return Examples(values, state, first.labels[chosen], answered[chosen], first.indices[chosen])


def different(labels: NDArray[np.int64], candidates: NDArray[np.int64], count: int) -> list[int]:
    """Choose the first candidates of classes not seen yet, then further ones."""
    _, first = np.unique(labels[candidates], return_index=True)
    order = [*np.sort(first), *np.setdiff1d(np.arange(len(candidates)), first)]
    return [int(candidates[k]) for k in order[:count]]


@styled
def trace(network: Network, examples: Examples, k: int, sample_s: float) -> Figure:
    """Draw the input of one example over time, and below it the state of every neuron.

    Up to 40 neurons are lines, one colour per population; more are rows of a picture. ``sample_s`` is how long an input
    sample is held (s).
    """
    figure = new_figure(COLUMN, 2.9)
    above, below = figure.subplots(2, 1, height_ratios=[1, 2], sharex=True)
    lines = network.neurons <= _MAX_LINES
    low, high = float(examples.state.min()), float(examples.state.max())
    margin = 0.05 * (high - low or 1.0)
    frames = examples.state.shape[1] - 1
    times, unit = _times(frames, sample_s)
    _input(above, examples, k, times[-1])
    if lines:
        _lines(below, network, examples.state[k], times)
        below.set_ylim(low - margin, high + margin)
        below.set_ylabel("state s (I_c)")
    else:
        _picture(below, examples.state[k], max(abs(low), abs(high)) or 1.0, times[-1])
        below.set_ylabel("neuron")
    below.set_xlabel(f"time ({unit}); {frames} input samples")
    below.locator_params(axis="x", nbins=6)
    if lines and len(network.populations) > 1:
        marks = [Line2D([], [], color=_colour(k), label=p.name) for k, p in enumerate(network.populations)]
        figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _times(frames: int, frame_s: float) -> tuple[FloatArray, str]:
    """Times at the start and after every frame, in the unit that suits the whole."""
    unit, size = next(
        ((unit, size) for unit, size in _UNITS if frames * frame_s >= size),
        _UNITS[-1],
    )
    times: FloatArray = np.linspace(0.0, frames * frame_s / size, frames + 1)
    return times, unit


def _input(axes: Axes, examples: Examples, k: int, end: float) -> None:
    """Draw what goes in: one column per input sample, one row per channel."""
    values = examples.values[k].T
    shade = np.zeros((*values.shape, 4))
    shade[...] = to_rgba(FAINT)
    shade[..., 3] = values
    axes.imshow(shade, extent=(0, end, len(values), 0), interpolation="nearest", aspect="auto")
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.5)
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    axes.set_ylabel("input")
    true, answered = int(examples.true[k]), int(examples.answered[k])
    colour = RIGHT if true == answered else WRONG
    axes.set_title(f"true {true}, answered {answered}", color=colour, fontsize=9)


def _lines(axes: Axes, network: Network, state: FloatArray, time: FloatArray) -> None:
    one = len(network.populations) == 1
    for k, population in enumerate(network.populations):
        for place in range(population.size):
            # shades within the only population keep neighbouring lines apart
            colour = _SHADES(place / max(1, population.size - 1)) if one else _colour(k)
            axes.plot(time, state[:, population.neurons.start + place], color=colour, linewidth=0.8, alpha=0.8)
    axes.set_xlim(0, time[-1])
    axes.axhline(0, color=INK, linewidth=0.4)


def _picture(axes: Axes, state: FloatArray, largest: float, end: float) -> None:
    steps, neurons = state.shape
    half = end / (2 * (steps - 1))
    axes.imshow(
        state.T,
        cmap=DIVERGING,
        norm=Normalize(-largest, largest),
        extent=(-half, end + half, neurons - 0.5, -0.5),
        interpolation="nearest",
        aspect="auto",
    )
    axes.set_xlim(0, end)


def _colour(population: int) -> str:
    return _LINE_COLOURS[population % len(_LINE_COLOURS)]
