"""`python -m soensim.sweep` and `soensim.study`: outputs, going on, refusals, interruption.

Runs are done in real processes where these are started, interrupted or gone on with, else in this one.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from here_slots import HereProcesses

from soensim.commands import cli, study_run
from soensim.commands.study import main as study
from soensim.commands.sweep import main as sweep
from soensim.netlist import load_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.study.table import read_table

CHIP = """\
schema: soensim/1
name: tiny
technology: nist-2023
populations:
  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  hidden: {kind: dendrite, size: 5, source_function: tanh, gamma_plus: 0.3, gamma_minus: 0.3}
projections:
  - {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 2.0}}
timing: {sample_tau: 1.0}
readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
task: {data: digits-rows, rule: bptt, recipe: {epochs: 1, train_samples: 100, batch_size: 50}}
"""
SCORED = ["tiny.yaml", "--program", "tiny.safetensors", "--trials", "2", "--workers", "1"]
SPREAD = ["--set", "evaluate.spread.efficacy=0,0.3"]


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with tiny.yaml and a program for it, and work there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(CHIP)
    network = compile_network(route(load_netlist("tiny.yaml")))
    rng = np.random.default_rng(0)
    weights = {"pixels->hidden": rng.normal(0, 1, (5, 8)), "readout": rng.normal(0, 0.5, (10, 5))}
    Program.quantised(network, weights).save("tiny.safetensors")
    return tmp_path


@pytest.fixture
def runs_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_run, "ProcessSlots", HereProcesses)


def test_a_sweep_trains_scores_and_goes_on_where_it_ended(chip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["tiny.yaml", "--set", "populations.hidden.size=4,6", "--seeds", "2", "--trials", "2", "--workers", "1"]
    assert cli.run(sweep, [*arguments, "--json", "answer.json"]) == cli.DONE
    folder = chip / "sweeps" / "tiny"
    names, rows = read_table(folder / "table.csv")
    assert names == ("populations.hidden.size",)
    assert [(row.run.levels[names[0]], row.run.seed, row.outcome.error) for row in rows] == [
        (4, 0, None),
        (4, 1, None),
        (6, 0, None),
        (6, 1, None),
    ]
    assert len({row.outcome.measures["validation"] for row in rows}) > 1  # seeds train differently
    assert [row.outcome.measures["neurons"] for row in rows] == [4, 4, 6, 6]
    for name in ("summary.csv", "tiny.png", "tiny.svg", "study.json", "index.html"):
        assert (folder / name).stat().st_size > 100
    answer = json.loads((chip / "answer.json").read_text())
    assert answer == json.loads((folder / "study.json").read_text())
    assert (answer["runs"], answer["failed"], len(answer["points"])) == (4, 0, 2)
    assert "4 runs in" in capsys.readouterr().out
    table = (folder / "table.csv").read_bytes()
    assert cli.run(sweep, arguments) == cli.DONE
    out = capsys.readouterr().out
    assert "0 runs in" in out
    assert ", 4 were done before" in out
    assert (folder / "table.csv").read_bytes() == table


@pytest.mark.usefixtures("runs_are_here")
def test_results_are_made_again_only_where_something_is_new(chip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that were replaced have another inode; what tells the results apart is in their answer as `made_from`."""
    (chip / "s").mkdir()
    text = (
        "schema: soensim-study/1\nname: noise\nquestion: how much?\nchip: ../tiny.yaml\nmeasures: [chips_mean]\n"
        "set: {program: ../tiny.safetensors, evaluate.trials: 2}\nvary: [chip]\nseeds: 2\n"
        "grid: {evaluate.spread.efficacy: [0, 0.3]}\n"
    )
    results = chip / "s" / "results"

    def written() -> bool:
        """Run the study, and return whether its results were written."""
        table = chip / "s" / "table.csv"
        before = table.stat().st_ino if table.exists() else None
        assert cli.run(study, ["s/study.yaml", "--workers", "1", "--json", "a.json"]) == cli.DONE
        assert json.loads((chip / "a.json").read_text()) == json.loads((chip / "s" / "study.json").read_text())
        return table.stat().st_ino != before

    (chip / "s" / "study.yaml").write_text(text)
    assert written()
    first = capsys.readouterr().out
    assert not written()
    kept = capsys.readouterr().out
    assert "0 runs in" in kept
    assert "4 were done before: the results are as they were" in kept
    assert f"kept: {Path('s') / 'noise.png'}" in kept
    assert kept.splitlines()[0] in first  # the answers
    (chip / "s" / "noise.svg").unlink()
    assert written()
    (chip / "s" / "study.json").write_text("[]")
    assert written()
    (chip / "s" / "study.yaml").write_text(text + "figures: [{y: codes}]\n")
    assert written()
    (file,) = results.glob("*.jsonl")
    file.write_text(file.read_text().replace('"codes": ', '"codes": 0.0, "other": '))
    assert written()
    assert not written()


