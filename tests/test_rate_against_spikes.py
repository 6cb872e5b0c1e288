"""A rate chip as the spiking chip that it stands for: its compilation, what it refuses, and what `evaluate` says."""

import dataclasses
import math
import zlib

import numpy as np
import pytest
from light_problems import ONE, POISSON, chip_text, random_program

from soensim.commands import cli
from soensim.commands import evaluate as command
from soensim.data import Split
from soensim.errors import NetlistError, SimulationError, SoensimError
from soensim.evaluation import spike_check
from soensim.evaluation.spike_check import check_spikes, plan_spikes
from soensim.fabrication import FabricatedChip
from soensim.netlist import load_netlist, parse_netlist
from soensim.network import compile_network, present, with_average_light
from soensim.report.model_text import soma_text, spike_check_rows
from soensim.routing import route
from soensim.simulation.counterpart import check_has_counterpart
from soensim.simulation.engine import simulate
from soensim.simulation.spiking.rate_chip import run_counterpart, spiking_counterpart

SQUID = ("source_function: squid-fit", "source_function: squid")
# certain detection, at once: nothing is random but the phases of the inputs
BRIGHT = ("flux_trim: {bits: 6, range: 0.5}", "flux_trim: {bits: 6, range: 0.5}, spiking_soma: {tau_rad_ns: 0.0}")
STEP_NS, FRAME_NS, TAU_0_NS = 5.0, 700.0, 1.282782e-3


def routed_chip(*changes):
    return route(parse_netlist(chip_text(*ONE, SQUID, *changes, all_light=True)))


@pytest.fixture(scope="module")
def bright():
    routed = routed_chip(BRIGHT)
    network = compile_network(routed)
    program = random_program(network)
    made = spiking_counterpart(routed, network, FabricatedChip.nominal(network, program.values))
    return routed, network, program, made


class Loop:
    """One dendrite by exponential Euler; `detected` are the times of what its detector counts."""

    def __init__(self, dendrite, table, response=None):
        self.d, self.table, self.response, self.s, self.detected = dendrite, table, response, 0.0, []
        leak = dendrite.gamma_minus * STEP_NS / TAU_0_NS
        self.keep, self.gain = math.exp(-leak), dendrite.gamma_plus * -math.expm1(-leak) / dendrite.gamma_minus

    def detect(self, t):
        if not self.detected or t - self.detected[-1] >= self.response.dead_time_ns * (1 - 1e-12):
            self.detected.append(t)

    def step(self, t_end, flux):
        if self.detected:  # the larger of two responses, never their sum
            flux += float(self.response.flux(t_end - np.array(self.detected[-9:])).max())
        return self.keep * self.s + self.gain * float(
            self.table(np.array(flux), np.array(self.d.bias_current - self.s))
        )


