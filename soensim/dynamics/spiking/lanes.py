"""All dendrites through a step, side by side: g is looked up for many at once.

The pieces of every dendrite are laid out first, then the first pieces of all dendrites are taken, the second ones, and
so on; branches before what they drive. What is not smooth is left to `soensim.dynamics.spiking.pieces`, whose numbers
these are but for rounding: a piece in which g turns on or off, a spike, currents beyond the main table.
"""

import math

from soensim._runtime.table_access import own_load, own_store
from soensim.dynamics.spiking.pieces import ACROSS, AT_REST, ONE, SHORTEST, TWO, rests, step_dendrite, uneven
from soensim.dynamics.spiking.pools import inner, part
from soensim.dynamics.spiking.slopes import main_slopes


@part
def note_spike(neuron, spike, trial, spiking):  # type: ignore[no-untyped-def]
    """Keep when a neuron spikes; return how many neurons have been found to."""
    trial.spike_ns[neuron] = spike
    if spike == math.inf:
        return spiking
    for candidate in range(spiking):
        if trial.spiking[candidate] == neuron:
            return spiking
    trial.spiking[spiking] = neuron
    return spiking + 1


@part
def _falling(x):  # type: ignore[no-untyped-def]
    """exp(-x) for x from 0 to 0.2, which no step exceeds, without a call: its series to 1e-15."""
    s = 1.0 - x / 10.0
    for n in (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0):
        s = 1.0 - x / n * s
    return 1.0 - x * s


@part
def _lay_out(d, begin, t_begin, t_end, network, state, buffers, at):  # type: ignore[no-untyped-def]
    """Write the pieces of a dendrite from place ``at``; return the place after them."""
    arrays, steps, _ = network
    jumps, running, pieces, factor = buffers.jumps, buffers.trial.running, buffers.pieces, buffers.factor
    first_pool, last_pool = steps.first_pool[d], steps.first_pool[d + 1]
    for p in range(first_pool, last_pool):
        running[p] = state.pool[p]
    jump, bend, per_step = jumps.first[d], 0.0, 1.0 / steps.dt_ns
    drive, driven = state.drive[d], buffers.trial.drive[d] - state.drive[d]
    while True:
        jumps_on = jump >= 0 and jumps.times_ns[jump] <= t_end
        end = jumps.times_ns[jump] if jumps_on else t_end
        h = (end - begin) * per_step
        if h > SHORTEST:
            start = (begin - t_begin) * per_step
            one, two = start + ONE * h, start + TWO * h
            pieces.length[at], pieces.bend[at], bend = h, bend, 0.0
            pieces.one[at], pieces.two[at] = drive + driven * one, drive + driven * two
            pieces.level[at] = pieces.one_age[at] = pieces.two_age[at] = 0.0
            for p in range(first_pool, last_pool):
                kind = steps.pool_kind[p]
                fall = steps.dt_ns / arrays.kinds[kind, 2]
                if p == first_pool:
                    pieces.level[at] = running[p] * factor[kind, 3]
                    pieces.one_age[at], pieces.two_age[at] = one * fall, two * fall
                else:
                    pieces.one[at] += running[p] * factor[kind, 3] * math.exp(-one * fall)
                    pieces.two[at] += running[p] * factor[kind, 3] * math.exp(-two * fall)
            at += 1
            begin = end
        if not jumps_on:
            return at
        running[jumps.pools[jump]] += jumps.changes[jump]
        bend += jumps.bends[jump]
        jump = jumps.following[jump]


@part
def _look_up(count, lanes, source):  # type: ignore[no-untyped-def]
    """Look g and its slopes up for the first ``count`` places; return whether all currents are in the main table."""
    largest = 0.0
    for n in range(count):
        largest = max(largest, abs(lanes.current[n]))
    if not largest <= source.current_max:
        return False
    for n in range(count):
        g, by_flux, slope = main_slopes(own_load(lanes.phi, n), own_load(lanes.current, n), source)
        own_store(lanes.g, n, g)  # type: ignore[call-arg]
        own_store(lanes.by_flux, n, by_flux)  # type: ignore[call-arg]
        own_store(lanes.fall, n, slope)  # type: ignore[call-arg]
    return True


