"""Estimates from measured chips and traces: right values, intervals that cover, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
import yaml
from numpy.typing import NDArray

from soensim.commands import cli, fit
from soensim.errors import MeasurementError
from soensim.fabrication import FabricatedChip, MeasuredChip, fabricate_chip, measured_text, measured_values, read_sizes
from soensim.fit import Deviations, Trace, deviations_of, estimate, fit_dendrite, read_trace
from soensim.fit.dendrite import DendriteFit, _Model
from soensim.fit.spread_fit import SpreadFit
from soensim.netlist import load_netlist
from soensim.network import Network, compile_network
from soensim.program import READOUT, Program
from soensim.routing import route

RATE = "netlists/year1-28.yaml"
NETLIST = load_netlist(RATE)
NETWORK = compile_network(route(NETLIST))
HIDDEN = NETWORK.populations[0]
JUNCTION = NETLIST.device_technology.junction
SIZES = (
    "efficacy=0.05,flux_offset=0.01,gamma_plus=0.03,gamma_minus=0.02,bias_current=0.01,critical_current=0.04,"
    "arm_inductance=0.05,edge_delay=0.02"
)


@cache
def program() -> Program:
    return Program.load("netlists/year1-28.safetensors", NETWORK)


def chips(sizes: str, seeds: range, network: Network = NETWORK, values: dict | None = None) -> list[MeasuredChip]:
    values = program().values if values is None else values
    spreads = read_sizes(sizes)
    return [measured_values(network, fabricate_chip(network, values, spreads, seed), values) for seed in seeds]


# --- spreads ----------------------------------------------------------------------------------------------------------


def test_mean_and_sigma_are_those_of_the_textbook() -> None:
    """Student's and the chi-square interval, of two chips with three devices each."""
    parts = np.array([0.01, -0.02, 0.04]), np.array([0.03, 0.0, 0.05])
    every = np.concatenate(parts)
    found = estimate(Deviations("efficacy_spread", (*parts, np.array([]))))
    sigma = every.std(ddof=1)
    assert (found.chips, found.devices) == (2, 6)
    assert found.mean == pytest.approx(every.mean(), rel=1e-12)
    assert found.mean_ci95 == pytest.approx(scipy.stats.t.interval(0.95, 5, every.mean(), sigma / math.sqrt(6)))
    assert found.sigma == pytest.approx(sigma, rel=1e-12)
    ends = [sigma * math.sqrt(5 / scipy.stats.chi2.ppf(p, 5)) for p in (0.975, 0.025)]
    assert found.sigma_ci95 == pytest.approx(ends, rel=1e-9)
    assert found.relative_error == pytest.approx(1 / math.sqrt(10))
    assert found.alike == pytest.approx(scipy.stats.f_oneway(*parts).pvalue)
    assert not found.in_common
    assert not found.off
    assert found.as_dict()["sigma_ci95"] == list(found.sigma_ci95)


def test_one_device_has_no_spread() -> None:
    found = estimate(Deviations("delay_spread", (np.array([0.1]),)))
    assert (found.mean, found.sigma, found.mean_ci95, found.sigma_ci95, found.alike) == (0.1, None, None, None, None)
    assert not found.off
    assert found.as_dict()["mean_ci95"] is None
    alike = estimate(Deviations("delay_spread", (np.array([0.1, 0.1]), np.array([0.1, 0.1]))))
    assert (alike.sigma, alike.alike) == (pytest.approx(0), 1.0)
    assert estimate(Deviations("delay_spread", (np.zeros(2), np.ones(2)))).in_common


def wide_chip(tmp_path: Path) -> tuple[Network, dict[str, NDArray[np.float64]]]:
    """2,000 SQUIDs: enough for 2 %, and quickly made."""
    content = yaml.safe_load(Path(RATE).read_text())
    for part in ("floorplan", "routing", "task"):
        content.pop(part)
    content["populations"]["hidden"]["size"] = 2000
    content["projections"] = content["projections"][:1]
    content["projections"][0].pop("medium")
    (path := tmp_path / "wide.yaml").write_text(yaml.safe_dump(content))
    network = compile_network(route(load_netlist(path)))
    rng = np.random.default_rng(0)
    values = {key: rng.choice([-0.3, 0.1, 0.2], len(s)) for key, s in network.synapses.items()}
    return network, {**values, READOUT: np.ones((10, 2000)), "hidden.flux_trim": np.zeros(2000)}


