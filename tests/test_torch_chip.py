"""A chip as a layer of torch: what it computes is what the engine computes, and its gradients are those of the chip."""

import copy
import re

import numpy as np
import pretend_device
import pytest
import torch
from conftest import ROOT, SMALL, compiled
from torch import nn

from soensim.errors import DataError, ProgramError, RecipeError
from soensim.netlist import load_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import class_scores
from soensim.torch import Chip


def network_of(name):
    return compile_network(route(load_netlist(ROOT / "netlists" / f"{name}.yaml")))


@pytest.fixture(scope="module")
def year1():
    return network_of("year1-28")


@pytest.fixture(scope="module")
def program():
    return Program.load(ROOT / "netlists" / "year1-28.safetensors")


@pytest.fixture(scope="module")
def rows24():
    return network_of("rows-24")


def values(network, batch=3, frames=8, seed=0):
    line = network.lines("data").channels
    return torch.rand((batch, frames, line.stop - line.start), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("name", "error"), [("year1-28", 5e-4), ("rows-24", 1e-9)])
def test_scores_are_those_of_the_engine(name, error):
    """A SQUID is trained in the smooth form of its source function, a fit of the table that the engine reads."""
    given = Program.load(ROOT / "netlists" / f"{name}.safetensors")
    chip = Chip(network_of(name), given, dtype=torch.float64).eval()
    x = values(chip.network, batch=20).double()
    expected = class_scores(chip.network, given, x.numpy())
    np.testing.assert_allclose(chip.scores(x).detach(), expected, rtol=0, atol=error)
    assert np.abs(expected).max() > 0.3


@pytest.mark.parametrize("name", ["year1-28", "rows-24"])
def test_a_program_goes_in_and_out_with_its_codes(name):
    network = network_of(name)
    given = Program.load(ROOT / "netlists" / f"{name}.safetensors")
    made = Chip(network, given).to_program()
    assert {k: c.tolist() for k, c in made.codes.items()} == {k: c.tolist() for k, c in given.codes.items()}
    for key, levels in given.levels.items():
        np.testing.assert_allclose(made.levels[key], levels, rtol=1e-12)
    assert made.header["substeps"] == given.header["substeps"]
    other = Chip(network, seed=1).load_program(given).to_program()
    assert other.codes["readout"].tolist() == given.codes["readout"].tolist()


