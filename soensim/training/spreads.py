"""Training on chips that differ: spreads of fabrication, read noise, slow links, dead synapses.

What the chip of a batch has beside its synapses stands among its values under names of its own: a rule hands the
values on to `TrainableChip.unroll` and need not know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from soensim.errors import RecipeError
from soensim.fabrication import deviations, stream
from soensim.network import Network
from soensim.training.recipes import Recipe

READ_SEED = "read_seed"
"""Seed of the read noise, a whole number of no dimension; absent: no noise."""
DELAY_FACTOR = "delay_factor"
"""Factor on every delay of the chip, of no dimension; absent: 1."""

FABRICATION = ("efficacy_spread", "gamma_minus_spread", "bias_current_spread", "flux_offset_spread")


@dataclass(frozen=True)
class Spreads:
    """How much the chips of a training differ.

    Attributes
    ----------
    fabrication
        One-sigma spreads by the netlist's names: relative, and of flux_offset absolute (Phi_0).
    read_noise_flux
        Flux noise (Phi_0), one sigma, fresh for every neuron and sample.
    delay_spread
        One sigma of the factor that all delays of a chip have in common. A delay is length times slowness; lengths are
        drawn by lithography, while slowness (film thickness, refractive index) belongs to the wafer.
    drop_synapses
        Probability that a synapse is dead: its efficacy is zero. Nothing makes up for it, on the chip or here.
    """

    fabrication: Mapping[str, float]
    read_noise_flux: float
    delay_spread: float
    drop_synapses: float

    @property
    def any(self) -> bool:
        """Whether chips differ at all."""
        return any((*self.fabrication.values(), self.read_noise_flux, self.delay_spread, self.drop_synapses))


def spreads_of(network: Network, recipe: Recipe) -> Spreads:
    """Take the spreads from the recipe; with `robust`, those that it leaves at 0 from the netlist.

    Raises
    ------
    RecipeError
        A spread is asked for that the chip cannot show, or validation on chips that do not differ.
    """
    stated = {**network.spreads, "read_noise_flux": network.read_noise_flux} if recipe.robust else {}
    taken = {name: getattr(recipe, name) or stated.get(name, 0.0) for name in (*FABRICATION, "read_noise_flux")}
    noise = taken.pop("read_noise_flux")
    if recipe.bias_current_spread and network.virtual:
        raise RecipeError(
            f"bias_current_spread: the source functions of chip {network.name!r} are virtual, without bias"
        )
    if recipe.delay_spread and not any(s.delay_tau.any() for s in network.synapses.values()):
        raise RecipeError(f"delay_spread: chip {network.name!r} has no delays")
    spreads = Spreads(taken, noise, recipe.delay_spread, recipe.drop_synapses)
    if recipe.robust and not spreads.any:
        raise RecipeError(f"robust: chip {network.name!r} states no spread and no read noise; set some in the recipe")
    if recipe.validation_chips and not spreads.any:
        raise RecipeError("validation_chips would all be the nominal chip; set robust, or a spread")
    return spreads


def as_fabricated(
    network: Network, values: Mapping[str, Tensor], spreads: Spreads, chip_seed: int
) -> dict[str, Tensor]:
    """Make the values that one virtual chip has; differentiable in those that were programmed.

    Deviations are those of `soensim.simulate.deviations`, so a chip seed means the same chip in both rooms. Entries
    beside the values: `population.gamma_minus` (1/tau), `population.bias_current` (I_c), `population.flux_offset`
    (Phi_0), each (neurons,), where they are spread; `READ_SEED`; `DELAY_FACTOR`.
    """
    drawn = deviations(network, spreads.fabrication, chip_seed)
    found = dict(values)
    for key, factor in drawn.efficacy.items():
        alive = stream(chip_seed, f"{key}.dead").random(factor.shape) >= spreads.drop_synapses
        if spreads.fabrication["efficacy_spread"] or spreads.drop_synapses:
            found[key] = values[key] * torch.as_tensor(factor * alive, dtype=values[key].dtype)
    for index, population in enumerate(network.populations):
        devices = {
            "gamma_minus": population.gamma_minus * drawn.gamma_minus[index],
            "bias_current": population.bias_current * drawn.bias_current[index],
            "flux_offset": population.flux_offset + drawn.flux_offset[index],
        }
        for name, device in devices.items():
            if spreads.fabrication[f"{name}_spread"]:
                found[f"{population.name}.{name}"] = torch.as_tensor(device)
    if spreads.read_noise_flux:
        found[READ_SEED] = torch.tensor(int(stream(chip_seed, READ_SEED).integers(2**62)))
    if spreads.delay_spread:
        slowness = 1 + spreads.delay_spread * stream(chip_seed, DELAY_FACTOR).standard_normal()
        found[DELAY_FACTOR] = torch.tensor(max(slowness, 0.0), dtype=torch.float64)
    return found


def read_noise(seed: Tensor, sigma: float, shape: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    """Draw flux noise (Phi_0), shape (samples, batch, neurons)."""
    generator = torch.Generator().manual_seed(int(seed))
    return sigma * torch.randn(shape, generator=generator, dtype=dtype, device="cpu").to(seed.device)
