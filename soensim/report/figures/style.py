"""The look of every figure, and how a figure becomes a PNG file or an inline SVG.

Nothing here touches pyplot. The settings hold while a figure is made and written; the caller's are restored. All
others are matplotlib's defaults: a matplotlibrc, a style sheet or a backend of the user changes no figure.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from soensim._runtime.atomic_write import write_atomic

P = ParamSpec("P")

COLUMN = 3.7
"""Inches: the widest figure of a page; a phone of 390 px shows it at full size, a desk puts several side by side."""
SMALLEST_PT = 7.5  # 10 px

INK = "#1e2329"  # text and axes; in a page it becomes the page's own text colour
FAINT = "#8b949e"  # frames, absent things, secondary lines; legible on white and on near-black
NODE = "#5f6873"  # neurons; white text on it is legible
POSITIVE = "#d1603d"  # excites; warm
NEGATIVE = "#3b7dc4"  # inhibits; cold. The pair is told apart with every common colour blindness
RIGHT = "#3b7dc4"
WRONG = "#d1603d"

#: Series of lines and marks, in this order: told apart with every common colour blindness (tests/test_palette.py).
SERIES = ("#3b7dc4", "#d1603d", "#8c4d62", "#217311", "#9b21d9", "#bf6969")

# Both maps fade to transparent, so that zero has the colour of the page, whatever that is.
DIVERGING = LinearSegmentedColormap.from_list(
    "soensim_diverging",
    [(0.0, to_rgba(NEGATIVE)), (0.5, to_rgba(NEGATIVE, 0)), (0.5, to_rgba(POSITIVE, 0)), (1.0, to_rgba(POSITIVE))],
)
SEQUENTIAL = LinearSegmentedColormap.from_list("soensim_sequential", [to_rgba(RIGHT, 0), to_rgba(RIGHT)])
ALERT = LinearSegmentedColormap.from_list("soensim_alert", [to_rgba(WRONG, 0), to_rgba(WRONG)])

_SETTINGS: Any = {  # matplotlib types it by the literal names of all its settings
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.prop_cycle": cycler(color=SERIES),
    "hatch.linewidth": 0.5,
    "svg.fonttype": "none",  # letters stay text: smaller, sharp, searchable
    "svg.hashsalt": "soensim",  # the same figure gives the same bytes
    "svg.image_inline": True,
}
#: Left as they are: we draw without a backend, and asking for the default one would load pyplot.
_NOT_SET = ("backend", "backend_fallback")
_PNG_DPI = 160
_SVG_DPI = 144  # only pictures inside the SVG have a resolution


@contextmanager
def _own_settings(**more: Any) -> Iterator[None]:
    """Draw with matplotlib's defaults and the house settings, whatever the user has set."""
    with mpl.rc_context():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # defaults that matplotlib itself calls deprecated
            settings: Any = {key: value for key, value in mpl.rcParamsDefault.items() if key not in _NOT_SET}
            settings |= _SETTINGS | more
            mpl.rcParams.update(settings)
        yield


def styled(make: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a function that makes a figure under the house settings."""

    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _own_settings():
            return make(*args, **kwargs)

    wrapped.__name__, wrapped.__doc__ = make.__name__, make.__doc__
    return wrapped


def new_figure(width_in: float, height_in: float, *, dpi: float = _PNG_DPI) -> Figure:
    """Make an empty figure (inches) whose parts are laid out without overlap; PNG files of it have this resolution."""
    return Figure(figsize=(width_in, height_in), dpi=dpi, layout="constrained")


def quiet(axes: Axes) -> None:
    """Leave only the content: no spines, no ticks."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def save_png(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG on white; the same figure gives the same bytes.

    Raises
    ------
    SoensimError
        The file cannot be written.
    """
    write_atomic(path, png_bytes(figure))


def png_bytes(figure: Figure) -> bytes:
    """Draw a figure as PNG on white."""
    buffer = io.BytesIO()
    with _own_settings():
        FigureCanvasAgg(figure)
        figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def save_svg(figure: Figure, path: str | Path, *, text: bool = False) -> None:
    """Write a figure as an SVG file that needs nothing else, on white; the same figure gives the same bytes.

    Parameters
    ----------
    figure, path
        What, and where to.
    text
        Keep letters as text, which an editor can change and a search finds; else they are outlines, so that the picture
        is the same wherever it is opened.

    Raises
    ------
    SoensimError
        The file cannot be written.
    """
    with _own_settings(**{"svg.fonttype": "none" if text else "path"}):
        svg = _svg(figure, dpi=figure.dpi, facecolor="white")
    write_atomic(path, f'<?xml version="1.0" encoding="utf-8"?>\n{svg}')


def inline_svg(figure: Figure, name: str, title: str) -> str:
    """Write a figure as an SVG element for a page; text and axes take the page's colour.

    Parameters
    ----------
    figure
        The figure.
    name
        Unique in the page; every id of the SVG starts with it.
    title
        What a screen reader says.
    """
    with _own_settings():
        svg = _svg(figure, dpi=_SVG_DPI, transparent=True)
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\1{name}-", svg)
    svg = svg.replace(INK, "currentColor")
    # the page's own font; without a colour of its own, text is black whatever the page is
    svg = re.sub(r"font: ([^;\"]*?px) [^;\"]*", r"font: \1 sans-serif", svg)
    width, height = (72 * inches for inches in figure.get_size_inches())
    # sizes in CSS pixels, 96 per inch
    return re.sub(
        r"<svg [^>]*>",
        '<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{html.escape(title)}" width="{width * 4 / 3:.0f}" height="{height * 4 / 3:.0f}" '
        f'viewBox="0 0 {width:g} {height:g}">',
        svg,
        count=1,
    )


def _svg(figure: Figure, **kwargs: Any) -> str:
    """Write a figure as an SVG element without metadata."""
    buffer = io.StringIO()
    FigureCanvasSVG(figure)
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, **kwargs)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
