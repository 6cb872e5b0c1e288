"""What passes the check can be simulated: random chips, most of which cannot work."""

import datetime

import numpy as np
import pytest
from random_chips import random_chip

from soensim.check import check_chip
from soensim.errors import NetlistError, SimulationError
from soensim.netlist import parse_netlist
from soensim.network import Network, compile_network
from soensim.program import Program
from soensim.simulation import simulate

CHIPS = 80
MOST_STEPS = 3000  # what takes longer is left to the patient


def random_program(network: Network, rng: np.random.Generator) -> Program:
    """Efficacies from the whole level tables."""
    weights = {key: rng.choice(s.levels, len(s)) for key, s in network.synapses.items()}
    trims = {p.trim_key: rng.choice(p.trim_levels, p.size) for p in network.populations if p.trim_levels is not None}
    return Program.quantised(network, weights | trims)


def outcome(seed: int) -> str:
    """What becomes of the chip of a seed; `simulate` must not refuse one that passes."""
    try:
        netlist = parse_netlist(random_chip(seed))
    except NetlistError:
        return "refused"
    report = check_chip(netlist, today=datetime.date(2027, 1, 1))
    if not report.passes:
        return "does not pass"
    assert report.routed is not None
    network = compile_network(report.routed)
    if network.substeps * network.hold_samples > MOST_STEPS:
        return "long"
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(0, 1, (1, 2, network.channels)) * network.inputs[0].drive_high
    try:
        trace = simulate(network, random_program(network, rng), inputs)
    except SimulationError as error:
        warned = any(finding.id == "SOEN-PH-006" for finding in report.findings)
        if warned and "diverges" in str(error):  # a matter of the program, and told before
            return "diverges, as warned"
        raise
    assert np.isfinite(trace.state).all()
    return "simulated"


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_what_passes_is_simulated() -> None:
    became = [outcome(seed) for seed in (*range(CHIPS), 660)]
    assert became.count("simulated") > CHIPS // 4
    assert became[-1] == "diverges, as warned"  # relu
    assert became.count("does not pass") > CHIPS // 8
