"""soen-toolkit: its own models and traces against the chips made of them, and chips against the models made of them."""

import copy
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT
from toolkit_problems import FOLDER, fixture, toolkit_states

from soensim import compile_network, load_netlist, route, simulate
from soensim.commands import cli
from soensim.errors import ModelError
from soensim.interop.toolkit_export import toolkit_model
from soensim.interop.toolkit_import import ToolkitOptions, import_toolkit_model
from soensim.interop.toolkit_model import read_toolkit_model
from soensim.netlist import parse_netlist
from soensim.program import Program

MODELS = ("layerwise", "gauss-seidel", "jacobi")
POINTS, ROWS = ROOT / "netlists" / "point-neurons-10.yaml", ROOT / "netlists" / "rows-24.yaml"
RNG = np.random.default_rng(7)


def imported(path, **options):
    return import_toolkit_model(path, ToolkitOptions(**{"name": "chip"} | options))


def trace(chip, x, ideal=True):
    network = compile_network(route(chip.netlist))
    return simulate(network, chip.program.as_ideal() if ideal else chip.program, x)


def written(tmp_path, content, name="m.json"):
    (tmp_path / name).write_text(json.dumps(content) if name.endswith(".json") else yaml.safe_dump(content))
    return tmp_path / name


# --- their models in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_the_reference_is_their_code(name):
    content, theirs = fixture(name)
    for k, states in enumerate(toolkit_states(content, theirs["x"])):
        np.testing.assert_allclose(states, theirs[f"layer_{k}"], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", MODELS)
def test_their_states_are_ours(name):
    _, theirs = fixture(name)
    chip = imported(FOLDER / f"toolkit-{name}.json")
    ours = trace(chip, theirs["x"])
    np.testing.assert_allclose(
        ours.state, np.concatenate([theirs["layer_1"], theirs["layer_2"]], -1), rtol=0, atol=1e-12
    )
    if name == "jacobi":  # their readout sees states before the step
        readout = np.array(fixture(name)[0]["connections"]["matrices"]["J_2_to_3"])
        np.testing.assert_allclose(theirs["layer_3"][:, -1], theirs["layer_2"][:, -2] @ readout.T, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours.output, theirs["layer_2"][:, -1] @ readout.T, rtol=0, atol=1e-12)
        assert sum("its answer is that of one more step" in note for note in chip.notes) == 1
    else:
        np.testing.assert_allclose(ours.output, theirs["layer_3"][:, -1], rtol=0, atol=1e-12)
    coded = np.abs(trace(chip, theirs["x"], ideal=False).state - ours.state).max()
    assert 1e-6 < coded < 1e-4  # 16 bits
    rough = trace(imported(FOLDER / f"toolkit-{name}.json", bits=4), theirs["x"], ideal=False)
    assert np.abs(rough.state - ours.state).max() > 1e-2


def test_their_table_and_our_squid_differ_by_a_thousandth():
    _, theirs = fixture("rate-array")
    ours = trace(imported(FOLDER / "toolkit-rate-array.json"), theirs["x"])
    differ = np.abs(ours.state - np.concatenate([theirs["layer_1"], theirs["layer_2"]], -1)).max()
    assert 1e-4 < differ < 2e-3 < 0.13 < ours.state.max()


def test_the_netlist_says_what_it_is():
    chip = imported(FOLDER / "toolkit-layerwise.json", name="mine")
    assert chip.text.startswith("# Imported from toolkit-layerwise.json, a model of soen-toolkit (layerwise, dt 25).\n")
    assert list(chip.edge_files) == ["mine-layer_1-layer_2.npz"]
    content = yaml.safe_load(chip.text)
    assert content["timing"] == {"sample_tau": 25.0, "substeps": 1, "update": "feed-forward"}
    topologies = [projection["topology"] for projection in content["projections"]]
    assert topologies[:2] == [{"kind": "all-to-all"}, {"kind": "all-to-all", "self_connections": False}]
    assert content["readout"]["classes"] == 2
    assert chip.program.header["imported_from"].endswith("toolkit-layerwise.json")


def changed(content, path, value):
    content = copy.deepcopy(content)
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return content


L1 = ("layers", "layer_1")
CONFIG = (*L1, "config", "params_config")
J01 = ("connections", "config", "J_0_to_1")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*L1, "config", "type"), "GRU", "layer 1 (GRU): soensim does not have it; it is a unit of machine learning"),
        (
            (*L1, "config", "type"),
            "MultiplierWICC",
            "layer 1 (MultiplierWICC): soensim does not have it; soensim has no mult",
        ),
        ((*L1, "config", "type"), "Odd", "layer 1 (Odd): soensim does not have it"),
        ((*L1, "config", "type"), "Linear", "layer 1 (Linear): is between layers; no circuit adds without a dendrite"),
        (("layers", "layer_0", "config", "type"), "Odd", "layer 0 (Odd): soensim does not have it"),
        ((*CONFIG, "solver"), "PARARNN", "layer 1 (SingleDendrite): solver 'PARARNN'; legal are FE and PS"),
        (
            (*CONFIG, "source_func"),
            "Telu",
            "layer 1 (SingleDendrite): source function 'Telu'; soensim has those of Tanh,",
        ),
        (
            (*CONFIG, "source_func"),
            "Heaviside_fit_state_dep",
            "layer 1 (SingleDendrite): source function Heaviside_fit_state_dep, a fit; the chip takes squid, what it "
            "approximates (with --approximate)",
        ),
        (
            (*L1, "parameters", "log_gamma_minus"),
            [-5.0, -5.0, -5.0, -5.0, -5.0, -5.1],
            "layer 1 (SingleDendrite): its gamma_minus differs between neurons (0.00609675 to 0.00673795); a chip has "
            "one: the mean (with --approximate)",
        ),
        ((*L1, "noise", "s"), 0.01, "layer 1 (SingleDendrite): its noise.s; a chip has imperfections.read_noise_flux"),
        (
            (*L1, "noise", "extras"),
            {"gamma_plus": 1.0},
            "layer 1 (SingleDendrite): its noise.extras.gamma_plus; a chip",
        ),
        (
            ("layers", "layer_0", "perturb", "s_mean"),
            1,
            "layer 0 (Input): its perturb.s_mean; a chip has no such noise",
        ),
        ((*J01, "noise", "j"), 0.1, "connection J_0_to_1: its noise.j; a chip has imperfections.programming_error"),
        ((*J01, "params_config", "mode"), "WICC", "connection J_0_to_1: mode WICC; soensim has no multiplier circuit"),
        (
            (*J01, "params_config"),
            {"dynamic": {"alpha": 1}},
            "connection J_0_to_1: mode multiplier; soensim has no mult",
        ),
        (("connections", "masks", "J_2_to_3"), [[0] * 4] * 2, "layer 3 (Linear): nothing drives it"),
        (
            (*L1, "parameters", "phi_offset"),
            [0.1],
            "layers.layer_1.parameters.phi_offset: has the shape (1,); it must be (6,)",
        ),
        ((*L1, "parameters", "phi_offset"), None, "layers.layer_1: lacks 'phi_offset' under parameters"),
        (
            (*L1, "parameters", "phi_offset"),
            ["0.1"] * 6,
            "layers.layer_1.parameters.phi_offset: holds what is no number",
        ),
        (
            ("connections", "matrices", "J_0_to_1"),
            [[1], [1, 2]],
            "connections.matrices.J_0_to_1: is ragged; its shape must be",
        ),
        (
            ("connections", "masks", "J_0_to_1"),
            [1, 2],
            "connections.masks.J_0_to_1: has the shape (2,); it must be (6, 3)",
        ),
        (
            (*L1, "parameters", "log_gamma_plus"),
            [101.0] * 6,
            "layers.layer_1.parameters.log_gamma_plus: holds 101; the log",
        ),
        (
            (*L1, "parameters", "phi_offset"),
            [1e101] * 6,
            "layers.layer_1.parameters.phi_offset: holds a value that is no number up to 1e+100",
        ),
        (("connections", "matrices"), {}, "connections.matrices: lacks the key 'J_0_to_1'"),
        ((*J01, "from"), 1, "connections.config.J_0_to_1: is from 1 to 1; its key must be J_1_to_1"),
        (
            (*CONFIG, "dim"),
            6.0,
            "layers.layer_1.config.params_config.dim: 6.0 is not legal; it must be a whole number from 1",
        ),
        (("simulation", "dt"), 0, "its step dt is 0; it must be above 0"),
        (("simulation", "dt"), True, "simulation.dt: true is not legal; it must be a number"),
        (("simulation", "input_type"), "rate", "its input_type is 'rate'; legal are state and flux"),
        (
            ("simulation", "network_evaluation_method"),
            "odd",
            "simulation.network_evaluation_method: 'odd' is not legal; it must",
        ),
        (("simulation", "track_phi"), 3, "simulation.track_phi: 3 is not legal; it must be true or false"),
        (("layers",), {"layer_0": 3}, "layers.layer_0: 3 is not legal; it must be a mapping"),
        (("layers",), {"hidden": {}}, "layers.hidden: the keys of layers must be layer_0, layer_1, …"),
        (("layers",), 3, "layers: 3 is not legal; it must be a list"),
        (
            ("connections", "config", "J_0_to_9"),
            {"from": 0, "to": 9},
            "connections.config.J_0_to_9: names layer 9, which the model does",
        ),
    ],
)
def test_models_that_are_refused(tmp_path, path, value, message):
    content = changed(fixture("layerwise")[0], path, value)
    with pytest.raises(ModelError) as caught:
        imported(written(tmp_path, content))
    assert f"m.json: {message}" in str(caught.value) or f": {message}" in str(caught.value), str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    content = changed(fixture("layerwise")[0], (*L1, "noise", "s"), 0.01)
    content = changed(content, (*CONFIG, "source_func"), "Telu")
    with pytest.raises(ModelError) as caught:
        imported(written(tmp_path, content))
    assert len(caught.value.faults) == 2


