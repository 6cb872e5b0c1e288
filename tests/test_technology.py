"""Presets, the YAML loader's refusals, derived quantities, and the two commands."""

import doctest
import json
import os
import pickle
import re
from pathlib import Path

import pytest

import soensim.technology
from soensim.commands.convert import main as convert_main
from soensim.commands.technology import main as technology_main
from soensim.commands.verbs import run_command
from soensim.errors import NetlistError, SoensimError, TechnologyError
from soensim.netlist import parse_netlist
from soensim.technology import (
    Technology,
    load_technology,
    preset_names,
)

ENTRY = "{value: 1.0, unit: '1', range: [0.0, 2.0], source: here}"


def test_example_of_the_room() -> None:
    assert doctest.testmod(soensim.technology).failed == 0


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_says_where_its_numbers_come_from(name: str) -> None:
    technology = load_technology(name)
    assert technology.name == name
    for key, quantity in technology.stored.items():
        assert quantity.source, key
        assert quantity.unit, key
        assert (quantity.low is None) == (quantity.high is None), key
        assert quantity.low is not None or quantity.range_reason, key
        # A key's unit suffix must say what the unit field says.
        for suffix, unit in [
            ("_ns", "ns"),
            ("_um", "um"),
            ("_db", "dB"),
            ("_db_per_cm", "dB/cm"),
            ("_k", "K"),
        ]:
            if key.endswith(suffix):
                assert quantity.unit == unit, key


def test_default_preset_has_the_numbers_that_others_use() -> None:
    technology = load_technology("nist-2023")
    assert technology.junction.beta_c == 0.3
    assert technology.value("waveguide_loss_db_per_cm") == 0.24
    spreads = [technology.value(f"{key}_spread") for key in ("efficacy", "flux_offset", "bias_current", "gamma_minus")]
    assert spreads == [0.05, 0.01, 0.01, 0.02]
    assert all(technology.quantity(f"{k}_spread").is_estimate for k in ("efficacy", "gamma_minus"))
    ideal = load_technology("ideal")
    assert all(ideal.value(key) == 0.0 for key in ideal.stored if key.endswith("spread"))


def test_derived_quantities() -> None:
    technology = load_technology("nist-2023")
    assert technology.value("photons_per_spike_low") == pytest.approx(312, rel=1e-3)  # docs/devices.md: 312 photons
    assert technology.value("waveguide_delay_ps_per_cm") == pytest.approx(67, rel=5e-3)
    assert technology.value("state_per_fluxon") == pytest.approx(0.01)
    assert technology.value("bias_energy_per_fluxon_j") == pytest.approx(3.5e-19, rel=5e-3)
    assert technology.value("weight_memory_bits") == pytest.approx(8.6, abs=0.05)
    assert technology.value("shunt_resistance_ohm") == technology.junction.shunt_resistance_ohm
    assert not set(technology.derived) & set(technology.stored)


def test_unknown_quantity_names_the_nearest() -> None:
    with pytest.raises(TechnologyError, match="waveguide_loss_db_per_cm"):
        load_technology("nist-2023").value("wavguide_loss_db")


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(TechnologyError, match="nearest preset is 'nist-2023'"):
        load_technology("nist2023")


def test_quantity_without_a_source_has_no_silent_default() -> None:
    with pytest.raises(TechnologyError, match="no value for 'detector_efficiency'"):
        load_technology("nist-2023").value("detector_efficiency")


def test_hash_is_stable_and_sees_every_change() -> None:
    one, two = load_technology("nist-2023"), pickle.loads(pickle.dumps(load_technology("nist-2023")))  # noqa: S301
    assert one == two
    assert one.hash == two.hash
    assert hash(one) == hash(two)
    changed = Technology(one.name, one.description, one.junction, {**one.stored, "x": one.stored["beta_1"]})
    assert changed.hash != one.hash
    assert len({load_technology(name).hash for name in preset_names()}) == len(preset_names())
    assert json.loads(json.dumps(one.as_dict())) == one.as_dict()


def test_technology_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        load_technology("ideal").stored["beta_1"] = None  # type: ignore[index]


