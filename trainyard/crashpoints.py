"""Places on a job's way at which a test may have the process killed: each one has a name here.

Off unless the environment variable ``TRAINYARD_CRASH_POINTS`` names a folder at the process's
start; then the first process that comes by a point for which a file of that name lies there takes
the file away and is killed, as by ``kill -9``; or it is stopped, where the file says ``stop``,
and goes on where it says ``go``. Nothing but the environment can set this.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Literal, get_args

# In the order in which an attempt comes by. "written" is inside of the transaction.
TrainerPoint = Literal[
    "trainer.begun",
    "dataset.opened",
    "network.resolved",
    "step.told",
    "validation.told",
    "checkpoint.told",
    "test.told",
    "outcome.made",
    "outcome.sent",
]
WorkerPoint = Literal[
    "claim.written",
    "claim.committed",
    "start.prepared",
    "trainer.forked",
    "start.sent",
    "renewal.written",
    "renewal.committed",
    "flush.written",
    "flush.committed",
    "checkpoint.begun",
    "checkpoint.stored",
    "checkpoint.written",
    "checkpoint.committed",
    "outcome.received",
    "model.stored",
    "model.recorded",
    "finish.written",
    "finish.committed",
]
# Where the attempt before has ended badly.
RetryPoint = Literal[
    "requeue.written", "requeue.committed", "requeue.rung", "reaper.written", "reaper.committed"
]
ApiPoint = Literal["upload.received", "upload.stored", "dataset.committed", "job.committed"]
TRAINER_POINTS: tuple[TrainerPoint, ...] = get_args(TrainerPoint)
WORKER_POINTS: tuple[WorkerPoint, ...] = get_args(WorkerPoint)
RETRY_POINTS: tuple[RetryPoint, ...] = get_args(RetryPoint)
API_POINTS: tuple[ApiPoint, ...] = get_args(ApiPoint)
Point = TrainerPoint | WorkerPoint | RetryPoint | ApiPoint

VARIABLE = "TRAINYARD_CRASH_POINTS"
_folder = os.environ.get(VARIABLE)


def reach(point: Point) -> None:
    """Come by a point."""
    if _folder is not None:
        _die_if_armed(Path(_folder) / point)


def _die_if_armed(file: Path) -> None:
    try:
        how = file.read_text()
        file.unlink()
    except FileNotFoundError:
        return
    if how != "go":
        os.kill(os.getpid(), signal.SIGSTOP if how == "stop" else signal.SIGKILL)
