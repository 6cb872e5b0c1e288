"""Ways to damage a file or a command line; each takes a seeded generator and returns a new value.

Two sorts: of the bytes, which a disk or an editor damages, and of the structure, which a user or a program gets wrong.
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import yaml

# --- bytes ---------------------------------------------------------------------------------------------------------

_PIECES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n\n",
    b"\t",
    b"[" * 3000,
    b"{a: " * 400,
    b'"',
    b"'",
    b"#",
    b"%",
    b"NaN",
    b"-1",
)
_PIECES += (
    b"1e999",
    b"9" * 400,
    b"\x80\x81",
    "日本語".encode(),
    b"\\ud800",
    b"null",
    b"---\n",
    b"&a *a",
    b": ",
    b", ",
    b"; ",
    b"\x1b[2J",
)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Flip, cut, repeat, insert or swap some bytes, once to four times."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_BYTE_CHANGES)(rng, data)
    return data


def _flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwritten(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    new = rng.randbytes(rng.choice((1, 2, 4, 8, 32)))
    return data[:at] + new + data[at + len(new) :]


def _cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _cut_out(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 4, 30, 300)) :]


def _repeated(rng: random.Random, data: bytes) -> bytes:
    at, size = rng.randrange(len(data) + 1), rng.choice((1, 8, 60))
    return data[:at] + data[at : at + size] * rng.choice((2, 2, 50)) + data[at + size :]


def _inserted(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_PIECES) + data[at:]


def _replaced_whole(rng: random.Random, data: bytes) -> bytes:
    return rng.choice(
        (b"", b"\x00" * 100, data + data, data[::-1], rng.randbytes(200), b"PK\x03\x04" + data, b"\x1f\x8b" + data)
    )


_BYTE_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flipped, _flipped, _flipped, _overwritten, _overwritten, _cut_off, _cut_out, _cut_out, _repeated, _inserted,
    _inserted,
    _inserted, _replaced_whole,
)  # fmt: skip


def changed_lines(rng: random.Random, data: bytes) -> bytes:
    """Delete, repeat, move or indent lines of a text, or change a number in one."""
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        kind = rng.randrange(6)
        if kind == 0 and len(lines) > 1:
            del lines[at]
        elif kind == 1:
            lines.insert(other, lines[at])
        elif kind == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            lines[at] = b"  " + lines[at] if rng.random() < 0.5 else lines[at][2:]
        else:
            words = lines[at].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(_RAW).encode("utf-8", "surrogatepass")
            lines[at] = b" ".join(words)
    return b"\n".join(lines)


# --- trees: YAML and JSON --------------------------------------------------------------------------------------------

#: Values as one would write them into a YAML or JSON file.
_RAW = (
    "null", "~", "true", "no", "0", "-1", "1", "2", "3", "010", "0x10", "0b11", "1_000", "1:30", "1e3", "1e300",
    "-1e300", "1e-300", "1e999",
    ".nan", ".inf", "-.inf", "NaN", "Infinity", "9" * 30, "9" * 5000, "0.1", "1.5", "-0.0", "1e-9", "100000",
    "1000000000", "4294967296",
    "9223372036854775808", "[]", "{}", "[1]", "[[1, 2], [3, 4]]", "{a: b}", '{"a": 1}',
    "[" * 200, "[" * 5000 + "]" * 5000,
    "{a: " * 1000 + "1" + "}" * 1000, "''", '""', "' '", "x", "'x'", "a" * 300, "a" * 20000, "日本語", "'\\u0000'",
    '"\\0"', '"\\ud800"',
    "'../../etc'", "2024-02-30", "2024-01-01", "!!python/object/apply:os.getcwd []", "!!binary aGVq", "!!float x",
    "&a [*a]", "*a", "<<: 1",
    "'-'", "@", "`", "%", "|", ">", "? a", "free", "all-to-all", "ideal", "electrical", "optical", "random",
    "hidden", "pixels", "squid",
)  # fmt: skip

_MARK = "@@raw {}@@"


def changed_tree(rng: random.Random, tree: Any, *, as_json: bool) -> bytes:
    """Change one to three values or keys of a tree, and write it as JSON or YAML."""
    tree, raw = copy.deepcopy(tree), {}
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = rng.choice(places)
        kind = rng.randrange(10)
        if kind < 5:
            mark = _MARK.format(len(raw))
            raw[mark] = rng.choice(_RAW)
            holder[key] = mark
        elif kind == 5:
            del holder[key]
        elif kind == 6:
            holder[key] = copy.deepcopy(_value(rng.choice(places)))
        elif kind == 7 and isinstance(holder, dict):
            new = rng.choice((f"{key}x", f"x_{key}", str(key).upper(), "", " ", "null", "日", _some_key(rng, places)))
            holder[new] = holder.pop(key)
        elif kind == 8 and isinstance(holder, list):
            holder.extend(copy.deepcopy(holder[key]) for _ in range(rng.choice((1, 3, 100))))
        else:
            holder[key] = _near(rng, holder[key])
    text = json.dumps(tree) if as_json else yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000)
    for mark, value in raw.items():
        text = text.replace(f'"{mark}"', value).replace(f"'{mark}'", value).replace(mark, value)
    return text.encode("utf-8", "surrogatepass")


def _places(tree: Any) -> list[tuple[Any, Any]]:
    places, left = [], [tree]
    while left:
        holder = left.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else []
        for key in keys:
            places.append((holder, key))
            left.append(holder[key])
    return places


def _value(place: tuple[Any, Any]) -> Any:
    holder, key = place
    try:
        return holder[key]
    except (KeyError, IndexError):  # removed by a change before this one
        return None


def _some_key(rng: random.Random, places: Sequence[tuple[Any, Any]]) -> str:
    return str(rng.choice(places)[1])


def _near(rng: random.Random, value: Any) -> Any:
    """Return what somebody could have meant: another sign, unit, size or type of the same."""
    if isinstance(value, bool) or value is None:
        return rng.choice((not value, 0, 1, "yes"))
    if isinstance(value, int | float):
        factor = rng.choice((0, -1, 0.5, 2, 10, 1e3, 1e-3, 1e6, 1e-6, 1e9, 1e12))
        return rng.choice(
            (value * factor, float(value), str(value), int(min(max(value, -1e18), 1e18)), [value], value + 1, value - 1)
        )
    if isinstance(value, str):
        return rng.choice(
            (value[:-1], value + "x", value.upper(), [value], {value: value}, value * 30, 1, f" {value} ")
        )
    if isinstance(value, list):
        return rng.choice((value[:-1], value * 2, value[::-1], dict(enumerate(map(str, value))), None, [value]))
    return rng.choice((list(value), str(value), [value], None, {}))


# --- arrays ----------------------------------------------------------------------------------------------------------

_DTYPES = (
    "<f8",
    "<f4",
    "<f2",
    ">f8",
    "<i8",
    "<i4",
    "<u1",
    "|b1",
    "<c16",
    "<U4",
    "|S4",
    "<M8[ns]",
    "|V8",
    "<i2",
    ">i4",
    "<u8",
)
_HEADER_DTYPES = (*_DTYPES, "|O", "f8,i4", "<f16", "<g", "x", "", "<U2147483647", "<U0", "|V0")
_HEADER_SHAPES = (
    "()", "(0,)", "(1,)", "(-1,)", "(2, 3)", "(99999999,)", "(1000000000000,)", "(4294967296, 4294967296)",
    "(1,) * 40", "(2.0,)", "2",
    "('a',)", "(True,)", "(None,)", "(9223372036854775808,)", "(" + "1, " * 70 + ")", "(0, 99999999999)", "(" * 300,
)  # fmt: skip
_NUMBERS = (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-320, -1.0, 2.0, 1e9, 0.5, -0.0, 2**31, 2**53 + 1.0)


def npy(array: np.ndarray) -> bytes:
    """Return the bytes of an npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def changed_array(rng: random.Random, array: np.ndarray) -> bytes:
    """Return an npy file with other values, another shape or dtype, or a header that claims something else."""
    kind = rng.randrange(8)
    if kind == 0:
        changed = array.astype(np.float64)
        for _ in range(rng.choice((1, 1, 5))):
            if changed.size:
                changed.flat[rng.randrange(changed.size)] = rng.choice(_NUMBERS)
        with np.errstate(all="ignore"):
            return npy(changed if rng.random() < 0.7 or not np.isfinite(changed).all() else changed.astype(array.dtype))
    if kind == 1:
        with np.errstate(all="ignore"):
            return npy(array.astype(rng.choice(_DTYPES)) if rng.random() < 0.9 else array.astype(object))
    if kind == 2:
        shapes = [
            array.ravel(),
            array[None],
            array[..., None],
            array.T,
            array[:0],
            array[..., :0],
            array[..., :1],
            array[:1],
        ]
        return npy(
            np.asarray(rng.choice([*shapes, np.float64(1), array[tuple([0] * array.ndim)] if array.size else array]))
        )
    if kind == 3:
        return npy(
            np.repeat(array, rng.choice((2, 3, 50)), axis=rng.randrange(max(array.ndim, 1))) if array.ndim else array
        )
    if kind == 4:
        return npy(np.asfortranarray(array) * rng.choice((-1, 0, 10, 1000)))
    if kind in (5, 6):
        order = rng.choice(("True", "False", "0", "None"))
        dtype = rng.choice((repr(array.dtype.str), *map(repr, _HEADER_DTYPES), "None", "1", "[('a', '<f8')]"))
        shape = rng.choice((repr(array.shape), *_HEADER_SHAPES))
        header = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}"
        if rng.random() < 0.1:
            header = rng.choice(("{}", "", "[1]", "{'descr': '<f8'}", "__import__('os')", "{" * 500, "1" * 9000))
        return (
            b"\x93NUMPY"
            + bytes([rng.choice((1, 1, 1, 2, 3, 9)), 0])
            + struct.pack("<H", len(header) + 1)
            + header.encode()
            + b"\n"
            + array.tobytes()
        )
    return damaged(rng, npy(array))


