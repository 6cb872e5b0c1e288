"""`soensim import`: make a chip of a model of another tool."""  # noqa: N999  (the verb is a keyword of Python)

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.words import shown
from soensim.commands import cli, flags
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import ModelError
from soensim.interop.imported import FINEST_BITS, ImportedChip
from soensim.interop.sim_soens import PointNeuronOptions, import_point_neuron
from soensim.interop.toolkit_import import ToolkitOptions, import_toolkit_model
from soensim.netlist.base import MAX_NEURONS, NAME_PATTERN


def main(arguments: Sequence[str]) -> int:
    """Run `soensim import FILE --format soen-toolkit --out NAME.yaml`.

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
    ModelError
        The model cannot be read, or a chip cannot have all of it.
    SoensimError
        A wrong flag, or a file that cannot be written.
    """
    given = parser().parse_args(arguments)
    out, target = named(given.out), named(given.json)
    netlist_file = None if out is None else Path(out)
    name = _name(Path(given.file if netlist_file is None else netlist_file).stem)
    program_file = None if netlist_file is None else netlist_file.with_suffix(".safetensors")
    outputs = [Output("--out", out, (".yaml", ".yml")), json_output(target)]
    check_outputs([*outputs, _beside(program_file)], [given.file])
    _check_format_flags(given)
    chip = _imported(given, name, cli.command_line("import", arguments))
    if netlist_file is not None:
        files = {netlist_file.parent / edges: content for edges, content in chip.edge_files.items()}
        check_outputs([*outputs, _beside(program_file), *(_beside(path) for path in files)], [given.file])
        for path, content in files.items():
            write_atomic(path, content)
        if chip.program is not None and program_file is not None:
            chip.program.save(program_file)
        write_atomic(netlist_file, chip.text)
    cli.write_json(target, _document(given.format, out, program_file, chip))
    if target != STANDARD_OUTPUT:
        _say(out, program_file, chip)
    return cli.DONE


def _imported(given: argparse.Namespace, name: str, command: str) -> ImportedChip:
    if given.format == "sim-soens":
        neurons = PointNeuronOptions(name=name, neurons=given.neurons or 1, command=command)
        return import_point_neuron(given.file, neurons)
    bits = FINEST_BITS if given.bits is None else given.bits
    options = ToolkitOptions(name=name, bits=bits, approximate=given.approximate, command=command)
    return import_toolkit_model(given.file, options)


def _check_format_flags(given: argparse.Namespace) -> None:
    """Refuse what is for another format, which would be without effect."""
    flags_of = {"soen-toolkit": ("bits", "approximate"), "sim-soens": ("neurons",)}
    for form, names in flags_of.items():
        for flag in names if given.format != form else ():
            if getattr(given, flag) not in (None, False):
                raise ModelError(f"--{flag} is for --format {form}, not {given.format}; leave it out")


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "import",
        "Make a chip of a model of another tool: a netlist, the files of its edges, and a program with the model's\n"
        "values. What a chip cannot have is refused; docs/other-tools.md says what goes over, and how exactly.",
        "examples:\n"
        "  python -m soensim.import model.json --format soen-toolkit --out chip.yaml\n"
        "  python -m soensim.import model.yaml --format soen-toolkit --bits 4 --approximate --out chip.yaml\n"
        "  python -m soensim.import neuron.json --format sim-soens --neurons 10 --out chip.yaml",
    )
    parser.add_argument("file", metavar="FILE", help="model: JSON, or a specification of soen-toolkit in YAML")
    parser.add_argument(
        "--format", required=True, choices=("soen-toolkit", "sim-soens"), help="tool that it is of (required)"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="write the netlist (.yaml), beside it program (.safetensors) and edges; none writes nothing (required)",
    )
    parser.add_argument(
        "--bits",
        type=flags.whole(2, FINEST_BITS),
        metavar="N",
        help=f"bits of every synapse, which the values of soen-toolkit are rounded to (default: {FINEST_BITS})",
    )
    parser.add_argument(
        "--neurons",
        type=flags.whole(1, MAX_NEURONS // 2),
        metavar="N",
        help="number of neurons with the parameters of sim-soens, each with a line (default: 1)",
    )
    flags.approximate(parser, "a chip")
    flags.json_file(parser, "what was imported")
    flags.no_seed(parser)
    return parser


def _name(stem: str) -> str:
    """Return the chip's name, that of its file."""
    if not re.fullmatch(NAME_PATTERN, stem) or len(stem) > 64:
        raise ModelError(
            f"--out: the chip would be called {shown(stem)}; a name starts with a letter, and has letters, digits, _ "
            "and -, at most 64"
        )
    return stem


def _beside(path: Path | None) -> Output:
    return Output("--out", None if path is None else str(path))


def _document(form: str, out: str | None, program_file: Path | None, chip: ImportedChip) -> dict[str, Any]:
    netlist = chip.netlist
    return {
        "format": form,
        "file": out,
        "program": None if chip.program is None or program_file is None else str(program_file),
        "edges": list(chip.edge_files),
        "chip": {
            "name": netlist.name,
            "populations": {name: population.size for name, population in netlist.populations.items()},
            "projections": {projection.key: len(netlist.edges(projection)) for projection in netlist.projections},
        },
        "notes": list(chip.notes),
    }


def _say(out: str | None, program_file: Path | None, chip: ImportedChip) -> None:
    for note in chip.notes:
        cli.say(f"note: {note}")
    netlist = chip.netlist
    ports = {**netlist.inputs, **netlist.spike_inputs}
    neurons = sum(population.size for name, population in netlist.populations.items() if name not in ports)
    synapses = sum(len(netlist.edges(projection)) for projection in netlist.projections)
    parts = [] if out is None else [out, *(["no program"] if chip.program is None else [str(program_file)])]
    cli.say(f"{', '.join(parts) or netlist.name}: {neurons} neurons, {synapses} synapses")
