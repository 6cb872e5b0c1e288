"""`soensim export`: write a deck of a few dendrites, the layout of a chip, or what is asked of a chip's devices."""

import argparse
import math
from collections.abc import Sequence

import numpy as np

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.words import real_number, shown
from soensim.circuit import Device, Waveform
from soensim.commands import cli, flags
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import CircuitError, SoensimError
from soensim.interop.spice import Deck, DeckSettings, chain, josim_deck, ngspice_deck, tree
from soensim.limits import Limits
from soensim.technology import LEGAL, load_technology, technology_files

MAX_LEAVES = 1000


def main(arguments: Sequence[str]) -> int:
    """Run `soensim export --format ngspice|josim|targets|gds|oasis|soen-toolkit`.

    Parameters
    ----------
    arguments
        Arguments after the verb.

    Returns
    -------
    int
        0; bad input raises.

    Raises
    ------
    CircuitError
        On a bad argument, drive or device, or a file that cannot be written.
    SoensimError
        On a bad chip or program.
    TechnologyError
        If the technology cannot be loaded.
    """
    args = parser().parse_args(arguments)
    _check_format_flags(args)
    if args.format == "targets":
        from soensim.commands.export_targets import export_targets  # the chip's code: no deck needs it

        return export_targets(args, arguments)
    if args.format in _LAYOUTS:
        from soensim.commands.export_layout import export_layout

        return export_layout(args)
    if args.format in _MODELS:
        from soensim.commands.export_model import export_model

        return export_model(args)
    if args.chip is not None:
        from soensim.commands.export_circuit import export_circuit

        return export_circuit(args)
    out, target = named(args.out), named(args.json)
    to_out = Output("--out", out, (".cir", ".sp", ".js"), any_unknown=True, to_standard_output=True)
    check_outputs([to_out, json_output(target)], technology_files(args.technology))
    deck = _deck(args)
    text = ngspice_deck(deck) if args.format == "ngspice" else josim_deck(deck)
    names = [item.name for item in deck.dendrites]
    document = {"format": args.format, "file": out, "dendrites": names, "technology": args.technology}
    if out is not None and out != "-":
        write_atomic(out, text)
    cli.write_json(target, document)
    if out == "-":
        cli.say(text.rstrip("\n"))
    elif out is not None and target != "-":
        cli.say(f"written: {out}")
    return cli.DONE


