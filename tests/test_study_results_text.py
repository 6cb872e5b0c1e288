"""The results of a study as text."""

from pathlib import Path

from soensim.study.design import factor_of, grid
from soensim.study.job import Question
from soensim.study.results import Results
from soensim.study.results_text import results_text
from soensim.study.run import Outcome, Row, Run
from soensim.study.study import Study
from soensim.study.summary import summarise

LONG = "populations.hidden.a_key_with_quite_a_long_name_that_says_all_of_it"


def results() -> Results:
    factors = (factor_of("a", [1, 2]), factor_of(LONG, [0.15, 0.3]))
    points = grid(factors)
    rows = tuple(
        Row(
            Run(f"{k}{seed}", point.levels, seed, {}),
            Outcome(f"{k}{seed}", {"chips_mean": 0.9 + 0.01 * k + 0.001 * seed, "codes": 0.95, "junctions": 100 * k}),
        )
        for k, point in enumerate(points)
        for seed in range(3)
    )
    study = Study("s", "?", Question("c.yaml"), factors, tuple(points), 3)
    return Results(study, rows, summarise(rows, study.axes), ("One answer.", "word " * 40), "A note.", "command")


def test_every_level_is_readable_under_titles_of_several_lines() -> None:
    text = results_text(results())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    table, answers = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert [line.split()[:2] for line in table[-4:]] == [["1", "0.15"], ["1", "0.3"], ["2", "0.15"], ["2", "0.3"]]
    assert "…" not in text
    assert len(table) > 6  # the long title has lines of its own
    assert "93.1 (92.9 to 93.3)" in table[-1]
    assert table[-1].endswith("300")
    assert answers[0] == "One answer."
    assert answers[2].startswith("  word")
    assert answers[-1] == "A note."


def test_a_study_without_factors_is_one_line() -> None:
    rows = (Row(Run("k", {}, 0, {}), Outcome("k", {"codes": 0.5})),)
    study = Study("s", "?", Question("c.yaml"), (), tuple(grid(())), 1)
    text = results_text(Results(study, rows, summarise(rows, study.axes), (), "", "command", (Path("t"),)))
    assert text.splitlines()[-1] == "50.0"
