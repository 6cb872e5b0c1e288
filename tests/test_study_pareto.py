"""Pareto fronts and their knees, and the limit that binds, on points made up by hand."""

import math

import numpy as np
import pytest
from study_rows import FACTORS, grid_rows, row

from soensim.errors import SoensimError
from soensim.study.limits import find_ceilings, limit_sentences
from soensim.study.pareto import front_rows, front_sentences, pareto_front
from soensim.study.trade_figures import limits_figure, pareto_figure


def rows_of(points, noise=(0.0, 0.001, -0.001)):
    """Make a point per (cost, gain); all points of a seed share its noise."""
    return [
        row({"n": k}, s, codes=gain + one, junctions=cost)
        for k, (cost, gain) in enumerate(points)
        for s, one in enumerate(noise)
    ]


def places(front):
    return {one.point.levels[0]: one.place for one in front.points}


def test_the_front_is_what_no_other_point_beats():
    points = [(10, 0.5), (20, 0.8), (20, 0.7), (30, 0.8), (40, 0.9), (25, 0.8)]
    front = pareto_front(rows_of(points), ["n"], "codes", "junctions")
    assert [one.point.levels[0] for one in front.points] == [0, 1, 2, 5, 3, 4]  # from cheap to expensive
    assert places(front) == {0: "front", 1: "front", 2: "dominated", 3: "dominated", 4: "front", 5: "dominated"}
    rng = np.random.default_rng(0)
    many = [(int(c), float(g)) for c, g in zip(rng.integers(1, 50, 60), rng.random(60).round(2), strict=True)]
    found = places(pareto_front(rows_of(many), ["n"], "codes", "junctions"))
    for k, (cost, gain) in enumerate(many):
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in many)
        assert (found[k] != "front") == beaten


def test_points_within_the_noise_are_not_dominated():
    gains = {0: (0.90, 0.91, 0.92), 1: (0.89, 0.92, 0.90), 2: (0.88, 0.89, 0.90)}
    rows = [row({"n": k}, s, codes=g, junctions=10 + k) for k, found in gains.items() for s, g in enumerate(found)]
    assert places(pareto_front(rows, ["n"], "codes", "junctions")) == {0: "front", 1: "within", 2: "dominated"}
    alone = [r for r in rows if r.run.seed == 0]
    assert places(pareto_front(alone, ["n"], "codes", "junctions")) == {0: "front", 1: "within", 2: "within"}


def test_a_cost_with_noise_must_be_shown_too():
    rows = [row({"n": 0}, s, codes=0.9, energy_aj=e) for s, e in enumerate((10, 30, 20))]
    rows += [row({"n": 1}, s, codes=0.8, energy_aj=e) for s, e in enumerate((30, 25, 20))]
    assert places(pareto_front(rows, ["n"], "codes", "energy_aj")) == {0: "front", 1: "within"}
    cheap = [row({"n": 0}, s, codes=0.9, energy_aj=10 + s) for s in range(3)]
    dear = [row({"n": 1}, s, codes=0.9, energy_aj=20 + s) for s in range(3)]
    assert places(pareto_front(cheap + dear, ["n"], "codes", "energy_aj")) == {0: "front", 1: "dominated"}


def test_the_knee_is_farthest_above_the_chord():
    linear = pareto_front(rows_of([(10, 0.0), (12, 0.5), (14, 0.8), (20, 1.0)]), ["n"], "codes", "junctions")
    assert not linear.log_cost
    assert linear.knee.point.levels == (2,)  # heights 0.5 - 0.2 = 0.3, 0.8 - 0.4 = 0.4
    log = pareto_front(rows_of([(1, 0.0), (10, 0.6), (100, 0.9), (1000, 1.0)]), ["n"], "codes", "junctions")
    assert log.log_cost
    assert log.knee.point.levels == (1,)  # 0.6 - 1/3 = 0.267, 0.9 - 2/3 = 0.233; linear costs would say so too, by 0.59
    other = pareto_front(rows_of([(1, 0.0), (10, 0.5), (100, 0.9), (1000, 1.0)]), ["n"], "codes", "junctions")
    assert other.knee.point.levels == (2,)  # of linear costs it would be the first
    small = pareto_front(rows_of([(0.01, 0.0), (0.1, 0.6), (1, 0.9), (10, 1.0)]), ["n"], "codes", "junctions")
    assert small.knee.point.levels == (1,)  # as with costs a hundred times higher
    assert pareto_front(rows_of([(1, 0.0), (2, 1.0)]), ["n"], "codes", "junctions").knee is None
    convex = pareto_front(rows_of([(10, 0.0), (15, 0.2), (20, 1.0)]), ["n"], "codes", "junctions")
    assert convex.knee is None
    same = pareto_front(rows_of([(10, 0.5)] * 3), ["n"], "codes", "junctions")
    assert len(same.front) == 3
    assert same.knee is None
    straight = pareto_front(rows_of([(10, 0.0), (15, 0.5), (20, 1.0)]), ["n"], "codes", "junctions")
    assert straight.knee is None


