"""Compiling a chip: indices, signs, levels, coefficients, delays."""

import dataclasses

import numpy as np
import pytest
from conftest import LABELS, SMALL, compiled, delayed
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.errors import NetlistError, ProgramError, RoutingError, SimulationError
from soensim.netlist import parse_netlist
from soensim.network import at_training_step, compile_network, present, refined
from soensim.routing import route


def test_arrays_are_read_only(small):
    for synapses in small.synapses.values():
        for array in (synapses.sources, synapses.targets, synapses.sign, synapses.levels, synapses.delay_tau):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        small.name = "other"


def test_sizes_and_places(small):
    assert (small.channels, small.neurons, small.edges) == (8, 6, 48 + 18)
    assert small.synapses["pixels->hidden"].shape == (6, 8)
    assert small.synapses["pixels->hidden"].source is None
    assert small.synapses["hidden->hidden"].source == 0


def test_four_bits_are_fifteen_levels_about_an_exact_zero(small):
    levels = small.synapses["hidden->hidden"].levels
    assert len(levels) == 15
    assert levels[7] == 0
    np.testing.assert_allclose(levels, -levels[::-1])
    np.testing.assert_allclose(np.diff(levels), 0.3 / 7)


def test_si_and_dimensionless_dynamics_are_one_chip():
    junction = parse_netlist(SMALL).device_technology.junction
    si = SMALL.replace("gamma_plus: 1.0e-3", "beta_di: 1000").replace(
        "gamma_minus: 5.0e-4", f"tau_di_ns: {junction.seconds_from_tau(2000) * 1e9!r}"
    )
    per_ns = SMALL.replace(
        "gamma_plus: 1.0e-3", f"gamma_plus_per_ns: {junction.per_second_from_gamma(1e-3) * 1e-9!r}"
    ).replace("gamma_minus: 5.0e-4", f"gamma_minus_per_ns: {junction.per_second_from_gamma(5e-4) * 1e-9!r}")
    timed = SMALL.replace("sample_tau: 200", f"sample_ns: {junction.seconds_from_tau(200) * 1e9!r}")
    for text in (si, per_ns, timed):
        network = compiled(text)
        np.testing.assert_allclose(network.populations[0].gamma_plus, 1e-3, rtol=1e-12)
        np.testing.assert_allclose(network.populations[0].gamma_minus, 5e-4, rtol=1e-12)
        assert network.dt_tau == pytest.approx(100, rel=1e-12)


def recurrent_delay(tau, **options):
    """SMALL with one delay (tau) on all of W_hh; its step is 100 tau."""
    routed = route(parse_netlist(SMALL))
    ps = routed.netlist.device_technology.junction.seconds_from_tau(tau) * 1e12
    loop = routed.projections["hidden->hidden"]
    delayed_loop = dataclasses.replace(loop, delay_ps=np.full(len(loop.edges), ps))
    projections = {**routed.projections, "hidden->hidden": delayed_loop}
    return compile_network(dataclasses.replace(routed, projections=projections), **options)


def split(network, key):
    """Whole steps and remainder of the delay that all edges of a projection have in common."""
    synapses = network.synapses[key]
    steps, edges, part = synapses.delays(network.dt_tau)
    assert set(edges) == set(range(len(synapses)))
    assert set(np.unique(steps)) <= {steps.min(), steps.min() + 1}
    (remainder,) = {1 - p for p in part[steps == steps.min()]}
    np.testing.assert_array_equal(part[steps > steps.min()], remainder)
    assert (steps > steps.min()).any() == (remainder != 0)
    return steps.min(), remainder


def test_delays_become_whole_steps_and_a_remainder_of_the_step_in_use():
    for refine, whole, remainder in ((1, 2, 0.5), (2, 5, 0.0), (4, 10, 0.0), (3, 7, 0.5)):
        network = recurrent_delay(250, refine=refine)
        synapses = network.synapses["hidden->hidden"]
        np.testing.assert_allclose(synapses.delay_tau, 250, rtol=1e-12)
        assert split(network, "hidden->hidden") == (whole, pytest.approx(remainder, abs=1e-12))
        lags = (whole,) if remainder == 0 else (whole, whole + 1)
        assert network.delay_layout(synapses).lags == lags
        assert split(network, "pixels->hidden") == (0, 0.0)
        assert network.delay_layout(network.synapses["pixels->hidden"]).lags == (0,)


