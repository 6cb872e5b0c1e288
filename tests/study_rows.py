"""Runs of a study made up by hand, for its tables, figures and sentences."""

import hashlib

from soensim.study.run import Outcome, Row, Run

#: Accuracy (%) of the sweep over density and bits, seed 0.
GRID = {
    1.0: (94.1, 96.9, 97.2),
    0.5: (94.5, 97.1, 95.8),
    0.2: (90.7, 93.6, 94.8),
    0.1: (85.7, 93.9, 94.3),
}
BITS = (2, 3, 4)
FACTORS = ("projections[1].topology.density", "projections[*].efficacy.bits")


def row(levels, seed=0, error=None, **measures):
    """Make a run that has ended."""
    key = hashlib.sha256(repr((sorted(levels.items()), seed)).encode()).hexdigest()
    return Row(Run(key, levels, seed, {}), Outcome(key, {} if error else measures, error, seconds=1.0))


def grid_rows(seeds=3):
    """Make 4 densities x 3 bits x seeds: seeds share an offset, and each run has its own noise of about 0.3 points."""
    rows = []
    for density, accuracies in GRID.items():
        for bits, accuracy in zip(BITS, accuracies, strict=True):
            for seed in range(seeds):
                noise = int(hashlib.sha256(f"{density}{bits}{seed}".encode()).hexdigest()[:6], 16) / 0xFFFFFF - 0.5
                value = (accuracy + 0.8 * (seed - 1) * (seeds > 1) + 0.7 * noise) / 100
                synapses = 24 * 28 + round(576 * density)
                rows.append(
                    row(
                        dict(zip(FACTORS, (density, bits), strict=True)),
                        seed,
                        codes=value + 0.004,
                        chips_mean=value,
                        chips_worst=value - 0.02 - 0.01 / bits,
                        synapses=synapses,
                        junctions=4 * synapses + 480 * bits,
                        area_mm2=0.6 + 0.0009 * synapses * bits / 4,
                        passes=1,
                        photons=None,
                    )
                )
    return rows
