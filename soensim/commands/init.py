"""`soensim init`: a commented netlist of a chip of one's own, which passes `check` and has a task to train."""

from __future__ import annotations

import datetime
import re
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.words import shown
from soensim.check import Report, check_chip
from soensim.check.rules import RULES
from soensim.commands import cli, flags
from soensim.commands.input_files import data_files
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.data import on_lines, shape_of
from soensim.draft import TOPOLOGIES, Draft, Wish, draft_chip
from soensim.draft.text import counted
from soensim.draft.time import LIGHT_LEAK_NS, WIRE_LEAK_NS
from soensim.errors import DataError, NetlistError, SoensimError
from soensim.limits import Limits
from soensim.netlist.base import LONGEST_NAME, MOST_BITS, NAME_PATTERN
from soensim.technology import LEGAL

MOST = 1000  # neurons, inputs: laid out and checked in seconds; larger chips are edited from a draft
NEURONS, BITS, SEED = 28, 4, 1
DATA = "digits-rows"

_LEAK = LEGAL["tau_di_dendrite_ns"]
_LEAK_US = Limits(float(f"{_LEAK.low / 1e3:g}"), _LEAK.high / 1e3, "us", _LEAK.reason)

#: What to change where a drafted chip breaks a rule; of others the rule's own advice is shown.
_FLAGS = {
    "SOEN-RT-008": "fewer --neurons or --inputs, a lower --density, or --medium optical",
    "SOEN-RT-010": "fewer --neurons or --inputs, or a lower --density",
    "SOEN-RT-001": "fewer --neurons, or a lower --density",
    "SOEN-RT-002": "fewer --neurons, or a lower --density",
}


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    _check_name(given.name)
    target = named(given.out or f"{given.name}.yaml")
    outputs = [Output("--out", target, (".yaml", ".yml"), to_standard_output=True), json_output(named(given.json))]
    check_outputs(outputs, data_files(given.data, None))
    _keep_what_exists(target, given)
    command = shlex.join(["soensim", "init", *arguments])
    draft = draft_chip(_wish(given), command)
    report = check_chip(draft.netlist, today=datetime.datetime.now(tz=datetime.UTC).date())
    _refuse_broken(report)
    if target == STANDARD_OUTPUT:
        cli.say(draft.text.removesuffix("\n"))
    elif target is not None:
        write_atomic(target, draft.text)
    steps = _next_steps(target)
    cli.write_json(outputs[1].target, as_json(draft, report, target, steps, command))
    if STANDARD_OUTPUT not in (target, outputs[1].target):
        cli.say(_answer(draft, report, target, steps))
    return cli.DONE


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "init",
        "Write the netlist of a chip of rate neurons, with the reason of every number beside it. It passes `check`,\n"
        "and its task says what `train` and `evaluate` do.",
        "example:\n"
        "  soensim init mine --neurons 40 --inputs 16 --topology small-world --density 0.2 --bits 3\n"
        "  soensim train mine.yaml --out mine.safetensors\n"
        "  soensim evaluate mine.yaml",
    )
    parser.add_argument("name", metavar="NAME", help="name of the chip")
    whole = flags.whole(1, MOST)
    parser.add_argument(
        "--neurons", type=whole, metavar="N", default=NEURONS, help=f"number of SQUID dendrites (default: {NEURONS})"
    )
    parser.add_argument("--inputs", type=whole, metavar="N", help="number of input lines (default: as the data have)")
    parser.add_argument(
        "--topology", choices=tuple(TOPOLOGIES), default="all-to-all", help="recurrent topology (default: all-to-all)"
    )
    parser.add_argument(
        "--density",
        type=flags.number(above=0, most=1),
        metavar="X",
        help="part of all neurons^2 recurrent edges that exist (default: 1 of all-to-all, else 0.3)",
    )
    parser.add_argument(
        "--bits",
        type=flags.whole(1, MOST_BITS),
        metavar="N",
        default=BITS,
        help=f"of every efficacy; 1: signs are drawn at fabrication (default: {BITS})",
    )
    leak = parser.add_mutually_exclusive_group()
    leak.add_argument(
        "--leak-ns",
        type=flags.quantity(_LEAK),
        metavar="NS",
        help="decay time of the dendrites of a chip with wires (default: 1.6, or what longer sequences need)",
    )
    leak.add_argument(
        "--leak-us",
        type=flags.quantity(_LEAK_US),
        metavar="US",
        help="the same of a chip with light, whose frames have ten spikes or more (default: 60, or what longer need)",
    )
    parser.add_argument(
        "--medium",
        choices=("electrical", "optical"),
        default="electrical",
        help="what carries signals: wires or waveguides (default: electrical)",
    )
    parser.add_argument(
        "--data", metavar="NAME", default=DATA, help=f"data set, or a file of your own (default: {DATA})"
    )
    parser.add_argument(
        "--seed",
        type=flags.whole(),
        metavar="SEED",
        default=SEED,
        help=f"of what fabrication fixes: topology, signs, placement (default: {SEED})",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write the netlist there; - is standard output (default: NAME.yaml)"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that exists")
    flags.json_file(parser, "what was chosen")
    return parser


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > LONGEST_NAME:
        stem = Path(name).stem
        hint = ""
        if re.fullmatch(NAME_PATTERN, stem) and len(stem) <= LONGEST_NAME and stem != name:
            hint = f"; write {stem} --out {name}"
        raise SoensimError(
            f"NAME: {shown(name)} is not legal; it must be a letter, then letters, digits, - or _, at most "
            f"{LONGEST_NAME}{hint}"
        )


