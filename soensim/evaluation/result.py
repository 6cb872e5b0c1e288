"""The answer of `evaluate`: frozen, typed, with a JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.described import Described, percent
from soensim.budget import AnswerCost, BudgetEntry
from soensim.evaluation.causes import Causes
from soensim.evaluation.circuit_check import CircuitCheck
from soensim.evaluation.margins import Margins
from soensim.evaluation.requirement import Yield
from soensim.evaluation.spike_check import SpikeCheck
from soensim.evaluation.statistics import Interval
from soensim.evaluation.step_changes import StepChanges
from soensim.evaluation.waterfall import Waterfall

IntArray = NDArray[np.int64]
LightModel = Literal["spikes", "average"]
EngineName = Literal["rate", "spiking"]


@dataclass(frozen=True)
class Accuracy:
    """Fractions of test samples that are classified right.

    Attributes
    ----------
    ideal, ideal_ci95
        Unquantised weights on the nominal chip; Wilson interval over the samples.
    quantised, quantised_ci95
        The program's codes on the nominal chip.
    quantised_training_step
        The same at the step that training used.
    chips
        One accuracy per fabricated chip.
    chip_mean, chip_ci95
        Their mean, and its Student interval over the chips; the interval is None for one chip.
    """

    ideal: float
    ideal_ci95: Interval
    quantised: float
    quantised_ci95: Interval
    quantised_training_step: float
    chips: tuple[float, ...]
    chip_mean: float
    chip_ci95: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "ideal": self.ideal,
            "ideal_ci95": list(self.ideal_ci95),
            "quantised": self.quantised,
            "quantised_ci95": list(self.quantised_ci95),
            "quantised_training_step": self.quantised_training_step,
            "chip": {
                "mean": self.chip_mean,
                "ci95": None if self.chip_ci95 is None else list(self.chip_ci95),
                "trials": len(self.chips),
                "each": list(self.chips),
            },
        }


@dataclass(frozen=True)
class LevelUse:
    """How a program uses the level table of a projection or of the readout.

    Attributes
    ----------
    levels_in_use
        Levels that at least one synapse is set to, by magnitude and sign.
    zero
        Share of the efficacies that are zero.
    """

    levels_in_use: int
    zero: float


@dataclass(frozen=True)
class ProjectionSummary:
    """One projection: what is fabricated, and what the program sets.

    Attributes
    ----------
    projection, topology
        `source->target`, and the kind of its topology.
    synapses, possible
        Synapses that exist, of sources x targets.
    levels, bits
        Size of its level table, and the bits that it was made from (None: an explicit table).
    use
        See `LevelUse`.
    """

    projection: str
    topology: str
    synapses: int
    possible: int
    levels: int
    bits: int | None
    use: LevelUse

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        plain = asdict(self)
        use = plain.pop("use")
        return {**plain, **use}


@dataclass(frozen=True)
class ChipSummary:
    """The chip that was scored.

    Attributes
    ----------
    name, hash
        Of its netlist.
    neurons, inputs, synapses
        Numbers of neurons, input channels and synapses (readout not counted).
    bits
        Of its level tables, ascending where they differ; None where every table is explicit.
    projections
        In netlist order.
    readout
        How the program uses the levels of a linear readout; None for another readout.
    source_functions
        One name per population.
    virtual
        Whether any source function is one that no known circuit has.
    """

    name: str
    hash: str
    neurons: int
    inputs: int
    synapses: int
    bits: int | tuple[int, ...] | None
    projections: tuple[ProjectionSummary, ...]
    readout: LevelUse | None
    source_functions: tuple[str, ...]
    virtual: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            **asdict(self),
            "bits": list(self.bits) if isinstance(self.bits, tuple) else self.bits,
            "projections": [p.as_dict() for p in self.projections],
            "source_functions": list(self.source_functions),
        }


@dataclass(frozen=True)
class ScoredData:
    """The data that were scored: their name, the seed of the split, and the fingerprint of the test split."""

    name: str
    data_seed: int
    fingerprint: str


@dataclass(frozen=True)
class IntegrationSteps:
    """Integration steps per frame in training and here; `refine` is their ratio, and `changed` what other steps do."""

    training_substeps: int
    substeps: int
    refine: int
    changed: StepChanges | None = None


class Spread(NamedTuple):
    """Size of one imperfection (one sigma, or a fraction), in the unit of the netlist's field of this name."""

    name: str
    sigma: float


class Touched(NamedTuple):
    """What one imperfection changed in the mean over the chips: `mean` of `of` things (efficacies, neurons, …)."""

    name: str
    things: str
    mean: float
    of: int


@dataclass(frozen=True)
class Seeds:
    """The chip_seed of each fabricated chip, and the read_seed of the light; None where no spike is drawn."""

    chip_seeds: tuple[int, ...]
    read_seed: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"chip_seeds": list(self.chip_seeds), "read_seed": self.read_seed}


@dataclass(frozen=True)
class MeasuredFile:
    """A file of measured values that a chip was scored from, and the SHA-256 of what it says."""

    file: str
    fingerprint: str


