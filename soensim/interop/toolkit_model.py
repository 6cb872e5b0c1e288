"""Models of soen-toolkit, a simulator of the same dendrites in PyTorch: what its files hold.

Two kinds of file: JSON of a model with its values, and a specification (YAML, or JSON of the same layout) whose
values its builder draws. A layer is a vector of states; `J_a_to_b` has the shape (nodes of b, nodes of a).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soensim._runtime.words import shown_path
from soensim.errors import ModelError
from soensim.files import load_json, load_yaml
from soensim.interop.entry import Entry, FloatArray
from soensim.interop.imported import BoolArray
from soensim.interop.toolkit_drawn import drawn_parameter, drawn_topology, largest_drawn

MAX_BYTES = 2**29

LAYERWISE, GAUSS_SEIDEL, JACOBI = "layerwise", "stepwise_gauss_seidel", "stepwise_jacobi"
METHODS = (LAYERWISE, GAUSS_SEIDEL, JACOBI)
LINEAR = ("Linear", "Input")
DENDRITE = "SingleDendrite"

#: Parameters of a dendrite layer; those whose logarithm the JSON holds.
PARAMETERS = ("phi_offset", "bias_current", "gamma_plus", "gamma_minus")
_LOGARITHMIC = ("gamma_plus", "gamma_minus")
_LARGEST_LOGARITHM = 100.0

_ADVICE = "give a model that soen-toolkit exported as JSON, or a specification in YAML"


@dataclass(frozen=True, eq=False)
class ToolkitLayer:
    """One layer.

    Attributes
    ----------
    number, kind, size, description
        Its id, type, number of nodes and text.
    source, solver
        Source function and solver of a dendrite layer; else empty.
    parameters
        Of a dendrite layer, by name, shape (size,).
    drawn
        Names of the parameters that the builder draws; `parameters` has their means.
    noise
        Names of its noises and perturbations that are not zero.
    polarity
        Whether the builder fixes the signs of what its nodes send.
    """

    number: int
    kind: str
    size: int
    description: str
    source: str = ""
    solver: str = ""
    parameters: Mapping[str, FloatArray] = field(default_factory=dict)
    drawn: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    polarity: bool = False

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"layer {self.number} ({self.kind})"

    @property
    def linear(self) -> bool:
        """Whether its states are its flux."""
        return self.kind in LINEAR


@dataclass(frozen=True, eq=False)
class ToolkitConnection:
    """One connection.

    Attributes
    ----------
    source, target
        Ids of its layers.
    mode
        "fixed", or the name of a multiplier.
    mask
        Which edges exist, (targets, sources); None where the builder draws them.
    topology
        Where the builder draws them: the topology of a netlist with as many edges.
    weights
        Efficacies (Phi_0 per I_c), (targets, sources), 0 where no edge is; None in a specification.
    largest
        In a specification, the largest magnitude that they may have.
    noise
        Names of its noises and perturbations that are not zero.
    """

    source: int
    target: int
    mode: str
    mask: BoolArray | None
    topology: Mapping[str, object] | None = None
    weights: FloatArray | None = None
    largest: float = 1.0
    noise: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in their files."""
        return f"J_{self.source}_to_{self.target}"


@dataclass(frozen=True, eq=False)
class ToolkitModel:
    """A model, as its file has it.

    Attributes
    ----------
    file
        Name of the file.
    dt
        Step (1/omega_c, which is tau).
    input_type
        "state": the input is the state of the first layer; "flux": it is flux of it.
    method
        Which states a layer sees: one of `METHODS`.
    layers
        By ascending id.
    connections
        In the order of the file.
    has_values
        Whether it is a model with its values, and not a specification.
    notes
        What of the file has no effect on states, or was taken otherwise.
    """

    file: str
    dt: float
    input_type: str
    method: str
    layers: tuple[ToolkitLayer, ...]
    connections: tuple[ToolkitConnection, ...]
    has_values: bool
    notes: tuple[str, ...]


