"""What `soensim simulate` does with a spiking chip."""

from __future__ import annotations

import argparse
import math
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.compile_notice import compile_notice
from soensim._runtime.words import real_number, shown, shown_path, whole_number
from soensim.commands import cli
from soensim.commands.chip_file import naming_file
from soensim.errors import SimulationError
from soensim.files import load_npz, read_csv
from soensim.netlist import Netlist
from soensim.network import compile_network
from soensim.network.spiking.compile import compile_spiking
from soensim.network.spiking.spiking_network import SpikingNetwork
from soensim.program import Program
from soensim.routing import route
from soensim.simulation.chip import chip_of
from soensim.simulation.spiking.engine import checked_trains, simulate_spikes
from soensim.simulation.spiking.realise import realise
from soensim.simulation.spiking.trace import Recording

_COLUMNS = ("time_ns", "channel")
_TAKES = (
    "a spiking chip takes spike trains: an npz or CSV with time_ns and channel (a whole number), one entry per spike"
)


def run_spiking(given: argparse.Namespace, netlist: Netlist, arguments: Sequence[str]) -> int:
    """Run a spiking chip on spike trains, write the trace, and say what happened.

    Parameters
    ----------
    given
        Flags of `soensim simulate`.
    netlist, arguments
        The chip, and the command line for the summary.

    Raises
    ------
    SoensimError
        A flag has no meaning for a spiking chip or is missing, or a file cannot be read or written.
    """
    for flag, value in (("--ideal", given.ideal), ("--chip-seed", given.chip_seed)):
        if value not in (None, False) and given.program is None:
            raise SimulationError(
                f"{flag} is of a program, and without one every synapse of a spiking chip has its highest level; give "
                "--program too, or leave it out"
            )
    if given.duration_ns is None:
        raise SimulationError(f"chip {netlist.name!r} spikes; say how long to simulate with --duration-ns")
    network = _chip(given, netlist)
    trains = read_trains(given.inputs, network.arrays.channels)
    with naming_file(given.inputs):
        checked_trains(network, trains, given.duration_ns)
    with compile_notice(cli.tell, "5 s"):
        trace = simulate_spikes(
            network,
            trains,
            duration_ns=given.duration_ns,
            read_seed=given.read_seed,
            record=Recording(_recorded(network, given.record)),
            progress=_show if sys.stderr.isatty() else None,
        )
    if given.out is not None:
        trace.save(given.out)
    summary: dict[str, Any] = {
        "chip": {"name": network.name, "hash": network.netlist_hash},
        "program": given.program,
        "trace": given.out,
        "arrays": {name: list(array.shape) for name, array in trace.arrays().items()},
        "populations": {p.name: [p.neurons.start, p.neurons.stop] for p in network.populations},
        "duration_ns": trace.duration_ns,
        "dt_ns": trace.dt_ns,
        "spikes": len(trace.spikes_ns),
        "rate_mhz": {p.name: float(trace.rate_mhz[p.neurons].mean()) for p in network.populations},
        "detections": trace.detections,
        "lost_to_dead_time": trace.lost_to_dead_time,
        "under_way": trace.under_way,
        "seeds": {"chip_seed": given.chip_seed, "read_seed": given.read_seed},
        "command": cli.command_line("simulate", arguments),
    }
    if given.json:
        cli.write_json(given.json, summary)
    if given.json != "-":
        where = given.out or "trace"
        cli.say(
            f"{where}: {len(trace.spikes_ns)} spikes of {trace.neurons} neurons in {trace.duration_ns:g} ns "
            f"({trace.rate_mhz.mean():.3g} MHz each), {trace.state.shape[1]} dendrites recorded"
        )
    return cli.DONE


def _chip(given: argparse.Namespace, netlist: Netlist) -> SpikingNetwork:
    """Compile the chip with its program; without one every synapse has its highest level."""
    with naming_file(given.chip):
        routed = route(netlist)
        if given.program is None:
            return compile_spiking(routed, refine=given.refine)
        network = compile_network(routed, refine=given.refine)
    program = Program.load(given.program, network)
    return realise(network, chip_of(network, program.as_ideal() if given.ideal else program, given.chip_seed))


def _show(done: int, total: int) -> None:
    sys.stderr.write(f"\rstep {done} of {total}" + ("\n" if done == total else ""))


def _recorded(network: SpikingNetwork, wanted: Sequence[str] | None) -> NDArray[np.int64]:
    """Dendrites of `population.place` words; `all` is every dendrite."""
    if wanted and "all" in wanted:
        return np.arange(network.arrays.dendrites)
    dendrites = []
    for word in wanted or ():
        population, dot, place = word.partition(".")
        if not dot:
            raise SimulationError(f"--record {shown(word)}: must be `all` or population.place, such as neurons.soma")
        try:
            dendrites.append(network.dendrites(population, place))
        except SimulationError as error:
            raise SimulationError(f"--record: {error}") from error
    return np.concatenate(dendrites) if dendrites else np.zeros(0, dtype=np.int64)


def read_trains(path: str | Path, channels: int) -> list[NDArray[np.float64]]:
    """Read spike trains: an npz with the arrays time_ns and channel, or a CSV with these columns.

    Returns
    -------
    list of arrays
        Times (ns) per channel.

    Raises
    ------
    SimulationError
        The file is missing or damaged, its columns are not numbers of one length, or a channel does not exist.
    """
    path, name = Path(path), shown_path(path)
    if path.suffix.lower() not in (".npz", ".npy"):  # text may have any name
        times, lines = _read_csv(path, channels)
    else:
        arrays = load_npz(path, error=SimulationError, names=_COLUMNS, advice=_TAKES)
        times, lines = (arrays[column] for column in _COLUMNS)
        if lines.dtype.kind not in "iu" or times.dtype.kind not in "iuf":
            raise SimulationError(f"{name}: channel is of type {lines.dtype}, time_ns of {times.dtype}; {_TAKES}")
    if times.ndim != 1 or times.shape != lines.shape:
        raise SimulationError(f"{name}: time_ns and channel must be flat and of one length")
    if (outside := (lines < 0) | (lines >= channels)).any():
        raise SimulationError(f"{name}: channel {lines[outside][0]} does not exist; legal is 0 to {channels - 1}")
    times, lines = times.astype(np.float64), lines.astype(np.int64)
    return [times[lines == channel] for channel in range(channels)]


def _read_csv(path: Path, channels: int) -> tuple[NDArray[Any], NDArray[Any]]:
    name, times, lines = shown_path(path), array("d"), array("q")
    for line, (time, channel) in read_csv(path, columns=_COLUMNS, error=SimulationError, advice=_TAKES):
        try:
            times.append(real_number(time))
            lines.append(whole_number(channel))
        except (ValueError, OverflowError) as error:
            raise SimulationError(
                f"{name}:{line}: time_ns is {shown(time)} and channel {shown(channel)}; legal are a number, with a "
                f"decimal point, and one of 0 to {channels - 1}"
            ) from error
        if not math.isfinite(times[-1]):
            raise SimulationError(f"{name}:{line}: time_ns is not a finite number")
    return np.array(times, dtype=np.float64), np.array(lines, dtype=np.int64)