def test_gradients_of_values_and_input_are_slopes(rows24):
    chip = Chip(rows24, quantise=False, dtype=torch.float64).eval()
    x = (0.2 + 0.6 * values(rows24, batch=2, frames=3).double()).requires_grad_()
    direction = torch.randn((2, 3, 28), generator=torch.Generator().manual_seed(1)).double()

    def loss(at):
        return chip(at)[0].square().sum()

    loss(x).backward()
    step = 1e-5
    with torch.no_grad():
        slope = float(loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    assert float((x.grad * direction).sum()) == pytest.approx(slope, rel=1e-6)
    for name, value in chip.named_parameters():
        if name == "readout":
            assert value.grad is None
            continue
        moved = torch.randn(value.shape, generator=torch.Generator().manual_seed(2)).double()
        with torch.no_grad():
            value += step * moved
            above = loss(x)
            value -= 2 * step * moved
            below = loss(x)
            value += step * moved
        assert float((value.grad * moved).sum()) == pytest.approx(float(above - below) / (2 * step), rel=1e-5), name


def test_levels_in_the_forward_pass_identity_backwards(rows24):
    chip, smooth = Chip(rows24), Chip(rows24, quantise=False)
    x = values(rows24)
    assert not torch.equal(chip(x)[0], smooth(x)[0])
    with torch.no_grad():
        for own, held in zip(smooth.parameters(), chip._trainable.values(True).values(), strict=True):
            own.copy_(held)
    assert torch.equal(chip(x)[0], smooth(x)[0])
    chip(x)[0].sum().backward()
    smooth(x)[0].sum().backward()
    for a, b in zip(chip.parameters(), smooth.parameters(), strict=True):
        assert (a.grad is None and b.grad is None) or torch.equal(a.grad, b.grad)


def test_trains_among_other_layers(rows24):
    """Two classes, bright in one half of the lines or in the other; the chip sees a learned mixture of the lines."""
    torch.manual_seed(0)
    chip = Chip(rows24)
    model = nn.Sequential(nn.Linear(28, 28), nn.Sigmoid(), chip)
    y = torch.arange(32) % 2
    x = 0.5 * torch.rand(32, 4, 28)
    x[y == 0, :, :14] += 0.5
    x[y == 1, :, 14:] += 0.5
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(15):
        loss = nn.functional.cross_entropy(10 * model(x)[0][:, -1, :2], y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        chip.clamp_()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert model[0].weight.grad.abs().sum() > 0
    written = chip.to_program()
    np.testing.assert_allclose(
        Chip(rows24, written).eval()(x)[0].detach(), chip.eval()(x)[0].detach(), rtol=0, atol=1e-5
    )


def test_virtual_chips(year1, program):
    chip, x = Chip(year1, program, robust=True, seed=3), values(year1)
    first, second = chip(x)[0], chip(x)[0]
    assert not torch.equal(first, second)
    assert int(chip.calls) == 2
    again = Chip(year1, program, robust=True, seed=3)
    assert torch.equal(first, again(x)[0])
    assert not torch.equal(first, Chip(year1, program, robust=True, seed=4)(x)[0])
    chip.eval()
    assert torch.equal(chip(x)[0], Chip(year1, program).eval()(x)[0])
    assert torch.equal(chip(x, chip_seed=5)[0], again(x, chip_seed=5)[0])
    assert not torch.equal(chip(x, chip_seed=5)[0], chip(x, chip_seed=6)[0])
    assert int(again.calls) == 1
    wide = Chip(year1, program, spread="efficacy=0.3").eval()
    assert not torch.equal(wide(x, chip_seed=5)[0], chip(x, chip_seed=5)[0])


def test_light_is_drawn_anew_only_in_training_mode():
    chip = Chip(network_of("optical-28"))
    x = values(chip.network, batch=2, frames=2)
    assert not torch.equal(chip(x)[0], chip(x)[0])
    chip.eval()
    assert torch.equal(chip(x)[0], chip(x)[0])


def test_label_lines():
    network = network_of("rows-24-labels")
    chip, x = Chip(network), values(network, batch=2, frames=2)
    own = [chip(x, torch.tensor([k, k]))[0] for k in (0, 7)]
    assert not torch.equal(*own)
    mixed = chip(x, torch.tensor([0, 7]))[0]
    assert torch.allclose(mixed[0], own[0][0], atol=1e-6)
    assert torch.allclose(mixed[1], own[1][1], atol=1e-6)
    with pytest.raises(DataError, match=r"label 10 is outside 0 \.\. 9"):
        chip(x, torch.tensor([0, 10]))
    with pytest.raises(DataError, match="1 labels for 2 samples"):
        chip(x, torch.tensor([3]))
    with pytest.raises(DataError, match="needs labels"):
        chip(x)
    with pytest.raises(RecipeError, match="no linear readout"):
        chip.scores(x)


def test_state_copies_and_precision(rows24):
    x = values(rows24)
    given = Program.load(ROOT / "netlists" / "rows-24.safetensors")
    chip = Chip(rows24, given).eval()
    fresh = Chip(rows24, seed=9).eval()
    fresh.load_state_dict(chip.state_dict())
    assert torch.equal(fresh(x)[0], chip(x)[0])
    twin = copy.deepcopy(chip)
    with torch.no_grad():
        for value in twin.parameters():
            value.zero_()
    assert torch.equal(fresh(x)[0], chip(x)[0])
    assert not torch.equal(twin(x)[0], chip(x)[0])
    fine = fresh.double()(x)[0]
    assert fine.dtype == torch.float64
    assert torch.allclose(fine, chip(x)[0].double(), atol=1e-5)
    assert fresh.to_program().codes["readout"].tolist() == given.codes["readout"].tolist()


def test_moves_to_a_device(rows24):
    chip, x = Chip(rows24).eval(), values(rows24)
    expected = chip(x)[0]
    with pretend_device.Sending():
        there = chip.to("pretend")
        found = there(x.to("pretend"))[0]
        assert found.device.type == "pretend"
    assert torch.allclose(found.to("cpu"), expected, atol=1e-5)


def test_full_scales_belong_to_the_state():
    network = compiled(SMALL.replace("range: 0.3}", "range: 0.3, full_scale: programmable}"))
    chip = Chip(network)
    with torch.no_grad():
        for value in chip.parameters():
            value.mul_(0.3)
    x = values(network)
    wide = chip.eval()(x)[0]
    fine = chip.fit_scales_()(x)[0]
    assert not torch.equal(wide, fine)
    written = chip.to_program()
    assert any(levels[-1] < 0.2 for levels in written.levels.values())
    fresh = Chip(network, seed=1).eval()
    fresh.load_state_dict(chip.state_dict())
    assert torch.equal(fresh(x)[0], fine)
    assert torch.equal(fresh.float()(x)[0], fine)
    assert torch.equal(Chip(network, written).eval()(x)[0], fine)


def test_refusals(year1, rows24, program):
    with pytest.raises(RecipeError, match=r"spiking neurons, which soensim\.torch does not run"):
        Chip(network_of("nine-pixel"))
    with pytest.raises(RecipeError, match=r"dtype is torch\.float16; legal: torch\.float32, torch\.float64"):
        Chip(rows24, dtype=torch.float16)
    with pytest.raises(ProgramError, match="year1-28"):
        Chip(rows24, program)
    chip = Chip(rows24)
    with pytest.raises(DataError, match=r"shape \(3, 28\); chip 'rows-24' takes \(batch, frames, 28\)"):
        chip(torch.zeros(3, 28))
    with pytest.raises(DataError, match=r"the values of x must be in \[0, 1\]; element \[0, 0, 0\] is 1\.5"):
        chip(torch.full((1, 1, 28), 1.5))
    with pytest.raises(RecipeError, match="no spread was asked for"):
        chip(values(rows24), chip_seed=1)
    with pytest.raises(ProgramError, match=r"the state is that of a chip with the netlist .*; this is 'rows-24'"):
        chip.set_extra_state(Chip(year1).get_extra_state())


def test_says_what_it_is(rows24):
    assert "Chip('rows-24', channels=28, neurons=24, edges=1248)" in repr(nn.Sequential(Chip(rows24)))


def test_the_example_of_the_page_runs(tmp_path, monkeypatch, capsys):
    """All of it but the number of batches and epochs."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "torch.md").read_text(), flags=re.DOTALL)
    for full, short in (("range(20)", "range(2)"), (">= 10", ">= 1"), ("randperm(len(x))", "randperm(128)")):
        assert full in code
        code = code.replace(full, short)
    (tmp_path / "netlists").symlink_to(ROOT / "netlists")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/torch.md", "exec"), {})  # noqa: S102
    assert re.fullmatch(r"\d+\.\d%\n", capsys.readouterr().out)
    Program.load("mine.safetensors", network_of("year1-28"))


def test_runs_at_the_step_of_the_program(year1, program):
    steps = year1.trained_substeps
    finer = program.with_header({**program.header, "substeps": 3 * steps})
    chip = Chip(year1, finer)
    assert chip.network.substeps == 3 * steps
    assert chip.to_program().header["substeps"] == 3 * steps
    with pytest.raises(ProgramError, match=rf"trained with {3 * steps} substeps .* this module runs {steps}; make a"):
        Chip(year1).load_program(finer)
