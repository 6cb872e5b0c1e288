"""Accuracy of a program: what the ideal weights reach, what the codes reach, what fabricated chips reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.renamed import renamed_keyword
from soensim.data import Dataset, Split, argmax_decode
from soensim.errors import DataError, SimulationError, SoensimError
from soensim.evaluation.analyses import Analyses, analyse, planned
from soensim.evaluation.answer_cost import measure_cost
from soensim.evaluation.chips import chip_scorer
from soensim.evaluation.circuit_check import check_circuits, plan_circuits
from soensim.evaluation.parallel import Stop, side_by_side, usable_workers
from soensim.evaluation.requirement import Requirement, count_yield
from soensim.evaluation.result import (
    Accuracy,
    EngineName,
    Evaluation,
    IntArray,
    IntegrationSteps,
    LightModel,
    MeasuredFile,
    ScoredData,
    Seeds,
    Spread,
    Touched,
)
from soensim.evaluation.spike_check import check_spikes, plan_spikes
from soensim.evaluation.statistics import mean_interval, proportion_interval
from soensim.evaluation.step_changes import StepChanges, compare_steps
from soensim.evaluation.summary import summarise_chip, summarise_light, summarise_spikes
from soensim.fabrication import IMPERFECTIONS, MeasuredChip, count_touched, with_asked
from soensim.network import Network, at_training_step, check_fit, compile_network, refined, with_average_light
from soensim.network.sizes import state_bytes
from soensim.program import Program
from soensim.routing import RoutedNetlist
from soensim.simulation import Samples, class_scores
from soensim.simulation.engine import BLOCK, one_blas_thread

MOST_COUNTED = 32
REFINE_SQUID = 4  # a score of a SQUID chip counts when a finer step does not change it (docs/physics.md)

FloatArray = NDArray[np.float64]
Progress = Callable[[str], None]
ScoredSplit = Literal["test", "validation"]


@renamed_keyword("seed", "chip_seed")
def evaluate(
    routed: RoutedNetlist,
    program: Program,
    dataset: Dataset,
    *,
    trials: int = 10,
    chip_seed: int = 0,
    refine: int | None = None,
    read_seed: int = 0,
    light: LightModel = "spikes",
    spreads: Mapping[str, float] | None = None,
    requirement: Requirement | None = None,
    measured: Sequence[MeasuredChip] = (),
    analyses: Analyses | None = None,
    circuit_samples: int | None = None,
    engine: EngineName = "rate",
    progress: Progress = lambda _: None,
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
    chip_seed
        The chips have the seeds chip_seed, chip_seed + 1, …. The old name `seed` still works, with a warning.
    refine
        Integrate with a step this much finer than training did; None is 4 for a chip with SQUIDs, and 1 where all
        source functions are virtual (there the step is part of the model), and for spiking chips, whose training takes
        no steps.
    read_seed
        Draws the spikes, the photons and the dark counts of a chip whose rates are carried by light: the same ones for
        the ideal weights, the codes and every fabricated chip, so that these differ by nothing else.
    light
        "average" takes the light for its mean, as if a sample had any number of spikes, for comparison.
    spreads
        Sizes of imperfections by name, over the netlist's (`soensim.fabrication.read_sizes`).
    requirement
        What the fabricated chips must reach; None counts no yield.
    measured
        Chips that were measured (`soensim.fabrication.read_measured`), scored in place of drawn ones: ``trials``,
        ``chip_seed`` and spreads are then without effect.
    analyses
        What to find out of them beside: waterfall, margins, causes; None: nothing.
    circuit_samples
        Solve so many test samples also with every dendrite as its circuit, coupled; None solves none.
    engine
        "spiking" runs an optical rate chip also as the spiking chip that it stands for (`SpikeCheck`).
    progress
        Called with the name of each part as it starts.

    Raises
    ------
    SoensimError
        The program is of another chip, the data do not fit or may hold training samples, a number is not legal, or a
        size is given of an imperfection that can touch nothing on this chip.
    """
    chip_seeds = () if measured else trial_seeds(trials, chip_seed)
    network = with_asked(compile_network(routed), spreads or {})
    if light == "average":
        network = with_average_light(network)
    return evaluate_network(
        routed,
        network,
        program,
        dataset,
        chip_seeds=chip_seeds,
        refine=refine,
        read_seed=read_seed,
        requirement=requirement,
        measured=measured,
        analyses=analyses,
        circuit_samples=circuit_samples,
        engine=engine,
        progress=progress,
    )


