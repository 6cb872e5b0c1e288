"""Memory is asked for before it is taken, and what is too much is refused with the need and what there is."""

from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, SMALL, compiled

from soensim._runtime import memory
from soensim._runtime.memory import available_bytes, bytes_in_words, require_memory
from soensim.errors import RoutingError, SimulationError
from soensim.netlist import load_netlist
from soensim.program import Program
from soensim.routing import route
from soensim.simulation import class_scores, simulate

ROOT = Path(__file__).parents[1]
GB = 10**9


def tell(monkeypatch: pytest.MonkeyPatch, free: int, whole: int = 24 * GB) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: (free, whole))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_free_memory_is_that_of_the_machine_or_of_its_group(tmp_path: Path) -> None:
    proc = write(tmp_path / "proc", meminfo="MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:    600 kB\n")
    assert available_bytes(proc, tmp_path / "none") == (600 * 1024, 1000 * 1024)
    two = write(
        tmp_path / "two",
        memory_dot_max="500000\n",
        memory_dot_current="400000\n",
        memory_dot_stat="inactive_file 50000\n",
    )
    assert available_bytes(proc, two) == (150_000, 500_000)
    unlimited = write(tmp_path / "max", memory_dot_max="max\n", memory_dot_current="400000\n")
    assert available_bytes(proc, unlimited) == (600 * 1024, 1000 * 1024)
    one = write(
        tmp_path / "one",
        memory__memory_dot_limit_in_bytes="300000\n",
        memory__memory_dot_usage_in_bytes="100000\n",
        memory__memory_dot_stat="cache 7\ntotal_inactive_file 1000\n",
    )
    assert available_bytes(proc, one) == (201_000, 300_000)
    never = write(
        tmp_path / "never",
        memory__memory_dot_limit_in_bytes=f"{2**63 - 4096}\n",
        memory__memory_dot_usage_in_bytes="100000\n",
    )
    assert available_bytes(proc, never) == (600 * 1024, 1000 * 1024)
    assert available_bytes(proc / "none", tmp_path / "none") is not None  # asked of the system


def test_the_message_has_the_need_and_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, 20 * GB)
    require_memory(20 * GB, "x", advice="y", error=SimulationError)
    with pytest.raises(SimulationError) as caught:
        require_memory(1.4e12, "simulate: 10^9 steps", advice="give fewer", error=SimulationError)
    assert str(caught.value) == (
        "simulate: 10^9 steps needs 1.4 TB of memory; this machine has 24 GB, 20 GB of it free; give fewer"
    )
    for need in (float("nan"), float("inf")):
        with pytest.raises(SimulationError):
            require_memory(need, "x", advice="y", error=SimulationError)
    assert [bytes_in_words(n) for n in (5e3, 5e6, 5e9, 5e15)] == ["5 kB", "5 MB", "5 GB", "5e+03 TB"]


def test_a_trace_that_does_not_fit_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch, small) -> None:  # type: ignore[no-untyped-def]
    program = Program.quantised(small, {k: np.zeros(s.shape) for k, s in small.synapses.items()} | readout(small))
    tell(monkeypatch, 10**8)
    monkeypatch.setattr(memory, "_SMALL_BYTES", 0)
    with pytest.raises(SimulationError, match=r"a trace of 1 samples x 3000001 times x 6 neurons needs 144 MB"):
        simulate(small, program, np.zeros((1, 3_000_000, 8), dtype=np.int8))


def readout(network):  # type: ignore[no-untyped-def]
    return {"readout": np.zeros((10, network.neurons))}


def test_scores_of_many_held_samples_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = compiled(LABELS.replace("sample_tau: 1}", "sample_tau: 1, hold_samples: 100000}"))
    program = Program.quantised(network, {k: np.zeros(s.shape) for k, s in network.synapses.items()})
    tell(monkeypatch, GB)
    with pytest.raises(SimulationError, match=r"running 320 samples of 200000 frames through 12 neurons.*12.* GB"):
        class_scores(network, program, np.zeros((1, 2, 8)))


def test_routes_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_SMALL_BYTES", 0)
    tell(monkeypatch, 10**5)
    with pytest.raises(RoutingError, match=r"routing 1008 optical edges on a grid of \d+ x \d+ places needs \d+ kB"):
        route(load_netlist(ROOT / "netlists" / "optical-28.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("timing: {sample_tau: 200, substeps: 2}", "timing: {sample_ns: 1e9}", "steps per input sample .* limit is"),
        ("{bits: 4, range: 0.3}\n  -", "{bits: 4, range: 0.3}\n    delay_ps: 1e9\n  -", "a delay lasts .* limit is"),
    ],
)
def test_a_chip_of_too_many_steps_is_refused(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(SimulationError, match=message):
        compiled(SMALL.replace(old, new))


def test_refinement_counts(small) -> None:  # type: ignore[no-untyped-def]
    from soensim.network import refined

    with pytest.raises(SimulationError, match="steps per input sample"):
        refined(small, 1_000_000)
