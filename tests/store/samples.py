"""Rows to test with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from trainyard.datasets.manifest import ChannelStatistics, DatasetOptions, Manifest
from trainyard.ids import new_id
from trainyard.spec.job import parse_job
from trainyard.store import claims, datasets, ingests, jobs, keys
from trainyard.store.database import Database
from trainyard.store.tables import Dataset, Job

LEASE = timedelta(seconds=30)

SPEC: dict[str, Any] = {
    "name": "tiny",
    "dataset": "squares",
    "model": {"layers": [{"type": "flatten"}, {"type": "linear", "out_features": 2}]},
    "training": {"epochs": 1, "batch_size": 8},
}


def add_owner(session: Session, name: str = "ada") -> str:
    return keys.find_owner(session, name, create=True).id


def add_dataset(session: Session, owner_id: str, upload_sha256: str | None = None) -> Dataset:
    """A dataset that is ingesting."""
    dataset, _ = datasets.create_dataset(
        session,
        owner_id,
        name="squares",
        file_name="squares.npz",
        upload_key="uploads/u",
        upload_sha256=upload_sha256 or new_id("sha"),
        size_bytes=10,
        options=DatasetOptions(),
    )
    return dataset


MANIFEST = {
    "format": "npz",
    "task": "classification",
    "input_shape": [1, 8, 8],
    "dtype": "uint8",
    "num_classes": 2,
    "class_names": ["0", "1"],
    "splits": {"train": {"num_samples": 8, "class_counts": [4, 4]}},
    "statistics": ChannelStatistics(mean=[1.0], std=[1.0]).model_dump(),
    "problems": [],
    "size_bytes": 9,
    "sha256": "0" * 64,
}


def add_ready_dataset(session: Session, owner_id: str) -> Dataset:
    dataset = add_dataset(session, owner_id)
    claim = ingests.claim_dataset(session, "w", LEASE)
    assert claim is not None
    assert claim.id == dataset.id
    ingests.finish_ingest(session, claim, Manifest.model_validate(MANIFEST), [], 9)
    session.refresh(dataset)
    return dataset


def add_job(session: Session, owner_id: str, dataset: Dataset, **fields: Any) -> Job:
    return jobs.create_job(session, owner_id, dataset, parse_job({**SPEC, **fields}))


def queued_job(database: Database, **fields: Any) -> Job:
    """A queued job of a new dataset of the owner ``ada``."""
    with database.write() as session:
        owner_id = add_owner(session)
        return add_job(session, owner_id, add_ready_dataset(session, owner_id), **fields)


def claim(database: Database, worker_id: str = "w1") -> claims.ClaimedJob:
    """Claim what is best; there must be a job."""
    with database.write() as session:
        claimed = claims.claim_job(session, worker_id, "host", LEASE)
    assert claimed is not None
    return claimed


def reload(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)
