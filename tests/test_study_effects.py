"""What factors do: paired differences by closed forms, and sentences that claim what their intervals show."""

import math
from dataclasses import replace

import numpy as np
import pytest
from study_rows import FACTORS, grid_rows, row

from soensim.study.effects import (
    Difference,
    behind_best,
    cheapest_within,
    interactions,
    main_contrasts,
    paired,
    plus_minus,
    reference_of,
    simple_contrasts,
    value_text,
    values_of,
)
from soensim.study.quantities import Axis, axis_of, measure_of
from soensim.study.sentences import contrast_sentence, note, sentences
from soensim.study.summary import Statistic, summarise

T2 = 4.302652729749462
CODES = measure_of("codes")
#: Seeds of the densities 1 and 0.3: they differ by 1.0, 1.2 and 1.7 points, while the seeds differ by ten.
DENSE, SPARSE = (0.80, 0.90, 0.95), (0.79, 0.888, 0.933)


def two_levels(more=0.0):
    rows = [row({"density": 1.0}, s, codes=value, junctions=100) for s, value in enumerate(DENSE)]
    return rows + [row({"density": 0.3}, s, codes=value + more, junctions=50) for s, value in enumerate(SPARSE)]


def test_levels_are_compared_seed_by_seed():
    (one,) = main_contrasts(two_levels(), ["density"], "codes")
    assert (one.level, one.against, one.at, one.over, one.cases, one.beside) == (0.3, 1.0, (), (), 1, ())
    assert one.difference.mean == pytest.approx(-0.013)
    deviation = math.sqrt((0.003**2 + 0.001**2 + 0.004**2) / 2)
    assert one.difference.high == pytest.approx(-0.013 + T2 * deviation / math.sqrt(3))
    assert one.difference.low == pytest.approx(-0.013 - T2 * deviation / math.sqrt(3))
    assert (one.difference.n, one.difference.shown) == (3, "less")


def test_a_sentence_says_what_is_shown():
    axis = Axis("density", "W_hh", "%", 100, "{} of W_hh", reference=1.0)
    (one,) = main_contrasts(two_levels(), [axis], "codes")
    assert contrast_sentence(one, CODES) == "30 % of W_hh costs 1.3 ± 0.9 points against 100 %."
    at = replace(one, at=((axis_of("neurons"), 24),))
    assert contrast_sentence(at, CODES) == "30 % of W_hh at 24 neurons costs 1.3 ± 0.9 points against 100 %."
    (one,) = main_contrasts(two_levels(0.013), [axis], "codes")
    assert contrast_sentence(one, CODES) == "30 % of W_hh against 100 %: no difference is shown (0.0 ± 0.9 points)."
    (one,) = main_contrasts(two_levels(0.04), [axis], "codes")
    assert contrast_sentence(one, CODES) == "30 % of W_hh gains 2.7 ± 0.9 points against 100 %."
    (one,) = main_contrasts([r for r in two_levels() if r.run.seed == 1], [axis], "codes")
    assert contrast_sentence(one, CODES) == (
        "30 % of W_hh: accuracy of the programmed codes 1.2 points below that of 100 %; one seed has no interval."
    )
    (one,) = main_contrasts(two_levels(), [axis], "junctions")
    assert contrast_sentence(one, measure_of("junctions")) == "30 % of W_hh: junctions 50 ± 0 less than at 100 %."


def test_plural_levels_have_a_plural_verb():
    rows = [row({"bits": b}, s, codes=0.5 + 0.1 * b + 0.01 * s) for b in (1, 2, 4) for s in (0, 1)]
    first, second = main_contrasts(rows, ["bits"], "codes")
    assert contrast_sentence(first, CODES) == "1 bit costs 30 ± 0 points against 4."
    assert contrast_sentence(second, CODES) == "2 bits cost 20 ± 0 points against 4."


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-0.017, -0.009, "-1.3 ± 0.4 points"),
        (-0.0101, -0.0001, "-0.5100 ± 0.5000 points"),  # shown: two decimals would hide it
        (-0.0102, 0.0, "-0.5 ± 0.5 points"),
        (-0.0149, 0.0015, "-0.7 ± 0.8 points"),
        (-0.1, 0.2, "5 ± 15 points"),
        (0.0014, 0.0042, "0.28 ± 0.14 points"),
        (-1e-9, 1e-9, "0.00000 ± 0.00000 points"),
    ],
)
def test_decimals_show_what_the_interval_shows(low, high, text):
    found = plus_minus(Difference((low + high) / 2, low, high, 3), CODES)
    if "5100" in text:
        found_mean, found_half = (float(word) for word in found.removesuffix(" points").split(" ± "))
        assert abs(found_mean) > found_half
    elif "00000" in text:
        assert found.startswith("0.0")
    else:
        assert found == text


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    assert plus_minus(Difference(-0.0001, -0.01, 0.0098, 3), CODES) == "0.0 ± 1.0 points"
    assert plus_minus(Difference(-0.1 * 3 + 0.3, None, None, 1), CODES) == "0.0 points"


