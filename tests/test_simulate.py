"""The engine: against a slow reference, independent of the batch, honest about chips and noise."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
from conftest import LABELS, SMALL, compiled, delayed
from problems import dendrite_sum_by_sum
from test_program import random_weights

from soensim.commands import cli
from soensim.commands.simulate import main
from soensim.dynamics import SOURCE_FUNCTIONS
from soensim.errors import ProgramError, SimulationError
from soensim.fabrication import fabricate_chip
from soensim.network import GoodnessOutput, compile_network
from soensim.program import Program, dense_weights
from soensim.simulation import Samples, class_scores, engine, goodness, label_scores, linear_scores, simulate

NOISY = SMALL + "imperfections: {read_noise_flux: 0.02}\n"


def quantised(network, scale=0.15):
    return Program.quantised(network, random_weights(network, scale=scale))


def signals(network, batch=5, steps=6, seed=0):
    return np.random.default_rng(seed).uniform(0, 0.5, (batch, steps, network.channels))


def test_trace_matches_the_sum_by_sum_reference(small):
    program = quantised(small)
    x = signals(small, batch=2)
    trace = simulate(small, program, x)
    dense = dense_weights(small, program.values)
    held = np.repeat(x, small.substeps, axis=1)
    for sample in range(2):
        slow = dendrite_sum_by_sum(
            held[sample],
            dense["pixels->hidden"],
            dense["hidden->hidden"],
            0.15 + program.values["hidden.flux_trim"],
            SOURCE_FUNCTIONS["squid-fit"],
            1.9,
            1e-3 * small.dt_tau,
            5e-4 * small.dt_tau,
            delay=0,
        )
        np.testing.assert_allclose(trace.state[sample], slow[:: small.substeps], rtol=0, atol=1e-12)
        np.testing.assert_allclose(trace.output[sample], program.values["readout"] @ slow[-1], atol=1e-12)
    assert trace.state.max() > 0.02
    np.testing.assert_array_equal(trace.t_tau, np.arange(7) * 200.0)


@pytest.mark.parametrize("refine", [1, 3])
def test_delays_of_edges_match_the_sum_by_sum_reference(refine):
    """Every edge its own delay in ps, up to 3.9 training steps; the reference takes them in steps, not in parts."""
    routed = delayed(SMALL, 500)
    network = compile_network(routed, refine=refine)
    program, x = quantised(network), signals(network, batch=2)
    trace = simulate(network, program, x)
    dense = dense_weights(network, program.values)
    step_ps = routed.netlist.device_technology.junction.seconds_from_tau(network.dt_tau) * 1e12
    delays = {}
    for key, projection in routed.projections.items():
        delays[key] = np.zeros(network.synapses[key].shape)
        delays[key][projection.edges.targets, projection.edges.sources] = projection.delay_ps / step_ps
    held = np.repeat(x, network.substeps, axis=1)
    for sample in range(2):
        slow = dendrite_sum_by_sum(
            held[sample],
            dense["pixels->hidden"],
            dense["hidden->hidden"],
            0.15 + program.values["hidden.flux_trim"],
            SOURCE_FUNCTIONS["squid-fit"],
            1.9,
            1e-3 * network.dt_tau,
            5e-4 * network.dt_tau,
            delays["hidden->hidden"],
            delays["pixels->hidden"],
        )
        np.testing.assert_allclose(trace.state[sample], slow[:: network.substeps], rtol=0, atol=1e-12)
    assert np.abs(trace.state - simulate(compiled(SMALL), quantised(compiled(SMALL)), x).state).max() > 1e-3


@pytest.mark.parametrize("batch", [1, 3, 64, 255, 257])
def test_a_sample_does_not_depend_on_its_batch(small, batch):
    program, x = quantised(small), signals(small, batch=300)
    whole = simulate(small, program, x, chip_seed=1)
    part = simulate(small, program, x[:batch], chip_seed=1)
    np.testing.assert_array_equal(part.state, whole.state[:batch])


def test_noise_does_not_depend_on_the_batch_either():
    network = compiled(NOISY)
    program, x = quantised(network), signals(network, batch=300)
    whole = simulate(network, program, x, read_seed=5).state
    np.testing.assert_array_equal(simulate(network, program, x[290:], read_seed=5, first_sample=290).state, whole[290:])
    assert np.abs(whole - simulate(network, program, x).state).max() > 1e-4
    assert np.abs(whole - simulate(network, program, x, read_seed=6).state).max() > 1e-4


def test_noise_has_the_stated_size():
    """A population whose flux is all noise: s after one sample is the noise, with relu and no leak."""
    text = LABELS.replace("tanh, gamma_plus: 0.2, gamma_minus: 0.2", "relu, gamma_plus: 1, gamma_minus: 0")
    network = compiled(text + "imperfections: {read_noise_flux: 0.03}\n")
    weights = {k: np.zeros(s.shape) for k, s in network.synapses.items()}
    state = simulate(network, Program.quantised(network, weights), np.zeros((4000, 1, 18)), read_seed=1).state[:, 1]
    assert np.sqrt(2 * np.mean(state**2)) == pytest.approx(0.03, rel=0.02)


def test_the_memory_that_is_asked_for_is_that_of_the_trace(small, monkeypatch):
    asked = []
    monkeypatch.setattr(engine, "require_memory", lambda size, what, **_: asked.append((size, what)))
    trace = simulate(small, quantised(small), signals(small, batch=3, steps=4))
    assert asked[0] == (trace.state.nbytes, "a trace of 3 samples x 5 times x 6 neurons")


def test_a_tally_sums_the_states_of_all_steps():
    tally = engine.Tally()
    assert (tally.light, tally.states) == (None, [])
    for step in range(4):
        tally.add([np.full((2, 3), step), np.full((2, 1), 10.0 * step)])
    np.testing.assert_array_equal(tally.states[0], np.full((2, 3), 6))
    np.testing.assert_array_equal(tally.states[1], np.full((2, 1), 60.0))


def test_samples_run_in_blocks_that_keep_their_states_small(small, monkeypatch):
    """Of 32 rows, as many as 64 MiB hold, and 1024 at most."""
    chip, samples = engine.Engine(small, quantised(small), None), Samples(small, np.zeros((2100, 2, 8)))
    for row_bytes, sizes in ((1, [1024, 1024, 52]), (2**16, [1024, 1024, 52]), (2**20, [64] * 32 + [52])):
        monkeypatch.setattr(engine, "state_bytes", lambda *_, size=row_bytes: size)
        assert [block.used for block in chip.blocks(samples)] == sizes
    monkeypatch.setattr(engine, "state_bytes", lambda *_: 2**26 // 32 + 1)
    blocks = list(chip.blocks(samples))
    assert [block.used for block in blocks] == [32] * 65 + [20]
    assert {block.rows for block in blocks} == {32}
    chip._loop = None
    assert [(block.used, block.rows) for block in chip.blocks(samples)] == [(256, 256)] * 8 + [(52, 256)]


def test_samples_are_encoded_once_up_to_128_mib(small, monkeypatch):
    for rows, kept in ((2**21, 1), (2**21 + 1, 0)):  # eight channels of eight bytes
        samples, made = Samples(small, np.broadcast_to(np.zeros(1), (rows, 1, 8))), []
        monkeypatch.setattr(samples, "_blocks", lambda *size, made=made: made.append(size) or iter(()))
        for _ in range(2):
            assert list(samples.blocks(256, 32)) == []
        assert len(made) == 2 - kept
        assert len(samples._kept) == kept


@pytest.mark.parametrize(
    ("columns", "count", "sparse"), [(1024, 10, False), (1025, 10, True), (1025, 104_960, False), (1025, 104_959, True)]
)
def test_a_large_matrix_of_few_entries_is_sparse(columns, count, sparse):
    """Above 2^20 entries of which less than a tenth exist."""
    places = np.arange(count)
    layout = SimpleNamespace(
        shape=(1024, columns),
        edges=places[::-1],
        rows=places // columns,
        columns=places % columns,
        part=np.full(count, 0.5),
    )
    values = np.random.default_rng(0).normal(size=count)
    matrix = engine._matrix(layout, values)
    assert scipy.sparse.issparse(matrix) == sparse
    dense = matrix.toarray() if sparse else matrix
    np.testing.assert_array_equal(dense.ravel()[:count], 0.5 * values[::-1])
    assert not dense.ravel()[count:].any()


def test_a_chip_is_drawn_once(small):
    """Not per step and not per sample: equal inputs give equal states along the batch."""
    program = quantised(small)
    x = np.repeat(signals(small, batch=1), 40, axis=0)
    state = simulate(small, program, x, chip_seed=3).state
    np.testing.assert_array_equal(state, np.repeat(state[:1], 40, axis=0))
    np.testing.assert_array_equal(state, simulate(small, program, x, chip_seed=3).state)
    assert not np.array_equal(state, simulate(small, program, x, chip_seed=4).state)


def test_no_spread_is_the_nominal_chip():
    zero = "imperfections: {efficacy_spread: 0, gamma_minus_spread: 0, bias_current_spread: 0, flux_offset_spread: 0}\n"
    network = compiled(SMALL + zero)
    program, x = quantised(network), signals(network)
    np.testing.assert_array_equal(simulate(network, program, x, chip_seed=9).state, simulate(network, program, x).state)


def test_state_converges_with_the_step():
    x = signals(compiled(SMALL))
    program = quantised(compiled(SMALL))
    ends = [simulate(compiled(SMALL, refine=r), program, x).state[:, -1] for r in (1, 2, 4, 64)]
    errors = [np.abs(end - ends[-1]).max() for end in ends[:-1]]
    assert errors[0] > 1.7 * errors[1] > 2.5 * errors[2] > 0


def rounded(network):
    """The same chip with every delay rounded to whole steps."""
    synapses = {
        key: dataclasses.replace(s, delay_tau=np.rint(s.delay_tau / network.dt_tau) * network.dt_tau)
        for key, s in network.synapses.items()
    }
    return dataclasses.replace(network, synapses=synapses)


def test_delays_in_ps_mean_the_same_at_every_step():
    """A settling chip under constant inputs, by Heun: of second order with remainders, of first with rounded delays."""
    routed = delayed(SMALL.replace("substeps: 2", "substeps: 2, integrator: heun"), 500)
    # inputs prompt: a held input's arrival within a step is another matter
    prompt = routed.projections["pixels->hidden"]
    prompt = dataclasses.replace(prompt, delay_ps=np.zeros(len(prompt.edges)))
    routed = dataclasses.replace(routed, projections={**routed.projections, "pixels->hidden": prompt})
    networks = {r: compile_network(routed, refine=r) for r in (1, 2, 4, 8, 64)}
    program = quantised(networks[1], scale=0.3)
    x = np.repeat(signals(networks[1], steps=1), 6, axis=1)
    exact = simulate(networks[64], program, x).state

    def error(network):
        return np.abs(simulate(network, program, x).state - exact).max()

    ours, whole = (np.array([error(change(networks[r])) for r in (1, 2, 4, 8)]) for change in (lambda n: n, rounded))
    order = lambda errors: np.log2(errors[0] / errors[-1]) / 3  # noqa: E731
    assert order(ours) > 1.7
    assert order(whole) < 1.4
    assert ours[0] < whole[0]
    assert np.all(ours[1:] < 0.2 * whole[1:])


def test_heun_is_closer_to_the_fine_solution():
    heun = SMALL.replace("substeps: 2", "substeps: 2, integrator: heun")
    x = signals(compiled(SMALL))
    exact, by_heun, by_euler = (
        simulate(network, quantised(network), x).state[:, -1]
        for network in (compiled(SMALL, refine=256), compiled(heun), compiled(SMALL))
    )
    assert np.abs(by_heun - exact).max() < 0.3 * np.abs(by_euler - exact).max()


def test_sparse_engine_equals_the_dense_one(small, monkeypatch):
    import sys

    program, x = quantised(small), signals(small)
    dense = simulate(small, program, x, chip_seed=0).state
    engine = sys.modules["soensim.simulation.engine"]
    late = compile_network(delayed(SMALL, 500))
    late_dense = simulate(late, program, x, chip_seed=0).state
    monkeypatch.setattr(engine, "_DENSE_ENTRIES", 0)
    monkeypatch.setattr(engine, "_DENSE_DENSITY", 2.0)
    np.testing.assert_allclose(simulate(small, program, x, chip_seed=0).state, dense, rtol=0, atol=1e-13)
    np.testing.assert_allclose(simulate(late, program, x, chip_seed=0).state, late_dense, rtol=0, atol=1e-13)


def test_feed_forward_update_saves_a_step_per_hop():
    text = """
