"""`--watch`: do something again whenever a file is saved, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from soensim.commands import cli
from soensim.errors import SoensimError

POLL_S = 0.2
_Stamp = tuple[int, int, int]
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def watch(path: str | Path, redraw: Callable[[], Sequence[Path]]) -> int:
    """Draw, and draw again when a file has changed. Ctrl-C ends it, as every command: exit status 130.

    Parameters
    ----------
    path
        The file that is edited.
    redraw
        Shows the answer, and returns the files that it was made of. What it raises is told, and the same files are
        watched on: the next save may mend it.

    Returns
    -------
    int
        0, when nobody reads standard output any more.

    Raises
    ------
    SoensimError
        The first drawing fails and there is no such file.
    """
    chip, first = Path(path), True
    files: Sequence[Path] = (chip,)
    seen: dict[Path, _Stamp | None] = {}
    while True:
        now = {file: _stamp(file) for file in files}
        # an editor may take the file away before it renames the new one into its place
        if now != seen and (first or now[chip] is not None):
            if sys.stdout.isatty():
                sys.stdout.write(_CLEAR)
            try:
                files = redraw()
            except SoensimError as error:
                if first and now[chip] is None:
                    raise
                cli.tell(f"error: {error}")
            # as they were before they were read: what was saved meanwhile is seen at the next look
            seen = {file: now[file] if file in now else _stamp(file) for file in files}
            first = False
            cli.say(f"\n{time.strftime('%H:%M:%S')}: watching {path}; Ctrl-C ends")
        if not cli.show():
            return cli.DONE
        time.sleep(POLL_S)


def _stamp(file: Path) -> _Stamp | None:
    """When a file was last changed (ns), its size and its inode; None for one that is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
