"""Programs that were changed and signed again: what can be one of the chip passes, what cannot is refused."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SMALL, compiled
from test_program import error_of, random_weights

from soensim.commands import cli
from soensim.commands.evaluate import main as evaluate
from soensim.commands.simulate import main as simulate
from soensim.netlist import load_netlist
from soensim.network import Network, compile_network
from soensim.program import Program, slots
from soensim.routing import route
from soensim.simulation import class_scores

CHIP = ROOT / "netlists" / "year1-28.yaml"
SHIPPED = sorted((ROOT / "netlists").glob("*.safetensors"))
HIDDEN, INPUT, TRIMS, READOUT = "hidden->hidden", "pixels->hidden", "hidden.flux_trim", "readout"
PROGRAMMABLE = SMALL.replace("range: 0.3}", "range: 0.3, full_scale: programmable}")


@cache
def chip(path: Path = CHIP) -> Network:
    return compile_network(route(load_netlist(path)))


@cache
def shipped() -> Program:
    return Program.load(CHIP.with_suffix(".safetensors"))


def changed(part, key, change):
    """Apply a change to a copy of one array; what it returns takes the array's place, None leaves it out."""

    def make(program):
        arrays = dict(getattr(program, part))
        array = arrays.pop(key, np.zeros(3)).copy()
        made = change(array)
        return replace(program, **{part: arrays if made is None else {**arrays, key: made}})

    return make


def put(place, value):
    def change(array):
        array[place] = value
        return array

    return change


def head(path, value):
    """Set a key of the header, `a.b` for one in a section; `DROP` takes it out."""

    def make(program):
        header = json.loads(json.dumps(program.header))
        section, _, key = path.rpartition(".")
        within = header[section] if section else header
        within.pop(key, None)
        if value is not DROP:
            within[key] = value
        return program.with_header(header)

    return make


DROP = object()

