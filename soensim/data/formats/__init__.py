"""Formats of a user's own data: a module each, and an entry in `registry`."""

from soensim.data.formats.format import Format
from soensim.data.formats.registry import FORMATS

__all__ = ["FORMATS", "Format"]