def test_connections_of_inputs_and_outputs(tmp_path):
    content, _ = fixture("gauss-seidel")
    part = content["connections"]
    for name, ends, shape in (("J_1_to_0", (1, 0), (3, 6)), ("J_3_to_1", (3, 1), (6, 2)), ("J_0_to_3", (0, 3), (2, 3))):
        part["config"][name] = {"from": ends[0], "to": ends[1], "type": "dense"}
        part["matrices"][name] = np.ones(shape).tolist()
    with pytest.raises(ModelError) as caught:
        imported(written(tmp_path, content))
    told = [fault.partition("m.json: ")[2] for fault in caught.value.faults]
    assert told == [
        "connection J_1_to_0: leads into the input layer, which takes no flux",
        "connection J_3_to_1: leads out of the last layer, a readout, which drives nothing",
        "connection J_0_to_3: the readout reads dendrites, not inputs",
    ]


def test_approximations_are_noted(tmp_path):
    content = changed(fixture("layerwise")[0], (*L1, "noise", "s"), 0.01)
    content = changed(content, (*L1, "parameters", "log_gamma_plus"), np.log([1e-2, 3e-2] * 3).tolist())
    chip = imported(written(tmp_path, content), approximate=True)
    assert any(
        note.startswith("layer 1 (SingleDendrite): its gamma_plus differs between neurons") for note in chip.notes
    )
    assert any("its noise.s" in note for note in chip.notes)
    content["layers"]["layer_1"]["config"]["params_config"]["polarity"] = [1] * 6
    notes = imported(written(tmp_path, content), approximate=True).notes
    assert len(notes) == len(chip.notes) + 1
    assert sum("its polarity fixes signs; those of the chip are free" in note for note in notes) == 1
    assert chip.netlist.dendrites["layer_1"].gamma_plus == pytest.approx(2e-2)
    assert "# - layer 1 (SingleDendrite): its noise.s" in chip.text


