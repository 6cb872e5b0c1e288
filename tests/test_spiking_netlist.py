"""Spiking chips: from YAML to arrays, every default from the technology, every mistake with its place; the command."""

import json

import numpy as np
import pytest
from conftest import ROOT

from soensim.commands import cli
from soensim.commands.simulate import main
from soensim.commands.simulate_spiking import read_trains
from soensim.dynamics.spiking import SynapseResponse
from soensim.errors import NetlistError, SimulationError
from soensim.netlist import dump_netlist, load_netlist, parse_netlist
from soensim.network.spiking import compile_spiking
from soensim.routing import route
from soensim.simulation.spiking import Recording, simulate_spikes
from soensim.technology import load_technology

POINT = ROOT / "netlists" / "point-neurons-10.yaml"

CHIP = """
schema: soensim/1
name: trees
technology: nist-2023
populations:
  light: {kind: spike-input, size: 3, photons_per_synapse: 20}
  trees:
    kind: spiking
    size: 3
    bias_current: 1.8
    tau_di_ns: 150
    soma: {threshold: 0.3, tau_di_ns: 60}
    synapse: {detector_efficiency: 0.8, dark_count_rate_hz: 0}
    arbor:
      - name: left
        coupling: 0.6
        branches:
          - {name: tip, coupling: 0.7, tau_di_ns: 90}
          - {name: brake, coupling: -0.5}
      - {name: right, coupling: 0.4, bias_current: 1.75, beta_di: 1256.6370614359173}
projections:
  - {source: light, target: trees, topology: one-to-one, efficacy: {levels: [0.0, 0.9], sign: positive}, place: tip}
  - source: trees
    target: trees
    topology: {kind: all-to-all, self_connections: false}
    efficacy: {bits: 4, range: 0.7, sign: {kind: dale, inhibitory_fraction: 0.34, seed: 1}}
    place: right
    delay_ps: 2500
    loss_db: 3.0103
timing: {sample_ns: 1.0, integrator: exponential-euler}
"""


def compiled(text=CHIP, **options):
    return compile_spiking(route(parse_netlist(text)), **options)


def changed(old, new):
    assert CHIP.count(old) == 1, old
    return CHIP.replace(old, new)


def test_arrays_are_what_the_netlist_says():
    net, tau_0_ns = compiled(), load_technology("nist-2023").junction.tau_0_s * 1e9
    a = net.arrays
    (trees,) = net.populations
    assert trees.places == ("soma", "refractory", "left", "right", "tip", "brake")
    np.testing.assert_array_equal(a.parent[:6], [-1, 0, 0, 0, 2, 2])
    np.testing.assert_allclose(a.coupling[2:6], [0.6, 0.4, 0.7, -0.5])
    # the soma's own time, the technology's for the refractory dendrite, the population's, the branch's own
    np.testing.assert_allclose(tau_0_ns / a.gamma_minus[:6], [60, 50, 150, 150, 90, 150])
    np.testing.assert_allclose(a.bias_current[:6], [1.8, 1.8, 1.8, 1.75, 1.8, 1.8])
    np.testing.assert_allclose(1 / a.gamma_plus[:6] / (2 * np.pi), [100, 100, 100, 200, 100, 100])
    assert a.coupling[1] == pytest.approx(-0.636, abs=0.001)
    assert (a.neurons, a.dendrites, a.synapses, a.channels) == (3, 18, 3 + 3 + 6, 3)
    np.testing.assert_array_equal(a.synapse_dendrite, [1, 7, 13, 4, 10, 16, 3, 3, 9, 9, 15, 15])
    np.testing.assert_allclose(a.threshold, 0.3)
    np.testing.assert_allclose(a.absolute_refractory_ns, 10.0)
    # phi_peak, tau_rise, tau_fall, hotspot, cut, dead time, dark counts: sim_soens' values; no detector, no dead time
    np.testing.assert_allclose(a.kinds, [[0.5, 0.02, 50, 0.04, 400, 0, 0], [0.5, 0.02, 50, 0.06, 400, 50, 0]])


