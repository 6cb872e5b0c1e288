"""One list each of rules and of strategies: registering is all that it takes to add one."""

import json
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from conftest import ROOT, SMALL

import soensim.training
from soensim.commands import cli
from soensim.commands.train import main
from soensim.errors import RecipeError
from soensim.program import READOUT
from soensim.simulation import linear_scores
from soensim.training import RECIPES, Recipe, make_recipe, recipes, register, setting, train
from soensim.training.rules import Loss

# --- rules -----------------------------------------------------------------------------------------------


class Squares:
    """A rule that a user could write: squared error of the readout."""

    def __init__(self, chip, recipe):
        self.chip, self.recipe, self.extra = chip, recipe, {}

    def begin_epoch(self, epoch, history):
        pass

    def loss(self, values, x, y, rng):  # noqa: ARG002
        wanted = self.recipe.target * torch.nn.functional.one_hot(y, 10)
        return Loss((self.scores(values, x) - wanted).square().mean(), {})

    def scores(self, values, x):
        states = self.chip.unroll(values, self.chip.signals(x))
        return linear_scores(self.chip.network, states, values[READOUT])[0]


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
    rules = ["bptt", "eprop", "ff-inverted", "ff-local", "ff-recurrent", "ff-temporal", "ff-unsupervised"]
    assert names.split() == rules + [RECIPES[rule].__name__ for rule in rules]
    assert torch_is_loaded == "False"
    modules = {module.name for module in pkgutil.iter_modules(recipes.__path__)} - {
        "base",
        "registry",
        "forward_forward",
    }
    assert {rule.replace("-", "_") for rule in rules} == modules


def test_a_recipe_has_a_rule():
    with pytest.raises(TypeError, match="abstract"):
        Recipe()