def test_offsets_of_each_neuron_are_trims_and_bounds_are_kept(tmp_path):
    content, theirs = fixture("layerwise")
    offsets = [0.1, 0.2, -0.1, 0.0, 0.3, 0.15]
    content = changed(content, (*L1, "parameters", "phi_offset"), offsets)
    content = changed(content, (*J01, "params_config", "constraints"), {"min": -0.1, "max": 0.05})
    content = changed(content, ("connections", "masks", "J_0_to_1"), [[1, 0, 1]] * 6)
    chip = imported(written(tmp_path, content))
    population = chip.netlist.dendrites["layer_1"]
    assert population.flux_offset == pytest.approx(0.1)
    assert population.flux_trim.range == pytest.approx(0.2)
    content["connections"]["matrices"]["J_0_to_1"] = np.clip(
        content["connections"]["matrices"]["J_0_to_1"], -0.1, 0.05
    ).tolist()
    expected = toolkit_states(content, theirs["x"])
    ours = trace(chip, theirs["x"])
    np.testing.assert_allclose(ours.state[..., :6], expected[1], rtol=0, atol=1e-12)


def test_flux_as_input(tmp_path):
    """The flux of the input enters the first dendrites: the same as a layer of lines, one per neuron."""
    content, _ = fixture("layerwise")
    content["simulation"]["input_type"] = "flux"
    lines = content["layers"].pop("layer_0")
    part = content["connections"]
    for group in part.values():
        group.pop("J_0_to_1")
    x = RNG.random((2, 5, 6))
    chip = imported(written(tmp_path, content))
    content["layers"]["layer_0"] = changed(lines, ("config", "params_config", "dim"), 6)
    part["matrices"]["J_0_to_1"] = part["masks"]["J_0_to_1"] = np.eye(6).tolist()
    expected = toolkit_states(content, x)
    ours = trace(chip, x, ideal=False)
    np.testing.assert_allclose(ours.state[..., :6], expected[1], rtol=0, atol=1e-4)
    content["simulation"]["input_type"] = "state"
    del content["layers"]["layer_0"], part["matrices"]["J_0_to_1"], part["masks"]["J_0_to_1"]
    with pytest.raises(ModelError, match=r"layer 1 \(SingleDendrite\): input_type state sets its states; put a Linear"):
        imported(written(tmp_path, content))


