"""The trainable chip of spiking neurons: rates that a flux and its spread give, population after population.

What is known of a flux is its mean and its variance over time (moment closure):

1. A synapse that counts every spike of a regular train of period P with the probability p holds
   phi_peak exp(-a / tau_fall), a the time since its last count. Its moments follow from the distribution of a
   (`response_moments`).
2. The flux of a neuron has the mean offset + trim + sum_k w_k <phi_k>, and the variance sum_k w_k^2 var(phi_k): trains
   have random phases.
3. A neuron fires at the rate nu(phi) of a constant flux (`soensim.simulation.spiking.rate`), averaged over a Gaussian
   of this mean and of the part of the variance that the soma sees while it climbs (`averaged_part`, `RateTable`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.dynamics.spiking import SpikingArrays
from soensim.errors import RecipeError
from soensim.fabrication import FabricatedChip, MeasuredChip
from soensim.netlist import RateCode
from soensim.network import GoodnessOutput, Network, Population, Synapses
from soensim.simulation.spiking.encode import duration_ns, spiking_of
from soensim.simulation.spiking.rate import soma_rates
from soensim.simulation.spiking.readout import reads_flux
from soensim.simulation.spiking.realise import dendrites_of
from soensim.training.rate_table import RateTable
from soensim.training.recipes.spiking_rate import SpikingRateRecipe
from soensim.training.source_correction import corrected_rates
from soensim.training.trainable_values import TrainableValues

_LEAST_RATE = 1e-9  # spikes per ns: a silent source, whose moments are then zero


class Expected(NamedTuple):
    """What is to be expected of the somas, by population, (batch, frames, neurons) each."""

    rates: list[Tensor]
    """Spikes per ns."""
    flux: list[Tensor]
    """Mean flux (Phi_0)."""
    spread: list[Tensor]
    """Standard deviation (Phi_0) of what a soma sees of its flux."""


class TrainableSpikingChip(TrainableValues):
    """A chip of spiking neurons: its latent values, and what is to be expected of its neurons.

    Parameters
    ----------
    network, recipe, dtype, measured
        As `TrainableValues`.

    Raises
    ------
    RecipeError
        The chip has no readout, its input has another code than a rate, its populations drive each other in
        a circle, its neurons have an arbor or a refractory dendrite, or a soma never fires.
    """

    def __init__(
        self,
        network: Network,
        recipe: SpikingRateRecipe,
        dtype: torch.dtype = torch.float32,
        *,
        measured: MeasuredChip | None = None,
    ) -> None:
        _check(network)
        super().__init__(network, recipe, dtype, measured=measured)
        self.floor = recipe.flux_spread_floor
        self.order = _order(network)
        spiking = spiking_of(network)
        self._dendrites = [dendrites_of(spiking, population) for population in network.populations]
        self._drawn = {k: self._table(network.populations[k], k) for k in self.order if self._must_fire(k)}
        self.corrections: dict[int, Tensor] = {}
        """By population: what measurements made of the rates of its neurons (`soensim.training.source_correction`)."""
        self._synapses = {key: synapses for key, synapses in network.synapses.items() if len(synapses)}
        self._responses = {key: _response(spiking.arrays, spiking.groups[key].synapses.start) for key in self._synapses}
        self._climb_ns = {k: 1 / table.highest - self._held_ns(k) for k, table in self._drawn.items()}
        self._places = {
            key: (torch.tensor(synapses.targets), torch.tensor(synapses.sources))
            for key, synapses in self._synapses.items()
        }
        self._lines = [(line, line.channels.stop - line.channels.start) for line in network.inputs]
        self._photons = {} if network.light is None else network.light.photons

    @property
    def firing(self) -> list[int]:
        """Populations whose spikes are of use, each after those that drive it."""
        return list(self._drawn)

    def readings(self, fabricated: FabricatedChip, x: Tensor) -> Tensor:
        """What is to be read of each neuron that is read: spikes in a sample, or mean flux (Phi_0), (batch, neurons).

        Parameters
        ----------
        fabricated
            The chip to run: nominal or fabricated.
        x
            Rates on the data lines (MHz), (batch, frames, channels), as `encode` makes them.
        """
        output = self.network.output
        read = output.populations if output is not None else ()
        expected = self.expected(fabricated, x)
        if reads_flux(self.network):
            return torch.cat([expected.flux[k] for k in read], -1).mean(1)
        return (torch.cat([expected.rates[k] for k in read], -1) * duration_ns(self.network, 1)).sum(1)

    def expected(self, fabricated: FabricatedChip, x: Tensor) -> Expected:
        """Rates of all somas and the moments of their fluxes; the arguments are those of `readings`."""
        inputs = [
            x * 1e-3 if line.code is not None else x.new_zeros((*x.shape[:2], size)) for line, size in self._lines
        ]
        rates, means, spreads = ([x] * len(self.network.populations) for _ in range(3))
        for k in self.order:
            population = self.network.populations[k]
            mean = torch.tensor(fabricated.flux_offset[k], dtype=self.dtype)
            if population.trim_key in fabricated.values:
                mean = mean + torch.as_tensor(fabricated.values[population.trim_key])
            variance = torch.as_tensor(self.floor**2, dtype=self.dtype)
            for key, synapses in self._synapses.items():
                if synapses.target == k:
                    source = inputs[synapses.port] if synapses.source is None else rates[synapses.source]
                    own_mean, own_variance = self._flux(fabricated, key, synapses, source)
                    _, tau_ns, _ = self._responses[key]
                    part = averaged_part(self._climb_ns.get(k, 0.0), tau_ns)
                    mean, variance = mean + own_mean, variance + own_variance * part
            means[k], spreads[k] = mean.expand(*x.shape[:2], -1), variance.sqrt()
            rates[k] = self._rates(fabricated, k, mean, spreads[k])
        return Expected(rates, means, spreads)

    def _rates(self, fabricated: FabricatedChip, k: int, mean: Tensor, spread: Tensor) -> Tensor:
        if k not in self._drawn:
            return torch.zeros_like(mean)
        table = self.rate_table(fabricated, k)
        if k in self.corrections:
            return corrected_rates(table, self.corrections[k], mean, spread)
        return table(mean, spread)

    def _flux(self, fabricated: FabricatedChip, key: str, synapses: Synapses, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the flux that the synapses of a projection give, (batch, frames, targets)."""
        peak, tau_ns, dead_ns = self._responses[key]
        drawn = self._photons.get(key)
        seen = 1.0 if drawn is None else float(-np.expm1(-drawn).mean())
        window_ns = duration_ns(self.network, rates.shape[1])
        mean, variance = response_moments(rates, tau_ns, dead_ns, seen, window_ns)
        values = torch.as_tensor(fabricated.values[key])
        if drawn is not None and key in fabricated.photons:  # chips whose detectors count other photons
            middle = torch.tensor([0.5 * self._highest(synapses)], dtype=self.dtype)
            counted = torch.tensor(-np.expm1(-drawn * fabricated.photons[key]), dtype=self.dtype)
            usual = response_moments(middle, tau_ns, dead_ns, seen, window_ns)[0]
            values = values * (response_moments(middle, tau_ns, dead_ns, counted, window_ns)[0] / usual)
        efficacies = values.new_zeros(synapses.shape).index_put(self._places[key], values) * peak
        return mean @ efficacies.T, variance @ (efficacies**2).T

    def _highest(self, synapses: Synapses) -> float:
        """Rate that the sources of a projection may reach (spikes per ns)."""
        if synapses.source is None:
            return self.network.inputs[synapses.port].drive_high * 1e-3
        return self._drawn[synapses.source].highest

    def rate_table(self, fabricated: FabricatedChip, k: int) -> RateTable:
        """Table of a population on a chip: the drawing's, unless its devices differ."""
        population = self.network.populations[k]
        chip = fabricated.gamma_plus[k], fabricated.gamma_minus[k], fabricated.bias_current[k]
        drawn = population.gamma_plus, population.gamma_minus, population.bias_current
        if all(np.array_equal(a, b) for a, b in zip(chip, drawn, strict=True)):
            return self._drawn[k]
        return self._table(population, k, chip)

    def _table(
        self, population: Population, k: int, devices: tuple[NDArray[np.float64], ...] | None = None
    ) -> RateTable:
        spiking = spiking_of(self.network)
        if devices is None:
            columns = [
                column[:1] for column in (population.gamma_plus, population.gamma_minus, population.bias_current)
            ]
        else:
            columns = list(devices)
        threshold = float(spiking.arrays.threshold[self._first_neuron(k)])
        rates = soma_rates(spiking.source, *columns, threshold=threshold, held_ns=self._held_ns(k))
        if devices is None and not rates.any():
            raise RecipeError(
                f"chip {self.network.name!r}: somas of {population.name!r} do not reach their threshold under any "
                "constant flux, so that nothing can be trained; lower it, or take a longer tau_di_ns or a smaller loop"
            )
        return RateTable(rates, self.dtype)

    def _must_fire(self, k: int) -> bool:
        """Whether the spikes of a population are of use: it drives another, or they are read."""
        output = self.network.output
        read = output is not None and k in output.populations and not reads_flux(self.network)
        return read or any(synapses.source == k for synapses in self.network.synapses.values() if len(synapses))

    def _first_neuron(self, k: int) -> int:
        return int(np.searchsorted(spiking_of(self.network).arrays.first_dendrite, self._dendrites[k][0]))

    def _held_ns(self, k: int) -> float:
        return float(spiking_of(self.network).arrays.absolute_refractory_ns[self._first_neuron(k)])


