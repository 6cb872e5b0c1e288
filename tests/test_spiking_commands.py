"""Every verb on a spiking chip with a program: it works, or answers in one clear line."""

import json
import re

import numpy as np
import pytest
from conftest import ROOT
from spiking_chips import SPIKING
from test_spiking_program import dataset, programmed

from soensim.commands import cli, evaluate, explain, export, fit, report, simulate, sweep, train
from soensim.evaluation import Analyses
from soensim.evaluation import evaluate as score
from soensim.fabrication import FabricatedChip, fabricate_chip
from soensim.netlist import parse_netlist
from soensim.network import compile_network
from soensim.program import Program, slots
from soensim.routing import route
from soensim.simulation.spiking import simulate_spikes
from soensim.simulation.spiking.realise import realise

#: 64 lines, 3 hidden and 10 output neurons, 100 ns per digit: quick, and not meant to be right.
DIGITS = (
    SPIKING.replace("size: 4", "size: 64")
    .replace("    size: 2", "    size: 10")
    .replace("sample_ns: 400, substeps: 200", "sample_ns: 200, substeps: 50")
    + "imperfections: {efficacy_spread: 0.05, flux_offset_spread: 0.01}\n"
    + "task: {data: digits-image, rule: spiking-rate, recipe: {ideal_epochs: 1, epochs: 1, train_samples: 64}}\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A chip, and a program of random efficacies beside it."""
    made = tmp_path_factory.mktemp("spiking")
    (made / "chip.yaml").write_text(DIGITS)
    network = compile_network(route(parse_netlist(DIGITS)))
    rng = np.random.default_rng(1)
    values = {key: rng.uniform(-0.2, 0.2, slot.shape) for key, slot in slots(network).items()}
    Program.quantised(network, values).save(made / "chip.safetensors")
    return made


def run(module, *arguments):
    return cli.run(module.main, [str(argument) for argument in arguments])


def told(capsys):
    """The one line that a refusal is."""
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    (line,) = [line for line in output.err.splitlines() if line.startswith("soensim: error")]
    return line


# --- evaluate and what follows it ---------------------------------------------------------------------------


def test_evaluate_with_a_requirement(folder, tmp_path, capsys):
    flags = ["--trials", "2", "--waterfall", "--yield", "0.1"]
    files = ["--json", tmp_path / "e.json", "--html", tmp_path / "e.html"]
    assert run(evaluate, folder / "chip.yaml", *flags, "--require", "accuracy >= 0.99", *files) == cli.ANSWER_IS_NO
    found, said = json.loads((tmp_path / "e.json").read_text()), capsys.readouterr().out
    assert found["waterfall"] is not None
    assert found["yield"]["met"] is False
    assert found["spiking"]["ties"] > 0
    assert re.search(r"spikes +lines", said)
    html = (tmp_path / "e.html").read_text()
    for part in ("Spikes while reading", "Accuracy, effect by effect", "Yield"):
        assert part in html


def test_margins_and_causes():
    """Of the smallest chip, with few samples: what the flags of the command ask for."""
    routed = route(parse_netlist(SPIKING))
    asked = Analyses(waterfall=False, margins=0.1, causes=16)
    found = score(routed, programmed(compile_network(routed), 4), dataset(), trials=2, analyses=asked)
    assert {row.parameter for row in found.margins.rows} >= {"efficacy_spread"}
    assert {cause.effect for cause in found.causes.effects} <= {name for name, _ in found.spreads}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--circuit", "5"], "circuits are solved of rate neurons alone, and its neurons spike"),
        (["--light", "average"], "has spiking neurons, whose light carries spikes, and no rate to average"),
        (["--spread", "read_noise_flux=0.01"], "spiking neurons, whose engine does not have it"),
    ],
)
def test_evaluate_refuses_what_spiking_chips_lack(folder, tmp_path, capsys, flags, message):
    output = ["--json", tmp_path / "e.json", "--html", "none"]
    assert run(evaluate, folder / "chip.yaml", *flags, *output) == cli.BAD_INPUT
    assert message in told(capsys)
    assert not (tmp_path / "e.json").exists()


def test_targets_are_measured_values_that_are_scored_fitted_and_compared(folder, tmp_path, capsys):
    chip = folder / "chip.yaml"
    for seed in (3, 4):
        target = tmp_path / f"chip-{seed}.csv"
        assert run(export, chip, "--format", "targets", "--chip-seed", seed, "--out", target) == cli.DONE
    files = [tmp_path / f"chip-{seed}.csv" for seed in (3, 4)]
    measured = [flag for file in files for flag in ("--measured", file)]
    assert run(evaluate, chip, *measured, "--json", tmp_path / "m.json", "--html", tmp_path / "m.html") == cli.DONE
    drawn = ["--trials", "2", "--chip-seed", "3", "--json", tmp_path / "d.json", "--html", "none"]
    assert run(evaluate, chip, *drawn) == cli.DONE
    accuracies = [json.loads((tmp_path / f"{name}.json").read_text())["accuracy"]["chip"]["each"] for name in "md"]
    assert accuracies[0] == accuracies[1]  # the values of a drawn chip, measured
    assert run(report, tmp_path / "m.json", tmp_path / "d.json") == cli.DONE
    assert "small-spiking" in capsys.readouterr().out
    assert run(fit, chip, *files, "--json", tmp_path / "fit.json") == cli.DONE
    assert "efficacy_spread" in (tmp_path / "fit.json").read_text()


