"""Jobs as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.schemas import ApiModel, Number, Page, Timestamp
from trainyard.spec.job import Line, Text
from trainyard.status import JobStatus, ReasonCode


class Reason(ApiModel):
    """Why a job ended as it did."""

    code: ReasonCode
    message: str
    hint: str | None = None
    log_tail: list[str] = []
    """The last lines that the attempt logged; of faults only."""


class Queue(ApiModel):
    """Where a queued job stands in line."""

    position: int
    """1 is next, if no job ended from now on."""
    waiting_for: str
    """In plain words."""
    retry_at: Timestamp | None = None
    """When it is tried again, after a fault."""
    after: list[str] = []
    """Jobs that have to succeed first."""


class Progress(ApiModel):
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    """A step is one update of the weights."""
    steps: int = 0
    samples_per_second: Number | None = None
    eta_seconds: Number | None = None


class Best(ApiModel):
    """The best checkpoint by the monitored metric."""

    metric: str
    value: Number
    step: int


class Attempt(ApiModel):
    """One try at a job."""

    number: int
    worker: str
    host: str
    device: str | None
    start_step: int
    outcome: JobStatus | None
    reason: Reason | None
    started_at: Timestamp
    finished_at: Timestamp | None


class Job(ApiModel):
    """The spec's fields, and where the job stands."""

    id: str
    owner: str
    name: str
    dataset: str
    """The dataset's id."""
    dataset_name: str
    tags: list[str]
    priority: int
    """Higher goes first."""
    notes: str
    after: list[str]
    """Jobs that had to succeed before this one began."""
    model: dict[str, Any]
    training: dict[str, Any]
    definitions: dict[str, Any]
    status: JobStatus
    reason: Reason | None
    attempt: int
    """How many times a worker has begun it."""
    queue: Queue | None
    progress: Progress
    summary: dict[str, Number]
    """The last value of each metric."""
    best: Best | None
    worker: str | None
    replay_of: str | None
    """The job that this one repeats; `GET …/replay` tells whether it came to the same."""
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class JobDetail(Job):
    """A job with all its attempts, and the spec as it was written."""

    written: dict[str, Any]
    """`model`, `training` and `definitions` as they were posted, without defaults filled in."""
    attempts: list[Attempt]
    formats: list[str]
    """As what the model can be had by now: values of `format` of `/v1/jobs/{id}/model`."""


class JobList(Page[Job]):
    """Jobs, newest first unless sorted otherwise."""


class JobPatch(ApiModel):
    """What may be changed of a job; what is absent or null stays."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = None
    notes: Text | None = None
    tags: Annotated[list[Annotated[Line, Field(min_length=1)]], Field(max_length=50)] | None = None
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = None
