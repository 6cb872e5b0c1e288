"""`python -m soensim.train`: fit a program for a chip."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from os.path import realpath  # `Path.resolve` fails on a link that leads to itself
from pathlib import Path
from typing import Any

from soensim._runtime.atomic_write import check_folder, write_atomic
from soensim._runtime.compile_notice import compile_notice
from soensim._runtime.malloc import keep_freed_memory
from soensim.commands import cli, flags
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files, data_files
from soensim.commands.measured_files import load_measured
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.commands.program_data import tell_presentation
from soensim.commands.recipe_file import read_recipe
from soensim.commands.setting_flags import add_settings
from soensim.data import DATASETS, Dataset, absolute_name, load_dataset
from soensim.errors import RecipeError
from soensim.fabrication import written
from soensim.netlist import Netlist, Task
from soensim.network import compile_network, data_lines
from soensim.routing import route
from soensim.training import RECIPES, TrainResult, Watcher, train
from soensim.training.pruned_chip import NETLIST_FILE, pruned_files, write_pruned
from soensim.training.recipes import Recipe, all_settings
from soensim.training.run_folder import CHECKPOINT, DESCRIPTION, FILES, NETLIST_FILES, PROGRAM, default_run_dir
from soensim.training.task import Assignment, assign


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    keep_freed_memory()
    given = parser().parse_args(arguments)
    given.out, given.json, given.tensorboard = named(given.out), named(given.json), named(given.tensorboard)
    netlist = load_chip(given.chip)
    assigned = _assigned(netlist.task, given)
    recipe = assigned.recipe
    run_dir = _run_dir(given, netlist, recipe, assigned.data)
    beside = list(_beside(given, run_dir, netlist)) if recipe.wiring_budget_mm else []
    inputs = [*chip_files(given.chip, netlist), *data_files(assigned.data, given.data_dir)]
    _check_outputs(given, run_dir, inputs, beside)
    with naming_file(given.chip):
        routed = route(netlist)
        network = compile_network(routed)
    measured = load_measured([given.measured], network, netlist)[0] if given.measured else None
    data = load_dataset(
        assigned.data, data_seed=given.data_seed, data_dir=given.data_dir, lines=data_lines(network) or None
    )
    tell_presentation(data)
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
                measured=measured,
                routed=routed,
            )
    except KeyboardInterrupt as error:
        error.add_note(_how_to_go_on(run_dir, command))
        raise
    out = Path(given.out) if given.out else run_dir / PROGRAM
    pruned = None if result.pruned is None else pruned_files(netlist, out)[NETLIST_FILE]
    if given.out:
        if result.pruned is not None:
            write_pruned(result.pruned, out, Path(given.chip))
        result.program.save(out)
    report = {
        "chip": network.name,
        "program": str(out),
        "pruned_netlist": None if pruned is None else str(pruned),
        "run_dir": str(run_dir),
        "recipe": recipe.as_dict(),
        "measured": None if measured is None else {"file": measured.file, "fingerprint": measured.fingerprint},
        **_scores(result),
        "history": result.history,
        "command": command,
    }
    if given.figures:
        report["figures"] = _write_page(run_dir)
    cli.write_json(given.json, report)
    if given.json != "-":
        _tell_result(report, data.name, given.chip if pruned is None else str(pruned))
    return cli.DONE


def _run_dir(given: argparse.Namespace, netlist: Netlist, recipe: Recipe, data: str) -> Path:
    """Return the run folder, which `--run-dir` names or the chip, rule, data set and seed do."""
    if given.run_dir:
        return Path(given.run_dir)
    return default_run_dir(netlist.name, recipe.rule, absolute_name(data), recipe.train_seed, given.measured)


def _beside(given: argparse.Namespace, run_dir: Path, netlist: Netlist) -> Iterator[Output]:
    """Yield what a training with a wiring budget writes beside its program: the pruned chip."""
    programs = [run_dir / PROGRAM]
    if given.out and realpath(given.out) != realpath(programs[0]):
        programs.append(Path(given.out))
    for program in programs:
        for path in pruned_files(netlist, program).values():
            yield Output("the pruned chip beside the program", str(path), any_unknown=True)


def _check_outputs(
    given: argparse.Namespace, run_dir: Path, inputs: Sequence[str | Path], beside: Sequence[Output]
) -> None:
    """Refuse what cannot be written: the run folder's own files, the program, the page and the JSON."""
    check_folder(run_dir)
    if given.tensorboard is not None:
        check_folder(given.tensorboard)
    program = None if given.out and realpath(given.out) == realpath(run_dir / PROGRAM) else given.out
    files = [*FILES, *(["report.html"] if given.figures else [])]
    kept = DESCRIPTION if given.resume else ()  # to go on from the folder's copy of the chip is legal
    check_outputs(
        [
            *(Output("the run folder", str(run_dir / name)) for name in files if name not in kept),
            *beside,
            Output("--out", program, (".safetensors",), any_unknown=True),
            json_output(given.json),
        ],
        [*inputs, given.recipe, given.measured],
        makes=[run_dir, run_dir / NETLIST_FILES, *([] if given.tensorboard is None else [given.tensorboard])],
    )


