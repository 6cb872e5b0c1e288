"""Own data in files of other tools: IDX, folders of images and of sound, spikes in HDF5."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from soensim.data import canonical_name, load_dataset, own_name
from soensim.data.formats.events import count_in_bins
from soensim.data.formats.idx_files import read_idx_array
from soensim.data.formats.registry import FORMATS
from soensim.data.formats.wav_folder import mel_bands
from soensim.errors import DataError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 4, 3), dtype=np.uint8)
LABELS = np.arange(40, dtype=np.uint8) % 4


def idx(path: Path, array: np.ndarray, kind: int = 0x08, *, packed: bool = False) -> Path:
    content = struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


# --- IDX ------------------------------------------------------------------------------------------------------


def test_files_of_mnist_by_path_and_in_a_folder(tmp_path: Path) -> None:
    idx(tmp_path / "train-images-idx3-ubyte.gz", IMAGES, packed=True)
    idx(tmp_path / "train-labels-idx1-ubyte", LABELS)
    named = load_dataset(f"{tmp_path}/train-images-idx3-ubyte.gz,{tmp_path}/train-labels-idx1-ubyte")
    assert named.name.startswith(f"idx:{tmp_path}/train-images")
    np.testing.assert_allclose(named.test.inputs, IMAGES[named.test.indices] / 255, atol=1e-7)
    assert load_dataset(f"idx:{tmp_path}").fingerprint == named.fingerprint
    idx(tmp_path / "t10k-images-idx3-ubyte", IMAGES[:8])
    idx(tmp_path / "t10k-labels-idx1-ubyte", LABELS[:8])
    idx(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS[:8], packed=True)  # the same, packed
    data = load_dataset(f"idx:{tmp_path}")
    assert (data.train.samples + data.validation.samples, data.test.samples) == (40, 8)
    own = own_name(f"idx:{tmp_path}")
    assert own is not None
    assert len(own.files()) == 5
    idx(tmp_path / "more-images-ubyte", IMAGES)
    with pytest.raises(DataError, match="it takes one file of images to train; there are: more-images-ubyte, t10k"):
        load_dataset(f"idx:{tmp_path}")
    with pytest.raises(DataError, match="idx: 1 files are named"):
        load_dataset(f"{tmp_path}/train-labels-idx1-ubyte")


def test_all_types_of_idx(tmp_path: Path) -> None:
    values = np.array([[1, -2, 3], [100, 5, -6]])
    for kind, dtype in {0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}.items():
        found = read_idx_array(idx(tmp_path / "x-ubyte", values.astype(dtype), kind))
        np.testing.assert_array_equal(found, values)
        assert found.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG1234", "x-ubyte: is no IDX file, it begins with 0x89504e47"),
        (b"\0\0", "is no IDX file"),
        (struct.pack(">4B", 0, 0, 7, 1), "is no IDX file"),
        (struct.pack(">4B", 0, 0, 8, 5), "is no IDX file"),
        (struct.pack(">4BI", 0, 0, 8, 1, 3) + b"ab", "another number of bytes than its header says, shape .3,"),
        (struct.pack(">4BI", 0, 0, 8, 1, 3) + b"abcd", "another number of bytes"),
        (struct.pack(">4BI", 0, 0, 8, 2, 3), "another number of bytes"),
        (gzip.compress(b"\0\0\x08\x01", mtime=0)[:12], "damaged or truncated gzip"),
    ],
)
def test_bad_idx_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx_array(tmp_path / "x-ubyte")


# --- folders --------------------------------------------------------------------------------------------------


def pictures(root: Path, count: int = 10) -> Path:
    for number in range(count):
        folder = root / ("ant", "bee")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGES[number]).save(folder / f"{number:02}.png")
    (root / "ant" / "notes.txt").write_text("no image")
    return root


def test_a_folder_of_images(tmp_path: Path) -> None:
    data = load_dataset(f"images:{pictures(tmp_path / 'all')}")
    assert (data.class_names, data.steps, data.channels) == (("ant", "bee"), 4, 3)
    own = own_name(f"images:{tmp_path}/all")
    assert own is not None
    assert [file.name for file in own.files()] == [f"{k:02}.png" for k in (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)]
    source = np.concatenate([IMAGES[:10:2], IMAGES[1:10:2]])
    np.testing.assert_allclose(data.train.inputs, source[data.train.indices] / 255, atol=1e-7)
    pictures(tmp_path / "two" / "train")
    pictures(tmp_path / "two" / "test", 4)
    for name in (f"images:{tmp_path}/two", f"images:{tmp_path}/two/train,{tmp_path}/two/test"):
        assert load_dataset(name).test.samples == 4
    Image.fromarray(IMAGES[0].repeat(2, axis=0).repeat(2, axis=1)).save(tmp_path / "all" / "bee" / "z.png")
    with pytest.raises(DataError, match=r"z.png: is 8 x 6 pixels, the first image 4 x 3; .*::size=ROWSxCOLUMNS"):
        load_dataset(f"images:{tmp_path}/all")
    data = load_dataset(f"images:{tmp_path}/all::size=4x3")
    assert data.train.samples + data.validation.samples + data.test.samples == 11


def test_bad_folders_of_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: is no folder that can be read: No such file"):
        load_dataset(f"images:{tmp_path}/nowhere")
    with pytest.raises(DataError, match=r"has no folder per class with files .png, .jpg"):
        load_dataset(f"images:{tmp_path}")
    with pytest.raises(DataError, match="images: size is '4'; legal: ROWSxCOLUMNS, each from 1 to 4096"):
        load_dataset(f"images:{tmp_path}::size=4")
    with pytest.raises(DataError, match="is a third folder"):
        load_dataset(f"images:{tmp_path},{tmp_path},{tmp_path}")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_text("no")
    with pytest.raises(DataError, match=r"x.png: cannot be read as an image"):
        load_dataset(f"images:{tmp_path}")
    (tmp_path / "b" / "test").mkdir(parents=True)
    with pytest.raises(DataError, match="b: has no folder train"):
        load_dataset(f"images:{tmp_path}/b")


def test_power_of_a_tone_is_in_its_band() -> None:
    rate, hop = 8000, 160
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    bands = mel_bands(wave, rate, hop, (20, 50.0, 4000.0))
    assert bands.shape == (49, 20)
    mels = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 4000 / 700), 22)
    middles = 700 * (10 ** (mels[1:-1] / 2595) - 1)
    assert bands.mean(axis=0).argmax() == np.abs(middles - 1000).argmin()
    # a Hann window: a tone on a bin has (amplitude / 2)^2 there, a quarter of it in the two beside
    weights_one = mel_bands(wave, rate, hop, (1, 999.0, 1001.0))
    np.testing.assert_allclose(weights_one, 10 * np.log10(0.0625), atol=1e-6)
    assert mel_bands(np.zeros(rate), rate, hop, (20, 50.0, 4000.0)).max() == -100


def sounds(root: Path, rate: int = 8000, count: int = 10) -> Path:
    for number in range(count):
        folder = root / ("low", "high")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        tone = np.sin(2 * np.pi * (300, 1500)[number % 2] * np.arange(2000 + 100 * number) / rate)
        wave = {0: tone, 1: np.stack([tone, tone], axis=1) * 32767, 2: tone * 127 + 128}[number % 3]
        dtype = {0: np.float32, 1: np.int16, 2: np.uint8}[number % 3]
        wavfile.write(folder / f"{number}.wav", rate, wave.astype(dtype))
    return root


def test_a_folder_of_sounds(tmp_path: Path) -> None:
    root = sounds(tmp_path / "s")
    data = load_dataset(f"wav:{root}::bands=6,hop_ms=10", lines=6)
    assert (data.class_names, data.channels) == (("high", "low"), 6)
    loudest = data.train.inputs.mean(axis=1).argmax(axis=1)
    assert (loudest[data.train.labels == 0] > loudest[data.train.labels == 1].max()).all()
    with pytest.raises(DataError, match="bands from 50 to 5000 Hz; legal: low_hz < high_hz, up to half of its 8000"):
        load_dataset(f"wav:{root}::high_hz=5000")
    with pytest.raises(DataError, match=r"has 2100 samples; a window of 8000 \(1000 ms\) does not fit"):
        load_dataset(f"wav:{root}::hop_ms=500")
    with pytest.raises(DataError, match=r"a window of 2 \(0.2 ms\) does not fit; change hop_ms \(16 samples at least"):
        load_dataset(f"wav:{root}::hop_ms=0.1")
    with pytest.raises(DataError, match="wav: bands is '0'; legal: a whole number from 1 to 1000"):
        load_dataset(f"wav:{root}::bands=0")
    with pytest.raises(DataError, match="wav: hop_ms is 'x'; legal: a number above 0"):
        load_dataset(f"wav:{root}::hop_ms=x")
    sounds(root / "low", 16000, 1)
    with pytest.raises(DataError, match=r"0.wav: has 16000 samples per second, the first file 8000"):
        load_dataset(f"wav:{root}")
    (root / "high" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"high/0.wav: cannot be read as a WAV file"):
        load_dataset(f"wav:{root}")


# --- spikes ---------------------------------------------------------------------------------------------------


def test_spikes_are_counted_in_bins_and_groups() -> None:
    times = [np.array([0.0, 0.099, 0.1, 0.399]), np.zeros(0)]
    units = [np.array([0, 1, 2, 5]), np.zeros(0, dtype=int)]
    counts = count_in_bins(times, units, (4, 0.4), (6, 3), "f")
    assert counts[0].tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert counts[1].sum() == 0
    for bad, message in (
        (([np.array([0.4])], [np.array([0])]), "f: sample 0 has spikes from 0.4 to 0.4 s; say duration_s="),
        (([np.array([-0.1])], [np.array([0])]), "has spikes from -0.1"),
        (([np.array([0.1])], [np.array([6])]), "f: sample 0 has units from 6 to 6; say units="),
        (([np.array([0.1])], [np.array([0, 1])]), "f: sample 0 has 1 times and 2 units"),
    ):
        with pytest.raises(DataError, match=message):
            count_in_bins(*bad, (4, 0.4), (6, 3), "f")


def test_spikes_of_a_file_as_shd_has_them(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed (pip install -e '.[events]')")
    path = tmp_path / "shd_train.h5"
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", 40, h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", 40, h5py.vlen_dtype(np.uint16))
        for k in range(40):
            times[k], units[k] = np.array([0.25, 0.75]), np.array([k % 4, 3 - k % 4])
        file["labels"] = LABELS
        file["extra/keys"] = np.array([b"null", b"eins", b"zwei", b"drei"])
    data = load_dataset(f"{path}::bins=2,duration_s=1,units=4")
    assert data.class_names == ("null", "eins", "zwei", "drei")
    expected = [[np.eye(4)[k % 4], np.eye(4)[3 - k % 4]] for k in data.test.indices]
    np.testing.assert_array_equal(data.test.inputs, expected)
    assert load_dataset(f"{path},{path}::bins=2,duration_s=1,units=4,groups=2", lines=2).test.samples == 40
    with pytest.raises(DataError, match="events: 5 groups of 4 units"):
        load_dataset(f"{path}::units=4,groups=5")
    with pytest.raises(DataError, match=r"shd_train.h5: sample 0 has spikes from 0.25 to 0.75 s; say duration_s="):
        load_dataset(f"{path}::duration_s=0.7")
    (tmp_path / "no.h5").write_bytes(b"no")
    with pytest.raises(
        DataError, match=r"no.h5: is no file of spikes: .* it needs spikes/times, spikes/units and labels"
    ):
        load_dataset(f"{tmp_path}/no.h5")


def test_spikes_without_h5py_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(DataError, match=r"x.h5: HDF5 needs the package h5py: pip install 'soensim\[events\]'"):
        load_dataset(f"{tmp_path}/x.h5")
    for words, message in (("bins=0", "events: bins is '0'"), ("duration_s=0", "events: duration_s is '0'")):
        with pytest.raises(DataError, match=message):
            load_dataset(f"{tmp_path}/x.h5::{words}")


# --- registry -------------------------------------------------------------------------------------------------


def test_every_format_has_a_name_a_line_and_endings_of_its_own() -> None:
    assert list(FORMATS) == ["npz", "npy", "csv", "ts", "idx", "images", "wav", "events"]
    endings = [end for form in FORMATS.values() for end in form.endings]
    assert len(endings) == len(set(endings))
    for name, form in FORMATS.items():
        assert canonical_name(f"{name}:x") == f"{name}:x"
        assert form.summary
        assert not form.options.keys() & {"missing", "scale", "frames", "fit", "channels", "join", "cut", "lines"}