def test_steps_that_are_too_coarse_become_several(tmp_path):
    content = changed(fixture("layerwise")[0], ("simulation", "dt"), 600.0)
    chip = imported(written(tmp_path, content))
    assert chip.netlist.timing.substeps == 3  # of 1 / 0.004
    assert any("does not follow the dendrites; the chip takes 3 steps of it" in note for note in chip.notes)


# --- specifications -----------------------------------------------------------------------------------------

SPEC = {
    "seed": 4,
    "simulation": {"dt": 37.0, "track_phi": True, "network_evaluation_method": "layerwise"},
    "layers": [
        {"layer_id": 0, "layer_type": "Input", "params": {"dim": 3}},
        {
            "layer_id": 1,
            "layer_type": "SingleDendrite",
            "description": "hidden ones",
            "params": {
                "dim": 4,
                "gamma_plus": {"distribution": "constant", "params": {"value": 0.002}},
                "bias_current": 1.8,
            },
        },
        {"layer_id": 2, "layer_type": "Linear", "params": {"dim": 2}},
    ],
    "connections": [
        {
            "from_layer": 0,
            "to_layer": 1,
            "connection_type": "dense",
            "params": {"constraints": {"min": -0.3, "max": 0.2}},
        },
        {
            "from_layer": 1,
            "to_layer": 1,
            "connection_type": "dense",
            "params": {
                "structure": {"type": "sparse", "params": {"sparsity": 0.5}},
                "init": {"name": "normal", "params": {"mean": 0.0, "std": 0.1}},
                "allow_self_connections": False,
            },
        },
        {"from_layer": 1, "to_layer": 2, "connection_type": "all_to_all", "params": {"init": "uniform", "max": 0.5}},
    ],
}


def test_a_specification(tmp_path):
    chip = imported(written(tmp_path, SPEC, "m.yaml"), bits=4)
    assert chip.program is None
    assert chip.edge_files == {}
    assert "# layer_1: hidden ones\n" in chip.text
    content = yaml.safe_load(chip.text)
    assert content["populations"]["layer_1"] == {
        "kind": "dendrite",
        "size": 4,
        "source_function": "squid",
        "bias_current": 1.8,
        "flux_offset": 0.23,
        "gamma_plus": 0.002,
        "gamma_minus": 0.001,
    }
    assert content["projections"][0]["efficacy"] == {"bits": 4, "range": 0.3}
    recurrent = content["projections"][1]
    assert recurrent["topology"] == {"kind": "random", "density": 0.5, "seed": 4, "self_connections": False}
    assert recurrent["efficacy"]["range"] == pytest.approx(0.4)
    assert content["readout"]["efficacy"]["range"] == 0.5
    told = " ".join(chip.notes)
    assert "simulation.track_phi: no effect on states" in told
    assert "J_1_to_1: its edges are drawn, and soensim draws others" in told
    assert "has no values, which its builder draws: there is no program" in told
    again = yaml.safe_load(imported(written(tmp_path, SPEC, "m.json"), bits=4).text)
    assert again == content | {"description": "from m.json of soen-toolkit"}


