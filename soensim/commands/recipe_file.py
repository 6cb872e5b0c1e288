"""A file of settings, as `soensim train --recipe` reads it, and the place of a setting in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from soensim._runtime.words import shown
from soensim.errors import RecipeError
from soensim.files.yaml_source import YamlSource, load_yaml
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
    source = load_yaml(
        path,
        error=RecipeError,
        what="recipe",
        empty="it must hold settings, such as `epochs: 15`",
        too_long="a recipe has one line per setting",
    )
    if not isinstance(source.value, dict):
        raise RecipeError(f"{path}: {shown(source.value)} is not legal; it must hold settings, such as `epochs: 15`")
    return RecipeFile(source.value, source)
