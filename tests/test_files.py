"""Guarded readers: what each reads, and the one sentence about what it refuses."""

import io
import os
import time
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soensim._runtime.words import shown_path
from soensim.errors import SoensimError
from soensim.files import (
    load_json,
    load_npy,
    load_npz,
    load_yaml,
    npz_names,
    parse_yaml,
    read_bytes,
    read_csv,
    read_text,
)


def refusal(path: Path, read: Callable[[], Any]) -> str:
    """Message of the error that reading a file raises, which is one line; pytest makes warnings errors."""
    with pytest.raises(SoensimError) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


# --- regular files ---------------------------------------------------------------------------------------


def test_bytes_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_bytes(path, limit_bytes=5, error=SoensimError) == b"12345"
    assert refusal(path, lambda: read_bytes(path, limit_bytes=4, error=SoensimError)) == (
        "FILE: is longer than the limit of 4 bytes"
    )


def test_what_is_not_a_regular_file(tmp_path: Path) -> None:
    def answer(path: Path) -> str:
        return refusal(path, lambda: read_bytes(path, limit_bytes=5, error=SoensimError, advice="make one"))

    os.mkfifo(tmp_path / "pipe")
    assert answer(tmp_path / "none") == "FILE: no such file; make one"
    assert answer(tmp_path) == "FILE: is a directory; give the path of one file in it"
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert answer(path) == "FILE: is a device or a pipe; write its content to a file, and give that"
    (tmp_path / "loop").symlink_to("loop")
    assert answer(tmp_path / "loop").startswith("FILE: cannot be read: ")
    assert answer(Path("a\nb")) == "a\\nb: no such file; make one"


def test_text_with_a_mark_and_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(path, limit_bytes=9, error=SoensimError) == "abc"
    path.write_bytes(b"\xef\xbb\xbfab\ncd\xff")
    assert refusal(path, lambda: read_text(path, limit_bytes=9, error=SoensimError)) == (
        "FILE:2:3: byte 0xff is not UTF-8; save the file as UTF-8 text"
    )


def test_a_path_in_a_message_is_one_line() -> None:
    assert shown_path("a\x1b[1m\u2028é") == "a\\x1b[1m\\u2028é"
    assert shown_path("a" * 5000) == "a" * 200 + "…"
    assert shown_path("") == "''"


