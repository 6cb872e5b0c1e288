"""`python -m soensim.study`: run a study from its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from soensim.commands import cli, flags
from soensim.commands.chip_file import naming_file
from soensim.commands.parsers import Parser, make_parser
from soensim.commands.study_run import add_machine, run_study
from soensim.study.study_file import load_study


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    study = load_study(given.file)
    if given.data_dir is not None:
        study = replace(study, question=replace(study.question, data_dir=given.data_dir))
    folder = Path(given.out) if given.out else Path(given.file).parent
    with naming_file(given.file):
        return run_study(study, folder, given, cli.command_line("study", arguments), inputs=[Path(given.file)])


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "study",
        "Run a study from its file: a question, a chip, factors, seeds, measures, figures.",
        "example:\n  python -m soensim.study studies/sparsity/study.yaml --workers 2\n\n"
        "The file is explained in docs/studies.md. What is done is kept in DIR/results, and is not done again.",
    )
    parser.add_argument("file", metavar="FILE", help="study, YAML")
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with local data files, mnist/*-ubyte.gz (default: $SOENSIM_DATA, if it is set)",
    )
    add_machine(parser, "that of FILE")
    flags.no_seed(parser)
    return parser
