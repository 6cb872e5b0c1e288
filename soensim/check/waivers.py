"""Which broken rules the designer accepts, until when; and waivers that accept nothing."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator, Sequence

from soensim.check.finding import Finding, Severity
from soensim.check.rules import RULES
from soensim.netlist import Waiver

#: Rules about waivers cannot be waived, nor can that a chip cannot be simulated: a waiver makes nothing run.
_NEVER = ("SOEN-WV-001", "SOEN-WV-002", "SOEN-SI-001")


class Waivers:
    """The waivers of a netlist on a day; it keeps count of what each of them matched.

    Parameters
    ----------
    waivers
        Those of the netlist.
    today
        The day on which the chip is checked.
    """

    def __init__(self, waivers: Sequence[Waiver], today: datetime.date) -> None:
        self._waivers = tuple(waivers)
        self._today = today
        self._patterns = [glob(waiver.object) for waiver in waivers]
        self._matched = [0] * len(self._waivers)
        self._of_rule: dict[str, list[int]] = {}
        for k, waiver in enumerate(waivers):
            self._of_rule.setdefault(waiver.rule, []).append(k)

    def concern(self, rule: str) -> bool:
        """Whether there is a waiver for a rule."""
        return rule in self._of_rule

    def accept(self, rule: str, severity: Severity, name: str) -> Waiver | None:
        """Find the waiver that accepts an object's break of a rule; only errors and warnings need one."""
        accepted = None
        if severity == "note" or rule in _NEVER:
            return None
        for k in self._of_rule.get(rule, ()):
            if self._patterns[k].fullmatch(name):
                self._matched[k] += 1
                if accepted is None and not self._expired(self._waivers[k]):
                    accepted = self._waivers[k]
        return accepted

    def remarks(self) -> Iterator[Finding]:
        """Say which waivers have expired, and which match nothing; ask when all rules are through."""
        for k, (waiver, matched) in enumerate(zip(self._waivers, self._matched, strict=True)):
            what = f"{waiver.rule} on {waiver.object!r} ({waiver.reason})"
            if self._expired(waiver):
                yield _remark(
                    "SOEN-WV-002",
                    k,
                    f"{what} ended on {waiver.until}; {matched or 'no'} broken object{'s' * (matched != 1)} that it "
                    "matches; fix them, or extend `until`",
                    matched,
                )
            elif not matched:
                yield _remark("SOEN-WV-001", k, f"{what} {_why_nothing(waiver)}", matched)

    def _expired(self, waiver: Waiver) -> bool:
        return self._today > waiver.until


def glob(pattern: str) -> re.Pattern[str]:
    """Compile an object of a waiver: `*` matches any text, all else itself, brackets too."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))))


def _remark(rule: str, place: int, message: str, matched: int) -> Finding:
    return Finding(rule, "warning", f"waivers[{place}]", float(matched), None, "objects", message)


def _why_nothing(waiver: Waiver) -> str:
    if waiver.rule in _NEVER:
        return "accepts nothing: this rule cannot be waived; remove it"
    if waiver.rule not in RULES:
        near = difflib.get_close_matches(waiver.rule, RULES, n=1, cutoff=0.0)[0]
        return f"names no rule; the nearest is {near} (`soensim check --rules` lists them)"
    return "matches no error or warning; remove it, or correct its rule and object"
