"""Edges: generators against counts, guarantees and uniformity; edge files against damage."""

import time
import tracemalloc
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.errors import NetlistError
from soensim.netlist import parse_netlist
from soensim.netlist.topology.edge_files import read_edges
from soensim.netlist.topology.edges import EdgeError, Edges, checked_edges
from soensim.netlist.topology.generators import all_to_all, one_to_one, random_edges

CHIP = """\
schema: soensim/1
name: small
technology: ideal
populations:
  pixels: {{kind: input, size: 3, drive_low: 0.0, drive_high: 1.0}}
  hidden: {{kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.5, gamma_minus: 0.5}}
projections:
  - source: pixels
    target: hidden
    topology: {topology}
    efficacy: {{bits: 4, range: 1.0}}
timing: {{sample_tau: 1.0}}
"""


def pairs(edges: Edges) -> list[tuple[int, int]]:
    return list(zip(edges.sources.tolist(), edges.targets.tolist(), strict=True))


def chip_edges(topology: str, folder: Path | None = None) -> Edges:
    netlist = parse_netlist(CHIP.format(topology=topology), folder=folder)
    return netlist.edges(netlist.projections[0])


def is_sorted(edges: Edges) -> bool:
    order = np.lexsort((edges.sources, edges.targets))
    return bool(np.array_equal(order, np.arange(len(edges))))


# --- generators ------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 12))
def test_all_to_all_is_every_pair(n_sources: int, n_targets: int) -> None:
    edges = all_to_all(n_sources, n_targets, self_connections=True)
    assert pairs(edges) == [(j, i) for i in range(n_targets) for j in range(n_sources)]


@given(st.integers(2, 12))
def test_all_to_all_without_the_diagonal(n: int) -> None:
    edges = all_to_all(n, n, self_connections=False)
    assert pairs(edges) == [(j, i) for i in range(n) for j in range(n) if i != j]


def test_one_to_one() -> None:
    assert pairs(one_to_one(3)) == [(0, 0), (1, 1), (2, 2)]


