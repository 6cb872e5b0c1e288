"""Task: what a chip is trained for where a command does not say otherwise."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from soensim.data import canonical_name
from soensim.errors import DataError
from soensim.netlist.base import Name, Part, Text, fault, shown


def _known_data(name: str) -> str:
    try:
        canonical_name(name)
    except DataError as error:
        raise fault(str(error)) from error
    return name


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise fault(f"{shown(value)} is not legal; it must be a finite number, true, false or a word")


class Task(Part):
    """What the chip is trained for: the defaults of `train` and `evaluate`, no part of the chip itself."""

    data: Annotated[Text, AfterValidator(_known_data)]
    """Name of the data set (`soensim train --help` lists them), or a file of your own, from the working directory."""
    rule: Name
    """Name of the learning rule."""
    recipe: dict[Name, Annotated[bool | int | float | str, BeforeValidator(_plain)]] = Field(default_factory=dict)
    """Settings of the rule, as the flags of `soensim train` are called, with `_` for `-`; the others have the rule's
    defaults."""
