"""Pictures of a chip, of what is programmed on it, and of what it reaches. matplotlib without pyplot."""

from soensim.report.figures.backend import import_matplotlib  # noqa: F401 - first: it imports matplotlib, safely
from soensim.report.figures.efficacy_figures import efficacies
from soensim.report.figures.floorplans import floorplan
from soensim.report.figures.scores import accuracy, confusion
from soensim.report.figures.style import inline_svg, save_png, save_svg
from soensim.report.figures.topology_figure import is_drawn_as_graph, topology
from soensim.report.figures.trace_figure import Examples, find_examples, traces
from soensim.report.figures.trainings import connections, curves, sample_grid, sweep

__all__ = [
    "Examples",
    "accuracy",
    "confusion",
    "connections",
    "curves",
    "efficacies",
    "find_examples",
    "floorplan",
    "inline_svg",
    "is_drawn_as_graph",
    "sample_grid",
    "save_png",
    "save_svg",
    "sweep",
    "topology",
    "traces",
]
