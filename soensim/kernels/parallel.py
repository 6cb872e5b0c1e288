"""Sharing a kernel's range out among threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any


def share_out(kernel: Callable[..., None], count: int, threads: int, *args: Any) -> None:
    """Call ``kernel(first, last, *args)`` so that all of range(count) is done, on so many threads at most.

    The kernel must release the interpreter's lock, and what it does for one index must not depend on the others.
    """
    threads = min(threads, count)
    if threads <= 1:
        kernel(0, count, *args)
        return
    ends = [count * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(kernel, *span, *args) for span in pairwise(ends)]:
            future.result()
