"""sim_soens' own traces, step by step: their table and nearest-neighbour lookup through our stepping, and our table."""

from pathlib import Path

import numpy as np
import pytest
from spiking_problems import TABLE

from soensim.dynamics.spiking import (
    Dendrite,
    Links,
    Neuron,
    Receiver,
    Refractory,
    SynapseResponse,
    assemble,
    reference_run,
    refractory_coupling,
    step_arrays,
)

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"{REFERENCE} is absent: no traces to compare with")


def load(name):
    with np.load(REFERENCE / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def their_source():
    """g at the nearest flux of the table, then at the nearest state of that row."""
    table = load("sim_soens_rate_table_ib1.8024")
    ends = np.cumsum(table["lens"])
    states, rates = (np.split(table[key], ends[:-1]) for key in ("s_flat", "r_flat"))
    bias = float(table["ib"])

    def g(phi, i):
        row = int(np.abs(table["phi"] - phi).argmin())
        return rates[row][int(np.abs(states[row] - (bias - i)).argmin())]

    return g


def run(trace, neuron, source, steps):
    tau_0_ns = 1 / float(trace["ttc_per_ns"])  # their conversion, which has four digits fewer of Phi_0
    drive = Links(np.array([1]), np.array([0]), np.array([0]), Receiver(response(0.06)))
    arrays = assemble([(neuron, 1)], 1, [drive])
    prepared = step_arrays(
        arrays, TABLE.arrays, dt_ns=float(trace["dt_ns"]), tau_0_ns=tau_0_ns, integrator="forward-euler"
    )
    return reference_run(arrays, prepared, source, [(float(t), 0) for t in trace["spikes_in_ns"]], until=steps)


def response(hotspot_ns):
    return SynapseResponse(0.5, 0.02, 50.0, hotspot_ns, 400.0, 50.0)


def dendrite_and_synapse(source):
    trace = load("sim_soens_dendrite_synapse")
    tau_0_ns = 1 / float(trace["ttc_per_ns"])
    alone = Dendrite("soma", 1 / float(trace["beta_di"]), tau_0_ns / float(trace["tau_di_ns"]), float(trace["ib"]))
    return trace, run(trace, Neuron(alone, 1e9, 10.0), source, len(trace["s"]) - 1)


def point_neuron(source):
    trace = load("sim_soens_point_neuron")
    leak = float(trace["soma_alpha"]) / float(trace["soma_beta"])
    ref_leak = float(trace["ref_alpha"]) / float(trace["ref_beta"])
    back = Dendrite(
        "refractory",
        1 / float(trace["ref_beta"]),
        ref_leak,
        float(trace["ref_ib"]),
        coupling=float(trace["ref_strength"]),
    )
    own = Receiver(response(float(trace["ref_syn_hotspot_ns"])))
    soma = Dendrite("soma", 1 / float(trace["soma_beta"]), leak, float(trace["soma_ib"]))
    neuron = Neuron(soma, float(trace["s_th"]), float(trace["abs_ref_ns"]), Refractory(back, own))
    return trace, run(trace, neuron, source, len(trace["soma_s"]) - 1)


def test_dendrite_and_synapse_exactly():
    trace, ours = dendrite_and_synapse(their_source())
    assert np.abs(ours.state[:, 0] - trace["s"]).max() < 1e-9
    assert np.abs(ours.synapse_flux[:, 0] - trace["phi_syn"]).max() < 1e-9
    assert np.abs(ours.flux[:, 0] - trace["phi_r"]).max() < 1e-9
    assert [t for t, _ in ours.detections] == pytest.approx(trace["spikes_used_ns"])  # one falls into a dead time
    assert len(trace["spikes_used_ns"]) == len(trace["spikes_in_ns"]) - 1


def test_point_neuron_exactly():
    trace, ours = point_neuron(their_source())
    for index, part in ((0, "soma"), (1, "ref")):
        assert np.abs(ours.state[:, index] - trace[f"{part}_s"]).max() < 1e-9
        assert np.abs(ours.flux[:, index] - trace[f"{part}_phi"]).max() < 1e-9
    assert len(ours.spikes_ns) == 15
    np.testing.assert_allclose(ours.spikes_ns, trace["spikes_out_ns"], rtol=0, atol=1e-9)


def test_with_our_own_table_they_differ_by_a_few_thousandths():
    """What their nearest-neighbour lookup costs: 4.1e-3 and 7e-4 in s; the spikes fall into the same steps."""
    trace, ours = dendrite_and_synapse(TABLE)
    assert 1e-3 < np.abs(ours.state[:, 0] - trace["s"]).max() < 5e-3
    trace, ours = point_neuron(TABLE)
    assert 1e-4 < np.abs(ours.state[:, 1] - trace["ref_s"]).max() < 2e-3
    np.testing.assert_allclose(ours.spikes_ns, trace["spikes_out_ns"], rtol=0, atol=1e-9)


def test_default_refractory_coupling_is_theirs():
    """Their thresholds are read off a table with steps of 0.0025 Phi_0: two of them over s_max is 0.7 %."""
    trace = load("sim_soens_point_neuron")
    ours = refractory_coupling(
        TABLE,
        threshold=float(trace["s_th"]),
        bias_current=float(trace["soma_ib"]),
        refractory_bias_current=float(trace["ref_ib"]),
    )
    assert ours == pytest.approx(float(trace["ref_strength"]), rel=0.007)
