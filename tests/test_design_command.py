"""`python -m soensim.design`: the chip that is found, going on, nothing found, refusals, interruption."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from here_slots import HereProcesses

from soensim.commands import cli, study_run
from soensim.commands.check import main as check
from soensim.commands.design import main as design
from soensim.commands.evaluate import main as evaluate
from soensim.netlist import load_netlist
from soensim.routing import route
from soensim.study.store import load

CHIP = """\
schema: soensim/1
name: tiny
technology: own.yaml
populations:
  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  hidden: {kind: dendrite, size: 5, source_function: tanh, gamma_plus: 0.3, gamma_minus: 0.3}
projections:
  - {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 2.0}}
timing: {sample_tau: 1.0}
readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
task: {data: digits-rows, rule: bptt, recipe: {epochs: 4, train_samples: 300, batch_size: 30}}
"""
FILE = """\
schema: soensim-design/1
name: small
chip: ../tiny.yaml
require: accuracy >= 0.3
yield: 0.5
limits: {neurons: 30}
least: neurons
search:
  populations.hidden.size: [40, 1, 16, 20]
rungs: [{epochs: 0.5, trials: 3, gain: 2}, {epochs: 1, seeds: 2, trials: 3}]
wave: 2
proof: {trials: 12}
"""
HERE = ["--workers", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with a chip, a technology of its own, and requirements, and work there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(CHIP)
    (tmp_path / "own.yaml").write_text("schema: soensim-technology/1\nname: own\nextends: nist-2023\n")
    (tmp_path / "wanted").mkdir()
    (tmp_path / "wanted" / "small.yaml").write_text(FILE)
    return tmp_path


def test_a_chip_is_found_that_holds_by_itself(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_run, "ProcessSlots", HereProcesses)  # what follows has its runs in real processes
    assert cli.run(design, ["wanted/small.yaml", *HERE, "--json", "answer.json"]) == cli.DONE
    out = capsys.readouterr().out
    found = folder / "designs" / "small"
    answer = json.loads((found / "design.json").read_text())
    assert answer == json.loads((folder / "answer.json").read_text())
    assert answer["winner"]["levels"] == {"populations.hidden.size": 16}
    assert answer["candidates"] == {"excluded": 1, "missed": 1, "winner": 1, "open": 1}
    assert "The cheapest chip that was found for accuracy >= 0.3 in 50 % of the chips has neurons 16" in out
    proof = answer["winner"]["proof"]
    assert (proof["trials"], proof["met"]) == (12, True)
    assert proof["lower"] >= 0.5

    # the netlist is legal where it is, passes, and says how it came to be; its program gives what the proof says
    text = (found / "netlist.yaml").read_text()
    assert text.startswith("# Found by `python -m soensim.design wanted/small.yaml")
    netlist = load_netlist(found / "netlist.yaml")
    assert (netlist.name, netlist.populations["hidden"].size, netlist.task.data) == ("small", 16, "digits-rows")
    assert netlist.task.recipe["epochs"] == 4
    assert "learning_rate" not in netlist.task.recipe  # as the rule has it
    assert route(netlist).netlist.technology == "../../own.yaml"
    assert cli.run(check, [str(found / "netlist.yaml")]) == cli.DONE
    page = (found / "evaluation.html").read_text()
    scored = ["--require", "accuracy >= 0.3", "--yield", "0.5", "--trials", "12", "--chip-seed", "1000000"]
    arguments = [str(found / "netlist.yaml"), *scored, "--json", "again.json", "--html", "again.html"]
    assert cli.run(evaluate, arguments) == cli.DONE
    again = json.loads((folder / "again.json").read_text())
    assert again["yield"]["passed"] == proof["passed"]
    assert again["accuracy"]["chip"]["mean"] == proof["mean"]
    assert (folder / "again.html").read_text().count("<svg") == page.count("<svg")
    lines = (found / "table.csv").read_text().splitlines()
    assert lines[0].startswith("populations.hidden.size,neurons,state,rungs,estimate,")
    assert [line.split(",")[:3] for line in lines[1:]] == [
        *(["1", "1", "missed"], ["16", "16", "winner"], ["20", "20", "open"], ["40", "40", "excluded"])
    ]
    index = (found / "index.html").read_text()
    assert 'href="evaluation.html"' in index
    assert index.count("<svg") == 1
    assert "neurons is 40, above 30" in index

    # the same command does nothing again, and writes the same
    before = {path.name: path.read_bytes() for path in found.iterdir() if path.is_file()}
    capsys.readouterr()
    for kept in (found / "programs").iterdir():  # without it the program is trained again, to the same bits
        kept.unlink()
    assert cli.run(design, ["wanted/small.yaml", *HERE, "--json", "answer.json"]) == cli.DONE
    assert "0 runs in" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in found.iterdir() if path.is_file()} == before

    # a requirement that no chip meets: the nearest is named, and the files of the chip go
    (folder / "wanted" / "small.yaml").write_text(FILE.replace("0.3", "0.999"))
    assert cli.run(design, ["wanted/small.yaml", *HERE, "--json", "-"]) == cli.ANSWER_IS_NO
    answer = json.loads(capsys.readouterr().out)
    assert (answer["met"], answer["winner"], answer["candidates"]) == (False, None, {"excluded": 1, "missed": 3})
    assert answer["answers"][0] == "No candidate was shown to meet accuracy >= 0.999 in 50 % of the chips."
    assert "points on validation samples" in answer["nearest"]["why"]
    assert not (found / "netlist.yaml").exists()


def test_a_dry_run_excludes_and_trains_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(design, ["wanted/small.yaml", "--dry-run"]) == cli.DONE
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "1 neuron, neurons 1" or out[0].endswith("neurons 1")
    assert out[-2].endswith(": neurons is 40, above 30")
    assert out[-1] == "4 candidates, 1 excluded; 2 runs are next: no run was measured yet"
    assert not (folder / "designs").exists()


@pytest.mark.parametrize(
    ("change", "arguments", "told"),
    [
        (("hidden.size", "hiden.size"), [], "there is no population 'hiden'; did you mean 'hidden'?"),
        (
            ("[40, 1, 16, 20]", "[-1, -2]"),
            [],
            "none of 2 candidates is a legal chip; the first is not, because: populations.",
        ),
        (("../tiny.yaml", "../none.yaml"), [], "none.yaml"),
        (("schema", "schema"), ["--json", "wanted/small.yaml"], "wanted/small.yaml: is read by this command"),
        (("schema", "schema"), ["--json", "tiny.yaml"], "tiny.yaml: is read by this command"),
        (("schema", "schema"), ["--workers", "0"], "--workers: 0 is not legal"),
        (("wave: 2", "wave: 2\nset: {rule: bpt}"), [], "bpt"),
    ],
)
def test_refusals(
    folder: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], arguments: list[str], told: str
) -> None:
    (folder / "wanted" / "small.yaml").write_text(FILE.replace(*change))
    assert cli.run(design, ["wanted/small.yaml", *HERE, *arguments]) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.err.startswith("soensim: error: ")
    assert told in captured.err
    assert captured.out == ""


def test_a_waiver_that_has_ended_is_told_before_any_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waiver = "waivers: [{rule: SOEN-RT-020, object: '*', reason: no, until: 2020-01-31}]\n"
    (folder / "tiny.yaml").write_text(CHIP + waiver)
    assert cli.run(design, ["wanted/small.yaml", *HERE]) == cli.BAD_INPUT
    assert "tiny.yaml: the waiver of SOEN-RT-020 for * ended on 2020-01-31" in capsys.readouterr().err
    assert not (folder / "designs").exists()
    (folder / "tiny.yaml").write_text(CHIP + waiver.replace("2020", "9020"))
    assert cli.run(design, ["wanted/small.yaml", "--dry-run"]) == cli.DONE


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(folder: Path) -> None:
    sizes = ", ".join(map(str, range(2, 20)))
    (folder / "wanted" / "small.yaml").write_text(FILE.replace("[40, 1, 16, 20]", f"[{sizes}]").replace("0.3", "0.999"))
    command = [sys.executable, "-m", "soensim.design", "wanted/small.yaml", *HERE, "--progress"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("soensim: 22 of"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (cli.INTERRUPTED, "")
    assert "interrupted; what is done is in designs/small; the same command goes on" in err
    assert len(load(folder / "designs" / "small")) >= 22
    assert not (folder / "designs" / "small" / "table.csv").exists()