@pytest.mark.parametrize(
    ("tau", "whole", "remainder"),
    [
        (300 - 5e-8, 3, 0.0),
        (300 + 5e-8, 3, 0.0),
        (300 - 5e-7, 2, 1 - 5e-9),
        (300 + 5e-7, 3, 5e-9),
        (5e-8, 0, 0.0),
    ],
)
def test_a_rounding_error_is_no_remainder(tau, whole, remainder):
    found = split(recurrent_delay(tau), "hidden->hidden")
    assert found == (whole, pytest.approx(remainder, abs=1e-12))
    assert (found[1] == 0) == (remainder == 0)


@settings(max_examples=30, deadline=None)
@given(longest_ps=st.floats(0, 1000), refine=st.integers(1, 4), seed=st.integers(0, 9))
def test_the_parts_of_an_edge_are_whole_and_stand_at_its_delay_on_average(longest_ps, refine, seed):
    """What makes linear interpolation: parts of 0 to 1 on neighbouring steps, sum 1, mean step = delay / dt."""
    routed = delayed(SMALL, longest_ps, seed)
    network = compile_network(routed, refine=refine)
    junction = routed.netlist.device_technology.junction
    for key, synapses in network.synapses.items():
        steps, edges, part = synapses.delays(network.dt_tau)
        assert np.all(np.diff(steps) >= 0)
        assert np.all((part > 0) & (part <= 1))
        n = len(synapses)
        exact = junction.tau_from_seconds(routed.projections[key].delay_ps * 1e-12) / network.dt_tau
        np.testing.assert_allclose(np.bincount(edges, part, n), 1, atol=1e-12)
        np.testing.assert_allclose(np.bincount(edges, part * steps, n), exact, atol=2e-9)
        assert np.all(np.abs(steps - exact[edges]) < 1 + 1e-9)


def test_a_delay_layout_has_a_block_per_lag():
    """Both kinds of source, lockstep and feed-forward: every part of an efficacy where its lag and its lines are."""
    text = LABELS.replace("sample_tau: 1}", "sample_tau: 1, update: feed-forward}").replace("readout:", "# readout:")
    text = text.replace(
        "projections:\n",
        "  out: {kind: dendrite, size: 3, source_function: tanh, gamma_plus: 0.2, "
        "gamma_minus: 0.2}\nprojections:\n  - {source: hidden, target: out, topology: {kind: random, density: 0.5, "
        "seed: 1}, efficacy: {bits: 4, range: 2.0}}\n",
    )
    network = compile_network(delayed(text, 5.0))
    for key, ahead, signals in (("hidden->out", 1, 12), ("label->hidden", 0, 10), ("hidden->hidden", 0, 12)):
        synapses = network.synapses[key]
        layout = network.delay_layout(synapses)
        n = synapses.shape[0]
        assert layout.shape == (len(layout.lags) * signals, n)
        stacked = np.zeros(layout.shape)
        np.add.at(stacked, (layout.rows, layout.columns), layout.part)
        assert np.count_nonzero(stacked) == len(layout.part)  # every place once
        blocks = stacked.reshape(len(layout.lags), signals, n)
        expected = np.zeros((signals, n))
        expected[synapses.sources, synapses.targets] = 1
        np.testing.assert_allclose(blocks.sum(0), expected, atol=1e-12)
        lag = np.tensordot(layout.lags, blocks, 1)[synapses.sources, synapses.targets]
        np.testing.assert_allclose(lag, synapses.delay_tau / network.dt_tau - ahead, atol=1e-12)
        assert min(layout.lags) == -ahead