def test_twenty_chips_tell_every_spread_within_two_percent(tmp_path: Path) -> None:
    """40,000 neurons: the standard error of sigma is 0.35 %, and within 2 % is nearly sure."""
    network, values = wide_chip(tmp_path)
    sizes = SIZES.removesuffix(",edge_delay=0.02")
    deviations, shares = deviations_of(network, chips(sizes, range(20), network, values))
    found = {one.imperfection: one for one in map(estimate, deviations)}
    asked = read_sizes(sizes)
    assert found.keys() == asked.keys()
    for name, size in asked.items():
        assert found[name].sigma == pytest.approx(size, rel=0.02), name
        assert abs(found[name].mean) < 0.02 * size, name
        assert (found[name].chips, found[name].in_common) == (20, False), name
    assert (found["arm_inductance_spread"].devices, found["gamma_plus_spread"].devices) == (80_000, 40_000)
    assert [(share.imperfection, share.count) for share in shares] == [("drop_synapses", 0), ("dead_neurons", 0)]


def test_intervals_cover_the_truth_in_95_percent_of_the_cases() -> None:
    """Over 200 repeats of two chips: 95 % +- 4.6 points are three standard errors."""
    asked = read_sizes(SIZES)
    covered = {name: [0, 0] for name in asked}
    repeats = 200
    for k in range(repeats):
        for one in map(estimate, deviations_of(NETWORK, chips(SIZES, range(2 * k, 2 * k + 2)))[0]):
            low, high = one.sigma_ci95
            covered[one.imperfection][0] += low <= asked[one.imperfection] <= high
            covered[one.imperfection][1] += not one.off
    for name, counts in covered.items():
        for count in counts:
            assert 0.904 <= count / repeats <= 0.996, (name, counts)


def test_what_all_devices_are_off_by_is_found() -> None:
    drawn = fabricate_chip(NETWORK, program().values, read_sizes("gamma_plus=0.01,flux_offset=0.001"), 3)
    off = FabricatedChip(
        values={key: 1.1 * value for key, value in drawn.values.items()},
        gamma_plus=tuple(1.05 * value for value in drawn.gamma_plus),
        gamma_minus=drawn.gamma_minus,
        bias_current=drawn.bias_current,
        flux_offset=tuple(value - 0.02 for value in drawn.flux_offset),
    )
    measured = measured_values(NETWORK, off, program().values)
    found = {one.imperfection: one for one in map(estimate, deviations_of(NETWORK, [measured])[0])}
    assert found["efficacy_spread"].mean == pytest.approx(0.1)
    assert found["gamma_plus_spread"].mean == pytest.approx(0.05, abs=0.006)
    assert found["flux_offset_spread"].mean == pytest.approx(-0.02, abs=0.0006)
    assert {name for name, one in found.items() if one.off} == {
        "efficacy_spread",
        "gamma_plus_spread",
        "flux_offset_spread",
    }
    assert found["gamma_plus_spread"].sigma == pytest.approx(0.0105, rel=0.5)


def test_dead_devices_count_as_a_share_and_not_in_the_spread() -> None:
    sizes = "efficacy=0.05,gamma_plus=0.03,dead_neurons=0.2,drop_synapses=0.1"
    deviations, shares = deviations_of(NETWORK, chips(sizes, range(5)))
    found = {one.imperfection: one for one in map(estimate, deviations)}
    asked_for = sum(int((program().values[key] != 0).sum()) for key in ("pixels->hidden", "hidden->hidden", READOUT))
    dead = {share.imperfection: share for share in shares}
    assert dead["drop_synapses"].devices == 5 * asked_for
    assert dead["drop_synapses"].share == pytest.approx(0.1, abs=0.02)
    assert dead["dead_neurons"].devices == 140
    assert dead["dead_neurons"].share == dead["dead_neurons"].count / 140
    assert 0.1 < dead["dead_neurons"].share < 0.3
    assert found["gamma_plus_spread"].devices == 140 - dead["dead_neurons"].count
    assert found["efficacy_spread"].devices == 5 * asked_for - dead["drop_synapses"].count
    assert found["efficacy_spread"].sigma == pytest.approx(0.05, rel=0.05)
    assert found["gamma_plus_spread"].sigma == pytest.approx(0.03, rel=0.3)


