"""YAML <-> Netlist: schema, topology generators, cross-references, errors with line and column."""

from soensim.netlist.chip import Netlist, Projection
from soensim.netlist.dump import dump_netlist
from soensim.netlist.efficacy import Efficacy, symmetric_levels
from soensim.netlist.load import json_schema, load_netlist, parse_netlist
from soensim.netlist.populations import DendritePopulation, InputPopulation
from soensim.netlist.readout import GoodnessReadout, LinearReadout

__all__ = [
    "DendritePopulation",
    "Efficacy",
    "GoodnessReadout",
    "InputPopulation",
    "LinearReadout",
    "Netlist",
    "Projection",
    "dump_netlist",
    "json_schema",
    "load_netlist",
    "parse_netlist",
    "symmetric_levels",
]
