"""The documentation: its links, what the project cites of it, the commands that it shows, and what it says of the code."""

import re
import shlex
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from conftest import ROOT
from test_readme import run

from soensim.commands import cli
from soensim.commands.verbs import VERBS

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("studies/*/README.md")])
RUNNABLE = [
    pytest.param(page, language, text, id=f"{page.stem}-{number}")
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
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    suffixes = {".md", ".py", ".yaml", ".toml", ".txt", ".html", ".css", ".yml", ""}
    return [path for name in listed.stdout.split("\n") if (path := ROOT / name).suffix in suffixes and path.is_file()]


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
    for path in tracked():
        for cited, anchor in re.findall(r"\bdocs/([\w/-]+\.md)(?:#([\w-]+))?", path.read_text()):
            page = DOCS / cited
            if not page.is_file() or (anchor and anchor not in headings(page)):
                missing.append(f"{path.relative_to(ROOT)}: docs/{cited} {anchor}")
    assert missing == []


def test_nothing_cites_a_file_that_users_do_not_have():
    absent = re.compile(r"\b(DESI[G]N|SYSTEM[S]|NUMBER[S]|HOUS[E])\b")
    assert [str(path) for path in tracked() if absent.search(path.read_text())] == []


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


@pytest.mark.parametrize(("verb", "arguments"), command_lines(), ids=lambda part: " ".join(part)[:80])
def test_commands_that_are_shown_are_legal(verb, arguments, monkeypatch):
    parse = cli._Parser.parse_args

    def stop(self, given):
        parse(self, given)
        raise ParsedError

    monkeypatch.setattr(cli._Parser, "parse_args", stop)
    with pytest.raises(ParsedError):
        import_module(f"soensim.commands.{verb}").main(arguments)
    for word in arguments:
        if word.endswith(".yaml") and "/" in word:
            assert (ROOT / word).is_file(), word


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import shutil

    path = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "netlists", path / "netlists")
    return path


@pytest.mark.parametrize(("page", "language", "text"), RUNNABLE)
def test_block_runs(folder, page, language, text):
    run(folder, language, text)


def test_the_commands_are_those_of_the_page():
    shown = set(re.findall(r"^\| `(\w+)` \|", section("contracts.md", "Commands"), flags=re.MULTILINE))
    assert shown == set(VERBS)


# --- what it says of the code -------------------------------------------------------------------------------


def section(page: str, title: str) -> str:
    text = (DOCS / page).read_text()
    start = text.index(f"## {title}\n")
    end = re.search(r"^## ", text[start + 3 :], flags=re.MULTILINE)
    return text[start : start + 3 + end.start()] if end else text[start:]
