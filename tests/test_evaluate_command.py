"""`python -m soensim.evaluate`: outputs, defaults, messages, exit status."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from soensim.commands import cli
from soensim.commands.evaluate import main
from soensim.data import load_dataset
from soensim.evaluation import evaluate
from soensim.netlist import load_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route

CHIP = """\
schema: soensim/1
name: tiny
technology: nist-2023
populations:
  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  hidden: {kind: dendrite, size: 5, source_function: tanh, gamma_plus: 0.3, gamma_minus: 0.3}
projections:
  - {source: pixels, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}
timing: {sample_tau: 1.0}
readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
"""


@pytest.fixture
def chip(tmp_path, monkeypatch):
    """Make a folder with tiny.yaml and a program for it, and work there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(CHIP)
    network = compile_network(route(load_netlist("tiny.yaml")))
    rng = np.random.default_rng(0)
    weights = {"pixels->hidden": rng.normal(0, 1, (5, 8)), "readout": rng.normal(0, 0.5, (10, 5))}
    data = {"name": "digits-rows", "data_seed": 2, "fingerprint": load_dataset("digits-rows", data_seed=2).fingerprint}
    header = {
        "netlist": "tiny",
        "data": data,
        "seeds": {"train_seed": 4, "data_seed": 2},
        "command": "python -m soensim.train tiny.yaml",
    }
    Program.quantised(network, weights).with_header(header).save("tiny.safetensors")
    return tmp_path


