"""By how much the right class wins: how sure the answers are."""

from __future__ import annotations

import numpy as np

from soensim.network import GoodnessOutput
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
    goodness = isinstance(network.output, GoodnessOutput)
    unit = "goodness" if goodness else "score"
    close = float(np.mean(np.abs(margins) < 0.1 * np.median(np.abs(margins))))
    caption = (
        f"The first {count:,} test samples, quantised codes on the nominal chip. Blue: answered right; hatched: wrong. "
        f"{100 * close:.1f} % are closer to 0 than a tenth of the median distance: noise decides those."
    )
    title = "Goodness" if goodness else "Scores"
    body = joined(
        picture("scores-margins", figures.margin_histogram(margins, unit), "distances between the classes", caption),
        words(
            "A chip answers with the class of the best "
            + ("goodness, the mean of s^2 (I_c^2)." if goodness else "score, the sum of efficacy x state."),
            "note",
        ),
    )
    return Section("scores", title, body)
