"""The parsers of all verbs: help texts, metavars, defaults, choices, and the messages about wrong values."""

import argparse
import json
import re
from importlib import import_module

import pytest
from conftest import ROOT

from soensim.commands import cli, flags
from soensim.commands.parsers import Parser
from soensim.commands.verbs import VERBS
from soensim.errors import RecipeError, SoensimError
from soensim.netlist.schema.strategies import ROUTING_STRATEGIES
from soensim.training import RECIPES
from soensim.training.recipes import all_settings, make_recipe

METAVARS = {
    "CHIP",
    "FILE",
    "DIR",
    "RUN_DIR",
    "PREFIX",
    "NAME",
    "NAME=VALUE",
    "POPULATION[K]",
    "PLACE",
    "SOURCE->TARGET",
}
METAVARS |= {
    "SOURCE->TARGET",
    "NAME=SIZE",
    "PATH=VALUES",
    "ADDRESS",
    "NAMES",
    "DROP",
    "RUN",
    "TEXT",
    "N",
    "SEED",
    "X",
    "MHZ",
    "NS",
    "US",
    "K",
    "PHI_0",
    "I_C",
    "POINTS",
    "YYYY-MM-DD",
}
NO_VALUE = (argparse._StoreTrueAction, argparse.BooleanOptionalAction)


def parser_of(verb: str) -> Parser:
    return import_module(f"soensim.commands.{verb}").parser()


def actions(parser: Parser) -> list[argparse.Action]:
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


ALL = [
    pytest.param(verb, action, id=f"{verb} {'/'.join(action.option_strings) or action.dest}")
    for verb in VERBS
    for action in actions(parser_of(verb))
]


@pytest.mark.parametrize(("_", "action"), ALL)
def test_every_flag_has_help_with_its_default_and_a_metavar_of_the_list(_, action):
    assert action.help, "no help text"
    assert not action.help.endswith("."), "a help text is no sentence"
    if isinstance(action, argparse.BooleanOptionalAction):
        assert re.search(r"\(default: (yes|no)\b.*\)$", action.help)
        return
    if isinstance(action, NO_VALUE):
        return
    if action.choices is None:
        assert action.metavar in METAVARS
    else:
        assert action.metavar is None, "the choices are shown"
    if action.required and action.option_strings:
        assert action.help.endswith("(required)")
    elif not action.required:
        assert re.search(r"[(;] ?default: .+\)$", action.help)
        if isinstance(action.default, int | float | str):
            text = re.search(r"\(default: (.+)\)$", action.help)[1]
            assert text == "%(default)r" or text.split(",")[0].split(";")[0] == f"{action.default}".removesuffix(".0")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_json_and_seed(verb):
    known = {flag: action for action in actions(parser_of(verb)) for flag in action.option_strings}
    assert known["--json"].metavar == "FILE"
    assert "- " in known["--json"].help
    assert "none " in known["--json"].help
    assert known["--seed"].metavar == "SEED"
    with pytest.raises(SoensimError, match=r"--seed.*: -1 is not legal; it must be a whole number, 0 or more; see"):
        parse(verb, "--seed", "-1")


def test_a_flag_of_several_verbs_has_one_meaning():
    meanings = {}
    for verb in VERBS:
        for action in actions(parser_of(verb)):
            for flag in action.option_strings:
                meanings.setdefault(flag, set()).add((action.metavar, action.nargs))
    # a prefix or a choice; numbers or points; a member or a quantity; a number of samples or a choice; a file or folder
    # a file or a number of lines
    own = {"--figure", "--flux", "--to", "--circuit", "--out", "--inputs"}
    assert {flag for flag, seen in meanings.items() if len(seen) > 1} == own


def parse(verb, *words):
    """Parse with what the verb requires given first."""
    parser = parser_of(verb)
    needed = []
    for action in actions(parser):
        if action.required:
            value = next(iter(action.choices)) if action.choices else "x"
            needed += [action.option_strings[0], value] if action.option_strings else [value]
    return parser.parse_args([*needed, *words])


@pytest.mark.parametrize(("verb", "action"), [p for p in ALL if p.values[1].choices])
def test_choices_shown_are_choices_taken(verb, action):
    flag = action.option_strings[0]
    shown = re.search(rf"{flag} {{([^}}]*)}}", " ".join(parser_of(verb).format_help().split()))[1].replace(" ", "")
    assert shown.split(",") == list(action.choices)
    for word in action.choices:
        assert getattr(parse(verb, flag, word), action.dest) == word
    with pytest.raises(SoensimError, match=f"{flag}: 'nonsense' is not legal; .*it must be one of {action.choices[0]}"):
        parse(verb, flag, "nonsense")


