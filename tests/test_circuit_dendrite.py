"""The dendrite circuit against JoSIM, conservation laws, exact limits, and the phenomenological model."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from soensim._runtime.kernel_cache import njit
from soensim.circuit import (
    CircuitTrace,
    Device,
    SourceTable,
    Waveform,
    dendrite,
    model_validity,
    phenomenological,
    source_table,
    source_value,
    threshold,
    validity,
)
from soensim.circuit._phenomenological import integrate
from soensim.circuit.model import kernel_arguments
from soensim.circuit.model_validity import measure_validity, measured_document, validity_data, validity_drive
from soensim.circuit.transient import _rest
from soensim.circuit.waveform import Drive
from soensim.errors import CircuitError
from soensim.technology import load_technology
from soensim.units import FLUX_QUANTUM_WB

DEVICE = Device.from_technology(load_technology("nist-2023"))
SHARED = Path(__file__).parents[1] / "shared"
if not SHARED.is_dir():
    SHARED = Path(__file__).parents[2] / "shared"
JOSIM = SHARED / "reference" / "josim_step_b100_t250.npz"
TWO_PI = 2.0 * math.pi
STEP = Waveform(np.array([0.0, 1.0, 1.1, 8.0, 8.1]), np.array([0.0, 0.0, 0.5, 0.5, 0.0]))


def run(**changes: object) -> CircuitTrace:
    settings: dict[str, object] = {
        "t_ns": np.arange(0.0, 10.0, 0.01),
        "flux": STEP,
        "bias_current": 1.7,
        "beta_di": TWO_PI * 100,
        "tau_di_ns": 250.0,
    }
    device = changes.pop("device", DEVICE)
    return dendrite(device, **{**settings, **changes})  # type: ignore[arg-type]


@pytest.mark.skipif(not JOSIM.exists(), reason="shared/reference is not here")
def test_circuit_and_model_against_josim() -> None:
    with np.load(JOSIM, allow_pickle=False) as stored:
        data = {name: stored[name] for name in stored.files}
    settings = {
        "t_ns": data["t_dimless"] * float(data["tau0"]) * 1e9,
        "flux": Waveform(data["phi_t_ns"], data["phi"]),
        "bias_current": float(data["ib"]),
        "beta_di": float(data["beta_di"]),
        "tau_di_ns": float(data["tau_ns"]),
    }
    theirs = data["s_josim"]

    def chi_squared(state: np.ndarray) -> float:
        return float(((state - theirs) ** 2).sum() / (theirs**2).sum())

    assert chi_squared(dendrite(DEVICE, **settings).state) < 1e-8  # measured 2.9e-11
    assert chi_squared(phenomenological(source_table(DEVICE), **settings)) < 1e-4  # measured 5.7e-5


def test_converges_with_the_tolerance() -> None:
    exact = run(tolerance=1e-11).state
    errors = [abs(run(tolerance=t).state - exact).max() for t in (1e-3, 1e-5, 1e-7)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 1e-5


def test_each_fluxon_adds_its_share_to_a_loop_without_leak() -> None:
    """Without leak (beta_di + beta_p) s = D - D(0) + beta_p i_b exactly: s counts the phase."""
    beta_di = TWO_PI * 100
    trace = run(tau_di_ns=math.inf)
    counted = (trace.mean_phase + DEVICE.beta_p * trace.bias_current) / (beta_di + DEVICE.beta_p)
    np.testing.assert_allclose(trace.state, counted, atol=2e-5)  # reading between steps costs 1e-5
    assert trace.fluxons[-1] > 40
    assert abs(trace.fluxons[-1] - trace.mean_phase[-1] / TWO_PI) < 1.0
    assert (np.diff(trace.fluxons) >= 0).all()


def test_supply_pays_one_bias_quantum_per_fluxon() -> None:
    trace = run()
    per_fluxon = 1.7 * DEVICE.junction.critical_current_a * FLUX_QUANTUM_WB
    a, b = 150, 700  # bias constant in between
    turns = (trace.mean_phase[b] - trace.mean_phase[a]) / TWO_PI
    stored = DEVICE.beta_p * (trace.state[b] - trace.state[a]) / TWO_PI  # in the arms
    assert trace.energy_j[b] - trace.energy_j[a] == pytest.approx(per_fluxon * (turns - stored), rel=1e-9)
    assert per_fluxon == pytest.approx(3.5e-19, rel=5e-3)  # docs/devices.md
    assert trace.energy_j[0] == 0.0


def test_leak_obeys_the_loop_equation() -> None:
    """(beta_di + beta_p) ds - dD = -alpha int s dtau while the bias is constant, spiking and silent alike."""
    beta_di, tau_di_ns = TWO_PI * 100, 25.0
    for t_ns in (np.linspace(12.0, 60.0, 4801), np.linspace(2.0, 7.0, 20001)):
        trace = run(t_ns=t_ns, tau_di_ns=tau_di_ns)
        # alpha dtau = beta_di dt / tau_di; trapezoid over the recorded points.
        leak = beta_di * np.trapezoid(trace.state, t_ns) / tau_di_ns
        change = (beta_di + DEVICE.beta_p) * (trace.state[-1] - trace.state[0])
        assert change - (trace.mean_phase[-1] - trace.mean_phase[0]) == pytest.approx(-leak, rel=1e-5)
    assert trace.fluxons[-1] > trace.fluxons[0]


def test_silent_dendrite_decays_with_its_time_constant() -> None:
    """Arms and junctions add their inductance (beta_p and d D / d i, a few tau_0 in all) to beta_di."""
    trace = run(t_ns=np.array([12.0, 37.0]), tau_di_ns=25.0, beta_di=TWO_PI * 1000)
    assert trace.state[1] / trace.state[0] == pytest.approx(math.exp(-1.0), rel=5e-4)


def test_below_threshold_no_fluxon_enters() -> None:
    trace = run(flux=0.2, bias_current=1.6)  # i_th(0.2) = 1.74
    assert trace.fluxons[-1] == 0
    assert abs(trace.state).max() < 0.01


def test_even_and_periodic_in_flux() -> None:
    up = run(flux=Waveform(STEP.t_ns, 0.8 * STEP.value)).state
    down = run(flux=Waveform(STEP.t_ns, -0.8 * STEP.value)).state
    shifted = run(flux=Waveform(STEP.t_ns, 0.8 * STEP.value + 3.0)).state
    np.testing.assert_allclose(down, up, atol=1e-6)
    np.testing.assert_allclose(shifted, up, atol=1e-6)


def test_mirrored_arms_with_mirrored_flux_are_the_same_circuit() -> None:
    one = run(device=Device(DEVICE.junction, 1.0, 2.5), flux=Waveform(STEP.t_ns, 0.9 * STEP.value))
    two = run(device=Device(DEVICE.junction, 2.5, 1.0), flux=Waveform(STEP.t_ns, -0.9 * STEP.value))
    np.testing.assert_allclose(one.state, two.state, atol=1e-6)
    same_flux = run(device=Device(DEVICE.junction, 2.5, 1.0), flux=Waveform(STEP.t_ns, 0.9 * STEP.value))
    assert abs(one.state - same_flux.state).max() > 0.02


def test_asymmetric_device_has_its_own_table() -> None:
    device = Device(DEVICE.junction, 1.2, 1.9)  # whose table other tests solve too
    settings = {"t_ns": np.arange(0.0, 10.0, 0.01), "beta_di": TWO_PI * 300, "tau_di_ns": 250.0}
    flux = Waveform(STEP.t_ns, 0.9 * STEP.value)
    circuit = dendrite(device, flux=flux, bias_current=1.7, **settings).state  # type: ignore[arg-type]
    model = phenomenological(source_table(device), flux=flux, bias_current=1.7, **settings)  # type: ignore[arg-type]
    assert ((model - circuit) ** 2).sum() / (circuit**2).sum() < 1e-4


def test_waveforms_as_numbers_arrays_and_objects_agree() -> None:
    t_ns = np.arange(0.0, 5.0, 0.05)
    level = Waveform(np.array([0.0]), np.array([0.45]))
    ramp = Waveform(np.array([0.0, 0.1]), np.array([0.0, 1.7]))
    number = run(t_ns=t_ns, flux=0.45).state
    np.testing.assert_array_equal(run(t_ns=t_ns, flux=level, bias_current=ramp).state, number)
    array = run(t_ns=t_ns, flux=np.full(t_ns.size, 0.45), bias_current=ramp.at(t_ns)).state
    np.testing.assert_allclose(array, number, atol=1e-6)
    slower = run(t_ns=t_ns, flux=0.45, bias_rise_ns=1.0).state
    assert slower[4] < number[4] - 0.01


def test_starts_at_rest_under_flux_and_bias() -> None:
    trace = run(flux=0.3, bias_current=Waveform(np.array([0.0]), np.array([1.3])), tau_di_ns=math.inf)
    assert abs(trace.state).max() < 1e-9
    assert np.ptp(trace.mean_phase) < 2e-6  # the step control lets it tremble by its tolerance


@pytest.mark.parametrize("arms", [(math.pi / 2, math.pi / 2), (1.0, 2.5), (2.5, 1.0), (6.0, 6.0)])
def test_rest_solves_the_static_equations_up_to_the_threshold(arms: tuple[float, float]) -> None:
    """sin d1 + sin d2 = i_b and the loop's flux, in the minimum of the potential: its two curvatures are positive."""
    device = Device(DEVICE.junction, *arms)
    beta_1, beta_2 = arms
    for flux in np.linspace(-0.4, 0.4, 5):
        for share in (0.0, 0.5, 0.9, 0.999, -0.999):
            bias = share * float(threshold(math.copysign(1.0, share) * flux, *arms))
            if abs(flux - device.skew * bias) > 0.5:  # a flux quantum in the loop would be nearer
                continue
            d1, v1, d2, v2, s = _rest(device, float(flux), bias)
            assert (v1, v2, s) == (0, 0, 0)
            i1, i2 = math.sin(d1), math.sin(d2)
            assert i1 + i2 == pytest.approx(bias, abs=1e-10)
            assert d1 - d2 + beta_1 * i1 - beta_2 * i2 == pytest.approx(TWO_PI * flux, abs=1e-9)
            a, c = math.cos(d1) + 1 / sum(arms), math.cos(d2) + 1 / sum(arms)
            assert min(a + c, a * c - 1 / sum(arms) ** 2) > 0
        with pytest.raises(CircuitError, match="is above threshold"):
            _rest(device, float(flux), 1.001 * float(threshold(flux, *arms)))


