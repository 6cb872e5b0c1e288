"""YAML <-> Netlist: schema, topology generators, cross-references, errors with line and column."""

from soensim.netlist.load import json_schema, load_netlist, parse_netlist
from soensim.netlist.schema import (
    DendritePopulation,
    Efficacy,
    GoodnessReadout,
    InputPopulation,
    LinearReadout,
    Netlist,
    Projection,
    symmetric_levels,
)

__all__ = [
    "DendritePopulation",
    "Efficacy",
    "GoodnessReadout",
    "InputPopulation",
    "LinearReadout",
    "Netlist",
    "Projection",
    "json_schema",
    "load_netlist",
    "parse_netlist",
    "symmetric_levels",
]