def test_the_commands_of_studies_start_without_what_only_runs_and_figures_need() -> None:
    code = (
        "import sys, soensim.commands.study, soensim.commands.sweep\n"
        "slow = {'matplotlib', 'torch', 'scipy.sparse', 'soensim.evaluation', 'soensim.check'}\n"
        "print(sorted(slow.intersection(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


@pytest.mark.usefixtures("runs_are_here")
def test_a_study_file_is_the_same_in_its_own_folder(chip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (chip / "s").mkdir()
    (chip / "s" / "study.yaml").write_text(
        "schema: soensim-study/1\nname: noise\nquestion: how much?\nchip: ../tiny.yaml\n"
        "set: {program: ../tiny.safetensors, evaluate.trials: 2}\nvary: [chip]\nseeds: 2\n"
        "grid: {evaluate.spread.efficacy: [0, 0.3]}\n"
    )
    assert cli.run(study, ["s/study.yaml", "--workers", "2"]) == cli.DONE
    _, rows = read_table(chip / "s" / "table.csv")
    (chip / "t").mkdir()
    assert cli.run(sweep, [*SCORED, *SPREAD, "--seeds", "2", "--vary", "chip", "--out", "t"]) == cli.DONE
    _, others = read_table(chip / "t" / "table.csv")
    assert [row.outcome.measures for row in rows] == [row.outcome.measures for row in others]
    assert rows[2].outcome.measures["chips_mean"] != rows[3].outcome.measures["chips_mean"]
    capsys.readouterr()


@pytest.mark.usefixtures("runs_are_here")
def test_a_dry_run_lists_the_runs_and_runs_nothing(chip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(sweep, [*SCORED, *SPREAD, "--dry-run"]) == cli.DONE
    out = capsys.readouterr().out
    assert "evaluate.spread.efficacy 0.3, seed 2" in out
    assert "6 runs, 6 to do: no run was measured yet" in out
    assert not (chip / "sweeps").exists()
    assert cli.run(sweep, [*SCORED, *SPREAD, "--seeds", "1"]) == cli.DONE
    capsys.readouterr()
    assert cli.run(sweep, [*SCORED, *SPREAD, "--dry-run", "--json", "-"]) == cli.DONE
    told = json.loads(capsys.readouterr().out)
    assert (len(told["runs"]), told["left"], told["seconds_left"] > 0) == (6, 4, True)
    assert [run["done"] for run in told["runs"]] == [True, False, False] * 2


@pytest.mark.usefixtures("runs_are_here")
def test_a_failed_run_is_a_row_and_a_study_of_which_all_fail_is_refused(
    chip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--set", "populations.hidden.size=4,5", "--seeds", "1"]  # the program is of 5 neurons
    assert cli.run(sweep, [*SCORED, *sizes]) == cli.DONE
    captured = capsys.readouterr()
    assert "soensim: failed: populations.hidden.size 4, seed 0: " in captured.err
    _, rows = read_table(chip / "sweeps" / "tiny" / "table.csv")
    assert [row.outcome.error is None for row in rows] == [False, True]
    assert cli.run(sweep, [*SCORED, "--set", "populations.hidden.size=4", "--seeds", "1"]) == cli.BAD_INPUT
    assert "all 1 runs failed, the first one so:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "populations.hiden.size=3,4"], "there is no population 'hiden'; did you mean 'hidden'?"),
        (["--set", "timing.sample_tau"], "has no `=`"),
        (["--vary", "trian"], "--vary: 'trian' is not legal; it must be some of train, topology, chip, data, read"),
        (["--vary", "none", "--seeds", "2"], "seeds 0 and 1 are the same run: nothing is varied with the seed"),
        (["--measure", "chips_men"], "'chips_men' is no measure; did you mean 'chips_mean'?"),
        (["--yield", "0.9"], "--yield is a share of the chips that meet --require"),
        (["--require", "accuracy > 1"], "accuracy"),
        (["--workers", "0"], "--workers: 0 is not legal"),
        (["--scheduler", "tcp://a:1", "--workers", "2"], "--workers is of this machine"),
        (["--scheduler", "host"], "the address of the scheduler is 'host'"),
        (["--json", "tiny.yaml"], "tiny.yaml: is read by this command"),
        (["--out", "tiny.yaml"], "tiny.yaml"),
    ],
)
def test_refusals_leave_nothing_behind(
    chip: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    before = sorted(chip.rglob("*"))
    assert cli.run(sweep, ["tiny.yaml", *arguments]) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.err.startswith("soensim: error: ")
    assert told in captured.err
    assert captured.out == ""
    assert sorted(chip.rglob("*")) == before


def test_ctrl_c_leaves_a_table_of_what_is_done_and_the_same_command_goes_on(chip: Path) -> None:
    values = ",".join(str(k / 1000) for k in range(400))
    arguments = [*SCORED, "--set", f"evaluate.spread.efficacy={values}", "--seeds", "1", "--vary", "none", "--progress"]
    command = [sys.executable, "-m", "soensim.sweep", *arguments]
    process = subprocess.Popen(command, cwd=chip, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("soensim: 3 of"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (cli.INTERRUPTED, "")
    assert "interrupted; what is done is in sweeps/tiny; the same command goes on" in err
    _, rows = read_table(chip / "sweeps" / "tiny" / "table.csv")
    assert 3 <= len(rows) < 400
    time.sleep(0.5)
    _, later = read_table(chip / "sweeps" / "tiny" / "table.csv")
    assert len(later) == len(rows)  # no worker goes on by itself
