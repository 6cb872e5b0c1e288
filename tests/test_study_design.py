"""Designs: grids, zips, drawn points, ranges."""

import numpy as np
import pytest

from soensim.errors import StudyError
from soensim.study.design import Case, Factor, Range, factor_of, grid, sampled, zipped

A = factor_of("a", [1, 2])
B = Factor("b", (Case("low", {"x": 0.1, "y": 1}), Case("high", {"x": 0.9, "y": 2})))


def test_a_grid_has_every_combination_and_the_last_factor_changes_fastest() -> None:
    points = grid([A, B])
    assert [tuple(point.levels.values()) for point in points] == [(1, "low"), (1, "high"), (2, "low"), (2, "high")]
    assert points[3].settings == {"a": 2, "x": 0.9, "y": 2}
    assert [dict(point.levels) for point in grid([])] == [{}]


def test_a_zip_takes_levels_together() -> None:
    assert [tuple(point.levels.values()) for point in zipped([A, B])] == [(1, "low"), (2, "high")]
    with pytest.raises(StudyError, match="a has 2, c has 3"):
        zipped([A, factor_of("c", [1, 2, 3])])


def test_too_large_a_grid_is_refused_before_it_is_made() -> None:
    with pytest.raises(StudyError, match="the grid has 1002001 points; the limit is 1000000"):
        grid([factor_of(name, range(1001)) for name in "ab"])


def test_a_factor_has_levels_and_each_once() -> None:
    with pytest.raises(StudyError, match="a: has no level"):
        factor_of("a", [])
    with pytest.raises(StudyError, match="a: 2 is given twice"):
        factor_of("a", [2, 1, 2])
    assert len(factor_of("a", [1, True]).cases) == 2  # a truth value is no number


def test_ranges() -> None:
    assert Range(1, 100, log=True).steps(3) == pytest.approx([1, 10, 100])
    assert Range(0, 1).steps(5) == [0, 0.25, 0.5, 0.75, 1]
    assert Range(4, 128, log=True, whole=True).steps(6) == [4, 8, 16, 32, 64, 128]
    assert Range(1, 3, whole=True).steps(9) == [1, 2, 3]
    for wrong in [(1, 1), (2, 1)]:
        with pytest.raises(StudyError, match="must rise"):
            Range(*wrong)
    with pytest.raises(StudyError, match="must start above 0"):
        Range(0, 1, log=True)


@pytest.mark.parametrize("method", ["sobol", "latin-hypercube"])
def test_drawn_points_fill_their_ranges_evenly(method: str) -> None:
    ranges = {"a": Range(0.1, 10, log=True), "b": Range(5, 6)}
    points = sampled(ranges, method, 64, seed=1)
    assert points == sampled(ranges, method, 64, seed=1) != sampled(ranges, method, 64, seed=2)
    a, b = (np.array([point.settings[path] for point in points], dtype=float) for path in "ab")
    for units in ((np.log10(a) + 1) / 2, b - 5):
        counts, _ = np.histogram(units, bins=8, range=(0, 1))
        assert counts.tolist() == [8] * 8
    assert len(sampled(ranges, method, 5, seed=0)) == 5
