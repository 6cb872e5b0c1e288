"""The training loop: epochs, checkpoints, history; the same result with and without interruption."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.data import Dataset, Split, batches
from soensim.errors import RecipeError, SimulationError
from soensim.network import Network, check_fit, refined
from soensim.program import Program
from soensim.training.calibrate import calibrated
from soensim.training.checkpoint import Checkpoint
from soensim.training.device import make_device, new_tensors_on
from soensim.training.history import Means, Row, make_row, write_history
from soensim.training.optimise import make_optimiser, make_schedule, plain_state, steps_per_batch
from soensim.training.progress import Progress
from soensim.training.recipes import Recipe
from soensim.training.result import TrainResult
from soensim.training.rules import predict
from soensim.training.run_folder import CHECKPOINT, PROGRAM, describe_run
from soensim.training.trainable_network import TrainableChip

TRAIN_ACCURACY_SAMPLES = 1000
"""At most so many training samples are scored after an epoch, spread evenly over them; sigma <= 1.6 points."""

Float64 = NDArray[np.float64]


class Training:
    """One training: its parameters, optimiser and schedule. `soensim.training.train` explains the arguments."""

    def __init__(
        self,
        network: Network,
        data: Dataset,
        recipe: Recipe,
        *,
        run_dir: Path | None = None,
        resume: bool = False,
        progress: bool = False,
        command: str = "",
        threads: int = 1,
        device: str = "cpu",
        netlist: Path | None = None,
        watch: Callable[[Row, Mapping[str, Float64], NDArray[np.int64]], None] | None = None,
    ) -> None:
        check_fit(network, data)
        if recipe.train_samples > data.train.samples:
            raise RecipeError(f"train_samples is {recipe.train_samples}; {data.name!r} has {data.train.samples}")
        if data.validation.samples == 0:
            raise RecipeError(f"{data.name!r} was loaded without validation samples; training needs some to judge by")
        if threads < 1:
            raise RecipeError(f"threads is {threads}; it must be 1 or more")
        network = refined(network, recipe.refine)
        self.network, self.data, self.recipe = network, data, recipe
        self.run_dir, self.progress, self.command = run_dir, progress, command
        self.threads, self.device, self.watch = threads, make_device(device), watch
        with new_tensors_on(self.device):
            self.chip = TrainableChip(network, recipe)
            self.rule = recipe.make_rule(self.chip)
        self.parameters: dict[str, Tensor] = {**self.chip.latent, **self.rule.extra}
        self.samples = recipe.train_samples or data.train.samples
        with new_tensors_on(self.device):  # encoded once: no batch waits for it
            self.train_x, self.train_y = self._tensors(data.train, self.samples)
            self.validation_x, _ = self._tensors(data.validation, data.validation.samples)
        self.epochs = recipe.ideal_epochs + recipe.epochs
        scored = min(TRAIN_ACCURACY_SAMPLES, data.validation.samples, self.samples)
        self.scored_rows = np.arange(scored) * self.samples // scored
        self.kept: dict[str, Tensor] = {}
        """Copies to keep, by name: `ideal/…` when the ideal phase ended, `best/…` of the best epoch."""
        self.history: list[Row] = []
        if run_dir is not None:
            run_dir.mkdir(parents=True, exist_ok=True)
            if resume:
                self._restore(Checkpoint.load(run_dir / CHECKPOINT, self._origin()))
            elif (run_dir / CHECKPOINT).exists():
                raise RecipeError(f"{run_dir}: holds a training already; add --resume, or choose another --run-dir")
            else:
                describe_run(run_dir, recipe, netlist, self._description())
        elif resume:
            raise RecipeError("resume needs the run folder to go on from")

    def run(self) -> TrainResult:
        """Run all epochs that are left."""
        done = len(self.history)
        progress = Progress(self.epochs, done, self.samples, shown=self.progress)
        with _threads(self.threads), new_tensors_on(self.device), progress as self.shown:
            if not self.history:
                self._begin_phase(self.recipe.ideal_epochs or self.recipe.epochs)
            for epoch in range(done, self.epochs):
                if 0 < epoch == self.recipe.ideal_epochs:
                    self._keep("ideal")
                    self._begin_phase(self.recipe.epochs)
                self._whole_epoch(epoch)
            return self._result()

    def _whole_epoch(self, epoch: int) -> None:
        """Train one epoch, score it, and write down what it found."""
        started = time.perf_counter()
        phase = "quantised" if self._quantised(epoch) else "ideal"
        self.shown.begin(epoch + 1, phase)
        means = self._epoch(epoch)
        trained = time.perf_counter()
        with torch.no_grad():
            nominal = self.chip.nominal(self._quantised(epoch))
        answered = predict(self.rule, nominal, self.validation_x)
        known = predict(self.rule, nominal, self.train_x[self.scored_rows])
        on_chips = self._on_chips(nominal.values)
        row = make_row(
            epoch=epoch + 1,
            phase=phase,
            means=means,
            train_accuracy=self._right(known, self.data.train.labels[self.scored_rows]),
            validation_accuracy=self._right(answered, self.data.validation.labels),
            learning_rate=self.rate,
            seconds_train=trained - started,
            seconds_validation=time.perf_counter() - trained,
        )
        row |= on_chips
        self.history.append(row)
        if self.recipe.keep == "best" and self._kept_row() is row:
            self._keep("best")
        if not steps_per_batch(self.recipe):
            self.schedule.step()
        self._save_epoch()
        self.shown.end(row)
        if self.watch is not None:
            self.watch(row, {key: v.detach().double().cpu().numpy() for key, v in nominal.values.items()}, answered)

    def _epoch(self, epoch: int) -> dict[str, float]:
        # an epoch's wrong labels depend on its number alone, so that a resumed training draws the same
        rng = np.random.default_rng([self.recipe.train_seed, epoch])
        self.rule.begin_epoch(epoch, self.history)
        means = Means()
        order = batches(self.samples, self.recipe.batch_size, seed=self.recipe.train_seed, epoch=epoch)
        for count, rows in enumerate(order, 1):
            for tensor in self.parameters.values():
                tensor.grad = None
            found = []
            for place, part in enumerate(np.array_split(rows, min(self.recipe.chips_per_batch, len(rows)))):
                fabricated = self.chip.training_chip(self._quantised(epoch), (epoch, count, place))
                loss = self.rule.loss(fabricated, self.train_x[part], self.train_y[part], rng)
                (loss.total * (len(part) / len(rows))).backward()  # type: ignore[no-untyped-call]
                found.append((loss, len(part)))
            norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.recipe.clip_norm)
            self.optimiser.step()
            self.rate = float(self.optimiser.param_groups[0]["lr"])
            if steps_per_batch(self.recipe):
                self.schedule.step()
            self.chip.clamp()
            for loss, samples in found:
                means.add({"loss": loss.total, "gradient_norm": norm, **loss.measures}, samples)
            self.shown.batch(len(rows), means)
        measured = means.read()
        if not np.isfinite(measured["loss"]):
            raise SimulationError(
                f"the loss is not finite in epoch {epoch + 1}; use a smaller learning_rate, clip_norm or input_gain"
            )
        return measured

    def _result(self) -> TrainResult:
        latent = self._copies("best") if self.recipe.keep == "best" else self.chip.latent
        ideal = self._copies("ideal")
        program = self._program(self.chip.weights(latent), self.chip.weights(ideal) if ideal else None)
        if self.run_dir is not None:
            program.save(self.run_dir / PROGRAM)
        return TrainResult(program, self.history, self._kept_row()["epoch"])

    def _program(self, weights: dict[str, Float64], ideal: dict[str, Float64] | None) -> Program:
        recipe = self.recipe
        if recipe.calibration_samples:
            few = slice(min(self.samples, recipe.calibration_samples))
            labels = self.data.train.labels[few] if self.network.labels else None
            program = calibrated(self.network, weights, self.data.train.inputs[few], labels)
            return program.with_header(self._header())
        scales = self.chip.scales if recipe.quantise else None
        return Program.quantised(self.network, weights, ideal=ideal, scales=scales).with_header(self._header())

    def _tensors(self, split: Split, samples: int) -> tuple[Tensor, Tensor]:
        return self.chip.encode(split.inputs[:samples]), torch.tensor(split.labels[:samples])

    @staticmethod
    def _right(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
        return float((answers == labels).mean())

    def _on_chips(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Mean validation accuracy on virtual chips that are the same in every epoch."""
        count = self.recipe.validation_chips
        if count == 0:
            return {}
        # batches count from 1: no batch of the first epoch draws like this
        seeds = np.random.default_rng([self.recipe.train_seed, 0, 0]).integers(2**62, size=count)
        found = [
            self._right(
                predict(self.rule, self.chip.fabricated(values, int(seed)), self.validation_x),
                self.data.validation.labels,
            )
            for seed in seeds
        ]
        return {"validation_accuracy_chips": float(np.mean(found))}

    def _quantised(self, epoch: int) -> bool:
        return self.recipe.quantise and epoch >= self.recipe.ideal_epochs

    def _begin_phase(self, epochs: int) -> None:
        """Start an optimiser and a schedule over so many epochs."""
        rate = self.recipe.learning_rate
        if ideal := self._copies("ideal"):  # this is the second phase
            self.chip.set_scales(ideal)
            rate *= self.recipe.quantised_rate
        self.optimiser = make_optimiser(self.parameters.values(), self.recipe, rate)
        self.schedule = make_schedule(self.optimiser, self.recipe, epochs * -(-self.samples // self.recipe.batch_size))

    def _keep(self, name: str) -> None:
        self.kept |= {f"{name}/{key}": latent.detach().clone() for key, latent in self.chip.latent.items()}

    def _copies(self, name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {key.removeprefix(start): tensor for key, tensor in self.kept.items() if key.startswith(start)}

    def _kept_row(self) -> Row:
        """Row of the epoch that becomes the program; of epochs that are equally good, the first."""
        if self.recipe.keep == "last" or len(self.history) <= self.recipe.ideal_epochs:
            return self.history[-1]
        return max(self.history[self.recipe.ideal_epochs :], key=lambda row: float(row["validation_accuracy"]))

    def _origin(self) -> dict[str, Any]:
        data = {
            "name": self.data.name,
            "data_seed": self.data.data_seed,
            "fingerprint": self.data.fingerprint,
        }
        return {"netlist_hash": self.network.netlist_hash, "recipe": self.recipe.as_dict(), "data": data}

    def _description(self) -> dict[str, Any]:
        """Say what is trained, on what, and with what."""
        packages = ("soensim", "torch", "numpy")
        return {
            "netlist": self.network.name,
            "recipe": self.recipe.as_dict(),
            "data": self._origin()["data"],
            "seeds": {"train_seed": self.recipe.train_seed, "data_seed": self.data.data_seed},
            "substeps": self.network.substeps,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
            "command": self.command,
            "threads": self.threads,
            "device": str(self.device),
            "netlist_hash": self.network.netlist_hash,
            "samples": {
                "train": self.samples,
                "train_accuracy": len(self.scored_rows),
                "validation": self.data.validation.samples,
            },
        }

    def _header(self) -> dict[str, Any]:
        beside = ("netlist_hash", "samples")  # the program has the first of its own
        header = {key: value for key, value in self._description().items() if key not in beside}
        row = self._kept_row()
        return {**header, "results": {"validation_accuracy": row["validation_accuracy"], "epoch": row["epoch"]}}

    def _save_epoch(self) -> None:
        if self.run_dir is None:
            return
        Checkpoint(
            self._origin(),
            {**self.parameters, **self.kept},
            self.optimiser.state_dict(),
            plain_state(self.schedule),
            self.history,
        ).save(self.run_dir / CHECKPOINT)
        write_history(self.run_dir, self.history)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.history.extend(checkpoint.history)
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(checkpoint.parameters[name])
        self.kept = {n: t.to(self.device) for n, t in checkpoint.parameters.items() if n not in self.parameters}
        ideal_epochs = self.recipe.ideal_epochs
        self._begin_phase(ideal_epochs if len(self.history) <= ideal_epochs else self.recipe.epochs)
        self.optimiser.load_state_dict(dict(checkpoint.optimiser))
        self.schedule.load_state_dict(dict(checkpoint.schedule))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many threads. One by default: small products lose by more, and sums then have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
