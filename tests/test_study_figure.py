"""The figures of a study, looked at through matplotlib's objects."""

from itertools import pairwise

import numpy as np
import pytest
from study_rows import FACTORS, GRID, grid_rows, row

from soensim.errors import SoensimError
from soensim.report.figures.style import SERIES, png_bytes, save_svg
from soensim.study.figure import Roles, caption, choose_roles, is_geometric, study_figure
from soensim.study.quantities import Axis
from soensim.study.summary import summarise

KINDS = ("all-to-all", "nearest neighbours", "small-world")


def marks(axes):
    """The series with a label: x and y."""
    return {
        line.get_label(): np.array(line.get_data()) for line in axes.get_lines() if not line.get_label().startswith("_")
    }


def bars(axes):
    return [np.array(line.get_data()) for line in axes.get_lines() if line.get_label().startswith("_")]


def three_factors():
    return [
        row({"kind": kind, "neurons": n, "rule": rule}, seed, codes=0.5 + 0.1 * i + 0.001 * n + 0.01 * seed)
        for i, kind in enumerate(KINDS)
        for n in (4, 8, 16, 32)
        for rule in ("bptt", "ff-local")
        for seed in (0, 1)
    ]


def test_a_series_per_level_over_a_logarithmic_axis():
    rows = grid_rows()
    figure = study_figure(rows, FACTORS, "chips_mean")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "density (%)"
    assert axes.get_ylabel() == "mean accuracy of the chips (%)"
    figure.canvas.draw()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "20", "50", "100"]
    found = marks(axes)
    assert list(found) == ["2", "3", "4"]
    summary = summarise(rows, FACTORS)
    for bits, (x, y) in found.items():
        assert x == pytest.approx([10, 20, 50, 100])
        expected = [point.of("chips_mean").mean for point in summary.points if point.levels[1] == int(bits)]
        assert y == pytest.approx(100 * np.array(expected))
        assert abs(y[0] - GRID[0.1][int(bits) - 2]) < 0.5
    assert len(bars(axes)) == 12
    one = summary.points[0].of("chips_mean")
    (x, ends), *_ = bars(axes)
    assert x == pytest.approx([10, 10])
    assert ends == pytest.approx([100 * one.low, 100 * one.high])
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "bits"
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 3


def test_small_multiples_share_their_axes():
    figure = study_figure(three_factors(), ["kind", "neurons", "rule"])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["rule bptt", "rule ff-local"]
    assert all(list(marks(axes)) == list(KINDS) for axes in shown)
    assert all(axes.get_ylim() == shown[0].get_ylim() for axes in shown)
    assert all(axes.get_xlabel() == "neurons" and axes.get_xscale() == "log" for axes in shown)
    assert figure.get_supylabel() == "accuracy of the\nprogrammed codes (%)"
    assert marks(shown[0])["all-to-all"][1] == pytest.approx([50.9, 51.3, 52.1, 53.7])


def test_levels_that_are_no_numbers_are_places():
    rows = [r for r in three_factors() if r.run.levels["neurons"] == 8]
    figure = study_figure(rows, ["kind", "neurons", "rule"])
    (axes,) = figure.axes
    assert [tick.get_text().replace("\n", " ") for tick in axes.get_xticklabels()] == list(KINDS)
    found = marks(axes)
    assert list(found) == ["bptt", "ff-local"]
    assert found["bptt"][0] == pytest.approx([-0.08, 0.92, 1.92])
    assert found["ff-local"][0] - found["bptt"][0] == pytest.approx([0.16] * 3)
    assert all(line.get_linestyle() == "None" for line in axes.get_lines() if not line.get_label().startswith("_"))


def test_roles_that_are_asked_for_and_those_that_are_averaged():
    rows = three_factors()
    figure = study_figure(rows, ["kind", "neurons", "rule"], roles=Roles(x="kind", series="rule"))
    (axes,) = figure.axes
    means = [51.5 + 10 * k + 0.5 for k in range(3)]  # mean of 4, 8, 16, 32 neurons is 15
    assert marks(axes)["bptt"][1] == pytest.approx([value - 0.0 for value in means], abs=0.01)
    summary = summarise(rows, ["kind", "neurons", "rule"], keep=["kind", "rule"])
    assert caption(summary, "codes") == (
        "Marks: mean of 2 seeds; bars: 95 % Student interval over seeds; averaged over neurons."
    )
    with pytest.raises(SoensimError, match="'bits' is no factor"):
        study_figure(rows, ["kind", "neurons", "rule"], roles=Roles(x="bits"))


