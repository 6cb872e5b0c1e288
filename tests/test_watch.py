"""`check --watch`: what is saved is checked again, a netlist that is broken meanwhile is told and watched on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT

from soensim.commands import cli, watch
from soensim.commands.check import main as check

CHIP = (ROOT / "netlists" / "digits-local-60.yaml").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(CHIP)
    return tmp_path


def edited(monkeypatch, *edits) -> list[int]:
    """Let every look at the files be followed by the next edit, and by Ctrl-C after the last."""
    looks, left = [], list(edits)

    def sleep(seconds):
        looks.append(seconds)
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(watch.time, "sleep", sleep)
    return looks


def test_what_is_saved_is_checked_again(folder, monkeypatch, capsys):
    chip = folder / "mine.yaml"
    looks = edited(
        monkeypatch,
        lambda: None,
        lambda: chip.write_text(CHIP.replace("name: digits-local-60", "name: other")),
        lambda: chip.write_text(CHIP.replace("size: 64", "size: sixty")),
        chip.unlink,  # an editor that renames
        lambda: chip.write_text(CHIP),
    )
    assert cli.run(check, ["mine.yaml", "--watch", "--json", "found.json"]) == cli.INTERRUPTED
    assert looks == [watch.POLL_S] * 6
    said = capsys.readouterr()
    assert re.findall(r"^chip +(\S+) ", said.out, re.MULTILINE) == ["digits-local-60", "other", "digits-local-60"]
    assert said.out.count("watching mine.yaml; Ctrl-C ends") == 4
    assert "soensim: error: mine.yaml:" in said.err
    assert "sixty" in said.err
    assert said.err.endswith("soensim: interrupted\n")
    assert '"name": "digits-local-60"' in (folder / "found.json").read_text()


def test_files_that_the_chip_names_are_watched_and_a_save_during_a_check_is_seen(folder, monkeypatch):
    edges = folder / "edges.csv"
    edges.write_text("source,target\n0,0\n")
    first = "source: first, target: second, topology: all-to-all"
    named = CHIP.replace(first, first.replace("all-to-all", "{kind: file, path: edges.csv}"))
    (folder / "mine.yaml").write_text(named)
    drawn, own = [], check.__globals__["chip_report"]

    def report(*arguments, **options):
        if not drawn:
            (folder / "mine.yaml").write_text(named.replace("name: digits-local-60", "name: saved"))
        drawn.append(arguments)
        return own(*arguments, **options)

    monkeypatch.setitem(check.__globals__, "chip_report", report)
    edited(monkeypatch, lambda: None, lambda: edges.write_text("source,target\n0,0\n1,1\n"), lambda: None)
    assert cli.run(check, ["mine.yaml", "--watch"]) == cli.INTERRUPTED
    assert [one[0].netlist.name for one in drawn] == ["digits-local-60", "saved", "saved"]
    counts = [len(one[0].routed.projections["first->second"].edges) for one in drawn]
    assert counts == [1, 1, 2]


def test_a_chip_that_is_broken_from_the_start_is_watched_but_not_one_that_is_not_there(folder, monkeypatch, capsys):
    assert cli.run(check, ["missing.yaml", "--watch"]) == cli.BAD_INPUT
    assert capsys.readouterr().err.startswith("soensim: error: missing.yaml: ")
    (folder / "mine.yaml").write_text("schema: soensim/1\n")
    edited(monkeypatch, lambda: (folder / "mine.yaml").write_text(CHIP))
    assert cli.run(check, ["mine.yaml", "--watch"]) == cli.INTERRUPTED
    said = capsys.readouterr()
    assert "soensim: error: mine.yaml" in said.err
    assert said.out.count("watching mine.yaml") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "mine.yaml --watch --json -",
            "--watch shows the text again and again; name a file with --json, or leave one of",
        ),
        ("--rules --watch", "--rules lists all rules and watches nothing; leave --watch out"),
        ("--watch", "no chip is given"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_watched(capsys, words, message):
    assert cli.run(check, words.split()) == cli.BAD_INPUT
    assert capsys.readouterr().err.startswith(f"soensim: error: {message}")


@pytest.mark.usefixtures("folder")
def test_a_process_redraws_and_ends_with_130():
    command = [sys.executable, "-m", "soensim.check", "mine.yaml", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stdout.readline, "")
            killer = threading.Timer(60, process.kill)  # a line that never comes
            killer.start()
            assert next(line for line in lines if "watching mine.yaml" in line)
            started = time.monotonic()
            Path("mine.yaml").write_text(CHIP.replace("name: digits-local-60", "name: other"))
            assert next(line for line in lines if "other (netlist" in line)
            assert time.monotonic() - started < 30  # 0.3 s on an idle machine
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == "soensim: interrupted\n"
            assert process.wait() == cli.INTERRUPTED
        finally:
            killer.cancel()
            process.kill()


@pytest.mark.usefixtures("folder")
def test_a_reader_that_has_seen_enough_ends_it():
    command = [sys.executable, "-m", "soensim.check", "mine.yaml", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=60) == cli.DONE
        finally:
            process.kill()


def test_a_reader_that_leaves_while_something_is_written_is_missed_too(monkeypatch):
    """The write fails, and what follows it goes nowhere without an error."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        cli.say("x" * 100_000)
        assert not cli.show()
        cli.say("x")
        assert not cli.show()
