"""The chip as an `nn.Module`: values on its data lines in, states of its neurons out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from soensim.data.encoding import check_unit_range, checked_labels
from soensim.errors import DataError, ProgramError, RecipeError
from soensim.fabrication import FabricatedChip
from soensim.network import InputLines, LinearOutput, Network, at_training_step
from soensim.program import Program
from soensim.training import make_recipe
from soensim.training.device import new_tensors_on
from soensim.training.trainable_network import TrainableChip


class Chip(nn.Module):
    """A chip of rate neurons as a layer: what `soensim.train` differentiates, for a loss and a readout of your own.

    Its parameters are the values that can be programmed: one per existing edge, readout weight and flux trim, so that
    no training can use an edge that was not fabricated. In the forward pass they are the nearest levels of the chip,
    backwards the identity (straight-through). Gradients go to the parameters and to the input. SQUIDs have the smooth
    form of their source function that training has; scores differ from those of `soensim.evaluate` by some 1e-4.

    In training mode (``chip.train()``) each call draws a virtual chip where ``robust`` or ``spread`` asks for one; in
    evaluation mode (``chip.eval()``) the chip is as drawn. Light that is drawn as spikes is drawn anew in every call in
    training mode, and is the same in every call in evaluation mode.

    Parameters
    ----------
    network
        The chip, as `compile_network` makes it.
    program
        Values to start from, at its integration step; None: drawn as by `soensim.train`.
    quantise
        Whether the forward pass sees levels; otherwise it sees the parameters as they are.
    robust
        Virtual chips have the spreads that the netlist states.
    spread
        Further or other spreads of virtual chips, such as ``efficacy=0.1,flux_offset=0.01`` (as `train --spread`).
    seed
        Draws the initial values, the virtual chips and the light.
    dtype
        Precision, `torch.float32` or `torch.float64`.

    Attributes
    ----------
    network
        The chip at the integration step that is used.
    quantise
        As above; may be set between calls (smooth first, levels later, as the recipes do).
    calls
        Buffer: number of calls in training mode so far, which the draws depend on.

    Raises
    ------
    RecipeError
        The chip has spiking neurons, or cannot show a spread.
    ProgramError
        The program was made for another chip.

    Examples
    --------
    >>> chip = soensim.torch.Chip(network)                       # doctest: +SKIP
    >>> model = nn.Sequential(Encoder(), nn.Sigmoid(), chip)     # doctest: +SKIP
    >>> chip.to_program().save("mine.safetensors")               # doctest: +SKIP
    """

    calls: Tensor

    def __init__(
        self,
        network: Network,
        program: Program | None = None,
        *,
        quantise: bool = True,
        robust: bool = False,
        spread: str = "",
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if network.spiking is not None:
            raise RecipeError(
                f"chip {network.name!r} has spiking neurons, which soensim.torch does not run; train it by "
                "`soensim train --rule spiking-rate`"
            )
        if dtype not in (torch.float32, torch.float64):
            raise RecipeError(f"dtype is {dtype}; legal: torch.float32, torch.float64")
        if program is not None:
            program.check_chip(network)
        self.network = at_training_step(network, {} if program is None else program.header)
        self.quantise = quantise
        self._recipe = make_recipe("bptt", {"train_seed": seed, "robust": robust, "spread": spread})
        self._trainable = TrainableChip(self.network, self._recipe, dtype)
        if program is not None:
            self._take(program)
        for key, latent in self._trainable.latent.items():
            self.register_parameter(_name(key), nn.Parameter(latent.detach()))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self._bind()

    def forward(self, x: Tensor, labels: Tensor | None = None, *, chip_seed: int | None = None) -> list[Tensor]:
        """Run samples from rest.

        Parameters
        ----------
        x
            Values on the data lines in [0, 1] of their drive range, (batch, frames, data channels).
        labels
            Classes to hold on the label lines, (batch,); required exactly if the chip has such lines.
        chip_seed
            Run the virtual chip of this seed, with the spreads of ``robust`` and ``spread``, in either mode.

        Returns
        -------
        list
            States of each population (I_c), (batch, samples, neurons): a frame is held for as many samples as the
            netlist says.

        Raises
        ------
        DataError
            A value is outside [0, 1], or a shape or a label does not fit the chip.
        RecipeError
            A chip is to be drawn, and no spread was asked for.
        """
        return self._states(self._fabricated(chip_seed), x, labels)

    def scores(self, x: Tensor, *, chip_seed: int | None = None) -> Tensor:
        """Scores of the chip's own linear readout, (batch, classes); as `forward`.

        Raises
        ------
        RecipeError
            The chip has another readout, or none.
        """
        if not isinstance(self.network.output, LinearOutput):
            raise RecipeError(f"chip {self.network.name!r} has no linear readout; take the states of its neurons")
        fabricated = self._fabricated(chip_seed)
        return self._trainable.linear_scores(fabricated, self._states(fabricated, x, None))

    def to_program(self) -> Program:
        """Make the program that sets the chip to these parameters: the nearest codes, or the values if not quantised.

        Raises
        ------
        ProgramError
            A parameter is not finite.
        """
        values = self._trainable.arrays()
        header = {"netlist": self.network.name, "substeps": self.network.substeps}
        if self.quantise:
            made = Program.quantised(self.network, values, scales=self._trainable.scales)
        else:
            made = Program.ideal(self.network, values)
        return made.with_header(header)

    def load_program(self, program: Program) -> Self:
        """Take the values of a program.

        Raises
        ------
        ProgramError
            It was made for another chip, or at another integration step.
        """
        program.check_chip(self.network)
        substeps = at_training_step(self.network, program.header).substeps
        if substeps != self.network.substeps:
            raise ProgramError(
                f"the program was trained with {substeps} substeps per sample, and this module runs "
                f"{self.network.substeps}; make a new one: Chip(network, program)"
            )
        self._take(program)
        return self

    @torch.no_grad()
    def clamp_(self) -> Self:
        """Pull the parameters into the range that the chip can hold; call it after each step of the optimiser."""
        self._trainable.clamp()
        return self

    @torch.no_grad()
    def fit_scales_(self) -> Self:
        """Set every full scale that can be programmed to the one that brings the levels nearest to the parameters."""
        self._trainable.set_scales(self._trainable.latent)
        return self

    def extra_repr(self) -> str:
        """Say what the chip has, in the representation of the module."""
        network = self.network
        return f"{network.name!r}, channels={network.channels}, neurons={network.neurons}, edges={network.edges}"

    def get_extra_state(self) -> dict[str, Any]:
        """Full scales of the level tables, which belong to the state."""
        return {"scales": dict(self._trainable.scales), "netlist_hash": self.network.netlist_hash}

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` gave.

        Raises
        ------
        ProgramError
            It belongs to another chip.
        """
        if state["netlist_hash"] != self.network.netlist_hash:
            raise ProgramError(
                f"the state is that of a chip with the netlist {state['netlist_hash'][:8]}; this is "
                f"{self.network.name!r}, {self.network.netlist_hash[:8]}"
            )
        self._trainable.fix_scales(state["scales"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device or precision: the tables follow the parameters."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        first = next(self.parameters())
        scales = self._trainable.scales
        with new_tensors_on(first.device):
            self._trainable = TrainableChip(self.network, self._recipe, first.dtype)
            self._trainable.fix_scales(scales)
        self._bind()
        return self

    def _bind(self) -> None:
        """Let the trainable chip compute with the module's parameters."""
        own = dict(self.named_parameters())
        self._trainable.latent = {key: own[_name(key)] for key in self._trainable.latent}

    @torch.no_grad()
    def _take(self, program: Program) -> None:
        full = {key: slot.levels[-1] for key, slot in self._trainable.slots.items()}
        self._trainable.fix_scales({key: float(program.levels[key][-1] / full[key]) for key in self._trainable.scales})
        for key, latent in self._trainable.latent.items():
            latent.copy_(torch.tensor(program.values[key]))

    def _fabricated(self, chip_seed: int | None) -> FabricatedChip:
        trainable = self._trainable
        if chip_seed is not None and not any(trainable.spreads.values()):
            raise RecipeError("chip_seed draws a virtual chip, and no spread was asked for; set robust or spread")
        if chip_seed is not None or not self.training:
            return trainable.fabricated(trainable.values(self.quantise), chip_seed)
        self.calls += 1
        return trainable.training_chip(self.quantise, (0, int(self.calls)))

    def _states(self, fabricated: FabricatedChip, x: Tensor, labels: Tensor | None) -> list[Tensor]:
        data = self._driven(x)
        with new_tensors_on(data.device):
            signals = self._trainable.signals(data, self._hypotheses(labels, len(x)))
            return [states[0] for states in self._trainable.unroll(fabricated, signals)]

    def _hypotheses(self, labels: Tensor | None, batch: int) -> Tensor | None:
        """Labels as one hypothesis per sample, (1, batch)."""
        if labels is None or not self.network.labels:
            return labels
        given = torch.as_tensor(checked_labels(labels.cpu().numpy(), self.network.labels))
        if len(given) != batch:
            raise DataError(f"{len(given)} labels for {batch} samples; give one each")
        return given[None]

    def _driven(self, x: Tensor) -> Tensor:
        """Drive of the data lines, with the shape of ``x``."""
        line = self.network.lines("data")
        channels = 0 if line is None else line.channels.stop - line.channels.start
        if x.ndim != 3 or x.shape[-1] != channels:
            raise DataError(
                f"x has the shape {tuple(x.shape)}; chip {self.network.name!r} takes (batch, frames, {channels})"
            )
        check_unit_range(x.detach().cpu().numpy(), "the values of x")
        x = x.to(self._trainable.dtype)
        return x if line is None else _drive(x, line)


def _drive(x: Tensor, line: InputLines) -> Tensor:
    """As `soensim.network.encode_data`, with a gradient."""
    return x * (line.drive_high - line.drive_low) + line.drive_low


def _name(key: str) -> str:
    """Name of a parameter: the program's key, without the dots that torch keeps for submodules."""
    return key.replace(".", ":")
