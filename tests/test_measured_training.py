"""Training for one measured chip: what its forward pass has, and what is refused beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from soensim.commands import cli, export, train
from soensim.errors import RecipeError
from soensim.fabrication import MeasuredChip, read_measured
from soensim.netlist import load_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.training import make_recipe
from soensim.training.trainable_network import TrainableChip

RATE = "netlists/year1-28.yaml"
HEAD = "kind,where,neuron,source,quantity,value,unit,asked\n"
ROWS = (
    "synapse,pixels->hidden,0,0,efficacy,0.15,Phi_0 per I_c,0.1",
    "neuron,hidden,2,,gamma_plus,0,1/tau,",
    "neuron,hidden,3,,bias_current,1.8,I_c,1.9",
)
NETLIST = load_netlist(RATE)
NETWORK = compile_network(route(NETLIST))


def measured(folder: Path, *rows: str) -> MeasuredChip:
    (path := folder / "chip.csv").write_text(HEAD + "\n".join(rows))
    return read_measured(path, NETWORK, NETLIST.device_technology.junction)


def chip_of(folder: Path, *rows: str, **settings: object) -> TrainableChip:
    recipe = make_recipe("bptt", {"epochs": 1, **settings})
    return TrainableChip(NETWORK, recipe, torch.float64, measured=measured(folder, *rows))


def test_every_forward_pass_has_the_measured_values(tmp_path: Path) -> None:
    chip = chip_of(tmp_path, *ROWS)
    for quantise in (False, True):
        programmed = chip.values(quantise)["pixels->hidden"].detach().numpy()
        for made in (chip.nominal(quantise), chip.training_chip(quantise, (0, 1, 0))):
            held = made.values["pixels->hidden"].detach().numpy()
            assert held[0] == pytest.approx(1.5 * programmed[0])
            assert np.array_equal(held[1:], programmed[1:])
            assert (made.gamma_plus[0][2], made.bias_current[0][3]) == (0, 1.8)
            assert np.array_equal(made.flux_offset[0], NETWORK.populations[0].flux_offset)
    (held_sum := chip.nominal(True).values["pixels->hidden"].sum()).backward()
    assert held_sum.requires_grad
    assert chip.latent["pixels->hidden"].grad[0] == pytest.approx(1.5)
    assert chip.latent["pixels->hidden"].grad[1] == 1


def test_measured_noise_is_drawn_anew_in_every_batch(tmp_path: Path) -> None:
    noisy = chip_of(tmp_path, "chip,,,,read_noise_flux,0.01,Phi_0", "chip,,,,read_seed,5,1")
    seeds = {noisy.training_chip(True, (0, batch, 0)).read_seed for batch in (1, 2)}
    assert len(seeds - {5, None}) == 2
    assert noisy.training_chip(True, (0, 1, 0)).read_seed in seeds
    assert noisy.nominal(True).read_seed == 5
    assert chip_of(tmp_path, *ROWS).training_chip(True, (0, 1, 0)).read_seed is None


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (ROWS, {"robust": True}, r"robust: virtual chips are drawn, and the chip of .*chip\.csv is not"),
        (ROWS, {"efficacy_spread": 0.1}, r"efficacy_spread: virtual chips are drawn"),
        (ROWS, {"spread": "gamma_plus=0.1"}, r"gamma_plus_spread: virtual chips are drawn"),
        (ROWS, {"quantise": False, "calibration_samples": 10}, "calibration_samples: it rounds for the chip as drawn"),
        (("synapse,pixels->hidden,0,0,efficacy,0.15,Phi_0 per I_c,",), {}, "efficacies of pixels->hidden .* `asked`"),
    ],
)
def test_recipes_that_do_not_go_with_a_measured_chip(
    rows: tuple[str, ...], settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message):
        chip_of(tmp_path, *rows, **settings)


def test_a_rule_that_does_not_see_the_converters(tmp_path: Path) -> None:
    recipe = make_recipe("eprop", {"epochs": 1})
    assert not recipe.sees_readout_converters
    with pytest.raises(RecipeError, match=r"chip\.csv: has adc_bits; rule 'eprop' learns from the states before"):
        TrainableChip(NETWORK, recipe, measured=measured(tmp_path, "chip,,,,adc_bits,6,bit"))


def run(*arguments: str) -> int:
    small = ["--epochs", "1", "--ideal-epochs", "0", "--train-samples", "64", "--threads", "1"]
    return cli.run(train.main, [RATE, *small, *arguments])


def test_the_program_says_which_chip_it_is_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = tmp_path / "chip 7.csv", str(tmp_path / "run")
    given = [RATE, "--format", "targets", "--chip-seed", "7", "--spread", "efficacy=0.3", "--out", str(path)]
    assert cli.run(export.main, given) == 0
    assert run("--measured", str(path), "--run-dir", folder, "--json", str(tmp_path / "t.json")) == 0
    said = capsys.readouterr().out
    assert f"--measured '{path}'" in said
    fingerprint = read_measured(path, NETWORK, NETLIST.device_technology.junction).fingerprint
    named = {"file": str(path), "fingerprint": fingerprint}
    program = Program.load(tmp_path / "run" / "program.safetensors", NETWORK)
    assert program.header["measured"] == named
    assert json.loads((tmp_path / "t.json").read_text())["measured"] == named
    assert json.loads((tmp_path / "run" / "run.json").read_text())["measured"] == named
    (other := tmp_path / "other.csv").write_text("\n".join(path.read_text().splitlines()[:-1]))
    for again in (["--measured", str(other)], []):
        assert run(*again, "--run-dir", folder, "--resume") == 2
        assert f"its measured was '{fingerprint[:40]}" in capsys.readouterr().err
    assert run("--measured", str(path), "--run-dir", folder, "--resume") == 0


def test_the_run_folder_has_the_name_of_the_chip() -> None:
    from soensim.training.run_folder import default_run_dir

    plain = default_run_dir("chip", "bptt", "digits-rows", 0)
    one, two = (default_run_dir("chip", "bptt", "digits-rows", 0, f"{place}/chip a.csv") for place in ("x", "y"))
    assert plain.name == "chip-bptt-digits-rows-0"
    assert one.name.startswith("chip-bptt-digits-rows-0-chip_a-")
    assert one != two


def test_a_training_is_for_one_chip(capsys: pytest.CaptureFixture[str]) -> None:
    """The first of two files would be left out without a word."""
    assert run("--measured", "a.csv", "--measured", "b.csv") == 2
    assert "--measured is given twice; give one file" in capsys.readouterr().err


def test_a_measured_file_is_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path := tmp_path / "p.safetensors").write_text(HEAD + ROWS[1])
    assert run("--measured", str(path), "--out", str(path), "--run-dir", str(tmp_path / "run")) == 2
    assert "is read by this command" in capsys.readouterr().err