def npz(arrays: dict[str, np.ndarray | bytes]) -> bytes:
    """Return the bytes of an npz file; bytes are taken as an npy file that is made already."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))
    return stream.getvalue()


def changed_npz(rng: random.Random, arrays: dict[str, np.ndarray]) -> bytes:
    """Return an npz file in which arrays are changed, missing, renamed or more, or whose bytes are damaged."""
    made: dict[str, np.ndarray | bytes] = dict(arrays)
    kind, name = rng.randrange(10), rng.choice(list(arrays))
    if kind < 5:
        made[name] = changed_array(rng, arrays[name])
    elif kind == 5:
        del made[name]
    elif kind == 6:
        made[rng.choice((name.upper(), f"{name}s", "../x", "", "日", "a/b"))] = made.pop(name)
    elif kind == 7:
        made[rng.choice(("extra", "test_inputs", "test_labels"))] = arrays[rng.choice(list(arrays))]
    elif kind == 8:
        made[name] = rng.choice((b"", b"junk", zlib.compress(b"junk"), b"\x93NUMPY", b"\0" * 100_000))
    else:
        return damaged(rng, npz(made))
    return npz(made)


# --- tables -----------------------------------------------------------------------------------------------------------

_CELLS = (
    "",
    "-1",
    "0",
    "1",
    "99",
    "1e3",
    "1e300",
    "nan",
    "inf",
    "x",
    "1.5",
    "9" * 400,
    " 1",
    '"1"',
    "a" * 5000,
    "日",
    "0x1",
    "1_0",
    "１",
    "\x00",
    "-0",
    "1,5",
)


def changed_table(rng: random.Random, data: bytes) -> bytes:
    """Return a CSV file with other cells, rows, columns, separators, headers or line ends."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    kind = rng.randrange(9)
    row, column = rng.randrange(len(rows)), rng.randrange(len(rows[0]))
    if kind < 3:
        rows[row][column] = rng.choice(_CELLS)
    elif kind == 3:
        del rows[row][column]
    elif kind == 4:
        rows[row].append(rng.choice(_CELLS))
    elif kind == 5:
        rows.insert(row, rows[rng.randrange(len(rows))] if rng.random() < 0.5 else [""])
    elif kind == 6:
        rows = [cells[::-1] for cells in rows] if rng.random() < 0.5 else rows[:1]
    else:
        return changed_lines(rng, data) if kind == 7 else damaged(rng, data)
    separator, end = rng.choice((",", ",", ",", ";", ", ", "; ", "\t")), rng.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    start = rng.choice(("", "", "", "\ufeff", "\n", "# note\n"))
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-8"))
    return (start + end.join(separator.join(cells) for cells in rows) + end).encode(encoding)


