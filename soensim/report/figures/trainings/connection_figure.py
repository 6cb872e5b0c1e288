"""What a training wrote into one projection: where the weights lie among the levels, and which are the strongest."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from soensim.errors import ProgramError
from soensim.network import Network
from soensim.program import Program
from soensim.report.figures.style import FAINT, INK, NEGATIVE, POSITIVE, new_figure, styled

STRONGEST = 20
_BINS = 61
_MAX_LEVELS = 129  # more marks would be a grey band


@styled
def connections(network: Network, program: Program, key: str) -> Figure:
    """Draw the ideal efficacies of a projection as a histogram over its levels, beside the 20 strongest programmed.

    Raises
    ------
    ProgramError
        The chip has no such projection, or no edge of it exists.
    """
    if key not in network.synapses:
        raise ProgramError(f"chip {network.name!r} has no projection {key!r}; it has {', '.join(network.synapses)}")
    if not len(network.synapses[key]):
        raise ProgramError(f"no edge of projection {key!r} exists on chip {network.name!r}; there is nothing to draw")
    names, values = strongest(network, program, key)
    figure = new_figure(8.4, max(2.4, 0.19 * len(names) + 0.95))
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _histogram(left, program, key)
    right.barh(range(len(names)), values, color=np.where(values < 0, NEGATIVE, POSITIVE), height=0.72)
    right.axvline(0, color=INK, linewidth=0.7)
    right.set_yticks(range(len(names)), names, fontsize=7.5)
    right.set_ylim(len(names) - 0.4, -0.6)
    right.tick_params(axis="y", length=0)
    right.spines["left"].set_visible(False)
    right.set_xlabel("programmed efficacy")
    right.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    right.set_title(f"{len(names)} strongest connections")
    return figure


def strongest(
    network: Network, program: Program, key: str, count: int = STRONGEST
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the edges of a projection that are programmed most strongly, as `source[3] → target[17]`, and efficacies.

    Of edges on the same level, those whose ideal weight is larger come first.
    """
    synapses, values = network.synapses[key], program.values[key]
    source, _, target = key.partition("->")
    order = np.lexsort((-np.abs(program.ideal_values[key]), -np.abs(values)))[:count]
    names = [f"{source}[{synapses.sources[k]}] → {target}[{synapses.targets[k]}]" for k in order]
    return names, values[order]


def _histogram(axes: Axes, program: Program, key: str) -> None:
    """Draw the ideal weights finely, and mark every level that an edge of the projection can take."""
    ideal = program.ideal_values[key]
    levels = np.unique(np.concatenate([sign * program.levels[key] for sign in np.unique(program.signs[key])]))
    low, high = (float(f([f(levels), f(ideal)])) for f in (np.min, np.max))
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS)
    counts = np.histogram(ideal, edges)[0]
    middles = (edges[1:] + edges[:-1]) / 2
    axes.bar(middles, counts, width=np.diff(edges), color=np.where(middles < 0, NEGATIVE, POSITIVE), linewidth=0)
    shown = len(levels) <= _MAX_LEVELS
    if shown:
        axes.vlines(
            levels, 0, 1, transform=axes.get_xaxis_transform(), color=FAINT, linewidth=0.6, linestyle=(0, (2, 2)),
            zorder=0,
        )  # fmt: skip
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set(xlabel="ideal efficacy", ylabel="synapses")
    axes.set_title(f"{key.replace('->', ' → ')}: {len(ideal):,} synapses")
    if shown:
        axes.set_xlabel(f"ideal efficacy; dashed: the {len(levels)} levels")