def test_masks_of_a_specification(tmp_path):
    spec = copy.deepcopy(SPEC)
    mask = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    np.savez(tmp_path / "mask.npz", mask=mask)
    spec["connections"][0] |= {"connection_type": "custom", "params": {"mask_file": "mask.npz"}}
    spec["connections"][1] = {"from_layer": 1, "to_layer": 1, "connection_type": "one_to_one"}
    spec["connections"][2] |= {"connection_type": "one_to_one", "params": {"source_start_node_id": 1}}
    model = read_toolkit_model(written(tmp_path, spec, "m.yaml"))
    np.testing.assert_array_equal(model.connections[2].mask, [[0, 1, 0, 0], [0, 0, 1, 0]])
    chip = imported(written(tmp_path, spec, "m.yaml"))
    first, second = chip.netlist.projections
    assert sorted(zip(chip.netlist.edges(first).targets, chip.netlist.edges(first).sources, strict=True)) == sorted(
        zip(*np.nonzero(mask), strict=True)
    )
    assert second.topology.kind == "one-to-one"
    np.savez(tmp_path / "mask.npz", mask=mask.T)
    with pytest.raises(
        ModelError, match=r"mask_file: .*mask.npz has a mask of the shape \(3, 4\); it must be \(4, 3\)"
    ):
        imported(tmp_path / "m.yaml")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("layers", 1, "params", "bias_current"),
            {"distribution": "uniform", "params": {"min": 1.8, "max": 2.1}},
            "drawn",
        ),
        (
            ("layers", 1, "params", "gamma_plus"),
            {"distribution": "fan_out"},
            "'fan_out' is not legal; it must be constant",
        ),
        (
            ("connections", 0, "connection_type"),
            "power_law",
            "connections[0].connection_type: 'power_law' is not legal; it",
        ),
        (
            ("connections", 1, "params", "structure", "params"),
            {"sparsity": 0},
            "sparsity: 0 is not legal; it must be above 0",
        ),
        (("connections", 0, "params", "constraints"), {"min": 1, "max": 0}, "its min, 1, is above its max, 0"),
        (("connections", 0, "to_layer"), 7, "connections[0]: names layer 7, which the model does not have"),
        (("connections", 1, "from_layer"), 0, "has two connections J_0_to_1; their builder takes one"),
        (("layers", 1, "layer_id"), 0, "two layers have the same layer_id"),
        (("layers", 2, "params", "dim"), 1, "layer 2 (Linear): has 1 node; a linear readout has 2 classes or more"),
        (("layers",), [], "has no layer; a chip needs a layer of dendrites"),
        (("seed",), -1, "seed: -1 is not legal; it must be a whole number from 0"),
    ],
)
def test_specifications_that_are_refused(tmp_path, path, value, message):
    with pytest.raises(ModelError) as caught:
        imported(written(tmp_path, changed(SPEC, path, value), "m.yaml"))
    assert message in str(caught.value)


def test_means_of_what_is_drawn(tmp_path):
    spec = changed(
        SPEC, ("layers", 1, "params", "bias_current"), {"distribution": "uniform", "params": {"min": 1.8, "max": 2.1}}
    )
    chip = imported(written(tmp_path, spec, "m.yaml"), approximate=True)
    assert chip.netlist.dendrites["layer_1"].bias_current == pytest.approx(1.95)
    assert any("its bias_current is drawn per neuron; a chip has one: the mean" in note for note in chip.notes)


def test_a_connection_back_makes_their_builder_step(tmp_path):
    spec = copy.deepcopy(SPEC)
    spec["layers"].insert(2, copy.deepcopy(spec["layers"][1]) | {"layer_id": 2})
    spec["layers"][3]["layer_id"] = 3
    spec["connections"][2]["to_layer"] = 3
    spec["connections"] += [{"from_layer": a, "to_layer": b, "connection_type": "dense"} for a, b in ((1, 2), (2, 1))]
    assert any("J_2_to_1 leads back" in note for note in imported(written(tmp_path, spec, "m.yaml")).notes)


