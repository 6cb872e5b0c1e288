"""Run folders: one training each, whatever ends it; names; data that are found again."""

import errno
import fcntl
import json
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SMALL

from soensim.commands import cli
from soensim.commands.evaluate import main as evaluate
from soensim.commands.train import main as train_main
from soensim.data import load_dataset
from soensim.errors import DataError, RecipeError
from soensim.evaluation import evaluate as score_chip
from soensim.netlist import load_netlist
from soensim.program import Program
from soensim.report.runs import load_run
from soensim.routing import route
from soensim.training import BpttRecipe, train
from soensim.training.loop import Training
from soensim.training.netlist_copy import netlist_copy
from soensim.training.run_folder import default_run_dir, held_run_folder
from soensim.training.run_lock import LOCK, _is_dead, locked

QUICK = BpttRecipe(epochs=2, train_samples=64, batch_size=64)
COMMAND = ["small.yaml", "--rule", "bptt", "--data", "digits-rows", "--train-samples", "64", "--run-dir", "run"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def answer(main, arguments, capsys):
    """Exit status and standard error of a command."""
    status = cli.run(main, [str(a) for a in arguments])
    return status, capsys.readouterr().err


def refused(main, arguments, capsys):
    """The one line of a command that must be refused."""
    status, told = answer(main, arguments, capsys)
    assert (status, told.count("\n")) == (2, 1), told
    assert told.startswith("soensim: error: ")
    return told


# --- one training per folder -------------------------------------------------------------------------------


def test_of_two_trainings_that_start_together_one_is_refused(folder):
    """Real processes: the folder is held before anything else is done in it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    code = (  # all is loaded before they part, so that they start at once
        "import os, sys, soensim.training.loop, soensim.kernels.unroll\n"
        "from soensim.commands import cli, train\n"
        "children = []\n"
        "for name in ('0', '1'):\n"
        "    children.append(os.fork())\n"
        "    if not children[-1]:\n"
        "        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), 2)\n"
        "        sys.exit(cli.run(train.main, sys.argv[1:]))\n"
        "print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])"
    )
    command = [sys.executable, "-c", code, *COMMAND, "--epochs", "2"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=True)
    ended = json.loads(done.stdout.splitlines()[-1])
    told = [(folder / name).read_text() for name in ("0", "1")]
    assert sorted(ended) == [0, 2], told
    (line,) = [text for status, text in zip(ended, told, strict=True) if status == 2]
    assert line.count("\n") == 1
    assert "another training is running in it (process " in line or "holds a training already" in line
    assert (folder / "run" / "program.safetensors").exists()
    assert not (folder / "run" / LOCK).exists()


def test_a_folder_in_use_says_who_uses_it(small, digits, tmp_path):
    with held_run_folder(tmp_path / "run", resume=False):
        told = json.loads((tmp_path / "run" / LOCK).read_text())
        assert (told["pid"], told["host"]) == (os.getpid(), platform.node())
        with pytest.raises(RecipeError, match=rf"run: another training is running in it \(process {os.getpid()}, on "):
            train(small, digits, QUICK, run_dir=tmp_path / "run")
    assert train(small, digits, QUICK, run_dir=tmp_path / "run").epoch == 2


def test_a_process_that_is_asked_for_lives_on():
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as process:
        process.stdout.readline()
        owner = {"pid": process.pid, "host": platform.node()}
        assert not _is_dead(owner)
        process.communicate(b"\n")
        assert process.returncode == 0
        assert _is_dead(owner)
        assert not _is_dead({**owner, "host": "elsewhere"})


def test_a_killed_process_holds_no_folder(tmp_path):
    """SIGKILL: the file stays, the lock does not."""
    code = "import sys, time; from pathlib import Path; from soensim.training.run_lock import locked\n"
    code += "with locked(Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    with pytest.raises(RecipeError, match=f"process {process.pid}, on "), locked(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_a_lock_has_the_rights_that_files_of_the_user_have(tmp_path):
    """Those that the umask leaves, so that a folder of a group stays one."""
    for umask, mode in ((0, 0o666), (0o027, 0o640)):
        before = os.umask(umask)
        try:
            with locked(tmp_path):
                assert (tmp_path / LOCK).stat().st_mode & 0o777 == mode
        finally:
            os.umask(before)


def test_a_lock_that_was_removed_meanwhile_is_not_the_folders(tmp_path, monkeypatch):
    """Another process ends between the opening of its lock file and the locking of it."""
    path, flock, calls = tmp_path / LOCK, fcntl.flock, []
    path.write_text("{}")

    def removed_before(handle, operation):
        if not calls:
            path.unlink()
        calls.append(handle)
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", removed_before)
    with locked(tmp_path):
        assert len(calls) == 2
        assert json.loads(path.read_text())["pid"] == os.getpid()


@pytest.fixture
def no_locks(monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)


@pytest.mark.usefixtures("no_locks")
def test_a_file_system_without_locks_knows_dead_processes_of_this_host(tmp_path):
    with locked(tmp_path), pytest.raises(RecipeError, match="another training is running"), locked(tmp_path):
        pass
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / LOCK).write_text(json.dumps({"pid": dead.pid, "host": platform.node()}))
    with locked(tmp_path):
        pass
    (tmp_path / LOCK).write_text(json.dumps({"pid": dead.pid, "host": "elsewhere", "started": "today"}))
    with (
        pytest.raises(RecipeError, match=rf"on elsewhere, since today\).*no longer exists, delete .*{LOCK}"),
        locked(tmp_path),
    ):
        pass


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"pid": "x"}', "\xff", "[" * 5000])
def test_a_damaged_lock_file_of_a_dead_process_is_taken_over(tmp_path, content):
    (tmp_path / LOCK).write_text(content, encoding="latin-1")
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_a_lock_that_cannot_be_made_is_one_line(folder, capsys):
    (folder / "run" / LOCK).mkdir(parents=True)
    assert "run/lock.json: cannot be written: Is a directory" in refused(train_main, COMMAND, capsys)


@pytest.mark.parametrize(
    ("name", "message"),
    [("file", "File exists"), ("file/run", "Not a directory"), ("x" * 300, "File name too long")],
)
def test_what_cannot_be_a_run_folder_is_one_line(folder, name, message):
    (folder / "file").write_text("")
    with (
        pytest.raises(RecipeError, match=f"cannot be a run folder: {message}"),
        held_run_folder(Path(name), resume=False),
    ):
        pass


# --- what was there before -----------------------------------------------------------------------------------


def test_a_failed_start_leaves_nothing(folder, capsys):
    line = refused(train_main, [*COMMAND[:-1], "new/run", "--train-samples", "5000"], capsys)
    assert "train_samples is 5000" in line
    assert "no checkpoint to resume from" in refused(train_main, [*COMMAND, "--resume"], capsys)
    assert sorted(p.name for p in folder.iterdir()) == ["small.yaml"]


@pytest.mark.parametrize("name", ["recipe.yaml", "netlist.yaml"])
def test_files_that_are_of_no_training_are_kept(folder, capsys, name):
    (folder / "run").mkdir()
    (folder / "run" / name).write_text("mine")
    assert f"run: holds a {name} that is of no training and would be lost" in refused(train_main, COMMAND, capsys)
    assert (folder / "run" / name).read_text() == "mine"
    assert [p.name for p in (folder / "run").iterdir()] == [name]


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "program.safetensors", "history.json", "history.csv"])
def test_results_of_another_training_are_kept(folder, capsys, name):
    (folder / "run").mkdir()
    (folder / "run" / name).write_text("")
    assert f"run: holds a training already: {name}; " in refused(train_main, COMMAND, capsys)
    assert (folder / "run" / name).read_text() == ""


def test_the_copy_of_a_chip_is_not_its_original(folder, capsys):
    """A training that was killed before its first epoch left its copy, and the original is gone."""
    (folder / "run").mkdir()
    (folder / "run" / "run.json").write_text("{}")
    (folder / "small.yaml").rename(folder / "run" / "netlist.yaml")
    assert "run/netlist.yaml: is read by this command" in refused(
        train_main, ["run/netlist.yaml", *COMMAND[1:]], capsys
    )
    copy = Path("run/netlist.yaml")
    with (
        pytest.raises(RecipeError, match=r"run/netlist\.yaml: is the copy in the run folder run"),
        held_run_folder(Path("run"), resume=False, netlist=copy),
    ):
        pass
    assert (folder / "run" / "netlist.yaml").read_text() == SMALL


# --- an early end --------------------------------------------------------------------------------------------


def interrupt(monkeypatch, number):
    """Press Ctrl-C in the epoch of this number (from 0)."""
    epoch = Training._epoch

    def interrupted(self, this):
        if this == number:
            raise KeyboardInterrupt
        return epoch(self, this)

    monkeypatch.setattr(Training, "_epoch", interrupted)


@pytest.mark.parametrize("other", [[], ["notes.txt"]])
def test_ctrl_c_before_the_first_epoch_leaves_the_folder_as_it_was(folder, monkeypatch, capsys, other):
    for name in other:
        (folder / "run").mkdir()
        (folder / "run" / name).write_text("")
    with monkeypatch.context() as patch:
        interrupt(patch, 0)
        status, told = answer(train_main, COMMAND, capsys)
    assert status == 130
    assert told == (
        "soensim: interrupted; no epoch was finished, and nothing is kept; start again with the same command\n"
    )
    assert [p.name for p in folder.glob("run/*")] == other
    assert cli.run(train_main, [*COMMAND, "--epochs", "1"]) == 0


def test_ctrl_c_later_says_the_command_that_goes_on(folder, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        status, told = answer(train_main, COMMAND, capsys)
    assert status == 130
    command = f"python -m soensim.train {' '.join(COMMAND)} --resume"
    assert told == f"soensim: interrupted; every finished epoch is in run; go on with: {command}\n"
    assert not (folder / "run" / LOCK).exists()
    assert cli.run(train_main, [*command.split()[3:]]) == 0


# --- names ---------------------------------------------------------------------------------------------------


def test_default_names_have_no_letters_that_a_file_system_refuses(folder, capsys):
    samples = np.random.default_rng(0).random((60, 8, 8))
    for place in ("a", "b"):
        (folder / place).mkdir()
        np.savez(folder / place / "my data: 1.npz", inputs=samples, labels=np.arange(60) % 10)
    arguments = ["small.yaml", "--rule", "bptt", "--epochs", "1", "--json", "-"]
    names = []
    for place in ("a", "b"):
        assert cli.run(train_main, [*arguments, "--data", f"npz:{place}/my data: 1.npz"]) == 0
        names.append(Path(json.loads(capsys.readouterr().out)["run_dir"]))
    assert len({*names}) == 2
    for name in names:
        assert name.parent == Path("runs")
        assert name.name.startswith("small-bptt-npz-my_data_1-")
        assert set(name.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert default_run_dir("c", "r", f"npz:/{'x' * 250}.npz", 1).name.startswith(f"c-r-npz-{'x' * 40}-")
    assert default_run_dir("c", "r", "digits-rows", 1) == Path("runs/c-r-digits-rows-1")


# --- data that are found again --------------------------------------------------------------------------------


@pytest.fixture
def own(folder, capsys):
    """A program that was trained on an own file under a relative name, with a split of its own."""
    rng = np.random.default_rng(0)
    (folder / "data").mkdir()
    np.savez(folder / "data" / "own.npz", inputs=rng.random((100, 8, 8)), labels=np.arange(100) % 10)
    arguments = ["small.yaml", "--rule", "bptt", "--epochs", "1", "--run-dir", "run"]
    assert cli.run(train_main, [*arguments, "--data", "npz:data/own.npz", "--data-seed", "3"]) == 0
    capsys.readouterr()
    return folder


def score_command(own, *more):
    """Arguments of evaluate, with paths that hold in every folder."""
    program = str(own / "run" / "program.safetensors")
    return [str(own / "small.yaml"), "--program", program, "--trials", "1", "--html", "none", "--json", "-", *more]


def test_own_data_are_found_from_another_folder(own, monkeypatch, capsys):
    header = Program.load("run/program.safetensors").header["data"]
    assert header["name"] == f"npz:{own}/data/own.npz"
    assert json.loads((own / "run" / "run.json").read_text())["data"] == header
    (own / "elsewhere").mkdir()
    monkeypatch.chdir(own / "elsewhere")
    assert cli.run(evaluate, score_command(own)) == 0
    told = json.loads(capsys.readouterr().out)["data"]
    assert told == {"name": header["name"], "data_seed": 3, "fingerprint": header["fingerprint"]}


def test_own_data_that_are_gone_are_named_and_may_be_elsewhere(own, capsys):
    (own / "data" / "own.npz").rename(own / "moved.npz")
    line = refused(evaluate, score_command(own), capsys)
    assert f"{own}/data/own.npz: " in line
    assert "program.safetensors was trained on it: restore it, or say where it is now with --data npz:FILE" in line
    assert cli.run(evaluate, score_command(own, "--data", "npz:moved.npz")) == 0
    assert json.loads(capsys.readouterr().out)["data"]["data_seed"] == 3


def test_own_data_that_have_changed_are_refused(own, capsys):
    """Of the training split too, of which the fingerprint of the test split knows nothing."""
    path = own / "data" / "own.npz"
    data = load_dataset(f"npz:{path}", data_seed=3)
    arrays = dict(np.load(path))
    np.savez_compressed(path, **arrays)  # packed otherwise, the same content
    assert cli.run(evaluate, score_command(own)) == 0
    capsys.readouterr()
    arrays["inputs"][data.train.indices[0]] *= 0.5
    np.savez(path, **arrays)
    assert load_dataset(f"npz:{path}", data_seed=3).fingerprint == data.fingerprint
    for more in ([], ["--data", "npz:data/own.npz"]):
        line = refused(evaluate, score_command(own, *more), capsys)
        assert f"{path}: has changed since " in line


def test_programs_keep_the_presentation_of_their_training(folder, capsys):
    """It is fitted to the training samples, and used on other data; another one is refused."""
    rng = np.random.default_rng(0)
    for name, factor in (("first", 1), ("second", 2)):
        rows = [f"{k % 10},{','.join(map(str, factor * rng.normal(size=20)))}" for k in range(100)]
        Path(f"{name}.csv").write_text("\n".join(rows))
    command = ["small.yaml", "--rule", "bptt", "--epochs", "1", "--run-dir", "run", "--data"]
    assert cli.run(train_main, [*command, "first.csv::label=0,repeat=2"]) == 0
    told = capsys.readouterr().err
    assert "soensim: csv:" in told
    assert (
        "each channel from its range in the training samples to 0 .. 1, each frame in 3 pieces, shown 2 times" in told
    )
    header = Program.load("run/program.safetensors").header["data"]
    assert header["name"] == f"csv:{folder}/first.csv::label=0"
    assert header["presentation"].startswith("scale=-")
    assert header["presentation"].endswith(",cut=3,lines=8,repeat=2")
    assert header["class_names"] == [str(k) for k in range(10)]
    for more in ([], ["--data", "first.csv::label=0"], ["--data", "first.csv::label=0,repeat=2,scale=line"]):
        assert cli.run(evaluate, score_command(folder, *more)) == 0
        assert json.loads(capsys.readouterr().out)["data"]["fingerprint"] == header["fingerprint"]
    other = load_dataset("second.csv::label=0", trained=header)
    assert other.origin["presentation"] == header["presentation"]
    line = refused(evaluate, score_command(folder, "--data", "first.csv::label=0,repeat=3"), capsys)
    assert "says repeat=3, the program was trained with scale=" in line
    with pytest.raises(DataError, match="labels have '0'; the classes are 1, 2"):
        load_dataset("first.csv::label=0", trained={**header, "class_names": ["1", "2"]})
    chip, program = route(load_netlist("small.yaml")), Program.load("run/program.safetensors")
    with pytest.raises(DataError, match=r"trained with another presentation of 'csv:.*trained=program.header"):
        score_chip(chip, program, load_dataset("first.csv::label=0,repeat=3", lines=8), trials=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale=line", "stores has scale=line, and not the ranges that it was fitted to"),
        ("bend=1", "stores has 'bend=1'; legal: KEY=VALUE with missing"),
        ("lines=7", "a frame has 8 values for 7 lines"),
        ("scale=0:1/0:1", "has the ranges of 2 channels, samples have 8"),
    ],
)
def test_a_stored_presentation_that_cannot_be(own, capsys, text, message):
    program = Program.load("run/program.safetensors")
    about = {**program.header["data"], "presentation": text}
    program.with_header({**program.header, "data": about}).save("run/program.safetensors")
    assert message in refused(evaluate, score_command(own), capsys)


def test_programs_of_arrays_in_memory_say_so(own, capsys):
    program = Program.load("run/program.safetensors")
    about = {**program.header["data"], "name": "arrays"}
    program.with_header({**program.header, "data": about}).save("run/program.safetensors")
    line = refused(evaluate, score_command(own), capsys)
    assert (
        "was trained on arrays in memory, 'arrays'; write them to a file (numpy.savez(FILE, inputs=..., labels" in line
    )
    assert cli.run(evaluate, score_command(own, "--data", "data/own.npz")) == 0


def test_data_from_a_named_folder_are_found_again(folder, monkeypatch):
    from soensim.data import load

    monkeypatch.setattr(load.mnist, "load", lambda *_: load_dataset("digits-rows"))
    assert load_dataset("mnist-rows", data_dir="here").origin == {"data_dir": f"{folder}/here"}
    assert load_dataset("mnist-rows").origin == {}


def test_the_folder_of_the_training_is_that_of_the_evaluation(own, monkeypatch, capsys):
    from soensim.commands import program_data

    asked = []

    def loaded(name, **options):
        asked.append((name, options["data_dir"]))
        return load_dataset("digits-rows")

    monkeypatch.setattr(program_data, "load_dataset", loaded)
    program = Program.load("run/program.safetensors")
    for folder in (own, own / "gone"):
        about = {"name": "mnist-rows", "data_seed": 0, "fingerprint": "0" * 64, "data_dir": str(folder)}
        program.with_header({**program.header, "data": about}).save("run/program.safetensors")
        assert cli.run(evaluate, score_command(own)) == 0
        assert cli.run(evaluate, score_command(own, "--data-dir", "given")) == 0
    assert asked == [("mnist-rows", folder) for folder in (str(own), "given", None, "given")]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_seed": None}, "data_seed"),
        ({"data_seed": True}, "data_seed"),
        ({"fingerprint": None}, "fingerprint"),
        ({"name": 1}, "name"),
        ({"sha256": 1}, "data.sha256"),
        ({"data_dir": []}, "data.data_dir"),
        ({"presentation": 1}, "data.presentation"),
        ({"class_names": ["a", 1]}, "data.class_names"),
    ],
)
def test_a_header_without_the_split_is_refused(own, capsys, change, message):
    program = Program.load("run/program.safetensors")
    about = {"name": "digits-rows", "data_seed": 0, "fingerprint": "0" * 64, **change}
    about = {key: value for key, value in about.items() if value is not None}
    program.with_header({**program.header, "data": about}).save("run/program.safetensors")
    line = refused(evaluate, score_command(own), capsys)
    assert message in line
    assert "program.safetensors" in line


def test_a_program_without_a_record_of_its_data_says_that_the_split_is_a_guess(own, capsys):
    program = Program.load("run/program.safetensors")
    program.with_header({}).save("run/program.safetensors")
    assert cli.run(evaluate, score_command(own, "--data", "digits-rows")) == 0
    assert "the test split is that of data_seed 0, and may hold samples of its training" in capsys.readouterr().err


def test_another_form_of_the_data_keeps_the_split_of_the_training(own, capsys):
    program = Program.load("run/program.safetensors")
    about = {"name": "mnist-rows", "data_seed": 5, "fingerprint": "0" * 64}
    program.with_header({**program.header, "data": about}).save("run/program.safetensors")
    assert cli.run(evaluate, score_command(own, "--data", "digits-rows")) == 0
    assert json.loads(capsys.readouterr().out)["data"]["data_seed"] == 5


# --- a chip that is of several files --------------------------------------------------------------------------

OWN = "schema: soensim-technology/1\nname: own\nextends: {}\n"


def chip_of_files(place):
    """A netlist that names a technology, which extends another, and edges; names that collide, an anchor, a comment."""
    (place / "far").mkdir(parents=True)
    (place / "tech.yaml").write_text(OWN.format("far/tech.yaml  # the base"))
    (place / "far" / "tech.yaml").write_text(OWN.format("nist-2023"))
    edges = "source,target\n" + "".join(f"{k},{k % 5}\n" for k in range(8))
    (place / "edges µ.csv").write_text(edges)
    (place / "far" / "edges µ.csv").write_text("source,target\n0,1\n1,2\n4,3\n")
    return "# größer: µ\n" + SMALL.replace("technology: nist-2023", f"technology: {place}/tech.yaml")


def test_a_run_folder_can_be_used_without_the_original_of_its_chip(folder, monkeypatch, capsys):
    place = folder / "chip"
    text = chip_of_files(place)
    assert f"technology: {place}/tech.yaml" in text
    parts = text.split("topology: ")
    assert len(parts) > 2
    rest = [re.sub(r"^(\{[^}]*\}|[a-z-]+)", "{kind: file, path: &p 'edges µ.csv'}", parts[1], count=1)]
    rest += [re.sub(r"^(\{[^}]*\}|[a-z-]+)", "{kind: file, path: far/edges µ.csv}", parts[2], count=1)]
    (place / "small.yaml").write_text("topology: ".join([parts[0], *rest, *parts[3:]]))
    before = load_netlist(place / "small.yaml")
    assert cli.run(train_main, ["chip/small.yaml", *COMMAND[1:], "--epochs", "1"]) == 0, capsys.readouterr().err
    place.rename(folder / "gone")
    run = (folder / "run").rename(folder / "moved")
    copy = run / "netlist.yaml"
    assert copy.read_text().startswith("# größer: µ\n")
    assert 'path: &p "netlist-files/edges' in copy.read_text()
    assert len(list((run / "netlist-files").iterdir())) == 4
    assert load_netlist(copy).hash == before.hash
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    program = str(run / "program.safetensors")
    assert cli.run(evaluate, [str(copy), "--program", program, "--trials", "1", "--html", "none", "--json", "-"]) == 0
    assert load_run(run).netlist.hash == before.hash
    again = [str(copy), *COMMAND[1:-1], str(run), "--epochs", "1", "--resume"]
    assert cli.run(train_main, again) == 0, capsys.readouterr().err


def test_a_chip_of_one_file_is_copied_to_the_byte(folder):
    assert netlist_copy(folder / "small.yaml", "x") == (SMALL.encode(), {})


def test_a_failed_start_leaves_no_copies(folder, monkeypatch, capsys):
    text = chip_of_files(folder / "chip")
    (folder / "chip" / "small.yaml").write_text(text)
    interrupt(monkeypatch, 0)
    assert cli.run(train_main, ["chip/small.yaml", *COMMAND[1:]]) == 130
    assert not (folder / "run").exists()
    capsys.readouterr()
    (folder / "run" / "netlist-files").mkdir(parents=True)
    assert "run: holds a netlist-files that is of no training" in refused(
        train_main, ["chip/small.yaml", *COMMAND[1:]], capsys
    )