def test_a_factor_that_follows_from_another_is_no_series():
    rows = [row({"density": d, "edges": round(1000 * d), "rule": "bptt"}, codes=d) for d in (0.1, 0.2, 0.5)]
    assert choose_roles(rows, ["density", "edges", "rule"]) == Roles("density")
    assert choose_roles(rows[:1], ["density", "rule"]) == Roles()
    assert choose_roles(three_factors(), ["kind", "neurons", "rule"]) == Roles("neurons", "kind", "rule")


def test_a_point_without_value_breaks_the_line():
    rows = [row({"n": n}, 0, **({"codes": 0.5} if n != 3 else {"error": "failed"})) for n in (2, 3, 4)]
    (axes,) = study_figure(rows, ["n"]).axes
    (line,) = marks(axes).values() or [np.array(axes.get_lines()[0].get_data())]
    assert line[0] == pytest.approx([2, 3, 4])
    assert np.isnan(line[1]).tolist() == [False, True, False]
    assert len(axes.get_lines()) == 1  # one seed: no bars
    assert caption(summarise(rows, ["n"]), "codes") == "Marks: one seed; a single seed has no interval."


def test_the_interval_of_one_seeds_chips_is_called_so():
    rows = [row({"n": n}, codes=0.5, codes_low=0.4, codes_high=0.7) for n in (2, 3)]
    assert caption(summarise(rows, ["n"]), "codes") == (
        "Marks: one seed; bars: 95 % interval over its chips, which says nothing about other trainings."
    )
    (axes,) = study_figure(rows, ["n"]).axes
    assert axes.get_lines()[1].get_data()[1] == pytest.approx([40, 70])


def test_many_points_have_a_band():
    rows = [row({"n": n}, s, codes=0.5 + 0.1 * s) for n in range(20) for s in (0, 1)]
    (axes,) = study_figure(rows, ["n"]).axes
    assert len(axes.collections) == 1
    assert len(axes.get_lines()) == 1


def test_a_study_without_factors_has_one_mark():
    (axes,) = study_figure([row({}, s, codes=0.5 + 0.1 * s) for s in (0, 1)], []).axes
    assert axes.get_lines()[0].get_data()[1] == pytest.approx([55])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(SoensimError, match="nothing to draw"):
        study_figure([row({"n": 1}, error="x")], ["n"])
    rows = [row({"n": n, "k": k}, codes=0.5) for n in (1, 2) for k in range(13)]
    with pytest.raises(SoensimError, match="13 series in 1 panels; at most 12 in 12 can be told apart"):
        study_figure(rows, ["n", "k"], roles=Roles("n", "k"))


def test_twelve_series_are_told_apart():
    rows = [row({"n": n, "k": f"k{k:02}"}, codes=0.5) for n in (1, 2, 3) for k in range(12)]
    (axes,) = study_figure(rows, ["n", "k"], roles=Roles("n", "k")).axes
    looks = {(line.get_color(), line.get_linestyle(), line.get_markerfacecolor()) for line in axes.get_lines()}
    assert len(looks) == 12
    assert {line.get_color() for line in axes.get_lines()} == set(SERIES)


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ((0.1, 0.2, 0.5, 1), True),
        ((4, 8, 16, 32, 64, 128), True),
        ((0.05, 0.1, 0.2, 0.3, 0.5, 1), True),
        ((1, 10, 100), True),
        ((1, 2, 4), True),
        ((4, 8, 12, 16, 24, 26, 32, 48, 64, 128), True),
        ((2, 3, 4), False),
        ((0, 0.05, 0.1, 0.2), False),
        ((0.9, 0.95, 0.97, 0.99), False),
        ((1, 2, 3, 4, 5, 6, 7, 8), False),
        ((1, 4), False),
        ((-1, 1, 10), False),
        ((1, 2, 3, 5), False),
    ],
)
def test_axes_are_logarithmic_where_levels_are_geometric(values, log):
    assert is_geometric(values) is log
    assert is_geometric(values[::-1]) is log


