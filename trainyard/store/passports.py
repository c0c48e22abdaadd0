"""A job's passport: what its result depends on and what it was, by digests, out of its rows."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from trainyard.passport import digest, spec_digest
from trainyard.store import datasets
from trainyard.store.lease import Lease, lock_leased
from trainyard.store.metrics import Value
from trainyard.store.tables import Attempt, Checkpoint, Event, Job

Points = dict[int, dict[str, Value]]  # metrics by step and name
_NOT_OF_THE_TRAINING = "system/"  # metrics that tell of the machine, not of the numbers


def record_passport(session: Session, lease: Lease, attempt: int, passport: dict[str, Any]) -> None:
    """Keep what the trainer of this attempt found of itself; ``trainyard.passport`` has its form.

    Raises:
        LeaseLost: the lease is not current; nothing is written.
    """
    lock_leased(session, lease)
    this = update(Attempt).where(Attempt.job_id == lease.job_id, Attempt.number == attempt)
    session.execute(
        this.values(passport=passport), execution_options={"synchronize_session": False}
    )


def passports_of(session: Session, job_id: str) -> Sequence[Attempt]:
    """The attempts of a job that a trainer has begun, with their passports, in order."""
    query = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)
    return [attempt for attempt in session.scalars(query) if attempt.passport is not None]


def job_passport(session: Session, job: Job) -> dict[str, Any]:
    """Digests of what went in, of what each attempt ran on, and of what came out so far.

    ``{"job", "replay_of", "spec": {"sha256"}, "dataset": {"id", "sha256"}, "seed",
    "attempts": [{"number", "start_step", …as trainyard.passport}], "result": as ``job_result``}``
    """
    return {
        "job": job.id,
        "replay_of": job.replay_of,
        "spec": {"sha256": spec_digest(job.spec)},
        "dataset": {
            "id": job.dataset_id,
            "sha256": datasets.dataset_of(session, job).sha256,
        },
        "seed": job.spec["training"]["seed"],
        "attempts": [
            {"number": row.number, "start_step": row.start_step, **(row.passport or {})}
            for row in passports_of(session, job.id)
        ],
        "result": job_result(session, job, metric_points(session, job.id)),
    }


def job_result(session: Session, job: Job, points: Points) -> dict[str, Any]:
    """What came out: ``{"status", "reason", "best", "last", "metrics"}``.

    ``best`` and ``last`` are ``{"step", "sha256"}`` of weights, null without such a checkpoint;
    those for resuming do not count, since the clock decides on which step they fall;
    ``metrics`` is ``{"sha256", "num_steps", "last_step"}`` of the recorded series.
    """
    return {
        "status": job.status,
        "reason": job.reason["code"] if job.reason else None,
        "best": _weights(session, job.id, Checkpoint.is_best.is_(True)),
        "last": _weights(session, job.id, ~Checkpoint.for_resume),
        "metrics": {
            "sha256": digest(sorted(points.items())),
            "num_steps": len(points),
            "last_step": max(points, default=None),
        },
    }


def _weights(session: Session, job_id: str, such: ColumnElement[bool]) -> dict[str, Any] | None:
    """Those of the newest such checkpoint."""
    query = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.complete, such)
    checkpoint = session.scalar(query.order_by(Checkpoint.step.desc()).limit(1))
    return None if checkpoint is None else {"step": checkpoint.step, "sha256": checkpoint.sha256}


def fingerprints_at(session: Session, job_id: str, step: int) -> bytes:
    """Two bytes for each training step up to this, since the report before it; may be none."""
    query = select(Event.data).where(
        Event.job_id == job_id, Event.kind == "metrics", Event.step == step
    )
    return b"".join(b64decode(data.get("fingerprints", "")) for data in session.scalars(query))


def metric_points(session: Session, job_id: str) -> Points:
    """Every recorded value of the training, by growing step."""
    query = (
        select(Event.step, Event.data)
        .where(Event.job_id == job_id, Event.kind == "metrics")
        .order_by(Event.step, Event.seq)
    )
    points: Points = {}
    for step, data in session.execute(query):
        told = points.setdefault(step, {})
        for name, value in data["values"].items():
            if not name.startswith(_NOT_OF_THE_TRAINING):
                told[name] = value
    return points