@given(data=st.data(), n_sources=st.integers(1, 15), n_targets=st.integers(1, 15), seed=st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_random_keeps_its_promises(data: st.DataObject, n_sources: int, n_targets: int, seed: int) -> None:
    recurrent = data.draw(st.booleans()) and n_sources > 1
    n_targets = n_sources if recurrent else n_targets
    width = n_sources - recurrent
    min_fan_in = data.draw(st.integers(0, width))
    count = data.draw(st.integers(max(1, min_fan_in * n_targets), width * n_targets))
    edges = random_edges(n_sources, n_targets, count, seed, min_fan_in, not recurrent)
    assert len(edges) == len(set(pairs(edges))) == count
    assert is_sorted(edges)
    assert edges.sources.min() >= 0
    assert edges.sources.max() < n_sources
    assert edges.targets.max() < n_targets
    assert np.bincount(edges.targets, minlength=n_targets).min() >= min_fan_in
    if recurrent:
        assert not np.any(edges.sources == edges.targets)
    assert edges == random_edges(n_sources, n_targets, count, seed, min_fan_in, not recurrent)


@pytest.mark.parametrize(("count", "min_fan_in"), [(2, 0), (4, 0), (3, 1), (4, 1), (5, 1)])
def test_random_is_uniform(count: int, min_fan_in: int) -> None:
    """Every set of extra edges is equally likely, given the first; checked on 2 targets x 3 sources by chi squared."""
    draws = 3000
    seen: dict[tuple[tuple[int, int], ...], int] = {}
    for seed in range(draws):
        key = tuple(pairs(random_edges(3, 2, count, seed, min_fan_in, True)))
        seen[key] = seen.get(key, 0) + 1
    weights = expected_weights(count, min_fan_in)
    assert set(seen) <= set(weights)
    total = sum(weights.values())
    chi2 = sum((seen.get(k, 0) - draws * w / total) ** 2 / (draws * w / total) for k, w in weights.items())
    freedom = len(weights) - 1
    assert chi2 < freedom + 5 * np.sqrt(2 * freedom)


def expected_weights(count: int, min_fan_in: int) -> dict[tuple[tuple[int, int], ...], int]:
    """How many choices of the first edges lead to each set, by enumeration."""
    everything = [(j, i) for i in range(2) for j in range(3)]
    weights = {}
    for subset in combinations(everything, count):
        ways = 1
        for i in range(2):
            fan_in = sum(target == i for _, target in subset)
            ways *= sum(1 for _ in combinations(range(fan_in), min_fan_in))
        if ways:
            weights[subset] = ways
    return weights


def test_seeds_differ() -> None:
    drawn = {random_edges(20, 20, 40, seed, 1, True).digest for seed in range(20)}
    assert len(drawn) == 20


def test_draw_is_the_same_in_every_release() -> None:
    """A program belongs to the edges that its seed drew: another draw makes every trained program worthless."""
    assert pairs(random_edges(5, 3, 6, 7, 1, True)) == [(3, 0), (4, 0), (3, 1), (1, 2), (2, 2), (3, 2)]
    assert pairs(random_edges(4, 4, 9, 7, 2, False)) == [
        *[(1, 0), (2, 0), (0, 1), (3, 1), (0, 2)],
        *[(1, 2), (3, 2), (0, 3), (1, 3)],
    ]


@pytest.mark.parametrize("min_fan_in", [0, 8, 40])
def test_large_random_topology_is_fast_and_lean(min_fan_in: int) -> None:
    count = round(0.005 * 8100**2)
    tracemalloc.start()
    start = time.perf_counter()
    edges = random_edges(8100, 8100, count, 1, min_fan_in, self_connections=False)
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(edges) == count
    assert np.bincount(edges.targets, minlength=8100).min() >= min_fan_in
    assert peak < 64 * 2**20
    assert seconds < 2


def test_large_chip_from_yaml() -> None:
    text = CHIP.replace("size: 3", "size: 8100").replace("size: 4", "size: 8100")
    netlist = parse_netlist(text.format(topology="{kind: random, density: 0.005, seed: 1, min_fan_in: 5}"))
    assert len(netlist.edges(netlist.projections[0])) == 328_050


def test_edges_are_made_once() -> None:
    netlist = parse_netlist(CHIP.format(topology="{kind: random, density: 0.5, seed: 1}"))
    assert netlist.edges(netlist.projections[0]) is netlist.edges(netlist.projections[0])


# --- the edge list itself --------------------------------------------------------------------------------


def index(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_edges_are_read_only_and_compare_by_value() -> None:
    edges = checked_edges(index(2, 0, 1), index(1, 1, 0), 3, 2)
    assert pairs(edges) == [(1, 0), (0, 1), (2, 1)]
    with pytest.raises(ValueError, match="read-only"):
        edges.sources[0] = 1
    same = checked_edges(index(0, 1, 2), index(1, 0, 1), 3, 2)
    other = checked_edges(index(0, 1), index(1, 0), 3, 2)
    assert edges == same
    assert hash(edges) == hash(same)
    assert edges != other
    assert edges.digest != other.digest
    assert edges != "edges"


def test_digest_depends_on_direction() -> None:
    assert Edges(index(0, 1), index(1, 1)).digest != Edges(index(1, 1), index(0, 1)).digest


@pytest.mark.parametrize("topology", ["all-to-all", "{kind: all-to-all}", "{kind: all-to-all, self_connections: true}"])
def test_words_are_short_for_kinds(topology: str) -> None:
    assert chip_edges(topology) == all_to_all(3, 4, True)


# --- files -----------------------------------------------------------------------------------------------

GIVEN = ([2, 0, 1, 0], [1, 1, 0, 3])
SORTED = [(1, 0), (0, 1), (2, 1), (0, 3)]


@pytest.mark.parametrize(
    "content",
    [
        "source,target\n2,1\n0,1\n1,0\n0,3\n",
        "source,target\r\n2,1\r\n0,1\r\n1,0\r\n0,3",
        "\ufeffsource,target\n2,1\n0,1\n1,0\n0,3\n",
        'note,target, source \n"a, b",1, 2\n,1,0\n,0,1\n\n,3,0\n',
    ],
)
def test_csv(tmp_path: Path, content: str) -> None:
    (tmp_path / "e.csv").write_bytes(content.encode())
    assert pairs(chip_edges("{kind: file, path: e.csv}", tmp_path)) == SORTED


@pytest.mark.parametrize("dtype", ["<i8", ">i4", "u1", "<u8"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, dtype: str, save: "type[np.savez]") -> None:
    save(tmp_path / "e.npz", source=np.array(GIVEN[0], dtype), target=np.array(GIVEN[1], dtype), more=[1.5])
    assert pairs(chip_edges("{kind: file, path: e.npz}", tmp_path)) == SORTED


def test_explicit() -> None:
    edges = list(zip(*GIVEN, strict=True))
    assert pairs(chip_edges(f"{{kind: explicit, edges: {[list(e) for e in edges]}}}")) == SORTED


@given(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1), st.randoms())
@settings(deadline=None, max_examples=30)
def test_all_ways_to_give_edges_agree(tmp_path_factory: pytest.TempPathFactory, edges: set, random: object) -> None:
    folder = tmp_path_factory.getbasetemp()
    shuffled = sorted(edges)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    sources, targets = np.array(shuffled).T
    np.savez(folder / "e.npz", source=sources, target=targets)
    lines = ["source,target", *(f"{j},{i}" for j, i in shuffled)]
    (folder / "e.csv").write_text("\n".join(lines))
    explicit = chip_edges(f"{{kind: explicit, edges: {[list(e) for e in shuffled]}}}")
    assert explicit == chip_edges("{kind: file, path: e.npz}", folder)
    assert explicit == chip_edges("{kind: file, path: e.csv}", folder)
    assert pairs(explicit) == sorted(edges, key=lambda e: (e[1], e[0]))


def file_message(tmp_path: Path, name: str) -> str:
    """Message for a chip with this edge file, without the position, which is the path's."""
    with pytest.raises(NetlistError) as caught:
        chip_edges(f"{{kind: file, path: {name}}}", tmp_path)
    before = "<netlist>:10:34: projections[0].topology.path: "
    message = str(caught.value)
    assert message.startswith(before)
    return message.removeprefix(before).replace(str(tmp_path / name), "FILE")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FILE:1: the first line must name the columns source and target, each once; it is nothing"),
        (b"a,b\n1,2\n", "FILE:1: the first line must name the columns source and target, each once; it is 'a,b'"),
        (b"source\n1\n", "FILE:1: the first line must name the columns source and target, each once; it is 'source'"),
        (
            b"source,source,target\n",
            "FILE:1: the first line must name the columns source and target, each once; it is 'source,source,target'",
        ),
        (b"0,1\n1,2\n", "FILE:1: the first line must name the columns source and target, each once; it is '0,1'"),
        (b"source,target\n", "FILE: holds no edge"),
        (b"source,target\n0,1\n0,x\n", "FILE:3: source is '0' and target 'x'; legal are whole numbers"),
        (b"source,target\n0,1_0\n", "FILE:2: source is '0' and target '1_0'; legal are whole numbers"),
        (b"source,target\n0,1.0\n", "FILE:2: source is '0' and target '1.0'; legal are whole numbers"),
        (b"source,target\n0\n", "FILE:2: is too short; a row has source and target"),
        (b"source,target\n0,\n", "FILE:2: source is '0' and target ''; legal are whole numbers"),
        (b"source,target\n0," + b"9" * 30, f"FILE:2: source is '0' and target '{'9' * 30}'; legal are whole numbers"),
        (
            b"source,target\n0," + b"9" * 5000,
            f"FILE:2: source is '0' and target '{'9' * 59}…'; legal are whole numbers",
        ),
        (b"source,target\n0,1\n3,1\n", "FILE: edge 1 (counted from 0) has source 3; legal is 0 to 2"),
        (b"source,target\n-1,1\n", "FILE: edge 0 (counted from 0) has source -1; legal is 0 to 2"),
        (b"source,target\n0,4\n", "FILE: edge 0 (counted from 0) has target 4; legal is 0 to 3"),
        (
            b"source,target\n0,1\n1,1\n0,1\n",
            "FILE: edge 2 (counted from 0) repeats edge 0, source 0 to target 1; give each pair once",
        ),
        (b"source,target\n0,\xff\n", "FILE: is not UTF-8 text; save it as CSV in UTF-8"),
        (b'source,target\n0,"1\n', "FILE:2: is not a CSV file: unexpected end of data"),
    ],
)
def test_bad_csv(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "e.csv").write_bytes(content)
    assert file_message(tmp_path, "e.csv") == message


