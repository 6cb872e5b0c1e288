"""A model of soen-toolkit as a chip: layers become populations, connections projections, the last layer the readout.

Both tools take s <- s + dt (gamma_plus g(phi, i_b - s) - gamma_minus s) in units of tau = 1/omega_c. What a layer sees
in a step differs by the method of the model:

- layerwise, stepwise_gauss_seidel: the states that earlier layers have just taken, and those before the step of
  itself and later ones: `update: feed-forward`.
- stepwise_jacobi: the states before the step of all layers, the input layer too, whose states are the input: `update:
  lockstep`, with inputs that arrive one step late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from soensim.dynamics import SOURCE_FUNCTIONS
from soensim.dynamics.integrators import largest_step, substeps_needed
from soensim.errors import ModelError
from soensim.interop.entry import FloatArray
from soensim.interop.imported import FINEST_BITS, BoolArray, ChipPlan, ImportedChip, level_range, make_chip
from soensim.interop.toolkit_model import (
    DENDRITE,
    JACOBI,
    PARAMETERS,
    ToolkitConnection,
    ToolkitLayer,
    ToolkitModel,
    read_toolkit_model,
)
from soensim.technology import load_technology

TECHNOLOGY = "nist-2023"  # whose junctions and arms are those of their rate array
FLUX_INPUT = "flux_input"  # population that brings the flux of a model with `input_type: flux`

#: Source functions that both tools have; `squid` is derived anew from the junctions.
SOURCES = {"Tanh": "tanh", "ReLU": "relu", "RateArray": "squid"}
#: Fits of the SQUID, for which `squid` stands where an approximation is asked for.
_FITS = ("Heaviside_fit_state_dep", "Heaviside_state_dep", "TanhGauss1p7IBFit")
_SOLVERS = ("FE", "PS")  # a parallel scan takes the same steps

_NO_CIRCUIT = "it is a unit of machine learning; no circuit is known"
_REASONS = {
    "RNN": _NO_CIRCUIT,
    "GRU": _NO_CIRCUIT,
    "LSTM": _NO_CIRCUIT,
    "MinGRU": _NO_CIRCUIT,
    "LeakyGRU": _NO_CIRCUIT,
    "leakyGRU": _NO_CIRCUIT,
    "Softmax": "leave it out: it does not change which class is largest",
    "ScalingLayer": "multiply the weights before it by its factors",
    "Readout": "soensim has no SQUID without a loop that integrates",
    "DendriteReadout": "soensim has no SQUID without a loop that integrates",
    "NonLinear": "soensim has no source function without a loop that integrates",
    "Soma": "it is a placeholder in soen-toolkit too",
    "Synapse": "it is a placeholder in soen-toolkit too",
}
_MULTIPLIER = "soensim has no multiplier circuit"


@dataclass(frozen=True, kw_only=True)
class ToolkitOptions:
    """How a model becomes a chip.

    Attributes
    ----------
    name
        Of the chip, and of the files beside it.
    bits
        Of every synapse.
    approximate
        Whether what a chip cannot have is left out or replaced, with a note, and not refused.
    command
        The command line, for the program's header.
    """

    name: str
    bits: int = FINEST_BITS
    approximate: bool = False
    command: str | None = None


def import_toolkit_model(path: str | Path, options: ToolkitOptions) -> ImportedChip:
    """Make a chip of a model of soen-toolkit.

    Parameters
    ----------
    path
        JSON of a model with its values, or a specification, which gives no program.
    options
        How.

    Raises
    ------
    ModelError
        The file cannot be read, or the model has what a chip cannot have: all of it is named, layer by layer.
    """
    model = read_toolkit_model(path)
    return make_chip(_Conversion(model, options).plan(), model.file, options.command)


@dataclass
class _Conversion:
    """One model on its way; faults and notes gather."""

    model: ToolkitModel
    options: ToolkitOptions
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def plan(self) -> ChipPlan:
        """Say what chip to make.

        Raises
        ------
        ModelError
            With all faults.
        """
        self.notes += self.model.notes
        inputs, dendrites, output = self._roles()
        for layer in dendrites:
            self._check_dendrites(layer)
        kept = [connection for connection in self.model.connections if self._keeps(connection)]
        self._check_ends(kept, inputs, output)
        if self.faults:
            raise ModelError.of_file(self.model.file, [f"{self.model.file}: {fault}" for fault in self.faults])
        populations: dict[str, Any] = {} if inputs is None else {_name(inputs): _lines(inputs.size)}
        if inputs is None:
            populations[FLUX_INPUT] = _lines(dendrites[0].size)
        values: dict[str, FloatArray] = {}
        for layer in dendrites:
            populations[_name(layer)] = self._population(layer, values)
        masks: dict[str, BoolArray] = {}
        projections = [] if inputs is not None else [_flux_projection(dendrites[0], values)]
        on_chip = [c for c in kept if output is None or c.target != output.number]
        projections += [self._projection(connection, inputs, masks, values) for connection in on_chip]
        content: dict[str, Any] = {
            "schema": "soensim/1",
            "name": self.options.name,
            "description": f"from {Path(self.model.file).name} of soen-toolkit",
            "technology": TECHNOLOGY,
            "populations": populations,
            "projections": projections,
            "timing": self._timing(dendrites),
        }
        if output is not None:
            content["readout"] = self._readout(output, kept, values)
        if not self.model.has_values:
            self.notes.append(
                "the specification has no values, which its builder draws: there is no program; train one"
            )
        comments = [
            f"Imported from {Path(self.model.file).name}, a {'model' if self.model.has_values else 'specification'} of "
            f"soen-toolkit ({self.model.method}, dt {self.model.dt:g}).",
            *(f"{_name(layer)}: {layer.description}" for layer in self.model.layers if _one_line(layer.description)),
        ]
        return ChipPlan(content, masks, values if self.model.has_values else None, comments, self.notes)

    # --- what can go over -----------------------------------------------------------------------------------

    def _roles(self) -> tuple[ToolkitLayer | None, list[ToolkitLayer], ToolkitLayer | None]:
        """Return the input layer (None: flux enters the first dendrites), the dendrites, and the output layer."""
        first, *others = self.model.layers
        inputs = first if first.linear else None
        if inputs is None:
            others = [first, *others]
            if self.model.input_type == "state" and first.kind == DENDRITE:
                self.faults.append(f"{first.title}: input_type state sets its states; put a Linear layer before it")
        output = others[-1] if others and others[-1].linear else None
        dendrites = others if output is None else others[:-1]
        for layer in dendrites:
            if layer.linear:
                self.faults.append(f"{layer.title}: is between layers; no circuit adds without a dendrite, merge it")
            elif layer.kind != DENDRITE:
                reason = _MULTIPLIER if layer.kind.startswith("Multiplier") else _REASONS.get(layer.kind, "")
                self.faults.append(f"{layer.title}: soensim does not have it" + (f"; {reason}" if reason else ""))
        if not dendrites:
            self.faults.append("has no layer of dendrites (SingleDendrite); a chip needs one")
        if output is not None and output.size < 2:
            self.faults.append(f"{output.title}: has 1 node; a linear readout has 2 classes or more")
        for layer in self.model.layers:
            if layer.polarity:
                self.notes.append(
                    f"{layer.title}: its polarity fixes signs; those of the chip are free (efficacy.sign)"
                )
            if layer.linear and layer.noise:
                self._approximation(f"{layer.title}: its {', '.join(layer.noise)}", "a chip has no such noise")
        return inputs, [layer for layer in dendrites if layer.kind == DENDRITE], output

    def _check_dendrites(self, layer: ToolkitLayer) -> None:
        if layer.solver.upper() not in _SOLVERS:
            self.faults.append(
                f"{layer.title}: solver {layer.solver[:40]!r}; legal are FE and PS, which take its steps"
            )
        if layer.source in _FITS:
            self._approximation(
                f"{layer.title}: source function {layer.source}, a fit", "the chip takes squid, what it approximates"
            )
        elif layer.source not in SOURCES:
            known = ", ".join((*SOURCES, *_FITS))
            self.faults.append(f"{layer.title}: source function {layer.source[:40]!r}; soensim has those of {known}")
        elif layer.source == "RateArray":
            self.notes.append(f"{layer.title}: RateArray is a table; the chip derives squid anew (states to some 1e-3)")
        for name in self._relevant(layer):
            values = layer.parameters[name]
            if name == "phi_offset" and not layer.drawn:
                continue  # trims hold what differs
            if name in layer.drawn:
                self._approximation(f"{layer.title}: its {name} is drawn per neuron", "a chip has one: the mean")
            elif np.ptp(values) > 1e-6 * np.abs(values).max():
                spread = f"{values.min():.6g} to {values.max():.6g}"
                self._approximation(
                    f"{layer.title}: its {name} differs between neurons ({spread})", "a chip has one: the mean"
                )
        if layer.noise:
            hint = "a chip has imperfections.read_noise_flux, which the netlist leaves out"
            self._approximation(f"{layer.title}: its {', '.join(layer.noise)}", hint)

    def _relevant(self, layer: ToolkitLayer) -> list[str]:
        """Name the parameters that its states depend on: a virtual function does not look at the bias."""
        virtual = SOURCES.get(layer.source) in ("tanh", "relu")
        return [name for name in PARAMETERS if not (virtual and name == "bias_current")]

    def _approximation(self, what: str, instead: str) -> None:
        """Note what is taken otherwise, or refuse it where no approximation is asked for."""
        if self.options.approximate:
            self.notes.append(f"{what}; {instead}")
        else:
            self.faults.append(f"{what}; {instead} (with --approximate)")

    def _keeps(self, connection: ToolkitConnection) -> bool:
        """Whether a connection goes over; faults are gathered."""
        if connection.mode != "fixed":
            self.faults.append(f"connection {connection.name}: mode {connection.mode[:40]}; {_MULTIPLIER}")
            return False
        if connection.noise:
            self._approximation(
                f"connection {connection.name}: its {', '.join(connection.noise)}",
                "a chip has imperfections.programming_error, which the netlist leaves out",
            )
        if connection.mask is not None and not connection.mask.any():
            self.notes.append(f"connection {connection.name} has no edge; left out")
            return False
        return True

    def _check_ends(
        self, kept: Sequence[ToolkitConnection], inputs: ToolkitLayer | None, output: ToolkitLayer | None
    ) -> None:
        first = None if inputs is None else inputs.number
        last = None if output is None else output.number
        for connection in kept:
            where = f"connection {connection.name}"
            if connection.target == first:
                self.faults.append(f"{where}: leads into the input layer, which takes no flux")
            if connection.source == last:
                self.faults.append(f"{where}: leads out of the last layer, a readout, which drives nothing")
            elif (connection.source, connection.target) == (first, last):
                self.faults.append(f"{where}: the readout reads dendrites, not inputs")
        if output is not None and not any(connection.target == output.number for connection in kept):
            self.faults.append(f"{output.title}: nothing drives it")

    # --- the parts of the netlist ---------------------------------------------------------------------------

    def _population(self, layer: ToolkitLayer, values: dict[str, FloatArray]) -> dict[str, Any]:
        source = SOURCES.get(layer.source, "squid")
        offset = layer.parameters["phi_offset"]
        middle = float((offset.min() + offset.max()) / 2)
        part: dict[str, Any] = {
            "kind": "dendrite",
            "size": layer.size,
            "source_function": source,
            "flux_offset": middle,
            "gamma_plus": float(layer.parameters["gamma_plus"].mean()),
            "gamma_minus": float(layer.parameters["gamma_minus"].mean()),
        }
        if source == "squid":
            part["bias_current"] = float(layer.parameters["bias_current"].mean())
        trims = offset - middle
        if np.abs(trims).max() > 1e-9:
            part["flux_trim"] = {"bits": max(2, self.options.bits), "range": level_range(trims)}
            values[f"{_name(layer)}.flux_trim"] = trims
        return part

    def _projection(
        self,
        connection: ToolkitConnection,
        inputs: ToolkitLayer | None,
        masks: dict[str, BoolArray],
        values: dict[str, FloatArray],
    ) -> dict[str, Any]:
        source, target = f"layer_{connection.source}", f"layer_{connection.target}"
        largest = connection.largest if connection.weights is None else level_range(connection.weights)
        part: dict[str, Any] = {"source": source, "target": target}
        key = f"{source}->{target}"
        if connection.mask is None:
            part["topology"] = dict(connection.topology or {})
            self.notes.append(f"connection {connection.name}: its edges are drawn, and soensim draws others")
        else:
            masks[key] = connection.mask
        part["efficacy"] = self._efficacy(largest)
        if self.model.method == JACOBI and inputs is not None and connection.source == inputs.number:
            junction = load_technology(TECHNOLOGY).junction
            part["delay_ps"] = float(junction.seconds_from_tau(self.model.dt)) * 1e12
        if connection.weights is not None:
            values[key] = connection.weights
        return part

    def _efficacy(self, largest: float) -> dict[str, Any]:
        return {"bits": self.options.bits, "range": largest, "sign": "free"}

    def _timing(self, dendrites: Sequence[ToolkitLayer]) -> dict[str, Any]:
        dt = self.model.dt
        limits = []
        for layer in dendrites:
            name = SOURCES.get(layer.source, "squid")
            source = SOURCE_FUNCTIONS["squid-fit" if name == "squid" else name]
            gamma_plus, gamma_minus = (float(layer.parameters[key].mean()) for key in ("gamma_plus", "gamma_minus"))
            limits.append(largest_step(source, gamma_plus, gamma_minus, "forward-euler"))
        substeps = substeps_needed(dt, min(limits))
        if substeps > 1:
            self.notes.append(
                f"its step, {dt:g} tau, does not follow the dendrites; the chip takes {substeps} steps of it"
            )
        update = "lockstep" if self.model.method == JACOBI else "feed-forward"
        return {"sample_tau": dt, "substeps": substeps, "integrator": "forward-euler", "update": update}

    def _readout(
        self, output: ToolkitLayer, kept: Sequence[ToolkitConnection], values: dict[str, FloatArray]
    ) -> dict[str, Any]:
        read = sorted((c for c in kept if c.target == output.number), key=lambda c: c.source)
        largest = max(c.largest for c in read)
        if self.model.has_values:
            values["readout"] = np.concatenate([c.weights for c in read if c.weights is not None], axis=1)
            largest = level_range(values["readout"])
        if self.model.method == JACOBI:
            self.notes.append(
                f"{output.title} sees the states before each step; the chip's readout reads those after it: its answer "
                "is that of one more step"
            )
        self.notes.append(f"{output.title}: the chip's readout is its value after the last step (state: final)")
        return {
            "kind": "linear",
            "populations": [f"layer_{c.source}" for c in read],
            "classes": output.size,
            "state": "final",
            "efficacy": self._efficacy(largest),
            "location": "off-chip",
        }


def _name(layer: ToolkitLayer) -> str:
    return f"layer_{layer.number}"


def _one_line(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


def _lines(size: int) -> dict[str, Any]:
    return {"kind": "input", "size": size, "drive_low": 0.0, "drive_high": 1.0}


def _flux_projection(first: ToolkitLayer, values: dict[str, FloatArray]) -> dict[str, Any]:
    """Flux of the input: one line per neuron, with an efficacy of exactly 1."""
    values[f"{FLUX_INPUT}->{_name(first)}"] = np.eye(first.size)
    return {
        "source": FLUX_INPUT,
        "target": _name(first),
        "topology": {"kind": "one-to-one"},
        "efficacy": {"levels": [0.0, 1.0], "sign": "positive"},
    }