def test_points_without_a_number_are_left_out():
    rows = [*rows_of([(10, 0.5), (20, 0.6)]), row({"n": 7}, error="x"), row({"n": 8}, codes=0.9, junctions=None)]
    assert places(pareto_front(rows, ["n"], "codes", "junctions")) == {0: "front", 1: "front"}
    with pytest.raises(SoensimError, match="no run has measured both accuracy of the programmed codes and die"):
        pareto_figure(pareto_front(rows, ["n"], "codes", "area_mm2"))
    assert front_sentences(pareto_front(rows[:3], ["n"], "codes", "junctions")) == []


def test_the_front_in_words_and_rows():
    front = pareto_front(rows_of([(10, 0.0), (12, 0.5), (14, 0.8), (15, 0.7), (20, 1.0)]), ["n"], "codes", "junctions")
    first, knee = front_sentences(front)
    assert first == (
        "Of 5 points 4 are on the Pareto front of accuracy of the programmed codes against junctions by their means; 0 "
        "are behind it by less than the intervals show, 1 is shown to be dominated."
    )
    assert knee.startswith("The knee of the front is n 2: accuracy of the programmed codes 80.0 % (")
    assert knee.endswith(") for junctions 14.")
    rows = front_rows(front)
    assert [(name, number, cost) for name, number, cost, _ in rows] == [
        *[("n 0", "1", "10"), ("n 1", "2", "12"), ("n 2", "3*", "14"), ("n 4", "4", "20")]
    ]


def test_a_long_front_has_no_numbers():
    front = pareto_front(rows_of([(k, 0.9 - 0.3 / k) for k in range(1, 12)]), ["n"], "codes", "junctions")
    assert [one[1] for one in front_rows(front)].count("yes") == 10
    assert [one[1] for one in front_rows(front)].count("yes*") == 1
    assert len(pareto_figure(front).axes[0].texts) == 0


def test_the_front_as_a_figure():
    rows = grid_rows()
    front = pareto_front(rows, FACTORS, "chips_mean", "junctions")
    figure = pareto_figure(front)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "junctions"
    assert axes.get_ylabel() == "mean accuracy of the chips (%)"
    lines = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    assert set(lines) == {"on the front", "behind, within noise", "dominated", "knee"}
    assert sum(len(line.get_xdata()) for label, line in lines.items() if label != "knee") == 12
    assert list(lines["on the front"].get_xdata()) == [one.cost.mean for one in front.front]
    (steps,) = [line for line in axes.get_lines() if line.get_drawstyle() == "steps-post"]
    assert list(steps.get_ydata()) == pytest.approx([100 * one.gain.mean for one in front.front])
    texts = [text.get_text() for text in axes.texts]
    assert texts[:-1] == [str(k) for k in range(1, len(front.front) + 1)]
    assert texts[-1].splitlines()[:2] == ["density, bits", "1  10 %, 2"]
    assert len(pareto_figure(front, 3.7).axes[0].texts) == len(front.front)
    wide = pareto_front(rows_of([(1, 0.1), (100, 0.9)]), ["n"], "codes", "junctions")
    assert pareto_figure(wide).axes[0].get_xscale() == "log"


# --- limits -----------------------------------------------------------------------------------------------


def used(*pairs, **more):
    """Make a run per level and use of the light."""
    return [row({"density": d}, codes=0.9, use_light=use, **more) for d, use in pairs]


