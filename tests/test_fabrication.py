"""Fabricated chips: what every imperfection draws, what it does to a chip, and that one file is all that one takes."""

import dataclasses
import itertools
import json
import subprocess
import sys
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from conftest import LABELS, ROOT, SMALL, compiled, delayed
from test_program import random_weights

from soensim.errors import RecipeError, SimulationError
from soensim.evaluation import evaluate
from soensim.fabrication import (
    IMPERFECTIONS,
    FabricatedChip,
    Imperfection,
    array_noise,
    build_cells,
    fabricate_chip,
    read_sizes,
    register,
    stream,
    tensor_noise,
)
from soensim.fabrication.imperfections.base import like
from soensim.netlist import json_schema, parse_netlist
from soensim.netlist.schema.imperfections import PARAMETERS
from soensim.network import compile_network, step_coefficients, with_delay_factor
from soensim.program import READOUT, Program
from soensim.routing import route
from soensim.simulation import simulate
from soensim.technology import load_technology
from soensim.training import RECIPES, BpttRecipe
from soensim.training.loop import Training
from soensim.training.trainable_network import TrainableChip

FABRICATED = ("pixels->hidden", "hidden->hidden", READOUT)
DEVICES = ("gamma_minus", "bias_current", "flux_offset")
OWN_QUANTITY = [f"{quantity}_spread" for quantity in ("efficacy", *DEVICES, "delay")]


def quantised(network, scale=0.3):
    return Program.quantised(network, random_weights(network, scale=scale))


def drawn(network, chip_seed=0, **spreads):
    return fabricate_chip(network, quantised(network).values, spreads, chip_seed)


def signals(network, batch=3, steps=6):
    return np.random.default_rng(7).uniform(0, 0.5, (batch, steps, network.channels))


def by_hand(chip_seed, name):
    """The stream that the name stands for: chips keep their seeds from one version to the next."""
    return np.random.default_rng([chip_seed, zlib.crc32(name.encode())])


# --- draws -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
def test_every_quantity_has_the_stream_of_its_name(small, seed):
    """Written out, so that a chip seed means the same chip for ever, and no quantity borrows another's stream."""
    nominal = FabricatedChip.nominal(small, quantised(small).values)
    (p,) = small.populations

    chip = drawn(small, seed, efficacy_spread=0.1)
    for key, value in nominal.values.items():
        factor = 1 + 0.1 * by_hand(seed, key).standard_normal(value.shape) if key in FABRICATED else 1.0
        np.testing.assert_array_equal(chip.values[key], value * factor)

    chip = drawn(small, seed, drop_synapses=0.2)
    for key, value in nominal.values.items():
        alive = by_hand(seed, f"{key}.dead").random(value.shape) >= 0.2 if key in FABRICATED else True
        np.testing.assert_array_equal(chip.values[key], value * alive)

    normal = {quantity: by_hand(seed, f"hidden.{quantity}").standard_normal(6) for quantity in DEVICES}
    chip = drawn(small, seed, gamma_minus_spread=0.2, bias_current_spread=0.1, flux_offset_spread=0.01)
    np.testing.assert_array_equal(chip.gamma_minus[0], p.gamma_minus * (1 + 0.2 * normal["gamma_minus"]))
    np.testing.assert_array_equal(chip.bias_current[0], p.bias_current * (1 + 0.1 * normal["bias_current"]))
    np.testing.assert_array_equal(chip.flux_offset[0], p.flux_offset + 0.01 * normal["flux_offset"])

    factor = 1 + 0.1 * by_hand(seed, "delay_factor").standard_normal()
    assert drawn(small, seed, delay_spread=0.1).delay_factor == factor
    chip = drawn(small, seed, read_noise_flux=0.03)
    assert (chip.read_seed, chip.read_noise_flux) == (by_hand(seed, "read_seed").integers(2**62), 0.03)