def averaged_part(climb_ns: float, tau_ns: float) -> float:
    """Part of the variance of a flux that is left in its mean over the climb of a soma.

    For a correlation exp(-|t| / tau) and a window of x tau it is 2 (x - 1 + exp(-x)) / x^2: all of it where the soma is
    fast. A soma counts what it has integrated, so that its rate follows this mean.
    """
    x = climb_ns / tau_ns
    return 1.0 if x < 1e-3 else 2 * (x + math.expm1(-x)) / x**2


def response_moments(
    rates: Tensor, tau_ns: float, dead_ns: float, seen: float | Tensor, window_ns: float
) -> tuple[Tensor, Tensor]:
    """Mean over a window, and variance, of exp(-a / tau), a the time since the last count of a regular train.

    Of a train with the period P that is counted with the probability p, spike by spike, a = (u + j) P with u uniform
    and j geometric, so that in the long run

        <exp(-a / tau)> = tau / P (1 - exp(-P / tau)) p / (1 - (1 - p) exp(-P / tau)).

    A window [0, T] starts without a count, and the first spike comes at u P. Until B = min(P, T) the mean is
    tau / P (1 - exp(-t / tau)), so that the mean over the window is that of the long run times

        1 - (B e - (B - tau (1 - exp(-B / tau)))) / (e T),   e = 1 - exp(-P / tau)

    (for p = 1; the others differ little). A train that is faster than the dead time is counted at every
    ceil(dead / P)-th spike at most; here, so that there is a gradient, at the dead time.

    Parameters
    ----------
    rates
        Spikes per ns, any shape.
    tau_ns, dead_ns
        Fall time of the response, and dead time of the detector.
    seen
        p: probability that a spike brings a photon.
    window_ns
        T: how long the train lasts.
    """
    fastest = 1 / dead_ns if dead_ns > 0 else np.inf
    period = 1 / rates.clamp(_LEAST_RATE, fastest)

    def moment(tau: float) -> Tensor:
        kept = torch.exp(-period / tau)
        return tau / period * (1 - kept) * seen / (1 - (1 - seen) * kept)

    mean = moment(tau_ns)
    variance = moment(tau_ns / 2) - mean**2
    begun = period.clamp(max=window_ns)
    # time integral of the mean while the first spike is awaited, over that of a train that has always been there
    awaited = begun - tau_ns * (1 - torch.exp(-begun / tau_ns))
    always = begun * (1 - torch.exp(-period / tau_ns))
    return mean * (1 - (always - awaited) / (always / begun * window_ns)), variance