@part
def _take(round_, count, network, buffers):  # type: ignore[no-untyped-def]
    """Take piece ``round_`` of the first ``count`` live lanes; return how many are live after it."""
    arrays, steps, source = network
    pieces, lanes = buffers.pieces, buffers.lanes
    for n in range(count):
        lane = lanes.live[n]
        at, d = lanes.first[lane] + round_, lanes.dendrite[lane]
        lanes.phi[n] = pieces.one[at]
        lanes.current[n] = arrays.bias_current[d] - (lanes.s[lane] + ONE * pieces.length[at] * lanes.slope[lane])
    inside = _look_up(count, lanes, source)
    for n in range(count):
        lane = lanes.live[n]
        at, d = lanes.first[lane] + round_, lanes.dendrite[lane]
        h, s, slope = pieces.length[at], lanes.s[lane], lanes.slope[lane]
        change = steps.gain[d] * lanes.g[n] - steps.leak[d] * (s + ONE * h * slope)
        fall = 0.25 * h * (steps.gain[d] * min(lanes.fall[n], 1e6) + steps.leak[d])
        lanes.damped[n] = 1.0 / (1.0 + fall)
        lanes.stage[n], lanes.change[n] = fall, (change + fall * slope) * lanes.damped[n]
        lanes.first_by_flux[n] = steps.gain[d] * lanes.by_flux[n]
        lanes.phi[n] = pieces.two[at]
        lanes.current[n] = arrays.bias_current[d] - (s + TWO * h * lanes.change[n])
    inside = _look_up(count, lanes, source) and inside
    live = 0
    for n in range(count):
        lane = lanes.live[n]
        at, d = lanes.first[lane] + round_, lanes.dendrite[lane]
        h, s, slope, was_by_flux = pieces.length[at], lanes.s[lane], lanes.slope[lane], lanes.was[lane]
        first = lanes.change[n]
        one, two, first_by_flux = pieces.one[at], pieces.two[at], lanes.first_by_flux[n]
        if was_by_flux == 0.0 and rests(one, s, d, network) and rests(two, s, d, network):
            s *= math.exp(-h * steps.leak[d])
            last, last_by_flux = -steps.leak[d] * s, 0.0
        else:
            change = steps.gain[d] * lanes.g[n] - steps.leak[d] * (s + TWO * h * first)
            fall = 0.25 * h * (steps.gain[d] * min(lanes.fall[n], 1e6) + steps.leak[d])
            last = (change + fall * first) / (1.0 + fall)
            first += 4.0 * lanes.stage[n] * ACROSS * (last - slope) * lanes.damped[n]
            last_by_flux = steps.gain[d] * lanes.by_flux[n]
            was_drive = slope + steps.leak[d] * s
            bends = uneven(h, was_by_flux, was_drive, first_by_flux, last_by_flux, two - one, steps.gain[d])
            if pieces.bend[at] != 0.0 and first_by_flux != 0.0 and was_by_flux != 0.0:
                s -= pieces.bend[at] * (first_by_flux - was_by_flux)
            s += 0.5 * h * (first + last)
            if not (inside and not bends and s < lanes.threshold[lane]):
                lanes.pieces[lane] = 0
                continue
        lanes.s[lane], lanes.slope[lane], lanes.was[lane] = s, last, last_by_flux
        if round_ + 1 < lanes.pieces[lane]:
            lanes.live[live] = lane
            live += 1
    return live


@inner
def step_all(t_begin, t_end, network, state, buffers):  # type: ignore[no-untyped-def]
    """Step all dendrites with the light that has arrived; return how many neurons have been found to spike."""
    arrays, steps, _ = network
    trial, pieces, lanes = buffers.trial, buffers.pieces, buffers.lanes
    for neuron in range(arrays.threshold.size):
        trial.spike_ns[neuron] = math.inf
    for d in range(trial.drive.size):
        trial.drive[d] = arrays.flux_offset[d]
    spiking = 0
    for level in range(steps.first_of_level.size - 1):
        count, at = 0, 0
        for place in range(steps.first_of_level[level], steps.first_of_level[level + 1]):
            d = steps.by_level[place]
            soma, neuron = arrays.parent[d] < 0, steps.neuron_of[d]
            begin = max(t_begin, state.release_ns[neuron]) if soma else t_begin
            if begin >= t_end:
                trial.state[d], trial.slope[d], trial.by_flux[d] = 0.0, 0.0, 0.0
                continue
            after = _lay_out(d, begin, t_begin, t_end, network, state, buffers, at)
            lanes.dendrite[count], lanes.first[count], lanes.pieces[count] = d, at, after - at
            lanes.s[count], lanes.slope[count] = (state.state[d], state.slope[d]) if begin == t_begin else (0.0, 0.0)
            lanes.was[count], lanes.threshold[count] = state.by_flux[d], arrays.threshold[neuron] if soma else math.inf
            lanes.live[count], at = count, after
            count += 1
        for n in range(at):
            level_one, level_two = own_load(pieces.one_age, n), own_load(pieces.two_age, n)
            own_store(pieces.one, n, own_load(pieces.one, n) + own_load(pieces.level, n) * _falling(level_one))  # type: ignore[call-arg]
            own_store(pieces.two, n, own_load(pieces.two, n) + own_load(pieces.level, n) * _falling(level_two))  # type: ignore[call-arg]
        live, round_ = count, 0
        while live > 0:
            live = _take(round_, live, network, buffers)
            round_ += 1
        for lane in range(count):
            d = lanes.dendrite[lane]
            neuron, spike = steps.neuron_of[d], math.inf
            s, slope, by_flux = lanes.s[lane], lanes.slope[lane], lanes.was[lane]
            if lanes.pieces[lane] == 0:
                soma = arrays.parent[d] < 0
                begin = max(t_begin, state.release_ns[neuron]) if soma else t_begin
                s, slope, by_flux, spike = step_dendrite(
                    d, begin, lanes.threshold[lane], t_begin, t_end, network, state, buffers
                )
            trial.state[d], trial.slope[d], trial.by_flux[d] = s if abs(s) >= AT_REST else 0.0, slope, by_flux
            if arrays.parent[d] >= 0:
                trial.drive[arrays.parent[d]] += arrays.coupling[d] * trial.state[d]
            else:
                spiking = note_spike(neuron, spike, trial, spiking)
    return spiking
