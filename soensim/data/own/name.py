"""Names of a user's own data: `[FORMAT:]FILE[,FILE …][::KEY=VALUE,KEY=VALUE]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from soensim._runtime.words import shown
from soensim.data.formats import FORMATS, Format
from soensim.data.presentation import KEYS, words_of
from soensim.errors import DataError

_SETTINGS = re.compile("[a-z_]+=")


@dataclass(frozen=True)
class OwnName:
    """A name of own data, taken apart.

    Attributes
    ----------
    format
        Reads the files.
    paths
        As they are written.
    options
        Of the reader, as words: part of which data it is.
    presentation
        Settings of the presentation, as words.
    """

    format: Format
    paths: tuple[str, ...]
    options: Mapping[str, str]
    presentation: Mapping[str, str]

    @property
    def source(self) -> str:
        """The name without its presentation: which data it is."""
        return f"{self.format.name}:{','.join(self.paths)}{_settings(self.options)}"

    @property
    def whole(self) -> str:
        """The name with its presentation."""
        return f"{self.format.name}:{','.join(self.paths)}{_settings({**self.options, **self.presentation})}"

    def moved(self, folder: Path) -> OwnName:
        """Return the name with its relative paths in a folder."""
        return replace(self, paths=tuple(p if p.startswith("~") else str(folder / p) for p in self.paths))

    def without_folders(self) -> str:
        """Return the name with the names of its files alone."""
        return replace(self, paths=tuple(Path(p).name for p in self.paths)).whole

    def absolute(self) -> OwnName:
        """Return the name with absolute paths, which finds the data from any folder.

        Raises
        ------
        DataError
            A path begins with an unknown user's `~`, or the working folder is gone.
        """
        try:
            return replace(self, paths=tuple(str(Path(p).expanduser().absolute()) for p in self.paths))
        except RuntimeError as error:  # ~user of an unknown user
            raise DataError(f"{self.source}: {error}") from error
        except OSError as error:
            raise DataError(
                f"{self.source}: the working folder cannot be found ({error.strerror}); give an absolute path"
            ) from error

    def files(self) -> list[Path]:
        """Return the files that are there to be read; a path that leads nowhere is returned as it is."""
        paths = [Path(p) for p in self.absolute().paths]
        try:
            return self.format.files(paths)
        except OSError:  # the reader says why
            return paths


def own_name(name: str) -> OwnName | None:
    """Take a name apart; None if it is none of own data.

    Raises
    ------
    DataError
        A setting after `::` is unknown, or there is no path.
    """
    if "\0" in name:
        raise DataError(f"{shown(name)}: cannot be read: embedded null byte")
    source, _, settings = name.rpartition("::")
    if not _SETTINGS.match(settings):  # it has none; `::` may be in a path
        source, settings = name, ""
    found = _format_and_paths(source)
    if found is None:
        return None
    form, paths = found
    legal = (*form.options, *KEYS)
    words = words_of(settings, legal, f"{shown(name)[1:-1]}: the part after ::")
    options = {key: word for key, word in words.items() if key in form.options}
    parted = _parted(form, paths)
    if not parted:
        raise DataError(f"{shown(name)}: names no folder; legal: {form.name}:FOLDER")
    if any(path.startswith(":") for path in parted):
        raise DataError(f"{shown(name)}: a path begins with a colon; write ./ before it")
    return OwnName(form, parted, options, {k: w for k, w in words.items() if k not in options})


def _format_and_paths(source: str) -> tuple[Format, str] | None:
    """Take the format of a name and its paths apart; None if it has no format and no ending of one."""
    prefix, _, rest = source.partition(":")
    if prefix in FORMATS and rest:
        return FORMATS[prefix], rest
    form = _by_ending(source)
    return None if form is None else (form, source)


def _settings(words: Mapping[str, str]) -> str:
    return "::" + ",".join(f"{key}={word}" for key, word in words.items()) if words else ""


def _by_ending(path: str) -> Format | None:
    low = path.lower()
    return next((form for form in FORMATS.values() if not form.folders and low.endswith(form.endings)), None)


def _parted(form: Format, text: str) -> tuple[str, ...]:
    """Part at commas: at those after the ending of a file of the format; at all, where it reads folders."""
    if form.folders:
        return tuple(part for part in text.split(",") if part)
    paths: list[str] = []
    rest = text
    while True:
        places = [m.end() for end in form.endings for m in re.finditer(re.escape(end) + ",", rest, re.IGNORECASE)]
        if not places:
            return (*paths, rest)
        paths.append(rest[: min(places) - 1])
        rest = rest[min(places) :]
