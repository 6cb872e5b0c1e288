"""The data room: splits, encoders, own files, MNIST files and mirrors. Nothing here needs the network."""

import gzip
import hashlib
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.data import (
    DATASETS,
    Dataset,
    argmax_decode,
    batches,
    canonical_name,
    encode,
    load_dataset,
    mnist,
)
from soensim.data import digits as digits_room
from soensim.data.idx import SourceFile, read_cached, read_idx, read_local
from soensim.data.splits import stratified
from soensim.errors import DataError

LOCAL = Path(os.environ.get("SOENSIM_DATA") or Path(__file__).parents[2] / "shared/data")
needs_mnist = pytest.mark.skipif(
    not (LOCAL / "mnist").is_dir(), reason=f"no MNIST files in {LOCAL}/mnist (name a folder by SOENSIM_DATA)"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's cache, folder and proxy."""
    monkeypatch.delenv("SOENSIM_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache/soensim"


def test_importing_the_room_stays_light() -> None:
    code = "import sys, soensim.data; print({'sklearn', 'pooch', 'torch', 'numba', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# names


def test_names_and_the_alias() -> None:
    assert canonical_name("mnist-8in") == "mnist-8in-pool"
    assert canonical_name("npz:some/Where.npz") == "npz:some/Where.npz"
    for name in DATASETS:
        assert canonical_name(name) == name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("digit-rows", "digits-rows"), ("MNIST_rows", "mnist-rows"), ("mnist-8in-8x9", "mnist-8in-8x8")],
)
def test_an_unknown_name_gets_the_nearest_and_the_list(name: str, nearest: str) -> None:
    with pytest.raises(DataError, match=f"unknown data set '{name}', did you mean '{nearest}'") as caught:
        load_dataset(name)
    for known in (*DATASETS, "mnist-8in"):
        assert known in str(caught.value)


def test_a_hopeless_name_is_still_answered_with_the_list() -> None:
    with pytest.raises(DataError, match="unknown data set 'qqq'; legal: digits-rows, "):
        load_dataset("qqq")


# digits


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits-rows")


def test_digits_splits_are_disjoint_complete_and_stratified(digits: Dataset) -> None:
    splits = (digits.train, digits.validation, digits.test)
    assert [split.samples for split in splits] == [1257, 180, 360]
    assert (digits.name, digits.classes, digits.steps, digits.channels) == ("digits-rows", 10, 8, 8)
    together = np.concatenate([split.indices for split in splits])
    np.testing.assert_array_equal(np.sort(together), np.arange(1797))
    counts = np.bincount(np.concatenate([split.labels for split in splits]))
    for split in splits:
        share = split.samples * counts / 1797
        assert np.all(np.abs(np.bincount(split.labels) - share) < 2)


