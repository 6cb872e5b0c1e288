"""Results of studies in files: nothing is lost or half read, whatever is killed, and engines share the runs."""

import errno
import fcntl
import json
import os
import time
from collections import deque
from pathlib import Path

import pytest
from study_problems import make_runs

from soensim.errors import SoensimError
from soensim.study import store as module
from soensim.study.run import Outcome
from soensim.study.store import CLAIMS, RESULTS, Claimed, load, open_store

RUNS = make_runs(6)
KEYS = [run.key for run in RUNS]


def outcome(k, **changes):
    return Outcome(KEYS[k], **{"measures": {"square": k * k, "third": k / 3, "none": None}, "seconds": 0.25, **changes})


def lost(k):
    return outcome(k, measures={}, error="died", lost=True)


def written(folder, *outcomes):
    """Write outcomes as an engine that has ended; return its file."""
    before = set((folder / RESULTS).glob("*.jsonl"))
    with open_store(folder) as store:
        for o in outcomes:
            store.add(RUNS[KEYS.index(o.key)], o)
    (path,) = set((folder / RESULTS).glob("*.jsonl")) - before
    return path


def of(*outcomes):
    return {o.key: o for o in outcomes}


# --- one engine --------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path):
    assert load(tmp_path) == {}
    some = [
        outcome(0),
        outcome(1, measures={}, error="no “chip”: µ\u2028"),
        lost(2),
        outcome(3, measures={"a": 0.1 + 0.2}),
    ]
    path = written(tmp_path, *some)
    assert load(tmp_path) == of(*some)
    assert json.loads(path.read_text().splitlines()[3]) == {
        "key": KEYS[3],
        "levels": {"value": 3},
        "seed": 0,
        "measures": {"a": 0.30000000000000004},
        "error": None,
        "lost": False,
        "seconds": 0.25,
    }
    with open_store(tmp_path) as store:
        assert store.outcomes == of(*some)
        assert store.news() == []
        assert len(list((tmp_path / RESULTS).glob("*.jsonl"))) == 2
    assert list((tmp_path / RESULTS).glob("*.jsonl")) == [path]  # that of an engine without results is not kept


def test_a_line_that_is_cut_anywhere_is_not_there(tmp_path):
    path = written(tmp_path, outcome(0), outcome(1), outcome(2))
    whole = path.read_bytes()
    second = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for cut in range(second, len(whole)):
        path.write_bytes(whole[:cut])
        assert load(tmp_path) == of(outcome(0), outcome(1))
    with open_store(tmp_path) as store:  # the next engine is not disturbed
        store.add(RUNS[2], outcome(2))
    assert load(tmp_path) == of(outcome(0), outcome(1), outcome(2))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting property name"),
        ("\0\0\0", "Expecting value"),
        ("[]", "it is no object"),
        ("7", "it is no object"),
        ("[" * 100_000, "recursion"),
        ('{"key": "a"}', "it has no 'measures'"),
        ('{"key": 1, "measures": {}, "error": null, "lost": false, "seconds": 1}', "its key is of the wrong kind"),
        ('{"key": "a", "measures": [], "error": null, "lost": false, "seconds": 1}', "its measures is of the wrong"),
        ('{"key": "a", "measures": {"b": "c"}, "error": null, "lost": false, "seconds": 1}', "its b is of the wrong"),
        ('{"key": "a", "measures": {}, "error": 0, "lost": false, "seconds": 1}', "its error is of the wrong kind"),
        ('{"key": "a", "measures": {}, "error": null, "lost": 0, "seconds": 1}', "its lost is of the wrong kind"),
        ('{"key": "a", "measures": {}, "error": null, "lost": false, "seconds": "1"}', "its seconds is of the wrong"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, reason):
    path = written(tmp_path, outcome(0), outcome(1))
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{line}\n{second}\n")
    for read in (load, lambda folder: open_store(folder).__enter__()):
        with pytest.raises(SoensimError) as error:
            read(tmp_path)
        told = str(error.value)
        assert told.startswith(f"{path}:2: is not the result of a run (")
        assert reason in told
        assert told.endswith("); delete this line: its run is done again")
        assert "\n" not in told


def test_what_is_lost_is_replaced_and_replaces_nothing(tmp_path):
    for order in ([lost(0), outcome(0)], [outcome(0), lost(0)]):
        folder = tmp_path / order[0].error if order[0].error else tmp_path / "done"
        for o in order:
            written(folder, o)
        assert load(folder) == of(outcome(0))
    path = written(tmp_path / "both", lost(0), outcome(0), lost(1))
    assert load(tmp_path / "both") == of(outcome(0), lost(1))
    assert len(path.read_text().splitlines()) == 3


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    write = os.write
    with open_store(tmp_path) as store:
        store.add(RUNS[0], outcome(0))

        def full(descriptor, content):
            if len(content) < 100:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(descriptor, content[: len(content) - 99])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(SoensimError) as error:
            store.add(RUNS[1], outcome(1))
        (path,) = (tmp_path / RESULTS).glob("*.jsonl")
        assert str(error.value) == (
            f"{path}: cannot be written: No space left on device; what was written before is kept: "
            "give the same command again when this is mended"
        )
        assert path.read_bytes().endswith(b"}\n")
        assert load(tmp_path) == of(outcome(0))
        assert KEYS[1] not in store.outcomes
        monkeypatch.setattr(os, "write", write)
        store.add(RUNS[2], outcome(2))
    assert load(tmp_path) == of(outcome(0), outcome(2))


