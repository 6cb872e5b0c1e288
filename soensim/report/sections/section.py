"""What a section of the page is made from, and what it is.

A section is a function of a `Subject`. It returns a `Section`, or `NotRun` where the command can measure it and was not
asked to (the verdict then says with which flag), or None where it has no meaning on this chip. The page fits a phone
(390 px) and a desk: figures are at most `soensim.report.figures.style.COLUMN` inches wide and flow side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from soensim.check.finding import Finding
from soensim.check.physics import validity_findings
from soensim.data import Dataset
from soensim.evaluation import Evaluation
from soensim.network import Network
from soensim.program import Program
from soensim.report.figures import Examples, find_examples
from soensim.report.provenance import Provenance
from soensim.routing import RoutedNetlist


@dataclass(frozen=True)
class Subject:
    """What a page is about.

    Attributes
    ----------
    evaluation
        What `evaluate` returned.
    routed
        The chip with its routes.
    network
        The chip at the integration step of the evaluation.
    program, dataset
        What was scored, and on what.
    provenance
        See `soensim.report.provenance.trace_origin`.
    """

    evaluation: Evaluation
    routed: RoutedNetlist
    network: Network
    program: Program
    dataset: Dataset
    provenance: Provenance

    @cached_property
    def examples(self) -> Examples:
        """A few test samples with what the nominal chip did; simulated once.

        Raises
        ------
        SoensimError
            They cannot be simulated.
        """
        return find_examples(self.network, self.program, self.dataset.test)

    @cached_property
    def validity(self) -> tuple[Finding, ...]:
        """How well the model describes a dendrite of each population of SQUIDs (SOEN-PH-002); measured once."""
        return tuple(validity_findings(self.routed.netlist))


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    key
        Its id in the page, lower case with hyphens; ids of its figures start with it.
    title
        Its heading.
    body
        HTML from `soensim.report.page_parts`.
    """

    key: str
    title: str
    body: Markup


@dataclass(frozen=True)
class NotRun:
    """What the command could have measured: in words, and the flag that asks for it."""

    what: str
    flag: str


SectionFunction = Callable[[Subject], Section | NotRun | None]
