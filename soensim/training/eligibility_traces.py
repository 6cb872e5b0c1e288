"""Eligibility traces: how each neuron's state depends on its own synapses, carried forward in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from soensim.dynamics import Cell, CellStep, InputSignal, LightDraws, TimeLoop
from soensim.fabrication import FabricatedChip, spiking_light
from soensim.training.trainable_network import TrainableChip


@dataclass(frozen=True)
class Traces:
    """What a forward pass leaves behind; memory does not grow with its length.

    Attributes
    ----------
    states
        Final or mean state per population, shape (batch, neurons).
    eligibility
        Derivative of that state of the target neuron by each value, by key: (batch, edges), or (batch, neurons) for
        trims.
    """

    states: list[Tensor]
    eligibility: dict[str, Tensor]


def run_with_traces(
    chip: TrainableChip, fabricated: FabricatedChip, inputs: Sequence[InputSignal], *, mean: bool
) -> Traces:
    """Run a chip forward with one trace per value.

    s_i <- r s_i + c g(phi_i, i_b - s_i) has the derivative J_i = r - c dg/di by its own state. With u_j the signal that
    arrives over a synapse (for a trim, 1), its trace is

        e_ij <- J_i e_ij + c (dg/dphi)_i u_j.

    That is ds_i/dW_ij as far as it goes through neuron i alone; what goes through other neurons is left out (Bellec et
    al. 2020, Nat. Commun. 11, 3625, eq. 13 to 15). Retention r and gain c are those of `soensim.dynamics.coefficients`,
    slopes those of the recipe. Over light u_j is what the sent spikes amount to; what a detector misses or counts in
    the dark is in the states alone. With ``mean`` the mean over samples is kept beside each trace, and returned.
    """
    with torch.no_grad():
        inputs = chip.converted(fabricated, inputs)
        batch = max(block.shape[1] for signal in inputs for block in signal.blocks)
        cells = chip.cells(fabricated)
        observer = _TraceObserver(chip, fabricated, cells, batch)
        loop = TimeLoop(
            cells,
            [InputSignal([block[0] for block in signal.blocks], signal.frame_of) for signal in inputs],
            substeps=chip.network.substeps,
            heun=chip.network.integrator == "heun",
            noise=chip.noise(fabricated, inputs),
            kick=chip.kick(fabricated, inputs),
            light=spiking_light(chip.network, fabricated, LightDraws(fabricated.light_seed, 0, batch)),
            observe=observer,
        )
        states = sums = [torch.zeros((batch, p.size), dtype=chip.dtype) for p in chip.network.populations]
        trace_sums = {key: torch.zeros_like(e) for key, e in observer.trace.items()} if mean else {}
        for now in loop.run(states):
            states = list(now)
            if mean:
                sums = [total + s for total, s in zip(sums, states, strict=True)]
                for key, e in observer.trace.items():
                    trace_sums[key] += e
        if not mean:
            return Traces(states, observer.trace)
        samples = len(inputs[0].frame_of)
        return Traces([s / samples for s in sums], {key: e / samples for key, e in trace_sums.items()})


class _TraceObserver:
    """Carries the traces of all synapses and trims through the time loop."""

    def __init__(self, chip: TrainableChip, fabricated: FabricatedChip, cells: Sequence[Cell], batch: int) -> None:
        network, delayed = chip.network, chip.delayed(fabricated)
        self._cells = cells
        # per population, the projections that drive it: one per term of its cell, in the same order
        self._driving = [
            [(key, delayed[key]) for key, s in network.synapses.items() if s.target == index and delayed[key].lags]
            for index in range(len(network.populations))
        ]
        self._trims = [p.trim_key for p in network.populations]
        shapes = {key: (batch, len(s)) for key, s in network.synapses.items()}
        shapes |= {p.trim_key: (batch, p.size) for p in network.populations if p.trim_levels is not None}
        self.trace = {key: torch.zeros(shape, dtype=chip.dtype) for key, shape in shapes.items()}

    def __call__(self, seen: CellStep) -> None:
        """Take one step of the traces of all that drives a population, in place."""
        grad_state, grad_flux = _slopes(self._cells[seen.population], seen.state, seen.flux.expand_as(seen.state))
        for (key, weights), signal in zip(self._driving[seen.population], seen.arrived, strict=True):
            arrived = grad_flux[:, weights.columns] * signal[:, weights.rows] * weights.part
            self.trace[key].mul_(grad_state[:, weights.targets]).index_add_(1, weights.edges, arrived)
        trim = self._trims[seen.population]
        if trim in self.trace:
            self.trace[trim].mul_(grad_state).add_(grad_flux)


def _slopes(cell: Cell, state: Tensor, flux: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of the next state by the state, r - c dg/di, and by the flux, c dg/dphi; (batch, neurons)."""
    with torch.enable_grad():
        phi = flux.detach().requires_grad_()
        current = (cell.bias_current - state).requires_grad_()
        g = cell.source(phi, None if cell.source.virtual else current)
        slopes = torch.autograd.grad(g.sum(), (phi, current), allow_unused=True)
    grad_flux, grad_current = (torch.zeros_like(state) if slope is None else slope for slope in slopes)
    return cell.retention - cell.gain * grad_current, cell.gain * grad_flux
