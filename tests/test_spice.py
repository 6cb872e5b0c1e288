"""SPICE decks: their text, refusals, the command, and ngspice itself against the own circuit solver."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from soensim.circuit import CircuitTrace, Device, Waveform, dendrite
from soensim.commands.export import main as export_main
from soensim.errors import CircuitError, SoensimError
from soensim.interop.simulators import SpiceTrace, has_simulator, run_josim, run_ngspice
from soensim.interop.spice import Deck, DeckDendrite, DeckSettings, chain, josim_deck, ngspice_deck, solve, tree
from soensim.technology import load_technology

DEVICE = Device.from_technology(load_technology("nist-2023"))
SKEWED = Device(DEVICE.junction, 1.0, 2.5)
needs_ngspice = pytest.mark.skipif(not has_simulator("ngspice"), reason="ngspice is not installed")
needs_josim = pytest.mark.skipif(not has_simulator("josim-cli"), reason="JoSIM is not installed")
BETA_DI = 2.0 * np.pi * 100
SETTINGS = DeckSettings(
    flux=Waveform(np.array([0.0, 0.3, 0.4, 3.0, 3.1]), np.array([0.0, 0.0, 0.5, 0.5, 0.0])),
    bias_current=Waveform.ramp(1.7, 0.1),
    beta_di=BETA_DI,
    tau_di_ns=50.0,
    duration_ns=4.0,
)


def chi_squared(spice: SpiceTrace, own: dict[str, CircuitTrace]) -> dict[str, float]:
    result = {}
    for name, trace in own.items():
        state = np.interp(spice.t_ns, trace.t_ns, trace.state)
        result[name] = float(((spice.state[name] - state) ** 2).sum() / (state**2).sum())
    return result


@needs_ngspice
@pytest.mark.parametrize("device", [DEVICE, SKEWED], ids=["symmetric", "asymmetric"])
def test_dendrite_against_ngspice(device: Device) -> None:
    deck = chain(device, 1, SETTINGS)
    own = solve(deck)
    assert own["d1"].fluxons[-1] > 10
    assert max(chi_squared(run_ngspice(deck), dict(own)).values()) < 1e-8  # measured 3e-10


@needs_ngspice
@pytest.mark.parametrize("kind", ["chain", "tree"])
def test_coupled_dendrites_against_ngspice(kind: str) -> None:
    make = {"chain": lambda: chain(DEVICE, 2, SETTINGS), "tree": lambda: tree(DEVICE, 1, 2, SETTINGS)}[kind]
    deck = make()
    own = solve(deck)
    assert own[deck.dendrites[-1].name].fluxons[-1] > 5  # the last one is driven at all
    assert max(chi_squared(run_ngspice(deck), dict(own)).values()) < 1e-8


@needs_josim
@pytest.mark.parametrize("device", [DEVICE, SKEWED], ids=["symmetric", "asymmetric"])
def test_decks_against_josim(device: Device) -> None:
    for deck in (chain(device, 2, SETTINGS), tree(device, 1, 3, SETTINGS)):
        assert max(chi_squared(run_josim(deck), dict(solve(deck))).values()) < 1e-8  # measured 7e-10 and 3e-9


@needs_ngspice
def test_ngspice_converges_to_the_own_solver() -> None:
    """A quarter of ngspice's step is a 16th of the distance (trapezoidal rule): its limit is our solution."""
    deck = chain(DEVICE, 1, SETTINGS)
    own = dict(solve(deck, tolerance=1e-8))
    coarse, fine = (chi_squared(run_ngspice(deck, max_step=h), own)["d1"] for h in (0.1, 0.025))
    assert coarse / fine > 60.0  # chi^2 goes with the square: 256, if nothing else limits; measured 210


def test_solve_of_one_dendrite_is_the_circuit_solver() -> None:
    deck = chain(DEVICE, 1, SETTINGS)
    trace = solve(deck)["d1"]
    alone = dendrite(
        DEVICE,
        t_ns=trace.t_ns,
        flux=SETTINGS.flux,
        bias_current=1.7,
        beta_di=BETA_DI,
        tau_di_ns=50.0,
    )
    np.testing.assert_array_equal(trace.state, alone.state)


def test_tree_is_symmetric_in_its_branches() -> None:
    traces = solve(tree(DEVICE, 1, 3, SETTINGS))
    assert list(traces) == ["d_1", "d_2", "d_3", "d"]
    np.testing.assert_array_equal(traces["d_1"].state, traces["d_3"].state)
    # Three branches at a third of the efficacy are one chain.
    pair = solve(chain(DEVICE, 2, SETTINGS))
    np.testing.assert_allclose(traces["d"].state, pair["d2"].state, atol=1e-5)


