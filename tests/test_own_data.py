"""Data of a user's own: arrays, files of each format, names, splits, and how programs keep their presentation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.data import Dataset, absolute_name, canonical_name, load_dataset, own_name, source_name
from soensim.errors import DataError

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(60, 5, 2))
LABELS = np.arange(60) % 3


def all_samples(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of a set that was split, in the order of the source."""
    splits = (data.train, data.validation, data.test)
    order = np.argsort(np.concatenate([split.indices for split in splits]))
    inputs, labels = (np.concatenate([getattr(s, part) for s in splits])[order] for part in ("inputs", "labels"))
    return inputs, labels


# --- arrays ---------------------------------------------------------------------------------------------------


def test_arrays_are_split_and_scaled_by_the_training_samples_alone() -> None:
    data = Dataset.from_arrays(SERIES, LABELS)
    assert (data.classes, data.steps, data.channels, data.name) == (3, 5, 2, "arrays")
    assert [split.samples for split in (data.train, data.validation, data.test)] == [43, 5, 12]
    train = SERIES[data.train.indices]
    low, high = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    for split in (data.train, data.validation, data.test):
        expected = np.clip((SERIES[split.indices] - low) / (high - low), 0, 1)
        np.testing.assert_allclose(split.inputs, expected, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(split.labels, LABELS[split.indices])
    ranges = [f"{float(a)!r}:{float(b)!r}" for a, b in zip(low, high, strict=True)]
    assert data.origin["presentation"] == f"scale={'/'.join(ranges)}"
    assert data.told.startswith(
        "arrays: samples: 43 to train, 5 to validate, 12 to test; classes: 0, 1, 2; each channel"
    )
    assert "; 5 frames x 2 lines" in data.told


def test_given_splits_are_kept_and_scaled_as_the_training() -> None:
    test, validation = (2 * SERIES[:6], LABELS[:6]), (SERIES[6:9], LABELS[6:9])
    data = Dataset.from_arrays(SERIES, LABELS, test=test, validation=validation)
    assert [split.samples for split in (data.train, data.validation, data.test)] == [60, 3, 6]
    again = Dataset.from_arrays(SERIES, LABELS, test=(SERIES[:6], LABELS[:6]), validation=validation, data_seed=7)
    np.testing.assert_allclose(again.test.inputs, again.train.inputs[:6])
    assert data.test.inputs.max() == 1  # beyond the range of the training samples
    assert again.origin["presentation"] == data.origin["presentation"]


@pytest.mark.parametrize(
    ("labels", "names", "first"),
    [
        (np.array([5, -1, 12] * 20), ("-1", "5", "12"), [1, 0, 2]),
        (["walk", "stand", "run"] * 20, ("run", "stand", "walk"), [2, 1, 0]),
        (["10", "9", "2"] * 20, ("2", "9", "10"), [2, 1, 0]),
        (np.arange(60) % 2 == 1, ("0", "1"), [0, 1, 0]),
    ],
)
def test_classes_keep_their_names_in_order(labels: object, names: tuple[str, ...], first: list[int]) -> None:
    data = Dataset.from_arrays(SERIES, labels)
    assert data.class_names == names
    assert data.classes == len(names)
    assert all_samples(data)[1][:3].tolist() == first


def test_one_array_per_sample_may_have_its_own_length() -> None:
    ragged = [SERIES[k][: 3 + k % 3] for k in range(60)]
    data = Dataset.from_arrays(ragged, LABELS)
    assert (data.steps, data.channels) == (5, 2)
    inputs, _ = all_samples(data)
    low, high = (
        np.array([float(word) for word in data.origin["presentation"].split(",")[0][6:].replace("/", ":").split(":")])
        .reshape(2, 2)
        .T
    )
    scaled = np.clip((ragged[0] - low) / (high - low), 0, 1)  # three frames become five: each second one is a mean
    np.testing.assert_allclose(inputs[0, ::2], scaled)
    np.testing.assert_allclose(inputs[0, 1], scaled[:2].mean(axis=0))


def test_features_images_and_films_are_sequences() -> None:
    assert Dataset.from_arrays(SERIES[:, 0], LABELS).train.inputs.shape == (43, 1, 2)
    assert Dataset.from_arrays(RNG.random((60, 4, 3, 2)), LABELS).train.inputs.shape == (43, 4, 6)


def test_values_in_the_unit_range_stay_as_they_are() -> None:
    values = RNG.random((60, 5, 2))
    data = Dataset.from_arrays(values, LABELS)
    np.testing.assert_array_equal(all_samples(data)[0], values)
    assert data.origin["presentation"] == ""
    assert Dataset.from_arrays(values.astype(np.float32), LABELS).train.inputs.dtype == np.float32


@pytest.mark.parametrize(
    ("x", "y", "more", "message"),
    [
        (SERIES[:59], LABELS, {}, "arrays: inputs have 59 samples, labels 60; each needs one"),
        (
            np.where(np.arange(2) == 1, np.nan, SERIES),
            LABELS,
            {},
            r"arrays: inputs: element \[0, 0, 1\] is nan; values mu",
        ),
        ([SERIES[0], SERIES[1][:, :1]] * 30, LABELS, {}, "sample 1 has 1 channels, sample 0 has 2"),
        ([SERIES[0], SERIES[1][0]] * 30, LABELS, {}, r"sample 1 has shape \(2,\); legal: \(frames, channels\)"),
        (SERIES.astype(complex), LABELS, {}, "inputs are of type complex128; legal: real numbers"),
        ([], [], {}, "there are no samples"),
        ([[1, [2]], [3, 4]], LABELS, {}, "sample 0 cannot become an array"),
        (SERIES, LABELS / 2, {}, "labels have shape .60,., type float64; legal: .samples,., whole numbers or text"),
        (SERIES, [0] * 60, {}, "labels are 0; legal: two classes or more"),
        (SERIES, LABELS, {"test": SERIES}, r"test is ndarray; legal: a pair of values and labels, \(x, y\)"),
        (SERIES, LABELS, {"test": (SERIES[:1], [3])}, "test_labels have '3'; the training samples have 0, 1, 2"),
        (
            SERIES,
            LABELS,
            {"test": (SERIES[:, :, :1], LABELS)},
            r"test_inputs have shape \(60, 5, 1\); legal: 2 channels",
        ),
        (SERIES, LABELS, {"lines": 0}, "lines is 0; it must be a whole number, 1 or more"),
        (SERIES, LABELS, {"lines": 1, "presentation": "join=1"}, "a frame has 2 values for 1 lines; show it in pieces"),
        (SERIES, LABELS, {"lines": 8, "presentation": "lines=4"}, "says lines=4, the chip has 8 that carry data"),
        (
            SERIES,
            LABELS,
            {"presentation": "scale=none"},
            r"says scale=none, and values reach -[0-9.]+ \.\. [0-9.]+; they",
        ),
        (SERIES, LABELS, {"presentation": "frame=3"}, "has 'frame=3'; did you mean 'frames'"),
        (SERIES, LABELS, {"data_seed": -1}, "data_seed is -1"),
    ],
)
def test_bad_arrays_are_named(x: object, y: object, more: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(x, y, **more)


# --- names ----------------------------------------------------------------------------------------------------


def test_names_of_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert canonical_name("a/b.csv") == "csv:a/b.csv"
    assert canonical_name("A.NPZ::frames=3") == "npz:A.NPZ::frames=3"
    assert absolute_name("x.npy,sub/y.npy::cut=2") == f"npy:{tmp_path}/x.npy,{tmp_path}/sub/y.npy::cut=2"
    assert source_name("d.csv::sample=id,frames=3,label=who") == f"csv:{tmp_path}/d.csv::sample=id,label=who"
    assert own_name("npz:my,file.npz").paths == ("my,file.npz",)  # type: ignore[union-attr]
    assert own_name("odd::name.npz").paths == ("odd::name.npz",)  # type: ignore[union-attr]
    assert own_name("digits-rows") is None
    with pytest.raises(
        DataError, match=r"d.csv::labels=who: the part after :: has 'labels=who'; did you mean 'label'\?"
    ):
        canonical_name("d.csv::labels=who")
    with pytest.raises(DataError, match=r"presentation has frames=0; legal: a whole number from 1 to 1000000"):
        canonical_name("d.npz::frames=0")
    with pytest.raises(DataError, match="the part after :: has cut twice"):
        canonical_name("d.npz::cut=2,cut=3")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["", "npz:", "wav:", "csv:", "idx:", "x:"]),
    st.text(st.sampled_from("a.,:=/~ \x01ß"), max_size=8),
    st.sampled_from(
        ["", ".csv", ".npz", ".TS", ".npy,b.npy", "::frames=3", ".csv::", "::", "::missing=-1,scale=0:1/2:3"]
    ),
)
def test_any_name_is_read_or_refused_and_a_canonical_one_stays(prefix: str, text: str, end: str) -> None:
    try:
        name = canonical_name(prefix + text + end)
    except DataError:
        return
    assert canonical_name(name) == name
    if "~" not in text:  # it may be an unknown user
        assert canonical_name(absolute_name(name)) == absolute_name(name) == absolute_name(absolute_name(name))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("npz:a\0b", r"'npz:a.*b': cannot be read: embedded null byte"),
        ("csv::a", "'csv::a': a path begins with a colon; write ./ before it"),
        ("wav:,", "'wav:,': names no folder; legal: wav:FOLDER"),
        (f"csv:{'x' * 300}", "cannot be read: File name too long"),
        (f"ts:{'x' * 300}.ts", "cannot be read: File name too long"),
        (f"images:{'x' * 300}", "File name too long"),
        (f"idx:{'x' * 300},y", "cannot be read: File name too long"),
        ("ts:nowhere/at", "nowhere/at: no such file"),
        ("ts:nowhere", "nowhere: no such file"),
        ("csv:nowhere.csv", "nowhere.csv: no such file"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        load_dataset(name)
    if "\0" not in name and name not in ("wav:,", "csv::a"):
        own = own_name(name)
        assert own is not None
        assert len(own.files()) == len(own.paths)


def test_arrays_and_their_file_are_the_same_data(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", inputs=SERIES, labels=LABELS)
    np.save(tmp_path / "x.npy", SERIES)
    np.save(tmp_path / "y.npy", LABELS)
    arrays = Dataset.from_arrays(SERIES, LABELS, data_seed=2)
    for name in (f"{tmp_path}/own.npz", f"{tmp_path}/x.npy,{tmp_path}/y.npy"):
        data = load_dataset(name, data_seed=2)
        assert data.origin == arrays.origin
        assert data.fingerprint == arrays.fingerprint
    four = load_dataset(f"npy:{tmp_path}/x.npy,{tmp_path}/y.npy,{tmp_path}/x.npy,{tmp_path}/y.npy")
    assert (four.train.samples, four.test.samples) == (54, 60)
    with pytest.raises(DataError, match=r"npy: 1 files are named: .*x.npy; legal: X.npy,Y.npy or"):
        load_dataset(f"{tmp_path}/x.npy")
    with pytest.raises(DataError, match=r"own.npz: is a second archive"):
        load_dataset(f"{tmp_path}/own.npz,{tmp_path}/own.npz")


# --- tables ---------------------------------------------------------------------------------------------------


def written(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_wide_table(tmp_path: Path) -> None:
    rows = [f'{k};{-k / 4};"{("b", "a")[k % 2]}"' for k in range(20)]
    name = written(tmp_path / "t.csv", "up; down; Class", *rows)
    data = load_dataset(name)
    assert (data.name, data.class_names, data.steps, data.channels) == (f"csv:{name}", ("a", "b"), 1, 2)
    inputs, labels = all_samples(data)
    assert labels.tolist() == [1, 0] * 10
    first, last = data.train.indices[[0, -1]]
    np.testing.assert_allclose(inputs[:, 0, 0], np.clip((np.arange(20) - first) / (last - first), 0, 1))
    np.testing.assert_allclose(inputs[:, 0, 1], 1 - inputs[:, 0, 0])


def test_a_column_y_is_the_label_where_no_other_is(tmp_path: Path) -> None:
    rows = [f"{k},{k % 2},{k % 5}" for k in range(20)]
    assert load_dataset(written(tmp_path / "a.csv", "x,label,y", *rows)).class_names == ("0", "1")
    assert load_dataset(written(tmp_path / "b.csv", "x,z,Y", *rows)).class_names == ("0", "1", "2", "3", "4")


def test_a_table_without_names_is_told_its_label(tmp_path: Path) -> None:
    name = written(tmp_path / "t.csv", *(f"{k % 2},{k},7,{k * k}" for k in range(20)))
    with pytest.raises(
        DataError, match=r"t.csv:1: no column is called label, class, target, y; say .* there are 0, 1, 2, 3"
    ):
        load_dataset(name)
    data = load_dataset(f"{name}::label=0,ignore=2")
    assert (data.channels, data.class_names) == (2, ("0", "1"))
    assert load_dataset(f"{name}::label=0").test.inputs[:, :, 1].max() == 0  # a channel that never changes


def test_long_tables_and_their_order(tmp_path: Path) -> None:
    values = RNG.normal(size=(20, 3, 2))
    lines = [f"{s},{t},{values[s, t, 0]!r},{values[s, t, 1]!r},c{s % 2}" for s in range(20) for t in (2, 0, 1)]
    lines = [line.replace("np.float64(", "").replace(")", "") for line in lines]
    frames = load_dataset(written(tmp_path / "f.csv", "series,t,a,b,label", *lines))
    each = [f"{s}\t{t}\t{c}\t{float(values[s, t, c])!r}\tc{s % 2}" for c in (1, 0) for t in range(3) for s in range(20)]
    single = load_dataset(written(tmp_path / "v.tsv", "sample\tframe\tchannel\tvalue\ty", *each))
    expected = Dataset.from_arrays(values, [f"c{s % 2}" for s in range(20)])
    for data in (frames, single):
        assert data.origin == expected.origin
        assert data.fingerprint == expected.fingerprint


def test_a_column_of_splits_and_a_test_table(tmp_path: Path) -> None:
    splits = ["train"] * 12 + ["val"] * 3 + ["TEST"] * 5
    lines = [f"{k},{k % 2},{split}" for k, split in enumerate(splits)]
    data = load_dataset(written(tmp_path / "t.csv", "x,label,split", *lines))
    assert [split.samples for split in (data.train, data.validation, data.test)] == [12, 3, 5]
    a, b = (
        written(tmp_path / f"d_{end}.csv", "x,label", *(f"{k},{k % 2}" for k in range(20))) for end in ("train", "test")
    )
    for name in (f"{a},{b}", f"csv:{tmp_path}/d"):
        assert load_dataset(name).test.samples == 20
    with pytest.raises(DataError, match=r"d_test.csv: is given as the training samples; write the other file first"):
        load_dataset(f"{b},{a}")
    with pytest.raises(DataError, match=r"t.csv: has a column of splits, and .*d_test.csv is given too"):
        load_dataset(f"{tmp_path}/t.csv,{b}")
    with pytest.raises(DataError, match="is a third file; legal: one with all samples, or TRAIN,TEST"):
        load_dataset(f"{a},{b},{b}")
    written(tmp_path / "e_train.csv", "x,label", "1,2")
    with pytest.raises(
        DataError, match=r"one file \*_TRAIN and one \*_TEST .* there are: d_test.csv, d_train.csv, e_train"
    ):
        load_dataset(f"csv:{tmp_path}/")


@pytest.mark.parametrize(
    ("lines", "more", "message"),
    [
        (("a,label", "1,x", "two,y"), "", "t.csv:3: column 'a': 'two' is no finite number"),
        (("a,label", "1,x", "inf,y"), "", "t.csv:3: column 'a': 'inf' is no finite number"),
        (("a,label", "1,x", "2"), "", "t.csv:3: has 1 columns, the first line 2"),
        (("a,label", "1,x", "2,"), "", "t.csv:3: has no label"),
        (("a,a,label", "1,1,x"), "", "t.csv:1: two columns are called 'a'"),
        (("a,label,class", "1,x,y"), "", "t.csv:1: several columns may be the label; say which: ::label=label"),
        (("a,label", "1,x"), "::label=b", r"t.csv:1: there is no column 'b' \(label=\); there are a, label"),
        (("a,label", "1,x"), "::ignore=b", r"t.csv:1: there is no column 'b' \(ignore=\)"),
        (("a,label", "1,x"), "::ignore=a", "t.csv:1: no column is left for the values"),
        (("a,label",), "", "t.csv: has no rows"),
        (("a,label,split", "1,x,use"), "", "t.csv:2: the split is 'use'; legal: train, validation, test"),
        (("a,label,split", "1,x,test"), "", "t.csv: no sample is of the split train"),
        (("sample,a,label", "1,1,x", "1,2,y"), "", "t.csv:3: sample '1' has the label 'y', before 'x'"),
        (("sample,t,a,label", "1,0,1,x", "1,0,2,x"), "", "sample 1 has frame 0 twice"),
        (("sample,t,channel,value,label", "1,0,0,1,x", "1,0,0,2,x"), "", "sample 1 has frame 0 of channel 0 twice"),
        (("sample,t,a,label", "1,now,1,x"), "", "t.csv:2: column 't': 'now' is no finite number"),
        (("a,label", '"1,x'), "", "t.csv:2: is not a CSV file"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, lines: tuple[str, ...], more: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(written(tmp_path / "t.csv", *lines) + more)


def test_missing_values_are_refused_or_filled(tmp_path: Path) -> None:
    rows = [f"{s},{t},{'?' if (s + t) % 4 == 0 else t},{s % 2}" for s in range(20) for t in range(4)]
    name = written(tmp_path / "t.csv", "sample,t,a,label", *rows)
    with pytest.raises(
        DataError, match=r"t.csv: inputs: element \[0, 0, 0\] is nan; .* missing=hold, linear or a number"
    ):
        load_dataset(name)
    inputs, _ = all_samples(load_dataset(f"{name}::missing=hold"))
    np.testing.assert_allclose(inputs[:4, :, 0] * 3, [[1, 1, 2, 3], [0, 1, 2, 2], [0, 1, 1, 3], [0, 0, 2, 3]])
    inputs, _ = all_samples(load_dataset(f"{name}::missing=linear"))
    np.testing.assert_allclose(inputs[:4, :, 0] * 3, [[1, 1, 2, 3], [0, 1, 2, 2], [0, 1, 2, 3], [0, 1, 2, 3]])
    data = load_dataset(f"{name}::missing=3")
    inputs, _ = all_samples(data)
    np.testing.assert_allclose(inputs[:4, :, 0] * 3, [[3, 1, 2, 3], [0, 1, 2, 3], [0, 1, 3, 3], [0, 3, 2, 3]])
    assert data.origin["presentation"] == "missing=3.0,scale=0.0:3.0"
