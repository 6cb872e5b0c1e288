"""One list each of rules, routing strategies and placement methods: registering is all that it takes to add one."""

import dataclasses
import json
import pkgutil
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import static_chips
import torch
from conftest import LABELS, ROOT, SMALL, compiled
from layouts import chip
from spiking_chips import ARBOR, SPIKING

import soensim.training
from soensim.commands import cli
from soensim.commands.check import main as check
from soensim.commands.train import main
from soensim.errors import NetlistError, RecipeError, RoutingError
from soensim.netlist import dump_netlist, json_schema, parse_netlist
from soensim.netlist.schema.strategies import PLACEMENT_METHODS, ROUTING_STRATEGIES, Strategy
from soensim.program import READOUT
from soensim.routing import route
from soensim.routing.crossbar import crossbar_trees
from soensim.routing.placement import place
from soensim.routing.placement.graph import graph_of
from soensim.routing.placement.problem import PlacementProblem
from soensim.routing.placement.spectral import spectral
from soensim.simulation import linear_scores
from soensim.training import RECIPES, Recipe, make_recipe, recipes, register, setting, train
from soensim.training.recipes import all_settings
from soensim.training.recipes.base import wrong_settings
from soensim.training.recipes.registry import usual_rule
from soensim.training.rules import Loss

# --- rules -----------------------------------------------------------------------------------------------


class Squares:
    """A rule that a user could write: squared error of the readout."""

    def __init__(self, chip, recipe):
        self.chip, self.recipe, self.extra = chip, recipe, {}

    def begin_epoch(self, epoch, history):
        pass

    def loss(self, fabricated, x, y, rng):  # noqa: ARG002
        wanted = self.recipe.target * torch.nn.functional.one_hot(y, 10)
        return Loss((self.scores(fabricated, x) - wanted).square().mean(), {})

    def scores(self, fabricated, x):
        states = self.chip.unroll(fabricated, self.chip.signals(x))
        return linear_scores(self.chip.network, states, fabricated.values[READOUT])[0]


@pytest.fixture
def squares():
    @register
    @dataclass(frozen=True, kw_only=True)
    class SquaresRecipe(Recipe):
        """Squared error of the readout."""

        rule: ClassVar[str] = "squares"

        epochs: int = setting(6, "passes over the training samples", below=50)
        target: float = setting(0.3, "score that the true class should have", above=0)

        def make_rule(self, chip):
            return Squares(chip, self)

    yield SquaresRecipe
    del RECIPES["squares"]


def test_a_registered_rule_trains(squares, small, digits):
    recipe = make_recipe("squares", {"batch_size": 32, "learning_rate": 0.02})
    assert type(recipe) is squares
    history = train(small, digits, recipe).history
    assert len(history) == 6
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert history[-1]["validation_accuracy"] > 0.25


def test_a_registered_rule_is_in_the_command_line_and_the_package(squares, tmp_path, monkeypatch, capsys):
    assert soensim.training.SquaresRecipe is recipes.SquaresRecipe is squares
    assert "SquaresRecipe" in dir(soensim.training)
    assert "SquaresRecipe" in dir(recipes)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    arguments = ["small.yaml", "--rule", "squares", "--data", "digits-rows", "--target", "0.2", "--epochs", "1"]
    assert cli.run(main, [*arguments, "--train-samples", "128", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["target"] == 0.2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *dict.fromkeys(["epochs", "batch_size", "refine"], 0).items(),
        *dict.fromkeys(["learning_rate", "quantised_rate", "decay", "clip_norm"], 0.0).items(),
        *dict.fromkeys(["validation_chips", "train_samples", "train_seed", "ideal_epochs"], -1).items(),
        *dict.fromkeys(["momentum", "weight_decay", "input_gain", "recurrent_gain"], -0.1).items(),
        ("momentum", 1.0),
    ],
)
def test_what_no_training_can_do_is_refused(name, value):
    with pytest.raises(RecipeError, match=f"{name} is {value}; it must"):
        make_recipe("bptt", {name: value})