schema: soensim/1
name: chain
technology: ideal
populations:
  x: {kind: input, size: 1, drive_low: 0, drive_high: 1}
  a: {kind: dendrite, size: 1, source_function: relu, gamma_plus: 1, gamma_minus: 1}
  b: {kind: dendrite, size: 1, source_function: relu, gamma_plus: 1, gamma_minus: 1}
projections:
  - {source: x, target: a, topology: {kind: all-to-all}, efficacy: {levels: [0, 1]}}
  - {source: a, target: b, topology: {kind: all-to-all}, efficacy: {levels: [0, 1]}}
timing: {sample_tau: 1, update: UPDATE}
"""
    for update, expected in (("lockstep", [0, 0, 1, 1]), ("feed-forward", [0, 1, 1, 1])):
        network = compiled(text.replace("UPDATE", update))
        program = Program.quantised(network, {"x->a": np.ones((1, 1)), "a->b": np.ones((1, 1))})
        assert simulate(network, program, np.ones((1, 3, 1))).state[0, :, 1].tolist() == expected


@pytest.mark.parametrize(("state", "floor"), [("final", 1e-6), ("mean", 1e-6), ("final", 0.5)])
def test_a_readout_of_two_populations_is_the_sum_of_both(state, floor):
    text = SMALL.replace("population: hidden", "populations: [hidden, other]").replace("final", state)
    other = "  other: {kind: dendrite, size: 3, source_function: tanh, gamma_plus: 5.0e-3, gamma_minus: 5.0e-3, NORM}\n"
    other = other.replace("NORM", "normalise: rms" + (f", normalise_floor: {floor}" if floor > 1e-6 else ""))
    text = text.replace("projections:\n", f"{other}projections:\n", 1)
    link = "{source: hidden, target: other, topology: all-to-all, efficacy: {bits: 4, range: 1}}"
    network = compiled(text.replace("timing:", f"  - {link}\ntiming:"))
    program, x = quantised(network), signals(network, batch=4)
    trace = simulate(network, program, x)
    weights = program.values["readout"]
    first, second = trace.state[:, 1:, :6], trace.state[:, 1:, 6:]
    second = second / np.sqrt((second**2).mean(-1, keepdims=True) + floor**2)
    first, second = (s[:, -1] if state == "final" else s.mean(1) for s in (first, second))
    assert weights.shape == (10, 9)
    np.testing.assert_allclose(trace.output, first @ weights[:, :6].T + second @ weights[:, 6:].T, rtol=1e-9)


def test_delays_of_a_fabricated_chip_are_those_of_a_chip_with_longer_links():
    """The factor is drawn from the chip seed; the same program on the chip whose delays are that much longer."""
    network = compile_network(delayed(SMALL + "imperfections: {delay_spread: 0.3}\n", 300))
    program, x = quantised(network), signals(network)
    factor = fabricate_chip(network, program.values, network.spreads, 1).delay_factor
    assert abs(factor - 1) > 0.01
    exact = {**network.spreads, "delay_spread": 0.0}
    slower = {key: dataclasses.replace(s, delay_tau=s.delay_tau * factor) for key, s in network.synapses.items()}
    other = dataclasses.replace(network, synapses=slower, spreads=exact)
    found = simulate(network, program, x, chip_seed=1).state
    np.testing.assert_array_equal(found, simulate(other, program, x, chip_seed=1).state)
    assert np.abs(found - simulate(network, program, x).state).max() > 1e-5


def test_readout_pieces():
    states = np.arange(12.0).reshape(1, 3, 4)
    weights = np.array([[1.0, 0, 0, 0], [0, 0, 0, 2.0]])
    for mode, expected in (("final", [[8, 22]]), ("mean", [[4, 14]])):
        network = compiled(SMALL.replace("state: final", f"state: {mode}"))
        assert linear_scores(network, [states], weights).tolist() == expected
    assert goodness(states).tolist() == [[3.5, 31.5, 91.5]]


def test_scores_need_a_readout_of_their_kind(small):
    goodness_chip = compiled(LABELS)
    with pytest.raises(SimulationError, match="chip 'labels' has no linear readout"):
        linear_scores(goodness_chip, [np.zeros((1, 2, 12))], np.zeros((10, 12)))
    without = compiled(SMALL[: SMALL.index("readout:")])
    with pytest.raises(SimulationError, match="chip 'small' has no readout; add one to the netlist"):
        class_scores(without, quantised(without), np.zeros((1, 1, 8)))
    assert simulate(without, quantised(without), signals(without)).output is None
    program = quantised(small)
    assert class_scores(small, program, np.zeros((3, 2, 8))).shape == (3, 10)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 6), r"inputs have the shape \(5, 6\); chip 'small' needs \(batch, frames, 8\)"),
        ((5, 6, 7), r"needs \(batch, frames, 8\)"),
        ((0, 6, 8), r"inputs have the shape \(0, 6, 8\)"),
    ],
)
def test_inputs_of_the_wrong_shape(small, shape, message):
    with pytest.raises(SimulationError, match=message):
        simulate(small, quantised(small), np.zeros(shape))


def test_other_bad_input(small):
    program = quantised(small)
    with pytest.raises(SimulationError, match="not finite"):
        simulate(small, program, np.full((1, 1, 8), np.nan))
    with pytest.raises(SimulationError, match="states no read noise"):
        simulate(small, program, np.zeros((1, 1, 8)), read_seed=0)
    noisy = compiled(NOISY)
    with pytest.raises(SimulationError, match="read_seed is -1; it must be 0 or more, or None for no noise"):
        simulate(noisy, quantised(noisy), np.zeros((1, 1, 8)), read_seed=-1)
    assert simulate(noisy, quantised(noisy), np.zeros((1, 1, 8)), read_seed=0).state.any()
    with pytest.raises(ProgramError, match="train one for this netlist"):
        simulate(compiled(LABELS), program, np.zeros((1, 1, 18)))


def test_divergence_is_an_error():
    text = LABELS.replace("tanh, gamma_plus: 0.2, gamma_minus: 0.2", "relu, gamma_plus: 1, gamma_minus: 0")
    network = compiled(text.replace("range: 2.0", "range: 1.0e4"))
    program = Program.quantised(network, {k: np.full(s.shape, 1e4) for k, s in network.synapses.items()})
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(SimulationError, match="diverges"):
        simulate(network, program, np.ones((1, 100, 18)))


# --- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path, small):
    (tmp_path / "small.yaml").write_text(SMALL)
    quantised(small).save(tmp_path / "small.safetensors")
    np.save(tmp_path / "x.npy", signals(small))
    return tmp_path


def test_command(files, small, capsys):
    out = files / "t.npz"
    arguments = [str(files / "small.yaml"), "--inputs", str(files / "x.npy"), "--out", str(out), "--seed", "2"]
    assert cli.run(main, [*arguments, "--json", "-"]) == 0
    summary = json.loads(capsys.readouterr().out)
    with np.load(out, allow_pickle=False) as trace:
        expected = simulate(small, quantised(small), signals(small), chip_seed=2)
        np.testing.assert_array_equal(trace["state"], expected.state)
        np.testing.assert_array_equal(trace["output"], expected.output)
        assert trace["t_ns"][-1] == pytest.approx(6 * 200 / 779.5556, rel=1e-6)
    assert summary["arrays"]["state"] == [5, 7, 6]
    assert summary["populations"] == {"hidden": [0, 6]}


def header(shape, dtype="'<f8'"):
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", header("(1000000000000, 8, 8)") + bytes(64), "claims 465 TiB, shape (1000000000000, 8, 8), but the"),
        ("a.npy", header("(100000000, 8, 8)") + bytes(64), "claims 47 GiB, shape (100000000, 8, 8), but the file"),
        ("a.npy", header("(((((((((((3, 8, 8)") + bytes(64), "a.npy: is a damaged npy file; chip 'small' takes"),
        ("a.npy", header(f"({10**22}, 8, 8)") + bytes(64), "claims more than a million TiB"),
        ("a.npy", b"PK\x03\x04junkjunkjunk" * 20, "a.npy: is not an npy file; chip 'small' takes signals"),
        (
            "a.npy",
            header("(1,)", "'|O'") + b"\x80\x04N.",
            "a.npy: has the type Python object; it must hold",
        ),
        (
            "a.npy",
            header("(1, 1, 1)", "'<c16'") + bytes(16),
            "a.npy: has the type complex128; it must hold",
        ),
        ("a.npy", header("(1, 1, 1)", "'|b1'") + bytes(1), "a.npy: holds true and false; chip 'small' takes signals"),
        ("a.csv", b"time_ns,channel\n1,0\n", "a.csv: is not an npy file; chip 'small' takes signals: an npy file of"),
        ("a.csv", b"time_ns,channel\n1,0\n", "; spike trains are for chips of spiking neurons"),
    ],
)
def test_files_that_are_no_signals(files, monkeypatch, capsys, name, content, message):
    monkeypatch.chdir(files)
    (files / name).write_bytes(content)
    assert cli.run(main, ["small.yaml", "--inputs", name, "--out", "t.npz"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("value", [1e300, -1001.0])
def test_signals_that_cannot_be_currents(small, value):
    x = signals(small)
    x[2, 3, 1] = value
    message = rf"inputs\[2, 3, 1\] is {value:g}; it is in units of the critical current I_c and must be -1000 to 1000"
    with pytest.raises(SimulationError, match=message.replace("+", r"\+")):
        simulate(small, quantised(small), x)
    x[2, 3, 1] = 1000.0
    simulate(small, quantised(small), x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--inputs", "none.npy"], "none.npy: no such file"),
        (["--inputs", "small.yaml"], "small.yaml: is not an npy file; chip 'small' takes signals"),
        (["--program", "none.safetensors"], "none.safetensors: no such file"),
        (["--out", "nowhere/t.npz"], "the folder nowhere does not exist"),
        (["--seed", "-1"], "--seed/--chip-seed: -1 is not legal; it must be a whole number, 0 or more"),
        (["--refine", "0"], "--refine: 0 is not legal; it must be a whole number from 1 to 10000"),
        (
            ["--refine", "x"],
            "--refine: 'x' is not legal; it must be a whole number from 1 to 10000; see soensim sim",
        ),
        (["--speed", "3"], "there is no flag --speed; did you mean --seed? see soensim simulate --help"),
    ],
)
def test_command_answers_bad_input_with_one_line(files, monkeypatch, capsys, change, message):
    monkeypatch.chdir(files)
    arguments = ["small.yaml", "--inputs", "x.npy", "--out", "t.npz", *change]
    assert cli.run(main, arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("soensim: error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (files / "t.npz").exists()


def test_the_score_of_a_label_is_the_sum_over_its_populations_and_samples():
    first, second = np.random.default_rng(0).uniform(size=(2, 3, 4))  # three labels, four samples
    for output, by_hand in [
        (GoodnessOutput((0, 1), 3, "all"), first.sum(1) + second.sum(1)),
        (GoodnessOutput((1,), 3, "final"), second[:, 3]),
        (GoodnessOutput((0,), 3, "all", first_sample=2, last_sample=3), first[:, 1] + first[:, 2]),
        (GoodnessOutput((0, 1), 3, "final", low=True), -first[:, 3] - second[:, 3]),
    ]:
        np.testing.assert_allclose(label_scores(output, [first, second]), by_hand, rtol=1e-15)
