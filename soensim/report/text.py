"""The table that `python -m soensim.evaluate` prints: plain text, at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from soensim.evaluation import Evaluation
from soensim.network import Network
from soensim.report import analysis_rows, cost_rows, formatting, model_text

WIDTH = 100
_LABEL = 18


def table(evaluation: Evaluation, network: Network) -> str:
    """Write the answer of an evaluation as a table.

    Parameters
    ----------
    evaluation
        What `evaluate` returned.
    network
        The chip that it scored.

    Returns
    -------
    str
        Lines of at most 100 columns, without a newline at the end.
    """
    projections = formatting.projection_rows(evaluation, network)
    lines = [
        *_entry("chip", f"{evaluation.chip.name} (hash {evaluation.chip.hash[:12]})"),
        *_entries(formatting.chip_rows(evaluation, network), indent=2),
        "",
        *columns(
            ("  projection", "topology", "edges present of possible", "fan-in", "levels", "in use", "zero"),
            [(f"  {r.name}", r.topology, r.edges, r.fan_in, r.levels, r.in_use, r.zero) for r in projections],
            right=(5, 6),
        ),
        "",
        *_entry("data", formatting.data_text(evaluation)),
        *_entry("integration", model_text.step_text(evaluation)),
        *(_entry("warning", warning) if (warning := model_text.step_warning(evaluation)) else []),
        *(_entry("circuits", circuits) if (circuits := model_text.circuit_text(evaluation)) else []),
        *(_entry("spiking engine", checked) if (checked := model_text.spike_check_text(evaluation)) else []),
        *(_entry("light", light) if (light := formatting.light_text(evaluation)) else []),
        *(_entry("spikes", spikes) if (spikes := formatting.spikes_text(evaluation)) else []),
        *(_entry("yield", found) if (found := formatting.yield_text(evaluation)) else []),
        *_chips(evaluation, network),
        "",
        *columns(
            ("accuracy", "%", "95 % interval", ""),
            [
                (f"  {r.label}", r.percent, f"{r.low} to {r.high}" if r.low else "", r.note)
                for r in formatting.accuracy_rows(evaluation)
            ],
            right=(1,),
        ),
        *_analyses(evaluation),
        *_cost(evaluation),
        *_energy(evaluation),
        "",
        "per class (quantised codes, nominal chip)",
        *_classes(formatting.class_rows(evaluation)),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _analyses(evaluation: Evaluation) -> list[str]:
    """Write what was analysed, each with its title."""
    lines: list[str] = []
    samples = evaluation.samples
    if (waterfall := evaluation.waterfall) is not None:
        lines += ["", *_entry("waterfall", analysis_rows.waterfall_title(waterfall))]
        rows = [
            (f"  {r.label}", r.percent, r.interval, r.change, r.alone)
            for r in analysis_rows.waterfall_rows(waterfall, samples)
        ]
        lines += columns(("", "%", "95 % interval", "change, points", "alone"), rows, right=(1, 4))
    if (margins := evaluation.margins) is not None:
        lines += ["", *_entry("margins", analysis_rows.margins_title(margins, samples))]
        limits = [(f"  {r.label}", r.stated, r.low, r.high, r.note) for r in analysis_rows.margin_rows(margins)]
        lines += columns(("", "stated", "least", "most", ""), limits, right=(1, 2, 3))
        lines += _entry("", analysis_rows.margins_note(margins))
    if (causes := evaluation.causes) is not None:
        lines += ["", *_entry("causes", analysis_rows.causes_title(causes, samples))]
        shares = [(f"  {r.label}", r.first, r.total, r.deviation) for r in analysis_rows.cause_rows(causes)]
        lines += columns(("", "by itself", "total", "deviation"), shares, right=(3,)) if shares else []
    return lines


def _cost(evaluation: Evaluation) -> list[str]:
    if evaluation.cost is None:
        return []
    found = cost_rows.cost_rows(evaluation.cost)
    room = WIDTH - max(len(r.label) + 2 for r in found) - max(len(r.value) for r in found) - 4
    rows = [
        (f"  {r.label}" if not k else "", r.value if not k else "", part)
        for r in found
        for k, part in enumerate(textwrap.wrap(r.note, room, break_on_hyphens=False) or [""])
    ]
    title = f"of an answer, mean of {evaluation.samples:,} (quantised codes, nominal chip)"
    return ["", *_entry("cost", title), *columns(("", "", ""), rows, right=(1,))[1:]]


def _chips(evaluation: Evaluation, network: Network) -> list[str]:
    """Say what the scored chips are: drawn with these spreads, or measured."""
    if evaluation.measured:
        return _entry("measured chips", formatting.measured_text(evaluation))
    return [
        *_entry("spreads, 1 sigma", "; ".join(map(" ".join, formatting.spread_rows(evaluation, network)))),
        *_entry("touched, mean", "; ".join(f"{label}: {text}" for label, text in formatting.touched_rows(evaluation))),
    ]


def _energy(evaluation: Evaluation) -> list[str]:
    if evaluation.energy_unknown is not None:
        return ["", *_entry("light and power", f"not known: {evaluation.energy_unknown}")]
    rows = [(f"  {r.label}", r.value, r.unit, r.note) for r in cost_rows.energy_rows(evaluation)]
    if not rows:
        return []
    title = (
        f"while answering, mean of {evaluation.samples:,} (quantised codes, nominal chip; power without static bias; "
        "e: an estimate enters)"
    )
    return ["", *_entry("light and power", title), *columns(("", "", "", ""), rows, right=(1,))[1:]]


def _entries(items: formatting.LabelledTexts, indent: int) -> list[str]:
    return [line for label, text in items for line in _entry(" " * indent + label, text)]


def _entry(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{label:<{_LABEL}}", subsequent_indent=" " * _LABEL, break_on_hyphens=False
    )


def columns(head: Sequence[str], rows: Iterable[Sequence[str]], right: tuple[int, ...]) -> list[str]:
    """Align columns two spaces apart; those in ``right`` to the right. A long first column is cut to fit."""
    table = [head, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    room = WIDTH - sum(widths[1:]) - 2 * (len(head) - 1)
    widths[0] = min(widths[0], room)
    return [
        "  ".join(
            _cut(cell, width).rjust(width) if k in right else _cut(cell, width).ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]


def side_by_side_columns(titles: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str]) -> str:
    """Write a table with a column per title, in parts of as many columns as fit; then some sentences."""
    label = max(len(row[0]) for row in rows)
    widths = [max(len(title), *(len(row[k + 1]) for row in rows)) for k, title in enumerate(titles)]
    lines: list[str] = []
    start = 0
    while start < len(titles):
        end, room = start, WIDTH - label
        while end < len(titles) and (end == start or room >= widths[end] + 2):
            room -= widths[end] + 2
            end += 1
        part = [(row[0], *row[start + 1 : end + 1]) for row in rows]
        lines += [line.rstrip() for line in columns(("", *titles[start:end]), part, right=())] + [""]
        start = end
    for text in below:
        lines += textwrap.wrap(text, WIDTH, break_on_hyphens=False)
    return "\n".join(lines).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _classes(rows: list[formatting.ClassRow]) -> list[str]:
    cells = [(row.name, row.percent, str(row.right), str(row.samples)) for row in rows]
    width = max(len(part) for cell in cells for part in cell)
    per_line = max(1, (WIDTH - 9) // (width + 1))
    # lines of about equal length: 20 classes read better as 2 x 10 than as 15 + 5
    per_line = -(-len(cells) // -(-len(cells) // per_line))
    lines: list[str] = []
    for start in range(0, len(cells), per_line):
        part = cells[start : start + per_line]
        for k, label in enumerate(("class", "%", "right", "of")):
            lines.append(f"  {label:<6}" + "".join(f" {cell[k]:>{width}}" for cell in part))
        lines.append("")
    return lines[:-1]
