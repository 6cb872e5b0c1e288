"""A figure filled with parts of given sizes, so that every scale is exact; and how much room words take."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path

from soensim.report.figures.style import new_figure

Mark = Line2D | Patch

TEXT_PT, SMALL_PT = 8.0, 7.5
LINE = 0.165  # inches from one line of text to the next


class Sheet:
    """A figure; lengths in inches, from its top left corner.

    Parameters
    ----------
    width, height
        Of the whole.
    dpi
        Of its PNG file.
    """

    def __init__(self, width: float, height: float, dpi: float) -> None:
        self.width, self.height = width, height
        self.figure: Figure = new_figure(width, height, dpi=dpi)
        self.figure.set_layout_engine("none")  # the sizes are given

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add empty axes."""
        return self.figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        )

    def points(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes whose unit is the point."""
        axes = self.axes(left, top, width, height)
        axes.set(xlim=(0, 72 * width), ylim=(0, 72 * height))
        return axes

    def text(self, left: float, top: float, text: str, size: float, weight: str = "normal") -> None:
        """Write one line."""
        place = (left / self.width, 1 - top / self.height)
        self.figure.text(*place, text, ha="left", va="top", fontsize=size, fontweight=weight)

    def colour_bar(
        self, colours: ScalarMappable, at: tuple[float, float], width: float, label: str, *, beyond: bool = False
    ) -> None:
        """Add a horizontal colour bar at a place (left, top), and below it what it shows; values may lie ``beyond``."""
        extend = "max" if beyond else "neither"
        bar = self.figure.colorbar(colours, cax=self.axes(*at, width, 0.1), orientation="horizontal", extend=extend)
        bar.set_label(label, fontsize=SMALL_PT)
        bar.outline.set_visible(False)

    def legend(self, marks: Sequence[Mark], left: float, bottom: float, columns: int) -> None:
        """Add a legend without a frame, above a place (left, bottom)."""
        self.figure.legend(
            handles=list(marks),
            loc="lower left",
            bbox_to_anchor=(left / self.width, bottom / self.height),
            borderaxespad=0.0,
            ncols=columns,
            frameon=False,
            fontsize=SMALL_PT,
        )


def legend_columns(marks: Sequence[Mark], width: float) -> int:
    """Choose how many columns of a legend fit beside one another in a width (inches)."""
    widths = [_width_pt(str(mark.get_label()), SMALL_PT) for mark in marks]
    for columns in range(len(marks), 1, -1):
        # matplotlib fills it column by column; the first ones have one more
        rows, more = divmod(len(marks), columns)
        ends = [rows * (k + 1) + min(k + 1, more) for k in range(columns)]
        longest = [max(widths[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
        if sum(longest) + 40 * columns <= 72 * width:
            return columns
    return 1


def wrapped(text: str, width: float) -> list[str]:
    """Break a text into lines that fit a width (inches)."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width_pt(longer, TEXT_PT) <= 72 * width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width_pt(text: str, size_pt: float) -> float:
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size_pt), ismath=False)
    return float(width)
