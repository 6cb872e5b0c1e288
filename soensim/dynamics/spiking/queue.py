"""A binary heap of photon arrivals over flat arrays, earliest first; ties go by edge, so that the order is total."""

from soensim._runtime.kernel_cache import njit


@njit(cache=True)
def _goes_up(time_ns, edge, times, edges, place):  # type: ignore[no-untyped-def]
    return time_ns < times[place] or (time_ns == times[place] and edge < edges[place])


@njit(cache=True)
def push(queue, size, time_ns, origin_ns, edge):  # type: ignore[no-untyped-def]
    """Add an arrival to the ``size`` that are there; return the new size. The arrays must have room."""
    times, origins, edges = queue
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if not _goes_up(time_ns, edge, times, edges, parent):
            break
        times[at], origins[at], edges[at] = times[parent], origins[parent], edges[parent]
        at = parent
    times[at], origins[at], edges[at] = time_ns, origin_ns, edge
    return size + 1


@njit(cache=True)
def drop_first(queue, size):  # type: ignore[no-untyped-def]
    """Remove the earliest arrival (place 0); return the new size."""
    times, origins, edges = queue
    size -= 1
    time_ns, origin_ns, edge = times[size], origins[size], edges[size]
    at, child = 0, 1
    while child < size:
        if child + 1 < size and _goes_up(times[child + 1], edges[child + 1], times, edges, child):
            child += 1
        if not _goes_up(times[child], edges[child], times, edges, size):
            break
        times[at], origins[at], edges[at] = times[child], origins[child], edges[child]
        at, child = child, 2 * child + 1
    times[at], origins[at], edges[at] = time_ns, origin_ns, edge
    return size