def test_equal_numbers_show_no_difference():
    """0.1 + 0.2 and 0.3 differ by rounding alone."""
    rows = [row({"n": 1}, s, codes=0.1 + 0.2) for s in (0, 1)] + [row({"n": 2}, s, codes=0.3) for s in (0, 1)]
    (one,) = main_contrasts(rows, ["n"], "codes")
    assert (one.difference.mean, one.difference.shown) == (0, "")


def test_main_effects_are_averaged_over_the_other_factors():
    rows = grid_rows()
    contrasts = main_contrasts(rows, FACTORS, "chips_mean")
    assert [(one.level, one.against, one.cases) for one in contrasts] == [
        *[(0.1, 1.0, 3), (0.2, 1.0, 3), (0.5, 1.0, 3)],
        *[(2, 4, 4), (3, 4, 4)],
    ]
    assert [axis.name for axis in contrasts[0].over] == [FACTORS[1]]
    values = values_of(rows, FACTORS, "chips_mean")
    expected = sum(values[0.1, b][s] - values[1.0, b][s] for b in (2, 3, 4) for s in range(3)) / 9
    assert contrasts[0].difference.mean == pytest.approx(expected)
    assert len(simple_contrasts(rows, FACTORS, "chips_mean")) == 9 + 8
    one = simple_contrasts(rows, FACTORS, "chips_mean")[0]
    assert one.at[0][1] == 2
    assert one.difference.mean == pytest.approx(sum(values[0.1, 2][s] - values[1.0, 2][s] for s in range(3)) / 3)


def test_every_seed_is_averaged_over_the_same_points():
    values = {(1, 0): {0: 1.0, 1: 2.0, 2: 4.0}, (2, 0): {0: 0.0, 1: 0.0, 2: 0.0}}
    values |= {(1, 1): {0: 10.0, 1: 10.0}, (2, 1): {0: 0.0, 1: 0.0, 2: 0.0}}
    pairs = [((1, 0), (2, 0)), ((1, 1), (2, 1))]
    found, count = paired(pairs, values)  # two pairs of two seeds are more runs than one of three
    assert (found.n, count, found.mean) == (2, 2, pytest.approx((5.5 + 6) / 2))
    values[1, 1] = {0: 10.0}
    found, count = paired(pairs, values)
    assert (found.n, count, found.mean) == (3, 1, pytest.approx(7 / 3))
    assert paired([((1, 0), (9, 9))], values) == (None, 0)
    assert paired([], values) == (None, 0)
    found, _ = paired([((1, 1), (2, 0))], values)
    assert (found.n, found.low, found.shown) == (1, None, "")


def test_factors_that_change_together_are_named_together():
    rows = [row({"density": d, "edges": e}, s, codes=d + 0.01 * s) for d, e in ((0.1, 10), (0.5, 50)) for s in (0, 1)]
    (one,) = main_contrasts(rows, ["density", "edges"], "codes")
    assert (
        contrast_sentence(one, CODES)
        == "Density 10 % (with edges 10) costs 40 ± 0 points against 50 % (with edges 50)."
    )
    drawn = [row({"a": a, "b": (7 * a) % 20}, codes=0.5) for a in range(20)]
    assert main_contrasts(drawn, ["a", "b"], "codes") == []
    assert len(main_contrasts([row({"a": a}, codes=0.5) for a in range(20)], ["a"], "codes")) == 19
    assert main_contrasts([], ["a"], "codes") == []


def test_the_reference_is_the_largest_number_or_the_first_or_as_stated():
    assert reference_of(axis_of("n"), [1, 4, 2]) == 4
    assert reference_of(axis_of("kind"), ["b", "a"]) == "b"
    assert reference_of(Axis("n", reference=2), [1, 4, 2]) == 2
    assert reference_of(Axis("n", reference=3), [1, 4, 2]) == 4


def test_a_level_without_counterparts_is_no_reference():
    """All to all exists at one fan-in alone, which no other topology has."""
    points = [("all", 28), *((kind, k) for kind in ("random", "near") for k in (2, 4, 8))]
    rows = [row({"kind": t, "k": k}, s, codes=0.01 * k + 0.1 * s) for t, k in points for s in (0, 1)]
    found = main_contrasts(rows, [Axis("kind", levels=("all", "random", "near")), "k"], "codes")
    assert [(one.level, one.against, one.cases) for one in found] == [("near", "random", 3), (2, 8, 2), (4, 8, 2)]
    stated = main_contrasts(rows, ["kind", Axis("k", reference=2)], "codes")
    assert [(one.level, one.against) for one in stated] == [("random", "near"), (4, 2), (8, 2)]


def test_points_against_the_best():
    rows = [*two_levels(), row({"density": 0.1}, error="x")]
    found = behind_best(rows, summarise(rows, ["density"]), "codes")
    assert list(found) == [(0.3,)]
    assert found[(0.3,)].mean == pytest.approx(-0.013)
    assert behind_best([], summarise([], ["density"]), "codes") == {}


