"""By how much the right class wins: how sure the answers are."""

from __future__ import annotations

import numpy as np

from soensim.network import CountOutput, FluxOutput, GoodnessOutput, LinearOutput, Network
from soensim.report import figures
from soensim.report.page_parts import joined, picture, words
from soensim.report.sections.section import Section, Subject
from soensim.simulation import class_scores

_SCORED = 1024  # test samples: enough for a histogram, and quick on large sets


def scores_section(subject: Subject) -> Section:
    """Draw the distances of the true class's score from the best other one."""
    network, test = subject.network, subject.dataset.test
    count = min(_SCORED, test.samples)
    read_seed = subject.evaluation.seeds.read_seed or 0
    scores = class_scores(network, subject.program, test.inputs[:count], read_seed=read_seed)
    rows, labels = np.arange(count), test.labels[:count]
    true = scores[rows, labels]
    others = scores.copy()
    others[rows, labels] = -np.inf
    margins = true - others.max(1)
    whole = isinstance(network.output, CountOutput)
    close = float(np.mean(np.abs(margins) < 0.1 * np.median(np.abs(margins))))
    near = f"{100 * close:.1f} % are closer to 0 than a tenth of the median distance: noise decides those"
    if whole:
        close = float(np.mean(np.abs(margins) <= 1))
        near = f"{100 * close:.1f} % are within a spike of 0: one more or less decides those"
    title, unit, answer = _said(network)
    wrong = "wrong, or a tie" if whole else "wrong"
    caption = (
        f"The first {count:,} test samples, quantised codes on the nominal chip. Blue: answered right; hatched: "
        f"{wrong}. {near}."
    )
    drawn = figures.margin_histogram(margins, unit, whole)
    body = joined(
        picture("scores-margins", drawn, "distances between the classes", caption),
        words(f"A chip answers with the {answer}.", "note"),
    )
    return Section("scores", title, body)


def _said(network: Network) -> tuple[str, str, str]:
    """Title of the section, what a score is, and which class a chip answers with."""
    output = network.output
    if isinstance(output, GoodnessOutput):
        return "Goodness", "goodness", "class of the best goodness, the mean of s^2 (I_c^2)"
    if isinstance(output, CountOutput):
        return "Spike counts", "spikes", "class of the neuron that spikes most, of equal ones the first"
    if isinstance(output, FluxOutput):
        return "Mean fluxes", "mean flux (Phi_0)", "class of the neuron with most flux in the mean over a sample"
    read = {"spike-count": "spikes", "mean-flux": "mean flux"}
    of = read.get(output.state, "state") if isinstance(output, LinearOutput) else "state"
    return "Scores", "score", f"class of the best score, the sum of efficacy x {of}"