@pytest.mark.parametrize(
    ("delay_ps", "message"),
    [
        (
            np.full(18, -1.0),
            r"projection 'hidden->hidden': delay_ps of edge 0 is -1\.0; a delay is finite and 0 or more",
        ),
        (np.where(np.arange(18) == 4, np.nan, 1.0), r"delay_ps of edge 4 is nan"),
        (np.where(np.arange(18) == 5, np.inf, 1.0), r"delay_ps of edge 5 is inf"),
        (np.zeros(17), r"delay_ps has the shape \(17,\); it needs one per edge, \(18,\)"),
    ],
)
def test_delays_that_no_route_has(small_netlist, delay_ps, message):
    routed = route(small_netlist)
    projections = dict(routed.projections)
    projections["hidden->hidden"] = dataclasses.replace(projections["hidden->hidden"], delay_ps=delay_ps)
    with pytest.raises(RoutingError, match=message):
        compile_network(dataclasses.replace(routed, projections=projections))


def test_refine_divides_the_step_and_nothing_else(small):
    fine = compiled(SMALL, refine=4)
    assert fine.dt_tau == small.dt_tau / 4
    assert fine.sample_tau == small.sample_tau
    assert fine.netlist_hash == small.netlist_hash
    with pytest.raises(SimulationError, match="refine is 0"):
        compiled(SMALL, refine=0)


def test_too_coarse_a_step_is_refused_at_compile_time():
    with pytest.raises(SimulationError, match=r"set timing\.substeps to 5 or more"):
        compiled(SMALL.replace("sample_tau: 200", "sample_tau: 1000"))


def test_a_bias_beyond_the_source_function_is_refused():
    with pytest.raises(NetlistError, match=r"bias_current: 2\.6 is beyond the 2\.5"):
        compiled(SMALL.replace("bias_current: 1.9", "bias_current: 2.6"))


def signs_of(rule):
    text = SMALL.replace(
        "efficacy: {bits: 4, range: 0.3}\ntiming", f"efficacy: {{bits: 4, range: 0.3, sign: {rule}}}\ntiming"
    )
    return compiled(text).synapses["hidden->hidden"]


@pytest.mark.parametrize(("rule", "sign"), [("positive", 1), ("negative", -1)])
def test_fixed_signs(rule, sign):
    synapses = signs_of(rule)
    assert np.all(synapses.sign == sign)
    assert len(synapses.levels) == 16
    assert synapses.levels[0] == 0


def test_dale_signs_belong_to_the_source():
    synapses = signs_of("{kind: dale, inhibitory_fraction: 0.5, seed: 1}")
    by_source = {int(j): set(synapses.sign[synapses.sources == j]) for j in np.unique(synapses.sources)}
    assert all(len(signs) == 1 for signs in by_source.values())
    everywhere = compiled(
        SMALL.replace(
            "{kind: all-to-all}\n    efficacy: {bits: 4, range: 0.3}",
            "{kind: all-to-all}\n    efficacy: {bits: 4, range: 0.3, sign: "
            "{kind: dale, inhibitory_fraction: 0.25, seed: 1}}",
        )
    ).synapses["pixels->hidden"]
    assert sum(everywhere.sign[everywhere.targets == 0] < 0) == 2  # a quarter of eight


def test_per_edge_signs_vary_within_a_source():
    synapses = signs_of("{kind: per-edge, negative_fraction: 0.5, seed: 0}")
    assert set(synapses.sign) == {-1.0, 1.0}
    assert np.array_equal(synapses.sign, signs_of("{kind: per-edge, negative_fraction: 0.5, seed: 0}").sign)


def test_the_mask_is_the_set_of_routed_edges(small_netlist, small):
    routed = route(small_netlist)
    graph = routed.graph()
    for key, synapses in small.synapses.items():
        source, target = key.split("->")
        in_graph = {(j[1], i[1]) for j, i in graph.edges if j[0] == source and i[0] == target}
        assert in_graph == set(zip(synapses.sources.tolist(), synapses.targets.tolist(), strict=True))
    assert graph.number_of_nodes() == 14