def refused(capsys, *arguments):
    assert cli.run(main, arguments) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("soensim: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_plain_command_prints_and_writes_beside_the_defaults(chip, capsys):
    assert cli.run(main, ["tiny.yaml", "--trials", "2", "--seed", "3"]) == cli.DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("chip ")
    assert re.search(r"^JSON +reports/tiny.json$", captured.out, re.MULTILINE)
    assert re.search(r"^page +reports/tiny.html$", captured.out, re.MULTILINE)
    content = json.loads((chip / "reports/tiny.json").read_text())
    data = load_dataset("digits-rows", data_seed=2)
    expected = evaluate(
        route(load_netlist("tiny.yaml")), Program.load("tiny.safetensors"), data, trials=2, chip_seed=3
    ).as_dict()
    for key in ("accuracy", "confusion", "per_class", "samples", "data", "chip", "spreads", "steps"):
        assert content[key] == expected[key]
    assert content["seeds"] == {"chip_seeds": [3, 4], "read_seed": None, "data_seed": 2, "train_seed": 4}
    assert content["command"] == "python -m soensim.evaluate tiny.yaml --trials 2 --seed 3"
    assert content["program"]["path"] == "tiny.safetensors"
    assert set(content["versions"]) == {"python", "soensim", "numpy", "scipy"}
    html = (chip / "reports/tiny.html").read_text()
    assert "python -m soensim.train tiny.yaml" in html
    assert content["command"] in html
    assert sorted(p.name for p in (chip / "reports").iterdir()) == ["tiny.html", "tiny.json"]


def test_json_on_standard_output_is_alone_there(chip, capsys):
    assert cli.run(main, ["tiny.yaml", "--trials", "1", "--json", "-", "--html", "none"]) == cli.DONE
    captured = capsys.readouterr()
    assert json.loads(captured.out)["accuracy"]["chip"]["ci95"] is None
    assert captured.err == ""
    assert not (chip / "reports").exists()


def test_named_outputs_and_none(chip, capsys):
    assert cli.run(main, ["tiny.yaml", "--trials", "1", "--json", "a.json", "--html", "none"]) == cli.DONE
    assert (chip / "a.json").is_file()
    assert not (chip / "reports").exists()
    assert "page" not in capsys.readouterr().out.splitlines()[-1]
    assert cli.run(main, ["tiny.yaml", "--trials", "1", "--json", "none", "--html", "b.html"]) == cli.DONE
    assert (chip / "b.html").read_text().startswith("<!DOCTYPE html>")


def test_missing_program_names_the_training_command(chip, capsys):
    (chip / "tiny.safetensors").unlink()
    message = refused(capsys, "tiny.yaml")
    assert message == (
        "soensim: error: tiny.safetensors: no program ships beside this netlist; name one with --program, or train it: "
        "python -m soensim.train tiny.yaml --rule bptt --data NAME --out tiny.safetensors\n"
    )
    assert "x.safetensors: no such file" in refused(capsys, "tiny.yaml", "--program", "x.safetensors")


@pytest.mark.usefixtures("chip")
def test_program_of_unknown_origin_needs_data(capsys):
    Program.load("tiny.safetensors").with_header({}).save("tiny.safetensors")
    assert "name the data set with --data" in refused(capsys, "tiny.yaml")
    assert cli.run(main, ["tiny.yaml", "--data", "digits-rows", "--trials", "1", "--json", "-", "--html", "none"]) == 0
    assert json.loads(capsys.readouterr().out)["seeds"]["train_seed"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "no/such.json"], "the folder no does not exist"),
        (["--html", "no/such.html"], "the folder no does not exist"),
        (["--json", "same", "--html", "./same"], "cannot hold both --json and --html"),
        (["--html", "-"], "--html - is not possible"),
        (["--html", "."], "is a folder"),
        (["--trials", "0"], "--trials: 0 is not legal; it must be a whole number from 1"),
        (["--seed", "-1"], "--seed/--chip-seed: -1 is not legal"),
        (["--refine", "0"], "--refine: 0 is not legal"),
        (["--data", "digit-rows"], "did you mean 'digits-rows'"),
        (["--trails", "3"], "there is no flag --trails; did you mean --trials? see soensim evaluate --help"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(chip, capsys, arguments, message):
    assert message in refused(capsys, "tiny.yaml", *arguments)
    assert sorted(p.name for p in chip.iterdir()) == ["tiny.safetensors", "tiny.yaml"]


def test_reports_that_is_a_file_is_refused_before_work(chip, capsys, monkeypatch):
    (chip / "reports").write_text("")
    # by module: `soensim.evaluate` as an attribute is the function
    monkeypatch.setattr(
        sys.modules["soensim.commands.evaluate"], "evaluate_network", lambda *_, **__: pytest.fail("worked")
    )
    assert "folder" in refused(capsys, "tiny.yaml")


@pytest.mark.usefixtures("chip")
def test_progress_is_one_line_on_a_terminal_and_cleared(capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert main(["tiny.yaml", "--trials", "2", "--json", "none", "--html", "none"]) == cli.DONE
    shown = screen.getvalue()
    assert "chip 2 of 2" in shown
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[2K")
    assert "quantised codes" in capsys.readouterr().out


def test_help_has_defaults_and_an_example(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("usage: soensim evaluate", "examples:", "default: 10", "default: reports/NAME.html", "year1-28.yaml"):
        assert part in text


def test_as_a_process_without_torch_and_pyplot(chip):
    code = (
        "import sys\n"
        "from soensim.commands import cli\n"
        "from soensim.commands.evaluate import main\n"
        "status = cli.run(main, ['tiny.yaml', '--trials', '1'])\n"
        "loaded = {'torch', 'matplotlib.pyplot', 'soensim.training.loop'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else status)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "accuracy" in done.stdout
    assert (chip / "reports/tiny.html").is_file()


@pytest.mark.usefixtures("chip")
def test_as_a_process_with_bad_input():
    command = [sys.executable, "-m", "soensim.evaluate", "none.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("soensim: error: none.yaml")


def test_a_spiking_chip_is_told_what_to_do_instead(capsys):
    from conftest import ROOT

    assert cli.run(main, [str(ROOT / "netlists" / "point-neurons-10.yaml")]) == 2
    assert "has no readout" in capsys.readouterr().err
