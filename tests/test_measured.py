"""Measured chips: what a file says is what is scored, to the last bit, and every fault of a file is told."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import soensim
from soensim.commands import cli, evaluate, export
from soensim.data import load_dataset
from soensim.errors import MeasurementError, SoensimError
from soensim.evaluation import Requirement
from soensim.evaluation.requirement import count_yield
from soensim.fabrication import (
    FabricatedChip,
    MeasuredChip,
    fabricate_chip,
    measured_text,
    measured_values,
    read_measured,
    read_sizes,
    with_asked,
)
from soensim.fabrication.measured.quantities import QUANTITIES
from soensim.netlist import load_netlist
from soensim.network import Network, compile_network, with_average_light
from soensim.program import READOUT, Program
from soensim.report.formatting import headline
from soensim.report.provenance import trace_origin
from soensim.report.sections.fabricated import fabricated_section
from soensim.report.sections.section import Subject
from soensim.routing import route
from soensim.simulation import class_scores
from soensim.units import FLUX_QUANTUM_WB, Junction

HEAD = "kind,where,neuron,source,quantity,value,unit,asked\n"
RATE = "netlists/year1-28.yaml"
ALL_RATE = (
    "efficacy=0.1,programming_error=0.02,stuck_synapses=0.02,coupling=0.05,drop_synapses=0.02,dead_neurons=0.1,"
    "flux_offset=0.02,gamma_plus=0.05,gamma_minus=0.05,bias_current=0.01,critical_current=0.03,arm_inductance=0.05,"
    "delay=0.1,edge_delay=0.1,read_noise_flux=0.01,thermal_noise_k=4.2,fluxon_shot_noise=0.1,input_dac_bits=6,"
    "input_dac_noise=0.01,readout_adc_bits=8,readout_adc_noise=0.01,retention_drift=0.01"
)
ALL_LIGHT = "efficacy=0.1,detector_efficiency=0.2,emitter_power=0.1,tap_ratio_spread_db=0.8,stray_light_db=-30"


@cache
def chip(name: str = "year1-28") -> tuple[Network, Program, Junction]:
    netlist = load_netlist(f"netlists/{name}.yaml")
    network = compile_network(route(netlist))
    return network, Program.load(f"netlists/{name}.safetensors", network), netlist.device_technology.junction


def write(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text(head + "".join(f"{row}\n" for row in rows))
    return path


def read(path: Path, *rows: str) -> MeasuredChip:
    network, _, junction = chip()
    return read_measured(write(path / "m.csv", *rows), network, junction)


def realised(path: Path, *rows: str) -> FabricatedChip:
    network, program, _ = chip()
    return read(path, *rows).realise(network, program.values)


def through_a_file(
    name: str, sizes: str, path: Path, *, average: bool
) -> tuple[Network, FabricatedChip, FabricatedChip]:
    """A fabricated chip, and what its file says that it is."""
    network, program, junction = chip(name)
    network = with_asked(with_average_light(network) if average else network, read_sizes(sizes))
    fabricated = fabricate_chip(network, program.values, network.spreads, 7)
    path.write_text(measured_text(network, measured_values(network, fabricated, program.values)))
    return network, fabricated, read_measured(path, network, junction).realise(network, program.values)


@pytest.mark.parametrize(("name", "sizes", "average"), [("year1-28", ALL_RATE, False), ("optical-28", ALL_LIGHT, True)])
def test_a_fabricated_chip_and_its_file_answer_alike_to_the_bit(
    name: str, sizes: str, average: bool, tmp_path: Path
) -> None:
    network, _, measured = through_a_file(name, sizes, tmp_path / "chip.csv", average=average)
    program = chip(name)[1]
    samples = load_dataset(program.header["data"]["name"]).test.inputs[:6]
    scores = class_scores(network, program, samples, chip=measured)
    assert np.array_equal(scores, class_scores(network, program, samples, chip_seed=7))
    assert not np.array_equal(scores, class_scores(network, program, samples))


def test_a_chip_of_spikes_is_the_same_in_all_that_it_has(tmp_path: Path) -> None:
    _, drawn, measured = through_a_file("optical-28", ALL_LIGHT + ",edge_delay=0.1", tmp_path / "c.csv", average=False)
    for name in ("values", "photons", "edge_delay_factor"):
        one, two = getattr(drawn, name), getattr(measured, name)
        assert one.keys() == two.keys(), name
        assert all(np.array_equal(one[key], two[key]) for key in one), name
    assert measured.stray_light == drawn.stray_light == 1e-3


def test_the_chip_as_drawn_is_the_nominal_one(tmp_path: Path) -> None:
    network, program, junction = chip()
    nominal = FabricatedChip.nominal(network, program.values)
    text = measured_text(network, measured_values(network, nominal, program.values), ["a, comment"])
    assert text.startswith("# a, comment\n" + HEAD)
    assert text.count("\n") == 2 + 1008 + 280 + 5 * 28  # 5 quantities of each neuron: SQUIDs are as drawn
    (path := tmp_path / "nominal.csv").write_text(text)
    found = read_measured(path, network, junction).realise(network, program.values)
    assert all(np.array_equal(found.values[key], value) for key, value in program.values.items())
    assert all(np.array_equal(a, b) for a, b in zip(found.devices()[0], nominal.devices()[0], strict=True))
    assert (found.squids, found.photons, found.edge_delay_factor, found.read_seed) == ((), {}, {}, None)


IN_PARTS = "0 to 1e+06 (in parts of the drawing's)"
OF_SCALE = "0 to 1 (in parts of full scale)"
OF_SQUID = "0.1 to 10 (in parts of the drawing's)"
BITS = "0, or 1 to 24 (0 is exact)"
FLUX = "-100 to 100 (g has the period 1)"
GAMMA = "0 to 10000 (1e-6 to 1 are in use)"
LEGAL = {
    "chip": {
        "delay": IN_PARTS,
        "stray_light": "0 to 1 (in parts of a detector's own light)",
        "read_seed": "0 to 9.22337e+18 (a seed)",
        "read_noise_flux": "0 to 1 (one sigma)",
        **dict.fromkeys(("thermal_noise", "shot_noise"), "0 to 1e+06 (0 is none)"),
        **dict.fromkeys(("dac_noise", "adc_noise"), OF_SCALE),
        **dict.fromkeys(("dac_bits", "adc_bits"), BITS),
    },
    "neuron": {
        **dict.fromkeys(("gamma_plus", "gamma_minus"), GAMMA),
        "bias_current": "-100 to 100 (1.05 to 2 bias a SQUID between its thresholds)",
        **dict.fromkeys(("flux_offset", "flux_trim"), FLUX),
        **dict.fromkeys(("critical_current", "arm_1", "arm_2"), OF_SQUID),
    },
    "synapse": {"efficacy": "-10000 to 10000 (0.15 to 4 are in use)", "delay": IN_PARTS, "photons": IN_PARTS},
    "readout": {"efficacy": "-1e+06 to 1e+06 (1 is in use)"},
}
#: Of 100 uA: what one of another unit is.
UNITS = {
    "uA": 0.01,
    "1/ns": 1e9 * FLUX_QUANTUM_WB / (2 * np.pi * 1e-4 * 2.565564),
    "pH": 1e-12 * 1e-4 / FLUX_QUANTUM_WB,
}


def test_every_quantity_has_its_range_and_its_units() -> None:
    junction = chip()[2]
    assert {kind: {name: str(one.limits) for name, one in of.items()} for kind, of in QUANTITIES.items()} == LEGAL
    every = {(kind, name): one for kind, of in QUANTITIES.items() for name, one in of.items()}
    whole = {("chip", name) for name in ("read_seed", "dac_bits", "adc_bits")}
    assert {key for key, one in every.items() if one.whole} == whole
    other = {
        **dict.fromkeys([("neuron", "gamma_plus"), ("neuron", "gamma_minus")], "1/ns"),
        **dict.fromkeys([("neuron", "bias_current"), ("neuron", "critical_current")], "uA"),
        ("synapse", "efficacy"): "pH",
    }
    for key, one in every.items():
        units = {unit: scale(junction) for unit, scale in one.units.items()}
        assert list(units)[1:] == [other[key] for key in (key,) if key in other], key
        assert units.pop(one.unit) == 1
        for unit, scale in units.items():
            assert scale == pytest.approx(UNITS[unit], rel=1e-4), key
        assert one.limits.hold(0) == (key[1] not in ("critical_current", "arm_1", "arm_2"))


def test_faults_of_a_file_are_told_up_to_a_thousand(tmp_path: Path) -> None:
    row = "neuron,hidden,99,,flux_offset,0.2,Phi_0,"
    for count, told in ((999, 999), (1000, 1000), (1500, 1000)):
        with pytest.raises(MeasurementError) as caught:
            read(tmp_path, *[row] * count)
        assert f"m.csv: {told} faults" in str(caught.value)


@pytest.mark.parametrize(("asked", "legal"), [(0.15 * (1 + 0.9e-6), True), (0.15 * (1 + 1.1e-6), False)])
def test_what_was_asked_for_may_have_passed_through_a_spreadsheet(asked: float, legal: bool, tmp_path: Path) -> None:
    row = f"neuron,hidden,3,,flux_offset,0.2,Phi_0,{asked!r}"
    assert chip()[0].populations[0].flux_offset[3] == 0.15
    if legal:
        read(tmp_path, row)
    else:
        with pytest.raises(MeasurementError, match="the file is of another chip"):
            read(tmp_path, row)


def test_what_is_left_out_is_as_drawn(tmp_path: Path) -> None:
    network, program, _ = chip()
    found = realised(
        tmp_path, "neuron,hidden,3,,flux_offset,0.2,Phi_0,", "synapse,pixels->hidden,3,2,efficacy,0.125,Phi_0 per I_c,"
    )
    drawn = network.populations[0]
    assert found.flux_offset[0][3] == 0.2
    assert np.array_equal(np.delete(found.flux_offset[0], 3), np.delete(drawn.flux_offset, 3))
    assert np.array_equal(found.gamma_plus[0], drawn.gamma_plus)
    values = found.values["pixels->hidden"]
    assert np.flatnonzero(values != program.values["pixels->hidden"]).tolist() == [3 * 8 + 2]
    assert values[3 * 8 + 2] == 0.125


def test_squids_that_were_not_measured_are_as_drawn(tmp_path: Path) -> None:
    squid = realised(tmp_path, "neuron,hidden,5,,critical_current,0.9,1,").squids[0]
    assert (squid.critical_current[5], squid.critical_current[4], squid.arm_1[5], squid.arm_2[5]) == (0.9, 1, 1, 1)


def test_noise_without_a_seed_has_the_seed_zero(tmp_path: Path) -> None:
    assert realised(tmp_path, "chip,,,,read_noise_flux,0.01,Phi_0").read_seed == 0
    assert realised(tmp_path, "chip,,,,delay,1.5,1").read_seed is None
    large = 2**62 + 1  # no float has it
    assert realised(tmp_path, f"chip,year1-28,,,read_seed,{large},1").read_seed == large


def test_si_units(tmp_path: Path) -> None:
    junction = chip()[2]
    found = realised(
        tmp_path,
        "neuron,hidden,0,,bias_current,185,uA,190",
        "neuron,hidden,0,,gamma_minus,0.5,1/ns,",
        "neuron,hidden,0,,critical_current,95,uA,100",
        "synapse,pixels->hidden,0,1,efficacy,2.5,pH,",
    )
    assert junction.critical_current_a == 1e-4
    assert found.bias_current[0][0] == pytest.approx(1.85, rel=1e-12)
    assert found.gamma_minus[0][0] == pytest.approx(junction.tau_0_s * 0.5e9, rel=1e-12)
    assert found.squids[0].critical_current[0] == pytest.approx(0.95, rel=1e-12)
    assert found.values["pixels->hidden"][1] == pytest.approx(2.5e-12 * 1e-4 / FLUX_QUANTUM_WB, rel=1e-12)


def test_another_program_is_scaled_as_the_measured_one_was(tmp_path: Path) -> None:
    """w x measured / asked; a synapse that was asked to be zero is known by what it is off."""
    network, program, _ = chip()
    unit = "Phi_0 per I_c"
    measured = read(
        tmp_path,
        f"synapse,pixels->hidden,0,0,efficacy,0.11,{unit},0.1",
        f"synapse,pixels->hidden,0,1,efficacy,0.01,{unit},0",
        f"synapse,pixels->hidden,0,2,efficacy,0.2,{unit},",
        f"synapse,pixels->hidden,0,3,efficacy,0.30000000000000004,{unit},0.1",
        "neuron,hidden,0,,flux_trim,0.12,Phi_0,0.1",
        "readout,readout,1,2,efficacy,0.4,per I_c,0.5",
    )
    values = {key: np.array(value) for key, value in program.values.items()}
    values["pixels->hidden"][:5] = 0.3, 0.3, 0.3, 0.1, 0.3
    values["hidden.flux_trim"][0] = -0.1
    values[READOUT][1, 2] = 1.0
    held = measured.realise(network, values).values
    assert held["pixels->hidden"][:5] == pytest.approx([0.33, 0.31, 0.2, 0.3, 0.3], rel=1e-12)
    assert held["pixels->hidden"][3] == 0.30000000000000004  # asked for the same: to the last bit
    assert held["hidden.flux_trim"][0] == pytest.approx(-0.08, rel=1e-12)
    assert held[READOUT][1, 2] == pytest.approx(0.8, rel=1e-12)
    assert np.array_equal(held["hidden->hidden"], values["hidden->hidden"])
    assert measured.of_one_program == "pixels->hidden"


def test_tensors_are_realised_with_their_gradient(tmp_path: Path) -> None:
    import torch

    network, program, _ = chip()
    row = "synapse,pixels->hidden,0,0,efficacy,0.11,Phi_0 per I_c"
    measured = read(tmp_path, f"{row},0.1")
    values = {key: torch.tensor(value, requires_grad=True) for key, value in program.values.items()}
    held = measured.realise(network, values).values["pixels->hidden"]
    held[0].backward()
    assert float(held[0].detach()) == pytest.approx(1.1 * program.values["pixels->hidden"][0])
    assert float(values["pixels->hidden"].grad[0]) == pytest.approx(1.1)
    with pytest.raises(MeasurementError, match="add the column `asked`"):
        read(tmp_path, f"{row},").realise(network, values)


def test_the_fingerprint_is_of_what_a_file_says(tmp_path: Path) -> None:
    network, _, junction = chip()
    rows = ["neuron,hidden,0,,flux_offset,0.2,Phi_0,", "neuron,hidden,1,,bias_current,1.9,I_c,1.9"]
    plain = read(tmp_path, *rows)
    other = tmp_path / "other.csv"
    text = HEAD + '"# a comment, in quotes"\n' + "\n".join(reversed(rows)) + "\n\n# the end"
    other.write_bytes(b"\xef\xbb\xbf# first\r\n" + text.replace(",", ";").replace("\n", "\r\n").encode())
    again = read_measured(other, network, junction)
    assert again.fingerprint == plain.fingerprint
    assert len(plain.fingerprint) == 64
    assert read(tmp_path, *rows[:1]).fingerprint != plain.fingerprint
    assert read(tmp_path, rows[0], rows[1].removesuffix("1.9")).fingerprint != plain.fingerprint


GOOD = "neuron,hidden,0,,flux_offset,0.2,Phi_0,"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("neurn,hidden,0,,flux_offset,0.2,Phi_0,", "kind is 'neurn'; did you mean 'neuron'? it must be one of"),
        ("neuron,hiden,0,,flux_offset,0.2,Phi_0,", "no population 'hiden'; did you mean 'hidden'? chip"),
        ("synapse,hidden,0,0,efficacy,0.2,Phi_0 per I_c,", "no projection 'hidden'"),
        ("chip,rows-24,,,delay,1,1,", "no chip 'rows-24'; chip 'year1-28' has year1-28"),
        ("readout,output,0,0,efficacy,1,per I_c,", "no readout 'output'"),
        ("neuron,hidden,28,,flux_offset,0.2,Phi_0,", "neuron is '28'; hidden has 28, numbered from 0"),
        ("neuron,hidden,1.0,,flux_offset,0.2,Phi_0,", "neuron is '1.0'; hidden has 28"),
        ("neuron,hidden,-1,,flux_offset,0.2,Phi_0,", "neuron is '-1'"),
        ("neuron,hidden,0,3,flux_offset,0.2,Phi_0,", "source is '3'; a neuron has none, leave it empty"),
        ("synapse,pixels->hidden,0,8,efficacy,0.2,Phi_0 per I_c,", "source is '8'; pixels has 8"),
        ("synapse,pixels->hidden,28,0,efficacy,0.2,Phi_0 per I_c,", "neuron is '28'; hidden has 28"),
        ("readout,,10,0,efficacy,1,per I_c,", "neuron is '10'; the readout has 10"),
        ("readout,,0,28,efficacy,1,per I_c,", "source is '28'; it reads has 28"),
        ("neuron,hidden,0,,flux,0.2,Phi_0,", "no quantity 'flux' of neuron of hidden; "),
        ("synapse,pixels->hidden,0,0,photons,1,1,", "no quantity 'photons' of synapse of pixels->hidden;"),
        ("chip,,,,stray_light,0.001,1,", "no quantity 'stray_light' of chip 'year1-28'; it has delay,"),
        ("neuron,hidden,0,,flux_offset,0.2,Wb,", "unit of flux_offset is 'Wb'; it must be Phi_0"),
        ("neuron,hidden,0,,bias_current,1.9,,", "unit of bias_current is ''; it must be I_c or uA"),
        ("neuron,hidden,0,,flux_offset,zero,Phi_0,", "value is 'zero'; it must be a number"),
        ("neuron,hidden,0,,flux_offset,nan,Phi_0,", "value is 'nan'; it must be a number"),
        ("neuron,hidden,0,,flux_offset,1e999,Phi_0,", "value is '1e999'; it must be a finite number"),
        ('neuron,hidden,0,,flux_offset,"0,2",Phi_0,', "value is '0,2'; it must be a number; write 0.2"),
        ("neuron,hidden,0,,gamma_plus,-0.1,1/tau,", "value is '-0.1'; it must be at least 0"),
        ("neuron,hidden,0,,critical_current,0.05,1,", "value is '0.05'; it must be 0.1 to 10"),
        ("neuron,hidden,0,,bias_current,1.9,I_c,2.0", "asked is 2.0; the netlist asks for bias_current 1.9 I_c"),
        ("neuron,hidden,0,,critical_current,0.9,1,2", "asked is 2.0; the netlist asks for critical_current 1.0 1"),
        ("neuron,hidden,0,,bias_current,1.9,I_c,x", "asked is 'x'; it must be a number"),
        ("chip,,,,delay,1.1,1,1", "asked is '1'; a chip has none"),
        ("chip,,0,,delay,1.1,1,", "neuron is '0'; a chip has none"),
        ("chip,,,,read_seed,1.5,1,", "value is '1.5'; it must be a whole number"),
        ("chip,,,,dac_bits,8.0,bit,", "value is '8.0'; it must be a whole number"),
        (GOOD, "flux_offset of this device is on line 2, too; keep one row"),
    ],
)
def test_every_fault_of_a_row_is_told_with_its_line(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError) as caught:
        read(tmp_path, GOOD, row)
    assert str(caught.value).startswith(f"{tmp_path / 'm.csv'}:3: ")
    assert message in str(caught.value)


def test_a_quantity_of_the_chip_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="delay of the chip is on line 2, too; keep one row"):
        read(tmp_path, "chip,,,,delay,1,1", "chip,year1-28,,,delay,1,1")


def test_a_synapse_that_does_not_exist(tmp_path: Path) -> None:
    network, _, junction = chip("rows-28-sparse")
    synapses = network.synapses["hidden->hidden"]
    absent = next(s for s in range(28) if s not in synapses.sources[synapses.targets == 0])
    path = write(tmp_path / "m.csv", f"synapse,hidden->hidden,0,{absent},efficacy,0.1,Phi_0 per I_c")
    with pytest.raises(MeasurementError, match=rf"no synapse from hidden\[{absent}\] to hidden\[0\] exists"):
        read_measured(path, network, junction)


def test_all_faults_of_a_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError) as caught:
        read(tmp_path, "nothing,,,,,,,", GOOD, "neuron,hidden,99,,flux_offset,0.2,Phi_0,")
    assert [fault.split(":")[1] for fault in caught.value.faults] == ["2", "4"]
    assert "2 faults" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD, "holds no row; write one with `soensim export CHIP --format targets`"),
        ("kind,where,neuron,source,quantity,value\n", "must name the columns kind, where, neuron"),
        (HEAD.replace("unit", "unit,asked"), "each once"),
        (HEAD + "neuron,hidden\n", ":2: is too short"),
        ("", "it is nothing"),
    ],
)
def test_files_that_are_refused(content: str, message: str, tmp_path: Path) -> None:
    (path := tmp_path / "m.csv").write_text(content)
    network, _, junction = chip()
    with pytest.raises(MeasurementError, match=r"m\.csv") as caught:
        read_measured(path, network, junction)
    assert message in str(caught.value)
    with pytest.raises(MeasurementError, match="no such file"):
        read_measured(tmp_path / "none.csv", network, junction)


# --- commands ---------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    return cli.run(evaluate.main, [RATE, "--refine", "1", "--html", "none", *arguments])


@pytest.fixture
def chip_7(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path = str(tmp_path / "chip-7.csv")
    given = [RATE, "--format", "targets", "--chip-seed", "7", "--spread", "efficacy=0.3", "--out", path]
    assert cli.run(export.main, given) == 0
    assert "1428 rows, fingerprint" in capsys.readouterr().out
    return path


def test_a_measured_chip_is_scored(chip_7: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nominal = str(tmp_path / "nominal.csv")
    assert (
        cli.run(export.main, [RATE, "--format", "targets", "--out", nominal, "--json", str(tmp_path / "e.json")]) == 0
    )
    assert run("--measured", chip_7, "--measured", nominal, "--json", str(tmp_path / "m.json")) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert run("--trials", "1", "--seed", "7", "--spread", "efficacy=0.3", "--json", str(tmp_path / "d.json")) == 0
    measured, drawn, exported = (json.loads((tmp_path / name).read_text()) for name in ("m.json", "d.json", "e.json"))
    each = measured["accuracy"]["chip"]["each"]
    assert each == [drawn["accuracy"]["chip"]["each"][0], measured["accuracy"]["quantised"]]
    assert each[0] < each[1] - 0.1
    assert measured["measured"] == [
        {"file": chip_7, "fingerprint": measured["measured"][0]["fingerprint"]},
        {"file": nominal, "fingerprint": exported["fingerprint"]},
    ]
    assert (measured["spreads"], measured["touched"], measured["seeds"]["chip_seeds"]) == ({}, [], [])
    assert drawn["measured"] is None
    assert (exported["format"], exported["rows"], exported["chip_seed"]) == ("targets", 1428, None)
    assert "measured chips, mean" in text
    assert "worst chip" in text
    assert "chip-7.csv" in text
    assert "spreads, 1 sigma" not in text


@pytest.mark.parametrize(("least", "status"), [("0.7", 0), ("0.9", 1)])
def test_what_is_required_is_asked_of_the_measured_chips_alone(
    least: str, status: int, chip_7: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--measured", chip_7, "--require", f"accuracy >= {least}", "--json", "-") == status
    found = json.loads(capsys.readouterr().out)["yield"]
    assert (found["met"], found["share"], found["trials"]) == (status == 0, 1.0, 1)
    assert run("--measured", chip_7, "--require", f"accuracy >= {least}", "--json", "none") == status
    said = " ".join(capsys.readouterr().out.split())
    assert f"{'met' if status == 0 else 'not met'}: {1 - status} of 1 measured chips reach accuracy >= {least}" in said


def test_a_requirement_of_the_scored_chips_takes_each_of_them() -> None:
    requirement = Requirement("accuracy", 0.9, of_these=True)
    assert count_yield(requirement, [0.95, 0.9], 100).met
    assert not count_yield(requirement, [0.95, 0.89], 100).met


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--trials", "3"), "--trials is for chips that are drawn; leave it out, or --measured"),
        (("--seed", "3"), "--seed is for chips that are drawn"),
        (("--spread", "efficacy=0.1"), "--spread is for chips that are drawn"),
        (("--require", "accuracy>=0.5", "--yield", "0.9"), "the number of --measured files is 1; a yield of 0.9 takes"),
        (("--measured", "no.csv"), "no.csv: no such file"),
    ],
)
def test_flags_that_do_not_go_with_measured_chips(
    flags: tuple[str, ...], message: str, chip_7: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--json", "none", "--measured", chip_7, *flags) == 2
    assert message in capsys.readouterr().err


def test_a_chip_is_given_once(chip_7: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy := tmp_path / "copy.csv").write_text("# a copy\n" + Path(chip_7).read_text())
    assert run("--json", "none", "--measured", chip_7, "--measured", str(copy)) == 2
    assert f"{copy}: says the same as {chip_7}; give each chip once" in capsys.readouterr().err
    assert run("--json", chip_7, "--measured", chip_7) == 2
    assert "is read by this command" in capsys.readouterr().err


def test_a_program_for_another_measured_chip_is_told(
    chip_7: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    network, program, junction = chip()
    own = read_measured(chip_7, network, junction).fingerprint
    for fingerprint, told in (("f" * 64, True), (own, False)):
        header = {**program.header, "measured": {"file": "other.csv", "fingerprint": fingerprint}}
        program.with_header(header).save(tmp_path / "p.safetensors")
        assert run("--json", "none", "--measured", chip_7, "--program", str(tmp_path / "p.safetensors")) == 0
        assert ("was trained for another measured chip, other.csv (ffffffffffff)" in capsys.readouterr().err) is told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "targets"), "--format targets needs a netlist: soensim export CHIP --format targets"),
        ((RATE, "--format", "targets", "--depth", "2"), "--depth is for --format ngspice or josim, not targets"),
        ((RATE, "--format", "targets", "--print-step-ns", "2"), "--print-step-ns is for --format ngspice or josim"),
        ((RATE, "--format", "targets", "--bias", "2"), "--bias is for --format ngspice or josim"),
        ((RATE, "--format", "josim"), "the deck of a whole chip is for --format ngspice, not josim"),
        (("--format", "ngspice", "--spread", "efficacy=1"), "--spread is for --format targets, not ngspice"),
        ((RATE, "--format", "targets", "--spread", "efficacy=0.1"), "for a fabricated chip; add --chip-seed"),
        ((RATE, "--format", "targets", "--out", "x.yaml"), "the name must end in .csv"),
        ((RATE, "--format", "targets", "--program", "none"), "none: no such file"),
    ],
)
def test_exports_that_are_refused(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(export.main, list(arguments)) == 2
    assert message in capsys.readouterr().err


def test_targets_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(export.main, [RATE, "--format", "targets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4] == HEAD.strip()
    assert len(lines) == 5 + 1428
    assert cli.run(export.main, [RATE, "--format", "targets", "--json", "-"]) == 2
    assert "both go to standard output" in capsys.readouterr().err


def test_scoring_in_python_takes_measured_chips_and_the_page_names_them(chip_7: str) -> None:
    network, program, junction = chip()
    routed, data = route(load_netlist(RATE)), load_dataset("digits-rows")
    measured = read_measured(chip_7, network, junction)
    found = soensim.evaluate(routed, program, data, refine=1, measured=[measured])
    assert len(found.accuracy.chips) == 1
    assert found.accuracy.chips[0] < found.accuracy.quantised - 0.1
    origin = trace_origin(found, program, command="", chip_file="x.yaml", path="")
    section = fabricated_section(Subject(found, routed, network, program, data, origin))
    assert section.title == "Measured chips"
    assert chip_7 in section.body
    assert measured.fingerprint in section.body
    assert f"<span>chip-7.csv</span>{100 * found.accuracy.chips[0]:.1f} %" in section.body
    assert "One measured chip reaches" in headline(found, network)
    assert "spreads" not in headline(found, network)


def test_errors_are_of_soensim() -> None:
    assert issubclass(MeasurementError, SoensimError)
