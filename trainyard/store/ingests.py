"""The ingest's claim on a dataset, which is held like a job: by a lease, ``attempt`` the fence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.manifest import Manifest, Problem
from trainyard.datasets.report import report_of
from trainyard.status import DatasetStatus
from trainyard.store.datasets import dataset_prefix
from trainyard.store.garbage import discard
from trainyard.store.lease import LeaseLost
from trainyard.store.line import by_age
from trainyard.store.tables import Dataset, now

MAX_INGEST_ATTEMPTS = 3


@dataclass(frozen=True)
class ClaimedDataset:
    """A dataset to ingest; ``attempt`` is the fencing token."""

    id: str
    worker_id: str
    attempt: int
    upload_key: str
    file_name: str
    options: dict[str, Any]


def ingested_prefix(claim: ClaimedDataset) -> str:
    """Where this attempt puts the canonical folder; none ever touches another's."""
    return f"{dataset_prefix(claim.id)}/{claim.attempt}"


def claim_dataset(session: Session, worker_id: str, lease: timedelta) -> ClaimedDataset | None:
    """Take the oldest dataset that waits for its ingest, or whose worker went silent."""
    free = or_(Dataset.worker_id.is_(None), Dataset.lease_expires_at < now())
    waiting = (Dataset.status == DatasetStatus.INGESTING) & Dataset.deleted_at.is_(None) & free
    oldest = select(Dataset.id).where(waiting).order_by(*by_age(Dataset.id, "ds")).limit(1)
    candidate = session.scalar(oldest.with_for_update(skip_locked=True))
    statement = (
        update(Dataset)
        .where(Dataset.id == candidate, waiting)
        .values(worker_id=worker_id, attempt=Dataset.attempt + 1, lease_expires_at=now() + lease)
        .returning(Dataset.attempt, Dataset.upload_key, Dataset.file_name, Dataset.options)
    )
    row = session.execute(statement, execution_options={"synchronize_session": False}).first()
    if candidate is None or row is None:
        return None
    attempt, upload_key, file_name, options = row
    assert upload_key is not None, "kept until the ingest has ended"
    return ClaimedDataset(candidate, worker_id, attempt, upload_key, file_name, options)


def ingesting_attempts(session: Session) -> set[tuple[str, int]]:
    """Id and attempt of every dataset that is being ingested, or waits for it."""
    ingesting = (Dataset.status == DatasetStatus.INGESTING) & Dataset.deleted_at.is_(None)
    rows = session.execute(select(Dataset.id, Dataset.attempt).where(ingesting))
    return {(dataset_id, attempt) for dataset_id, attempt in rows}


def renew_ingest(session: Session, claim: ClaimedDataset, lease: timedelta) -> None:
    """Keep the dataset.

    Raises:
        LeaseLost: it is somebody else's by now, or deleted.
    """
    _update_claimed(session, claim, lease_expires_at=now() + lease)


def finish_ingest(
    session: Session,
    claim: ClaimedDataset,
    manifest: Manifest | None,
    problems: Sequence[Problem],
    size_bytes: int = 0,
    report: DatasetReport | None = None,
) -> None:
    """The end of an ingest: ready with a manifest, rejected without. The upload is garbage.

    ``report`` is kept; else the manifest's, else one that is made of the problems.

    Raises:
        LeaseLost: the claim is not current; nothing is written.
    """
    status = DatasetStatus.READY if manifest else DatasetStatus.REJECTED
    kept = report or (manifest and manifest.report) or report_of(problems)
    _update_claimed(
        session,
        claim,
        status=status.value,
        manifest=manifest.model_dump(mode="json", exclude={"report"}) if manifest else None,
        report=kept.model_dump(mode="json"),
        problems=[problem.model_dump(mode="json") for problem in problems],
        size_bytes=size_bytes,
        sha256=manifest.sha256 if manifest else None,
        store_key=ingested_prefix(claim) if manifest else None,
        upload_key=None,
        worker_id=None,
        lease_expires_at=None,
        finished_at=now(),
    )
    discard(session, claim.upload_key)
    for attempt in range(1, claim.attempt):
        discard(session, ingested_prefix(replace(claim, attempt=attempt)))


def note_problem(session: Session, claim: ClaimedDataset, problem: Problem) -> None:
    """What keeps an ingest from going on, told until it has ended.

    Raises:
        LeaseLost: the claim is not current.
    """
    _update_claimed(session, claim, problems=[problem.model_dump(mode="json")])


def release_ingest(session: Session, claim: ClaimedDataset) -> None:
    """Give the dataset back to be ingested by another worker, without counting the attempt."""
    _update_claimed(session, claim, worker_id=None, lease_expires_at=None)


def _update_claimed(session: Session, claim: ClaimedDataset, **values: Any) -> None:
    held = (
        (Dataset.id == claim.id)
        & (Dataset.attempt == claim.attempt)
        & (Dataset.worker_id == claim.worker_id)
        & (Dataset.status == DatasetStatus.INGESTING)
        & Dataset.deleted_at.is_(None)
    )
    statement = update(Dataset).where(held).values(**values).returning(Dataset.id)
    options = {"synchronize_session": False}
    if session.scalar(statement, execution_options=options) is None:
        raise LeaseLost(claim)


def waiting_datasets(session: Session, older_than: datetime) -> Sequence[str]:
    """Datasets whose ingest nobody has begun, or whose worker went silent, for the reconciler."""
    free = or_(Dataset.worker_id.is_(None), Dataset.lease_expires_at < now())
    query = select(Dataset.id).where(
        Dataset.status == DatasetStatus.INGESTING,
        Dataset.deleted_at.is_(None),
        Dataset.created_at < older_than,
        free,
    )
    return session.scalars(query.order_by(Dataset.id).limit(100)).all()
