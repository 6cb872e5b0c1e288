"""`python -m` looks for packages in the working folder first, where a user's file may have the name of one."""

from __future__ import annotations

import os
import sys

NO_WORKING_FOLDER = "the working folder no longer exists; change to another one"


def working_folder_exists() -> bool:
    """Whether the folder that relative paths begin at has not been deleted."""
    try:
        os.getcwd()  # noqa: PTH109 - light
    except OSError:
        return False
    return True


def leave_out_working_folder() -> None:
    """Take the working folder off the module path of `python -m soensim…`, as `python -P` does.

    Otherwise a file such as numpy.py beside a netlist hides the package. soensim itself is found already, and its
    modules with it; where it is run from its own checkout, the folder stays.
    """
    given = sys.orig_argv
    started = given[given.index("-m") + 1 :] if "-m" in given else []
    if not started or started[0].partition(".")[0] != "soensim" or not sys.path:
        return
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - light
    try:
        here = os.getcwd()  # noqa: PTH109
    except OSError:  # it was deleted
        return
    if sys.path[0] in ("", here) and not os.path.samefile(here, checkout):  # noqa: PTH121
        del sys.path[0]
