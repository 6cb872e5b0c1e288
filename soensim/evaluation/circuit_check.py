"""Some test samples with every dendrite as its circuit, coupled, beside the same samples of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import Device
from soensim.data import Split, argmax_decode
from soensim.errors import SoensimError
from soensim.evaluation.parallel import Stop, side_by_side, usable_workers
from soensim.network import Network
from soensim.program import Program
from soensim.routing import RoutedNetlist
from soensim.simulation.circuits import coupled_circuits, model_states, states_and_scores

if TYPE_CHECKING:
    from soensim.circuit.coupled import CoupledCircuits

FloatArray = NDArray[np.float64]

#: Samples that are solved side by side in one thread.
_BLOCK = 8
#: Longest solution, by its estimate (s).
SECONDS_MOST = 600.0
# Time of one step of one dendrite, and of one coupling that is read in it, of one sample on one core (s); measured on
# an x86 server of 2024 with vectors of 256 bits.
_STEP_S, _COUPLING_S = 25e-9, 0.7e-9


@dataclass(frozen=True)
class CircuitCheck:
    """What circuits answered, beside the model.

    Attributes
    ----------
    samples
        Test samples, the first ones of the split.
    accuracy, model_accuracy
        Fractions of them that are classified right, with circuits and with the model; quantised codes, nominal chip.
    agreement
        Fraction of them that both classify alike.
    chi2
        sum (s_model - s_circuit)^2 / sum s_circuit^2 over all states after all input samples; None where no circuit was
        ever active.
    """

    samples: int
    accuracy: float
    model_accuracy: float
    agreement: float
    chi2: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class CircuitPlan:
    """Circuits that are to be solved, and how long that takes.

    Attributes
    ----------
    circuits
        Of the chip with its program.
    samples, seconds
        Test samples, and the time that they will take on the cores of this process.
    """

    circuits: CoupledCircuits
    samples: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.samples:,} samples as {len(self.circuits.bias_current):,} coupled circuits, "
            f"{self.circuits.steps:,} steps per input sample: about {_time(self.seconds)}"
        )


def plan_circuits(routed: RoutedNetlist, network: Network, program: Program, test: Split, samples: int) -> CircuitPlan:
    """Estimate how long some samples take as circuits.

    Parameters
    ----------
    routed, network
        The chip; the integration step does not matter.
    program
        Made for this chip.
    test
        What it is scored on.
    samples
        How many of its first samples.

    Raises
    ------
    SoensimError
        The chip has a part that is no circuit, there are fewer samples, or it takes longer than `SECONDS_MOST`.
    """
    if not 1 <= samples <= len(test.labels):
        raise SoensimError(
            f"{samples} samples as circuits were asked for; the test split has {len(test.labels):,}: take 1 to as many"
        )
    circuits = coupled_circuits(network, program, Device.from_technology(routed.netlist.device_technology))
    dendrite_steps, couplings_read = circuits.work(test.inputs.shape[1] * network.hold_samples)
    own = (dendrite_steps * _STEP_S + couplings_read * _COUPLING_S) * (network.labels or 1)
    workers = usable_workers(0)
    rounds = -(-samples // (_BLOCK * workers))
    plan = CircuitPlan(circuits, samples, rounds * _BLOCK * own)
    if plan.seconds > SECONDS_MOST:
        fit = int(SECONDS_MOST / (_BLOCK * own)) * _BLOCK * workers
        frames_ns = float(circuits.device.junction.seconds_from_tau(network.sample_tau)) * 1e9
        advice = f"ask for {fit} or fewer" if fit else "not even one fits: shorten the input samples (timing)"
        raise SoensimError(
            f"chip {network.name!r}: {plan}, of {frames_ns:,.4g} ns each; the limit is {_time(SECONDS_MOST)}: {advice}"
        )
    return plan


def check_circuits(
    plan: CircuitPlan, network: Network, program: Program, test: Split, progress: Callable[[str], None]
) -> CircuitCheck:
    """Solve the circuits of a plan, and the model of the same samples at the network's step.

    Raises
    ------
    SoensimError
        The chip has no readout, or a state diverges.
    """
    values, labels = test.inputs[: plan.samples], test.labels[: plan.samples]
    progress(str(plan))
    states, scores = states_and_scores(network, program, values, lambda signals: _solved(plan.circuits, signals))
    model, model_scores = states_and_scores(network, program, values, model_states(network, program))
    answers, by_model = argmax_decode(scores), argmax_decode(model_scores)
    energy = float((states**2).sum())
    return CircuitCheck(
        plan.samples,
        accuracy=float(np.mean(answers == labels)),
        model_accuracy=float(np.mean(by_model == labels)),
        agreement=float(np.mean(answers == by_model)),
        chi2=float(((model - states) ** 2).sum()) / energy if energy else None,
    )


def _solved(circuits: CoupledCircuits, signals: FloatArray) -> FloatArray:
    """Solve blocks of rows side by side; a row does not depend on the others."""

    def block(first: int, stop: Stop) -> FloatArray:
        return circuits.states(signals[first : first + _BLOCK], stop=stop)

    return np.concatenate(side_by_side(block, range(0, len(signals), _BLOCK), usable_workers(0)))


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1.0, seconds):.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"
