"""A chip of rate neurons as a model of soen-toolkit: the JSON that its `model_from_json` reads.

A chip whose populations see one another's states of the step before (`lockstep`) becomes one layer of dendrites, in
which that holds for all of them; one in file order (`feed-forward`) becomes a layer per population.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from soensim.circuit import Device
from soensim.errors import ModelError
from soensim.interop.entry import FloatArray
from soensim.interop.imported import BoolArray
from soensim.interop.toolkit_import import SOURCES
from soensim.interop.toolkit_model import DENDRITE, GAUSS_SEIDEL, JACOBI, LAYERWISE
from soensim.netlist import Netlist
from soensim.network import LinearOutput, Network, Population, step_coefficients
from soensim.network.synapses import whole_steps
from soensim.program import READOUT, Program, dense_weights

_THEIRS = {ours: theirs for theirs, ours in SOURCES.items()}
_TABLE_NUMBERS = (0.3, np.pi / 2, np.pi / 2)  # beta_c, beta_1, beta_2 of their rate array


@dataclass(frozen=True)
class ToolkitModelFile:
    """A model for soen-toolkit.

    Attributes
    ----------
    content
        The JSON, as plain data.
    notes
        What was left out, or is not the same in both tools.
    """

    content: dict[str, Any]
    notes: tuple[str, ...]


def toolkit_model(
    netlist: Netlist, network: Network, program: Program, *, approximate: bool = False
) -> ToolkitModelFile:
    """Make a model of soen-toolkit of a chip with its program.

    Parameters
    ----------
    netlist
        The chip.
    network
        The same, compiled.
    program
        Its values: what its codes stand for, or those of an ideal program.
    approximate
        Whether what soen-toolkit lacks is left out or replaced, with a note, and not refused.

    Raises
    ------
    ModelError
        The chip has what soen-toolkit lacks: all of it is named.
    """
    return _Export(netlist, network, program, approximate).file()


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer to write: populations side by side (none: the input channels), or the readout."""

    kind: str
    size: int
    description: str
    populations: tuple[int, ...] = ()


