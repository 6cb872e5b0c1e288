"""Readouts of spiking chips beside spike counts: mean fluxes, and linear ones of counts or fluxes."""

import numpy as np
import pytest
from conftest import SMALL
from spiking_chips import SPIKING
from test_spiking_program import dataset

from soensim.errors import NetlistError
from soensim.evaluation import evaluate
from soensim.evaluation.summary import summarise_spikes
from soensim.fabrication import FabricatedChip, fabricate_chip
from soensim.netlist import parse_netlist
from soensim.network import FluxOutput, LinearOutput, compile_network
from soensim.program import Program, slots
from soensim.report import figures, formatting
from soensim.report.figures.raster_figure import SpikeExample, score_text
from soensim.report.provenance import trace_origin
from soensim.report.sections.scores import scores_section
from soensim.report.sections.section import Subject
from soensim.report.sections.spikes import spikes_section
from soensim.routing import route
from soensim.simulation import class_scores
from soensim.simulation.spiking.classify import count_samples
from soensim.simulation.spiking.raster import Raster
from soensim.simulation.spiking.readout import weighted

COUNTED = "readout: {kind: spike-count, population: output}"
FLUX = "readout: {kind: mean-flux, population: output}"
LINEAR = (
    "readout: {kind: linear, population: hidden, classes: 2, state: spike-count, location: off-chip, "
    "efficacy: {bits: 4, range: 1.0}}"
)
LINEAR_FLUX = LINEAR.replace("spike-count", "mean-flux").replace("population: hidden", "populations: [output, hidden]")


def read_by(readout, text=SPIKING):
    assert COUNTED in text
    return compile_network(route(parse_netlist(text.replace(COUNTED, readout))))


def programmed(network, seed=2):
    rng = np.random.default_rng(seed)
    given = {key: rng.uniform(-0.1, 0.3, slot.shape) for key, slot in slots(network).items() if "trim" not in key}
    return Program.quantised(network, given)


ROWS = dataset().test.inputs[:12]


def counted(network, program):
    return count_samples(network, FabricatedChip.nominal(network, program.values), ROWS, read_seed=3)


# --- scores -------------------------------------------------------------------------------------------------


def test_mean_fluxes_are_scores():
    network = read_by(FLUX)
    assert network.output == FluxOutput((1,), 2)
    program = programmed(network)
    scores = class_scores(network, program, ROWS, read_seed=3)
    assert np.array_equal(scores, counted(network, program).mean_flux[:, 3:])
    assert (scores.std(0) > 0).all()


@pytest.mark.parametrize(("readout", "quantity"), [(LINEAR, "spikes"), (LINEAR_FLUX, "mean_flux")])
def test_linear_scores_are_sums_over_the_neurons_that_are_read(readout, quantity):
    network = read_by(readout)
    program = programmed(network)
    found = getattr(counted(network, program), quantity)
    read = found[:, :3] if quantity == "spikes" else found[:, [3, 4, 0, 1, 2]]  # in the order of the netlist
    scores = class_scores(network, program, ROWS, read_seed=3)
    assert program.values["readout"].shape == (2, read.shape[1])
    assert np.allclose(scores, read @ program.values["readout"].T, rtol=1e-12)
    assert len(np.unique(scores)) > 5


def test_the_chip_of_a_linear_readout_is_the_same():
    """What is read changes nothing of what the neurons do."""
    network, usual = read_by(LINEAR), read_by(COUNTED)
    program = programmed(network)
    kept = Program.quantised(usual, {key: value for key, value in program.values.items() if key != "readout"})
    assert np.array_equal(counted(network, program).spikes, counted(usual, kept).spikes)


def test_fabricated_chips_have_the_readout_as_it_is_programmed():
    network = read_by(LINEAR)
    program = programmed(network)
    made = fabricate_chip(network, program.values, {"efficacy_spread": 0.2}, 5)
    assert np.array_equal(made.values["readout"], program.values["readout"])
    assert not np.array_equal(made.values["lines->hidden"], program.values["lines->hidden"])
    found = count_samples(network, made, ROWS, read_seed=3)
    scores = class_scores(network, program, ROWS, chip=made, read_seed=3)
    assert np.allclose(scores, found.spikes[:, :3] @ program.values["readout"].T)


def test_a_sum_depends_on_no_other_sample():
    rng = np.random.default_rng(0)
    read, weights = rng.random((200, 37)), rng.standard_normal((3, 37))
    scores = weighted(read, weights)
    assert np.allclose(scores, read @ weights.T, rtol=1e-12)
    assert np.array_equal(scores[7:8], weighted(read[7:8], weights))


def test_slow_readout_dendrites_are_a_population_that_never_fires():
    """Responses that fall in 2 us average the spikes: efficacy x peak x rate x tau, less what has yet to build up."""
    slow = SPIKING.replace("sample_ns: 400, substeps: 200", "sample_ns: 40000, substeps: 20000")
    start, _, end = slow.partition("  output:")
    end = end.replace("threshold: 0.3", "threshold: 20", 1).replace(
        "synapse: {", "synapse: {tau_fall_ns: 2000, dead_time_ns: 0, ", 1
    )
    network = read_by(FLUX, f"{start}  output:{end}")
    program = programmed(network)
    found = count_samples(network, FabricatedChip.nominal(network, program.values), ROWS[:2], read_seed=3)
    assert not found.spikes[:, 3:].any()
    assert found.spikes[:, :3].any()
    scores = class_scores(network, program, ROWS[:2], read_seed=3)
    rates = found.spikes[:, :3] / 40_000
    kind = network.spiking.arrays.kinds[network.spiking.arrays.synapse_kind[-1]]
    peak = kind[0] * (1 - kind[1] / kind[2]) * -np.expm1(-kind[3] / kind[1])
    # a new count replaces the rest of the response before it: phi_peak tau / P (1 - exp(-P / tau))
    kept = np.where(rates > 0, rates * 2000 * -np.expm1(-1 / (2000 * np.maximum(rates, 1e-9))), 0)
    weights = program.values["hidden->output"].reshape(2, 3)
    assert np.allclose(scores, 0.3 + peak * kept @ weights.T, atol=0.02)
    assert scores.std() > 0.02


