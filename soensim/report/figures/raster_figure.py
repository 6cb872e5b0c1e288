"""What happens inside a spiking chip: the spikes of every line and neuron while a test sample is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from soensim.data import Split, argmax_decode
from soensim.fabrication import FabricatedChip
from soensim.network import CountOutput, FluxOutput, LinearOutput, Network
from soensim.program import Program
from soensim.report.figures.style import COLUMN, FAINT, INK, RIGHT, WRONG, new_figure, quiet, styled
from soensim.report.figures.trace_figure import SEARCHED, different
from soensim.simulation import class_scores

if TYPE_CHECKING:  # numba: loaded only by chips that need it
    from soensim.simulation.spiking.raster import Raster

_MOST_TICKS = 4000  # more spikes are a picture: a path of them all would make the page large
_ROWS = 70  # of more neurons a tick reaches over its neighbours, to be seen
_LABELLED = 20  # classes of which each has its number
_HEIGHT_IN = {False: 0.85, True: 1.5}  # of a population; of one that is read


@dataclass(frozen=True)
class SpikeExample:
    """A test sample that the nominal chip read.

    Attributes
    ----------
    raster
        Its spikes.
    scores
        Of the classes, shape (classes,): spikes or mean fluxes of their neurons, or sums of them.
    true, answered
        Classes.
    index
        Position in the data set's source.
    """

    raster: Raster
    scores: NDArray[np.float64]
    true: int
    answered: int
    index: int

    @property
    def tied(self) -> tuple[int, ...]:
        """Classes that share the best score; empty where one alone has it."""
        best = np.flatnonzero(self.scores == self.scores.max())
        return tuple(best.tolist()) if len(best) > 1 else ()


def find_spike_examples(
    network: Network, program: Program, split: Split, *, read_seed: int = 0, right: int = 4, wrong: int = 2
) -> list[SpikeExample]:
    """Run the first samples of a split and keep some of different classes, the first of each kind.

    Parameters
    ----------
    network, program
        The nominal spiking chip and what runs on it.
    split
        Test samples; only the first 256 are looked at.
    read_seed
        That of the evaluation: the spikes are those that were counted.
    right, wrong
        How many examples to show that are answered right and wrong; fewer where there are fewer.

    Raises
    ------
    SoensimError
        The chip cannot be simulated.
    """
    from soensim.simulation.spiking.raster import sample_raster

    count = min(split.samples, SEARCHED)
    first = dataclasses.replace(split, labels=split.labels[:count], indices=split.indices[:count])
    scores = class_scores(network, program, first.inputs, read_seed=read_seed)
    answered = argmax_decode(scores)
    hit = answered == first.labels
    chosen = [
        *different(first.labels, np.flatnonzero(hit), right),
        *different(first.labels, np.flatnonzero(~hit), wrong),
    ]
    chip = FabricatedChip.nominal(network, program.values)
    return [
        SpikeExample(
            sample_raster(network, chip, first.inputs[k : k + 1][0], sample=k, read_seed=read_seed),
            scores[k],
            int(first.labels[k]),
            int(answered[k]),
            int(first.indices[k]),
        )
        for k in chosen
    ]


@styled
def raster(network: Network, example: SpikeExample) -> Figure:
    """Draw the spikes of the input lines, below them those of each population; beside, the scores of the classes.

    They are beside the neurons of the classes, or, of a linear readout, beside the last population.
    """
    output, spiking = network.output, network.spiking
    by_neuron = output.populations if isinstance(output, CountOutput | FluxOutput) else ()
    read = [network.populations[k].name for k in by_neuron]
    what = "flux (Phi_0)" if isinstance(output, FluxOutput) else "spikes"
    bands = [(line.name, line.channels, False) for line in network.inputs]
    bands += [(p.name, p.neurons, p.name in read) for p in (spiking.populations if spiking is not None else ())]
    heights = [_HEIGHT_IN[is_read] for *_, is_read in bands]
    figure = new_figure(COLUMN, sum(heights) + 0.75)
    grid = figure.add_gridspec(len(bands), 2, width_ratios=[3.2, 1], height_ratios=heights)
    shown: Axes | None = None
    first_class = 0
    for row, (name, members, is_read) in enumerate(bands):
        lowest = axes = figure.add_subplot(grid[row, 0] if is_read else grid[row, :1], sharex=shown)
        shown = axes if shown is None else shown
        size, is_line = members.stop - members.start, row < len(network.inputs)
        colours = [FAINT if is_line else INK] * size
        if is_read:
            colours = _class_colours(example, first_class, size)
        _ticks(axes, example.raster, members, is_line, colours)
        axes.set_ylabel(name)
        axes.tick_params(labelbottom=row == len(bands) - 1)
        if row == 0:
            _title(axes, example)
        if is_read:
            _label_classes(axes, first_class, size)
            _bars(figure.add_subplot(grid[row, 1], sharey=axes), example, range(first_class, first_class + size), what)
            first_class += size
    if isinstance(output, LinearOutput):
        beside = figure.add_subplot(grid[-1, 1])
        beside.set_ylim(output.classes - 0.5, -0.5)
        beside.set_yticks([])
        _bars(beside, example, range(output.classes), "score")
    if shown is not None:
        shown.set_xlim(0, example.raster.duration_ns)
        lowest.set_xlabel("time (ns)")
        shown.locator_params(axis="x", nbins=5)
    return figure


def _class_colours(example: SpikeExample, first_class: int, size: int) -> list[str]:
    """Colour of each neuron that is read: the true class, another one that is the answer, the rest."""
    colours = [FAINT] * size
    for label, colour in ((example.answered, WRONG), (example.true, RIGHT)):
        if 0 <= label - first_class < size:
            colours[label - first_class] = colour
    return colours


def _ticks(axes: Axes, raster: Raster, members: slice, is_line: bool, colours: Sequence[str]) -> None:
    """Draw a short line per spike, one path per colour, at least a pixel high."""
    sources, times = (raster.channels, raster.sent_ns) if is_line else (raster.neurons, raster.spikes_ns)
    own = (sources >= members.start) & (sources < members.stop)
    row, time, size = sources[own] - members.start, times[own], members.stop - members.start
    half, colour_of = max(0.42, size / _ROWS), np.array(colours)[row]
    for colour in dict.fromkeys(colours):
        at, when = row[colour_of == colour], time[colour_of == colour]
        gap = np.full(len(at), np.nan)
        x = np.stack([when, when, gap], axis=1).ravel()
        y = np.stack([at - half, at + half, gap], axis=1).ravel()
        axes.plot(x, y, color=colour, linewidth=1.1, solid_capstyle="butt", rasterized=len(row) > _MOST_TICKS)
    axes.set_ylim(size - 0.5, -0.5)
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([0, size - 1] if size > 1 else [0])


def _label_classes(axes: Axes, first_class: int, size: int) -> None:
    """Number the neurons of a population that is read by their classes."""
    step = -(-size // _LABELLED)
    axes.set_yticks(range(0, size, step), [str(first_class + k) for k in range(0, size, step)])
    axes.tick_params(axis="y", labelsize=7.5)


def _bars(axes: Axes, example: SpikeExample, classes: range, what: str) -> None:
    """Draw the scores of some classes as bars, the answer and the true class marked."""
    scores = example.scores[classes.start : classes.stop]
    axes.barh(np.arange(len(classes)), scores, height=0.8, color=_class_colours(example, classes.start, len(classes)))
    quiet(axes)
    axes.tick_params(labelleft=False, labelbottom=False)
    axes.set_xlim(min(0.0, 1.35 * example.scores.min()), 1.35 * max(0.0, example.scores.max()) or 1.35)
    if len(classes) <= _LABELLED:
        for k, score in enumerate(scores.tolist()):
            text = score_text(score)
            axes.annotate(
                text, (max(score, 0), k), xytext=(2, 0), textcoords="offset points", va="center", fontsize=7.5
            )
    axes.set_title(what, fontsize=8, fontweight="normal", color=INK)


def score_text(score: float) -> str:
    """Write a score: a count as it is, another number with three digits."""
    return f"{score:.0f}" if float(score).is_integer() else f"{score:.3g}"


def _title(axes: Axes, example: SpikeExample) -> None:
    said = f"true {example.true}, answered {example.answered}"
    if not example.scores.any():
        said += ": no spike"
    elif example.tied:
        said += f": tie of {' and '.join(map(str, example.tied)) if len(example.tied) == 2 else len(example.tied)}"
    axes.set_title(said, color=RIGHT if example.true == example.answered else WRONG, fontsize=9)
