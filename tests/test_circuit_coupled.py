"""Coupled circuits: against the circuit of one dendrite, a brute-force solution, and by their own step."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from soensim.circuit import Device, Waveform, dendrite
from soensim.circuit._coupled import _sin
from soensim.circuit.coupled import CoupledCircuits, Edges
from soensim.circuit.transient import rest_towards
from soensim.errors import CircuitError
from soensim.technology import load_technology
from soensim.units import Junction

TWO_PI = 2.0 * math.pi
DEVICE = Device.from_technology(load_technology("nist-2023"))
UNEQUAL = replace(DEVICE, beta_1=1.2, beta_2=1.9)
TAU_PER_NS = float(DEVICE.junction.tau_from_seconds(1e-9))


def edges(*given: tuple[int, int, float, float]) -> Edges:
    target, source, delay, efficacy = (np.array([e[k] for e in given]) for k in range(4))
    return Edges(target.astype(np.int64), source.astype(np.int64), delay.astype(float), efficacy.astype(float))


def circuits(device: Device = DEVICE, **changes: object) -> CoupledCircuits:
    settings: dict[str, object] = {
        "bias_current": np.array([1.9]),
        "beta_di": np.array([TWO_PI * 100]),
        "gamma_minus": np.array([1 / (1.6 * TAU_PER_NS)]),
        "flux_offset": np.array([0.05]),
        "recurrent": edges(),
        "inputs": edges((0, 0, 0.0, 0.5)),
        "sample_tau": 125.0,
    }
    return CoupledCircuits(device, **{**settings, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("device", [DEVICE, UNEQUAL])
def test_one_dendrite_is_the_circuit_of_a_dendrite(device: Device) -> None:
    levels = np.array([0.1, 0.9, 0.3, 0.9, 0.0, 0.7])
    starts = 125.0 * np.arange(len(levels)) / TAU_PER_NS
    ends = 125.0 * np.arange(1, len(levels) + 1) / TAU_PER_NS
    corners = np.stack([starts + 1e-6, ends], 1).ravel()
    flux = Waveform(np.concatenate([[0.0], corners]), np.concatenate([[0.05], np.repeat(0.05 + 0.5 * levels, 2)]))
    bias = Waveform(np.zeros(1), np.array([1.75]))
    exact = dendrite(
        device, t_ns=ends, flux=flux, bias_current=bias, beta_di=TWO_PI * 100, tau_di_ns=1.6, tolerance=1e-9
    ).state
    found = circuits(device, bias_current=np.array([1.75])).states(levels[None, :, None])[0, :, 0]
    assert exact.max() > 0.1
    np.testing.assert_allclose(found, exact, atol=2e-5)  # measured 5e-6; a fluxon is 0.01


def brute_force(given: CoupledCircuits, levels: np.ndarray, samples: int) -> np.ndarray:
    """The same by scipy, from one corner of the drive or delay to the next; levels (samples, channels)."""
    n, device, end = len(given.bias_current), given.device, samples * given.sample_tau
    pieces: list[tuple[float, float, object]] = []

    def past(t: float, y: np.ndarray | None, now: float) -> np.ndarray:
        if t <= 0.0:
            return np.zeros(n)
        if y is not None and t >= now - 1e-12:
            return y.reshape(n, 5)[:, 4]
        solution = next(s for a, b, s in pieces if a - 1e-9 <= t <= b + 1e-9)
        return solution(t).reshape(n, 5)[:, 4]  # type: ignore[operator]

    def flux_at(t: float, y: np.ndarray, middle: float) -> np.ndarray:
        flux = given.flux_offset.copy()
        r, x = given.recurrent, given.inputs
        for target, source, delay, w in zip(r.target, r.source, r.delay_tau, r.efficacy, strict=True):
            flux[target] += w * past(t - delay, y if delay == 0.0 else None, t)[source]
        for target, source, delay, w in zip(x.target, x.source, x.delay_tau, x.efficacy, strict=True):
            sample = math.floor((middle - delay) / given.sample_tau)
            flux[target] += w * levels[sample, source] if sample >= 0 else 0.0
        return flux

    def slope(t: float, y: np.ndarray, middle: float) -> np.ndarray:
        d1, v1, d2, v2, s = y.reshape(n, 5).T
        current = given.bias_current - s
        i1 = (TWO_PI * flux_at(t, y, middle) - d1 + d2 + device.beta_2 * current) / device.beta_sum
        i2, beta_c = current - i1, device.junction.beta_c
        voltage = (device.beta_2 * v1 + device.beta_1 * v2) / device.beta_sum
        ds = (voltage - given.beta_di * given.gamma_minus * s) / (given.beta_di + device.beta_p)
        return np.stack([v1, (i1 - v1 - np.sin(d1)) / beta_c, v2, (i2 - v2 - np.sin(d2)) / beta_c, ds], 1).ravel()

    delays = [d for d in given.recurrent.delay_tau if d > 0]
    corners = {k * given.sample_tau + d for k in range(samples + 1) for d in (0.0, *given.inputs.delay_tau)}
    corners |= {k * d for d in delays for k in range(1, int(end / d) + 1)}
    times = [t for t in sorted(corners) if t <= end]
    y = np.concatenate(
        [
            rest_towards(device, float(f), float(b))[0]
            for f, b in zip(given.flux_offset, given.bias_current, strict=True)
        ]
    )
    states = []
    for a, b in pairwise(times):
        found = solve_ivp(slope, (a, b), y, "DOP853", args=(0.5 * (a + b),), rtol=1e-8, atol=1e-9, dense_output=True)
        pieces.append((a, b, found.sol))
        y = found.y[:, -1]
        if abs(b / given.sample_tau - round(b / given.sample_tau)) < 1e-9:
            states.append(y.reshape(n, 5)[:, 4])
    return np.array(states)


PAIR = circuits(
    bias_current=np.array([1.9, 1.8]),
    beta_di=TWO_PI * np.array([20.0, 30.0]),
    gamma_minus=np.array([0.004, 0.008]),
    flux_offset=np.array([0.1, 0.0]),
    inputs=edges((0, 0, 0.0, 0.5), (1, 1, 7.3, 0.2)),
    sample_tau=40.0,
)
LEVELS = np.array([[0.5, 0.1], [0.1, 0.9], [0.8, 0.3]])


@pytest.mark.parametrize(
    "recurrent",
    [
        edges((1, 0, 0.0, 0.7), (0, 1, 0.0, -0.5), (0, 0, 0.0, 0.2)),
        edges((1, 0, 5.55, 0.7), (0, 1, 11.1, -0.5)),
    ],
)
def test_two_dendrites_that_drive_each_other_against_scipy(recurrent: Edges) -> None:
    pair = replace(PAIR, recurrent=recurrent)
    exact = brute_force(pair, LEVELS, 3)
    alone = PAIR.states(LEVELS[None])[0]
    assert abs(alone - exact).max() > 0.02  # the coupling matters
    np.testing.assert_allclose(pair.states(LEVELS[None])[0], exact, atol=2e-4)
    np.testing.assert_allclose(pair.states(LEVELS[None], steps=4 * pair.steps)[0], exact, atol=1e-5)


def test_a_row_does_not_depend_on_the_others() -> None:
    pair = replace(PAIR, recurrent=edges((1, 0, 5.55, 0.7), (0, 1, 50.0, -0.5)))
    signals = np.random.default_rng(0).uniform(0, 1, (11, 3, 2))
    together = pair.states(signals)
    assert together.shape == (11, 3, 2)
    for row in (0, 7, 8, 10):
        np.testing.assert_array_equal(pair.states(signals[row : row + 1])[0], together[row])


def test_spans_join_where_a_sample_takes_more_steps_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = replace(PAIR, recurrent=edges((1, 0, 5.55, 0.7)))
    whole = pair.states(LEVELS[None])
    stops = []
    monkeypatch.setattr("soensim.circuit.coupled._SPAN", 37)
    np.testing.assert_array_equal(pair.states(LEVELS[None], stop=lambda: stops.append(1)), whole)
    assert len(stops) == math.ceil(3 * pair.steps / 37)


def test_steps_follow_the_junctions() -> None:
    assert circuits().steps == 625  # 0.2 tau_0 with beta_c = 0.3
    fast = Device(Junction(100e-6, 1.5e-9, 0.1), 1.0, 1.0)
    assert circuits(fast).steps == 1875
    assert circuits(sample_tau=0.01).steps == 1
    assert replace(PAIR, recurrent=edges((0, 1, 0.0, 1.0))).work(2) == (2 * 200 * 2, 2 * 200)
    assert replace(PAIR, recurrent=edges((0, 1, 0.3, 1.0))).work(2)[1] == 2 * 2 * 200


def test_a_drive_above_threshold_starts_where_the_last_rest_is() -> None:
    state, part = rest_towards(DEVICE, 0.4, 1.9)
    assert 0.5 < part < 1.0
    assert state[1] == state[3] == state[4] == 0.0
    rest, whole = rest_towards(DEVICE, 0.4 * part, 1.9 * part)
    assert whole == 1.0
    np.testing.assert_allclose(state, rest, atol=1e-9)
    np.testing.assert_array_equal(rest_towards(DEVICE, 0.0, 0.0)[0], np.zeros(5))
    always = circuits(flux_offset=np.array([0.4]), inputs=edges(), sample_tau=400.0)
    assert always.states(np.zeros((1, 1, 1)))[0, 0, 0] > 0.05
    trapped = circuits(flux_offset=np.array([-0.6]), inputs=edges(), sample_tau=400.0)
    np.testing.assert_allclose(trapped.states(np.zeros((1, 1, 1))), always.states(np.zeros((1, 1, 1))), atol=1e-9)


def test_the_vector_form_of_sin() -> None:
    x = np.concatenate([np.linspace(-50, 50, 20001), [0.0, math.pi / 2, -math.pi / 2, 1e4]])
    np.testing.assert_allclose([_sin(v) for v in x], np.sin(x), atol=1e-10)


def test_a_state_that_diverges_is_refused() -> None:
    with pytest.raises(CircuitError, match="a state diverges"):
        circuits().states(np.full((1, 2, 1), 0.5), steps=10)


def test_one_row_that_diverges_is_enough() -> None:
    with pytest.raises(CircuitError, match="a state diverges"):
        circuits().states(np.array([[[0.0]], [[np.inf]]]))
    assert np.isfinite(circuits().states(np.zeros((2, 1, 1)))).all()
