"""The fused time loop against the plain one: values and gradients, for every kind of cell that it takes."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_problems import DEVICE, SOURCES, TABLE, TOLERANCE, UNEQUAL, problem
from llvmlite import ir

from soensim.circuit import source_table
from soensim.circuit.squid import mean_voltage
from soensim.circuit.threshold_current import lobe
from soensim.dynamics import (
    SOURCE_FUNCTIONS,
    Cell,
    InputFlux,
    InputSignal,
    Term,
    soft_slope,
    training_source,
    unroll,
)
from soensim.dynamics.smooth import smooth_squid
from soensim.dynamics.squid import squid_source
from soensim.errors import SimulationError
from soensim.kernels import (
    Inputs,
    SparsePattern,
    emitter,
    llvm_intrinsics,
    mean_square,
    project,
    projected_inputs,
    supports,
    unroll_fused,
)
from soensim.kernels.lanes import on_rows
from soensim.kernels.memory_layout import ROWS
from soensim.kernels.source_steps import squid_rows, squid_rows_back
from soensim.kernels.squid_functions import smooth_form, squid_coefficients
from soensim.kernels.vector_math import exp_down, inlined, log1p_unit, tanh


def assert_agree(problem, tolerance):
    """Values and all gradients, each relative to its largest element.

    In float32 a current that is off by one rounding at the threshold changes g, which rises as a square root there, by
    2e-4, in the plain loop as well: single states may then differ by more, though not in the mean.
    """
    values = problem.values
    ours, plain = problem.fused(values), problem.plain(values)
    weights = [torch.linspace(-1, 2, s.numel(), dtype=s.dtype).reshape(s.shape) for s in plain]
    results = []
    for states in (ours, plain):
        loss = sum((w * s**2).sum() for w, s in zip(weights, states, strict=True))
        gradients = torch.autograd.grad(loss, list(values.values()), allow_unused=True)
        results.append([*(s.detach() for s in states), *gradients])
    names = [*(f"states{p}" for p in range(len(plain))), *values]
    for name, a, b in zip(names, *results, strict=True):
        if b is None or b.numel() == 0 or (name == "x" and problem.inputs):
            continue
        assert a.shape == b.shape
        if a.dtype == torch.float32 and name.startswith("states"):
            assert (a - b).norm() <= tolerance * b.norm(), name
            assert (a - b).abs().max() <= 10 * tolerance * b.abs().max(), name
        else:
            assert (a - b).abs().max() <= tolerance * b.abs().max() + 1e-30, name


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in SOURCES if n != "squid, sharp"])
@pytest.mark.parametrize(
    "shape",
    [
        {"sizes": [5]},
        {"sizes": [24], "batch": 70, "samples": 9},
        {"sizes": [7], "lags": [(0, 1, 3)], "substeps": 3, "batch": 33},
        {"sizes": [6], "lags": [(2,)], "density": 0.4},
        {"sizes": [101], "batch": 5},
    ],
    ids=["small", "rows", "delays", "sparse", "wide"],
)
def test_one_population_agrees_with_the_plain_loop(name, shape, dtype):
    rng = np.random.default_rng(1)
    sizes = shape.get("sizes")
    one = problem(rng, [SOURCES[name]], **{**shape, "sizes": sizes}, dtype=dtype)
    assert_agree(one, TOLERANCE[dtype])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from(sorted(SOURCES)), min_size=1, max_size=3),
    batch=st.sampled_from([1, 2, 31, 32, 33, 65]),
    samples=st.integers(1, 6),
    substeps=st.integers(1, 4),
    lags=st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=3).map(sorted), min_size=1, max_size=3),
    density=st.sampled_from([None, None, 0.0, 0.1, 0.6, 1.0]),
    ahead=st.booleans(),
    inputs=st.booleans(),
)
def test_any_network_agrees_with_the_plain_loop(seed, names, batch, samples, substeps, lags, density, ahead, inputs):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, len(names)).tolist()
    kwargs = {"batch": batch, "samples": samples, "substeps": substeps, "lags": lags, "density": density}
    many = problem(rng, [SOURCES[n] for n in names], sizes, **kwargs, ahead=ahead)
    many.inputs = inputs
    assert_agree(many, 1e-9 if "squid, sharp" in names else 1e-10)  # sharp slopes are infinite at the threshold


@pytest.mark.parametrize("name", ["tanh", "steep-sigmoid", "squid-fit", "squid"])
@pytest.mark.parametrize("density", [None, 0.5])
def test_gradients_pass_gradcheck(name, density):
    """Against finite differences of the kernel's own values, sharp slopes, away from the threshold."""
    rng = np.random.default_rng(2)
    source = SOURCES["squid, sharp"] if name == "squid" else SOURCE_FUNCTIONS[name]
    two = problem(rng, [source, source], [3, 2], lags=[(0,), (1, 2)], substeps=2, density=density, ahead=True)
    with torch.no_grad():
        for key, value in two.values.items():
            if key.startswith("offset"):
                value.add_(0.2)  # well above threshold
            if key.startswith("w"):
                value.mul_(0.2)
    keys = list(two.values)

    def states(*tensors):
        return tuple(two.fused(dict(zip(keys, tensors, strict=True))))

    assert torch.autograd.gradcheck(states, tuple(two.values.values()))


