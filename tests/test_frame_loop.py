"""The compiled time loop of scores against the plain one, and what it must not depend on."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim import Program, compile_network, load_netlist, route, simulation
from soensim.circuit import Device, source_table
from soensim.dynamics import SOURCE_FUNCTIONS, Cell, InputSignal, Term, alike, unroll
from soensim.dynamics.squid import squid_source
from soensim.fabrication.chip import SquidFactors
from soensim.fabrication.varied_squid import varied_source
from soensim.kernels.frame_loop import FrameLoop, Rows, pack_signals, runs_in_blocks
from soensim.kernels.memory_layout import ROWS, aligned_zeros
from soensim.simulation import Samples, class_scores, engine
from soensim.technology import load_technology

DEVICE = Device.from_technology(load_technology("nist-2023"))
SOURCES = {
    **SOURCE_FUNCTIONS,
    "squid": squid_source(source_table(DEVICE)),
    "squid, unequal arms": squid_source(source_table(dataclasses.replace(DEVICE, beta_1=1.2, beta_2=1.9))),
}
NAMES = sorted(SOURCES)


def random_terms(rng, sizes, channels, target, lags, ahead, sparse):
    """All-to-all from every population and every port."""
    terms = []
    for source in range(len(sizes)):
        late = [lag - (ahead and source < target) for lag in lags]
        terms.append(_term(rng, source, late, (sizes[source], sizes[target]), sparse))
    for port, width in enumerate(channels):
        terms.append(dataclasses.replace(_term(rng, None, lags, (width, sizes[target]), sparse), port=port))
    return terms


def _term(rng, source, lags, shape, sparse):
    rows = len(lags) * shape[0]
    weights = rng.normal(0, 0.3 / rows**0.5, (rows, shape[1]))
    if sparse:
        weights = scipy.sparse.csr_array(weights * (rng.random(weights.shape) < 0.4))
    return Term(source, list(lags), weights)


def random_cells(rng, names, sizes, channels, lags, *, ahead=False, sparse=False, bias=1.9):
    return [
        Cell(
            retention=rng.uniform(0.8, 0.95, n),
            gain=rng.uniform(0.05, 0.15, n),
            bias_current=bias * rng.uniform(0.95, 1.0, n),
            source=SOURCES[name],
            flux_offset=rng.uniform(0.1, 0.3, n),
            terms=random_terms(rng, sizes, channels, p, lags, ahead, sparse),
        )
        for p, (name, n) in enumerate(zip(names, sizes, strict=True))
    ]


def random_signals(rng, hypotheses, rows, frames):
    """Pixels that change from frame to frame, and a label that comes on later and stays: what a chip with both has."""
    shown = [0] + [1 + k % (frames - 1) for k in range(frames - 1)] if frames > 1 else [0]
    pixels = InputSignal([rng.uniform(0, 1, (1, rows, frames, 3))], shown)
    off, on = rng.uniform(0, 1, (1, 1, 1, 2)), rng.uniform(0, 1, (hypotheses, 1, 1, 2))
    return [pixels, InputSignal([off, on], [int(k >= frames // 2) for k in range(frames)])]


def plain_states(cells, signals, substeps, noise=None):
    initial = [np.zeros((1, 1, np.size(cell.retention))) for cell in cells]
    record = unroll(cells, signals, initial, substeps=substeps, noise=noise)[1:]
    return [np.stack(alike(states), -2) for states in zip(*record, strict=True)]


def fused_states(cells, signals, substeps, shape, used=None, first_frame=0, noise=None):
    sizes = [np.size(cell.retention) for cell in cells]
    rows = Rows(*shape, shape[1] if used is None else used)
    states = FrameLoop(cells, sizes, substeps).run(pack_signals(signals, rows), first_frame, noise=noise)
    return np.split(states, np.cumsum(sizes)[:-1], -1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    shape=st.tuples(st.sampled_from([1, 3]), st.sampled_from([1, 2, 31, 32, 33, 65])),
    frames=st.integers(1, 5),
    substeps=st.integers(1, 4),
    lags=st.sets(st.integers(0, 9), min_size=1, max_size=3).map(sorted),
    ahead=st.booleans(),
    sparse=st.booleans(),
    noisy=st.booleans(),
)
def test_any_network_agrees_with_the_plain_loop(seed, names, shape, frames, substeps, lags, ahead, sparse, noisy):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, len(names)).tolist()
    cells = random_cells(rng, names, sizes, [3, 2], lags, ahead=ahead, sparse=sparse)
    assert runs_in_blocks(cells)
    signals = random_signals(rng, *shape, frames)
    drawn = rng.normal(0, 0.05, (frames, shape[1], max(sizes)))
    noise = (lambda frame, p: drawn[frame, :, : sizes[p]]) if noisy else None
    plain = plain_states(cells, signals, substeps, noise)
    for ours, states in zip(fused_states(cells, signals, substeps, shape, noise=noise), plain, strict=True):
        np.testing.assert_allclose(ours, np.broadcast_to(states, ours.shape), rtol=0, atol=2e-12)


@pytest.mark.parametrize("name", ["squid", "squid, unequal arms", "squid-fit"])
@pytest.mark.parametrize("bias", [-1.9, 3.0, 1.0])
def test_any_bias_agrees_with_the_plain_loop(name, bias):
    """Beyond the end of the main table, below the threshold of every flux, and backwards."""
    rng = np.random.default_rng(3)
    cells = random_cells(rng, [name, "tanh"], [4, 3], [3, 2], [0, 2], bias=bias)
    signals = random_signals(rng, 1, 40, 4)
    plain = plain_states(cells, signals, 3)
    for ours, states in zip(fused_states(cells, signals, 3, (1, 40)), plain, strict=True):
        np.testing.assert_allclose(ours, states, rtol=0, atol=1e-13)


@pytest.mark.parametrize("bias", [1.9, -1.8, 3.0])
def test_squids_that_differ_agree_with_the_plain_loop(bias):
    rng = np.random.default_rng(7)
    cells = random_cells(rng, ["squid", "squid, unequal arms"], [5, 4], [3, 2], [0, 1], bias=bias)
    cells = [
        dataclasses.replace(cell, source=varied_source(cell.source, SquidFactors(*rng.uniform(0.85, 1.15, (3, n)))))
        for cell, n in zip(cells, (5, 4), strict=True)
    ]
    assert runs_in_blocks(cells)
    assert not runs_in_blocks([cells[0], *random_cells(rng, ["squid"], [2], [3, 2], [0])])
    signals = random_signals(rng, 1, 40, 4)
    plain = plain_states(cells, signals, 3)
    for ours, states in zip(fused_states(cells, signals, 3, (1, 40)), plain, strict=True):
        np.testing.assert_allclose(ours, states, rtol=0, atol=1e-13)
    if bias > 0:
        assert max(abs(states).max() for states in plain) > 0.1


def test_squids_far_from_the_drawing_agree_with_the_plain_loop():
    """Beyond the nodes of their tables on both sides, at rest, at the threshold, beyond the main table, backwards."""
    rng = np.random.default_rng(8)
    factors = SquidFactors(*rng.uniform(0.55, 1.6, (3, 40)))
    factors.arm_2[::2] = factors.arm_1[::2]
    source = varied_source(SOURCES["squid"], factors)
    bias = np.linspace(-3.5, 3.5, 40)
    cell = Cell(np.zeros(40), np.ones(40), bias, source, np.zeros(40), [Term(None, [0], np.ones((1, 40)))])
    flux = np.linspace(-0.6, 0.7, 2 * ROWS)
    flux[:2] = -0.5, 0.5  # where two lobes meet: with equal arms both roots are 0 below the threshold
    signals = [InputSignal([flux[None, :, None, None]], [0])]
    assert runs_in_blocks([cell])
    (ours,) = fused_states([cell], signals, 1, (1, flux.size))
    (plain,) = plain_states([cell], signals, 1)
    assert 0.2 < (plain == 0).mean() < 0.8
    assert abs(plain).max() > 1
    np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-13)


def test_squids_that_no_table_reaches_are_left_to_the_plain_loop():
    rng = np.random.default_rng(9)
    (cell,) = random_cells(rng, ["squid"], [2], [3, 2], [0])
    source = varied_source(cell.source, SquidFactors(*rng.uniform(0.9, 1.1, (3, 2))))
    form = source.function.form
    off = dataclasses.replace(form.varied, ratios=(*form.varied.ratios[:2], np.array([1.0, -1.0])))
    unreached = dataclasses.replace(source.function, form=dataclasses.replace(form, varied=off))
    assert runs_in_blocks([dataclasses.replace(cell, source=source)])
    assert not runs_in_blocks([dataclasses.replace(cell, source=dataclasses.replace(source, function=unreached))])


def test_a_state_does_not_depend_on_the_samples_beside_it():
    rng = np.random.default_rng(4)
    cells = random_cells(rng, ["squid"], [7], [3, 2], [0, 1])
    pixels, label = random_signals(rng, 2, 70, 3)
    (whole,) = fused_states(cells, [pixels, label], 4, (2, 70))
    for first, last in ((0, 1), (5, 70), (31, 34)):
        own = InputSignal([pixels.blocks[0][:, first:last]], pixels.frame_of)
        (some,) = fused_states(cells, [own, label], 4, (2, last - first))
        np.testing.assert_array_equal(some, whole[:, first:last])
    (used,) = fused_states(cells, [pixels, label], 4, (2, 70), used=33)
    np.testing.assert_array_equal(used[:, :33], whole[:, :33])
    (last,) = fused_states(cells, [pixels, label], 4, (2, 70), first_frame=2)
    np.testing.assert_array_equal(last, whole[:, :, 2:])


def test_what_is_not_a_number_stays_so():
    rng = np.random.default_rng(5)
    for name in NAMES:
        cells = random_cells(rng, [name], [2], [3, 2], [0])
        signals = random_signals(rng, 1, 3, 2)
        signals[0].blocks[0][0, 1] = np.nan
        (states,) = fused_states(cells, signals, 2, (1, 3))
        assert np.isnan(states[0, 1]).all(), name
        assert np.isfinite(states[0, [0, 2]]).all(), name


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 29, ROWS)])
def test_rows_of_the_kernel_begin_at_a_line_of_the_cache(shape):
    kept = [aligned_zeros(shape) for _ in range(20)]  # wherever numpy has room
    for array in kept:
        assert array.ctypes.data % 64 == 0
        assert array.shape == shape
        assert array.dtype == np.float64
        assert not array.any()
        assert array.flags.c_contiguous
        array[...] = 1.0  # none of them lies in another
    assert all((array == 1).all() for array in kept)


def test_what_the_kernel_cannot_do_is_left_to_the_plain_loop():
    rng = np.random.default_rng(6)
    (cell,) = random_cells(rng, ["squid"], [2], [3, 2], [0])
    assert runs_in_blocks([cell])
    assert not runs_in_blocks([cell], heun=True)
    assert not runs_in_blocks([dataclasses.replace(cell, normalisation="l2")])
    another = dataclasses.replace(cell.source, function=lambda flux, current: flux + current)
    assert not runs_in_blocks([dataclasses.replace(cell, source=another)])


# --- through the engine ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["year1-28", "optical-28"])
def shipped(request):
    routed = route(load_netlist(ROOT / "netlists" / f"{request.param}.yaml"))
    network = compile_network(routed)
    return network, Program.load(ROOT / "netlists" / f"{request.param}.safetensors", network)


def plain_engine(monkeypatch):
    monkeypatch.setattr(engine.Engine, "_compiled", lambda _: None)


def test_shipped_chips_score_as_in_the_plain_loop(shipped, digits, monkeypatch):
    """With spikes of light on the optical one, and with read noise."""
    network, program = shipped
    noisy = dataclasses.replace(network, spreads={**network.spreads, "read_noise_flux": 0.01})
    x = digits.test.inputs[:40]
    ours = [class_scores(one, program, x, chip_seed=5) for one in (network, noisy)]
    plain_engine(monkeypatch)
    for scores, one in zip(ours, (network, noisy), strict=True):
        np.testing.assert_allclose(scores, class_scores(one, program, x, chip_seed=5), rtol=0, atol=1e-11)
    assert not np.allclose(*ours, rtol=0, atol=1e-4)


@pytest.mark.parametrize("rows", [32, 96])
def test_scores_do_not_depend_on_the_blocks(shipped, digits, monkeypatch, rows):
    network, program = shipped
    x = digits.test.inputs[:150]
    whole = class_scores(network, program, x, chip_seed=1)
    monkeypatch.setattr(engine, "_MOST_ROWS", rows)
    np.testing.assert_array_equal(class_scores(network, program, x, chip_seed=1), whole)


def test_samples_are_encoded_once_for_many_chips(shipped, digits):
    network, program = shipped
    samples = Samples(network, digits.test.inputs[:50])
    assert len(samples) == 50
    for seed in (None, 1):
        given = class_scores(network, program, samples, chip_seed=seed)
        np.testing.assert_array_equal(given, class_scores(network, program, digits.test.inputs[:50], chip_seed=seed))
    (first,), (again,) = (list(samples.blocks(64, ROWS)) for _ in range(2))
    assert first is again
    assert (first.rows, first.used, first.leading) == (64, 50, (1, 64))


def test_kernels_take_blocks_of_the_engine():
    assert engine.KERNEL_ROWS == ROWS
    assert simulation.Samples is Samples
