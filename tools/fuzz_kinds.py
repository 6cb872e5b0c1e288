"""Small right inputs of every kind, and for each kind how a wrong one is made and which command reads it."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import struct
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz_mutations as change
import numpy as np
import yaml

RATE = """\
schema: soensim/1
name: rate
description: two inputs, three SQUID dendrites
technology: nist-2023
populations:
  pixels: {kind: input, size: 2, drive_low: 0.0, drive_high: 0.5}
  hidden:
    kind: dendrite
    size: 3
    source_function: squid-fit
    bias_current: 1.9
    flux_offset: 0.15
    flux_trim: {bits: 6, range: 0.5}
    beta_di: 628.3185307179587
    tau_di_ns: 1.6
projections:
  - {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 0.3}, medium: electrical}
  - source: hidden
    target: hidden
    topology: {kind: random, density: 0.5, seed: 3, min_fan_in: 1}
    efficacy: {levels: [0, 0.1, 0.3], sign: {kind: dale, inhibitory_fraction: 0.25, seed: 4}}
    medium: electrical
floorplan: {die_width_um: 1500, die_height_um: 1300, margin_um: 200, placement: {kind: grid}}
routing: {absent_edges: error}
timing: {sample_ns: 0.16, substeps: 4, integrator: forward-euler, update: lockstep}
readout: {kind: linear, population: hidden, classes: 2, state: final, efficacy: {bits: 4, range: 1.0}}
imperfections: {efficacy_spread: 0.05, read_noise_flux: 0.001}
task: {data: 'npz:data.npz', rule: bptt, recipe: {epochs: 1, batch_size: 4, learning_rate: 0.02}}
waivers:
  - {rule: SOEN-RT-001, object: '*', reason: a test, until: '2099-01-01'}
"""

LIGHT = """\
schema: soensim/1
name: light
technology: nist-2023
populations:
  pixels: {kind: input, size: 2, drive_low: 0.0, drive_high: 0.5}
  hidden: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.2, gamma_minus: 0.2}
projections:
  - source: pixels
    target: hidden
    topology: {kind: fixed-fan-in, fan_in: 1, seed: 1}
    efficacy: {bits: 4, range: 0.3}
    medium: optical
  - source: hidden
    target: hidden
    topology: {kind: small-world, neighbours: 2, rewiring: 0.2, seed: 1}
    efficacy: {bits: 4, range: 0.3}
    medium: optical
floorplan:
  die_width_um: 2500
  die_height_um: 2500
  margin_um: 150
  placement: {kind: optimised, method: annealing, seed: 1}
  synapse_pitch_um: 90
routing:
  strategy: manhattan
  photonic_planes: 2
  absent_edges: prune
  detector_efficiency: 0.9
  limits: {max_loss_db: 19, min_photons: 100}
timing: {sample_tau: 10.0, substeps: 2}
readout: {kind: linear, population: hidden, classes: 2, state: final, efficacy: {bits: 4, range: 1.0}}
"""

LABELS = """\
schema: soensim/1
name: labels
technology: own.yaml
populations:
  pixels: {kind: input, size: 2, drive_low: 0.025, drive_high: 0.275}
  label: {kind: input, size: 2, carries: label, drive_low: 0.0, drive_high: 0.25}
  hidden: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.2, gamma_minus: 0.2}
projections:
  - {source: pixels, target: hidden, topology: {kind: file, path: edges.csv}, efficacy: {bits: 4, range: 2.0}}
  - source: label
    target: hidden
    topology: {kind: file, path: edges.npz}
    efficacy: {bits: 4, range: 2.0}
    delay_ps: 20
floorplan: {die_width_um: 2500, die_height_um: 2500, margin_um: 150, placement: {kind: explicit, path: positions.csv}}
timing: {sample_tau: 1}
readout: {kind: goodness, population: hidden, state: all}
"""

SPIKING = """\
schema: soensim/1
name: spiking
technology: nist-2023
populations:
  drive: {kind: spike-input, size: 2}
  neurons:
    kind: spiking
    size: 3
    bias_current: 1.8
    soma: {threshold: 0.3}
    synapse: {detector_efficiency: 0.9, dark_count_rate_hz: 100.0}
    transmitter: {light_source: quantum-dot}
