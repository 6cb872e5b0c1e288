"""What a worker process does: it takes jobs from the engine through a pipe until the engine ends it, or ends itself."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

from soensim.study.slots import perform

GRACE_S = 2.0
"""Time in which a run that is broken off may remove its temporary files."""


class _Terminated(BaseException):
    """SIGTERM."""


class Ready(NamedTuple):
    """What a worker says when it has imported all, and before its first job; or why it could not."""

    traceback: str | None


def serve(connection: Connection, life: int) -> NoReturn:
    """Receive the work, answer `Ready`, then answer each job with a `Reply`.

    SIGTERM, and the death of the engine, end the process at once when it waits, and otherwise break off the run as an
    exception would. A Ctrl-C on the terminal is for the engine, which ends its workers.

    Parameters
    ----------
    connection
        To the engine.
    life
        Descriptor of a pipe that ends when the engine does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    faulthandler.enable()
    _be_the_first_to_go()
    threading.Thread(target=_end_with_engine, args=(life,), daemon=True).start()
    status = 1
    try:
        _take_jobs(connection)
    except (EOFError, ConnectionError):  # the engine has ended
        status = 0
    except _Terminated:
        status = 128 + signal.SIGTERM
    except (Exception, SystemExit):  # of the engine's connection, or by what the work called
        traceback.print_exc()
    os._exit(status)


def _take_jobs(connection: Connection) -> None:
    try:
        work = connection.recv()
    except (ImportError, AttributeError):  # of its module, as seen from here
        connection.send(Ready(traceback.format_exc()))
        return
    connection.send(Ready(None))
    while True:
        connection.send(perform(work, connection.recv()))


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _end_with_engine(life: int) -> None:
    while os.read(life, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def _be_the_first_to_go() -> None:
    """Where memory runs out, let the system end a worker, whose run is done again, and not the engine."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