def written_out(network, values, made, trains, frames):
    """States after every frame and spikes in each, dendrite by dendrite; ``trains`` are those of the channels."""
    stage, table = made.stages["first"], network.populations[0].source.table
    population, reference = network.populations[0], network.light.populations[0].reference
    response, size = stage.receiver.response, population.size
    offset = population.flux_offset + values["first.flux_trim"]
    somas = [Loop(stage.soma, table) for _ in range(size)]
    backs = [Loop(stage.refractory.dendrite, table, stage.refractory.receiver.response) for _ in range(size)]
    cells = [
        Loop(dataclasses.replace(stage.soma, gamma_plus=population.gamma_plus[k], gamma_minus=population.gamma_minus[k],
                                 bias_current=population.bias_current[k]), table)
        for k in range(size)
    ]  # fmt: skip
    behind = []  # (target, source neuron or None, channel, flux per state, delay, loop)
    for key, own in network.synapses.items():
        for e, w in enumerate(values[key]):
            inputs = key.startswith("pixels")
            full = 0.5 if inputs else reference  # what the source has at its highest rate
            loop = Loop(stage.inputs if inputs else stage.recurrent, table, response)
            place = (None, own.sources[e]) if inputs else (own.sources[e], None)
            delay = own.delay_tau[e] * TAU_0_NS + (0 if inputs else STEP_NS / 2)
            behind.append((own.targets[e], *place, w * full / stage.loop_state, delay, loop))
    arrivals = [sorted(t + b[4] for t in trains[b[2]]) if b[2] is not None else [] for b in behind]
    held, states, spikes = np.zeros(size, int), [], np.zeros((frames, size), int)
    steps = round(FRAME_NS / STEP_NS)
    for step in range(frames * steps):
        t_end = (step + 1) * STEP_NS
        for queue, b in zip(arrivals, behind, strict=True):
            while queue and queue[0] <= t_end:
                b[5].detect(queue.pop(0))
        flux = [float(offset[k]) for k in range(size)]
        for target, _, _, coupling, _, loop in behind:
            flux[target] += coupling * loop.s
        at_somas = [
            stage.soma.flux_offset + stage.coupling * c.s + b.d.coupling * b.s
            for c, b in zip(cells, backs, strict=True)
        ]
        new = [[loop.step(t_end, 0.0) for *_, loop in behind], [b.step(t_end, 0.0) for b in backs]]
        new += [
            [c.step(t_end, f) for c, f in zip(cells, flux, strict=True)],
            [s.step(t_end, f) for s, f in zip(somas, at_somas, strict=True)],
        ]
        for k in range(size):
            new[3][k] = new[3][k] if held[k] == 0 else 0.0
            held[k] = max(held[k] - 1, 0)
            if new[3][k] >= stage.threshold:
                held[k] = round(stage.held_ns / STEP_NS)
                spikes[step // steps, k] += 1
                backs[k].detected.append(t_end + STEP_NS / 2)
                for queue, b in zip(arrivals, behind, strict=True):
                    if b[1] == k:
                        queue.append(t_end + b[4])
        for group, values_ in zip(([b[5] for b in behind], backs, cells, somas), new, strict=True):
            for loop, s in zip(group, values_, strict=True):
                loop.s = s
        if (step + 1) % steps == 0:
            states.append([c.s for c in cells])
    return np.array(states), spikes


def test_the_compiled_chip_is_that_of_a_loop_written_out(bright):
    _, network, program, made = bright
    signals = np.array([[0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.0, 0.5], [0.1, 0.5, 0.5, 0.0, 0.3, 0.2, 0.4, 0.5]])
    phases = np.random.default_rng([3, 7, zlib.crc32(b"phases")]).random(8)
    ends = np.concatenate([np.zeros((1, 8)), np.cumsum(7 * signals / 0.5, axis=0)])  # 10 MHz for 700 ns at 0.5
    trains = []
    for k in range(8):
        whole = np.arange(1, math.floor(phases[k] + ends[-1, k]) + 1)
        frame = np.searchsorted(ends[1:, k], whole - phases[k])
        trains.append(FRAME_NS * (frame + (whole - phases[k] - ends[frame, k]) / (ends[frame + 1, k] - ends[frame, k])))
    ran = run_counterpart(made, network, signals, sample=7, read_seed=3)
    states, spikes = written_out(network, program.values, made, trains, 2)
    assert spikes.sum() > 10
    np.testing.assert_array_equal(ran.spikes, spikes)
    np.testing.assert_allclose(ran.states, states, rtol=1e-6, atol=1e-12)


def test_loops_hold_their_state_at_the_highest_rate(bright):
    _, network, _, made = bright
    stage, table = made.stages["first"], network.populations[0].source.table
    for dendrite in (stage.inputs, stage.recurrent):
        loop, seen = Loop(dendrite, table, stage.receiver.response), []
        loop.s = stage.loop_state  # near its end
        for step in range(400):
            t_end = (step + 1) * STEP_NS
            if t_end % 100 == 0:
                loop.detect(t_end - STEP_NS / 2)
            loop.s = loop.step(t_end, 0.0)
            seen.append(loop.s)
        assert np.mean(seen[200:]) == pytest.approx(stage.loop_state, rel=0.02)


def test_a_soma_fires_as_often_as_its_state_says(bright):
    _, network, _, made = bright
    stage, table = made.stages["first"], network.populations[0].source.table
    reference, response = network.light.populations[0].reference, stage.refractory.receiver.response
    for share, least, most in ((0.0, 0, 0), (0.2, 13, 17), (0.5, 37, 42), (1.0, 74, 82)):
        soma, back = Loop(stage.soma, table), Loop(stage.refractory.dendrite, table, response)
        spikes, held = [], 0
        for step in range(2400):
            t_end = (step + 1) * STEP_NS
            flux = stage.soma.flux_offset + stage.coupling * share * reference + back.d.coupling * back.s
            soma.s = soma.step(t_end, flux) if held == 0 else 0.0
            held = max(held - 1, 0)
            back.s = back.step(t_end, 0.0)
            if soma.s >= stage.threshold:
                held = round(stage.held_ns / STEP_NS)
                spikes.append(t_end)
                back.detected.append(t_end + STEP_NS / 2)
        assert least <= sum(t > 4000 for t in spikes) <= most, share  # of 8 us: 80 at the reference state


def test_what_the_netlist_states_is_taken_and_does_not_change_the_chip():
    plain, stated = routed_chip(), routed_chip((BRIGHT[0], BRIGHT[1].replace("tau_rad_ns: 0.0", "input_tau_ns: 200")))
    assert stated.hash == plain.hash
    network = compile_network(stated)
    made = spiking_counterpart(stated, network, FabricatedChip.nominal(network, random_program(network).values))
    stage = made.stages["first"]
    assert stage.stated == ("input_tau_ns",)
    assert stage.inputs.gamma_minus == pytest.approx(TAU_0_NS / 200, rel=1e-5)
    assert stage.recurrent.gamma_minus == pytest.approx(TAU_0_NS / (700 + 350), rel=1e-5)
    assert stage.refractory.dendrite.gamma_minus == pytest.approx(TAU_0_NS / 700, rel=1e-5)
    assert (stage.held_ns, stage.threshold, stage.tau_rad_ns, stage.loop_state) == (50.0, 0.1, 1.0, 0.02)
    with pytest.raises(NetlistError, match="spiking_soma: has no meaning for the source function 'squid-fit'"):
        parse_netlist(chip_text(*ONE, BRIGHT, all_light=True))


@pytest.mark.parametrize(
    ("soma", "message"),
    [
        ("beta_di: 6.0e7", "the soma fires every .* ns at most, and the highest rate takes 100 ns; lower beta_di"),
        ("bias_current: 2.0, threshold: 0.5, beta_di: 1000, tau_di_ns: 1.0e6", None),
        ("coupling: 1.0e-9", "the soma needs .* to fire at the highest rate; raise coupling"),
        ("bias_current: 1.05", "bias of 1.05 I_c is driven by it|the soma fires every"),
    ],
)
def test_a_soma_that_cannot_do_it_is_refused(soma, message):
    routed = routed_chip((BRIGHT[0], f"{BRIGHT[0]}, spiking_soma: {{{soma}}}"))
    network = compile_network(routed)
    chip = FabricatedChip.nominal(network, random_program(network).values)
    if message is None:
        assert spiking_counterpart(routed, network, chip).stages["first"].threshold == 0.5
        return
    with pytest.raises(SimulationError, match=f"populations.first.spiking_soma: .*({message})"):
        spiking_counterpart(routed, network, chip)


def test_chips_that_stand_for_no_spiking_chip_are_refused():
    network = compile_network(routed_chip())
    check_has_counterpart(network)
    year1, digits = (compile_network(route(load_netlist(f"netlists/{n}.yaml"))) for n in ("year1-28", "nine-pixel"))
    for chip, message in (
        (year1, "no light carries its rates"),
        (digits, "it is one; leave `--engine spiking` out"),
        (with_average_light(network), "`--light average` leaves no spike"),
        (compile_network(routed_chip(POISSON)), "spike_statistics is poisson"),
        (compile_network(route(parse_netlist(chip_text(*ONE, all_light=True)))), "source function 'squid-fit'"),
        (compile_network(route(parse_netlist(chip_text()))), "projection 'pixels->second' is electrical"),
        (dataclasses.replace(network, output=None), "no linear readout"),
    ):
        with pytest.raises(SimulationError, match=message):
            check_has_counterpart(chip)


def test_both_engines_answer_the_same_samples(bright, monkeypatch):
    routed, network, program, made = bright
    rng = np.random.default_rng(0)
    test = Split(rng.random((6, 2, 8)), lambda rows: rows, rng.integers(0, 10, 6), np.arange(6))
    monkeypatch.setattr(spike_check, "MOST_WORK", 5 * 280 * made.spiking.arrays.dendrites)
    plan = plan_spikes(routed, network, program, test)
    assert plan.samples == 5
    assert str(plan).startswith(
        f"5 samples as spiking neurons: {made.spiking.arrays.dendrites:,} dendrites, 140 steps of"
    )
    found = check_spikes(plan, network, program, test, 3)
    signals = present(network, test.inputs[:5])
    ran = [run_counterpart(made, network, one, sample=k, read_seed=3) for k, one in enumerate(signals)]
    rate = simulate(network, program, signals, read_seed=3).state
    readout = program.values["readout"]
    answers = np.array([np.argmax(readout @ one.states[-1]) for one in ran])
    by_rate = np.argmax(rate[:, -1] @ readout.T, -1)
    assert (found.accuracy, found.rate_accuracy) == tuple(np.mean(a == test.labels[:5]) for a in (answers, by_rate))
    assert found.agreement == np.mean(answers == by_rate)
    emission = network.light.populations[0]
    activity = np.array([one.spikes for one in ran]) / 7.0
    of_rate = (rate[:, 1:] + rate[:, :-1]) / 2 / emission.reference
    assert found.activity_correlation == pytest.approx(np.corrcoef(activity.ravel(), of_rate.ravel())[0, 1])
    states = np.array([one.states for one in ran])
    assert found.state_correlation == pytest.approx(np.corrcoef(states.ravel(), rate[:, 1:].ravel())[0, 1])
    whole = np.concatenate([np.zeros((5, 1, 5)), states], axis=1)  # from rest
    own = (whole[:, 1:] + whole[:, :-1]) / 2
    assert found.own_correlation == pytest.approx(np.corrcoef(activity.ravel(), own.ravel())[0, 1])
    assert (found.mean_activity, found.mean_rate_activity) == pytest.approx((activity.mean(), of_rate.mean()))
    (soma,) = found.as_dict()["somas"]
    assert (soma["population"], soma["stated"], soma["tau_di_ns"]) == ("first", ["tau_rad_ns"], pytest.approx(250))
    assert soma["input_tau_ns"] == pytest.approx(300)
    assert "the netlist states tau_rad_ns, the rest is derived" in soma_text(found.somas[0])
    assert ("decisions that agree", f"{100 * found.agreement:.4g} %") in spike_check_rows(found)
    monkeypatch.setattr(spike_check, "MOST_WORK", 10)
    with pytest.raises(SoensimError, match=r"one sample is .* steps of a dendrite, and the limit is 1e\+01"):
        plan_spikes(routed, network, program, test)


def test_the_command_refuses_an_electrical_chip(capsys):
    assert cli.run(command.main, ["netlists/year1-28.yaml", "--engine", "spiking", "--html", "none"]) == 2
    printed = capsys.readouterr()
    assert "cannot be run as a spiking chip: no light carries its rates" in printed.err
    assert not printed.out
