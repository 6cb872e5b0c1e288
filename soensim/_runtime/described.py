"""Large results in one line at the prompt, and as a small table in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


class Described:
    """Base of classes whose content would fill the screen: `repr` and `_repr_html_` show what `_facts` says."""

    def _facts(self) -> Mapping[str, Any]:
        """What the object is about, by name: few, short, cheap to find. None is left out."""
        raise NotImplementedError

    def _shown(self) -> dict[str, str]:
        return {name: str(value) for name, value in self._facts().items() if value is not None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self._shown().items())})"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """Table for IPython and Jupyter."""
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self._shown().items()
        )
        return f"<table><caption>{type(self).__name__}</caption><tbody>{rows}</tbody></table>"


def percent(fraction: float) -> str:
    """Write a fraction as per cent with one digit."""
    return f"{100 * fraction:.1f}%"


def sizes(groups: Mapping[str, int]) -> str:
    """Write named groups with their sizes: `pixels: 8, hidden: 28`; what follows the fifth is counted."""
    first = [f"{name}: {size}" for name, size in list(groups.items())[:5]]
    return "{" + ", ".join(first + ([f"… {len(groups) - 5} more"] if len(groups) > 5 else [])) + "}"
