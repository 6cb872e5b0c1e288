"""What the README shows is run: each block after the marker <!-- run --> works by itself in a copy of the chips."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of the test's own, so that blocks can run side by side and none needs an earlier one."""
    shutil.copytree(ROOT / "netlists", tmp_path / "netlists")
    return tmp_path


def run(folder: Path, language: str, text: str) -> str:
    command = {"sh": ["bash", "-euo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}[language]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(folder, number):
    assert run(folder, *BLOCKS[number]).strip() or "evaluate" not in BLOCKS[number][1]


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