def write(folder: Path, quantities: str, head: str = "schema: soensim-technology/1\nname: mine\n") -> Path:
    path = folder / "mine.yaml"
    path.write_text(f"{head}extends: nist-2023\nquantities:\n{quantities}\n")
    return path


def test_file_extends_a_preset(tmp_path: Path) -> None:
    path = write(tmp_path, "  beta_c: {value: 0.4, unit: '1', range: [0.3, 0.5], source: mine}")
    mine, base = load_technology(path), load_technology("nist-2023")
    assert load_technology(str(path)) == mine
    assert mine.junction.beta_c == 0.4
    assert mine.value("omega_c_per_s") != base.value("omega_c_per_s")  # derived anew
    assert mine.value("coupler_db") == base.value("coupler_db")


@pytest.mark.parametrize(
    ("quantities", "message"),
    [
        ("  a: {value: 1.0, unit: '1', range: null, source: x}", "range_reason"),
        ("  a: {value: 1.0, unit: '1', source: x}", r"quantities\.a\.range: is missing"),
        ("  a: {value: 1.0, unit: '1', range: [0, 2], source: ''}", "source"),
        ("  a: {value: 3.0, unit: '1', range: [0, 2], source: x}", "low <= value <= high"),
        ("  a: {value: 1_0, unit: '1', range: [0, 2], source: x}", "'1_0' is not legal; it must be a finite number"),
        ("  a: {value: null, unit: '1', range: [0, 2], source: x}", "not found"),
        ("  a: {valu: 1.0, unit: '1', range: [0, 2], source: x}", "did you mean 'value'"),
        (f"  omega_c_per_s: {ENTRY}", "follows from other"),
        ("  beta_c: {value: 0.0, unit: '1', range: [0, 2], source: x}", "greater than 0"),
        ("  - a", "must be a mapping"),
        ("  a: [", "mine.yaml:6:1: is not YAML"),
        ("  a: " + "[" * 20000 + "]" * 20000, "mine.yaml:5:64: is nested more than 60 deep"),
        ("  beta_c: {value: " + "1" * 5000 + "}", "mine.yaml:5:19: a number of 5000 digits"),
        (
            "  beta_c: {value: 1" + "0" * 400 + ", unit: '1', range: null, range_reason: x, source: y}",
            "a finite number",
        ),
        (f"  a: {ENTRY}\n  a: {ENTRY}", "mine.yaml:6:3: key 'a' is given twice"),
        ("  a: {value: 1:30, unit: '1', range: [0, 2], source: x}", "'1:30' is not legal"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, quantities: str, message: str) -> None:
    with pytest.raises(TechnologyError, match=message) as caught:
        load_technology(write(tmp_path, quantities))
    assert "\n" not in str(caught.value)


def test_numbers_and_words_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = write(tmp_path, "  beta_c: {value: 3e-1, unit: '1', range: [010, 2001-13-45], source: mine}")
    with pytest.raises(TechnologyError, match=r"mine.yaml:5:36: quantities.beta_c.range: '2001-13-45' is not legal"):
        load_technology(path)
    path.write_text(path.read_text().replace("[010, 2001-13-45]", "[0, 010]").replace("mine\n", "2001-13-45\n", 1))
    mine = load_technology(path)
    assert (mine.name, mine.junction.beta_c, mine.stored["beta_c"].high) == ("2001-13-45", 0.3, 10.0)


def test_a_technology_that_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (Path("/dev/zero"), tmp_path / "pipe.yaml"):
        with pytest.raises(TechnologyError, match="is a device or a pipe"):
            load_technology(path)
    with pytest.raises(TechnologyError, match="is a directory; give the path of one technology in it"):
        load_technology(tmp_path)


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    entries = [
        "  a: {value: x, unit: '', range: [0, 2], source: x}",
        f"  omega_c_per_s: {ENTRY}",
        "  b: 5",
        f"  c: {ENTRY}",
        "  d: {value: 1.0, unit: '1', range: [2, 0], source: x}",
        "  e: {value: 1.0, unit: '1', range: [0, x, 1], source: x}",
        "  f: {value: 1.0, unit: '1', range: [0, x], source: x}",
    ]
    with pytest.raises(TechnologyError) as caught:
        load_technology(write(tmp_path, "\n".join(entries), "schema: soensim-technology/1\nname: 5\ndescription: 6\n"))
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path / 'mine.yaml'}: 9 faults"
    assert [line.split(": ")[1] for line in lines[1:]] == [
        "name",
        "description",
        "quantities.a.value",
        "quantities.a.unit",
        "quantities.omega_c_per_s",
        "quantities.b",
        "quantities.d.range",
        "quantities.e.range",
        "quantities.f.range",
    ]
    assert len(caught.value.faults) == 9


def test_faults_of_a_technology_are_one_line_in_a_netlist(tmp_path: Path) -> None:
    write(tmp_path, "  a: 5\n  b: 6")
    chip = (Path(__file__).parent.parent / "netlists" / "year1-28.yaml").read_text()
    text = re.sub(r"(?m)^technology: .*$", "technology: mine.yaml", chip)
    with pytest.raises(NetlistError) as caught:
        parse_netlist(text, folder=tmp_path)
    assert "\n" not in str(caught.value)
    assert "technology: " in str(caught.value)
    assert str(caught.value).endswith(" (and 1 more fault)")


def test_wrong_schema_unknown_key_missing_file_and_self_reference(tmp_path: Path) -> None:
    with pytest.raises(TechnologyError, match="reads 'soensim-technology/1'"):
        load_technology(write(tmp_path, f"  a: {ENTRY}", "schema: soensim-technology/9\nname: mine\n"))
    with pytest.raises(TechnologyError, match="did you mean 'extends'"):
        load_technology(write(tmp_path, f"  a: {ENTRY}", "extend: x\nschema: soensim-technology/1\nname: m\n"))
    with pytest.raises(TechnologyError, match="no such file"):
        load_technology(tmp_path / "absent.yaml")
    path = tmp_path / "loop.yaml"
    path.write_text("schema: soensim-technology/1\nname: loop\nextends: loop.yaml\n")
    with pytest.raises(TechnologyError, match="extends itself"):
        load_technology(path)


def test_convert_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    assert convert_main(["gamma_minus=0.001", "--to", "tau_ns", "--json", str(out)]) == 0
    assert "1.28278" in capsys.readouterr().out
    assert json.loads(out.read_text())["to"]["tau_ns"] == pytest.approx(1.2827821)
    assert list(tmp_path.iterdir()) == [out]  # no temporary file is left


def test_technology_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert technology_main(["nist-2023"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^waveguide_loss_db_per_cm +0\.24 +dB/cm +0\.068 to 0\.8", text, re.MULTILINE)
    assert technology_main(["nist-2023", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["hash"] == load_technology("nist-2023").hash
    assert document["derived"]["tau_0_s"]["source"] == "derived: 1 / omega_c"
    assert technology_main([]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in preset_names())


@pytest.mark.parametrize("argv", ["gamma_minus --to tau_ns", "g=x --to v_uv", "g=nan --to v_uv", "g=1"])
def test_convert_command_refuses(argv: str) -> None:
    with pytest.raises(SoensimError, match=r"it must be NAME=VALUE with a finite number|--to must be given"):
        convert_main(argv.split())


def test_json_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(SoensimError, match="cannot be written"):
        technology_main(["ideal", "--json", str(tmp_path / "absent" / "x.json")])


@pytest.mark.parametrize(("files", "legal"), [(20, True), (21, False), (700, False)])
def test_files_that_extend_one_another_have_a_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: int, legal: bool
) -> None:
    for k in range(files):
        parent = f"t{k + 1}.yaml" if k + 1 < files else "nist-2023"
        (tmp_path / f"t{k}.yaml").write_text(f"schema: soensim-technology/1\nname: t\nextends: {parent}\n")
    assert run_command(["technology", str(tmp_path / "t0.yaml")]) == (0 if legal else 2)
    told = capsys.readouterr().err
    message = "t19.yaml:3:10: extends: is one file more than the 20 that may extend one another; put the quantities"
    assert told == "" if legal else message in told