def trial_seeds(trials: int, chip_seed: int) -> tuple[int, ...]:
    """Seeds of the fabricated chips: chip_seed, chip_seed + 1, ….

    Raises
    ------
    SoensimError
        No trial, or a negative seed.
    """
    if trials < 1:
        raise SoensimError(f"trials is {trials}; at least one chip is needed")
    if chip_seed < 0:
        raise SoensimError(f"chip_seed is {chip_seed}; it must not be below 0")
    return tuple(range(chip_seed, chip_seed + trials))


def evaluate_network(
    routed: RoutedNetlist,
    network: Network,
    program: Program,
    dataset: Dataset,
    *,
    chip_seeds: Sequence[int] = (),
    refine: int | None = None,
    read_seed: int = 0,
    requirement: Requirement | None = None,
    measured: Sequence[MeasuredChip] = (),
    analyses: Analyses | None = None,
    circuit_samples: int | None = None,
    engine: EngineName = "rate",
    split: ScoredSplit = "test",
    progress: Progress = lambda _: None,
) -> Evaluation:
    """Do what `evaluate` does, on a chip that is compiled at its netlist's own step already.

    The chips are those of ``chip_seeds``, or else the measured ones. With the split "validation" all is of the
    validation samples: for choices between chips, which must not see the test samples.
    """
    program.check_chip(network)
    coarse = at_training_step(network, program.header)
    if refine is None:
        refine = 1 if coarse.virtual or coarse.spiking is not None else REFINE_SQUID
    fine = refined(coarse, refine)
    check_fit(fine, dataset)
    _check_unseen(program, dataset)
    asked = analyses or Analyses()
    planned(asked, fine, chip_seeds)  # refuses what means nothing on this chip, before any work
    samples = dataset.test if split == "test" else dataset.validation
    if not samples.samples:
        raise DataError(f"{dataset.name!r} has no {split} samples to score")
    plan = None if circuit_samples is None else plan_circuits(routed, fine, program, samples, circuit_samples)
    spikes = plan_spikes(routed, fine, program, samples) if engine == "spiking" else None
    chips: tuple[int | MeasuredChip, ...] = (*chip_seeds, *measured)
    accuracy, scores, changes = _score(coarse, fine, program, samples, chips, read_seed, progress)
    score = chip_scorer(fine, program, samples, read_seed, progress)
    found = analyse(asked, fine, accuracy, samples.samples, chip_seeds, score)
    progress("cost")
    spent = measure_cost(routed, fine, program, samples, read_seed)
    confusion = np.zeros((dataset.classes, dataset.classes), dtype=np.int64)
    np.add.at(confusion, (samples.labels, argmax_decode(scores)), 1)
    confusion.setflags(write=False)
    return Evaluation(
        chip=summarise_chip(routed.netlist, fine, program),
        data=ScoredData(dataset.name, dataset.data_seed, dataset.fingerprint),
        samples=samples.samples,
        accuracy=accuracy,
        per_class=tuple(float(row[k] / row.sum()) if row.any() else None for k, row in enumerate(confusion)),
        confusion=confusion,
        steps=IntegrationSteps(coarse.substeps, fine.substeps, refine, changes),
        spreads=() if measured else tuple(Spread(name, sigma) for name, sigma in fine.spreads.items()),
        seeds=Seeds(tuple(chip_seeds), read_seed if fine.draws_spikes or fine.spiking is not None else None),
        touched=_touched(fine, program, chip_seeds),
        light=summarise_light(fine),
        spiking=summarise_spikes(fine, scores, spent.spikes, samples.inputs.shape[1]),
        cost=spent.cost,
        energy=spent.figures,
        energy_unknown=spent.why_unknown,
        measured=tuple(MeasuredFile(chip.file, chip.fingerprint) for chip in measured),
        chip_yield=None if requirement is None else count_yield(requirement, accuracy.chips, samples.samples),
        waterfall=found.waterfall,
        margins=found.margins,
        causes=found.causes,
        circuit=None if plan is None else check_circuits(plan, fine, program, samples, progress),
        spike_check=None if spikes is None else check_spikes(spikes, fine, program, samples, read_seed, progress),
    )


def predict(
    network: Network, program: Program, split: Split, *, chip_seed: int | None = None, read_seed: int = 0
) -> IntArray:
    """Classify the samples of a split by their best score, shape (samples,)."""
    return argmax_decode(class_scores(network, program, split.inputs, chip_seed=chip_seed, read_seed=read_seed))


