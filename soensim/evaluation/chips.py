"""Chips that an analysis scores beside those of the evaluation, and the effects that part them from the drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from soensim.data import Split, argmax_decode
from soensim.evaluation.parallel import Stop, side_by_side, usable_workers
from soensim.fabrication import Imperfection, fabricate_chip
from soensim.fabrication.shift import shifted
from soensim.fabrication.sizes import acting
from soensim.network import Network
from soensim.network.sizes import state_bytes
from soensim.program import Program
from soensim.simulation import Samples, class_scores
from soensim.simulation.engine import BLOCK, one_blas_thread


@dataclass(frozen=True)
class Chip:
    """One chip to score.

    Attributes
    ----------
    spreads
        Sizes of imperfections by name.
    chip_seed
        Draws it.
    own_seeds
        By name of an imperfection: the chip_seed that it is drawn with instead.
    off
        A parameter that all its devices have off alike, and by how much (`soensim.fabrication.shift`).
    """

    spreads: Mapping[str, float]
    chip_seed: int
    own_seeds: Mapping[str, int] = field(default_factory=dict)
    off: tuple[str, float] | None = None


ScoreChips = Callable[[str, Sequence[Chip]], list[float]]
"""``score(what, chips)``: the accuracy of each chip on the same samples; ``what`` says for what, while they run."""


def chip_scorer(
    network: Network, program: Program, test: Split, read_seed: int, progress: Callable[[str], None]
) -> ScoreChips:
    """Make what scores the chips of an analysis, side by side; the arguments are those of `evaluate_network`."""
    samples = Samples(network, test.inputs)
    workers = usable_workers(state_bytes(network, BLOCK * (network.labels or 1), samples.frames))

    def one(chip: Chip, stop: Stop) -> float:
        made = fabricate_chip(network, program.values, chip.spreads, chip.chip_seed, own_seeds=chip.own_seeds)
        if chip.off is not None:
            made = shifted(network, made, *chip.off)
        scores = class_scores(network, program, samples, chip=made, read_seed=read_seed, stop=stop)
        return int((argmax_decode(scores) == test.labels).sum()) / len(test.labels)

    def score(what: str, chips: Sequence[Chip]) -> list[float]:
        with one_blas_thread():  # for all threads: none may restore what another has set
            return side_by_side(
                one, chips, workers, lambda place: progress(f"{what}: chip {place + 1:,} of {len(chips):,}")
            )

    return score


def effects_of(network: Network) -> tuple[Imperfection, ...]:
    """Return the imperfections that are on and can touch something on a chip, in the order of fabrication."""
    return tuple(one for one in acting(network.spreads) if not one.missing(network))


def only(spreads: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return the sizes, and the parameters, of some imperfections."""
    return {name: size for name, size in spreads.items() if name.partition(".")[0] in names}


def seeds_needed(effects: Sequence[Imperfection], chip_seeds: Sequence[int]) -> Sequence[int]:
    """Return the chip_seeds to draw: one alone where nothing parts one chip from another."""
    return chip_seeds if any(effect.differs for effect in effects) else chip_seeds[:1]
