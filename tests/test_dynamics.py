"""The step, its integrators, the source functions and the time loop."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse
import torch
from problems import constant_drive, delayed_feedback, dendrite_sum_by_sum, leaky_integrator, squid_threshold

from soensim.circuit import Device, source_table, source_value
from soensim.dynamics import (
    SOURCE_FUNCTIONS,
    Cell,
    InputSignal,
    Normalisation,
    Term,
    TimeLoop,
    check_step,
    coefficients,
    largest_step,
    normalise,
    safe_step,
    soft_slope,
    step,
    substeps_needed,
    unroll,
)
from soensim.dynamics.source_functions import holds_for, squid_fit_threshold, training_source
from soensim.dynamics.squid import squid_source
from soensim.errors import SimulationError
from soensim.technology import load_technology

TANH, RELU, STEEP, SQUID = (SOURCE_FUNCTIONS[n] for n in ("tanh", "relu", "steep-sigmoid", "squid-fit"))
TABLE = source_table(Device.from_technology(load_technology("nist-2023")))
DERIVED = squid_source(TABLE)


def random_problem(rng, n=5, k=3, steps=20):
    return rng.normal(size=(2, steps, k)), rng.normal(size=(n, k)), rng.normal(size=(n, n)), rng.normal(size=n)


def line(source, delays, weights, ahead=0):
    """Term with a delay (in steps) per edge, interpolated; both of shape (targets, sources)."""
    delays = np.broadcast_to(delays, weights.shape)
    lags = sorted({int(f(d)) for d in delays.flat for f in (np.floor, np.ceil)})
    parts = [np.maximum(1 - np.abs(delays - lag), 0) for lag in lags]
    return Term(source, [lag - ahead for lag in lags], np.concatenate([(weights * part).T for part in parts]))


def each_lag_apart(term):
    return [Term(term.source, [lag], block) for lag, block in zip(term.lags, term.blocks(), strict=True)]


def cell(w_ih, w_hh, offset, source, gamma_plus, gamma_minus, *, integrator="forward-euler", lag=0, dt=1.0, bias=0.0):
    n = len(offset)
    retention, gain = coefficients(np.full(n, gamma_plus), np.full(n, gamma_minus), dt, integrator)
    return Cell(retention, gain, bias, source, offset, [Term(None, [0], w_ih.T), Term(0, [lag], w_hh.T)])


@pytest.mark.parametrize(
    ("source", "act"),
    [
        (TANH, np.tanh),
        (RELU, lambda x: np.maximum(x, 0)),
        (STEEP, lambda x: 1 / (1 + np.exp(-10 * (x - 0.1)))),
    ],
    ids=["tanh", "relu", "steep-sigmoid"],
)
@pytest.mark.parametrize("a", [0.0, 0.5, 0.95])
def test_leaky_form_is_exact(source, act, a):
    rng = np.random.default_rng(0)
    x, w_ih, w_hh, b = random_problem(rng, steps=40)
    record = unroll([cell(w_ih, w_hh, b, source, 1 - a, 1 - a)], x, [np.zeros((2, 5))], substeps=1)
    for sample in range(2):
        ours = np.array([states[0][sample] for states in record])
        np.testing.assert_allclose(ours, leaky_integrator(x[sample], w_ih, w_hh, b, a, act), rtol=0, atol=1e-12)


def test_noise_is_a_flux_that_is_held_over_its_sample():
    rng = np.random.default_rng(1)
    x, w_ih, w_hh, b = random_problem(rng, steps=3)
    ours, silent = cell(w_ih, w_hh, b, TANH, 0.2, 0.1), np.zeros((2, 5))
    flux = rng.normal(0, 0.3, (3, 2, 5))
    noisy = unroll([ours], x, [silent], substeps=2, noise=lambda sample, population: flux[sample] * (population == 0))
    state = silent
    for sample in range(3):
        shifted = dataclasses.replace(ours, flux_offset=b + flux[sample])
        state = unroll([shifted], x[:, sample : sample + 1], [state], substeps=2)[-1][0]
        np.testing.assert_allclose(noisy[sample + 1][0], state, rtol=0, atol=1e-14)


def test_an_array_of_inputs_is_one_signal_with_a_frame_per_sample():
    rng = np.random.default_rng(0)
    x, w_ih, w_hh, b = random_problem(rng, steps=6)
    ours = cell(w_ih, w_hh, b, TANH, 0.3, 0.3)
    whole = unroll([ours], x, [np.zeros((2, 5))], substeps=2)
    for signals in ([InputSignal([x], range(6))], (InputSignal([x[:, :2], x[:, 2:]], [0, 1, 2, 3, 4, 5]),)):
        record = unroll([ours], signals, [np.zeros((2, 5))], substeps=2)
        np.testing.assert_array_equal([s[0] for s in record], [s[0] for s in whole])
    shown_twice = unroll([ours], [InputSignal([x], [0, 0, 1])], [np.zeros((2, 5))], substeps=1)
    np.testing.assert_array_equal(
        [s[0] for s in shown_twice],
        [s[0] for s in unroll([ours], x[:, [0, 0, 1]], [np.zeros((2, 5))], substeps=1)],
    )


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_squid_dendrites_with_delays_match_the_sum_by_sum_reference(delay):
    rng = np.random.default_rng(1)
    x, w_ih, w_hh, offset = random_problem(rng)
    w_ih, w_hh, offset = 0.2 * w_ih, 0.3 * w_hh, 0.25 + 0.05 * offset
    record = unroll([cell(w_ih, w_hh, offset, SQUID, 0.2, 0.1, lag=delay, bias=1.9)], x, [np.zeros((2, 5))], substeps=1)
    for sample in range(2):
        ours = np.array([states[0][sample] for states in record])
        slow = dendrite_sum_by_sum(x[sample], w_ih, w_hh, offset, SQUID, 1.9, 0.2, 0.1, delay)
        np.testing.assert_allclose(ours, slow, rtol=0, atol=1e-12)
    assert max(np.abs(s[0]).max() for s in record) > 0.1  # it did something


def test_input_delay_shifts_the_drive_by_substeps():
    x = np.array([[[1.0], [0.0], [0.0]]])
    # relu, no leak: the state counts the substeps during which the input was seen
    late = Cell(1.0, 1.0, 0.0, RELU, np.zeros(1), [Term(None, [3], np.ones((1, 1)))])
    record = unroll([late], x, [np.zeros((1, 1))], substeps=2)
    assert [float(s[0][0, 0]) for s in record] == [0, 0, 1, 2]


@pytest.mark.parametrize("form", ["dense", "sparse", "apart", "torch"])
def test_a_delay_per_edge_matches_the_sum_by_sum_reference(form):
    """Remainders on W_hh and on W_ih, in all forms that a term can have."""
    rng = np.random.default_rng(3)
    x, w_ih, w_hh, offset = random_problem(rng)
    w_ih, w_hh, offset = 0.2 * w_ih, 0.3 * w_hh, 0.25 + 0.05 * offset
    d_ih, d_hh = rng.uniform(0, 4, w_ih.shape), rng.uniform(0, 6, w_hh.shape)
    d_hh[0], d_ih[0] = np.rint(d_hh[0]), np.rint(d_ih[0])
    terms = [line(None, d_ih, w_ih), line(0, d_hh, w_hh)]
    assert [len(t.lags) for t in terms] == [5, 7]
    start = np.zeros((2, 5))
    if form == "apart":
        terms = [apart for term in terms for apart in each_lag_apart(term)]
    elif form == "sparse":
        terms = [Term(t.source, t.lags, scipy.sparse.csr_array(t.weights)) for t in terms]
    elif form == "torch":
        terms = [Term(t.source, t.lags, torch.tensor(t.weights)) for t in terms]
        x, start, offset = (torch.tensor(array) for array in (x, start, offset))
    record = unroll([Cell(0.9, 0.2, 1.9, SQUID, offset, terms)], x, [start], substeps=1)
    for sample in range(2):
        ours = np.array([np.asarray(states[0][sample]) for states in record])
        slow = dendrite_sum_by_sum(
            np.asarray(x[sample]), w_ih, w_hh, np.asarray(offset), SQUID, 1.9, 0.2, 0.1, d_hh, d_ih
        )
        np.testing.assert_allclose(ours, slow, rtol=0, atol=1e-12)
    assert max(np.abs(np.asarray(s[0])).max() for s in record) > 0.1


@pytest.mark.parametrize("heun", [False, True], ids=["euler", "heun"])
@pytest.mark.parametrize("form", ["joined", "sparse", "apart"])
@pytest.mark.parametrize("substeps", [1, 3, 8])
def test_held_inputs_are_seen_as_their_mean_over_each_step(substeps, form, heun):
    """g = phi and no leak: s is the integral of the delayed staircase, exact at every step, delay and integrator."""
    rng = np.random.default_rng(4)
    x, weights, delays = (
        rng.uniform(0.1, 1, (2, 7, 3)),
        rng.uniform(0.1, 1, (4, 3)),
        rng.uniform(0, 2.7, (4, 3)),
    )  # samples
    term = line(None, delays * substeps, weights)
    assert len(term.lags) > 2
    terms = each_lag_apart(term) if form == "apart" else [term]
    if form == "sparse":
        terms = [Term(None, term.lags, scipy.sparse.csr_array(term.weights))]
    late = Cell(1.0, 1 / substeps, 0.0, RELU, np.zeros(4), terms)
    record = unroll([late], x, [np.zeros((2, 4))], substeps=substeps, heun=heun)

    def integral(signal, until):
        """Of a staircase with steps of 1, from 0."""
        whole = max(int(np.floor(until)), 0)
        return signal[:whole].sum() + (signal[whole] * (until - whole) if 0 < until < len(signal) else 0.0)

    for t, (s,) in enumerate(record):
        exact = [
            [sum(weights[i, k] * integral(x[b, :, k], t - delays[i, k]) for k in range(3)) for i in range(4)]
            for b in range(2)
        ]
        np.testing.assert_allclose(s, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("how", "order"), [("interpolated", 2), ("rounded", 1)])
def test_a_delay_of_no_whole_steps_against_the_exact_solution(how, order):
    """s' = c + w s(t - 1/3) from rest by Heun: linear interpolation keeps its order, whole steps do not."""
    exact = delayed_feedback(2.0, 0.4, 1.3, 1 / 3)

    def end(steps):
        one, lag = np.ones((1, 1)), steps / 3  # its remainder is 1/3 or 2/3 at every step
        feedback = line(0, np.rint(lag) if how == "rounded" else lag, 1.3 * one)
        loop = Cell(1.0, 1 / steps, 0.0, RELU, np.zeros(1), [Term(None, [0], 0.4 * one), feedback])
        return unroll([loop], np.ones((1, 2, 1)), [np.zeros((1, 1))], substeps=steps, heun=True)[-1][0][0, 0]

    errors = np.array([abs(end(n) - exact) for n in (16, 32, 64, 128)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), order, atol=0.2)
    limit = {"interpolated": 1e-2, "rounded": 1e-1}[how]
    assert limit / 100 < errors[0] / exact < limit


