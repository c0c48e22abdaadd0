"""Datasets: their rows from upload to deletion, and the ingest's claim on them.

A dataset that is being ingested is held like a job: by a lease, with ``attempt`` as the fence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.manifest import DatasetOptions, Manifest, Problem
from trainyard.datasets.report import report_of
from trainyard.errors import Conflict, NotFound
from trainyard.ids import new_id
from trainyard.status import ON_A_WORKER, DatasetStatus, JobStatus
from trainyard.store.garbage import discard
from trainyard.store.lease import LeaseLost
from trainyard.store.tables import Dataset, Job, now
from trainyard.store.versions import is_named, next_version

MAX_INGEST_ATTEMPTS = 3


def options_digest(options: DatasetOptions) -> str:
    """SHA-256 of the options, defaults filled in.

    Options that came later count only where they are given, so that digests of before hold.
    """
    later = {"layout"} if options.layout is None else set()
    return hashlib.sha256(options.model_dump_json(exclude=later).encode()).hexdigest()


def find_upload(
    session: Session, owner_id: str, upload_sha256: str, options: DatasetOptions
) -> Dataset | None:
    """The owner's dataset of the same bytes and options, if there is one."""
    return session.scalar(
        select(Dataset).where(
            Dataset.owner_id == owner_id,
            Dataset.upload_sha256 == upload_sha256,
            Dataset.options_sha256 == options_digest(options),
            Dataset.deleted_at.is_(None),
        )
    )


def create_dataset(
    session: Session,
    owner_id: str,
    *,
    name: str,
    file_name: str,
    upload_key: str,
    upload_sha256: str,
    size_bytes: int,
    options: DatasetOptions,
) -> tuple[Dataset, bool]:
    """The dataset of an upload and whether it is new.

    New: ``trainyard.queue.send_ingest(dataset.id)`` follows after the commit. Not new: the same
    bytes with the same options were there, and the upload just made is to be deleted.
    """
    dataset = Dataset(
        id=new_id("ds"),
        owner_id=owner_id,
        name=name,
        version=1,
        status=DatasetStatus.INGESTING.value,
        options=options.model_dump(mode="json"),
        file_name=file_name,
        upload_key=upload_key,
        upload_sha256=upload_sha256,
        options_sha256=options_digest(options),
        problems=[],
        size_bytes=size_bytes,
    )
    try:
        with session.begin_nested():
            dataset.version = next_version(session, owner_id, name)
            session.add(dataset)
    except IntegrityError:
        existing = find_upload(session, owner_id, upload_sha256, options)
        if existing is None:
            raise
        return existing, False
    return dataset, True


def get_dataset(session: Session, owner_id: str, dataset_id: str) -> Dataset:
    """One dataset of this owner.

    Raises:
        NotFound: there is none, it was deleted, or it is another owner's.
    """
    dataset = session.get(Dataset, dataset_id)
    if dataset is None or dataset.owner_id != owner_id or dataset.deleted_at is not None:
        raise NotFound(f"There is no dataset {dataset_id}.")
    return dataset


def find_dataset(session: Session, owner_id: str, named: str) -> Dataset:
    """The dataset of this id or name, or of this version, as in ``fashion@2``.

    Of a name it is the newest version, ready ones first.

    Raises:
        NotFound: the owner has none.
    """
    mine = select(Dataset).where(Dataset.owner_id == owner_id, Dataset.deleted_at.is_(None))
    order = (
        (Dataset.id == named).desc(),
        (Dataset.name == named).desc(),
        (Dataset.status == DatasetStatus.READY).desc(),
        Dataset.version.desc(),
    )
    dataset = session.scalar(mine.where(is_named(named)).order_by(*order).limit(1))
    if dataset is None:
        raise NotFound(f"There is no dataset {named!r}.")
    return dataset


