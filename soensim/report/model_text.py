"""What the model's answer is worth, in words: the integration step, and circuits beside the model."""

from __future__ import annotations

from soensim.evaluation import Evaluation
from soensim.evaluation.circuit_check import CircuitCheck
from soensim.evaluation.spike_check import SomaSummary, SpikeCheck
from soensim.evaluation.step_changes import MATTERS
from soensim.report.formatting import LabelledTexts


def step_text(evaluation: Evaluation) -> str:
    """Say how finely the answer was integrated, and how finely the training was."""
    steps = evaluation.steps
    count = steps.substeps
    per_sample = f"{count} step{'s' if count != 1 else ''} per input sample"
    if evaluation.spiking is not None:  # training takes no steps
        finer = f", {steps.refine} x finer than the netlist's ({steps.training_substeps})" if steps.refine != 1 else ""
        return f"{per_sample}{finer}{_changed_text(evaluation)}"
    if steps.refine == 1:
        return f"{per_sample}, as in training{_changed_text(evaluation)}"
    return (
        f"{per_sample}, {steps.refine} x finer than in training ({steps.training_substeps}){_changed_text(evaluation)}"
    )


def _coarse(evaluation: Evaluation) -> str:
    """Name the step that is refined: spiking chips are trained without steps."""
    return "the netlist's step" if evaluation.spiking is not None else "the training's step"


def _changed_text(evaluation: Evaluation) -> str:
    """Say what share of the decisions other steps change."""
    steps, parts = evaluation.steps, []
    changed = steps.changed
    if changed is not None and steps.refine != 1:
        parts.append(f"{100 * changed.training:.3g} % of the decisions are others at {_coarse(evaluation)}")
    if changed is not None and changed.finer is not None:
        share = f"{100 * changed.finer:.3g} %" + ("" if parts else " of the decisions are others")
        parts.append(f"{share} at {2 * steps.substeps} steps")
    return "".join(f"; {part}" for part in parts)


def step_warning(evaluation: Evaluation) -> str:
    """Say that the accuracy depends on the integration step by more than a point; empty where it does not."""
    steps, accuracy = evaluation.steps, evaluation.accuracy
    here, finer = accuracy.quantised, None if steps.changed is None else steps.changed.finer_accuracy
    if finer is not None and abs(finer - here) > MATTERS:
        return (
            f"this step does not resolve the chip: the accuracy changes by {100 * (finer - here):+.3g} points at "
            f"{2 * steps.substeps} steps; score it with --refine {2 * steps.refine} or more"
        )
    coarse = here - accuracy.quantised_training_step
    if abs(coarse) > MATTERS and evaluation.spiking is not None:
        return (
            f"the netlist's step does not resolve the chip: the accuracy changes by {100 * coarse:+.3g} points from it "
            f"to this one; take more substeps than {steps.training_substeps}"
        )
    if abs(coarse) > MATTERS:
        return (
            f"training may have learned the integrator: the accuracy changes by "
            f"{100 * coarse:+.3g} points from the training's step to this one; "
            f"train with more substeps than {steps.training_substeps}"
        )
    return ""


def circuit_text(evaluation: Evaluation) -> str:
    """Say what circuits answered beside the model; empty where none was solved."""
    found = evaluation.circuit
    if found is None:
        return ""
    apart = "no circuit was ever active" if found.chi2 is None else f"chi^2 of the states {found.chi2:.2g}"
    accuracy, model, agreement = (f"{100 * x:.4g}" for x in (found.accuracy, found.model_accuracy, found.agreement))
    return (
        f"{found.samples:,} samples as coupled circuits: {accuracy} % right, {model} % with the model; {agreement} % "
        f"of the decisions agree; {apart}"
    )


def circuit_rows(found: CircuitCheck) -> LabelledTexts:
    """List what circuits answered beside the model."""
    return [
        ("right, circuits", f"{100 * found.accuracy:.4g} %"),
        ("right, model", f"{100 * found.model_accuracy:.4g} %"),
        ("decisions that agree", f"{100 * found.agreement:.4g} %"),
        ("chi^2 of the states", "no circuit was ever active" if found.chi2 is None else f"{found.chi2:.2g}"),
    ]


def spike_check_text(evaluation: Evaluation) -> str:
    """Say what spiking neurons answered beside the rate engine; empty where they were not asked."""
    found = evaluation.spike_check
    if found is None:
        return ""
    accuracy, rate, agreement = (f"{100 * x:.4g}" for x in (found.accuracy, found.rate_accuracy, found.agreement))
    somas = "; ".join(f"{soma.population}: {soma_text(soma)}" for soma in found.somas)
    return (
        f"{found.samples:,} samples as spiking neurons: {accuracy} % right, {rate} % with the rate engine; {agreement} "
        f"% of the decisions agree; correlation of activity {_correlation(found.activity_correlation)}, with the "
        f"spiking chip's own states {_correlation(found.own_correlation)}; {found.seconds:.3g} s against "
        f"{found.rate_seconds:.3g} s; {somas}"
    )


def spike_check_rows(found: SpikeCheck) -> LabelledTexts:
    """List what spiking neurons answered beside the rate engine."""
    return [
        ("right, spiking neurons", f"{100 * found.accuracy:.4g} %"),
        ("right, rate engine", f"{100 * found.rate_accuracy:.4g} %"),
        ("decisions that agree", f"{100 * found.agreement:.4g} %"),
        ("activity: spikes against the rate engine's state", _correlation(found.activity_correlation)),
        ("activity: spikes against the neuron's own state", _correlation(found.own_correlation)),
        ("states of both engines", _correlation(found.state_correlation)),
        ("mean activity", f"{found.mean_activity:.4g}, rate engine {found.mean_rate_activity:.4g}"),
        ("time", f"{found.seconds:.3g} s, rate engine {found.rate_seconds:.3g} s"),
        *((f"soma of {soma.population}", soma_text(soma)) for soma in found.somas),
    ]


def soma_text(soma: SomaSummary) -> str:
    """Say what soma and synapses were simulated, and which of their values the netlist states."""
    stated = f"the netlist states {', '.join(soma.stated)}, the rest is" if soma.stated else "all of it"
    return (
        f"soma s_th {soma.threshold:.3g} I_c, bias {soma.bias_current:.4g} I_c, {soma.flux_offset:.4g} Phi_0, held "
        f"{soma.absolute_refractory_ns:.4g} ns, beta_di {soma.beta_di:.3g}, coupling {soma.coupling:.3g} Phi_0/I_c; "
        f"decay of feedback {soma.feedback_tau_ns:.4g}, synapses {soma.synapse_tau_ns:.4g}, inputs "
        f"{soma.input_tau_ns:.4g} ns; {stated} derived"
    )


def _correlation(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4f}"