projections:
  - {source: drive, target: neurons, topology: {kind: explicit, edges: [[0, 0],
  [1, 1]]}, efficacy: {levels: [0.0, 1.0], sign: positive}}
  - {source: neurons, target: neurons, topology: {kind: explicit, edges: [[0, 1],
  [1, 2]]}, efficacy: {bits: 4, range: 0.5, sign: positive}, delay_ps: 1340, loss_db: 0.48}
timing: {sample_ns: 1.0, substeps: 10, integrator: exponential-euler}
"""

TECHNOLOGY = """\
schema: soensim-technology/1
name: own
description: a technology of one's own
extends: nist-2023
quantities:
  temperature_k: {value: 4.0, unit: K, range: [3.5, 4.5], source: "a test"}
  dendrite_beta_di: {value: 300.0, unit: "1", range: null, range_reason: "one chip", source: "a test"}
"""

RECIPE = """\
epochs: 1
ideal_epochs: 1
batch_size: 4
optimiser: adam
learning_rate: 0.02
schedule: one-cycle
weight_decay: 0.0
clip_norm: 1.0
quantisation: straight-through
input_gain: 1.0
robust: true
chips_per_batch: 1
validation_chips: 1
refine: 1
keep: best
train_samples: 4
train_seed: 0
"""

EDGES = "source,target\n0,0\n0,1\n1,2\n1,3\n"
POSITIONS = "population,index,x_um,y_um\n" + "".join(
    f"{name},{k},{400 + 500 * k},{y}\n"
    for name, size, y in (("pixels", 2, 400), ("label", 2, 1000), ("hidden", 4, 1700))
    for k in range(size)
)
TRACE = "time_ns,state,flux\n" + "".join(
    f"{0.2 * k:.1f},{min(k, 6) * 0.08 * 0.8 ** max(k - 6, 0):.4f},{0.5 if k < 6 else 0}\n" for k in range(12)
)
SPIKES = "time_ns,channel\n1.0,0\n2.5,1\n7.0,0\n"

Files = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """Files of a folder, and the command that is run there; `mutated` names what is wrong."""

    kind: str
    files: Files
    arguments: list[str]
    mutated: str


def arrays() -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of the binary inputs."""
    rng = np.random.default_rng(0)
    return {
        "data.npz": {"inputs": rng.uniform(0, 1, (24, 2, 2)), "labels": np.arange(24) % 2},
        "edges.npz": {"source": np.array([0, 0, 1, 1]), "target": np.array([0, 1, 2, 3])},
        "spikes.npz": {"time_ns": np.array([1.0, 2.5, 7.0]), "channel": np.array([0, 1, 0])},
        "x.npy": {"x": rng.uniform(0, 0.5, (2, 3, 2))},
    }


def base_files() -> Files:
    """Return the right inputs that need no training."""
    made = arrays()
    texts = {
        "rate.yaml": RATE, "light.yaml": LIGHT, "labels.yaml": LABELS, "spiking.yaml": SPIKING,
        "own.yaml": TECHNOLOGY, "recipe.yaml": RECIPE,
        "edges.csv": EDGES, "positions.csv": POSITIONS, "spikes.csv": SPIKES,
        "trace.csv": TRACE,
    }  # fmt: skip
    files = {name: text.encode() for name, text in texts.items()}
    files |= {name: change.npz(made[name]) for name in ("data.npz", "edges.npz", "spikes.npz")}
    return {**files, "x.npy": change.npy(made["x.npy"]["x"])}


def trained_files(folder: Path, run: Callable[[list[str]], int]) -> Files:
    """Train in a folder that holds the base files; return all files, with the run folder and a program."""
    train = [
        "train",
        "rate.yaml",
        "--recipe",
        "recipe.yaml",
        "--data",
        "npz:data.npz",
        "--run-dir",
        "run",
        "--out",
        "rate.safetensors",
    ]
    evaluate = [
        "evaluate",
        "rate.yaml",
        "--data",
        "npz:data.npz",
        "--trials",
        "1",
        "--html",
        "none",
        "--json",
        "score.json",
    ]
    export = ["export", "rate.yaml", "--format", "targets", "--chip-seed", "1", "--out", "chip.csv"]
    model = ["export", "rate.yaml", "--format", "soen-toolkit", "--approximate", "--out", "model.json"]
    for arguments in (train, evaluate, export, model):
        _run_right(arguments, run)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def run_right_commands(run: Callable[[list[str]], int]) -> None:
    """Run a right command of every verb that computes, in a folder that holds all files; route with every strategy."""
    from soensim.netlist.schema.strategies import ROUTING_STRATEGIES

    for verb in ("check", "evaluate", "simulate", "fit"):
        for arguments in COMMANDS[verb]:
            _run_right([verb, *arguments], run)
    for strategy in ROUTING_STRATEGIES:
        _run_right(["check", "light.yaml", "--strategy", strategy], run)


