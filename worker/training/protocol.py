"""What the engine takes and gives: the seam between training and everything around it.

The engine knows nothing of databases, queues or processes. It is handed a ``Reporter`` to tell
what happens and a ``Stop`` to be told to end early. Both are called on the training thread, so
they must not block: the process around the engine ships their messages off that thread. Only
``Reporter.checkpoint`` is called aside, and may take until the checkpoint is on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy.typing as npt

from trainyard.spec.tasks import Task

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True)
class Split:
    """One split in its canonical form, usually memory-mapped.

    x: (N, *input_shape) uint8 or float32.  y: (N,) int64 class indices; (N, L) uint8 labels of 0
    and 1; (N, H, W) uint8 masks of class indices; or (N, K) float32 numbers.
    baselines: (N, B, K) float32, what naive forecasts say.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    baselines: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class Goal:
    """What is to be predicted.

    ``names`` are of the classes, the labels, the classes of the masks, or the numbers. ``mean`` and
    ``std`` are of the numbers over the training split; ``baselines`` names the naive forecasts.
    """

    task: Task
    names: list[str]
    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    baselines: Sequence[str] = ()

    @property
    def is_of_numbers(self) -> bool:
        return self.task in ("regression", "forecasting")


@dataclass(frozen=True)
class CheckpointFile:
    """A whole checkpoint in memory: two safetensors files.

    ``weights`` suffices to infer; ``state`` (optimizer, schedule, generators, sampler position,
    early stopping, counters) makes training go on exactly. Neither holds pickled data.
    ``for_resume``: the clock or an interruption asked for it, not the spec's rhythm, so another
    run of the same job would not have it.
    """

    step: int
    epoch: int
    weights: bytes
    state: bytes
    is_best: bool
    metric_value: float | None
    for_resume: bool = False


@dataclass
class Progress:
    """Where training stands. ``epoch`` counts from 1 and is the one in work; 0 before the first."""

    epoch: int
    epochs: int
    step: int
    steps: int
    samples_per_second: float | None = None
    eta_seconds: float | None = None


@dataclass
class Outcome:
    """How a training came to its end.

    ``interrupted``: asked to stop, a checkpoint of this very step has been reported before.
    ``failed``: ``reason`` holds code (``diverged``, ``out_of_memory``, ``time_limit``,
    ``bad_data``), message and hint.
    ``broken``: likewise, but the machine is at fault, so that another attempt may go better.
    """

    kind: Literal["finished", "interrupted", "failed", "broken"]
    summary: dict[str, float] = field(default_factory=dict)
    best: dict[str, Any] | None = None  # {"metric", "value", "step"}
    report: dict[str, Any] | None = None
    reason: dict[str, str] | None = None
    # {"flops" of a sample's forward pass, and ``Teller.pace``}
    speed: dict[str, float] | None = None
    onnx: bytes | None = None  # of the best checkpoint; raw pictures in, probabilities out
    exports: dict[str, bytes] = field(default_factory=dict)  # of plugins, by their exporters' names


class Reporter(Protocol):
    """What the engine tells while it works."""

    def begun(self) -> None:
        """Everything is in place, and the first step comes next: from here on, what memory is
        needed depends on the size of a batch too."""

    def metrics(self, step: int, epoch: int, values: dict[str, float], fingerprints: str) -> None:
        """``fingerprints`` are of the losses of the steps up to this one, as
        ``Accumulator.fingerprints`` has them; empty where no step was made since."""

    def progress(self, progress: Progress) -> None: ...

    def log(self, level: Level, message: str) -> None: ...

    def checkpoint(self, file: CheckpointFile) -> None: ...


class Stop(Protocol):
    """Asked once a step; true when the training should write a checkpoint and return."""

    def is_set(self) -> bool: ...
