"""Standard input, output and error of a command: there from the start, and able to show every character."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

# Plain spellings of the characters that soensim writes, for streams that cannot show them.
_SPELLINGS = {
    "…": "...",
    "→": "->",
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "·": ".",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "µ": "u",
    "μ": "u",
    "²": "^2",
    "°": "deg",
    "Φ": "Phi",
    "φ": "phi",
    "β": "beta",
    "γ": "gamma",
    "τ": "tau",
    "Ω": "Ohm",
    "─": "-",
    "│": "|",
    "├": "+",
    "└": "+",
    "█": "#",
}


def open_standard_streams() -> None:
    """Open on the null device what the caller has closed of descriptors 0, 1 and 2.

    The next file that is opened gets the lowest free descriptor. Without this, an output file could become descriptor
    2, and what a C library prints would end in it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # Python has seen that it is closed
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for the whole process


def printable(text: str, stream: TextIO) -> str:
    r"""Return a text that this stream can show: the same one, or with plain spellings for what its encoding lacks.

    A character without a plain spelling becomes its escape, such as ``\u65e5``; so does a byte of a file name that
    is no character.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if _can_show(text, encoding):
        return text
    return "".join(
        character
        if _can_show(character, encoding)
        else _SPELLINGS.get(character) or character.encode(encoding, "backslashreplace").decode(encoding)
        for character in text
    )


def _can_show(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def reader_has_left(stream: TextIO) -> bool:
    """Whether a stream is a pipe or a socket of which nobody holds the other end; without writing to it."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError):  # it has no number: nothing that could leave
        return False