def test_spread_that_a_chip_has_in_common_is_told() -> None:
    sizes = "gamma_plus=0.03,gamma_plus.correlation_um=inf,bias_current=0.01,delay=0.1"
    found = {one.imperfection: one for one in map(estimate, deviations_of(NETWORK, chips(sizes, range(4)))[0])}
    assert found["gamma_plus_spread"].in_common
    assert not found["bias_current_spread"].in_common
    assert (found["delay_spread"].devices, found["delay_spread"].alike) == (4, None)


def test_a_leak_that_is_not_drawn_tells_nothing(tmp_path: Path) -> None:
    network, values = wide_chip(tmp_path)
    leakless = replace(network, populations=(replace(network.populations[0], gamma_minus=np.zeros(2000)),))
    measured = measured_values(leakless, FabricatedChip.nominal(leakless, values), values)
    names = {one.imperfection for one in deviations_of(leakless, [measured])[0]}
    assert "gamma_minus_spread" not in names
    assert "gamma_plus_spread" in names


# --- traces -----------------------------------------------------------------------------------------------------------


def pulse(c: float, plus: float, minus: float, noise: float = 0.0, seed: int = 0, samples: int = 80) -> Trace:
    """A dendrite that is driven for 4 ns, and then decays; factors on what is drawn."""
    time_s = np.linspace(0, 8e-9, samples)
    flux = np.where((time_s >= 0.3e-9) & (time_s < 4e-9), 0.5, 0.0)
    empty = Trace("pulse", time_s, np.zeros(samples), flux)
    state = _Model(empty, HIDDEN, JUNCTION).states(np.array([[math.log(c), math.log(plus), math.log(minus), 0.0]]))[
        :, 0
    ]
    return Trace("pulse", time_s, state + noise * np.random.default_rng(seed).standard_normal(samples), flux)


def test_a_pulse_tells_critical_current_gain_and_leak() -> None:
    found = fit_dendrite(pulse(0.95, 1.03, 0.97), HIDDEN, JUNCTION)
    for one, factor in zip(found.parameters, (0.95, 1.03, 0.97), strict=True):
        assert one.value == pytest.approx(factor * one.drawn, rel=1e-6), one.name
        assert one.relative_error < 1e-6
    assert [one.drawn for one in found.parameters] == [1, HIDDEN.gamma_plus[0], HIDDEN.gamma_minus[0]]
    assert found.noise < 1e-7


def test_intervals_of_a_trace_cover_the_truth() -> None:
    """16 noisy pulses, 48 intervals: 95 % +- 3.1 points standard error; noise of 0.002 I_c still tells 2 %."""
    truth = (0.97, 1.05, 0.9)
    covered, off = 0, []
    for seed in range(16):
        found = fit_dendrite(pulse(*truth, noise=0.002, seed=seed, samples=50), HIDDEN, JUNCTION)
        for one, factor in zip(found.parameters, truth, strict=True):
            low, high = one.ci95
            covered += low <= factor * one.drawn <= high
            off.append(abs(one.value / (factor * one.drawn) - 1))
        assert not found.systematic
    assert 42 <= covered <= 48
    assert max(off) < 0.02
    assert max(off) > 1e-3
    assert found.noise == pytest.approx(0.002, rel=0.3)


def test_a_decay_tells_the_leak_alone() -> None:
    """s = s_0 exp(-gamma_minus tau), and nothing of the SQUID."""
    time_s = np.linspace(0, 5e-9, 40)
    state = 0.5 * np.exp(-time_s / 1.5e-9) + 1e-3 * np.random.default_rng(1).standard_normal(40)
    found = fit_dendrite(Trace("decay", time_s, state, np.zeros(40)), HIDDEN, JUNCTION)
    critical_current, plus, minus = found.parameters
    assert (critical_current.value, plus.value, plus.ci95) == (None, None, None)
    assert minus.value == pytest.approx(JUNCTION.tau_0_s / 1.5e-9, rel=0.02)
    low, high = minus.ci95
    assert low < minus.value < high
    assert 1.96 * minus.relative_error == pytest.approx(math.log(high / low) / 2, rel=0.05)
    assert found.noise == pytest.approx(1e-3, rel=0.4)


