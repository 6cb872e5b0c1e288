"""`soensim export CHIP --format ngspice`: a chip with its program and one test sample as a SPICE deck."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from soensim._runtime.atomic_write import write_atomic
from soensim.circuit import Device
from soensim.commands import cli
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.commands.program_data import load_program_data
from soensim.errors import SoensimError
from soensim.interop.chip_deck import chip_deck, samples_before
from soensim.interop.spice import ngspice_deck
from soensim.network import Network, compile_network, present
from soensim.program import Program
from soensim.routing import route
from soensim.simulation.circuits import coupled_circuits


def export_circuit(args: argparse.Namespace) -> int:
    """Write the deck.

    Raises
    ------
    SoensimError
        On a bad chip or program, one that is no circuit, a sample that there is not, or a file that cannot be written.
    """
    out, target = named(args.out), named(args.json)
    netlist = load_chip(args.chip)
    program_file = Path(args.program or Path(args.chip).with_suffix(".safetensors"))
    to_out = Output("--out", out, (".cir", ".sp"), any_unknown=True, to_standard_output=True)
    check_outputs([to_out, json_output(target)], [*chip_files(args.chip, netlist), program_file])
    with naming_file(args.chip):
        network = compile_network(route(netlist))
    program = Program.load(program_file, network)
    circuits = coupled_circuits(network, program, Device.from_technology(netlist.device_technology))
    if network.labels:
        raise SoensimError(
            f"{args.chip}: has label lines, which are shown every class in turn; a deck has one sample: take a chip "
            "with a linear readout"
        )
    data = load_program_data(program, program_file, network, name=None, data_dir=None, task=netlist.task)
    k, count = args.sample or 0, len(data.test.labels)
    if k >= count:
        raise SoensimError(f"--sample {k}: the test split of {data.name} has the samples 0 to {count - 1}")
    signals = present(network, data.test.inputs[k : k + 1].astype(np.float64))[0]
    names = dendrite_names(network)
    deck = chip_deck(circuits, names, signals)
    text = ngspice_deck(deck)
    if out is not None and out != STANDARD_OUTPUT:
        write_atomic(out, text)
    document = {
        "format": args.format,
        "file": out,
        "chip": {"name": network.name, "hash": network.netlist_hash},
        "program": str(program_file),
        "data": data.name,
        "sample": k,
        "label": int(data.test.labels[k]),
        "dendrites": names,
        "couplings": len(circuits.recurrent.target) + len(circuits.inputs.target),
        "sample_tau": circuits.sample_tau,
        "samples_before": samples_before(circuits),
    }
    cli.write_json(target, document)
    if out == STANDARD_OUTPUT:
        cli.say(text.rstrip("\n"))
    elif out is not None and target != STANDARD_OUTPUT:
        cli.say(f"written: {out}, {len(names)} dendrites, {document['couplings']} couplings, sample {k} ({data.name})")
    return cli.DONE


def dendrite_names(network: Network) -> list[str]:
    """Name the dendrites as a deck takes it: `hidden_3`, with a number in front where that is not one of a kind."""
    plain = [
        f"{re.sub('[^a-z0-9_]', '_', population.name.lower())}_{k}"
        for population in network.populations
        for k in range(population.size)
    ]
    legal = len(set(plain)) == len(plain) and all(name[0].isalpha() for name in plain)
    return plain if legal else [f"d{i}_{name}" for i, name in enumerate(plain)]
