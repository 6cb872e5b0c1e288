"""The kernel of temporal forward-forward against states of the time loop, their goodness and torch's loss."""

import numpy as np
import pytest
import torch
from kernel_problems import SOURCES, TOLERANCE, problem
from torch.nn.functional import softplus

from soensim.dynamics.time_loop import Term
from soensim.errors import SimulationError
from soensim.kernels import Inputs, SparsePattern, SparseWeights, temporal_forward_forward, unroll_fused

MARGIN, SHARPNESS = 0.02, 40.0


class Pairs:
    """Rows with a true and a wrong label, on populations that drive each other; the last one sees labels alone."""

    def __init__(self, names, sizes, *, rows=5, samples=4, channels=3, dtype=torch.float64, **options):
        rng = np.random.default_rng(3)
        sources = [SOURCES[name] for name in names]
        self.problem = problem(
            rng, sources, sizes, batch=2 * rows, samples=samples, channels=channels, dtype=dtype, **options
        )
        self.rows, self.sizes, self.dtype = rows, sizes, dtype
        self.signals = torch.tensor(rng.random((rows, samples, channels)), dtype=dtype)
        self.weights = torch.tensor(rng.random((len(sizes), samples)), dtype=dtype)
        self.held = [torch.tensor(rng.normal(0, 0.1, (2 * rows, n)), dtype=dtype).requires_grad_() for n in sizes]
        blind = (f"in{len(sizes) - 1}", "start", "x") if len(sizes) > 1 else ("start", "x")
        self.leaves = [*self.held, *(v for key, v in self.problem.values.items() if not key.startswith(blind))]

    def parts(self):
        values = self.problem.values
        seen = [values[f"in{p}"] for p in range(len(self.sizes))]
        if len(seen) > 1:
            seen[-1] = None
        inputs = [Inputs(self.signals, w, h) for w, h in zip(seen, self.held, strict=True)]
        return self.problem.cells(values, fused=True), inputs

    def ours(self):
        return temporal_forward_forward(
            *self.parts(), self.sizes, substeps=self.problem.substeps, weights=self.weights, margin=MARGIN,
            sharpness=SHARPNESS,
        )  # fmt: skip

    def plain(self):
        cells, inputs = self.parts()
        rest = [torch.zeros(2 * self.rows, n, dtype=self.dtype) for n in self.sizes]
        states = unroll_fused(cells, inputs, rest, substeps=self.problem.substeps)
        goodness = torch.stack([s.square().mean(-1) for s in states])
        positive, negative = goodness[:, : self.rows], goodness[:, self.rows :]
        substeps = softplus(SHARPNESS * (MARGIN - (positive - negative))) / SHARPNESS
        return (substeps * self.weights[:, None]).sum((0, 2)).mean(), positive.mean((1, 2)), negative.mean((1, 2))

    def results(self, found):
        loss, positive, negative = found
        gradients = torch.autograd.grad(2 * loss, self.leaves)
        return [loss.detach(), positive.detach(), negative.detach(), *gradients]


MIXED = {
    "rows": (["tanh", "squid-fit"], [24, 3], {"rows": 64, "samples": 9, "channels": 28}),
    "least": (["tanh", "squid"], [1, 1], {"rows": 1, "samples": 1}),
    "delays": (["squid", "relu"], [7, 2], {"rows": 45, "channels": 11, "lags": [(0, 1, 3)], "substeps": 3}),
    "two": (["relu", "squid-fit"], [5, 6], {"rows": 40, "lags": [(0,), (2,)], "ahead": True, "substeps": 2}),
    "three": (["steep-sigmoid", "tanh", "squid"], [3, 4, 2], {"lags": [(0,), (7, 9)], "ahead": True}),
}
ALONE = {f"{name} alone": (names[:1], sizes[:1], options) for name, (names, sizes, options) in MIXED.items()}
# The kernel is compiled for each kind of chip and dtype, about 10 s. What each source function does is tested at both
# dtypes elsewhere (test_kernels.py): here float64 is that of chips of all kinds, and float32, which trainings use,
# that of chips of one kind.
CHIPS = {
    **{name: (*chip, torch.float64) for name, chip in MIXED.items()},
    **{name: (*ALONE[name], torch.float32) for name in ("rows alone", "least alone", "delays alone")},
}


@pytest.mark.parametrize("chip", CHIPS)
def test_agrees_with_states_goodness_and_loss_apart(chip):
    names, sizes, options, dtype = CHIPS[chip]
    pairs = Pairs(names, sizes, dtype=dtype, **options)
    for ours, plain in zip(pairs.results(pairs.ours()), pairs.results(pairs.plain()), strict=True):
        assert ours.shape == plain.shape
        assert (ours - plain).abs().max() <= TOLERANCE[dtype] * plain.abs().max() + 1e-30


def test_flux_that_all_rows_share():
    """No label drives the populations: what is held is the offsets alone."""
    pairs = Pairs(["tanh", "squid-fit"], [4, 3], rows=35)
    pairs.held, pairs.leaves = [None, None], pairs.leaves[2:]
    for ours, plain in zip(pairs.results(pairs.ours()), pairs.results(pairs.plain()), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-14)


def test_the_number_of_threads_changes_no_bit():
    pairs = Pairs(["squid"], [13], rows=130, dtype=torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(pairs.results(pairs.ours()))
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


def test_what_is_not_finite_stays_so():
    pairs = Pairs(["relu"], [4], dtype=torch.float32)
    with torch.no_grad():
        pairs.problem.values["in0"][0, 1] = torch.nan
    loss, _, _, *gradients = pairs.results(pairs.ours())
    assert not torch.isfinite(loss)
    assert not all(torch.isfinite(g).all() for g in gradients)


def test_what_it_does_not_take_is_refused():
    pairs = Pairs(["tanh"], [4])
    (cell,), (inputs,) = pairs.parts()
    settings = {"substeps": 1, "weights": pairs.weights, "margin": 0.0, "sharpness": 1.0}
    sparse = SparseWeights(SparsePattern([0], [1], (4, 4)), torch.ones(1, dtype=torch.float64))
    cell.terms.append(Term(0, [0], sparse))
    with pytest.raises(SimulationError, match="kernel takes dense efficacies"):
        temporal_forward_forward([cell], [inputs], [4], **settings)
    del cell.terms[-1]
    with pytest.raises(SimulationError, match="held flux has the shape"):
        temporal_forward_forward([cell], [inputs._replace(held=inputs.held[:7])], [4], **settings)
    with pytest.raises(SimulationError, match=r"weights \(1, 3\) do not fit 1 populations and 4 frames"):
        temporal_forward_forward([cell], [inputs], [4], **{**settings, "weights": pairs.weights[:, :3]})
