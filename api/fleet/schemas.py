"""Workers, the queue and the usage as JSON."""

from __future__ import annotations

from api.jobs.schemas import Queue
from api.schemas import ApiModel, Timestamp
from trainyard.status import JobStatus


class Worker(ApiModel):
    id: str
    host: str
    device: str
    status: str
    """`idle`, `busy`, `stopping`, `stopped` or, when long silent, `lost`."""
    job_id: str | None
    """The job in work, where it is the caller's or the caller an administrator."""
    worker_pid: int
    trainer_pid: int | None
    started_at: Timestamp
    last_seen: Timestamp


class WorkerList(ApiModel):
    items: list[Worker]


class QueuedJob(Queue):
    """A job of the caller's and its place in the whole queue."""

    job_id: str
    name: str
    priority: int
    queued_at: Timestamp


class QueueState(ApiModel):
    """The queue of the whole service, and the caller's jobs in it."""

    queued: int
    running: int
    workers: int
    """That train and are up."""
    idle_workers: int
    items: list[QueuedJob]


class HeldBytes(ApiModel):
    datasets: int
    checkpoints: int
    artifacts: int
    """Models and reports."""
    weights: int
    uploads: int
    """What has come of uploads that are no dataset yet."""


class UsageLimits(ApiModel):
    max_jobs: int
    """Queued and running."""
    max_upload_bytes: int
    max_open_uploads: int
    max_requests_per_minute: int


class Usage(ApiModel):
    """What the caller's owner holds, and the limits."""

    jobs: int
    jobs_by_status: dict[JobStatus, int]
    datasets: int
    weights: int
    """Uploaded files of weights."""
    uploads: int
    """Uploads that are no dataset yet."""
    bytes: HeldBytes
    limits: UsageLimits