def test_a_limit_is_reached_between_two_levels():
    found = find_ceilings(used((0.1, 0.25), (0.4, 4.0), (1.0, 9.0)), ["density"], "density")
    assert found.binding.name == "light"
    assert found.binding.crossing == pytest.approx(0.2)  # a power law: half of the way on both logarithmic axes
    assert (found.binding.rises, found.binding.largest) == (True, 9)
    (linear,) = find_ceilings(used((0, 0.5), (1, 2.5)), ["density"], "density").ceilings
    assert linear.crossing == pytest.approx(0.25)
    (falls,) = find_ceilings(used((1, 4.0), (4, 0.25)), ["density"], "density").ceilings
    assert falls.crossing == pytest.approx(2)
    assert not falls.rises
    for never in (((0.1, 0.2), (1.0, 1.0)), ((0.1, 2.0), (1.0, 3.0)), ((0.5, 3.0),)):
        assert find_ceilings(used(*never), ["density"], "density").ceilings[0].crossing is None
    assert limit_sentences(found) == [
        "The limit that binds is light: it is broken above a density of 20 % (interpolated between 10 and 40), at most "
        "used to 900 %."
    ]


def test_the_limit_that_binds_is_the_most_used():
    rows = used((0.1, 0.02), (1.0, 0.2), use_tracks=0.5, use_power=None, absent_edges=0)
    rows += [row({"density": 0.1}, 1, codes=0.9, use_tracks=0.6, use_area=0.45, absent_edges=7)]
    found = find_ceilings(rows, ["density"], "density")
    assert [(one.name, one.largest) for one in found.ceilings] == [("tracks", 0.6), ("area", 0.45), ("light", 0.2)]
    assert limit_sentences(found) == [
        "No limit is reached. The nearest is tracks, which is used to 60 % at density 10 %; of the others at most area "
        "45 %, light 20 %.",
        "Edges without a route: up to 7, at density 10 %.",
    ]
    (text,) = limit_sentences(find_ceilings(used((0.1, 2.0), (1.0, 3.0)), ["density"], "density"))
    assert text == "The limit that binds is light: it is broken at every density."
    assert limit_sentences(find_ceilings(grid_rows(), FACTORS, FACTORS[0])) == []
    assert find_ceilings(grid_rows(), FACTORS, FACTORS[0]).binding is None


def test_limits_are_over_a_factor_with_numbers():
    with pytest.raises(SoensimError, match="'bits' is no factor of the study; it has"):
        find_ceilings(used((1, 1)), ["density"], "bits")
    with pytest.raises(SoensimError, match="over a factor whose levels are numbers; 'kind' has others"):
        find_ceilings([row({"kind": "a"}, use_light=1)], ["kind"], "kind")
    with pytest.raises(SoensimError, match="no run has the use of a limit; the chip needs a floorplan"):
        limits_figure(grid_rows(), FACTORS, FACTORS[0], "codes")


def test_the_limits_as_a_figure():
    rows = [
        row({"density": d, "bits": b}, s, codes=0.9 + 0.01 * s, use_light=1.6 * d, use_tracks=0.4 * d, use_power=0.3)
        for d in (0.1, 0.2, 0.5, 1.0)
        for b in (2, 4)
        for s in (0, 1)
    ]
    figure = limits_figure(rows, ["density", "bits"], "density", "codes")
    above, below = figure.axes
    assert above.get_ylabel() == "accuracy of the programmed codes (%)"
    assert (below.get_xlabel(), below.get_ylabel()) == ("density (%)", "use of limit (%)")
    assert above.get_xscale() == below.get_xscale() == "log"
    lines = {line.get_label(): line for line in below.get_lines() if not line.get_label().startswith("_")}
    assert list(lines) == ["light (binds)", "tracks", "power"]
    assert list(lines["light (binds)"].get_ydata()) == pytest.approx([16, 32, 80, 160])
    assert list(lines["tracks"].get_xdata()) == pytest.approx([10, 20, 50, 100])
    assert [text.get_text() for text in above.texts] == ["light broken"]
    crossing = [line.get_xdata()[0] for line in above.get_lines() if len(set(line.get_xdata())) == 1][-1]
    assert crossing == pytest.approx(100 / 1.6)
    assert math.isclose(find_ceilings(rows, ["density", "bits"], "density").binding.crossing, 1 / 1.6)