def test_ngspice_deck_is_readable_and_complete() -> None:
    text = ngspice_deck(tree(DEVICE, 1, 2, SETTINGS))
    assert "B1 p n I=sin(v(phase))" in text
    assert f"beta_di={BETA_DI:.15g}" in text
    assert re.search(r"^F1_d 0 coil_d V_d_1 0\.35$", text, re.MULTILINE)
    assert re.search(r"^F2_d 0 coil_d V_d_2 0\.35$", text, re.MULTILINE)
    assert text.rstrip().endswith(".end")
    assert max(len(line) for line in text.splitlines()) < 140


def test_josim_deck_carries_the_device_in_si_units() -> None:
    text = josim_deck(chain(DEVICE, 2, SETTINGS))
    junction = DEVICE.junction

    def number(label: str) -> float:
        match = re.search(rf"^{label} \S+ \S+ (\S+)$", text, re.MULTILINE)
        assert match, label
        return float(match[1])

    assert number("L1_d1") == pytest.approx(junction.henries_from_beta(DEVICE.beta_1))
    assert number("R1_d1") == pytest.approx(junction.shunt_resistance_ohm)
    assert number("LDI_d1") / number("RDI_d1") == pytest.approx(50e-9)
    assert "icrit=0.0001, cap=1.5e-13" in text
    # The coil couples in proportion to the arms: k sqrt(L_coil L_1) + the same for arm 2 = Phi_0 per I_c.
    mutual = sum(number(f"K{n}_d1") * np.sqrt(number("LCOIL_d1") * number(f"L{n}_d1")) for n in (1, 2))
    assert mutual * junction.critical_current_a == pytest.approx(2.067833848e-15, rel=1e-9)
    assert re.search(r"^F1_d1 0 coil_d2 x0_d1 x1_d1 0\.7$", text, re.MULTILINE)
    assert ".print devi LDI_d2" in text
    labels = [line.split()[0] for line in text.splitlines() if line[:1].isalpha()]
    assert len(labels) == len(set(labels))


def item(name: str, **changes: object) -> DeckDendrite:
    base = {"flux": SETTINGS.flux, "bias_current": SETTINGS.bias_current, "beta_di": BETA_DI, "tau_di_ns": 50.0}
    return DeckDendrite(name, **{**base, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((), "no dendrite"),
        ((item("D1"),), "bad or repeated"),
        ((item("d1"), item("d1")), "bad or repeated"),
        ((item("d1", inputs=(("d2", 0.5),)), item("d2")), "does not come before"),
        ((item("d1", flux=Waveform(np.array([0.0]), np.array([0.2]))),), "let it rise from 0"),
    ],
)
def test_bad_decks_are_refused(items: tuple[DeckDendrite, ...], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        Deck(DEVICE, items, 4.0)


def test_deck_refuses_a_print_step_beyond_the_duration() -> None:
    with pytest.raises(CircuitError, match="print_step_ns"):
        Deck(DEVICE, (item("d1"),), 1.0, 2.0)


def test_export_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "chain.cir"
    argv = ["--format", "ngspice", "--circuit", "chain", "--length", "2", "--out", str(out), "--json", "-"]
    assert export_main(argv) == 0
    assert json.loads(capsys.readouterr().out)["dendrites"] == ["d1", "d2"]
    assert "X_d2 tap_d2" in out.read_text()
    assert list(tmp_path.iterdir()) == [out]
    assert export_main(argv[:-2]) == 0
    assert capsys.readouterr().out == f"written: {out}\n"
    assert export_main(["--format", "josim", "--flux", "0:0, 1:0.3", "--bias", "1.9"]) == 0
    text = capsys.readouterr().out
    assert "+ 0 0  1e-09 3e-05" in text
    assert "1e-10 0.00019" in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--format spectre", "--format: 'spectre' is not legal; it must be one of ngspice, josim"),
        ("--format josim --flux 0:0,1", "t_ns:value"),
        ("--format josim --flux 0:0,1:a", "t_ns:value"),
        ("--format josim --bias -1", "--bias"),
        ("--format josim --circuit chain --length 0", "--length"),
        ("--format josim --circuit tree --depth 20", "1000 leaves"),
        ("--format josim --out /nowhere/x.cir", "cannot be written"),
    ],
)
def test_export_command_refuses(argv: str, message: str) -> None:
    with pytest.raises(SoensimError, match=message):
        export_main(argv.split())


def test_missing_simulator_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not has_simulator("ngspice")
    with pytest.raises(CircuitError, match="not installed"):
        run_ngspice(chain(DEVICE, 1, SETTINGS))
    with pytest.raises(CircuitError, match="josim-cli is not installed"):
        run_josim(chain(DEVICE, 1, SETTINGS))
