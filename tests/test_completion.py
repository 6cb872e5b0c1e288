"""`soensim --completion SHELL`: what is given to shtab, and what is said without it."""

import sys
import types

import pytest

from soensim.commands import cli
from soensim.commands.verbs import VERBS, run_command


@pytest.fixture
def asked(monkeypatch):
    """Stand in for shtab, and keep what it is asked for."""
    asked = []

    def complete(parser, shell):
        asked.append((parser, shell))
        return f"script of {shell}"

    monkeypatch.setitem(
        sys.modules, "shtab", types.SimpleNamespace(complete=complete, FILE="a file", DIRECTORY="a folder")
    )
    return asked


def test_all_verbs_with_their_flags_files_and_choices_are_completed(asked, capsys):
    assert run_command(["--completion", "zsh"]) == cli.DONE
    assert capsys.readouterr().out == "script of zsh\n"
    [(whole, shell)] = asked
    assert (whole.prog, shell) == ("soensim", "zsh")
    [verbs] = [action for action in whole._actions if action.nargs == "A..."]
    assert list(verbs.choices) == list(VERBS)
    assert [(action.dest, action.help) for action in verbs._choices_actions] == list(VERBS.items())
    train = {
        flag: action for action in verbs.choices["train"]._actions for flag in action.option_strings or [action.dest]
    }
    assert train["chip"].complete == train["--out"].complete == "a file"
    assert train["--run-dir"].complete == "a folder"
    assert "bptt" in train["--rule"].choices
    assert not hasattr(train["--epochs"], "complete")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--completion"], "--completion takes the name of a shell, one of bash, zsh, tcsh"),
        (["--completion", "bash", "zsh"], "--completion takes the name of a shell, one of bash, zsh, tcsh"),
        (
            ["--completion", "bsh"],
            "--completion: 'bsh' is not legal; did you mean 'bash'? it must be one of bash, zsh, tcsh",
        ),
        (["--completion", "bash"], "--completion needs the package shtab: pip install 'soensim[completion]'"),
    ],
)
def test_what_cannot_be_completed(monkeypatch, capsys, words, message):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert run_command(words) == cli.BAD_INPUT
    assert capsys.readouterr().err == f"soensim: error: {message}\n"
