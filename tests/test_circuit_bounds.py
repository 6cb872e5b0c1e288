"""Every call of the circuit solvers ends: what is absurd is refused in one line before any loop."""

import math
from dataclasses import replace

import numpy as np
import pytest

from soensim.circuit import (
    Device,
    Waveform,
    dendrite,
    langevin_voltage,
    mean_voltage,
    phenomenological,
    source_table,
    threshold,
    validity,
)
from soensim.circuit import transient as transient_room
from soensim.circuit._rcsj import PeriodSettings
from soensim.circuit.squid import less_hysteresis, solve_row, squid_circuit
from soensim.commands.verbs import run_verb
from soensim.errors import CircuitError, SoensimError
from soensim.technology import load_technology
from soensim.units import Junction

DEVICE = Device.from_technology(load_technology("nist-2023"))
DRIVE = {"t_ns": np.linspace(0.0, 2.0, 20), "flux": 0.5, "bias_current": 1.7, "beta_di": 628.0, "tau_di_ns": 250.0}
#: No parameter takes any of these.
ABSURD = [math.inf, -math.inf, math.nan, 1e300, -1e300, -1.0, 10**400, "x", None, 1j]
#: Parameters that take some of them.
LEGAL = {"flux": [-1.0], "bias_current": [-1.0], "tau_di_ns": [math.inf, 1e300], "t_ns": [1e300]}


@pytest.mark.parametrize("solver", [dendrite, phenomenological])
@pytest.mark.parametrize("name", [*DRIVE, "bias_rise_ns", "tolerance"])
def test_absurd_settings_of_a_dendrite_are_refused_in_one_line(solver, name):
    what = DEVICE if solver is dendrite else source_table(DEVICE)
    for value in ABSURD if name in ("flux", "bias_current", "t_ns") else [*ABSURD, 0.0, True]:
        if value in LEGAL.get(name, []):
            continue
        with pytest.raises(CircuitError) as caught:
            solver(what, **{**DRIVE, name: value})
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta_di": 1e300}, r"beta_di is 1e\+300; it must be a number from 0\.01 to 1e\+10"),
        ({"tau_di_ns": 1e-9}, r"tau_di_ns is 1e-09; it must be a number from 0\.0001 to inf"),
        ({"tolerance": 1.0}, r"tolerance is 1\.0; it must be a number from 1e-15 to 0\.1"),
        ({"flux": 1e9}, r"the flux \(Phi_0\) reaches 1e\+09; it must stay within -100000 and 100000"),
        ({"bias_current": -1e9}, r"the bias \(I_c\) reaches 1e\+09; it must stay within -1000 and 1000"),
        ({"bias_rise_ns": 1e-9}, r"the rise time in ns is 1e-09; it must be a number from 1e-06"),
        ({"t_ns": [0.0, 1e9]}, r"about 3\.2e\+12 steps, and 2e\+08 are taken at most; end it at 6\.18e\+04 ns"),
        ({"t_ns": [0.0, 1e300]}, r"end it at 6\.18e\+04 ns, or take a larger tolerance or a smaller bias"),
    ],
)
def test_a_refused_drive_is_told_what_is_legal(changes, message):
    with pytest.raises(CircuitError, match=message):
        dendrite(DEVICE, **{**DRIVE, **changes})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dendrite(replace(DEVICE, beta_1=1e9), **DRIVE), "beta_1 is .* from 0.001 to 1000$"),
        (lambda: dendrite(replace(DEVICE, junction=replace(DEVICE.junction, beta_c=1e9)), **DRIVE), "0.01 to 1000$"),
        (lambda: dendrite(DEVICE, **{**DRIVE, "beta_di": 0.0}), r"from 0.01 to 1e\+10$"),
        (lambda: dendrite(DEVICE, **{**DRIVE, "tau_di_ns": 0.0}), r"from 0.0001 to inf$"),
        (lambda: dendrite(DEVICE, **{**DRIVE, "bias_rise_ns": 1e9}), r"from 1e-06 to 1e\+06$"),
        (lambda: phenomenological(source_table(DEVICE), **{**DRIVE, "tolerance": 1.0}), r"from 1e-15 to 0\.1$"),
        (lambda: dendrite(Device(Junction(1e-300, 1e-300, 0.3), 1.5, 1.5), **DRIVE), r"from 0.001 to 1e\+06$"),
        (lambda: source_table(DEVICE, temperature_k=101.0), r"temperature_k is 101.0; .* from 0 to 100$"),
        (lambda: langevin_voltage(DEVICE, 0.3, 2.0, temperature_k=4.0, duration=3.9), r"from 4 to 1e\+09$"),
        (lambda: langevin_voltage(DEVICE, np.zeros(5001), 2.0, temperature_k=4.0), r"5001 .* 200000 .* take 1e\+09"),
        (lambda: langevin_voltage(DEVICE, -1.01e5, 2.0, temperature_k=4.0), "within -100000 and 100000$"),
        (lambda: mean_voltage(DEVICE, 0.0, 1001.0), "within -1000 and 1000$"),
        (lambda: threshold(0.3, 1e101, 1.5), r"from 1e-100 to 1e\+100"),
        (lambda: validity("a" * 60), "is '" + "a" * 39 + r"\.\.\.; it"),
        (lambda: mean_voltage(Device(Junction(1e-4, 1.5e-9, 0.0101), 0.001, 0.001), 0.3, 2.0), "up to 100 can be"),
    ],
)
def test_every_range_is_told(call, message):
    with pytest.raises(CircuitError, match=message):
        call()