def test_interactions_are_told_where_they_are_shown():
    (found,) = interactions(grid_rows(), FACTORS, "chips_mean")
    assert (found.one.level, found.one.at[0][1], found.other.at[0][1]) == (0.1, 2, 4)
    assert found.difference.mean == pytest.approx(found.one.difference.mean - found.other.difference.mean)
    assert found.difference.shown == "less"
    plain = [
        row({"a": a, "b": b}, s, codes=0.1 * a + 0.2 * b + 0.01 * s) for a in (0, 1) for b in (0, 1) for s in (0, 1)
    ]
    assert interactions(plain, ["a", "b"], "codes") == []
    assert interactions(grid_rows(1), FACTORS, "chips_mean") == []


def test_the_cheapest_in_the_noise_of_the_best():
    rows = []
    for n, gains in ((1, (0.5, 0.5, 0.5)), (2, (0.89, 0.91, 0.90)), (3, (0.88, 0.92, 0.91)), (4, (0.90, 0.91, 0.92))):
        rows += [row({"n": n}, s, codes=gain, junctions=10 * n) for s, gain in enumerate(gains)]
    found = cheapest_within(rows, ["n"], "codes", "junctions")
    assert (found.best, found.cheapest, found.costs) == ((4,), (2,), (20, 40))
    assert found.difference.mean == pytest.approx(-0.01)
    text = sentences(rows, ["n"])[-1]
    assert text == (
        "The cheapest point that is not shown to be worse than the best (n 4) is n 2: junctions 20 against 40; "
        "accuracy of the programmed codes: -1.0 ± 2.5 points, so that a loss of 3.5 points is not excluded."
    )
    equal = [row({"n": n}, s, codes=0.9 + 0.01 * s, junctions=10 * n) for n in (3, 1, 2) for s in (0, 1)]
    assert cheapest_within(equal, ["n"], "codes", "junctions").best == (1,)  # of equal ones the cheapest
    alone = [r for r in rows if r.run.levels["n"] in (1, 4)]
    assert cheapest_within(alone, ["n"], "codes", "junctions").difference is None
    assert sentences(alone, ["n"])[-1] == "No cheaper point is left in the noise of the best (n 4)."
    assert cheapest_within([r for r in rows if r.run.seed == 0], ["n"], "codes", "junctions") is None
    assert cheapest_within([row({"n": 1}, error="x")], ["n"], "codes", "junctions") is None


def test_sentences_of_a_grid():
    rows = grid_rows()
    rows[27] = row(rows[27].run.levels, 0, error="failed")  # of density 10 %
    told = sentences(rows, FACTORS)
    assert told[0].startswith("Of 12 points density 100 %, 4 bits has the highest mean: mean accuracy of the chips 97.")
    assert told[1].startswith("Density 10 % costs ")
    assert "averaged over 2 levels of bits" in told[1]  # three seeds of two levels, not two seeds of three
    assert "averaged over 3 levels of bits" in told[2]
    assert any(text.startswith("The difference of density 10 % to 100 % depends on bits: -") for text in told)
    assert told[-1] == "1 of 36 runs failed; the table says why."
    assert "paired over 3 seeds. Each of the 5 intervals" in note(rows, FACTORS)
    assert note(grid_rows(1), FACTORS) == "With one seed no difference can be told from chance."
    assert note([row({}, codes=0.5)], []) == ""
    assert sentences([], ["n"]) == ["No run has ended yet."]
    assert sentences([row({"n": 1}, error="x")], ["n"]) == ["1 of 1 runs failed; the table says why."]
    assert sentences(rows[::-1], FACTORS) == told


def test_no_sentence_claims_what_is_not_shown():
    """Noise alone, many times: about one claim in twenty."""
    draw = np.random.default_rng(3)
    claims = 0
    for _ in range(200):
        rows = [row({"k": k}, s, codes=0.9 + 0.01 * draw.standard_normal()) for k in ("a", "b") for s in range(4)]
        claims += any(" costs " in text or " gains " in text for text in sentences(rows, ["k"]))
    assert 2 <= claims <= 22


def test_values_with_their_intervals():
    assert value_text(Statistic(0.972, 0.968, 0.976, 3), CODES) == "97.2 % (96.8 to 97.6)"
    assert value_text(Statistic(0.972, 0.94, 1.0, 3), CODES, unit=False) == "97.2 (94.0 to 100.0)"
    assert value_text(Statistic(0.972, n=1), CODES) == "97.2 %"
    assert value_text(Statistic(6912.0, 6912.0, 6912.0, 3), measure_of("junctions")) == "6,912"
    assert value_text(Statistic(1234.5, 1200, 1269, 3), measure_of("energy_aj")) == "1,234 aJ (1,200 to 1,269)"
    assert value_text(Statistic(), CODES) == "–"