def test_digits_are_the_source_images_row_by_row(digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    for split in (digits.train, digits.validation, digits.test):
        np.testing.assert_array_equal(split.inputs, bunch.images[split.indices] / 16)
        np.testing.assert_array_equal(split.labels, bunch.target[split.indices])
        assert split.inputs.dtype == np.float32
        assert split.labels.dtype == split.indices.dtype == np.int64


def test_the_digits_need_no_import_of_scikit_learn_unless_it_keeps_them_elsewhere(
    monkeypatch: pytest.MonkeyPatch, digits: Dataset
) -> None:
    code = "import sys, soensim.data; soensim.data.load_dataset('digits-rows'); print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    monkeypatch.setattr(digits_room, "find_spec", lambda _: None)
    assert load_dataset("digits-rows").fingerprint == digits.fingerprint


def test_split_arrays_refuse_writes(digits: Dataset) -> None:
    for array in (digits.train.inputs, digits.train.labels, digits.train.indices):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_seed_determines_the_digits_split(digits: Dataset) -> None:
    again, other = load_dataset("digits-rows"), load_dataset("digits-rows", data_seed=1)
    assert again.fingerprint == digits.fingerprint != other.fingerprint
    np.testing.assert_array_equal(again.train.indices, digits.train.indices)
    assert not np.array_equal(other.test.indices, digits.test.indices)


def test_recorded_digits_splits_keep_their_meaning(digits: Dataset) -> None:
    # shipped programs record it: if it changes, their test split is no longer what training left out
    assert digits.fingerprint == "f306713e5b8a1d6aba780518d0b863a4314a10cf1b037848fce3b9d3e2564c36"


def test_validation_fraction_moves_no_test_sample(digits: Dataset) -> None:
    half = load_dataset("digits-rows", validation_fraction=0.5)
    none = load_dataset("digits-rows", validation_fraction=0)
    assert (half.validation.samples, none.validation.samples) == (round(1437 / 2), 0)
    assert none.validation.inputs.shape == (0, 8, 8)
    assert half.fingerprint == none.fingerprint == digits.fingerprint


@pytest.mark.parametrize("fraction", [1, -0.1, float("nan"), "0.1", True])
def test_bad_validation_fraction(fraction: float) -> None:
    with pytest.raises(DataError, match=r"validation_fraction is .*legal: 0"):
        load_dataset("digits-rows", validation_fraction=fraction)


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None, True])
def test_bad_data_seed(seed: int) -> None:
    with pytest.raises(DataError, match=r"data_seed is .*whole number, 0 or more"):
        load_dataset("digits-rows", data_seed=seed)


def test_fingerprint_sees_values_labels_and_indices_of_the_test_split_only(digits: Dataset) -> None:
    test = digits.test
    altered = test.source.copy()
    altered[test.indices[5], 3, 3] ^= 1
    relabelled = test.labels.copy()
    relabelled[0] += 1
    shifted = test.indices.copy()
    shifted[0] += 1
    variants = [
        replace(digits, test=replace(test, source=altered)),
        replace(digits, test=replace(test, labels=relabelled)),
        replace(digits, test=replace(test, indices=shifted)),
    ]
    assert len({digits.fingerprint, *(variant.fingerprint for variant in variants)}) == 4
    assert replace(digits, train=digits.validation).fingerprint == digits.fingerprint


# stratified splits and batches


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(8, 40), min_size=2, max_size=6), st.integers(0, 2**70), st.data())
def test_stratified_parts_have_their_sizes_and_shares(counts: list[int], seed: int, data: st.DataObject) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    total = len(labels)
    sizes = (data.draw(st.integers(0, total // 4)), data.draw(st.integers(0, total // 4)))
    parts = stratified(labels, sizes, seed, source="x")
    assert [len(part) for part in parts] == [*sizes, total - sum(sizes)]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(total))
    for size, part in zip(sizes, parts, strict=False):
        share = size * np.array(counts) / total
        assert np.all(np.abs(np.bincount(labels[part], minlength=len(counts)) - share) < 1)


def test_stratified_never_leaves_a_class_untrained() -> None:
    labels = np.array([0] * 20 + [1])
    with pytest.raises(DataError, match="own: class 1 has 1 samples and none is left for training after 20"):
        stratified(labels, (20,), 0, source="own")


def test_batches_cover_an_epoch_once() -> None:
    drawn = batches(103, 10, seed=3, epoch=0)
    assert [len(batch) for batch in drawn] == [10] * 10 + [3]
    np.testing.assert_array_equal(np.sort(np.concatenate(drawn)), np.arange(103))


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(np.concatenate(batches(50, 50, seed=seed, epoch=epoch)))

    assert order(3, 7) == order(3, 7)
    assert len({order(seed, epoch) for seed in range(4) for epoch in range(4)}) == 16
    # a resumed training must see the same, on any machine
    assert order(0, 0)[:5] == (49, 24, 19, 40, 34)


def test_batches_shuffle_evenly() -> None:
    first = [batches(10, 1, seed=0, epoch=epoch)[0][0] for epoch in range(2000)]
    assert np.bincount(first).min() > 150  # 200 expected, standard deviation 13


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0, 1, 0, 0), "samples"),
        ((5, 0, 0, 0), "batch_size"),
        ((5, 2, -1, 0), "seed"),
        ((5, 2, 0, 0.5), "epoch"),
    ],
)
def test_bad_batch_arguments(arguments: tuple[int, int, int, int], named: str) -> None:
    samples, size, seed, epoch = arguments
    with pytest.raises(DataError, match=f"^{named} is "):
        batches(samples, size, seed=seed, epoch=epoch)


