"""Where the members of a population are: the lattice that distances and placement share."""

from __future__ import annotations

import math


def lattice(n: int) -> tuple[int, int]:
    """Rows and columns of the lattice on which a population of `n` is placed, near to a square.

    Member k is in row ``k // columns``, column ``k % columns``, in units of the cell pitch; there are
    ``ceil(sqrt(n))`` columns, and the last row may be shorter than the others.
    """
    columns = math.isqrt(n - 1) + 1
    return -(-n // columns), columns
