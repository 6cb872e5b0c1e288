"""What is programmed: the code of every synapse, and how often each code is used."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from soensim.errors import ProgramError
from soensim.network import LinearOutput, Network
from soensim.program import READOUT, Program, dense_weights
from soensim.report.figures.style import COLUMN, DIVERGING, FAINT, INK, SEQUENTIAL, SMALLEST_PT, new_figure, styled

FloatArray = NDArray[np.float64]

MAX_CELLS = 200  # synapses per side that are shown one by one
_MAX_BARS = 33  # levels that are counted one by one
_MATRIX = 1.7  # inches, its largest width; the rest of a column holds the bars and the labels
_ROOM_PER_BAR = 0.135  # inches


@styled
def efficacies(network: Network, program: Program, key: str) -> Figure:
    """Draw the efficacies of a projection, or of the readout, beside the count of every level.

    Absent edges are hatched. A projection of more than `MAX_CELLS` rows or columns is shown in blocks, each with its
    root mean square.

    Parameters
    ----------
    network
        The chip.
    program
        Made for this chip.
    key
        ``source->target`` or ``readout``.

    Raises
    ------
    ProgramError
        The chip has no such projection.
    """
    dense, present = _dense(network, program, key)
    rows, columns = dense.shape
    in_blocks = max(rows, columns) > MAX_CELLS
    cell = min(0.14, _MATRIX / columns, 4.0 / rows)
    width, height = max(1.0, cell * columns), max(_ROOM_PER_BAR * _bars(program, key), cell * rows)
    figure = new_figure(width + COLUMN - _MATRIX, height + 0.95)
    matrix, usage = figure.subplots(1, 2, width_ratios=[width, 1.0])
    title = f"{_shortened(key.replace('->', ' → '))}\n{_count(present)}"
    values = dense[present]
    largest = float(max(np.abs(program.levels[key]).max(), np.abs(values).max(initial=0.0))) or 1.0
    if in_blocks:
        title += _blocks(matrix, dense, present)
    else:
        picture = np.ma.array(dense, mask=~present)
        matrix.imshow(picture, cmap=DIVERGING, vmin=-largest, vmax=largest, interpolation="nearest", aspect="auto")
        if not present.all():
            _hatch(matrix, ~present)
    matrix.spines[:].set_visible(True)
    source, _, target = key.partition("->")
    labels = ("from neuron", "to class") if key == READOUT else (f"from {source}", f"to {target}")
    matrix.set(xlabel=labels[0], ylabel=labels[1])
    matrix.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=max(1, min(6, int(width / 0.35)))))
    matrix.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    figure.suptitle(title, x=0.02, ha="left", fontsize=9.5, fontweight="bold", color=INK)
    _usage(usage, program, key, values, largest)
    return figure


def _bars(program: Program, key: str) -> int:
    """Return about how many bars tell the use of the levels."""
    both = 2 if (program.signs[key] < 0).any() else 1
    return min(max(both * len(program.levels[key]), 15), _MAX_BARS)


def _dense(network: Network, program: Program, key: str) -> tuple[FloatArray, NDArray[np.bool_]]:
    values = program.values
    if key == READOUT and isinstance(network.output, LinearOutput):
        return values[READOUT], np.ones(values[READOUT].shape, dtype=bool)
    if key not in network.synapses:
        raise ProgramError(f"chip {network.name!r} has no projection {key!r}; it has {', '.join(network.synapses)}")
    synapses = network.synapses[key]
    present = np.zeros(synapses.shape, dtype=bool)
    present[synapses.targets, synapses.sources] = True
    return dense_weights(network, values)[key], present


def _count(present: NDArray[np.bool_]) -> str:
    there = int(present.sum())
    return f"{there:,} synapses" if there == present.size else f"{there:,} of {present.size:,} edges"


def _hatch(axes: Axes, absent: NDArray[np.bool_]) -> None:
    """Mark what was not fabricated: a grey cell with a stroke through it."""
    shade = np.zeros((*absent.shape, 4))
    shade[absent] = to_rgba(FAINT, 0.32)
    axes.imshow(shade, interpolation="nearest", aspect="auto")
    if absent.sum() <= 4000:
        rows, columns = np.nonzero(absent)
        x = np.column_stack([columns - 0.28, columns + 0.28, np.full(len(rows), np.nan)]).ravel()
        y = np.column_stack([rows + 0.28, rows - 0.28, np.full(len(rows), np.nan)]).ravel()
        axes.plot(x, y, color=FAINT, linewidth=0.6, scalex=False, scaley=False)


def _blocks(axes: Axes, dense: FloatArray, present: NDArray[np.bool_]) -> str:
    """Draw the rms of blocks of synapses, and return what the title must say about them."""
    rows, columns = dense.shape
    row_starts = np.unique(np.arange(min(rows, MAX_CELLS)) * rows // min(rows, MAX_CELLS))
    column_starts = np.unique(np.arange(min(columns, MAX_CELLS)) * columns // min(columns, MAX_CELLS))

    def total(array: FloatArray) -> FloatArray:
        summed: FloatArray = np.add.reduceat(np.add.reduceat(array, row_starts, 0), column_starts, 1)
        return summed

    count = total(present.astype(np.float64))
    rms = np.sqrt(np.divide(total(dense**2), count, out=np.zeros_like(count), where=count > 0))
    axes.imshow(
        np.ma.array(rms, mask=count == 0),
        cmap=SEQUENTIAL,
        interpolation="nearest",
        aspect="auto",
        vmin=0,
        vmax=float(rms.max()) or 1.0,
        extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
    )
    size = f"{rows / len(row_starts):.3g} x {columns / len(column_starts):.3g}"
    return f"\nrms of blocks of {size}, darkest {float(rms.max()):.3g}"


def _usage(axes: Axes, program: Program, key: str, values: FloatArray, largest: float) -> None:
    """Draw the colour bar as a histogram: one bar per level in its colour, as long as the level is often used."""
    table = program.levels[key]
    signs = program.signs[key]
    fixed = bool((signs < 0).any())
    levels = np.unique(np.concatenate([table[: 0 if (signs < 0).all() else None], -table])) if fixed else table
    if program.codes is None or len(levels) > _MAX_BARS:
        edges = np.linspace(-largest if levels.min() < 0 else 0.0, largest, 32)
        counts, middles = np.histogram(values, edges)[0], np.round((edges[1:] + edges[:-1]) / 2, 12)
        labels = [_signed(m) if k % 5 == 0 else "" for k, m in enumerate(middles)]
        title = f"{len(table):,} levels" if program.codes is not None else "not quantised"
    else:
        nearest = np.abs(values[:, None] - levels[None, :]).argmin(axis=1)
        counts, middles = np.bincount(nearest, minlength=len(levels)), levels
        labels = [_code_label(k, level, fixed) for k, level in enumerate(levels)]
        title = "efficacy" if fixed else "code: efficacy"
    place = np.arange(len(middles))
    longest = max(1, int(counts.max(initial=0)))
    colours = DIVERGING(Normalize(-largest, largest)(middles))
    axes.barh(place, counts, height=0.86, color=colours, edgecolor=FAINT, linewidth=0.6)
    for y, count in enumerate(counts):
        if count and len(place) <= 20:  # more would overlap
            axes.text(float(count + 0.04 * longest), y, f"{count:,}", va="center", fontsize=SMALLEST_PT, color=INK)
    axes.set_yticks(place, labels)
    axes.tick_params(axis="y", length=0, labelsize=SMALLEST_PT)
    axes.set(xticks=[], xlim=(0, 1.45 * longest), ylim=(-0.6, len(place) - 0.4))
    axes.spines["bottom"].set_visible(False)
    axes.set_title(title, fontsize=8, fontweight="normal")


def _code_label(code: int, level: float, fixed: bool) -> str:
    return _signed(level) if fixed else f"{code}: {_signed(level)}"


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+.3g}".replace("-", "−")


def _shortened(text: str) -> str:
    return text if len(text) <= 38 else f"{text[:18]}…{text[-18:]}"