def test_a_dendrite_without_a_leak_in_its_drawing() -> None:
    drawn = replace(HIDDEN, gamma_minus=np.zeros(28))
    found = fit_dendrite(pulse(1.0, 1.0, 1.0), drawn, JUNCTION)
    assert found.parameters[2].value == pytest.approx(HIDDEN.gamma_minus[0], rel=1e-6)


def write_trace(path: Path, trace: Trace, head: str = "time_ns,state,flux", factor: float = 1e9) -> Path:
    rows = zip((factor * trace.time_s).tolist(), trace.state.tolist(), trace.flux.tolist(), strict=True)
    path.write_text("# a pulse\n" + head + "\n" + "".join(f"{t!r},{s!r},{f!r}\n" for t, s, f in rows))
    return path


def test_traces_of_all_forms_are_the_same(tmp_path: Path) -> None:
    trace = pulse(1, 1, 1)
    np.savez(tmp_path / "t.npz", time_s=trace.time_s, state=trace.state, flux=trace.flux)
    forms = [
        tmp_path / "t.npz",
        write_trace(tmp_path / "ns.csv", trace),
        write_trace(tmp_path / "s.csv", trace, "time_s,state,flux", 1.0),
    ]
    for path in forms:
        found = read_trace(path)
        assert found.time_s == pytest.approx(trace.time_s, rel=1e-12)
        assert np.array_equal(found.state, trace.state)
        assert np.array_equal(found.flux, trace.flux)
        assert found.file == str(path)


FLUX = "time_ns,state,flux\n"
ROWS = [f"{k},0.1,0.5" for k in range(8)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state,flux\n" + "0.1,0.5\n" * 8, "has no time; a trace has time_ns or time_s, state"),
        ("time_ns,time_s,state,flux\n" + "1,1,0.1,0.5\n" * 8, "has time_ns and time_s; a trace has"),
        ("time_ns,state\n1,1\n", "must name the columns state and flux"),
        ("time_ns,state,flux\n" + "\n".join(ROWS[:7]), "has 7 samples; a fit needs 8 or more"),
        (FLUX + "\n".join([*ROWS, "7,0.1,0.5"]), "time_ns of sample 9 is not above that before it"),
        (
            FLUX + "\n".join([*ROWS, "8,21,0.5"]),
            "state of sample 9 is 21; it is in units of",
        ),
        (FLUX + "\n".join([*ROWS, "8,0.1,101"]), "flux of sample 9 is 101; it is in flux quanta"),
        (FLUX + "\n".join([*ROWS, "8,x,0.5"]), ":10: state is 'x'; it must be a number"),
        (FLUX + "\n".join([*ROWS, ",0.1,0.5"]), ":10: time_ns is ''; it must be a number"),
        (FLUX + "\n".join([*ROWS, "nan,0.1,0.5"]), "time_ns is 'nan'"),
    ],
)
def test_traces_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (path := tmp_path / "t.csv").write_text(text)
    with pytest.raises(MeasurementError, match=r"t\.csv") as caught:
        read_trace(path)
    assert message in str(caught.value)


