"""`soensim examples`: the chips that ship with soensim, in a list, or copied into a folder of one's own."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from soensim import _runtime
from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.words import nearest, shown
from soensim.commands import cli, flags
from soensim.commands.outputs import STANDARD_OUTPUT, Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.errors import SoensimError
from soensim.netlist.yaml.load import netlist_source

#: A link to `netlists` in a checkout; a folder where soensim is installed.
SHIPPED = Path(_runtime.__file__).parents[1] / "shipped"


@dataclass(frozen=True)
class Example:
    """A chip that ships.

    Attributes
    ----------
    name
        Of the chip, and of its files.
    description
        What it is, of its netlist.
    trained
        Whether a program is beside it.
    files
        Names of its files, the netlist first.
    """

    name: str
    description: str
    trained: bool
    files: tuple[str, ...]


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    given = parser().parse_args(arguments)
    target = named(given.json)
    known = shipped()
    chosen = [_chosen(name, known) for name in dict.fromkeys(given.names)]
    copies = {Path(given.out) / file: SHIPPED / file for example in chosen for file in example.files}
    # a folder of the reader's own: what is in it is kept
    outputs = [Output("--out", str(copy)) for copy in copies]
    check_outputs([json_output(target), *outputs])
    if given.out != "." and not chosen:
        raise SoensimError("--out says where to, but no chip is named; soensim examples lists them")
    _keep_what_exists(copies, given)
    for copy, source in copies.items():
        write_atomic(copy, source.read_bytes())
    written = [str(copy) for copy in copies]
    cli.write_json(target, {"examples": [asdict(example) for example in chosen or known.values()], "written": written})
    if target != STANDARD_OUTPUT:
        cli.say("\n".join(f"written: {name}" for name in written) or _listed(list(known.values())))
    return cli.DONE


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "examples",
        "List the chips that ship with soensim, or copy those that are named, with their programs and files.",
        "examples:\n  soensim examples\n  soensim examples year1-28 && soensim evaluate year1-28.yaml",
    )
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="chips to copy into the folder of --out (default: none; all are listed)",
    )
    parser.add_argument("--out", metavar="DIR", default=".", help="folder to copy into (default: .)")
    parser.add_argument("--force", action="store_true", help="write over files that exist")
    flags.json_file(parser, "the list, and what was copied")
    flags.no_seed(parser)
    return parser


def shipped() -> dict[str, Example]:
    """Return the chips that ship, by name.

    Raises
    ------
    SoensimError
        They are not there: soensim was not installed as a whole.
    """
    netlists = sorted(SHIPPED.glob("*.yaml"), key=lambda path: path.stem)
    if not netlists:
        raise SoensimError(f"{SHIPPED}: the chips that ship are not there; install soensim anew")
    return {path.stem: _example(path) for path in netlists}


def _example(path: Path) -> Example:
    content = netlist_source(path).value
    beside = sorted(file.name for file in path.parent.glob(f"{path.stem}.*") if file != path)
    program = f"{path.stem}.safetensors"
    return Example(path.stem, str(content.get("description", "")), program in beside, (path.name, *beside))


def _chosen(name: str, known: dict[str, Example]) -> Example:
    stem = name.removesuffix(".yaml")
    if stem not in known:
        raise SoensimError(f"{shown(name)} is no chip that ships; {nearest(stem, known)}there are {', '.join(known)}")
    return known[stem]


def _keep_what_exists(copies: dict[Path, Path], given: Namespace) -> None:
    there = [str(copy) for copy in copies if copy.exists()]
    if there and not given.force:
        raise SoensimError(f"{there[0]}: exists; give another folder with --out, or --force to write over it")


def _listed(examples: Sequence[Example]) -> str:
    width = max(len(example.name) for example in examples)
    lines = [f"{example.name:{width}}  {'*' if example.trained else ' '} {example.description}" for example in examples]
    return "\n".join(
        [*lines, "", "* with a trained program. `soensim examples NAME` copies a chip into the working folder."]
    )
