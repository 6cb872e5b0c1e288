"""Series of the UCR and UEA archives: excerpts of files that aeon ships, and files with one fault each."""

from pathlib import Path

import numpy as np
import pytest

from soensim.data import load_dataset
from soensim.data.formats.ts import read
from soensim.errors import DataError

SERIES = Path(__file__).parent / "series"
HEAD = "@problemName p\n@univariate false\n@equalLength false\n@classLabel true x y\n"


def test_samples_and_classes_are_those_of_the_file() -> None:
    raw = read((SERIES / "JapaneseVowels_TRAIN.ts", SERIES / "JapaneseVowels_TEST.ts"), {})
    assert raw.class_names == tuple("123456789")
    first, *_ = raw.train.values
    assert [sample.shape for sample in raw.train.values][:4] == [(20, 12), (26, 12), (18, 12), (17, 12)]
    assert (first[0, 0], first[1, 0], first[0, 1], first[-1, -1]) == (1.860936, 1.891651, -0.207383, -0.175986)
    assert raw.train.labels.tolist() == [name for name in "123456789" for _ in range(2)]
    assert raw.test is not None
    assert raw.test.values[0][0, 0] == 1.635533
    motions = read((SERIES / "BasicMotions_TRAIN.ts",), {})
    assert (motions.train.values.shape, motions.test) == ((4, 100, 6), None)
    assert motions.train.values[0, :3, 0].tolist() == [0.079106, 0.079106, -0.903497]
    assert motions.class_names == ("Standing", "Running", "Walking", "Badminton")


@pytest.mark.parametrize("name", ["ts:{0}/JapaneseVowels", "{0}/JapaneseVowels_TRAIN.ts,{0}/JapaneseVowels_TEST.ts"])
def test_a_pair_of_files_becomes_one_data_set(name: str) -> None:
    data = load_dataset(name.format(SERIES), lines=12)
    assert [split.samples for split in (data.train, data.validation, data.test)] == [16, 2, 9]
    assert (data.classes, data.channels) == (9, 12)
    train = read((SERIES / "JapaneseVowels_TRAIN.ts",), {}).train.values[data.train.indices]
    assert data.steps == max(len(sample) for sample in train)
    low, high = np.concatenate(list(train)).min(axis=0), np.concatenate(list(train)).max(axis=0)
    longest = next(k for k, sample in enumerate(train) if len(sample) == data.steps)
    np.testing.assert_allclose(data.train.inputs[longest], (train[longest] - low) / (high - low), atol=1e-12)


def broken(folder: Path, text: str) -> Path:
    path = folder / "s.ts"
    path.write_text(text)
    return path


def test_missing_values_are_not_numbers(tmp_path: Path) -> None:
    path = broken(tmp_path, f"# c\n% c\n\n{HEAD}@data\n1,?:2,NaN:x\n# c\n3:4:y\n")
    values = read((path,), {}).train.values
    np.testing.assert_array_equal(values[0], [[1, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(values[1], [[3, 4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2:x\n", r"s.ts:1: '1,2:x' comes before the line @data"),
        ("@classLabels true x y\n", r"s.ts:1: unknown key @classLabels; did you mean 'classlabel'\?"),
        (HEAD, "s.ts: has no line @data"),
        (f"{HEAD}@data\n", "s.ts: has no samples after @data"),
        ("@classLabel false\n@data\n1:x\n", "s.ts: names no classes; it needs a line @classLabel true NAME"),
        ("@targetLabel true\n@data\n1:x\n", r"s.ts: names no classes \(its target is a number\)"),
        ("@univariate maybe\n@data\n1:x\n", "s.ts: @univariate is 'maybe'; legal: true or false"),
        ("@dimensions two\n@data\n1:x\n", "s.ts: @dimensions is 'two'; legal: a whole number"),
        (f"@timeStamps true\n{HEAD}@data\n(0,1):x\n", "s.ts: its values have time stamps"),
        (f"{HEAD}@data\n1:z\n", "s.ts:6: the class is 'z'; @classLabel has x, y"),
        (f"{HEAD}@dimensions 3\n@data\n1:2:x\n", "s.ts:7: has 2 channels; the header says 3"),
        (f"{HEAD.replace('@univariate false', '@univariate true')}@data\n1:2:x\n", "has 2 channels; the header says 1"),
        (f"{HEAD}@data\nx\n", "s.ts:6: has 0 channels; the header says 1 or more"),
        (f"{HEAD}@data\n1,2:3:x\n", "s.ts:6: its channels have 1 to 2 values; they must be of one length"),
        (
            f"{HEAD.replace('@equalLength false', '@equalLength true')}@seriesLength 3\n@data\n1,2:x\n",
            "s.ts:7: has 2 frames; @seriesLength says 3",
        ),
        (f"@missing false\n{HEAD}@data\n1,?:x\n", "s.ts:7: a value is missing, and @missing is false"),
        (f"{HEAD}@data\n1,a:x\n", "s.ts:6: 'a' is no number"),
        (f"{HEAD}@data\n1,inf:x\n", "s.ts:6: a value is infinite"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read((broken(tmp_path, text),), {})


def test_classes_of_train_and_test_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "p_TRAIN.ts").write_text(f"{HEAD}@data\n1:x\n")
    (tmp_path / "p_TEST.ts").write_text(f"{HEAD.replace('x y', 'y x')}@data\n1:x\n")
    with pytest.raises(DataError, match=r"p_TEST.ts: has the classes y, x, .*p_TRAIN.ts x, y"):
        read((tmp_path / "p",), {})