def test_lockstep_hops_take_a_step_each_and_feed_forward_none():
    x = np.ones((1, 3, 1))
    one = np.ones((1, 1))
    first = Cell(0.0, 1.0, 0.0, RELU, np.zeros(1), [Term(None, [0], one)])
    for lag, expected in ((0, [0, 0, 1, 1]), (-1, [0, 1, 1, 1])):
        second = Cell(0.0, 1.0, 0.0, RELU, np.zeros(1), [Term(0, [lag], one)])
        record = unroll([first, second], x, [np.zeros((1, 1))] * 2, substeps=1)
        assert [float(s[1][0, 0]) for s in record] == expected


def test_a_remainder_reads_between_the_new_state_and_the_last_in_feed_forward():
    x = np.array([[[1.0], [3.0], [0.0], [0.0]]])
    one = np.ones((1, 1))
    first = Cell(0.0, 1.0, 0.0, RELU, np.zeros(1), [Term(None, [0], one)])
    for ahead, expected in ((0, [0, 0, 0.75, 2.5, 0.75]), (1, [0, 0.75, 2.5, 0.75, 0])):
        second = Cell(0.0, 1.0, 0.0, RELU, np.zeros(1), [line(0, 0.25, one, ahead)])
        record = unroll([first, second], x, [np.zeros((1, 1))] * 2, substeps=1)
        assert [float(s[1][0, 0]) for s in record] == expected


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["numpy", "torch"])
def test_an_observer_sees_the_steps_that_the_loop_takes(kind):
    """Delays on inputs and between populations: fluxes are those of the signals, and make the states of `unroll`."""
    rng = np.random.default_rng(6)
    x, w_in, w_hh, w_ho = (kind(rng.normal(size=shape)) for shape in ((2, 4, 3), (9, 5), (10, 5), (5, 2)))
    hidden = Cell(0.9, 0.2, 0.0, TANH, kind(rng.normal(size=5)), [Term(None, [0, 1, 4], w_in), Term(0, [0, 3], w_hh)])
    out = Cell(0.8, 0.3, 0.0, TANH, kind(np.zeros(2)), [Term(0, [-1], w_ho)])
    start, seen = [kind(np.zeros((2, n))) for n in (5, 2)], []
    record = unroll([hidden, out], x, start, substeps=2)
    states = list(TimeLoop([hidden, out], x, substeps=2, observe=seen.append).run(start))
    for now, expected in zip(states, record[1:], strict=True):
        for ours, theirs in zip(now, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)
    assert [s.population for s in seen] == [0, 1] * 8
    past = [start[0]] * 4 + [s.state for s in seen[2::2]] + [states[-1][0]]
    for at in range(8):
        first, second = seen[2 * at], seen[2 * at + 1]
        held = [x[:, (at - lag) // 2] if at >= lag else 0 * x[:, 0] for lag in (0, 1, 4)]
        np.testing.assert_array_equal(first.arrived[0], np.concatenate(held, 1))
        np.testing.assert_array_equal(first.arrived[1], np.concatenate([past[at + 3], past[at]], 1))
        np.testing.assert_array_equal(second.arrived[0], past[at + 4])
        flux = hidden.flux_offset + first.arrived[0] @ w_in + first.arrived[1] @ w_hh
        np.testing.assert_allclose(first.flux, flux, rtol=0, atol=1e-13)
        np.testing.assert_allclose(past[at + 4], 0.9 * first.state + 0.2 * TANH(first.flux, None), rtol=0, atol=0)


def test_an_observer_has_no_heun_step():
    with pytest.raises(SimulationError, match="an observer sees Euler steps"):
        TimeLoop([Cell(0.9, 0.2, 0.0, TANH, 0.0, [])], np.ones((1, 1, 1)), substeps=1, heun=True, observe=print)


def test_a_population_that_nothing_drives_relaxes():
    idle = Cell(0.5, 1.0, 0.0, RELU, np.zeros(2), [])
    record = unroll([idle], np.zeros((3, 2, 1)), [np.ones((3, 2))], substeps=1)
    np.testing.assert_allclose(record[-1][0], np.full((3, 2), 0.25))


def test_sparse_and_dense_weights_agree():
    rng = np.random.default_rng(2)
    x, w_ih, w_hh, b = random_problem(rng)
    dense = cell(w_ih, w_hh, b, TANH, 0.1, 0.1)
    sparse_terms = [Term(t.source, t.lags, scipy.sparse.csr_array(t.weights)) for t in dense.terms]
    sparse = Cell(dense.retention, dense.gain, 0.0, TANH, b, sparse_terms)
    start = [np.zeros((2, 5))]
    np.testing.assert_allclose(
        unroll([dense], x, start, substeps=2)[-1][0], unroll([sparse], x, start, substeps=2)[-1][0], atol=1e-13
    )


@pytest.mark.parametrize("delay", [0.0, np.array([[1 / 3, 0.0], [1 / 6, 1 / 24]])], ids=["prompt", "delayed"])
@pytest.mark.parametrize(("integrator", "order"), [("forward-euler", 1), ("exponential-euler", 1), ("heun", 2)])
def test_order_of_convergence(integrator, order, delay):
    """Two coupled SQUIDs under a constant drive, against the same at a far finer step; delays of no whole steps."""

    def end(steps):
        w_ih, w_hh = np.full((2, 1), 1.0), np.array([[0.0, 0.1], [-0.1, 0.05]])
        two = cell(w_ih, w_hh, np.array([0.0, 0.03]), SQUID, 1.2, 0.7, integrator=integrator, dt=1 / steps, bias=1.8)
        two = dataclasses.replace(two, terms=[two.terms[0], line(0, delay * steps, w_hh)])
        record = unroll([two], np.full((1, 1, 1), 0.4), [np.zeros((1, 2))], substeps=steps, heun=integrator == "heun")
        return record[-1][0][0]

    exact = end(2**12 if order == 2 else 2**14)
    errors = np.array([np.abs(end(n) - exact).max() for n in (64, 128, 256)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), order, atol=0.1)


def test_heun_with_a_delay_reads_the_state_at_both_ends_of_the_step():
    """s' = s(t - 2 dt) with s = t before 0 would be exact; here: the trapezoidal rule, written out."""
    one = np.ones((1, 1))
    late = Cell(1.0, 1.0, 0.0, RELU, np.zeros(1), [Term(None, [0], one), Term(0, [2], one)])
    record = unroll([late], np.ones((1, 6, 1)), [np.zeros((1, 1))], substeps=1, heun=True)
    s = [0.0] * 3  # states at t = -2, -1, 0
    for _ in range(6):
        s.append(s[-1] + 0.5 * ((1 + s[-3]) + (1 + s[-2])))
    assert [float(r[0][0, 0]) for r in record] == s[2:]


def test_exponential_euler_is_exact_for_a_constant_drive():
    t = np.arange(11) * 3.0
    retention, gain = coefficients(np.array([0.4]), np.array([0.3]), 3.0, "exponential-euler")
    s, states = np.zeros((1, 1)), [0.0]
    for _ in range(10):
        s = step(s, np.full((1, 1), 0.5), retention=retention, gain=gain, bias_current=0.0, source=RELU)
        states.append(float(s[0, 0]))
    np.testing.assert_allclose(states, constant_drive(t, 0.4, 0.3, 0.5), rtol=1e-13)


def test_exponential_euler_without_a_leak_integrates():
    retention, gain = coefficients(np.array([0.4]), np.array([0.0]), 2.0, "exponential-euler")
    assert (float(retention[0]), float(gain[0])) == (1.0, 0.8)


# --- source functions ------------------------------------------------------------------------------------


def grid():
    return np.meshgrid(np.linspace(-1.2, 1.2, 97), np.linspace(0.2, 2.5, 47))


def test_squid_fit_is_even_periodic_zero_below_threshold_and_rising_above():
    phi, i = grid()
    g = SQUID(phi, i)
    np.testing.assert_allclose(g, SQUID(-phi, i), atol=1e-12)
    np.testing.assert_allclose(g, SQUID(phi + 1, i), atol=1e-9)
    above = i > squid_fit_threshold(phi)
    assert np.all(g[~above] == 0)
    assert np.all(g[above] > 0)
    assert np.all(np.diff(g, axis=0) >= 0)


def test_squid_fit_threshold_is_near_the_static_fold():
    flux = np.linspace(0, 0.5, 21)
    np.testing.assert_allclose(squid_fit_threshold(flux), [squid_threshold(f) for f in flux], atol=5e-4)
    # points of the closed form (docs/physics.md): i_th(0, 1/4, 1/2)
    np.testing.assert_allclose([squid_threshold(f) for f in (0, 0.25, 0.5)], [2.0, 1.63433, 1.04716], atol=5e-5)


def test_squid_fit_against_the_rate_table_of_another_simulator():
    from conftest import SHARED

    path = SHARED / "reference" / "toolkit_rate_table.npz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with np.load(path, allow_pickle=False) as table:
        phi, i = np.meshgrid(table["phi_array"], table["ib_list"])
        error = (SQUID(phi, i) - table["g_array"])[i >= 1.0]
    assert np.abs(error).max() < 0.04
    assert np.sqrt(np.mean(error**2)) < 0.007


def test_squid_fit_against_the_table_that_follows_from_the_junctions():
    """Over the range of the fit, |phi| <= 1/2 and 1 <= i <= 2.5: its own largest and mean errors."""
    phi, i = np.meshgrid(np.linspace(-0.5, 0.5, 101), np.linspace(1.0, 2.5, 151))
    error = SQUID(phi, i) - TABLE(phi, i)
    assert np.abs(error).max() < 0.04
    assert np.sqrt(np.mean(error**2)) < 0.007


def test_just_at_its_threshold_a_squid_is_at_rest_and_its_slopes_are_finite():
    """The slope of the square root is infinite there; i_th(0) of `squid-fit` is exactly 2."""
    phi, i = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (0.0, 2.0))
    g = SQUID(phi, i)
    assert (g.item(), SQUID(np.zeros(1), np.full(1, 2.0)).item()) == (0.0, 0.0)
    assert [slope.item() for slope in torch.autograd.grad(g, (phi, i))] == [0.0, 0.0]


def test_numpy_and_torch_give_the_same_source_functions():
    phi, i = grid()
    for source in (*SOURCE_FUNCTIONS.values(), DERIVED):
        np.testing.assert_allclose(
            source(torch.from_numpy(phi), torch.from_numpy(i)).numpy(), source(phi, i), atol=1e-14
        )


@pytest.mark.parametrize("how", [None, "l2", "rms", "standardise"])
def test_what_a_population_sends_is_that_of_its_formula(how):
    a = np.random.default_rng(0).normal(3, 2, (4, 7))  # a mean far from 0
    centred = a - a.mean(1, keepdims=True)
    expected = {
        None: a,
        "l2": a / np.linalg.norm(a, axis=1, keepdims=True),
        "rms": a / np.sqrt((a**2).mean(1, keepdims=True)),
        "standardise": centred / a.std(1, keepdims=True),
    }
    np.testing.assert_allclose(normalise(a, how), expected[how], rtol=1e-9)
    np.testing.assert_allclose(normalise(torch.from_numpy(a), how).numpy(), expected[how], rtol=1e-9)
    stacked = np.stack([a, 2 * a + 1, -a])  # samples on any number of axes
    np.testing.assert_allclose(normalise(stacked, how), [normalise(rows, how) for rows in stacked], rtol=1e-12)
    silent = normalise(np.full((2, 5), 1e-9), how)  # far below any activity that matters: it stays small
    assert np.abs(silent).max() < 2e-3


def test_a_normaliser_with_a_floor_leaves_a_quiet_population_quiet():
    quiet = 0.01 * np.random.default_rng(1).normal(size=(3, 50))
    gain = 1 / np.sqrt((quiet**2).mean(1, keepdims=True) + 0.1**2)
    np.testing.assert_allclose(normalise(quiet, Normalisation("rms", 0.1)), gain * quiet, rtol=1e-12)
    np.testing.assert_array_equal(normalise(quiet, Normalisation("rms")), normalise(quiet, "rms"))
    assert (
        np.abs(normalise(quiet, Normalisation("standardise", 0.1))).max() < 0.4 < np.abs(normalise(quiet, "rms")).max()
    )


# --- gradients -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [TANH, STEEP, SQUID, DERIVED], ids=lambda s: s.name)
def test_gradients_pass_gradcheck(source):
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.rand(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    # phi between 0.3 and 0.45 at i near 1.9: above threshold, where g has a slope
    x = 0.3 + 0.01 * draw(2, 3, 2)
    w_ih, w_hh, offset = 0.2 * draw(2, 4), 0.05 * draw(4, 4), 0.25 + 0.02 * draw(4)
    for tensor in (x, w_ih, w_hh, offset):
        tensor.requires_grad_()

    def final_state(x, w_ih, w_hh, offset):
        cells = [Cell(0.9, 0.2, 1.9, source, offset, [Term(None, [0], w_ih), Term(0, [1], w_hh)])]
        return unroll(cells, x, [x.new_zeros(2, 4)], substeps=2)[-1][0]

    assert torch.autograd.gradcheck(final_state, (x, w_ih, w_hh, offset))


@pytest.mark.parametrize(("substeps", "heun"), [(1, False), (3, False), (2, True)])
def test_gradients_through_delays_pass_gradcheck(substeps, heun):
    """Two populations, feed-forward unless by Heun, remainders on every edge: all gradients."""
    rng = np.random.default_rng(5)
    shapes = {"in": (3, 2), "hh": (3, 3), "ho": (2, 3), "oh": (3, 2)}
    delays = {key: rng.uniform(0, 3, shape) for key, shape in shapes.items()}
    lines = {key: line(None, delays[key], np.ones(shape)) for key, shape in shapes.items()}
    x = torch.tensor(rng.uniform(0, 1, (2, 4, 2)), requires_grad=True)
    start = [torch.tensor(rng.uniform(0, 0.5, (2, n)), requires_grad=True) for n in (3, 2)]
    weights = [torch.tensor(rng.normal(size=shape[::-1]), requires_grad=True) for shape in shapes.values()]

    def states(x, *tensors):
        values = dict(zip(shapes, tensors[2:], strict=True))

        def term(source, key, ahead=0):
            parts = torch.tensor(lines[key].weights)
            lags = lines[key].lags
            return Term(source, [lag - ahead for lag in lags], parts * values[key].repeat(len(lags), 1))

        hidden = Cell(0.9, 0.2, 0.0, TANH, torch.zeros(3), [term(None, "in"), term(0, "hh"), term(1, "oh")])
        out = Cell(0.8, 0.3, 0.0, TANH, torch.zeros(2), [term(0, "ho", ahead=0 if heun else 1)])
        return unroll([hidden, out], x, list(tensors[:2]), substeps=substeps, heun=heun)[-1]

    assert torch.autograd.gradcheck(states, (x, *start, *weights))


def fit_above(flux, excess):
    """squid-fit at a current that exceeds the threshold by ``excess``."""
    return SQUID(flux, squid_fit_threshold(flux) + excess)


def table_above(flux, excess):
    """The derived table at a current that exceeds its own edge by ``excess``."""
    return TABLE(flux, table_edge(flux) + excess)


def table_edge(flux):
    """Smallest current at which the table is above zero, by bisection."""
    low, high = np.full_like(flux, 0.9), np.full_like(flux, 2.2)
    for _ in range(60):
        middle = (low + high) / 2
        above = TABLE(flux, middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high


@pytest.mark.parametrize(
    ("source", "above", "threshold"),
    [(SQUID, fit_above, squid_fit_threshold), (DERIVED, table_above, table_edge)],
    ids=["squid-fit", "squid"],
)
@pytest.mark.parametrize("current", [1.3, 1.7, 2.2])
def test_soft_slope_keeps_values_and_has_the_slopes_of_its_formula(source, above, threshold, current):
    width, h = 0.05, 1e-6
    phis = np.linspace(-0.681, 0.677, 57)  # not on the nodes of the table, where its slope jumps
    phi = torch.tensor(phis, requires_grad=True)
    i = torch.full_like(phi, current).requires_grad_()
    g = soft_slope(source, width)(phi, i)
    torch.testing.assert_close(g, source(phi.detach(), i.detach()), rtol=0, atol=1e-15)
    slopes = torch.autograd.grad(g.sum(), (phi, i))

    def softened(p, current):
        """g with the excess current v replaced by width softplus(v / width)."""
        return above(p, width * np.logaddexp(0, (current - threshold(p)) / width))

    by_phi = (softened(phis + h, current) - softened(phis - h, current)) / (2 * h)
    by_i = (softened(phis, current + h) - softened(phis, current - h)) / (2 * h)
    driven = current - threshold(phis) > -0.3  # far below, the guard against 1/0 is larger than the slope
    np.testing.assert_allclose(slopes[0].numpy()[driven], by_phi[driven], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(slopes[1].numpy()[driven], by_i[driven], rtol=2e-3, atol=2e-4)
    at_rest = (g.detach().numpy() == 0) & driven
    assert np.all(slopes[1].numpy()[at_rest] > 0)  # a neuron at rest can learn to fire


@pytest.mark.parametrize("source", [SQUID, DERIVED.smooth()], ids=["squid-fit", "squid"])
def test_the_kernels_are_told_the_width_of_the_soft_slope(source):
    soft = soft_slope(source, 0.07)
    assert soft.fused == dataclasses.replace(source.fused, width=0.07)
    assert (source.fused.width, soft.name, soft.max_current) == (0.0, source.name, source.max_current)
    assert training_source(DERIVED, 0.07).fused == dataclasses.replace(DERIVED.smooth().fused, width=0.07)


def test_a_smooth_form_holds_from_no_bias_to_its_largest_current():
    smooth = DERIVED.smooth()
    assert smooth.max_current == 2.5
    assert holds_for(smooth, np.array([[0.0, 2.5]]))
    assert not holds_for(smooth, np.array([1.0, 2.5 + 1e-12]))
    assert not holds_for(smooth, np.array([-1e-12, 1.0]))


def test_soft_slope_leaves_virtual_functions_alone():
    assert soft_slope(TANH, 0.1) is TANH
    assert soft_slope(SQUID, 0.0) is SQUID
    assert soft_slope(DERIVED, 0.0) is DERIVED


# --- limits ----------------------------------------------------------------------------------------------


def test_the_largest_step():
    assert largest_step(SQUID, 1e-3, 1e-4, "forward-euler") == pytest.approx(200)
    assert largest_step(SQUID, 1e-3, 1e-2, "forward-euler") == pytest.approx(100)
    assert largest_step(SQUID, 1e-3, 1e-2, "exponential-euler") == pytest.approx(200)
    assert largest_step(TANH, 1e-3, 0.0, "heun") == float("inf")
    assert [substeps_needed(t, 100.0) for t in (1.0, 100.0, 101.0, 1000.0)] == [1, 1, 2, 10]


def test_the_step_that_is_safe_for_training():
    assert safe_step(SQUID, 1e-3, 1e-4, "forward-euler") == pytest.approx(50)
    assert safe_step(SQUID, 1e-3, 1e-2, "exponential-euler") == pytest.approx(12.5)
    assert safe_step(SQUID, 1e-3, 0.0, "heun") == pytest.approx(200)
    assert safe_step(SQUID, 1e-3, 1e-3, "heun") == pytest.approx(125)
    assert safe_step(TANH, 1e-3, 1e-2, "forward-euler") == pytest.approx(100)


def test_a_step_too_coarse_names_the_substeps_it_needs():
    with pytest.raises(SimulationError) as error:
        check_step("hidden", 450.0, 200.0, 900.0)
    assert str(error.value) == (
        "population 'hidden': the step is 450 tau, at most 200 resolves its dendrites; "
        "set timing.substeps to 5 or more, or leave it out"
    )
    check_step("hidden", 900.0 / 5, 200.0, 900.0)


@pytest.mark.parametrize("highest", [1.9, TABLE.current_max, 6.0])
def test_a_lookup_of_many_is_that_of_each_to_the_bit(highest):
    """Vector instructions serve where no current is beyond the main table."""
    rng = np.random.default_rng(0)
    phi, i = rng.uniform(-3, 3, 1001), rng.uniform(-highest, highest, 1001)
    phi[:4], i[:4] = (0.5, 0.5, 0.0, np.nan), (0.0, highest, highest, 1.0)
    one_by_one = [source_value(p, c, TABLE.arrays) for p, c in zip(phi, i, strict=True)]
    np.testing.assert_array_equal(DERIVED(phi, i), one_by_one)
    assert np.isnan(one_by_one[3])
