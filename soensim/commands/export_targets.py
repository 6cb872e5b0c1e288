"""`soensim export CHIP --format targets`: what a program asks of every device, or what a fabricated chip has."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from soensim._runtime.atomic_write import write_atomic
from soensim.commands import cli
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.errors import SoensimError
from soensim.fabrication import fabricate_chip, measured_text, measured_values, with_asked
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route


def export_targets(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Write the file.

    Raises
    ------
    SoensimError
        On a bad chip, program or size of a spread, or a file that cannot be written.
    """
    out, target = named(args.out), named(args.json)
    netlist = load_chip(args.chip)
    program_file = Path(args.program or Path(args.chip).with_suffix(".safetensors"))
    to_out = Output("--out", out, (".csv",), any_unknown=True, to_standard_output=True)
    check_outputs([to_out, json_output(target)], [*chip_files(args.chip, netlist), program_file])
    if args.spread and args.chip_seed is None:
        raise SoensimError("--spread is for a fabricated chip; add --chip-seed, or leave it out")
    with naming_file(args.chip):
        network = with_asked(compile_network(route(netlist)), args.spread or {})
    program = Program.load(program_file, network)
    chip = fabricate_chip(network, program.values, network.spreads, args.chip_seed)
    measured = measured_values(network, chip, program.values)
    what = "what the program asks for" if args.chip_seed is None else f"fabricated chip of chip_seed {args.chip_seed}"
    comments = [
        f"{network.name} (hash {network.netlist_hash[:12]}) with {program_file}: {what}",
        cli.command_line("export", arguments),
        "neuron and source count from 0; write what was measured as value, with its unit; leave asked as it is",
        "rows may be left out: such devices are taken as drawn; docs/measured-chips.md says which quantities there are",
    ]
    text = measured_text(network, measured, comments)
    if out is not None and out != "-":
        write_atomic(out, text)
    document = {
        "format": "targets",
        "file": out,
        "chip": {"name": network.name, "hash": network.netlist_hash},
        "program": str(program_file),
        "chip_seed": args.chip_seed,
        "rows": text.count("\n") - len(comments) - 1,
        "fingerprint": measured.fingerprint,
    }
    cli.write_json(target, document)
    if out == "-":
        cli.say(text.rstrip("\n"))
    elif out is not None and target != "-":
        cli.say(f"written: {out}, {document['rows']} rows, fingerprint {measured.fingerprint[:12]}")
    return cli.DONE
