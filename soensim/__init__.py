"""Say what a superconducting optoelectronic network can compute once it is a chip.

A chip goes one way: netlist -> routed netlist -> network -> program -> simulation -> evaluation.

>>> netlist = load_netlist("netlists/year1-28.yaml")          # doctest: +SKIP
>>> network = compile_network(route(netlist))                 # doctest: +SKIP
>>> program = Program.load("netlists/year1-28.safetensors")   # doctest: +SKIP
>>> trace = simulate(network, program, inputs, chip_seed=0)   # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from soensim._runtime.lazy import keep_from_submodules, lazy_names
from soensim._runtime.working_folder import leave_out_working_folder

leave_out_working_folder()

if TYPE_CHECKING:
    from soensim.data import Dataset, load_dataset
    from soensim.errors import SoensimError
    from soensim.evaluation import Evaluation, evaluate
    from soensim.netlist import Netlist, load_netlist
    from soensim.network import Network, compile_network
    from soensim.program import Program
    from soensim.routing import RoutedNetlist
    from soensim.routing.router import route
    from soensim.simulation import Trace, simulate
    from soensim.training import TrainResult, make_recipe, train
else:  # loaded when first asked for: a command does not pay for the rooms that it does not use
    _MODULES = {
        "Dataset": "soensim.data",
        "Evaluation": "soensim.evaluation",
        "Netlist": "soensim.netlist",
        "Network": "soensim.network",
        "Program": "soensim.program",
        "RoutedNetlist": "soensim.routing",
        "SoensimError": "soensim.errors",
        "Trace": "soensim.simulation",
        "TrainResult": "soensim.training",
        "compile_network": "soensim.network",
        "evaluate": "soensim.evaluation",
        "load_dataset": "soensim.data",
        "load_netlist": "soensim.netlist",
        "make_recipe": "soensim.training",
        "route": "soensim.routing",
        "simulate": "soensim.simulation",
        "train": "soensim.training",
    }
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)
    # three verbs are also modules, for `python -m`: `soensim.train` is the function, whoever imports `soensim/train.py`
    keep_from_submodules(__name__, frozenset({"evaluate", "simulate", "train"}))

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
