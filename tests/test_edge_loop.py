"""The time loop over edges alone against the plain one: values and gradients."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_problems import SOURCES, TOLERANCE, problem

from soensim.dynamics import InputSignal, Term, unroll
from soensim.kernels import SparsePattern, SparseWeights, edge_loop, edges_alone, lit, supports, unroll_edges
from soensim.kernels.edge_product import sparse_blocks, sparse_product
from soensim.netlist import load_netlist
from soensim.network import compile_network, with_average_light
from soensim.routing import route
from soensim.training import BpttRecipe
from soensim.training.rules.bptt import Bptt
from soensim.training.trainable_network import TrainableChip


class EdgeProblem:
    """A random network whose inputs are edges with delays, too."""

    def __init__(self, rng, sources, sizes, *, input_lags=(0,), input_density=0.7, density=0.4, channels=3, **kwargs):
        self.own = problem(rng, sources, sizes, density=density, channels=channels, **kwargs)
        self.sizes, self.lags, self.patterns = sizes, list(input_lags), []
        self.x = self.own.values.pop("x").detach()
        for p, size in enumerate(sizes):
            shape = (len(self.lags) * channels, size)
            rows, columns = np.nonzero(rng.random(shape) < input_density)
            self.patterns.append(SparsePattern(rows, columns, shape, len(self.lags)))
            values = torch.tensor(0.3 * rng.normal(size=len(rows)), dtype=self.x.dtype, requires_grad=True)
            self.own.values[f"in{p}"] = values
            self.own.values.pop(f"start{p}")
        self.values = self.own.values

    def cells(self, sparse=True):
        cells = []
        for p, cell in enumerate(self.own.cells(self.values, fused=sparse)):
            weights = SparseWeights(self.patterns[p], self.values[f"in{p}"])
            driven = Term(None, self.lags, weights if sparse else weights.dense())
            cells.append(dataclasses.replace(cell, terms=[driven, *cell.terms]))
        return cells

    @property
    def signals(self):
        return [InputSignal([self.x], range(self.x.shape[1]))]

    def edges(self, window=None):
        cells = self.cells()
        assert supports(cells)
        assert edges_alone(cells, self.signals)
        return unroll_edges(cells, self.signals, self.sizes, substeps=self.own.substeps, window=window)

    def plain(self):
        rest = [self.x.new_zeros(len(self.x), n) for n in self.sizes]
        record = unroll(self.cells(sparse=False), self.x, rest, substeps=self.own.substeps)[1:]
        return [torch.stack(states, 1) for states in zip(*record, strict=True)]

    def gradients(self, states):
        loss = sum((torch.linspace(-1, 2, s.numel(), dtype=s.dtype).reshape(s.shape) * s**2).sum() for s in states)
        return torch.autograd.grad(loss, list(self.values.values()), allow_unused=True)


def assert_agree(one, tolerance):
    ours, plain = one.edges(), one.plain()
    for a, b in zip(ours, plain, strict=True):
        assert a.shape == b.shape
        assert (a - b).norm() <= tolerance * b.norm() + 1e-30
    for name, a, b in zip(one.values, one.gradients(ours), one.gradients(plain), strict=True):
        if b is not None and b.numel():
            assert (a - b).abs().max() <= tolerance * b.abs().max() + 1e-30, name


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in SOURCES if n != "squid, sharp"])
def test_one_population_agrees_with_the_plain_loop(name, dtype):
    rng = np.random.default_rng(1)
    shape = {"batch": 70, "samples": 9, "substeps": 4, "lags": [(0, 1, 3)], "input_lags": (0, 1, 5)}
    assert_agree(EdgeProblem(rng, [SOURCES[name]], [24], **shape, dtype=dtype), TOLERANCE[dtype])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from(sorted(SOURCES)), min_size=1, max_size=3),
    batch=st.sampled_from([1, 31, 32, 33, 65]),
    samples=st.sampled_from([1, 2, 5, 30]),
    substeps=st.integers(1, 4),
    lags=st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=3).map(sorted), min_size=1, max_size=3),
    input_lags=st.sets(st.integers(0, 9), min_size=1, max_size=3).map(sorted),
    density=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    ahead=st.booleans(),
)
def test_any_network_agrees_with_the_plain_loop(
    seed, names, batch, samples, substeps, lags, input_lags, density, ahead
):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, len(names)).tolist()
    shape = {"batch": batch, "samples": samples, "substeps": substeps, "lags": lags, "density": density}
    many = EdgeProblem(rng, [SOURCES[n] for n in names], sizes, input_lags=input_lags, ahead=ahead, **shape)
    assert_agree(many, 1e-9 if "squid, sharp" in names else 1e-10)


def test_only_the_frames_that_are_wanted():
    one = EdgeProblem(np.random.default_rng(2), [SOURCES["squid"]], [6], batch=40, samples=5, substeps=2)
    for window in (range(4, 5), range(1, 3)):
        part = one.edges(window)
        whole = [s[:, window.start : window.stop] for s in one.edges()]
        assert torch.equal(part[0], whole[0])
        for a, b in zip(one.gradients(part), one.gradients(whole), strict=True):
            assert torch.equal(a, b)


def test_neither_threads_nor_groups_change_a_bit(monkeypatch):
    shape = {"batch": 130, "samples": 3, "substeps": 2, "lags": [(0, 2)], "input_lags": (1,), "dtype": torch.float32}
    one = EdgeProblem(np.random.default_rng(3), [SOURCES["squid"]], [13], **shape)
    found, before = [], torch.get_num_threads()
    try:
        for threads, group_bytes in ((1, edge_loop._GROUP_BYTES), (3, edge_loop._GROUP_BYTES), (1, 1), (2, 1)):
            monkeypatch.setattr(edge_loop, "_GROUP_BYTES", group_bytes)
            torch.set_num_threads(threads)
            states = one.edges()
            found.append([states[0].detach(), *one.gradients(states)])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_what_is_not_finite_stays_so():
    one = EdgeProblem(np.random.default_rng(4), [SOURCES["squid"]], [4])
    with torch.no_grad():
        one.values["in0"][0] = np.nan
    states = one.edges()
    assert not torch.isfinite(states[0]).all()
    assert not torch.isfinite(one.gradients(states)[0]).all()


def test_what_it_does_not_take():
    one = EdgeProblem(np.random.default_rng(5), [SOURCES["tanh"]], [4])
    cells, (signal,) = one.cells(), one.signals
    assert edges_alone(cells, [signal])
    assert not edges_alone(one.cells(sparse=False), [signal])
    assert not edges_alone(cells, [signal, signal])
    assert not edges_alone(cells, [InputSignal([one.x, one.x], range(8))])
    assert not edges_alone(cells, [dataclasses.replace(signal, frame_of=[0, 0, 1, 2])])
    assert not edges_alone(cells, [InputSignal([one.x.clone().requires_grad_()], signal.frame_of)])
    assert edges_alone(cells, [InputSignal([one.x[None]], signal.frame_of)])
    assert not edges_alone(cells, [InputSignal([one.x[None].expand(2, -1, -1, -1)], signal.frame_of)])
    lit = [dataclasses.replace(term, light=True) for term in cells[0].terms]
    assert not edges_alone([dataclasses.replace(cells[0], terms=lit)], [signal])


def test_a_chip_of_few_edges_learns_from_them_alone(monkeypatch):
    """The same loss and gradients as by the kernels that multiply inputs before the loop."""
    network = with_average_light(compile_network(route(load_netlist(ROOT / "netlists" / "modular-1000.yaml"))))
    chip = TrainableChip(network, BpttRecipe())
    rule, rng = Bptt(chip, BpttRecipe()), np.random.default_rng(6)
    x, y = chip.encode(rng.random((5, 3, 28))), torch.tensor([0, 1, 2, 3, 4])
    found, calls = [], []
    for alone in (True, False):
        called = lambda cells, signals, alone=alone: calls.append(edges_alone(cells, signals)) or alone  # noqa: E731
        monkeypatch.setattr("soensim.training.trainable_network.edges_alone", called)
        loss = rule.loss(chip.training_chip(True, (0, 0, 0)), x, y, rng).total
        found.append([loss.detach(), *torch.autograd.grad(loss, list(chip.latent.values()))])
    assert calls == [True, True]
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
def test_products_over_edges_are_those_of_the_matrix(dtype):
    rng = np.random.default_rng(7)
    shape = (3 * 5, 7)
    rows, columns = np.nonzero(rng.random(shape) < 0.4)
    values = torch.tensor(rng.normal(size=len(rows)), dtype=dtype, requires_grad=True)
    signal = torch.tensor(rng.normal(size=(2, 33, 5)), dtype=dtype, requires_grad=True)
    weights = SparseWeights(SparsePattern(rows, columns, shape, 3), values)
    target = torch.tensor(rng.normal(size=(2, 33, 7)), dtype=dtype)
    for k, block in enumerate(sparse_blocks(weights)):
        products = sparse_product(signal, block), signal @ weights.dense()[5 * k : 5 * k + 5]
        results = [[p.detach(), *torch.autograd.grad((p * target).sum(), [signal, values])] for p in products]
        for a, b in zip(*results, strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max() <= TOLERANCE[dtype] * b.abs().max()


def test_light_of_few_edges_takes_them_alone(monkeypatch):
    """Spikes of a chip in light: the same loss and gradients as in the plain loop, whose efficacies are dense."""
    network = compile_network(route(load_netlist(ROOT / "netlists" / "smallworld-100.yaml")))
    assert network.draws_spikes
    chip = TrainableChip(network, BpttRecipe(), torch.float64)
    channels = sum(lines.channels.stop - lines.channels.start for lines in network.inputs)
    rule, rng = Bptt(chip, BpttRecipe()), np.random.default_rng(8)
    x, y, found = chip.encode(rng.random((5, 4, channels))), torch.tensor([0, 1, 2, 3, 4]), []
    products = []
    monkeypatch.setattr(lit, "sparse_product", lambda *args: products.append(1) or sparse_product(*args))
    for kernels in (True, False):
        if not kernels:
            monkeypatch.setattr("soensim.training.trainable_network.supports", lambda *_, **__: False)
        loss = rule.loss(chip.training_chip(True, (0, 0, 0)), x, y, rng).total
        found.append([loss.detach(), *torch.autograd.grad(loss, list(chip.latent.values()))])
    assert products
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() <= 1e-10 * b.abs().max()
