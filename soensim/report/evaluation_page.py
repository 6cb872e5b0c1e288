"""One self-contained HTML page of an evaluation: no script, font or picture from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soensim.data import Dataset
from soensim.evaluation import Evaluation
from soensim.network import LinearOutput, Network
from soensim.program import READOUT, Program
from soensim.report import figures, formatting
from soensim.report.provenance import Provenance
from soensim.report.templates import MAX_PROJECTIONS, Picture, picture, template

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure


def page(evaluation: Evaluation, network: Network, program: Program, dataset: Dataset, provenance: Provenance) -> str:
    """Write an evaluation as an HTML page with its figures inline; the same result gives the same bytes.

    Parameters
    ----------
    evaluation
        What `evaluate` returned.
    network
        The chip at the integration step of the evaluation.
    program, dataset
        What was scored, and on what.
    provenance
        See `soensim.report.provenance.trace_origin`.

    Raises
    ------
    SoensimError
        The example traces cannot be simulated.
    """
    accuracy, samples = evaluation.accuracy, evaluation.samples
    return template("page.html").render(
        name=evaluation.chip.name,
        hash=evaluation.chip.hash,
        headline=formatting.headline(evaluation, network).replace(" %", "\N{NO-BREAK SPACE}%"),
        scores=[
            ("ideal weights", formatting.percent(accuracy.ideal, samples)),
            ("quantised codes", formatting.percent(accuracy.quantised, samples)),
            (
                "fabricated chips" if len(accuracy.chips) > 1 else "one fabricated chip",
                formatting.percent(accuracy.chip_mean, samples),
            ),
        ],
        virtual=evaluation.chip.virtual,
        accuracies=formatting.accuracy_rows(evaluation),
        conditions=[
            ("data", formatting.data_text(evaluation)),
            ("integration", formatting.step_text(evaluation)),
            *([("yield", found)] if (found := formatting.yield_text(evaluation)) else []),
            *([("light", light)] if (light := formatting.light_text(evaluation)) else []),
        ],
        chip=formatting.chip_rows(evaluation, network),
        projections=formatting.projection_rows(evaluation, network),
        classes=formatting.class_rows(evaluation),
        energy=formatting.energy_rows(evaluation),
        energy_unknown=evaluation.energy_unknown,
        spreads=formatting.spread_rows(evaluation, network),
        touched=formatting.touched_rows(evaluation),
        chips=[
            (seed, formatting.percent(value, samples))
            for seed, value in zip(evaluation.seeds.chip_seeds, accuracy.chips, strict=True)
        ],
        provenance=provenance,
        training_command=provenance.header.get("command"),
        seeds=[(name, _plain(value)) for name, value in provenance.seeds.items()],
        origin=_origin(provenance.header),
        versions=list(provenance.versions.items()),
        pictures=_pictures(evaluation, network, program, dataset),
    )


def _pictures(evaluation: Evaluation, network: Network, program: Program, dataset: Dataset) -> dict[str, list[Picture]]:
    """Every figure of the page with its caption, by section."""
    keys = list(network.synapses)[:MAX_PROJECTIONS]
    # recurrent efficacies first: they are what makes the chip a network
    keys.sort(key=lambda key: network.synapses[key].source is None)
    if isinstance(network.output, LinearOutput):
        keys.append(READOUT)
    examples = figures.find_examples(network, program, dataset.test)
    return {
        "accuracy": [_picture("accuracy", figures.accuracy(evaluation), "Blue dots: the fabricated chips.")],
        "topology": [
            _picture(
                "topology",
                figures.topology(network, program),
                "Every input, neuron and synapse of the chip; an edge is as dark as its programmed efficacy is large. "
                "Recurrent edges bend to the right of their direction."
                if figures.is_drawn_as_graph(network)
                else "Every synapse of the chip as a connection matrix: rows are driven by columns.",
            )
        ],
        "efficacies": [
            _picture(
                f"efficacies-{k}",
                figures.efficacies(network, program, key),
                "",
            )
            for k, key in enumerate(keys)
        ],
        "confusion": [
            _picture(
                "confusion",
                figures.confusion(evaluation),
                "Counts, quantised codes on the nominal chip. Colour: share of the row, errors on their own scale.",
            )
        ],
        "traces": [
            _picture(
                "traces",
                figures.traces(network, examples),
                "Above, what the inputs carry over time; below, the state of every neuron of the nominal chip. Test "
                f"samples {', '.join(map(str, examples.indices))} of {dataset.name}.",
            )
        ],
    }


def _picture(name: str, figure: Figure, caption: str) -> Picture:
    return picture(name, figure, name.replace("-", " "), caption)


def _origin(header: dict[str, Any]) -> formatting.LabelledTexts:
    """Flatten a program's header to rows; the training command has a row of its own on the page."""
    rows: formatting.LabelledTexts = []
    for name, value in header.items():
        if name == "command":
            continue
        if isinstance(value, dict):
            rows += [(f"{name}.{part}", _plain(content)) for part, content in value.items()]
        else:
            rows.append((name, _plain(value)))
    return rows


def _plain(value: Any) -> str:
    if value is None:
        return "not recorded"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
