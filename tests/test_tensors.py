"""The reader of safetensors files: foreign, damaged and hostile ones end in one message."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy
from conftest import ROOT, SMALL
from test_program import error_of

from soensim.commands import cli
from soensim.commands.simulate import main as simulate
from soensim.errors import ProgramError
from soensim.files import checksum, load_tensors
from soensim.files.tensors import MAX_HEADER_BYTES

SHIPPED = ROOT / "netlists" / "rows-24.safetensors"
PLAIN = {"format": "thing/1", "note": "x"}
METADATA = {"soensim": json.dumps(PLAIN)}
ENTRY = {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}


def load(path, **options):
    return load_tensors(path, error=ProgramError, what="a thing", format_name="thing/1", advice="make one", **options)


def packed(header, data=b"\0" * 16):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def of(entry, **others):
    return packed({"__metadata__": METADATA, "w": entry, **others})


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"])
def test_the_library_writes_what_we_read(tmp_path, dtype):
    rng = np.random.default_rng(0)
    arrays = {
        "b": rng.integers(0, 100, (3, 5)).astype(dtype),
        "a": rng.integers(0, 100, 7).astype(dtype),
        "none": np.zeros((0, 4), dtype),
        "one": np.array(3, dtype),
    }
    safetensors.numpy.save_file(arrays, tmp_path / "f", METADATA)
    read, plain = load(tmp_path / "f")
    assert plain == PLAIN
    assert list(read) == sorted(arrays)
    for name, array in read.items():
        assert array.dtype == arrays[name].dtype
        assert array.flags.writeable
        assert array.flags.aligned
        np.testing.assert_array_equal(array, arrays[name])


def test_checksum_sees_names_shapes_types_bytes_and_texts():
    arrays = {"a": np.zeros(4), "b": np.ones(2)}
    variants = [
        checksum(arrays, "x"),
        checksum(arrays, "y"),
        checksum({"a": arrays["a"], "c": arrays["b"]}, "x"),
        checksum({**arrays, "a": np.zeros((2, 2))}, "x"),
        checksum({**arrays, "a": np.zeros(4, np.int64)}, "x"),
        checksum({**arrays, "a": np.array([0, 0, 0, -0.0])}, "x"),
    ]
    assert len(set(variants)) == len(variants)
    assert checksum(dict(reversed(arrays.items())), "x") == variants[0]


DAMAGED = {
    "empty": (b"", "it has 0 bytes, and a safetensors file has at least 10"),
    "short": (b"\x02\0\0", "it has 3 bytes"),
    "two gigabytes": (
        (2 * 10**9).to_bytes(8, "little") + b"{}",
        "claim a header of 2000000000 bytes, and 2 bytes follow",
    ),
    "largest claim": (b"\xff" * 8 + b"{}", "claim a header of 18446744073709551615 bytes, and 2 bytes follow"),
    "no JSON": (packed(b"xxxx"), "its header:1:1: is not JSON"),
    "no object": (packed([1]), "its header is no JSON object"),
    "latin-1": (packed(b'{"\xe9": 1}'), "its header is not UTF-8 at byte 2"),
    "deep": (packed(b"[" * 100_000), "its header: is nested more than 60 deep"),
    "twice": (packed(b'{"w": 1, "w": 2}'), "its header: key 'w' is given twice"),
    "digits": (packed(b'{"w": ' + b"9" * 5000 + b"}"), "holds a number of 5000 digits"),
    "metadata": (packed({"__metadata__": {"soensim": 1}}), "__metadata__ is no mapping from text to text"),
    "deep metadata": (
        packed({"__metadata__": {"soensim": "[" * 9999}}),
        "soensim in its metadata: is nested more than",
    ),
    "no entry": (of(3), "tensor 'w' is not described by dtype, shape and data_offsets"),
    "more entries": (of({**ENTRY, "more": 1}), "tensor 'w' is not described by"),
    "bf16": (of({**ENTRY, "dtype": "BF16"}), "tensor 'w' has the dtype 'BF16'; legal are F64, F32"),
    "float8": (of({**ENTRY, "dtype": "F8_E4M3"}), "tensor 'w' has the dtype 'F8_E4M3'; legal are"),
    "dtype list": (of({**ENTRY, "dtype": ["F64"]}), "tensor 'w' has the dtype ['F64']"),
    "negative": (of({**ENTRY, "shape": [-2]}), "has the shape [-2]; legal are up to 8 lengths"),
    "float shape": (of({**ENTRY, "shape": [2.0]}), "has the shape [2.0]"),
    "true shape": (of({**ENTRY, "shape": [True]}), "has the shape [True]"),
    "axes": (of({**ENTRY, "shape": [1] * 9}), "legal are up to 8 lengths"),
    "466 TiB": (of({**ENTRY, "shape": [2**46]}), f"has 16 bytes; F64 of shape [{2**46}] needs {2**49}"),
    "nothing of much": (of({**ENTRY, "shape": [0, 2**60, 2**60], "data_offsets": [0, 0]}), "has the shape [0, 11529"),
    "backwards": (of({**ENTRY, "data_offsets": [16, 0]}), "tensor 'w' has -16 bytes; F64 of shape [2] needs 16"),
    "three places": (of({**ENTRY, "data_offsets": [0, 8, 16]}), "data_offsets [0, 8, 16]; legal are two places"),
    "beyond": (of({**ENTRY, "shape": [3], "data_offsets": [0, 24]}), "ends at byte 24 of the data, which has 16"),
    "gap": (
        of({**ENTRY, "shape": [1], "data_offsets": [8, 16]}),
        "starts at byte 8 of the data, where the one before ends at 0",
    ),
    "overlap": (
        of(ENTRY, v={**ENTRY, "shape": [1], "data_offsets": [8, 16]}),
        "starts at byte 8 of the data, where the one before",
    ),
    "longer": (
        of({**ENTRY, "shape": [1], "data_offsets": [0, 8]}),
        "its tensors end at byte 8 of the data, which has 16",
    ),
    "long name": (packed({"__metadata__": METADATA, "n" * 10**5: 3}), "is not described by"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_one_line(tmp_path, name):
    content, message = DAMAGED[name]
    path = tmp_path / "f.safetensors"
    path.write_bytes(content)
    found = error_of(lambda: load(path))
    assert found.startswith(f"{path}: is not a thing, or is damaged: ")
    assert message in found
    assert found.endswith("; make one")
    assert "\n" not in found
    assert len(found) < len(str(path)) + 300


def test_a_header_over_the_limit_is_not_parsed(tmp_path):
    path = tmp_path / "f"
    with path.open("wb") as file:  # sparse: takes no room on the disk
        file.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        file.truncate(MAX_HEADER_BYTES + 100)
    assert f"its header has {MAX_HEADER_BYTES + 1} bytes; the limit is {MAX_HEADER_BYTES}" in error_of(
        lambda: load(path)
    )


def test_what_is_no_file_of_ours(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(packed({"w": {**ENTRY, "dtype": "BF16"}}))
    assert error_of(lambda: load(path)) == f"{path}: is a safetensors file, but not a thing of soensim; make one"
    for form in ("thing/2", 7, None, ["thing/1"]):
        path.write_bytes(packed({"__metadata__": {"soensim": json.dumps({"format": form})}}, b""))
        expected = f"{path}: has the format {form!r}; this soensim reads 'thing/1'; make one"
        assert error_of(lambda: load(path)) == expected
    path.write_bytes(of(ENTRY))
    assert "is longer than the limit of 50 bytes" in error_of(lambda: load(path, limit_bytes=50))
    assert error_of(lambda: load(tmp_path / "none")) == f"{tmp_path / 'none'}: no such file; make one"
    assert f"{tmp_path}: is a directory; give the path of one thing in it" in error_of(lambda: load(tmp_path))
    assert "/dev/zero: is a device or a pipe" in error_of(lambda: load("/dev/zero"))
    os.mkfifo(tmp_path / "fifo")
    assert "is a device or a pipe" in error_of(lambda: load(tmp_path / "fifo"))


@pytest.fixture
def small_chip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    np.save("x.npy", np.zeros((1, 2, 8)))
    return tmp_path


def mutants(content, count, seed):
    """Yield copies with one to four places changed, cut out or doubled; half of the places are in the header."""
    rng = np.random.default_rng(seed)
    head = 8 + int.from_bytes(content[:8], "little")
    for _ in range(count):
        mutant = bytearray(content)
        for _ in range(rng.integers(1, 5)):
            at = int(rng.integers(0, min(head if rng.random() < 0.5 else len(content), len(mutant))))
            match rng.integers(0, 4):
                case 0:
                    mutant[at] = rng.integers(0, 256)
                case 1:
                    del mutant[at : at + int(rng.integers(1, 9))]
                case 2:
                    mutant[at:at] = mutant[at : at + int(rng.integers(1, 9))]
                case 3:
                    mutant[at] ^= 1 << int(rng.integers(0, 8))
            if len(mutant) < 2:
                break
        yield bytes(mutant)


def foreign():
    """Make a safetensors file such as other programs write."""
    rng = np.random.default_rng(0)
    arrays = {f"layers.{k}.weight": rng.standard_normal((4, 3)).astype(np.float32) for k in range(3)}
    return safetensors.numpy.save(arrays, {"format": "pt"})


@pytest.mark.parametrize("kind", ["program", "foreign"])
def test_mutants_end_with_status_2(small_chip, capsys, kind):
    content = SHIPPED.read_bytes() if kind == "program" else foreign()
    for k, mutant in enumerate(mutants(content, int(os.environ.get("MUTANTS", "50")), seed=7)):
        (small_chip / "p.safetensors").write_bytes(mutant)
        status = cli.run(simulate, ["small.yaml", "--program", "p.safetensors", "--inputs", "x.npy", "--out", "t.npz"])
        said = capsys.readouterr().err
        assert status == 2, (k, said)
        assert said.startswith("soensim: error: p.safetensors: "), (k, said)
        assert said.count("\n") == 1, (k, said)
        assert not (small_chip / "t.npz").exists()
