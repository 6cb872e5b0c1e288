"""Pictures of a training: its curves, sweeps over several, and what it wrote into the efficacies."""

from soensim.report.figures.training.connections import connections
from soensim.report.figures.training.curves import curves
from soensim.report.figures.training.samples import sample_grid
from soensim.report.figures.training.sweep import sweep

__all__ = ["connections", "curves", "sample_grid", "sweep"]