# --- safetensors ------------------------------------------------------------------------------------------------------

_TENSOR_DTYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "I32", "I16", "I8", "U8", "BOOL", "X", None, 1)


def changed_tensors(rng: random.Random, data: bytes) -> bytes:
    """Return a safetensors file with another header, other texts in its metadata, or other bytes."""
    if rng.random() < 0.3 or len(data) < 8:
        return damaged(rng, data)
    size = struct.unpack("<Q", data[:8])[0]
    header, content = json.loads(data[8 : 8 + size]), data[8 + size :]
    names = [name for name in header if name != "__metadata__"]
    kind = rng.randrange(9)
    if kind < 3 and header.get("__metadata__"):
        key = rng.choice(list(header["__metadata__"]))
        text = header["__metadata__"][key]
        try:
            header["__metadata__"][key] = changed_tree(rng, json.loads(text), as_json=True).decode("utf-8", "replace")
        except ValueError:
            header["__metadata__"][key] = rng.choice(("", text[:-1], text.upper(), "{}", "[" * 9000, "null", "1"))
    elif kind == 3:
        return struct.pack("<Q", size) + changed_tree(rng, header, as_json=True)[:size].ljust(size) + content
    elif kind == 4:
        header[rng.choice(names)][rng.choice(("dtype", "shape", "data_offsets"))] = rng.choice(
            (
                *_TENSOR_DTYPES,
                [],
                [0],
                [1, 1],
                [-1],
                [2**63],
                [2**32, 2**32],
                [0, 8],
                [8, 0],
                "x",
                {},
                [0, len(content)],
            )
        )
    elif kind == 5:
        header[f"{rng.choice(names)}x"] = header.pop(rng.choice(names))
    elif kind == 6:
        values = bytearray(content)
        at = rng.randrange(max(len(values) - 8, 1)) & ~7
        values[at : at + 8] = (
            struct.pack("<d", rng.choice(_NUMBERS))
            if rng.random() < 0.5
            else struct.pack("<q", rng.choice((-1, 99, 2**40)))
        )
        content = bytes(values)
    elif kind == 7:
        header["__metadata__"] = rng.choice(({}, {"soensim": "x"}, {"a": "b"}, None, [], {"soensim": "[" * 9000}))
    else:
        claimed = rng.choice((0, 1, size - 1, size + 1, 2**20, 2**40, 2**63, 2**64 - 1))
        return struct.pack("<Q", claimed) + data[8:]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