def test_settings_that_are_left_out_are_those_of_the_docs():
    """A bias rises within 0.1 ns, a step is off by 1e-6, a mean voltage by 1e-8, a noise has the seed 0."""
    stated = {**DRIVE, "bias_rise_ns": 0.1, "tolerance": 1e-6}
    np.testing.assert_array_equal(dendrite(DEVICE, **DRIVE).state, dendrite(DEVICE, **stated).state)
    np.testing.assert_array_equal(*(phenomenological(source_table(DEVICE), **drive) for drive in (DRIVE, stated)))
    assert mean_voltage(DEVICE, 0.3, 1.7) == mean_voltage(DEVICE, 0.3, 1.7, tolerance=1e-8)
    noisy = {"temperature_k": 4.0, "duration": 1e3}
    assert langevin_voltage(DEVICE, 0.3, 1.7, **noisy) == langevin_voltage(DEVICE, 0.3, 1.7, read_seed=0, **noisy)


def test_a_drive_is_taken_once_it_is_as_short_as_advised(monkeypatch):
    """The estimate leaves the solver room: what it advises is taken, and the solver gives up on its own."""
    monkeypatch.setattr(transient_room, "STEPS_MOST", 2000)
    with pytest.raises(CircuitError, match=r"end it at 0\.\d+ ns"):
        dendrite(DEVICE, **{**DRIVE, "t_ns": [0.0, 100.0]})
    assert dendrite(DEVICE, **{**DRIVE, "t_ns": [0.0, 0.6]}).steps < 8000
    with pytest.raises(CircuitError, match="take a larger tolerance"):
        dendrite(DEVICE, **{**DRIVE, "t_ns": [0.0, 0.6], "tolerance": 1e-9})  # four times as many steps
    monkeypatch.setattr(transient_room, "_check_steps", lambda *_: None)
    with pytest.raises(CircuitError, match="it takes more than 8e"):
        dendrite(DEVICE, **{**DRIVE, "t_ns": [0.0, 100.0]})


@pytest.mark.parametrize("field", ["beta_1", "beta_2", "beta_c"])
@pytest.mark.parametrize("value", [1e-9, 1e9, *ABSURD, 0.0, True])
def test_devices_that_cannot_be_solved_are_refused_by_every_solver(field, value):
    def device() -> Device:
        if field == "beta_c":
            return Device(replace(DEVICE.junction, beta_c=value), 1.5, 1.5)
        return replace(DEVICE, **{field: value})

    solvers = (
        lambda: dendrite(device(), **DRIVE),
        lambda: mean_voltage(device(), 0.3, 2.0),
        lambda: source_table(device(), cache=False),
        lambda: langevin_voltage(device(), 0.3, 2.0, temperature_k=4.0),
    )
    for solve in solvers:
        with pytest.raises(SoensimError, match=f"{field} is") as caught:
            solve()
        assert "\n" not in str(caught.value)


def test_a_device_that_is_too_fast_is_told_what_works():
    with pytest.raises(CircuitError, match=r"moves 316 times in tau_0, .* make beta_c and the arms 0\.02 or larger"):
        mean_voltage(Device(Junction(1e-4, 1.5e-9, 0.01), 0.001, 0.001), 0.3, 2.0)
    assert mean_voltage(Device(Junction(1e-4, 1.5e-9, 0.02), 0.02, 0.02), 0.3, 2.0) > 0.5
    with pytest.raises(CircuitError, match="1 ns in units of the junction's tau_0 is inf"):
        dendrite(Device(Junction(1e-300, 1e-300, 0.3), 1.5, 1.5), **DRIVE)


