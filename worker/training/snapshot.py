"""A checkpoint between the training thread, which copies it, and the thread that packs it.

The copy is all that training waits for. At most one checkpoint is on its way at a time, so that
memory holds the training once more and no further.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from worker.training import checkpoint
from worker.training.device import Tensors
from worker.training.protocol import CheckpointFile, Reporter


@dataclass(frozen=True)
class Snapshot:
    """Everything of one moment, on the host once ``arrive`` has returned.

    ``best`` are the best weights, where they are not those of this very moment.
    """

    step: int
    epoch: int
    weights: Tensors
    state: Tensors
    document: dict[str, Any]
    best: Tensors | None
    is_best: bool
    metric_value: float | None
    for_resume: bool
    arrive: Callable[[], None]

    def pack(self) -> CheckpointFile:
        """Its two files."""
        self.arrive()
        best = checkpoint.pack_best(self.best) if self.best is not None else {}
        return CheckpointFile(
            self.step,
            self.epoch,
            checkpoint.pack_tensors(self.weights, step=self.step),
            checkpoint.pack_state(self.state | best, self.document),
            self.is_best,
            self.metric_value,
            self.for_resume,
        )


class Writer:
    """Packs snapshots and hands them to the reporter, one after the other, on its own thread."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._on_its_way: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(wait=True)
        if error is None:
            self.wait()

    @property
    def is_busy(self) -> bool:
        """Whether a checkpoint is still on its way."""
        return self._on_its_way is not None and not self._on_its_way.done()

    def write(self, snapshot: Snapshot) -> None:
        """Begins to write; waits for the one before.

        Raises:
            Exception: whatever went wrong with the one before.
        """
        self.wait()
        self._on_its_way = self._thread.submit(self._write, snapshot)

    def wait(self) -> None:
        """Until what was written is with the reporter.

        Raises:
            Exception: whatever went wrong with it.
        """
        if self._on_its_way is not None:
            self._on_its_way.result()
            self._on_its_way = None

    def _write(self, snapshot: Snapshot) -> None:
        self._reporter.checkpoint(snapshot.pack())
