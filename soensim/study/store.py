"""Results of a study's runs, in files that a kill at any moment leaves whole, and that several engines may share.

In the folder `results` each engine process has a file of its own, `HOST-PID-RANDOM.jsonl`, to which it appends a line
for each run that has ended. It holds a lock on that file while it lives. The file `claims` says which engine has which
run: an engine that takes runs locks it, reads what is new, and appends. The claims of an engine that no longer holds
its own file are void. So engines on one study, on one machine or on several that share a file system, never do the same
run twice, and the runs of one that is killed are taken over.

The last line of a file may be half written, after a kill or on a full disk: it is not read, and nothing is appended to
it. On a file system without locks engines do not see each other's claims: work is done twice, and nothing else.
"""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.file_lock import try_lock
from soensim._runtime.words import shown_path
from soensim.errors import SoensimError
from soensim.study.run import Outcome, Run
from soensim.study.slots import one_line

RESULTS, CLAIMS, _ENDING = "results", "claims", ".jsonl"
_MOST_FILES = 16  # of engines that have ended; more are merged
_PATIENCE_S = 60.0  # nobody holds the claims for longer than milliseconds, unless it is stopped
_SYNC_S = 1.0
_NUMBERS = (int, float, NoneType)  # a tuple: a union takes three times as long to compare with
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "key": str,
    "measures": dict,
    "error": (str, NoneType),
    "lost": bool,
    "seconds": (int, float),
}
_ATTEMPTS = 10


class Claimed(NamedTuple):
    """Runs that were asked for.

    Attributes
    ----------
    mine
        Keys of those that nobody else does from now on.
    elsewhere
        Keys of those that another engine has.
    """

    mine: list[str]
    elsewhere: list[str]


def load(folder: str | Path) -> dict[str, Outcome]:
    """Read the outcomes of all runs that have ended, by key; of a study that runs, those so far.

    Parameters
    ----------
    folder
        Of the study; without results there are none.

    Raises
    ------
    SoensimError
        A file cannot be read, or a line of it is damaged.
    """
    results = Path(folder) / RESULTS
    for _ in range(_ATTEMPTS):
        outcomes: dict[str, Outcome] = {}
        try:
            for name in _names(results):
                for outcome in _read_from(results / name, 0)[0]:
                    _put(outcomes, outcome)
        except FileNotFoundError:  # merged into another one since the folder was listed
            continue
        return outcomes
    raise SoensimError(f"{shown_path(results)}: its files change all the time; wait for the engines to end")


@contextmanager
def open_store(folder: str | Path) -> Iterator[Store]:
    """Open the results of a study for an engine; the folder is made.

    Raises
    ------
    SoensimError
        It cannot be made or written to, or a line of a file is damaged.
    """
    store = Store(Path(folder) / RESULTS)
    try:
        store.begin()
        yield store
    finally:
        store.close()