def test_explain_an_edge(folder, capsys):
    assert run(explain, folder / "chip.yaml", "--from", "lines[3]", "--to", "hidden[2]") == cli.DONE
    assert "lines[3] -> hidden[2]: present" in capsys.readouterr().out


# --- training and sweeps ------------------------------------------------------------------------------------


def test_train_and_score_what_it_made(folder, tmp_path, capsys):
    program = tmp_path / "made.safetensors"
    assert run(train, folder / "chip.yaml", "--out", program, "--run-dir", tmp_path / "run") == cli.DONE
    output = ["--json", "-", "--html", "none"]
    assert run(evaluate, folder / "chip.yaml", "--program", program, "--trials", "1", *output) == cli.DONE
    assert json.loads(capsys.readouterr().out.split("\n", 3)[-1])["chip"]["name"] == "small-spiking"


def test_sweep_over_bits(folder, tmp_path):
    flags = ["--set", "projections[*].efficacy.bits=3,4", "--set", "evaluate.trials=2", "--seeds", "1"]
    assert run(sweep, folder / "chip.yaml", *flags, "--out", tmp_path / "bits", "--workers", "1") == cli.DONE
    table = (tmp_path / "bits" / "table.csv").read_text()
    assert len(table.splitlines()) == 3
    assert "failed" not in table.splitlines()[1].split(",")


# --- simulate -----------------------------------------------------------------------------------------------


def simulated(folder, tmp_path, *flags):
    spikes = tmp_path / "spikes.csv"
    rows = [f"{time},{channel}" for time in range(10, 400, 60) for channel in range(64)]
    spikes.write_text("time_ns,channel\n" + "\n".join(rows) + "\n")
    out = tmp_path / "trace.npz"
    arguments = [folder / "chip.yaml", "--inputs", spikes, "--duration-ns", "400", "--read-seed", "5", "--out", out]
    assert run(simulate, *arguments, *flags) == cli.DONE
    trains = [np.arange(10.0, 400, 60)] * 64
    return np.load(out), trains


@pytest.mark.parametrize(
    ("flags", "chip_seed", "ideal"), [([], None, False), (["--chip-seed", "2"], 2, False), (["--ideal"], None, True)]
)
def test_simulate_runs_a_program(folder, tmp_path, flags, chip_seed, ideal):
    path = folder / "chip.safetensors"
    found, trains = simulated(folder, tmp_path, "--program", path, *flags, "--json", tmp_path / "s.json")
    network = compile_network(route(parse_netlist(DIGITS)))
    program = Program.load(path, network)
    values = (program.as_ideal() if ideal else program).values
    made = fabricate_chip(network, values, network.spreads, chip_seed, read_seed=None)
    expected = simulate_spikes(realise(network, made), trains, duration_ns=400, read_seed=5)
    assert np.array_equal(found["spikes_ns"], expected.spikes_ns)
    assert len(expected.spikes_ns) > 0
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["program"] == str(path)
    assert summary["seeds"] == {"chip_seed": chip_seed, "read_seed": 5}


def test_without_a_program_every_synapse_has_its_highest_level(folder, tmp_path):
    found, trains = simulated(folder, tmp_path)
    network = compile_network(route(parse_netlist(DIGITS)))
    highest = simulate_spikes(network.spiking, trains, duration_ns=400, read_seed=5)
    assert np.array_equal(found["spikes_ns"], highest.spikes_ns)
    drawn = FabricatedChip.nominal(network, Program.load(folder / "chip.safetensors", network).values)
    programmed = simulate_spikes(realise(network, drawn), trains, duration_ns=400, read_seed=5)
    assert not np.array_equal(highest.spikes_ns, programmed.spikes_ns)


def test_a_program_of_another_chip_is_refused(folder, tmp_path, capsys):
    (tmp_path / "spikes.csv").write_text("time_ns,channel\n1,0\n")
    other = ROOT / "netlists" / "spiking-digits.safetensors"
    arguments = ["--inputs", tmp_path / "spikes.csv", "--duration-ns", "10", "--out", tmp_path / "t.npz"]
    assert run(simulate, folder / "chip.yaml", *arguments, "--program", other) == cli.BAD_INPUT
    assert "spiking-digits" in told(capsys)