# encoders and decoders


def test_encode_maps_the_ends_and_keeps_precision() -> None:
    for dtype in (np.float32, np.float64):
        values = np.array([[0, 0.5, 1]], dtype=dtype)
        encoded = encode(values, 0.025, 0.275)
        assert encoded.dtype == dtype
        np.testing.assert_allclose(encoded, [[0.025, 0.15, 0.275]], rtol=2 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(values, [[0, 0.5, 1]])


@pytest.mark.parametrize("value", [-1e-3, 1.001, np.nan, np.inf])
def test_encode_names_the_first_value_outside(value: float) -> None:
    values = np.full((2, 3), 0.5)
    values[1, 2] = value
    with pytest.raises(DataError, match=r"\[0, 1\]; element \[1, 2\] is"):
        encode(values, 0, 1)


@pytest.mark.parametrize(("low", "high"), [(1, 0), (0.1, 0.1), (0, np.nan), (-np.inf, 0)])
def test_encode_refuses_a_bad_drive_range(low: float, high: float) -> None:
    with pytest.raises(DataError, match="drive range"):
        encode(np.zeros(2), low, high)


def test_encode_refuses_whole_numbers() -> None:
    with pytest.raises(DataError, match="type uint8"):
        encode(np.array([0, 255], dtype=np.uint8), 0, 1)


def test_argmax_decode() -> None:
    scores = np.array([[0.1, 0.9, 0.3], [0.5, 0.2, 0.5]])
    decoded = argmax_decode(scores)
    np.testing.assert_array_equal(decoded, [1, 0])
    assert decoded.dtype == np.int64
    with pytest.raises(DataError, match="1 samples have a score that is not a number"):
        argmax_decode(np.array([[0.1, np.nan], [0.2, 0.3]]))
    with pytest.raises(DataError, match="shape"):
        argmax_decode(np.float64(1))


# own data


def _own(rng_seed: int = 0, samples: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rng_seed)
    return {"inputs": rng.random((samples, 5, 2)), "labels": np.arange(samples) % 3}


def _saved(folder: Path, arrays: dict[str, np.ndarray]) -> str:
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return f"npz:{path}"


def test_own_data_is_split_by_seed(tmp_path: Path) -> None:
    arrays = _own()
    data = load_dataset(_saved(tmp_path, arrays), data_seed=4)
    assert (data.classes, data.steps, data.channels) == (3, 5, 2)
    assert [split.samples for split in (data.train, data.validation, data.test)] == [43, 5, 12]
    for split in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(split.inputs, arrays["inputs"][split.indices])
        np.testing.assert_array_equal(split.labels, arrays["labels"][split.indices])
        assert split.inputs.dtype == np.float64
    assert data.fingerprint != load_dataset(data.name, data_seed=5).fingerprint


def test_own_test_split_is_kept_under_any_seed(tmp_path: Path) -> None:
    test = _own(1, 9)
    name = _saved(tmp_path, {**_own(), "test_inputs": test["inputs"], "test_labels": test["labels"]})
    data, other = load_dataset(name), load_dataset(name, data_seed=1, validation_fraction=0.25)
    np.testing.assert_array_equal(data.test.inputs, test["inputs"])
    np.testing.assert_array_equal(data.test.labels, test["labels"])
    assert data.fingerprint == other.fingerprint
    assert (data.train.samples, data.validation.samples) == (54, 6)
    assert (other.train.samples, other.validation.samples) == (45, 15)


def test_own_spikes_may_be_whole_or_boolean(tmp_path: Path) -> None:
    spikes = _own()["inputs"] > 0.5
    for dtype in (bool, np.uint8, np.int64, np.float16):
        data = load_dataset(_saved(tmp_path, {**_own(), "inputs": spikes.astype(dtype)}))
        assert data.train.inputs.dtype == np.float32
        np.testing.assert_array_equal(data.train.inputs, spikes[data.train.indices])


def _with(**changes: np.ndarray) -> dict[str, np.ndarray]:
    return {**_own(), **changes}


def _spoilt(value: float) -> np.ndarray:
    inputs = _own()["inputs"]
    inputs[3, 0, 1] = value
    return inputs


_TEST = {"test_inputs": np.zeros((2, 5, 2)), "test_labels": np.array([0, 2])}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (_with(inputs=_spoilt(np.nan)), r"element \[3, 0, 1\] is nan; .* fill in what is missing with missing=hold"),
        (_with(inputs=_spoilt(np.inf)), r"element \[3, 0, 1\] is inf; values must be finite numbers$"),
        (_with(inputs=np.zeros(60)), r"inputs have shape \(60,\); legal: \(samples, channels\), \(samples, frames, ch"),
        (_with(inputs=np.full((60, 5, 2), 3.0)), "all values of the training samples are 3; there is nothing to learn"),
        (_with(inputs=np.zeros((60, 0, 2))), r"inputs have shape \(60, 0, 2\)"),
        (_with(inputs=np.zeros((60, 5, 2), dtype=complex)), "type complex128; it must hold real"),
        (_with(inputs=np.full((60, 5, 2), "a")), "type <U1; it must hold real"),
        (_with(labels=np.arange(59) % 3), "inputs have 60 samples, labels 59; each needs one"),
        (_with(labels=np.zeros((60, 1), dtype=int)), r"labels have shape \(60, 1\)"),
        (_with(labels=np.arange(60) % 3 / 1.0), "type float64; legal: .*whole numbers"),
        (_with(labels=np.zeros(60, dtype=int)), "labels are 0; legal: two classes or more"),
        (_with(labels=np.arange(60) * 10**12), "class 0 has 1 samples and none is left for training"),
        ({"inputs": _own()["inputs"]}, "array 'labels' is missing"),
        (
            _with(test_input=np.zeros((1, 5, 2))),
            "unknown array 'test_input'; legal: inputs, labels, validation_inputs",
        ),
        (_with(test_inputs=np.zeros((1, 5, 2))), "test_inputs and test_labels come together"),
        (
            _with(**_TEST | {"test_inputs": np.zeros((2, 5, 3))}),
            r"test_inputs have shape \(2, 5, 3\); legal: 2 channels, as the training samples",
        ),
        (_with(**_TEST | {"test_labels": np.array([0, 3])}), "test_labels have '3'; the training samples have 0, 1, 2"),
        (_with(**_TEST | {"test_inputs": np.full((2, 5, 2), np.nan)}), r"test_inputs: element \[0, 0, 0\] is nan"),
    ],
)
def test_bad_own_data_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(_saved(tmp_path, arrays))
    assert str(tmp_path / "own.npz") in str(caught.value)


