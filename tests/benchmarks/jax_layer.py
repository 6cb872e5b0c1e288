"""The dendrite layer of test_kernel_speed.py as a lean JAX jit, in a process of its own: `python jax_layer.py FILE`.

JAX is no dependency of soensim and need not be in its environment. FILE (npz) has the layer's arrays and coefficients
of the smooth form (`soensim.dynamics.smooth`). Every line of standard input asks for a turn, ``forward`` or ``both``;
the answer is its CPU time in ms, on one core. ``check`` writes the results beside FILE. The way back is written out,
with the slopes that soensim takes: what JAX derives by itself takes four times as long.
"""

import os
import sys
import time

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # else XLA computes on several threads, whatever it is told
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402


def horner(coefficients, t):
    value = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * t + c
    return value


def with_slope(coefficients, t):
    value, slope = coefficients[-1], 0.0
    for c in coefficients[-2::-1]:
        slope = slope * t + value
        value = value * t + c
    return value, slope


class Squid:
    """g(phi, i) of equal arms, and its slopes as `soensim.dynamics.soft_slope` takes them."""

    def __init__(self, form):
        self.rows = [[float(c) for c in form[f"shape{k}"]] for k in range(6)]
        self.edges, self.slope, self.shift = (form[name].tolist() for name in ("edge", "slope", "shift"))
        self.knots = form["knots"].tolist()
        self.corner, self.tangent, self.scale, self.width = (
            float(form[name]) for name in ("corner", "tangent", "scale", "width")
        )

    def piece(self, x):
        """Coefficients of the threshold's piece that x lies in, and the place in it."""
        pick = lambda a, b, c: jnp.where(x < self.knots[0], a, jnp.where(x < self.knots[1], b, c))  # noqa: E731
        per_x = pick(*self.slope)
        return [pick(*(self.edges[k][power] for k in range(3))) for power in range(9)], per_x, pick(*self.shift)

    def value(self, phi, i):
        x = jnp.abs(phi - jnp.round(phi))
        row, per_x, shift = self.piece(x)
        edge = horner(row, per_x * x + shift)
        excess = jnp.maximum(i - edge, 0)
        gap = jnp.maximum(edge - self.corner - self.tangent * (0.5 - x), 1e-12)
        w_a, w_b = jnp.sqrt(excess), jnp.sqrt(excess + gap)
        t, v = 4 * x - 1, 2 * self.scale * w_a - 1
        return horner([horner(own, t) for own in self.rows], v) * w_a * w_b / (w_a + w_b)

    def slopes(self, phi, i):
        d = phi - jnp.round(phi)
        side, x = jnp.sign(d), jnp.abs(d)
        row, per_x, shift = self.piece(x)
        edge, edge_x = with_slope(row, per_x * x + shift)
        edge_x = edge_x * per_x
        ratio = (i - edge) / self.width
        e = jnp.exp(-jnp.abs(ratio))
        excess = self.width * (jnp.maximum(ratio, 0) + jnp.log1p(e)) + 1e-9
        sigmoid = jnp.where(ratio >= 0, 1.0, e) / (1 + e)
        gap = edge - self.corner - self.tangent * (0.5 - x)
        gap, gap_x = jnp.maximum(gap, 1e-12), jnp.where(gap < 1e-12, 0.0, edge_x + self.tangent)
        w_a, w_b = jnp.sqrt(excess), jnp.sqrt(excess + gap)
        t, v = 4 * x - 1, 2 * self.scale * w_a - 1
        h, h_t = with_slope(self.rows[-1], t)
        h_v = 0.0
        for own in self.rows[-2::-1]:
            value, slope = with_slope(own, t)
            h_v, h, h_t = h_v * v + h, h * v + value, h_t * v + slope
        both, product = w_a + w_b, w_a * w_b
        inverse = 1 / (both * product)
        mean = product * product * inverse
        ratio_a, ratio_b = w_b * product * inverse, w_a * product * inverse
        m_a = 0.5 * ratio_a * ratio_a * (w_b * both * inverse)
        m_b = 0.5 * ratio_b * ratio_b * (w_a * both * inverse)
        g_i = (h_v * self.scale * (w_b * both * inverse) * mean + h * (m_a + m_b)) * sigmoid
        return side * (4 * h_t * mean + h * m_b * gap_x - g_i * edge_x), g_i


def layer(form, squid):
    retention, gain, bias = (float(form[name]) for name in ("retention", "gain", "bias_current"))
    start = jnp.zeros(form["drive"].shape[1:], jnp.float32)

    def states(weights, offset, drive):
        def step(s, flux):
            s = retention * s + gain * squid.value(flux + s @ weights + offset, bias - s)
            return s, s

        return jax.lax.scan(step, start, drive)[1]

    def both(weights, offset, drive, gradient):
        def step(s, flux):
            phi = flux + s @ weights + offset
            new = retention * s + gain * squid.value(phi, bias - s)
            return new, (new, s, phi)

        def back(adjoint, saved):
            own, s, phi = saved
            adjoint = adjoint + own
            g_phi, g_i = squid.slopes(phi, bias - s)
            grad = gain * adjoint * g_phi
            return (retention - gain * g_i) * adjoint + grad @ weights.T, grad

        out, seen, phi = jax.lax.scan(step, start, drive)[1]
        _, grads = jax.lax.scan(back, start, (gradient, seen, phi), reverse=True)
        rows = len(weights)
        return out, (seen.reshape(-1, rows).T @ grads.reshape(-1, rows), grads.sum((0, 1)), grads)

    return jax.jit(states), jax.jit(both)


def answer(value):
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


def main(path):
    form = np.load(path)
    arrays = [jnp.asarray(form[name]) for name in ("weights", "offset", "drive")]
    gradient = jnp.asarray(form["gradient"])
    states, both = layer(form, Squid(form))
    calls = {"forward": lambda: states(*arrays), "both": lambda: both(*arrays, gradient)}
    for line in sys.stdin:
        name = line.strip()
        if name == "check":
            out, gradients = calls["both"]()
            np.savez(path + ".out.npz", *(np.asarray(a) for a in (out, *gradients)))
            answer(jax.__version__)
            continue
        jax.block_until_ready(calls[name]())  # warms up: the other process has filled the caches
        start = time.process_time()
        jax.block_until_ready(calls[name]())
        answer(1e3 * (time.process_time() - start))


main(sys.argv[1])
