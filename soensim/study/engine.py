"""The engine of a study: every run done once, whatever is killed meanwhile, in any order and number at a time."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from soensim._runtime.atomic_write import write_atomic
from soensim.errors import SoensimError
from soensim.study.run import Outcome, Run
from soensim.study.slots import Ended, Pool, Reply, Slots, Work, one_line
from soensim.study.store import Store, open_store

FAULTS = "faults"
MOST_ATTEMPTS = 3
_LOOK_S = 0.2  # time between two looks at what other engines have done

More = Callable[[Mapping[str, Outcome]], Sequence[Run]]
"""A stopping rule: the runs that are wanted beside those so far, given the outcomes so far by key.

It must depend on the outcomes alone, not on their order, and must not want less when there are more of them.
"""


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes
    ----------
    done
        Runs that have ended, the failed ones too.
    failed
        Runs that ended with an error.
    total
        All runs that are wanted so far.
    slots
        Runs that can be under way at a time; 0 while a cluster has no workers yet.
    seconds_left
        Estimate: mean time of a run, times the runs left, over the slots; None before a run was measured.
    """

    done: int
    failed: int
    total: int
    slots: int
    seconds_left: float | None


def run_all(
    runs: Iterable[Run],
    work: Work,
    *,
    folder: str | Path,
    slots: Slots,
    more: More | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Outcome]:
    """Do the runs that have no outcome yet.

    The outcomes are the same for any number of slots, in any order, and after any number of kills. A run that was lost
    before is done again. Several engines may be called on the same folder at a time: they share the runs.

    Parameters
    ----------
    runs
        What is to be done; of several with one key, one is.
    work
        What is done for a run, a function of a module.
    folder
        Of the study; results go to `results` in it, tracebacks of faults to `faults`.
    slots
        Where runs are done.
    more
        Asked for further runs at the start and whenever runs have ended.
    progress
        Called at the start and whenever runs have ended.

    Returns
    -------
    dict
        By key, in the order of `runs` and then of what `more` wanted.

    Raises
    ------
    SoensimError
        Results cannot be read or written, or slots cannot be started. What was done is kept.
    KeyboardInterrupt
        From outside; the runs under way are broken off, and what was done is kept.
    """
    with open_store(folder) as store:
        study = _Study(store, Path(folder), more, progress)
        study.want(runs)
        if study.left:
            with slots.start(work) as pool:
                study.work_off(pool)
        return study.outcomes