def test_settings_are_listed_with_the_default_and_the_choices_of_every_rule():
    settings = all_settings()
    for rule, recipe in RECIPES.items():
        for item in dataclasses.fields(recipe):
            assert settings[item.name].defaults[rule] == item.default
    rules = {name: set(info.defaults) for name, info in settings.items()}
    assert rules["epochs"] == set(RECIPES)
    assert rules["growth"] == {"ff-local"}
    assert set(settings["optimiser"].choices) == {"adam", "adamw", "rmsprop", "sgd"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": 0}, "target is 0; it must be above 0"),
        ({"epochs": 50}, "epochs is 50; it must be below 50"),
        ({"epochs": 0}, "epochs is 0; it must be above 0"),  # a limit of the base, whose field has another default here
        ({"ideal_epochs": -1}, "ideal_epochs is -1; it must not be below 0"),
    ],
)
def test_limits_stand_beside_the_fields(squares, settings, message):  # noqa: ARG001
    with pytest.raises(RecipeError) as error:
        make_recipe("squares", settings)
    assert str(error.value) == message
    assert error.value.setting == next(iter(settings))


NUMBER = r"[0-9][0-9,]*"


def settings_of_the_documentation():
    """Rows of the table in docs/learning-rules.md: setting, rules, default, legal values as text."""
    text = (ROOT / "docs" / "learning-rules.md").read_text().partition("## Settings and their limits")[2]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    for names, rules, default, legal in rows[: text[: text.index("\n## ")].count("\n| `")]:
        for name in names.replace("`", "").split(", "):
            for rule in RECIPES if rules == "all" else rules.replace("`", "").split(", "):
                yield name, rule, default, legal


def test_settings_have_the_defaults_and_limits_of_the_documentation():
    """Each row: the default, the ends of what is legal, and what lies just beyond them."""
    documented = {(name, rule) for name, rule, *_ in settings_of_the_documentation()}
    assert documented == {(item.name, rule) for rule, recipe in RECIPES.items() for item in dataclasses.fields(recipe)}
    for name, rule, default, legal in settings_of_the_documentation():
        recipe = RECIPES[rule]
        found = next(item.default for item in dataclasses.fields(recipe) if item.name == name)
        is_whole = bool(re.fullmatch(f"{NUMBER} to ({NUMBER}|2\\^63 - 1)", legal)) and isinstance(found, int)
        if legal == "true, false":
            assert default == str(found).lower(), (name, rule)
            good, bad = [True, False], [0, "true"]
        elif legal.startswith("sizes of"):
            assert (default, found) == ("none", ""), (name, rule)
            good, bad = ["", "efficacy=0.1,dead_neurons=0.02"], [0, True]
        elif "`" in legal:
            assert default == f"`{found}`", (name, rule)
            good = legal.replace("`", "").split(", ")
            bad = sorted({"random", "hard", "dynamic", "masked", "none", ""} - set(good))
        else:
            assert float(default.replace(",", "")) == found, (name, rule)
            assert is_whole == isinstance(found, int), (name, rule)
            good, bad = ends(legal, 1 if is_whole else 1e-9)
        for value in good:
            assert not wrong_settings(recipe, {name: value}), (name, rule, value)
        for value in bad:
            assert wrong_settings(recipe, {name: value}), (name, rule, value)


def ends(legal, step):
    """Legal values at the ends of a range that is written in words, and values a step beyond them."""
    if match := re.fullmatch(rf"({NUMBER}) to (below )?({NUMBER}|2\^63 - 1)", legal):
        low = int(match[1].replace(",", ""))
        high = 2**63 - 1 if "^" in match[3] else int(match[3].replace(",", ""))
        return ([low, high - step], [low - step, high]) if match[2] else ([low, high], [low - step, high + step])
    least, beyond = {"above 0": (1e-300, 0), "0 or more": (0, -1e-300), "any number": (-1e12, -1.001e12)}[legal]
    return [least, 1e12], [beyond, 1.001e12]