@dataclass
class _Export:
    netlist: Netlist
    network: Network
    program: Program
    approximate: bool
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def file(self) -> ToolkitModelFile:
        self._check()
        jacobi = self._one_step_late()
        if not jacobi:
            self._check_delays()
        groups = self._groups(jacobi)
        if self.faults:
            chip = f"chip {self.network.name!r}"
            raise ModelError.of_file(chip, [f"{chip}: {fault}" for fault in self.faults])
        layers = self._layers(groups)
        matrices = self._matrices(layers)
        backward = any(target < source for source, target in matrices)
        method = JACOBI if jacobi else GAUSS_SEIDEL if backward else LAYERWISE
        self._note_inputs(jacobi)
        content = {
            "version": "1.0",
            "metadata": {"format": "soen-json", "made_by": "soensim", "chip": self.network.name, "notes": self.notes},
            "simulation": _simulation(self.network.sample_tau / self.network.substeps, method),
            "layers": {f"layer_{k}": self._layer(layer, matrices.get((k, k))) for k, layer in enumerate(layers)},
            "connections": _connections(matrices),
        }
        return ToolkitModelFile(content, tuple(self.notes))

    # --- what can go over -----------------------------------------------------------------------------------

    def _check(self) -> None:
        network = self.network
        if network.spiking is not None:
            raise ModelError(
                f"chip {network.name!r} has spiking neurons; soen-toolkit has layers of rate neurons alone"
            )
        if network.integrator == "heun":
            self._approximation("its integrator is heun", "soen-toolkit takes Euler steps")
        if network.light is not None:
            self._approximation("light carries its rates", "soen-toolkit takes states as they are")
        for lines in network.inputs:
            if lines.normalisation is not None:
                self._approximation(
                    f"population {lines.name!r} is normalised", "soen-toolkit takes inputs as they come"
                )
        for population in network.populations:
            if population.normalisation is not None:
                self._approximation(
                    f"population {population.name!r} is normalised", "soen-toolkit sends states as they are"
                )
            self._source(population)
        if network.output is not None and not isinstance(network.output, LinearOutput):
            self.notes.append("the readout is goodness, which soen-toolkit computes in its training: no output layer")
        elif network.output is not None and network.output.state == "mean":
            self.notes.append("the readout reads mean states: take the mean of the output layer over the steps")

    def _note_inputs(self, jacobi: bool) -> None:
        """Say what input the model takes for what the chip takes."""
        held = self.network.substeps * self.network.hold_samples
        if held > 1:
            self.notes.append(f"dt is a step of the chip: hold each frame of data for {held} steps of soen-toolkit")
        for lines in self.network.inputs:
            low, high = lines.drive_low, lines.drive_high
            if (low, high) != (0.0, 1.0):
                self.notes.append(f"a data value x of {lines.name!r} is the signal {low:g} + {high - low:g} x (I_c)")
            if lines.carries == "label" or lines.label_channels:
                self.notes.append(f"{lines.name!r} has label lines: give them as channels of the input")
        if jacobi and isinstance(self.network.output, LinearOutput):
            self.notes.append(f"{JACOBI} reads the states before each step: the chip's answer comes one step later")

    def _source(self, population: Population) -> None:
        name = self.netlist.dendrites[population.name].source_function
        if name == "squid-fit":
            self._approximation(
                f"population {population.name!r} has the source function squid-fit", "RateArray is near it"
            )
        elif name not in _THEIRS:
            self.faults.append(
                f"population {population.name!r}: source function {name!r}; soen-toolkit has {', '.join(_THEIRS)}"
            )
        elif name == "squid":
            device = Device.from_technology(self.netlist.device_technology)
            numbers = (device.junction.beta_c, device.beta_1, device.beta_2)
            same = np.allclose(numbers, _TABLE_NUMBERS) and not self.netlist.dendrites[population.name].temperature_k
            if not same:
                self._approximation(
                    f"population {population.name!r}: its SQUIDs are not those of RateArray", "it is the nearest"
                )
            note = "RateArray stands for squid: another table of the same junctions (states to some 1e-3)"
            if note not in self.notes:
                self.notes.append(note)

    def _approximation(self, what: str, instead: str) -> None:
        if self.approximate:
            self.notes.append(f"{what}; {instead}")
        else:
            self.faults.append(f"{what}; {instead} (with --approximate)")

    def _one_step_late(self) -> bool:
        """Whether inputs arrive one step late and all else at once, as in a model that was stepwise_jacobi."""
        if self.network.feed_forward:
            return False
        for synapses in self.network.synapses.values():
            whole, part = whole_steps(synapses.delay_tau / self.network.dt_tau)
            if part.any() or (whole != (synapses.source is None)).any():
                return False
        return True

    def _check_delays(self) -> None:
        longest = max((float(s.delay_tau.max(initial=0.0)) for s in self.network.synapses.values()), default=0.0)
        if longest > 0:
            steps = longest / self.network.dt_tau
            self._approximation(f"its edges have delays, up to {steps:.3g} steps", "soen-toolkit has none")

    def _groups(self, jacobi: bool) -> list[tuple[int, ...]]:
        """Return the populations of each layer of dendrites."""
        alone: list[tuple[int, ...]] = [(k,) for k in range(len(self.network.populations))]
        if self.network.feed_forward or jacobi or len(alone) == 1:
            return alone
        sources = {_THEIRS.get(self._source_name(k), "RateArray") for (k,) in alone}
        if len(sources) > 1:
            self.faults.append(
                "its populations step in lockstep and have several source functions; soen-toolkit has one per layer, "
                "and its layers see new states; take `update: feed-forward`"
            )
        self.notes.append("populations in lockstep are one layer, in file order")
        return [tuple(range(len(alone)))]

    def _source_name(self, k: int) -> str:
        return str(self.netlist.dendrites[self.network.populations[k].name].source_function)

    # --- the parts of the file ------------------------------------------------------------------------------

    def _layers(self, groups: Sequence[tuple[int, ...]]) -> list[_Layer]:
        network = self.network
        channels = sum(lines.channels.stop - lines.channels.start for lines in network.inputs)
        layers = [_Layer("Linear", channels, ", ".join(lines.name for lines in network.inputs))]
        for group in groups:
            populations = [network.populations[k] for k in group]
            size = sum(population.size for population in populations)
            layers.append(_Layer(DENDRITE, size, ", ".join(p.name for p in populations), group))
        if isinstance(network.output, LinearOutput):
            layers.append(_Layer("Linear", network.output.classes, "readout"))
        return layers

    def _matrices(self, layers: Sequence[_Layer]) -> dict[tuple[int, int], tuple[FloatArray, BoolArray]]:
        """Return weights and mask by (source layer, target layer)."""
        network, values = self.network, self.program.values
        place = {}  # of a population: its layer, and where it starts in it
        for number, layer in enumerate(layers):
            start = 0
            for k in layer.populations:
                place[k] = (number, start)
                start += network.populations[k].size
        found: dict[tuple[int, int], tuple[FloatArray, BoolArray]] = {}
        dense = dense_weights(network, values)
        for key, synapses in network.synapses.items():
            source = (
                (0, network.inputs[synapses.port].channels.start) if synapses.source is None else place[synapses.source]
            )
            target = place[synapses.target]
            pair = (source[0], target[0])
            shape = (layers[pair[1]].size, layers[pair[0]].size)
            weights, mask = found.setdefault(pair, (np.zeros(shape), np.zeros(shape, dtype=bool)))
            rows, columns = target[1] + synapses.targets, source[1] + synapses.sources
            weights[rows, columns] = dense[key][synapses.targets, synapses.sources]
            mask[rows, columns] = True
        if isinstance(network.output, LinearOutput):
            start = 0
            for k in network.output.populations:
                size = network.populations[k].size
                number, first = place[k]
                shape = (network.output.classes, layers[number].size)
                weights, mask = found.setdefault(
                    (number, len(layers) - 1), (np.zeros(shape), np.zeros(shape, dtype=bool))
                )
                weights[:, first : first + size] = values[READOUT][:, start : start + size]
                mask[:, first : first + size] = True
                start += size
        return found

    def _layer(self, layer: _Layer, own: tuple[FloatArray, BoolArray] | None) -> dict[str, Any]:
        dt = self.network.sample_tau / self.network.substeps
        params: dict[str, Any] = {"dim": layer.size}
        parameters: dict[str, Any] = {}
        if layer.kind == DENDRITE:
            vectors = self._parameters(layer.populations)
            params |= {"solver": "FE", "source_func": _THEIRS.get(self._source_name(layer.populations[0]), "RateArray")}
            for name, vector in vectors.items():
                params[name] = {"distribution": "constant", "params": {"value": float(vector.mean())}}
                logarithmic = name.startswith("gamma")
                parameters[f"log_{name}" if logarithmic else name] = (
                    np.log(vector) if logarithmic else vector
                ).tolist()
            if own is not None:
                parameters["connectivity.weight"] = own[0].tolist()
        config = {"type": layer.kind, "params_config": params, "model_id": 0, "description": layer.description}
        return {"config": config, "parameters": parameters, "buffers": {"_dt": dt}}

    def _parameters(self, group: Sequence[int]) -> dict[str, FloatArray]:
        network, values = self.network, self.program.values
        parts: dict[str, list[FloatArray]] = {"phi_offset": [], "bias_current": [], "gamma_plus": [], "gamma_minus": []}
        for k in group:
            population = network.populations[k]
            retention, gain = step_coefficients(network, population, population.gamma_minus)
            parts["phi_offset"].append(population.flux_offset + values.get(population.trim_key, 0.0))
            parts["bias_current"].append(population.bias_current)
            euler = network.integrator != "exponential-euler"  # its coefficients are those of Euler with other gammas
            parts["gamma_plus"].append(population.gamma_plus if euler else gain / network.dt_tau)
            parts["gamma_minus"].append(population.gamma_minus if euler else (1 - retention) / network.dt_tau)
        # their parameters are logarithms, of 1e-10 at least
        joined = {name: np.concatenate(vectors) for name, vectors in parts.items()}
        return {name: np.maximum(v, 1e-10) if name.startswith("gamma") else v for name, v in joined.items()}


def _simulation(dt: float, method: str) -> dict[str, Any]:
    return {
        "dt": dt,
        "dt_learnable": False,
        "input_type": "state",
        "track_power": False,
        "track_phi": False,
        "track_g": False,
        "track_s": False,
        "network_evaluation_method": method,
        "early_stopping_forward_pass": False,
    }


def _connections(matrices: Mapping[tuple[int, int], tuple[FloatArray, BoolArray]]) -> dict[str, Any]:
    names = {(source, target): f"J_{source}_to_{target}" for source, target in sorted(matrices)}
    params = {
        "structure": {"type": "dense", "params": {}},
        "init": {"name": "constant", "params": {"value": 0.0}},
        "allow_self_connections": True,
        "mode": "fixed",
    }
    return {
        "config": {
            name: {"from": pair[0], "to": pair[1], "type": "dense", "params_config": params, "learnable": True}
            for pair, name in names.items()
        },
        "matrices": {name: matrices[pair][0].tolist() for pair, name in names.items()},
        "masks": {name: matrices[pair][1].astype(float).tolist() for pair, name in names.items()},
    }
