"""The text that `python -m soensim.check` prints: plain text, at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from soensim.budget import BudgetEntry
from soensim.check.check import Report
from soensim.check.finding import SEVERITIES, Finding
from soensim.check.ledger import Summary
from soensim.check.rules import RULES

WIDTH = 100
_LABEL = 18
#: Width of a first column, beyond which it is cut.
_FIRST = 40
#: Findings of one rule that the text shows; files have more of them.
_SHOWN = 3
_UNITS = {"length_um": ("length", 1e-3, "mm"), "loss_db": ("loss", 1.0, "dB"), "delay_ps": ("delay", 1.0, "ps")}
_UNITS |= {"photons": ("photons at the detector", 1.0, ""), "no_photon_probability": ("P(none counted)", 1.0, "")}


def chip_report(report: Report, *, strategy: str | None = None) -> str:
    """Write a report as text.

    Parameters
    ----------
    report
        What `check_chip` returned.
    strategy
        The strategy that was tried instead of the netlist's own, if any.

    Returns
    -------
    str
        Lines of at most 100 columns, without a newline at the end.
    """
    parts = [list(_chip(report, strategy)), list(_routes(report)), list(_ledger(report))]
    validity = [f for f in report.findings if f.id.startswith("SOEN-PH")]
    rules = [f for f in report.findings if f not in validity]
    parts += [list(_findings("validity", validity)), list(_findings("rules", rules)), list(_budget(report.budget))]
    parts.append([_verdict(report)])
    return "\n".join(line.rstrip() for part in parts if part for line in [*part, ""])[:-1]


def rules_list() -> str:
    """Write the list of all rules."""
    lines = []
    for rule in RULES.values():
        lines.append(f"{rule.id}  {rule.severity:<8}{rule.title}")
        lines += _wrapped(f"{rule.description} To fix it: {rule.fix}.", 13)
    return "\n".join(lines)


def _chip(report: Report, strategy: str | None) -> Iterator[str]:
    netlist = report.netlist
    routed = "" if report.routed is None or report.routed.layout is None else f", routed {report.routed.hash[:12]}"
    yield from _entry("chip", f"{netlist.name} (netlist {netlist.hash[:12]}{routed})")
    kinds = ", ".join(f"{name} {p.size} ({p.kind})" for name, p in netlist.populations.items())
    yield from _entry("schema", f"{netlist.schema_}, technology {netlist.technology}; {kinds}")
    floorplan, routing = netlist.floorplan, netlist.routing
    if floorplan is None or routing is None:
        yield from _entry("floorplan", "none: edges and delays are those of the netlist")
        return
    placed = "" if report.routed is None or report.routed.layout is None else _cells(report)
    yield from _entry(
        "floorplan",
        f"die {floorplan.die_width_um:g} x {floorplan.die_height_um:g} um, margin {floorplan.margin_um:g} um, "
        f"placement {floorplan.placement.kind}{placed}",
    )
    how = str(routing.strategy or "wires only")
    if strategy is not None:
        how += " (tried with --strategy; the netlist states its own)"
    yield from _entry("routing", f"{how}; absent edges: {routing.absent_edges}")


def _cells(report: Report) -> str:
    layout = None if report.routed is None else report.routed.layout
    return "" if layout is None else f", cells {layout.placement.cell_um:.4g} um"


def _routes(report: Report) -> Iterator[str]:
    if report.routed is None:
        yield from _entry("routes", "none: the chip cannot be laid out (see the rules)")
        return
    rows = [(f"  {s.key}", s.medium or "as stated", str(s.requested), str(s.routed)) for s in report.ledger]
    table = _columns(("routes", "medium", "requested", "routed"), rows, right=(2, 3))
    yield from _with_text(table, ["absent", *(_absent(s.absent) for s in report.ledger)])


def _absent(absent: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in absent.items()) or "none"


def _ledger(report: Report) -> Iterator[str]:
    summaries = [s for s in report.ledger if s.figures]
    if not summaries:
        return
    rows: list[tuple[str, ...]] = []
    for summary in summaries:
        for k, (key, values) in enumerate(summary.figures.items()):
            name, factor, unit = _UNITS[key]
            numbers = (f"{value * factor:.4g}" for value in values)
            rows.append((f"  {summary.key}" if k == 0 else "", f"{name} {unit}".rstrip(), *numbers))
        rows += [("", text) for text in _worst(summary)]
    short = [row for row in rows if len(row) > 2]
    table = _columns(("ledger, per edge", "", "least", "median", "largest"), short, right=(2, 3, 4))
    yield table[0]
    lines = iter(table[1:])
    for row in rows:
        yield from [next(lines)] if len(row) > 2 else _wrapped(row[1], 4)


def _worst(summary: Summary) -> Iterator[str]:
    if summary.worst is None:
        return
    if not summary.causes_db:
        yield f"longest: {summary.worst}"
        return
    causes = ", ".join(f"{name.replace('_', ' ')} {db:.3g}" for name, db in summary.causes_db.items() if db)
    yield f"worst: {summary.worst}, {sum(summary.causes_db.values()):.4g} dB ({causes})"


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    yield title
    if not findings:
        yield "  no findings"
    told: set[str] = set()
    for rule in RULES:
        here = [finding for finding in findings if finding.id == rule]
        for group in (
            *([f for f in here if not f.waived and f.severity == s] for s in SEVERITIES),
            [f for f in here if f.waived],
        ):
            for finding in group[:_SHOWN]:
                yield from _finding(finding, told)
            rest = sum(finding.count for finding in group[_SHOWN:])
            if rest:
                yield f"{'':10}{rule}  … and {rest} more (--json, --lyrdb)"


def _finding(finding: Finding, told: set[str]) -> Iterator[str]:
    """Write a finding; how to fix it is said once per rule."""
    label = "waived" if finding.waived else finding.severity
    numbers = "" if finding.value is None else f": {finding.value:.4g} {finding.unit}".rstrip()
    if finding.value is not None and finding.limit is not None:
        numbers += f" (limit {finding.limit:.4g})"
    yield from _wrapped(f"{label:<8}{finding.id}  {finding.object}{numbers}", 2, 23)
    fix = f"; {RULES[finding.id].fix}"
    message = finding.message.removesuffix(fix) if fix in told else finding.message
    told.add(fix)
    yield from _wrapped(message, 23)
    if finding.waiver is not None:
        yield from _wrapped(f"waived until {finding.waiver.until}: {finding.waiver.reason}", 23)


def _budget(lines: Sequence[BudgetEntry]) -> Iterator[str]:
    if not lines:
        return
    rows: list[tuple[str, ...]] = []
    for line in lines:
        unit = "" if line.unit == "1" else line.unit
        rows.append((f"    {line.quantity}", _number(line.value), unit, "e" if line.estimate else ""))
    table = _columns(("budget", "", "", ""), rows, right=(1,))
    texts = ["formula (e: an estimate enters)", *(line.formula for line in lines)]
    yield from _with_text(table[:1], texts[:1], like=table)
    for group in dict.fromkeys(line.group for line in lines):
        yield f"  {group}"
        here = [k for k, line in enumerate(lines, start=1) if line.group == group]
        yield from _with_text([table[k] for k in here], [texts[k] for k in here], like=table)
    yield ""
    yield "numbers of the budget, with their sources"
    stated = {number.name: number for line in lines for number in line.numbers if not number.computed}
    for number in stated.values():
        yield from _wrapped(str(number), 2, 6)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"


def _verdict(report: Report) -> str:
    counts = [(s, sum(f.severity == s and not f.waived for f in report.findings)) for s in SEVERITIES]
    said = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts)
    waived = sum(f.waived for f in report.findings)
    return f"{'passes' if report.passes else 'does not pass'}: {said}, {waived} waived"


def _entry(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{label:<{_LABEL}}", subsequent_indent=" " * _LABEL, break_on_hyphens=False
    )


def _wrapped(text: str, indent: int, hanging: int | None = None) -> list[str]:
    further = " " * (indent if hanging is None else hanging)
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=further, break_on_hyphens=False)


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]], right: tuple[int, ...]) -> list[str]:
    """Align columns two spaces apart; those in ``right`` to the right. The first column is cut where it is too long."""
    table = [head, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    widths[0] = min(widths[0], _FIRST)
    return [
        "  ".join(
            _cut(cell, width).rjust(width) if k in right else _cut(cell, width).ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]


def _with_text(rows: Sequence[str], texts: Sequence[str], like: Sequence[str] | None = None) -> Iterator[str]:
    """Put a text behind each row, over as many lines as it takes."""
    indent = max(map(len, like or rows)) + 2
    for row, text in zip(rows, texts, strict=True):
        first, *further = textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False) or [""]
        yield f"{row:<{indent}}{first}"
        yield from (" " * indent + line for line in further)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