def _how_to_go_on(run_dir: Path, command: str) -> str:
    """Say what an interrupted training left, and the command that goes on."""
    if (run_dir / CHECKPOINT).exists():
        return f"every finished epoch is in {run_dir}; go on with: {command} --resume"
    return "no epoch was finished, and nothing is kept; start again with the same command"


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
    if report["pruned_netlist"] is not None:
        kept = report["history"][-1]
        cli.say(
            f"pruned chip: {chip}, {kept['recurrent_edges']:.0f} recurrent edges that take {kept['wiring_mm']:.4g} mm"
        )
    cli.say(f"program: {report['program']}")
    measured = f" --measured {shlex.quote(report['measured']['file'])}" if report["measured"] else ""
    cli.say(f"score it: python -m soensim.evaluate {chip} --program {report['program']}{measured}")


def _tensorboard(folder: str | None, data: Dataset, settings: Mapping[str, Any]) -> Watcher | None:
    if folder is None:
        return None
    from soensim.report.tensorboard import TensorBoard  # an optional package

    return TensorBoard(Path(folder), data, settings)


def parser() -> Parser:
    """Make the parser of the verb."""
    datasets = "\n".join(f"  {name:16} {text}" for name, text in DATASETS.items())
    parser = make_parser(
        "train",
        "Fit weights that the chip can hold, and write them as a program.",
        f"data sets:\n{datasets}\n\nA training that was stopped goes on with --resume, and ends in the same program.\n"
        "After every epoch all validation samples and up to 1000 training samples, evenly spread, are scored. The run\n"
        "folder holds history.json and .csv, recipe.yaml, netlist.yaml, run.json; `soensim report RUN_DIR` shows it.\n"
        "\nA netlist may have a task: a data set, a rule, and a recipe of settings for these two. --rule, or --data\n"
        "with another set, leaves its recipe out. Settings: a flag overrides --recipe, which overrides the task.",
    )
    parser.usage = "%(prog)s CHIP [--rule RULE] [--data NAME] [flag ...]"  # all flags are thirty lines
    _add_task(parser.add_argument_group("chip, data and rule"))
    _add_outputs(parser.add_argument_group("run folder and outputs"))
    _add_machine(parser.add_argument_group("machine"))
    add_settings(parser)
    return parser


def _add_task(group: flags.Container) -> None:
    flags.chip(group)
    flags.data(group, "that of the netlist's task; see below")
    group.add_argument(
        "--data-seed", type=flags.whole(), default=0, metavar="SEED", help="draws the splits of the data (default: 0)"
    )
    flags.measured(
        group,
        "train for the chip whose devices were measured; CSV, see docs/measured-chips.md (default: the chip as drawn)",
        repeatable=False,
    )
    group.add_argument("--rule", choices=sorted(RECIPES), help="learning rule (default: that of the netlist's task)")
    group.add_argument("--recipe", metavar="FILE", help="YAML file with settings; flags go over it (default: none)")
    group.add_argument(
        "--seed", type=flags.whole(), dest="train_seed", metavar="SEED", help="the same as --train-seed (default: 0)"
    )


def _add_outputs(group: flags.Container) -> None:
    group.add_argument(
        "--run-dir",
        metavar="DIR",
        help="folder for checkpoint, history and program (default: runs/CHIP-RULE-DATA-SEED)",
    )
    group.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    group.add_argument("--out", metavar="FILE", help="write the program (default: in the run folder)")
    flags.json_file(group, "the result")
    group.add_argument("--figures", action="store_true", help="write report.html with figures into the run folder")
    group.add_argument(
        "--tensorboard",
        metavar="DIR",
        help="log every epoch for TensorBoard, pip install 'soensim[tensorboard]' (default: none)",
    )
    group.add_argument("--progress", action="store_true", help="show progress also where standard error is no terminal")


def _add_machine(group: flags.Container) -> None:
    group.add_argument(
        "--threads",
        type=flags.whole(1, flags.MOST_THREADS),
        default=1,
        metavar="N",
        help="threads; more than one may change the last bits of sums (default: 1)",
    )
    group.add_argument(
        "--device",
        default="cpu",
        metavar="NAME",
        help="torch's name of the device, such as cuda (default: cpu, with the fused kernels)",
    )


def _flags(given: argparse.Namespace) -> dict[str, Any]:
    flagged = {name: getattr(given, name) for name in all_settings() if getattr(given, name) is not None}
    if "spread" in flagged:
        flagged["spread"] = written(flagged["spread"])
    return flagged


def _assigned(task: Task | None, given: argparse.Namespace) -> Assignment:
    """Fill in from the task, the recipe file and the flags; a wrong setting of the file is told with its place."""
    file = None if given.recipe is None else read_recipe(given.recipe)
    flagged = _flags(given)
    settings = {**file.settings, **flagged} if file else flagged
    try:
        return assign(task, data=given.data, rule=given.rule, settings=settings)
    except RecipeError as error:
        if file is None:
            raise
        rule = given.rule or (None if task is None else task.rule)
        raise file.placed(error, rule, flagged) from error
