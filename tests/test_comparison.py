"""Evaluations side by side: what is read, what is refused, what makes scores not comparable."""

import json

import pytest
from conftest import ROOT

from soensim.commands.verbs import run_command
from soensim.errors import SoensimError
from soensim.report.comparison import comparison_page, comparison_text
from soensim.report.score_files import Score, cautions, load_score


def plain(**changes):
    """What `evaluate --json` writes, as far as it is read; changes by path."""
    content = {
        "chip": {"name": "one", "virtual": False, "neurons": 28, "synapses": 1008},
        "data": {"name": "digits-rows", "fingerprint": "f" * 64},
        "samples": 360,
        "accuracy": {
            "ideal": 0.975,
            "quantised": 0.978,
            "chip": {"mean": 0.97, "ci95": [0.964, 0.976], "trials": 3, "each": [0.95, 0.98, 0.98]},
        },
        "steps": {"substeps": 16},
        "spreads": {"efficacy_spread": 0.05, "flux_offset_spread": 0.0},
        "yield": {"require": "accuracy >= 0.96", "share": 0.9, "passed": 2, "lower": 0.2, "met": False},
        "cost": {
            "latency_ns": 1.477,
            "latency_at_least_ns": 1.477,
            "energy_aj": {"total": None, "at_least": 81300.0},
            "area_mm2": 1.95,
            "junctions": 5264.0,
        },
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = content
        for key in parents:
            part = part[key]
        part[last] = value
    return content


def write(folder, name="a.json", **changes):
    (folder / name).write_text(json.dumps(plain(**changes)))
    return str(folder / name)


def test_what_is_read_is_what_is_written(tmp_path):
    found = load_score(write(tmp_path))
    assert found == Score(
        *(str(tmp_path / "a.json"), "one", False, 28, 1008, "digits-rows", "f" * 64, 360),
        *(0.975, 0.978, 0.97, (0.964, 0.976), 0.95, 3, 16, "efficacy_spread 0.05"),
        *(False, "accuracy >= 0.96", 0.9, 2, 0.2, False, 1.477, 1.477, None, 81300.0, 1.95, 5264.0),
    )


def test_an_older_file_has_neither_yield_nor_cost(tmp_path):
    old = plain()
    del old["cost"]
    old["yield"] = None
    (tmp_path / "a.json").write_text(json.dumps(old))
    found = load_score(tmp_path / "a.json")
    assert found.require is found.latency_ns is found.energy_at_least_aj is None
    assert "–" in comparison_text([found])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("chip__name", 7, "chip.name is 7; it must be a printable text"),
        ("chip__name", "a\nb", "chip.name"),
        ("chip", [], "chip.name is missing"),
        ("chip__virtual", 1, "chip.virtual is 1; it must be true or false"),
        ("samples", True, "samples is True; it must be a whole number from 1"),
        ("samples", 0, "samples is 0; it must be a whole number from 1"),
        ("accuracy__chip__trials", 4, "accuracy.chip.trials is 4; it must be a whole number from 3 to 3"),
        ("accuracy__chip__mean", 0.971, "accuracy.chip.mean is 0.971; it must be the mean of accuracy.chip.each"),
        ("accuracy__chip__ci95", [0.9], r"accuracy.chip.ci95 is \[0.9\]; it must be null, or two fractions"),
        ("accuracy__chip__ci95", [0.9, 0.8], "it must be null, or two fractions, ascending"),
        ("yield__passed", 4, "yield.passed is 4; it must be a whole number from 0 to 3"),
        ("chip__neurons", -1, "chip.neurons is -1"),
        ("accuracy__ideal", 1.01, "accuracy.ideal is 1.01; it must be a number from 0 to 1"),
        ("accuracy__chip__each", [], "accuracy.chip.each is .*; it must be a list of fractions"),
        ("accuracy__chip__each", [0.5, "x"], "accuracy.chip.each is 'x'"),
        ("accuracy__chip__ci95", 3, "accuracy.chip.ci95 is 3"),
        ("cost__latency_ns", -1.0, "cost.latency_ns is -1.0; it must be a number from 0, or null"),
        ("cost__energy_aj", {"total": "much"}, "cost.energy_aj.total is 'much'"),
        ("spreads", [1], r"spreads is \[1\]; it must be sizes by name"),
        ("yield__met", None, "yield.met is missing"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path, path, value, message):
    file = write(tmp_path, **{path: value})
    with pytest.raises(SoensimError, match=message) as caught:
        load_score(file)
    assert "a.json: " in str(caught.value)
    assert "give a file of soensim evaluate --json" in str(caught.value)


def test_cautions_say_what_differs(tmp_path):
    def score(**changes):
        return load_score(write(tmp_path, **changes))

    same = score()
    assert cautions([same, same]) == []
    other = {
        "data__name": "Different data sets, so that accuracies do not compare: one on digits-rows; one on mnist",
        "data__fingerprint": "Different test splits of digits-rows",
        "spreads": "different spreads",
        "chip__virtual": "Virtual, no known circuit",
    }
    values = {"data__name": "mnist", "data__fingerprint": "e" * 64, "spreads": {}, "chip__virtual": True}
    for path, text in other.items():
        (said,) = cautions([same, score(**{path: values[path]})])
        assert text in said
    for changes in ({"yield__require": "accuracy >= 0.5"}, {"yield__share": 0.5}):
        (said,) = cautions([same, score(**changes)])
        assert "Different things were required" in said


def test_of_measured_chips_nothing_is_said_of_others(tmp_path):
    """They have no spreads, and a requirement is of each of them."""
    changes = {"measured": [{"file": "a.csv", "fingerprint": "f" * 64}], "spreads": {}, "yield__share": 1.0}
    measured, drawn = load_score(write(tmp_path, **changes)), load_score(write(tmp_path, "b.json"))
    text = comparison_text([measured])
    assert "accuracy >= 0.96, of each chip" in text
    assert "2 of 3 (not met)" in text
    assert "at least 20 %" not in text
    assert cautions([measured, measured]) == []
    said = cautions([measured, drawn])
    assert said[0] == "Measured chips, beside such that are drawn: one."
    assert "accuracy >= 0.96, of 90 % of chips" in comparison_text([drawn])


def test_text_fits_100_columns_and_sets_chips_side_by_side(tmp_path):
    scores = [load_score(write(tmp_path, f"{k}.json", chip__name=f"chip-{k}")) for k in range(9)]
    text = comparison_text(scores)
    assert max(map(len, text.splitlines())) <= 100
    assert sum(text.count(f"chip-{k}") for k in range(9)) == 9
    assert "at least 81.3 fJ" in text
    assert "at least 1.48 ns" in comparison_text([load_score(write(tmp_path, cost__latency_ns=None))])
    assert "2 of 3, at least 20.0 % (not met)" in text
    assert "95.0 %, of 3 chips" in text


def test_page_repeats_and_escapes(tmp_path):
    scores = [load_score(write(tmp_path, f"{k}.json", chip__name=f"<b>{k}</b>")) for k in range(2)]
    html = comparison_page(scores, "soensim report")
    assert html == comparison_page(scores, "soensim report")
    assert "<b>0" not in html
    assert "&lt;b&gt;0&lt;/b&gt;" in html
    assert "<script" not in html


def test_the_command_writes_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    write(tmp_path, "b.json", chip__name="two", data__name="mnist-rows")
    assert run_command(["report", "a.json", "b.json", "--out", "c.html", "--json", "c.json"]) == 0
    said = capsys.readouterr().out
    assert "Different data sets" in said
    assert "written: c.html" in said
    answer = json.loads((tmp_path / "c.json").read_text())
    assert [chip["chip"] for chip in answer["chips"]] == ["one", "two"]
    assert answer["cautions"][0].startswith("Different data sets")
    assert run_command(["report", "a.json", "--out", "c.svg"]) == 0
    assert (tmp_path / "c.svg").read_text().startswith("<?xml")
    assert run_command(["report", "a.json", "--json", "-"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a.json runs/x", "runs/x: is no .json file of soensim evaluate, and a.json is"),
        ("a.json --figure curves", "--figure and --projection show trainings"),
        ("a.json --out -", "--out - is not possible"),
        ("a.json --out c.pdf", "must end in .html (a page), .png or .svg (a figure)"),
        ("a.json --json a.json", "is read by this command"),
        ("none.json", "none.json: "),
        ("broken.json", "broken.json:1:1: is not JSON"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    (tmp_path / "broken.json").write_text("x")
    assert run_command(["report", *words.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("soensim: error: ")
    assert len(error.splitlines()) == 1


def test_an_evaluation_can_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    chip = str(ROOT / "netlists" / "year1-28.yaml")
    assert run_command(["evaluate", chip, "--trials", "2", "--refine", "1", "--html", "none", "--json", "a.json"]) == 0
    found = load_score("a.json")
    assert (found.chip, found.samples, found.trials, found.substeps) == ("year1-28", 360, 2, 4)
    assert found.latency_ns == pytest.approx(1.477, rel=1e-3)
    assert found.energy_aj is None
    capsys.readouterr()