REFUSED = [
    # keys
    *(
        (changed(part, key, lambda _: None), f"{place}: the program has no {name} of it; chip 'year1-28' needs them")
        for part, name in (
            ("codes", "codes"),
            ("levels", "levels"),
            ("signs", "signs"),
            ("ideal_values", "ideal values"),
        )
        for key, place in (
            (HIDDEN, "projection 'hidden->hidden'"),
            (READOUT, "the readout"),
            (TRIMS, f"the trims '{TRIMS}'"),
        )
    ),
    (changed("codes", "a->b", lambda array: array), "has codes of 'a->b', which chip 'year1-28' does not have; it has"),
    (changed("levels", "else", lambda array: array), "has levels of 'else', which chip"),
    # shapes
    (
        changed("codes", HIDDEN, lambda array: array[:-1]),
        f"'{HIDDEN}': its codes have the shape (783,); that of the chip",
    ),
    (
        changed("codes", READOUT, lambda array: array.T),
        "the readout: its codes have the shape (28, 10); that of the chip is (10, 28)",
    ),
    (changed("codes", READOUT, lambda array: array.ravel()), "the readout: its codes have the shape (280,)"),
    (changed("ideal_values", INPUT, lambda array: np.append(array, 0.0)), "its ideal values have the shape (225,)"),
    (changed("signs", HIDDEN, lambda array: array[:1]), "its signs have the shape (1,); that of the chip is (784,)"),
    (changed("levels", HIDDEN, lambda array: array[:-1]), "its levels have the shape (14,); that of the chip is (15,)"),
    (changed("levels", TRIMS, lambda array: np.append(array, 0.6)), "its levels have the shape (256,)"),
    (changed("codes", HIDDEN, lambda array: array[:0]), "its codes have the shape (0,)"),
    # dtypes
    *(
        (
            changed("codes", HIDDEN, lambda array, dtype=dtype: array.astype(dtype)),
            f"its codes are {dtype}; legal is uint16",
        )
        for dtype in ("uint8", "int16", "int64", "float64")
    ),
    *(
        (changed(part, READOUT, lambda array, dtype=dtype: array.astype(dtype)), f"are {dtype}; legal is float64")
        for part in ("levels", "signs", "ideal_values")
        for dtype in ("float32", "int64")
    ),
    # codes
    (changed("codes", HIDDEN, put(3, 15)), f"projection '{HIDDEN}': code [3] is 15; legal are 0 to 14, of 15 levels"),
    (changed("codes", HIDDEN, put(783, 65535)), "code [783] is 65535; legal are 0 to 14"),
    (changed("codes", READOUT, put((2, 13), 16)), "the readout: code [2, 13] is 16; legal are 0 to 14"),
    (changed("codes", TRIMS, put(0, 255)), f"the trims '{TRIMS}': code [0] is 255; legal are 0 to 254, of 255 levels"),
    # level tables
    (changed("levels", HIDDEN, put(0, -9.0)), "level 0 is -9, not"),
    (changed("levels", HIDDEN, put(7, 0.01)), "level 7 is 0.01, not 0; legal is the chip's table, 15 levels from"),
    (changed("levels", HIDDEN, lambda array: array[::-1]), f"projection '{HIDDEN}': level 0 is"),
    (changed("levels", HIDDEN, lambda array: array * 0.5), "level 0 is"),
    (changed("levels", HIDDEN, lambda array: array * (1 + 1e-6)), "level 0 is -0.3000003, not -0.3; legal is"),
    (changed("levels", HIDDEN, lambda array: array * 0), "level 0 is -0, not -0.3"),
    (changed("levels", READOUT, put(14, np.nan)), "the readout: level 14 is nan"),
    (changed("levels", READOUT, put(14, np.inf)), "the readout: level 14 is inf"),
    (changed("levels", TRIMS, lambda array: array * 3), f"the trims '{TRIMS}': level 0 is"),
    # signs
    (changed("signs", HIDDEN, put(5, -1.0)), f"projection '{HIDDEN}': sign [5] is -1; that of the chip is 1"),
    (changed("signs", READOUT, put((9, 27), 0.0)), "the readout: sign [9, 27] is 0; that of the chip is 1"),
    (changed("signs", INPUT, put(0, np.nan)), "sign [0] is nan; that of the chip is 1"),
    (changed("signs", TRIMS, put(2, 2.0)), "sign [2] is 2; that of the chip is 1"),
    # ideal values
    (
        changed("ideal_values", HIDDEN, put(1, np.nan)),
        f"projection '{HIDDEN}': ideal value [1] is nan; legal is any finite",
    ),
    (changed("ideal_values", READOUT, put((0, 1), -np.inf)), "the readout: ideal value [0, 1] is -inf"),
    (changed("ideal_values", TRIMS, put(27, np.inf)), f"the trims '{TRIMS}': ideal value [27] is inf"),
    # header
    (head("netlist", 7), "header has netlist: 7; it must be text"),
    (head("substeps", "4"), "header has substeps: '4'; it must be a whole number from 1"),
    (head("substeps", 4.0), "header has substeps: 4.0; it must be a whole number"),
    (head("substeps", True), "header has substeps: True; it must be a whole number"),
    (head("substeps", 0), "header has substeps: 0; it must be"),
    (head("substeps", None), "header has substeps: None; it must be"),
    (head("substeps", 6), "trained with 6 substeps per sample; chip 'year1-28' has 4"),
    (head("data", "digits-rows"), "header has data: 'digits-rows'; it must be a mapping"),
    (head("data.data_seed", -1), "header has data.data_seed: -1; it must be a whole number from 0"),
    (head("data.data_seed", 0.5), "header has data.data_seed: 0.5; it must be a whole number"),
    (head("data.data_seed", "0"), "header has data.data_seed: '0'; it must be"),
    (head("data.data_seed", 2**63), "header has data.data_seed: 9223372036854775808; it must be"),
    (head("data.data_seed", DROP), "header has data without data_seed; it needs name, data_seed, fingerprint"),
    (head("data.name", None), "header has data.name: None; it must be a name"),
    (head("data.name", ["digits-rows"]), "header has data.name: ['digits-rows']; it must be a name"),
    (head("data.fingerprint", 5), "header has data.fingerprint: 5; it must be text"),
    (head("data.sha256", 1), "header has data.sha256: 1; it must be text"),
    (head("data.data_dir", 1), "header has data.data_dir: 1; it must be text or null"),
    (head("data.fingerprint", DROP), "header has data without fingerprint"),
    (head("recipe", []), "header has recipe: []; it must be a mapping"),
    (head("recipe.rule", 3), "header has recipe.rule: 3; it must be a name"),
    (head("recipe.rule", DROP), "header has recipe without rule"),
    (head("recipe.refine", 0), "header has recipe.refine: 0; it must be a whole number from 1"),
    (head("recipe.epochs", -4), "header has recipe.epochs: -4; it must be"),
    (head("recipe.train_seed", "x"), "header has recipe.train_seed: 'x'; it must be"),
    (head("recipe.learning_rate", 0), "header has recipe.learning_rate: 0; it must be a number above 0"),
    (head("recipe.quantise", 1), "header has recipe.quantise: 1; it must be true or false"),
    (head("recipe.clip_norm", {"a": 1}), "header has recipe.clip_norm: {'a': 1}; it must be text, a number"),
    (head("seeds", 0), "header has seeds: 0; it must be a mapping"),
    (head("seeds.train_seed", 1.5), "header has seeds.train_seed: 1.5; it must be"),
    (head("results", "good"), "header has results: 'good'; it must be a mapping"),
    (head("results.validation_accuracy", 1.01), "validation_accuracy: 1.01; it must be a number from 0 to 1"),
    (head("results.epoch", 0), "header has results.epoch: 0; it must be"),
    (head("versions.numpy", 2.4), "header has versions.numpy: 2.4; it must be text"),
    (head("threads", 0), "header has threads: 0; it must be"),
    (head("device", 0), "header has device: 0; it must be text"),
    (head("command", 5), "header has command: 5; it must be text or null"),
    (head("command", "\ud800"), r"header has command: '\ud800', which is no Unicode text"),
    (head("note\ud800", 1), "which is no Unicode text"),
    (lambda program: replace(program, netlist_hash="0" * 64), "made for chip 'year1-28' (hash 000000000000), not for"),
]