ADVICE = (
    "an edge file holds source and target, whole numbers, or a mask (targets, sources), dense or as scipy saves it; "
    "its path is relative to the netlist"
)
WHOLE = "it must be a one-dimensional array of whole numbers"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, f"FILE: lacks the array 'source'; it holds nothing; {ADVICE}"),
        ({"source": [0]}, f"FILE: lacks the array 'target'; it holds source; {ADVICE}"),
        ({"source": [0.0], "target": [0]}, f"FILE: array 'source' has type float64 and shape (1,); {WHOLE}"),
        ({"source": [True], "target": [0]}, f"FILE: array 'source' has type bool and shape (1,); {WHOLE}"),
        ({"source": [[0]], "target": [0]}, f"FILE: array 'source' has type int64 and shape (1, 1); {WHOLE}"),
        ({"source": 0, "target": [0]}, f"FILE: array 'source' has type int64 and shape (); {WHOLE}"),
        (
            {"source": ["0"], "target": [0]},
            f"FILE: array 'source' has the type <U1; it must hold real numbers; {ADVICE}",
        ),
        (
            {"source": np.array([0, None]), "target": [0, 1]},
            f"FILE: array 'source' has the type Python object; it must hold real numbers; {ADVICE}",
        ),
        (
            {"source": [0, 1], "target": [0]},
            "FILE: source has 2 entries, target 1; they must have the same length",
        ),
        ({"source": np.empty(0, int), "target": np.empty(0, int)}, "FILE: holds no edge"),
        ({"source": [0], "target": [9]}, "FILE: edge 0 (counted from 0) has target 9; legal is 0 to 3"),
        (
            {"source": np.array([2**64 - 1], np.uint64), "target": [0]},
            f"FILE: edge 0 (counted from 0) has source {2**63 - 1}; legal is 0 to 2",
        ),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    np.savez(tmp_path / "e.npz", **arrays)  # type: ignore[arg-type]
    assert file_message(tmp_path, "e.npz") == message


