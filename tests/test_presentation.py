"""From samples to lines: each step against a closed form or the built-in sets, and the text that programs store."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.data import Dataset, mnist
from soensim.data.presentation import Presentation, choose, read_presentation, write_presentation
from soensim.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
BYTES = ((0.0, 255.0),)


@pytest.mark.parametrize(
    ("settings", "built_in"),
    [
        ({}, mnist.rows),
        ({"cut": 4, "lines": 8}, mnist.cut_rows),
        ({"channels": 7, "lines": 8}, mnist.pooled_rows),
        ({"frames": 8, "fit": "mean", "channels": 8}, mnist.pooled_image),
        ({"join": 28}, mnist.whole_image),
        ({"frames": 14, "fit": "mean", "channels": 14, "join": 14}, mnist.halved_image),
    ],
)
def test_images_become_those_of_the_built_in_sets(settings: dict[str, object], built_in: object) -> None:
    shown = Presentation(scale=BYTES, **settings)(IMAGES)  # type: ignore[arg-type]
    np.testing.assert_allclose(shown, built_in(IMAGES), atol=1e-6)  # type: ignore[operator]
    assert shown.dtype == np.float32


def test_frames_are_interpolated_averaged_or_padded() -> None:
    ramp = np.arange(5.0).reshape(1, 5, 1) / 4
    assert Presentation(frames=9)(ramp).ravel().tolist() == [k / 8 for k in range(9)]
    assert Presentation(frames=3)(ramp).ravel().tolist() == [0, 0.5, 1]
    assert Presentation(frames=1)(ramp).ravel().tolist() == [0.5]
    assert Presentation(frames=3)(ramp[:, :1] + 0.25).ravel().tolist() == [0.25] * 3
    np.testing.assert_allclose(Presentation(frames=2, fit="mean")(ramp).ravel(), [0.2, 0.8])  # the middle half in each
    assert Presentation(frames=7, fit="pad")(ramp).ravel().tolist() == [0, 0.25, 0.5, 0.75, 1, 0, 0]
    assert Presentation(frames=2, fit="pad")(ramp).ravel().tolist() == [0, 0.25]


def test_samples_of_unequal_lengths_come_to_one() -> None:
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.zeros((2, 3)), np.ones((5, 3))]
    assert Presentation(frames=4)(ragged).shape == (2, 4, 3)
    with pytest.raises(DataError, match="samples have 2 to 5 frames; say how many with frames=N"):
        Presentation()(ragged)


def test_values_beyond_the_ranges_are_limited_and_a_constant_channel_is_zero() -> None:
    values = np.array([[[-1.0, 7.0], [0.0, 7.0], [1.0, 7.0], [3.0, 8.0]]])
    shown = Presentation(scale=((0.0, 2.0), (7.0, 7.0)))(values)
    assert shown.tolist() == [[[0, 0], [0, 0], [0.5, 0], [1, 0]]]
    assert Presentation(scale="sample")(np.array([[[2.0], [3.0], [6.0]], [[1.0], [1.0], [1.0]]])).tolist() == [
        [[0], [0.25], [1]],
        [[0], [0], [0]],
    ]


def test_frames_side_by_side_and_in_pieces() -> None:
    values = np.arange(1, 13).reshape(1, 4, 3) / 12
    joined = Presentation(join=3)(values)
    assert (joined * 12).round().tolist() == [[[1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12, 0, 0, 0, 0, 0, 0]]]
    pieces = Presentation(cut=2, lines=4)(values[:, :2])
    assert (pieces * 12).round().tolist() == [[[1, 2, 0, 0], [3, 0, 0, 0], [4, 5, 0, 0], [6, 0, 0, 0]]]


@pytest.mark.parametrize("value", [0.0, 0.1, 0.25, 0.5, 0.74, 1.0])
def test_a_rate_is_a_share_of_ones_evenly_spread(value: float) -> None:
    pulses = Presentation(code="rate", code_frames=8)(np.full((1, 2, 3), value))
    assert pulses.shape == (1, 16, 3)
    assert set(np.unique(pulses)) <= {0.0, 1.0}
    assert pulses[0, :8, 0].sum() == np.floor(8 * value + 0.5)
    places = np.flatnonzero(pulses[0, :8, 0])
    assert len(places) < 2 or np.ptp(np.diff(places)) <= 1


def test_a_latency_is_one_pulse_the_earlier_the_higher_the_value() -> None:
    pulses = Presentation(code="latency", code_frames=5)(np.array([[[0.0, 0.01, 0.5, 1.0]]]))
    assert pulses[0].T.tolist() == [[0] * 5, [0, 0, 0, 0, 1], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0]]


def test_a_sequence_is_shown_again() -> None:
    values = np.random.default_rng(1).random((2, 3, 2))
    np.testing.assert_array_equal(Presentation(repeat=2)(values), np.concatenate([values, values], axis=1))


# --- what is chosen -------------------------------------------------------------------------------------------


def chosen(values: np.ndarray, lines: int | None = None, **settings: object) -> str:
    return write_presentation(choose(settings, values, [], lines))


def test_what_is_chosen_from_shapes() -> None:
    values = np.random.default_rng(0).random((9, 10, 3))
    assert chosen(values) == ""
    assert chosen(values, 3) == "lines=3"
    assert chosen(values, 5) == "lines=5"
    assert chosen(values, 6) == "join=2,lines=6"
    assert chosen(values, 2) == "cut=2,lines=2"
    assert chosen(values[:, :1], 8) == "lines=8"  # no second frame to lay beside
    assert chosen(values, 100) == "join=10,lines=100"
    assert chosen(values, 6, channels=2) == "channels=2,lines=6"  # what is said about lines is all that is done
    assert chosen(values, 6, frames=1) == "frames=1,lines=6"


def test_what_is_chosen_from_values() -> None:
    rng = np.random.default_rng(0)
    assert chosen(rng.integers(0, 200, (9, 2, 3), dtype=np.uint8)) == "scale=0.0:255.0"
    counts = np.array([[[0, 9, 5]], [[8, 0, -1]]])
    assert chosen(counts) == "scale=-1.0:9.0"
    assert chosen(np.array([[[0, 90, 1]], [[8, 0, -1]]])) == "scale=0.0:8.0/0.0:90.0/-1.0:1.0"
    assert chosen(counts / 2) == "scale=0.0:4.0/0.0:4.5/-0.5:2.5"
    assert chosen(counts / 2, scale="all") == "scale=-0.5:4.5"
    gaps = np.where(counts == 9, np.nan, counts / 2)
    assert chosen(gaps, missing="hold") == "missing=hold,scale=0.0:4.0/0.0:0.0/-0.5:2.5"
    with pytest.raises(DataError, match="all values of the training samples are 3"):
        chosen(np.full((3, 2, 1), 3.0))


def test_the_middle_leaves_rare_values_out_unless_there_is_nothing_else() -> None:
    values = np.zeros((101, 2, 2))
    values[:, :, 0] = np.arange(101)[:, None] / 2 - 7
    values[0, 0, 0], values[5, 0, 1] = -900.5, 3.5
    assert chosen(values, scale="middle") == "scale=-6.5:42.5/0.0:3.5"
    assert chosen(values, scale="line") == "scale=-900.5:43.0/0.0:3.5"


def test_others_count_for_lengths_and_the_unit_range_but_not_for_ranges() -> None:
    train, other = np.full((2, 4, 1), 0.5), np.array([[[0.1], [2.0]]])
    train[0] = 0.0
    assert write_presentation(choose({}, train, [other], None)) == "scale=0.0:0.5,frames=4"


# --- as text --------------------------------------------------------------------------------------------------


REALS = st.floats(-1e6, 1e6)
RANGES = st.tuples(REALS, REALS).map(lambda pair: (min(pair), max(pair)))
COUNTS = st.integers(1, 1000)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Presentation,
        missing=st.sampled_from(["refuse", "hold", "linear", "-1.5"]),
        scale=st.one_of(st.sampled_from(["none", "sample"]), st.lists(RANGES, min_size=2, max_size=4).map(tuple)),
        frames=st.none() | COUNTS,
        fit=st.sampled_from(["resample", "mean", "pad"]),
        channels=st.none() | COUNTS,
        join=COUNTS,
        cut=COUNTS,
        lines=st.none() | COUNTS,
        repeat=COUNTS,
    )
)
def test_a_stored_presentation_is_read_as_it_was(presentation: Presentation) -> None:
    assert read_presentation(write_presentation(presentation), "it") == presentation


def test_codes_are_stored_with_their_frames() -> None:
    for code in ("rate", "latency"):
        presentation = Presentation(code=code, code_frames=7)  # type: ignore[arg-type]
        assert write_presentation(presentation) == f"code={code}:7"
        assert read_presentation(f"code={code}:7", "it") == presentation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frames=0", "it has frames=0; legal: a whole number from 1 to 1000000"),
        ("frames=1000001", "it has frames=1000001; legal"),
        ("frames=2.0", "it has frames=2.0; legal"),
        ("frames", "it has 'frames'; .*legal: KEY=VALUE with missing, scale, frames"),
        ("fit=crop", "it has fit=crop; legal: resample, mean or pad"),
        ("missing=nan", "it has missing=nan; legal: refuse, hold, linear or a number"),
        ("scale=1", "it has scale=1; legal: none, line, middle, all, sample, LOW"),
        ("scale=2:1", "it has scale=2:1; legal"),
        ("scale=1:1", "it has scale=1:1; legal"),
        ("scale=0:inf", "it has scale=0:inf; legal"),
        ("code=rate", "it has code=rate; legal: level, rate:FRAMES or latency:FRAMES"),
        ("code=phase:3", "it has code=phase:3; legal"),
        ("scale=all", "it has scale=all, and not the ranges that it was fitted to"),
        ("cut=1,cut=1", "it has cut twice; say it once"),
    ],
)
def test_text_that_is_no_presentation(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_presentation(text, "it")


def test_what_is_done_is_told_in_words() -> None:
    words = Presentation("hold", "sample", 1, "pad", 3, 2, 4, 9, "rate", 5, 2).told
    assert words == (
        "missing values: hold, each sample from its own range to 0 .. 1, filled up with zeros or cut to 1 frame, "
        "channels averaged to 3, 2 frames side by side, each frame in 4 pieces, rate code of 5 frames, shown 2 times"
    )
    assert Presentation().told == "values as they are"
    assert Presentation(scale=((-1.0, 2.5),)).told == "values from -1 .. 2.5 to 0 .. 1"


def test_samples_of_objects_as_torchvision_has_them() -> None:
    class Images:
        classes = ("cat", "ant")

        def __len__(self) -> int:
            return 40

        def __getitem__(self, k: int) -> tuple[np.ndarray, int]:
            return np.full((1, 3, 4), k / 40), k % 2

    data = Dataset.from_samples(Images(), lines=4)
    assert data.class_names == ("ant", "cat")
    assert (data.steps, data.channels) == (3, 4)
    np.testing.assert_array_equal(data.train.inputs[:, 0, 0], data.train.indices / 40)
    np.testing.assert_array_equal(data.train.labels, 1 - data.train.indices % 2)
    pairs = [(np.float32(k), str(k % 2)) for k in range(40)]
    with pytest.raises(DataError, match=r"inputs have shape \(40,\)"):
        Dataset.from_samples(pairs)
    with pytest.raises(DataError, match="train is int; legal: an object with a length that gives pairs"):
        Dataset.from_samples(3)