def test_files_that_are_no_model(tmp_path):
    for name, content, message in (
        (
            "m.txt",
            "",
            "m.txt: the name must end in .json, .yaml or .yml; give a model that soen-toolkit exported as JSON",
        ),
        ("m.json", "[]", "m.json: is no model of soen-toolkit: it has no `layers`"),
        ("m.json", '{"a": 1', "m.json:1:8: is not JSON"),
        ("m.yaml", "a: [", "m.yaml:2:1: is not YAML"),
        ("m.yaml", "", "m.yaml"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ModelError) as caught:
            imported(tmp_path / name)
        assert message in str(caught.value)
    with pytest.raises(ModelError, match=r"no\.json: no such file"):
        imported(tmp_path / "no.json")


# --- chips out ----------------------------------------------------------------------------------------------


def exported(chip, **options):
    return toolkit_model(chip.netlist, compile_network(route(chip.netlist)), chip.program.as_ideal(), **options)


@pytest.mark.parametrize("name", [*MODELS, "rate-array"])
def test_round_trip(name):
    content, _ = fixture(name)
    back = exported(imported(FOLDER / f"toolkit-{name}.json")).content
    assert back["simulation"]["network_evaluation_method"] == content["simulation"]["network_evaluation_method"]
    assert back["simulation"]["dt"] == content["simulation"]["dt"]
    for key, matrix in content["connections"]["matrices"].items():
        np.testing.assert_array_equal(back["connections"]["matrices"][key], matrix)
        np.testing.assert_array_equal(back["connections"]["masks"][key], content["connections"]["masks"][key])
    for key, layer in content["layers"].items():
        assert set(back["layers"][key]["parameters"]) == set(layer["parameters"])
        assert back["layers"][key]["buffers"] == layer["buffers"]
        for parameter, values in layer["parameters"].items():
            if parameter != "bias_current" or name == "rate-array":  # Tanh does not look at it
                np.testing.assert_allclose(back["layers"][key]["parameters"][parameter], values, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_every_key_is_one_of_theirs(name):
    content, _ = fixture(name)
    back = exported(imported(FOLDER / f"toolkit-{name}.json")).content

    def keys(part, at=()):
        for key, value in part.items():
            yield (*at, key)
            if isinstance(value, dict):
                yield from keys(value, (*at, key))

    own = {path for path in keys(back) if path[0] != "metadata"}
    init = {path for path in own if "init" in path or "structure" in path}
    assert own - init <= set(keys(content))


CHIP = """
schema: soensim/1
name: two
technology: nist-2023
populations:
  x: {kind: input, size: 2, drive_low: 0.0, drive_high: 0.5}
  y: {kind: input, size: 1, drive_low: 0.0, drive_high: 1.0}
  a: {kind: dendrite, size: 3, source_function: tanh, flux_offset: 0.1, gamma_plus: 0.02, gamma_minus: 0.01}
  b:
    kind: dendrite
    size: 2
    source_function: tanh
    flux_trim: {bits: 8, range: 0.5}
    gamma_plus: 0.03
    gamma_minus: 0.005
projections:
  - {source: x, target: a, topology: all-to-all, efficacy: {bits: 8, range: 1.0}}
  - {source: y, target: b, topology: all-to-all, efficacy: {bits: 8, range: 1.0}}
  - {source: a, target: a, topology: {kind: random, density: 0.5, seed: 1}, efficacy: {bits: 8, range: 1.0}}
  - {source: a, target: b, topology: all-to-all, efficacy: {bits: 8, range: 1.0}}
  - {source: b, target: a, topology: all-to-all, efficacy: {bits: 8, range: 1.0}}
timing: {sample_tau: 40.0, substeps: 2, update: UPDATE, integrator: INTEGRATOR}
readout: {kind: linear, populations: [b, a], classes: 2, state: mean, efficacy: {bits: 8, range: 1.0}}
"""


def two(update="lockstep", integrator="forward-euler", *changes):
    text = CHIP.replace("UPDATE", update).replace("INTEGRATOR", integrator)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    netlist = parse_netlist(text)
    network = compile_network(route(netlist))
    draw = np.random.default_rng(1).uniform
    weights = {key: draw(-0.9, 0.9, len(synapses)) for key, synapses in network.synapses.items()}
    trims = {p.trim_key: draw(-0.4, 0.4, p.size) for p in network.populations if p.trim_levels is not None}
    size = sum(p.size for p in network.populations)
    program = Program.quantised(network, weights | trims | {"readout": draw(-1, 1, (2, size))})
    return netlist, network, program


@pytest.mark.parametrize("integrator", ["forward-euler", "exponential-euler"])
@pytest.mark.parametrize(("update", "layers"), [("lockstep", 3), ("feed-forward", 4)])
def test_chips_as_models(update, layers, integrator):
    netlist, network, program = two(update, integrator)
    model = toolkit_model(netlist, network, program)
    assert len(model.content["layers"]) == layers
    x = RNG.random((2, 7, 3))
    theirs = toolkit_states(model.content, np.repeat(x, 2, axis=1))
    ours = simulate(network, program, x)
    np.testing.assert_allclose(np.concatenate(theirs[1:-1], -1)[:, ::2], ours.state, rtol=0, atol=1e-12)
    a, b = np.split(ours.state[:, -1], [3], axis=-1)
    np.testing.assert_allclose(theirs[-1][:, -1], np.concatenate([b, a], -1) @ program.values["readout"].T, atol=1e-12)
    expected = "layerwise" if update == "lockstep" else "stepwise_gauss_seidel"
    assert model.content["simulation"]["network_evaluation_method"] == expected
    assert model.notes[:1] == ("the readout reads mean states: take the mean of the output layer over the steps",)
    told = " ".join(model.notes)
    assert "hold each frame of data for 2 steps of soen-toolkit" in told
    assert "a data value x of 'x' is the signal 0 + 0.5 x (I_c)" in told
    assert ("populations in lockstep are one layer" in told) == (update == "lockstep")


def test_an_edge_that_holds_zero_stays_an_edge():
    netlist, network, _ = two("feed-forward")
    zero = {key: np.zeros(len(synapses)) for key, synapses in network.synapses.items()}
    content = toolkit_model(netlist, network, Program.quantised(network, zero | {"readout": np.zeros((2, 5))})).content
    masks = content["connections"]["masks"]
    assert {name: np.sum(mask) for name, mask in masks.items()} == {
        "J_0_to_1": 6,
        "J_0_to_2": 2,
        "J_1_to_1": 4,
        "J_1_to_2": 6,
        "J_1_to_3": 6,
        "J_2_to_1": 6,
        "J_2_to_3": 4,
    }


def test_without_a_connection_back_a_chip_is_layerwise():
    netlist, network, program = two(
        "feed-forward",
        "forward-euler",
        ("  - {source: b, target: a, topology: all-to-all, efficacy: {bits: 8, range: 1.0}}\n", ""),
    )
    content = toolkit_model(netlist, network, program).content
    assert content["simulation"]["network_evaluation_method"] == "layerwise"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("INTEGRATOR", "heun"), "its integrator is heun; soen-toolkit takes Euler steps (with --approximate)"),
        (
            ("size: 3, source_function: tanh", "size: 3, normalise: l2, source_function: tanh"),
            "population 'a' is normalised; soen-toolkit sends states as they are (with --approximate)",
        ),
        (
            ("size: 2, drive_low", "size: 2, normalise: l2, drive_low"),
            "population 'x' is normalised; soen-toolkit takes inputs as they come (with --approximate)",
        ),
        (
            ("size: 3, source_function: tanh", "size: 3, source_function: squid-fit, bias_current: 1.7"),
            "population 'a' has the source function squid-fit; RateArray is near it (with --approximate)",
        ),
        (
            (
                "source: a, target: b, topology: all-to-all,",
                "source: a, target: b, topology: all-to-all, delay_ps: 12.8278,",
            ),
            "its edges have delays, up to 0.5 steps; soen-toolkit has none (with --approximate)",
        ),
        (
            ("size: 3, source_function: tanh", "size: 3, source_function: steep-sigmoid"),
            "population 'a': source function 'steep-sigmoid'; soen-toolkit has tanh, relu, squid",
        ),
        (
            ("size: 3, source_function: tanh", "size: 3, source_function: relu"),
            "its populations step in lockstep and have several source functions; soen-toolkit has one per layer",
        ),
    ],
)
def test_chips_that_are_refused(change, message):
    text = CHIP.replace(*change).replace("INTEGRATOR", "forward-euler").replace("UPDATE", "lockstep")
    netlist = parse_netlist(text.replace("gamma_plus: 0.02", "gamma_plus: 0.0015") if "squid" in text else text)
    network = compile_network(route(netlist))
    weights = {key: np.zeros(len(synapses)) for key, synapses in network.synapses.items()}
    program = Program.quantised(network, weights | {"readout": np.zeros((2, 5))})
    with pytest.raises(ModelError) as caught:
        toolkit_model(netlist, network, program)
    assert message in str(caught.value), str(caught.value)
    if message.endswith("(with --approximate)") and "squid" not in text:
        notes = toolkit_model(netlist, network, program, approximate=True).notes
        assert message.removesuffix(" (with --approximate)") in notes


