"""Outputs are checked before any work: none is an input, no two are one file, every name has a legal ending."""

import os
import re
from importlib import import_module

import numpy as np
import pytest

from soensim.commands import cli
from soensim.commands.input_files import chip_files, data_files
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.verbs import VERBS, run_command
from soensim.errors import SoensimError
from soensim.netlist import load_netlist
from soensim.technology import technology_files

CHIP = """\
schema: soensim/1
name: tiny
technology: own.yaml
populations:
  x: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  h: {kind: dendrite, size: 2, source_function: tanh, gamma_plus: 0.3, gamma_minus: 0.3}
projections:
  - {source: x, target: h, topology: {kind: file, path: edges.csv}, efficacy: {bits: 4, range: 2.0}}
timing: {sample_tau: 1.0}
readout: {kind: linear, population: h, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
"""
STUDY = """\
schema: soensim-study/1
name: s
question: "?"
chip: tiny.yaml
set: {data: digits-rows, rule: bptt}
grid: {recipe.epochs: [1, 2]}
"""
REQUIREMENTS = """\
schema: soensim-design/1
name: r
chip: tiny.yaml
require: accuracy >= 0.5
least: junctions
data: digits-rows
set: {rule: bptt}
search: {recipe.epochs: [1, 2]}
"""
TECHNOLOGY = "schema: soensim-technology/1\nname: own\nextends: {}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a chip, an edge file and two technologies of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(CHIP)
    (tmp_path / "edges.csv").write_text("source,target\n0,0\n1,1\n")
    (tmp_path / "s.yaml").write_text(STUDY)
    (tmp_path / "r.yaml").write_text(REQUIREMENTS)
    (tmp_path / "own.yaml").write_text(TECHNOLOGY.format("base.yaml"))
    (tmp_path / "base.yaml").write_text(TECHNOLOGY.format("nist-2023"))
    return tmp_path


def test_what_a_flag_names():
    assert [named(word) for word in (None, "none", "-", "/dev/stdout", "/dev/fd/1", "a")] == [
        *(None, None, "-", "-", "-", "a")
    ]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([json_output("no/a.json")], "no/a.json: cannot be written: the folder no does not exist"),
        ([json_output("a"), Output("--html", "./a")], "./a: cannot hold both --json and --html; give two names"),
        ([json_output("to-a"), Output("--html", "a")], "a: cannot hold both --json and --html"),
        ([json_output("-"), Output("--out", "-", to_standard_output=True)], "--json and --out both go to standard"),
        ([Output("--out", "-")], "--out - is not possible"),
        ([Output("--out", "x.png", (".npz",))], "x.png: the name must end in .npz; --out writes no other kind of file"),
        ([Output("--out", "x", (".npz",))], "x: the name must end in .npz"),
        ([json_output("other.yaml")], "other.yaml: the name must end in .json"),
        ([Output("--out", "x.html", (".sp", ".cir", ".js"), any_unknown=True)], "must end in .sp, .cir or .js"),
        ([json_output("input.json")], "input.json: is read by this command; give --json another name"),
        ([json_output("./sub/../input.json")], "is read by this command as input.json"),
        ([json_output("link.json")], "link.json: is read by this command as input.json"),
        ([json_output("hard.json")], "hard.json: is read by this command as input.json"),
        ([json_output("missing-input")], "missing-input: is read by this command"),
        ([json_output("sub")], "sub: cannot be written: is a folder"),
        ([json_output("made/deep/a")], "the folder made/deep does not exist"),
        ([json_output("input.json/a")], "a part of its path is a file"),
    ],
)
def test_outputs_that_are_refused(folder, outputs, message):
    (folder / "sub").mkdir()
    (folder / "input.json").write_text("{}")
    (folder / "link.json").symlink_to("input.json")
    os.link("input.json", "hard.json")
    (folder / "to-a").symlink_to("a")
    before = sorted(folder.rglob("*"))
    with pytest.raises(SoensimError) as error:
        check_outputs(outputs, ["input.json", "missing-input", None], makes=["made"])
    assert message in str(error.value)
    assert sorted(folder.rglob("*")) == before