def given_mask() -> np.ndarray:
    mask = np.zeros((4, 3))
    mask[GIVEN[1], GIVEN[0]] = [-2.0, 1.0, 0.5, 3.0]
    return mask


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32, np.float64])
def test_dense_mask(tmp_path: Path, dtype: type) -> None:
    np.savez(tmp_path / "e.npz", mask=np.sign(given_mask()).astype(dtype), note=[1.5])
    assert pairs(chip_edges("{kind: file, path: e.npz}", tmp_path)) == SORTED


@pytest.mark.parametrize("kind", ["coo", "csr", "csc"])
@pytest.mark.parametrize("compressed", [True, False])
def test_sparse_mask(tmp_path: Path, kind: str, compressed: bool) -> None:
    matrix = scipy.sparse.coo_array(given_mask()).asformat(kind)
    matrix.data[list(matrix.data).index(3.0)] = 0.0  # an entry that holds 0 is no edge
    scipy.sparse.save_npz(tmp_path / "e.npz", matrix, compressed)
    assert pairs(chip_edges("{kind: file, path: e.npz}", tmp_path)) == [pair for pair in SORTED if pair != (0, 3)]


CSR = {"format": np.array(b"csr"), "shape": [4, 3], "data": [1.0], "indptr": [0, 0, 1, 1, 1], "indices": [2]}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"mask": np.ones((3, 4))},
            "FILE: its mask has the shape (3, 4); it must be (targets, sources), here (4, 3); transpose it",
        ),
        ({"mask": np.ones((4, 4))}, "FILE: its mask has the shape (4, 4); it must be (targets, sources), here (4, 3)"),
        ({"mask": np.ones(12)}, "FILE: its mask has the shape (12,); it must be (targets, sources), here (4, 3)"),
        ({"mask": np.zeros((4, 3))}, "FILE: holds no edge"),
        ({"mask": np.full((4, 3), np.nan)}, f"FILE: array 'mask' holds a value that is not a finite number; {ADVICE}"),
        (
            CSR | {"shape": [3, 4]},
            "FILE: its mask has the shape (3, 4); it must be (targets, sources), here (4, 3); transpose it",
        ),
        (
            CSR | {"format": np.array(b"dia")},
            "FILE: holds a sparse matrix of the kind 'dia'; legal are coo, csr, csc: save matrix.tocsr()",
        ),
        (
            CSR | {"format": 1},
            f"FILE: array 'format' has the type int64 and shape (); it must hold one word; {ADVICE}",
        ),
        (CSR | {"indptr": [0, 1]}, f"FILE: its csr matrix is damaged: indptr does not ascend from 0; {ADVICE}"),
        (
            CSR | {"indptr": [0, 1, 0, 1, 1]},
            f"FILE: its csr matrix is damaged: indptr does not ascend from 0; {ADVICE}",
        ),
        (
            CSR | {"indptr": [1, 1, 1, 1, 2]},
            f"FILE: its csr matrix is damaged: indptr does not ascend from 0; {ADVICE}",
        ),
        (CSR | {"indptr": [0, 0, 2, 2, 2]}, f"FILE: its csr matrix is damaged: its parts differ in length; {ADVICE}"),
        (CSR | {"indices": [0.5]}, f"FILE: its csr matrix is damaged; {ADVICE}"),
        (CSR | {"indices": [3]}, "FILE: edge 0 (counted from 0) has source 3; legal is 0 to 2"),
        (
            {key: CSR[key] for key in ("format", "shape", "data")},
            f"FILE: lacks the array 'indptr'; it holds data, format, shape; {ADVICE}",
        ),
    ],
)
def test_bad_mask(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    np.savez(tmp_path / "e.npz", **arrays)  # type: ignore[arg-type]
    assert file_message(tmp_path, "e.npz") == message


def test_mask_with_more_edges_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soensim.netlist.topology.edge_files.MAX_EDGES", 11)
    np.savez(tmp_path / "e.npz", mask=np.ones((4, 3), bool))
    assert file_message(tmp_path, "e.npz") == "FILE: its mask has more edges than the limit of 11"
    scipy.sparse.save_npz(tmp_path / "e.npz", scipy.sparse.csr_array(np.ones((4, 3))))
    assert file_message(tmp_path, "e.npz") == "FILE: its matrix has more edges than the limit of 11"


def test_npz_that_is_no_zip(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"source,target\n"):
        (tmp_path / "e.npz").write_bytes(content)
        assert file_message(tmp_path, "e.npz") == f"FILE: is not an npz file, or a damaged one; {ADVICE}"
    np.save(tmp_path / "e.npy", np.arange(3))
    (tmp_path / "e.npy").rename(tmp_path / "e.npz")
    told = file_message(tmp_path, "e.npz")
    assert told == f"FILE: is an npy file, one array without a name, and not an npz file; {ADVICE}"


def test_npz_with_any_byte_wrong_is_refused_or_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    np.savez_compressed(path, source=GIVEN[0], target=GIVEN[1])
    whole = path.read_bytes()
    refused = 0
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :])
        try:
            assert [column.tolist() for column in read_edges(path)] == list(GIVEN)
        except EdgeError:
            refused += 1
    assert refused > len(whole) / 2
    for k in range(0, len(whole), 7):
        path.write_bytes(whole[:k])
        with pytest.raises(EdgeError):
            read_edges(path)