LEGAL = [
    changed("codes", HIDDEN, put(3, 14)),
    changed("codes", TRIMS, put(0, 254)),
    changed("codes", READOUT, put((2, 13), 0)),
    changed("ideal_values", HIDDEN, put(3, -12.5)),  # ideal weights from elsewhere need not lie in the table
    changed("levels", HIDDEN, lambda array: array * (1 + 1e-15)),  # another numpy's rounding
    head("substeps", 8),
    head("substeps", DROP),
    head("data", DROP),
    head("data", {}),
    head("recipe", DROP),
    head("recipe.ideal_epochs", 0),
    head("recipe.from_a_later_version", "yes"),
    head("netlist", "its old name"),
    head("command", None),
    head("notes", {"mine": [1, {"deep": None}]}),
    lambda program: program.with_header({}),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[f"{k}-{m[:50]}" for k, (_, m) in enumerate(REFUSED)])
def test_a_change_that_the_chip_cannot_have_is_refused(change, message, tmp_path):
    path = tmp_path / "p.safetensors"
    change(shipped()).save(path)
    Program.load(path)  # it is signed, so only the chip can tell
    found = error_of(lambda: Program.load(path, chip()))
    assert found.startswith(f"{path}: ")
    assert message in found
    assert len(found.removeprefix(str(path))) < 320
    assert "\n" not in found


@pytest.mark.parametrize("change", LEGAL)
def test_a_change_that_the_chip_can_have_is_accepted(change, tmp_path):
    path = tmp_path / "p.safetensors"
    change(shipped()).save(path)
    assert Program.load(path, chip()) == change(shipped())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_programs_fit_their_chips(path):
    program = Program.load(path, chip(path.with_suffix(".yaml")))
    program.as_ideal().check_chip(chip(path.with_suffix(".yaml")))


def test_ideal_weights_do_not_need_codes(small):
    Program.ideal(small, random_weights(small)).check_chip(small)


