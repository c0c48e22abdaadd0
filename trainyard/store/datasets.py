"""Datasets: their rows from upload to deletion. What an ingest does with them: ``ingests``."""

from __future__ import annotations

import hashlib

from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.manifest import DatasetOptions, Manifest, Problem
from trainyard.datasets.report import report_of
from trainyard.errors import Conflict, NotFound
from trainyard.ids import new_id
from trainyard.status import ON_A_WORKER, DatasetStatus, JobStatus
from trainyard.store.garbage import discard
from trainyard.store.tables import Dataset, Job, now
from trainyard.store.versions import is_named, next_version


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