@pytest.mark.parametrize(
    ("rule", "refused", "legal", "message"),
    [
        ("bptt", {"momentum": 0.5}, {"optimiser": "sgd"}, "momentum is for sgd and rmsprop"),
        ("bptt", {"momentum": 0.5, "optimiser": "adamw"}, {"optimiser": "rmsprop"}, "momentum is for sgd and rmsprop"),
        ("bptt", {"ideal_epochs": 1, "quantise": False}, {"quantise": True}, "ideal_epochs come before quantised ones"),
        ("bptt", {"quantised_rate": 0.5}, {"ideal_epochs": 1}, "quantised_rate is for quantised epochs after ideal"),
        ("bptt", {"quantisation": "gradual", "quantise": False}, {"quantise": True}, "no meaning without quantise"),
        ("bptt", {"quantisation": "stochastic", "quantise": False}, {"quantisation": "straight-through"}, "no meaning"),
        ("bptt", {"calibration_samples": 5}, {"quantise": False}, "they need quantise = false"),
        ("ff-temporal", {"steps": "final", "compensation": True}, {"steps": "all"}, "no meaning with steps = final"),
        ("ff-temporal", {"steps": "final", "compensation": True}, {"compensation": False}, "weighs several steps"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(rule, refused, legal, message):
    with pytest.raises(RecipeError, match=message):
        make_recipe(rule, refused)
    recipe = make_recipe(rule, {**refused, **legal})
    assert recipe.as_dict().items() >= {**refused, **legal, "rule": rule}.items()


def test_a_name_is_given_once(squares):
    assert register(squares) is squares
    with pytest.raises(RecipeError, match="rule 'squares' is SquaresRecipe already; give OtherRecipe another name"):
        register(type("OtherRecipe", (squares,), {}))
    with pytest.raises(AttributeError, match=r"module 'soensim\.training' has no attribute 'NoRecipe'"):
        _ = soensim.training.NoRecipe


def test_every_shipped_rule_is_found_without_torch():
    code = "import sys, soensim.training as t; print(*t.RECIPES, *(r.__name__ for r in t.RECIPES.values()))\n"
    code += "from soensim.training import *; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    names, torch_is_loaded = done.stdout.splitlines()
    rules = ["arbor", "bptt", "eprop", "ff-inverted", "ff-local", "ff-recurrent", "ff-temporal", "ff-unsupervised"]
    rules += ["spiking-rate"]
    assert names.split() == rules + [RECIPES[rule].__name__ for rule in rules]
    assert torch_is_loaded == "False"
    modules = {module.name for module in pkgutil.iter_modules(recipes.__path__)} - {
        "base",
        "registry",
        "forward_forward",
    }
    assert {rule.replace("-", "_") for rule in rules} == modules


@pytest.mark.parametrize("rule", RECIPES)
def test_every_recipe_makes_its_rule_on_a_chip(rule):
    text = {"bptt": SMALL, "eprop": SMALL, "ff-temporal": LABELS, "spiking-rate": SPIKING, "arbor": ARBOR}.get(rule)
    network = compiled(text) if text else static_chips.chip(rule)
    recipe = make_recipe(rule, {})
    trainable = recipe.make_chip(network, None)
    made = recipe.make_rule(trainable)
    assert made.chip is trainable
    assert type(made).__module__ == f"soensim.training.rules.{rule.replace('-', '_')}"
    assert all(tensor.requires_grad for tensor in made.extra.values())
    assert getattr(made, "recipe", recipe) is recipe


def test_a_recipe_has_a_rule():
    with pytest.raises(TypeError, match="abstract"):
        Recipe()


# --- routing strategies and placement methods -------------------------------------------------------------

given = []


def columns_first(problem):
    """A routing strategy that a user could write: the crossbar of the transposed grid."""
    given.append(problem)
    nets = problem.nets
    turned = dataclasses.replace(
        nets, row=nets.column, column=nets.row, sink_row=nets.sink_column, sink_column=nets.sink_row
    )
    trees = crossbar_trees(turned, problem.placement.rows, problem.placement.columns)
    return dataclasses.replace(trees, row=trees.column, column=trees.row)


def reversed_order(problem):
    """A placement method that a user could write: the last neuron first."""
    return problem.in_order[::-1].copy()


def test_a_registered_routing_strategy_routes(monkeypatch, tmp_path, capsys):
    entry = Strategy("columns first", f"{__name__}:columns_first")
    monkeypatch.setitem(ROUTING_STRATEGIES, "columns-first", entry)
    netlist = chip(strategy="columns-first")
    assert parse_netlist(dump_netlist(netlist)) == netlist
    routed, usual = route(netlist), route(chip(strategy="crossbar"))
    assert given.pop().nets.sinks == len(routed.layout.nets.net)
    assert routed.layout.waveguides.length_um.sum() == pytest.approx(usual.layout.waveguides.length_um.sum(), rel=0.2)
    assert routed.hash != usual.hash
    strategy = json_schema()["$defs"]["Routing"]["properties"]["strategy"]
    assert strategy["anyOf"][0]["enum"] == ["crossbar", "manhattan", "direct", "columns-first"]
    assert "`columns-first`: columns first." in strategy["description"]
    path = tmp_path / "chip.yaml"
    path.write_text(dump_netlist(chip(strategy="crossbar")))
    assert cli.run(check, [str(path), "--strategy", "columns-first", "--json", "-"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["chip"]["strategy"] == "columns-first"


def test_a_registered_placement_method_places(monkeypatch):
    entry = Strategy("the last neuron first", f"{__name__}:reversed_order")
    monkeypatch.setitem(PLACEMENT_METHODS, "reversed", entry)
    usual = place(chip(placement="{kind: grid}")).populations["hidden"]
    placed = place(chip(placement="{kind: optimised, method: reversed, seed: 0}")).populations["hidden"]
    np.testing.assert_array_equal(placed.x_um, usual.x_um[::-1])
    np.testing.assert_array_equal(placed.y_um, usual.y_um[::-1])
    method = json_schema()["$defs"]["OptimisedPlacement"]["properties"]["method"]
    assert method["enum"] == ["spectral", "annealing", "reversed"]


@pytest.mark.parametrize("strategies", [ROUTING_STRATEGIES, PLACEMENT_METHODS])
def test_every_listed_strategy_has_its_function(strategies):
    assert all(callable(strategy.load()) for strategy in strategies.values())


def test_an_unknown_strategy_is_named_with_the_nearest():
    with pytest.raises(NetlistError, match=r"routing\.strategy: 'crosbar' is not legal; did you mean 'crossbar'"):
        chip(strategy="crosbar")
    with pytest.raises(NetlistError, match="method: 'spectrum' is not legal; did you mean 'spectral'"):
        chip(placement="{kind: optimised, method: spectrum, seed: 0}")
    netlist = chip(strategy="crossbar")
    other = netlist.model_copy(update={"routing": netlist.routing.model_copy(update={"strategy": "maze"})})
    with pytest.raises(
        RoutingError, match=r"routing\.strategy is 'maze'; it must be one of crossbar, manhattan, direct"
    ):
        route(other)


@pytest.mark.parametrize("better", ["of the file", "spectral"])
def test_the_spectral_method_takes_the_shorter_of_two_orders(monkeypatch, better):
    """A lattice in the order of the file is as short as it can be, and a shuffled one is not."""
    in_order, shuffled = np.arange(9), np.random.default_rng(0).permutation(9)
    monkeypatch.setattr(
        "soensim.routing.placement.spectral.spectral_order",
        lambda *_: shuffled if better == "of the file" else in_order,
    )
    graph = graph_of(
        chip(topology="{kind: grid, neighbourhood: von-neumann, range: 1, periodic: false}"), *np.zeros((2, 3))
    )
    problem = PlacementProblem(graph, in_order if better == "of the file" else shuffled, 3, seed=0, sweeps=1)
    np.testing.assert_array_equal(spectral(problem), in_order)


def test_every_kind_of_readout_has_one_usual_rule():
    usual = [vars(recipe).get("usual_for") for recipe in RECIPES.values()]
    assert sorted(kind for kind in usual if kind) == ["goodness", "linear", "spike-count"]
    assert (usual_rule("linear"), usual_rule("goodness"), usual_rule(None)) == ("bptt", "ff-temporal", "bptt")
    assert {usual_rule(kind, spiking=True) for kind in ("mean-flux", "linear", None)} == {"spiking-rate"}
