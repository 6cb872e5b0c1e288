"""Decks of whole chips: their flux, what they refuse, the command, and ngspice against the own coupled circuits."""

import json
from importlib import import_module

import numpy as np
import pytest
from conftest import ROOT

from soensim.circuit import Device
from soensim.circuit.coupled import CoupledCircuits, Edges
from soensim.commands import cli
from soensim.errors import CircuitError
from soensim.interop.chip_deck import chip_deck, samples_before
from soensim.interop.simulators import has_simulator, run_ngspice
from soensim.interop.spice import Deck, DeckDendrite, josim_deck, ngspice_deck, solve
from soensim.technology import load_technology

DEVICE = Device.from_technology(load_technology("nist-2023"))
YEAR1 = str(ROOT / "netlists" / "year1-28.yaml")
export = import_module("soensim.commands.export").main


def edges(*each):
    """(target, source, delay in tau_0, efficacy) of every edge."""
    target, source, delay, efficacy = zip(*each, strict=True) if each else ((), (), (), ())
    whole = (np.array(values, dtype=np.int64) for values in (target, source))
    return Edges(*whole, np.array(delay, dtype=float), np.array(efficacy, dtype=float))


def circuits(delay=8.0, offset=(0.1, 1.15)):
    """Two dendrites that drive one another, the first by an input."""
    return CoupledCircuits(
        DEVICE,
        bias_current=np.array([1.9, 1.7]),
        beta_di=np.array([400.0, 300.0]),
        gamma_minus=np.array([1e-3, 2e-3]),
        flux_offset=np.array(offset),
        recurrent=edges((0, 1, delay, -0.4), (1, 0, delay, 0.9), (0, 0, 0.0, 0.1)),
        inputs=edges((0, 1, 3.0, 0.5), (0, 0, 0.0, 0.2)),
        sample_tau=50.0,
    )


SIGNALS = np.array([[0.1, 0.6], [0.1, 0.6], [0.3, 0.0], [0.0, 0.0]])


def test_flux_of_offset_and_inputs():
    made = circuits()
    deck = chip_deck(made, ["a", "b"], SIGNALS)
    to_ns = DEVICE.junction.tau_0_s * 1e9
    first, second = deck.dendrites
    assert samples_before(made) == 1
    at = lambda t: first.flux.at(np.array([t]) * to_ns)[0]  # noqa: E731
    assert at(0.0) == at(27.9) == 0.0
    assert at(38.0) == pytest.approx(0.05)  # the offset rises from 28 to 48
    assert at(49.0) == pytest.approx(0.1)
    assert at(50.04) == pytest.approx(0.1 + 0.2 * 0.1 * 0.8)  # the input without a delay, on its ramp
    assert at(52.9) == pytest.approx(0.1 + 0.02)
    assert at(53.1) == at(149.9) == pytest.approx(0.1 + 0.02 + 0.3)
    assert at(151.0) == pytest.approx(0.1 + 0.06 + 0.3)
    assert at(154.0) == pytest.approx(0.1 + 0.06)
    assert at(249.0) == pytest.approx(0.1)
    assert second.flux.at(np.array([200.0]) * to_ns)[0] == pytest.approx(0.15)  # a whole quantum is trapped
    assert first.bias_current.at(np.array([48.0, 49.0, 50.0]) * to_ns) == pytest.approx([0.0, 0.95, 1.9])
    assert first.inputs == (("b", -0.4), ("a", 0.1))
    assert first.delays_tau == (8.0, 0.0)
    assert second.tau_di_ns == pytest.approx(500 * to_ns)
    assert (deck.print_step_ns, deck.duration_ns) == (pytest.approx(50 * to_ns), pytest.approx(250 * to_ns))


def test_a_delay_is_a_matched_line():
    text = ngspice_deck(chip_deck(circuits(), ["a", "b"], SIGNALS))
    for line in (
        "H_a now_a 0 V_a 1",
        "T_late_a_8 now_a 0 late_a_8 0 z0=1 td=8",
        "R_late_a_8 late_a_8 0 1",
        "G1_b 0 coil_b late_a_8 0 0.9",
        "F2_a 0 coil_a V_a 0.1",
    ):
        assert text.splitlines().count(line) == 1
    assert "reltol=1e-4" in text


