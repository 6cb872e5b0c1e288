"""A layer of dendrites against the same as a lean JAX jit: `SOENSIM_JAX_PYTHON=PYTHON pytest
tests/benchmarks/test_jax_speed.py --benchmark-enable --benchmark-only -o addopts=`.

PYTHON is an interpreter whose environment has JAX (measured with 0.7.2) and numpy; without it, this one has to. JAX has
a process of its own (jax_layer.py), on one core. The two are asked in turns, and the shortest turn of each counts; CPU
time, and the ratios, are in extra_info.
"""

import contextlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from test_kernel_speed import SQUID, Layer
from test_training_speed import _one_thread, shortest_ms  # noqa: F401  (a fixture for all tests here)

PYTHON = os.environ.get("SOENSIM_JAX_PYTHON", sys.executable if find_spec("jax") else "")


def write(path, layer):
    form = SQUID.fused.polynomials
    single = {name: getattr(form, name) for name in ("edge", "slope", "shift", "knots", "corner", "tangent", "scale")}
    arrays = {
        "weights": layer.values.detach().numpy(),
        "offset": layer.offset.detach().numpy(),
        "drive": layer.drive.detach().contiguous().numpy(),
        "gradient": layer.gradient.permute(1, 0, 2).contiguous().numpy(),
    }
    rows = {f"shape{k}": row for k, row in enumerate(form.shape)}
    retention, gain, bias_current = (float(values[0]) for values in layer.fixed[:3])
    np.savez(
        path,
        **single,
        **rows,
        **arrays,
        width=SQUID.fused.width,
        retention=retention,
        gain=gain,
        bias_current=bias_current,
    )


@contextlib.contextmanager
def jax_layer(path):
    """Start the other process; what it gives is a function of a request, which returns the answer."""
    command = [PYTHON, str(Path(__file__).parent / "jax_layer.py"), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(request):
            process.stdin.write(request + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield ask
        process.stdin.close()


@pytest.mark.skipif(not PYTHON, reason="no JAX: set SOENSIM_JAX_PYTHON to a Python that has it")
@pytest.mark.benchmark(group="dendrite layer against JAX, batch 64")
@pytest.mark.parametrize(("neurons", "steps"), [(28, 28), (28, 112), (128, 112), (1024, 112)])
def test_layer(benchmark, tmp_path, neurons, steps):
    layer, path = Layer(neurons, steps), tmp_path / "layer.npz"
    write(path, layer)
    with jax_layer(path) as ask:
        version = ask("check")
        results = np.load(f"{path}.out.npz")
        layer.both()
        assert np.abs(layer.states().detach().numpy() - results["arr_0"].swapaxes(0, 1)).max() < 1e-3
        for k, leaf in enumerate((layer.values, layer.offset, layer.drive), 1):
            assert np.abs(leaf.grad.numpy() - results[f"arr_{k}"]).max() < 1e-3 * np.abs(results[f"arr_{k}"]).max()
        theirs = {"forward": np.inf, "both": np.inf}
        ours = dict(theirs)
        for _ in range(4 if neurons > 1000 else 40):
            for name in theirs:
                theirs[name] = min(theirs[name], float(ask(name)))
                ours[name] = min(ours[name], shortest_ms({name: getattr(layer, name)}, 1)[name])
    benchmark.pedantic(layer.both, rounds=3)
    benchmark.extra_info["jax"] = version
    for name in theirs:
        benchmark.extra_info[f"{name}_ms"] = round(ours[name], 3)
        benchmark.extra_info[f"{name}_jax_ms"] = round(theirs[name], 3)
        benchmark.extra_info[f"{name}_times_faster"] = round(theirs[name] / ours[name], 2)
