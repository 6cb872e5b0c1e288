"""Run folders that are damaged, changed by hand or of another training: one line that names the file."""

import importlib.util
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from conftest import ROOT, SMALL
from test_run_folder import answer, interrupt, refused

from soensim._runtime import atomic_write
from soensim.commands import cli
from soensim.commands.report import main as report
from soensim.commands.train import main as train_main
from soensim.errors import RecipeError, SimulationError
from soensim.program import Program
from soensim.report.runs import load_run
from soensim.training import BpttRecipe, checkpoint, netlist_copy, run_records, train
from soensim.training.checkpoint import Checkpoint
from soensim.training.history import Means
from soensim.training.loop import Training
from soensim.training.run_records import checked_history

COMMAND = ["small.yaml", "--rule", "bptt", "--data", "digits-rows", "--train-samples", "64", "--epochs", "2"]
COMMAND += ["--batch-size", "64", "--run-dir", "run"]
RESUME = [*COMMAND, "--resume"]
REPORT = ["run", "--out", "o.html"]
CHECKPOINT, PROGRAM = "checkpoint.safetensors", "program.safetensors"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("small.yaml").write_text(SMALL)
        assert cli.run(train_main, COMMAND) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A copy of a finished run folder; its chip is beside it."""
    shutil.copytree(finished, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here" / "run"


def changed(path, change):
    """Write a JSON file again after a change of its content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# --- report ------------------------------------------------------------------------------------------------


def test_an_undamaged_folder_is_shown(run, capsys):
    assert cli.run(report, REPORT) == 0
    assert "epoch 2 of 2" in capsys.readouterr().out
    assert run.parent.joinpath("o.html").exists()


DAMAGE = [b"", b"\x00" * 64, b"{", b"\xff\xfe\x00", b"[" * 50_000, b"{'a': 1}", b"null", b"1" * 5000, b'"\xe9"']


@pytest.mark.parametrize("name", ["run.json", "history.json", "netlist.yaml", PROGRAM])
@pytest.mark.parametrize("content", DAMAGE)
def test_report_names_the_damaged_file(run, capsys, name, content):
    (run / name).write_bytes(content)
    line = refused(report, REPORT, capsys)
    assert f"run/{name}" in line
    assert len(line) < 1000


@pytest.mark.parametrize("name", ["run.json", "history.json", "netlist.yaml"])
def test_report_names_the_missing_file(run, capsys, name):
    (run / name).unlink()
    assert f"run/{name}: no such file" in refused(report, REPORT, capsys)


@pytest.mark.parametrize("name", ["run.json", "history.json", "netlist.yaml", PROGRAM])
def test_report_names_the_truncated_file(run, capsys, name):
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: len(content) // 2])
    assert f"run/{name}" in refused(report, REPORT, capsys)


def without(*path):
    """Remove a key."""

    def change(content):
        for part in path[:-1]:
            content = content[part]
        del content[path[-1]]

    return change


def put(value, *path):
    """Give a key another value."""

    def change(content):
        for part in path[:-1]:
            content = content[part]
        content[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("recipe"), "recipe is missing"),
        (without("recipe", "keep"), "recipe: keep is missing"),
        (without("samples", "validation"), "samples: validation is missing"),
        (without("command"), "command is missing"),
        (put([], "data"), "data: a list is not what `soensim train` writes there"),
        (put("x", "recipe", "epochs"), "recipe: epochs is 'x', and must be a whole number, 0 or more"),
        (put(-1, "recipe", "ideal_epochs"), "ideal_epochs is -1, and must be a whole number"),
        (put("first", "recipe", "keep"), "keep is 'first', and must be last or best"),
        (put({}, "recipe", "optimiser"), "recipe: optimiser is a mapping, and must be text or a number"),
        (put(3, "versions", "torch"), "versions: torch is 3, and must be text"),
        (put(5, "netlist"), "netlist is 5, and must be text"),
        (put("\ud800", "command"), "command is '\\ud800', and must be text"),
        (put(1, "netlist_file"), "netlist_file is 1, and must be text or null"),
        (put(True, "data", "data_seed"), "data_seed is true, and must be a whole number"),
    ],
)
def test_run_json_with_something_else(run, capsys, change, message):
    changed(run / "run.json", change)
    line = refused(report, REPORT, capsys)
    assert "run/run.json: " in line
    assert message in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(99, 1, "epoch"), "epoch 2: has the number 99"),
        (without(1, "epoch"), "epoch 2: has the number nothing"),
        (put(True, 0, "epoch"), "epoch 1: has the number true"),
        (without(1, "validation_accuracy"), "epoch 2: validation_accuracy is missing"),
        (without(0, "loss"), "epoch 1: loss is missing"),
        (without(0, "phase"), "epoch 1: phase is missing"),
        (put("warm-up", 0, "phase"), "phase is 'warm-up', and must be ideal or quantised"),
        (put(1.5, 0, "validation_accuracy"), "must be a number in [0, 1]"),
        (put("0.5", 0, "loss"), "loss is '0.5', and must be a finite number"),
        (put(-1, 0, "seconds"), "seconds is -1, and must be a number, 0 or more"),
        (put(None, 0, "learning_rate"), "learning_rate is nothing, and must be a finite number"),
        (put(1e300, 0, "gradient_norm"), "gradient_norm is 1e+300, and must be a finite number"),
        (put(10**3000, 0, "gradient_norm"), "and must be a finite number"),
        (put(1, 0, "$a$"), "'$a$' is no name of a column"),
        (put([], 0), "epoch 1: a list is not what `soensim train` writes there"),
    ],
)
def test_history_json_with_something_else(run, capsys, change, message):
    changed(run / "history.json", change)
    line = refused(report, REPORT, capsys)
    assert "run/history.json: " in line
    assert message in line


