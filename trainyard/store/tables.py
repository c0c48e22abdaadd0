"""The tables. What may be done to them stands in the verbs beside this module.

``jobs`` holds the current truth of a job, ``events`` its story: status changes, metrics, log
lines and progress in one sequence per job, without gaps, which the event stream, the metrics
and the logs are all read from.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trainyard.store.types import Json, UtcDateTime

Id = String(40)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables; constraints have names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: Json, list[Any]: Json}


class Owner(Base):
    """Who datasets and jobs belong to."""

    __tablename__ = "owners"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    # Of all claims of jobs, the number of this owner's last; 0 before the first.
    turn: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class ApiKey(Base):
    """A key, of which only the SHA-256 is kept; an administrator's may make other owners."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    is_admin: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A browser's session cookie, or (``one_time``) the token of a login link; both hashed."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    one_time: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Dataset(Base):
    """An uploaded dataset and the report of its ingest.

    A deleted dataset that finished jobs were trained on stays as a row with ``deleted_at``: its
    files are gone, its manifest still tells shapes and class names. Such rows are invisible to
    the verbs, and go with the last of those jobs.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        Index(
            "uq_datasets_upload",
            "owner_id",
            "upload_sha256",
            "options_sha256",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("uq_datasets_version", "owner_id", "name", "version", unique=True),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    # Among the owner's of this name, from 1. The default was for rows from before there were any.
    version: Mapped[int] = mapped_column(server_default=text("1"))
    status: Mapped[str] = mapped_column(String(20))
    options: Mapped[dict[str, Any]]
    file_name: Mapped[str] = mapped_column(Text)  # the upload's, for the report; never a path
    upload_key: Mapped[str | None] = mapped_column(Text)  # in the store, until ingested
    upload_sha256: Mapped[str] = mapped_column(String(64))
    options_sha256: Mapped[str] = mapped_column(String(64))
    # trainyard.datasets.Manifest as JSON, once ready: format, task, shapes, classes, splits.
    manifest: Mapped[dict[str, Any] | None]
    # trainyard.datasets.facts.DatasetReport as JSON; null until the ingest has ended, and of
    # datasets older than reports. Loaded only where it is asked for.
    report: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    problems: Mapped[list[Any]]
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # what the store holds of it
    sha256: Mapped[str | None] = mapped_column(String(64))  # digest of the canonical form
    store_key: Mapped[str | None] = mapped_column(Text)  # prefix of its files, once ready
    attempt: Mapped[int] = mapped_column(default=0)  # at ingesting it; also the fence
    worker_id: Mapped[str | None] = mapped_column(Id)  # who ingests it
    lease_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class DatasetName(Base):
    """How many versions a name has had, so that no two ever have the same number."""

    __tablename__ = "dataset_names"

    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    num_versions: Mapped[int]


class Upload(Base):
    """A file that comes in pieces, until it has become a dataset or its time is over.

    How much has come is the length of its file, and stands nowhere else. The row stays for a
    while after ``dataset_id`` is set, so that a repeated request finds the same dataset.
    """

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), index=True)
    file_name: Mapped[str] = mapped_column(Text)  # as the client says, for reports; never a path
    described: Mapped[str] = mapped_column(Text)  # the Upload-Metadata of its creation
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # of the whole file
    sha256: Mapped[str | None] = mapped_column(String(64))  # once it is known
    dataset_id: Mapped[str | None] = mapped_column(Id)  # what it has become
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Job(Base):
    """A training job. ``fence`` grows with each claim; every write of a worker carries it."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_owner", "owner_id", "id"),
        Index("ix_jobs_queue", "status", "owner_id", "priority", "id"),
        Index("ix_jobs_dataset", "dataset_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    name: Mapped[str] = mapped_column(String(200))
    notes: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[Any]]
    priority: Mapped[int] = mapped_column(default=0)  # higher goes first
    spec: Mapped[dict[str, Any]]  # JobSpec as validated, defaults filled in
    written: Mapped[dict[str, Any]]  # model, training, definitions as the user wrote them

    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[dict[str, Any] | None]  # {"code", "message", "hint"}
    attempt: Mapped[int] = mapped_column(default=0)
    num_crashes: Mapped[int] = mapped_column(default=0)  # faults in a row, without progress
    fence: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(Id)
    lease_expires_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    last_seq: Mapped[int] = mapped_column(BigInteger, default=0)  # of its events
    # Of events that the current attempt has written, so that none is written twice.
    num_batches: Mapped[int] = mapped_column(default=0, server_default=text("0"))

    progress: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any]]
    best: Mapped[dict[str, Any] | None]  # {"metric", "value", "step"}
    report: Mapped[dict[str, Any] | None]
    # {"device", "flops" of a sample, "samples_per_second"}, once succeeded
    speed: Mapped[dict[str, Any] | None]
    replay_of: Mapped[str | None] = mapped_column(Id)  # a job that may be gone by now

    created_at: Mapped[datetime] = mapped_column(default=now)
    queued_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Awaited(Base):
    """A queued or paused job is to come after another, which has not succeeded yet."""

    __tablename__ = "awaited"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    after_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Attempt(Base):
    """One try at a job: where, from which step, and how it ended."""

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[str] = mapped_column(Id)
    host: Mapped[str] = mapped_column(String(200))
    device: Mapped[str | None] = mapped_column(String(200))
    start_step: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str | None] = mapped_column(String(20))  # the status that it led to
    reason: Mapped[dict[str, Any] | None]
    passport: Mapped[dict[str, Any] | None]  # of its trainer, see trainyard.passport
    # By its worker's monotonic clock, as far as it told: what counts for a time limit.
    used_seconds: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class Event(Base):
    """One line of a job's story. ``kind``: status, metrics, log, progress or end.

    The data of ``metrics`` is ``{"step", "epoch", "values": {name: value}}``, of ``log``
    ``{"level", "message"}`` (also in columns, to search in); a line that stands for others
    has their number in ``left_out``.
    """

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_kind", "job_id", "kind", "step"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    attempt: Mapped[int]
    step: Mapped[int | None] = mapped_column(BigInteger)
    level: Mapped[str | None] = mapped_column(String(10))
    message: Mapped[str | None] = mapped_column(Text)
    left_out: Mapped[int | None]  # log lines that this one stands for
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Checkpoint(Base):
    """A checkpoint; invisible until ``complete``, which is set last, in one transaction."""

    __tablename__ = "checkpoints"
    __table_args__ = (
        Index(
            "uq_checkpoints_step",
            "job_id",
            "step",
            unique=True,
            sqlite_where=text("complete"),
            postgresql_where=text("complete"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    attempt: Mapped[int]
    step: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # of the weights
    sha256: Mapped[str] = mapped_column(String(64))  # of the weights
    state_size_bytes: Mapped[int] = mapped_column(BigInteger)
    state_sha256: Mapped[str] = mapped_column(String(64))
    metric_value: Mapped[float | None]  # of the monitored metric
    store_key: Mapped[str | None] = mapped_column(Text)  # bytes in the store, not in chunks
    is_best: Mapped[bool] = mapped_column(server_default=false())
    is_last: Mapped[bool] = mapped_column(server_default=false())
    for_resume: Mapped[bool] = mapped_column(server_default=false())  # gone with the next one
    complete: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=now)


class CheckpointChunk(Base):
    """A piece of a checkpoint's ``weights`` or ``state`` (both safetensors files)."""

    __tablename__ = "checkpoint_chunks"

    checkpoint_id: Mapped[str] = mapped_column(
        ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[str] = mapped_column(String(10), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Artifact(Base):
    """A file that a job made, in the object store: the ONNX model."""

    __tablename__ = "artifacts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    store_key: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Weights(Base):
    """An uploaded safetensors file that jobs may begin with."""

    __tablename__ = "weights"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    store_key: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    tensors: Mapped[dict[str, Any]]  # shapes by name
    created_at: Mapped[datetime] = mapped_column(default=now)


class Worker(Base):
    """A worker's heartbeat row."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    device: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20))  # idle, busy, stopping, stopped
    job_id: Mapped[str | None] = mapped_column(Id)
    worker_pid: Mapped[int]
    trainer_pid: Mapped[int | None]
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)  # of the device, where known
    auto_precision: Mapped[str | None] = mapped_column(String(20))  # what `precision: auto` is
    started_at: Mapped[datetime] = mapped_column(default=now)
    last_seen: Mapped[datetime] = mapped_column(default=now, index=True)


class Garbage(Base):
    """What is to be deleted from the object store; written with the deletion of its rows.

    ``not_before``: of what is only about to be written, and whose row takes this one away.
    """

    __tablename__ = "garbage"

    prefix: Mapped[str] = mapped_column(Text, primary_key=True)
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class IdempotencyKey(Base):
    """What a POST with an ``Idempotency-Key`` led to, so that a repeat answers the same."""

    __tablename__ = "idempotency_keys"

    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))  # of method, path and body
    resource_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(default=now)
