"""Figures of use: what an owner holds, and how the queue stands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from trainyard.status import JobStatus
from trainyard.store.tables import Artifact, Checkpoint, Dataset, Job, Weights


def usage(session: Session, owner_id: str) -> dict[str, Any]:
    """``{"jobs", "jobs_by_status", "datasets", "weights", "bytes": {"datasets", "checkpoints",
    "artifacts", "weights"}}`` of one owner."""
    by_status = jobs_by_status(session, owner_id)
    mine = (Dataset.owner_id == owner_id) & Dataset.deleted_at.is_(None)
    count, dataset_bytes = session.execute(
        select(func.count(), func.sum(Dataset.size_bytes)).where(mine)
    ).one()
    both = func.sum(Checkpoint.size_bytes + Checkpoint.state_size_bytes)
    of_owner = Job.owner_id == owner_id
    checkpoints = session.scalar(
        select(both).join(Job, Job.id == Checkpoint.job_id).where(of_owner)
    )
    artifacts = session.scalar(
        select(func.sum(Artifact.size_bytes)).join(Job, Job.id == Artifact.job_id).where(of_owner)
    )
    num_weights, weights_bytes = session.execute(
        select(func.count(), func.sum(Weights.size_bytes)).where(Weights.owner_id == owner_id)
    ).one()
    return {
        "jobs": sum(by_status.values()),
        "jobs_by_status": by_status,
        "datasets": count,
        "weights": num_weights,
        "bytes": {
            "datasets": int(dataset_bytes or 0),
            "checkpoints": int(checkpoints or 0),
            "artifacts": int(artifacts or 0),
            "weights": int(weights_bytes or 0),
        },
    }


def jobs_by_status(session: Session, owner_id: str | None = None) -> dict[str, int]:
    """How many jobs stand at each status; of one owner, or of all."""
    query = select(Job.status, func.count()).group_by(Job.status)
    if owner_id is not None:
        query = query.where(Job.owner_id == owner_id)
    found: dict[str, int] = {name: int(count) for name, count in session.execute(query)}
    return {status.value: found.get(status.value, 0) for status in JobStatus}
