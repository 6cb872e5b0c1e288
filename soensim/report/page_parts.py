"""Parts of a page as HTML: words, tables, figures. Text is escaped; what fits a desk fits a phone too."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup, escape

from soensim.report.figures.style import inline_svg
from soensim.report.formatting import LabelledTexts

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure

EMPTY = Markup()
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|[afpnum]?[Js]\b)|(?<=>=) ")


def joined(*parts: Markup) -> Markup:
    """Put parts below one another."""
    return Markup("\n").join(parts)


def words(text: str, kind: str = "") -> Markup:
    """Write a paragraph; a kind is "note", "warning" or empty."""
    return Markup('<p class="{}">{}</p>').format(kind, text) if kind else Markup("<p>{}</p>").format(text)


def with_commands(text: str) -> Markup:
    """Write a text in which commands stand between backquotes; no line breaks inside their words, or before a unit."""
    parts = re.split("`([^`]*)`", text)
    return Markup("").join(
        command(part) if k % 2 else escape(_BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", part)) for k, part in enumerate(parts)
    )


def command(text: str) -> Markup:
    """Write a command or a flag inside a sentence; a line breaks between its words, not at their hyphens."""
    each = Markup(" ").join(Markup("<span>{}</span>").format(word) for word in text.split(" "))
    return Markup("<code>{}</code>").format(each)


def heading(text: str) -> Markup:
    """Write a heading inside a section."""
    return Markup("<h3>{}</h3>").format(text)


def code(text: str) -> Markup:
    """Write a command."""
    return Markup("<pre>{}</pre>").format(text)


def rows(items: LabelledTexts) -> Markup:
    """Write labels with their texts, a row each."""
    body = Markup("\n").join(
        Markup('<tr><th scope="row">{}</th><td class="own">{}</td></tr>').format(*item) for item in items
    )
    return Markup('<table class="rows"><tbody>\n{}\n</tbody></table>').format(body)


def table(
    head: Sequence[str], body: Sequence[Sequence[str]], *, numbers: Collection[int] = (), narrow: bool = False
) -> Markup:
    """Write a table; on a phone each row becomes a block, in which every cell says its column.

    Parameters
    ----------
    head
        Titles of the columns.
    body
        Rows of texts; the first cell of each names the row, and what is indented by a space belongs to the row above.
    numbers
        Columns that are aligned to the right.
    narrow
        It fits a phone as it is.
    """
    kinds = [Markup(' class="number"') if k in numbers else EMPTY for k in range(len(head))]
    titles = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(*pair) for pair in zip(kinds, head, strict=True)
    )
    lines = []
    for first, *others in body:
        indent = Markup(' class="indent"') if first.startswith(" ") else EMPTY
        cells = Markup("").join(
            Markup('<td{} data-label="{}">{}</td>').format(*triple)
            for triple in zip(kinds[1:], head[1:], others, strict=True)
        )
        lines.append(Markup('<tr><th scope="row"{}>{}</th>{}</tr>').format(indent, first.strip(), cells))
    return Markup('<table class="{}"><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table>').format(
        "narrow" if narrow else "stack", titles, Markup("\n").join(lines)
    )


def picture(name: str, figure: Figure, description: str, caption: str = "") -> Markup:
    """Draw a figure.

    Parameters
    ----------
    name
        Unique in the page; ids of the SVG start with it.
    figure
        At most `soensim.report.figures.style.COLUMN` inches wide, so that a phone shows it at full size.
    description
        What a screen reader says.
    caption
        Below it, or empty.
    """
    below = Markup("<figcaption>{}</figcaption>").format(caption) if caption else EMPTY
    svg = Markup(inline_svg(figure, name, description))  # noqa: S704  # matplotlib escapes its text
    return Markup("<figure>\n{}\n{}</figure>").format(svg, below)


def side_by_side(*parts: Markup) -> Markup:
    """Put parts beside one another where there is room, else below."""
    return Markup('<div class="panels">\n{}\n</div>').format(
        Markup("\n").join(Markup("<div>{}</div>").format(part) for part in parts)
    )


def folded(summary: str, *parts: Markup) -> Markup:
    """Hide parts behind a line that opens them; paper shows them."""
    return Markup("<details><summary>{}</summary>\n{}\n</details>").format(summary, joined(*parts))


def download(text: str, name: str, content: str) -> Markup:
    """Link to a text file that the page itself holds."""
    return Markup('<p><a download="{}" href="data:text/csv;charset=utf-8,{}">{}</a></p>').format(
        name, quote(content), escape(text)
    )
