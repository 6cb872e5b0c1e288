"""Rules on the physics of a chip, and the command with its page, JSON and report database."""

import json
import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from check_problems import TODAY, by_hand, report, waived
from conftest import LABELS, ROOT, SMALL
from layouts import chip

from soensim.check import RULES, Finding, check_chip
from soensim.check.lyrdb import lyrdb
from soensim.check.text_report import chip_report
from soensim.circuit import Device, validity
from soensim.circuit.drive_validity import SampledDrive, drive_validity
from soensim.commands import cli
from soensim.commands.check import main
from soensim.errors import CircuitError
from soensim.netlist import dump_netlist, load_netlist, parse_netlist

CHIPS = sorted((ROOT / "netlists").glob("*.yaml"))


#: A chip whose input samples let many fluxons in.
SLOW = SMALL.replace("sample_tau: 200, substeps: 2", "sample_tau: 1600, substeps: 4")
SLOW = SLOW.replace("1.0e-3", "1.25e-4").replace("5.0e-4", "6.25e-5")


def physics(text: str) -> list[Finding]:
    return [f for f in check_chip(parse_netlist(text), today=TODAY).findings if f.id.startswith("SOEN-PH")]


def found(text: str) -> dict[str, tuple[str, float | None]]:
    return {f.id: (f.severity, f.value) for f in physics(text)}


# --- physics ---------------------------------------------------------------------------------------------


def test_a_sound_chip_has_notes_only():
    severities = found(SLOW)
    assert {severity for severity, _ in severities.values()} == {"note"}
    assert severities["SOEN-PH-001"][1] == 400
    assert severities["SOEN-PH-002"][1] < 1e-4
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


@pytest.mark.parametrize(
    ("substeps", "gamma_minus", "severity", "said"),
    [
        (4, "1.0e-3", "note", "resolves the dendrites, in training too: dt gamma_plus = 0.05, dt gamma_minus = 0.05"),
        (3, "1.0e-3", "warning", "may learn the integrator instead of the chip: dt gamma_plus = 0.0667"),
        (4, "2.5e-3", "note", "dt gamma_minus = 0.125"),
        (4, "2.6e-3", "warning", "dt gamma_minus = 0.13; a finer step confirms .* set timing.substeps to 5, or"),
        (1, "6.0e-3", "error", "too coarse; set timing.substeps to 2 or more"),
    ],
)
def test_a_step_is_resolved_for_training_or_only_followed(substeps, gamma_minus, severity, said):
    text = SMALL.replace("substeps: 2", f"substeps: {substeps}").replace(
        "gamma_minus: 5.0e-4", f"gamma_minus: {gamma_minus}"
    )
    (step,) = [f for f in physics(text) if f.id == "SOEN-PH-001"]
    assert step.severity == severity
    assert re.search(said, step.message)


def test_a_step_of_the_chips_own_choice_is_resolved():
    assert found(SMALL.replace(", substeps: 2", ""))["SOEN-PH-001"] == ("note", 50)


def validity_of(text: str) -> Finding:
    (finding,) = [f for f in physics(text) if f.id == "SOEN-PH-002"]
    return finding


def test_the_model_is_judged_under_the_drive_of_the_chip():
    netlist = load_netlist(ROOT / "netlists" / "year1-28.yaml")
    (own,) = [f for f in check_chip(netlist, today=TODAY).findings if f.id == "SOEN-PH-002"]
    assert own.severity == "warning"
    assert own.value == pytest.approx(3.2e-4, rel=0.05)
    assert "under a new level of flux every 0.16 ns, i_b = 1.9, tau_di = 1.6 ns" in own.message
    assert "its states are 1.8 % off the circuit's (root of chi^2)" in own.message
    assert "`soensim evaluate --circuit N` compares them" in own.message
    small = validity_of(SMALL)
    device = Device.from_technology(parse_netlist(SMALL).device_technology)
    assert small.value == drive_validity(device, SampledDrive(1.9, 1000.0, 5e-4, 200.0)).chi_squared
    held = validity_of(SMALL.replace("substeps: 2", "substeps: 2, hold_samples: 3"))
    assert held.value == drive_validity(device, SampledDrive(1.9, 1000.0, 5e-4, 600.0)).chi_squared
    slow = validity_of(SLOW)
    assert slow.severity == "note"
    assert "at most" not in slow.message
    slower = SLOW.replace("sample_tau: 1600", "sample_tau: 1600000").replace("1.25e-4", "1.25e-7")
    assert (
        "at most: measured on one that is 160 times faster" in validity_of(slower.replace("6.25e-5", "6.25e-8")).message
    )
    assert "tau_di = inf ns" in validity_of(SMALL.replace("5.0e-4", "0")).message


