"""Findings as a report database of KLayout (`.lyrdb`): rules are categories, findings items with shapes in um.

The format: https://www.klayout.de/rdb_format.html; KLayout's marker browser shows what carries the tag `waived` as
waived. Names of categories are quoted where items refer to them, as KLayout's reader wants it for names with hyphens.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from soensim.check.finding import SEVERITIES, Finding
from soensim.check.rules import RULES
from soensim.netlist import Netlist


def lyrdb(netlist: Netlist, findings: Iterable[Finding], generator: str) -> str:
    """Write findings as the text of a report database.

    Parameters
    ----------
    netlist
        The chip; its name is that of the top cell.
    findings
        What the rules say.
    generator
        The command that made it.
    """
    findings = list(findings)
    root = ET.Element("report-database")
    _text(root, "description", f"soensim check of {netlist.name} (netlist {netlist.hash[:12]})")
    _text(root, "original-file", "")
    _text(root, "generator", generator)
    _text(root, "top-cell", netlist.name)
    tags = ET.SubElement(root, "tags")
    _tag(tags, "waived", "Accepted by a waiver of the netlist")
    for severity in SEVERITIES:
        _tag(tags, severity, f"Severity {severity}")
    categories = ET.SubElement(root, "categories")
    for rule in RULES.values():
        category = ET.SubElement(categories, "category")
        _text(category, "name", rule.id)
        _text(category, "description", f"{rule.title}. {rule.description} To fix it: {rule.fix}.")
    cell = ET.SubElement(ET.SubElement(root, "cells"), "cell")
    _text(cell, "name", netlist.name)
    items = ET.SubElement(root, "items")
    for finding in findings:
        _item(items, netlist.name, finding)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _item(items: ET.Element, cell: str, finding: Finding) -> None:
    item = ET.SubElement(items, "item")
    _text(item, "tags", ",".join([*(["waived"] if finding.waived else []), finding.severity]))
    _text(item, "category", f"'{finding.id}'")
    _text(item, "cell", cell)
    _text(item, "visited", "false")
    _text(item, "multiplicity", str(finding.count))
    _text(item, "comment", "" if finding.waiver is None else f"{finding.waiver.reason} (until {finding.waiver.until})")
    values = ET.SubElement(item, "values")
    if finding.location is not None:
        left, bottom, right, top = (f"{number:.12g}" for number in finding.location)
        _text(values, "value", f"box: ({left},{bottom};{right},{top})")
    _text(values, "value", f"text: {_quoted(f'{finding.object}: {finding.message}')}")
    if finding.value is not None:
        _text(values, "value", f"float: {finding.value:.12g}")


def _quoted(text: str) -> str:
    """Quote a text as KLayout reads it: backslashes escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _tag(parent: ET.Element, name: str, description: str) -> None:
    tag = ET.SubElement(parent, "tag")
    _text(tag, "name", name)
    _text(tag, "description", description)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
