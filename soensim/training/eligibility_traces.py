"""Eligibility traces: how each neuron's state depends on its own synapses, carried forward in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from soensim.dynamics import Cell, InputSignal, step
from soensim.training.delayed_weights import LineTensors
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
    chip: TrainableChip, values: Mapping[str, Tensor], inputs: Sequence[InputSignal], *, mean: bool
) -> Traces:
    """Run a chip forward with one trace per value.

    s_i <- r s_i + c g(phi_i, i_b - s_i) has the derivative J_i = r - c dg/di by its own state. With u_j the signal that
    arrives over a synapse (for a trim, 1), its trace is

        e_ij <- J_i e_ij + c (dg/dphi)_i u_j.

    That is ds_i/dW_ij as far as it goes through neuron i alone; what goes through other neurons is left out (Bellec et
    al. 2020, Nat. Commun. 11, 3625, eq. 13 to 15). Retention r and gain c are those of `soensim.dynamics.coefficients`,
    slopes those of the recipe. With ``mean`` the mean over samples is kept beside each trace, and returned.
    """
    with torch.no_grad():
        return _run(chip, values, inputs, mean)


def _run(chip: TrainableChip, values: Mapping[str, Tensor], inputs: Sequence[InputSignal], mean: bool) -> Traces:
    network, cells, lines = chip.network, chip.cells(values), chip.lines(values)
    noise = chip.noise(values, inputs)
    batch = max(block.shape[1] for signal in inputs for block in signal.blocks)
    states = [torch.zeros((batch, p.size), dtype=chip.dtype) for p in network.populations]
    depth = 1 + max(
        (lag for key, s in network.synapses.items() if s.source is not None for lag in lines[key].lags), default=0
    )
    past: deque[list[Tensor]] = deque([states] * max(depth, 1), maxlen=max(depth, 1))
    shapes = {key: (batch, len(s)) for key, s in network.synapses.items()}
    shapes |= {p.trim_key: (batch, p.size) for p in network.populations if p.trim_levels is not None}
    trace = {key: torch.zeros(shape, dtype=chip.dtype) for key, shape in shapes.items()}
    sums, trace_sums = [torch.zeros_like(s) for s in states], {k: torch.zeros_like(e) for k, e in trace.items()}
    samples = len(inputs[0].frame_of)
    for at in range(samples * network.substeps):
        sample = at // network.substeps
        new: list[Tensor] = []
        for index, cell in enumerate(cells):
            flux = cell.flux_offset.expand(batch, -1)
            if noise is not None:
                flux = flux + noise(sample, index)
            arriving = {}
            for key, synapses in network.synapses.items():
                if synapses.target != index or not lines[key].lags:
                    continue
                line = lines[key]
                if synapses.source is None:
                    frames = [_held(inputs[synapses.port], (at - lag) // network.substeps, batch) for lag in line.lags]
                else:
                    frames = [new[synapses.source] if lag < 0 else past[-1 - lag][synapses.source] for lag in line.lags]
                signal = torch.cat(frames, 1)
                flux = flux + signal @ line.matrix(values[key])
                arriving[key] = signal, line
            own, by_flux = _slopes(cell, states[index], flux)
            for key, (signal, line) in arriving.items():
                _advance(trace[key], own, by_flux, signal, line)
            trim = network.populations[index].trim_key
            if trim in trace:
                trace[trim].mul_(own).add_(by_flux)
            new.append(
                step(
                    states[index],
                    flux,
                    retention=cell.retention,
                    gain=cell.gain,
                    bias_current=cell.bias_current,
                    source=cell.source,
                )
            )
        states = new
        past.append(states)
        if (at + 1) % network.substeps == 0:
            for total, s in zip(sums, states, strict=True):
                total += s
            for key, e in trace.items():
                trace_sums[key] += e
    if not mean:
        return Traces(states, trace)
    return Traces([s / samples for s in sums], {key: e / samples for key, e in trace_sums.items()})


def _slopes(cell: Cell, state: Tensor, flux: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of the next state by the state, r - c dg/di, and by the flux, c dg/dphi; (batch, neurons)."""
    with torch.enable_grad():
        phi = flux.detach().requires_grad_()
        current = (cell.bias_current - state).requires_grad_()
        g = cell.source(phi, None if cell.source.virtual else current)
        found = torch.autograd.grad(g.sum(), (phi, current), allow_unused=True)
    by_flux, by_current = (torch.zeros_like(state) if slope is None else slope for slope in found)
    return cell.retention - cell.gain * by_current, cell.gain * by_flux


def _advance(trace: Tensor, own: Tensor, by_flux: Tensor, signal: Tensor, line: LineTensors) -> None:
    """Take one step of the traces of a projection, in place."""
    arrived = by_flux[:, line.columns] * signal[:, line.rows] * line.part
    trace.mul_(own[:, line.targets]).index_add_(1, line.edges, arrived)


def _held(signal: InputSignal, sample: int, batch: int) -> Tensor:
    """Signal of a sample, (batch, channels); dark before the first."""
    if sample < 0:
        return torch.zeros_like(signal.blocks[0][0, :, 0]).expand(batch, -1)
    frame = signal.frame_of[sample]
    for block in signal.blocks:
        if frame < block.shape[2]:
            found: Tensor = block[0, :, frame].expand(batch, -1)
            return found
        frame -= block.shape[2]
    raise IndexError(f"frame {frame} beyond the last")