def test_where_there_is_no_own_measurement_the_slow_drive_is_named(monkeypatch):
    assert (
        "slow steps of flux (0.4 and 0.5 Phi_0"
        in validity_of(SMALL.replace("bias_current: 1.9", "bias_current: 1.0")).message
    )
    small_loop = validity_of(SMALL.replace("gamma_plus: 1.0e-3", "beta_di: 62.8"))
    assert (small_loop.severity, small_loop.value) == ("error", pytest.approx(validity(62.8).chi_squared))

    def refuse(*_):
        raise CircuitError("no table")

    monkeypatch.setattr("soensim.check.physics.drive_validity", refuse)
    slow = validity_of(SMALL)
    assert (slow.severity, slow.value) == ("note", pytest.approx(validity(1000.0).chi_squared))
    assert "not under the drive of this chip" in slow.message


def test_virtual_source_functions_are_pointed_at():
    assert found(LABELS)["SOEN-PH-004"] == ("warning", None)
    assert "SOEN-PH-002" not in found(LABELS)


def test_every_dendrite_of_a_spiking_chip_is_checked():
    text = (ROOT / "netlists" / "point-neurons-10.yaml").read_text()
    sound = physics(text)
    assert [f.id for f in sound] == ["SOEN-PH-001", *["SOEN-PH-002", "SOEN-PH-003"] * 2]
    assert {f.severity for f in sound} == {"note"}
    assert [f.object for f in sound[1::2]] == ["populations.neurons: soma", "populations.neurons: refractory"]
    weak = text.replace("soma: {threshold: 0.3}", "soma: {threshold: 0.3}\n    refractory: {beta_di: 314}")
    (coarse,) = physics(weak)
    assert (coarse.id, coarse.severity) == ("SOEN-PH-001", "error")
    assert "set timing.substeps to 13 or more" in coarse.message
    weak = weak.replace("substeps: 10", "substeps: 20")
    assert [f.severity for f in physics(weak)] == ["note", "note", "note", "warning", "note"]


# --- the command -----------------------------------------------------------------------------------------


def test_command(tmp_path, capsys):
    path = tmp_path / "chip.yaml"
    path.write_text(SLOW)
    assert cli.run(main, [str(path)]) == 0
    assert "passes: 0 errors, 0 warnings, 4 notes, 0 waived" in capsys.readouterr().out
    path.write_text(SMALL.replace("bias_current: 1.9", "bias_current: 1.0"))
    assert cli.run(main, [str(path), "--json", "-", "--today", "2026-06-01"]) == 1
    made = json.loads(capsys.readouterr().out)
    rule = next(r for r in made["rules"] if r["id"] == "SOEN-PH-003")
    assert set(rule) >= {"id", "severity", "object", "location", "value", "limit", "message", "waived"}
    assert rule["limit"] == pytest.approx(1.0472, abs=1e-4)
    assert {key: made["routes"][key] for key in ("requested", "routed", "absent")} == {
        "requested": 66,
        "routed": 66,
        "absent": {},
    }
    assert (made["passes"], made["today"], made["chip"]["laid_out"]) == (False, "2026-06-01", False)
    assert set(made["versions"]) >= {"python", "soensim", "numpy"}
    assert made["command"].startswith("python -m soensim.check")