def test_choices_are_those_of_the_code_behind_them():
    assert known_choices("check", "--strategy") == set(ROUTING_STRATEGIES)
    assert known_choices("train", "--rule") == set(RECIPES)
    for name, info in all_settings().items():
        for word in info.choices:
            takers = [rule for rule in info.defaults if taken(rule, {name: word})]
            assert takers, f"no rule takes {name} {word}"


def known_choices(verb, flag):
    return {word for a in actions(parser_of(verb)) if flag in a.option_strings for word in a.choices}


def taken(rule, settings):
    try:
        make_recipe(rule, settings)
    except RecipeError as error:
        return error.setting is None  # it does not fit another setting, but is a legal word
    return True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--trials abc", "--trials: 'abc' is not legal; it must be a whole number from 1 to 1000000"),
        ("--trials=", "--trials: '' is not legal; it must be a whole number from 1 to 1000000"),
        ("--trials -3", "--trials: -3 is not legal; it must be a whole number from 1 to 1000000"),
        ("--trials -1e3", "--trials: -1e3 is not legal; it must be a whole number from 1 to 1000000"),
        ("--trials 0", "--trials: 0 is not legal; it must be a whole number from 1 to 1000000"),
        ("--trials 1e3", "--trials: 1e3 is not legal; it must be a whole number from 1 to 1000000; write 1000"),
        ("--trials 4.0", "--trials: 4.0 is not legal; it must be a whole number from 1 to 1000000; write 4"),
        ("--trials 4.5", "--trials: 4.5 is not legal; it must be a whole number from 1 to 1000000"),
        ("--trials 0x10", "--trials: '0x10' is not legal; it must be a whole number from 1 to 1000000; write 16"),
        ("--trials 1_000", "--trials: '1_000' is not legal; it must be a whole number from 1 to 1000000; write 1000"),
        ("--trials 1,000", "--trials: '1,000' is not legal; it must be a whole number from 1 to 1000000; write 1000"),
        ("--trials ٣", "--trials: '٣' is not legal; it must be a whole number from 1 to 1000000; write 3"),
        ("--trials", "--trials: has no value; give one after it"),
        ("--trials --html x", "--trials: has no value; give one after it"),
        ("--trails 3", "there is no flag --trails; did you mean --trials?"),
        ("--trial=3", "there is no flag --trial; did you mean --trials?"),
        ("--zzzzzz 3", "there is no flag --zzzzzz"),
        ("-z 3", "there is no flag -z"),
        ("--zz\nz 3", "there is no flag '--zz\\nz'"),
        ("a b", "'a' is one argument too many; remove it, or name the flag that it belongs to"),
    ],
)
def test_values_of_whole_numbers(words, message):
    end = "" if message.endswith("?") else ";"
    assert refusal("evaluate", "chip.yaml", *words.split(" ")) == f"{message}{end} see soensim evaluate --help"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--duration-ns abc", "--duration-ns: 'abc' is not legal; it must be a number above 0"),
        ("--duration-ns 0", "--duration-ns: 0 is not legal; it must be a number above 0"),
        ("--duration-ns -1e3", "--duration-ns: -1e3 is not legal; it must be a number above 0"),
        ("--duration-ns nan", "--duration-ns: 'nan' is not legal; it must be a number above 0"),
        ("--duration-ns -inf", "--duration-ns: '-inf' is not legal; it must be a number above 0"),
        ("--duration-ns 1e999", "--duration-ns: 1e999 is not legal; it must be a number above 0"),
        ("--duration-ns 1,5", "--duration-ns: '1,5' is not legal; it must be a number above 0; write 1.5"),
        ("--duration-ns 0x10", "--duration-ns: '0x10' is not legal; it must be a number above 0"),
        (
            "--duration-ns 5us",
            "--duration-ns: '5us' is not legal; it must be a number above 0; "
            "write the number alone; the name says its unit, if it has one",
        ),
        ("--ideal=yes", "--ideal: takes no value; remove what follows it"),
    ],
)
def test_values_of_numbers(words, message):
    given = ("simulate", "c.yaml", "--inputs", "x", "--out", "y", *words.split(" "))
    assert refusal(*given) == f"{message}; see soensim simulate --help"


def test_a_very_large_number_is_one_short_line():
    message = refusal("evaluate", "chip.yaml", "--seed", "9" * 5000)
    assert len(message) < 200
    assert "… is too large; it must be at most 9223372036854775807" in message.replace("'", "")


