"""`python -m soensim.fit`: spreads and offsets from measured chips, a dendrite's parameters from its trace."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from soensim.commands import cli, flags
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files
from soensim.commands.measured_files import load_measured
from soensim.commands.outputs import check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import MeasurementError
from soensim.fabrication import IMPERFECTIONS
from soensim.fit import (
    DendriteFit,
    Parameter,
    Share,
    SpreadFit,
    deviations_of,
    estimate,
    fit_dendrite,
    read_trace,
)
from soensim.network import Network, Population, compile_network
from soensim.program import Program
from soensim.report.text import WIDTH, columns
from soensim.routing import route
from soensim.units import Junction

_TWO_PERCENT = 0.02
_DEVICES_FOR_IT = 1 + round(1 / (2 * _TWO_PERCENT**2))  # n with 1 / sqrt(2 (n - 1)) = 2 %


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    target = named(given.json)
    if not given.files and not given.trace:
        raise MeasurementError("nothing to fit; give files of measured values, or a --trace")
    if given.population is not None and not given.trace:
        raise MeasurementError("--population is that of a --trace; leave it out")
    if given.program is not None and not given.files:
        raise MeasurementError("--program is what measured chips were asked for; leave it out")
    netlist = load_chip(given.chip)
    check_outputs([json_output(target)], [*chip_files(given.chip, netlist), *given.files, *given.trace, given.program])
    with naming_file(given.chip):
        network = compile_network(route(netlist))
    program = None if given.program is None else Program.load(given.program, network)
    chips = load_measured(given.files, network, netlist)
    deviations, shares = deviations_of(network, chips, None if program is None else program.values)
    spreads = [estimate(one) for one in deviations]
    if chips and not spreads:
        raise MeasurementError(f"{given.files[0]}: says nothing that a spread can be estimated from")
    junction = netlist.device_technology.junction
    traces = []
    if given.trace:
        population = _population(network, given.population)
        traces = [fit_dendrite(read_trace(file), population, junction, cli.tell) for file in given.trace]
    document = {
        "chip": {"name": network.name, "hash": network.netlist_hash},
        "measured": [{"file": chip.file, "fingerprint": chip.fingerprint} for chip in chips],
        "program": given.program,
        "spreads": [one.as_dict() for one in spreads],
        "shares": [one.as_dict() for one in shares],
        "imperfections": _sizes(spreads, shares),
        "traces": [one.as_dict() for one in traces],
        "command": cli.command_line("fit", arguments),
    }
    cli.write_json(target, document)
    if target != "-":
        _tell(spreads, shares, traces, junction)
        if target is not None:
            cli.say(f"\nJSON  {target}")
    return cli.DONE


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "fit",
        "Estimate spreads and offsets of devices from measured chips, and I_c, drive gain and leak of a dendrite from\n"
        "a measured trace, each with its 95 % interval. Prints a table, and lines for a netlist.",
        "examples:\n"
        "  python -m soensim.fit netlists/year1-28.yaml chip-a.csv chip-b.csv --json fit.json\n"
        "  python -m soensim.fit netlists/year1-28.yaml --trace pulse.csv\n\n"
        "Files of measured values are those of `evaluate --measured`; a trace is CSV or npz with time_ns (or time_s),\n"
        "state (I_c) and flux (Phi_0): docs/measured-chips.md.",
    )
    flags.chip(parser)
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="measured values of a chip, one file each (default: none)"
    )
    parser.add_argument(
        "--program",
        metavar="FILE",
        help="what the chips were programmed with, where their files do not say what was asked (default: they do)",
    )
    parser.add_argument(
        "--trace", action="append", metavar="FILE", default=[], help="trace of one dendrite; repeatable (default: none)"
    )
    parser.add_argument(
        "--population",
        metavar="NAME",
        help="population that the dendrite of a trace is one of (default: the only one of SQUIDs)",
    )
    flags.json_file(parser, "the estimates")
    flags.no_seed(parser)
    return parser


def _population(network: Network, name: str | None) -> Population:
    """Return the population of the traces."""
    squids = {p.name: p for p in network.populations if not p.source.virtual}
    if name is not None:
        for population in network.populations:
            if population.name == name:
                return population
        known = ", ".join(p.name for p in network.populations)
        raise MeasurementError(f"--population: chip {network.name!r} has no population {name!r}; it has {known}")
    if not squids:
        raise MeasurementError(f"--trace: chip {network.name!r} has no SQUIDs; all its source functions are virtual")
    if len(squids) > 1:
        raise MeasurementError(f"--trace: say which dendrite it is of with --population; there are {', '.join(squids)}")
    return next(iter(squids.values()))


def _sizes(spreads: Sequence[SpreadFit], shares: Sequence[Share]) -> dict[str, float]:
    """Sizes of imperfections as a netlist has them: those that are not zero, and legal."""
    sizes = {one.imperfection: one.sigma for one in spreads if one.sigma}
    sizes |= {one.imperfection: one.share for one in shares if one.share}
    return {name: size for name, size in sizes.items() if not IMPERFECTIONS[name].fault(size)}


def _tell(
    spreads: Sequence[SpreadFit], shares: Sequence[Share], traces: Sequence[DendriteFit], junction: Junction
) -> None:
    if spreads:
        head = ("", "unit", "chips", "devices", "mean", "+-", "sigma", "95 % interval", "s.e.")
        for line in columns(head, [_spread_row(one) for one in spreads], right=(2, 3, 4, 5, 6, 8)):
            cli.say(line.rstrip())
        if shares:
            cli.say("")
        for share in shares:
            low, high = (f"{100 * end:.3g}" for end in share.ci95)
            cli.say(
                f"{IMPERFECTIONS[share.imperfection].varies}: {share.count:,} of {share.devices:,}, "
                f"{100 * share.share:.3g} % ({low} to {high} %)"
            )
        for note in _notes(spreads):
            cli.say("")
            cli.say(textwrap.fill(f"note: {note}", WIDTH))
        for line in _netlist_lines(spreads, shares):
            cli.say(line)
    for k, fit in enumerate(traces):
        if spreads or k:
            cli.say("")
        cli.say(f"{fit.file}: dendrite of {fit.population}, {fit.samples} samples, noise {fit.noise:.3g} I_c")
        rows = [_trace_row(one, junction) for one in fit.parameters]
        for line in columns(("", "value", "95 % interval", "unit", "netlist", "SI"), rows, right=(1, 4)):
            cli.say(line.rstrip())
        if fit.systematic:
            note = (
                f"note: what is left is alike in neighbouring samples (correlation {fit.correlation:.2g}): the model "
                "does not describe the trace, and the intervals are too narrow; check its flux and the population"
            )
            cli.say(textwrap.fill(note, WIDTH))


def _spread_row(one: SpreadFit) -> tuple[str, ...]:
    kind = IMPERFECTIONS[one.imperfection]
    scale, unit = (100.0, "%") if kind.unit == "1" else (1.0, kind.unit)

    def text(value: float | None) -> str:
        return "–" if value is None else f"{scale * value:.4g}"

    half = None if one.mean_ci95 is None else one.mean_ci95[1] - one.mean
    ends = "" if one.sigma_ci95 is None else f"{text(one.sigma_ci95[0])} to {text(one.sigma_ci95[1])}"
    error = "–" if one.relative_error is None else f"{100 * one.relative_error:.2g} %"
    return (
        kind.varies,
        unit,
        f"{one.chips:,}",
        f"{one.devices:,}",
        text(one.mean),
        text(half),
        text(one.sigma),
        ends,
        error,
    )


def _trace_row(one: Parameter, junction: Junction) -> tuple[str, ...]:
    if one.value is None or one.ci95 is None:
        return (one.name, "–", "the trace does not determine it", one.unit, f"{one.drawn:.6g}", "")
    in_si: Mapping[str, Any] = {
        "critical_current": lambda: f"I_c {1e6 * one.value * junction.critical_current_a:.5g} uA",
        "gamma_plus": lambda: f"beta_di {1 / one.value:.5g}",
        "gamma_minus": lambda: f"tau_di_ns {1e9 * junction.tau_0_s / one.value:.5g}",
    }
    low, high = one.ci95
    return (
        one.name,
        f"{one.value:.6g}",
        f"{low:.6g} to {high:.6g}",
        one.unit,
        f"{one.drawn:.6g}",
        in_si[one.name](),
    )


def _notes(spreads: Sequence[SpreadFit]) -> list[str]:
    notes = []
    common = [IMPERFECTIONS[one.imperfection].varies for one in spreads if one.in_common]
    if common:
        notes.append(
            f"{', '.join(common)}: devices of one chip deviate alike (F test), so that a part of the spread is the "
            "chip's (correlation_um, gradient) and the intervals are too narrow"
        )
    few = [one for one in spreads if one.relative_error is not None and one.relative_error > _TWO_PERCENT]
    if few:
        worst = max(few, key=lambda one: one.relative_error or 0)
        notes.append(
            f"of {len(few)} of {len(spreads)} spreads the standard error (s.e., 1 / sqrt(2 (n - 1)) of sigma) is above "
            f"2 %; {worst.devices:,} devices of {IMPERFECTIONS[worst.imperfection].varies} cannot tell more, "
            f"{_DEVICES_FOR_IT:,} can"
        )
    return notes


def _netlist_lines(spreads: Sequence[SpreadFit], shares: Sequence[Share]) -> list[str]:
    """Write the imperfections of a netlist, and what all devices are off by as comments."""
    sizes = _sizes(spreads, shares)
    ends = {one.imperfection: one.sigma_ci95 for one in spreads} | {one.imperfection: one.ci95 for one in shares}
    lines = ["", "imperfections:"] if sizes else []
    for name, size in sizes.items():
        low, high = ends[name] or (size, size)
        lines.append(f"  {name}: {size:.6g}  # 95 %: {low:.4g} to {high:.4g}")
    off = [one for one in spreads if one.off]
    if off:
        lines += ["", "# all devices are off by, which is no spread; correct the netlist:"]
    for one in off:
        kind, (low, high) = IMPERFECTIONS[one.imperfection], one.mean_ci95 or (0.0, 0.0)
        text = (
            f"{one.mean:+.4g} {kind.unit} ({low:+.4g} to {high:+.4g})"
            if kind.unit == "Phi_0"
            else f"{100 * one.mean:+.4g} % ({100 * low:+.4g} to {100 * high:+.4g} %)"
        )
        lines.append(f"# {kind.varies}: {text}")
    return lines
