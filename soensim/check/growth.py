"""Rule SOEN-PH-006: states of relu neurons that drive each other may grow beyond what a number holds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from soensim.check.finding import Finding
from soensim.check.rules import RULES
from soensim.netlist import Netlist
from soensim.network import gammas, sample_duration, substeps_of

#: Powers of ten from the largest state that one step from rest can reach to the largest double.
_DECADES = 280.0
_FRAMES = 2


def growth_findings(netlist: Netlist) -> Iterator[Finding]:
    """Bound the growth of states over two frames by the largest row sum of the efficacies, at the netlist's step.

    From one step to the next the largest state grows at most by |1 - gamma_minus dt| + gamma_plus dt W, with W the
    highest level times the fan-in from unnormalised relu neurons.
    """
    free = {
        name: population
        for name, population in netlist.dendrites.items()
        if population.source_function == "relu" and population.normalise is None
    }
    if not free:
        return
    sample_tau, substeps = sample_duration(netlist), substeps_of(netlist).taken
    steps = _FRAMES * (netlist.timing.hold_samples or 1) * substeps
    worst, name = 0.0, ""
    for target, population in free.items():
        drive = np.zeros(population.size)
        for projection in netlist.projections:
            if projection.target == target and projection.source in free:
                highest = float(np.abs(projection.efficacy.level_table).max())
                counts = np.bincount(netlist.edges(projection).targets, minlength=population.size)
                drive += highest * counts
        gamma_plus, gamma_minus = gammas(netlist, population)
        dt_tau = sample_tau / substeps
        factor = abs(1 - gamma_minus * dt_tau) + gamma_plus * dt_tau * float(drive.max(initial=0.0))
        decades = steps * math.log10(factor) if factor > 1 else 0.0
        if decades > worst:
            worst, name = decades, target
    if worst > _DECADES:
        rule = RULES["SOEN-PH-006"]
        yield Finding(
            rule.id,
            rule.severity,
            f"populations.{name}.source_function",
            worst,
            _DECADES,
            "decades",
            f"with every synapse at its highest level the states may grow by 10^{worst:.0f} in {_FRAMES} frames; "
            f"{rule.fix}",
        )
