"""SQUIDs that differ from neuron to neuron, against their circuit and their thresholds in closed form."""

import dataclasses
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LABELS, SMALL, compiled
from test_imperfections import CALM, inputs, quantised

from soensim.circuit import Device, mean_voltage, source_table, table_builder, threshold
from soensim.dynamics import SOURCE_FUNCTIONS, soft_slope
from soensim.dynamics.squid import squid_source
from soensim.errors import SimulationError
from soensim.fabrication import count_touched, fabricate_chip, read_sizes, with_asked
from soensim.fabrication.chip import SquidFactors
from soensim.fabrication.varied_squid import node_devices, varied_source
from soensim.simulation import simulate
from soensim.technology import load_technology
from soensim.training import BpttRecipe
from soensim.training.trainable_network import TrainableChip

DEVICE = Device.from_technology(load_technology("nist-2023"))
SQUID = CALM.replace("squid-fit", "squid")
FACTORS = SquidFactors(np.array([1.1, 0.92, 1.0]), np.array([0.95, 1.1, 1.2]), np.array([1.1, 0.93, 0.85]))


def devices():
    """The SQUID of each neuron."""
    for c, a, b in zip(FACTORS.critical_current, FACTORS.arm_1, FACTORS.arm_2, strict=True):
        yield c, Device(DEVICE.junction, DEVICE.beta_1 * c * a, DEVICE.beta_2 * c * b)


@pytest.fixture(scope="module")
def drawn():
    return squid_source(source_table(DEVICE))


def by_hand(chip_seed, name):
    return np.random.default_rng([chip_seed, zlib.crc32(name.encode())])


def test_each_neuron_has_the_voltage_of_its_circuit(drawn):
    rng = np.random.default_rng(0)
    phi, i = rng.uniform(-0.5, 0.5, (16, 3)), rng.uniform(1.0, 2.2, (16, 3))
    found = varied_source(drawn, FACTORS)(phi, i)
    exact = np.stack([c * mean_voltage(d, phi[:, k], i[:, k] / c) for k, (c, d) in enumerate(devices())], axis=1)
    assert np.abs(found - exact).max() < 3e-3
    assert np.sqrt(((found - exact) ** 2).mean()) < 6e-4
    assert np.abs(drawn(phi, i) - exact).max() > 0.05  # the drawing is another thing
    assert exact.max() > 0.5


def test_the_tables_about_the_default_device_are_shipped():
    """The first evaluation need not solve them, nor compile what does."""
    for device in node_devices(DEVICE):
        shipped = Path(table_builder.__file__).parent / "tables" / f"{table_builder.table_key(device, 0.0)}.npz"
        assert table_builder.read_table(shipped, shipped.stem) is not None


def test_the_threshold_moves_as_its_closed_form(drawn):
    """Without skew: the arms of a neuron alike."""
    factors = SquidFactors(np.array([1.15, 0.9]), np.array([0.9, 1.2]), np.array([0.9, 1.2]))
    source = varied_source(drawn, factors)
    for phi in (0.1, 0.3, 0.5):
        edge = [
            c * float(threshold(phi, DEVICE.beta_1 * c * a, DEVICE.beta_2 * c * a))
            for c, a in zip(factors.critical_current, factors.arm_1, strict=True)
        ]
        below, above = (source(np.full((1, 2), phi), np.array([edge]) + step)[0] for step in (-2e-3, 2e-3))
        assert not below.any()
        assert (above > 0.005).all()


def test_factors_of_one_are_the_drawing_to_the_bit(drawn):
    rng = np.random.default_rng(1)
    phi, i = rng.uniform(-1.5, 1.5, (50, 4)), rng.uniform(-2.6, 2.6, (50, 4))
    np.testing.assert_allclose(varied_source(drawn, SquidFactors.ones(4))(phi, i), drawn(phi, i), rtol=0, atol=1e-13)
    fit = SOURCE_FUNCTIONS["squid-fit"]
    np.testing.assert_array_equal(varied_source(fit, SquidFactors.ones(4))(phi, abs(i)), fit(phi, abs(i)))


def test_no_form_of_the_drawing_is_left(drawn):
    """Kernels, the smooth form and the table belong to SQUIDs that are alike."""
    fit = SOURCE_FUNCTIONS["squid-fit"]
    assert fit.soft is not None
    assert fit.fused is not None
    assert drawn.table is not None
    for source in (drawn, fit):
        varied = varied_source(source, FACTORS)
        assert (varied.soft, varied.smooth, varied.fused, varied.table) == (None,) * 4
        assert (varied.name, varied.virtual, varied.max_current) == (source.name, False, source.max_current)


