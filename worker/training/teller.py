"""Tells the reporter how a training goes. Metrics by step, never by the clock; only the progress
looks at a clock, for the speed and the time that is left.
"""

from __future__ import annotations

import time

from worker.training import device as devices
from worker.training.initial import Fit
from worker.training.protocol import Level, Progress, Reporter
from worker.training.run import Run
from worker.training.snapshot import Writer
from worker.training.state import snapshot_of


class Teller:
    """Holds the clock of one training. ``began`` is when its process began with it."""

    def __init__(
        self,
        run: Run,
        reporter: Reporter,
        writer: Writer,
        *,
        began: float,
        resumed: bool,
        used_seconds: float,
    ) -> None:
        self.run = run
        self.reporter = reporter
        self.writer = writer
        self._started = time.monotonic() - used_seconds
        self._reported = self._kept = time.monotonic()
        self._kept_place = run.position.place if resumed else None
        self._began = began
        self._samples, self._seconds = 0, 0.0
        self._evaluated, self._evaluating = 0, 0.0
        self._checkpoints, self._writing = 0, 0.0
        self._rate: float | None = None  # samples per second, since the last report

    def pace(self) -> dict[str, float] | None:
        """What later estimates go by; None before the second report.

        Samples a second of training and of validation, seconds of a checkpoint, and seconds of
        all else: the start, the last test, the exports.
        """
        if not self._samples:
            return None
        whole = time.monotonic() - self._began
        besides = whole - self._seconds - self._evaluating - self._writing
        return {
            "samples_per_second": self._samples / self._seconds,
            "evaluated_per_second": self._evaluated / max(self._evaluating, 1e-9),
            "checkpoint_seconds": self._writing / max(self._checkpoints, 1),
            "besides_seconds": max(besides, 0.0),
        }

    def is_over(self, limit_seconds: float | None) -> bool:
        """Whether the training, with what earlier attempts used, has taken longer."""
        return limit_seconds is not None and time.monotonic() - self._started > limit_seconds

    def _lap(self) -> float:
        """Seconds since the last report, which do not count for the speed."""
        before, self._reported = self._reported, time.monotonic()
        return self._reported - before

    def tell_evaluated(self, num_samples: int) -> None:
        """That a pass over so many samples has just ended."""
        self._evaluated += num_samples
        self._evaluating += self._lap()

    def log(self, message: str, level: Level = "info") -> None:
        self.reporter.log(level, message)

    def tell_start(self, *, resumed: bool) -> None:
        """What is about to be trained, on what."""
        run = self.run
        precision = str(run.dtype).removeprefix("torch.")
        if run.training.precision not in ("auto", precision):
            self.reporter.log(
                "warning", f"{run.training.precision} needs a GPU; training in {precision}."
            )
        num_parameters = sum(p.numel() for p in run.network.parameters())
        self.log(
            f"{'Going on with' if resumed else 'Training'} {num_parameters:,} parameters in "
            f"{precision} on {devices.describe(run.device)}: {len(run.samples):,} samples, "
            f"{run.steps_per_epoch:,} steps an epoch, {run.num_steps:,} in all."
        )

    def tell_parts(self) -> None:
        """Memory was short, and batches are taken in parts from now on."""
        run, parts = self.run, self.run.position.parts
        size = -(-run.batch_size // parts)
        run.position.latest["batch/parts"] = float(parts)
        self.log(
            f"Out of memory with batches of {run.batch_size}: each is taken in {parts} parts of up "
            f"to {size} samples from step {run.position.step} on. Their gradients add up to the "
            "same step.",
            level="warning",
        )

    def tell_fit(self, fit: Fit) -> None:
        """What was taken of the weights to begin with, and what was not."""
        init_from = self.run.training.init_from
        self.log(f"{len(fit.matched)} tensors are taken from {init_from}.")
        for complaint in fit.complaints():
            self.reporter.log("warning", f"{init_from}: {complaint}.")

    def tell_step(self) -> None:
        """Means over the steps since the last report, and the progress."""
        run, position = self.run, self.run.position
        lr = run.last_lr
        fingerprints = run.window.fingerprints()
        totals = run.window.drain()
        position.epoch_totals.add(totals)
        values = totals.values("train", run.training.means("train")) | {"optimizer/lr": lr}
        if run.gradient_norm is not None:
            values["gradient/norm"] = run.gradient_norm.item()
        self.tell_metrics(values, fingerprints)
        now = time.monotonic()
        seconds = max(now - self._reported, 1e-9)
        self._rate = totals.num_samples / seconds
        if position.step > 1:  # the first step also warms the device up
            self._samples += totals.num_samples
            self._seconds += seconds
        self._reported = now
        self.tell_progress()

    def tell_progress(self) -> None:
        run, position = self.run, self.run.position
        eta = None
        if self._rate is not None:
            steps_left = run.num_steps - position.step
            eta = steps_left * run.num_used / run.steps_per_epoch / self._rate
        epoch = min(position.epoch, run.training.epochs)
        self.reporter.progress(
            Progress(epoch, run.training.epochs, position.step, run.num_steps, self._rate, eta)
        )

    def tell_metrics(self, values: dict[str, float], fingerprints: str = "") -> None:
        """Values of now, and fingerprints of the steps that they are of."""
        position = self.run.position
        position.latest.update(values)
        epoch = min(position.epoch, self.run.training.epochs)
        self.reporter.metrics(position.step, epoch, values, fingerprints)

    @property
    def is_time_for_checkpoint(self) -> bool:
        """Whether ``every_seconds`` are over since the last one, and that one has been written."""
        seconds = self.run.training.checkpoints.every_seconds
        is_over = seconds is not None and time.monotonic() - self._kept >= seconds
        return is_over and not self.writer.is_busy

    def tell_checkpoint(self, *, is_best: bool = False, for_resume: bool = False) -> None:
        """A checkpoint of now, unless there is one: copied here, written aside."""
        place = self.run.position.place
        if for_resume and place == self._kept_place:
            return
        self._kept, self._kept_place = time.monotonic(), place
        self.writer.write(snapshot_of(self.run, is_best=is_best, for_resume=for_resume))
        self._checkpoints += 1
        self._writing += self._lap()
