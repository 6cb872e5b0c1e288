"""Where the result comes from: commands, the program's header, seeds, versions."""

from __future__ import annotations

from typing import Any

from soensim.report import formatting
from soensim.report.page_parts import code, folded, heading, joined, rows, words
from soensim.report.sections.section import Section, Subject


def origin_section(subject: Subject) -> Section:
    """List all that is needed to get the same result again."""
    provenance = subject.provenance
    command, origin = provenance.header.get("command"), _header_rows(provenance.header)
    seeds = [
        (name, "none: nothing is drawn by it" if name == "read_seed" and value is None else _plain(value))
        for name, value in provenance.seeds.items()
    ]
    return Section(
        "origin",
        "Origin",
        joined(
            heading("This page"),
            code(provenance.command),
            heading(f"The program, {provenance.program}"),
            code(command) if command else words("Its header names no training command."),
            *([folded("header of the program", rows(origin))] if origin else []),
            words("The formula and the source of every number are in docs/verdict.md#numbers-of-the-page.", "note"),
            heading("Seeds and versions"),
            rows([*seeds, *provenance.versions.items(), ("hash of the chip", subject.evaluation.chip.hash)]),
        ),
    )


def _header_rows(header: dict[str, Any]) -> formatting.LabelledTexts:
    """Flatten a program's header to rows; the training command has a place of its own."""
    found: formatting.LabelledTexts = []
    for name, value in header.items():
        if name == "command":
            continue
        if isinstance(value, dict):
            found += [(f"{name}.{part}", _plain(content)) for part, content in value.items()]
        else:
            found.append((name, _plain(value)))
    return found


def _plain(value: Any) -> str:
    if value is None:
        return "not recorded"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