def test_own_data_too_small_for_its_splits(tmp_path: Path) -> None:
    name = _saved(tmp_path, {"inputs": np.zeros((5, 1, 1)), "labels": np.array([0, 0, 0, 0, 1])})
    with pytest.raises(DataError, match=r"own.npz: class 1 has 1 samples and none is left .* 1 and 3 are held out"):
        load_dataset(name, validation_fraction=0.75)


def test_own_data_is_never_unpickled(tmp_path: Path) -> None:
    name = _saved(tmp_path, {**_own(), "labels": np.array([print] * 60, dtype=object)})
    with pytest.raises(DataError, match=r"own.npz: array 'labels' has the type Python object"):
        load_dataset(name)


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.npz: no such file; write it with"):
        load_dataset(f"npz:{tmp_path}/nowhere.npz")
    with pytest.raises(DataError, match="is a directory; give the path of one npz file in it"):
        load_dataset(f"npz:{tmp_path}")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"one.npy: is an npy file"):
        load_dataset(f"npz:{tmp_path}/one.npy")
    whole = Path(_saved(tmp_path, _own()).removeprefix("npz:"))
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 0xFF
    whole.write_bytes(content)
    with pytest.raises(DataError, match=r"own.npz: (is not an npz file, or a damaged one|array '.*' is damaged)"):
        load_dataset(f"npz:{whole}")