@dataclass(frozen=True)
class LightSummary:
    """How light carried the rates of an optical chip.

    Attributes
    ----------
    model
        "spikes": every spike was drawn; "average": its mean was taken instead.
    spikes_per_sample
        What an emitter sends in an input sample at the reference state: the most.
    statistics
        Of the spikes, "regular" or "poisson".
    dark_counts_per_sample
        Mean number of each detector.
    """

    model: LightModel
    spikes_per_sample: float
    statistics: str
    dark_counts_per_sample: float


@dataclass(frozen=True)
class SpikingSummary:
    """What spiking neurons did while the test samples were read, with the quantised codes on the nominal chip.

    Attributes
    ----------
    ties
        Samples in which several classes have the best score: the first of them is the answer.
    silent
        Those of them in which every score is 0, as where no neuron that is read spikes; None where fluxes are read.
    spikes_per_sample
        Mean number of spikes of a population, or of input lines, in a sample.
    mean_rate_mhz
        The same per neuron, or line, and time.
    """

    ties: int
    silent: int | None
    spikes_per_sample: Mapping[str, float]
    mean_rate_mhz: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "ties": self.ties,
            "silent": self.silent,
            "spikes_per_sample": dict(self.spikes_per_sample),
            "mean_rate_mhz": dict(self.mean_rate_mhz),
        }


@dataclass(frozen=True, repr=False)
class Evaluation(Described):
    """The answer of `evaluate`; `as_dict` is its JSON form (docs/contracts.md).

    Attributes
    ----------
    chip
        See `ChipSummary`.
    data
        See `ScoredData`.
    samples
        Test samples that were scored.
    accuracy
        See `Accuracy`.
    per_class
        Accuracy of each class with the quantised program on the nominal chip; None where no sample has it.
    confusion
        Shape (classes, classes), read-only: rows are true classes, columns what the quantised program answered.
    steps
        See `IntegrationSteps`.
    spreads
        Spreads that the fabricated chips were drawn with.
    seeds
        See `Seeds`.
    light
        See `LightSummary`; None where no light carries a rate.
    spiking
        See `SpikingSummary`; None of chips without spiking neurons.
    energy
        What a classification costs with the quantised codes on the nominal chip, in the mean over the test samples;
        empty where no light carries a rate, or a number is missing.
    energy_unknown
        Which number is missing; None where none is.
    cost
        What an answer costs in time and energy; None where it was not measured.
    chip_yield
        How many chips met the requirement, `yield` in JSON; None where nothing was required.
    circuit
        What circuits answered beside the model; None where none was solved.
    spike_check
        What spiking neurons answered beside the rate engine; None where they were not asked.
    touched
        What each imperfection that acts changed.
    measured
        The measured chips that were scored in place of drawn ones, in this order; empty where chips were drawn.
    waterfall, margins, causes
        See `Waterfall`, `Margins` and `Causes`; None where they were not asked for.
    """

    chip: ChipSummary
    data: ScoredData
    samples: int
    accuracy: Accuracy
    per_class: tuple[float | None, ...]
    confusion: IntArray
    steps: IntegrationSteps
    spreads: tuple[Spread, ...]
    seeds: Seeds
    touched: tuple[Touched, ...]
    light: LightSummary | None = None
    spiking: SpikingSummary | None = None
    energy: tuple[BudgetEntry, ...] = ()
    energy_unknown: str | None = None
    chip_yield: Yield | None = None
    cost: AnswerCost | None = None
    measured: tuple[MeasuredFile, ...] = ()
    waterfall: Waterfall | None = None
    margins: Margins | None = None
    causes: Causes | None = None
    circuit: CircuitCheck | None = None
    spike_check: SpikeCheck | None = None

    def _facts(self) -> Mapping[str, Any]:
        accuracy, chips = self.accuracy, len(self.accuracy.chips)
        return {
            "chip": repr(self.chip.name),
            "data": self.data.name,
            "samples": self.samples,
            "ideal": percent(accuracy.ideal),
            "quantised": percent(accuracy.quantised),
            f"mean_of_{chips}_chips": percent(accuracy.chip_mean),
            "worst_chip": percent(min(accuracy.chips)),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "chip": self.chip.as_dict(),
            "data": asdict(self.data),
            "samples": self.samples,
            "accuracy": self.accuracy.as_dict(),
            "per_class": list(self.per_class),
            "confusion": self.confusion.tolist(),
            "steps": asdict(self.steps),
            "spreads": {name: "infinite" if math.isinf(size) else size for name, size in self.spreads},
            "seeds": self.seeds.as_dict(),
            "touched": [t._asdict() for t in self.touched],
            "light": None if self.light is None else asdict(self.light),
            "spiking": None if self.spiking is None else self.spiking.as_dict(),
            "energy": [line.as_dict() for line in self.energy] or None,
            "energy_unknown": self.energy_unknown,
            "yield": None if self.chip_yield is None else self.chip_yield.as_dict(),
            "cost": None if self.cost is None else self.cost.as_dict(),
            "measured": [asdict(one) for one in self.measured] or None,
            "waterfall": None if self.waterfall is None else self.waterfall.as_list(),
            "margins": None if self.margins is None else self.margins.as_list(),
            "causes": None if self.causes is None else self.causes.as_list(),
            "circuit": None if self.circuit is None else self.circuit.as_dict(),
            "spike_check": None if self.spike_check is None else self.spike_check.as_dict(),
        }