def test_outputs_that_are_taken(folder):
    before = sorted(folder.rglob("*"))
    check_outputs(
        [
            *(json_output(name) for name in (None, "-", "a.json", "b", "c.2", os.devnull, "made/d.json")),
            Output("--html", os.devnull, (".html",), any_unknown=True),
            Output("--out", "x.NPZ", (".npz",)),
        ],
        ["tiny.yaml", "input", os.devnull],
        makes=["made"],
    )
    assert sorted(folder.rglob("*")) == before


def test_the_file_of_standard_output_is_no_other_output(folder):
    """As the shell does for `--json a > a`."""
    before = os.dup(1)
    with (folder / "a").open("w") as file:
        os.dup2(file.fileno(), 1)
        try:
            with pytest.raises(SoensimError, match="a: cannot hold both standard output and --json"):
                check_outputs([json_output("a")])
        finally:
            os.dup2(before, 1)
            os.close(before)


def test_files_that_a_netlist_names(folder):
    netlist = load_netlist("tiny.yaml")
    names = [str(path) for path in chip_files("tiny.yaml", netlist)]
    assert names == ["tiny.yaml", "own.yaml", "base.yaml", "edges.csv"]
    (folder / "base.yaml").write_text(TECHNOLOGY.format("own.yaml"))
    assert len(technology_files("own.yaml")) == 2  # it extends itself: no hang
    assert technology_files("nist-2023") == []
    (folder / "mnist").mkdir()
    (folder / "mnist" / "t10k-labels-idx1-ubyte.gz").write_text("")
    assert [path.name for path in data_files("npz:d.npz", ".")] == ["d.npz", "t10k-labels-idx1-ubyte.gz"]
    assert data_files("digits-rows", None) == []


# A command of every verb, and an input of it.
COMMANDS = {
    "init": (["mine", "--data", "npz:d.npz"], "d.npz"),
    "check": (["tiny.yaml"], "edges.csv"),
    "explain": (["tiny.yaml", "--from", "x[0]", "--to", "h[0]"], "edges.csv"),
    "evaluate": (["tiny.yaml", "--program", "p.safetensors", "--html", "none"], "p.safetensors"),
    "train": (["tiny.yaml", "--rule", "bptt", "--data", "npz:d.npz"], "d.npz"),
    "sweep": (["tiny.yaml", "--rule", "bptt", "--data", "npz:d.npz", "--set", "name=a,b"], "edges.csv"),
    "study": (["s.yaml"], "s.yaml"),
    "design": (["r.yaml"], "r.yaml"),
    "simulate": (["tiny.yaml", "--inputs", "x.npy", "--out", "t.npz"], "x.npy"),
    "export": (["--format", "josim", "--technology", "own.yaml", "--out", "d.cir"], "base.yaml"),
    "import": (["m.json", "--format", "soen-toolkit", "--out", "m.yaml"], "m.json"),
    "fit": (["tiny.yaml", "edges.csv"], "edges.csv"),
    "circuit": (["own.yaml"], "base.yaml"),
    "technology": (["own.yaml"], "base.yaml"),
    "convert": (["gamma_minus=0.1", "--to", "tau_ns", "--technology", "own.yaml"], "own.yaml"),
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_no_verb_writes_over_its_input(folder, capsys, verb):
    arguments, input_file = COMMANDS[verb]
    for name in ("x.npy", "d.npz", "p.safetensors", "m.json"):
        (folder / name).write_bytes(b"kept")
    (folder / "same").symlink_to(input_file)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    main = import_module(f"soensim.commands.{verb}").main
    assert cli.run(main, [*arguments, "--json", "same"]) == cli.BAD_INPUT
    said = capsys.readouterr().err  # own data have absolute paths
    assert re.search(rf"same: is read by this command as \S*{re.escape(input_file)}; give --json another name", said)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_verb_with_inputs_is_in_the_list():
    assert set(VERBS) - set(COMMANDS) == {
        "schema",
        "examples",
        "report",
    }  # the last reads only run folders, the others nothing


@pytest.mark.parametrize(
    ("out", "message"), [("x.png", "x.png: the name must end in .npz"), ("-", "--out - is not possible")]
)
def test_a_trace_has_its_ending(folder, capsys, out, message):
    np.save(folder / "x.npy", np.zeros((1, 1, 2)))
    arguments = ["tiny.yaml", "--inputs", "x.npy", "--out", out]
    assert cli.run(import_module("soensim.commands.simulate").main, arguments) == cli.BAD_INPUT
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "explain", "technology", "convert"])
def test_none_omits_the_file(folder, capsys, verb):
    before = sorted(folder.iterdir())
    assert cli.run(import_module(f"soensim.commands.{verb}").main, [*COMMANDS[verb][0], "--json", "none"]) in (0, 1)
    assert sorted(folder.iterdir()) == before
    assert capsys.readouterr().out


