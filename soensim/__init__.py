"""Say what a superconducting optoelectronic network can compute once it is a chip.

A chip goes one way: netlist -> routed netlist -> network -> program -> simulation -> evaluation.

>>> netlist = load_netlist("netlists/year1-28.yaml")          # doctest: +SKIP
>>> network = compile_network(route(netlist))                 # doctest: +SKIP
>>> program = Program.load("netlists/year1-28.safetensors")   # doctest: +SKIP
>>> trace = simulate(network, program, inputs, chip_seed=0)   # doctest: +SKIP
"""

from soensim.data import Dataset, load_dataset
from soensim.errors import SoensimError
from soensim.evaluate import Evaluation, evaluate
from soensim.netlist import Netlist, load_netlist
from soensim.network import Network, compile_network
from soensim.program import Program
from soensim.routing import RoutedNetlist, route
from soensim.simulate import Trace, simulate
from soensim.train import TrainResult, make_recipe, train

__all__ = [
    "Dataset",
    "Evaluation",
    "Netlist",
    "Network",
    "Program",
    "RoutedNetlist",
    "SoensimError",
    "Trace",
    "TrainResult",
    "compile_network",
    "evaluate",
    "load_dataset",
    "load_netlist",
    "make_recipe",
    "route",
    "simulate",
    "train",
]