def test_long_writes_in_parts(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:7]))
    written(tmp_path, outcome(0), outcome(1))
    assert load(tmp_path) == of(outcome(0), outcome(1))


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_results_that_are_taken_away_are_missed(tmp_path, monkeypatch, how):
    monkeypatch.setattr(module, "_SYNC_S", -1.0)
    with open_store(tmp_path) as store:
        store.add(RUNS[0], outcome(0))
        (path,) = (tmp_path / RESULTS).glob("*.jsonl")
        path.rename(tmp_path / "away")
        if how == "replaced":
            path.write_text("")
        with pytest.raises(SoensimError, match="cannot be written"):
            store.add(RUNS[1], outcome(1))


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SoensimError, match=r"file/results/.*: cannot be written: Not a directory"),
        open_store(tmp_path / "file"),
    ):
        pass
    (tmp_path / RESULTS).write_text("")
    with pytest.raises(SoensimError, match="results: cannot be read: Not a directory"):
        load(tmp_path)
    (tmp_path / "study" / RESULTS / "a.jsonl").mkdir(parents=True)
    with pytest.raises(SoensimError, match=r"a.jsonl: cannot be read: Is a directory"):
        load(tmp_path / "study")


# --- several engines ---------------------------------------------------------------------------------------


def test_engines_share_the_runs(tmp_path):
    with open_store(tmp_path) as one, open_store(tmp_path) as two:
        waiting_one, waiting_two = deque(KEYS), deque(KEYS)
        assert one.claim(waiting_one, 2) == Claimed(KEYS[:2], [])
        assert list(waiting_one) == KEYS[2:]
        assert two.claim(waiting_two, 2) == Claimed(KEYS[2:4], KEYS[:2])
        assert one.claim(waiting_one, 9) == Claimed(KEYS[4:], KEYS[2:4])
        assert two.claim(waiting_two, 9) == Claimed([], KEYS[4:])
        assert not waiting_one
        assert not waiting_two
        assert two.claim(deque(KEYS[1:3]), 9) == Claimed([KEYS[2]], [KEYS[1]])  # one's own may be asked for again
        one.add(RUNS[0], outcome(0))
        assert two.news() == []
        two.refresh()
        assert two.news() == [outcome(0)]
        assert two.news() == []
        assert two.outcomes == of(outcome(0))


def test_the_claims_of_an_engine_that_has_ended_are_void(tmp_path):
    """And what it has done is not done again, although nobody has read it yet."""
    with open_store(tmp_path) as one:
        with open_store(tmp_path) as two:
            two.claim(deque(KEYS[:3]), 3)
            two.add(RUNS[0], outcome(0))
            two.add(RUNS[1], lost(1))
            assert one.claim(deque(KEYS), 2) == Claimed(KEYS[3:5], KEYS[:3])
        assert one.outcomes == {}
        assert one.claim(deque(KEYS), 9) == Claimed(KEYS[1:], [])
        assert one.news() == [outcome(0), lost(1)]


def test_claims_are_forgotten_when_nobody_lives(tmp_path):
    claims = tmp_path / RESULTS / CLAIMS
    with open_store(tmp_path) as one:
        one.claim(deque(KEYS), 9)
        assert [json.loads(line)["claim"] for line in claims.read_text().splitlines()] == KEYS
        with open_store(tmp_path):
            assert claims.read_text()
    with open_store(tmp_path):
        assert claims.read_text() == ""


def test_damaged_claims_are_void(tmp_path):
    claims = tmp_path / RESULTS / CLAIMS
    with open_store(tmp_path) as one, open_store(tmp_path) as two:
        one.claim(deque(KEYS), 1)
        with claims.open("a") as file:
            file.write('7\n{"claim"\n\n{"claim": "' + KEYS[1] + '"}\n{"claim": "' + KEYS[2])  # and half a line
        assert two.claim(deque(KEYS), 3) == Claimed(KEYS[1:4], KEYS[:1])
        assert one.claim(deque(KEYS), 9) == Claimed([KEYS[0], *KEYS[4:]], KEYS[1:4])
        claims.unlink()  # by the user: runs may be done twice, and nothing else happens
        assert two.claim(deque(KEYS), 1) == Claimed(KEYS[:1], [])