# --- commands -----------------------------------------------------------------------------------------------


def run(verb, *arguments):
    return cli.run(import_module(f"soensim.commands.{verb}").main, [str(word) for word in arguments])


def test_there_and_back_by_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, toolkit = FOLDER / "toolkit-layerwise.json", ("--format", "soen-toolkit")
    assert run("import", model, *toolkit, "--out", "c.yaml", "--json", "i.json") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "c-layer_1-layer_2.npz",
        "c.safetensors",
        "c.yaml",
        "i.json",
    ]
    assert "c.yaml, c.safetensors: 10 neurons, 58 synapses" in capsys.readouterr().out
    network = compile_network(route(load_netlist("c.yaml")))
    assert Program.load("c.safetensors", network).header["netlist"] == "c"
    summary = json.loads(Path("i.json").read_text())
    assert summary["chip"]["projections"] == {"layer_0->layer_1": 18, "layer_1->layer_1": 30, "layer_1->layer_2": 10}
    assert summary["notes"] == ["layer 3 (Linear): the chip's readout is its value after the last step (state: final)"]
    assert run("export", "c.yaml", *toolkit, "--ideal", "--out", "back.json", "--json", "e.json") == 0
    assert capsys.readouterr().out == "back.json: 4 layers\n"
    back, content = json.loads(Path("back.json").read_text()), fixture("layerwise")[0]
    assert back["connections"]["matrices"] == content["connections"]["matrices"]
    assert run("export", "c.yaml", *toolkit, "--out", "codes.json") == 0
    codes = json.loads(Path("codes.json").read_text())["connections"]["matrices"]["J_0_to_1"]
    assert 0 < np.abs(np.array(codes) - content["connections"]["matrices"]["J_0_to_1"]).max() < 2e-5
    assert json.loads(Path("e.json").read_text())["layers"] == 4


