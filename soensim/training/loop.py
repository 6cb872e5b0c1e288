"""The training loop: epochs, checkpoints, history; the same result with and without interruption."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soensim.data import Dataset, batches
from soensim.errors import RecipeError, SimulationError, SoensimError
from soensim.network import Network, check_fit, refined
from soensim.program import Program
from soensim.training.calibrate import calibrated
from soensim.training.checkpoint import Checkpoint
from soensim.training.device import make_device, new_tensors_on
from soensim.training.history import Means, Row, Seconds, make_row, write_history
from soensim.training.optimise import make_optimiser, make_schedule, plain_state, replace_parameter, steps_per_batch
from soensim.training.progress import Progress
from soensim.training.pruned_chip import PrunedChip, write_pruned
from soensim.training.pruning import make_pruning
from soensim.training.recipes import Recipe
from soensim.training.result import TrainResult, program_row
from soensim.training.rules import Loss, Measured, MeasuringRule
from soensim.training.run_folder import CHECKPOINT, NETLIST, PROGRAM, describe_run
from soensim.training.run_options import RunOptions
from soensim.training.run_records import check_records
from soensim.training.scoring import Scorer

Float64 = NDArray[np.float64]

_ANOTHER = "start again with another --run-dir"
_EDGES = "edges/"


class Training:
    """One training: its parameters, optimiser and schedule.

    Parameters
    ----------
    network, data, recipe
        As `soensim.training.train` takes them.
    options
        Its keywords.
    """

    def __init__(self, network: Network, data: Dataset, recipe: Recipe, options: RunOptions | None = None) -> None:
        _check(network, data, recipe)
        self.options = options or RunOptions()
        self.netlist_hash = network.netlist_hash
        self.pruning = make_pruning(network, recipe, self.options, recipe.train_samples or data.train.samples)
        if self.pruning is not None:
            network = self.pruning.chip.network
        self.network, self.data, self.recipe = refined(network, recipe.refine), data, recipe
        self.device = make_device(self.options.device)
        self.samples = recipe.train_samples or data.train.samples
        self.epochs = recipe.ideal_epochs + recipe.epochs
        with new_tensors_on(self.device):
            self.chip = recipe.make_chip(self.network, self.options.measured)
            self.rule = recipe.make_rule(self.chip)
            self.train_x = self.chip.encode(data.train.inputs[: self.samples])  # once: no batch waits for it
            self.train_y = torch.tensor(data.train.labels[: self.samples])
            self.scorer = Scorer(self.chip, self.rule, data, self.train_x)
        self.parameters: dict[str, Tensor] = {**self.chip.latent, **self.rule.extra}
        self.saved: dict[str, Tensor] = {}
        """Copies of the latent values: `ideal/…` when the ideal phase ended, `best/…` of the best epoch."""
        self.history: list[Row] = []
        if self.options.run_dir is not None:
            self._open(self.options.run_dir)

    def run(self) -> TrainResult:
        """Run all epochs that are left."""
        done = len(self.history)
        progress = Progress(self.epochs, done, self.samples, shown=self.options.progress)
        with _threads(self.options.threads), new_tensors_on(self.device), progress as self.shown:
            if not self.history:
                self._begin_phase(self.recipe.ideal_epochs or self.recipe.epochs)
            for epoch in range(done, self.epochs):
                if 0 < epoch == self.recipe.ideal_epochs:
                    self._save_copy("ideal")
                    self._begin_phase(self.recipe.epochs)
                self._whole_epoch(epoch)
            return self._result()

    def _open(self, run_dir: Path) -> None:
        """Describe the training in its run folder, which is held, or go on from the checkpoint in it."""
        if self.options.resume:
            self._restore(Checkpoint.load(run_dir / CHECKPOINT, self._origin()), run_dir / CHECKPOINT)
            check_records(run_dir, self.recipe, self.netlist_hash)
            write_history(run_dir, self.history)  # a kill between the two files left it an epoch behind
        describe_run(run_dir, self.recipe, self.options.netlist, self._description(), resumed=self.options.resume)

    def _whole_epoch(self, epoch: int) -> None:
        """Train one epoch, score it, and record it."""
        started = time.perf_counter()
        phase = "quantised" if self._quantised(epoch) else "ideal"
        self.shown.begin(epoch + 1, phase)
        means = self._epoch(epoch)
        trained = time.perf_counter()
        with torch.no_grad():
            nominal = self.chip.nominal(self._quantised(epoch))
        scores = self.scorer.scores(nominal)
        seconds = Seconds(trained - started, time.perf_counter() - trained)
        row = make_row(epoch + 1, phase, means, scores=scores, learning_rate=self.rate, seconds=seconds)
        self.history.append(row)
        if self.recipe.keep == "best" and self._program_row() is row:
            self._save_copy("best")
        if not steps_per_batch(self.recipe):
            self.schedule.step()
        self._save_epoch()
        self.shown.end(row)
        if self.options.watch is not None:
            values = {key: value.detach().double().cpu().numpy() for key, value in nominal.values.items()}
            self.options.watch(row, values, scores.answers)

    def _epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch; return the means over its samples."""
        # an epoch's wrong labels depend on its number alone, so that a resumed training draws the same
        rng = np.random.default_rng([self.recipe.train_seed, epoch])
        if isinstance(self.rule, MeasuringRule):
            self.rule.measure(epoch, self._train_samples())
        self.rule.begin_epoch(epoch, self.history)
        means = Means()
        order = batches(self.samples, self.recipe.batch_size, seed=self.recipe.train_seed, epoch=epoch)
        for count, rows in enumerate(order, 1):
            losses = self._gradients(rows, (epoch, count), rng)
            norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.recipe.clip_norm)
            self.optimiser.step()
            self.rate = float(self.optimiser.param_groups[0]["lr"])
            if steps_per_batch(self.recipe):
                self.schedule.step()
            self.chip.clamp()
            self._prune(epoch, count)
            for loss, samples in losses:
                means.add({"loss": loss.total, "gradient_norm": norm, **loss.measures}, samples)
            self.shown.batch(len(rows), means)
        measured = means.read()
        if self.pruning is not None:
            measured |= self.pruning.measures
        for name, value in measured.items():  # the loss comes first
            if not np.isfinite(value):
                raise SimulationError(
                    f"the {name.replace('_', ' ')} is not finite in epoch {epoch + 1}; use a smaller learning_rate, "
                    "clip_norm or input_gain"
                )
        return measured

    def _prune(self, epoch: int, batch: int) -> None:
        """Take edges out after a batch, where the wiring budget asks for it."""
        pruning = self.pruning
        if pruning is None or not pruning.is_due(step := epoch * -(-self.samples // self.recipe.batch_size) + batch):
            return
        before = pruning.chip
        pruning.prune(step, self.chip.arrays())
        if pruning.chip is not before:
            for old, new, places in self._take_edges(before, pruning.chip):
                replace_parameter(self.optimiser, old, new, places)

    def _take_edges(self, before: PrunedChip, chip: PrunedChip) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Go on with the edges that are left of a chip, and the routes that they have now.

        Returns
        -------
        list
            Each parameter that lost values, what is left of it, and where that was.
        """
        stays = {key: np.flatnonzero(np.isin(had, chip.kept[key])) for key, had in before.kept.items()}
        stays = {key: places for key, places in stays.items() if len(places) < len(before.kept[key])}
        self.network = refined(chip.network, self.recipe.refine)
        self.chip.prune(self.network, stays)
        replaced = [
            (self.parameters[key], self.chip.latent[key], torch.as_tensor(places, device=self.device))
            for key, places in stays.items()
        ]
        self.parameters |= {key: self.chip.latent[key] for key in stays}
        return replaced

    def _gradients(
        self, rows: NDArray[np.int64], batch: tuple[int, int], rng: np.random.Generator
    ) -> list[tuple[Loss, int]]:
        """Set the gradients of a batch, its mean over the virtual chips that share it.

        Parameters
        ----------
        rows
            Training samples of the batch.
        batch
            Numbers of epoch and batch, which decide what is drawn.
        rng
            Of the rule.

        Returns
        -------
        list
            Loss of each chip, and its number of samples.
        """
        for tensor in self.parameters.values():
            tensor.grad = None
        losses = []
        for place, part in enumerate(np.array_split(rows, min(self.recipe.chips_per_batch, len(rows)))):
            fabricated = self.chip.training_chip(self._quantised(batch[0]), (*batch, place))
            loss = self.rule.loss(fabricated, self.train_x[part], self.train_y[part], rng)
            (loss.total * (len(part) / len(rows))).backward()  # type: ignore[no-untyped-call]
            losses.append((loss, len(part)))
        return losses

    def _result(self) -> TrainResult:
        latent = self._copies("best") if self.recipe.keep == "best" else self.chip.latent
        ideal = self._copies("ideal")
        program = self._program(self.chip.arrays(latent), self.chip.arrays(ideal) if ideal else None)
        if isinstance(self.rule, MeasuringRule):
            validation = Measured(self.scorer.validation_x, self.scorer.validation_labels)
            program = self.rule.refit(program, self._train_samples(), validation)
        if self.options.run_dir is not None:
            path = self.options.run_dir / PROGRAM
            if self.pruning is not None:
                copy = self.options.run_dir / NETLIST
                write_pruned(self.pruning.chip, path, copy if copy.exists() else None)
            program.save(path)
        pruned = None if self.pruning is None else self.pruning.chip
        return TrainResult(program, self.history, self._program_row()["epoch"], pruned)

    def _train_samples(self) -> Measured:
        return Measured(self.train_x, self.data.train.labels[: self.samples])

    def _program(self, weights: dict[str, Float64], ideal: dict[str, Float64] | None) -> Program:
        recipe = self.recipe
        if recipe.calibration_samples:
            few = slice(min(self.samples, recipe.calibration_samples))
            labels = self.data.train.labels[few] if self.network.labels else None
            program = calibrated(self.network, weights, self.data.train.inputs[few], labels)
            return program.with_header(self._header())
        scales = self.chip.scales if recipe.quantise else None
        return Program.quantised(self.network, weights, ideal=ideal, scales=scales).with_header(self._header())

    def _quantised(self, epoch: int) -> bool:
        return self.recipe.quantise and epoch >= self.recipe.ideal_epochs

    def _begin_phase(self, epochs: int) -> None:
        """Start an optimiser and a schedule over this number of epochs."""
        rate = self.recipe.learning_rate
        if ideal := self._copies("ideal"):  # this is the second phase
            self.chip.set_scales(ideal)
            rate *= self.recipe.quantised_rate
        self.optimiser = make_optimiser(self.parameters.values(), self.recipe, rate)
        self.schedule = make_schedule(self.optimiser, self.recipe, epochs * -(-self.samples // self.recipe.batch_size))

    def _save_copy(self, name: str) -> None:
        self.saved |= {f"{name}/{key}": latent.detach().clone() for key, latent in self.chip.latent.items()}

    def _copies(self, name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {key.removeprefix(start): tensor for key, tensor in self.saved.items() if key.startswith(start)}

    def _program_row(self) -> Mapping[str, Any]:
        return program_row(self.history, keep=self.recipe.keep, ideal_epochs=self.recipe.ideal_epochs)

    def _origin(self) -> dict[str, Any]:
        data = {
            "name": self.data.name,
            "data_seed": self.data.data_seed,
            "fingerprint": self.data.fingerprint,
            **self.data.origin,
        }
        measured = self.options.measured
        return {
            "netlist_hash": self.netlist_hash,
            "recipe": self.recipe.as_dict(),
            "data": data,
            "measured": None if measured is None else measured.fingerprint,
        }

    def _description(self) -> dict[str, Any]:
        """Say what is trained, on what, and with what."""
        packages = ("soensim", "torch", "numpy")
        chip = self.options.measured
        measured = {} if chip is None else {"measured": {"file": chip.file, "fingerprint": chip.fingerprint}}
        return {
            "netlist": self.network.name,
            **measured,
            "recipe": self.recipe.as_dict(),
            "data": self._origin()["data"],
            "seeds": {"train_seed": self.recipe.train_seed, "data_seed": self.data.data_seed},
            "substeps": self.network.substeps,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
            "command": self.options.command,
            "threads": self.options.threads,
            "device": str(self.device),
            "netlist_hash": self.netlist_hash,
            "samples": {
                "train": self.samples,
                "train_accuracy": len(self.scorer.train_rows),
                "validation": self.data.validation.samples,
            },
        }

    def _header(self) -> dict[str, Any]:
        beside = ("netlist_hash", "samples")  # the program has the first of its own
        header = {key: value for key, value in self._description().items() if key not in beside}
        row = self._program_row()
        return {**header, "results": {"validation_accuracy": row["validation_accuracy"], "epoch": row["epoch"]}}

    def _save_epoch(self) -> None:
        run_dir = self.options.run_dir
        if run_dir is None:
            return
        checkpoint = Checkpoint(
            self._origin(),
            {**self.parameters, **self.saved, **self._edges_left()},
            self.optimiser.state_dict(),
            plain_state(self.schedule),
            self.history,
        )
        try:
            checkpoint.save(run_dir / CHECKPOINT)
            write_history(run_dir, self.history)
        except SoensimError as error:
            epoch = len(self.history)
            raise SoensimError(
                f"{error}; epoch {epoch} could not be saved, those before it are in {run_dir}: make room, "
                "and go on with --resume"
            ) from error

    def _edges_left(self) -> dict[str, Tensor]:
        """Return what a checkpoint has of the pruning: places of the edges that are left, by key of the projection."""
        if self.pruning is None:
            return {}
        return {f"{_EDGES}{key}": torch.as_tensor(kept) for key, kept in self.pruning.chip.kept.items()}

    def _restore_edges(self, found: dict[str, Tensor], path: Path) -> None:
        """Prune the chip as a checkpoint has it, and take its edges out of what was found there."""
        if self.pruning is None:
            return
        kept = {name.removeprefix(_EDGES): found.pop(name).numpy() for name in list(found) if name.startswith(_EDGES)}
        before = self.pruning.chip
        try:
            self.pruning.restore(kept)
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}; {_ANOTHER}") from error
        self._take_edges(before, self.pruning.chip)

    def _restore(self, checkpoint: Checkpoint, path: Path) -> None:
        """Take over the state of a checkpoint, which is of the same chip, recipe and data."""
        tensors = dict(checkpoint.parameters)
        self._restore_edges(tensors, path)
        shapes = {name: tensor.shape for name, tensor in self.parameters.items()}
        shapes |= {f"{copy}/{name}": t.shape for copy in ("ideal", "best") for name, t in self.chip.latent.items()}
        found = {name: tensor.shape for name, tensor in tensors.items()}
        if not self.parameters.keys() <= found.keys() or not found.items() <= shapes.items():
            raise RecipeError(f"{path}: holds other tensors than this chip and rule have; {_ANOTHER}")
        self.history.extend(checkpoint.history)
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(tensors[name])
        self.saved = {n: t.to(self.device) for n, t in tensors.items() if n not in self.parameters}
        ideal_epochs = self.recipe.ideal_epochs
        self._begin_phase(ideal_epochs if len(self.history) <= ideal_epochs else self.recipe.epochs)
        try:
            self.optimiser.load_state_dict(dict(checkpoint.optimiser))
            self.schedule.load_state_dict(dict(checkpoint.schedule))
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # of another version of torch
            raise RecipeError(
                f"{path}: this torch cannot take its optimiser's state ({error!r}); {_ANOTHER}"
            ) from error


def _check(network: Network, data: Dataset, recipe: Recipe) -> None:
    """Refuse data that the chip cannot take, or of which the recipe wants more than there is."""
    recipe.check_chip(network)
    check_fit(network, data)
    if recipe.train_samples > data.train.samples:
        raise RecipeError(f"train_samples is {recipe.train_samples}; {data.name!r} has {data.train.samples}")
    if data.validation.samples == 0:
        raise RecipeError(f"{data.name!r} was loaded without validation samples; training needs some to judge by")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use this number of threads; one is fastest for small products, and fixes the order of sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
