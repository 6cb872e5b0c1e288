"""The steps of soen-toolkit, written down from its documentation and checked against its own traces."""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "other_tools"
FUNCTIONS = {"Tanh": np.tanh, "ReLU": lambda phi: np.maximum(phi, 0)}


def fixture(name):
    """A model that soen-toolkit exported, as plain data, and the states that it computed: x, layer_0, layer_1, …"""
    content = json.loads((FOLDER / f"toolkit-{name}.json").read_text())
    with np.load(FOLDER / f"toolkit-{name}.npz") as file:
        return content, {key: file[key] for key in file.files}


def toolkit_states(content, x):
    """States of every layer, (batch, frames + 1, nodes), of a model whose input is a state; virtual functions."""
    method, dt = content["simulation"]["network_evaluation_method"], content["simulation"]["dt"]
    layers = [content["layers"][f"layer_{k}"] for k in range(len(content["layers"]))]
    matrices = content["connections"]["matrices"]
    masks = content["connections"]["masks"]
    weights = {
        tuple(int(k) for k in name[2:].split("_to_")): np.array(matrix) * np.array(masks[name])
        for name, matrix in matrices.items()
    }
    states = [np.zeros((len(x), layer["config"]["params_config"]["dim"])) for layer in layers]
    history = [[state] for state in states]
    for t in range(x.shape[1]):
        new = [x[:, t]]
        for k in range(1, len(layers)):
            # a layer sees itself and later ones as they were; those before it as they are now, unless all are old
            seen = states if method == "stepwise_jacobi" else [*new, *states[k:]]
            flux = sum((seen[j] @ w.T for (j, target), w in weights.items() if target == k), np.zeros_like(states[k]))
            new.append(step(layers[k], states[k], flux, dt))
        states = new
        for past, state in zip(history, states, strict=True):
            past.append(state)
    return [np.stack(past, axis=1) for past in history]


def step(layer, state, flux, dt):
    if layer["config"]["type"] in ("Linear", "Input"):
        return flux
    held = {name: np.array(values) for name, values in layer["parameters"].items() if name != "connectivity.weight"}
    g = FUNCTIONS[layer["config"]["params_config"]["source_func"]](flux + held["phi_offset"])
    return state + dt * (np.exp(held["log_gamma_plus"]) * g - np.exp(held["log_gamma_minus"]) * state)
