"""Accuracy of a program: what the ideal weights reach, what the codes reach, what fabricated chips reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim.data import Dataset, Split, argmax_decode
from soensim.errors import DataError, ProgramError, SoensimError
from soensim.evaluation.statistics import Interval, mean_interval, proportion_interval
from soensim.netlist import Netlist
from soensim.network import Network, check_fit, compile_network, refined
from soensim.program import READOUT, Program
from soensim.routing import RoutedNetlist
from soensim.simulation import class_scores

IntArray = NDArray[np.int64]

REFINE_SQUID = 4  # a score of a SQUID chip counts when a finer step does not change it (docs/physics.md)


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
        """Return the JSON form (docs/contracts.md)."""
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
class Evaluation:
    """The answer of `evaluate`; `as_dict` is its JSON form.

    Attributes
    ----------
    chip
        Name, neurons, inputs, synapses, bits, hash, and whether a source function is virtual.
    data
        Name, data_seed and fingerprint of the test split.
    samples
        Test samples that were scored.
    accuracy
        See `Accuracy`.
    per_class
        Accuracy of each class with the quantised program on the nominal chip; None where no sample has it.
    confusion
        Shape (classes, classes): rows are true classes, columns what the quantised program answered.
    steps
        Integration: substeps per sample in training and here, and their ratio.
    spreads
        One-sigma spreads that the fabricated chips were drawn with.
    seeds
        chip_seeds, one per trial.
    """

    chip: dict[str, Any]
    data: dict[str, Any]
    samples: int
    accuracy: Accuracy
    per_class: tuple[float | None, ...]
    confusion: IntArray
    steps: dict[str, int]
    spreads: dict[str, float]
    seeds: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            **plain,
            "accuracy": self.accuracy.as_dict(),
            "per_class": list(self.per_class),
            "confusion": self.confusion.tolist(),
        }


def evaluate(
    routed: RoutedNetlist,
    program: Program,
    dataset: Dataset,
    *,
    trials: int = 10,
    seed: int = 0,
    refine: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Score a program on the test split that its training never saw.

    Parameters
    ----------
    routed
        The chip.
    program
        Made for this chip.
    dataset
        Its test split must be the one that the program's header names.
    trials
        Fabricated chips to draw.
    seed
        The chips have the seeds seed, seed + 1, ….
    refine
        Integrate with a step this much finer than training did; None is 4 for a chip with SQUIDs, and 1 where all
        source functions are virtual (there the step is part of the model).
    progress
        Called with the name of each part as it starts.

    Raises
    ------
    SoensimError
        The program is of another chip, the data do not fit or may hold training samples, or a number is not legal.
    """
    if trials < 1:
        raise SoensimError(f"trials is {trials}; at least one chip is needed")
    if seed < 0:
        raise SoensimError(f"seed is {seed}; it must not be below 0")
    program.check_chip(compile_network(routed))
    coarse = _training_network(routed, program)
    if refine is None:
        refine = 1 if coarse.virtual else REFINE_SQUID
    network = refined(coarse, refine)
    check_fit(network, dataset)
    _check_unseen(program, dataset)

    truth = dataset.test.labels
    samples = len(truth)

    def right(predicted: IntArray) -> int:
        return int((predicted == truth).sum())

    progress("ideal weights")
    ideal = right(predict(network, program.as_ideal(), dataset.test))
    progress("quantised codes")
    answers = predict(network, program, dataset.test)
    quantised = right(answers)
    at_training_step = quantised if refine == 1 else right(predict(coarse, program, dataset.test))
    chip_seeds = list(range(seed, seed + trials))
    chips: list[float] = []
    for chip_seed in chip_seeds:
        progress(f"chip {len(chips) + 1} of {trials}")
        chips.append(right(predict(network, program, dataset.test, chip_seed=chip_seed)) / samples)
    confusion = np.zeros((dataset.classes, dataset.classes), dtype=np.int64)
    np.add.at(confusion, (truth, answers), 1)
    return Evaluation(
        chip=describe_chip(routed.netlist, network, program),
        data={"name": dataset.name, "data_seed": dataset.data_seed, "fingerprint": dataset.fingerprint},
        samples=samples,
        accuracy=Accuracy(
            ideal=ideal / samples,
            ideal_ci95=proportion_interval(ideal, samples),
            quantised=quantised / samples,
            quantised_ci95=proportion_interval(quantised, samples),
            quantised_training_step=at_training_step / samples,
            chips=tuple(chips),
            chip_mean=float(np.mean(chips)),
            chip_ci95=mean_interval(chips) if trials > 1 else None,
        ),
        per_class=tuple(float(row[k] / row.sum()) if row.sum() else None for k, row in enumerate(confusion)),
        confusion=confusion,
        steps={"training_substeps": coarse.substeps, "substeps": network.substeps, "refine": refine},
        spreads=dict(network.spreads),
        seeds={"chip_seeds": chip_seeds},
    )


def _training_network(routed: RoutedNetlist, program: Program) -> Network:
    """Compile the chip at the step that training used: the netlist's, or the finer one that the header names."""
    network = compile_network(routed)
    substeps = program.header.get("substeps", network.substeps)
    if substeps % network.substeps:
        raise ProgramError(
            f"the program was trained with {substeps} substeps per sample; chip {network.name!r} has "
            f"{network.substeps}, and training can only use a multiple of them"
        )
    return refined(network, substeps // network.substeps)


def predict(network: Network, program: Program, split: Split, *, chip_seed: int | None = None) -> IntArray:
    """Classify the samples of a split by their best score, shape (samples,)."""
    return argmax_decode(class_scores(network, program, split.inputs, chip_seed=chip_seed))


def describe_chip(netlist: Netlist, network: Network, program: Program) -> dict[str, Any]:
    """Name, size, bits and topology of a chip as plain data, and which of its levels the program uses."""
    projections = [
        {
            "projection": p.key,
            "topology": p.topology.kind,
            "synapses": len(network.synapses[p.key]),
            "possible": network.synapses[p.key].shape[0] * network.synapses[p.key].shape[1],
            "levels": len(network.synapses[p.key].levels),
            "bits": p.efficacy.bits,
            **_use(program, p.key),
        }
        for p in netlist.projections
    ]
    bits = sorted({row["bits"] for row in projections if row["bits"] is not None})
    return {
        "name": network.name,
        "hash": network.netlist_hash,
        "neurons": network.neurons,
        "inputs": network.channels,
        "synapses": network.edges,
        "bits": bits[0] if len(bits) == 1 else bits or None,
        "projections": projections,
        "readout": _use(program, READOUT) if READOUT in program.values else None,
        "source_functions": [p.source.name for p in network.populations],
        "virtual": any(p.source.virtual for p in network.populations),
    }


def _use(program: Program, key: str) -> dict[str, Any]:
    """Levels that the codes of a projection use, and the share of efficacies that are zero."""
    held = program.values[key]
    in_use = len(np.unique(program.signs[key] * held))
    return {"levels_in_use": in_use, "zero": float((held == 0).sum() / max(1, held.size))}


def _check_unseen(program: Program, dataset: Dataset) -> None:
    """Refuse a test split that is not the one that training left out."""
    trained = program.header.get("data")
    if trained is None or trained["name"] != dataset.name:
        return  # another data set, or weights from elsewhere: nothing to leak from
    if trained["fingerprint"] != dataset.fingerprint:
        raise DataError(
            f"the test split of {dataset.name!r} (data_seed {dataset.data_seed}) is not the one that the program's "
            f"training left out (data_seed {trained['data_seed']}); it may hold training samples"
        )
