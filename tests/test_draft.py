"""The rules by which `soensim init` chooses numbers, each against what it is said to hold; the netlists that result."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import yaml

from soensim.data import Shape, load_dataset, on_lines, shape_of
from soensim.draft import TOPOLOGIES, Draft, Wish, draft_chip
from soensim.draft.die import die_for
from soensim.draft.drive import drive_high, recurrent_range
from soensim.draft.time import light_pace, wire_pace
from soensim.draft.topology import recurrence
from soensim.draft.training import recipe_for
from soensim.errors import DataError, NetlistError
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import compile_network
from soensim.network.inputs import check_fit
from soensim.network.light import frame_spikes
from soensim.routing import route
from soensim.technology import load_technology
from soensim.training import make_recipe, train

TECHNOLOGY = load_technology("nist-2023")
TAU_NS = 1e9 * float(TECHNOLOGY.junction.seconds_from_tau(1.0))


def drafted(**wish) -> Draft:
    data = shape_of(wish.pop("data", "digits-rows"))
    data = on_lines(data, wish.pop("inputs", data.channels))
    return draft_chip(Wish(name="mine", neurons=wish.pop("neurons", 28), data=data, **wish), "soensim init mine")


# --- data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["digits-rows", "digits-4in", "digits-16in", "digits-32in", "digits-image", "nine-pixel"]
)
def test_a_shape_is_that_of_the_data(name):
    data, shape = load_dataset(name), shape_of(name)
    assert shape == Shape(name, data.steps, data.channels, data.classes, data.train.samples)
    assert data.train.inputs.shape[1:] == (shape.frames, shape.channels)


def test_the_digits_on_any_lines_are_the_same_pixels_in_the_same_order(digits):
    for lines in (4, 16, 32, 64):
        other = load_dataset(on_lines(shape_of("digits-rows"), lines).name)
        assert other.channels == lines
        assert np.array_equal(other.test.inputs.reshape(360, 64), digits.test.inputs.reshape(360, 64))
        assert np.array_equal(other.test.labels, digits.test.labels)


def test_lines_that_a_data_set_does_not_have():
    assert on_lines(shape_of("mnist-rows"), 784) == Shape("mnist-image", 1, 784, 10, 55000)
    with pytest.raises(DataError) as error:
        on_lines(shape_of("mnist-rows"), 8)
    assert str(error.value) == (
        "data set 'mnist-rows' does not come on 8 lines; legal: 28 (mnist-rows), 784 (mnist-image); other data sets "
        "with 8: digits-rows, mnist-8in-pool, mnist-8in-cut, mnist-8in-8x8"
    )
    with pytest.raises(DataError, match=r"^data set 'nine-pixel' does not come on 5 lines; legal: 9 \(nine-pixel\)$"):
        on_lines(shape_of("nine-pixel"), 5)


# --- times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "leak_ns", "leak", "sample"),
    [
        (8, None, 1.6, 0.161),  # gamma_plus x sample = 0.2
        (4, 1.6, 1.6, 0.322),  # fewer frames are longer
        (1, None, 1.6, 1.29),
        (8, 50, 50, 0.161),  # a long leak changes nothing
        (8, 0.5, 0.5, 0.125),  # two leaks
        (28, 1.6, 1.6, 0.114),
        (28, None, 2.3, 0.161),  # two leaks hold the sequence
        (8, 0.34, 0.34, 0.085),
        (24, 1.0, 1.0, 1 / 12),  # exactly the rate of the inputs
    ],
)
def test_times_of_a_chip_with_wires(frames, leak_ns, leak, sample):
    pace = wire_pace(frames, leak_ns, TECHNOLOGY)
    assert (pace.leak_ns, pace.beta_di, pace.spikes) == (leak, 200 * math.pi, 0)
    assert pace.sample_ns == pytest.approx(sample, rel=1e-9)
    assert pace.driven == pytest.approx(sample / TAU_NS / (200 * math.pi), rel=1e-9)
    assert frames * pace.sample_ns <= 2 * leak * 1.005  # rounded to three digits


@pytest.mark.parametrize(
    ("frames", "leak_ns", "leak", "sample"),
    [
        (8, None, 60_000, 6000),  # optical-28: 60 spikes
        (4, None, 60_000, 12_000),
        (28, None, 60_000, 4290),  # two leaks in 28 frames
        (112, None, 60_000, 1070),
        (150, None, 75_000, 1000),  # a longer sequence needs a longer leak
        (8, 4000, 4000, 1000),  # ten spikes
        (8, 8000, 8000, 1000),
        (8, 1e9, 1e9, 16_100),  # 2 pi 1e7 is the largest loop
    ],
)
def test_times_of_a_chip_with_light(frames, leak_ns, leak, sample):
    pace = light_pace(frames, leak_ns, 10.0, TECHNOLOGY)
    assert (pace.leak_ns, pace.sample_ns, pace.spikes) == (leak, sample, pytest.approx(sample / 100))
    assert pace.driven == pytest.approx(0.2 * max(1, 8 / frames), rel=5e-3)
    assert pace.beta_di == pytest.approx(sample / TAU_NS / pace.driven, rel=1e-9)
    assert pace.spikes >= 10


def test_leaks_that_forget():
    with pytest.raises(NetlistError) as error:
        light_pace(8, 3900, 10.0, TECHNOLOGY)
    assert str(error.value) == (
        "leak 3.9 us: 8 frames of 1 us or more (10 spikes at 10 MHz) last more than 2 leaks, so that the first would "
        "be forgotten; give 4 us or more, or data with fewer frames"
    )
    with pytest.raises(
        NetlistError, match=r"^leak 0\.33 ns: 8 frames of 0\.0833 ns .* 12 GHz\) .*; give 0\.34 ns or more"
    ):
        wire_pace(8, 0.33, TECHNOLOGY)


# --- drive, die, recipe -------------------------------------------------------------------------------------


def test_more_lines_and_synapses_are_weaker_by_the_root_of_their_number():
    assert [drive_high(n) for n in (1, 8, 16, 32, 800)] == [0.5, 0.5, 0.354, 0.25, 0.05]
    assert [recurrent_range(n) for n in (1, 28, 112, 200)] == [0.3, 0.3, 0.15, 0.112]


def test_a_die_is_as_small_as_its_cells():
    die = die_for(28, 36, 200 * math.pi, TECHNOLOGY)  # cells of 30 um x sqrt(36), in 6 columns and 5 rows
    assert (die.cell_um, die.width_um, die.height_um, die.loop_um2) == (180, 6 * 180 + 300, 5 * 180 + 300, 0)
    die = die_for(28, 36, 2.356194490192345e7, TECHNOLOGY)  # 77.5 uH of 394 pH per 3 x 4 um^2
    assert die.loop_um2 == pytest.approx(77.5438e-6 / 394e-12 * 12, rel=1e-4)
    assert die.cell_um == math.ceil(math.sqrt(36 * 900 + die.loop_um2) / 10) * 10
    two = TECHNOLOGY.with_values({"electronic_planes": 2})
    assert die_for(4, 200, 200 * math.pi, two).cell_um == 300
    assert die_for(4, 1, 2.356194490192345e7, two).cell_um == die_for(4, 0, 2.356194490192345e7, TECHNOLOGY).cell_um


def test_recipes_take_as_many_steps_of_few_samples_as_of_many():
    few, many = (Wish(name="x", neurons=4, data=Shape("d", 8, 8, 10, samples)) for samples in (1257, 55000))
    assert recipe_for(few) == {"ideal_epochs": 40, "epochs": 40, "batch_size": 32, "learning_rate": 0.02}
    assert recipe_for(many) == {"ideal_epochs": 5, "epochs": 5, "batch_size": 128, "learning_rate": 0.02}
    light = Wish(name="x", neurons=4, data=few.data, medium="optical")
    assert recipe_for(light) == {**recipe_for(few), "robust": True}


# --- topologies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neurons", [4, 28, 200])
@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_a_density_is_met_by_every_topology(kind, neurons):
    found = recurrence(kind, None, neurons, 3)
    wished = 1 if kind == "all-to-all" else 0.3
    assert found.density == len(found.edges) / neurons**2
    assert abs(found.density - wished) <= (0.1 if neurons > 4 else 0.3)
    assert found.keys["kind"] == kind
    assert found.keys.get("seed", 3) == 3


@pytest.mark.parametrize(
    ("kind", "density", "neurons", "keys"),
    [
        ("small-world", 0.2, 40, {"neighbours": 8, "rewiring": 0.2, "seed": 1}),
        ("small-world", 0.24, 40, {"neighbours": 10, "rewiring": 0.2, "seed": 1}),
        ("small-world", 0.5, 4, {"neighbours": 2, "rewiring": 0.2, "seed": 1}),
        ("random", 0.2, 40, {"density": 0.2, "seed": 1, "min_fan_in": 1}),
        ("random", 0.02, 40, {"density": 0.02, "seed": 1}),  # fewer edges than neurons
        ("fixed-fan-in", 0.2, 40, {"fan_in": 8, "seed": 1}),
        ("fixed-fan-out", 1, 7, {"fan_out": 7, "seed": 1}),
        ("grid", 0.05, 200, {"neighbourhood": "von-neumann", "range": 2}),
        ("grid", 0.25, 28, {"neighbourhood": "moore", "range": 1}),
        ("distance-limited", 0.05, 200, {"radius": 2.0}),
        ("distance-exponential", 0.25, 28, {"fan_in": 7.0, "length": 2.0, "seed": 1}),
        ("distance-power-law", 1, 28, {"fan_in": 27, "exponent": 2.0, "seed": 1}),
        ("all-to-all", 1, 3, {}),
    ],
)
def test_keys_of_a_density(kind, density, neurons, keys):
    assert recurrence(kind, density, neurons, 1).keys == {"kind": kind, **keys}


@pytest.mark.parametrize(
    ("kind", "density", "neurons", "message"),
    [
        (
            "all-to-all",
            0.5,
            28,
            r"^density 0\.5: all-to-all has every edge; leave the density out, or take random, fixed",
        ),
        (
            "small-world",
            0.01,
            28,
            r"^density 0\.01: small-world with 28 neurons has nothing near it; give 0\.0714, or an",
        ),
        (
            "fixed-fan-in",
            0.36,
            4,
            r"^density 0\.36: fixed-fan-in with 4 neurons has nothing near it; give 0\.25 or 0\.5, ",
        ),
        (
            "grid",
            0.001,
            2,
            r"^density 0\.001: grid with 2 neurons has nothing near it; give 0\.5, or another topology$",
        ),
        (
            "distance-power-law",
            1e-6,
            5,
            r"^density 1e-06: distance-power-law with 5 neurons has nothing near it; give 0\.04, ",
        ),
        ("small-world", 0.5, 2, r"^small-world with 2 neurons and density 0\.5 has no edges; take all-to-all$"),
        ("grid", None, 1, r"^grid with 1 neurons and density 0\.3 has no edges: leaves one neuron without any edge"),
    ],
)
def test_densities_that_a_topology_does_not_have(kind, density, neurons, message):
    with pytest.raises(NetlistError, match=message):
        recurrence(kind, density, neurons, 1)


# --- the netlist --------------------------------------------------------------------------------------------


def test_the_chip_of_the_defaults_is_that_of_the_first_year():
    mine, shipped = drafted().netlist, load_netlist("netlists/year1-28.yaml")
    for part in ("populations", "projections"):
        ours, theirs = getattr(mine, part), getattr(shipped, part)
        assert len(ours) == len(theirs)
    hidden, other = mine.dendrites["hidden"], shipped.dendrites["hidden"]
    assert hidden.model_dump(exclude={"beta_di"}) == other.model_dump(exclude={"beta_di"})
    assert hidden.beta_di == pytest.approx(other.beta_di, rel=1e-9)
    assert mine.inputs["input"] == shipped.inputs["pixels"]
    assert [p.efficacy for p in mine.projections] == [p.efficacy for p in shipped.projections]
    assert mine.readout == shipped.readout
    assert mine.task == shipped.task


def test_every_number_has_a_reason():
    draft = drafted(neurons=40, inputs=16, topology="small-world", density=0.2, bits=3)
    lines = draft.text.splitlines()
    assert lines[0] == "# yaml-language-server: $schema=soensim-1.schema.json"
    assert max(map(len, lines)) <= 120
    explained = (
        "bias_current",
        "flux_offset",
        "flux_trim",
        "beta_di",
        "tau_di_ns",
        "topology: {",
        "sample_ns",
        "placement",
    )
    for key in explained:
        at = next(k for k, line in enumerate(lines) if line.strip().startswith(key))
        assert "#" in lines[at] or lines[at - 1].strip().startswith("#"), key
    assert "4 frames last 0.8 of it" in draft.text
    assert "# 320 of 1600 edges, 20 %" in draft.text
    assert "by 0.4 of its source function" in draft.text
    assert parse_netlist(draft.text) == draft.netlist


def test_light_and_single_bits_are_explained():
    draft = drafted(medium="optical", bits=1, seed=5, neurons=1)
    assert "An emitter at its highest rate sends 60 spikes in a frame" in draft.text
    assert re.search(r"2\.35 mm\^2\s+(# )?for the inductor", draft.text)
    assert "all 1 edges" in draft.text
    assert "8 inputs and 1 SQUID dendrite, all-to-all, optical, 1 bit" in draft.text
    assert draft.text.count("sign: {kind: per-edge, negative_fraction: 0.5, seed: 5}") == 3
    assert frame_spikes(draft.netlist) == pytest.approx(60)


@pytest.mark.parametrize(
    ("topology", "placement", "strategy"),
    [
        ("all-to-all", {"kind": "grid"}, "crossbar"),
        ("grid", {"kind": "grid"}, "manhattan"),  # neurons are where the topology takes them to be
        ("distance-exponential", {"kind": "grid"}, "manhattan"),
        ("small-world", {"kind": "optimised", "method": "annealing", "seed": 4}, "manhattan"),
        ("random", {"kind": "optimised", "method": "annealing", "seed": 4}, "manhattan"),
    ],
)
def test_placement_and_routes_follow_from_the_topology(topology, placement, strategy):
    netlist = drafted(topology=topology, neurons=12, medium="optical", seed=4).netlist
    assert netlist.floorplan.placement.model_dump(exclude_defaults=True) == placement
    assert netlist.routing.strategy == strategy
    assert (netlist.routing.absent_edges, netlist.routing.photonic_planes) == ("error", 2)
    assert {projection.medium for projection in netlist.projections} == {"optical"}


def test_a_command_stays_in_its_comment():
    wish = Wish(name="mine", neurons=2, data=shape_of("digits-rows"))
    assert "#   soensim init mine …\n" in draft_chip(wish, "soensim init mine --out 'a\nname: b.yaml'").text


def test_own_data_are_named_by_their_path(tmp_path):
    path = tmp_path / "it's: mine.npz"
    rng = np.random.default_rng(0)
    np.savez(path, inputs=rng.random((60, 5, 3)), labels=np.arange(60) % 2)
    draft = drafted(data=f"npz:{path}")
    assert yaml.safe_load(draft.text)["task"]["data"] == f"npz:{path}"
    assert (draft.netlist.inputs["input"].size, draft.netlist.readout.classes) == (3, 2)


@pytest.mark.parametrize(("lines", "frames"), [(3, 5), (6, 3), (2, 10), (4, 5)])
def test_own_data_come_on_any_lines(tmp_path, lines, frames):
    """Two frames side by side, a frame in two pieces, an unused line: as the presentation of own data does it."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", inputs=rng.random((60, 5, 3)), labels=np.arange(60) % 2)
    draft = drafted(data=f"npz:{tmp_path / 'mine.npz'}", inputs=lines, neurons=4)
    data = load_dataset(draft.netlist.task.data, lines=lines)
    assert (data.channels, data.steps) == (lines, frames)
    assert draft.wish.data == Shape(data.name, frames, lines, 2, data.train.samples)
    check_fit(compile_network(route(draft.netlist)), data)


@pytest.mark.parametrize(
    ("wish", "least"),
    [
        ({"neurons": 40, "inputs": 16, "topology": "small-world", "density": 0.2, "bits": 3}, 0.8),
        ({"neurons": 16}, 0.7),
    ],
)
def test_a_short_training_learns(wish, least):
    netlist = drafted(**wish).netlist
    settings = {**netlist.task.recipe, "ideal_epochs": 4, "epochs": 2}
    result = train(
        compile_network(route(netlist)),
        load_dataset(netlist.task.data),
        make_recipe(netlist.task.rule, settings),
        threads=1,
    )
    assert result.history[-1]["validation_accuracy"] >= least