ROW = {"epoch": 1, "phase": "ideal", "loss": 0.5, "validation_accuracy": 0.5, "seconds": 1.5}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("loss", [-1e39, 1e39, 3], [1.001e39, -1.001e39, math.nan, math.inf, True, "1", None]),
        ("validation_accuracy", [0, 1, 0.0, 1.0], [-1e-9, 1 + 1e-9, True, None]),
        ("seconds", [0, 0.0, 1e9], [-1e-9, math.inf, False]),
        ("phase", ["ideal", "quantised"], ["best", "", 1]),
        ("epoch", [1], [0, 2, 1.0, True, "1"]),
        ("goodness", [0.0, -1, 1e39], [math.nan, True, "x", [1]]),
    ],
)
def test_what_a_row_of_a_history_may_hold(name, good, bad):
    def read(value):
        return checked_history([{**ROW, name: value}], "here", error=RecipeError, advice="start again")

    for value in good:
        assert read(value)[0][name] == value
    for value in bad:
        with pytest.raises(RecipeError, match=r"^here: epoch 1: .*; start again$"):
            read(value)


@pytest.mark.parametrize("rows", [[], {}, None, [1], [{"epoch": 1}], [ROW, ROW], [{**ROW, "a b": 1.0}]])
def test_what_is_no_history(rows):
    with pytest.raises(RecipeError, match=r"^here: .*; start again$"):
        checked_history(rows, "here", error=RecipeError, advice="start again")
    assert checked_history([ROW, {**ROW, "epoch": 2}], "here", error=RecipeError, advice="")[1]["epoch"] == 2


def test_a_history_of_more_epochs_than_the_training(run, capsys):
    rows = json.loads((run / "history.json").read_text())
    (run / "history.json").write_text(json.dumps([*rows, {**rows[0], "epoch": 3}]))
    assert "run/history.json: has 3 epochs, of a training of 2 by run/run.json" in refused(report, REPORT, capsys)


def test_a_netlist_of_another_encoding_or_chip(run, capsys):
    text = SMALL.replace("name: small", "name: small\ndescription: für")
    (run / "netlist.yaml").write_text(text, encoding="latin-1")
    assert "run/netlist.yaml:4:15: byte 0xfc is not UTF-8" in refused(report, REPORT, capsys)
    (run / "netlist.yaml").write_text(SMALL.replace("seed: 3", "seed: 4"))
    assert f"run/{PROGRAM}: " in refused(report, REPORT, capsys)


# --- resume ------------------------------------------------------------------------------------------------


def test_files_of_a_training_have_a_largest_size():
    """Files far beyond what a training writes are refused before they are read: 8 GiB, 256 MiB, 16 MiB, 16 GiB."""
    limits = (checkpoint.MAX_BYTES, run_records.MAX_BYTES, netlist_copy.MAX_NETLIST_BYTES, netlist_copy._MAX_FILE_BYTES)
    assert [size / 2**20 for size in limits] == [8192, 256, 16, 16384]