def test_a_flux_per_step_agrees_with_the_plain_loop():
    """Inputs whose delay is no whole number of samples: the caller gives the flux of every step."""
    rng = np.random.default_rng(3)
    one = problem(rng, [SOURCES["squid"]], [5], substeps=3, samples=4)
    w_in, x, start = one.values["in0"], one.values["x"], one.values["start0"]
    cell = one.cells(one.values, fused=True)[0]
    late = torch.cat([x.new_zeros(3, 1, 2), x.repeat_interleave(3, 1)[:, :-1]], 1)  # a delay of one step
    ours = unroll_fused([cell], [project(late, w_in)], [start], substeps=3, steps_per_entry=1)[0]
    plain_cell = dataclasses.replace(cell, terms=[Term(None, [1], w_in), *cell.terms])
    plain = torch.stack([s[0] for s in unroll([plain_cell], x, [start], substeps=3)[1:]], 1)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-13)
    for a, b in zip(
        *(torch.autograd.grad((s**2).sum(), list(one.values.values())) for s in (ours, plain)), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
def test_inputs_that_the_loop_multiplies(dtype):
    rng = np.random.default_rng(8)
    one = problem(rng, [SOURCES["squid"]], [9], channels=5, batch=70, substeps=2, dtype=dtype)
    one.inputs = True
    assert_agree(one, TOLERANCE[dtype])


@pytest.mark.parametrize("substeps", [1, 3])
def test_flux_of_inputs_that_arrive_late(substeps):
    """Pixels with several delays, some longer than the sequence, and labels that hold still."""
    rng = np.random.default_rng(11)
    draw = lambda *shape: torch.from_numpy(rng.normal(size=shape))  # noqa: E731
    pixels = InputSignal([draw(1, 4, 5, 3), torch.zeros(1, 1, 1, 3, dtype=torch.float64)], [5, 0, 1, 2, 3, 4])
    signals = [pixels, InputSignal([draw(2, 1, 1, 2)], [0] * 6)]
    lags, weights = [0, 2, 3, 40], [draw(12, 7).requires_grad_(), draw(2, 7).requires_grad_()]
    terms = [Term(None, lags, weights[0], 0), Term(None, [4], weights[1], 1)]
    cell = dataclasses.replace(cell_of(SOURCES["tanh"]), terms=terms)
    (ours,), per_entry = projected_inputs([cell], [7], signals, substeps, draw(0))
    flux, rest = InputFlux(terms, signals, substeps), torch.zeros(2, 4, 7, dtype=torch.float64)
    plain = torch.stack([flux.add_to(rest, step).flatten(0, 1) for step in range(6 * substeps)])
    assert per_entry == 1
    gradients = [torch.autograd.grad((flux**3).sum(), weights) for flux in (ours, plain)]
    for a, b in zip((ours, *gradients[0]), (plain, *gradients[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_inputs_that_do_not_fit_are_refused():
    one = problem(np.random.default_rng(8), [SOURCES["squid"]], [9], channels=5, batch=70, substeps=2)
    cell, start, x = one.cells(one.values, fused=True)[0], one.values["start0"], one.values["x"].detach()
    for flux, message in (
        (Inputs(x, one.values["in0"][:4]), "inputs have 5 channels for 9 neurons, their efficacies are"),
        (Inputs(one.values["x"], one.values["in0"]), "signals of Inputs need a gradient"),
        (Inputs(x[:40], one.values["in0"]), "a batch of 70 is no repetition of 40 rows"),
        (Inputs(x, one.values["in0"], x[0]), "held flux has the shape"),
    ):
        with pytest.raises(SimulationError, match=message):
            unroll_fused([cell], [flux], [start], substeps=2)
    with pytest.raises(SimulationError, match="Inputs of one population need Inputs of all"):
        unroll_fused([cell] * 2, [Inputs(x, one.values["in0"]), project(x, one.values["in0"])], [start] * 2, substeps=2)


@pytest.mark.parametrize("substeps", [1, 2])
@pytest.mark.parametrize("rows", [5, 64, 33])
def test_rows_that_repeat_and_flux_that_is_held(rows, substeps):
    """Three label hypotheses on the same samples; the second population sees the labels alone."""
    rng = np.random.default_rng(10)
    one = problem(rng, [SOURCES["tanh"], SOURCES["squid"]], [5, 6], channels=4, batch=3 * rows, substeps=substeps)
    x = torch.from_numpy(rng.random((rows, 4, 4)))
    held = [torch.from_numpy(rng.normal(0, 0.1, (3 * rows, n))).requires_grad_() for n in (5, 6)]
    cells = one.cells(one.values, fused=True)
    ours = unroll_fused(
        cells, [Inputs(x, one.values["in0"], held[0]), Inputs(x, None, held[1])], one.initial(one.values),
        substeps=substeps,
    )  # fmt: skip
    flux = [h + d for h, d in zip(held, (project(x.repeat(3, 1, 1), one.values["in0"]), 0.0), strict=True)]
    flux[1] = flux[1].expand(4, -1, -1)
    plain = unroll_fused(cells, flux, one.initial(one.values), substeps=substeps)
    leaves = [*held, *(v for key, v in one.values.items() if key not in ("x", "in1"))]
    results = [
        [*states, *torch.autograd.grad(sum((s**3).sum() for s in states), leaves)]  # type: ignore[arg-type]
        for states in (ours, plain)
    ]
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
@pytest.mark.parametrize("substeps", [1, 2])
def test_mean_square_is_that_of_torch(substeps, dtype):
    rng = np.random.default_rng(9)
    one = problem(rng, [SOURCES["tanh"]], [5], batch=70, samples=40, substeps=substeps, dtype=dtype)
    weights = torch.linspace(-1, 1, 70 * 40, dtype=dtype).reshape(70, 40)
    results = []
    for goodness in (mean_square, lambda states: states.square().mean(-1)):
        found = goodness(one.fused(one.values)[0])
        results.append([found.detach(), *torch.autograd.grad((found * weights).sum(), list(one.values.values()))])
    for ours, plain in zip(*results, strict=True):
        assert ours.shape == plain.shape
        assert (ours - plain).abs().max() <= TOLERANCE[dtype] * plain.abs().max()
    anywhere = torch.rand(3, 4, 5, dtype=dtype)
    assert torch.equal(mean_square(anywhere), anywhere.square().mean(-1))


def test_the_number_of_threads_changes_no_bit():
    rng = np.random.default_rng(4)
    one = problem(rng, [SOURCES["squid"]], [13], batch=130, samples=5, lags=[(0, 2)], dtype=torch.float32)
    sparse = problem(rng, [SOURCES["tanh"]], [13], batch=130, samples=5, density=0.3, dtype=torch.float32)
    found = {}
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            for each in (one, sparse):
                states = each.fused(each.values)[0]
                # the hoisted input projection is torch's product
                keys = [k for k in each.values if not k.startswith(("in", "x"))]
                gradients = torch.autograd.grad((states**2).sum(), [each.values[k] for k in keys])
                found.setdefault(threads, []).extend([states.detach(), *gradients])
    finally:
        torch.set_num_threads(before)
    for threads in (2, 3):
        for a, b in zip(found[1], found[threads], strict=True):
            assert torch.equal(a, b)


def test_a_row_does_not_depend_on_its_place_in_the_batch():
    rng = np.random.default_rng(5)
    one = problem(rng, [SOURCES["squid"]], [6], batch=70, dtype=torch.float32)
    with torch.no_grad():
        whole = one.fused(one.values)[0]
        part = one.fused({k: v[37:41] if k in ("x", "start0") else v for k, v in one.values.items()})[0]
    torch.testing.assert_close(whole[37:41], part, rtol=0, atol=1e-6)  # torch's projection may differ in rounding


def test_backward_twice_gives_the_same_and_inference_keeps_only_samples():
    rng = np.random.default_rng(6)
    one = problem(rng, [SOURCES["squid"]], [6], substeps=3, batch=32)
    loss = (one.fused(one.values)[0] ** 2).sum()
    first = torch.autograd.grad(loss, list(one.values.values()), retain_graph=True)
    for a, b in zip(first, torch.autograd.grad(loss, list(one.values.values())), strict=True):
        assert torch.equal(a, b)
    with torch.no_grad():
        inferred = one.fused(one.values)[0]
    assert torch.equal(inferred, one.fused(one.values)[0].detach())
    assert inferred.untyped_storage().nbytes() < 2 * inferred.numel() * 8  # 4 samples, not 12 steps


@pytest.mark.parametrize("name", ["tanh", "relu", "squid-fit", "squid"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(name, bad):
    """A diverging loss has to be seen."""
    if name in ("tanh", "squid") and np.isinf(bad):
        bad = np.nan  # tanh(inf) is 1
    for dtype in TOLERANCE:
        one = problem(np.random.default_rng(7), [SOURCES[name]], [4], dtype=dtype)
        with torch.no_grad():
            one.values["in0"][0, 1] = bad
        states = one.fused(one.values)[0]
        assert not torch.isfinite(states).all()
        (gradient,) = torch.autograd.grad((states**2).sum(), [one.values["w00"]])
        assert not torch.isfinite(gradient).all()


# --- what it does not take -------------------------------------------------------------------------------


def cell_of(source, **changes):
    ones = torch.ones(3)
    return dataclasses.replace(
        Cell(0.9 * ones, 0.1 * ones, 1.9 * ones, source, 0 * ones, [Term(0, [0], torch.zeros(3, 3))]), **changes
    )


def test_what_is_supported():
    fine = cell_of(SOURCES["squid"])
    assert supports([fine])
    assert supports([cell_of(SOURCES["tanh"]), cell_of(SOURCES["squid-fit"])])
    assert not supports([fine], heun=True)
    assert not supports([cell_of(SOURCES["tanh"], normalisation="rms")])
    assert not supports([cell_of(squid_source(TABLE))])  # the table itself
    assert not supports([cell_of(SOURCES["squid"], bias_current=torch.tensor([1.9, 2.6, 1.9]))])
    assert not supports([cell_of(SOURCES["squid"], bias_current=torch.tensor([1.9, np.nan, 1.9]))])
    assert not supports([cell_of(SOURCES["tanh"], gain=torch.ones(3, requires_grad=True))])
    assert not supports([cell_of(SOURCES["tanh"], terms=[Term(0, [0], np.zeros((3, 3)))])])
    assert not supports([cell_of(SOURCES["tanh"], terms=[Term(0, [0], torch.zeros(3, 3).half())])])
    noisy = training_source(squid_source(source_table(DEVICE, temperature_k=4.2)), 0.05)  # which ships
    assert not supports([cell_of(noisy)])


def test_bad_shapes_and_starts_are_refused():
    cell, flux, start = cell_of(SOURCES["squid"]), torch.zeros(4, 2, 3), torch.zeros(2, 3)
    with pytest.raises(SimulationError, match="give one each"):
        unroll_fused([cell], [flux, flux], [start], substeps=1)
    with pytest.raises(SimulationError, match=r"expected \(4, 2, 3\) and \(2, 3\)"):
        unroll_fused([cell], [flux], [torch.zeros(5, 3)], substeps=1)
    with pytest.raises(SimulationError, match="no whole number of frames of 3 steps"):
        unroll_fused([cell], [flux], [start], substeps=3, steps_per_entry=1)
    with pytest.raises(SimulationError, match="0 <= s <= bias_current"):
        unroll_fused([cell], [flux], [start + 2], substeps=1)
    with pytest.raises(SimulationError, match="sparse pattern: rows reach from 0 to 3; legal is 0 to 2"):
        SparsePattern([0, 3], [0, 1], (3, 3))


# --- the smooth form, and elementary functions -------------------------------------------------------------


def grid():
    return np.meshgrid(np.linspace(-1.3, 1.3, 1301), np.linspace(0.0, 2.5, 701))


def test_the_smooth_form_is_close_to_its_table_and_to_the_junctions():
    form = smooth_squid(TABLE)
    phi, i = grid()
    difference = abs(form(phi, i) - TABLE(phi, i))
    assert difference.max() < 1e-4
    assert np.sqrt(np.mean(difference**2)) < 3e-5
    x = np.linspace(0, 0.5, 2001)
    assert abs(form.threshold(x) - lobe(x, DEVICE.beta_sum)[0]).max() < 5e-8
    flux, above = np.meshgrid(np.linspace(0.01, 0.49, 9), [0.01, 0.1, 0.3, 0.45])
    current = form.threshold(flux) + above
    direct = mean_voltage(DEVICE, flux.ravel(), current.ravel(), tolerance=1e-6).reshape(flux.shape)
    assert abs(form(flux, current) - direct).max() < 1e-4


def test_the_smooth_form_is_kept(tmp_path, monkeypatch):
    from soensim.dynamics import smooth

    folder = tmp_path / "none" / "yet"
    monkeypatch.setenv("SOENSIM_CACHE", str(folder))
    fitted = []
    monkeypatch.setattr(smooth, "_fitted", lambda table: fitted.append(table) or smooth_squid(TABLE))
    fresh = smooth_squid.__wrapped__  # without the memory of the process
    first = fresh(TABLE)
    (file,) = folder.iterdir()
    second = fresh(TABLE)
    assert fitted == [TABLE]
    for name, value in vars(first).items():
        kept = getattr(second, name)
        pairs = zip(value, kept, strict=True) if isinstance(value, tuple) else [(value, kept)]
        for a, b in pairs:
            assert type(a) is type(b)
            np.testing.assert_array_equal(a, b)
    content = file.read_bytes()
    for damaged in (content[:-1], b"", b"x" + content[1:]):
        file.write_bytes(damaged)
        assert fresh(TABLE).edge.tolist() == first.edge.tolist()
        assert file.read_bytes() == content
    assert fitted == [TABLE] * 4
    fresh(UNEQUAL)
    assert len(list(folder.iterdir())) == 2


def test_states_of_the_smooth_form_stay_close_to_those_of_the_table():
    """What training sees against what the engine computes: the errors of g do not add up over the steps."""
    rng = np.random.default_rng(10)
    one = problem(rng, [SOURCES["squid"]], [28], channels=8, batch=16, samples=60)
    states = {}
    for name, source in (("smooth", SOURCES["squid"]), ("table", squid_source(TABLE))):
        one.sources = [source]
        with torch.no_grad():
            states[name] = one.plain(one.values)[0]
    difference = states["smooth"] - states["table"]
    assert states["table"].max() > 0.4
    assert difference.abs().max() < 3e-4
    assert difference.square().mean().sqrt() < 3e-5


def test_the_smooth_form_of_unequal_arms_is_close_to_its_table():
    form = smooth_squid(UNEQUAL)
    phi, i = grid()
    assert abs(form(phi, i) - UNEQUAL(phi, i)).max() < 2e-4
    assert form.error_max < 2e-4


@pytest.mark.parametrize("current", [1.3, 1.7, 2.2])
def test_soft_slopes_of_the_smooth_form_follow_their_formula(current):
    width, h = 0.05, 1e-6
    smooth = training_source(squid_source(TABLE), 0.0)
    form = smooth.fused.polynomials
    phis = np.linspace(-0.681, 0.677, 57)
    phi = torch.tensor(phis, requires_grad=True)
    i = torch.full_like(phi, current).requires_grad_()
    g = soft_slope(smooth, width)(phi, i)
    torch.testing.assert_close(g, smooth(phi.detach(), i.detach()), rtol=0, atol=1e-15)
    slopes = torch.autograd.grad(g.sum(), (phi, i))

    def softened(p, at):
        x = abs(p - np.round(p))
        return form.rate(x, width * np.logaddexp(0, (at - form.threshold(x)) / width) + 1e-9)

    for slope, up, down in (
        (slopes[0], softened(phis + h, current), softened(phis - h, current)),
        (slopes[1], softened(phis, current + h), softened(phis, current - h)),
    ):
        np.testing.assert_allclose(slope.numpy(), (up - down) / (2 * h), rtol=1e-4, atol=1e-5)


def test_elementary_functions_keep_what_they_promise():
    from numba import njit

    @njit
    def each(x, t, e, lg):
        for k in range(x.size):
            t[k], e[k], lg[k] = tanh(x[k]), exp_down(-abs(x[k])), log1p_unit(min(abs(x[k]), x.dtype.type(1)))

    x = np.concatenate([np.linspace(-17, 17, 200_001), [1e-30, 1e-8, -1e-4]]).astype(np.float32)
    t, e, lg = (np.empty_like(x) for _ in range(3))
    each(x, t, e, lg)
    exact = x.astype(float)
    assert abs(t - np.tanh(exact)).max() < 4e-7
    np.testing.assert_allclose(t, np.tanh(exact), rtol=4e-7)
    np.testing.assert_allclose(e, np.exp(-abs(exact)), rtol=1e-6)
    np.testing.assert_allclose(lg, np.log1p(np.minimum(abs(exact), 1)), rtol=2e-7)
    far = np.array([np.nan, np.inf, -np.inf], dtype=np.float32)
    t, e, lg = (np.empty_like(far) for _ in range(3))
    each(far, t, e, lg)
    np.testing.assert_allclose(t, [np.nan, 1, -1], rtol=4e-7)
    assert np.isnan(e[0])
    assert e[1] < 2e-38
    for y in (-0.3, -2.0):
        assert exp_down(y) == np.exp(y)
    assert (tanh(0.3), log1p_unit(0.3)) == (np.tanh(0.3), np.log1p(0.3))


# --- the intrinsics, and their plain forms ------------------------------------------------------------------


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_intrinsics_and_their_plain_forms_agree(real):
    from numba import njit

    rng = np.random.default_rng(12)
    draw = lambda *shape: rng.normal(size=shape).astype(real)  # noqa: E731
    assert llvm_intrinsics.INTRINSICS
    lanes = emitter.VECTOR // np.dtype(real).itemsize

    def calls(pair_product, dots, tile):
        @njit
        def each(packed, signals, gradients, out, sums, tiles):
            pair_product(packed, signals, out, (2, ROWS, 2 * ROWS), 5)
            dots(signals, gradients, sums, (ROWS, 0), (3 * ROWS, 4 * ROWS), 2)
            tile(signals, tiles, 3, 2 * lanes, ROWS)

        return each

    packed, signals, gradients, start = draw(16), draw(15, ROWS), draw(17, ROWS), draw(4, ROWS)
    results = []
    for form in ("", "plain_"):
        names = (f"{form}add_pair_product", f"{form}tile_of_dots", f"{form}transpose_tile")
        out, sums, tiles = start.copy(), np.zeros(emitter.SUMS, real), np.zeros((lanes + 1, ROWS), real)
        calls(*(getattr(llvm_intrinsics, name) for name in names))(packed, signals, gradients, out, sums, tiles)
        results.append((out, sums, tiles))
    tolerance = {"rtol": 0, "atol": 100 * np.finfo(real).eps}
    for ours, plain in zip(*results, strict=True):
        assert np.abs(plain).max() > 0
        np.testing.assert_allclose(ours, plain, **tolerance)
    lines = slice(0, emitter.LINE // np.dtype(real).itemsize)
    expected = start.copy()
    expected[2:, lines] += packed[2:12].reshape(5, 2).T @ signals[1:6, lines]
    np.testing.assert_allclose(results[0][0], expected, **tolerance)


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 19])
def test_intrinsics_of_edges_and_their_plain_forms_agree(real, count):
    from numba import njit

    rng = np.random.default_rng(14)
    draw = lambda *shape: rng.normal(size=shape).astype(real)  # noqa: E731
    signals, gradients, start, out, values = draw(9, ROWS), draw(9, ROWS), draw(4, ROWS), draw(24), draw(24)
    rows = rng.integers(0, 7, 24)  # of the other end, from row 2 on
    places, own = rows * ROWS, slice(3, 3 + count)
    results = []
    for form in ("", "plain_"):
        names = ("add_edges", "edge_gradients", "edges_back")
        add, one_way, both = (getattr(llvm_intrinsics, form + name) for name in names)

        @njit
        def each(values, signals, gradients, sums, found, add=add, one_way=one_way, both=both):
            add(values, places, signals, sums[0], (3, 2 * ROWS, 2 * ROWS), count)
            one_way(places, gradients, signals, found[0], (3, 2 * ROWS, 5 * ROWS), count)
            both(places, gradients, signals, found[1], values, sums[1], (3, 2 * ROWS, 5 * ROWS, ROWS), count)

        sums, found = np.stack([start, start]), np.stack([out, out])
        each(values, signals, gradients, sums, found)
        results.append((sums, found))
    expected, shares = np.stack([start, start]), np.stack([out, out])
    expected[0, 2] += values[own] @ signals[2 + rows[own]]
    expected[1, 1] += values[own] @ gradients[2 + rows[own]]
    shares[:, own] += gradients[2 + rows[own]] @ signals[5]
    for sums, found in results:
        np.testing.assert_allclose(sums, expected, rtol=0, atol=100 * np.finfo(real).eps)
        np.testing.assert_allclose(found, shares, rtol=0, atol=200 * np.finfo(real).eps)


def test_four_pairs_at_once_are_four_pairs():
    from numba import njit

    rng = np.random.default_rng(15)
    pairs = emitter.PAIRS
    packed, signals = (rng.normal(size=shape).astype(np.float32) for shape in (3 + 10 * pairs, (7, ROWS)))
    start = rng.normal(size=(1 + 2 * pairs, ROWS)).astype(np.float32)
    expected = start.copy()
    for pair in range(pairs):
        expected[1 + 2 * pair : 3 + 2 * pair] += packed[3 + 10 * pair :][:10].reshape(5, 2).T @ signals[1:6]
    for form in ("", "plain_"):
        products, out = getattr(llvm_intrinsics, f"{form}add_pair_products"), start.copy()
        njit(lambda packed, signals, out, products=products: products(packed, signals, out, (3, ROWS, ROWS), 5))(
            packed, signals, out
        )
        np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("width", [0.0, 0.05])
def test_formulas_on_lanes_are_those_of_numbers(width):
    """The SQUID's step, forward and back: each operation of the formula, on vectors and on numbers."""
    from numba import njit

    coefficients = squid_coefficients(smooth_squid(UNEQUAL), width, np.float32)
    rng = np.random.default_rng(16)
    phi, s, adjoint = (rng.uniform(*ends, 3 * ROWS).astype(np.float32) for ends in ((-1.5, 1.5), (0, 1.9), (-1, 1)))
    numbers = tuple(np.float32(v) for v in (0.9, 0.2, 1.9))
    for formula, read in ((squid_rows, (phi, s)), (squid_rows_back, (phi, s, adjoint))):
        rows, single = on_rows(formula, len(read)), inlined(formula)
        results = tuple(np.zeros(3 * ROWS, np.float32) for _ in range(len(read) - 1))

        @njit
        def on_vectors(arrays, coefficients, numbers, rows=rows):
            rows(arrays, ROWS, smooth_form(coefficients), numbers)

        @njit
        def one_by_one(read, k, coefficients, numbers, single=single):
            form = smooth_form(coefficients)
            if len(read) == 3:
                return single(read[0][k], read[1][k], read[2][k], form, *numbers)
            return single(read[0][k], read[1][k], form, *numbers)

        on_vectors((*read, *results), coefficients, numbers)
        expected = np.array([one_by_one(read, k, coefficients, numbers) for k in range(3 * ROWS)]).T
        for ours, numbers_alone in zip(results, expected, strict=True):
            assert not ours[:ROWS].any()
            assert not ours[2 * ROWS :].any()
            numbers_alone = numbers_alone[ROWS : 2 * ROWS]
            np.testing.assert_allclose(
                ours[ROWS : 2 * ROWS], numbers_alone, rtol=0, atol=1e-5 * abs(numbers_alone).max()
            )


def test_three_tables_side_by_side_have_the_values_of_each():
    from numba import njit

    rng = np.random.default_rng(13)
    cubics, surfaces = rng.normal(size=(7, 4, 4)), rng.normal(size=(8, 5, 4))
    cell, node = rng.integers(0, 7, ROWS), rng.integers(0, 4, ROWS)
    places, nodes, start = cell.astype(np.int32), (cell * 5 + node).astype(np.int32), rng.uniform(size=8 * ROWS)
    r, q = start[:ROWS], start[ROWS : 2 * ROWS]
    expected = np.array([np.polyval(cubics[cell, ::-1, k].T, r) for k in range(3)])
    corners = {(a, b): surfaces[cell + a, node + b, :3].T for a in (0, 1) for b in (0, 1)}
    low, high = (corners[a, 0] * (1 - q) + corners[a, 1] * q for a in (0, 1))
    assert llvm_intrinsics.INTRINSICS
    assert emitter.TABLES == cubics.shape[-1] == surfaces.shape[-1]
    for form in ("", "plain_"):
        three_cubics, three_surfaces = (getattr(llvm_intrinsics, form + n) for n in ("three_cubics", "three_surfaces"))

        @njit
        def look_up(numbers, three_cubics=three_cubics, three_surfaces=three_surfaces):
            three_cubics(cubics, places, numbers, 0, 2 * ROWS)
            three_surfaces(surfaces, nodes, numbers, (ROWS, 0, 5), 5 * ROWS)

        numbers = start.copy()
        look_up(numbers)
        np.testing.assert_array_equal(numbers[: 2 * ROWS], start[: 2 * ROWS])
        np.testing.assert_allclose(numbers[2 * ROWS :].reshape(2, 3, ROWS)[0], expected, rtol=1e-13, atol=1e-14)
        found = numbers[5 * ROWS :].reshape(3, ROWS)
        np.testing.assert_allclose(found, low * (1 - r) + high * r, rtol=1e-13, atol=1e-14)


def test_instructions_that_llvm_does_not_accept_are_noticed(monkeypatch):
    assert llvm_intrinsics._accepted()

    def unknown(emit, *_):
        integer = ir.IntType(32)
        no_such = emit.builder.module.declare_intrinsic("llvm.sqrt", [integer], ir.FunctionType(integer, [integer]))
        emit.builder.call(no_such, [ir.Constant(integer, 1)])

    monkeypatch.setattr(llvm_intrinsics, "emit_tile_of_dots", unknown)
    assert not llvm_intrinsics._accepted()


WITHOUT_COMPILER = """
import numpy as np, torch
from torch.nn.functional import softplus
from soensim.dynamics import SOURCE_FUNCTIONS, Cell, Term, training_source, unroll
from soensim.kernels import (
    Inputs, SparsePattern, SparseWeights, project, supports, temporal_forward_forward, unroll_fused
)
from soensim.kernels.llvm_intrinsics import INTRINSICS

assert not INTRINSICS
rng = np.random.default_rng(0)
draw = lambda *shape: torch.tensor(0.3 * rng.normal(size=shape), requires_grad=True)
sources = [training_source(SOURCE_FUNCTIONS[name], 0.05) for name in ("tanh", "squid-fit")]
w_in, dense, sparse, offset, x, rest = draw(9, 3), draw(6, 3), draw(2), draw(3), draw(2, 3, 9), torch.zeros(2, 3)
x, rest, ones = x.detach(), rest.double(), torch.ones(3, dtype=torch.float64)
pattern = SparsePattern([0, 2], [1, 0], (3, 3))

def cells(alone):
    own = SparseWeights(pattern, sparse)
    terms = [[Term(0, [0, 1], dense)], [Term(0, [-1], own if alone else own.dense())]]
    return [Cell(0.9 * ones, 0.15 * ones, 1.9 * ones, s, 0.2 + offset, t) for s, t in zip(sources, terms)]

plain_cells = cells(False)
plain_cells = [Cell(*list(vars(c).values())[:5], [Term(None, [0], w_in), *c.terms]) for c in plain_cells]
record = unroll(plain_cells, x, [rest, rest], substeps=2)[1:]
plain = [torch.stack(states, 1) for states in zip(*record)]
ours = unroll_fused(cells(True), [project(x, w_in)] * 2, [rest, rest], substeps=2)
for a, b in zip(ours, plain):
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
leaves = [w_in, dense, sparse, offset]
for a, b in zip(*(torch.autograd.grad(sum((s**2).sum() for s in states), leaves) for states in (ours, plain))):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)

cell = Cell(0.9 * ones, 0.15 * ones, 1.9 * ones, sources[0], offset, [Term(0, [0], dense[:3])])
held, weights = draw(4, 3), torch.ones(1, 3, dtype=torch.float64)
inputs = [Inputs(x, w_in, held)]
ours = temporal_forward_forward([cell], inputs, [3], substeps=1, weights=weights, margin=0.02, sharpness=9.0)
states = unroll_fused([cell], inputs, [torch.zeros(4, 3).double()], substeps=1)[0].square().mean(-1)
plain = (softplus(9.0 * (0.02 - (states[:2] - states[2:]))) / 9.0).sum(1).mean()
leaves = [w_in, dense, offset, held]
for a, b in zip(*([loss, *torch.autograd.grad(loss, leaves)] for loss in (ours.loss, plain))):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
"""


def test_plain_forms_serve_where_numba_does_not_compile():
    """All kernels as plain Python: what they compute does not rest on LLVM."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
