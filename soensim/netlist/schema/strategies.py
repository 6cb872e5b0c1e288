"""The one list of routing strategies, and that of placement methods: name, what it does, and where its function is.

A netlist names a strategy; `soensim.routing` imports its function when a chip asks for it. Adding one takes an entry
here and a function there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from soensim.netlist.base import fault, nearest, shown


@dataclass(frozen=True)
class Strategy:
    """A strategy that a netlist can name.

    Attributes
    ----------
    summary
        What it does, as the JSON Schema says it.
    function
        Where it is, ``module:function``; the module may be slow to import.
    """

    summary: str
    function: str

    def load(self) -> Callable[..., Any]:
        """Import its function."""
        module, _, name = self.function.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function


ROUTING_STRATEGIES: dict[str, Strategy] = {
    "crossbar": Strategy("along the emitter's row, then along columns", "soensim.routing.crossbar:crossbar"),
    "manhattan": Strategy(
        "rectilinear Steiner trees on channels with limited tracks", "soensim.routing.manhattan:manhattan"
    ),
    "direct": Strategy("straight lines in one plane, for early sizing", "soensim.routing.direct:direct"),
}
"""How waveguides run. The function takes a `soensim.routing.problem.OpticalProblem` and returns the trees of its nets
on the routing grid (`soensim.routing.trees.GridTrees`), or None for straight lines from emitters to detectors."""

PLACEMENT_METHODS: dict[str, Strategy] = {
    "spectral": Strategy(
        "by the slow eigenvectors of the graph's Laplacian", "soensim.routing.placement.spectral:spectral"
    ),
    "annealing": Strategy("simulated annealing from there", "soensim.routing.placement.annealing:annealing"),
}
"""How neurons are ordered on their grid. The function takes a `soensim.routing.placement.problem.PlacementProblem` and
returns the site of every neuron."""


def known_in(strategies: Mapping[str, Strategy]) -> Callable[[Any], Any]:
    """Make the check that a value is one of these names; it runs before pydantic's own."""

    def check(value: Any) -> Any:
        if value is None or (isinstance(value, str) and value in strategies):
            return value
        hint = nearest(value, strategies) if isinstance(value, str) else ""
        raise fault(f"{shown(value)} is not legal; {hint}it must be one of {', '.join(strategies)}")

    return check


def listed(strategies: Mapping[str, Strategy]) -> Callable[[dict[str, Any]], None]:
    """Make the function that lists these names in a field's JSON Schema, with what each does."""

    def extend(schema: dict[str, Any]) -> None:
        words = next((option for option in schema.get("anyOf", ()) if option.get("type") == "string"), schema)
        words["enum"] = list(strategies)
        each = "; ".join(f"`{name}`: {strategy.summary}" for name, strategy in strategies.items())
        schema["description"] = f"{schema['description']} {each}."

    return extend
