"""`python -m soensim.simulate`: run a program on given inputs and record the states."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.words import shown_path
from soensim.commands import cli, flags
from soensim.commands.chip_file import naming_file
from soensim.commands.input_files import chip_files
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import SimulationError
from soensim.files import load_npy
from soensim.netlist import Netlist, load_netlist
from soensim.network import Network, compile_network, with_average_light
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import Trace, checked_signals, simulate


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    netlist = load_netlist(given.chip)
    given.out, given.json = named(given.out), named(given.json)
    program_file = Path(given.program or Path(given.chip).with_suffix(".safetensors"))
    check_outputs(
        [Output("--out", given.out, (".npz",)), json_output(given.json)],
        [*chip_files(given.chip, netlist), given.inputs, program_file],
    )
    if netlist.spiking:
        if given.light == "average":
            raise SimulationError("--light average is for chips of rate neurons; leave it out")
        from soensim.commands.simulate_spiking import run_spiking  # numba: loaded only by chips that need it

        return run_spiking(given, netlist, arguments)
    if given.duration_ns is not None or given.record is not None:
        raise SimulationError("--duration-ns and --record are for spiking chips; leave them out")
    with naming_file(given.chip):
        network = compile_network(route(netlist), refine=given.refine)
        network = with_average_light(network) if given.light == "average" else network
    program = Program.load(program_file, network)
    trace = simulate(
        network,
        program.as_ideal() if given.ideal else program,
        _inputs(given.inputs, network),
        chip_seed=given.chip_seed,
        read_seed=given.read_seed,
    )
    arrays = _arrays(netlist, trace)
    if given.out is not None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomic(given.out, buffer.getvalue())
    low, high = float(trace.state.min()), float(trace.state.max())
    if given.json:
        summary = {
            "chip": {"name": network.name, "hash": network.netlist_hash},
            "trace": given.out,
            "arrays": {name: list(array.shape) for name, array in arrays.items()},
            "populations": {p.name: [p.neurons.start, p.neurons.stop] for p in network.populations},
            "state_range": [low, high],
            "substeps": network.substeps,
            "seeds": {"chip_seed": given.chip_seed, "read_seed": given.read_seed},
            "light": _light_model(network),
            "command": cli.command_line("simulate", arguments),
        }
        cli.write_json(given.json, summary)
    if given.json != "-":
        shape = " x ".join(map(str, trace.state.shape))
        light = ", light taken for its average" if _light_model(network) == "average" else ""
        cli.say(
            f"{given.out or 'trace'}: state {shape} (batch, frames + 1, neurons), {low:.3g} to {high:.3g} I_c{light}"
        )
    return cli.DONE


def _light_model(network: Network) -> str | None:
    """Say how light carries rates, as `soensim.evaluation.LightSummary` does; None where none does."""
    if network.light is None:
        return None
    return "spikes" if network.draws_spikes else "average"


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "simulate",
        "Run a program on given inputs and record the state of every neuron.",
        "The trace (npz) holds state (batch, frames + 1, neurons) in I_c, t_tau and t_ns (frames + 1,), and output\n"
        "(batch, classes) where the chip has a linear readout.\n\n"
        "A chip of spiking neurons takes spike trains (npz or CSV with time_ns and channel) and --duration-ns; its\n"
        "trace holds spikes_ns, spike_neuron, and state and flux (records, recorded) of the dendrites of --record.\n"
        "Without --program every synapse of such a chip has its highest level.\n\n"
        "examples:\n  python -m soensim.simulate netlists/year1-28.yaml --inputs x.npy --out trace.npz\n"
        "  python -m soensim.simulate netlists/point-neurons-10.yaml --inputs spikes.csv --duration-ns 1000 \\\n"
        "    --read-seed 0 --record neurons.soma --out trace.npz",
    )
    flags.chip(parser)
    parser.add_argument(
        "--inputs",
        required=True,
        metavar="FILE",
        help="npy: signals on the input channels (I_c), shape (batch, frames, channels); of a spiking chip, spike "
        "trains (required)",
    )
    flags.program(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="write the trace, an npz (required)")
    parser.add_argument("--ideal", action="store_true", help="run the ideal weights instead of the codes")
    flags.refine(parser, 1, "the netlist says (default: 1)")
    flags.chip_seed(parser, "draw a fabricated chip (default: none, the nominal chip)", None)
    flags.read_seed(
        parser,
        "draw read noise, and the spikes of rates carried by light; of a spiking chip, photons and dark counts "
        "(default: none, no read noise, and the spikes of seed 0)",
        None,
    )
    flags.light(parser)
    parser.add_argument(
        "--duration-ns",
        type=flags.quantity(flags.DURATION),
        metavar="NS",
        help="how long to simulate a spiking chip, which needs it (default: none)",
    )
    parser.add_argument(
        "--record",
        nargs="+",
        metavar="PLACE",
        help="dendrites of a spiking chip to record: population.place, one or more, or all (default: none)",
    )
    flags.json_file(parser, "a summary")
    return parser


def _arrays(netlist: Netlist, trace: Trace) -> dict[str, NDArray[np.float64]]:
    """Arrays of the file, with the times in tau and in ns."""
    junction = netlist.device_technology.junction
    t_ns = np.asarray(junction.seconds_from_tau(trace.t_tau)) * 1e9
    arrays = {"state": trace.state, "t_tau": trace.t_tau, "t_ns": t_ns}
    return arrays if trace.output is None else {**arrays, "output": trace.output}


def _inputs(path: str, network: Network) -> NDArray[np.float64]:
    takes = f"chip {network.name!r} takes signals: an npy file of numbers, shape (batch, frames, {network.channels})"
    if Path(path).suffix in (".csv", ".npz"):
        takes += "; spike trains are for chips of spiking neurons"
    array = load_npy(path, error=SimulationError, advice=takes)
    if array.dtype.kind == "b":
        raise SimulationError(f"{shown_path(path)}: holds true and false; {takes}")
    try:
        return checked_signals(network, array)
    except SimulationError as error:
        raise SimulationError(f"{shown_path(path)}: {error}") from error