def test_light_is_counted():
    """Photons = sent x source efficiency x path x detector; 3.0103 dB halve them."""
    a = compiled().arrays
    inputs = slice(a.first_edge[3], a.first_edge[6])
    np.testing.assert_allclose(a.edge_photons[inputs], 20 * 0.8)
    np.testing.assert_array_equal(a.edge_tau_rad_ns[inputs], 0.0)
    of_first = slice(a.first_edge[0] + 1, a.first_edge[1])  # after the edge to its own refractory dendrite
    assert a.edge_photons[a.first_edge[0]] == np.inf
    np.testing.assert_allclose(a.edge_photons[of_first], 10 * 0.906 * 0.8 / 2, rtol=1e-5)
    np.testing.assert_allclose(a.edge_delay_ns[of_first], 2.5)
    np.testing.assert_allclose(a.edge_tau_rad_ns[of_first], 1.0)
    slow = compiled(changed("    arbor:", "    transmitter: {light_source: electron-capture}\n    arbor:")).arrays
    np.testing.assert_allclose(slow.edge_photons[of_first], 10 * 0.0635 * 0.8 / 2, rtol=1e-5)
    np.testing.assert_allclose(slow.edge_tau_rad_ns[of_first], 40.0)


def test_efficacies_are_levels_with_the_sign_of_fabrication():
    net = compiled()
    group = net.groups["trees->trees.right"]
    np.testing.assert_allclose(np.abs(net.arrays.efficacy[group.synapses]), 0.7)
    assert sorted(set(group.sign)) == [-1.0, 1.0]
    for source in range(3):  # Dale: one sign per source
        assert len(set(group.sign[group.sources == source])) == 1
    wanted = np.full((3, 3), 0.3)
    set_to = net.with_efficacies({"trees->trees.right": wanted}).arrays.efficacy[group.synapses]
    step = 0.7 / 15
    # the nearest level above or below; what has the other sign cannot be had, and becomes zero
    np.testing.assert_allclose(set_to, np.where(group.sign > 0, round(0.3 / step) * step, 0.0))
    np.testing.assert_allclose(net.arrays.efficacy[net.groups["light->trees.tip"].synapses], 0.9)
    with pytest.raises(SimulationError, match=r"no projection 'a->b'; there are light->trees\.tip, trees->trees"):
        net.with_efficacies({"a->b": wanted})
    with pytest.raises(SimulationError, match=r"\(targets, sources\) = \(3, 3\)"):
        net.with_efficacies({"trees->trees.right": np.ones((3, 2))})


def test_step_comes_from_the_timing_or_from_the_physics():
    net = compiled()
    assert (net.dt_ns, net.record_every) == (pytest.approx(1 / 7), 7)  # 0.2 beta_di tau_0 is 0.161 ns
    fine = compiled(refine=3)
    assert (fine.dt_ns, fine.record_every) == (pytest.approx(1 / 21), 21)
    assert compiled(changed("sample_ns: 1.0,", "sample_ns: 1.0, substeps: 20,")).dt_ns == pytest.approx(0.05)
    with pytest.raises(SimulationError, match=r"gamma_plus must be at most 0\.2.*timing\.substeps to 7 or more"):
        compiled(changed("sample_ns: 1.0,", "sample_ns: 1.0, substeps: 6,"))
    with pytest.raises(SimulationError, match="refine is 0"):
        compiled(refine=0)


def test_the_tree_works():
    """A spike into the tip passes two dendrites on its way to the soma, later at each."""
    net = compiled(refine=2)
    inputs = [np.arange(5.0, 300.0, 55.0), [], []]
    trace = simulate_spikes(net, inputs, duration_ns=300.0, read_seed=0, record=Recording(range(6), every=1))
    starts = [trace.t_ns[np.flatnonzero(trace.state[:, d] > 0.01)[0]] for d in (4, 2, 0)]
    assert starts[0] < starts[1] < starts[2]
    assert not trace.state[:, 5].any()  # nothing drives the brake


def test_dump_and_hash():
    netlist = parse_netlist(CHIP)
    again = parse_netlist(dump_netlist(netlist))
    assert again == netlist
    assert again.hash == netlist.hash
    # a default of the technology counts as if it stood there
    assert parse_netlist(changed("threshold: 0.3,", "threshold: 0.3, absolute_refractory_ns: 10,")).hash == netlist.hash
    for old, new in (
        ("threshold: 0.3", "threshold: 0.2"),
        ("coupling: -0.5", "coupling: -0.6"),
        ("place: tip", "place: left"),
        ("loss_db: 3.0103", "loss_db: 3"),
        ("tau_di_ns: 60}", "tau_di_ns: 60, absolute_refractory_ns: 11}"),
    ):
        assert parse_netlist(changed(old, new)).hash != netlist.hash, new