def test_memory_is_taken_for_the_file_and_not_for_its_limit(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    assert read_bytes(tmp_path / "short", limit_bytes=2**60, error=SoensimError) == b"abc"


# --- YAML ------------------------------------------------------------------------------------------------


def test_yaml_says_what_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# nothing\n")
    assert refusal(path, lambda: load_yaml(path, error=SoensimError, what="recipe", empty="give settings")) == (
        "FILE: is empty; give settings"
    )
    path.write_text("a: 1\n---\nb: 2\n")
    message = refusal(path, lambda: load_yaml(path, error=SoensimError, what="recipe"))
    assert message == "FILE:2:1: a second document starts here; put each recipe into its own file"


def test_aliases_that_nest() -> None:
    lines = ["a0: &a0 [x]", *(f"a{k}: &a{k} [*a{k - 1}]" for k in range(1, 2000))]
    for text in ("\n".join(lines), "\n".join(lines).replace("[x]", "{x: 1}").replace("[*", "{<<: *").replace("]", "}")):
        with pytest.raises(SoensimError, match=r"^x:61:\d+: is nested more than 60 deep$"):
            parse_yaml(text, "x", error=SoensimError, what="file")


# --- JSON ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE:1:1: is not JSON: Expecting value; train"),
        ('{"a": 1,\n "b"}', "FILE:2:5: is not JSON: Expecting ':' delimiter; train"),
        ("[" * 50000, "FILE: is nested more than 60 deep; train"),
        ('{"a":' * 50000, "FILE: is nested more than 60 deep; train"),
        ('{"a": 1, "b": 2, "a": 3}', "FILE: key 'a' is given twice; train"),
        ("[NaN]", "FILE: holds NaN, which is not a finite number; train"),
        ("[-Infinity]", "FILE: holds -Infinity, which is not a finite number; train"),
        ("[1e999]", "FILE: holds 1e999, which is beyond the largest number; train"),
        ("1" * 5000, "FILE: holds a number of 5000 digits; the limit is 4000; train"),
        (" " * 100_001, "FILE: is longer than the limit of 100000 bytes"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    if len(text) > 100_000 and text[0] != " ":
        text = text[:100_000]
        path.write_text(text)
    assert refusal(path, lambda: load_json(path, limit_bytes=100_000, error=SoensimError, advice="train")) == message


def test_json_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    text = '{"a": ["[[[' + "[" * 100 + '\\"", 1.5, -3, true, null], "é": {}}'
    path.write_text("\ufeff" + text, encoding="utf-8")
    value = load_json(path, limit_bytes=1000, error=SoensimError)
    assert value == {"a": ["[[[" + "[" * 100 + '"', 1.5, -3, True, None], "é": {}}


def test_json_of_quotes_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('"' + '\\"' * 200_000)
    start = time.perf_counter()
    assert "is not JSON" in refusal(path, lambda: load_json(path, limit_bytes=10**6, error=SoensimError))
    assert time.perf_counter() - start < 2.0


# --- npy and npz -----------------------------------------------------------------------------------------


def npy(header: str, content: bytes = b"") -> bytes:
    """Make an npy file of version 1.0 by hand."""
    text = header.encode("latin-1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def described(shape: str, dtype: str = "'<f8'") -> str:
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"


DAMAGED = "FILE: is a damaged npy file; ADVICE"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FILE: is not an npy file; ADVICE"),
        (b"PK\x03\x04junk" * 20, "FILE: is not an npy file; ADVICE"),
        (b"\x93NUMPY", DAMAGED),
        (npy(described("(3, 8, 8)"))[:60], DAMAGED),
        (npy(described("(((((((((((3, 8, 8)")), DAMAGED),
        (npy(described("3")), DAMAGED),
        (npy("[" * 118), DAMAGED),
        (npy("{'descr': '<f8'}"), DAMAGED),
        (npy(described("(2,)", "'<q9'")), DAMAGED),
        (npy(described("(3L, 2L)"), bytes(40)), "claims 48 bytes, shape (3, 2), but the file holds 40 bytes"),
        (npy(described("(1000000000000, 8, 8)"), bytes(64)), "claims 465 TiB, shape (1000000000000, 8, 8), but the"),
        (
            npy(described("(100000000, 8, 8)"), bytes(64)),
            "claims 47 GiB, shape (100000000, 8, 8), but the file holds 64",
        ),
        (
            npy(described(f"({10**22}, 8, 8)"), bytes(64)),
            "claims more than a million TiB, shape (more than 1e15, 8, 8)",
        ),
        (npy(described(f"(0, {10**30})")), DAMAGED),
        (npy(described("(-1, -8)"), bytes(64)), "FILE: has a negative length in its header; ADVICE"),
        (npy(described("(7,)"), bytes(64)), "claims 56 bytes, shape (7,), but the file holds 64 bytes"),
        (npy(described("(1,)", "'|O'"), b"\x80\x04N."), "FILE: has the type Python object; it must hold real numbers"),
        (
            npy(described("(1,)", "[('a', '<f8')]"), bytes(8)),
            "FILE: has the type structured; it must hold real numbers",
        ),
        (npy(described("(1,)", "'<c16'"), bytes(16)), "FILE: has the type complex128; it must hold real numbers"),
        (npy(described("(1,)", "'<U1'"), bytes(4)), "FILE: has the type <U1; it must hold real numbers; ADVICE"),
        (npy(described("(1,)", "'<M8[s]'"), bytes(8)), "FILE: has the type datetime64[s]; it must hold real numbers"),
        (
            npy(described("(1,)"), np.array([np.nan]).tobytes()),
            "FILE: holds a value that is not a finite number; ADVICE",
        ),
        (b"\x93NUMPY\x03\x00" + npy(described("(1,)"), bytes(8))[8:], "FILE: is of npy version 3.0; legal are 1.0 and"),
    ],
)
def test_npy_that_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    assert message in refusal(path, lambda: load_npy(path, error=SoensimError, advice="ADVICE"))


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">i2", "|u1", "|b1", "<f2"])
def test_npy_that_is_read(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "x.npy"
    for values in (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3).T, np.zeros((0, 3)), np.float64(2.0)):
        np.save(path, np.asarray(values).astype(dtype))
        read = load_npy(path, error=SoensimError)
        assert np.array_equal(read, np.asarray(values).astype(dtype))
        assert read.dtype == np.dtype(dtype).newbyteorder("=")


def test_npy_of_long_doubles(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([1.5], np.longdouble))
    assert load_npy(path, error=SoensimError).dtype == np.float64
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        np.save(path, np.array(["1e400"], np.longdouble))
        assert "not a finite number" in refusal(path, lambda: load_npy(path, error=SoensimError))


def test_npy_may_hold_nan_where_it_is_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([np.nan]))
    assert np.isnan(load_npy(tmp_path / "x.npy", error=SoensimError, finite=False)).all()