def test_tensors_give_the_same_with_a_gradient(drawn):
    rng = np.random.default_rng(2)
    phi, i = rng.uniform(-0.5, 0.5, (40, 3)), rng.uniform(1.2, 2.2, (40, 3))
    expected = varied_source(drawn, FACTORS)(phi, i)
    source = varied_source(drawn, FACTORS, convert=torch.from_numpy, soften=lambda one: soft_slope(one, 0.0))
    flux, current = (torch.from_numpy(a).requires_grad_() for a in (phi, i))
    g = source(flux, current)
    np.testing.assert_allclose(g.detach().numpy(), expected, rtol=0, atol=1e-12)
    slopes = torch.autograd.grad(g.sum(), (flux, current))
    h, numpy_source, active = 1e-6, varied_source(drawn, FACTORS), expected > 0.1
    for slope, (dphi, di) in zip(slopes, ((h, 0.0), (0.0, h)), strict=True):
        finite = (numpy_source(phi + dphi, i + di) - numpy_source(phi - dphi, i - di)) / (2 * h)
        near = np.abs(slope.numpy() - finite)[active]
        assert np.median(near) < 1e-6  # but for the few that cross a cell of a table
        assert np.isfinite(slope.numpy()).all()


def test_a_critical_current_scales_current_and_voltage():
    """squid-fit: c g(phi, i / c), written out."""
    network = dataclasses.replace(compiled(CALM), spreads={"critical_current_spread": 0.1})
    program, x = quantised(network), inputs(network)
    c = np.maximum(1 + 0.1 * by_hand(3, "hidden.critical_current").standard_normal(6), 0.1)
    (p,) = network.populations
    own = dataclasses.replace(p.source, function=lambda phi, i: c * p.source(phi, i / c))
    by_netlist = dataclasses.replace(network, populations=(dataclasses.replace(p, source=own),))
    states = simulate(network, program, x, chip_seed=3).state
    np.testing.assert_array_equal(states, simulate(by_netlist, program, x).state)
    assert count_touched(network, program.values, 3) == {"critical_current_spread": 6}


def test_arms_are_drawn_each_on_its_own():
    network = dataclasses.replace(
        compiled(SQUID), spreads={"arm_inductance_spread": 0.1, "critical_current_spread": 0.05}
    )
    chip = fabricate_chip(network, quantised(network).values, network.spreads, 4)
    for k, arm in ((1, chip.squids[0].arm_1), (2, chip.squids[0].arm_2)):
        np.testing.assert_array_equal(arm, 1 + 0.1 * by_hand(4, f"hidden.arm_{k}").standard_normal(6))
    c = 1 + 0.05 * by_hand(4, "hidden.critical_current").standard_normal(6)
    np.testing.assert_array_equal(chip.squids[0].critical_current, c)
    touched = count_touched(network, quantised(network).values, 4)
    assert touched == {"arm_inductance_spread": 12, "critical_current_spread": 6}


@pytest.mark.parametrize(
    "text", ["arm_inductance=0.1", "critical_current=0.1,arm_inductance.correlation_um=inf,arm_inductance=0.05"]
)
def test_training_has_the_squids_of_the_simulation(text):
    network = with_asked(compiled(SQUID), read_sizes(text))
    program, x = quantised(network), inputs(network)
    trace = simulate(network, program, x, chip_seed=2)
    assert np.abs(trace.state - simulate(network, program, x).state).max() > 1e-4
    chip = TrainableChip(network, BpttRecipe(spread=text), dtype=torch.float64)
    tensors = {key: torch.from_numpy(np.array(v)).requires_grad_() for key, v in program.values.items()}
    states = chip.unroll(chip.fabricated(tensors, 2), chip.signals(torch.from_numpy(x)))[0]
    np.testing.assert_allclose(states[0].detach().numpy(), trace.state[:, 1:], rtol=0, atol=1e-12)
    gradient = torch.autograd.grad(states.sum(), tensors["hidden->hidden"])[0]
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    ("text", "size", "lacking"),
    [
        (LABELS, "critical_current=0.1", "no junctions: all its source functions are virtual"),
        (LABELS, "arm_inductance=0.1", "no arms: none of its source functions is `squid`"),
        (SMALL, "arm_inductance=0.1", "no arms: none of its source functions is `squid`"),
    ],
)
def test_chips_without_such_squids_say_so(text, size, lacking):
    with pytest.raises(SimulationError) as error:
        with_asked(compiled(text), read_sizes(size))
    assert lacking in str(error.value)