class Store:
    """The results as one engine process sees and writes them.

    Attributes
    ----------
    outcomes
        By key: all that this engine and others have written, as far as it was read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}{_ENDING}"
        self._path = folder / self._name
        self._read: dict[str, int] = {}  # bytes of each file
        self._claims: dict[str, str] = {}  # the engine by the key of a run
        self._claims_read = 0
        self._new: list[Outcome] = []
        self._size = 0
        self._synced = 0.0
        self._file: int | None = None
        self.outcomes: dict[str, Outcome] = {}

    def begin(self) -> None:
        """Make this engine's file, and read those of others."""
        with _reported(self._path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked_claims() as claims:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
                if try_lock(self._file) is not None:
                    self._clear_up(claims)
        self.refresh()
        self._new.clear()

    def close(self) -> None:
        """Let others take over what this engine has claimed and not done."""
        if self._file is None:
            return
        with suppress(OSError):
            if os.fstat(self._file).st_size:
                os.fsync(self._file)
            else:
                self._path.unlink()
        os.close(self._file)
        self._file = None

    def claim(self, waiting: deque[str], most: int) -> Claimed:
        """Take runs that no other living engine has.

        Parameters
        ----------
        waiting
            Keys in the order in which they are wanted; those that were looked at are removed. One that is neither
            claimed nor elsewhere afterwards has been done: it is in `outcomes`.
        most
            Number of runs to take.

        Raises
        ------
        SoensimError
            The claims cannot be written, or somebody else holds them.
        """
        mine: list[str] = []
        elsewhere: list[str] = []
        live = {self._name: True}
        with _reported(self._folder / CLAIMS), self._locked_claims() as claims:
            self._read_claims(claims)
            refreshed = False
            while waiting and len(mine) < most:
                key = waiting.popleft()
                owner = self._claims.get(key, self._name)
                if owner not in live:
                    live[owner] = self._is_live(owner)
                if not live[owner] and not refreshed:  # it may have done the run before it died
                    self.refresh()
                    refreshed = True
                if owner != self._name and live[owner]:
                    elsewhere.append(key)
                elif live[owner] or self._is_to_do(key):
                    mine.append(key)
            lines = [_line({"claim": key, "by": self._name}) for key in mine]
            self._claims_read += _append(claims, b"".join(lines), self._claims_read)
            self._claims.update(dict.fromkeys(mine, self._name))
        return Claimed(mine, elsewhere)

    def add(self, run: Run, outcome: Outcome) -> None:
        """Append what came out of a run.

        Raises
        ------
        SoensimError
            It cannot be written: the disk is full, or the file was removed. The lines before it are whole.
        """
        line = _line(
            {
                "key": outcome.key,
                "levels": dict(run.levels),
                "seed": run.seed,
                "measures": dict(outcome.measures),
                "error": outcome.error,
                "lost": outcome.lost,
                "seconds": outcome.seconds,
            }
        )
        if self._file is None:
            raise ValueError("the store is closed")
        with _reported(self._path):
            self._size += _append(self._file, line, self._size)
            if time.monotonic() > self._synced + _SYNC_S:  # on NFS others see it from now on
                os.fsync(self._file)
                self._synced = time.monotonic()
                if not os.path.samestat(self._path.stat(), os.fstat(self._file)):
                    raise FileNotFoundError(None, "another file has its name since")
        self.outcomes[outcome.key] = outcome

    def refresh(self) -> None:
        """Read what other engines have appended."""
        for _ in range(_ATTEMPTS):
            try:
                for name in _names(self._folder):
                    if name != self._name:
                        self._read_new(name)
            except FileNotFoundError:  # merged into another one since the folder was listed
                continue
            return

    def news(self) -> list[Outcome]:
        """Return the outcomes of other engines that were read since this was last asked."""
        new, self._new = self._new, []
        return new

    def _read_new(self, name: str) -> None:
        before = self._read.get(name, 0)
        outcomes, self._read[name] = _read_from(self._folder / name, before)
        for outcome in outcomes:
            if _put(self.outcomes, outcome):
                self._new.append(outcome)

    def _is_to_do(self, key: str) -> bool:
        return key not in self.outcomes or self.outcomes[key].lost

    def _is_live(self, name: str) -> bool:
        """Whether an engine holds its file. Only one that has the claims may ask: asking takes the lock."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return try_lock(descriptor, shared=True) is False
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked_claims(self) -> Iterator[int]:
        """Hold the file of claims."""
        descriptor = os.open(self._folder / CLAIMS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            until = time.monotonic() + _PATIENCE_S
            while try_lock(descriptor) is False:
                if time.monotonic() > until:
                    raise SoensimError(
                        f"{shown_path(self._folder / CLAIMS)}: another engine has held it for {_PATIENCE_S:.0f} s; "
                        "let that process go on (fg), or end it"
                    )
                time.sleep(0.002)
            yield descriptor
        finally:
            os.close(descriptor)

    def _read_claims(self, claims: int) -> None:
        size = os.fstat(claims).st_size
        if size < self._claims_read:  # somebody removed the file
            self._claims, self._claims_read = {}, 0
        content = os.pread(claims, size - self._claims_read, self._claims_read)
        content = content[: content.rfind(b"\n") + 1]
        self._claims_read += len(content)
        for line in content.splitlines():
            with suppress(ValueError, KeyError, TypeError, RecursionError):  # a claim is void then, and no more
                claim = json.loads(line)
                self._claims[str(claim["claim"])] = str(claim["by"])

    def _clear_up(self, claims: int) -> None:
        """Forget the claims where no other engine lives; merge the files of those that have ended."""
        names = [name for name in _names(self._folder) if name != self._name]
        ended = [name for name in names if not self._is_live(name)]
        if len(ended) == len(names):
            os.ftruncate(claims, 0)
        if len(ended) > _MOST_FILES:
            with suppress(PermissionError):  # another user's: they stay as they are
                self._merge(ended)

    def _merge(self, names: list[str]) -> None:
        """Write several files as one, then remove them; a kill in between leaves lines twice, which is harmless."""
        lines: dict[str, dict[str, Any]] = {}
        for name in names:
            for record in _whole_records(self._folder / name):
                if record["key"] not in lines or lines[record["key"]]["lost"]:
                    lines[record["key"]] = record
        merged = self._folder / f"merged-{secrets.token_hex(4)}{_ENDING}"
        write_atomic(merged, b"".join(map(_line, lines.values())), durable=True)
        for name in names:
            (self._folder / name).unlink()


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", platform.node())[:60] or "host"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(_ENDING))  # noqa: PTH208 - names are wanted
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SoensimError(f"{shown_path(folder)}: cannot be read: {error.strerror}") from error


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def _append(descriptor: int, content: bytes, size: int) -> int:
    """Append to a file of this size, whole or not at all; return how many bytes."""
    if os.fstat(descriptor).st_size > size:  # half a line of a writer that was killed
        os.ftruncate(descriptor, size)
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError:
        os.ftruncate(descriptor, size)
        raise
    return written


def _read_from(path: Path, start: int) -> tuple[list[Outcome], int]:
    """Read the complete lines from a place on; return their outcomes and where they end."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SoensimError(f"{shown_path(path)}: cannot be read: {error.strerror}") from error
    lines = _complete_lines(content)
    try:
        outcomes = [_outcome(json.loads(line)) for line in lines]
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    return outcomes, start + sum(map(len, lines)) + len(lines)


def _whole_records(path: Path) -> list[dict[str, Any]]:
    """Read the complete lines of a file with all that they hold."""
    _read_from(path, 0)
    return [json.loads(line) for line in _complete_lines(path.read_bytes())]


def _complete_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def _damaged(path: Path) -> SoensimError:
    """Say which line of a file cannot be read."""
    for number, line in enumerate(_complete_lines(path.read_bytes()), 1):
        try:
            _outcome(json.loads(line))
        except (ValueError, RecursionError) as error:
            return SoensimError(
                f"{shown_path(path)}:{number}: is not the result of a run ({one_line(str(error))}); "
                "delete this line: its run is done again"
            )
    return SoensimError(f"{shown_path(path)}: was changed while it was read; give the command again")


def _outcome(record: Any) -> Outcome:
    """Make the outcome of what a line holds.

    Raises
    ------
    ValueError
        It is not what `Store.add` writes.
    """
    try:
        outcome = Outcome(*(record[name] for name in ("key", "measures", "error", "lost", "seconds")))
    except KeyError as error:
        raise ValueError(f"it has no {error}") from None
    except TypeError:
        raise ValueError("it is no object") from None
    wrong = [name for name, kind in _KINDS.items() if not isinstance(record[name], kind)]
    if not wrong:
        wrong = [name for name, value in outcome.measures.items() if not isinstance(value, _NUMBERS)]
    if wrong:
        raise ValueError(f"its {wrong[0]} is of the wrong kind")
    return outcome


def _put(outcomes: dict[str, Outcome], outcome: Outcome) -> bool:
    """Add an outcome that is not there, or only as lost; two that are not lost are the same."""
    old = outcomes.get(outcome.key)
    if old is not None and (outcome.lost or not old.lost):
        return False
    outcomes[outcome.key] = outcome
    return True


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SoensimError(
            f"{shown_path(path)}: cannot be written: {error.strerror}; what was written before is kept: "
            "give the same command again when this is mended"
        ) from error