def deviations(network, chip_seed):
    """Every normal number that decides a chip, by quantity, as one long array each."""
    chip = drawn(network, chip_seed, **dict.fromkeys(OWN_QUANTITY, 0.05))
    nominal = FabricatedChip.nominal(network, quantised(network).values)
    found = {key: (chip.values[key] / nominal.values[key] - 1) for key in FABRICATED}
    found["gamma_minus"] = chip.gamma_minus[0] / nominal.gamma_minus[0] - 1
    found["bias_current"] = chip.bias_current[0] / nominal.bias_current[0] - 1
    found["flux_offset"] = chip.flux_offset[0] - nominal.flux_offset[0]
    found["delays"] = np.array([chip.delay_factor - 1])
    return {name: values.ravel() / 0.05 for name, values in found.items()}


@pytest.mark.filterwarnings("ignore:invalid value")  # a synapse that is programmed to zero has no relative deviation
def test_deviations_are_normal_and_those_of_two_quantities_independent(small):
    chips = [deviations(small, seed) for seed in range(300)]
    for name in chips[0]:
        z = np.concatenate([chip[name] for chip in chips])
        z = z[np.isfinite(z)]
        few = 5 / np.sqrt(len(z))
        assert abs(z.mean()) < few, name
        assert abs(z.std() - 1) < few, name
        assert abs((np.abs(z) < 0.6745).mean() - 0.5) < few, name  # half of a Gaussian: no uniform, no clipped one
    first = {name: np.array([chip[name][np.isfinite(chip[name])][0] for chip in chips]) for name in chips[0]}
    for a, b in itertools.combinations(first, 2):
        assert abs(np.corrcoef(first[a], first[b])[0, 1]) < 0.3, (a, b)


def test_what_is_left_out_or_zero_does_not_act(small):
    """A chip keeps its other draws when an imperfection is added."""
    nominal = FabricatedChip.nominal(small, quantised(small).values)
    for spreads in ({}, dict.fromkeys(IMPERFECTIONS, 0.0)):
        chip = drawn(small, 3, **spreads)
        for quantity in DEVICES:
            np.testing.assert_array_equal(getattr(chip, quantity), getattr(nominal, quantity))
        for key, value in nominal.values.items():
            np.testing.assert_array_equal(chip.values[key], value)
        assert (chip.delay_factor, chip.read_seed) == (1.0, None)
    alone, beside = drawn(small, 3, efficacy_spread=0.1), drawn(small, 3, efficacy_spread=0.1, gamma_minus_spread=0.1)
    np.testing.assert_array_equal(alone.values["hidden->hidden"], beside.values["hidden->hidden"])
    assert not np.array_equal(alone.gamma_minus[0], beside.gamma_minus[0])


def test_leaks_and_delays_do_not_become_negative(small, monkeypatch):
    for name in ("gamma_minus_spread", "delay_spread"):  # larger than is legal: negative ones are common
        monkeypatch.setattr(IMPERFECTIONS[name], "most", 2.0)
    chips = [drawn(small, seed, gamma_minus_spread=2.0, delay_spread=2.0) for seed in range(40)]
    leaks = np.concatenate([chip.gamma_minus[0] for chip in chips])
    factors = np.array([chip.delay_factor for chip in chips])
    for values in (leaks, factors):
        assert values.min() == 0
        assert 0.2 < (values == 0).mean() < 0.45  # a share of 31 % of the Gaussian is below zero


def test_zero_is_a_legal_size_of_every_imperfection():
    for kind in IMPERFECTIONS.values():
        assert (kind.fault(0.0), kind(0.0).size) == ("", 0.0)
        assert kind.fault(kind.least - 1e-9) == f"it must not be below {kind.least:g}"
        assert "it must be" in kind.fault(1.001 * kind.most + 1e-9)
        advice = "; 5 % is written 0.05" if kind.unit == "1" else ""
        assert kind.below is not None or kind.fault(5 * kind.most + 1) == f"it must be at most {kind.most:g}{advice}"