def _run_right(arguments: list[str], run: Callable[[list[str]], int]) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        status = run(arguments)
    if status not in (0, 1):
        raise RuntimeError(f"a right input is refused: {arguments}\n{printed.getvalue()}")


# --- kinds ------------------------------------------------------------------------------------------------------------

_LINKED = ("own.yaml", "edges.csv", "edges.npz", "positions.csv")  # what labels.yaml names
_CHIP = ("rate.yaml", "data.npz")

Make = Callable[[random.Random, Files], Case]


def _case(kind: str, files: Files, names: tuple[str, ...], changed: str, data: bytes, arguments: list[str]) -> Case:
    return Case(kind, {**{name: files[name] for name in names}, changed: data}, arguments, changed)


def _text(rng: random.Random, data: bytes, *, as_json: bool = False) -> bytes:
    kind = rng.random()
    if kind < 0.65:
        tree = json.loads(data) if as_json else yaml.safe_load(data)
        return change.changed_tree(rng, tree, as_json=as_json)
    return change.changed_lines(rng, data) if kind < 0.8 else change.damaged(rng, data)


def netlist(rng: random.Random, files: Files) -> Case:
    """A netlist: checked, simulated, explained."""
    name = rng.choice(("rate.yaml", "rate.yaml", "light.yaml", "labels.yaml", "spiking.yaml"))
    data = _text(rng, files[name])
    names = {"rate.yaml": ("data.npz",), "labels.yaml": _LINKED}.get(name, ())
    arguments = ["check", name, "--json", "out/check.json"]
    draw = rng.random()
    if draw < 0.1 and name == "spiking.yaml":
        names, arguments = (
            ("spikes.csv",),
            ["simulate", name, "--inputs", "spikes.csv", "--duration-ns", "10", "--out", "out/trace.npz"],
        )
    elif draw < 0.1 and name == "rate.yaml":
        names, arguments = (
            ("rate.safetensors", "x.npy", "data.npz"),
            ["simulate", name, "--inputs", "x.npy", "--out", "out/trace.npz"],
        )
    elif draw < 0.15:
        arguments = ["explain", name, "--from", "pixels[0]", "--to", "hidden[1]", "--json", "out/answer.json"]
    elif draw < 0.155:
        arguments = ["check", name, "--figure", "out/chip", "--lyrdb", "out/chip.lyrdb"]
    elif draw < 0.17 and name == "rate.yaml":
        names, arguments = ("rate.safetensors", "data.npz"), _evaluate()
    return _case("netlist", files, names, name, data, arguments)


def _evaluate(data: str = "npz:data.npz", program: str = "rate.safetensors", *more: str) -> list[str]:
    return [
        "evaluate",
        "rate.yaml",
        "--program",
        program,
        "--data",
        data,
        "--trials",
        "1",
        "--html",
        "none",
        "--json",
        "out/score.json",
        *more,
    ]


def technology(rng: random.Random, files: Files) -> Case:
    """A technology file, by itself and below a netlist."""
    data = _text(rng, files["own.yaml"])
    draw = rng.random()
    if draw < 0.5:
        return _case("technology", files, (), "own.yaml", data, ["technology", "own.yaml", "--json", "out/table.json"])
    if draw < 0.6:
        return _case(
            "technology",
            files,
            (),
            "own.yaml",
            data,
            ["convert", "beta_di=300", "--to", "inductance_nh", "--technology", "own.yaml", "--json", "out/x.json"],
        )
    if draw < 0.65:
        return _case(
            "technology",
            files,
            (),
            "own.yaml",
            data,
            ["export", "--format", "ngspice", "--technology", "own.yaml", "--out", "out/deck.cir"],
        )
    return (
        _case("technology", files, _LINKED, "own.yaml", data, ["check", "labels.yaml", "--json", "out/check.json"])
        if draw < 0.98
        else _case(
            "technology",
            files,
            (),
            "own.yaml",
            data,
            ["circuit", "own.yaml", "--flux", "0.3", "--current", "1.9", "--json", "out/g.json"],
        )
    )


