"""Programs: quantisation, the file and its refusals."""

import json

import numpy as np
import pytest
import safetensors.numpy
from conftest import SMALL, compiled
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.errors import ProgramError
from soensim.program import FORMAT, Program, Slot, dense_weights, slots


def random_weights(network, seed=0, scale=0.4):
    rng = np.random.default_rng(seed)
    values = {key: scale * rng.standard_normal(slot.shape) for key, slot in slots(network).items()}
    return {**values, **dense_weights(network, values)}


@pytest.fixture
def program(small):
    return Program.quantised(small, random_weights(small)).with_header({"netlist": "small", "seeds": {"train_seed": 1}})


def test_quantised_values_are_the_nearest_levels(small, program):
    for key, slot in slots(small).items():
        distance = np.abs(program.ideal_values[key][..., None] - slot.levels)
        np.testing.assert_allclose(
            np.abs(program.values[key] - program.ideal_values[key]), distance.min(-1), atol=1e-12
        )


def test_as_ideal_is_not_quantised(program):
    for key, values in program.as_ideal().values.items():
        np.testing.assert_array_equal(values, program.ideal_values[key])


@settings(max_examples=60, deadline=None)
@given(
    levels=st.lists(st.floats(-3, 3), min_size=2, max_size=40, unique=True).map(sorted),
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=30),
)
def test_codes_of_any_table_are_nearest_and_stable(levels, values):
    slot = Slot((len(values),), np.array(levels), np.ones(len(values)))
    codes = slot.codes(np.array(values))
    held = slot.values(codes)
    best = np.abs(np.array(values)[:, None] - slot.levels).min(1)
    np.testing.assert_allclose(np.abs(held - values), best, atol=1e-12)
    np.testing.assert_array_equal(slot.codes(held), codes)


def test_fixed_signs_never_change_sign():
    text = SMALL.replace(
        "efficacy: {bits: 4, range: 0.3}\ntiming", "efficacy: {bits: 4, range: 0.3, sign: negative}\ntiming"
    )
    network = compiled(text)
    program = Program.quantised(network, random_weights(network))
    held = program.values["hidden->hidden"]
    assert held.max() <= 0
    assert held.min() == pytest.approx(-0.3)
    assert np.all(held[program.ideal_values["hidden->hidden"] > 0] == 0)


def test_round_trip_is_exact(program, tmp_path):
    program.save(tmp_path / "p.safetensors")
    again = Program.load(tmp_path / "p.safetensors")
    assert again == program
    assert again.header == program.header
    again.save(tmp_path / "q.safetensors")
    assert (tmp_path / "p.safetensors").read_bytes() == (tmp_path / "q.safetensors").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.safetensors", "q.safetensors"]


def test_programs_that_differ_are_not_equal(small, program):
    assert program != Program.quantised(small, random_weights(small, seed=1)).with_header(program.header)
    assert program != program.with_header({"netlist": "else"})
    assert program != program.as_ideal()


def error_of(call):
    with pytest.raises(ProgramError) as error:
        call()
    return str(error.value)


def test_missing_file(tmp_path):
    path = tmp_path / "none.safetensors"
    assert error_of(lambda: Program.load(path)) == f"{path}: no such file; train one with `soensim train`"


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_truncated_file(program, tmp_path, keep):
    path = tmp_path / "p.safetensors"
    program.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert error_of(lambda: Program.load(path)).startswith(f"{path}: is not a program, or is damaged: ")


def test_any_flipped_byte_is_noticed(program, tmp_path):
    path = tmp_path / "p.safetensors"
    program.save(path)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(8, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0x01
        path.write_bytes(damaged)
        error_of(lambda: Program.load(path))


def rewritten(path, **changes):
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = {"soensim": json.dumps({**json.loads(file.metadata()["soensim"]), **changes})}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    safetensors.numpy.save_file(tensors, path, metadata)


def test_tampered_header(program, tmp_path):
    path = tmp_path / "p.safetensors"
    program.save(path)
    rewritten(path, header={"netlist": "another"})
    expected = f"{path}: its content does not match its checksum; it was altered or damaged"
    assert error_of(lambda: Program.load(path)) == expected


def test_another_version(program, tmp_path):
    path = tmp_path / "p.safetensors"
    program.save(path)
    rewritten(path, format="soensim-program/9")
    assert error_of(lambda: Program.load(path)) == (
        f"{path}: has the format 'soensim-program/9'; this soensim reads '{FORMAT}'; train one with `soensim train`"
    )


def test_foreign_safetensors(tmp_path):
    path = tmp_path / "f.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, path)
    assert error_of(lambda: Program.load(path)) == (
        f"{path}: is a safetensors file, but not a program of soensim; train one with `soensim train`"
    )


def test_wrong_chip(program):
    other = compiled(SMALL.replace("bits: 4, range: 0.3", "bits: 5, range: 0.3"))
    assert error_of(lambda: program.check_chip(other)) == (
        f"the program was made for chip 'small' (hash {program.netlist_hash[:12]}), not for 'small' "
        f"(hash {other.netlist_hash[:12]}); train one for this netlist"
    )


def test_weights_that_do_not_fit(small):
    weights = random_weights(small)
    absent = np.argwhere(
        dense_weights(small, {k: np.ones(s.shape) for k, s in slots(small).items()})["hidden->hidden"] == 0
    )
    i, j = absent[0]
    revived = weights["hidden->hidden"].copy()
    revived[i, j] = 0.1
    cases = [
        ({**weights, "hidden->hidden": revived}, "not zero on an edge that the chip does not have"),
        ({**weights, "hidden->pixels": revived}, "no 'hidden->pixels' on chip 'small'; it has pixels->hidden"),
        ({k: v for k, v in weights.items() if k != "readout"}, "the weights lack 'readout'"),
        ({**weights, "readout": np.zeros((10, 5))}, "have the shape (10, 5); the chip needs (10, 6)"),
        ({**weights, "readout": np.full((10, 6), np.nan)}, "hold a value that is not finite"),
    ]
    for given_weights, message in cases:
        assert message in error_of(lambda w=given_weights: Program.quantised(small, w))


def test_one_value_per_edge_is_the_same_as_the_matrix(small):
    weights = random_weights(small)
    matrix = Program.quantised(small, weights)
    assert Program.quantised(small, {**weights, "hidden->hidden": matrix.ideal_values["hidden->hidden"]}) == matrix
    with pytest.raises(ProgramError, match=r"\(17,\); the chip needs \(6, 6\), or one per edge, \(18,\)"):
        Program.quantised(small, {**weights, "hidden->hidden": np.zeros(17)})


def test_absent_trims_are_zero(small):
    weights = random_weights(small)
    del weights["hidden.flux_trim"]
    assert np.all(Program.quantised(small, weights).values["hidden.flux_trim"] == 0)


def test_an_ideal_program_is_not_saved(program, tmp_path):
    assert "quantise it first" in error_of(lambda: program.as_ideal().save(tmp_path / "p.safetensors"))
    assert list(tmp_path.iterdir()) == []


def test_ideal_weights_can_be_others_than_those_that_were_quantised(small):
    first, second = random_weights(small, 1), random_weights(small, 2)
    program = Program.quantised(small, first, ideal=second)
    for key, values in Program.quantised(small, first).values.items():
        np.testing.assert_array_equal(program.values[key], values)
    np.testing.assert_array_equal(program.ideal_values["readout"], second["readout"])
