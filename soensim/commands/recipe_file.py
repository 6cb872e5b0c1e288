"""A file of settings, as `soensim train --recipe` reads it, and the place of a setting in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from soensim._runtime.words import shown
from soensim.errors import NetlistError, RecipeError
from soensim.netlist.yaml.source import MAX_BYTES, YamlSource, parse_yaml
from soensim.training.recipes import RECIPES


@dataclass(frozen=True)
class RecipeFile:
    """Settings of a file.

    Attributes
    ----------
    settings
        By name, as the file has them.
    source
        The file's text with its positions.
    """

    settings: Mapping[str, Any]
    source: YamlSource

    def placed(self, error: RecipeError, rule: str | None, flags: Mapping[str, Any]) -> RecipeError:
        """Return the error of wrong settings with the places of those that come from this file.

        Parameters
        ----------
        error
            What is wrong with the settings.
        rule
            The rule whose settings they are, if it is known.
        flags
            Settings that were given as flags; these go over the file's.
        """
        known = {item.name for item in fields(RECIPES[rule])} if rule in RECIPES else set()
        placed, others = {}, []
        for part in error.parts:
            name = part.setting
            if name is None or name not in self.settings or name in flags:
                others.append(str(part))
                continue
            is_key = name not in known
            placed[self.source.position((name,), key=is_key)] = str(self.source.error((name,), str(part), key=is_key))
        if not placed:
            return error
        return RecipeError.of_file(self.source.name, [*(placed[place] for place in sorted(placed)), *others])


def read_recipe(path: str) -> RecipeFile:
    """Read a file of settings.

    Raises
    ------
    RecipeError
        The file cannot be read, is no YAML, or holds something else than settings.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    if len(text) > MAX_BYTES:
        raise RecipeError(f"{path}: is longer than the limit of {MAX_BYTES} bytes; a recipe has one line per setting")
    if not text.strip():
        raise RecipeError(f"{path}: is empty; it must hold settings, such as `epochs: 15`")
    try:
        source = parse_yaml(text, path)
    except NetlistError as error:
        raise RecipeError(str(error)) from error
    if not isinstance(source.value, dict):
        raise RecipeError(f"{path}: {shown(source.value)} is not legal; it must hold settings, such as `epochs: 15`")
    return RecipeFile(source.value, source)