# --- command lines ----------------------------------------------------------------------------------------------------

_WORDS = (
    "", " ", "-", "--", "none", "-1", "0", "1", "2", "1e3", "1e300", "nan", "inf", "1.5", "9" * 30, "9" * 5000, "x",
    "日本", "a" * 300, "a/b/c", ".", "..",
    "out", "no/such", "rate.yaml", "data.npz", "rate.safetensors", "out/x.json", "out/x.png", "out/x.npz",
    "out/x.html", "rate.yaml/x", "--json", "--seed",
    "--out", "--help", "-h", "--no-such", "--seed=1", "--json=-", "a\nb", "a\x1bb", "a\udcffb", "%s", "{}", "all",
    "hidden", "hidden[0]", "pixels->hidden",
    "squid", "ideal", "nist-2023", "bptt", "2024-01-01", "npz:", "npz:data.npz", "npz:no/such", "mnist-rows", "true",
    "0x10", "010", "1_0", "cuda", "cpu",
)  # fmt: skip


def changed_arguments(rng: random.Random, arguments: Sequence[str]) -> list[str]:
    """Change, delete, repeat, swap or add words of a command line."""
    words = list(arguments)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.randrange(7)
        at = rng.randrange(len(words)) if words else 0
        if kind < 3 and words:
            words[at] = rng.choice(_WORDS)
        elif kind == 3 and words:
            del words[at]
        elif kind == 4 and words:
            words.insert(rng.randrange(len(words) + 1), words[at])
        elif kind == 5 and words:
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
        else:
            words.insert(at, rng.choice(_WORDS))
    return words
