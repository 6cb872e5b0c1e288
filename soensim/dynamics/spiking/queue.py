"""A binary heap of photon arrivals over flat arrays, earliest first; ties go by edge, so that the order is total."""

from soensim._runtime.kernel_cache import njit


@njit(cache=True)
def _before(time, edge, a, b):  # type: ignore[no-untyped-def]
    return time[a] < time[b] or (time[a] == time[b] and edge[a] < edge[b])


@njit(cache=True)
def _swap(time, origin, edge, a, b):  # type: ignore[no-untyped-def]
    time[a], time[b] = time[b], time[a]
    origin[a], origin[b] = origin[b], origin[a]
    edge[a], edge[b] = edge[b], edge[a]


@njit(cache=True)
def push(queue, size, time_ns, origin_ns, edge):  # type: ignore[no-untyped-def]
    """Add an arrival to the ``size`` that are there; return the new size. The arrays must have room."""
    times, origins, edges = queue
    at = size
    times[at], origins[at], edges[at] = time_ns, origin_ns, edge
    while at > 0 and _before(times, edges, at, (at - 1) // 2):
        _swap(times, origins, edges, at, (at - 1) // 2)
        at = (at - 1) // 2
    return size + 1


@njit(cache=True)
def drop_first(queue, size):  # type: ignore[no-untyped-def]
    """Remove the earliest arrival (place 0); return the new size."""
    times, origins, edges = queue
    size -= 1
    times[0], origins[0], edges[0] = times[size], origins[size], edges[size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return size
        if child + 1 < size and _before(times, edges, child + 1, child):
            child += 1
        if not _before(times, edges, child, at):
            return size
        _swap(times, origins, edges, at, child)
        at = child
