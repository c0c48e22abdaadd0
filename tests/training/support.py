"""Small made datasets, specs and a reporter that remembers, for the engine's tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.preprocess import Statistics
from worker.training.loop import train
from worker.training.protocol import CheckpointFile, Goal, Outcome, Progress, Split

CLASSES = ["bar", "column", "square"]
GOAL = Goal("classification", CLASSES)
SHAPE = (1, 12, 12)

SMALL_LAYERS: list[dict[str, Any]] = [
    {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "relu", "name": "conv"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "linear", "out_features": "num_classes", "name": "head"},
]
# With everything that has a state or draws random numbers.
RICH_LAYERS: list[dict[str, Any]] = [
    {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "bias": False, "name": "conv"},
    {"type": "batch_norm2d", "name": "norm"},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "dropout", "p": 0.3},
    {"type": "linear", "out_features": "num_classes", "name": "head"},
]


def made_split(num: int, seed: int) -> Split:
    """Noisy pictures of a bar, a column or a square; a small network tells them apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(CLASSES), num)
    x = rng.integers(0, 120, (num, *SHAPE), dtype=np.uint8)
    for picture, label in zip(x, y, strict=True):
        at = int(rng.integers(1, 8))
        rows, columns = [(2, 9), (9, 2), (4, 4)][label]
        picture[0, at : at + rows, at : at + columns] += 100
    return Split(x, y)


def made_splits() -> dict[str, Split]:
    """70 pictures to train on (batches of 16 leave a rest), 33 to validate, 34 to test."""
    return {"train": made_split(70, 1), "val": made_split(33, 2), "test": made_split(34, 3)}


def statistics_of(split: Split, num_channels: int = 1) -> Statistics:
    """Of all values together, the same for each channel."""
    x = split.x.astype(np.float64)
    return Statistics([float(x.mean())] * num_channels, [float(x.std())] * num_channels)


def job(layers: list[dict[str, Any]] = SMALL_LAYERS, **training: Any) -> JobSpec:
    defaults = {"epochs": 4, "batch_size": 16, "precision": "float32"}
    return parse_job(
        {
            "name": "test",
            "dataset": "made",
            "model": {"layers": layers},
            "training": defaults | training,
        }
    )


def graph_of(spec: JobSpec, shape: tuple[int, ...] = SHAPE, classes: int = 3) -> Graph:
    return resolve(spec.model, shape, classes, takes=spec.training.loss.takes)


class Remember:
    """A reporter that keeps all it is told, and a stop that may be set by a step's metrics."""

    def __init__(self, stop_at_step: int | None = None) -> None:
        self.stop_at_step = stop_at_step
        self.fingerprints: dict[int, str] = {}
        self.told: list[tuple[int, int, dict[str, float]]] = []
        self.progresses: list[Progress] = []
        self.logs: list[tuple[str, str]] = []
        self.checkpoints: list[CheckpointFile] = []
        self.asked = 0
        self.has_begun = False

    def begun(self) -> None:
        self.has_begun = True

    def metrics(self, step: int, epoch: int, values: dict[str, float], fingerprints: str) -> None:
        self.fingerprints[step] = self.fingerprints.get(step, "") or fingerprints
        self.told.append((step, epoch, dict(values)))

    def progress(self, progress: Progress) -> None:
        self.progresses.append(progress)

    def log(self, level: str, message: str) -> None:
        self.logs.append((level, message))

    def checkpoint(self, file: CheckpointFile) -> None:
        self.checkpoints.append(file)

    def is_set(self) -> bool:
        """The engine asks before each step: the n-th question comes before step n."""
        self.asked += 1
        return self.stop_at_step is not None and self.asked > self.stop_at_step

    def series(self, name: str) -> list[tuple[int, float]]:
        return [(step, values[name]) for step, _, values in self.told if name in values]


def run(
    spec: JobSpec,
    splits: dict[str, Split] | None = None,
    *,
    stop_at_step: int | None = None,
    resume: tuple[bytes, bytes] | None = None,
) -> tuple[Outcome, Remember]:
    """Trains on the CPU; ``stop_at_step`` interrupts after that many questions of the engine."""
    splits = made_splits() if splits is None else splits
    reporter = Remember(stop_at_step)
    outcome = train(
        spec,
        graph_of(spec),
        splits,
        statistics_of(splits["train"]),
        GOAL,
        reporter,
        reporter,
        device="cpu",
        resume=resume,
    )
    return outcome, reporter
