"""The table, the figures and the page say what the evaluation and the program hold."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, PathCollection

from soensim.data import load_dataset
from soensim.errors import ProgramError
from soensim.evaluation import evaluate
from soensim.netlist import parse_netlist
from soensim.network import compile_network, present
from soensim.program import Program, slots
from soensim.report import figures, formatting
from soensim.report.evaluation_page import page
from soensim.report.provenance import as_json, trace_origin
from soensim.report.sections.section import Subject
from soensim.report.text import table
from soensim.routing import route
from soensim.simulation import simulate

HEAD = (
    "schema: soensim/1\nname: {name}\ntechnology: nist-2023\ntiming: {{sample_tau: {sample}, substeps: {substeps}}}\n"
)
PIXELS = "populations:\n  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}\n"
TANH = "source_function: tanh, gamma_plus: 0.3, gamma_minus: 0.3"
SQUID = "source_function: squid-fit, bias_current: 1.9, flux_offset: 0.2, beta_di: 628.3, tau_di_ns: 1.6"
READOUT = "readout: {{kind: linear, population: {of}, classes: 10, state: final, efficacy: {{bits: 4, range: 1.0}}}}\n"

SPARSE = (
    HEAD.format(name="sparse", sample=1.0, substeps=1)
    + PIXELS
    + f"  hidden: {{kind: dendrite, size: 6, {TANH}}}\n"
    + "projections:\n"
    + "- {source: pixels, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}\n"
    + "- {source: hidden, target: hidden, topology: {kind: random, density: 0.5, seed: 1}, "
    + "efficacy: {bits: 4, range: 2.0}}\n"
    + READOUT.format(of="hidden")
)
LAYERS = (
    HEAD.format(name="layers", sample=64.0, substeps=8)
    + PIXELS
    + f"  a-first-population-with-a-name-that-is-far-too-long: {{kind: dendrite, size: 5, {SQUID}}}\n"
    + f"  second: {{kind: dendrite, size: 4, {SQUID}, flux_trim: {{bits: 4, range: 0.5}}}}\n"
    + "projections:\n"
    + "- {source: pixels, target: a-first-population-with-a-name-that-is-far-too-long, topology: {kind: all-to-all}, "
    + "efficacy: {bits: 8, range: 0.5}}\n"
    + "- {source: a-first-population-with-a-name-that-is-far-too-long, target: second, "
    + "topology: {kind: explicit, edges: [[0, 0], [1, 3], [4, 2]]}, "
    + "efficacy: {bits: 3, range: 0.5, sign: {kind: dale, inhibitory_fraction: 0.4, seed: 2}}}\n"
    + READOUT.format(of="second")
)
GOODNESS = (
    HEAD.format(name="goodness", sample=1.0, substeps=1)
    + PIXELS
    + "  label: {kind: input, size: 10, carries: label, drive_low: 0.0, drive_high: 1.0}\n"
    + f"  hidden: {{kind: dendrite, size: 5, {TANH}}}\n"
    + "projections:\n"
    + "- {source: pixels, target: hidden, topology: {kind: all-to-all}, efficacy: {levels: [-1.0, 0.0, 0.5]}}\n"
    + "- {source: label, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 2.0}}\n"
    + "readout: {kind: goodness, population: hidden, state: all}\n"
)
NETLISTS = {"sparse": SPARSE, "layers": LAYERS, "goodness": GOODNESS}


def make(text, seed=0):
    netlist = parse_netlist(text)
    network = compile_network(route(netlist))
    rng = np.random.default_rng(seed)
    weights = {}
    for key, slot in slots(network).items():
        values = rng.normal(0, 0.5 * slot.levels.max(), slot.shape)
        if key in network.synapses:
            synapses = network.synapses[key]
            dense = np.zeros(synapses.shape)
            fixed = slot.levels.min() >= 0
            dense[synapses.targets, synapses.sources] = synapses.sign * np.abs(values) if fixed else values
            values = dense
        weights[key] = values
    return netlist, network, Program.quantised(network, weights)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits-rows")


@pytest.fixture(scope="module")
def sparse(digits):
    netlist, network, program = make(SPARSE)
    return network, program, evaluate(route(netlist), program, digits, trials=3, chip_seed=5)


@pytest.fixture(scope="module")
def layers(digits):
    netlist, network, program = make(LAYERS)
    return network, program, evaluate(route(netlist), program, digits, trials=1)


@pytest.fixture(scope="module")
def labelled(digits):
    netlist, network, program = make(GOODNESS)
    return network, program, evaluate(route(netlist), program, digits, trials=2)


def write(chip, digits, header=None):
    network, program, evaluation = chip
    program = program.with_header(header or {})
    origin = trace_origin(
        evaluation, program, command="python -m soensim.evaluate x.yaml", chip_file="chips/x.yaml", path="x.safetensors"
    )
    routed = route(parse_netlist(NETLISTS[network.name]))
    return page(Subject(evaluation, routed, network, program, digits, origin))


# --- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "text"),
    [(36, "67"), (100, "67"), (101, "66.7"), (360, "66.7"), (1000, "66.7"), (10_000, "66.67"), (10**7, "66.67")],
)
def test_percent_has_the_digits_that_one_sample_can_move(samples, text):
    assert formatting.percent(2 / 3, samples) == text
    assert formatting.percent(None, samples) == "–"


def test_table_fits_100_columns_and_states_the_numbers(sparse):
    network, _, evaluation = sparse
    text = table(evaluation, network)
    assert max(map(len, text.splitlines())) <= 100
    assert "tanh (VIRTUAL: no known circuit has it)" in text
    assert re.search(r"hidden->hidden +random +18 of 36 \(50 %\)", text)
    assert "efficacies 5 %" in text
    assert "flux offset 0.01 Phi_0" in text
    assert "bias current 1 %, without effect" in text
    accuracy = evaluation.accuracy
    assert re.search(rf"quantised codes +{100 * accuracy.quantised:.1f} ", text)
    assert re.search(rf"worst chip +{100 * min(accuracy.chips):.1f} ", text)
    worst = 5 + accuracy.chips.index(min(accuracy.chips))
    assert re.search(rf"worst chip.*chip_seed {worst}\b", text)
    assert "training step" not in text  # it is the same step
    right = [str(k) for k in np.diag(evaluation.confusion)]
    assert re.search(r"right +" + " +".join(right), text)


def test_table_of_squids_names_the_finer_step_and_one_chip_has_no_interval(layers):
    network, _, evaluation = layers
    text = table(evaluation, network)
    assert max(map(len, text.splitlines())) <= 100
    assert "VIRTUAL" not in text
    assert "32 steps per input sample, 4 x finer than in training (8)" in text
    assert "the same, training step" in text
    row = next(line for line in text.splitlines() if "one fabricated chip" in line)
    assert " to " not in row
    assert "no interval from one" in row
    assert "second 4, flux trim 15 levels" in " ".join(text.split())
    assert "One fabricated chip reaches" in formatting.headline(evaluation, network)


def test_projections_say_how_many_levels_are_in_use(layers):
    network, program, evaluation = layers
    for row in formatting.projection_rows(evaluation, network):
        codes = program.codes[row.name]
        assert row.in_use == str(len(np.unique(codes)))
        assert row.zero == f"{100 * (program.values[row.name] == 0).mean():.0f} %"
        assert f"{row.in_use}  {row.zero:>4}" in table(evaluation, network)


def test_a_class_without_samples_has_a_dash(sparse):
    network, _, evaluation = sparse
    confusion = evaluation.confusion.copy()
    confusion[3] = 0
    per_class = (*evaluation.per_class[:3], None, *evaluation.per_class[4:])
    changed = dataclasses.replace(evaluation, confusion=confusion, per_class=per_class)
    row = formatting.class_rows(changed)[3]
    assert (row.percent, row.samples) == ("–", 0)
    assert "–" in table(changed, network)
    figures.confusion(changed)


def test_many_classes_are_wrapped(sparse):
    network, _, evaluation = sparse
    confusion = np.diag(np.arange(1000, 1064))
    changed = dataclasses.replace(evaluation, confusion=confusion, per_class=(1.0,) * 64)
    lines = table(changed, network).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("  class") for line in lines) > 3


def test_headline_gives_score_data_interval_and_spread(sparse):
    network, _, evaluation = sparse
    accuracy = evaluation.accuracy
    text = formatting.headline(evaluation, network)
    for part in (
        f"{100 * accuracy.quantised:.1f} % of 360 digits-rows",
        "3 fabricated chips",
        f"95 % interval {100 * accuracy.chip_ci95[0]:.1f} to {100 * accuracy.chip_ci95[1]:.1f} %",
        "efficacies 5 %",
    ):
        assert part in text
    assert "bias" not in text  # it has none
    calm = dataclasses.replace(evaluation, spreads=tuple(s._replace(sigma=0.0) for s in evaluation.spreads))
    assert "no spread between chips" in formatting.headline(calm, network)


# --- figures ----------------------------------------------------------------------------------------------


def test_every_edge_is_drawn_once(sparse, layers):
    for network, program, _ in (sparse, layers):
        for given in (program, None):
            axes = figures.topology(network, given).axes[0]
            # the groups of nodes are scatters: PathCollections with offsets
            edges = [c for c in axes.collections if isinstance(c, PathCollection) and len(c.get_offsets()) == 1]
            loops = [c for c in axes.collections if isinstance(c, EllipseCollection)]
            drawn = sum(len(c.get_paths()) for c in edges) + sum(len(c.get_offsets()) for c in loops)
            assert drawn == network.edges


def test_a_large_chip_becomes_a_matrix_that_holds_every_edge():
    text = SPARSE.replace("size: 6", "size: 400").replace("density: 0.5", "density: 0.02")
    _, network, program = make(text)
    assert not figures.is_drawn_as_graph(network)
    matrix = figures.topology(network, program).axes[0]
    fan_in, fan_out = figures.degrees(network).axes
    density = matrix.images[0].get_array()
    assert density.shape == (250, 250)
    per_row = np.bincount(np.arange(400) * 250 // 400)
    per_column = np.bincount(np.arange(408) * 250 // 408)
    assert (density * np.outer(per_row, per_column)).sum() == pytest.approx(network.edges)
    assert sum(bar.get_height() for bar in fan_in.patches) == 400
    assert sum(bar.get_height() for bar in fan_out.patches) == 400
    heat, usage = figures.efficacies(network, program, "hidden->hidden").axes
    assert heat.images[0].get_array().shape == (200, 200)
    assert sum(bar.get_width() for bar in usage.patches) == 3200


@pytest.mark.parametrize(
    ("key", "from_", "to"),
    [("pixels->hidden", "from pixels", "to hidden"), ("readout", "from neuron", "to class")],
)
def test_efficacies_have_sources_across_and_targets_down(sparse, key, from_, to):
    network, program, _ = sparse
    heat = figures.efficacies(network, program, key).axes[0]
    targets, sources = program.values[key].shape if key == "readout" else network.synapses[key].shape
    assert targets != sources
    assert (heat.get_xlabel(), heat.get_ylabel()) == (from_, to)
    assert heat.images[0].get_array().shape == (targets, sources)


@pytest.mark.parametrize("key", ["hidden->hidden", "readout"])
def test_efficacies_show_values_absent_edges_and_counts(sparse, key):
    network, program, _ = sparse
    heat, usage = figures.efficacies(network, program, key).axes
    picture = heat.images[0].get_array()
    present_ = np.ones(picture.shape, dtype=bool)
    if key in network.synapses:
        synapses = network.synapses[key]
        present_ = np.zeros(synapses.shape, dtype=bool)
        present_[synapses.targets, synapses.sources] = True
    np.testing.assert_array_equal(~np.ma.getmaskarray(picture), present_)
    np.testing.assert_allclose(picture[present_], program.values[key].ravel())
    counts = [bar.get_width() for bar in usage.patches]
    np.testing.assert_array_equal(counts, np.bincount(program.codes[key].ravel(), minlength=15))
    assert usage.get_yticklabels()[7].get_text() == "7: 0"


def test_fixed_signs_count_both_signs(layers):
    network, program, _ = layers
    key = next(k for k in network.synapses if k.endswith("->second"))
    usage = figures.efficacies(network, program, key).axes[1]
    levels = np.array([0.5 * k / 7 for k in range(-7, 8)])
    counts = [int(np.isclose(program.values[key], level).sum()) for level in levels]
    assert [bar.get_width() for bar in usage.patches] == counts
    assert sum(counts) == 3


def test_efficacies_of_an_unknown_projection(sparse):
    network, program, _ = sparse
    with pytest.raises(ProgramError, match="no projection 'a->b'; it has pixels->hidden, hidden->hidden"):
        figures.efficacies(network, program, "a->b")


def test_confusion_writes_every_count(sparse):
    evaluation = sparse[2]
    written = {
        (int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text())
        for t in figures.confusion(evaluation).axes[0].texts
        if t.get_text().isdigit()
    }
    assert written == {(i, j): evaluation.confusion[i, j] for i, j in np.argwhere(evaluation.confusion)}


def test_accuracy_shows_every_chip(sparse):
    evaluation = sparse[2]
    axes = figures.accuracy(evaluation).axes[0]
    dots = axes.lines[-1].get_xdata()
    np.testing.assert_allclose(dots, 100 * np.array(evaluation.accuracy.chips))
    low, high = axes.get_xlim()
    assert low <= min(dots)
    assert max(dots) <= high


def test_examples_are_what_the_chip_does(sparse, labelled, digits):
    for network, program, _ in (sparse, labelled):
        found = figures.find_examples(network, program, digits.test, right=2, wrong=3)
        assert list(found.true == found.answered) == [True, True, False, False, False]
        assert len(set(found.true[2:])) == 3
        places = np.searchsorted(digits.test.indices, found.indices)
        np.testing.assert_array_equal(found.true, digits.test.labels[places])
        labels = found.answered if network is labelled[0] else None
        signals = present(network, digits.test.inputs[places], labels)
        np.testing.assert_allclose(found.state, simulate(network, program, signals).state, atol=1e-12)


def test_traces_draw_every_neuron(sparse, layers, digits):
    for network, program, _ in (sparse, layers):
        found = figures.find_examples(network, program, digits.test, right=1, wrong=1)
        for k in range(2):
            above, below = figures.trace(network, found, k, 2e-10).axes
            np.testing.assert_allclose(above.images[0].get_array()[..., 3], found.values[k].T)  # channels x steps
            drawn = [line for line in below.lines if len(line.get_ydata()) == 9]
            np.testing.assert_array_equal([line.get_ydata() for line in drawn], found.state[k].T)
            np.testing.assert_allclose(drawn[0].get_xdata(), 0.2 * np.arange(9))
            assert below.get_xlabel() == "time (ns); 8 input samples"


def test_figures_leave_settings_alone_and_repeat_exactly(sparse, tmp_path):
    network, program, _ = sparse
    before = dict(mpl.rcParams)
    for name in ("a.png", "b.png"):
        figures.save_png(figures.topology(network, program), tmp_path / name)
    drawn = [figures.inline_svg(figures.topology(network, program), "x", "x") for _ in range(2)]
    assert dict(mpl.rcParams) == before
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in content
    assert drawn[0] == drawn[1]


def test_inline_svg_follows_the_page(sparse):
    svg = figures.inline_svg(figures.confusion(sparse[2]), "one", "a <title>")
    root = ET.fromstring(svg)  # noqa: S314  # our own text
    assert root.get("aria-label") == "a <title>"
    assert "currentColor" in svg
    assert "#1e2329" not in svg
    assert "date" not in svg
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert all(i.startswith("one-") for i in ids)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert used <= set(ids)


# --- page -------------------------------------------------------------------------------------------------


HEADER = {"command": "train <script>alert(1)</script>", "recipe": {"rule": "<b>bptt</b>"}, "seeds": {"train_seed": 7}}


@pytest.fixture(scope="module")
def html(sparse, digits):
    return write(sparse, digits, HEADER)


def test_page_is_self_contained(html):
    assert len(html.encode()) < 1_000_000
    for reference in re.findall(r'(?:src|href)="([^"]*)"', html):
        assert reference.startswith(("#", "data:"))
    for word in ("<script src", "@import", "<link", "http-equiv"):
        assert word not in html
    assert html.count("<script>") == 1  # our own
    assert set(re.findall(r"https?://[^\"' ]+", html)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_page_opens_with_the_answer(html, sparse):
    answer = formatting.headline(sparse[2], sparse[0]).replace(" %", "\N{NO-BREAK SPACE}%")
    assert 0 < html.index(answer) < html.index("a source function is virtual") < html.index("<svg")


def test_page_repeats_exactly(html, sparse, digits):
    assert html == write(sparse, digits, HEADER)


def test_page_escapes_what_a_header_says(html):
    assert "train &lt;script&gt;" in html
    assert "&lt;b&gt;bptt&lt;/b&gt;" in html
    assert re.search(r"train_seed</th><td[^>]*>7<", html)


def test_page_copes_with_layers_one_chip_and_goodness(layers, labelled, digits):
    html = write(layers, digits)
    assert "one fabricated chip" in html
    assert "Its header names no training command" in html
    assert "virtual: no known" not in html
    html = write(labelled, digits)
    assert "goodness (mean s^2) of hidden" in html
    assert "explicit level tables" not in html  # one of its projections has bits


def test_json_holds_the_evaluation_and_its_origin(sparse):
    _, program, evaluation = sparse
    program = program.with_header({"seeds": {"train_seed": 3, "data_seed": 0}})
    content = as_json(evaluation, trace_origin(evaluation, program, command="c", chip_file="x.yaml", path="p"))
    assert content["seeds"] == {"chip_seeds": [5, 6, 7], "read_seed": None, "data_seed": 0, "train_seed": 3}
    assert content["command"] == "c"
    assert set(content["versions"]) == {"python", "soensim", "numpy", "scipy"}
    assert content["accuracy"]["chip"]["mean"] == pytest.approx(np.mean(evaluation.accuracy.chips))