def test_hashes_of_rate_chips_are_as_before():
    """Programs carry them; a change of the code must not change one."""
    assert load_netlist(ROOT / "netlists" / "year1-28.yaml").hash.startswith("fe3c1539d5e052e0")
    assert load_netlist(ROOT / "netlists" / "rows-28-sparse.yaml").hash.startswith("93d9b67fcbb77594")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threshold: 0.3", "treshold: 0.3", "trees.soma.treshold: unknown key 'treshold'; did you mean 'threshold'?"),
        ("tau_di_ns: 90", "tau_id_ns: 90", r"arbor\[0\].branches\[0\].tau_id_ns: unknown key 'tau_id_ns'; did you"),
        ("detector_efficiency: 0.8, ", "", "no value for 'detector_efficiency'.*give one in the netlist"),
        (", dark_count_rate_hz: 0", "", "no value for 'dark_count_rate_hz'"),
        ("detector_efficiency: 0.8", "detector_efficiency: 1.2", "detector_efficiency: 1.2 is not legal"),
        ("{name: tip,", "{name: left,", r"arbor\[0\].branches\[0\].name: 'left' is taken"),
        ("{name: tip,", "{name: soma,", "'soma' is taken"),
        ("coupling: -0.5", "taupling: -0.5", "unknown key 'taupling'; did you mean 'coupling'"),
        (", coupling: -0.5", "", "coupling: is missing; add it: Flux into its parent"),
        ("place: tip", "place: tipp", "projections.0..place: no place 'tipp'; did you mean 'tip'. 'trees' has soma"),
        ("place: right", "place: refractory", "no place 'refractory'"),
        ("source: trees\n    target: trees", "source: trees\n    target: light", "must be of kind 'spiking'"),
        ("{kind: spike-input, size: 3, photons_per_synapse: 20}", "{kind: input, size: 3, drive_low: 0, drive_high: 1}",
         "light.kind: 'input' on a spiking chip"),
        ("integrator: exponential-euler}", "update: feed-forward}", "timing.update: a spiking chip takes no"),
        ("size: 3\n", "size: 0\n", "must be at least 1"),
        ("dark_count_rate_hz: 0", "dark_count_rate_hz: 0, tau_rise_ns: 2, tau_fall_ns: 1", "must be below tau_fall"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place_and_a_remedy(old, new, message):
    with pytest.raises(NetlistError, match=message) as caught:
        parse_netlist(changed(old, new))
    assert str(caught.value).startswith("<netlist>:")


def test_rate_chips_have_no_places():
    rate = (ROOT / "netlists" / "year1-28.yaml").read_text()
    text = rate.replace("    topology: {kind: all-to-all}", "    place: soma\n    topology: {kind: all-to-all}", 1)
    with pytest.raises(NetlistError, match="place: has no meaning for a target that does not spike"):
        parse_netlist(text)


def test_compile_refuses_what_does_not_hold():
    with pytest.raises(NetlistError, match=r"trees\.arbor: beta_di is 2 pi 10, where .* use a larger loop"):
        compiled(changed("beta_di: 1256.6370614359173", "beta_di: 62.83185307179586"))
    with pytest.raises(NetlistError, match="no population of kind 'spiking'"):
        compile_spiking(route(load_netlist(ROOT / "netlists" / "year1-28.yaml")))
    with pytest.raises(SimulationError, match="no flux has the threshold current"):
        compiled(changed("threshold: 0.3", "threshold: 0.9"))  # a state that this soma can never reach


@pytest.mark.parametrize("flux_offset", [0.4, 0.45, 0.5])
def test_every_spike_drives_the_refractory_synapse(flux_offset):
    """Also within the 50 ns in which a detector is dead: a neuron under constant flux spikes at equal intervals."""

    def alone(refractory):
        soma = f"{{threshold: 0.3, flux_offset: {flux_offset}}}"
        return compiled(f"""
schema: soensim/1
name: alone
technology: nist-2023
populations:
  light: {{kind: spike-input, size: 1}}
  neuron: {{kind: spiking, size: 1, bias_current: 1.8, soma: {soma}, refractory: {refractory},
    synapse: {{detector_efficiency: 0.9, dark_count_rate_hz: 0}}}}
projections: [{{source: light, target: neuron, topology: one-to-one, efficacy: {{bits: 4, range: 1, sign: positive}}}}]
timing: {{sample_ns: 1.0, integrator: exponential-euler}}
""")

    net = alone("{}")
    assert net.arrays.kinds[:, 5].tolist() == [0.0, 50.0]  # the refractory synapse, and the one that light drives
    trace = simulate_spikes(net, [[]], duration_ns=2000.0, dt_ns=0.05, record=Recording(range(2), range(1)))
    intervals = np.diff(trace.spikes_ns)[5:]
    assert len(intervals) > 20
    assert np.ptp(intervals) < 1.0  # 10.7 and 47.8 ns in turn where each second spike is lost
    assert trace.lost_to_dead_time == 0
    response = SynapseResponse(0.5, 0.02, 50.0, 0.04, 400.0, 0.0)
    since = trace.t_ns[:, None] - trace.spikes_ns[None, :]
    begun = np.where(since > 1e-9, since, np.inf).min(axis=1)  # since the last spike
    late = begun < np.inf
    np.testing.assert_allclose(trace.synapse_flux[late, 0], response.flux(begun[late]), rtol=0, atol=1e-9)
    stated = alone("{synapse: {dead_time_ns: 50}}")
    assert stated.arrays.kinds[:, 5].tolist() == [50.0, 50.0]


def test_no_refractory_dendrite():
    net = compiled(changed("    arbor:", "    refractory: {present: false}\n    arbor:"))
    assert net.populations[0].places[:2] == ("soma", "left")
    assert net.arrays.synapses == 3 + 6


# --- the shipped chip and the command --------------------------------------------------------------------------------


def test_point_neurons_answer_every_second_input():
    """Inputs 30 ns apart, a detector that is dead for 50 ns: every second one counts, and makes a spike."""
    net = compile_spiking(route(load_netlist(POINT)))
    trace = simulate_spikes(net, [np.arange(10.0, 600.0, 30.0)] * 10, duration_ns=600.0)
    assert trace.lost_to_dead_time >= 100
    for neuron in range(10):
        assert np.diff(trace.train_ns(neuron)).min() == pytest.approx(60.0, abs=1.0)
        assert len(trace.train_ns(neuron)) == 10


def spikes_csv(folder):
    rows = [f"{t}.5,{k}" for k in range(10) for t in range(20 + k, 400, 60)]
    (folder / "spikes.csv").write_text("\n".join(["time_ns,channel", *rows]) + "\n")
    return folder / "spikes.csv"


def command(folder, *flags, inputs=None):
    return ["--inputs", str(inputs or spikes_csv(folder)), "--out", str(folder / "trace.npz"), str(POINT), *flags]


def test_command(tmp_path, capsys):
    arguments = command(tmp_path, "--duration-ns", "400", "--read-seed", "3", "--record", "neurons.soma")
    assert cli.run(main, [*arguments, "--json", str(tmp_path / "run.json")]) == cli.DONE
    assert "spikes of 10 neurons in 400 ns" in capsys.readouterr().out
    summary = json.loads((tmp_path / "run.json").read_text())
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as trace:
        assert trace["state"].shape == (401, 10)
        assert summary["spikes"] == len(trace["spikes_ns"]) > 50
        assert summary["arrays"]["state"] == [401, 10]
    assert summary["chip"]["hash"] == load_netlist(POINT).hash
    first = (tmp_path / "trace.npz").read_bytes()
    assert cli.run(main, arguments) == cli.DONE
    assert (tmp_path / "trace.npz").read_bytes() == first


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "say how long to simulate with --duration-ns"),
        (["--duration-ns", "400", "--ideal"], "--ideal is of a program, and without one every synapse"),
        (["--duration-ns", "400", "--seed", "1"], "--chip-seed is of a program, and without one every synapse"),
        (["--duration-ns", "400", "--program", "x"], "soensim: error: x: no such file; train one with"),
        (["--duration-ns", "400", "--read-seed", "-1"], "0 or more"),
        (["--duration-ns", "100"], "is outside the simulated 0 to 100 ns"),
        (["--duration-ns", "400", "--record", "soma"], "population.place, such as neurons.soma"),
        (["--duration-ns", "400", "--record", "neurons.tip"], "no place 'tip'; it has soma, refractory"),
        (["--duration-ns", "400", "--record", "neuron.soma"], "no population 'neuron'"),
    ],
)
def test_command_refuses(tmp_path, capsys, flags, message):
    assert cli.run(main, command(tmp_path, *flags)) == cli.BAD_INPUT
    assert message in capsys.readouterr().err
    assert not (tmp_path / "trace.npz").exists()