def _with_labels(files: Files, changed: str, data: bytes) -> Case:
    return _case(
        changed.replace(".", "-"),
        files,
        ("labels.yaml", *_LINKED),
        changed,
        data,
        ["check", "labels.yaml", "--json", "out/check.json"],
    )


def recipe(rng: random.Random, files: Files) -> Case:
    """A file of settings; the flags bound the work where it is legal."""
    data = _text(rng, files["recipe.yaml"])
    bounds = [
        "--epochs",
        "1",
        "--ideal-epochs",
        "0",
        "--batch-size",
        "4",
        "--refine",
        "1",
        "--validation-chips",
        "1",
        "--chips-per-batch",
        "1",
    ]
    rule = ["--rule", "bptt"] if rng.random() < 0.9 else []
    arguments = [
        "train",
        "rate.yaml",
        *rule,
        "--data",
        "npz:data.npz",
        "--recipe",
        "recipe.yaml",
        "--run-dir",
        "out/run",
        "--json",
        "out/result.json",
    ]
    return _case("recipe", files, _CHIP, "recipe.yaml", data, [*arguments, *rng.sample([[], bounds], 1)[0]])


def npy(rng: random.Random, files: Files) -> Case:
    """Signals for a rate chip."""
    data = change.changed_array(rng, arrays()["x.npy"]["x"])
    return _case(
        "npy",
        files,
        (*_CHIP, "rate.safetensors"),
        "x.npy",
        data,
        ["simulate", "rate.yaml", "--inputs", "x.npy", "--out", "out/trace.npz"],
    )


def _spikes(name: str, data: bytes, files: Files) -> Case:
    arguments = [
        "simulate",
        "spiking.yaml",
        "--inputs",
        name,
        "--duration-ns",
        "10",
        "--read-seed",
        "0",
        "--out",
        "out/trace.npz",
    ]
    return _case(f"spikes-{name.rpartition('.')[2]}", files, ("spiking.yaml",), name, data, arguments)


def data_npz(rng: random.Random, files: Files) -> Case:
    """A data set of one's own, scored and trained on."""
    data = change.changed_npz(rng, arrays()["data.npz"])
    arguments = _evaluate()
    if rng.random() < 0.3:
        arguments = [
            "train",
            "rate.yaml",
            "--rule",
            "bptt",
            "--data",
            "npz:data.npz",
            "--epochs",
            "1",
            "--batch-size",
            "4",
            "--run-dir",
            "out/run",
        ]
    return _case("data-npz", files, ("rate.yaml", "rate.safetensors"), "data.npz", data, arguments)


def idx(rng: random.Random, files: Files) -> Case:
    """The first file of MNIST, packed or not; what has the right header still has the wrong content."""
    head = struct.pack(">4I", 0x803, 60000, 28, 28)
    data = change.damaged(rng, head + bytes(rng.choice((0, 100, 784))))
    data = gzip.compress(data, 1) if rng.random() < 0.5 else data
    name = f"data/mnist/train-images-idx3-ubyte{rng.choice(('.gz', ''))}"
    data = change.damaged(rng, data) if rng.random() < 0.5 else data
    return _case(
        "idx",
        files,
        (*_CHIP, "rate.safetensors"),
        name,
        data,
        _evaluate("mnist-8in", "rate.safetensors", "--data-dir", "data"),
    )


def program(rng: random.Random, files: Files) -> Case:
    """A program, scored or run."""
    data = change.changed_tensors(rng, files["rate.safetensors"])
    arguments = (
        ["simulate", "rate.yaml", "--inputs", "x.npy", "--out", "out/trace.npz"] if rng.random() < 0.7 else _evaluate()
    )
    return _case("program", files, (*_CHIP, "x.npy"), "rate.safetensors", data, arguments)


def _run_folder(files: Files) -> tuple[str, ...]:
    return tuple(name for name in files if name.startswith("run/"))


def _resume() -> list[str]:
    return [
        "train",
        "rate.yaml",
        "--recipe",
        "recipe.yaml",
        "--data",
        "npz:data.npz",
        "--run-dir",
        "run",
        "--resume",
        "--epochs",
        "2",
        "--out",
        "out/p.safetensors",
    ]


def checkpoint(rng: random.Random, files: Files) -> Case:
    """The state of a training, resumed."""
    data = change.changed_tensors(rng, files["run/checkpoint.safetensors"])
    arguments = _resume()
    if rng.random() < 0.7:  # the recipe that it was made with: goes on to its end
        del arguments[arguments.index("--epochs") : arguments.index("--epochs") + 2]
    return _case(
        "checkpoint", files, (*_CHIP, "recipe.yaml", *_run_folder(files)), "run/checkpoint.safetensors", data, arguments
    )


