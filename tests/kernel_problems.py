"""Networks with random efficacies for the kernels: the same populations fused, and in the plain loop."""

import dataclasses

import numpy as np
import torch

from soensim.circuit import Device, source_table
from soensim.dynamics import SOURCE_FUNCTIONS, Cell, Term, training_source, unroll
from soensim.dynamics.squid import squid_source
from soensim.kernels import (
    Inputs,
    SparsePattern,
    SparseWeights,
    by_channel,
    project,
    supports,
    unroll_fused,
)
from soensim.technology import load_technology

DEVICE = Device.from_technology(load_technology("nist-2023"))
TABLE = source_table(DEVICE)
UNEQUAL = source_table(dataclasses.replace(DEVICE, beta_1=1.2, beta_2=1.9))
SOURCES = {
    **{name: SOURCE_FUNCTIONS[name] for name in ("tanh", "relu", "steep-sigmoid")},
    "squid-fit": training_source(SOURCE_FUNCTIONS["squid-fit"], 0.05),
    "squid": training_source(squid_source(TABLE), 0.05),
    "squid, sharp": training_source(squid_source(TABLE), 0.0),
    "squid, unequal arms": training_source(squid_source(UNEQUAL), 0.05),
}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@dataclasses.dataclass
class Problem:
    """Populations with random efficacies; ``values`` are all tensors that gradients are taken for."""

    sources: list
    values: dict
    terms: list  # (source, target, lags, key, edges or None)
    substeps: int
    gain: float = 0.15
    inputs: bool = False
    """Whether `unroll_fused` multiplies the inputs."""

    def cells(self, values, fused):
        cells = []
        for p, source in enumerate(self.sources):
            offset = values[f"offset{p}"]
            terms = [
                Term(source_of, lags, _weights(values[key], edges, fused))
                for source_of, target, lags, key, edges in self.terms
                if target == p
            ]
            ones = torch.ones_like(offset.detach())
            cells.append(Cell(0.9 * ones, self.gain * ones, 1.9 * ones, source, offset, terms))
        return cells

    def fused(self, values):
        cells = self.cells(values, fused=True)
        assert supports(cells)
        signals = by_channel(values["x"].detach())
        drives = [
            Inputs(signals, values[f"in{p}"]) if self.inputs else project(values["x"], values[f"in{p}"])
            for p in range(len(cells))
        ]
        return unroll_fused(cells, drives, self.initial(values), substeps=self.substeps)

    def plain(self, values):
        cells = self.cells(values, fused=False)
        cells = [
            dataclasses.replace(c, terms=[Term(None, [0], values[f"in{p}"]), *c.terms]) for p, c in enumerate(cells)
        ]
        record = unroll(cells, values["x"], self.initial(values), substeps=self.substeps)[1:]
        return [torch.stack(states, 1) for states in zip(*record, strict=True)]

    def initial(self, values):
        return [values[f"start{p}"] for p in range(len(self.sources))]


def _weights(values, edges, fused):
    if edges is None:
        return values
    sparse = SparseWeights(edges, values)
    return sparse if fused else sparse.dense()


def problem(
    rng, sources, sizes, *, batch=3, samples=4, channels=2, lags=((0,),), substeps=1, density=None, ahead=False,
    dtype=torch.float64,
):  # fmt: skip
    """Every population drives every one, with lags[k % len(lags)] for the k-th pair; ahead: what is fed forward too."""
    values = {"x": rng.uniform(0, 0.3, (batch, samples, channels))}
    terms = []
    for p, size in enumerate(sizes):
        values[f"in{p}"] = rng.normal(size=(channels, size)) * 0.3
        values[f"offset{p}"] = rng.uniform(0.15, 0.3, size)
        values[f"start{p}"] = rng.uniform(0, 0.3, (batch, size))
        for q, other in enumerate(sizes):
            own = list(lags[(p * len(sizes) + q) % len(lags)])
            if ahead and q < p:
                own = [lag - 1 for lag in own]
            shape = (len(own) * other, size)
            key, edges = f"w{q}{p}", None
            values[key] = rng.normal(size=shape) * 0.3 / np.sqrt(max(other, 1))
            if density is not None:
                rows, columns = np.nonzero(rng.random(shape) < density)
                edges = SparsePattern(rows, columns, shape, len(own))
                values[key] = values[key][rows, columns]
            terms.append((q, p, own, key, edges))
    tensors = {key: torch.tensor(v, dtype=dtype, requires_grad=True) for key, v in values.items()}
    return Problem(list(sources), tensors, terms, substeps)