# IDX files, folders and mirrors, with a small file in the place of MNIST

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
UNPACKED = struct.pack(">4I", 0x0803, 2, 3, 4) + VALUES.tobytes()
PACKED = gzip.compress(UNPACKED, mtime=0)  # the time is part of the content, hence of the names of the tests
SMALL = SourceFile("small-idx3-ubyte", (2, 3, 4), hashlib.sha256(UNPACKED).hexdigest())


@pytest.mark.parametrize("content", [UNPACKED, PACKED, gzip.compress(UNPACKED, 1, mtime=5)])
def test_idx_packed_in_any_way_or_not(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    np.testing.assert_array_equal(read_idx(tmp_path / "x", SMALL), VALUES)


BAD_CONTENTS = [
    (b"", "wrong magic number"),
    (b"<html>not found</html>", "wrong magic number 0x3c68746d; .* 0x00000803"),
    (gzip.compress(struct.pack(">2I", 0x0801, 24) + VALUES.tobytes(), mtime=0), "wrong magic number 0x00000801"),
    (PACKED[:-12], "damaged or truncated gzip"),
    (PACKED[:-3], "damaged or truncated gzip"),
    (PACKED[:15] + b"\xff\xff\xff" + PACKED[18:], "damaged or truncated gzip"),
    (UNPACKED[:-1], "truncated or of another shape; small-idx3-ubyte unpacks to 40 bytes, 2 x 3 x 4"),
    (UNPACKED + b"\0", "truncated or of another shape"),
    (gzip.compress(struct.pack(">4I", 0x0803, 3, 2, 4) + VALUES.tobytes(), mtime=0), "truncated or of another shape"),
    (gzip.compress(UNPACKED[:-1] + b"\0", mtime=0), "wrong content, its SHA-256"),
]


@pytest.mark.parametrize(("content", "message"), BAD_CONTENTS)
def test_a_bad_local_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mnist/small-idx3-ubyte.gz"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_local(SMALL, tmp_path, "mnist", "data_dir")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "mnist/small-idx3-ubyte").mkdir(parents=True)
    with pytest.raises(DataError, match="small-idx3-ubyte: is a directory"):
        read_local(SMALL, tmp_path, "mnist", "data_dir")


def test_files_one_folder_too_high(tmp_path: Path) -> None:
    (tmp_path / "small-idx3-ubyte").write_bytes(UNPACKED)
    with pytest.raises(DataError, match=r"small-idx3-ubyte.gz is missing .*move the files from"):
        read_local(SMALL, tmp_path, "mnist", "data_dir")


class Mirrors:
    """A local web server: each mirror is a path with the content that it serves, or a status.

    A mirror in `broken` closes the connection 10 bytes early.
    """

    def __init__(self) -> None:
        self.served: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.broken: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror = self.path.split("/")[1]
                outer.asked.append(mirror)
                content = outer.served[mirror]
                self.send_response(content if isinstance(content, int) else 200)
                body = b"" if isinstance(content, int) else content
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:-10] if mirror in outer.broken else body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def urls(self, **served: bytes | int) -> tuple[str, ...]:
        self.served |= served
        return tuple(f"http://127.0.0.1:{self.server.server_port}/{mirror}/" for mirror in served)


@pytest.fixture
def mirrors() -> Iterator[Mirrors]:
    web = Mirrors()
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield web
    web.server.shutdown()
    thread.join()
    web.server.server_close()


def _held(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.is_file()]