def _keep_what_exists(target: str | None, given: Namespace) -> None:
    if target in (None, STANDARD_OUTPUT) or given.force:
        return
    if Path(str(target)).is_file():
        raise SoensimError(f"{target}: exists; give another NAME or --out FILE, or --force to write over it")


def _wish(given: Namespace) -> Wish:
    """Return what the flags ask for.

    Raises
    ------
    SoensimError
        The leak is in the unit of the other medium, or no data set has these lines.
    """
    if given.medium == "optical" and given.leak_ns is not None:
        raise SoensimError(
            f"--leak-ns: is for --medium electrical; light takes microseconds for a frame: --leak-us "
            f"(default: {LIGHT_LEAK_NS * 1e-3:g})"
        )
    if given.medium == "electrical" and given.leak_us is not None:
        raise SoensimError(
            f"--leak-us: is for --medium optical; wires have leaks of ns, --leak-ns (default: {WIRE_LEAK_NS:g})"
        )
    leak_ns = given.leak_ns if given.leak_us is None else given.leak_us * 1e3
    try:
        shape = shape_of(given.data)
    except DataError as error:
        raise SoensimError(f"--data: {error}") from error
    try:
        shape = shape if given.inputs is None else on_lines(shape, given.inputs)
    except DataError as error:
        raise SoensimError(f"--inputs: {error}") from error
    if shape.channels > MOST:
        raise SoensimError(
            f"--data: {shape.name!r} has {shape.channels} channels; a chip by init has {MOST} lines at most"
        )
    return Wish(
        name=given.name,
        neurons=given.neurons,
        data=shape,
        topology=given.topology,
        density=given.density,
        bits=given.bits,
        leak_ns=leak_ns,
        medium=given.medium,
        seed=given.seed,
    )


def _refuse_broken(report: Report) -> None:
    """Refuse a chip that breaks a rule with an error: which, and what to change.

    Raises
    ------
    NetlistError
        With the first rule; the others are counted.
    """
    broken = [finding for finding in report.findings if finding.counts]
    if not broken:
        return
    first, rules = broken[0], {finding.id for finding in broken}
    more = f" (and {counted(len(rules) - 1, 'more rule')})" if len(rules) > 1 else ""
    what = first.message
    if first.id in _FLAGS:
        what = f"{what.partition(';')[0]}; take {_FLAGS[first.id]}"
    raise NetlistError(f"such a chip breaks {first.id}, {RULES[first.id].title}{more}: {what}; nothing is written")


def _next_steps(target: str | None) -> list[str]:
    if target in (None, STANDARD_OUTPUT):
        return []
    program = Path(str(target)).with_suffix(".safetensors")
    chip = shlex.quote(str(target))
    return [f"soensim train {chip} --out {shlex.quote(str(program))}", f"soensim evaluate {chip}"]


def _answer(draft: Draft, report: Report, target: str | None, steps: Sequence[str]) -> str:
    netlist, pace = draft.netlist, draft.pace
    wish = draft.wish
    unit, size = ("us", 1e-3) if wish.medium == "optical" else ("ns", 1.0)
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    lines = [
        f"{netlist.name}: {counted(wish.data.channels, 'input line')}, {counted(wish.neurons, 'SQUID dendrite')}, "
        f"{counted(wish.bits, 'bit')}, {wish.medium}",
        f"  topology  {wish.topology}, {len(draft.recurrence.edges)} of {wish.neurons**2} recurrent edges "
        f"({100 * draft.recurrence.density:.3g} %)",
        f"  data      {wish.data.name}, {counted(wish.data.frames, 'frame')} of {pace.sample_ns * size:g} {unit}",
        f"  leak      {pace.leak_ns * size:g} {unit}",
        f"  die       {draft.die.width_um / 1e3:g} x {draft.die.height_um / 1e3:g} mm",
        "passes check" + (f", with {counted(warnings, 'warning')}" if warnings else ""),
    ]
    if steps:
        lines += [f"written: {target}", "next:", *(f"  {step}" for step in steps)]
    return "\n".join(lines)


def as_json(draft: Draft, report: Report, target: str | None, steps: Sequence[str], command: str) -> dict[str, Any]:
    """Return the JSON form of a draft (docs/contracts.md)."""
    wish, pace = draft.wish, draft.pace
    return {
        "chip": draft.netlist.name,
        "netlist": target,
        "neurons": wish.neurons,
        "inputs": wish.data.channels,
        "bits": wish.bits,
        "medium": wish.medium,
        "topology": draft.recurrence.keys,
        "edges": len(draft.recurrence.edges),
        "density": draft.recurrence.density,
        "data": {"name": wish.data.name, "frames": wish.data.frames, "channels": wish.data.channels},
        "leak_ns": pace.leak_ns,
        "sample_ns": pace.sample_ns,
        "die_um": [draft.die.width_um, draft.die.height_um],
        "warnings": [finding.id for finding in report.findings if finding.severity == "warning"],
        "next": list(steps),
        "command": command,
    }
