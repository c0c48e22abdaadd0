"""From rows to the Job of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.context import Context
from api.jobs.schemas import Attempt, Job, JobDetail
from api.models.assembly import model_formats
from trainyard.store.keys import Identity
from trainyard.store.tables import Attempt as AttemptRow
from trainyard.store.tables import Dataset
from trainyard.store.tables import Job as JobRow
from trainyard.store.waiting import waiting


def job_views(
    session: Session, context: Context, caller: Identity, rows: Sequence[JobRow]
) -> list[Job]:
    """The jobs of a list; a handful of queries, however many there are."""
    return [Job(**fields) for fields in _fields(session, context, caller, rows)]


def job_detail(session: Session, context: Context, caller: Identity, row: JobRow) -> JobDetail:
    """One job with its attempts."""
    (fields,) = _fields(session, context, caller, [row])
    query = select(AttemptRow).where(AttemptRow.job_id == row.id).order_by(AttemptRow.number)
    attempts = [_attempt(attempt) for attempt in session.scalars(query)]
    formats = model_formats(session, row.id)
    return JobDetail(**fields, written=row.written, attempts=attempts, formats=formats)


def _fields(
    session: Session, context: Context, caller: Identity, rows: Sequence[JobRow]
) -> list[dict[str, Any]]:
    places = waiting(session, rows, context.settings.lease)
    ids = {row.dataset_id for row in rows}
    named = select(Dataset.id, Dataset.name).where(Dataset.id.in_(ids))
    names: dict[str, str] = dict(session.execute(named).tuples().all())
    return [
        {
            "id": row.id,
            "owner": caller.owner_name,
            "name": row.name,
            "dataset": row.dataset_id,
            "dataset_name": names[row.dataset_id],
            "tags": row.tags,
            "priority": row.priority,
            "notes": row.notes,
            "after": _listed(row.spec.get("after", [])),
            "model": row.spec["model"],
            "training": row.spec["training"],
            "definitions": row.spec["definitions"],
            "status": row.status,
            "reason": row.reason,
            "attempt": row.attempt,
            "queue": places[row.id].as_dict() if row.id in places else None,
            "progress": row.progress,
            "summary": row.summary,
            "best": row.best,
            "worker": row.worker_id,
            "replay_of": row.replay_of,
            "created_at": row.created_at,
            "started_at": row.started_at,
            "finished_at": row.finished_at,
        }
        for row in rows
    ]


def _listed(after: str | list[str]) -> list[str]:
    return [after] if isinstance(after, str) else after


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt.model_validate(
        {
            "number": row.number,
            "worker": row.worker_id,
            "host": row.host,
            "device": row.device,
            "start_step": row.start_step,
            "outcome": row.outcome,
            "reason": row.reason,
            "started_at": row.started_at,
            "finished_at": row.finished_at,
        }
    )