def run_folder(rng: random.Random, files: Files) -> Case:
    """A text of a run folder, reported or resumed."""
    name = rng.choice(
        [name for name in _run_folder(files) if name.endswith((".json", ".yaml", ".csv", "program.safetensors"))]
    )
    data = files[name]
    if name.endswith(".safetensors"):
        data = change.changed_tensors(rng, data)
    elif name.endswith(".csv"):
        data = change.changed_table(rng, data)
    else:
        data = _text(rng, data, as_json=name.endswith(".json"))
    draw = rng.random()
    arguments = [*_resume()[:-4], "--out", "out/p.safetensors"]
    if draw < 0.05:  # drawing takes as long as ten trainings
        arguments = ["report", "run", "--out", "out/curves.svg", "--json", "out/runs.json"]
    elif draw < 0.1:
        arguments = ["report", "run", "--out", "out/w.svg", "--figure", "efficacies"]
    elif draw < 0.11:
        arguments = ["report", "run", "--out", "out/page.html"]
    return _case("run", files, (*_CHIP, "recipe.yaml", *_run_folder(files)), name, data, arguments)


def measured(rng: random.Random, files: Files) -> Case:
    """What was measured on a chip: spreads are estimated from it, it is scored, and trained for."""
    data = change.changed_table(rng, files["chip.csv"])
    draw = rng.random()
    arguments = ["fit", "rate.yaml", "chip.csv", "--json", "out/fit.json"]
    if draw < 0.2:
        scored = [word for word in _evaluate() if word not in ("--trials", "1")]
        arguments = [*scored, "--refine", "1", "--measured", "chip.csv"]
    elif draw < 0.25:
        arguments = ["train", "rate.yaml", "--measured", "chip.csv", "--run-dir", "out/run"]
    return _case("measured-csv", files, (*_CHIP, "rate.safetensors"), "chip.csv", data, arguments)


def trace(rng: random.Random, files: Files) -> Case:
    """A trace of a dendrite."""
    data = change.changed_table(rng, files["trace.csv"])
    arguments = ["fit", "rate.yaml", "--trace", "trace.csv", "--json", "out/fit.json"]
    return _case("trace-csv", files, _CHIP, "trace.csv", data, arguments)


def evaluation(rng: random.Random, files: Files) -> Case:
    """An evaluation's JSON where another kind is asked for: soensim itself reads none."""
    data = _text(rng, files["score.json"], as_json=True)
    flag = rng.choice(("netlist", "program", "recipe", "inputs", "run"))
    arguments = {
        "netlist": ["check", "score.json", "--json", "out/check.json"],
        "program": _evaluate("npz:data.npz", "score.json"),
        "recipe": ["train", "rate.yaml", "--recipe", "score.json", "--run-dir", "out/run"],
        "inputs": ["simulate", "rate.yaml", "--inputs", "score.json", "--out", "out/trace.npz"],
        "run": ["report", "score.json", "--out", "out/page.html"],
    }[flag]
    return _case("evaluation", files, (*_CHIP, "rate.safetensors"), "score.json", data, arguments)


