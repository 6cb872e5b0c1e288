"""From samples as a file has them to frames on the lines of a chip."""

from soensim.data.presentation.choice import choose
from soensim.data.presentation.presentation import Presentation
from soensim.data.presentation.text import FITTED, KEYS, read_presentation, read_settings, words_of, write_presentation

__all__ = [
    "FITTED",
    "KEYS",
    "Presentation",
    "choose",
    "read_presentation",
    "read_settings",
    "words_of",
    "write_presentation",
]
