"""`python -m soensim.sweep`: train and score a chip over all combinations of some settings."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soensim.commands import cli, flags
from soensim.commands.chip_file import load_chip
from soensim.commands.parsers import Parser, make_parser
from soensim.commands.recipe_file import read_recipe
from soensim.commands.study_run import add_machine, run_study
from soensim.errors import StudyError
from soensim.study.design import grid
from soensim.study.job import SEEDED, USUALLY_SEEDED, Question, Seeded
from soensim.study.measures import MEASURES, VALIDATION, check_path
from soensim.study.settings_text import read_settings
from soensim.study.study import Study
from soensim.training import RECIPES

SWEEPS = Path("sweeps")
MOST_SEEDS = 100_000


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    netlist = load_chip(given.chip)
    fixed, factors = read_settings(given.set or [])
    paths = _measure_paths(given.measure)
    question = Question(given.chip, {**_flagged(given), **fixed}, _varied(given.vary), paths, data_dir=given.data_dir)
    study = Study(
        name=given.name or netlist.name,
        asks=f"{netlist.name}: {', '.join(factor.name for factor in factors) or 'as it is'}",
        question=question,
        factors=factors,
        points=tuple(grid(factors)),
        seeds=given.seeds,
        measures=tuple(given.measure),
        first_seed=given.seed,
    )
    folder = Path(given.out) if given.out else SWEEPS / study.name
    inputs = [] if given.recipe is None else [Path(given.recipe)]
    return run_study(study, folder, given, cli.command_line("sweep", arguments), inputs=inputs)


def _flagged(given: Namespace) -> dict[str, Any]:
    """Return what flags set, by path; `--set` goes over it."""
    file = {} if given.recipe is None else dict(read_recipe(given.recipe).settings)
    settings: dict[str, Any] = {f"recipe.{name}": value for name, value in file.items()}
    settings |= {f"evaluate.spread.{name}": size for name, size in (given.spread or {}).items()}
    named = {
        "data": given.data,
        "rule": given.rule,
        "program": given.program,
        "evaluate.trials": given.trials,
        "evaluate.refine": given.refine,
        "evaluate.require": given.require,
        "evaluate.yield": given.share,
    }
    if given.share is not None and given.require is None:
        raise StudyError("--yield is a share of the chips that meet --require; give --require 'accuracy >= 0.93' too")
    return settings | {path: value for path, value in named.items() if value is not None}


def _varied(text: str | None) -> tuple[Seeded, ...]:
    if text is None:
        return USUALLY_SEEDED
    words = [] if text == "none" else [word.strip() for word in text.split(",")]
    wrong = [word for word in words if word not in SEEDED]
    if wrong:
        raise StudyError(f"--vary: {wrong[0]!r} is not legal; it must be some of {', '.join(SEEDED)}, or none")
    return tuple(name for name in SEEDED if name in words)


def _measure_paths(names: Sequence[str]) -> tuple[str, ...]:
    paths = tuple(name for name in names if name not in MEASURES and name != VALIDATION)
    for path in paths:
        check_path(path)
    return paths


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "sweep",
        "Check, train and score a chip over all combinations of some settings, with several seeds of each:\n"
        "one table, figures with 95 % intervals, one page.",
        "examples:\n"
        "  python -m soensim.sweep netlists/year1-28.yaml --set 'projections[1].topology.kind=random' \\\n"
        "      --set 'projections[1].topology.density=1,0.5,0.2,0.1' --set 'projections[*].efficacy.bits=2,3,4'\n"
        "  python -m soensim.sweep netlists/rows-24.yaml --set populations.hidden.size=8,16,24 --seeds 5\n"
        "  python -m soensim.sweep netlists/year1-28.yaml --program netlists/year1-28.safetensors \\\n"
        "      --set evaluate.spread.flux_offset=0,0.01,0.02,0.05 --vary chip\n\n"
        "PATH is a key of the netlist; projections[1], projections[*] and projections[SOURCE->TARGET] are entries of\n"
        "its list. Beside them there are recipe.NAME (settings of the rule), technology.QUANTITY, evaluate.NAME\n"
        "(trials, refine, require, yield, read_seed, chip_seed, spread.NAME), data, rule, chip and program. One value\n"
        "sets a key, several make a factor. A chip without a task takes them from the program beside it.\n"
        "What is done is kept in DIR/results, and is not done again: the same command goes on after an interruption.",
    )
    flags.chip(parser)
    parser.add_argument(
        "--set",
        action="append",
        metavar="PATH=VALUES",
        help="set a key to a value, or to several in turn, with commas between them; repeatable (default: nothing)",
    )
    parser.add_argument(
        "--seeds", type=flags.whole(1, MOST_SEEDS), default=3, metavar="N", help="runs per combination (default: 3)"
    )
    parser.add_argument(
        "--vary",
        metavar="NAMES",
        help="whose seeds differ between these runs: some of train, topology, chip, data, read, with commas, or none "
        f"(default: {','.join(USUALLY_SEEDED)})",
    )
    flags.data(parser, "that of the netlist's task, or of the program beside it")
    parser.add_argument("--rule", choices=sorted(RECIPES), help="learning rule (default: as for --data)")
    parser.add_argument("--recipe", metavar="FILE", help="YAML file with settings of the rule (default: none)")
    parser.add_argument(
        "--program", metavar="FILE", help="score this program at every point, and train nothing (default: train)"
    )
    _add_scoring(parser)
    parser.add_argument(
        "--measure",
        action="append",
        metavar="NAME",
        default=[],
        help="show this measure, or add one by its path in the JSON of evaluate or check, such as check.budget.die; "
        "repeatable (default: the usual ones)",
    )
    parser.add_argument("--name", metavar="NAME", help="of the table and the figures (default: the chip's)")
    add_machine(parser, "sweeps/NAME")
    parser.add_argument(
        "--seed", type=flags.whole(), default=0, metavar="SEED", help="seed of the first run (default: 0)"
    )
    return parser


def _add_scoring(parser: Parser) -> None:
    parser.add_argument(
        "--trials", type=flags.whole(1, flags.MOST_TRIALS), metavar="N", help="fabricated chips per run (default: 10)"
    )
    parser.add_argument(
        "--require",
        metavar="TEXT",
        help="what a chip must reach, such as 'accuracy >= 0.93': the share that does is the measure yield "
        "(default: nothing)",
    )
    parser.add_argument(
        "--yield", dest="share", type=flags.number(above=0, below=1), metavar="X", help="as of evaluate (default: 0.9)"
    )
    flags.spread(parser)
    flags.refine(parser, None, "training did (default: 4; 1 if every source function is virtual)")