def test_every_flipped_bit_of_a_checkpoint_is_noticed():
    spec = importlib.util.spec_from_file_location("flip_bits", ROOT / "tools" / "flip_bits.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.unnoticed_flips(60, 1) == []


def test_a_flip_that_leaves_the_content_as_it_was_is_noticed(run):
    """The case of a digit in JSON text: what is read is the same, and the file is not."""
    path = run / CHECKPOINT
    content = path.read_bytes()
    at = content.index(b"e-0") if b"e-0" in content else content.index(b"e-1")
    path.write_bytes(content[:at] + b"E" + content[at + 1 :])
    with pytest.raises(RecipeError, match=f"{CHECKPOINT}: is damaged, it does not match its checksum"):
        Checkpoint.load(path, {})


def test_a_checkpoint_of_the_first_format_is_refused(run, capsys):
    tensors = {"parameters/a": torch.zeros(1)}
    content = safetensors.torch.save(tensors, {"soensim": json.dumps({"format": "soensim-checkpoint/1"})})
    (run / CHECKPOINT).write_bytes(content)
    line = refused(train_main, RESUME, capsys)
    assert f"run/{CHECKPOINT}: has the format 'soensim-checkpoint/1'; this soensim reads 'soensim-checkpoint/2'" in line
    assert "start again with another --run-dir" in line


@pytest.mark.parametrize("content", DAMAGE)
def test_resume_names_a_damaged_checkpoint(run, capsys, content):
    (run / CHECKPOINT).write_bytes(content)
    assert f"run/{CHECKPOINT}: " in refused(train_main, RESUME, capsys)


@pytest.mark.parametrize("name", ["run.json", "history.json", "recipe.yaml", "netlist.yaml", "history.csv"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 50_000, b"1"])
def test_resume_names_a_damaged_record_and_writes_a_missing_one(finished, run, capsys, name, content):
    before = (run / name).read_bytes()
    (run / name).write_bytes(content)
    assert f"run/{name}" in refused(train_main, RESUME, capsys)
    assert (run / name).read_bytes() == content
    (run / name).unlink()
    assert cli.run(train_main, RESUME) == 0
    written = (run / name).read_text().replace(str(run.parent), str(finished))  # the folder was copied from there
    assert written.encode() == before
    capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("recipe.yaml", "epochs: 2", "epochs: 3", "has other settings than the training"),
        ("run.json", '"epochs": 2', '"epochs": 3', "is of another training than the checkpoint beside it"),
    ],
)
def test_records_of_another_training(run, capsys, name, old, new, message):
    text = (run / name).read_text()
    assert old in text
    (run / name).write_text(text.replace(old, new, 1))
    assert f"run/{name}: {message}" in refused(train_main, RESUME, capsys)


def test_resume_says_in_what_the_trainings_differ(run, capsys):
    line = refused(train_main, [*RESUME, "--learning-rate", "0.5"], capsys)
    assert "another training: its recipe had learning_rate 0.03, now 0.5; resume with the same settings" in line
    assert "its data had data_seed 0, now 1" in refused(train_main, [*RESUME, "--data-seed", "1"], capsys)
    Path("small.yaml").write_text(SMALL.replace("seed: 3", "seed: 4"))
    assert "another training: its netlist_hash was " in refused(train_main, RESUME, capsys)
    (run / CHECKPOINT).unlink()
    assert "no checkpoint to resume from, beside a finished program.safetensors" in refused(train_main, RESUME, capsys)


@pytest.mark.usefixtures("run")
def test_own_data_may_move_and_not_change(capsys):
    arrays = {"inputs": np.random.default_rng(0).random((80, 8, 8)), "labels": np.arange(80) % 10}
    np.savez("a.npz", **arrays)
    command = [*COMMAND[:-1], "own", "--train-samples", "50", "--data"]
    assert cli.run(train_main, [*command, "npz:a.npz"]) == 0
    Path("a.npz").rename("b.npz")
    assert cli.run(train_main, [*command, "npz:b.npz", "--resume"]) == 0
    capsys.readouterr()
    arrays["inputs"][0] *= 0.5
    np.savez("b.npz", **arrays)
    status, told = answer(train_main, [*command, "npz:b.npz", "--resume"], capsys)
    how_read, error = told.splitlines()
    assert status == 2
    assert how_read.startswith("soensim: npz:")
    assert "another training: its data had " in error


