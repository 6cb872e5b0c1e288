"""The page of one training, or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from soensim.errors import SoensimError
from soensim.network import LinearOutput
from soensim.program import READOUT
from soensim.report import figures
from soensim.report.runs import Run, labels, load_run, load_trained
from soensim.report.templates import MAX_PROJECTIONS, Picture, picture, template

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure


def training_page(*folders: str | Path) -> str:
    """Write run folders as one HTML page with its figures inline; the same folders give the same bytes.

    Raises
    ------
    SoensimError
        As `soensim.report.runs.load_run` and `load_trained`.
    """
    runs = [load_run(folder) for folder in folders]
    if not runs:
        raise SoensimError("no run folder is given; name one or more")
    names = labels(runs) if len(runs) > 1 else [runs[0].folder.name]
    best = max(runs, key=lambda run: run.accuracy)
    return template("training.html").render(
        name=runs[0].description["netlist"] if len(runs) == 1 else f"{len(runs)} runs",
        kicker=" of the chip" if len(runs) == 1 else "s",
        headline=_headline(runs[0])
        if len(runs) == 1
        else f"Best validation accuracy {_percent(best.accuracy)}: {names[runs.index(best)]}.",
        sections=_one(runs[0]) if len(runs) == 1 else _several(runs),
        runs=[
            {"label": name, "rows": _entries(run), "command": run.description["command"]}
            for name, run in zip(names, runs, strict=True)
        ],
    )


def _headline(run: Run) -> str:
    recipe = run.description["recipe"]
    return (
        f"{recipe['rule']} on {run.description['data']['name']}: validation accuracy {_percent(run.accuracy)} "
        f"after epoch {run.epoch} of {recipe['ideal_epochs'] + recipe['epochs']}."
    )


def _entries(run: Run) -> list[tuple[str, str]]:
    description, samples = run.description, run.description["samples"]
    seconds = sum(row["seconds"] for row in run.history)
    return [
        ("folder", str(run.folder)),
        ("chip", f"{description['netlist']} (hash {description['netlist_hash'][:12]})"),
        (
            "samples",
            f"{samples['train']:,} to train on, of which {samples['train_accuracy']:,} are scored; "
            f"{samples['validation']:,} for validation; test samples are not touched",
        ),
        ("accuracy", f"{_percent(run.accuracy)} in validation, epoch {run.epoch} of {len(run.history)}"),
        ("time", f"{seconds:,.1f} s"),
        ("settings", _settings(description["recipe"])),
        ("versions", ", ".join(f"{name} {number}" for name, number in description["versions"].items())),
    ]


def _settings(recipe: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in recipe.items())


def _one(run: Run) -> list[tuple[str, list[Picture]]]:
    sections = [("Epochs", [_picture("curves", figures.curves(run.history), "")])]
    chip = load_trained(run)
    if chip is None:
        return sections
    network, program = chip
    keys = [key for key, synapses in network.synapses.items() if len(synapses)][:MAX_PROJECTIONS]
    # recurrent efficacies first: they are what makes the chip a network
    keys.sort(key=lambda key: network.synapses[key].source is None)
    readout = [READOUT] if isinstance(network.output, LinearOutput) else []
    codes = [
        _picture(f"codes-{k}", figures.efficacies(network, program, key), "") for k, key in enumerate(keys + readout)
    ]
    strongest = [
        _picture(f"connections-{k}", figures.connections(network, program, key), "") for k, key in enumerate(keys)
    ]
    return [*sections, ("Efficacies", codes), ("Weights among the levels, strongest connections", strongest)]


def _several(runs: list[Run]) -> list[tuple[str, list[Picture]]]:
    caption = "Reached: at the epoch that became the program; bar: mean over runs that differ in their seeds only."
    return [("Validation accuracy", [_picture("sweep", figures.sweep(runs), caption)])]


def _picture(name: str, figure: Figure, caption: str) -> Picture:
    return picture(name, figure, f"{name.rstrip('-0123456789')} of the training", caption)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
