"""YAML <-> Netlist: schema, topology generators, cross-references, errors with line and column."""

from soensim.netlist.schema.efficacy import Efficacy, symmetric_levels
from soensim.netlist.schema.floorplan import ExplicitPlacement, Floorplan, OptimisedPlacement
from soensim.netlist.schema.netlist import Netlist
from soensim.netlist.schema.populations import DendritePopulation, InputPopulation
from soensim.netlist.schema.projection import Projection
from soensim.netlist.schema.readout import GoodnessReadout, LinearReadout, MeanFluxReadout, SpikeCountReadout
from soensim.netlist.schema.routing import RouteLimits, Routing
from soensim.netlist.schema.spiking import LatencyCode, RateCode, SpikeInputPopulation, SpikingPopulation
from soensim.netlist.schema.task import Task
from soensim.netlist.schema.waivers import Waiver
from soensim.netlist.yaml.dump import dump_netlist
from soensim.netlist.yaml.load import json_schema, load_netlist, parse_netlist

__all__ = [
    "DendritePopulation",
    "Efficacy",
    "ExplicitPlacement",
    "Floorplan",
    "GoodnessReadout",
    "InputPopulation",
    "LatencyCode",
    "LinearReadout",
    "MeanFluxReadout",
    "Netlist",
    "OptimisedPlacement",
    "Projection",
    "RateCode",
    "RouteLimits",
    "Routing",
    "SpikeCountReadout",
    "SpikeInputPopulation",
    "SpikingPopulation",
    "Task",
    "Waiver",
    "dump_netlist",
    "json_schema",
    "load_netlist",
    "parse_netlist",
    "symmetric_levels",
]
