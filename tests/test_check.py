"""Rules on the physics of a chip, and the command."""

import json

import pytest
from conftest import LABELS, ROOT, SMALL

from soensim import cli
from soensim.check import check_chip
from soensim.check.__main__ import main
from soensim.circuit import validity
from soensim.netlist import parse_netlist


def found(text: str) -> dict[str, tuple[str, float | None]]:
    return {f.id: (f.severity, f.value) for f in check_chip(parse_netlist(text))}


def test_a_sound_chip_has_notes_only():
    severities = found(SMALL)
    assert {severity for severity, _ in severities.values()} == {"note"}
    assert severities["SOEN-PH-001"][1] == 100
    assert severities["SOEN-PH-002"][1] == pytest.approx(validity(1000.0).chi_squared)
    assert severities["SOEN-PH-003"][1] == 1.9


@pytest.mark.parametrize(
    ("old", "new", "rule", "severity"),
    [
        ("sample_tau: 200", "sample_tau: 2000", "SOEN-PH-001", "error"),
        ("sample_tau: 200, substeps: 2", "sample_tau: 2000", "SOEN-PH-001", "note"),
        ("gamma_plus: 1.0e-3", "beta_di: 62.8", "SOEN-PH-002", "error"),
        ("gamma_plus: 1.0e-3", "beta_di: 314", "SOEN-PH-002", "warning"),
        ("bias_current: 1.9", "bias_current: 1.0", "SOEN-PH-003", "error"),
        ("bias_current: 1.9", "bias_current: 2.1", "SOEN-PH-003", "warning"),
    ],
)
def test_each_rule(old, new, rule, severity):
    assert found(SMALL.replace(old, new))[rule][0] == severity


def test_virtual_source_functions_are_pointed_at():
    assert found(LABELS)["SOEN-PH-004"] == ("warning", None)
    assert "SOEN-PH-002" not in found(LABELS)


def test_command(tmp_path, capsys):
    chip = tmp_path / "chip.yaml"
    chip.write_text(SMALL)
    assert cli.run(main, [str(chip)]) == 0
    assert "0 broken, 0 to look at, of 3 findings" in capsys.readouterr().out
    chip.write_text(SMALL.replace("bias_current: 1.9", "bias_current: 1.0"))
    assert cli.run(main, [str(chip), "--json", "-"]) == 1
    report = json.loads(capsys.readouterr().out)
    rule = next(r for r in report["rules"] if r["id"] == "SOEN-PH-003")
    assert set(rule) >= {"id", "severity", "object", "location", "value", "limit", "message", "waived"}
    assert rule["limit"] == pytest.approx(1.0472, abs=1e-4)
    assert report["routes"] == {"requested": 66, "routed": 66, "absent": {}}
    assert cli.run(main, [str(tmp_path / "none.yaml")]) == 2


@pytest.mark.parametrize("chip", sorted((ROOT / "netlists").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_chip_that_ships_passes(chip):
    assert cli.run(main, [str(chip)]) == 0


def test_every_dendrite_of_a_spiking_chip_is_checked():
    text = (ROOT / "netlists" / "point-neurons-10.yaml").read_text()
    sound = check_chip(parse_netlist(text))
    assert [f.id for f in sound] == ["SOEN-PH-001", *["SOEN-PH-002", "SOEN-PH-003"] * 2]
    assert {f.severity for f in sound} == {"note"}
    assert [f.object for f in sound[1::2]] == ["populations.neurons: soma", "populations.neurons: refractory"]
    weak = text.replace("soma: {threshold: 0.3}", "soma: {threshold: 0.3}\n    refractory: {beta_di: 314}")
    (coarse,) = check_chip(parse_netlist(weak))
    assert (coarse.id, coarse.severity) == ("SOEN-PH-001", "error")
    assert "set timing.substeps to 13 or more" in coarse.message
    weak = weak.replace("substeps: 10", "substeps: 20")
    assert [f.severity for f in check_chip(parse_netlist(weak))] == ["note", "note", "note", "warning", "note"]
