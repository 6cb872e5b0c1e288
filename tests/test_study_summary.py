"""Means and intervals over seeds, by closed forms; names and units."""

import math

import pytest
from study_rows import FACTORS, grid_rows, row

from soensim.errors import SoensimError
from soensim.study.quantities import Axis, axes_of, axis_of, decimals_for, measure_of, number_text
from soensim.study.summary import NOTHING, main_cost, main_measure, summarise, summary_csv

T2 = 4.302652729749462  # Student's t of 2 degrees of freedom, 97.5 %
T1 = 12.706204736174694


def test_mean_and_interval_of_three_seeds():
    rows = [row({"n": 4}, k, codes=value, energy_aj=10.0 * k) for k, value in enumerate((0.5, 0.6, 0.7))]
    summary = summarise(rows, ["n"])
    (point,) = summary.points
    assert (point.levels, point.n, point.failed) == ((4,), 3, 0)
    one = point.of("codes")
    assert one.mean == pytest.approx(0.6)
    assert one.half_width == pytest.approx(T2 * 0.1 / math.sqrt(3))
    assert (one.n, one.of) == (3, "seeds")
    assert point.of("energy_aj").low == pytest.approx(10 - T2 * 10 / math.sqrt(3))  # a cost is not cut at 0 or 1
    assert point.of("nothing") is NOTHING
    assert NOTHING.of == ""
    assert NOTHING.half_width is None


def test_fractions_are_cut_to_what_can_be():
    (point,) = summarise([row({}, k, codes=v, **{"yield": 1 - v}) for k, v in enumerate((0.9, 1.0))], []).points
    assert point.of("codes").high == 1
    assert point.of("yield").low == 0
    assert point.of("codes").low == pytest.approx(0.95 - T1 * 0.05)


def test_one_seed_has_the_interval_of_its_chips_or_none():
    rows = [row({"n": 4}, chips_mean=0.9, chips_mean_low=0.88, chips_mean_high=0.93, codes=0.95)]
    summary = summarise(rows, ["n"])
    assert summary.measures == ("codes", "chips_mean")
    found = summary.points[0].of("chips_mean")
    assert (found.low, found.high, found.n, found.of) == (0.88, 0.93, 1, "chips")
    assert (summary.points[0].of("codes").low, summary.points[0].of("codes").of) == (None, "")
    two = summarise([*rows, row({"n": 4}, 1, chips_mean=0.9, chips_mean_low=0.1, chips_mean_high=1.0)], ["n"])
    assert two.points[0].of("chips_mean").of == "seeds"
    assert two.points[0].of("chips_mean").low == pytest.approx(0.9)


def test_failed_runs_and_absent_numbers_do_not_count():
    rows = [
        row({"n": 1}, 0, codes=0.5, photons=None),
        row({"n": 1}, 1, error="failed"),
        row({"n": 1}, 2, codes=0.7, photons=3),
        row({"n": 1}, 3, codes=float("nan")),
        row({"n": 2}, 0, error="failed"),
    ]
    first, second = summarise(rows, ["n"]).points
    assert (first.n, first.failed, first.of("codes").n, first.of("photons").n) == (3, 1, 2, 1)
    assert first.of("codes").mean == pytest.approx(0.6)
    assert first.of("photons").mean == 3
    assert (second.n, second.failed, second.of("codes")) == (0, 1, NOTHING)
    assert summarise([row({}, photons=None)], []).measures == ()


def test_seeds_are_averaged_over_the_factors_that_are_left_out():
    values = {(1, 0): 0.1, (1, 1): 0.3, (2, 0): 0.5, (2, 1): 0.9}
    rows = [row({"a": a, "b": b}, s, codes=v + 0.01 * s) for (a, b), v in values.items() for s in (0, 1)]
    summary = summarise(rows, ["a", "b"], keep=["a"])
    assert [axis.name for axis in summary.averaged] == ["b"]
    assert [point.levels for point in summary.points] == [(1,), (2,)]
    found = summary.points[1].of("codes")
    assert found.mean == pytest.approx(0.705)
    assert found.n == 2
    assert found.half_width == pytest.approx(T1 * 0.005)  # half the difference of the seeds' means, over sqrt 2 twice
    lacking = summarise(rows[:-1], ["a", "b"], keep=["a"]).points[1].of("codes")
    assert (lacking.mean, lacking.n) == (pytest.approx(0.7), 1)  # a seed without one of the cases has no value
    with pytest.raises(SoensimError, match="'c' is no factor of the study; it has"):
        summarise(rows, ["a", "b"], keep=["c"])


def test_the_file_has_a_line_per_point():
    rows = [row({"n": n}, s, codes=0.5, passes=1) for n in (2, 1) for s in (0, 1)] + [row({"n": 3}, error="x")]
    lines = summary_csv(summarise(rows, ["n"], ["codes"])).splitlines()
    assert lines[0] == "n,runs,failed,codes,codes_low,codes_high,codes_n"
    assert lines[1:] == ["1,2,0,0.5,0.5,0.5,2", "2,2,0,0.5,0.5,0.5,2", "3,0,1,,,,0"]
    with pytest.raises(SoensimError, match="two columns of the summary would be called 'runs'"):
        summary_csv(summarise([row({"runs": 1}, codes=0.5)], ["runs"]))


def test_what_a_figure_shows_where_nothing_is_said():
    summary = summarise(grid_rows(), FACTORS)
    assert main_measure(summary) == "chips_mean"
    assert main_cost(summary) == "junctions"
    assert main_cost(summarise([row({}, codes=1, junctions=5)], [])) is None
    assert main_measure(summarise([row({}, zebra=1)], [])) == "zebra"
    assert main_measure(summarise([row({}, error="x")], [])) is None


def test_factors_are_called_by_their_last_key():
    density, bits = axes_of(FACTORS)
    assert (density.title, density.text(0.1), density.said(0.1)) == ("density (%)", "10", "density 10 %")
    assert (bits.title, bits.said(4), bits.said(1)) == ("bits", "4 bits", "1 bit")
    assert axis_of("populations.hidden.size").said(24) == "24 neurons"
    assert axis_of("timing.sample_ns").said(1200) == "sample 1,200 ns"
    assert axis_of("on").text(True) == "true"
    one, other = axes_of(["populations.a.bias", "populations.b.bias"])
    assert (one.title, other.said(2)) == ("populations.a.bias", "populations.b.bias 2")
    own = axis_of(Axis("d", "W_hh", "%", 100, "{} of W_hh"))
    assert (own.title, own.said(0.3)) == ("W_hh (%)", "30 % of W_hh")
    assert own.said("dense") == "dense of W_hh"


def test_measures_have_units():
    assert measure_of("energy_aj").title == "energy per answer (aJ)"
    assert measure_of("codes").difference_unit == "points"
    assert measure_of("cost.lines.height_um").title == "height (µm)"
    assert measure_of("accuracy.chip.mean").is_fraction
    assert measure_of("evaluate.circuit.agreement").is_fraction
    assert measure_of("zebra").title == "zebra"
    assert measure_of("junctions").kind == "cost"


def test_numbers_are_written_as_people_do():
    assert [number_text(v) for v in (20000, 0.1 * 300, 1e-7, 1234.5, 1e10, -5, float("inf"))] == [
        *("20,000", "30", "1e-07", "1,234.5", "1e+10", "-5", "inf")
    ]
    assert [decimals_for(v) for v in (0.4, 0.15, 2.5, 1.2, 12, 40, 0.003, 0)] == [1, 2, 0, 1, 0, 0, 3, 2]