@pytest.mark.parametrize("scale", [1.0, 0.5, 1e-3])
def test_a_programmable_full_scale_may_shrink_the_table(scale):
    network = compiled(PROGRAMMABLE)
    program = Program.quantised(network, random_weights(network), scales={HIDDEN: scale})
    program.check_chip(network)
    levels = {**program.levels, HIDDEN: program.levels[HIDDEN] * 1.01 / scale}
    message = error_of(lambda: replace(program, levels=levels).check_chip(network))
    assert (
        f"projection '{HIDDEN}': its level table has 1.01 times the chip's full scale; legal is above 0 to 1" in message
    )
    levels = {**program.levels, HIDDEN: -program.levels[HIDDEN]}
    assert "has -" in error_of(lambda: replace(program, levels=levels).check_chip(network))
    bent = program.levels[HIDDEN].copy()
    bent[4] = bent[3]
    message = error_of(lambda: replace(program, levels={**program.levels, HIDDEN: bent}).check_chip(network))
    assert f"level 4 is {bent[3]:.12g}, not " in message
    assert f"times one factor in (0, 1] (here {scale:g})" in message


@pytest.mark.parametrize("kind", ["negative", "{kind: dale, inhibitory_fraction: 0.5, seed: 2}"])
def test_signs_that_fabrication_fixed_cannot_be_programmed(kind):
    network = compiled(SMALL.replace("range: 0.3}\ntiming", f"range: 0.3, sign: {kind}}}\ntiming"))
    program = Program.quantised(network, random_weights(network))
    program.check_chip(network)
    flipped = program.signs[HIDDEN].copy()
    flipped[2] *= -1
    message = error_of(lambda: replace(program, signs={**program.signs, HIDDEN: flipped}).check_chip(network))
    assert f"sign [2] is {flipped[2]:g}; that of the chip is {-flipped[2]:g}" in message


def test_substeps_are_those_of_the_netlist_at_any_refinement(program_of_small):
    """A program that was trained at 3 x 2 steps runs at any step; only the netlist's 2 count."""
    fine = program_of_small.with_header({"substeps": 6})
    for refine in (1, 2, 4):
        network = compiled(SMALL, refine=refine)
        fine.check_chip(network)
        wrong = fine.with_header({"substeps": 5})
        assert "chip 'small' has 2, and" in error_of(lambda p=wrong, n=network: p.check_chip(n))


@pytest.fixture
def program_of_small(small):
    return Program.quantised(small, random_weights(small))


def test_all_that_use_a_program_check_it(small, program_of_small, tmp_path, monkeypatch, capsys):
    """The engine, and with a path in the message both commands; the key that is wrong is read nowhere before."""
    codes = {**program_of_small.codes, HIDDEN: np.full_like(program_of_small.codes[HIDDEN], 99)}
    wrong = replace(program_of_small, codes=codes)
    message = f"projection '{HIDDEN}': code [0] is 99; legal are 0 to 14, of 15 levels"
    assert message in error_of(lambda: class_scores(small, wrong, np.zeros((1, 2, 8))))
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    wrong.save("small.safetensors")
    np.save("x.npy", np.zeros((1, 2, 8)))
    for main, arguments in (
        (evaluate, ["small.yaml", "--data", "digits-rows", "--trials", "1", "--json", "-", "--html", "none"]),
        (simulate, ["small.yaml", "--inputs", "x.npy", "--out", "t.npz"]),
    ):
        assert cli.run(main, arguments) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"soensim: error: small.safetensors: {message}")
        assert said.count("\n") == 1
    program_of_small.with_header({"data": ["digits-rows"]}).save("small.safetensors")
    assert cli.run(evaluate, ["small.yaml", "--trials", "1", "--json", "-", "--html", "none"]) == 2
    assert "small.safetensors: the program's header has data: ['digits-rows']" in capsys.readouterr().err


def test_every_slot_of_the_chip_is_compared(small, program_of_small):
    """No key is left out of the check: a wrong code is found in each of them."""
    for key in slots(small):
        codes = {**program_of_small.codes, key: np.full_like(program_of_small.codes[key], 999)}
        assert "is 999" in error_of(lambda c=codes: replace(program_of_small, codes=c).check_chip(small))