def test_the_second_mirror_serves_and_then_the_cache(mirrors: Mirrors, cache: Path) -> None:
    urls = mirrors.urls(first=503, second=PACKED, third=PACKED)
    for _ in range(2):
        np.testing.assert_array_equal(read_cached(SMALL, "mnist", urls), VALUES)
    assert mirrors.asked == ["first", "second"]
    assert _held(cache) == ["small-idx3-ubyte.gz"]


@pytest.mark.parametrize(("content", "message"), BAD_CONTENTS)
def test_a_corrupted_download_is_refused_and_not_kept(
    mirrors: Mirrors, cache: Path, content: bytes, message: str
) -> None:
    urls = mirrors.urls(first=content)
    with pytest.raises(DataError, match=message) as caught:
        read_cached(SMALL, "mnist", urls)
    assert f"{urls[0]}small-idx3-ubyte.gz: " in str(caught.value)
    assert ".small" not in str(caught.value)  # the temporary name is nobody's business
    assert _held(cache) == []


def test_a_corrupted_mirror_is_passed_over(mirrors: Mirrors, cache: Path) -> None:
    urls = mirrors.urls(first=PACKED[:-3], second=UNPACKED)  # unpacked in transit
    np.testing.assert_array_equal(read_cached(SMALL, "mnist", urls), VALUES)
    assert _held(cache) == ["small-idx3-ubyte.gz"]


def test_a_broken_connection_is_passed_over(mirrors: Mirrors, cache: Path) -> None:
    mirrors.broken = {"first"}
    urls = mirrors.urls(first=PACKED, second=PACKED)
    np.testing.assert_array_equal(read_cached(SMALL, "mnist", urls), VALUES)
    assert mirrors.asked == ["first", "second"]
    assert _held(cache) == ["small-idx3-ubyte.gz"]


def test_a_damaged_cache_is_replaced(mirrors: Mirrors, cache: Path) -> None:
    cached = cache / "mnist/small-idx3-ubyte.gz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(PACKED[:-3])
    urls = mirrors.urls(first=PACKED)
    np.testing.assert_array_equal(read_cached(SMALL, "mnist", urls), VALUES)
    assert cached.read_bytes() == PACKED


def test_when_nothing_works_everything_tried_is_listed(mirrors: Mirrors, cache: Path) -> None:
    (cache / "mnist").mkdir(parents=True)
    (cache / "mnist/small-idx3-ubyte.gz").write_bytes(PACKED[:-3])
    urls = (*mirrors.urls(first=404, second=b"junk"), "http://127.0.0.1:1/")
    with pytest.raises(DataError) as caught:
        read_cached(SMALL, "mnist", urls)
    message = str(caught.value)
    assert "cache/soensim/mnist/small-idx3-ubyte.gz: damaged or truncated" in message
    assert f"{urls[0]}small-idx3-ubyte.gz: HTTP 404" in message
    assert f"{urls[1]}small-idx3-ubyte.gz: wrong magic" in message
    assert f"{urls[2]}small-idx3-ubyte.gz: ConnectionError" in message
    assert "FOLDER/mnist" in message
    assert "SOENSIM_DATA" in message
    assert "--data-dir" in message


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path, mirrors: Mirrors) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(DataError, match=r"could not be loaded. Tried: .*(Not a directory|File exists)"):
        read_cached(SMALL, "mnist", mirrors.urls(first=PACKED))


# MNIST


