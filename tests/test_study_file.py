"""Study files: what they say, and where they are wrong."""

from pathlib import Path

import pytest
import yaml

from soensim.errors import StudyError
from soensim.study.study import Axes, Stop, make_plan
from soensim.study.study_file import SCHEMA, load_study, study_schema

CHIP = Path(__file__).parents[1] / "netlists" / "year1-28.yaml"
TEXT = f"""\
schema: {SCHEMA}
name: demo
question: How sparse may W_hh be?
expectation: not below
  a tenth
chip: {CHIP}
set:
  recipe.epochs: 5
  projections[1].topology.kind: random
grid:
  projections[1].topology.density: {{from: 0.1, to: 1, steps: 3, scale: log}}
  bits: {{cases: {{two: {{"projections[*].efficacy.bits": 2}}, four: {{"projections[*].efficacy.bits": 4}}}}}}
seeds: 2
stop: {{measure: chips_mean, width: 0.01, most: 5}}
measures: [chips_mean, check.budget.die]
figures:
  - {{y: chips_mean, x: "projections[1].topology.density", by: bits}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "study.yaml"


def test_what_a_file_says(file: Path) -> None:
    file.write_text(TEXT)
    study = load_study(file)
    assert (study.name, study.asks, study.expectation) == ("demo", "How sparse may W_hh be?", "not below a tenth")
    assert tuple(axis.name for axis in study.axes) == ("projections[1].topology.density", "bits")
    assert [case.level for case in study.factors[0].cases] == pytest.approx([0.1, 0.316228, 1])
    assert [case.level for case in study.factors[1].cases] == ["two", "four"]
    assert study.stop == Stop("chips_mean", 0.01, 5)
    assert study.figures == (Axes("chips_mean", "projections[1].topology.density", "bits"),)
    assert study.question.measures == ("check.budget.die",)
    assert study.question.varied == ("train", "topology", "chip")
    runs = make_plan(study).runs
    assert (len(study.points), len(runs)) == (6, 12)
    topology = runs[1].job["netlist"]["projections"][1]["topology"]
    assert topology == {"kind": "random", "density": 0.1, "seed": 1}
    assert {run.job["recipe"]["epochs"] for run in runs} == {5}


def test_drawn_and_zipped_designs(file: Path) -> None:
    start, end = TEXT.index("grid:"), TEXT.index("seeds:")
    drawn = "sobol: {points: 8, seed: 1, ranges: {recipe.learning_rate: {from: 0.001, to: 0.1, scale: log}}}\n"
    text = TEXT[:start] + drawn + TEXT[end:].replace('x: "projections[1].topology.density", by: bits', "")
    file.write_text(text)
    study = load_study(file)
    assert (len(study.points), tuple(axis.name for axis in study.axes)) == (8, ("recipe.learning_rate",))
    file.write_text(text.replace("sobol:", "latin-hypercube:"))
    assert load_study(file).points != study.points
    pairs = 'zip: {recipe.epochs: [1, 2], "evaluate.trials": [5, 6]}\n'
    file.write_text(text.replace(drawn, pairs))
    assert [tuple(point.levels.values()) for point in load_study(file).points] == [(1, 5), (2, 6)]
    file.write_text(text.replace(drawn, pairs.replace("[5, 6]", "[5, 6, 7]")))
    with pytest.raises(StudyError, match=r"study.yaml: factors that are zipped have one number of levels"):
        load_study(file)


def test_one_grid_after_the_other(file: Path) -> None:
    """Topologies that are made sparse by different keys."""
    start, end = TEXT.index("grid:"), TEXT.index("seeds:")
    grids = """\
grid:
  - topology: {cases: {random: {"projections[1].topology.kind": random}}}
    density: {cases: {"0.5": {"projections[1].topology.density": 0.5}, "1": {"projections[1].topology.density": 1}}}
  - density: {cases: {"0.5": {"projections[1].topology.neighbours": 14}}}
    topology: {cases: {small world: {"projections[1].topology": {kind: small-world, rewiring: 0.1}}}}