def test_rate_chips_refuse_the_flags_of_spiking_ones(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((1, 2, 8)))
    chip = str(ROOT / "netlists" / "year1-28.yaml")
    arguments = [chip, "--inputs", str(tmp_path / "x.npy"), "--out", str(tmp_path / "t.npz"), "--duration-ns", "10"]
    assert cli.run(main, arguments) == cli.BAD_INPUT
    assert "are for spiking chips" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftime_ns,channel\n10,0\n",
        "time_ns,channel\n\n10,0\n\n",
        "time_ns, channel\n10, 0\n",
        "channel; time_ns\n0; 10\n",
    ],
)
def test_trains_as_spreadsheets_and_people_write_them(tmp_path, text):
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    assert [train.tolist() for train in read_trains(tmp_path / "s.csv", 2)] == [[10.0], []]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("10," + "9" * 30, ":2: time_ns is '10' and channel '99"),
        ("10," + "9" * 5000, ":2: time_ns is '10' and channel '99"),
        ("1_0,0", ":2: time_ns is '1_0' and channel '0'; legal are a number, with a decimal point, and one of 0 to 9"),
        ("10,1_0", ":2: time_ns is '10' and channel '1_0'; legal are"),
        ("10,٣", ":2: time_ns is '10' and channel '٣'; legal are"),
        ("10,10", ": channel 10 does not exist; legal is 0 to 9"),
        ("10,-1", ": channel -1 does not exist; legal is 0 to 9"),
        ("1" * 200_000 + ",0", ":2: is not a CSV file: field larger than field limit"),
        ("nan,0", ":2: time_ns is not a finite number"),
        ("1e999,0", ":2: time_ns is not a finite number"),
    ],
)
def test_a_row_that_is_no_spike(tmp_path, capsys, row, message):
    (tmp_path / "s.csv").write_text(f"time_ns,channel\n{row}\n")
    assert cli.run(main, command(tmp_path, "--duration-ns", "100", inputs=tmp_path / "s.csv")) == cli.BAD_INPUT
    told = capsys.readouterr().err
    assert f"s.csv{message}" in told
    assert told.count("\n") == 1