def test_a_named_folder_is_never_replaced_by_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrors: Mirrors
) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", mirrors.urls(first=404))
    with pytest.raises(DataError, match=r"mnist: train-images-idx3-ubyte.gz is missing .*named by --data-dir"):
        load_dataset("mnist-rows", data_dir=tmp_path)
    monkeypatch.setenv("SOENSIM_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"mnist: train-images-idx3-ubyte.gz is missing .*named by SOENSIM_DATA"):
        load_dataset("mnist-rows")
    assert mirrors.asked == []
    monkeypatch.setenv("SOENSIM_DATA", "")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte could not be loaded. Tried: .*HTTP 404"):
        load_dataset("mnist-rows")


def test_the_mirrors_are_several_and_encrypted() -> None:
    assert len(set(mnist.MIRRORS)) >= 3
    assert all(url.startswith("https://") and url.endswith("/") for url in mnist.MIRRORS)


def _area_pooled(image: np.ndarray) -> np.ndarray:
    """Slow reference: overlap of each pixel with each cell of 3.5 x 3.5 pixels."""
    pooled = np.zeros((8, 8))
    for k in range(8):
        for c in range(8):
            for row in range(28):
                for column in range(28):
                    height = max(0.0, min(row + 1, 3.5 * (k + 1)) - max(row, 3.5 * k))
                    width = max(0.0, min(column + 1, 3.5 * (c + 1)) - max(column, 3.5 * c))
                    pooled[k, c] += image[row, column] * height * width
    return pooled / 3.5**2 / 255


def test_mnist_variants_against_slow_references() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    images[1], images[2] = 255, 0
    got = {name: variant.convert(images) for name, variant in mnist.VARIANTS.items()}
    for name, variant in mnist.VARIANTS.items():
        assert got[name].shape == (3, variant.steps, variant.channels)
        assert got[name].dtype == np.float32
        assert got[name].max() == 1  # the white image: exact, not nearly
        assert variant.convert(images[:0]).shape == (0, variant.steps, variant.channels)
    for n, image in enumerate(images):
        np.testing.assert_allclose(got["mnist-rows"][n], image / 255, rtol=1e-7)
        for row in range(28):
            for piece in range(4):
                expected = [*image[row, 7 * piece : 7 * piece + 7] / 255, 0]
                np.testing.assert_allclose(got["mnist-8in-cut"][n, 4 * row + piece], expected, rtol=1e-7)
            expected = [*(image[row, 4 * c : 4 * c + 4].mean() / 255 for c in range(7)), 0]
            np.testing.assert_allclose(got["mnist-8in-pool"][n, row], expected, rtol=1e-7)
        np.testing.assert_allclose(got["mnist-8in-8x8"][n], _area_pooled(image), rtol=1e-6)
        halved = np.array([[image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() for c in range(14)] for r in range(14)])
        np.testing.assert_allclose(got["mnist-14x14"][n, 0], halved.ravel() / 255, rtol=1e-6)


@needs_mnist
def test_mnist_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOENSIM_DATA", str(LOCAL))
    data, other = load_dataset("mnist-8in"), load_dataset("mnist-8in", data_seed=1)
    assert (data.name, data.classes, data.steps, data.channels) == ("mnist-8in-pool", 10, 28, 8)
    assert [split.samples for split in (data.train, data.validation, data.test)] == [55000, 5000, 10000]
    together = np.concatenate([data.train.indices, data.validation.indices])
    np.testing.assert_array_equal(np.sort(together), np.arange(60000))
    np.testing.assert_array_equal(data.test.indices, np.arange(10000))
    np.testing.assert_array_equal(data.test.labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    assert not np.array_equal(data.validation.indices, other.validation.indices)
    assert data.fingerprint == other.fingerprint
    assert data.train.source is data.validation.source  # one copy of the images
    assert data.train.source.dtype == np.uint8


@needs_mnist
def test_mnist_rows_from_a_folder_with_unpacked_labels(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for path in (LOCAL / "mnist").glob("*ubyte.gz"):
        if "labels" in path.name:
            (tmp_path / "mnist" / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        else:
            (tmp_path / "mnist" / path.name).symlink_to(path)
    data = load_dataset("mnist-rows", data_dir=tmp_path)
    assert data.test.inputs.shape == (10000, 28, 28)
    assert data.test.inputs.mean() == pytest.approx(0.1325, abs=1e-4)  # published mean of the test images
    row = data.validation.indices[17]
    np.testing.assert_array_equal(data.validation.inputs[17], data.train.source[row].astype(np.float32) / 255)
    (tmp_path / "mnist/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"mnist: t10k-labels-idx1-ubyte.gz is missing"):
        load_dataset("mnist-rows", data_dir=tmp_path)
