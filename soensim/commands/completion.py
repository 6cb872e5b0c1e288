"""`soensim --completion SHELL`: what makes a shell complete verbs, flags, choices and files."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from soensim._runtime.words import nearest, shown
from soensim.commands.verbs import VERBS
from soensim.errors import SoensimError

SHELLS = ("bash", "zsh", "tcsh")
_FILES = {"CHIP": "FILE", "FILE": "FILE", "PREFIX": "FILE", "DIR": "DIRECTORY", "RUN_DIR": "DIRECTORY"}


def completion(shell: str) -> str:
    """Return a script that a shell reads.

    Parameters
    ----------
    shell
        One of `SHELLS`.

    Raises
    ------
    SoensimError
        There is no such shell, or the package shtab is not installed.
    """
    if shell not in SHELLS:
        near = nearest(shell, SHELLS)
        raise SoensimError(f"--completion: {shown(shell)} is not legal; {near}it must be one of {', '.join(SHELLS)}")
    try:
        import shtab
    except ImportError as error:
        raise SoensimError("--completion needs the package shtab: pip install 'soensim[completion]'") from error
    script: str = shtab.complete(_all_verbs(shtab), shell=shell)
    return script


def _all_verbs(shtab: Any) -> argparse.ArgumentParser:
    """Make one parser of the parsers of all verbs; values that are files are marked as such."""
    whole = argparse.ArgumentParser(prog="soensim")
    whole.add_argument("--version", action="version")
    verbs = whole.add_subparsers()
    for verb, text in VERBS.items():
        verbs.add_parser(verb, help=text)
        parser = import_module(f"soensim.commands.{verb}").parser()
        for action in parser._actions:
            if action.metavar in _FILES:
                action.complete = getattr(shtab, _FILES[action.metavar])
        verbs.choices[verb] = parser
    return whole
