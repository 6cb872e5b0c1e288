"""What is asked of fabricated chips beside their accuracy: waterfall, margins, causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from soensim.errors import SoensimError
from soensim.evaluation.causes import LEAST_ROWS, MOST_ROWS, Causes, factors_of, find_causes
from soensim.evaluation.chips import ScoreChips
from soensim.evaluation.margins import Margins, find_margins, most_margin_chips
from soensim.evaluation.waterfall import Waterfall, add_effects, waterfall_chips, waterfall_effects
from soensim.network import Network

if TYPE_CHECKING:  # it holds what is found here
    from soensim.evaluation.result import Accuracy


@dataclass(frozen=True)
class Analyses:
    """Which analyses to do.

    Attributes
    ----------
    waterfall
        Accuracy as each effect is added (`soensim.evaluation.waterfall`).
    margins
        Fall of accuracy that bounds each parameter (`soensim.evaluation.margins`); None: none.
    causes
        Rows of the estimators of the variance (`soensim.evaluation.causes`); None: none.

    Raises
    ------
    SoensimError
        A number is not legal.
    """

    waterfall: bool = False
    margins: float | None = None
    causes: int | None = None

    def __post_init__(self) -> None:
        if self.margins is not None and not 0 < self.margins < 1:
            raise SoensimError(f"the drop of margins is {self.margins:g}; it must be above 0 and below 1; 1 % is 0.01")
        if self.causes is not None and not LEAST_ROWS <= self.causes <= MOST_ROWS:
            raise SoensimError(f"the rows of causes are {self.causes}; they must be from {LEAST_ROWS} to {MOST_ROWS}")


class Analysed(NamedTuple):
    """What was found; None where it was not asked for."""

    waterfall: Waterfall | None = None
    margins: Margins | None = None
    causes: Causes | None = None


def planned(asked: Analyses, network: Network, chip_seeds: Sequence[int]) -> list[str]:
    """Say how many chips each analysis will score, one line each.

    Raises
    ------
    SoensimError
        One means nothing on this chip, or no chip is drawn.
    """
    if not chip_seeds and asked != Analyses():
        raise SoensimError("waterfall, margins and causes are those of chips that are drawn; measured ones are not")
    lines = []
    if asked.waterfall:
        effects = waterfall_effects(network)
        lines.append(
            f"waterfall: {waterfall_chips(effects, chip_seeds):,} more chips for {_effects(len(effects))}, each alone "
            "and added to those before"
        )
    if asked.margins is not None:
        lines.append(
            f"margins: at most {most_margin_chips(network, chip_seeds):,} more chips, most often two thirds of it"
        )
    if asked.causes is not None:
        factors = len(factors_of(network))
        lines.append(
            f"causes: {asked.causes * (factors + 2):,} more chips, {asked.causes:,} x ({_effects(factors)} + 2)"
        )
    return lines


def analyse(
    asked: Analyses, network: Network, accuracy: Accuracy, samples: int, chip_seeds: Sequence[int], score: ScoreChips
) -> Analysed:
    """Do what is asked; the arguments are those of `add_effects`, `find_margins` and `find_causes`."""
    return Analysed(
        add_effects(network, accuracy, samples, chip_seeds, score) if asked.waterfall else None,
        None if asked.margins is None else find_margins(network, asked.margins, chip_seeds, score),
        None if asked.causes is None else find_causes(network, asked.causes, samples, chip_seeds[0], score),
    )


def _effects(count: int) -> str:
    return f"{count} effect{'s' if count != 1 else ''}"