def _response(arrays: SpikingArrays, synapse: int) -> tuple[float, float, float]:
    """Peak (Phi_0), fall time and dead time (ns) of the synapses of a projection."""
    phi_peak, tau_rise, tau_fall, hotspot, _, dead_ns, _ = arrays.kinds[arrays.synapse_kind[synapse]]
    peak = phi_peak * (1 - tau_rise / tau_fall) * -np.expm1(-hotspot / tau_rise)
    return float(peak), float(tau_fall), float(dead_ns)


def _order(network: Network) -> list[int]:
    """Populations, each after those that drive it.

    Raises
    ------
    RecipeError
        They drive each other in a circle.
    """
    drives = {k: set[int]() for k in range(len(network.populations))}
    for synapses in network.synapses.values():
        if synapses.source is not None:
            drives[synapses.target].add(synapses.source)
    order: list[int] = []
    while ready := [k for k, sources in drives.items() if k not in order and sources <= set(order)]:
        order += ready
    if len(order) < len(drives):
        raise RecipeError(
            f"chip {network.name!r}: its populations drive each other in a circle; spiking-rate trains chips that run "
            "from the inputs to the readout"
        )
    return order


def _check(network: Network) -> None:
    """Refuse what the rates do not cover."""
    if network.output is None or isinstance(network.output, GoodnessOutput):
        raise RecipeError(
            f"chip {network.name!r} has no readout; spiking-rate trains for one of spikes or of mean fluxes"
        )
    lines = network.lines("data")
    if lines is None or not isinstance(lines.code, RateCode):
        raise RecipeError(f"chip {network.name!r} has no spike-input population with a code of kind rate")
    for population in network.populations:
        if "." in population.name:
            raise RecipeError(
                f"chip {network.name!r} has the dendrites {population.name!r}; spiking-rate trains point neurons "
                "without a refractory dendrite"
            )
