"""`soensim init`: chips of all kinds pass `check`; what is refused, and that nothing is written then; outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soensim.commands import cli
from soensim.commands.check import main as check
from soensim.commands.chip_file import load_chip
from soensim.commands.init import main as init

#: Of the file that is written: neurons, inputs, frames, edges.
CHIPS = {
    "": (28, 8, 8, 784),
    "--neurons 40 --inputs 16 --topology small-world --density 0.2 --bits 3 --leak-ns 1.6": (40, 16, 4, 320),
    "--neurons 4 --bits 1": (4, 8, 8, 16),
    "--neurons 4 --topology small-world --density 0.5 --bits 2 --inputs 4": (4, 4, 16, 8),
    "--neurons 200 --topology grid --density 0.05": (200, 8, 8, 2116),
    "--neurons 28 --data mnist-rows": (28, 28, 28, 784),
    "--neurons 30 --inputs 64 --topology fixed-fan-in --density 0.3 --bits 6": (30, 64, 1, 270),
    "--neurons 64 --topology distance-exponential --seed 3 --leak-ns 100": (64, 8, 8, None),
    "--neurons 9 --data nine-pixel --topology distance-limited --density 0.3": (9, 9, 1, 24),
    "--neurons 28 --medium optical": (28, 8, 8, 784),
    "--neurons 3 --medium optical --leak-us 1e6": (3, 8, 8, 9),
    "--neurons 200 --medium optical --leak-us 20 --bits 5": (200, 8, 8, 40000),
    "--neurons 48 --medium optical --topology random --density 0.1 --inputs 32 --leak-us 4": (48, 32, 2, 230),
    "--neurons 12 --medium optical --topology fixed-fan-out --density 0.25 --data mnist-rows": (12, 28, 28, 36),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", CHIPS)
def test_a_chip_passes_check(words, capsys):
    neurons, inputs, frames, edges = CHIPS[words]
    assert cli.run(init, ["mine", *words.split(), "--json", "mine.json"]) == cli.DONE
    said = capsys.readouterr().out
    made = json.loads(Path("mine.json").read_text())
    assert (made["neurons"], made["inputs"], made["data"]["frames"]) == (neurons, inputs, frames)
    assert edges in (None, made["edges"])
    assert made["density"] == made["edges"] / neurons**2
    assert cli.run(check, ["mine.yaml"]) == cli.DONE
    assert load_chip("mine.yaml").task.data == made["data"]["name"]
    assert made["next"] == ["soensim train mine.yaml --out mine.safetensors", "soensim evaluate mine.yaml"]
    assert said.endswith("next:\n  " + "\n  ".join(made["next"]) + "\n")
    warned = len(made["warnings"])
    assert f"passes check{['', ', with 1 warning'][min(warned, 1)]}" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "NAME must be given; see soensim init --help"),
        ("mine.yaml", "NAME: 'mine.yaml' is not legal; it must be a letter, then letters, digits, - or _, at most 64; "
         "write mine --out mine.yaml"),
        ("1st", "NAME: '1st' is not legal; it must be a letter, then letters, digits, - or _, at most 64"),
        ("x --inputs 10", "--inputs: data set 'digits-rows' does not come on 10 lines; legal: 4 (digits-4in), "),
        ("x --data mnist", "--data: unknown data set 'mnist'"),
        ("x --medium optical --leak-ns 3", "--leak-ns: is for --medium electrical; light takes microseconds for a "
         "frame: --leak-us (default: 60)"),
        ("x --leak-us 3", "--leak-us: is for --medium optical; wires have leaks of ns, --leak-ns (default: 1.6)"),
        ("x --leak-ns 1e-9", "--leak-ns: 1e-9 is not legal; it is in nanoseconds"),
        ("x --medium optical --leak-us 1e-8", "--leak-us: 1e-8 is not legal; it is in microseconds and must be 1e-07 "),
        ("x --medium optical --leak-us 2", "leak 2 us: 8 frames of 1 us or more (10 spikes at 10 MHz)"),
        ("x --neurons 0", "--neurons: 0 is not legal; it must be a whole number from 1 to 1000"),
        ("x --bits 17", "--bits: 17 is not legal; it must be a whole number from 1 to 16"),
        ("x --density 0", "--density: 0 is not legal; it must be a number above 0 and at most 1"),
        ("x --density 0.5", "density 0.5: all-to-all has every edge"),
        ("x --topology modular", "--topology: 'modular' is not legal; it must be one of all-to-all, random"),
        (
            "x --neurons 200",
            "such a chip breaks SOEN-RT-008, wires too long: 1100 of 1600 edges of input->hidden do not exist: they "
            "need too long a wire; take fewer --neurons or --inputs, a lower --density, or --medium optical; nothing "
            "is written",
        ),
        ("x --out no/x.yaml", "no/x.yaml: cannot be written: the folder no does not exist"),
        ("x --out x.json", "x.json: the name must end in .yaml or .yml"),
        ("x --out - --json -", "--out and --json both go to standard output"),
    ],
)  # fmt: skip
def test_what_is_refused_writes_nothing(folder, capsys, words, message):
    assert cli.run(init, words.split()) == cli.BAD_INPUT
    said = capsys.readouterr()
    assert said.err.startswith(f"soensim: error: {message}")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(folder.iterdir()) == []


def test_a_file_is_kept_unless_forced(folder, capsys):
    (folder / "mine.yaml").write_text("kept")
    assert cli.run(init, ["mine"]) == cli.BAD_INPUT
    assert "mine.yaml: exists; give another NAME or --out FILE, or --force to write over it" in capsys.readouterr().err
    assert (folder / "mine.yaml").read_text() == "kept"
    assert cli.run(init, ["mine", "--force", "--neurons", "2"]) == cli.DONE
    assert load_chip("mine.yaml").dendrites["hidden"].size == 2


def test_standard_output_takes_the_netlist_or_the_json(folder, capsys):
    assert cli.run(init, ["mine", "--neurons", "3", "--out", "-"]) == cli.DONE
    text = capsys.readouterr().out
    assert list(folder.iterdir()) == []
    assert cli.run(init, ["mine", "--neurons", "3", "--out", "my chip.yaml", "--json", "-"]) == cli.DONE
    made = json.loads(capsys.readouterr().out)
    assert made["next"][0] == "soensim train 'my chip.yaml' --out 'my chip.safetensors'"
    commands = [
        "#   soensim init mine --neurons 3 --out -",
        "#   soensim init mine --neurons 3 --out 'my chip.yaml' --json -",
    ]
    assert text.replace(*commands) == (folder / "my chip.yaml").read_text()
    assert cli.run(init, ["mine", "--out", "none", "--json", "none"]) == cli.DONE
    assert "written" not in capsys.readouterr().out


def test_light_is_told_in_its_unit(capsys):
    assert cli.run(init, ["mine", "--medium", "optical"]) == cli.DONE
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "mine: 8 input lines, 28 SQUID dendrites, 4 bits, optical"
    assert said[1:5] == [
        "  topology  all-to-all, 784 of 784 recurrent edges (100 %)",
        "  data      digits-rows, 8 frames of 6 us",
        "  leak      60 us",
        "  die       9.6 x 8.05 mm",
    ]
