"""What the README shows is run: each block after the marker <!-- run --> works by itself in a copy of the chips."""

import contextlib
import io
import itertools
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT

from soensim.commands.verbs import run_command

VERB = "python -m soensim."
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of the test's own, so that blocks can run side by side and none needs an earlier one."""
    shutil.copytree(ROOT / "netlists", tmp_path / "netlists")
    return tmp_path


#: Flags added to commands that take long: whether a command and what follows it work is seen at once.
SHORTER = {
    "evaluate netlists/year1-28.yaml --require": " --circuit 36",
    "evaluate $chip-bus.yaml": " --trials 2",
    "sweep netlists/year1-28.yaml": " --set recipe.ideal_epochs=1 --set recipe.train_samples=256 --workers 1",
    "train mine.yaml --out mine.safetensors": " --ideal-epochs 1 --epochs 1",
    "train netlists/spiking-digits.yaml --ideal-epochs 5 --epochs 5": " --train-samples 100",
}


def run(folder: Path, language: str, text: str) -> str:
    """Run a block in a folder, and return what it prints.

    Python, and lines that are `python -m soensim.VERB ...` alone, run in this process, which has loaded everything:
    that each verb starts as a process is tested elsewhere. Other lines, `soensim VERB ...` too, are run by bash.
    """
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        if language == "python":
            Path("block.py").write_text(text)
            runpy.run_path("block.py", run_name="__main__")
            return printed.getvalue()
        for is_verb, lines in itertools.groupby(lines_of(text), key=lambda line: line.startswith(VERB)):
            if is_verb:
                for line in lines:
                    run_verb(line)
            else:
                printed.write(in_bash(folder, "\n".join(lines)))
    return printed.getvalue()


def lines_of(text: str) -> list[str]:
    """Lines of a block, with loops written out and what takes long made shorter."""

    def repeated(loop: re.Match[str]) -> str:
        return "".join(loop[3].replace(f"${loop[1]}", value) for value in loop[2].split())

    text = text.replace("\\\n", " ")
    for command, more in SHORTER.items():
        text = re.sub(rf"{re.escape(VERB + command)}.*", lambda line, more=more: line[0] + more, text)
    text = re.sub(r"^for (\w+) in (.+); do\n(.*?)^done\n", repeated, text, flags=re.M | re.S)
    return [line.strip() if VERB in line else line for line in text.splitlines()]


def run_verb(line: str) -> None:
    assert not re.search(r"[|<>&;$`]", re.sub(r"'.*?'", "", line)), f"that is for bash: {line}"
    verb, *words = shlex.split(line.removeprefix(VERB))
    with contextlib.redirect_stderr(io.StringIO()) as told:
        status = run_command([verb, *words])
    assert status == 0, f"{line}\n{told.getvalue()}"


def in_bash(folder: Path, text: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_shortened_is_shown():
    shown = README + "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert [command for command in SHORTER if f"{VERB}{command}" not in shown] == []


def test_a_block_is_run_line_by_line(tmp_path):
    text = "echo x > a.txt\nfor k in 1 2; do\n    python -m soensim.convert gamma_minus=0.00$k --to tau_ns\ndone\n"
    text += "cat <<END > b.txt\n  y\nEND\nsoensim --version\n"
    printed = run(tmp_path, "sh", text)
    assert printed.count("tau_ns") == 2
    assert printed.endswith(f"soensim {version('soensim')}\n")
    assert [(tmp_path / name).read_text() for name in ("a.txt", "b.txt")] == ["x\n", "  y\n"]
    for wrong in ("python -m soensim.convert gamma_minus=1 --to none\n", "false\n"):
        with pytest.raises(AssertionError):
            run(tmp_path, "sh", wrong)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, "python", "1 / 0")


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(folder, number):
    assert run(folder, *BLOCKS[number]).strip()


def test_there_are_blocks():
    assert len(BLOCKS) >= 4


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_ci_runs_the_two_commands():
    script = (ROOT / ".ci" / "run").read_text()
    for name in ("main", "test"):
        assert f"<!-- {name} -->" in README
        assert f"readme_command {name}" in script
