"""The check of a chip: routes, rules with waivers, budget."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from soensim.budget import BudgetEntry, budget
from soensim.check.finding import Finding
from soensim.check.floorplan import bend_findings, floorplan_groups
from soensim.check.grouped_findings import Group, group_findings
from soensim.check.inductors import inductor_groups
from soensim.check.ledger import Summary, summaries
from soensim.check.light import light_findings, power_findings
from soensim.check.physics import physics_findings
from soensim.check.routes import route_groups
from soensim.check.rules import RULES
from soensim.check.simulable import simulation_findings
from soensim.check.spiking import spiking_findings
from soensim.check.waivers import Waivers
from soensim.errors import RoutingError, TechnologyError
from soensim.netlist import Netlist
from soensim.routing import RoutedNetlist, route


@dataclass(frozen=True, eq=False)
class Report:
    """What a check found.

    Attributes
    ----------
    netlist
        The chip.
    routed
        Its routes; None where it cannot be laid out.
    findings
        What the rules say, physics first.
    budget
        Empty where the chip cannot be laid out, or a number is missing; a finding says which.
    """

    netlist: Netlist
    routed: RoutedNetlist | None
    findings: tuple[Finding, ...]
    budget: tuple[BudgetEntry, ...]

    @cached_property
    def ledger(self) -> tuple[Summary, ...]:
        """Ledger of each projection in a few figures; empty where the chip cannot be laid out."""
        return () if self.routed is None else summaries(self.routed)

    @property
    def passes(self) -> bool:
        """Whether no rule is broken by an error that is not waived."""
        return not any(finding.counts for finding in self.findings)


def check_chip(
    netlist: Netlist,
    *,
    today: datetime.date,
    rate_mhz: float | None = None,
    frame_samples: int | None = None,
    activity: float | None = None,
) -> Report:
    """Route a chip, apply every rule, and make its budget.

    Parameters
    ----------
    netlist
        The chip.
    today
        The day that decides which waivers hold.
    rate_mhz, frame_samples, activity
        As for `soensim.budget.chip_budget`.

    Raises
    ------
    SoensimError
        A rate or a number of samples is not legal, or has no meaning on this chip.
    """
    try:
        routed = route(netlist)
    except (RoutingError, TechnologyError) as error:
        return _unrouted(netlist, error, today)
    return check_routed(routed, today=today, rate_mhz=rate_mhz, frame_samples=frame_samples, activity=activity)


def check_routed(
    routed: RoutedNetlist,
    *,
    today: datetime.date,
    rate_mhz: float | None = None,
    frame_samples: int | None = None,
    activity: float | None = None,
) -> Report:
    """Apply every rule to a routed chip, and make its budget; as `check_chip`."""
    netlist, waivers = routed.netlist, Waivers(routed.netlist.waivers, today)
    lines: tuple[BudgetEntry, ...] = ()
    missing = []
    try:
        lines = budget(routed, rate_mhz=rate_mhz, frame_samples=frame_samples, activity=activity)
    except TechnologyError as error:
        missing.append(_missing("budget", error))
    findings = [
        *_accepted(physics_findings(netlist), waivers),
        *_accepted(_or_missing("light", light_findings(netlist)), waivers),
        *_accepted(_or_missing("spikes", spiking_findings(netlist, routed)), waivers),
        *_layout_findings(routed, waivers),
        *_accepted(power_findings(lines), waivers),
        *_accepted(missing, waivers),
    ]
    findings += simulation_findings(routed, findings)
    return Report(netlist, routed, (*findings, *waivers.remarks()), lines)


def _unrouted(netlist: Netlist, error: RoutingError | TechnologyError, today: datetime.date) -> Report:
    waivers = Waivers(netlist.waivers, today)
    finding = (
        _missing("routing", error)
        if isinstance(error, TechnologyError)
        else Finding("SOEN-FP-001", "error", "floorplan", None, None, "", str(error))
    )
    findings = [
        *_accepted(physics_findings(netlist), waivers),
        *_accepted(_or_missing("light", light_findings(netlist)), waivers),
        *_accepted(_or_missing("spikes", spiking_findings(netlist)), waivers),
        *_accepted([finding], waivers),
    ]
    findings += simulation_findings(error, findings)
    return Report(netlist, None, (*findings, *waivers.remarks()), ())


def _layout_findings(routed: RoutedNetlist, waivers: Waivers) -> Iterator[Finding]:
    layout = routed.layout
    if layout is None:
        rule = RULES["SOEN-RT-020"]
        yield Finding(rule.id, "note", "floorplan", None, None, "", f"{rule.description} To have it: {rule.fix}")
    else:
        yield from _grouped("floorplan", floorplan_groups(routed, layout), waivers)
        yield from _accepted(_or_missing("floorplan", bend_findings(routed.netlist, layout)), waivers)
        yield from _grouped("inductors", inductor_groups(routed, layout), waivers)
    yield from _grouped("routing", route_groups(routed), waivers)


def _grouped(where: str, groups: Iterable[Group], waivers: Waivers) -> Iterator[Finding]:
    try:
        for group in groups:
            yield from group_findings(group, waivers)
    except TechnologyError as error:
        yield from _accepted([_missing(where, error)], waivers)


def _or_missing(where: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except TechnologyError as error:
        yield _missing(where, error)


def _accepted(findings: Iterable[Finding], waivers: Waivers) -> Iterator[Finding]:
    for finding in findings:
        yield dataclasses.replace(finding, waiver=waivers.accept(finding.id, finding.severity, finding.object))


def _missing(where: str, error: TechnologyError) -> Finding:
    return Finding("SOEN-TE-001", "error", where, None, None, "", f"{error}; {RULES['SOEN-TE-001'].fix}")
