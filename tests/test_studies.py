"""The studies that ship are what their folders say: file, table, answer, figures and page belong together."""

import json
import re

import pytest
from conftest import ROOT

from soensim.study.study import make_plan
from soensim.study.study_file import load_study
from soensim.study.table import read_table

FILES = sorted((ROOT / "studies").glob("*/study.yaml"))
STUDIES = [path.parent for path in FILES if (path.parent / "results").exists()]


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_study_has_a_run_of_every_point_and_seed_and_all_its_files(folder):
    asked = load_study(folder / "study.yaml")
    plan = make_plan(asked)
    names, rows = read_table(folder / "table.csv")
    assert asked.stop is not None or len(rows) == len(plan.runs)
    assert names == tuple(factor.name for factor in asked.factors)
    assert {(*run.levels.values(), run.seed) for run in plan.runs} <= {
        (*row.run.levels.values(), row.run.seed) for row in rows
    }
    answer = json.loads((folder / "study.json").read_text())
    assert (answer["study"], answer["question"]) == (folder.name, asked.asks)
    assert (answer["expectation"], answer["runs"]) == (asked.expectation, len(rows))
    assert answer["factors"] == {factor.name: [case.level for case in factor.cases] for factor in asked.factors}
    assert all((folder / name).is_file() for name in answer["files"])
    assert len(answer["files"]) >= 4 + 2 * len(asked.figures)
    assert any((folder / "results").glob("*.jsonl"))


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_page_of_a_study_says_how_it_was_made_and_what_to_do(folder):
    text = (folder / "README.md").read_text()
    assert f"    python -m soensim.study studies/{folder.name}/study.yaml\n" in text
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", text), "no date"
    for part in ("Expected: ", "**What came out.**", "**What a designer should do.**", f"]({folder.name}.png)"):
        assert part in text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_a_study_that_has_not_run_can_be_run_and_the_index_says_that_it_has_not(file):
    index = (ROOT / "studies" / "README.md").read_text()
    waiting = index[index.index("## Not run yet") : index.index("## Scripts")]
    assert (f"]({file.parent.name}/study.yaml)" in waiting) == (file.parent not in STUDIES)
    if file.parent not in STUDIES:
        asked = load_study(file)
        assert asked.name == file.parent.name
        assert asked.expectation
        assert make_plan(asked).runs


def test_every_folder_of_studies_is_in_the_index():
    index = (ROOT / "studies" / "README.md").read_text()
    folders = {path.name for path in (ROOT / "studies").iterdir() if path.is_dir()}
    linked = set(re.findall(r"\]\(([\w-]+)/", index))
    assert linked == folders