def test_delays_vary_where_any_edge_has_one(small, small_netlist):
    kind = IMPERFECTIONS["delay_spread"]
    assert kind.absent(small) == "no delays"
    routed = route(small_netlist)
    found = routed.projections["hidden->hidden"]
    one = np.where(np.arange(len(found.edges)) == 0, 30.0, 0.0)
    late = dataclasses.replace(
        routed, projections={**routed.projections, "hidden->hidden": dataclasses.replace(found, delay_ps=one)}
    )
    assert kind.absent(compile_network(late)) == ""


def test_an_off_chip_readout_is_exact():
    for location, exact in (("off-chip", True), ("on-chip", False)):
        network = compiled(SMALL.replace("  state: final\n", f"  state: final\n  location: {location}\n"))
        values = quantised(network).values
        for spreads in ({"efficacy_spread": 0.1}, {"drop_synapses": 0.2}):
            chip = fabricate_chip(network, values, spreads, 0)
            assert np.array_equal(chip.values[READOUT], values[READOUT]) == exact
            np.testing.assert_array_equal(chip.values["hidden.flux_trim"], values["hidden.flux_trim"])


# --- numpy and torch ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_give_the_same_chip_with_the_gradient_of_what_was_programmed(small, dtype):
    spreads = {"efficacy_spread": 0.1, "drop_synapses": 0.2, "flux_offset_spread": 0.01}
    values = quantised(small).values
    tensors = {key: torch.tensor(v, dtype=dtype, requires_grad=True) for key, v in values.items()}
    ours, theirs = (fabricate_chip(small, v, spreads, 4) for v in (tensors, values))
    for key, tensor in ours.values.items():
        assert tensor.dtype == dtype
        np.testing.assert_allclose(tensor.detach().numpy(), theirs.values[key], rtol=1e-6, atol=0)
    np.testing.assert_array_equal(ours.flux_offset, theirs.flux_offset)
    key = "hidden->hidden"
    (gradient,) = torch.autograd.grad(ours.values[key].sum(), tensors[key])
    factor = (1 + 0.1 * by_hand(4, key).standard_normal(18)) * (by_hand(4, f"{key}.dead").random(18) >= 0.2)
    np.testing.assert_allclose(gradient.numpy(), factor, rtol=1e-6)