def test_schema_omits_all(folder, capsys):
    before = sorted(folder.iterdir())
    assert cli.run(import_module("soensim.commands.schema").main, ["--json", "none"]) == 0
    assert sorted(folder.iterdir()) == before
    assert capsys.readouterr().out == ""


def test_a_training_does_not_write_over_its_run_folder(folder, capsys):
    arguments = ["tiny.yaml", "--rule", "bptt", "--data", "digits-rows", "--run-dir", "run", "--json", "run/run.json"]
    assert cli.run(import_module("soensim.commands.train").main, arguments) == cli.BAD_INPUT
    assert "run/run.json: cannot hold both the run folder and --json" in capsys.readouterr().err
    assert not (folder / "run").exists()


def test_export_prints_the_deck_or_the_json(capsys):
    main = import_module("soensim.commands.export").main
    assert cli.run(main, ["--format", "josim", "--json", "-"]) == cli.BAD_INPUT
    assert "--out and --json both go to standard output; name a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "train tiny.yaml --rule bptt --data digits-rows --run-dir RUN --tensorboard own.yaml",
            "own.yaml: cannot be written: a part of its path is a file",
        ),
        (
            "train tiny.yaml --rule bptt --data digits-rows --run-dir RUN --out loop",
            "loop: cannot be written: the link leads to itself",
        ),
        ("train tiny.yaml --rule bptt --data digits-rows --run-dir nowhere", "nowhere is a link that leads to nothing"),
        (
            "train tiny.yaml --rule bptt --data digits-rows --run-dir nowhere/a",
            "nowhere is a link that leads to nothing",
        ),
        ("evaluate tiny.yaml --json reports", "reports: is a folder that this command makes; give --json another"),
        ("evaluate tiny.yaml --html reports", "reports: is a folder that this command makes; give --html another"),
        ("train tiny.yaml --rule bptt --data digits-rows --run-dir a/b --json a", "a: is a folder that this command"),
        (
            "train tiny.yaml --rule bptt --data digits-rows --run-dir RUN --tensorboard tb --json tb",
            "tb: is a folder that this command makes; give --json another name",
        ),
        ("schema --json x.png", "x.png: the name must end in .json; --json writes no other kind of file"),
        ("schema --out x.png", "x.png: the name must end in .json; --out writes no other kind of file"),
        (
            "train tiny.yaml --rule bptt --data mnist-rows --run-dir RUN --data-dir nix",
            "nix/mnist: train-images-idx3-ubyte.gz is missing (the folder is named by --data-dir (data_dir)); put",
        ),
        ("check tiny.yaml --figure a.png", "--figure a.png: the endings .png and .svg are added; give a"),
        ("check tiny.yaml --figure .svg", "--figure .svg: the endings .png and .svg are added; give a name"),
        ("circuit loop.yaml", "loop.yaml: cannot be read: Too many levels of symbolic links"),
        (
            "report own.yaml",
            "own.yaml/run.json: cannot be read: a part of its path is a file and not a folder; give a run",
        ),
    ],
)
def test_links_and_files_where_something_else_is_meant(folder, capsys, words, message):
    (folder / "loop").symlink_to("loop")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "nowhere").symlink_to("missing")
    before = sorted(folder.iterdir())
    assert run_command(words.split()) == 2
    assert message in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "tiny.yaml", "--program", ""),
        ("simulate", "tiny.yaml", "--inputs", "x.npy", "--out", "t.npz", "--program", " "),
        ("train", "tiny.yaml", "--run-dir", ""),
        ("train", "tiny.yaml", "--data="),
        ("check", ""),
        ("report", "runs/a", ""),
    ],
)
@pytest.mark.usefixtures("folder")
def test_an_empty_word_is_no_default(capsys, words):
    assert run_command(words) == 2
    assert "is empty; give a value, or leave it out for the default; see soensim" in capsys.readouterr().err
