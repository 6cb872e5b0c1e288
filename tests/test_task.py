"""The task of a netlist: defaults of training that are no part of the chip, checked where they are written."""

import json

import pytest
from conftest import ROOT, SMALL

from soensim.commands import cli
from soensim.commands.check import main as check
from soensim.commands.chip_file import load_chip
from soensim.commands.evaluate import main as evaluate
from soensim.commands.schema import full_schema
from soensim.commands.train import main as train
from soensim.errors import NetlistError, RecipeError
from soensim.netlist import Task, dump_netlist, load_netlist, parse_netlist
from soensim.program import Program
from soensim.training import BpttRecipe, EpropRecipe, make_recipe
from soensim.training.task import Assignment, assign

RECIPE = "{epochs: 1, batch_size: 64, train_samples: 128, learning_rate: 0.02}"
TASK = f"task:\n  data: digits-rows\n  rule: bptt\n  recipe: {RECIPE}\n"
OWN = {"epochs": 1, "batch_size": 64, "train_samples": 128, "learning_rate": 0.02}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL + TASK)
    return tmp_path


def trained(arguments, capsys):
    assert cli.run(train, ["small.yaml", "--json", "-", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


# --- a part of the file, not of the chip ------------------------------------------------------------------


def test_the_hash_is_that_of_the_chip_alone():
    plain, tasked = parse_netlist(SMALL), parse_netlist(SMALL + TASK)
    assert tasked.hash == plain.hash
    assert tasked != plain
    assert tasked.task == Task(data="digits-rows", rule="bptt", recipe=OWN)


def test_a_task_survives_the_way_through_text():
    task = Task(
        data="npz:my/own.npz",
        rule="ff-temporal",
        recipe={"quantise": True, "epochs": 1, "learning_rate": 1e-5, "negatives": "hard", "weight_decay": 0.0},
    )
    netlist = parse_netlist(SMALL).model_copy(update={"task": task})
    again = parse_netlist(dump_netlist(netlist))
    assert again == netlist
    assert [type(value) for value in again.task.recipe.values()] == [bool, int, float, str, float]


@pytest.mark.parametrize("path", sorted((ROOT / "netlists").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_tasks_fit_their_chips(path):
    netlist = load_chip(path)
    spiking_or_large = path.stem in ("die-8100", "point-neurons-10", "modular-1000")
    assert (netlist.task is None) == spiking_or_large
    program = path.with_suffix(".safetensors")
    if program.exists():  # the task trains what ships
        header = Program.load(program).header
        assigned = assign(netlist.task)
        assert assigned.data == header["data"]["name"]
        assert {key: assigned.recipe.as_dict()[key] for key in header["recipe"]} == header["recipe"]


# --- what is taken when ------------------------------------------------------------------------------------


def test_a_setting_is_the_callers_else_the_tasks_else_the_rules():
    task = Task(data="digits-rows", rule="bptt", recipe={"epochs": 3, "batch_size": 64})
    assert assign(task).recipe == BpttRecipe(epochs=3, batch_size=64)
    assert assign(None, data="digits-rows", rule="eprop") == Assignment("digits-rows", EpropRecipe())
    assert assign(task, settings={"epochs": 4}).recipe == BpttRecipe(epochs=4, batch_size=64)
    assert assign(task, data="digits-rows", settings={"decay": 0.9}).recipe == BpttRecipe(
        epochs=3, batch_size=64, decay=0.9
    )


@pytest.mark.parametrize(
    ("given", "data", "recipe"),
    [
        ({"rule": "eprop"}, "digits-rows", EpropRecipe(epochs=4)),
        ({"rule": "bptt"}, "digits-rows", BpttRecipe(epochs=4)),
        ({"data": "mnist-8in-pool"}, "mnist-8in-pool", BpttRecipe(epochs=4)),
        ({"data": "digits-rows", "rule": "bptt"}, "digits-rows", BpttRecipe(epochs=4)),
    ],
)
def test_another_rule_or_data_set_leaves_the_tasks_recipe_out(given, data, recipe):
    task = Task(data="digits-rows", rule="bptt", recipe={"epochs": 3, "batch_size": 64})
    found = assign(task, settings={"epochs": 4}, **given)
    assert (found.data, found.recipe) == (data, recipe)


def test_an_alias_is_the_same_data_set():
    task = Task(data="mnist-8in-pool", rule="bptt", recipe={"epochs": 3})
    assert assign(task, data="mnist-8in").recipe == BpttRecipe(epochs=3)


@pytest.mark.parametrize(
    ("given", "what"), [({}, "rule"), ({"rule": "bptt"}, "data set"), ({"data": "digits-rows"}, "rule")]
)
def test_without_a_task_both_must_be_given(given, what):
    with pytest.raises(
        RecipeError, match=rf"no {what} is given, and the netlist has no task: give --rule \(arbor, bptt, "
    ):
        assign(None, **given)


# --- the commands ------------------------------------------------------------------------------------------


def test_train_needs_no_flags(folder, capsys):
    report = trained([], capsys)
    assert report["recipe"] == BpttRecipe(**OWN).as_dict()
    assert report["run_dir"] == "runs/small-bptt-digits-rows-0"
    program = Program.load(folder / report["program"])
    assert program.header["data"]["name"] == "digits-rows"
    assert program.header["command"] == "python -m soensim.train small.yaml --json -"


def test_flags_go_over_the_recipe_file_and_that_over_the_task(folder, capsys):
    (folder / "r.yaml").write_text("batch_size: 32\ntrain_samples: 96\n")
    report = trained(["--recipe", "r.yaml", "--train-samples", "80"], capsys)
    assert report["recipe"] == BpttRecipe(**{**OWN, "batch_size": 32, "train_samples": 80}).as_dict()


def test_a_command_line_with_rule_and_data_means_what_it_meant(folder, capsys):  # noqa: ARG001
    flags = ["--rule", "bptt", "--data", "digits-rows", "--epochs", "1", "--train-samples", "64"]
    assert trained(flags, capsys)["recipe"] == BpttRecipe(epochs=1, train_samples=64).as_dict()


def test_without_a_task_the_error_says_what_to_give(folder, capsys):
    (folder / "small.yaml").write_text(SMALL)
    assert cli.run(train, ["small.yaml", "--data", "digits-rows"]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "no rule is given, and the netlist has no task: give --rule (arbor, bptt, " in printed


def test_evaluate_takes_the_tasks_data_where_the_program_names_none(folder, capsys):
    path = trained([], capsys)["program"]
    program = Program.load(path)
    header = {key: value for key, value in program.header.items() if key != "data"}
    program.with_header(header).save("bare.safetensors")
    arguments = ["small.yaml", "--program", "bare.safetensors", "--trials", "1", "--html", "none", "--json", "-"]
    assert cli.run(evaluate, arguments) == 0
    assert json.loads(capsys.readouterr().out)["data"]["name"] == "digits-rows"
    assert cli.run(evaluate, ["small.yaml"]) == 2
    assert "train it: python -m soensim.train small.yaml --out small.safetensors" in capsys.readouterr().err
    (folder / "small.yaml").write_text(SMALL)
    assert cli.run(evaluate, arguments) == 2
    assert "name the data set with --data" in capsys.readouterr().err


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("digits-rows", "digit-rows", "2:9", "task.data: unknown data set 'digit-rows', did you mean 'digits-rows'?"),
        ("rule: bptt", "rule: bpt", "3:9", "task.rule: no rule 'bpt'; did you mean 'bptt'? there are arbor, bptt"),
        ("  rule: bptt\n", "", "1:1", "task.rule: is missing; add it: Name of the learning rule"),
        ("rule:", "rules:", "3:3", "task.rules: unknown key 'rules'; did you mean 'rule'? legal keys are data, rule,"),
        (
            "learning_rate",
            "learning_rat",
            "4:59",
            "task.recipe.learning_rat: rule 'bptt' has no setting 'learning_rat'; did you mean 'learning_rate'?",
        ),
        ("epochs: 1", "epochs: 0", "4:20", "task.recipe.epochs: epochs is 0; it must be above 0"),
        ("epochs: 1", "epochs: 1.5", "4:20", "task.recipe.epochs: epochs is 1.5; it must be a whole number"),
        ("epochs: 1", "epochs: [1]", "4:12", "task.recipe.epochs: a list is not legal; it must be a finite number,"),
        ("epochs: 1", "epochs: .inf", "4:20", "inf is not legal; it must be a finite number, true, false or a word"),
        ("epochs: 1", "momentum: 0.5", "4:3", "task.recipe: momentum is for sgd and rmsprop; leave it out with adam"),
    ],
)
@pytest.mark.parametrize("main", [train, check, evaluate])
def test_a_wrong_task_is_refused_at_its_place(folder, capsys, main, old, new, at, message):
    assert old in TASK
    (folder / "small.yaml").write_text(TASK.replace(old, new) + SMALL)
    assert cli.run(main, ["small.yaml"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"soensim: error: small.yaml:{at}: ")
    assert message in printed


def test_all_wrong_settings_of_a_task_are_told_at_once(folder, capsys):
    task = TASK.replace("epochs: 1", "epochs: 1e3").replace("learning_rate", "learning_rat")
    (folder / "small.yaml").write_text(task + SMALL)
    assert cli.run(check, ["small.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "soensim: error: small.yaml: 2 faults"
    assert lines[1] == ("small.yaml:4:20: task.recipe.epochs: epochs is 1000.0; it must be a whole number; write 1000")
    assert lines[2].startswith("small.yaml:4:61: task.recipe.learning_rat: rule 'bptt' has no setting 'learning_rat'; ")


def refused_recipe(folder, text, capsys, *flags):
    (folder / "r.yaml").write_text(text)
    assert cli.run(train, ["small.yaml", "--recipe", "r.yaml", *flags]) == 2
    return capsys.readouterr().err.removeprefix("soensim: error: ").splitlines()


def test_all_wrong_settings_of_a_recipe_file_are_told_with_their_places(folder, capsys):
    lines = refused_recipe(folder, "batch_size: 0\nepoch: 3\nlearning_rate: x\nrobust: on\n", capsys)
    assert lines[0] == "r.yaml: 4 faults"
    assert lines[1] == "r.yaml:1:13: batch_size: batch_size is 0; it must be above 0"
    assert lines[2].startswith("r.yaml:2:1: epoch: rule 'bptt' has no setting 'epoch'; did you mean 'epochs'? it has ")
    assert lines[3] == "r.yaml:3:16: learning_rate: learning_rate is 'x'; it must be a finite number"
    assert lines[4] == "r.yaml:4:9: robust: robust is 'on'; it must be true or false"
    # a flag goes over the file, so that what the file says of it does not count
    lines = refused_recipe(folder, "batch_size: 0\nepochs: 2.5\n", capsys, "--batch-size", "32")
    assert lines == ["r.yaml:2:9: epochs: epochs is 2.5; it must be a whole number"]
    lines = refused_recipe(folder, "batch_size: 32\n", capsys, "--momentum", "0.5")
    assert lines == ["momentum is for sgd and rmsprop; leave it out with adam"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 1\nepochs: 2\n", "r.yaml:2:1: key 'epochs' is given twice (first in line 1); keep one"),
        ("train_samples: 1:30\n", "r.yaml:1:16: train_samples: train_samples is '1:30'; it must be a whole number"),
        ("1: 2\n", "r.yaml:1:1: 1: rule 'bptt' has no setting '1'; "),
        ("epochs: 2024-13-45\n", "r.yaml:1:9: epochs: epochs is '2024-13-45'; it must be a whole number"),
        ("a: " + "[" * 5000, "r.yaml:1:63: is nested more than 60 deep"),
        ("epochs: " + "9" * 5000, "r.yaml:1:9: a number of 5000 digits; the limit is 4000"),
        ("epochs: " + "9" * 400, "r.yaml:1:9: epochs: epochs is 99"),
        ("learning_rate: " + "9" * 400, "r.yaml:1:16: learning_rate: learning_rate is 99"),
        ("", "r.yaml: is empty; it must hold settings"),
        ("5", "r.yaml: 5 is not legal; it must hold settings"),
    ],
)
def test_files_that_hold_no_recipe(folder, capsys, text, message):
    lines = refused_recipe(folder, text, capsys)
    assert len(lines) == 1
    assert lines[0].startswith(message)


def test_numbers_of_a_recipe_file_are_those_of_a_netlist(folder, capsys):
    (folder / "r.yaml").write_text("train_samples: 096\nlearning_rate: 1e-3\n")
    recipe = trained(["--recipe", "r.yaml"], capsys)["recipe"]
    assert (recipe["train_samples"], recipe["learning_rate"]) == (96, 1e-3)


def test_all_wrong_settings_of_a_recipe_are_told_at_once():
    with pytest.raises(RecipeError) as caught:
        make_recipe("bptt", {"epochs": 10**400, "learning_rate": 10**400, "robust": 1, "seed": 3})
    assert [part.setting for part in caught.value.parts] == ["epochs", "learning_rate", "robust", "seed"]
    assert caught.value.setting is None
    lines = str(caught.value).splitlines()
    assert lines[0] == "rule 'bptt': 4 faults"
    assert lines[1].endswith("…; it must be at most 1000000")
    assert lines[2].endswith("…; it must be a finite number")
    assert lines[3] == "robust is 1; it must be true or false"
    assert lines[4].startswith("rule 'bptt' has no setting 'seed'; ")
    with pytest.raises(RecipeError) as caught:
        BpttRecipe(epochs=0)
    assert (caught.value.setting, caught.value.parts) == ("epochs", (caught.value,))
    assert str(caught.value) == "epochs is 0; it must be above 0"


def test_a_library_user_gets_the_same_task():
    with pytest.raises(NetlistError, match=r"task\.data: unknown data set"):
        parse_netlist(SMALL + TASK.replace("digits-rows", "digit-rows"))
    assert load_netlist(ROOT / "netlists" / "year1-28.yaml").task.rule == "bptt"


def test_editors_see_rules_and_settings():
    task = full_schema()["$defs"]["Task"]["properties"]
    assert task["rule"]["enum"][:2] == ["arbor", "bptt"]
    recipe = task["recipe"]
    assert recipe["additionalProperties"] is False
    assert recipe["properties"]["momentum"] == {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": "momentum of sgd and rmsprop",
    }
    assert set(recipe["properties"]["negatives"]["enum"]) == {"random", "hard", "dynamic", "masked"}
    assert recipe["properties"]["quantise"]["type"] == "boolean"
