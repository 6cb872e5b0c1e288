"""`python -m soensim.evaluate`: what a program reaches on its chip and on fabricated copies of it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.malloc import keep_freed_memory
from soensim._runtime.standard_streams import printable
from soensim.commands import cli, flags
from soensim.commands.chip_file import load_chip, naming_file
from soensim.commands.input_files import chip_files, data_files
from soensim.commands.measured_files import load_measured, refuse_draws
from soensim.commands.outputs import Output, check_outputs, json_output, named
from soensim.commands.parsers import Parser, make_parser
from soensim.commands.program_data import load_program_data
from soensim.errors import ProgramError, SimulationError, SoensimError
from soensim.evaluation import Analyses, Requirement, evaluate_network, trial_seeds
from soensim.evaluation.analyses import planned
from soensim.evaluation.causes import LEAST_ROWS, MOST_ROWS, USUAL_ROWS
from soensim.evaluation.circuit_check import plan_circuits
from soensim.evaluation.margins import USUAL_DROP
from soensim.evaluation.requirement import USUAL_TRIALS, USUAL_YIELD
from soensim.evaluation.spike_check import plan_spikes
from soensim.fabrication import with_asked
from soensim.netlist import Netlist
from soensim.network import Network, at_training_step, compile_network, refined, with_average_light
from soensim.program import Program
from soensim.report.provenance import as_json, trace_origin
from soensim.report.text import table
from soensim.routing import route
from soensim.simulation.circuits import check_has_circuit
from soensim.simulation.counterpart import check_has_counterpart
from soensim.training.recipes.registry import usual_rule

REPORTS = Path("reports")


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    keep_freed_memory()
    given = parser().parse_args(arguments)
    requirement, chip_seeds = _asked_of_chips(given)
    netlist = load_chip(given.chip)
    json_target, html_target = _targets(given, netlist)
    with naming_file(given.chip):
        # first: a chip that cannot be scored needs no program
        routed = route(netlist)
        nominal = with_asked(compile_network(routed), given.spread or {})
        nominal = with_average_light(nominal) if given.light == "average" else nominal
        analyses = Analyses(given.waterfall is True, given.margins, given.causes)
        plans = planned(analyses, nominal, chip_seeds)
        if given.circuit is not None:
            check_has_circuit(nominal)
        if given.engine == "spiking":
            check_has_counterpart(nominal)
        if nominal.output is None:
            raise SimulationError(f"chip {netlist.name!r} has no readout; add one to the netlist to classify with it")
    path, program = _program(given.chip, given.program, netlist, nominal)
    measured = load_measured(given.measured, nominal, netlist, program)
    for line in plans:
        cli.tell(line)
    with _progress() as progress:
        progress("data")
        dataset = load_program_data(program, path, nominal, name=given.data, data_dir=given.data_dir, task=netlist.task)
        if given.circuit is not None:
            cli.tell(str(plan_circuits(routed, nominal, program, dataset.test, given.circuit)))
        if given.engine == "spiking":
            cli.tell(str(plan_spikes(routed, nominal, program, dataset.test)))
        evaluation = evaluate_network(
            routed,
            nominal,
            program,
            dataset,
            chip_seeds=chip_seeds,
            refine=given.refine,
            read_seed=given.read_seed,
            requirement=requirement,
            measured=measured,
            analyses=analyses,
            circuit_samples=given.circuit,
            engine=given.engine,
            progress=progress,
        )
        network = refined(at_training_step(nominal, program.header), evaluation.steps.refine)
        origin = trace_origin(
            evaluation,
            program,
            command=cli.command_line("evaluate", arguments),
            chip_file=given.chip,
            path=str(path),
        )
        html = None
        if html_target is not None:
            progress("page")
            from soensim.report.evaluation_page import page  # loads matplotlib: only where a page is asked for
            from soensim.report.sections.section import Subject

            html = page(Subject(evaluation, routed, network, program, dataset, origin))
    if html is not None and html_target is not None:
        _make_folder(html_target)
        write_atomic(html_target, html)
    if json_target is not None:
        _make_folder(json_target)
    cli.write_json(json_target, as_json(evaluation, origin))
    if json_target != "-":
        _tell(table(evaluation, network), json_target, html_target)
    found = evaluation.chip_yield
    return cli.DONE if found is None or found.met else cli.ANSWER_IS_NO


def _asked_of_chips(given: Namespace) -> tuple[Requirement | None, tuple[int, ...]]:
    """Return what is required, and the chips to draw; none where measured ones are scored."""
    requirement = _requirement(given.require, given.share)
    if not given.measured:
        return requirement, trial_seeds(_trials(given.trials, requirement), given.chip_seed or 0)
    refuse_draws(given)
    if requirement is not None and given.share is None:
        return replace(requirement, of_these=True), ()
    _trials(len(given.measured), requirement, "the number of --measured files")
    return requirement, ()


def _targets(given: Namespace, netlist: Netlist) -> tuple[str | None, str | None]:
    """Return where the JSON and the page go, checked before any work."""
    json_target, html_target = (
        str(REPORTS / f"{netlist.name}{ending}") if target is None else named(target)
        for target, ending in ((given.json, ".json"), (given.html, ".html"))
    )
    program_file = Path(given.program or Path(given.chip).with_suffix(".safetensors"))
    check_outputs(
        [json_output(json_target), Output("--html", html_target, (".html", ".htm"), any_unknown=True)],
        [*chip_files(given.chip, netlist), program_file, *given.measured, *data_files(given.data, given.data_dir)],
        makes=[REPORTS] if any(_is_in_reports(target) for target in (json_target, html_target)) else [],
    )
    return json_target, html_target


def _tell(text: str, json_target: str | None, html_target: str | None) -> None:
    """Print the table, and where the files are."""
    cli.say(text)
    cli.say("")
    for label, target in (("JSON", json_target), ("page", html_target)):
        if target is not None:
            cli.say(f"{label:<18}{target}")


def parser() -> Parser:
    """Make the parser of the verb."""
    parser = make_parser(
        "evaluate",
        "Score a program on its chip: ideal weights, quantised codes, and fabricated chips that differ by\n"
        "mismatch. Prints a table, and writes a JSON file and one self-contained HTML page with figures.",
        "examples:\n"
        "  python -m soensim.evaluate netlists/year1-28.yaml\n"
        "  python -m soensim.evaluate netlists/rows-24.yaml --program runs/mine/program.safetensors --trials 50\n"
        "  python -m soensim.evaluate netlists/year1-28.yaml --json - --html none | jq .accuracy.chip.mean\n"
        "  python -m soensim.evaluate netlists/year1-28.yaml --require 'accuracy >= 0.93' --yield 0.9\n"
        "  python -m soensim.evaluate netlists/year1-28.yaml --spread efficacy=0.1,stuck_synapses=0.01\n"
        "  python -m soensim.evaluate netlists/year1-28.yaml --circuit 360\n"
        "  python -m soensim.evaluate netlists/optical-28.yaml --engine spiking\n"
        "  python -m soensim.evaluate netlists/year1-28.yaml --measured chip-a.csv --measured chip-b.csv\n\n"
        "The test split is one that the program's training never saw; another one is refused.",
    )
    flags.chip(parser)
    flags.program(parser)
    flags.data(parser, "the one that the program was trained on, else the task's; split as for the training")
    parser.add_argument(
        "--trials",
        type=flags.whole(1, flags.MOST_TRIALS),
        metavar="N",
        help="fabricated chips to draw (default: 10; with --require as many as the yield needs, 60 or more)",
    )
    parser.add_argument(
        "--require",
        metavar="TEXT",
        help="what a chip must reach, such as 'accuracy >= 0.93'; the exit status is 1 unless the chips show, at 95 %% "
        "confidence, that the share of --yield reaches it (default: nothing)",
    )
    parser.add_argument(
        "--yield",
        dest="share",
        type=flags.number(above=0, below=1),
        metavar="X",
        help=f"share of the chips that must meet --require (default: {USUAL_YIELD}; with --measured each of them, and "
        "nothing is said of others)",
    )
    _add_analyses(parser)
    flags.chip_seed(parser, "chip_seed of the first fabricated chip, the next ones count up (default: 0)", None)
    flags.read_seed(parser, "draw the spikes of a chip whose rates are carried by light (default: 0)", 0)
    flags.light(parser)
    flags.spread(parser)
    flags.measured(
        parser,
        "score a chip whose devices were measured in place of drawn ones; CSV, see docs/measured-chips.md; repeatable "
        "(default: draw chips)",
        repeatable=True,
    )
    parser.add_argument(
        "--circuit",
        type=flags.whole(1),
        metavar="N",
        help="solve the first N test samples also with every dendrite as its circuit, coupled (default: none)",
    )
    parser.add_argument(
        "--engine",
        choices=("rate", "spiking"),
        default="rate",
        help="spiking runs the codes on the nominal chip also as the spiking chip that an optical rate chip stands for "
        "(default: rate)",
    )
    flags.refine(parser, None, "training did (default: 4; 1 if every source function is virtual)")
    flags.json_file(parser, "the result", "reports/NAME.json")
    parser.add_argument("--html", metavar="FILE", help="write the page; none omits it (default: reports/NAME.html)")
    return parser


def _add_analyses(parser: Parser) -> None:
    parser.add_argument(
        "--waterfall",
        action="store_true",
        default=None,
        help="add the effects of fabrication one by one, in their order, and each alone (default: no)",
    )
    parser.add_argument(
        "--margins",
        nargs="?",
        const=USUAL_DROP,
        type=flags.number(above=0, below=1),
        metavar="DROP",
        help="find how far each spread, bias, offset and delay may be off before the mean accuracy falls by DROP, as a "
        f"fraction (without a number: {USUAL_DROP}; default: no)",
    )
    parser.add_argument(
        "--causes",
        nargs="?",
        const=USUAL_ROWS,
        type=flags.whole(LEAST_ROWS, MOST_ROWS),
        metavar="N",
        help="share the variance of accuracy between chips out to the effects, by Sobol indices from N (effects + 2) "
        f"chips (without a number: {USUAL_ROWS}; default: no)",
    )


def _requirement(text: str | None, share: float | None) -> Requirement | None:
    if text is not None:
        return Requirement.read(text, USUAL_YIELD if share is None else share)
    if share is not None:
        raise SoensimError("--yield is a share of the chips that meet --require; give --require 'accuracy >= 0.93' too")
    return None


def _trials(given: int | None, requirement: Requirement | None, what: str = "--trials") -> int:
    """Return how many chips to draw, and say what they can show; ``what`` gives their number."""
    if requirement is None:
        return 10 if given is None else given
    share, needed = requirement.share, requirement.chips_needed
    trials = max(USUAL_TRIALS, needed) if given is None else given
    if trials > flags.MOST_TRIALS:
        raise SoensimError(
            f"--yield {share} takes {needed} chips without a failure; at most {flags.MOST_TRIALS} can be drawn"
        )
    allowed = requirement.failures_allowed(trials)
    if allowed is None:
        raise SoensimError(
            f"{what} is {trials}; a yield of {share} takes at least {needed} chips, all without a failure: give "
            "more, or ask for a lower --yield"
        )
    needs, of = (f"{count} chip{'s' if count != 1 else ''}" for count in (needed, trials))
    cli.tell(f"a yield of {share} takes {needs} without a failure; of {of} at most {allowed} may fail")
    return trials


def _program(chip: str, given: str | None, netlist: Netlist, network: Network) -> tuple[Path, Program]:
    if given is not None:
        return Path(given), Program.load(given, network)
    path = Path(chip).with_suffix(".safetensors")
    if not path.is_file():
        kind = None if netlist.readout is None else netlist.readout.kind
        flags = (
            "" if netlist.task is not None else f"--rule {usual_rule(kind, spiking=bool(netlist.spiking))} --data NAME "
        )
        raise ProgramError(
            f"{path}: no program ships beside this netlist; name one with --program, or train it: "
            f"python -m soensim.train {chip} {flags}--out {path}"
        )
    return path, Program.load(path, network)


def _is_in_reports(target: str | None) -> bool:
    return target not in (None, "-") and Path(str(target)).parent == REPORTS


def _make_folder(target: str) -> None:
    if _is_in_reports(target):
        try:
            REPORTS.mkdir(exist_ok=True)
        except OSError as error:
            raise SoensimError(f"{REPORTS}: cannot be made: {error.strerror}") from error


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is under way, on one line of a terminal; nothing elsewhere."""
    terminal = sys.stderr.isatty()

    def show(text: str) -> None:
        if terminal:
            sys.stderr.write(f"\r\x1b[2K{printable(text, sys.stderr)}")
            sys.stderr.flush()

    try:
        yield lambda text: show(f"evaluate: {text} …")
    finally:
        show("")