COMMANDS: Mapping[str, list[list[str]]] = {
    "check": [["rate.yaml", "--json", "out/check.json", "--seed", "0"], ["light.yaml", "--strategy", "crossbar",
    "--rate-mhz", "10", "--today", "2026-01-01"], ["--rules"]],
    "explain": [["rate.yaml", "--from", "pixels[0]", "--to", "hidden[1]", "--json", "out/a.json"]],
    "evaluate": [["rate.yaml", "--program", "rate.safetensors", "--data", "npz:data.npz", "--trials", "1", "--seed",
    "0", "--refine", "1", "--json", "out/s.json", "--html", "none"]],
    "train": [["rate.yaml", "--rule", "bptt", "--data", "npz:data.npz", "--epochs", "1", "--batch-size", "4",
    "--run-dir", "out/run", "--seed", "1", "--json", "out/r.json"],
              ["rate.yaml", "--epochs", "1", "--ideal-epochs", "1", "--learning-rate", "0.1", "--efficacy-spread",
              "0.1", "--keep", "best", "--threads", "1", "--device", "cpu", "--out", "out/p.safetensors"]],
    "report": [["run", "--out", "out/c.svg", "--figure", "curves", "--json", "out/r.json"], ["run", "--out",
    "out/w.png", "--figure", "connections", "--projection", "hidden->hidden"]],
    "simulate": [["rate.yaml", "--inputs", "x.npy", "--program", "rate.safetensors", "--out", "out/t.npz", "--seed",
    "1", "--read-seed", "2", "--refine", "1", "--json", "out/t.json"],
                 ["spiking.yaml", "--inputs", "spikes.csv", "--duration-ns", "10", "--read-seed", "0", "--record",
                 "neurons.soma", "--out", "out/t.npz"]],
    "export": [["--format", "ngspice", "--circuit", "chain", "--length", "2", "--efficacy", "0.7", "--out",
    "out/d.cir", "--json", "out/d.json"],
               ["rate.yaml", "--format", "targets", "--chip-seed", "3", "--spread",
               "efficacy=0.1", "--out", "out/c.csv"],
               ["--format", "josim", "--circuit", "tree", "--depth", "1", "--fan-in", "2", "--bias", "1.8",
               "--beta-di", "100", "--tau-di-ns", "50", "--duration-ns", "1"]],
    "import": [["model.json", "--format", "soen-toolkit", "--bits", "4", "--out", "out/m.yaml"]],
    "fit": [["rate.yaml", "chip.csv", "--trace", "trace.csv", "--population", "hidden", "--json", "out/f.json"]],
    "circuit": [["nist-2023", "--flux", "0.3", "--current", "1.9", "--json", "out/g.json"]],
    "schema": [["--out", "out/schema.json"], []],
    "technology": [["nist-2023", "--json", "out/t.json"], []],
    "convert": [["gamma_minus=0.001", "--to", "tau_ns", "--technology", "nist-2023", "--json", "out/c.json"]],
}  # fmt: skip
_CHEAP = ("check", "explain", "simulate", "export", "technology", "convert", "schema", "evaluate")


def command(rng: random.Random, files: Files) -> Case:
    """A command line of any verb."""
    verb = rng.choice((*COMMANDS, *_CHEAP))
    words = change.changed_arguments(
        rng, [verb, *rng.choice(COMMANDS[verb])] if rng.random() < 0.05 else rng.choice(COMMANDS[verb])
    )
    arguments = words if words and words[0] in COMMANDS else [verb, *words]
    return Case("command", files, arguments, "")


KINDS: Mapping[str, Make] = {
    "netlist": netlist,
    "technology": technology,
    "recipe": recipe,
    "npy": npy,
    "spikes-csv": lambda rng, files: _spikes("spikes.csv", change.changed_table(rng, files["spikes.csv"]), files),
    "spikes-npz": lambda rng, files: _spikes("spikes.npz", change.changed_npz(rng, arrays()["spikes.npz"]), files),
    "edges-csv": lambda rng, files: _with_labels(files, "edges.csv", change.changed_table(rng, files["edges.csv"])),
    "edges-npz": lambda rng, files: _with_labels(files, "edges.npz", change.changed_npz(rng, arrays()["edges.npz"])),
    "positions-csv": lambda rng, files: _with_labels(
        files, "positions.csv", change.changed_table(rng, files["positions.csv"])
    ),
    "measured-csv": measured,
    "trace-csv": trace,
    "data-npz": data_npz,
    "idx": idx,
    "program": program,
    "checkpoint": checkpoint,
    "run": run_folder,
    "evaluation": evaluation,
    "command": command,
}
#: Share of each kind in a run of all kinds: more of what is cheap and has many ways to be wrong.
WEIGHTS: Mapping[str, int] = {"netlist": 16, "technology": 4, "command": 4, "npy": 2, "program": 2}


def write(case: Case, folder: Path) -> None:
    """Write the files of a case."""
    for name, data in case.files.items():
        path = folder / name
        if path.parent != folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "out").mkdir(exist_ok=True)


def as_shell(case: Case) -> str:
    """Write the command as one would type it."""
    return " ".join(["python -m soensim", *map(repr, case.arguments)])


def environment(folder: Path) -> dict[str, Any]:
    """Return the environment in which mutants run: one thread each, no data sets from elsewhere, no download."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    return {
        **threads,
        "SOENSIM_DATA": str(folder / "no-data"),
        "TMPDIR": str(folder / "tmp"),
        "COLUMNS": "80",
        "HOME": os.environ.get("HOME", "/"),
    }