_LOOP_FLAGS = (
    ("--bias", "bias_current", "I_C", "bias current"),
    ("--beta-di", "beta_di", "X", "loop inductance"),
    ("--tau-di-ns", "tau_di_dendrite_ns", "NS", "loop decay time"),
)
_DECKS, _TARGETS, _LAYOUTS, _MODELS = ("ngspice", "josim"), ("targets",), ("gds", "oasis"), ("soen-toolkit",)
_PROGRAM_FLAGS = (("--program", "program"),)
_TARGET_FLAGS = (("--spread", "spread"),)
_SAMPLE_FLAGS = (("--sample", "sample"),)
_MODEL_FLAGS = (("--approximate", "approximate"), ("--ideal", "ideal"))
_DECK_FLAGS = (
    *((f"--{name}", name.replace("-", "_")) for name in ("circuit", "length", "depth", "fan-in", "efficacy")),
    ("--technology", "technology"),
    *((flag, flag.strip("-").replace("-", "_")) for flag, *_ in _LOOP_FLAGS),
    *((f"--{name}", name.replace("-", "_")) for name in ("flux", "duration-ns", "print-step-ns")),
)
_EFFICACY = Limits(0, 1e4, "Phi_0 per I_c", "0.15 to 4 are in use", zero=True, signed=True)


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "export",
        "Write a SPICE deck of a dendrite, a chain or a tree of dendrites (--format ngspice, josim), or of a whole\n"
        "chip with its program and one sample (CHIP --format ngspice; docs/physics.md), or what a\n"
        "program asks of the synapses and neurons of a chip, as CSV (--format targets), or the layout of a chip\n"
        "(--format gds, oasis; docs/layout.md), or a chip with its program as a model of another tool (--format\n"
        "soen-toolkit; docs/other-tools.md).",
        "examples:\n"
        "  python -m soensim.export --format josim --circuit chain --out chain.cir\n"
        "  python -m soensim.export netlists/year1-28.yaml --format ngspice --sample 3 --out year1-28.cir\n"
        "  python -m soensim.export netlists/year1-28.yaml --format targets --out targets.csv\n"
        "  python -m soensim.export netlists/year1-28.yaml --format targets --chip-seed 7 --out chip-7.csv\n"
        "  python -m soensim.export netlists/optical-28.yaml --format gds --out optical-28.gds\n"
        "  python -m soensim.export netlists/year1-28.yaml --format soen-toolkit --approximate --out year1-28.json",
    )
    count = flags.whole(1, 100)
    parser.add_argument(
        "chip", metavar="CHIP", nargs="?", help="netlist, YAML; a deck has none (default: none, which decks allow)"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=(*_DECKS, *_TARGETS, *_LAYOUTS, *_MODELS),
        help="simulator, targets of a chip, layout, or the tool that a model is for (required)",
    )
    flags.program(parser)
    flags.spread(parser)
    parser.add_argument(
        "--sample",
        type=flags.whole(),
        metavar="N",
        help="of CHIP with --format ngspice: the sample of the test split that drives it, from 0 (default: 0)",
    )
    flags.approximate(parser, "the other tool")
    parser.add_argument("--ideal", action="store_true", help="write the ideal weights instead of the codes")
    parser.add_argument(
        "--circuit", choices=("dendrite", "chain", "tree"), default="dendrite", help="circuit (default: dendrite)"
    )
    parser.add_argument("--length", type=count, metavar="N", help="dendrites of a chain (default: 3)")
    parser.add_argument("--depth", type=count, metavar="N", help="levels below a tree's root (default: 1)")
    parser.add_argument("--fan-in", type=count, metavar="N", help="inputs per dendrite of a tree (default: 2)")
    parser.add_argument(
        "--efficacy",
        type=flags.quantity(_EFFICACY),
        default=0.7,
        metavar="X",
        help="into each dendrite, Phi_0 per I_c (default: 0.7)",
    )
    flags.technology(parser, flag=True)
    for flag, key, metavar, what in _LOOP_FLAGS:
        parser.add_argument(
            flag, type=flags.quantity(LEGAL[key]), metavar=metavar, help=f"{what} (default: the technology's)"
        )
    parser.add_argument(
        "--flux",
        default="0:0 1:0 1.1:0.5 8:0.5 8.1:0",
        metavar="POINTS",
        help="flux in Phi_0 as t_ns:value points, straight in between (default: %(default)r)",
    )
    parser.add_argument(
        "--duration-ns",
        type=flags.quantity(flags.DURATION),
        default=10.0,
        metavar="NS",
        help="simulated time (default: 10)",
    )
    parser.add_argument(
        "--print-step-ns",
        type=flags.quantity(flags.DURATION),
        default=0.01,
        metavar="NS",
        help="distance of printed points (default: 0.01)",
    )
    parser.add_argument(
        "--out", default="-", metavar="FILE", help="write the file; - is standard output, of text alone (default: -)"
    )
    flags.json_file(parser, "what was exported")
    flags.chip_seed(
        parser,
        "of --format targets: write the values of this fabricated chip (default: none, what the program asks for)",
        None,
    )
    return parser