@pytest.mark.parametrize("value", [1e300, math.inf, math.nan, "x"])
def test_absurd_points_are_refused(value):
    table = source_table(DEVICE)
    calls = (
        lambda: mean_voltage(DEVICE, value, 2.0),
        lambda: mean_voltage(DEVICE, 0.3, value),
        lambda: mean_voltage(DEVICE, 0.3, 2.0, tolerance=value),
        lambda: langevin_voltage(DEVICE, value, 2.0, temperature_k=4.0),
        lambda: langevin_voltage(DEVICE, 0.3, 2.0, temperature_k=value),
        lambda: langevin_voltage(DEVICE, 0.3, 2.0, temperature_k=4.0, duration=value),
        lambda: langevin_voltage(DEVICE, 0.3, 2.0, temperature_k=4.0, read_seed=value),
        lambda: langevin_voltage(DEVICE, np.zeros(10_000), 2.0, temperature_k=4.0, duration=1e6),
        lambda: source_table(DEVICE, temperature_k=value),
        lambda: table(value if value != 1e300 else math.nan, 2.0),
        lambda: threshold(value if value != 1e300 else math.nan, 1.5, 1.5),
        lambda: threshold(0.3, value, 1.5),
        lambda: validity(value),
        lambda: Waveform.ramp(value, 0.1),
        lambda: Waveform.ramp(1.0, value),
    )
    for call in calls:
        with pytest.raises(CircuitError) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_temperature_far_below_any_cryostat_is_refused():
    with pytest.raises(CircuitError, match=r"temperature_k is 1e-09; it must be 0 \(no noise\) or at least 0\.001"):
        source_table(DEVICE, temperature_k=1e-9)


def test_a_junction_that_noise_hides_is_told_what_works():
    device = Device(Junction(1e-8, 1.5e-9, 0.3), 1.5, 1.5)
    with pytest.raises(CircuitError, match=r"17\.6 of it, and above 1 .* at most 0\.236 K, .* at least 1\.78e-07 A"):
        source_table(device, temperature_k=4.2)


@pytest.mark.parametrize(
    ("beta_c", "arm", "advice"),
    [
        (0.7, 4.0, "beta_c is 0.7, make it 0.5 or smaller"),
        (0.4, 40.0, "beta_1 is 40.0, beta_2 40.0, make both 10 or smaller"),
        (0.4, 4.0, "devices like it were found to work: please report it"),
    ],
)
def test_advice_never_asks_for_what_is_so_already(beta_c, arm, advice):
    assert less_hysteresis(Device(Junction(1e-4, 1.5e-9, beta_c), arm, arm)) == advice


def test_the_mean_voltage_waits_for_a_long_loop():
    """Its currents decay within 20 tau_0, 60 periods: two may agree by chance before, off by 1.5e-4."""
    device = Device(Junction(1e-4, 1.5e-9, 0.3), 20.0, 20.0)
    phi, i = np.array([0.0, 0.2, 0.45]), np.array([20.0, 15.0])
    g, settings = np.empty((3, 2)), PeriodSettings(1e-8, 0.0, 1e5, 500)
    for row, flux in zip(g, phi, strict=True):
        solve_row(flux, i, squid_circuit(device), settings, row)  # the mean of 500 periods after 500
    np.testing.assert_allclose(mean_voltage(device, phi[:, None], i), g, rtol=0, atol=3e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--current", "1e300"], "--current"),
        (["--flux", "inf"], "--flux"),
        (["--temperature-k", "1e-9"], "--temperature-k"),
        (["--temperature-k", "-1"], "--temperature-k"),
    ],
)
def test_the_command_refuses_absurd_values_in_one_line(flags, message, capsys):
    assert run_verb("circuit", ["nist-2023", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("soensim: error:")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("beta_c", "message"),
    [
        ("1e-3", "device: beta_c is 0.001; it must be a number from 0.01 to 1000"),
        ("2", "it has no source function; beta_c is 2.0, make it 0.5 or smaller"),
    ],
)
def test_the_command_refuses_a_technology_that_it_cannot_solve(beta_c, message, tmp_path, capsys):
    path = tmp_path / "own.yaml"
    path.write_text(
        "schema: soensim-technology/1\nname: own\ndescription: own\nextends: nist-2023\nquantities:\n"
        f'  beta_c: {{value: {beta_c}, unit: "1", range: null, range_reason: own, source: own}}\n',
        encoding="utf-8",
    )
    assert run_verb("circuit", [str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
