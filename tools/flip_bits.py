"""Flip single bits of a checkpoint and resume: `python tools/flip_bits.py [--count 1000] [--seed 0]`.

Trains a small chip for an epoch in a temporary folder. Then each flipped copy of its checkpoint must be refused by
`soensim train --resume` with status 2 and one line that names the file. Prints every flip that was not, and counts.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np

from soensim.commands import cli
from soensim.commands.train import main as train
from soensim.training.run_folder import CHECKPOINT

CHIP = """
schema: soensim/1
name: small
technology: nist-2023
populations:
  pixels: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  hidden: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.2, gamma_minus: 0.2}
projections:
  - {source: pixels, target: hidden, topology: {kind: all-to-all}, efficacy: {bits: 4, range: 0.3}}
timing: {sample_tau: 1}
readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
"""
COMMAND = ["chip.yaml", "--rule", "bptt", "--data", "digits-rows", "--epochs", "2", "--train-samples", "64"]
COMMAND += ["--batch-size", "64", "--run-dir", "run"]


def unnoticed_flips(count: int, seed: int) -> list[str]:
    """Flip this number of bits in turn, drawn evenly over the file; describe those that one line did not refuse."""
    with _temporary_folder():
        Path("chip.yaml").write_text(CHIP)
        status, told = _answer(COMMAND)
        if status:
            raise SystemExit(told)
        path = Path("run") / CHECKPOINT
        content, whole = path.read_bytes(), Path("whole")
        Path("run").rename(whole)
        wrong = []
        for bit in np.random.default_rng(seed).integers(8 * len(content), size=count).tolist():
            shutil.copytree(whole, "run")
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            status, told = _answer([*COMMAND, "--resume"])
            if status != cli.BAD_INPUT or told.count("\n") != 1 or str(path) not in told:
                wrong.append(f"byte {bit // 8}, bit {bit % 8}: status {status}: {told}")
            shutil.rmtree("run")
    return wrong


def _answer(arguments: list[str]) -> tuple[int, str]:
    """Exit status of `soensim train`, and what it wrote to standard error."""
    told = io.StringIO()
    with redirect_stderr(told), redirect_stdout(io.StringIO()):
        status = cli.run(train, arguments)
    return status, told.getvalue()


@contextmanager
def _temporary_folder() -> Iterator[None]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="flips (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="draws the bits (default: 0)")
    given = parser.parse_args()
    found = unnoticed_flips(given.count, given.seed)
    sys.stdout.write("".join(f"{line}\n" for line in found) + f"{given.count - len(found)} of {given.count} noticed\n")
    sys.exit(bool(found))