def test_npz_that_claims_to_be_enormous(tmp_path: Path) -> None:
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,)}"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        for name in ("source", "target"):
            archive.writestr(f"{name}.npy", array)
    assert "array 'source' has a header that claims 7 TiB, shape (1000000000000,), but" in file_message(
        tmp_path, "e.npz"
    )


def test_npz_that_unpacks_to_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soensim.netlist.topology.edge_files.MAX_EDGES", 1000)
    np.savez_compressed(tmp_path / "e.npz", source=np.zeros(2000, int), target=np.zeros(2000, int))
    assert file_message(tmp_path, "e.npz") == f"FILE: unpacks to more than the limit of 24192 bytes; {ADVICE}"
    np.savez(tmp_path / "e.npz", source=np.zeros(2000, "i1"), target=np.zeros(2000, "i1"))
    assert file_message(tmp_path, "e.npz") == "FILE: array 'source' is longer than the limit of 1000 edges"
    lines = ["source,target", *["0,0"] * 2000]
    (tmp_path / "e.csv").write_text("\n".join(lines))
    assert file_message(tmp_path, "e.csv") == "FILE: is longer than the limit of 1000 edges"


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    assert file_message(tmp_path, "no.csv") == f"FILE: no such file; {ADVICE}"
    assert file_message(tmp_path, "no.npz") == f"FILE: no such file; {ADVICE}"
    assert file_message(tmp_path, "e.txt") == "FILE: an edge file ends in .csv or .npz"
    (tmp_path / "d.csv").mkdir()
    assert file_message(tmp_path, "d.csv") == "FILE: is a directory; give the path of one edge file in it"
    name = "a" * 300 + ".csv"
    assert file_message(tmp_path, name) == "FILE: cannot be read: File name too long"
