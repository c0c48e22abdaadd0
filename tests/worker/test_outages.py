"""Workers whose database is away for a while, and one that was stopped past its lease."""

from __future__ import annotations

import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, select

from tests.support.servers import Broker, Postgres, running_postgres, wait_for
from tests.worker.harness import Yard, freeze, gone, running_yard, statuses
from trainyard.store.checkpoints import list_checkpoints
from trainyard.store.metrics import metric_series
from trainyard.store.tables import Attempt

# Long enough for something to happen in the middle of it.
TRAINING = {"epochs": 150, "batch_size": 16, "seed": 3, "checkpoints": {"every_epochs": 5}}
LONG_LEASE = "20"


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server that the tests may stop."""
    with (
        tempfile.TemporaryDirectory(prefix="ty-") as folder,
        running_postgres(Path(folder) / "data") as server,
    ):
        yield server


@pytest.fixture
def postgres_yard(own_postgres: Postgres, tmp_path: Path, broker: Broker) -> Iterator[Yard]:
    with (
        own_postgres.database() as url,
        running_yard(tmp_path / "home", url, broker, 14) as yard,
    ):
        yield yard


def told(yard: Yard, job_id: str) -> dict[str, Any]:
    """What must be the same with and without an outage."""
    with yard.database.read() as session:
        series = {s.name: s.points for s in metric_series(session, job_id)}
        weights = [(c.step, c.sha256) for c in list_checkpoints(session, job_id)]
    return {"series": series, "weights": weights, "summary": yard.job(job_id).summary}


def assert_same_as_undisturbed(yard: Yard, job_id: str, dataset_id: str) -> None:
    undisturbed = yard.submit(dataset_id, training=TRAINING)
    yard.wait_for_status(undisturbed, "succeeded", seconds=120)
    assert told(yard, job_id) == told(yard, undisturbed)
    assert [event.kind for event in yard.events(job_id)].count("end") == 1


def test_training_goes_on_through_outages_of_postgresql_within_the_lease(
    postgres_yard: Yard, own_postgres: Postgres
) -> None:
    yard = postgres_yard
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker(lease_seconds=LONG_LEASE)
    job_id = yard.submit(dataset_id, training=TRAINING)
    yard.wait_for_step(job_id, 3)
    trainer = yard.trainer_pid(worker)
    assert own_postgres.cut_off() > 0  # in the middle of whatever transaction
    own_postgres.stop()
    assert not gone([trainer])
    own_postgres.start()
    job = yard.wait_for_status(job_id, "succeeded", "failed", seconds=120)
    assert (job.status, job.attempt, job.num_crashes) == ("succeeded", 1, 0)
    assert_same_as_undisturbed(yard, job_id, dataset_id)


def test_training_stops_before_its_lease_ends_and_goes_on_from_its_checkpoint(
    postgres_yard: Yard, own_postgres: Postgres
) -> None:
    yard = postgres_yard
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit(dataset_id, training=TRAINING)
    yard.wait_for_step(job_id, 15)
    trainer = yard.trainer_pid(worker)
    own_postgres.stop()
    try:
        wait_for(lambda: gone([trainer]), 20, "the end of a trainer whose lease cannot be kept")
    finally:
        own_postgres.start()
    yard.wait_for_status(job_id, "succeeded", seconds=120)
    assert yard.job(job_id).attempt == 2
    assert worker.process.poll() is None
    assert_same_as_undisturbed(yard, job_id, dataset_id)


def test_a_sqlite_file_that_is_locked_past_the_lease_ends_the_attempt_alone(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit(dataset_id, training=TRAINING)
    yard.wait_for_step(job_id, 15)
    trainer = yard.trainer_pid(worker)
    file = make_url(yard.settings.effective_database_url).database
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        wait_for(lambda: gone([trainer]), 20, "the end of a trainer whose lease cannot be kept")
        other.execute("ROLLBACK")
    yard.wait_for_status(job_id, "succeeded", seconds=120)
    assert yard.job(job_id).attempt == 2
    assert_same_as_undisturbed(yard, job_id, dataset_id)


def test_a_worker_stopped_past_its_lease_and_let_go_on_writes_nothing_more(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    first = yard.start_worker()
    job_id = yard.submit(dataset_id, training=TRAINING)
    yard.wait_for_step(job_id, 15)
    trainer = yard.trainer_pid(first)
    freeze(yard, first.pid)  # its trainer goes on, and has much to tell
    yard.start_worker()
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    begun = next(
        event.seq
        for event in yard.events(job_id)
        if event.data.get("status") == "running" and event.attempt == 2
    )
    os.kill(first.pid, signal.SIGCONT)
    wait_for(lambda: gone([trainer]), 20, "the end of the first trainer")
    yard.wait_for_status(job_id, "succeeded", seconds=120)
    late = [e for e in yard.events(job_id) if e.seq > begun and e.attempt == 1]
    assert late == []
    assert statuses(yard.events(job_id)) == ["queued", "running", "queued", "running", "succeeded"]
    with yard.database.read() as session:
        outcomes = session.scalars(select(Attempt.outcome).order_by(Attempt.number)).all()
    assert outcomes == ["queued", "succeeded"]
    assert first.process.poll() is None
    assert_same_as_undisturbed(yard, job_id, dataset_id)