def test_a_trace_at_some_of_its_times() -> None:
    trace, index = run(t_ns=np.arange(0.0, 10.0, 0.5)), np.array([3, 11])
    part = trace.at(index)
    for name in ("t_ns", "state", "fluxons", "mean_phase", "energy_j", "flux", "bias_current"):
        np.testing.assert_array_equal(getattr(part, name), getattr(trace, name)[index])
    assert part.steps == trace.steps
    assert part.t_ns.tolist() == [1.5, 5.5]


def test_recording_does_not_change_the_solution() -> None:
    coarse, fine = np.array([5.0, 10.0]), np.linspace(0.0, 10.0, 4001)
    np.testing.assert_array_equal(run(t_ns=coarse).state[-1], run(t_ns=fine).state[-1])
    assert run(t_ns=0.0).state.shape == (1,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta_di": 0.0}, "beta_di"),
        ({"beta_di": math.inf}, "beta_di"),
        ({"tau_di_ns": -1.0}, "tau_di_ns"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"bias_rise_ns": 0.0}, "rise time"),
        ({"t_ns": [1.0, 1.0]}, "increase strictly"),
        ({"t_ns": [-1.0, 1.0]}, "0 or later"),
        ({"t_ns": []}, "one-dimensional"),
        ({"flux": math.nan}, "finite"),
        ({"flux": np.zeros(3)}, "as many values as times"),
        ({"bias_current": Waveform(np.array([0.0]), np.array([2.5]))}, "let the bias rise from 0"),
    ],
)
def test_bad_drives_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        run(**changes)