def test_npy_with_any_byte_wrong_is_refused_or_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    whole = npy(described("(2, 3)"), np.arange(6.0).tobytes())
    for k in range(len(whole)):
        for flip in (0x55, 0x80, 0x01):
            path.write_bytes(whole[:k] + bytes([whole[k] ^ flip]) + whole[k + 1 :])
            with suppress(SoensimError):
                assert load_npy(path, error=SoensimError).dtype.kind in "biuf"


def test_npz_reads_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.arange(3), b=np.array([None]), c=np.eye(2))
    arrays = load_npz(path, error=SoensimError, names=("a",), optional=("c", "d"))
    assert {name: array.tolist() for name, array in arrays.items()} == {"a": [0, 1, 2], "c": [[1, 0], [0, 1]]}
    assert npz_names(path, error=SoensimError) == ["a", "b", "c"]
    assert refusal(path, lambda: load_npz(path, error=SoensimError, names=("z",))) == (
        "FILE: lacks the array 'z'; it holds a, b, c"
    )
    assert refusal(path, lambda: load_npz(path, error=SoensimError, names=("b",))) == (
        "FILE: array 'b' has the type Python object; it must hold real numbers"
    )


def test_npz_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"

    def answer(limit_bytes: int = 10**6) -> str:
        return refusal(path, lambda: load_npz(path, error=SoensimError, names=("a",), limit_bytes=limit_bytes))

    for content in (b"", b"PK\x03\x04" * 20):
        path.write_bytes(content)
        assert answer() == "FILE: is not an npz file, or a damaged one"
    path.write_bytes(npy(described("(0,)")))
    assert answer() == "FILE: is an npy file, one array without a name, and not an npz file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(described("(1000000000000,)")))
    assert "array 'a' has a header that claims 7 TiB, shape (1000000000000,), but" in answer()
    np.savez_compressed(path, a=np.zeros(200_000))
    assert answer() == "FILE: unpacks to more than the limit of 1000000 bytes"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("a.npy", npy(described("(1,)"), bytes(8)))
    assert answer() == "FILE: holds two arrays of one name"
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(1001):
            archive.writestr(f"{k}.npy", b"")
    assert answer() == "FILE: holds 1001 arrays; the limit is 1000"


def test_npz_with_any_byte_wrong_is_refused_or_read_as_it_was(tmp_path: Path) -> None:
    path, buffer = tmp_path / "x.npz", io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(5.0))
    whole = buffer.getvalue()
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :])
        with suppress(SoensimError):
            assert load_npz(path, error=SoensimError, names=("a",))["a"].tolist() == [0, 1, 2, 3, 4]


# --- CSV -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "time,line\n10,0\n",
        "\ufefftime,line\r\n10,0\r\n",
        "time, line\n10, 0\n",
        "time,line\n\n10,0\n\n \n,\n",
        "line;time\n0;10\n",
        "line ; time\n0 ; 10\n",
        "time\tline\n10\t0",
        "time line\n10   0 \n",
        'x,"time",line\n"a,\nb","10",0\n',
        "\n  \ntime,line\n10,0\n",
    ],
)
def test_csv_that_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert [words for _, words in read_csv(path, columns=("time", "line"), error=SoensimError)] == [["10", "0"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FILE:1: the first line must name the columns time and line, each once; it is nothing"),
        (b"time\n1\n", "FILE:1: the first line must name the columns time and line, each once; it is 'time'"),
        (
            b"time,line,time\n",
            "FILE:1: the first line must name the columns time and line, each once; it is 'time,line,time'",
        ),
        (b"time,line\n1,2\n1\n", "FILE:3: is too short; a row has time and line"),
        (b"time,line\n1,\xff\n", "FILE: is not UTF-8 text; save it as CSV in UTF-8"),
        (b'time,line\n1,"2\n', "FILE:2: is not a CSV file: unexpected end of data"),
        (
            b"time,line\n" + b"1" * 200_000 + b",2\n",
            "FILE:2: is not a CSV file: field larger than field limit (131072)",
        ),
        (b"time,line\n1,\x002\n", None),
        (b"x" * 300_000, f"FILE:1: the first line must name the columns time and line, each once; it is '{'x' * 59}…'"),
        (b"time,line\n" + b"1,2\n" * 300_000, "FILE: is longer than the limit of 1000000 bytes"),
    ],
)
def test_csv_that_is_refused(tmp_path: Path, content: bytes, message: str | None) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)

    def read() -> list[tuple[int, list[str]]]:
        return list(read_csv(path, columns=("time", "line"), error=SoensimError, limit_bytes=10**6))

    if message is None:  # Python 3.11 hands the null character on
        assert read() == [(2, ["1", "\x002"])]
    else:
        assert refusal(path, read) == message
