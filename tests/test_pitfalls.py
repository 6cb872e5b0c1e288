"""Wrong results that other SOEN simulators give in silence, one test each.

Those that a room tests anyway are named here, the others follow.

- flux noise added twice: test_simulate.test_noise_has_the_stated_size
- mismatch redrawn per step or sample: test_simulate.test_a_chip_is_drawn_once
- tables that drop to zero beyond their edge: test_circuit_source.test_range_beyond_the_table_is_solved_not_zero
- nearest-neighbour lookup: test_circuit_source.test_error_off_the_nodes
- unknown parameter names, solver names with typos: test_netlist_errors.test_message
- photon delays ignored, the last spike dropped, spikes not recorded: test_spiking*
- hops delayed in one mode and not in another: test_dynamics.test_lockstep_hops_take_a_step_each_and_feed_forward_none,
  test_train.test_training_and_simulation_are_one_dynamics
- tables reloaded per dendrite: test_circuit_source.test_one_table_serves_all_dendrites_of_a_device
"""

import pytest
import torch
from conftest import SMALL, compiled
from test_rooms import FILES, imported_modules

from soensim.dynamics import SOURCE_FUNCTIONS, Cell, Term, unroll
from soensim.errors import NetlistError


def graph_size(steps: int, lags: list[int]) -> int:
    """Nodes of the autograd graph of the final state: what a backward pass visits."""
    stacked = torch.full((3 * len(lags), 3), 0.1, requires_grad=True)
    cell = Cell(
        0.9, 0.1, 0.0, SOURCE_FUNCTIONS["tanh"], torch.zeros(3), [Term(None, lags, stacked), Term(0, lags, stacked)]
    )
    final = unroll([cell], torch.ones(2, steps, 3), [torch.zeros(2, 3)], substeps=1)[-1][0]
    seen, waiting = set(), [final.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return len(seen)


@pytest.mark.parametrize("lags", [[0], [2], [0, 1, 3]], ids=str)
def test_backward_is_linear_in_time(lags):
    """No history buffer that is written in place: twice the steps, twice the graph."""
    sizes = [graph_size(steps, lags) for steps in (20, 40, 80)]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0]) > 0


@pytest.mark.parametrize("timing", ["sample_tau: -200", "sample_tau: 0", "sample_tau: 200, substeps: -1"])
def test_a_step_that_is_not_positive_is_refused(timing):
    with pytest.raises(NetlistError, match="timing"):
        compiled(SMALL.replace("sample_tau: 200, substeps: 2", timing))


def test_no_file_format_can_run_code():
    own_code = "soensim/_runtime/kernel_cache.py"  # machine code from the user's own cache directory
    for path in [file for file in FILES if not file.as_posix().endswith(own_code)]:
        modules = {name.split(".")[0] for name in imported_modules(path)}
        assert not modules & {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}, path
        assert "allow_pickle=True" not in path.read_text(), path
        assert "torch.load" not in path.read_text(), path