def _score(
    coarse: Network,
    fine: Network,
    program: Program,
    test: Split,
    chips: Sequence[int | MeasuredChip],
    read_seed: int,
    progress: Progress,
) -> tuple[Accuracy, FloatArray, StepChanges]:
    """Accuracies on a test split, the scores of the codes on the nominal chip, and what other steps change in them."""
    samples = len(test.labels)
    inputs = Samples(fine, test.inputs)

    def scores_of(
        network: Network, program: Program, chip: int | MeasuredChip | None = None, stop: Stop = lambda: None
    ) -> FloatArray:
        drawn = chip.realise(network, program.values) if isinstance(chip, MeasuredChip) else None
        seed = None if isinstance(chip, MeasuredChip) else chip
        return class_scores(network, program, inputs, chip_seed=seed, chip=drawn, read_seed=read_seed, stop=stop)

    def answer(network: Network, program: Program) -> IntArray:
        return argmax_decode(scores_of(network, program))

    def right(answers: IntArray) -> int:
        return int((answers == test.labels).sum())

    progress("ideal weights")
    ideal = right(answer(fine, program.as_ideal()))
    progress("quantised codes")
    scores = scores_of(fine, program)
    answers = argmax_decode(scores)
    quantised = right(answers)
    at_coarse_step = answers if fine.substeps == coarse.substeps else answer(coarse, program)
    progress("a finer step")
    changes = compare_steps(answers, at_coarse_step, _at_finer_step(fine, program, answer), test.labels)

    def score(chip: int | MeasuredChip, stop: Stop) -> float:
        return right(argmax_decode(scores_of(fine, program, chip, stop))) / samples

    frames = test.inputs.shape[1] * fine.hold_samples
    workers = usable_workers(state_bytes(fine, BLOCK * (fine.labels or 1), frames))
    with one_blas_thread():  # for all threads: none may restore what another has set
        each = side_by_side(score, chips, workers, lambda place: progress(f"chip {place + 1} of {len(chips)}"))
    accuracy = Accuracy(
        ideal=ideal / samples,
        ideal_ci95=proportion_interval(ideal, samples),
        quantised=quantised / samples,
        quantised_ci95=proportion_interval(quantised, samples),
        quantised_training_step=right(at_coarse_step) / samples,
        chips=tuple(each),
        chip_mean=float(np.mean(each)),
        chip_ci95=mean_interval(each) if len(each) > 1 else None,
    )
    return accuracy, scores, changes


def _at_finer_step(
    network: Network, program: Program, answer: Callable[[Network, Program], IntArray]
) -> IntArray | None:
    """Answers at half the step; None without SQUIDs, and where the chip is too large for it."""
    if network.virtual:
        return None
    try:
        return answer(refined(network, 2), program)
    except SimulationError:  # more steps, or more states on the way, than there is room for
        return None


def _touched(network: Network, program: Program, chip_seeds: Sequence[int]) -> tuple[Touched, ...]:
    """Count what each imperfection that acts changed, in the mean over the first `MOST_COUNTED` chips."""
    counts = [count_touched(network, program.values, seed) for seed in chip_seeds[:MOST_COUNTED]]
    kinds = [IMPERFECTIONS[name] for name in counts[0]] if counts else []
    means = [float(np.mean([count[kind.name] for count in counts])) for kind in kinds]
    things = [k.touches if network.spiking is None else k.touches.replace("neurons", "dendrites") for k in kinds]
    return tuple(Touched(k.name, of, mean, k.count(network)) for k, of, mean in zip(kinds, things, means, strict=True))


def _check_unseen(program: Program, dataset: Dataset) -> None:
    """Refuse a test split that is not the one that training left out."""
    trained = program.header.get("data")
    if trained is None or trained["name"] != dataset.name:
        return  # another data set, or weights from elsewhere: no training samples can be in it
    if trained.get("presentation") is not None and trained["presentation"] != dataset.origin.get("presentation"):
        raise DataError(
            f"the program was trained with another presentation of {dataset.name!r}; load it with trained="
            "program.header['data']"
        )
    if trained["fingerprint"] != dataset.fingerprint:
        raise DataError(
            f"the test split of {dataset.name!r} (data_seed {dataset.data_seed}) is not the one that the program's "
            f"training left out (data_seed {trained['data_seed']}); it may hold training samples"
        )
