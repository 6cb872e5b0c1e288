"""`python -m soensim.report`: look at trainings, or at evaluated chips, one or several side by side."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from soensim._runtime.atomic_write import write_atomic
from soensim.commands import cli, flags
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import SoensimError
from soensim.report import figures
from soensim.report.comparison import comparison_figure, comparison_page, comparison_text
from soensim.report.runs import Run, differences, load_run, load_trained
from soensim.report.score_files import cautions, load_score
from soensim.report.training_page import training_page
from soensim.training.run_folder import FILES

if TYPE_CHECKING:  # `soensim.report.figures.backend` imports it first
    from matplotlib.figure import Figure

FIGURES = ("curves", "sweep", "efficacies", "connections")


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    evaluations = [path for path in given.runs if path.lower().endswith(".json") and not Path(path).is_dir()]
    if evaluations:
        return _compare(given, arguments)
    if given.out is None and len(given.runs) > 1:
        raise SoensimError("several runs need a place for what they show; name it with --out FILE.png or FILE.html")
    if given.out in ("none", "-"):
        raise SoensimError(f"--out {given.out} is not possible; name a file, or leave --out out")
    out, target = Path(given.out or Path(given.runs[0]) / "report.html"), named(given.json)
    if out.suffix not in (".html", ".png", ".svg"):
        raise SoensimError(f"--out: {out} is not legal; it must end in .html (a page), .png or .svg (a figure)")
    if out.suffix == ".html" and (given.figure or given.projection):
        raise SoensimError(
            "--figure and --projection are for .png and .svg, and a page shows all figures; "
            "name a .png or .svg with --out"
        )
    runs = [load_run(folder) for folder in given.runs]
    check_outputs(
        [Output("--out", str(out)), json_output(target)],
        [Path(folder) / name for folder in given.runs for name in FILES],
    )
    if out.suffix == ".html":
        write_atomic(out, training_page(*given.runs))
    else:
        name = given.figure or ("curves" if len(runs) == 1 else "sweep")
        save = figures.save_png if out.suffix == ".png" else figures.save_svg
        save(_figure(name, runs, given.projection), out)
    if target is not None:
        cli.write_json(target, {**_answer(runs), "out": str(out), "command": cli.command_line("report", arguments)})
    if target != "-":
        for run in runs:
            cli.say(f"{run.folder}: validation accuracy {run.accuracy:.2%}, epoch {run.epoch} of {len(run.history)}")
        cli.say(f"written: {out}")
    return cli.DONE


def _compare(given: Namespace, arguments: Sequence[str]) -> int:
    """Set files of evaluations side by side."""
    others = [path for path in given.runs if not path.lower().endswith(".json")]
    if others:
        raise SoensimError(
            f"{others[0]}: is no .json file of soensim evaluate, and {given.runs[0]} is one of several; compare "
            "evaluations, or show run folders, but not both"
        )
    if given.figure is not None or given.projection is not None:
        raise SoensimError("--figure and --projection show trainings; of evaluations --out says what is drawn")
    if given.out == "-":
        raise SoensimError("--out - is not possible; name a file, or leave --out out")
    out, target = named(given.out), named(given.json)
    if out is not None and Path(out).suffix not in (".html", ".png", ".svg"):
        raise SoensimError(f"--out: {out} is not legal; it must end in .html (a page), .png or .svg (a figure)")
    check_outputs([Output("--out", out), json_output(target)], given.runs)
    scores = [load_score(path) for path in given.runs]
    command = cli.command_line("report", arguments)
    if out is not None and out.endswith(".html"):
        write_atomic(out, comparison_page(scores, command))
    elif out is not None:
        (figures.save_png if out.endswith(".png") else figures.save_svg)(comparison_figure(scores), out)
    if target is not None:
        chips = [score.as_dict() for score in scores]
        cli.write_json(target, {"chips": chips, "cautions": cautions(scores), "out": out, "command": command})
    if target != "-":
        cli.say(comparison_text(scores))
        if out is not None:
            cli.say(f"written: {out}")
    return cli.DONE


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "report",
        "Show trainings from their run folders: one as a page with curves, efficacies and strongest connections;\n"
        "several as accuracy curves, each labelled by the settings in which its recipe, data and chip differ.\n"
        "JSON files of `soensim evaluate` are chips side by side: accuracies, yield, cost, size; it says what makes\n"
        "them not comparable, such as different data.",
        "examples:\n"
        "  python -m soensim.report runs/mine                        # writes runs/mine/report.html\n"
        "  python -m soensim.report runs/mine --out curves.png\n"
        "  python -m soensim.report runs/mine --figure connections --projection 'hidden->hidden' --out w.svg\n"
        "  python -m soensim.report runs/a-* --out sweep.png\n"
        "  python -m soensim.report reports/year1-28.json reports/optical-28.json --out chips.html",
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folder of `soensim train`, or .json of `soensim evaluate`"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=".html: a page; .png, .svg: one figure (default: RUN/report.html; of several runs, required; of "
        "evaluations none)",
    )
    parser.add_argument(
        "--figure", choices=FIGURES, help="figure of a .png or .svg (default: curves of one run, sweep of several)"
    )
    parser.add_argument(
        "--projection",
        metavar="SOURCE->TARGET",
        help="of --figure efficacies and connections (default: the first recurrent one, else the first)",
    )
    flags.json_file(parser, "what the runs reached")
    flags.no_seed(parser)
    return parser


def _answer(runs: Sequence[Run]) -> dict[str, object]:
    differ = differences(runs) if len(runs) > 1 else [{}]
    return {
        "runs": [
            {
                "run_dir": str(run.folder),
                "chip": run.description["netlist"],
                "differs_in": settings,
                "epoch": run.epoch,
                "epochs": len(run.history),
                "validation_accuracy": run.accuracy,
            }
            for run, settings in zip(runs, differ, strict=True)
        ]
    }


def _figure(name: str, runs: Sequence[Run], key: str | None) -> Figure:
    if key is not None and name not in ("efficacies", "connections"):
        raise SoensimError(f"--projection is for --figure efficacies and connections; {name} has none, so leave it out")
    if name == "sweep":
        return figures.sweep(runs)
    if len(runs) > 1:
        raise SoensimError(f"--figure {name} shows one run, not {len(runs)}; give one run, or leave --figure out")
    if name == "curves":
        return figures.curves(runs[0].history)
    chip = load_trained(runs[0])
    if chip is None:
        raise SoensimError(f"{runs[0].folder}: has no program and netlist yet; finish the training (--resume)")
    if key is None:  # W_hh, where the chip has it
        synapses = chip[0].synapses
        key = next((k for k, s in synapses.items() if s.source == s.target), next(iter(synapses)))
    return figures.efficacies(*chip, key) if name == "efficacies" else figures.connections(*chip, key)
