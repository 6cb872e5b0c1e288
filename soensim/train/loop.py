"""The training loop: epochs, optimiser, checkpoints, history; the same result with and without interruption."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LRScheduler, OneCycleLR
from tqdm import tqdm

from soensim.data import Dataset, Split, batches, check_fit
from soensim.errors import RecipeError, SimulationError
from soensim.files import write_atomic
from soensim.network import Network, refined
from soensim.program import Program
from soensim.train.calibrate import calibrated
from soensim.train.checkpoint import Checkpoint
from soensim.train.parameters import TrainableChip
from soensim.train.recipes import Recipe
from soensim.train.result import TrainResult
from soensim.train.rules import accuracy, make_rule

CHECKPOINT = "checkpoint.safetensors"


class Training:
    """One training: its parameters, optimiser and schedule. `soensim.train.train` explains the arguments."""

    def __init__(
        self,
        network: Network,
        data: Dataset,
        recipe: Recipe,
        run_dir: Path | None,
        resume: bool,
        progress: bool,
        command: str,
    ) -> None:
        check_fit(network, data)
        if recipe.train_samples > data.train.samples:
            raise RecipeError(f"train_samples is {recipe.train_samples}; {data.name!r} has {data.train.samples}")
        if data.validation.samples == 0:
            raise RecipeError(f"{data.name!r} was loaded without validation samples; training needs some to judge by")
        network = refined(network, recipe.refine)
        self.network, self.data, self.recipe = network, data, recipe
        self.run_dir, self.progress, self.command = run_dir, progress, command
        self.chip = TrainableChip(network, recipe)
        self.rule = make_rule(self.chip, recipe)
        self.parameters: dict[str, Tensor] = {**self.chip.latent, **self.rule.extra}
        self.samples = recipe.train_samples or data.train.samples
        # encoded once: no batch waits for it
        self.train_x, self.train_y = self._tensors(data.train, self.samples)
        self.validation_x, self.validation_y = self._tensors(data.validation, data.validation.samples)
        self.ideal: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []
        if run_dir is not None:
            run_dir.mkdir(parents=True, exist_ok=True)
            if resume:
                self._restore(Checkpoint.load(run_dir / CHECKPOINT, self._origin()))
            elif (run_dir / CHECKPOINT).exists():
                raise RecipeError(f"{run_dir}: holds a training already; add --resume, or choose another --run-dir")
        elif resume:
            raise RecipeError("resume needs the run folder to go on from")

    def run(self) -> TrainResult:
        """Run all epochs that are left."""
        with _one_thread():
            return self._run()

    def _run(self) -> TrainResult:
        recipe = self.recipe
        if not self.history:
            self._begin_phase(recipe.ideal_epochs or recipe.epochs)
        for epoch in range(len(self.history), recipe.ideal_epochs + recipe.epochs):
            if 0 < epoch == recipe.ideal_epochs:
                self.ideal = {f"ideal/{key}": latent.detach().clone() for key, latent in self.chip.latent.items()}
                self._begin_phase(recipe.epochs)
            started = time.perf_counter()
            loss = self._epoch(epoch)
            rate = self.schedule.get_last_lr()[0]
            with torch.no_grad():
                values = self.chip.values(self._quantised(epoch))
            self.history.append(
                {
                    "epoch": epoch + 1,
                    "loss": loss,
                    "validation_accuracy": accuracy(self.rule, values, self.validation_x, self.validation_y),
                    **self._on_chips(values),
                    "learning_rate": float(rate),
                    "seconds": round(time.perf_counter() - started, 3),
                }
            )
            if self.recipe.schedule == "exponential":
                self.schedule.step()
            self._save_epoch()
        program = self._program({name.removeprefix("ideal/"): tensor for name, tensor in self.ideal.items()})
        if self.run_dir is not None:
            program.save(self.run_dir / "program.safetensors")
        return TrainResult(program, self.history)

    def _program(self, ideal: Mapping[str, Tensor]) -> Program:
        recipe, weights = self.recipe, self.chip.weights()
        if recipe.calibration_samples:
            samples = self.data.train.inputs[: self.samples][: recipe.calibration_samples]
            return calibrated(self.network, weights, samples).with_header(self._header())
        return Program.quantised(
            self.network,
            weights,
            ideal=self.chip.weights(ideal) if ideal else None,
            scales=self.chip.scales if recipe.quantise else None,
        ).with_header(self._header())

    def _tensors(self, split: Split, samples: int) -> tuple[Tensor, Tensor]:
        return self.chip.encode(split.inputs[:samples]), torch.tensor(split.labels[:samples])

    def _on_chips(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Mean validation accuracy on virtual chips that are the same in every epoch."""
        count = self.recipe.validation_chips
        if count == 0:
            return {}
        # batches count from 1: no batch of the first epoch draws like this
        seeds = np.random.default_rng([self.recipe.train_seed, 0, 0]).integers(2**62, size=count)
        found = [
            accuracy(self.rule, self.chip.on_chip(values, int(seed)), self.validation_x, self.validation_y)
            for seed in seeds
        ]
        return {"validation_accuracy_chips": float(np.mean(found))}

    def _quantised(self, epoch: int) -> bool:
        return self.recipe.quantise and epoch >= self.recipe.ideal_epochs

    def _begin_phase(self, epochs: int) -> None:
        """Start an optimiser and a schedule over so many epochs."""
        recipe = self.recipe
        self.optimiser = torch.optim.Adam(
            list(self.parameters.values()), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        if self.ideal:
            self.chip.set_scales({name.removeprefix("ideal/"): tensor for name, tensor in self.ideal.items()})
        self.schedule = _schedule(self.optimiser, recipe, epochs * -(-self.samples // recipe.batch_size))

    def _epoch(self, epoch: int) -> float:
        # an epoch's wrong labels depend on its number alone, so that a resumed training draws the same
        rng = np.random.default_rng([self.recipe.train_seed, epoch])
        self.rule.begin_epoch(epoch, self.history)
        order = batches(self.samples, self.recipe.batch_size, seed=self.recipe.train_seed, epoch=epoch)
        before = f", validation {self.history[-1]['validation_accuracy']:.1%}" if self.history else ""
        epochs = self.recipe.ideal_epochs + self.recipe.epochs
        bar = tqdm(
            order,
            desc=f"epoch {epoch + 1}/{epochs}",
            disable=not self.progress,
            leave=epoch + 1 == epochs,
            dynamic_ncols=True,
        )
        total = 0.0
        for count, rows in enumerate(bar, 1):
            self.optimiser.zero_grad()
            values = self.chip.training_values(self._quantised(epoch), (epoch, count))
            loss = self.rule.loss(values, self.train_x[rows], self.train_y[rows], rng).total
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.recipe.clip_norm)
            self.optimiser.step()
            if self.recipe.schedule in ("one-cycle", "half-linear"):
                self.schedule.step()
            self.chip.clamp()
            total += loss.item() * len(rows)
            if count % 20 == 0:
                bar.set_postfix_str(f"loss {total / (count * self.recipe.batch_size):.4f}{before}")
        if not np.isfinite(total):
            raise SimulationError(
                f"the loss is not finite in epoch {epoch + 1}; use a smaller learning_rate, clip_norm or input_gain"
            )
        return total / self.samples

    def _origin(self) -> dict[str, Any]:
        data = {
            "name": self.data.name,
            "data_seed": self.data.data_seed,
            "fingerprint": self.data.fingerprint,
        }
        return {"netlist_hash": self.network.netlist_hash, "recipe": self.recipe.as_dict(), "data": data}

    def _header(self) -> dict[str, Any]:
        packages = ("soensim", "torch", "numpy")
        return {
            "netlist": self.network.name,
            "recipe": self.recipe.as_dict(),
            "data": self._origin()["data"],
            "seeds": {"train_seed": self.recipe.train_seed, "data_seed": self.data.data_seed},
            "substeps": self.network.substeps,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
            "command": self.command,
            "results": {"validation_accuracy": self.history[-1]["validation_accuracy"]},
        }

    def _save_epoch(self) -> None:
        if self.run_dir is None:
            return
        Checkpoint(
            self._origin(),
            {**self.parameters, **self.ideal},
            self.optimiser.state_dict(),
            _plain(self.schedule.state_dict()),
            self.history,
        ).save(self.run_dir / CHECKPOINT)
        write_atomic(self.run_dir / "history.json", json.dumps(self.history, indent=1))

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.history.extend(checkpoint.history)
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(checkpoint.parameters[name])
        self.ideal = {name: t for name, t in checkpoint.parameters.items() if name.startswith("ideal/")}
        ideal_epochs = self.recipe.ideal_epochs
        self._begin_phase(ideal_epochs if len(self.history) <= ideal_epochs else self.recipe.epochs)
        self.optimiser.load_state_dict(dict(checkpoint.optimiser))
        self.schedule.load_state_dict(dict(checkpoint.schedule))


def _schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, total_steps: int) -> LRScheduler:
    match recipe.schedule:
        case "one-cycle":
            return OneCycleLR(optimiser, recipe.learning_rate, total_steps=total_steps)
        case "exponential":
            return ExponentialLR(optimiser, recipe.decay)
        case "half-linear":
            return LambdaLR(optimiser, lambda step: min(1.0, 2 * (1 - step / total_steps)))
        case "constant":
            return LambdaLR(optimiser, lambda _: 1.0)


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what JSON can hold of a scheduler's state; the rest are functions that its constructor sets."""
    return {k: v for k, v in state.items() if isinstance(v, int | float | str | bool | list | type(None))}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small matrix products gain nothing from threads, and sums then have one order on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