def _deck(args: argparse.Namespace) -> Deck:
    _check_circuit_flags(args)
    technology = load_technology(args.technology)
    bias = technology.value("bias_current") if args.bias is None else args.bias
    beta_di = technology.value("beta_di") if args.beta_di is None else args.beta_di
    tau_di_ns = technology.value("tau_di_dendrite_ns") if args.tau_di_ns is None else args.tau_di_ns
    for flag, value in (("bias", bias), ("beta-di", beta_di), ("tau-di-ns", tau_di_ns)):
        if not (math.isfinite(value) and value > 0.0):
            raise CircuitError(
                f"technology {args.technology!r} gives {value} for --{flag}; give one above 0 with that flag"
            )
    settings = DeckSettings(
        flux=_points(args.flux),
        bias_current=Waveform.ramp(bias, 0.1),
        beta_di=beta_di,
        tau_di_ns=tau_di_ns,
        duration_ns=args.duration_ns,
        efficacy=args.efficacy,
        print_step_ns=args.print_step_ns,
    )
    device = Device.from_technology(technology)
    if args.circuit == "tree":
        depth, fan_in = args.depth or 1, args.fan_in or 2
        if fan_in**depth > MAX_LEAVES:
            raise CircuitError(
                f"--depth {depth} and --fan-in {fan_in} make a tree of more than {MAX_LEAVES} leaves; give smaller ones"
            )
        return tree(device, depth, fan_in, settings)
    return chain(device, args.length or 3 if args.circuit == "chain" else 1, settings)


def _check_format_flags(args: argparse.Namespace) -> None:
    """Refuse what is for another format, which would be without effect."""
    known = parser()
    if args.format not in _DECKS and args.chip is None:
        raise SoensimError(f"--format {args.format} needs a netlist: soensim export CHIP --format {args.format}")
    whole_chip = args.format in _DECKS and args.chip is not None
    if whole_chip and args.format != "ngspice":
        raise SoensimError(
            f"the deck of a whole chip is for --format ngspice, not {args.format}: it has loops and delays; leave CHIP "
            "out, or take ngspice"
        )
    groups = (
        (_PROGRAM_FLAGS, (*_TARGETS, *_MODELS, *(_DECKS if whole_chip else ()))),
        (_TARGET_FLAGS, _TARGETS),
        (_MODEL_FLAGS, _MODELS),
        (_SAMPLE_FLAGS, _DECKS if whole_chip else ()),
        (_DECK_FLAGS, () if whole_chip else _DECKS),
    )
    for flags_of, formats in groups:
        for flag, name in flags_of if args.format not in formats else ():
            if getattr(args, name) != known.get_default(name):
                raise SoensimError(f"{flag} is for {_legal(flags_of, formats)}, not {args.format}; leave it out")


def _legal(flags_of: tuple[tuple[str, str], ...], formats: tuple[str, ...]) -> str:
    """Say what flags are for."""
    if flags_of == _SAMPLE_FLAGS:
        return "CHIP with --format ngspice"
    legal = formats or _DECKS
    words = f"{', '.join(legal[:-1])} or {legal[-1]}" if len(legal) > 1 else legal[0]
    return f"--format {words}" + ("" if formats else " without a CHIP")


def _check_circuit_flags(args: argparse.Namespace) -> None:
    """Refuse a flag of another circuit, which would be without effect."""
    for flag, value, circuit in (
        ("--length", args.length, "chain"),
        ("--depth", args.depth, "tree"),
        ("--fan-in", args.fan_in, "tree"),
    ):
        if value is not None and args.circuit != circuit:
            raise CircuitError(f"{flag} is for --circuit {circuit}, not {args.circuit}; give that, or leave {flag} out")


def _points(text: str) -> Waveform:
    try:
        pairs = [tuple(real_number(number) for number in point.split(":")) for point in text.replace(",", " ").split()]
        times, values = zip(*pairs, strict=True)
    except ValueError as error:
        raise CircuitError(
            f"--flux: {shown(text)} is not legal; it must be t_ns:value points, such as '0:0 1:0.5'"
        ) from error
    for value in values:
        if math.isfinite(value) and not LEGAL["flux_offset"].hold(value):
            raise CircuitError(f"--flux: {value:g} is not legal; {LEGAL['flux_offset'].fault(value)}")
    return Waveform(np.array(times), np.array(values))