def dataset_of(session: Session, job: Job) -> Dataset:
    """What a job was made for; also where the dataset was deleted since."""
    dataset = session.get(Dataset, job.dataset_id)
    assert dataset is not None, "the foreign key holds the row"
    return dataset


def dataset_prefix(dataset_id: str) -> str:
    """Where the store keeps all of a dataset, whoever wrote it; see ``Dataset.store_key``."""
    return f"datasets/{dataset_id}"


def ingested_prefix(claim: ClaimedDataset) -> str:
    """Where this attempt puts the canonical folder; none ever touches another's."""
    return f"{dataset_prefix(claim.id)}/{claim.attempt}"


def stored_prefix(dataset: Dataset) -> str:
    """Where the canonical folder of a ready dataset is."""
    assert dataset.store_key is not None, "a ready dataset has its files"
    return dataset.store_key


def delete_dataset(session: Session, dataset: Dataset) -> int:
    """Delete a dataset; returns the bytes that the store held of it.

    Its files are marked as garbage: call ``garbage.collect`` after the commit.

    Raises:
        Conflict: a job that is queued, paused or on a worker needs it.
    """
    session.execute(select(Dataset.id).where(Dataset.id == dataset.id).with_for_update())
    needing = [s.value for s in ON_A_WORKER | {JobStatus.QUEUED, JobStatus.PAUSED}]
    needed = select(Job.id).where(Job.dataset_id == dataset.id, Job.status.in_(needing))
    if (job_id := session.scalar(needed.limit(1))) is not None:
        raise Conflict(f"Job {job_id} needs this dataset: cancel it first, or let it end.")
    discard(session, dataset_prefix(dataset.id))
    if dataset.upload_key is not None:
        discard(session, dataset.upload_key)
    freed = dataset.size_bytes
    gone = {"deleted_at": now(), "upload_key": None, "store_key": None, "size_bytes": 0}
    gone |= {"worker_id": None}
    session.execute(update(Dataset).where(Dataset.id == dataset.id).values(**gone))
    drop_tombstone(session, dataset.id)
    return freed


def drop_tombstone(session: Session, dataset_id: str) -> None:
    """Delete the row of a deleted dataset that no job refers to any more."""
    used = exists().where(Job.dataset_id == Dataset.id)
    gone = delete(Dataset).where(Dataset.id == dataset_id, Dataset.deleted_at.is_not(None), ~used)
    session.execute(gone.execution_options(synchronize_session=False))


@dataclass(frozen=True)
class ClaimedDataset:
    """A dataset to ingest; ``attempt`` is the fencing token."""

    id: str
    worker_id: str
    attempt: int
    upload_key: str
    file_name: str
    options: dict[str, Any]


def claim_dataset(session: Session, worker_id: str, lease: timedelta) -> ClaimedDataset | None:
    """Take the oldest dataset that waits for its ingest, or whose worker went silent."""
    free = or_(Dataset.worker_id.is_(None), Dataset.lease_expires_at < now())
    waiting = (Dataset.status == DatasetStatus.INGESTING) & Dataset.deleted_at.is_(None) & free
    oldest = select(Dataset.id).where(waiting).order_by(Dataset.id).limit(1)
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


def dataset_report(session: Session, owner_id: str, dataset_id: str) -> DatasetReport:
    """What the ingest of a dataset found, rejected ones included.

    Raises:
        NotFound: as ``get_dataset``.
        Conflict: the ingest has not ended.
    """
    dataset = get_dataset(session, owner_id, dataset_id)
    if dataset.status == DatasetStatus.INGESTING:
        raise Conflict("The dataset is ingesting: its report is made when the scan has ended.")
    if dataset.report is None:  # ingested before reports were kept
        return report_of([Problem.model_validate(problem) for problem in dataset.problems])
    return DatasetReport.model_validate(dataset.report)


def as_manifest(dataset: Dataset) -> Manifest:
    """The manifest of a dataset that was ready once."""
    return Manifest.model_validate(dataset.manifest)
