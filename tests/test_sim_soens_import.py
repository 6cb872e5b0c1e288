"""Parameters of sim_soens as chips: its defaults, what is refused, and the spikes of its own point neuron."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from soensim.commands import cli
from soensim.errors import ModelError
from soensim.interop.sim_soens import DEFAULTS, PointNeuronOptions, import_point_neuron
from soensim.network.spiking.compile import compile_spiking
from soensim.routing import route
from soensim.simulation.spiking.engine import simulate_spikes
from soensim.simulation.spiking.trace import Recording

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "sim_soens_point_neuron.npz"


def imported(tmp_path, parameters, **options):
    (tmp_path / "n.json").write_text(json.dumps(parameters))
    return import_point_neuron(tmp_path / "n.json", PointNeuronOptions(**{"name": "cell"} | options))


def test_defaults_are_theirs(tmp_path):
    chip = imported(tmp_path, {})
    neurons = chip.netlist.spiking["neurons"]
    assert (neurons.size, neurons.bias_current) == (1, 1.802395858835221)
    assert (neurons.soma.threshold, neurons.soma.tau_di_ns, neurons.soma.absolute_refractory_ns) == (0.5, 50.0, 10.0)
    assert neurons.beta_di == neurons.refractory.beta_di == pytest.approx(628.3185307179587)
    back = neurons.refractory.synapse
    assert (back.phi_peak, back.tau_rise_ns, back.tau_fall_ns, back.hotspot_ns, back.response_cut_ns) == (
        0.5,
        0.02,
        50,
        0.04,
        400,
    )
    assert chip.netlist.projections[0].efficacy.levels == (0.0, 1.0)
    assert chip.program is None
    assert chip.notes == ()
    assert "# Imported from n.json, parameters of a neuron of sim_soens.\n" in chip.text


def test_every_number_goes_over(tmp_path):
    """Each is changed alone, and changes the netlist."""
    plain = imported(tmp_path, {}).text
    for key, default in DEFAULTS.items():
        changed = imported(tmp_path, {key: default * 1.1 if default else 0.1}).text
        assert changed != plain, key
    assert "sign: negative" in imported(tmp_path, {"w_sd": -0.5}).text
    assert "electron-capture" in imported(tmp_path, {"source_type": "ec"}).text
    assert imported(tmp_path, {}, neurons=7).netlist.spiking["neurons"].size == 7


def test_what_is_without_effect_is_said(tmp_path):
    told = imported(
        tmp_path, {"tau_di": 250, "w_dn": 0.5, "colour": 1, "beta_ref": 100.0, "light_production_delay": 2}
    ).notes
    assert told == (
        "tau_di, w_dn: of dendrites in an arbor, without effect on a point neuron",
        "'colour': sim_soens does not read it of a neuron",
        "beta_ref is 100; sim_soens steps the refractory loop with beta_di, 628.319, and so does the chip",
        "light_production_delay is 2 ns: the delay_ps of projections that leave the neurons",
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"weights": [[[0.3]]], "taus": [[[50]]]},
            "weights, taus: an arbor of dendrites; point neurons alone are converted",
        ),
        (
            {"loops_present": "rtti"},
            "loops_present: 'rtti'; it must be 'ri': soensim has the receiving and integrating loop",
        ),
        ({"Ic": 200}, "Ic: 200; it must be 100: a technology file with another critical current"),
        ({"second_ref": True}, "second_ref: true; it must be false: a neuron of soensim has one refractory dendrite"),
        (
            {"self_feedback_coupling_strength": 0.1},
            "self_feedback_coupling_strength: 0.1; it must be 0: no soma of soensim",
        ),
        ({"source_type": "delay_delta"}, "source_type: 'delay_delta'; soensim has qd, ec"),
        ({"s_th": "0.3"}, "s_th: '0.3' is not legal; it must be a number"),
        ({"tau_ni": [[50, 0.1]]}, "tau_ni: "),
        ({"w_sd": 0}, "w_sd: is 0: nothing would drive the neuron"),
        ({"s_th": -1}, "makes no chip: "),
        ([], "is not legal; it must be a mapping"),
    ],
)
def test_what_is_refused(tmp_path, parameters, message):
    with pytest.raises(ModelError) as caught:
        imported(tmp_path, parameters)
    assert message in str(caught.value), str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "n.json"))


@pytest.mark.skipif(not REFERENCE.is_file(), reason=f"{REFERENCE} is absent: no trace to compare with")
def test_their_point_neuron_spikes_as_ours(tmp_path):
    with np.load(REFERENCE) as theirs:
        chip = imported(tmp_path, {"s_th": 0.3})
        network = compile_spiking(route(chip.netlist))
        record = Recording(np.arange(network.arrays.dendrites))
        trace = simulate_spikes(network, [theirs["spikes_in_ns"]], duration_ns=1000.0, record=record)
        np.testing.assert_allclose(trace.spikes_ns, theirs["spikes_out_ns"], rtol=0, atol=1e-9)
        assert len(trace.spikes_ns) == 15
        # our table, and theirs with a nearest-neighbour lookup
        assert np.abs(trace.state[:, 0] - theirs["soma_s"][::10]).max() < 5e-3
        assert np.abs(trace.state[:, 1] - theirs["ref_s"][::10]).max() < 5e-3


def test_by_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("n.json").write_text('{"s_th": 0.3}')
    main = import_module("soensim.commands.import").main
    arguments = ["n.json", "--format", "sim-soens", "--neurons", "3", "--out", "c.yaml"]
    assert cli.run(main, arguments) == 0
    assert capsys.readouterr().out == "c.yaml, no program: 3 neurons, 3 synapses\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "n.json"]
    assert cli.run(main, [*arguments, "--bits", "4"]) == 2
    assert (
        capsys.readouterr().err == "soensim: error: --bits is for --format soen-toolkit, not sim-soens; leave it out\n"
    )
    assert cli.run(main, ["n.json", "--format", "soen-toolkit", "--neurons", "3", "--out", "c.yaml"]) == 2
    assert "--neurons is for --format sim-soens, not soen-toolkit; leave it out" in capsys.readouterr().err