class _Study:
    """The runs of a study, each in one place: waiting, under way, elsewhere (another engine has it), or done."""

    def __init__(self, store: Store, folder: Path, more: More | None, progress: Callable[[Progress], None]) -> None:
        self._store, self._folder = store, folder
        self._more, self._progress = more, progress
        self._runs: dict[str, Run] = {}
        self._done = {key: outcome for key, outcome in store.outcomes.items() if not outcome.lost}
        self._waiting: deque[str] = deque()
        self._again: deque[str] = deque()  # claimed already
        self._under_way: set[str] = set()
        self._elsewhere: list[str] = []
        self._attempts: Counter[str] = Counter()
        self._looked, self._told = time.monotonic(), 0
        self._failed, self._measured, self._seconds = 0, 0, 0.0

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Outcomes of the wanted runs that have ended, in the order in which the runs were wanted."""
        return {key: self._done[key] for key in self._runs if key in self._done}

    @property
    def left(self) -> int:
        """Number of wanted runs that have not ended."""
        return len(self._waiting) + len(self._again) + len(self._under_way) + len(self._elsewhere)

    def want(self, runs: Iterable[Run]) -> None:
        """Add runs, and those that are wanted because of what is known already."""
        self._add(runs)
        self._ask_for_more()

    def _add(self, runs: Iterable[Run]) -> bool:
        """Add runs; return whether one of them is new and done already."""
        new = {run.key: run for run in runs if run.key not in self._runs}
        self._runs.update(new)
        done = [key for key in new if key in self._done]
        for key in done:
            self._count(self._done[key])
        self._waiting.extend(key for key in new if key not in self._done)
        return bool(done)

    def _ask_for_more(self) -> None:
        while self._more is not None and self._add(self._more(self.outcomes)):
            pass

    def work_off(self, pool: Pool) -> None:
        """Do all that is wanted."""
        self._tell(pool)
        while self.left:
            self._hand_out(pool)
            ended = pool.wait(_LOOK_S)
            for run in ended:
                self._take(run)
            if self._look_at_others() + len(ended):
                self._ask_for_more()
                self._tell(pool)
            elif self._told != pool.count:
                self._tell(pool)

    def _hand_out(self, pool: Pool) -> None:
        free = pool.count - len(self._under_way)
        if self._waiting and len(self._again) < free:
            claimed = self._store.claim(self._waiting, free - len(self._again))
            self._again.extend(claimed.mine)
            self._elsewhere += claimed.elsewhere
            self._take_news()
        for _ in range(min(free, len(self._again))):
            key = self._again.popleft()
            self._under_way.add(key)
            pool.submit(key, self._runs[key].job)

    def _take(self, ended: Ended) -> None:
        self._under_way.discard(ended.key)
        if ended.key in self._done:  # an engine whose claims cannot be seen has done it too
            return
        reply = ended.reply
        self._attempts[ended.key] += ended.attempts if reply is not None and reply.lost else 0
        if reply is None or (reply.lost and self._attempts[ended.key] < MOST_ATTEMPTS):
            self._again.append(ended.key)
            return
        outcome = self._outcome(ended.key, reply)
        self._store.add(self._runs[ended.key], outcome)
        self._end(outcome)

    def _outcome(self, key: str, reply: Reply) -> Outcome:
        error = reply.error
        if reply.lost:
            error = f"{error} (in {self._attempts[key]} attempts); it is done again when the study goes on"
        elif reply.traceback is not None:
            error = f"a fault of soensim: {error}"
        if reply.traceback is not None:
            name = f"{FAULTS}/{key[:16]}.txt"
            _write_fault(self._folder / name, f"run {key}\n{error}\n\n{reply.traceback}")
            error = f"{error}; see {name}"
        return Outcome(key, reply.measures, None if error is None else one_line(error), reply.lost, reply.seconds)

    def _look_at_others(self) -> int:
        """Read what other engines have done, now and then; return for how many runs that is news."""
        if time.monotonic() < self._looked + _LOOK_S:
            return 0
        self._looked = time.monotonic()
        self._store.refresh()
        count = self._take_news()
        if not self._waiting and self._elsewhere:  # their engine may have ended: ask for them again
            self._waiting.extend(self._elsewhere)
            self._elsewhere.clear()
        return count

    def _take_news(self) -> int:
        news = [outcome for outcome in self._store.news() if outcome.key not in self._done]
        for outcome in news:
            if outcome.key in self._runs:
                self._end(outcome)
            else:
                self._done[outcome.key] = outcome
        if news:
            known = self._done
            self._elsewhere = [key for key in self._elsewhere if key not in known]
            self._waiting = deque(key for key in self._waiting if key not in known)
            self._again = deque(key for key in self._again if key not in known)
        return len(news)

    def _end(self, outcome: Outcome) -> None:
        self._done[outcome.key] = outcome
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        self._failed += outcome.error is not None
        if outcome.error is None:
            self._measured += 1
            self._seconds += outcome.seconds

    def _tell(self, pool: Pool) -> None:
        left, slots = self.left, pool.count
        mean = self._seconds / self._measured if self._measured else None
        seconds = None if mean is None or not slots else mean * left / min(slots, max(left, 1))
        self._told = slots
        self._progress(Progress(len(self._runs) - left, self._failed, len(self._runs), slots, seconds))


def _write_fault(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SoensimError(f"{path.parent}: cannot be made: {error.strerror}") from error
    write_atomic(path, text)