def read_toolkit_model(path: str | Path) -> ToolkitModel:
    """Read a model or a specification of soen-toolkit.

    Parameters
    ----------
    path
        JSON, or YAML; masks that a specification names are looked up beside it.

    Raises
    ------
    ModelError
        The file cannot be read, or is not one of these.
    """
    name = shown_path(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        value = load_json(path, limit_bytes=MAX_BYTES, error=ModelError, advice=_ADVICE)
    elif suffix in (".yaml", ".yml"):
        value = load_yaml(path, error=ModelError, what="specification", advice=_ADVICE).value
    else:
        raise ModelError(f"{name}: the name must end in .json, .yaml or .yml; {_ADVICE}")
    top = Entry(name, (), value)
    if not isinstance(value, dict) or "layers" not in value:
        raise top.error(f"is no model of soen-toolkit: it has no `layers`; {_ADVICE}")
    if isinstance(value["layers"], dict):
        layers = _exported_layers(top["layers"])
        _check_layers(top, layers)
        return _model(top, layers, _exported_connections(top, layers), has_values=True)
    layers = [_specified_layer(entry) for entry in top["layers"].entries()]
    _check_layers(top, layers)
    listed = [] if top.get("connections") is None else top["connections"].entries()
    seed = _seed(top)
    connections = [_specified_connection(entry, layers, seed, Path(path).parent) for entry in listed]
    return _model(top, layers, connections, has_values=False)


def _check_layers(top: Entry, layers: Sequence[ToolkitLayer]) -> None:
    if len({layer.number for layer in layers}) < len(layers):
        raise top.error("two layers have the same layer_id")
    if not layers:
        raise top.error("has no layer; a chip needs a layer of dendrites")


def _model(
    top: Entry, layers: Sequence[ToolkitLayer], connections: Sequence[ToolkitConnection], *, has_values: bool
) -> ToolkitModel:
    simulation = _simulation(top)
    notes = [f"simulation.{key}: {why}" for key, why in _WITHOUT_EFFECT.items() if _on(simulation, key)]
    method = _method(simulation)
    backward = next((c for c in connections if c.target < c.source), None)
    if method == LAYERWISE and backward is not None:
        method = GAUSS_SEIDEL
        notes.append(f"{backward.name} leads back, so that their builder takes {GAUSS_SEIDEL}, and so does the chip")
    if _on(simulation, "early_stopping_forward_pass"):
        notes.append("simulation.early_stopping_forward_pass: a chip runs to the end of its input")
    names = [connection.name for connection in connections]
    for name in names:
        if names.count(name) > 1:
            raise top.error(f"has two connections {name}; their builder takes one per pair of layers")
    dt = 37.0 if simulation is None or simulation.get("dt") is None else simulation["dt"].number()
    if dt <= 0:
        raise top.error(f"its step dt is {dt:g}; it must be above 0")
    kind = "state" if simulation is None or simulation.get("input_type") is None else simulation["input_type"].word()
    if kind.lower() not in ("state", "flux"):
        raise top.error(f"its input_type is {kind[:40]!r}; legal are state and flux")
    ordered = tuple(sorted(layers, key=lambda layer: layer.number))
    return ToolkitModel(top.file, dt, kind.lower(), method, ordered, tuple(connections), has_values, tuple(notes))


_WITHOUT_EFFECT = {
    "track_power": "soensim computes power of every chip",
    "track_phi": "no effect on states",
    "track_g": "no effect on states",
    "track_s": "soensim records all states",
    "dt_learnable": "a chip's step is fixed",
}


def _simulation(top: Entry) -> Entry | None:
    return top.get("simulation") or top.get("sim_config")


def _on(simulation: Entry | None, key: str) -> bool:
    found = None if simulation is None else simulation.get(key)
    return found is not None and found.switch()


def _method(simulation: Entry | None) -> str:
    found = None if simulation is None else simulation.get("network_evaluation_method")
    if found is None:
        return LAYERWISE
    given = found.word().strip().lower()
    if given not in METHODS:
        raise found.illegal(f"one of {', '.join(METHODS)}")
    return given


def _seed(top: Entry) -> int:
    found = top.get("seed")
    simulation = _simulation(top)
    if found is None and simulation is not None:
        found = simulation.get("seed")
    return 0 if found is None else found.whole(most=2**63 - 1)


# --- a model with its values --------------------------------------------------------------------------------


def _exported_layers(layers: Entry) -> list[ToolkitLayer]:
    read = []
    for key, entry in layers.items():
        number = key.removeprefix("layer_")
        if not (key.startswith("layer_") and number.isascii() and number.isdigit() and len(number) < 10):
            raise entry.error("the keys of layers must be layer_0, layer_1, …")
        config = entry["config"]
        params = config["params_config"]
        kind, size = config["type"].word(), params["dim"].whole(1)
        about = config.get("description")
        dendrite = kind == DENDRITE
        read.append(
            ToolkitLayer(
                int(number),
                kind,
                size,
                "" if about is None else about.word(),
                _word(params, "source_func", "RateArray") if dendrite else "",
                _word(params, "solver", "FE") if dendrite else "",
                {name: _exported_parameter(entry, name, size) for name in PARAMETERS} if dendrite else {},
                noise=_noise(entry),
                polarity=_polarity(params),
            )
        )
    return read


def _exported_parameter(layer: Entry, name: str, size: int) -> FloatArray:
    """Return a parameter, which stands under parameters, or under buffers where it is never learnt."""
    key = f"log_{name}" if name in _LOGARITHMIC else name
    groups = [group for group in (layer.get("parameters"), layer.get("buffers")) if group is not None]
    found = next((group[key] for group in groups if group.get(key) is not None), None)
    if found is None:
        raise layer.error(f"lacks {key!r} under parameters")
    values = found.array((size,))
    if name not in _LOGARITHMIC:
        return values
    if values.max() > _LARGEST_LOGARITHM:
        raise found.error(f"holds {values.max():g}; the logarithm of a rate is at most {_LARGEST_LOGARITHM:g}")
    return np.exp(values)


def _exported_connections(top: Entry, layers: Sequence[ToolkitLayer]) -> list[ToolkitConnection]:
    part = top["connections"]
    sizes = {layer.number: layer.size for layer in layers}
    read = []
    for name, config in part["config"].items():
        source, target = config["from"].whole(), config["to"].whole()
        if name != f"J_{source}_to_{target}":
            raise config.error(f"is from {source} to {target}; its key must be J_{source}_to_{target}")
        shape = (_known(config, target, sizes), _known(config, source, sizes))
        params = config.get("params_config")
        masks = part.get("masks")
        mask = None if masks is None else masks.get(name)
        exists = np.ones(shape, dtype=bool) if mask is None else mask.array(shape) != 0
        weights = part["matrices"][name].array(shape)
        low, high = _bounds(params)
        read.append(
            ToolkitConnection(
                source,
                target,
                _mode(params),
                exists,
                weights=np.clip(np.where(exists, weights, 0.0), low, high) * exists,
                noise=_noise(config),
            )
        )
    return read


def _known(config: Entry, number: int, sizes: Mapping[int, int]) -> int:
    if number not in sizes:
        raise config.error(f"names layer {number}, which the model does not have")
    return sizes[number]


# --- a specification ----------------------------------------------------------------------------------------


def _specified_layer(entry: Entry) -> ToolkitLayer:
    number, kind, params = entry["layer_id"].whole(), entry["layer_type"].word(), entry["params"]
    size = params["dim"].whole(1)
    about = entry.get("description")
    text, noise = "" if about is None else about.word(), _noise(entry)
    if kind != DENDRITE:
        return ToolkitLayer(number, kind, size, text, noise=noise, polarity=_polarity(params))
    values, drawn = {}, []
    for name in PARAMETERS:
        mean, random = drawn_parameter(name, params.get(name), size)
        values[name] = mean
        drawn += [name] * random
    source, solver = _word(params, "source_func", "RateArray"), _word(params, "solver", "FE")
    return ToolkitLayer(number, kind, size, text, source, solver, values, tuple(drawn), noise, _polarity(params))


def _specified_connection(entry: Entry, layers: Sequence[ToolkitLayer], seed: int, folder: Path) -> ToolkitConnection:
    sizes = {layer.number: layer.size for layer in layers}
    source, target = entry["from_layer"].whole(), entry["to_layer"].whole()
    shape = (_known(entry, target, sizes), _known(entry, source, sizes))
    params = entry.get("params")
    mask, topology = drawn_topology(entry, shape, recurrent=source == target, seed=seed, folder=folder)
    low, high = _bounds(params)
    return ToolkitConnection(
        source,
        target,
        _mode(params),
        mask,
        topology,
        largest=largest_drawn(params, low, high),
        noise=_noise(entry),
    )


# --- what both have -----------------------------------------------------------------------------------------


def _word(params: Entry, key: str, default: str) -> str:
    found = params.get(key)
    return default if found is None else found.word()


def _polarity(params: Entry) -> bool:
    return any(params.get(key) is not None for key in ("polarity", "polarity_init", "polarity_file"))


def _mode(params: Entry | None) -> str:
    for key in ("mode", "connection_mode"):
        found = None if params is None else params.get(key)
        if found is not None:
            return found.word()
    blocks = [None if params is None else params.get(key) for key in ("connection_params", "dynamic", "multiplier")]
    # without a mode, their builder takes parameters of a multiplier for one
    return "multiplier" if any(block is not None and block.value for block in blocks) else "fixed"


def _bounds(params: Entry | None) -> tuple[float, float]:
    """Return the bounds to which their forward pass clips the weights."""
    limits = None if params is None else params.get("constraints") or params.get("J")
    low, high = -np.inf, np.inf
    if limits is not None:
        low = low if limits.get("min") is None else limits["min"].number()
        high = high if limits.get("max") is None else limits["max"].number()
        if low > high:
            raise limits.error(f"its min, {low:g}, is above its max, {high:g}")
    return low, high


def _noise(entry: Entry) -> tuple[str, ...]:
    """Name the noises and perturbations that are not zero."""
    found = []
    for part in ("noise", "perturb"):
        group = entry.get(part)
        if group is None:
            continue
        for key, value in group.items():
            if isinstance(value.value, dict):
                found += [
                    f"{part}.{key}.{inner}" for inner, number in value.items() if number.value and number.number()
                ]
            elif not isinstance(value.value, bool) and value.value is not None and value.number():
                found.append(f"{part}.{key}")
    return tuple(found)
