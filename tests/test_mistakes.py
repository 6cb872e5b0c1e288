"""Files that a user could give by mistake, one of each kind, and the answer of the command that reads them."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from soensim.commands.recipe_file import read_recipe
from soensim.commands.verbs import run_command

TECHNOLOGY = "schema: soensim-technology/1\nname: t\nextends: nist-2023\n"
QUANTITY = "quantities: {{{}: {{value: {}, unit: '{}', range: null, range_reason: x, source: x}}}}\n"

TECHNOLOGIES = [
    ("bad-day", TECHNOLOGY + "description: 2001-13-45\n", None),
    ("deep", "a: " + "[" * 2000 + "]" * 2000, "{}:1:63: is nested more than 60 deep"),
    ("digits", TECHNOLOGY + QUANTITY.format("beta_c", "1" * 5000, 1), "{}:4:30: a number of 5000 digits; the limit"),
    ("twice", TECHNOLOGY + "name: u\n", "{}:4:1: key 'name' is given twice (first in line 2); keep one"),
    ("over", TECHNOLOGY + QUANTITY.format("beta_c", "1" + "0" * 400, 1), "… is not legal; it must be a finite number"),
    (
        "tiny",
        TECHNOLOGY + QUANTITY.format("critical_current_a", "1.0e-300", "A"),
        "in amperes and must be 1e-08 to 0.1",
    ),
]


@pytest.mark.parametrize(("name", "text", "message"), TECHNOLOGIES, ids=[name for name, *_ in TECHNOLOGIES])
@pytest.mark.parametrize("verb", ["technology", "check", "export --format josim --technology"])
def test_technologies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, verb, name, text, message):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    own, chip = Path(f"{name}.yaml"), Path("chip.yaml")
    own.write_text(text)
    shipped = (ROOT / "netlists/rows-24.yaml").read_text()
    chip.write_text(shipped.replace("technology: nist-2023", f"technology: {own}"))
    assert chip.read_text() != shipped
    status = run_command([*verb.split(), str(chip if verb == "check" else own)])
    told = capsys.readouterr().err
    assert status == (0 if message is None else 2), told
    assert told == "" if message is None else message.format(own) in told
    if message is not None and verb == "check":
        assert told.startswith("soensim: error: chip.yaml:7:13: technology: ")


RECIPES = [
    ("learning_rate: 1e-3\n", {"learning_rate": 1e-3}),
    ("epochs: 010\ntrain_samples: 64\n", {"epochs": 10, "train_samples": 64}),
]
WRONG_RECIPES = [
    ("epochs: 2001-13-45\n", ":1:9: epochs: epochs is '2001-13-45'; it must be a whole number"),
    ("learning_rate: 1" + "0" * 400 + "\n", ":1:16: learning_rate: learning_rate is 1000"),
    ("a: " + "[" * 2000, ":1:63: is nested more than 60 deep"),
    ("epochs: " + "1" * 5000, ":1:9: a number of 5000 digits; the limit is 4000"),
    ("epochs: 1\nepochs: 2\n", ":2:1: key 'epochs' is given twice (first in line 1); keep one"),
    ("epochs: 1e9\n", ":1:9: epochs: epochs is 1000000000.0; it must be at most 1000000\n"),
    ("epochs: 4.0\n", ":1:9: epochs: epochs is 4.0; it must be a whole number; write 4\n"),
    ("1: 2\n", ":1:1: 1: rule 'bptt' has no setting '1'; it has epochs, "),
    ("train_samples: 1:30\nepochs: 1\n", ":1:16: train_samples: train_samples is '1:30'; it must be a whole number"),
]


@pytest.mark.parametrize(("text", "settings"), RECIPES)
def test_recipes_that_are_read(tmp_path, text, settings):  # type: ignore[no-untyped-def]
    (tmp_path / "r.yaml").write_text(text)
    assert read_recipe(tmp_path / "r.yaml").settings == settings


@pytest.mark.parametrize(("text", "message"), WRONG_RECIPES)
def test_recipes_that_are_refused(tmp_path, capsys, text, message):  # type: ignore[no-untyped-def]
    (tmp_path / "r.yaml").write_text(text)
    chip = str(ROOT / "netlists/year1-28.yaml")
    words = ["train", chip, "--rule", "bptt", "--recipe", str(tmp_path / "r.yaml"), "--run-dir", str(tmp_path / "run")]
    assert run_command(words) == 2
    assert capsys.readouterr().err.startswith(f"soensim: error: {tmp_path / 'r.yaml'}{message}")
    assert not (tmp_path / "run").exists()


def test_the_settings_are_listed_once(tmp_path, capsys):  # type: ignore[no-untyped-def]
    (tmp_path / "r.yaml").write_text("foo: 1\nepoch: 2\n")
    run_command(["train", str(ROOT / "netlists/year1-28.yaml"), "--recipe", str(tmp_path / "r.yaml")])
    told = capsys.readouterr().err
    assert told.count("clip_norm, ") == 1
    assert told.endswith(
        ":2:1: epoch: rule 'bptt' has no setting 'epoch'; did you mean 'epochs'? its settings are listed above\n"
    )


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00v\x00" + text + bytes(64)


SIGNALS = [
    (header("(1000000000000, 8, 8)"), "has a header that claims 465 TiB, shape (1000000000000, 8, 8)"),
    (header("(100000000, 8, 8)"), "has a header that claims 47 GiB, shape (100000000, 8, 8)"),
    (header("(10000000000000000000000, 8, 8)"), "has a header that claims more than a million TiB"),
    (header("(((((((((((3, 8, 8)"), "is a damaged npy file"),
    (b"PK\x03\x04junkjunkjunk" * 8, "is not an npy file"),
    (np.full((3, 8, 8), 1e300), "inputs[0, 0, 0] is 1e+300; it is in units of the critical current I_c"),
]
TRAINS = [
    ("a.npy", np.zeros((3, 8, 8)), "is an npy file, one array without a name, and not an npz file"),
    ("a.csv", b"time_ns,channel\n10," + b"9" * 30 + b"\n", ":2: time_ns is '10' and channel '999999999999999999999"),
    ("a.csv", b"time_ns,channel\n" + b"1" * 200_000 + b",0\n", ":2: is not a CSV file: field larger than field limit"),
    ("a.npz", {"time_ns": np.array([10.0 + 1j]), "channel": np.array([0])}, "array 'time_ns' has the type complex128"),
    ("a.npz", b"PK\x03\x04" + bytes(100), "is not an npz file, or a damaged one"),
    (
        "a.csv",
        b"time_ns,channel\n-5,0\n",
        ": input channel 0: a spike at -5 ns is outside the simulated 0 to 20 ns; remove",
    ),
    ("a.csv", b"time_ns,channel\n25,0\n", "outside the simulated 0 to 20 ns; simulate longer, or remove it"),
    ("a.csv", b"time_ns,channel\n\n10,0\n\n", None),
    ("a.csv", b"\xef\xbb\xbftime_ns,channel\n10,0\n", None),
    ("a.csv", b"time_ns, channel\n10, 0\n", None),
]
SPIKING = ["--duration-ns", "20", "--read-seed", "0"]
INPUTS = [("year1-28", "a.npy", content, message, []) for content, message in SIGNALS] + [
    ("point-neurons-10", name, content, message, SPIKING) for name, content, message in TRAINS
]


@pytest.mark.parametrize(("chip", "name", "content", "message", "flags"), INPUTS)
def test_inputs(tmp_path, capsys, chip, name, content, message, flags):  # type: ignore[no-untyped-def]
    path, out = tmp_path / name, tmp_path / "o.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
    words = ["simulate", str(ROOT / f"netlists/{chip}.yaml"), "--inputs", str(path), "--out", str(out), *flags]
    assert run_command(words) == (0 if message is None else 2)
    told = capsys.readouterr().err
    assert message is None or (told.startswith(f"soensim: error: {path}") and message in told and told.count("\n") == 1)
    assert out.exists() == (message is None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("export --format josim --flux 0:0,1:1e300", "--flux: 1e+300 is not legal; it is in flux quanta (Phi_0)"),
        ("export --format josim --flux 0:0,1_0:1", "--flux: '0:0,1_0:1' is not legal; it must be t_ns:value points"),
        (
            "circuit --temperature-k 4e9,5",
            "--temperature-k: '4e9,5' is not legal; it must be a finite number; see",
        ),
        (
            "circuit --temperature-k 4,5",
            "--temperature-k: '4,5' is not legal; it must be a finite number; write 4.5",
        ),
        (
            "circuit --temperature-k 4000,5",
            "--temperature-k: '4000,5' is not legal; it must be a finite number; see",
        ),
        ("convert tau_ns=-1 --to tau", "convert: tau_ns is -1.0; a time is not negative"),
        ("convert dt=-1 --to dt_ns", "convert: dt is -1.0; a time is not negative"),
        ("convert beta_di=1_0 --to inductance_nh", "'beta_di=1_0' is not legal; it must be NAME=VALUE"),
    ],
)
def test_numbers(capsys, words, message):  # type: ignore[no-untyped-def]
    assert run_command(words.split()) == 2
    assert capsys.readouterr().err.startswith(f"soensim: error: {message}")


def test_a_technology_without_an_end(tmp_path, capsys):  # type: ignore[no-untyped-def]
    text = (ROOT / "netlists/rows-24.yaml").read_text()
    (tmp_path / "c.yaml").write_text(text.replace("technology: nist-2023", "technology: /dev/zero"))
    assert run_command(["check", str(tmp_path / "c.yaml")]) == 2
    assert "c.yaml:7:13: technology: /dev/zero: is a device or a pipe" in capsys.readouterr().err