"""
    file.write_text(TEXT[:start] + grids + TEXT[end:].replace('x: "projections[1].topology.density", by: bits', ""))
    study = load_study(file)
    assert [tuple(point.levels.values()) for point in study.points] == [
        ("random", 0.5),
        ("random", 1),
        ("small world", 0.5),
    ]
    assert [[case.level for case in factor.cases] for factor in study.factors] == [["random", "small world"], [0.5, 1]]
    file.write_text(file.read_text().replace("  - density:", "  - densty:"))
    with pytest.raises(StudyError, match=r"grid\[1\]: has other factors than the first grid: topology, density"):
        load_study(file)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("grid:", "gird:", ":10:1: gird: unknown key 'gird'; did you mean 'grid'?"),
        (f"schema: {SCHEMA}\n", "", ":1:1: schema: is missing; a study starts with"),
        ("study/1", "study/2", ":1:9: schema: 'soensim-study/2' is not legal"),
        ("name: demo", "name: 3", ":2:7: name: 3 is not legal; it must be text"),
        ("steps: 3, ", "", "has no steps; a range of a grid or zip needs how many numbers"),
        ("scale: log", "scale: lg", "scale: 'lg' is not legal; did you mean 'log'?"),
        ("from: 0.1, to: 1", "from: 1, to: 0.1", "a range from 1 to 0.1 is not legal; it must rise"),
        ("seeds: 2", "seeds: 0", ":13:8: seeds: 0 is not legal; it must be at least 1"),
        ("most: 5", "most: 2}\nvary: [x]\nunused: {a: 1", "unknown key 'unused'"),
        ("seeds: 2", "seeds: 9", "stop.most: is 5, below seeds (9); raise it"),
        ("seeds: 2", "seeds: 2\nvary: [tran]", "did you mean 'train'?"),
        ("measure: chips_mean", "measure: chip_mean", "'chip_mean' is no measure; did you mean 'chips_mean'?"),
        ("by: bits", "by: bit", "'bit' is no factor of this study; there are"),
        ("[1].topology.density: {", "[1.topology.density: {", "is no path of a key"),
        ("recipe.epochs: 5", "recipe..epochs: 5", "is no path of a key"),
        ("{cases: {two", "{case: {two", "unknown key 'case'"),
        ("question: How", "zip: {a: [1]}\nquestion: How", "gives grid and zip; a study has one of grid, zip, sobol"),
        ("density: {from: 0.1, to: 1, steps: 3, scale: log}", "density: []", "has no entries; give one value or more"),
        ("density: {from: 0.1, to: 1, steps: 3, scale: log}", "density: 3", "3 is not legal; it must be a list"),
        ("density: {from: 0.1, to: 1, steps: 3, scale: log}", "density: [1, 1]", "1 is given twice"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(file: Path, old: str, new: str, told: str) -> None:
    assert old in TEXT
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(StudyError) as refused:
        load_study(file)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{file}:")


def test_a_text_with_brackets_in_a_flow_mapping_needs_quotes(file: Path) -> None:
    file.write_text(TEXT.replace('"projections[1].topology.density"', "projections[1].topology.density"))
    with pytest.raises(StudyError, match="put a text that has brackets or commas in quotes"):
        load_study(file)


def test_a_file_that_is_no_mapping_or_absent(file: Path) -> None:
    with pytest.raises(StudyError, match="no such file"):
        load_study(file)
    file.write_text("[1]")
    with pytest.raises(StudyError, match="a list is no study; it must be a mapping"):
        load_study(file)


def test_the_schema_for_editors_has_every_key() -> None:
    import jsonschema

    schema = study_schema()
    assert {"grid", "zip", "sobol", "latin-hypercube", "stop"} < set(schema["properties"])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all("description" in part for name, part in schema["properties"].items() if name != "$schema")
    assert yaml.safe_load(TEXT)["schema"] == SCHEMA
