"""The table of a study: the same bytes in any order of arrival, every digit kept, and read back as it was."""

import sys

import numpy as np
import pytest
from study_rows import FACTORS, grid_rows, row

from soensim.errors import SoensimError
from soensim.study.quantities import Axis
from soensim.study.table import measure_names, ordered, read_table, table_csv, write_table

MIXED = [
    row({"kind": "small world, k = 4", "a": 0.9, "on": True}, 1, codes=0.1 + 0.2, edges=2**40, photons=None),
    row({"kind": 'a "b"', "a": 10, "on": False}, 0, error="SimulationError: a state diverges\nat step 3"),
    row({"kind": "random", "a": 1e-7, "on": False}, 0, codes=float("nan"), edges=3, photons=1e22),
]
NAMES = ("kind", "a", "on")


def test_a_line_per_run_with_factors_seed_measures_error():
    rows = [row({"n": 8}, 1, codes=0.5, passes=1), row({"n": 8}, 0, codes=0.25), row({"n": 4}, 0, error="no")]
    assert table_csv(rows, ["n"]) == "n,seed,codes,passes,error\n4,0,,,no\n8,0,0.25,,\n8,1,0.5,1,\n"
    assert table_csv(rows, ["n"], ["passes"]) == "n,seed,passes,error\n4,0,,no\n8,0,,\n8,1,1,\n"
    assert table_csv([], ["n"]) == "n,seed,error\n"


def test_shuffled_rows_give_the_same_bytes():
    rows = grid_rows()
    expected = table_csv(rows, FACTORS)
    for seed in range(5):
        assert table_csv([rows[k] for k in np.random.default_rng(seed).permutation(len(rows))], FACTORS) == expected
    assert table_csv(rows + rows[:7], FACTORS) == expected
    mixed = table_csv(MIXED, NAMES)
    assert table_csv(MIXED[::-1] + MIXED, NAMES) == mixed  # of which one has nan


def test_levels_are_in_the_order_of_the_study_or_ascend():
    rows = [row({"d": level}, codes=0.5) for level in (0.5, "random", 10, 2, True, "all")]
    assert [r.run.levels["d"] for r in ordered(rows, ["d"])] == [True, 0.5, 2, 10, "all", "random"]
    axis = Axis("d", levels=(10, "random", 2))
    assert [r.run.levels["d"] for r in ordered(rows, [axis])] == [10, "random", 2, True, 0.5, "all"]


def test_the_first_factor_is_the_slowest():
    rows = [row({"a": a, "b": b}, s, codes=0.5) for s in (1, 0) for b in (1, 0) for a in (1, 0)]
    found = [(r.run.levels["a"], r.run.levels["b"], r.run.seed) for r in ordered(rows, ["a", "b"])]
    assert found == sorted(found)
    assert [r.run.levels["b"] for r in ordered(rows, ["b", "a"])] == [0] * 4 + [1] * 4


def test_usual_measures_come_first():
    rows = [row({}, zebra=1, codes=1, **{"accuracy.chip.mean": 1}, ideal=1)]
    assert measure_names(rows) == ("ideal", "codes", "accuracy.chip.mean", "zebra")


def test_every_digit_comes_back(tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, MIXED, NAMES)
    factors, rows = read_table(path)
    assert factors == NAMES
    back = {r.run.levels["kind"]: r for r in rows}
    assert len(back) == 3
    one = back["small world, k = 4"]
    assert one.run.levels == {"kind": "small world, k = 4", "a": 0.9, "on": True}
    assert one.run.levels["on"] is True
    assert one.outcome.measures == {"codes": 0.1 + 0.2, "edges": 2**40, "photons": None}
    assert isinstance(one.outcome.measures["edges"], int)
    assert (one.run.seed, one.outcome.error) == (1, None)
    failed = back['a "b"']
    assert failed.outcome.error == "SimulationError: a state diverges\nat step 3"
    assert failed.outcome.measures == {}
    assert failed.run.levels["a"] == 10
    assert back["random"].outcome.measures["photons"] == 1e22
    assert back["random"].run.levels["a"] == 1e-7
    assert table_csv(rows, factors) == path.read_text()


def test_of_two_rows_of_a_run_the_one_that_did_not_fail_counts():
    good, bad, worse = row({"n": 1}, codes=0.5), row({"n": 1}, error="lost"), row({"n": 1}, error="also")
    assert ordered([bad, good], ["n"]) == ordered([good, bad], ["n"]) == [good]
    assert ordered([bad, worse], ["n"]) == ordered([worse, bad], ["n"]) == [worse]
    with pytest.raises(SoensimError, match=r"the point n = 1 with seed 0 measured different values.*new folder"):
        ordered([good, row({"n": 1}, codes=0.6)], ["n"])


def test_what_cannot_be_a_table_is_refused():
    with pytest.raises(SoensimError, match="no level of the factor 'bits'; it has 'n'"):
        table_csv([row({"n": 1}, codes=0.5)], ["bits"])
    with pytest.raises(SoensimError, match="two columns of the table would be called 'synapses'"):
        table_csv([row({"synapses": 1}, synapses=1)], ["synapses"])
    with pytest.raises(SoensimError, match="two columns of the table would be called 'seed'"):
        table_csv([row({"seed": 1})], ["seed"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no table of a study"),
        ("n,codes\n1,2\n", "is no table of a study: its columns must be factors, then seed, measures, and error last"),
        ("n,n,seed,error\n", "is no table of a study"),
        ("n,seed,codes,error\n1,0,0.5\n", "line 2 has 3 values, the first 4"),
        ("n,seed,codes,error\n1,zero,0.5,\n", "line 2: the seed must be a whole number; it is 'zero'"),
        ("n,seed,codes,error\n1,0,0.5,\n1,1,half,\n", "line 3: codes must be a number or empty; it is 'half'"),
        ("n,seed,codes,error\n,0,0.5,\n", "line 2: n is empty; every run has a level of every factor"),
        ('n,seed,codes,error\n"1,0,0.5,\n', "is not a CSV file"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(SoensimError, match=message):
        read_table(path)


def test_a_table_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(SoensimError, match=r"none\.csv: cannot be read: No such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SoensimError, match="is not a CSV file"):
        read_table(tmp_path / "bytes.csv")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for act in (lambda path: write_table(path, MIXED, NAMES), read_table):
        with pytest.raises(
            SoensimError, match=r"t.parquet: Parquet needs the package pyarrow.*soensim\[parquet\].*csv"
        ):
            act(tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_parquet_holds_the_same_table(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install -e '.[parquet]')")
    write_table(tmp_path / "t.parquet", MIXED, NAMES)
    factors, rows = read_table(tmp_path / "t.parquet")
    assert factors == NAMES
    assert [r.run.levels["kind"] for r in rows] == [r.run.levels["kind"] for r in ordered(MIXED, NAMES)]
    assert [r.outcome.error for r in rows] == [r.outcome.error for r in ordered(MIXED, NAMES)]
    assert next(r for r in rows if r.run.seed == 1).outcome.measures["codes"] == 0.1 + 0.2
    once = (tmp_path / "t.parquet").read_bytes()
    write_table(tmp_path / "t.parquet", MIXED[::-1], NAMES)
    assert (tmp_path / "t.parquet").read_bytes() == once
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(SoensimError, match="is not a Parquet file"):
        read_table(tmp_path / "no.parquet")
