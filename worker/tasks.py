"""The Celery tasks. A message is a doorbell: what is done is what SQL says comes first.

A message for a job that somebody else has finds nothing to do and returns.
"""

from __future__ import annotations

from trainyard.queue import INGEST, TRAIN, TRIAL
from worker import process
from worker.celery_app import app


@app.task(name=TRAIN)  # type: ignore[untyped-decorator]
def train(job_id: str) -> None:  # noqa: ARG001  the doorbell tells no more
    """Somebody queued a job."""
    process.work()


@app.task(name=INGEST)  # type: ignore[untyped-decorator]
def ingest(dataset_id: str) -> None:  # noqa: ARG001
    """Somebody uploaded a dataset."""
    process.work()


@app.task(name=TRIAL)  # type: ignore[untyped-decorator]
def trial(trial_id: str) -> None:
    """Somebody asks whether a spec is sound."""
    process.answer(trial_id)
