"""A chip of which one effect comes from another chip, or a parameter is off alike in all devices."""

import dataclasses

import numpy as np
import pytest
from conftest import compiled
from test_imperfections import CALM, CROSSBAR, OPTICAL, inputs, quantised

from soensim.errors import SimulationError
from soensim.fabrication import IMPERFECTIONS, fabricate_chip
from soensim.fabrication.imperfections.run_noise import RunNoise
from soensim.fabrication.shift import OFFSETS, shifted
from soensim.simulation import class_scores

TWO = {"efficacy_spread": 0.1, "gamma_minus_spread": 0.05}


@pytest.fixture(scope="module")
def calm():
    return compiled(CALM)


@pytest.fixture(scope="module")
def optical():
    return compiled(OPTICAL)


@pytest.mark.parametrize("own", [8, 0])
def test_an_effect_of_its_own_seed_is_that_of_the_other_chip_and_the_rest_stays(calm, own):
    values = quantised(calm).values
    one, other = (fabricate_chip(calm, values, TWO, seed) for seed in (3, own))
    mixed = fabricate_chip(calm, values, TWO, 3, own_seeds={"gamma_minus_spread": own})
    for key in values:
        np.testing.assert_array_equal(mixed.values[key], one.values[key])
    np.testing.assert_array_equal(mixed.gamma_minus[0], other.gamma_minus[0])
    assert (mixed.gamma_minus[0] != one.gamma_minus[0]).all()


@pytest.mark.parametrize(
    ("own", "message"),
    [({"efficacy": 1}, "own_seeds names 'efficacy'; there are"), ({"efficacy_spread": -1}, "must be 0 or more")],
)
def test_own_seeds_that_are_refused(calm, own, message):
    with pytest.raises(SimulationError, match=message):
        fabricate_chip(calm, quantised(calm).values, TWO, 3, own_seeds=own)


def streams(network, name, monkeypatch):
    """Seeds of all streams that an imperfection draws from."""
    seeds, make = set(), np.random.default_rng
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "default_rng", lambda seed: (seeds.add(tuple(seed)), make(seed))[1])
        size = 4.0 if name.endswith("bits") else -3.0 if name == "stray_light_db" else 0.5
        IMPERFECTIONS[name](size).draw(network, 3)
    return seeds


@pytest.mark.parametrize("text", [CALM, OPTICAL])
def test_no_two_imperfections_share_a_stream(text, monkeypatch):
    """Common random numbers: adding one moves no draw of another. Noise has one seed for all of its kinds."""
    network = compiled(text)
    taken: dict[tuple[int, ...], str] = {}
    for name, kind in IMPERFECTIONS.items():
        if kind.absent(network) or issubclass(kind, RunNoise):
            continue
        found = streams(network, name, monkeypatch)
        assert bool(found) == kind(4.0 if name.endswith("bits") else 0.0).differs
        for seed in found:
            assert seed not in taken, (name, taken[seed])
            taken[seed] = name
    assert len(set(taken.values())) >= 10


def test_drift_differs_between_chips_only_with_a_spread_of_its_exponents():
    drift = IMPERFECTIONS["retention_drift"]
    assert drift(0.01, exponent_spread=0.1).differs
    assert not drift(0.01).differs


def test_a_chip_that_is_given_is_the_one_that_answers(calm):
    program, x = quantised(calm), inputs(calm)
    network = dataclasses.replace(calm, spreads=TWO)
    chip = fabricate_chip(network, program.values, TWO, 5)
    drawn = class_scores(network, program, x, chip_seed=5)
    np.testing.assert_array_equal(class_scores(network, program, x, chip=chip), drawn)
    assert not np.array_equal(class_scores(network, program, x), drawn)


@pytest.mark.parametrize("name", ["bias_current", "gamma_plus", "gamma_minus"])
def test_a_factor_is_common_to_all_neurons(calm, name):
    chip = fabricate_chip(calm, quantised(calm).values, {**TWO, "bias_current_spread": 0.02}, 3)
    off = shifted(calm, chip, name, 0.9)
    for old, new in zip(getattr(chip, name), getattr(off, name), strict=True):
        np.testing.assert_allclose(new, 0.9 * old, rtol=1e-15)
    rest = {f.name for f in dataclasses.fields(chip)} - {name}
    assert all(getattr(off, other) is getattr(chip, other) for other in rest)


def test_an_offset_of_the_flux_is_added(calm):
    chip = fabricate_chip(calm, quantised(calm).values, {"flux_offset_spread": 0.01}, 3)
    off = shifted(calm, chip, "flux_offset", -0.07)
    np.testing.assert_allclose(off.flux_offset[0], chip.flux_offset[0] - 0.07, rtol=1e-15)


def test_a_factor_on_delays_goes_with_that_of_the_chip():
    network = compiled(CROSSBAR)
    chip = fabricate_chip(network, quantised(network).values, {"delay_spread": 0.1}, 3)
    assert shifted(network, chip, "delays", 2.5).delay_factor == 2.5 * chip.delay_factor != 2.5


@pytest.mark.parametrize("sizes", [{}, {"detector_efficiency_spread": 0.1}])
def test_a_factor_on_photons_is_that_of_all_detectors(optical, sizes):
    chip = fabricate_chip(optical, quantised(optical).values, sizes, 3)
    off = shifted(optical, chip, "photons", 0.01)
    assert set(off.photons) == set(optical.light.photons)
    for key, photons in off.photons.items():
        np.testing.assert_allclose(photons, 0.01 * chip.photons.get(key, np.ones(len(photons))), rtol=1e-15)


def test_what_a_chip_lacks_cannot_be_off(calm, optical):
    assert {name for name, offset in OFFSETS.items() if offset.absent(calm)} == {"delays", "photons"}
    assert not OFFSETS["photons"].absent(optical)


@pytest.mark.parametrize(
    ("name", "amount", "message"),
    [("temperature", 1.0, "no parameter 'temperature' can be off; there are bias"), ("delays", -1.0, "0 or more")],
)
def test_what_cannot_be_off_is_refused(calm, name, amount, message):
    chip = fabricate_chip(calm, quantised(calm).values, {}, 3)
    with pytest.raises(SimulationError, match=message):
        shifted(calm, chip, name, amount)
