"""YAML <-> Netlist: schema, topology generators, cross-references, errors with line and column."""

from soensim.netlist.chip import Netlist
from soensim.netlist.dump import dump_netlist
from soensim.netlist.efficacy import Efficacy, symmetric_levels
from soensim.netlist.floorplan import ExplicitPlacement, Floorplan, OptimisedPlacement
from soensim.netlist.load import json_schema, load_netlist, parse_netlist
from soensim.netlist.populations import DendritePopulation, InputPopulation
from soensim.netlist.projection import Projection
from soensim.netlist.readout import GoodnessReadout, LinearReadout
from soensim.netlist.routing import RouteLimits, Routing
from soensim.netlist.spiking import SpikeInputPopulation, SpikingPopulation
from soensim.netlist.waivers import Waiver

__all__ = [
    "DendritePopulation",
    "Efficacy",
    "ExplicitPlacement",
    "Floorplan",
    "GoodnessReadout",
    "InputPopulation",
    "LinearReadout",
    "Netlist",
    "OptimisedPlacement",
    "Projection",
    "RouteLimits",
    "Routing",
    "SpikeInputPopulation",
    "SpikingPopulation",
    "Waiver",
    "dump_netlist",
    "json_schema",
    "load_netlist",
    "parse_netlist",
    "symmetric_levels",
]