def test_validity_follows_power_laws_between_its_points_and_below_and_rests_above(monkeypatch) -> None:
    points = [[10, 1e-2], [100, 1e-4], [1000, 1e-5]]
    monkeypatch.setattr(model_validity, "validity_data", lambda: {"points": points})
    for n, expected, verdict in [
        (1, 1.0, "fails"),
        (10, 1e-2, "fails"),
        (30, 1e-2 * 3**-2, "fails"),
        (10**1.51, 10**-3.02, "doubtful"),
        (99, 1e-4 * 0.99**-2, "doubtful"),
        (101, 1e-4 / 1.01, "valid"),
        (1e4, 1e-5, "valid"),
    ]:
        found = validity(TWO_PI * n)
        assert (found.beta_di, found.verdict) == (TWO_PI * n, verdict)
        assert found.chi_squared == pytest.approx(expected, rel=1e-9)
    for bad in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(CircuitError, match="it must be a number from"):
            validity(bad)


def test_waveform_refuses_steps_without_rise_time_and_cannot_be_changed() -> None:
    with pytest.raises(CircuitError, match="rise time"):
        Waveform(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="read-only"):
        STEP.value[0] = 1.0


@pytest.mark.parametrize(("per_two_pi", "limit"), [(100, 1e-4), (1000, 2e-6), (400_000, 1e-7)])
def test_model_holds_for_large_loops(per_two_pi: int, limit: float) -> None:
    chi_squared = measure_validity(DEVICE, TWO_PI * per_two_pi)
    assert chi_squared < limit  # measured 5.7e-5, 2.2e-7 and 1.9e-8
    assert validity(TWO_PI * per_two_pi).verdict == "valid"
    shipped = dict(validity_data()["points"])[per_two_pi]
    assert shipped == pytest.approx(chi_squared, rel=0.02)


