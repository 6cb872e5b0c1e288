"""Many objects of one class that break one rule: findings for the worst, a count for the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.check.finding import Box, Finding, Severity
from soensim.check.waivers import Waivers
from soensim.netlist import Waiver

#: Most findings of a class of objects: the worst ones; one more counts the rest.
MOST_FINDINGS = 100


@dataclass(frozen=True, eq=False)
class Group:
    """Objects that break a rule; arrays have the shape (objects,).

    Attributes
    ----------
    rule, severity, unit
        As in `Finding`, the same for all.
    value, limit
        What each has, and what is legal.
    excess
        How bad it is; the largest is the worst.
    name, locate
        Name and place on the die of an object, by its index.
    message
        What this means and how to change it, from the index of the worst and the number of objects.
    the_rest
        Name for the objects without a finding of their own, such as `row *`; None: there is one finding for all,
        with the count and the worst.
    """

    rule: str
    severity: Severity
    unit: str
    value: NDArray[np.float64]
    limit: NDArray[np.float64]
    excess: NDArray[np.float64]
    name: Callable[[int], str]
    locate: Callable[[int], Box | None]
    message: Callable[[int, int], str]
    the_rest: str | None = None

    def __len__(self) -> int:
        return len(self.value)


def group_findings(group: Group, waivers: Waivers) -> Iterator[Finding]:
    """Make the findings of a group, worst first; objects with a waiver are kept apart from those without.

    Parameters
    ----------
    group
        What breaks a rule.
    waivers
        Asked for every object, if there are any for this rule.
    """
    order = np.argsort(-group.excess, kind="stable").tolist()
    parts: dict[int, tuple[Waiver | None, list[int]]] = {}
    if waivers.concern(group.rule):
        for k in order:
            waiver = waivers.accept(group.rule, group.severity, group.name(k))
            parts.setdefault(id(waiver), (waiver, []))[1].append(k)
    elif order:
        parts[0] = (None, order)
    for waiver, members in parts.values():
        if group.the_rest is None:
            yield _finding(group, members[0], len(members), waiver)
            continue
        for k in members[:MOST_FINDINGS]:
            yield _finding(group, k, 1, waiver)
        rest = members[MOST_FINDINGS:]
        if rest:
            worst = _finding(group, rest[0], len(rest), waiver)
            message = f"{len(rest)} more, the worst of them {worst.object}; {group.message(rest[0], len(rest))}"
            yield dataclasses.replace(worst, object=group.the_rest, message=message, location=None)


def _finding(group: Group, k: int, count: int, waiver: Waiver | None) -> Finding:
    value, limit = (float(a[k]) for a in (group.value, group.limit))
    return Finding(
        id=group.rule,
        severity=group.severity,
        object=group.name(k),
        value=None if np.isnan(value) else value,
        limit=None if np.isnan(limit) else limit,
        unit=group.unit,
        message=group.message(k, count),
        location=group.locate(k),
        count=count,
        waiver=waiver,
    )
