"""Numbers among the settings of a format, which are words of a data set's name."""

from __future__ import annotations

import math

from soensim._runtime.words import real_number, shown, whole_number
from soensim.errors import DataError


def count_of(form: str, key: str, word: str, most: int) -> int:
    """Read a whole number.

    Parameters
    ----------
    form, key
        Format and setting, for the error.
    word
        What was given.
    most
        The largest that is legal; the least is 1.

    Raises
    ------
    DataError
        It is none.
    """
    try:
        number = whole_number(word)
    except ValueError:
        number = 0
    if not 1 <= number <= most:
        raise DataError(f"{form}: {key} is {shown(word)}; legal: a whole number from 1 to {most}")
    return number


def above_zero(form: str, key: str, word: str) -> float:
    """Read a finite number above 0; parameters and errors as of `count_of`."""
    try:
        number = real_number(word)
    except ValueError:
        number = 0.0
    if not (math.isfinite(number) and number > 0):
        raise DataError(f"{form}: {key} is {shown(word)}; legal: a number above 0")
    return number
