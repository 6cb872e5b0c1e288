"""Pictures of a training: its curves, sweeps over several, and what it wrote into the efficacies."""

from soensim.report.figures.trainings.connection_figure import connections
from soensim.report.figures.trainings.curve_figure import curves
from soensim.report.figures.trainings.sample_figure import sample_grid
from soensim.report.figures.trainings.sweep_figure import sweep

__all__ = ["connections", "curves", "sample_grid", "sweep"]