@pytest.mark.skipif(not has_simulator("ngspice"), reason="ngspice is not installed")
def test_a_chip_in_ngspice():
    """Within a part of a fluxon, 2 pi / beta_di, of the coupled circuits as solved here; a delay matters by more."""
    made = circuits(delay=40.0)
    own, at_once = (one.states(SIGNALS[None])[0] for one in (made, circuits(delay=0.0)))
    trace = run_ngspice(chip_deck(made, ["a", "b"], SIGNALS), max_step=0.1)
    states = np.stack([trace.state[name] for name in ("a", "b")], axis=1)
    assert len(states) == 6
    assert np.abs(states[1]).max() < 0.01  # what the rise of the bias leaves in the loops
    fluxon = 2 * np.pi / made.beta_di
    assert (np.abs(states[2:] - states[1] - own) < 0.2 * fluxon).all()  # measured 0.09
    assert (own.max(axis=0) > 2 * fluxon).all()
    assert (np.abs(at_once - own) > fluxon).any()


def test_decks_that_are_refused():
    made = circuits()
    with pytest.raises(CircuitError, match=r"signals have the shape \(4, 1\); needs \(samples, 2 channels\)"):
        chip_deck(made, ["a", "b"], SIGNALS[:, :1])
    deck = chip_deck(made, ["a", "b"], SIGNALS)
    for use, what in ((josim_deck, "the deck for JoSIM"), (solve, "the own solver")):
        with pytest.raises(CircuitError, match=f"{what} takes no loops of dendrites and no delays"):
            use(deck)
    one = deck.dendrites[0]
    parts = (one.flux, one.bias_current, 400.0, 1.0, (("d", 0.1),))
    for delays, recurrent in (((1.0, 2.0), True), ((1.0,), False)):
        before = DeckDendrite("d", *parts[:4])
        with pytest.raises(CircuitError, match=r"e has . delays of 1 inputs; give one for each, in a recurrent deck"):
            Deck(DEVICE, (before, DeckDendrite("e", *parts, delays)), 1.0, recurrent=recurrent)
    with pytest.raises(CircuitError, match="d has input 'e', which does not come before it"):
        Deck(DEVICE, (DeckDendrite("d", *parts[:4], (("e", 0.1),)),), 1.0, recurrent=True)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [YEAR1, "--format", "ngspice", "--sample", "2", "--out", "chip.cir", "--json", "chip.json"]
    assert cli.run(export, words) == cli.DONE
    document = json.loads((tmp_path / "chip.json").read_text())
    assert document["dendrites"] == [f"hidden_{k}" for k in range(28)]
    assert (document["couplings"], document["sample"], document["data"]) == (1008, 2, "digits-rows")
    deck = (tmp_path / "chip.cir").read_text().splitlines()
    assert sum(line.startswith("X_hidden") for line in deck) == 28
    assert sum(line[0:1] in ("F", "G") and "_hidden" in line for line in deck) == 28 * 28
    assert "written: chip.cir, 28 dendrites, 1008 couplings, sample 2 (digits-rows)" in capsys.readouterr().out
    for arguments, message in (
        (
            [YEAR1, "--format", "ngspice", "--sample", "360"],
            "--sample 360: the test split of digits-rows has the samples 0 to 359",
        ),
        ([YEAR1, "--format", "josim"], "the deck of a whole chip is for --format ngspice, not josim"),
        (
            [YEAR1, "--format", "ngspice", "--length", "3"],
            "--length is for --format ngspice or josim without a CHIP, not",
        ),
        (
            ["--format", "ngspice", "--sample", "3"],
            "--sample is for CHIP with --format ngspice, not ngspice; leave it out",
        ),
        ([YEAR1, "--format", "gds", "--sample", "3"], "--sample is for CHIP with --format ngspice, not gds"),
        (["--format", "ngspice", "--program", "p"], "--program is for --format targets"),
        ([str(ROOT / "netlists" / "optical-28.yaml"), "--format", "ngspice"], "has no circuit to compare with: light"),
    ):
        assert cli.run(export, arguments) == cli.BAD_INPUT
        assert message in capsys.readouterr().err
