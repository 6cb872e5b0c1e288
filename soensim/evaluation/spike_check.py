"""An optical rate chip as the spiking chip that it stands for, beside the rate engine: `--engine spiking`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soensim.data import Split, argmax_decode
from soensim.errors import SoensimError
from soensim.evaluation.parallel import Stop, side_by_side, usable_workers
from soensim.fabrication import FabricatedChip
from soensim.network import Network, present
from soensim.program import READOUT, Program
from soensim.routing import RoutedNetlist
from soensim.simulation.engine import simulate
from soensim.simulation.readout import linear_scores

if TYPE_CHECKING:  # numba: loaded only by who asks for it
    from soensim.simulation.spiking.rate_chip import SpikingCounterpart
    from soensim.simulation.spiking.spike_stage import SpikeStage

FloatArray = NDArray[np.float64]

#: Most steps times dendrites of all samples together: about 20 minutes on one core.
MOST_WORK = 10**11
_WORK_S = 12e-9  # of a step of one dendrite, measured on a busy net; an x86 server of 2024


@dataclass(frozen=True)
class SomaSummary:
    """Soma and synapses of the neurons of one population, as they were simulated.

    Attributes
    ----------
    population
        Its name.
    bias_current, threshold, flux_offset
        Of the soma (I_c, I_c, Phi_0).
    absolute_refractory_ns, tau_di_ns, beta_di
        Of the soma.
    coupling, feedback_coupling
        Flux into the soma per state of the neuron, and per state of its refractory dendrite (Phi_0 per I_c); 0 where
        its neurons drive no light.
    feedback_tau_ns, synapse_tau_ns, input_tau_ns
        Decay times of the refractory dendrite, and of the dendrites behind the synapses of neurons and ports.
    feedback_beta_di, synapse_beta_di, input_beta_di
        Inductances of their loops; the first is 0 where there is none.
    loop_state
        Of these dendrites at the highest rate (I_c).
    stated
        Names of what the netlist states; the rest is derived.
    """

    population: str
    bias_current: float
    threshold: float
    flux_offset: float
    absolute_refractory_ns: float
    tau_di_ns: float
    beta_di: float
    coupling: float
    feedback_coupling: float
    feedback_tau_ns: float
    synapse_tau_ns: float
    input_tau_ns: float
    feedback_beta_di: float
    synapse_beta_di: float
    input_beta_di: float
    loop_state: float
    stated: tuple[str, ...]


@dataclass(frozen=True)
class SpikeCheck:
    """What spiking neurons answered, beside the rate engine; quantised codes, nominal chip, the same samples.

    Attributes
    ----------
    samples
        The first ones of the split.
    accuracy, rate_accuracy
        Fractions of them that are classified right, by spiking neurons and by the rate engine.
    agreement
        Fraction of them that both classify alike.
    activity_correlation
        Of spikes per frame with the rate engine's mean state in the frame, over samples, frames and the neurons that
        drive light; None where one of them never changes.
    own_correlation
        The same with the state of the spiking neuron itself.
    state_correlation
        Of the states of all neurons after each frame, of both engines.
    mean_activity, mean_rate_activity
        Spikes per frame in parts of those at the reference state, and the rate engine's state in parts of that state.
    seconds, rate_seconds
        Time that each took.
    step_ns, dendrites
        Step, and number of dendrites of the spiking chip.
    somas
        See `SomaSummary`.
    """

    samples: int
    accuracy: float
    rate_accuracy: float
    agreement: float
    activity_correlation: float | None
    own_correlation: float | None
    state_correlation: float | None
    mean_activity: float
    mean_rate_activity: float
    seconds: float
    rate_seconds: float
    step_ns: float
    dendrites: int
    somas: tuple[SomaSummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "somas": [{**asdict(soma), "stated": list(soma.stated)} for soma in self.somas]}


@dataclass(frozen=True, eq=False)
class SpikePlan:
    """The spiking chip that is to be run, on how many samples, and how long that takes on the cores of this process."""

    made: SpikingCounterpart
    samples: int
    seconds: float

    def __str__(self) -> str:
        steps, dendrites = self.made.clock.substeps, self.made.spiking.arrays.dendrites
        return (
            f"{self.samples:,} samples as spiking neurons: {dendrites:,} dendrites, {steps:,} steps of "
            f"{self.made.clock.step_ns:.3g} ns per input sample, about {max(1, round(self.seconds)):,} s"
        )


def plan_spikes(routed: RoutedNetlist, network: Network, program: Program, test: Split) -> SpikePlan:
    """Compile the spiking chip, and say how many of the first samples it is to read.

    Parameters
    ----------
    routed, network
        The chip; the integration step does not matter.
    program
        Made for this chip.
    test
        What it is scored on.

    Raises
    ------
    SoensimError
        The chip stands for no spiking one, or not even one sample can be run.
    """
    from soensim.simulation.spiking.rate_chip import spiking_counterpart  # numba

    made = spiking_counterpart(routed, network, FabricatedChip.nominal(network, program.values))
    frames = test.inputs.shape[1] * network.hold_samples
    each = frames * made.clock.substeps * made.spiking.arrays.dendrites
    samples = min(len(test.labels), MOST_WORK // each)
    if not samples:
        raise SoensimError(
            f"chip {network.name!r} as spiking neurons: one sample is {each:.2g} steps of a dendrite, and the limit is "
            f"{MOST_WORK:.0e}; shorten the input samples (timing)"
        )
    return SpikePlan(made, samples, samples * each * _WORK_S / usable_workers(0))


def check_spikes(
    plan: SpikePlan,
    network: Network,
    program: Program,
    test: Split,
    read_seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> SpikeCheck:
    """Run the samples of a plan with both engines.

    Parameters
    ----------
    plan
        Of this chip, program and split.
    network
        The chip at the step at which the rate engine runs.
    program, test
        See `plan_spikes`.
    read_seed
        Draws the spikes of both.
    progress
        Called with the name of what is under way.

    Raises
    ------
    SoensimError
        A state diverges.
    """
    from soensim.simulation.spiking.rate_chip import run_counterpart  # numba

    progress(str(plan))
    values, labels = test.inputs[: plan.samples], test.labels[: plan.samples]
    signals = present(network, values.astype(np.float64))
    begin = time.perf_counter()
    quiet = replace(network, spreads={})  # light alone is drawn
    rate = simulate(quiet, program, signals, read_seed=read_seed).state
    middle = time.perf_counter()

    def one(sample: int, stop: Stop) -> tuple[FloatArray, NDArray[np.int64]]:
        stop()
        return run_counterpart(plan.made, network, signals[sample], sample=sample, read_seed=read_seed)

    ran = side_by_side(one, range(plan.samples), usable_workers(0))
    end = time.perf_counter()
    states = np.stack([found[0] for found in ran])
    states = np.concatenate([np.zeros_like(states[:, :1]), states], axis=1)
    answers, by_rate = (_answers(network, program, found) for found in (states, rate))
    activity, of_rate, own = _activities(network, np.stack([found[1] for found in ran]), rate, states)
    return SpikeCheck(
        samples=plan.samples,
        accuracy=float(np.mean(answers == labels)),
        rate_accuracy=float(np.mean(by_rate == labels)),
        agreement=float(np.mean(answers == by_rate)),
        activity_correlation=_correlation(activity, of_rate),
        own_correlation=_correlation(activity, own),
        state_correlation=_correlation(states[:, 1:], rate[:, 1:]),
        mean_activity=float(activity.mean()),
        mean_rate_activity=float(of_rate.mean()),
        seconds=end - middle,
        rate_seconds=middle - begin,
        step_ns=plan.made.clock.step_ns,
        dendrites=plan.made.spiking.arrays.dendrites,
        somas=tuple(_summary(name, stage, plan.made.spiking.tau_0_ns) for name, stage in plan.made.stages.items()),
    )


def _answers(network: Network, program: Program, states: FloatArray) -> NDArray[np.int64]:
    """Classes that the readout gives for states (samples, frames + 1, neurons)."""
    parts = [states[:, 1:, population.neurons] for population in network.populations]
    return argmax_decode(np.asarray(linear_scores(network, parts, program.values[READOUT])))


def _activities(
    network: Network, spikes: NDArray[np.int64], rate: FloatArray, own: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Spikes per frame in parts of those at the reference state, and mean states of both engines in parts of it.

    Each (samples, frames, neurons that drive light); the mean state of a frame is that of its ends.
    """
    emissions = () if network.light is None else network.light.populations
    parts: list[tuple[FloatArray, ...]] = []
    for population, emission in zip(network.populations, emissions, strict=True):
        if emission is not None:
            mean = [(s[:, 1:, population.neurons] + s[:, :-1, population.neurons]) / 2 for s in (rate, own)]
            parts.append((spikes[..., population.neurons] / emission.spikes, *(m / emission.reference for m in mean)))
    if not parts:  # input ports alone drive light
        none = np.zeros((*spikes.shape[:2], 1))
        return none, none, none
    activity, of_rate, of_own = (np.concatenate(column, axis=-1) for column in zip(*parts, strict=True))
    return activity, of_rate, of_own


def _correlation(one: FloatArray, other: FloatArray) -> float | None:
    """Pearson's; None where one of them is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _summary(name: str, stage: SpikeStage, tau_0_ns: float) -> SomaSummary:
    soma, back = stage.soma, None if stage.refractory is None else stage.refractory.dendrite
    return SomaSummary(
        population=name,
        bias_current=soma.bias_current,
        threshold=stage.threshold,
        flux_offset=soma.flux_offset,
        absolute_refractory_ns=stage.held_ns,
        tau_di_ns=tau_0_ns / soma.gamma_minus,
        beta_di=1 / soma.gamma_plus,
        coupling=stage.coupling,
        feedback_coupling=0.0 if back is None else back.coupling,
        feedback_tau_ns=0.0 if back is None else tau_0_ns / back.gamma_minus,
        synapse_tau_ns=tau_0_ns / stage.recurrent.gamma_minus,
        input_tau_ns=tau_0_ns / stage.inputs.gamma_minus,
        feedback_beta_di=0.0 if back is None else 1 / back.gamma_plus,
        synapse_beta_di=1 / stage.recurrent.gamma_plus,
        input_beta_di=1 / stage.inputs.gamma_plus,
        loop_state=stage.loop_state,
        stated=stage.stated,
    )