def test_arrays_that_are_no_spikes(tmp_path, capsys):
    def answer(name):
        arguments = command(tmp_path, "--duration-ns", "100", inputs=tmp_path / name)
        assert cli.run(main, arguments) == cli.BAD_INPUT
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        return told

    np.save(tmp_path / "signals.npy", np.zeros((3, 8, 8)))
    told = answer("signals.npy")
    assert "signals.npy: is an npy file, one array without a name, and not an npz file; a spiking chip takes " in told
    assert "an npz or CSV with time_ns and channel" in told
    np.savez(tmp_path / "complex.npz", time_ns=np.array([1 + 1j]), channel=np.array([0]))
    assert "complex.npz: array 'time_ns' has the type complex128; it must hold real numbers" in answer("complex.npz")
    np.savez_compressed(tmp_path / "damaged.npz", time_ns=np.arange(500) / 7, channel=np.zeros(500, int))
    content = bytearray((tmp_path / "damaged.npz").read_bytes())
    content[200:260] = bytes(60)
    (tmp_path / "damaged.npz").write_bytes(content)
    assert "damaged.npz: array 'time_ns' is damaged" in answer("damaged.npz")
    np.savez(tmp_path / "large.npz", time_ns=np.array([1.0]), channel=np.array([2**64 - 1], np.uint64))
    assert "channel 18446744073709551615 does not exist; legal is 0 to 9" in answer("large.npz")


def test_trains_from_files(tmp_path):
    np.savez(tmp_path / "s.npz", time_ns=np.array([3.0, 1.0, 2.0]), channel=np.array([1, 0, 1]))
    (tmp_path / "s.csv").write_text("channel,time_ns\n1,3.0\n0,1.0\n1,2.0\n")
    for name in ("s.npz", "s.csv"):
        trains = read_trains(tmp_path / name, 3)
        assert [t.tolist() for t in trains] == [[1.0], [3.0, 2.0], []]
    (tmp_path / "empty.csv").write_text("time_ns,channel\n")
    assert [len(t) for t in read_trains(tmp_path / "empty.csv", 2)] == [0, 0]
    with pytest.raises(SimulationError, match="channel 1 does not exist; legal is 0 to 0"):
        read_trains(tmp_path / "s.csv", 1)
    np.savez(tmp_path / "float.npz", time_ns=np.array([3.0]), channel=np.array([0.5]))
    np.savez(tmp_path / "other.npz", time=np.array([3.0]), channel=np.array([0]))
    np.savez(tmp_path / "ragged.npz", time_ns=np.array([3.0]), channel=np.array([0, 0]))
    (tmp_path / "words.csv").write_text("time_ns,channel\nsoon,0\n")
    (tmp_path / "short.csv").write_text("time_ns,channel\n1.0\n")
    (tmp_path / "noise.npz").write_bytes(b"PK\x03\x04 not a zip")
    for name in ("float.npz", "other.npz", "words.csv", "short.csv", "noise.npz", "ragged.npz", "missing.npz"):
        with pytest.raises(SimulationError, match=name):
            read_trains(tmp_path / name, 1)
