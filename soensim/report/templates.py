"""What the HTML pages share: their templates, and figures with captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from soensim.report.figures.style import inline_svg

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure

MAX_PROJECTIONS = 12
"""Heat maps in one page; of a chip with more projections it shows the first ones."""


@dataclass(frozen=True)
class Picture:
    """A figure as inline SVG, and its caption, which may be empty."""

    svg: Markup
    caption: str


def template(name: str, folder: Path | None = None) -> jinja2.Template:
    """Load a template of this folder, or of another one first; a name that the page does not give is an error."""
    own = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([own] if folder is None else [folder, own]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def picture(name: str, figure: Figure, description: str, caption: str) -> Picture:
    """Draw a figure; ``name`` makes its ids unique in the page, ``description`` is for those who do not see it."""
    return Picture(Markup(inline_svg(figure, name, description)), caption)  # noqa: S704  # matplotlib escapes its text
