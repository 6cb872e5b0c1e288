"""What the user's environment may say without changing a result: matplotlib's settings, locales, closed streams."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from fresh import Job, run_forks

from soensim._runtime.exhausted import exhausted
from soensim._runtime.standard_streams import printable
from soensim.commands.verbs import run_command

# --- figures -------------------------------------------------------------------------------------------------------

FIGURE = """
import hashlib, json, sys
from soensim.report import figures
from soensim.report.figures.style import png_bytes
from soensim.netlist import load_netlist
from soensim.routing import route
routed = route(load_netlist("netlists/year1-28.yaml"))
drawn = png_bytes(figures.floorplan(routed)), figures.inline_svg(figures.floorplan(routed), "a", "b").encode()
json.dump([*(hashlib.sha256(content).hexdigest() for content in drawn), "matplotlib.pyplot" in sys.modules], sys.stdout)
"""
STYLE = "text.usetex: true\nfigure.dpi: 300\nlines.linewidth: 9\nfont.size: 30\naxes.grid: true\nsavefig.bbox: tight\n"


def test_figures_are_the_same_whatever_matplotlib_is_told(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(STYLE)
    (tmp_path / "damaged").write_bytes(b"\xff\xfejunk: : :\nbackend: nonsense\n")
    environments = [
        {},
        {"MPLBACKEND": "TkAgg", "MATPLOTLIBRC": str(tmp_path)},
        {"MPLBACKEND": "no-such-backend", "MATPLOTLIBRC": str(tmp_path / "damaged"), "MPLCONFIGDIR": "/dev/null/no"},
    ]
    packages = ["numba", "pydantic", "scipy.sparse.linalg", "scipy.special", "yaml"]
    jobs = [Job(FIGURE, environment=environment) for environment in environments]
    plain, *others = run_forks(tmp_path, packages, jobs)
    assert plain[0] == 0, plain
    assert json.loads(plain[1])[2] is False  # no pyplot
    assert others == [plain] * 2


def test_figures_do_not_see_settings_of_this_process() -> None:
    import matplotlib as mpl

    from soensim.report.figures.style import new_figure, png_bytes, styled

    @styled
    def figure():
        made = new_figure(2, 1)
        made.add_subplot().plot([0, 1], label="a")
        return made

    plain = png_bytes(figure())
    changes = {
        "lines.linewidth": 9.0,
        "axes.grid": True,
        "savefig.bbox": "tight",
        "axes.prop_cycle": "cycler('color', 'r')",
    }
    with mpl.rc_context(changes):
        before = dict(mpl.rcParams)
        assert png_bytes(figure()) == plain
        assert dict(mpl.rcParams) == before


# --- standard streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("utf-8", "µ → … 日", "µ → … 日"),
        ("latin-1", "5 µs → 2 × 3 …", "5 µs -> 2 × 3 ..."),
        ("ascii", "5 µs → 2 × 3 … é日", r"5 us -> 2 x 3 ... \xe9\u65e5"),
        ("utf-8", "chip\udcff.yaml", r"chip\udcff.yaml"),
    ],
)
def test_a_stream_shows_every_character(encoding: str, text: str, shown: str) -> None:
    assert printable(text, io.TextIOWrapper(io.BytesIO(), encoding=encoding)) == shown


# --- the working folder --------------------------------------------------------------------------------------------


def test_files_of_the_working_folder_hide_no_package(tmp_path: Path) -> None:
    for name in ("numpy", "yaml", "json", "pydantic", "argparse", "scipy", "random"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is the file of the user')")
    for module in ("soensim", "soensim.technology"):
        words = ["technology"] if module == "soensim" else []
        done = subprocess.run(
            [sys.executable, "-m", module, *words], cwd=tmp_path, env=_with_path(), capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "nist-2023" in done.stdout


def _with_path(**environment: str) -> dict[str, str]:
    """Return the environment of a process that finds soensim from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **environment}


def test_a_package_that_misses_the_deleted_working_folder_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exhausted(FileNotFoundError(2, "No such file or directory")) is None
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert exhausted(FileNotFoundError(2, "")) == "the working folder no longer exists; change to another one"


def test_help_that_cannot_be_written_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)
    assert run_command(["train", "-h"]) == 2
    assert capsys.readouterr().err == "soensim: error: standard output cannot be written: No space left on device\n"