def test_labels_at_ticks_do_not_touch():
    rows = [row({"n": n}, codes=0.5) for n in (1, 1.01, 1.02, 1.03, 1.5, 2)]
    figure = study_figure(rows, ["n"], width_in=3.7)
    figure.canvas.draw()
    boxes = [tick.get_window_extent() for tick in figure.axes[0].get_xticklabels()]
    assert len(boxes) == 3
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_the_same_rows_give_the_same_pictures_with_text_as_text(tmp_path):
    rows = grid_rows()
    assert png_bytes(study_figure(rows, FACTORS)) == png_bytes(study_figure(rows[::-1], FACTORS))
    for name, order in (("a", rows), ("b", rows[::-1])):
        save_svg(study_figure(order, FACTORS), tmp_path / f"{name}.svg", text=True)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert ">density (%)</text>" in text
    save_svg(study_figure(rows, FACTORS), tmp_path / "c.svg")
    assert "<text" not in (tmp_path / "c.svg").read_text()


@pytest.mark.parametrize(
    "names",
    [
        ("uniform random", "nearest neighbours", "distance law", "small world", "co-designed"),
        ("all to all", "co-designed", "exponential law", "nearest neighbours", "small world", "uniform random"),
        tuple(f"a rather long name of case {k}" for k in range(9)),
    ],
)
def test_nothing_is_cut_off_or_covered(names):
    rows = [row({"t": t, "n": n, "r": r}, codes=n / 9) for t in names for n in (4, 8) for r in ("a", "b")]
    for width in (3.7, 6):
        figure = study_figure(rows, ["n", "t", "r"], roles=Roles("n", "t", "r"), width_in=width)
        figure.draw_without_rendering()
        size = figure.get_size_inches() * figure.dpi
        (legend,) = figure.legends
        boxes = [legend.get_window_extent(), figure._supylabel.get_window_extent()]
        for box in boxes:
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= size[0]
            assert box.y1 <= size[1]
        assert boxes[1].y1 <= boxes[0].y0


def test_order_and_words_of_the_study():
    axis = Axis("kind", "topology", levels=("small-world", "all-to-all", "nearest neighbours"))
    (axes,) = study_figure(three_factors(), [axis, "neurons", "rule"], roles=Roles("neurons", "kind")).axes
    assert list(marks(axes)) == ["small-world", "all-to-all", "nearest neighbours"]


def routed_rows():
    """Wire grows with density; one topology has only two densities; seeds differ in wire and accuracy."""
    return [
        row({"kind": kind, "density": d}, seed, codes=0.8 + 0.1 * d + 0.01 * seed, wire_mm=length * d * (10 + seed))
        for kind, length, densities in (("random", 4, (0.1, 0.3, 1.0)), ("near", 1, (0.1, 1.0)))
        for d in densities
        for seed in (0, 1)
    ]


def test_a_measure_along_the_axis():
    figure = study_figure(routed_rows(), ["kind", "density"], roles=Roles("wire_mm", "kind"))
    (axes,) = figure.axes
    assert axes.get_xlabel() == "wire (mm)"
    assert axes.get_xscale() == "log"
    found = marks(axes)
    assert found["near"][0] == pytest.approx([1.05, 10.5])
    assert found["random"][0] == pytest.approx([4.2, 12.6, 42])
    assert found["random"][1] == pytest.approx([81.5, 83.5, 90.5])
    ends = [tuple(line.get_data()[0]) for line in axes.get_lines() if line.get_marker() == "|"]
    assert len(ends) == 5
    assert ends[0] == pytest.approx((1.05 - 12.7062 * 0.05, 1.05 + 12.7062 * 0.05), rel=1e-4)  # near, 10 %


def test_a_series_that_lacks_a_level_has_no_gap():
    (axes,) = study_figure(routed_rows(), ["kind", "density"]).axes
    found = marks(axes)
    assert found["near"][0] == pytest.approx([10, 100])
    assert found["random"][0] == pytest.approx([10, 30, 100])


def test_points_that_are_drawn_at_random_are_not_joined():
    rows = [row({"a": a, "b": (7 * a) % 20}, codes=0.5) for a in range(20)]
    (axes,) = study_figure(rows, ["a", "b"]).axes
    assert axes.get_lines()[0].get_linestyle() == "None"
    (axes,) = study_figure([row({"a": a}, codes=0.5) for a in range(20)], ["a"]).axes
    assert axes.get_lines()[0].get_linestyle() == "-"
