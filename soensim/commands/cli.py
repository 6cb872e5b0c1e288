"""What all commands share: exit status, and how an error reaches the user."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim.errors import SoensimError

Main = Callable[[Sequence[str]], int]

DONE, ANSWER_IS_NO, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def run(main: Main, arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 done, 1 the answer is no, 2 bad input with one message, 130 interrupted."""
    try:
        return main(sys.argv[1:] if arguments is None else arguments)
    except SoensimError as error:
        tell(f"error: {error}")
        return BAD_INPUT
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return DONE


def say(text: str) -> None:
    """Print a line of the answer on standard output."""
    print(text)  # noqa: T201


def tell(text: str) -> None:
    """Print a line beside the answer, on standard error; on a terminal in place of a progress bar."""
    clear = "\r\x1b[2K" if sys.stderr.isatty() else ""
    print(f"{clear}soensim: {text}", file=sys.stderr)  # noqa: T201


def write_json(target: str, content: Any) -> None:
    """Write JSON to a file, or to standard output if the target is ``-``."""
    text = json.dumps(content, indent=2, allow_nan=False)
    if target == "-":
        say(text)
    else:
        write_atomic(target, text + "\n")


def command_line(verb: str, arguments: Sequence[str]) -> str:
    """Write the command as one would type it."""
    return shlex.join(["python", "-m", f"soensim.{verb}", *arguments])


def check_writable(*targets: str | Path | None) -> None:
    """Refuse an output whose folder does not exist, before any work is done.

    Raises
    ------
    SoensimError
        The folder is missing, or the target is a folder.
    """
    for target in targets:
        if target in (None, "-"):
            continue
        path = Path(str(target))
        if not path.parent.is_dir():
            raise SoensimError(f"{path}: the folder {path.parent} does not exist; make it first")
        if path.is_dir():
            raise SoensimError(f"{path}: is a folder; give the name of a file")