def test_what_the_commands_refuse(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toolkit = ("--format", "soen-toolkit")
    model = written(tmp_path, changed(fixture("layerwise")[0], (*L1, "config", "type"), "GRU"))
    for verb, arguments, message in (
        ("import", (model, *toolkit, "--out", "c.yaml"), "m.json: layer 1 (GRU): soensim does not have it"),
        (
            "import",
            (model, *toolkit, "--out", "1.yaml"),
            "--out: the chip would be called '1'; a name starts with a letter",
        ),
        ("import", (model, *toolkit, "--out", "c.json"), "c.json: the name must end in .yaml or .yml"),
        ("import", (model, *toolkit, "--out", "c.yaml", "--bits", "1"), "--bits: 1 is not legal"),
        ("import", (model, "--out", "c.yaml"), "--format must be given"),
        ("export", toolkit, "--format soen-toolkit needs a netlist: soensim export CHIP --format soen-toolkit"),
        ("export", (POINTS, *toolkit), f"{POINTS}: has spiking neurons; soen-toolkit has layers of rate neurons alone"),
        (
            "export",
            (ROWS, *toolkit, "--chip-seed", "1"),
            "--chip-seed is for --format targets: a model of another tool has",
        ),
        (
            "export",
            (ROWS, *toolkit, "--out", "c.yaml"),
            "c.yaml: the name must end in .json; --out writes no other kind of",
        ),
        ("export", ("--format", "josim", "--ideal"), "--ideal is for --format soen-toolkit, not josim; leave it out"),
        (
            "export",
            ("c.yaml", *toolkit, "--length", "3"),
            "--length is for --format ngspice or josim, not soen-toolkit",
        ),
    ):
        assert run(verb, *arguments) == 2
        assert f"soensim: error: {message}" in capsys.readouterr().err.replace(f"{tmp_path}/", "")
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def test_their_code_reads_what_we_write(tmp_path):
    """Where soen-toolkit is installed: its own loader and its own steps."""
    tools = pytest.importorskip("soen_toolkit.utils.model_tools", reason="soen-toolkit is not installed")
    torch = pytest.importorskip("torch")
    netlist, network, program = two("feed-forward")
    path = written(tmp_path, toolkit_model(netlist, network, program).content)
    x = RNG.random((2, 6, 3))
    _, states = tools.model_from_json(str(path)).double()(torch.tensor(np.repeat(x, 2, axis=1)))
    ours = simulate(network, program, x).state
    theirs = np.concatenate([states[1].detach().numpy(), states[2].detach().numpy()], -1)
    np.testing.assert_allclose(theirs[:, ::2], ours, rtol=0, atol=1e-6)
