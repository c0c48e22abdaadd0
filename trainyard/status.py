"""The states of a job and the one table of transitions between them."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands; the last three are endings and final."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ReasonCode(StrEnum):
    """Why a job ended as it did; the last two are of attempts alone, after which it goes on."""

    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    BAD_DATA = "bad_data"
    WORKER_LOST = "worker_lost"
    TIME_LIMIT = "time_limit"
    CANCELLED_BY_USER = "cancelled_by_user"
    DEPENDENCY_FAILED = "dependency_failed"
    INTERNAL = "internal"
    PAUSED_BY_USER = "paused_by_user"
    WORKER_STOPPED = "worker_stopped"


class DatasetStatus(StrEnum):
    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"


_S = JobStatus
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    _S.QUEUED: frozenset({_S.RUNNING, _S.PAUSED, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.QUEUED, _S.PAUSING, _S.CANCELLING}),
    # A job that was asked to stop may still end by itself first: then that ending is the truth.
    _S.PAUSING: frozenset({_S.PAUSED, _S.SUCCEEDED, _S.FAILED, _S.CANCELLING}),
    _S.PAUSED: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.CANCELLING: frozenset({_S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}
FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)
ON_A_WORKER = frozenset({_S.RUNNING, _S.PAUSING, _S.CANCELLING})


def may_become(status: JobStatus, following: JobStatus) -> bool:
    """Whether the table allows ``status`` → ``following``."""
    return following in TRANSITIONS[status]