def test_arrays_that_are_no_trace(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", time_s=np.arange(9), state=np.zeros(8), flux=np.zeros(9))
    with pytest.raises(MeasurementError, match=r"have the shapes state \(8,\), flux \(9,\), time_s \(9,\); they must"):
        read_trace(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", state=np.zeros(8))
    with pytest.raises(MeasurementError, match=r"lacks the array 'flux'; .*a trace has time_ns or time_s"):
        read_trace(tmp_path / "t.npz")


def test_a_trace_has_8_to_100_000_samples(tmp_path: Path) -> None:
    for samples, legal in ((7, False), (8, True), (100_000, True), (100_001, False)):
        times = np.arange(samples) * 1e-9
        np.savez(tmp_path / "t.npz", time_s=times, state=np.zeros(samples), flux=np.zeros(samples))
        if legal:
            assert len(read_trace(tmp_path / "t.npz").state) == samples
        else:
            with pytest.raises(MeasurementError, match=f"has {samples} samples; a fit needs 8 or more, .* most 100000"):
                read_trace(tmp_path / "t.npz")
    many = "\n".join(f"{k},0,0" for k in range(100_002))
    (path := tmp_path / "t.csv").write_text(f"{FLUX}{many}")
    with pytest.raises(MeasurementError, match="has 100001 samples"):  # the rest is not read
        read_trace(path)


def test_the_step_of_the_integration_is_a_quarter_of_the_gain() -> None:
    trace = pulse(1, 1, 1, samples=11)
    steps = np.diff(JUNCTION.tau_from_seconds(trace.time_s))
    model = _Model(trace, HIDDEN, JUNCTION)
    assert model.parts.tolist() == np.ceil(steps * HIDDEN.gamma_plus[0] / 0.25).astype(int).tolist()
    assert model.parts.min() > 1
    slow = _Model(replace(trace, time_s=1e-6 * trace.time_s), HIDDEN, JUNCTION)
    assert slow.parts.tolist() == [1] * 10
    np.testing.assert_allclose(model.gammas, (HIDDEN.gamma_plus[0], HIDDEN.gamma_minus[0]))
    leakless = _Model(trace, replace(HIDDEN, gamma_minus=np.zeros(28)), JUNCTION)
    assert leakless.gammas[1] == pytest.approx(0.1 / steps.sum())


def test_a_critical_current_is_looked_for_within_30_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fit_dendrite(pulse(1.285, 1, 1, samples=30), HIDDEN, JUNCTION).parameters[0].value == pytest.approx(1.285)
    with pytest.raises(MeasurementError, match="no critical_current near the netlist's fits it"):
        fit_dendrite(pulse(1.4, 1, 1, samples=30), HIDDEN, JUNCTION)
    asked = {}
    monkeypatch.setattr(
        "soensim.fit.dendrite.least_squares", lambda *_, **settings: asked.update(settings) or SimpleNamespace(x=_[1])
    )
    fit_dendrite(pulse(1, 1, 1, samples=30), HIDDEN, JUNCTION)
    low, high = asked["bounds"]
    np.testing.assert_allclose(np.exp(low), [0.7, math.exp(-5), math.exp(-5), math.exp(-20)])
    np.testing.assert_allclose(np.exp(high), [1.3, math.exp(5), math.exp(5), math.exp(20)])


def test_what_is_off_by_its_own_size_is_not_determined(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is held at the drawing's value while the others are fitted again; the state at the start always is."""
    errors = iter([np.array([0.99, 1.01, 0.5, 7.0]), np.array([0.1, 0.2, 7.0])])
    monkeypatch.setattr("soensim.fit.dendrite._errors", lambda _left, slopes: next(errors)[: slopes.shape[1]])
    critical_current, plus, minus = fit_dendrite(pulse(0.95, 1.0, 0.97, samples=20), HIDDEN, JUNCTION).parameters
    assert (plus.value, plus.ci95, plus.relative_error) == (None, None, None)
    assert (critical_current.relative_error, minus.relative_error) == (0.1, 0.2)
    half = scipy.stats.t.ppf(0.975, 20 - 3)
    assert minus.ci95 == pytest.approx([minus.value * math.exp(side * half * 0.2) for side in (-1, 1)])


@pytest.mark.parametrize(
    ("correlation", "noise", "systematic"),
    [(0.51, 1.1e-5, True), (0.49, 1.1e-5, False), (0.51, 0.9e-5, False), (0.9, 1.0, True), (0.5, 1.0, False)],
)
def test_what_is_left_is_alike_above_a_half_and_beyond_the_integration(
    correlation: float, noise: float, systematic: bool
) -> None:
    assert DendriteFit("t", "hidden", 80, (), noise, correlation).systematic == systematic


@pytest.mark.parametrize(("alike", "in_common"), [(0.9e-3, True), (1e-3, False), (1.1e-3, False), (None, False)])
def test_devices_deviate_alike_below_a_probability_of_a_thousandth(alike: float | None, in_common: bool) -> None:
    assert SpreadFit("efficacy_spread", 2, 6, 0.0, None, 1.0, None, None, alike).in_common == in_common


def test_a_trace_in_another_unit_is_told() -> None:
    trace = pulse(1, 1, 1)
    with pytest.raises(
        MeasurementError, match="at most 200000 are integrated: give a shorter trace, or check the unit"
    ):
        fit_dendrite(Trace("t", 1e6 * trace.time_s, trace.state, trace.flux), HIDDEN, JUNCTION)
    with pytest.raises(MeasurementError, match="no critical_current near the netlist's fits it; check the units and"):
        fit_dendrite(Trace("t", trace.time_s, 0.3 * trace.state, trace.flux), HIDDEN, JUNCTION)
    assert fit_dendrite(Trace("t", trace.time_s, trace.state, 0 * trace.flux), HIDDEN, JUNCTION).systematic


def test_a_long_fit_is_told_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,500 steps of 0.4 ms, 20 times over, are 20 s; times in ps for ns are a thousand times as long."""
    said: list[str] = []
    trace = pulse(1, 1, 1)
    fit_dendrite(trace, HIDDEN, JUNCTION, said.append)
    assert said == []
    monkeypatch.setattr("soensim.fit.dendrite._least_squares", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    long = Trace("t.csv", 400 * trace.time_s, trace.state, trace.flux)
    with pytest.raises(KeyboardInterrupt):
        fit_dendrite(long, HIDDEN, JUNCTION, said.append)
    (text,) = said
    steps = int(_Model(long, HIDDEN, JUNCTION).parts.sum())
    assert text == f"t.csv: 3,200 ns are {steps:,} steps: about {steps * 20 * 0.4e-3 / 60:.1g} min"
    assert _Model(long, HIDDEN, JUNCTION).seconds > 20


def test_steps_of_the_integration_are_fine_enough() -> None:
    trace = pulse(1, 1, 1)
    fine = _Model(trace, HIDDEN, JUNCTION)
    fine.parts = 8 * fine.parts
    assert np.abs(fine.states(np.zeros((1, 4)))[:, 0] - trace.state).max() < 3e-6


# --- command ----------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    return cli.run(fit.main, [RATE, *arguments])


def write_chips(folder: Path, sizes: str, count: int = 2) -> list[str]:
    paths = [str(folder / f"{k}.csv") for k in range(count)]
    for path, measured in zip(paths, chips(sizes, range(count)), strict=True):
        Path(path).write_text(measured_text(NETWORK, measured))
    return paths


def test_the_table_and_the_lines_for_a_netlist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = write_chips(tmp_path, SIZES + ",drop_synapses=0.05,gamma_plus.correlation_um=inf")
    target = tmp_path / "fit.json"
    assert run(*paths, "--json", str(target)) == 0
    said = capsys.readouterr().out
    document = json.loads(target.read_text())
    assert document["chip"]["name"] == "year1-28"
    assert [one["file"] for one in document["measured"]] == paths
    sizes = document["imperfections"]
    assert {one["imperfection"]: one["sigma"] for one in document["spreads"]} == {
        name: size for name, size in sizes.items() if name != "drop_synapses"
    }
    assert (document["shares"][0]["share"], document["traces"]) == (sizes["drop_synapses"], [])
    assert max(map(len, said.splitlines())) <= 100
    row = next(line.split() for line in said.splitlines() if line.startswith("efficacies"))
    assert row[1] == "%"
    assert row[6] == f"{100 * sizes['efficacy_spread']:.4g}"
    assert "note: drive gain gamma_plus: devices of one chip deviate alike" in said
    assert "the standard error" in said
    pasted = "imperfections:\n" + said.split("imperfections:\n")[1].split("\n\n")[0]
    read = yaml.safe_load(pasted)["imperfections"]
    assert read == pytest.approx(sizes, rel=1e-5)
    (netlist := tmp_path / "new.yaml").write_text(Path(RATE).read_text() + "\n" + pasted + "\n")
    assert compile_network(route(load_netlist(netlist))).spreads["efficacy_spread"] == read["efficacy_spread"]


def test_offsets_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.csv"
    rows = [f"neuron,hidden,{k},,bias_current,{1.9 * (1.02 + 0.001 * k)!r},I_c," for k in range(5)]
    rows += [f"neuron,hidden,{k},,flux_offset,{0.16 + 0.001 * k!r},Phi_0," for k in range(5)]
    path.write_text("kind,where,neuron,source,quantity,value,unit\n" + "\n".join(rows))
    assert run(str(path), "--json", "none") == 0
    said = capsys.readouterr().out
    assert "# all devices are off by, which is no spread; correct the netlist:" in said
    assert "# bias current: +2.2 % (+2.004 to +2.396 %)" in said
    assert "# flux offset: +0.012 Phi_0 (+0.01004 to +0.01396)" in said


def test_a_trace_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write_trace(tmp_path / "pulse.csv", pulse(0.95, 1.0, 1.0, noise=0.002)))
    assert run("--trace", path, "--json", str(tmp_path / "fit.json")) == 0
    said = capsys.readouterr().out
    (found,) = json.loads((tmp_path / "fit.json").read_text())["traces"]
    assert found["parameters"][0]["value"] == pytest.approx(0.95, rel=0.02)
    assert f"I_c {100 * found['parameters'][0]['value']:.5g} uA" in said
    assert f"beta_di {1 / found['parameters'][1]['value']:.5g}" in said
    assert f"tau_di_ns {1e9 * JUNCTION.tau_0_s / found['parameters'][2]['value']:.5g}" in said
    time_s = np.linspace(0, 5e-9, 40)
    decay = write_trace(tmp_path / "decay.csv", Trace("", time_s, 0.5 * np.exp(-time_s / 1.5e-9), 0 * time_s))
    assert run("--trace", str(decay), "--population", "hidden") == 0
    said = capsys.readouterr().out
    assert said.count("the trace does not determine it") == 2
    assert "note: what is left" not in said
    wrong = write_trace(tmp_path / "wrong.csv", replace(pulse(1, 1, 1), flux=0 * time_s.repeat(2)))
    assert run("--trace", str(wrong)) == 0
    assert "note: what is left is alike in neighbouring samples" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to fit; give files of measured values, or a --trace"),
        (
            ("--program", "netlists/year1-28.safetensors", "--trace", "x"),
            "--program is what measured chips were asked",
        ),
        (("x.csv", "--population", "hidden"), "--population is that of a --trace; leave it out"),
        (
            ("--trace", "x.csv", "--population", "hiden"),
            "--population: chip 'year1-28' has no population 'hiden'",
        ),
        (("--trace", "x.csv"), "x.csv: no such file"),
        (("x.csv",), "x.csv: no such file"),
        (("x.csv", "--json", "x.csv"), "is read by this command"),
    ],
)
def test_fits_that_are_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = list(arguments)
    if "--json" in given:
        (tmp_path / "x.csv").write_text("")
        given = [str(tmp_path / "x.csv"), "--json", str(tmp_path / "x.csv")]
    assert run(*given) == 2
    assert message in capsys.readouterr().err


def test_traces_of_chips_without_squids_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(fit.main, ["netlists/rows-24.yaml", "--trace", "x.csv"]) == 2
    assert "has no SQUIDs; all its source functions are virtual" in capsys.readouterr().err


def test_what_was_asked_comes_from_the_file_or_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = write_chips(tmp_path, "efficacy=0.05", 1)
    lines = Path(path).read_text().splitlines()
    (bare := tmp_path / "bare.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    results = []
    for given in ((path,), (str(bare), "--program", "netlists/year1-28.safetensors")):
        assert run(*given, "--json", "-") == 0
        results.append(json.loads(capsys.readouterr().out)["spreads"])
    assert results[0] == results[1]
    assert run(str(bare)) == 2
    assert "and not what was asked for; add the column `asked`, or name the program" in capsys.readouterr().err
    only_noise = tmp_path / "noise.csv"
    only_noise.write_text("kind,where,neuron,source,quantity,value,unit\nchip,,,,read_noise_flux,0.01,Phi_0\n")
    assert run(str(only_noise)) == 2
    assert "says nothing that a spread can be estimated from" in capsys.readouterr().err
