"""The dendrite layer of test_kernel_speed.py as a lean JAX jit, in a process of its own: `python jax_layer.py FILE.npz`.

JAX is no dependency of soensim and need not be in its environment. The file has the layer's arrays and the smooth
form's coefficients (`soensim.dynamics.smooth`). Every line of standard input asks for a turn, ``forward`` or ``both``;
the answer is its CPU time in ms, of one thread. ``check`` writes the results beside the file.
"""

import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "JAX_NUM_CPU_DEVICES"), "1"))

import jax
import jax.numpy as jnp
import numpy as np


def horner(coefficients, t):
    value = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * t + c
    return value


def squid(form):
    """g(phi, i), with the slopes of `soensim.dynamics.soft_slope`."""
    rows = [[float(c) for c in form[f"shape{k}"]] for k in range(6)]
    edges, slope, shift = form["edge"].tolist(), form["slope"].tolist(), form["shift"].tolist()
    (knot0, knot1), width = form["knots"].tolist(), float(form["width"])
    corner, tangent, scale = (float(form[name]) for name in ("corner", "tangent", "scale"))

    def edge(x):
        """The threshold: the coefficients of the piece that x lies in, then one polynomial."""
        pick = lambda a, b, c: jnp.where(x < knot0, a, jnp.where(x < knot1, b, c))  # noqa: E731
        t = pick(*slope) * x + pick(*shift)
        return horner([pick(*(edges[piece][power] for piece in range(3))) for power in range(9)], t)

    def rate(x, excess, threshold):
        gap = jnp.maximum(threshold - corner - tangent * (0.5 - x), 1e-12)
        w_a, w_b = jnp.sqrt(excess), jnp.sqrt(excess + gap)
        t, v = 4 * x - 1, 2 * scale * w_a - 1
        return horner([horner(row, t) for row in rows], v) * w_a * w_b / (w_a + w_b)

    def soft(phi, i):
        x = jnp.abs(phi - jnp.round(phi))  # equal arms: no skew
        threshold = edge(x)
        return rate(x, width * jax.nn.softplus((i - threshold) / width) + 1e-9, threshold)

    @jax.custom_jvp
    def g(phi, i):
        x = jnp.abs(phi - jnp.round(phi))
        threshold = edge(x)
        return rate(x, jnp.maximum(i - threshold, 0), threshold)

    @g.defjvp
    def slopes(primals, tangents):
        return g(*primals), jax.jvp(soft, primals, tangents)[1]

    return g


def layer(form, source):
    retention, gain, bias = (float(form[name]) for name in ("retention", "gain", "bias_current"))
    start = jnp.zeros(form["drive"].shape[1:], jnp.float32)

    def states(weights, offset, drive):
        def step(s, flux):
            s = retention * s + gain * source(flux + s @ weights + offset, bias - s)
            return s, s

        return jax.lax.scan(step, start, drive)[1]

    def both(weights, offset, drive, gradient):
        out, back = jax.vjp(states, weights, offset, drive)
        return out, back(gradient)

    return jax.jit(states), jax.jit(both)


def main(path):
    form = np.load(path)
    arrays = [jnp.asarray(form[name]) for name in ("weights", "offset", "drive")]
    gradient = jnp.asarray(form["gradient"])
    states, both = layer(form, squid(form))
    calls = {"forward": lambda: states(*arrays), "both": lambda: both(*arrays, gradient)}
    for line in sys.stdin:
        name = line.strip()
        if name == "check":
            out, gradients = calls["both"]()
            np.savez(path + ".out.npz", *(np.asarray(a) for a in (out, *gradients)))
            print(jax.__version__, flush=True)
            continue
        jax.block_until_ready(calls[name]())  # warms up: the other process has filled the caches
        start = time.process_time()
        jax.block_until_ready(calls[name]())
        print(1e3 * (time.process_time() - start), flush=True)


main(sys.argv[1])
