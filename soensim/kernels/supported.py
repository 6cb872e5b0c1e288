"""What the kernels support: sets of cells, and shapes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from soensim.dynamics.time_loop import Cell
from soensim.errors import SimulationError
from soensim.kernels.packed_network import Inputs
from soensim.kernels.sparse import SparseWeights


def supports(cells: Sequence[Cell], *, heun: bool = False) -> bool:
    """Say whether `unroll_fused` can run these cells; else `soensim.dynamics.time_loop` has to.

    Not supported: Heun's step; normalised states; a source function without a fused form (a table with noise, or one
    that is trained on without its smooth form); a SQUID biased outside its fitted currents; gradients of retention,
    gain or bias_current; numbers other than float32 and float64; tensors that are not in main memory; efficacies that
    are scipy arrays.
    """
    if heun:
        return False
    tensors = [t.weights.values if isinstance(t.weights, SparseWeights) else t.weights for c in cells for t in c.terms]
    if not all(isinstance(t, Tensor) and t.device.type == "cpu" for t in tensors):
        return False
    kinds = {t.dtype for t in tensors}
    return len(kinds) == 1 and kinds <= {torch.float32, torch.float64} and all(_cell_supported(c) for c in cells)


def _cell_supported(cell: Cell) -> bool:
    source = cell.source
    fixed = (cell.retention, cell.gain, cell.bias_current)
    if (
        cell.normalisation is not None
        or source.fused is None
        or any(isinstance(v, Tensor) and v.requires_grad for v in fixed)
    ):
        return False
    if source.virtual:
        return True
    bias = torch.as_tensor(cell.bias_current)
    return bool((bias >= 0).all() and (bias <= source.max_current).all())


def check_shapes(
    cells: Sequence[Cell],
    input_flux: Sequence[Tensor | Inputs],
    initial: Sequence[Tensor],
    sizes: tuple[int, ...],
    substeps: int,
    steps_per_entry: int,
) -> int:
    """Refuse input flux and initial states that do not fit the cells, or each other; return the entries of the flux."""
    if not len(cells) == len(input_flux) == len(initial):
        raise SimulationError(
            f"{len(cells)} cells, {len(input_flux)} input fluxes, {len(initial)} initial states: give one each"
        )
    inputs = [flux for flux in input_flux if isinstance(flux, Inputs)]
    if inputs and (len(inputs) < len(input_flux) or any(d.signals is not inputs[0].signals for d in inputs)):
        raise SimulationError("Inputs of one population need Inputs of all of them, on the same signals")
    batch = input_flux[0].shape[1] if isinstance(input_flux[0], Tensor) else int(initial[0].shape[0])
    shapes = [_shape(flux, batch, size) for flux, size in zip(input_flux, sizes, strict=True)]
    entries = shapes[0][0]
    if entries * steps_per_entry % substeps:
        raise SimulationError(
            f"input flux of {entries} entries of {steps_per_entry} steps is no whole number of frames of "
            f"{substeps} steps"
        )
    for p, (cell, shape, start, size) in enumerate(zip(cells, shapes, initial, sizes, strict=True)):
        if shape != (entries, batch, size) or start.shape != (batch, size):
            raise SimulationError(
                f"population {p}: input flux {shape} and initial state {tuple(start.shape)} do not fit; "
                f"expected {(entries, batch, size)} and {(batch, size)}"
            )
        if not cell.source.virtual:
            at, highest = start.detach().numpy(), torch.as_tensor(cell.bias_current).numpy()  # torch takes 50 us for it
            if ((at < 0) | (at > highest)).any():
                raise SimulationError(f"population {p}: a SQUID must start at 0 <= s <= bias_current")
    return entries


def _shape(flux: Tensor | Inputs, batch: int, size: int) -> tuple[int, ...]:
    if isinstance(flux, Tensor):
        return tuple(flux.shape)
    rows, frames, channels = flux.signals.shape
    if flux.signals.requires_grad:
        raise SimulationError("signals of Inputs need a gradient; multiply them with `project` instead")
    if flux.weights is not None and flux.weights.shape != (channels, size):
        raise SimulationError(
            f"inputs have {channels} channels for {size} neurons, their efficacies are {tuple(flux.weights.shape)}"
        )
    if batch % rows:
        raise SimulationError(f"a batch of {batch} is no repetition of {rows} rows of inputs")
    if flux.held is not None and flux.held.shape != (batch, size):
        raise SimulationError(f"held flux has the shape {tuple(flux.held.shape)}; expected {(batch, size)}")
    return frames, batch, size
