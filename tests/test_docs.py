"""The documentation: links, what the project cites of it, commands that it shows, and what it says of the code."""

import dataclasses
import json
import re
import shlex
import shutil
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from conftest import ROOT
from test_readme import run
from test_rooms import ORDER

from soensim.commands.parsers import Parser
from soensim.commands.verbs import VERBS
from soensim.data import DATASETS
from soensim.evaluation import Evaluation
from soensim.technology import load_technology
from soensim.training import RECIPES

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("studies/*/README.md"), ROOT / "CONTRIBUTING.md"])
RUNNABLE = [
    pytest.param(language, text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(
        re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", page.read_text(), flags=re.DOTALL)
    )
]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def headings(page: Path) -> set[str]:
    """Anchors of a page, as Python-Markdown makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ +(.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


@cache
def sources() -> list[Path]:
    """Every text of the project."""
    folders = ("soensim", "netlists", "studies", "tests", "tools", "docs")
    suffixes = {".md", ".py", ".yaml", ".toml", ".txt", ".html", ".css", ".yml", ".json"}
    found = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in suffixes]
    return found + [path for path in ROOT.iterdir() if path.suffix in suffixes] + [ROOT / ".ci" / "run"]


# --- links and citations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        if ":" not in target:
            found = page if target == "" else (page.parent / target).resolve()
            assert found.exists(), target
            assert not anchor or anchor in headings(found), f"{target}#{anchor}"


def test_what_the_project_cites_of_the_docs_exists():
    missing = []
    for path in sources():
        for cited, anchor in re.findall(r"\bdocs/([\w/-]+\.md)(?:#([\w-]+))?", path.read_text()):
            page = DOCS / cited
            if not page.is_file() or (anchor and anchor not in headings(page)):
                missing.append(f"{path.relative_to(ROOT)}: docs/{cited} {anchor}")
    assert missing == []


def test_nothing_cites_a_file_that_users_do_not_have():
    absent = re.compile(r"\b(DESI[G]N|SYSTEM[S]|NUMBER[S]|HOUS[E])\b")
    assert [str(path) for path in sources() if absent.search(path.read_text())] == []


#: Files that docs/extending.md tells the reader to write, and stand-ins for names.
INVENTED = ("programming_error", "squares", "columns_first", "VERB", "NAME")


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_files_and_names_of_the_code_are_there(page):
    text = page.read_text()
    files = re.findall(r"`((?:soensim|tests|tools|studies|netlists)/[\w./-]+)`", text)
    names = re.findall(r"(?:`|::: )(soensim(?:\.\w+)+)", text)
    missing = [file for file in files if not (ROOT / file).exists()] + [name for name in names if not _is_there(name)]
    assert [word for word in missing if not any(invented in word for invented in INVENTED)] == []


def _is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return all((found := getattr(found, part, None)) is not None for part in parts[length:])
    return False


# --- commands -----------------------------------------------------------------------------------------------


class ParsedError(Exception):
    """The arguments are legal."""


def command_lines() -> list[tuple[str, list[str]]]:
    found = {}
    for page in (*PAGES, ROOT / "README.md"):
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                match = re.search(r"(?:\bpython -m soensim\.|^soensim )(\w+)(.*)", line)
                if match:
                    text = re.split(r"[;|&]|; done", match[2].replace("$seed", "0"))[0]
                    found[f"{match[1]} {text}"] = (match[1], shlex.split(text, comments=True))
    return list(found.values())


@pytest.mark.parametrize(("verb", "arguments"), command_lines(), ids=str)
def test_commands_that_are_shown_are_legal(verb, arguments, monkeypatch):
    parse = Parser.parse_args

    def stop(self, given):
        parse(self, given)
        raise ParsedError

    monkeypatch.setattr(Parser, "parse_args", stop)
    with pytest.raises(ParsedError):
        import_module(f"soensim.commands.{verb}").main(arguments)
    for word in arguments:
        if word.endswith(".yaml") and "/" in word:
            assert (ROOT / word).is_file(), word


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "netlists", tmp_path / "netlists")
    return tmp_path


@pytest.mark.parametrize(("language", "text"), RUNNABLE)
def test_block_runs(folder, language, text):
    run(folder, language, text)


def test_the_commands_are_those_of_the_page():
    shown = set(re.findall(r"^\| `(\w+)` \|", section("contracts.md", "## Commands"), flags=re.MULTILINE))
    assert shown == set(VERBS)


# --- what it says of the code -------------------------------------------------------------------------------


def section(page: str, *titles: str) -> str:
    """Text under a heading, or under one below it."""
    text = (DOCS / page).read_text()
    for title in titles:
        level = title.split(" ")[0]
        text = text[text.index(f"{title}\n") :]
        end = re.search(rf"^{level} ", text[1:], flags=re.MULTILINE)
        text = text[: end.start() + 1] if end else text
    return text


def rows(text: str) -> list[list[str]]:
    """Cells of all table rows whose first cell is a name in code."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_device_numbers_are_those_of_the_preset():
    technology, text = load_technology("nist-2023"), (DOCS / "devices.md").read_text()
    shown = {name.strip("`"): rest for name, *rest in rows(text)}
    assert set(shown) == set(technology.stored)
    for key, (value, unit, limits, source) in shown.items():
        quantity = technology.quantity(key)
        if quantity.value is None:
            assert value == "**not found**", key
        else:
            assert float(value) == pytest.approx(quantity.value, rel=1e-6), key
        assert unit == quantity.unit, key
        ends = [float(end) for end in limits.split(" to ")] if limits else []
        assert ends == pytest.approx([end for end in (quantity.low, quantity.high) if end is not None], rel=1e-6), key
        assert ("*estimate*:" in source) == quantity.is_estimate, key


def test_the_rooms_are_those_of_the_page():
    assert [name.strip("`") for name, *_ in rows(section("architecture.md", "## Rooms"))] == ORDER


def test_every_rule_has_its_section():
    text = (DOCS / "learning-rules.md").read_text()
    assert set(re.findall(r"^## ((?:ff-|spiking-)?[a-z]+)$", text, flags=re.MULTILINE)) == set(RECIPES)


def test_json_keys_are_those_of_the_page(capsys):
    import_module("soensim.commands.check").main([str(ROOT / "netlists" / "year1-28.yaml"), "--json", "-"])
    answers = {"check": json.loads(capsys.readouterr().out)}
    answers["evaluate"] = dict.fromkeys([field.name.removeprefix("chip_") for field in dataclasses.fields(Evaluation)])
    for verb, answer in answers.items():
        assert set(answer) <= set(re.findall(r"`(\w+)`", section("contracts.md", "## JSON", f"### {verb}"))), verb


def test_the_data_sets_are_those_of_the_page():
    assert {name.strip("`") for name, *_ in rows(section("contracts.md", "## Files", "### Data sets"))} - {
        "--data"
    } == set(DATASETS)