def test_what_is_missing_is_named():
    assert refusal("convert") == "NAME=VALUE, --to must be given; see soensim convert --help"
    assert (
        refusal("convert", "--too", "tau_ns") == "there is no flag --too; did you mean --to? see soensim convert --help"
    )


def test_negative_numbers_are_values():
    assert parse("circuit", "--flux", "-1e-3", "-.5", "-2").flux == [-1e-3, -0.5, -2]


def test_seeds_of_a_chip_have_two_names_and_one_meaning():
    for verb in ("evaluate", "simulate"):
        assert parse(verb, "--seed", "5") == parse(verb, "--chip-seed", "5")
    assert parse("train", "--seed", "5") == parse("train", "--train-seed", "5")


def test_help_of_train_is_in_groups():
    groups = {
        g.title: {s for a in g._group_actions for s in a.option_strings or [a.dest]}
        for g in parser_of("train")._action_groups
    }
    assert {"chip", "--data", "--rule", "--recipe", "--seed"} <= groups["chip, data and rule"]
    assert {"--run-dir", "--resume", "--out", "--json"} <= groups["run folder and outputs"]
    assert groups["machine"] == {"--threads", "--device"}
    assert {"--epochs", "--learning-rate", "--train-seed"} <= groups["settings of every rule"]
    assert "--feedback" in groups["settings of eprop"]
    assert not groups["positional arguments"]
    settings = {f"--{name.replace('_', '-')}" for name in all_settings()}
    assert settings <= set().union(*groups.values())


def refusal(verb, *words):
    with pytest.raises(SoensimError) as raised:
        parser_of(verb).parse_args(list(words))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_shared_types():
    assert flags.whole(1)("  7 ") == 7
    assert flags.whole(0, 9)("+9") == 9
    assert flags.number(least=0, below=1)("0") == 0
    assert flags.number(above=-1, most=2)("2.") == 2
    for read, word in ((flags.number(least=0), "-.1"), (flags.number(below=1), "1"), (flags.number(most=1), "1.1")):
        with pytest.raises(argparse.ArgumentTypeError, match="it must be a number"):
            read(word)
    assert cli.BAD_INPUT == 2


def test_flags_of_another_circuit_are_refused(capsys):
    export = import_module("soensim.commands.export").main
    for flag, circuit in (("--length", "chain"), ("--depth", "tree"), ("--fan-in", "tree")):
        assert cli.run(export, ["--format", "ngspice", flag, "2"]) == cli.BAD_INPUT
        printed = capsys.readouterr()
        assert f"error: {flag} is for --circuit {circuit}, not dendrite; " in printed.err
        assert printed.out == ""
    assert cli.run(export, ["--format", "ngspice", "--circuit", "chain"]) == cli.DONE
    by_default = capsys.readouterr().out
    assert cli.run(export, ["--format", "ngspice", "--circuit", "chain", "--length", "3"]) == cli.DONE
    assert capsys.readouterr().out == by_default


def test_rules_are_json_too(capsys):
    check = import_module("soensim.commands.check").main
    assert cli.run(check, ["--rules", "--json", "-"]) == cli.DONE
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert rules[0]["id"] == "SOEN-PH-001"
    assert set(rules[0]) == {"id", "title", "description", "severity", "fix"}
    assert cli.run(check, ["chip.yaml", "--rules"]) == cli.BAD_INPUT
    assert "--rules lists all rules and takes no chip" in capsys.readouterr().err


CHEAP = [
    "technology",
    "technology nist-2023",
    "convert gamma_minus=0.001 --to tau_ns",
    "schema",
    "check --rules",
    "check NETLISTS/year1-28.yaml",
    "explain NETLISTS/modular-1000.yaml --from hidden[3] --to hidden[17]",
    "export --format josim --out deck.cir",
    "circuit --flux 0.2 --current 1.9",
]


@pytest.mark.parametrize("command", CHEAP)
def test_json_goes_to_a_file_to_standard_output_or_nowhere(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    verb, *words = command.replace("NETLISTS", str(ROOT / "netlists")).split()
    main = import_module(f"soensim.commands.{verb}").main
    texts = {}
    for target in ("none", "-", "a.json"):
        assert cli.run(main, [*words, "--json", target]) in (cli.DONE, cli.ANSWER_IS_NO)
        texts[target] = capsys.readouterr().out
        assert not {path.name for path in tmp_path.iterdir()} - {"deck.cir", target}
    content = json.loads(texts["-"])
    written = json.loads((tmp_path / "a.json").read_text())
    for one in (content, written):
        one.pop("command", None)
    assert content == written
    if verb != "schema":  # which has no text beside its JSON
        assert texts["none"] == texts["a.json"]
        assert texts["none"]
