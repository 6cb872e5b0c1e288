"""`python -m soensim.check`: whether a netlist is sound and the model holds for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from soensim import cli
from soensim.check import Finding, check_chip
from soensim.netlist import load_netlist
from soensim.routing import route


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = cli.parser(
        "check",
        "Check a netlist: its schema, whether the model of the dendrites holds for it, and whether the integration\n"
        "step resolves it. Exit status 1 if a rule is broken.",
        "example:\n  python -m soensim.check netlists/year1-28.yaml",
    )
    parser.add_argument("chip", metavar="CHIP", help="netlist (YAML)")
    parser.add_argument("--json", metavar="FILE", help="write the findings as JSON (- for standard output)")
    parser.add_argument("--seed", type=int, help="as every command has; nothing here is random")
    given = parser.parse_args(arguments)
    cli.check_writable(given.json)
    netlist = load_netlist(given.chip)
    routed = route(netlist)
    findings = check_chip(netlist)
    broken = [f for f in findings if f.severity == "error"]
    if given.json:
        asked = sum(len(netlist.edges(p)) for p in netlist.projections)
        present = sum(len(r.edges) for r in routed.projections.values())
        absent: dict[str, int] = {}
        for projection in routed.projections.values():
            for reason, count in projection.absent.items():
                absent[reason] = absent.get(reason, 0) + count
        cli.write_json(
            given.json,
            {
                "chip": {"name": netlist.name, "hash": netlist.hash},
                "rules": [f.as_dict() for f in findings],
                "routes": {"requested": asked, "routed": present, "absent": absent},
                "command": cli.command_line("check", arguments),
            },
        )
    if given.json != "-":
        cli.say(f"{netlist.name} (netlist {netlist.hash[:12]})")
        for finding in findings:
            cli.say(_line(finding))
        warnings = sum(f.severity == "warning" for f in findings)
        cli.say(f"{len(broken)} broken, {warnings} to look at, of {len(findings)} findings")
    return cli.ANSWER_IS_NO if broken else cli.DONE


def _line(finding: Finding) -> str:
    numbers = "" if finding.value is None else f" {finding.value:.4g} {finding.unit}"
    if finding.value is not None and finding.limit is not None:
        numbers += f" (limit {finding.limit:.4g})"
    return f"  {finding.severity:<8}{finding.id}  {finding.object}:{numbers}\n{'':23}{finding.message}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
