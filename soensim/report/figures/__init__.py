"""Pictures of a chip, of what is programmed on it, and of what it reaches. matplotlib without pyplot."""

from soensim.report.figures.backend import import_matplotlib  # noqa: F401 - first: it imports matplotlib, safely

from soensim.report.figures.analyses import causes, margins, waterfall  # isort: skip
from soensim.report.figures.comparison_figure import compared
from soensim.report.figures.efficacy_figures import efficacies
from soensim.report.figures.floorplans import floorplan
from soensim.report.figures.raster_figure import SpikeExample, find_spike_examples, raster
from soensim.report.figures.scores import accuracy, chip_histogram, confusion, margin_histogram
from soensim.report.figures.style import inline_svg, save_png, save_svg
from soensim.report.figures.topology_figure import degrees, is_drawn_as_graph, topology
from soensim.report.figures.trace_figure import Examples, find_examples, trace
from soensim.report.figures.trainings import connections, curves, sample_grid, sweep

__all__ = [
    "Examples",
    "SpikeExample",
    "accuracy",
    "causes",
    "chip_histogram",
    "compared",
    "confusion",
    "connections",
    "curves",
    "degrees",
    "efficacies",
    "find_examples",
    "find_spike_examples",
    "floorplan",
    "inline_svg",
    "is_drawn_as_graph",
    "margin_histogram",
    "margins",
    "raster",
    "sample_grid",
    "save_png",
    "save_svg",
    "sweep",
    "topology",
    "trace",
    "waterfall",
]
