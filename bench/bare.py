"""The engine alone on a dataset's canonical folder: ``python -m bench.bare SPEC FOLDER``.

Prints the samples a second of its last progress report, as the service tells it too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trainyard.datasets import open_dataset
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import Statistics
from worker.training.loop import train
from worker.training.protocol import CheckpointFile, Level, Progress, Split


class Listener:
    """A reporter that keeps the last progress, and is never asked to stop."""

    def __init__(self) -> None:
        self.last: Progress | None = None

    def metrics(
        self, step: int, epoch: int, values: dict[str, float], fingerprints: str
    ) -> None: ...

    def progress(self, progress: Progress) -> None:
        self.last = progress

    def log(self, level: Level, message: str) -> None: ...

    def checkpoint(self, file: CheckpointFile) -> None: ...

    def is_set(self) -> bool:
        return False


def main() -> None:
    """Trains once and prints one figure."""
    spec = parse_job(json.loads(sys.argv[1]))
    dataset = open_dataset(Path(sys.argv[2]))
    about = dataset.manifest
    graph = resolve(spec.model, about.input_shape, about.num_classes)
    splits = {name: Split(x, y) for name, (x, y) in dataset.splits.items()}
    statistics = Statistics(about.statistics.mean, about.statistics.std)
    listener = Listener()
    train(spec, graph, splits, statistics, about.class_names, listener, listener)
    assert listener.last is not None
    print(listener.last.samples_per_second)


if __name__ == "__main__":
    main()