def test_without_locks_claims_are_not_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "try_lock", lambda *_, **__: None)
    with open_store(tmp_path) as one, open_store(tmp_path) as two:
        assert one.claim(deque(KEYS), 9) == Claimed(KEYS, [])
        assert two.claim(deque(KEYS), 9) == Claimed(KEYS, [])
        one.add(RUNS[0], outcome(0))
        two.add(RUNS[0], outcome(0))
    assert load(tmp_path) == of(outcome(0))


def test_claims_that_a_stopped_engine_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    with open_store(tmp_path) as store, (tmp_path / RESULTS / CLAIMS).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(SoensimError, match=r"claims: another engine has held it for 0 s; let that process go on"):
            store.claim(deque(KEYS), 1)


# --- many files --------------------------------------------------------------------------------------------


def many_files(folder, count=module._MOST_FILES + 1):
    """One file per engine, all of engines that have ended; in each a run of its own, one twice, and one lost."""
    runs = make_runs(count)
    for run in runs:
        path = folder / RESULTS / f"host-1-{run.seed}{run.key[-4:]}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        records = [
            {"key": f"m{run.key}", "levels": run.levels, "seed": run.seed, "measures": {"a": 1}},
            {"key": "twice", "levels": {}, "seed": 0, "measures": {"a": 2}},
            {"key": "lost", "levels": {}, "seed": 0, "measures": {"a": 3}, "lost": run.levels["value"] != 4},
        ]
        text = [json.dumps({"error": None, "lost": False, "seconds": 1.0, **record}) + "\n" for record in records]
        path.write_text("".join(text) + '{"half')
    return load(folder)


def test_many_files_are_merged(tmp_path):
    before = many_files(tmp_path)
    with open_store(tmp_path) as store:
        assert store.outcomes == before
        assert store.news() == []
    (merged,) = (tmp_path / RESULTS).glob("*.jsonl")
    assert merged.name.startswith("merged-")
    assert load(tmp_path) == before
    records = [json.loads(line) for line in merged.read_text().splitlines()]
    assert len(records) == len(before) == 19
    assert not before["lost"].lost
    assert records[0]["levels"] == {"value": 0}


def test_few_files_and_those_in_use_are_not_merged(tmp_path):
    many_files(tmp_path, module._MOST_FILES)
    with open_store(tmp_path) as one:
        one.add(RUNS[0], outcome(0))
        with open_store(tmp_path) as two:
            two.add(RUNS[1], outcome(1))
            assert len(list((tmp_path / RESULTS).glob("*.jsonl"))) == 18
        with open_store(tmp_path) as three:
            assert len(list((tmp_path / RESULTS).glob("*.jsonl"))) == 3
            one.add(RUNS[2], outcome(2))
            three.refresh()
            assert three.news() == [outcome(2)]
            one.refresh()
            assert outcome(1) in one.news()
    assert {KEYS[0], KEYS[1], KEYS[2], "twice"} <= set(load(tmp_path))


def test_a_kill_between_merging_and_removing(tmp_path, monkeypatch):
    before, unlink = many_files(tmp_path), Path.unlink

    def killed(path, missing_ok=False):
        if path.name.endswith("0005.jsonl"):
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt), open_store(tmp_path):
        pass
    monkeypatch.undo()
    assert load(tmp_path) == before
    with open_store(tmp_path) as store:
        assert store.outcomes == before


def test_files_of_another_user_stay(tmp_path, monkeypatch):
    before = many_files(tmp_path)

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    with open_store(tmp_path) as store:
        assert store.outcomes == before


def test_a_damaged_file_is_not_merged(tmp_path):
    many_files(tmp_path)
    path = min((tmp_path / RESULTS).glob("*.jsonl"))
    path.write_text("?\n")
    with pytest.raises(SoensimError, match=rf"{path.name}:1: is not the result of a run"), open_store(tmp_path):
        pass
    assert len(list((tmp_path / RESULTS).glob("*.jsonl"))) == 17


def test_files_that_are_merged_while_they_are_read(tmp_path, monkeypatch):
    before, read, opened = many_files(tmp_path), module._read_from, []

    def merged_meanwhile(path, start):
        if not opened:
            opened.append(open_store(tmp_path / "elsewhere"))
            with open_store(tmp_path):
                pass
        return read(path, start)

    monkeypatch.setattr(module, "_read_from", merged_meanwhile)
    assert load(tmp_path) == before


def test_ten_thousand_runs_are_read_quickly(tmp_path):
    (tmp_path / RESULTS).mkdir()
    for part in range(8):
        lines = [
            json.dumps(
                {"key": f"{part}-{k}", "measures": {f"m{j}": j / 7 for j in range(20)}, "error": None, "lost": False}
                | {"levels": {"density": 0.1, "bits": 4, "kind": "random"}, "seed": k, "seconds": 1.0}
            )
            for k in range(1250)
        ]
        (tmp_path / RESULTS / f"host-{part}.jsonl").write_text("\n".join(lines) + "\n")
    started = time.process_time()
    assert len(load(tmp_path)) == 10_000
    assert time.process_time() - started < 1.5  # 0.15 s on the machine of 2026-11-29
