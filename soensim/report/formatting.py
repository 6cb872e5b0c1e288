"""Numbers of an evaluation as text, formatted once for the table and the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soensim.evaluation import Evaluation, LevelUse, Touched
from soensim.fabrication import IMPERFECTIONS
from soensim.network import CountOutput, FluxOutput, LinearOutput, Network

if TYPE_CHECKING:  # numba: loaded only by chips that need it
    from soensim.network.spiking.spiking_network import SpikingNetwork

LabelledTexts = list[tuple[str, str]]


@dataclass(frozen=True)
class ProjectionRow:
    """One projection, or the readout, as text: what is fabricated and what its synapses hold."""

    name: str
    topology: str
    edges: str
    fan_in: str
    levels: str
    in_use: str
    """How many of them the program uses; where few, its efficacies want a smaller range."""
    zero: str
    """Share of its efficacies that are zero."""


@dataclass(frozen=True)
class AccuracyRow:
    """One accuracy in percent, as text; empty where there is no interval."""

    label: str
    percent: str
    low: str
    high: str
    note: str


@dataclass(frozen=True)
class ClassRow:
    """One class; its percentage is – without samples."""

    name: str
    samples: int
    right: int
    percent: str


def digits(samples: int) -> int:
    """Decimals of a percentage over n samples: as many as one sample can change, at most 2."""
    return min(2, max(0, math.ceil(math.log10(max(samples, 1))) - 2))


def percent(fraction: float | None, samples: int) -> str:
    """Write a fraction of ``samples`` in percent, without the sign; ``–`` for None."""
    return "–" if fraction is None else f"{100 * fraction:.{digits(samples)}f}"


def lower_bound(fraction: float) -> str:
    """Write a lower bound in percent, one decimal, without the sign; it is not rounded up."""
    return f"{math.floor(1000 * fraction + 1e-9) / 10:.1f}"


def headline(evaluation: Evaluation, network: Network) -> str:
    """Say in a sentence or two what the chip reaches, on what, at what spread."""
    accuracy, samples = evaluation.accuracy, evaluation.samples
    chips, mean = len(accuracy.chips), percent(accuracy.chip_mean, samples)
    kind = chip_word(evaluation)
    fabricated = f"One {kind} chip reaches {mean} %"
    if accuracy.chip_ci95 is not None:
        low, high = accuracy.chip_ci95
        fabricated = (
            f"{chips} {kind} chips reach {mean} % on average "
            f"(95 % interval {percent(low, samples)} to {percent(high, samples)} %)"
        )
    return (
        f"With its programmed codes the nominal chip answers {percent(accuracy.quantised, samples)} % of "
        f"{samples:,} {evaluation.data.name} test samples right. {fabricated}"
        + (f", with {spread_sentence(evaluation, network)}." if not evaluation.measured else ".")
    )


def chip_word(evaluation: Evaluation) -> str:
    """Say what the scored chips are."""
    return "measured" if evaluation.measured else "fabricated"


def chips_word(evaluation: Evaluation) -> str:
    """Say what they are, one or several."""
    kind = chip_word(evaluation)
    return f"{kind} chips" if len(evaluation.accuracy.chips) > 1 else f"one {kind} chip"


def chip_names(evaluation: Evaluation) -> list[str]:
    """Name the scored chips: by chip_seed, or by file."""
    if evaluation.measured:
        return [Path(one.file).name for one in evaluation.measured]
    return [f"chip_seed {seed}" for seed in evaluation.seeds.chip_seeds]


def measured_text(evaluation: Evaluation) -> str:
    """Name the files of measured values that were scored, with their fingerprints; empty where chips were drawn."""
    return "; ".join(f"{one.file} ({one.fingerprint[:12]})" for one in evaluation.measured)


def chip_rows(evaluation: Evaluation, network: Network) -> LabelledTexts:
    """Say what the chip is: neurons, inputs, synapses, source functions, readout."""
    inputs = [f"{line.name} {_size(line.channels)} ({line.carries})" for line in network.inputs]
    populations = [
        f"{p.name} {p.size:,}" + (f", flux trim {len(p.trim_levels)} levels" if p.trim_levels is not None else "")
        for p in network.populations
    ]
    neurons = f"{evaluation.chip.neurons:,}: {'; '.join(populations)}"
    if network.spiking is not None:  # populations of the network are dendrites
        neurons = _spiking_text(network, network.spiking)
    return [
        ("neurons", neurons),
        ("inputs", f"{network.channels:,}" + (f": {', '.join(inputs)}" if inputs else "")),
        ("synapses", f"{network.edges:,}, {_bits(evaluation.chip.bits)}"),
        *[("source function", text) for text in source_texts(network)],
        ("readout", readout_text(network)),
    ]


def _spiking_text(network: Network, spiking: SpikingNetwork) -> str:
    """Say how many spiking neurons there are, of how many dendrites each, and what can be trimmed."""
    trims = {p.name: len(p.trim_levels) for p in network.populations if p.trim_levels is not None}
    texts = []
    for population in spiking.populations:
        text = f"{population.name} {population.size:,}"
        if len(population.places) > 1:
            text += f" of {len(population.places)} dendrites"
        texts.append(text + (f", flux trim {trims[population.name]} levels" if population.name in trims else ""))
    return f"{spiking.arrays.neurons:,}: {'; '.join(texts)}"


def source_texts(network: Network) -> list[str]:
    """Say per source function whether it is virtual; populations are named where functions differ."""
    texts, names = [], dict.fromkeys(p.source.name for p in network.populations)
    for name in names:
        users = [p for p in network.populations if p.source.name == name]
        kind = "VIRTUAL: no known circuit has it" if users[0].source.virtual else "of a SQUID"
        where = f", in {', '.join(p.name for p in users)}" if len(names) > 1 else ""
        texts.append(f"{name} ({kind}){where}")
    return texts


def readout_text(network: Network) -> str:
    """Say how an answer is read from the states."""
    output = network.output
    if output is None:
        return "none"
    population = ", ".join(network.populations[k].name for k in output.populations)
    if isinstance(output, LinearOutput):
        place = "on" if output.on_chip else "off"
        read = {"spike-count": "spikes", "mean-flux": "mean flux"}.get(output.state, f"{output.state} state")
        return f"linear, {read} of {population}, {output.classes} classes, {place} chip"
    if isinstance(output, CountOutput):
        return f"spikes of each neuron of {population}, most of {output.classes} classes, equal counts to the first"
    if isinstance(output, FluxOutput):
        return f"mean flux of each neuron of {population}, largest of {output.classes} classes, equal ones to the first"
    if output.state == "final":
        when = "last step"
    elif output.first_sample or output.last_sample:
        when = f"steps {output.first_sample or 1} to {output.last_sample or 'the last'}"
    else:
        when = "all steps"
    best = "lowest" if output.low else "best"
    return f"goodness (mean s^2) of {population}, {when}, {best} of {output.classes} labels"


def projection_rows(evaluation: Evaluation, network: Network) -> list[ProjectionRow]:
    """List projections: topology, edges present of possible, fan-in, levels and their use; then a linear readout."""
    rows = []
    for row in evaluation.chip.projections:
        synapses = network.synapses[row.projection]
        fan_in = np.bincount(synapses.targets, minlength=synapses.shape[0])
        rows.append(
            ProjectionRow(
                row.projection,
                row.topology,
                f"{row.synapses:,} of {row.possible:,} ({part_of(row.synapses, row.possible)})",
                " to ".join(f"{n:,}" for n in sorted({int(fan_in.min()), int(fan_in.max())})),
                _levels(row.levels, row.bits),
                *_use(row.use),
            )
        )
    if isinstance(network.output, LinearOutput) and evaluation.chip.readout is not None:
        classes, neurons = network.output.sign.shape
        rows.append(
            ProjectionRow(
                "readout",
                "all-to-all",
                f"{classes * neurons:,} of {classes * neurons:,} (100 %)",
                f"{neurons:,}",
                _levels(len(network.output.levels), network.output.bits),
                *_use(evaluation.chip.readout),
            )
        )
    return rows


def data_text(evaluation: Evaluation) -> str:
    """Name the data set and its test split."""
    data = evaluation.data
    return f"{data.name}, test split of data_seed {data.data_seed}, {evaluation.samples:,} samples"


def light_text(evaluation: Evaluation) -> str:
    """Say how light carried the rates; empty where none does."""
    light = evaluation.light
    if light is None:
        return ""
    if light.model == "average":
        return "taken for its average, without spikes (--light average)"
    dark = f", {light.dark_counts_per_sample:.3g} dark counts" if light.dark_counts_per_sample else ""
    return (
        f"up to {light.spikes_per_sample:.4g} spikes per input sample, {light.statistics}{dark} "
        f"(read_seed {evaluation.seeds.read_seed})"
    )


def spikes_text(evaluation: Evaluation) -> str:
    """Say how often lines and neurons spike, and how many answers are ties; empty without spiking neurons."""
    found = evaluation.spiking
    if found is None:
        return ""
    rates = ", ".join(f"{name} {rate:.3g}" for name, rate in found.mean_rate_mhz.items())
    return f"{rates} MHz in the mean; {ties_text(evaluation)} (read_seed {evaluation.seeds.read_seed})"


def ties_text(evaluation: Evaluation) -> str:
    """Say how many answers of a spiking chip are ties, and how many of them without a spike; empty of other chips."""
    found, samples = evaluation.spiking, evaluation.samples
    if found is None:
        return ""
    ties = "answers is a tie" if found.ties == 1 else "answers are ties"
    said = f"{found.ties:,} of {samples:,} {ties}, which the first class wins"
    return f"{said}; {found.silent:,} of them without a spike of an output neuron" if found.silent else said


def yield_text(evaluation: Evaluation) -> str:
    """Say how many chips met what was required, and what that tells; empty where nothing was."""
    found = evaluation.chip_yield
    if found is None:
        return ""
    share, lower, upper = (f"{100 * x:.4g}" for x in (found.share, found.lower, found.upper))
    verdict = "met" if found.met else "not met"
    if found.of_these:
        return f"{verdict}: {found.passed} of {found.trials} measured chips reach {found.require} on this test set"
    return (
        f"{verdict}: {found.passed} of {found.trials} chips reach {found.require} on this test set, {lower} to {upper} "
        f"% of all such chips (Wilson, 95 %); required {share} %. On as many fresh samples {100 * found.fresh:.4g} % "
        "are expected to"
    )


def spread_rows(evaluation: Evaluation, network: Network) -> LabelledTexts:
    """List the spreads (one sigma) that the fabricated chips were drawn with."""
    rows = []
    for name, value in evaluation.spreads:
        label, text = _spread(name, value)
        kind = IMPERFECTIONS[name.partition(".")[0]]
        if absent := kind.missing(network):
            text = f"{text}, without effect: {absent}"
        rows.append((label, text))
    return rows


def touched_rows(evaluation: Evaluation) -> LabelledTexts:
    """Say how much each imperfection that acts changed, in the mean over the chips."""
    return [(IMPERFECTIONS[t.name].varies, _touched(t)) for t in evaluation.touched]


def spread_sentence(evaluation: Evaluation, network: Network) -> str:
    """Join the spreads that act in one phrase."""
    texts = [
        " ".join(_spread(name, value))
        for name, value in evaluation.spreads
        if name in IMPERFECTIONS and value != 0 and not IMPERFECTIONS[name].missing(network)
    ]
    return "spreads (one sigma) of " + ", ".join(texts) if texts else "no spread between chips"


def accuracy_rows(evaluation: Evaluation) -> list[AccuracyRow]:
    """List the accuracies: ideal, quantised, at the training step if it differs, fabricated chips, their extremes."""
    accuracy, samples = evaluation.accuracy, evaluation.samples

    def row(label: str, value: float, interval: tuple[float, float] | None, note: str) -> AccuracyRow:
        low, high = ("", "") if interval is None else (percent(end, samples) for end in interval)
        return AccuracyRow(label, percent(value, samples), low, high, note)

    over_samples = f"Wilson, {samples:,} samples"
    rows = [
        row("ideal weights", accuracy.ideal, accuracy.ideal_ci95, over_samples),
        row("quantised codes", accuracy.quantised, accuracy.quantised_ci95, over_samples),
    ]
    if evaluation.steps.refine != 1:
        step = "netlist's step" if evaluation.spiking is not None else "training step"
        rows.append(row(f"the same, {step}", accuracy.quantised_training_step, None, "for comparison"))
    chips, names, kind = accuracy.chips, chip_names(evaluation), chip_word(evaluation)
    if len(chips) == 1:
        return [*rows, row(f"one {kind} chip", chips[0], None, f"{names[0]}; no interval from one")]
    worst, best = int(np.argmin(chips)), int(np.argmax(chips))
    return [
        *rows,
        row(f"{kind} chips, mean", accuracy.chip_mean, accuracy.chip_ci95, f"Student, {len(chips)} chips"),
        row("  worst chip", chips[worst], None, names[worst]),
        row("  best chip", chips[best], None, names[best]),
    ]


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """List the classes with the quantised codes on the nominal chip; decimals fit the smallest class."""
    counts = evaluation.confusion.sum(axis=1)
    smallest = int(counts[counts > 0].min()) if counts.any() else 1
    return [
        ClassRow(str(k), int(counts[k]), int(evaluation.confusion[k, k]), percent(fraction, smallest))
        for k, fraction in enumerate(evaluation.per_class)
    ]


def _bits(bits: int | tuple[int, ...] | None) -> str:
    if bits is None:
        return "explicit level tables"
    return f"{bits} bits" if isinstance(bits, int) else f"{' and '.join(map(str, bits))} bits"


def _spread(name: str, value: float) -> tuple[str, str]:
    head, _, parameter = name.partition(".")
    kind = IMPERFECTIONS[head]
    if parameter:
        return f"{kind.varies}, {parameter}", f"{value:g}"
    return kind.varies, f"{100 * value:g} %" if kind.unit == "1" else f"{value:g} {kind.unit}"


def _touched(touched: Touched) -> str:
    mean = f"{touched.mean:,.1f}".removesuffix(".0")
    return f"{mean} of {touched.of:,} {touched.things}"


def _levels(levels: int, bits: int | None) -> str:
    return f"{levels}" if bits is None else f"{levels} ({bits} bits)"


def _use(use: LevelUse) -> tuple[str, str]:
    return f"{use.levels_in_use}", f"{100 * use.zero:.0f} %"


def part_of(part: float, whole: float) -> str:
    """Write a part in percent, two digits."""
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"


def _size(place: slice) -> int:
    return int(place.stop - place.start)
