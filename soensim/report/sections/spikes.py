"""Spikes of lines and neurons of a spiking chip while a few test samples are read."""

from __future__ import annotations

from soensim.network import CountOutput, FluxOutput, Network
from soensim.report import figures, formatting
from soensim.report.figures.raster_figure import score_text
from soensim.report.page_parts import joined, picture, side_by_side, table, words
from soensim.report.sections.section import Section, Subject


def spikes_section(subject: Subject) -> Section | None:
    """Draw what goes in, what the neurons fire, and what is counted; None of a chip without spiking neurons."""
    found = subject.evaluation.spiking
    if found is None:
        return None
    examples = figures.find_spike_examples(
        subject.network, subject.program, subject.dataset.test, read_seed=subject.evaluation.seeds.read_seed or 0
    )
    beside, unit = _scores_text(subject.network)
    note = (
        "Above, the spikes of the input lines; below, those of every neuron of the nominal chip, by population; "
        f"beside, {beside}. Blue: the true class; orange: another one that was answered. Test "
        f"samples {', '.join(str(example.index) for example in examples)} of {subject.dataset.name}."
    )
    pictures = [
        picture(
            f"spikes-{k}",
            figures.raster(subject.network, example),
            f"spikes over time, sample {example.index}: true {example.true}, answered {example.answered}; {unit} of "
            f"each class: {', '.join(map(score_text, example.scores.tolist()))}",
        )
        for k, example in enumerate(examples)
    ]
    rows = [(name, f"{found.spikes_per_sample[name]:.4g}", f"{rate:.3g}") for name, rate in found.mean_rate_mhz.items()]
    return Section(
        "spikes",
        "Spikes while reading",
        joined(
            words(note, "note"),
            side_by_side(*pictures),
            table(("", "spikes per sample", "mean rate, MHz"), rows, numbers=(1, 2), narrow=True),
            words(f"{formatting.ties_text(subject.evaluation)}.", "note"),
        ),
    )


def _scores_text(network: Network) -> tuple[str, str]:
    """Say what the scores beside a raster are, and their unit."""
    if isinstance(network.output, CountOutput):
        return "how many the output neurons sent", "spikes"
    if isinstance(network.output, FluxOutput):
        return "the mean flux through the output neurons", "mean flux (Phi_0)"
    return "the scores of the classes", "score"
