"""`soensim examples`: what ships is listed, copied whole, and kept; it is a part of the package that is installed."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

from soensim.commands import cli
from soensim.commands import examples as room
from soensim.commands.examples import SHIPPED, shipped
from soensim.commands.examples import main as examples
from soensim.netlist import load_netlist
from soensim.netlist.yaml.load import netlist_source
from soensim.program import Program

NETLISTS = ROOT / "netlists"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_ships_is_every_netlist_of_the_checkout():
    assert SHIPPED.resolve() == NETLISTS
    found = shipped()
    assert list(found) == sorted(path.stem for path in NETLISTS.glob("*.yaml"))
    for name, example in found.items():
        assert netlist_source(SHIPPED / f"{name}.yaml").value["name"] == name
        assert example.files[0] == f"{name}.yaml"
        assert example.trained == (NETLISTS / f"{name}.safetensors").is_file()
        assert example.description
    of_chips = {file for example in found.values() for file in example.files}
    assert of_chips == {path.name for path in NETLISTS.iterdir()} - {"soensim-1.schema.json"}


def test_the_package_takes_every_kind_of_file_along():
    """Setuptools packs the files that these patterns name, through the link too."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["soensim"]
    packed = {path.name for pattern in patterns for path in (ROOT / "soensim").glob(pattern)}
    packed |= {path.name for pattern in patterns for path in SHIPPED.glob(pattern.removeprefix("shipped/"))}
    assert packed >= {path.name for path in NETLISTS.iterdir()}
    assert sum(path.stat().st_size for path in NETLISTS.iterdir()) < 2e6


def test_a_copy_is_whole_and_works(folder, capsys):
    (folder / "mine").mkdir()
    assert cli.run(examples, ["year1-28", "modular-1000.yaml", "--out", "mine", "--json", "copied.json"]) == cli.DONE
    names = ["year1-28.yaml", "year1-28.safetensors", "modular-1000.yaml", "modular-1000.npz"]
    assert capsys.readouterr().out == "".join(f"written: mine/{name}\n" for name in names)
    for name in names:
        assert (folder / "mine" / name).read_bytes() == (NETLISTS / name).read_bytes()
    made = json.loads(Path("copied.json").read_text())
    assert made["written"] == [f"mine/{name}" for name in names]
    assert [(one["name"], one["trained"]) for one in made["examples"]] == [("year1-28", True), ("modular-1000", False)]
    assert load_netlist("mine/modular-1000.yaml").dendrites
    assert Program.load("mine/year1-28.safetensors").codes


def test_the_list(capsys):
    assert cli.run(examples, []) == cli.DONE
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"year1-28 +\* first-year chip, 8 inputs and 28 SQUID dendrites, .*", lines[-3])
    assert any(re.match(r"squid-rows-24 +28 inputs, 24 SQUID", line) for line in lines)
    assert len(lines) == len(shipped()) + 2
    assert cli.run(examples, ["--json", "-"]) == cli.DONE
    made = json.loads(capsys.readouterr().out)
    assert made["written"] == []
    assert len(made["examples"]) == len(shipped())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("year1", "'year1' is no chip that ships; did you mean 'year1-28'? there are die-8100, "),
        ("year1-28 --out no", "no/year1-28.yaml: cannot be written: the folder no does not exist"),
        ("--out .. ", "--out says where to, but no chip is named; soensim examples lists them"),
        ("year1-28 --json year1-28.yaml", "year1-28.yaml: "),
    ],
)
def test_what_is_refused(folder, capsys, words, message):
    assert cli.run(examples, words.split()) == cli.BAD_INPUT
    assert capsys.readouterr().err.startswith(f"soensim: error: {message}")
    assert list(folder.iterdir()) == []


def test_files_are_kept_unless_forced(folder, capsys):
    (folder / "year1-28.safetensors").write_text("kept")
    assert cli.run(examples, ["year1-28"]) == cli.BAD_INPUT
    assert "year1-28.safetensors: exists; give another folder with --out, or --force" in capsys.readouterr().err
    assert [path.read_text() for path in folder.iterdir()] == ["kept"]
    assert cli.run(examples, ["year1-28", "--force"]) == cli.DONE
    assert (folder / "year1-28.safetensors").read_bytes() == (NETLISTS / "year1-28.safetensors").read_bytes()


def test_a_package_without_them_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(room, "SHIPPED", tmp_path)
    assert cli.run(examples, []) == cli.BAD_INPUT
    assert capsys.readouterr().err.endswith(": the chips that ship are not there; install soensim anew\n")