def test_to_resume_a_finished_run_gives_its_program_again(run, capsys):
    before = Program.load(run / PROGRAM)
    assert cli.run(train_main, RESUME) == 0
    assert Program.load(run / PROGRAM) == before
    (run / PROGRAM).unlink()
    assert cli.run(train_main, RESUME) == 0
    assert Program.load(run / PROGRAM) == before
    capsys.readouterr()


def test_the_copy_in_the_run_folder_may_be_resumed(run, capsys):
    Path("small.yaml").unlink()
    assert cli.run(train_main, ["run/netlist.yaml", *RESUME[1:]]) == 0
    assert (run / "netlist.yaml").read_text() == SMALL
    assert load_run(run).description["netlist_file"].endswith("small.yaml")
    capsys.readouterr()


def test_a_kill_between_checkpoint_and_history_leaves_no_gap(run, capsys):
    rows = json.loads((run / "history.json").read_text())
    (run / "history.json").write_text(json.dumps(rows[:1]))
    assert cli.run(train_main, RESUME) == 0
    assert json.loads((run / "history.json").read_text()) == rows
    capsys.readouterr()


# --- what cannot be saved ----------------------------------------------------------------------------------


@pytest.mark.parametrize("full", ["checkpoint.safetensors", "history.json"])
def test_a_full_disk_leaves_the_earlier_epochs(finished, tmp_path, monkeypatch, capsys, full):
    """The second epoch cannot be saved; then there is room again."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    replace, calls = atomic_write._replace, []

    def without_room(target, *rest):
        if target.name == full:
            calls.append(target)
            if len(calls) == 2:
                raise OSError(28, "No space left on device")
        replace(target, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(atomic_write, "_replace", without_room)
        line = refused(train_main, COMMAND, capsys)
    assert f"run/{full}: cannot be written: No space left on device; epoch 2 could not be saved" in line
    assert "go on with --resume" in line
    assert cli.run(train_main, RESUME) == 0
    ours, whole = Program.load("run/program.safetensors"), Program.load(finished / "run" / PROGRAM)
    assert ours.with_header({}) == whole.with_header({})
    capsys.readouterr()


def test_what_is_not_finite_is_named(small, digits, monkeypatch):
    """A gradient that overflows is not written into a history that nothing can read."""
    read = Means.read
    monkeypatch.setattr(Means, "read", lambda self, *names: {**read(self, *names), "gradient_norm": float("inf")})
    with pytest.raises(SimulationError, match="the gradient norm is not finite in epoch 1"):
        train(small, digits, BpttRecipe(epochs=1, train_samples=64))


def test_tensors_of_another_chip_are_refused(small, digits, tmp_path):
    recipe = BpttRecipe(epochs=1, train_samples=64)
    train(small, digits, recipe, run_dir=tmp_path)
    origin = Training(small, digits, recipe)._origin()
    whole = Checkpoint.load(tmp_path / CHECKPOINT, origin)
    name = next(iter(whole.parameters))
    for parameters in (
        {k: v for k, v in whole.parameters.items() if k != name},
        {**whole.parameters, name: torch.zeros(2, 2)},
        {**whole.parameters, "worst/a": torch.zeros(1)},
    ):
        Checkpoint(origin, parameters, whole.optimiser, whole.schedule, whole.history).save(tmp_path / CHECKPOINT)
        with pytest.raises(RecipeError, match="holds other tensors than this chip and rule have"):
            train(small, digits, recipe, run_dir=tmp_path, resume=True)


def test_ctrl_c_while_resuming_keeps_the_checkpoint(run, monkeypatch, capsys):
    shutil.rmtree(run)
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        answer(train_main, COMMAND, capsys)
        before = (run / CHECKPOINT).read_bytes()
        assert answer(train_main, RESUME, capsys)[0] == 130
    assert (run / CHECKPOINT).read_bytes() == before
    assert len(load_run(run).history) == 1


def test_advice_to_resume_is_given_only_where_it_can_be_followed(run, capsys):
    content = json.loads((run / "run.json").read_text())
    del content["samples"]
    (run / "run.json").write_text(json.dumps(content))
    assert "with --resume writes it again" in refused(report, REPORT, capsys)
    path = run / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes().replace(b"soensim-checkpoint/2", b"soensim-checkpoint/1"))
    line = refused(report, REPORT, capsys)
    assert "run.json: samples is missing; restore it, or train again with another --run-dir" in line
    path.unlink()
    assert "restore it, or train again" in refused(report, REPORT, capsys)