# --- netlists -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readout", "match"),
    [
        (LINEAR.replace("spike-count", "final"), "'final' is .* a spiking chip has; take spike-count or mean-flux"),
        (LINEAR.replace("location: off-chip, ", ""), "spikes and fluxes .*; write `location: off-chip`"),
        (LINEAR.replace("classes: 2", "classes: 100000").replace("hidden", "output"), None),
        (FLUX.replace("output", "lines"), "'lines' is an input population; a readout needs one of kind 'spiking'"),
        ("readout: {kind: goodness, state: all, population: output}", "take spike-count, mean-flux or linear"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(readout, match):
    text = SPIKING.replace(COUNTED, readout)
    if match is None:
        assert parse_netlist(text).readout.classes == 100_000
        return
    with pytest.raises(NetlistError, match=match):
        parse_netlist(text)


def test_rate_neurons_have_no_counts_to_sum():
    text = SMALL.replace("state: final", "state: spike-count")
    assert text != SMALL
    with pytest.raises(NetlistError, match="'spike-count' is nothing that rate neurons have; take final or mean"):
        parse_netlist(text)
    with pytest.raises(NetlistError, match="'mean-flux' does not read rate neurons; take linear or goodness"):
        parse_netlist(SMALL.partition("readout:")[0] + "readout: {kind: mean-flux, population: hidden}\n")


# --- what is said and drawn ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("readout", "silent"), [(COUNTED, 1), (LINEAR, 1), (FLUX, None)])
def test_ties_are_equal_scores(readout, silent):
    scores = np.array([[-0.5, -0.5], [0.0, 0.0], [0.25, 0.2]])
    found = summarise_spikes(read_by(readout), scores, {}, 1)
    assert (found.ties, found.silent) == (2, silent)


@pytest.mark.parametrize(
    ("readout", "said"),
    [
        (LINEAR, "linear, spikes of hidden, 2 classes, off chip"),
        (LINEAR_FLUX, "linear, mean flux of output, hidden, 2 classes, off chip"),
        (FLUX, "mean flux of each neuron of output, largest of 2 classes, equal ones to the first"),
    ],
)
def test_the_readout_is_said(readout, said):
    assert formatting.readout_text(read_by(readout)) == said


def example(scores):
    raster = Raster(np.array([10.0]), np.array([3]), np.array([30.0, 50.0]), np.array([1, 4]), 400.0)
    return SpikeExample(raster, np.array(scores), 0, int(np.argmax(scores)), 7)


def test_scores_are_drawn_beside_the_raster():
    lines, hidden, output, bars = figures.raster(read_by(LINEAR), example([-2.5, 1.25])).axes
    assert isinstance(read_by(LINEAR).output, LinearOutput)
    assert [bar.get_width() for bar in bars.patches] == [-2.5, 1.25]
    assert bars.get_title(loc="left") == "score"
    assert bars.get_xlim() == (1.35 * -2.5, 1.35 * 1.25)
    assert [text.get_text() for text in bars.texts] == ["-2.5", "1.25"]
    assert output.get_xlabel() == "time (ns)"
    assert lines.get_xlim() == hidden.get_xlim() == (0, 400)


def test_fluxes_are_drawn_beside_their_neurons():
    *_, output, bars = figures.raster(read_by(FLUX), example([0.31, 0.25])).axes
    assert bars.get_title(loc="left") == "flux (Phi_0)"
    assert bars.get_xlim() == (0, 1.35 * 0.31)
    assert [label.get_text() for label in output.get_yticklabels()] == ["0", "1"]


def test_scores_are_written_short():
    assert [score_text(score) for score in (5.0, 1234.0, 0.31234, -2.5)] == ["5", "1234", "0.312", "-2.5"]


@pytest.mark.parametrize(
    ("readout", "title", "told"),
    [
        (FLUX, "Mean fluxes", ("most flux in the mean over a sample", "the mean flux through the output neurons")),
        (LINEAR, "Scores", ("the sum of efficacy x spikes", "beside, the scores of the classes")),
        (LINEAR_FLUX, "Scores", ("the sum of efficacy x mean flux", "score of each class")),
    ],
)
def test_the_page_says_what_is_read(readout, title, told):
    routed = route(parse_netlist(SPIKING.replace(COUNTED, readout)))
    network, data = compile_network(routed), dataset()
    program = programmed(network)
    found = evaluate(routed, program, data, trials=1, read_seed=3)
    answers = class_scores(network, program, data.test.inputs, read_seed=3).argmax(1)
    assert found.accuracy.quantised == (answers == data.test.labels).mean()
    assert (found.spiking.silent is None) == ("flux" in readout)
    origin = trace_origin(found, program, command="soensim evaluate", chip_file="small.yaml", path="small.safetensors")
    subject = Subject(found, routed, network, program, data, origin)
    scores, spikes = scores_section(subject), spikes_section(subject)
    assert scores.title == title
    for text in told:
        assert text in scores.body + spikes.body