def test_a_simulation_of_a_fabricated_chip_does_not_load_torch():
    code = (
        "import sys; sys.path.insert(0, 'tests'); from soensim import load_netlist, compile_network, route, simulate, "
        "Program\n"
        "network = compile_network(route(load_netlist('netlists/year1-28.yaml')))\n"
        "program = Program.load('netlists/year1-28.safetensors')\n"
        "import numpy; simulate(network, program, numpy.zeros((1, 1, network.channels)), chip_seed=0)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_noise_of_arrays_and_tensors_has_its_size():
    array = array_noise(3, 0.02, range(40), (6, 5))
    tensor = tensor_noise(3, 0.02, (6, 40, 5), torch.float64).numpy()
    for noise in (array, tensor):
        assert noise.std() == pytest.approx(0.02, rel=0.1)
        assert abs(noise.mean()) < 0.003
        assert len(np.unique(noise)) == 1200
    np.testing.assert_array_equal(array_noise(3, 0.02, range(10, 12), (6, 5)), array[10:12])
    np.testing.assert_array_equal(tensor_noise(3, 0.02, (6, 40, 5), torch.float64).numpy(), tensor)
    assert not np.array_equal(array_noise(4, 0.02, range(40), (6, 5)), array)
    assert not np.array_equal(tensor_noise(4, 0.02, (6, 40, 5), torch.float64).numpy(), tensor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_has_the_type_that_is_asked_for_and_is_drawn_on_the_cpu(dtype):
    with torch.device("meta"):  # as where another device computes: its numbers would be others
        noise = tensor_noise(3, 0.02, (2, 3, 4), dtype)
    assert (noise.dtype, noise.device.type) == (dtype, "cpu")
    torch.testing.assert_close(noise, tensor_noise(3, 0.02, (2, 3, 4), dtype))


def test_what_was_drawn_follows_the_tensors_to_their_device_and_dtype():
    values = torch.empty(2, dtype=torch.float32, device="meta")  # a device without numbers
    found = like(np.array([1.0, 2.0]), values)
    assert (found.device.type, found.dtype) == ("meta", torch.float32)


def test_a_nominal_chip_has_no_noise(small):
    chip = FabricatedChip.nominal(small, quantised(small).values)
    assert (chip.delay_factor, chip.read_seed, chip.read_noise_flux) == (1.0, None, 0.0)


# --- cells ------------------------------------------------------------------------------------------------

TOP = "{kind: dendrite, size: 4, source_function: squid-fit, bias_current: 1.9, gamma_plus: 0.001, gamma_minus: 0.001}"
CHAIN = SMALL.replace(
    "projections:\n",
    f"  top: {TOP}\n"
    "projections:\n"
    "  - {source: hidden, target: top, topology: all-to-all, efficacy: {bits: 4, range: 0.3}}\n"
    "  - {source: top, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 0.3}}\n",
)


def test_cells_are_those_of_the_chip():
    network = compiled(CHAIN)
    chip = drawn(network, 1, gamma_minus_spread=0.1, bias_current_spread=0.1, flux_offset_spread=0.1)
    layouts = {key: s.delay_layout(network.dt_tau, feed_forward=False) for key, s in network.synapses.items()}
    calls = []

    def weights(key, layout, efficacies):
        assert layout is layouts[key]
        assert efficacies is chip.values[key]
        calls.append(key)
        return key

    cells = build_cells(network, chip, layouts, weights)
    assert [[(t.source, t.weights, t.port) for t in cell.terms] for cell in cells] == [
        [(1, "top->hidden", 0), (None, "pixels->hidden", 0), (0, "hidden->hidden", 0)],
        [(0, "hidden->top", 0)],
    ]
    for k, (cell, population) in enumerate(zip(cells, network.populations, strict=True)):
        retention, gain = step_coefficients(network, population, chip.gamma_minus[k])
        np.testing.assert_array_equal(cell.retention, retention)
        np.testing.assert_array_equal(cell.gain, gain)
        np.testing.assert_array_equal(cell.bias_current, chip.bias_current[k])
        assert cell.source is population.source
    np.testing.assert_array_equal(cells[0].flux_offset, chip.flux_offset[0] + chip.values["hidden.flux_trim"])
    np.testing.assert_array_equal(cells[1].flux_offset, chip.flux_offset[1])

    (alone,) = build_cells(network, chip, layouts, weights, sources=["training"], convert=lambda a: -a, populations=1)
    assert [t.weights for t in alone.terms] == ["pixels->hidden", "hidden->hidden"]  # none from a population after it
    assert alone.source == "training"
    np.testing.assert_array_equal(alone.retention, -cells[0].retention)
    np.testing.assert_array_equal(alone.bias_current, -cells[0].bias_current)


# --- scored chips ------------------------------------------------------------------------------------------


def stating(text, **spreads):
    own = {f"{name}_spread": 0 for name in ("efficacy", "gamma_minus", "bias_current", "flux_offset")} | spreads
    return text + f"imperfections: {json.dumps(own)}\n"


def test_a_netlist_states_dead_synapses_and_they_are_scored(digits):
    netlist = parse_netlist(stating(SMALL, drop_synapses=0.3))
    assert netlist.hash == parse_netlist(SMALL).hash
    network = compile_network(route(netlist))
    program, x = quantised(network), signals(network)
    left = {
        key: v * (by_hand(5, f"{key}.dead").random(v.shape) >= 0.3) if key in FABRICATED else v
        for key, v in program.values.items()
    }
    np.testing.assert_array_equal(
        simulate(network, program, x, chip_seed=5).state, simulate(network, Program.ideal(network, left), x).state
    )
    result = evaluate(route(netlist), program, digits, trials=2)
    assert result.as_dict()["spreads"]["drop_synapses"] == 0.3
    assert result.accuracy.chips != (result.accuracy.quantised,) * 2
    unstated = evaluate(route(parse_netlist(SMALL)), program, digits, trials=1)
    assert "drop_synapses" not in unstated.as_dict()["spreads"]


def test_a_netlist_states_the_spread_of_delays_and_it_is_simulated():
    network = compile_network(delayed(stating(SMALL, delay_spread=0.3), 300))
    program, x = quantised(network), signals(network)
    factor = 1 + 0.3 * by_hand(1, "delay_factor").standard_normal()
    slower = simulate(network, program, x, chip_seed=1).state
    np.testing.assert_array_equal(slower, simulate(with_delay_factor(network, factor), program, x).state)
    assert np.abs(slower - simulate(network, program, x).state).max() > 1e-5


# --- the registry ------------------------------------------------------------------------------------------


def test_spreads_of_the_technology_are_listed_at_zero_too():
    """Who reads the JSON sees that they are zero; those that no technology knows appear where a netlist states them."""
    ideal = compiled(SMALL.replace("nist-2023", "ideal"))
    assert ideal.spreads == dict.fromkeys([f"{q}_spread" for q in ("efficacy", *DEVICES)], 0.0)
    assert compiled(stating(SMALL, delay_spread=0.1)).spreads == {**ideal.spreads, "delay_spread": 0.1}


def test_schema_and_registry_agree():
    fields = json_schema()["$defs"]["Imperfections"]["properties"]
    assert set(fields) == {*IMPERFECTIONS, *PARAMETERS}
    for parameter in PARAMETERS:
        named = {name for name, kind in IMPERFECTIONS.items() if parameter in kind.parameters()}
        names = fields[parameter]["propertyNames"]
        assert set(names.get("enum", [names.get("const")])) == named
    technology = load_technology("nist-2023")
    for name, kind in IMPERFECTIONS.items():
        assert fields[name]["description"] == kind.description + "."
        (number,) = (
            o for o in [fields[name], *fields[name].get("anyOf", [])] if o.get("type") in ("number", "integer")
        )
        assert (number["minimum"], number.get("exclusiveMaximum")) == (kind.least, kind.below)
        unit = (
            ("(relative", "Fraction", "(a number)") if kind.unit == "1" else (f"({kind.unit})", f"{kind.unit}s of the")
        )
        assert any(text in kind.description for text in unit), name
        assert len(kind.source) > 20
        assert len(kind.varies) > 3
        if name in technology.keys():  # noqa: SIM118  a method, not a mapping
            assert technology.quantity(name).unit == kind.unit


@pytest.mark.parametrize("rule", RECIPES)
def test_the_older_imperfections_are_settings_of_every_recipe(rule):
    settings = {item.name: item for item in dataclasses.fields(RECIPES[rule])}
    assert settings["spread"].default == ""
    for name, kind in IMPERFECTIONS.items():
        assert (name in settings) == kind.has_flag
        if not kind.has_flag:
            continue
        assert settings[name].default == 0.0
        assert kind.description[1:] in settings[name].metadata["help"]
        with pytest.raises(RecipeError, match=f"{name} is -0.5; it must not be below 0"):
            RECIPES[rule](**{name: -0.5})


@pytest.mark.parametrize(
    ("spreads", "message"),
    [
        ({"efficacy_spread": -0.1}, "efficacy_spread is -0.1; it must not be below 0"),
        ({"efficacy_spread": float("nan")}, "efficacy_spread is nan; it must not be below 0"),
        ({"drop_synapses": 1.0}, "drop_synapses is 1.0; it must be below 1"),
        ({"mismatch": 0.1}, "no imperfection 'mismatch'; there are .*efficacy_spread"),
    ],
)
def test_illegal_sizes_are_refused(small, spreads, message):
    with pytest.raises(SimulationError, match=message):
        drawn(small, **spreads)


def test_negative_seeds_are_refused(small):
    program, x = quantised(small), signals(small)
    with pytest.raises(SimulationError, match="chip_seed is -1; it must be 0 or more, or None for the nominal chip"):
        simulate(small, program, x, chip_seed=-1)
    with pytest.raises(SimulationError, match="read_seed is -1; it must be 0 or more, or None for no noise"):
        simulate(small, program, x, read_seed=-1)


def test_a_chip_that_cannot_show_an_imperfection_says_what_it_lacks(small):
    assert IMPERFECTIONS["delay_spread"].absent(small) == "no delays"
    assert IMPERFECTIONS["delay_spread"].absent(compile_network(delayed(SMALL, 300))) == ""
    assert IMPERFECTIONS["bias_current_spread"].absent(compiled(LABELS)).startswith("no bias")
    lacking = {name for name, kind in IMPERFECTIONS.items() if kind.absent(small)}
    assert lacking == {name for name, kind in IMPERFECTIONS.items() if kind.touches in ("delays", "detectors", "arms")}


@dataclass(frozen=True)
class CommonScale(Imperfection):
    """All efficacies of a chip are off by one factor: all that an imperfection takes is a class like this one."""

    name = "common_scale"
    varies = "scale of efficacies"
    unit = "1"
    description = "Spread of the factor that all efficacies of a chip share, one sigma (relative)"
    source = "made up for this test"
    touches = "efficacies"

    def draw(self, network, chip_seed):  # noqa: ARG002
        return {"scale": np.array(1 + self.size * stream(chip_seed, "scale").standard_normal())}

    def apply(self, chip, drawn):
        factor = float(drawn["scale"])
        return dataclasses.replace(chip, values={key: v * factor for key, v in chip.values.items()})


def test_a_new_imperfection_is_seen_by_drawing_simulation_and_training(digits, monkeypatch):
    monkeypatch.setitem(IMPERFECTIONS, "common_scale", CommonScale)  # taken out again when the test ends
    with pytest.raises(ValueError, match="two imperfections have the name 'common_scale'"):
        register(CommonScale)
    del IMPERFECTIONS["common_scale"]
    assert register(CommonScale) is CommonScale

    network = dataclasses.replace(compiled(SMALL), spreads={"common_scale": 0.1})
    program, x = quantised(network), signals(network)
    factor = 1 + 0.1 * by_hand(2, "scale").standard_normal()
    chip = drawn(network, 2, common_scale=0.1)
    np.testing.assert_allclose(chip.values[READOUT], program.values[READOUT] * factor, rtol=1e-15)

    trace = simulate(network, program, x, chip_seed=2)
    assert np.abs(trace.state - simulate(network, program, x).state).max() > 1e-5

    trainable = TrainableChip(network, BpttRecipe(robust=True), dtype=torch.float64)
    tensors = {key: torch.from_numpy(np.array(v)) for key, v in program.values.items()}
    ours = trainable.unroll(trainable.fabricated(tensors, 2), trainable.signals(torch.from_numpy(x)))[0][0]
    np.testing.assert_allclose(ours.numpy(), trace.state[:, 1:], rtol=0, atol=1e-12)

    scored = evaluate(route(parse_netlist(SMALL)), program, digits, trials=1, spreads=read_sizes("common_scale=0.2"))
    assert scored.as_dict()["spreads"]["common_scale"] == 0.2
    assert scored.as_dict()["touched"][-1]["name"] == "common_scale"
    asked = TrainableChip(compiled(SMALL), BpttRecipe(spread="common_scale=0.2"))
    assert asked.spreads["common_scale"] == 0.2

    recipe = BpttRecipe(robust=True, epochs=1, train_samples=64, validation_chips=1)
    assert "validation_accuracy_chips" in Training(network, digits, recipe).run().history[0]
