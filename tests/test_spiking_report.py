"""What `evaluate` says of a spiking chip beside its accuracies: ties, rates, rasters, sentences that are of spikes."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import SMALL
from spiking_chips import SPIKING, chip
from test_spiking_program import dataset, weights

from soensim.evaluation import evaluate
from soensim.evaluation.summary import summarise_spikes
from soensim.fabrication import FabricatedChip
from soensim.netlist import parse_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.report import figures, formatting, model_text
from soensim.report.evaluation_page import page
from soensim.report.figures.raster_figure import SpikeExample
from soensim.report.provenance import trace_origin
from soensim.report.sections.section import Subject
from soensim.report.text import table
from soensim.routing import route
from soensim.simulation.spiking.classify import count_samples
from soensim.simulation.spiking.raster import Raster, sample_raster


def programmed(network):
    """A program with which the spikes of all neurons differ from sample to sample."""
    drawn = weights(network, 0)
    sizes = {key: 0.1 if key.endswith("trim") else 1.2 for key in drawn}
    return Program.quantised(
        network,
        {key: size * (abs(drawn[key]) if "lines" in key else drawn[key]) for key, size in sizes.items()},
    )


@pytest.fixture(scope="module")
def subject():
    routed = route(parse_netlist(SPIKING))
    network, data = compile_network(routed), dataset()
    program = programmed(network)
    found = evaluate(routed, program, data, trials=2, read_seed=3)
    origin = trace_origin(found, program, command="soensim evaluate", chip_file="small.yaml", path="small.safetensors")
    return Subject(found, routed, network, program, data, origin)


def counted(subject):
    chip_ = FabricatedChip.nominal(subject.network, subject.program.values)
    return count_samples(subject.network, chip_, subject.dataset.test.inputs, read_seed=3)


# --- the summary --------------------------------------------------------------------------------------------


def test_ties_and_silent_samples_are_counted():
    scores = np.array([[3, 3, 1], [0, 0, 0], [2, 1, 1], [1, 4, 4], [0, 0, 5]], dtype=np.float64)
    found = summarise_spikes(chip(), scores, {"lines": np.array([6.0, 0, 0, 2]), "output": np.array([1.0, 3])}, 2)
    assert (found.ties, found.silent) == (3, 1)
    assert found.spikes_per_sample == {"lines": 8, "output": 4}
    assert found.mean_rate_mhz == {"lines": pytest.approx(2 / 0.8), "output": pytest.approx(2 / 0.8)}


def test_rate_chips_have_no_spikes():
    assert summarise_spikes(compile_network(route(parse_netlist(SMALL))), np.zeros((1, 2)), {}, 1) is None


def test_the_evaluation_says_what_the_neurons_did(subject):
    found, spikes = subject.evaluation, counted(subject)
    output = spikes.spikes[:, 3:]
    assert found.spiking.ties == int((output[:, 0] == output[:, 1]).sum()) > 0
    assert found.spiking.silent == int((output.sum(1) == 0).sum())
    assert found.spiking.spikes_per_sample["hidden"] == pytest.approx(spikes.spikes[:, :3].sum(1).mean())
    assert found.spiking.mean_rate_mhz["lines"] == pytest.approx(spikes.sent.mean() / 0.4)
    plain = json.loads(json.dumps(found.as_dict()))["spiking"]
    assert plain["ties"] == found.spiking.ties
    assert set(plain) == {"ties", "silent", "spikes_per_sample", "mean_rate_mhz"}
    assert list(plain["mean_rate_mhz"]) == ["lines", "hidden", "output"]


def test_the_table_has_a_line_of_spikes(subject):
    said = table(subject.evaluation, subject.network)
    rate = subject.evaluation.spiking.mean_rate_mhz["hidden"]
    assert f"hidden {rate:.3g}" in said
    ties, silent = subject.evaluation.spiking.ties, subject.evaluation.spiking.silent
    told = f"{ties} of 24 answers are ties, which the first class wins; {silent} of them without a spike of an output"
    assert told in " ".join(said.split())
    assert "read_seed 3" in said
    assert "as in training" not in said


def test_dendrites_are_not_neurons():
    """A neuron of an arbor has many dendrites; what fabrication touches are these."""
    text = SPIKING.replace("size: 3", "size: 3\n    arbor: [{name: near, coupling: 0.5}, {name: far, coupling: -0.5}]")
    routed = route(parse_netlist(text + "imperfections: {flux_offset_spread: 0.01}\n"))
    network = compile_network(routed)
    found = evaluate(routed, programmed(network), dataset(), trials=1)
    assert found.chip.neurons == 5
    (neurons,) = [text for label, text in formatting.chip_rows(found, network) if label == "neurons"]
    assert neurons == "5: hidden 3 of 3 dendrites, flux trim 63 levels; output 2, flux trim 63 levels"
    touched = {one.name: (one.of, one.things) for one in found.touched}
    assert touched["flux_offset_spread"] == (11, "dendrites")


# --- rasters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("photons", ["10", "1"])  # of one photon per spike, a third of the spikes brings none
def test_a_raster_has_the_spikes_that_are_counted(subject, photons):
    network, rows = chip(**{"photons_per_synapse: 10": f"photons_per_synapse: {photons}"}), subject.dataset.test.inputs
    made = FabricatedChip.nominal(network, programmed(network).values)
    spikes = count_samples(network, made, rows, read_seed=3)
    assert spikes.spikes.std(0).all()
    for k in (0, 5):
        found = sample_raster(network, made, rows[k], sample=k, read_seed=3)
        assert np.array_equal(np.bincount(found.neurons, minlength=5), spikes.spikes[k])
        assert np.array_equal(np.bincount(found.channels, minlength=4), spikes.sent[k])
        assert found.duration_ns == pytest.approx(400)
        assert (np.diff(found.sent_ns) >= 0).all()


def test_examples_are_right_and_wrong_ones(subject):
    found = figures.find_spike_examples(
        subject.network, subject.program, subject.dataset.test, read_seed=3, right=2, wrong=1
    )
    assert [example.true == example.answered for example in found] == [True, True, False]
    spikes = counted(subject).spikes
    for example in found:
        assert np.array_equal(example.scores, spikes[example.index, 3:])
        assert np.array_equal(np.bincount(example.raster.neurons, minlength=5), spikes[example.index])
        assert example.answered == int(example.scores.argmax())


def example(counts, true=0, answered=0):
    raster = Raster(np.array([10.0, 20.0]), np.array([3, 0]), np.array([30.0, 40.0, 50.0]), np.array([1, 3, 4]), 400.0)
    return SpikeExample(raster, np.array(counts, dtype=float), true, answered, 7)


def spikes_of(axes):
    """(row, time) of every tick."""
    drawn = []
    for line in axes.lines:
        x, y = np.asarray(line.get_xdata()).reshape(-1, 3), np.asarray(line.get_ydata()).reshape(-1, 3)
        drawn += [(float((low + high) / 2), float(t)) for (t, _, _), (low, high, _) in zip(x, y, strict=True)]
    return sorted(drawn)


def test_a_raster_draws_every_spike_in_its_row():
    lines, hidden, output, bars = figures.raster(chip(), example([1, 1], answered=1)).axes
    assert [spikes_of(axes) for axes in (lines, hidden, output)] == [
        [(0.0, 20.0), (3.0, 10.0)],
        [(1.0, 30.0)],
        [(0.0, 40.0), (1.0, 50.0)],
    ]
    assert [axes.get_ylabel() for axes in (lines, hidden, output)] == ["lines", "hidden", "output"]
    assert [round(bar.get_width()) for bar in bars.patches] == [1, 1]
    assert output.get_xlabel() == "time (ns)"
    assert lines.get_xlim() == (0, 400)
    blue, orange = (bar.get_facecolor() for bar in bars.patches)
    assert blue != orange  # the true class, and what was answered
    right, other = (bar.get_facecolor() for bar in figures.raster(chip(), example([2, 1])).axes[-1].patches)
    assert right == blue
    assert other not in (blue, orange)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([2, 1], "true 0, answered 0"),
        ([2, 2], "true 0, answered 0: tie of 0 and 1"),
        ([0, 0], "true 0, answered 0: no spike"),
    ],
)
def test_ties_are_said(counts, said):
    assert figures.raster(chip(), example(counts)).axes[0].get_title(loc="left") == said


def test_a_tie_of_many_is_a_number():
    lines = figures.raster(chip(), dataclasses.replace(example([3, 3, 3]))).axes[0]
    assert lines.get_title(loc="left") == "true 0, answered 0: tie of 3"


# --- the page -----------------------------------------------------------------------------------------------


def test_the_page_is_of_spikes(subject):
    html = page(subject)
    for part in (
        "Spikes while reading",
        "Spike counts",
        "the neuron that spikes most",
        "No circuit of a spiking",
    ):
        assert part in html
    for part in ("States while reading", "efficacy x state", "every rate neuron", "as in training", "--circuit"):
        assert part not in html
    assert html.count('id="spikes-') >= 6


def test_margins_of_counts_have_a_bar_each():
    axes = figures.margin_histogram(np.array([-2.0, 0, 0, 1, 3, 3, 3]), "spikes", True).axes[0]
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert bars == {-2: 1, 0: 2, 1: 1, 3: 3}


def test_steps_are_those_of_the_netlist(subject):
    steps = dataclasses.replace(subject.evaluation.steps, refine=2, substeps=400)
    finer = dataclasses.replace(subject.evaluation, steps=steps)
    assert model_text.step_text(finer).startswith("400 steps per input sample, 2 x finer than the netlist's (200)")
    assert "the netlist's step" in model_text.step_text(finer)
    coarse = dataclasses.replace(finer.accuracy, quantised=0.9, quantised_training_step=0.8)
    changed = dataclasses.replace(steps.changed, finer_accuracy=0.9)
    warned = dataclasses.replace(finer, accuracy=coarse, steps=dataclasses.replace(steps, changed=changed))
    assert model_text.step_warning(warned).startswith("the netlist's step does not resolve the chip: the accuracy")
