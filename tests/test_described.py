"""Results at the prompt and in a notebook: one line, one small table."""

import re

import numpy as np
import pytest
from conftest import ROOT

from soensim._runtime.described import Described, sizes
from soensim.data import load_dataset
from soensim.evaluation import Evaluation, evaluate
from soensim.netlist import Netlist, load_netlist
from soensim.network import Network, compile_network
from soensim.network.spiking import SpikingNetwork
from soensim.program import Program
from soensim.routing import RoutedNetlist, route
from soensim.simulation import Trace, simulate
from soensim.simulation.spiking import SpikingTrace, simulate_spikes
from soensim.training import TrainResult

CHIP = ROOT / "netlists" / "year1-28.yaml"


@pytest.fixture(scope="module")
def chain():
    netlist = load_netlist(CHIP)
    routed = route(netlist)
    network = compile_network(routed)
    return netlist, routed, network, Program.load(CHIP.with_suffix(".safetensors"))


def test_each_part_of_the_chain_is_a_line(chain):
    netlist, routed, network, program = map(repr, chain)
    assert netlist == (
        "Netlist(name='year1-28', populations={pixels: 8, hidden: 28}, projections=2, readout=linear, "
        "technology=nist-2023)"
    )
    assert routed == ("RoutedNetlist(name='year1-28', edges={pixels->hidden: 224, hidden->hidden: 784}, laid_out=True)")
    assert network == (
        "Network(name='year1-28', channels=8, populations={hidden: 28}, "
        "edges={pixels->hidden: 224, hidden->hidden: 784}, classes=10, substeps=4, hash=c0b74077)"
    )
    assert re.fullmatch(
        r"Program\(chip='year1-28', codes=\{hidden->hidden: 784, hidden.flux_trim: 28, pixels->hidden: 224, "
        r"readout: 280\}, rule=bptt, data=digits-rows, validation_accuracy=\d+\.\d%, netlist_hash=c0b74077\)",
        program,
    )
    assert str(chain[0]) == netlist


def test_an_ideal_program_without_origin(chain):
    bare = chain[3].as_ideal().with_header({})
    assert re.fullmatch(r"Program\(ideal_values=\{hidden->hidden: 784, .*\}, netlist_hash=c0b74077\)", repr(bare))


def test_a_trace(chain):
    network, program = chain[2:]
    trace = simulate(network, program, np.full((2, 3, 8), 0.1))
    assert re.fullmatch(r"Trace\(samples=2, frames=3, neurons=28, t_tau=0\.\.[\d.]+, classes=10\)", repr(trace))


def test_an_evaluation_and_a_training(chain):
    result = evaluate(chain[1], chain[3], load_dataset("digits-rows"), trials=2)
    accuracy = result.accuracy
    shown = [f"{100 * part:.1f}%" for part in (accuracy.ideal, accuracy.quantised, accuracy.chip_mean)]
    assert repr(result) == (
        "Evaluation(chip='year1-28', data=digits-rows, samples=360, ideal={}, quantised={}, mean_of_2_chips={}, "
        "worst_chip={:.1%})".format(*shown, min(accuracy.chips))
    )
    history = [{"validation_accuracy": 0.5}, {"validation_accuracy": 0.75}]
    assert repr(TrainResult(chain[3], history, 1)) == (
        "TrainResult(chip='year1-28', epochs=2, epoch=1, validation_accuracy=50.0%)"
    )


def test_spiking_chips():
    network = compile_network(route(load_netlist(ROOT / "netlists" / "spiking-digits.yaml"))).spiking
    assert repr(network) == (
        "SpikingNetwork(name='spiking-digits', channels=64, populations={hidden: 28, output: 10}, dendrites=38, "
        "synapses={pixels->hidden: 1792, hidden->output: 280}, dt_ns=1)"
    )
    trace = simulate_spikes(network, [[10.0]] + [[]] * 63, duration_ns=20.0, read_seed=None)
    assert repr(trace) == "SpikingTrace(neurons=38, spikes=0, duration_ns=20, dt_ns=1, detections=28)"


def test_a_notebook_shows_a_table(chain):
    table = chain[2]._repr_html_()
    assert table.startswith("<table><caption>Network</caption>")
    assert "pixels-&gt;hidden: 224" in table
    assert table.count("<tr>") == 7


def test_every_large_class_is_described():
    large = (Netlist, RoutedNetlist, Network, SpikingNetwork, Program, Evaluation, Trace, SpikingTrace, TrainResult)
    for kind in large:
        assert issubclass(kind, Described)
        assert kind.__repr__ is Described.__repr__
        assert "_facts" in vars(kind)


def test_many_groups_are_counted():
    assert sizes({str(k): k for k in range(7)}) == "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, … 2 more}"
    assert sizes({}) == "{}"