def test_model_fails_for_small_loops_and_says_so() -> None:
    chi_squared = measure_validity(DEVICE, TWO_PI * 10)
    assert 3e-3 < chi_squared < 3e-2
    statement = validity(TWO_PI * 10)
    assert statement.verdict == "fails"
    assert statement.chi_squared == pytest.approx(chi_squared, rel=0.02)
    assert validity(TWO_PI * 60).verdict == "doubtful"
    assert validity(TWO_PI * 3).chi_squared > statement.chi_squared
    assert validity(TWO_PI * 5000).chi_squared < 1e-6
    largest, last = validity_data()["points"][-1]
    assert largest >= 4_000_000  # loops of microhenries, which light takes
    assert last < 1e-7
    assert validity(TWO_PI * 4e8).chi_squared == pytest.approx(last)  # no extrapolated fall: it rests there
    with pytest.raises(CircuitError, match="beta_di"):
        validity(-1.0)


def test_the_command_measures_what_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same points, device and drive: the shipped numbers take the place of the measurement, a minute of work."""
    shipped, asked = validity_data(), []

    def measured(device: Device, beta_di: float) -> float:
        asked.append((device, beta_di))
        return float(shipped["points"][len(asked) - 1][1]) * (1 + 3e-5)  # rounded to four digits

    monkeypatch.setattr(model_validity, "measure_validity", measured)
    assert measured_document() == shipped
    assert asked == [(DEVICE, TWO_PI * n) for n, _ in shipped["points"]]
    assert "0.4 and 0.5 Phi_0, i_b 1.7, tau_di 250.0 ns" in shipped["drive"]


def test_what_is_valid_is_told_at_the_limits_that_the_docs_state() -> None:
    assert (model_validity.VALID_BELOW, model_validity.FAILS_ABOVE) == (1e-4, 1e-3)
    for beta_di in (0.99e-6, 1.01e12):
        with pytest.raises(CircuitError, match=r"beta_di is .*; it must be a number from 1e-06 to 1e\+12"):
            validity(beta_di)
    t_ns, flux = validity_drive()
    np.testing.assert_allclose(t_ns, 0.02 + 0.04 * np.arange(2500), rtol=0, atol=1e-9)
    at = [0, 2, 2.05, 22, 42.15, 47, 52.05, 67, 82.15, 100]
    np.testing.assert_allclose(flux.at(at), [0, 0, 0.2, 0.4, 0.2, 0, 0.25, 0.5, 0.25, 0], atol=1e-9)


def test_validity_data_is_plain_json_with_its_command() -> None:
    data = validity_data()
    assert json.loads(json.dumps(data)) == data
    assert data["command"] == "python tools/build_tables.py"
    assert data["device"] == "nist-2023"


# The phenomenological model's integration, against a slow one.

BOTH_STEPS = Waveform(np.array([0.0, 20.0, 20.1, 400.0, 400.1]), np.array([0.0, 0.0, 0.5, 0.5, 0.2]))


def synaptic(spikes: int = 14) -> Waveform:
    """Closed form of the default synapse (docs/physics.md), a photon every 60 ns from 10 ns on; straight over 3 ns."""
    peak, rise, fall, hotspot = 0.5, 0.02, 50.0, 0.06
    age = np.concatenate([[rise, 2 * rise, hotspot], np.arange(3.0, 61.0, 3.0)])
    one = -peak * (1 - rise / fall) * np.expm1(-np.minimum(age, hotspot) / rise)
    one *= np.exp(-np.maximum(age - hotspot, 0.0) / fall)
    t_ns = (10.0 + 60.0 * np.arange(spikes)[:, None] + age).ravel()
    return Waveform(np.concatenate([[0.0, 10.0], t_ns]), np.concatenate([[0.0, 0.0], np.tile(one, spikes)]))


DRIVES = {"steps": BOTH_STEPS, "synaptic": synaptic()}


@njit(cache=True)
def _runge_kutta(knots, flux, bias, t_out, alpha, beta_p, inv_l, h_max, arrays):  # type: ignore[no-untyped-def]
    """Classical order 4, equal steps from one time (knot or output) to the next."""
    out = np.zeros(t_out.size)
    s, o, t = 0.0, 0, 0.0
    for j in range(knots.size - 1):
        dflux = (flux[j + 1] - flux[j]) / (knots[j + 1] - knots[j])
        dbias = (bias[j + 1] - bias[j]) / (knots[j + 1] - knots[j])
        while t < knots[j + 1]:
            end = min(knots[j + 1], t_out[o]) if o < t_out.size else knots[j + 1]
            n = max(1, int(np.ceil((end - t) / h_max)))
            h, start = (end - t) / n, t - knots[j]
            for m in range(n):
                y, k, total = s, 0.0, 0.0
                for weight, c in ((1.0, 0.0), (2.0, 0.5), (2.0, 0.5), (1.0, 1.0)):
                    r = start + (m + c) * h
                    y = s + c * h * k
                    g = source_value(flux[j] + r * dflux, bias[j] + r * dbias - y, arrays)
                    k = inv_l * (g - alpha * y + beta_p * dbias)
                    total += weight * k
                s += h / 6.0 * total
            t = end
            if o < t_out.size and end == t_out[o]:
                out[o] = s
                o += 1
    return out


def finely(table: SourceTable, h_max: float = 0.1, **settings: object) -> np.ndarray:
    """What `phenomenological` should return; within 3e-7 for h_max = 0.1 tau_0."""
    s = {"bias_rise_ns": 0.1, **settings}
    drive = Drive.of(s["t_ns"], s["flux"], s["bias_current"], s["bias_rise_ns"])  # type: ignore[arg-type]
    per_ns = table.device.junction.tau_from_seconds(1e-9)
    alpha = s["beta_di"] / (s["tau_di_ns"] * per_ns)  # type: ignore[operator]
    inv_l = 1.0 / (s["beta_di"] + table.device.beta_p)  # type: ignore[operator]
    knots, times = drive.knots(per_ns), drive.t_ns * per_ns
    beta_p = table.device.beta_p
    result: np.ndarray = _runge_kutta(*knots, times, alpha, beta_p, inv_l, h_max, table.arrays)
    return result


def settings(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {"t_ns": np.arange(0.0, 40.0, 0.037), "bias_current": 1.7, "tau_di_ns": 250.0}
    return {**usual, "flux": STEP, "beta_di": TWO_PI * 100, **changes}


def model(table: SourceTable, **changes: object) -> np.ndarray:
    return phenomenological(table, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("per_two_pi", [100, 1000])
@pytest.mark.parametrize("name", DRIVES)
def test_model_agrees_with_a_fine_integration(name: str, per_two_pi: int) -> None:
    table = source_table(DEVICE)
    drive = settings(t_ns=np.arange(0.0, 840.0, 0.5), flux=DRIVES[name], beta_di=TWO_PI * per_two_pi)
    error = abs(model(table, **drive) - finely(table, **drive)).max()
    assert error < 1e-6  # measured 3.3e-7 at most


@pytest.mark.parametrize("name", DRIVES)
def test_model_converges_with_its_tolerance(name: str) -> None:
    """Also between the corners and steps: 40 times per ns."""
    table = source_table(DEVICE)
    drive = settings(t_ns=np.arange(0.0, 220.0, 0.025), flux=DRIVES[name])
    exact = model(table, tolerance=1e-12, **drive)
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        error = abs(model(table, tolerance=tolerance, **drive) - exact).max()
        assert error < 1.5 * tolerance, tolerance  # measured 0.1 to 1.1


def test_model_is_of_order_four_on_a_smooth_source_function() -> None:
    """H = 1, constant flux and bias: no kinks. The estimate is h^4, the error of s h^4: proportional to it."""
    table = source_table(DEVICE)
    smooth = SourceTable(DEVICE, 0.0, table.arrays._replace(shape=np.ones_like(table.arrays.shape)))
    flux = Waveform(np.array([0.0]), np.array([0.45]))
    drive = settings(t_ns=np.linspace(0.5, 4.0, 701), flux=flux, tau_di_ns=25.0)
    exact = model(smooth, tolerance=1e-14, **drive)
    tolerances = np.geomspace(1e-5, 1e-10, 11)
    errors = [abs(model(smooth, tolerance=t, **drive) - exact).max() for t in tolerances]
    slope = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    assert slope > 0.9
    steps = [count_steps(smooth, t, drive) for t in tolerances]
    order = -np.polyfit(np.log(steps[4:]), np.log(errors[4:]), 1)[0]
    assert order > 3.5  # measured 4.0


def count_steps(table: SourceTable, tolerance: float, drive: dict[str, object]) -> int:
    d = Drive.of(drive["t_ns"], drive["flux"], drive["bias_current"], 0.1)  # type: ignore[arg-type]
    return int(integrate(*kernel_arguments(table, d, drive["beta_di"], drive["tau_di_ns"], tolerance)))  # type: ignore[arg-type]


CROSSINGS = {
    "three lobes in one straight segment": {"flux": Waveform(np.array([0.0, 1.0, 39.0]), np.array([0.0, 0.0, 3.3]))},
    "three lobes within 0.2 ns": {"flux": Waveform(np.array([0.0, 1.0, 1.2]), np.array([0.0, 0.0, -3.5]))},
    "barely above threshold": {
        "flux": Waveform(np.array([0.0, 1.0, 5.0, 9.0]), np.array([0.0, 0.0, 0.2215, 0.0])),
        "tau_di_ns": math.inf,
    },
    "barely below threshold": {"flux": Waveform(np.array([0.0, 1.0, 5.0, 9.0]), np.array([0.0, 0.0, 0.2195, 0.0]))},
    "decay into the onset": {
        "flux": Waveform(np.array([0.0, 1.0, 1.1, 6.0, 6.1]), np.array([0.0, 0.0, 0.5, 0.5, 0.35])),
        "tau_di_ns": 25.0,
    },
    "slow bias ramp up and down": {
        "flux": 0.4,
        "bias_current": Waveform(np.array([0.0, 15.0, 25.0, 38.0]), np.array([0.0, 1.9, 1.9, 0.0])),
    },
    "bias through zero": {
        "flux": 0.5,
        "bias_current": Waveform(np.array([0.0, 10.0, 10.2, 20.0, 30.0]), np.array([0.0, 1.6, -1.6, -1.4, 3.4])),
    },
    "flux falls while the bias rises": {
        "flux": Waveform(np.array([0.0, 1.0, 2.0, 30.0]), np.array([0.0, 0.0, 0.5, 0.1])),
        "bias_current": Waveform(np.array([0.0, 30.0]), np.array([0.9, 2.2])),
    },
}


@pytest.mark.parametrize("case", CROSSINGS)
def test_model_crosses_thresholds(case: str) -> None:
    table = source_table(DEVICE)
    drive = settings(**CROSSINGS[case])
    got, slow = model(table, **drive), finely(table, 0.05, **drive)
    np.testing.assert_allclose(got, slow, rtol=0.0, atol=1.2e-6)
    assert (got[-1] > 1.001 * got[10]) == ("above" in case) or "barely" not in case


@pytest.mark.parametrize("kind", ["asymmetric", "small beta", "warm"])
def test_model_crosses_thresholds_of_other_tables(kind: str) -> None:
    beta = {"asymmetric": (1.0, 4.0), "small beta": (0.3, 0.3), "warm": (math.pi / 2, math.pi / 2)}[kind]
    table = source_table(Device(DEVICE.junction, *beta), temperature_k=4.2 if kind == "warm" else 0.0)
    t_ns, flux = validity_drive()
    drive = settings(t_ns=t_ns, flux=flux)
    np.testing.assert_allclose(model(table, **drive), finely(table, **drive), rtol=0.0, atol=1.2e-6)
    sweep = settings(**CROSSINGS["three lobes in one straight segment"])
    np.testing.assert_allclose(model(table, **sweep), finely(table, **sweep), rtol=0.0, atol=1.2e-6)


@pytest.mark.parametrize("betas", [(math.pi / 2, math.pi / 2), (1.0, 4.0), (0.3, 0.3)])
def test_model_misses_nothing_on_random_drives(betas: tuple[float, float]) -> None:
    """Lobes narrower than a step, edges touched and left, silent gaps, jumps of both drives."""
    table, rng = source_table(Device(DEVICE.junction, *betas)), np.random.default_rng(7)
    for case in range(40):
        corners = np.unique(rng.uniform(0.0, 60.0, int(rng.integers(2, 30))))
        flux = Waveform(corners, rng.uniform(-1.5, 1.5, corners.size))
        corners = np.unique(rng.uniform(0.0, 60.0, int(rng.integers(1, 8))))
        ramps = Waveform(corners, rng.uniform(-2.4, 3.0, corners.size))
        drive = settings(t_ns=np.arange(0.0, 60.0, 0.05), flux=flux, tau_di_ns=10 ** rng.uniform(0.0, 3.0))
        drive |= {"beta_di": TWO_PI * 10 ** rng.uniform(1.0, 3.5)}
        drive |= {"bias_current": ramps if case % 2 else float(rng.uniform(0.9, 2.4))}
        fast, exact = model(table, **drive), model(table, tolerance=1e-10, **drive)
        assert abs(fast - exact).max() < 1e-5, case  # measured 8e-7 at most; 1.3e-5 in 4800 cases that include 2 pi 3
        if case < 8:
            assert abs(exact - finely(table, **drive)).max() < 2e-5, case  # the slow one's errors


def test_silent_model_decays_exactly() -> None:
    """s' = -s beta_di / (beta_di + beta_p) / tau_di; a bias ramp leaves s = beta_p i_b / (beta_di + beta_p)."""
    table, beta_di = source_table(DEVICE), TWO_PI * 100
    t_ns = np.arange(0.2, 60.0, 0.3)
    state = model(table, **settings(t_ns=t_ns, flux=0.0, tau_di_ns=10.0))
    decay = np.exp(-(t_ns - t_ns[0]) / 10.0 * beta_di / (beta_di + DEVICE.beta_p))
    np.testing.assert_allclose(state, state[0] * decay, rtol=1e-12)
    kept = model(table, **settings(t_ns=t_ns, flux=0.0, tau_di_ns=math.inf))
    np.testing.assert_allclose(kept, 1.7 * DEVICE.beta_p / (beta_di + DEVICE.beta_p), rtol=1e-12)


