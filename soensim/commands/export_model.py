"""`soensim export CHIP --format soen-toolkit`: a chip with its program as a model of another tool."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from soensim._runtime.atomic_write import write_atomic
from soensim.commands import cli
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.errors import ModelError
from soensim.interop.toolkit_export import toolkit_model
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route


def export_model(args: argparse.Namespace) -> int:
    """Write the file.

    Raises
    ------
    SoensimError
        On a bad chip or program, one that the other tool cannot express, or a file that cannot be written.
    """
    out, target = named(args.out), named(args.json)
    netlist = load_chip(args.chip)
    program_file = Path(args.program or Path(args.chip).with_suffix(".safetensors"))
    to_out = Output("--out", out, (".json",), to_standard_output=True)
    check_outputs([to_out, json_output(target)], [*chip_files(args.chip, netlist), program_file])
    if args.chip_seed is not None:
        raise ModelError("--chip-seed is for --format targets: a model of another tool has no spreads; leave it out")
    if netlist.spiking:
        raise ModelError(f"{args.chip}: has spiking neurons; soen-toolkit has layers of rate neurons alone")
    with naming_file(args.chip):
        network = compile_network(route(netlist))
    program = Program.load(program_file, network)
    model = toolkit_model(netlist, network, program.as_ideal() if args.ideal else program, approximate=args.approximate)
    document = {
        "format": args.format,
        "file": out,
        "chip": {"name": network.name, "hash": network.netlist_hash},
        "program": str(program_file),
        "layers": len(model.content["layers"]),
        "notes": list(model.notes),
    }
    text = json.dumps(model.content, indent=1)
    if out is not None and out != STANDARD_OUTPUT:
        write_atomic(out, text + "\n")
    cli.write_json(target, document)
    if out == STANDARD_OUTPUT:
        cli.say(text)
    elif target != STANDARD_OUTPUT:
        for note in model.notes:
            cli.say(f"note: {note}")
        cli.say(f"{out or 'model'}: {document['layers']} layers")
    return cli.DONE