def test_spreads_come_from_the_technology_unless_the_netlist_says_otherwise():
    technology = parse_netlist(SMALL).device_technology
    assert compiled(SMALL).spreads["efficacy_spread"] == technology.value("efficacy_spread") > 0
    own = compiled(SMALL + "imperfections: {efficacy_spread: 0.2, flux_offset_spread: 0}\n").spreads
    assert (own["efficacy_spread"], own["flux_offset_spread"]) == (0.2, 0.0)
    assert own["bias_current_spread"] == technology.value("bias_current_spread")


def test_a_loop_that_single_fluxons_shake_is_refused():
    small_loop = SMALL.replace("gamma_plus: 1.0e-3", "beta_di: 62.83").replace("sample_tau: 200", "sample_tau: 20")
    with pytest.raises(
        SimulationError, match=r"beta_di is 2 pi 10, where .* is off by chi\^2 = 0\.005; it holds to 1e-4"
    ):
        compiled(small_loop)
    compiled(small_loop.replace("62.83", "628.3"))
    compiled(small_loop.replace("62.83", "62.83").replace("squid-fit\n    bias_current: 1.9", "tanh"))


def test_automatic_substeps_are_those_that_training_needs():
    """dt gamma_plus <= 0.05, and a multiple of the 6 steps that follow the dendrites: dt gamma_plus <= 0.2."""
    automatic = SMALL.replace(", substeps: 2", "").replace("sample_tau: 200", "sample_tau: 1001")
    chip = compiled(automatic)
    assert (chip.substeps, chip.netlist_substeps, chip.trained_substeps) == (24, 24, 6)
    assert compiled(automatic, refine=4).substeps == 96
    assert compiled(automatic.replace("1001", "200")).substeps == 4
    assert compiled(automatic.replace("1001", "250")).substeps == 6
    leaky = automatic.replace("1001", "200").replace("gamma_minus: 5.0e-4", "gamma_minus: 5.0e-3")
    assert compiled(leaky).substeps == 8
    assert compiled(leaky.replace("squid-fit\n    bias_current: 1.9", "tanh")).substeps == 1


def test_a_program_of_fewer_steps_than_are_taken_today_stays_one_of_the_chip():
    chip = compiled(SMALL.replace(", substeps: 2", "").replace("sample_tau: 200", "sample_tau: 1001"))
    assert at_training_step(chip, {"substeps": 6}).substeps == 6
    assert at_training_step(refined(chip, 4), {}).substeps == 24
    with pytest.raises(ProgramError, match="trained with 8 substeps per sample; chip 'small' has 6"):
        at_training_step(chip, {"substeps": 8})


def test_heun_needs_lockstep():
    with pytest.raises(NetlistError, match=r"timing\.integrator: `heun` needs lockstep"):
        compiled(SMALL.replace("substeps: 2", "substeps: 2, integrator: heun, update: feed-forward"))
    assert compiled(SMALL.replace("substeps: 2", "substeps: 2, integrator: heun")).integrator == "heun"


def test_the_step_of_a_program_is_the_one_that_its_training_used(small):
    assert at_training_step(small, {}) == small
    assert at_training_step(small, {"substeps": small.substeps}) == small
    fine = at_training_step(small, {"substeps": 3 * small.substeps})
    assert (fine.substeps, fine.dt_tau) == (3 * small.substeps, compiled(SMALL, refine=3).dt_tau)
    with pytest.raises(ProgramError, match=r"trained with 5 substeps per sample; chip 'small' has 2, and training"):
        at_training_step(small, {"substeps": 5})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_presented_signals_keep_the_precision_of_the_data(small, dtype):
    values = np.random.default_rng(0).uniform(0, 1, (3, 4, 8)).astype(dtype)
    shown = present(small, values)
    line = small.lines("data")
    assert shown.dtype == dtype
    np.testing.assert_array_equal(shown, values * (line.drive_high - line.drive_low) + line.drive_low)
