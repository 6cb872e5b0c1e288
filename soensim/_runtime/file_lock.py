"""Locks on files (flock), which the operating system lifts when their process ends, however it ends.

On NFS, Linux asks the server for them, so that they hold for all hosts; a mount that keeps locks local (`local_lock`,
Lustre's `localflock`) keeps apart the processes of one host only.
"""

from __future__ import annotations

import errno
import fcntl

_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


def try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Lock an open file without waiting.

    Parameters
    ----------
    descriptor
        Of the file; on NFS it must be open for writing, for a shared lock for reading.
    shared
        Ask for a lock that several may hold, but nobody beside an exclusive one.

    Returns
    -------
    bool or None
        Whether it is held now; None on a file system without locks.

    Raises
    ------
    OSError
        The file system fails.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True
