"""`python -m soensim.train`: fit a program for a chip."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.compile_notice import compile_notice
from soensim._runtime.malloc import keep_freed_memory
from soensim.commands import cli
from soensim.commands.chip_file import load_chip
from soensim.data import DATASETS, Dataset, load_dataset
from soensim.errors import RecipeError
from soensim.network import compile_network
from soensim.routing import route
from soensim.training import RECIPES, TrainResult, Watcher, train
from soensim.training.recipes import all_settings
from soensim.training.run_folder import PROGRAM
from soensim.training.task import assign


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    keep_freed_memory()
    given = _parser().parse_args(arguments)
    settings = {**_recipe_file(given.recipe), **_flags(given)}
    cli.check_writable(given.out, given.json)
    netlist = load_chip(given.chip)
    assigned = assign(netlist.task, data=given.data, rule=given.rule, settings=settings)
    recipe = assigned.recipe
    network = compile_network(route(netlist))
    data = load_dataset(assigned.data, data_seed=given.data_seed, data_dir=given.data_dir)
    run_dir = Path(given.run_dir or f"runs/{network.name}-{recipe.rule}-{data.name}-{recipe.train_seed}")
    command = cli.command_line("train", [a for a in arguments if a != "--resume"])
    try:
        with compile_notice(cli.tell, "15 s"):
            result = train(
                network,
                data,
                recipe,
                run_dir=run_dir,
                resume=given.resume,
                progress=sys.stderr.isatty() or given.progress,
                command=command,
                threads=given.threads,
                device=given.device,
                netlist=Path(given.chip),
                watch=_tensorboard(given.tensorboard, data, recipe.as_dict()),
            )
    except KeyboardInterrupt:
        cli.tell(f"every finished epoch is in {run_dir}; the same command with --resume goes on")
        raise
    out = Path(given.out) if given.out else run_dir / PROGRAM
    if given.out:
        result.program.save(out)
    report = {
        "chip": network.name,
        "program": str(out),
        "run_dir": str(run_dir),
        "recipe": recipe.as_dict(),
        **_scores(result),
        "history": result.history,
        "command": command,
    }
    if given.figures:
        report["figures"] = _write_page(run_dir)
    if given.json != "-":
        _tell_result(report, data.name, given.chip)
    if given.json:
        cli.write_json(given.json, report)
    return cli.DONE


def _scores(result: TrainResult) -> dict[str, Any]:
    """Say what the epoch that became the program reached, and how long all of them took."""
    kept = result.history[result.epoch - 1]
    seconds = sum(row["seconds"] for row in result.history)
    return {
        "validation_accuracy": kept["validation_accuracy"],
        "epoch": result.epoch,
        "loss": kept["loss"],
        "seconds": round(seconds, 1),
    }


def _write_page(run_dir: Path) -> str:
    """Write report.html into the run folder, and return its path."""
    from soensim.report.training_page import training_page  # loads matplotlib: only where a page is asked for

    write_atomic(run_dir / "report.html", training_page(run_dir))
    return str(run_dir / "report.html")


def _tell_result(report: Mapping[str, Any], data: str, chip: str) -> None:
    recipe = report["recipe"]
    of = f", of epoch {report['epoch']}" if recipe["keep"] == "best" else ""
    count = len(report["history"])
    epochs = f"{count} epoch{'' if count == 1 else 's'}"
    cli.say(
        f"{report['chip']}: {recipe['rule']} on {data}, {epochs} in {report['seconds']:.0f} s, "
        f"validation accuracy {report['validation_accuracy']:.2%}{of}"
    )
    if "figures" in report:
        cli.say(f"figures: {report['figures']}")
    cli.say(f"program: {report['program']}")
    cli.say(f"score it: python -m soensim.evaluate {chip} --program {report['program']}")


def _tensorboard(folder: str | None, data: Dataset, settings: Mapping[str, Any]) -> Watcher | None:
    if folder is None:
        return None
    from soensim.report.tensorboard import TensorBoard  # an optional package

    return TensorBoard(Path(folder), data, settings)


def _parser() -> argparse.ArgumentParser:
    datasets = "\n".join(f"  {name:16} {text}" for name, text in DATASETS.items())
    parser = cli.parser(
        "train",
        "Fit weights that the chip can hold, and write them as a program.",
        f"data sets:\n{datasets}\n\nA training that was stopped goes on with --resume, and ends in the same program.\n"
        "After every epoch all validation samples and up to 1000 training samples, evenly spread, are scored. The run\n"
        "folder holds history.json and .csv, recipe.yaml, netlist.yaml, run.json; `soensim report RUN_DIR` shows it.\n"
        "\nA netlist may have a task: a data set, a rule, and a recipe of settings for these two. --rule, or --data\n"
        "with another set, leaves its recipe out. Settings: a flag overrides --recipe, which overrides the task.",
    )
    parser.add_argument("chip", help="netlist (YAML)")
    parser.add_argument("--rule", choices=sorted(RECIPES), help="learning rule (default: that of the netlist's task)")
    parser.add_argument("--data", help="data set, see below (default: that of the netlist's task)")
    parser.add_argument("--data-seed", type=int, default=0, help="draws the splits (default 0)")
    parser.add_argument("--data-dir", help="folder with local data files (mnist/*-ubyte.gz)")
    parser.add_argument("--recipe", help="YAML file with settings; flags go over it")
    parser.add_argument("--out", help="where to write the program (default: in the run folder)")
    parser.add_argument("--run-dir", help="folder for checkpoints and history (default: runs/CHIP-RULE-DATA-SEED)")
    parser.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    parser.add_argument("--progress", action="store_true", help="show progress elsewhere too: a line per epoch")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads (default 1); more may change the last bits of sums"
    )
    parser.add_argument(
        "--device", default="cpu", help="torch's name of the device, such as cuda (default cpu, with the fused kernels)"
    )
    parser.add_argument("--figures", action="store_true", help="write report.html with figures into the run folder")
    parser.add_argument(
        "--tensorboard", metavar="DIR", help="log every epoch for TensorBoard (pip install 'soensim[tensorboard]')"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.add_argument("--seed", type=int, dest="train_seed", help="the same as --train-seed")
    _add_settings(parser.add_argument_group("settings of the rule (defaults in brackets, per rule where they differ)"))
    return parser


def _add_settings(group: argparse._ArgumentGroup) -> None:
    for name, setting in all_settings().items():
        defaults = setting.defaults
        shown = ", ".join(f"{rule} {default}" for rule, default in defaults.items())
        if len(set(defaults.values())) == 1 and len(defaults) == len(RECIPES):
            shown = str(next(iter(defaults.values())))
        text = f"{setting.help} [{shown}]"
        flag = f"--{name.replace('_', '-')}"
        if setting.kind is bool:
            group.add_argument(flag, dest=name, action=argparse.BooleanOptionalAction, default=None, help=text)
        elif setting.choices:
            group.add_argument(flag, dest=name, choices=setting.choices, help=text)
        else:
            group.add_argument(flag, dest=name, type=setting.kind, metavar=setting.kind.__name__.upper(), help=text)


def _flags(given: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(given, name) for name in all_settings() if getattr(given, name) is not None}


def _recipe_file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise RecipeError(f"{path}: must hold settings, such as `epochs: 15`")
    return settings