def test_model_is_odd_in_the_bias_and_even_in_the_flux() -> None:
    table = source_table(DEVICE)
    up = model(table, **settings())
    np.testing.assert_array_equal(model(table, **settings(bias_current=-1.7)), -up)
    down = model(table, **settings(flux=Waveform(STEP.t_ns, -STEP.value)))
    np.testing.assert_allclose(down, up, rtol=0.0, atol=1e-6)  # rounding may move a step


def test_recording_does_not_change_the_model() -> None:
    table = source_table(DEVICE)
    coarse, fine = np.array([3.0, 40.0]), np.linspace(0.0, 40.0, 4001)
    few, many = model(table, **settings(t_ns=coarse)), model(table, **settings(t_ns=fine))
    np.testing.assert_array_equal(few[-1], many[-1])
    assert few[0] == pytest.approx(many[300], abs=1e-12)
    assert model(table, **settings(t_ns=0.0)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": math.nan}, "tolerance"),
        ({"beta_di": -1.0}, "beta_di"),
        ({"tau_di_ns": math.nan}, "tau_di_ns"),
        ({"flux": Waveform(np.array([0.0, 1.0]), np.array([0.0, 1e9]))}, r"reaches 1e\+09"),
        ({"flux": Waveform(np.array([0.0, 1.0]), np.array([-6e4, 6e4]))}, "1e5 Phi_0"),
    ],
)
def test_bad_settings_of_the_model_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        model(source_table(DEVICE), **settings(**changes))