@pytest.mark.parametrize("path", CHIPS, ids=lambda p: p.stem)
def test_every_chip_that_ships_passes(path, capsys, tmp_path):
    assert cli.run(main, [str(path), "--json", str(tmp_path / "check.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() for line in lines)
    made = json.loads((tmp_path / "check.json").read_text())
    for line in made["budget"]:
        assert set(line) >= {"quantity", "value", "unit", "formula", "source", "estimate"}
        assert line["formula"]
        assert line["source"]
        assert math.isfinite(line["value"])
    assert made["routes"]["requested"] == made["routes"]["routed"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml"], "none.yaml"),
        ([], "no chip is given"),
        (["CHIP", "--today", "soon"], "--today: 'soon' is not a day"),
        (["CHIP", "--strategy", "crossbar"], "has no waveguides to route"),
        (["CHIP", "--strategy", "mahnattan"], "mahnattan"),
        (["CHIP", "--rate-mhz", "5"], "a firing rate has no meaning"),
        (["CHIP", "--rate-mhz", "-5"], "--rate-mhz: -5 is not legal; it must be a number above 0"),
        (
            ["CHIP", "--frame-samples", "0"],
            "--frame-samples: 0 is not legal; it must be a whole number from 1 to 1000000000",
        ),
        (["CHIP", "--lyrdb", "-"], "- is not a file"),
        (["CHIP", "--lyrdb", "no-such-folder/x.lyrdb"], "no-such-folder"),
        (["CHIP", "--seed", "-1"], "seed"),
        (["CHIP", "--figure", "picture"], "is not laid out"),
    ],
)
def test_bad_input(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chip.yaml").write_text(SMALL)
    assert cli.run(main, ["chip.yaml" if a == "CHIP" else a for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("soensim: error: ")
    assert message in captured.err
    assert [p.name for p in tmp_path.iterdir()] == ["chip.yaml"]


def test_rules_are_listed(capsys):
    assert cli.run(main, ["--rules"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100
    for rule in RULES.values():
        assert re.search(rf"^{rule.id}  {rule.severity} +{re.escape(rule.title)}$", said, re.MULTILINE)


def test_another_strategy_is_another_chip(tmp_path, capsys):
    path = tmp_path / "chip.yaml"
    path.write_text(dump_netlist(chip()))
    made = {}
    for strategy in ("crossbar", "manhattan", "direct"):
        assert cli.run(main, [str(path), "--strategy", strategy, "--json", "-"]) == 0
        made[strategy] = json.loads(capsys.readouterr().out)
        assert made[strategy]["chip"]["strategy"] == strategy
    assert len({m["chip"]["hash"] for m in made.values()}) == 3
    lengths = {strategy: m["ledger"][1]["length_um"]["median"] for strategy, m in made.items()}
    assert lengths["direct"] < lengths["crossbar"]
    assert cli.run(main, [str(path), "--json", "-"]) == 0
    own = json.loads(capsys.readouterr().out)
    assert own["chip"]["hash"] == made["crossbar"]["chip"]["hash"]


def test_ledger_of_a_report():
    loss, length = np.linspace(3.0, 11.0, 81), np.linspace(100.0, 4100.0, 81)
    made = report(by_hand(chip(), paths={"hidden->hidden": {"loss_db": loss, "length_um": length, "split_db": loss}}))
    (summary,) = (s for s in made.ledger if s.key == "hidden->hidden")
    assert summary.figures["length_um"] == (100, 2100, 4100)
    assert summary.figures["loss_db"] == pytest.approx((3, 7, 11))
    assert summary.worst == "hidden[8]->hidden[8]"
    assert summary.causes_db["split"] == 11
    assert "worst: hidden[8]->hidden[8], 11 dB (split 11)" in chip_report(made)


def test_the_page_says_how_to_fix_a_rule_once():
    gone = {key: {(0, 1): ("loss", 21.0, 20.0)} for key in ("pixels->hidden", "hidden->hidden")}
    said = " ".join(chip_report(report(by_hand(chip(absent="error"), absent=gone))).split())
    assert said.count(RULES["SOEN-RT-006"].fix) == 1
    first, second = said.index("pixels[0]->hidden[1]: 21 dB"), said.index("hidden[0]->hidden[1]: 21 dB")
    assert first < said.index(RULES["SOEN-RT-006"].fix) < second


# --- the report database ---------------------------------------------------------------------------------


def unquoted(text: str) -> str:
    """Read a quoted word as KLayout does (tlString.cc): a backslash takes the next character for itself."""
    assert text[0] == text[-1] == "'"
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def test_report_database():
    netlist = waived(chip(absent="error"), ("SOEN-RT-006", "hidden[4]*", "2026-12-31"))
    absent = {"hidden->hidden": {(s, 2): ("loss", 20.0 + s, 20.0) for s in range(1, 5)}}
    made = report(by_hand(netlist, absent=absent))
    tricky = Finding("SOEN-RT-001", "error", "it's \\ <row>", 1.5, None, "tracks", "a & b")
    text = lyrdb(netlist, [*made.findings, tricky], "soensim check 'x y'")
    assert "<report-database>" in text.splitlines()[1]  # how KLayout recognises the format
    root = ET.fromstring(text)  # noqa: S314
    order = ["description", "original-file", "generator", "top-cell", "tags", "categories", "cells", "items"]
    assert [element.tag for element in root] == order
    categories = {c.findtext("name"): c.findtext("description") for c in root.findall("categories/category")}
    assert list(categories) == list(RULES)
    assert all(rule.fix in categories[rule.id] for rule in RULES.values())
    tags = {tag.findtext("name") for tag in root.findall("tags/tag")}
    assert [c.findtext("name") for c in root.findall("cells/cell")] == [netlist.name] == [root.findtext("top-cell")]
    items = root.findall("items/item")
    assert len(items) == len(made.findings) + 1
    for item, finding in zip(items, [*made.findings, tricky], strict=True):
        assert unquoted(item.findtext("category")) == finding.id
        assert item.findtext("cell") == netlist.name
        assert item.findtext("multiplicity") == str(finding.count)
        used = set(item.findtext("tags").split(","))
        assert used <= tags
        assert ("waived" in used) == finding.waived
        values = dict(value.text.split(": ", 1) for value in item.findall("values/value"))
        assert unquoted(values["text"]) == f"{finding.object}: {finding.message}"
        assert ("box" in values) == (finding.location is not None)
    lost = next(i for i in items if "waived" in i.findtext("tags"))
    values = dict(value.text.split(": ", 1) for value in lost.findall("values/value"))
    assert values["box"] == "(350,150;550,150)"
    assert float(values["float"]) == 24
    assert lost.findtext("comment") == "known (until 2026-12-31)"


def test_report_database_of_the_command(tmp_path, capsys):
    path, target = tmp_path / "chip.yaml", tmp_path / "chip.lyrdb"
    path.write_text(dump_netlist(chip(die_um=300)))
    assert cli.run(main, [str(path), "--lyrdb", str(target)]) == 1
    said = capsys.readouterr().out
    assert "does not pass: 1 error," in said
    assert said.endswith(f"written: {target}\n")
    root = ET.parse(target).getroot()  # noqa: S314
    assert [unquoted(i.findtext("category")) for i in root.findall("items/item")] == [
        "SOEN-PH-001",
        "SOEN-PH-004",
        "SOEN-FP-001",
    ]


def test_the_page_of_a_bad_chip_with_long_names():
    text = dump_netlist(chip(absent="error", strategy="manhattan", routing="waveguide_pitch_um: 30", die_um=1500))
    long = "a_population_of_neurons_whose_name_is_as_long_as_is_legal_at_all"
    netlist = waived(parse_netlist(re.sub(r"\bhidden\b", long, text)), ("SOEN-RT-001", "row *", "2026-12-31"))
    made = check_chip(netlist, today=TODAY)
    said = chip_report(made)
    assert not made.passes
    assert max(map(len, said.splitlines())) <= 100
    for finding in made.findings:
        assert finding.id in said
    assert "waived until 2026-12-31: known" in said
