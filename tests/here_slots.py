"""Runs of studies in this process: for what needs no other, which would load everything anew."""

import contextlib

from soensim._runtime.cores import usable_cores
from soensim.study.slots import Ended, perform


class HereSlots:
    """Slots in this process, for what needs no other: each run ends when it is waited for, the last given first."""

    def __init__(self, count=3, replies=None):
        self.count, self.under_way, self.most, self.replies, self.later = count, [], 0, replies or {}, count

    @contextlib.contextmanager
    def start(self, work):
        self.work = work
        yield self

    def submit(self, key, job):
        self.under_way.append((key, job))
        self.most = max(self.most, len(self.under_way))

    def wait(self, _longest_s):
        if not self.under_way:
            self.count = self.later
            return []
        key, job = self.under_way.pop()
        canned = self.replies.get(job.get("value"), [])
        return [Ended(key, *canned.pop(0))] if canned else [Ended(key, perform(self.work, job))]


class HereProcesses(HereSlots):
    """What commands take for processes of this machine."""

    def __init__(self, workers=None):
        self.workers = workers or usable_cores()
        super().__init__(self.workers)
