"""Files of requirements: what they say, and where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from soensim.errors import StudyError
from soensim.search.design import RUNGS, Draw, Rung
from soensim.search.design_file import load_design

FILE = """\
schema: soensim-design/1
name: d
chip: tiny.yaml
require: accuracy >= 0.9
yield: 0.95
least: junctions
search:
  populations.hidden.size: [4, 8]
"""


def load(folder: Path, text: str):
    (folder / "d.yaml").write_text(text)
    return load_design(folder / "d.yaml")


def test_what_a_file_says(tmp_path):
    design = load(tmp_path, FILE)
    assert (design.name, design.least, design.limits, design.wave, design.proofs) == ("d", "junctions", {}, 8, 5)
    assert (design.goal.least, design.goal.share, design.proof_trials) == (0.9, 0.95, 219)
    assert [point.settings for point in design.points] == [
        {"populations.hidden.size": 4},
        {"populations.hidden.size": 8},
    ]
    assert design.rungs == RUNGS
    question = design.question
    assert (question.chip, question.folder, question.settings) == ("tiny.yaml", tmp_path, {"name": "d"})
    assert question.varied == ("train", "chip")


def test_everything_that_a_file_may_say(tmp_path):
    text = FILE.replace("yield: 0.95\n", "data: digits-rows\n").replace("chip: tiny.yaml", "chip: [a.yaml, b.yaml]")
    text += (
        "  bits: {cases: {few: {'projections[*].efficacy.bits': 2}}}\n"
        "  timing.sample_tau: {from: 1, to: 4, steps: 3, scale: log}\n"
        "limits: {area_mm2: 2, planes: 4, check.budget.die: 3}\nset: {rule: bptt}\nwave: 3\n"
        "rungs: [{epochs: 0.5, gain: 3}, {epochs: 1, seeds: 2, trials: 4}]\nproof: {trials: 9, most: 2}\n"
    )
    design = load(tmp_path, text)
    assert [factor.name for factor in design.factors] == [
        *("chip", "populations.hidden.size", "bits", "timing.sample_tau")
    ]
    assert len(design.points) == 2 * 2 * 1 * 3
    assert design.points[0].settings == {
        "chip": "a.yaml",
        "populations.hidden.size": 4,
        "projections[*].efficacy.bits": 2,
        "timing.sample_tau": 1.0,
    }
    assert design.question.settings == {"rule": "bptt", "name": "d", "data": "digits-rows"}
    assert design.costs == ("junctions", "area_mm2", "planes", "check.budget.die")
    assert design.rungs == (Rung(0.5, 1, 20, 3.0), Rung(1.0, 2, 4, 1.0))
    assert (design.goal.share, design.proof_trials, design.proofs, design.wave) == (None, 9, 2, 3)


def test_candidates_of_a_large_space_are_drawn(tmp_path):
    text = FILE.replace("[4, 8]", "{from: 1, to: 100, steps: 100, whole: true}") + "  timing.substeps: [1, 2, 4]\n"
    assert len(load(tmp_path, text).points) == 300
    for by in ("sobol", "latin-hypercube"):
        drawn = load(tmp_path, f"{text}draw: {{by: {by}, candidates: 16, seed: 3}}\n")
        again = load(tmp_path, f"{text}draw: {{by: {by}, candidates: 16, seed: 3}}\n")
        other = load(tmp_path, f"{text}draw: {{by: {by}, candidates: 16, seed: 4}}\n")
        levels = [dict(point.levels) for point in drawn.points]
        assert (
            levels == [dict(point.levels) for point in again.points] != [dict(point.levels) for point in other.points]
        )
        assert 12 <= len(levels) <= 16
        assert {level["timing.substeps"] for level in levels} == {1, 2, 4}
        sizes = sorted(level["populations.hidden.size"] for level in levels)
        assert sizes[0] < 15
        assert sizes[-1] > 85
    asked = load(tmp_path, f"{text}draw: {{by: optuna, candidates: 16}}\n")
    assert (asked.points, asked.draw) == ((), Draw("optuna", 16))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("soensim-design/1", "soensim-design/2", "1:9: schema: 'soensim-design/2' is not legal"),
        ("schema: soensim-design/1\n", "", "schema: is missing; a design starts with `schema: soensim-design/1`"),
        ("least: junctions", "least: junction", "6:8: least: 'junction' is no cost; did you mean 'junctions'?"),
        ("least: junctions", "least: energy_aj", "least: 'energy_aj' is known only after a training"),
        ("least: junctions\n", "", "least: is missing"),
        ("least: junctions", "least: check.", "'check.' is no cost"),
        ("accuracy >= 0.9", "accuracy > 0.9", "4:10: require: 'accuracy > 0.9' is no requirement"),
        ("yield: 0.95", "yield: 1", "5:8: yield: 1 is not legal; it must be less than 1"),
        ("yield: 0.95", "yield: 0", "yield: is 0; it must be above 0 and below 1"),
        ("yield: 0.95", "yield: 0.9999", "yield: takes"),
        ("yield: 0.95", "yield: 0.95\nproof: {trials: 20}", "proof.trials: is 20; a yield of 0.95 takes at least 73"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nlimits: {area: 3}", "limits"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nlimits: {area_mm2: -3}", "area_mm2: -3 is not legal"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nset: {technology.tau: 3}", "technology.tau cannot be set: the netlist"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nset: {evaluate.trials: 3}", "cannot be set: give it as require, yield"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nset: {recipe.wiring_budget_mm: 3}", "the cost of a chip must be known"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nrungs: [{epochs: 0.5}]", "rungs[0].epochs: is below 1; the last rung"),
        ("chip: tiny.yaml", "chip: tiny.yaml\nrungs: []", "rungs"),
        ("[4, 8]", "[]", "search[0]"),
        ("[4, 8]", "{from: 1, to: 9}", "has no steps"),
        ("[4, 8]", "[4, 4]", "d.yaml: populations.hidden.size: 4 is given twice"),
        ("populations.hidden.size: [4, 8]", "chip: [a, b]", "give several netlists as chip: [A, B]"),
        ("populations.hidden.size: [4, 8]", "b: {cases: {x: {program: p}}}", "program cannot be set: candidates"),
        ("search:", "serach:", "did you mean 'search'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path, before, after, told):
    assert before in FILE
    with pytest.raises(StudyError) as caught:
        load(tmp_path, FILE.replace(before, after))
    assert str(caught.value).startswith(f"{tmp_path}/d.yaml:")
    assert told in str(caught.value)


def test_drawn_candidates_are_of_one_grid(tmp_path):
    text = FILE.replace("  populations.hidden.size: [4, 8]", "  - {timing.substeps: [1]}\n  - {timing.substeps: [2]}")
    assert [point.levels["timing.substeps"] for point in load(tmp_path, text).points] == [1, 2]
    with pytest.raises(StudyError, match="has several grids"):
        load(tmp_path, f"{text}draw: {{by: sobol, candidates: 4}}\n")
    with pytest.raises(StudyError, match=r"has other factors than the first: timing\.substeps"):
        load(tmp_path, text.replace("{timing.substeps: [2]}", "{timing.sample_tau: [2]}"))
