"""Which files a command writes: checked before any work, so that no work is in vain and no input is written over."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soensim._runtime.atomic_write import check_folder, check_target
from soensim.errors import SoensimError

OMITTED, STANDARD_OUTPUT = "none", "-"
_STANDARD_OUTPUT_FILES = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
# What soensim reads or writes, and what people expect a picture or a text in: no other kind of output takes these.
_DATA_ENDINGS = (".yaml", ".yml", ".csv", ".npz", ".npy", ".safetensors", ".json", ".lyrdb", ".cir")
_KNOWN_ENDINGS = frozenset((*_DATA_ENDINGS, ".html", ".png", ".svg", ".jpg", ".jpeg", ".pdf", ".py", ".md"))


@dataclass(frozen=True)
class Output:
    """One file that a command writes.

    Attributes
    ----------
    flag
        That names it, such as ``--json``, for messages.
    target
        A path; ``-`` for standard output; None: it is not written.
    endings
        Of its name, such as (".json",).
    any_unknown
        Whether a name may also have no ending, or one that soensim does not know.
    to_standard_output
        Whether ``-`` is possible.
    """

    flag: str
    target: str | None
    endings: tuple[str, ...] = ()
    any_unknown: bool = False
    to_standard_output: bool = False


def json_output(target: str | None, flag: str = "--json") -> Output:
    """Return the output of ``--json FILE``, which every verb has."""
    return Output(flag, target, (".json",), any_unknown=True, to_standard_output=True)


def named(given: str | None) -> str | None:
    """Return the target that a flag names: None for ``none`` or no flag, ``-`` for standard output, else a path."""
    if given is None or given == OMITTED:
        return None
    return STANDARD_OUTPUT if given in _STANDARD_OUTPUT_FILES else given


def check_outputs(
    outputs: Sequence[Output], inputs: Iterable[str | Path | None] = (), *, makes: Sequence[str | Path] = ()
) -> None:
    """Refuse outputs that cannot be written, that are an input of the same command, or that are the same file.

    Parameters
    ----------
    outputs
        All that the command will write.
    inputs
        Files that it reads.
    makes
        Folders that the command makes where they do not exist: no output may be one of them.

    Raises
    ------
    SoensimError
        With the first output that is wrong.
    """
    read = {_identity(path): path for path in inputs if path is not None}
    written = _files_of_standard_streams()
    made = {_identity(folder) for path in makes for folder in (Path(path), *Path(path).parents) if not folder.exists()}
    for output in outputs:
        if output.target is None:
            continue
        if output.target == STANDARD_OUTPUT:
            _check_standard_output(output, written)
            continue
        _check_place(output.target, makes)
        identity = _identity(output.target)
        if identity is None:
            continue
        if identity in made:
            raise SoensimError(f"{output.target}: is a folder that this command makes; give {output.flag} another name")
        if identity in read:
            same = "" if str(read[identity]) == str(output.target) else f" as {read[identity]}"
            raise SoensimError(f"{output.target}: is read by this command{same}; give {output.flag} another name")
        if identity in written:
            raise SoensimError(
                f"{output.target}: cannot hold both {written[identity]} and {output.flag}; give two names"
            )
        _check_ending(output)
        written[identity] = output.flag


def _check_standard_output(output: Output, written: dict[Hashable, str]) -> None:
    if not output.to_standard_output:
        raise SoensimError(f"{output.flag} - is not possible: - is not a file; name a file")
    if STANDARD_OUTPUT in written:
        raise SoensimError(f"{written[STANDARD_OUTPUT]} and {output.flag} both go to standard output; name a file")
    written[STANDARD_OUTPUT] = output.flag


def _check_ending(output: Output) -> None:
    path = Path(str(output.target))
    ending = path.suffix.lower()
    if not output.endings or ending in output.endings or (output.any_unknown and ending not in _KNOWN_ENDINGS):
        return
    *first, last = output.endings
    legal = f"{', '.join(first)} or {last}" if first else last
    raise SoensimError(f"{path}: the name must end in {legal}; {output.flag} writes no other kind of file")


def _check_place(target: str | Path, makes: Sequence[str | Path]) -> None:
    folder = Path(target).parent
    if any(folder == Path(made) for made in makes) and not folder.exists():
        check_folder(folder)
    else:
        check_target(target)


def _files_of_standard_streams() -> dict[Hashable, str]:
    """Regular files that the shell has made standard output or standard error, with their names."""
    files: dict[Hashable, str] = {}
    for number, name in ((1, "standard output"), (2, "standard error")):
        try:
            status = os.fstat(number)
        except OSError:  # closed
            continue
        if stat.S_ISREG(status.st_mode):
            files[status.st_dev, status.st_ino] = name
    return files


def _identity(path: str | Path) -> Hashable:
    """What two names of one file have in common, through links and other spellings; None for devices and pipes."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        with suppress(OSError):  # the working folder no longer exists
            return str(Path(path).resolve())
        return None
    except (OSError, ValueError):  # reading it says what is wrong
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
