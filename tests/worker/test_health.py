"""The health check of a worker's container."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from trainyard.settings import Settings
from trainyard.store.database import Database
from trainyard.store.tables import Worker, now
from trainyard.store.workers import beat, register_worker
from worker.health import is_healthy

SETTINGS = Settings(lease_seconds=30)


def start(database: Database, host: str) -> None:
    with database.write() as session:
        register_worker(session, "wrk_1", host=host, device="cpu", worker_pid=1)


def test_a_host_is_healthy_while_its_worker_beats(database: Database) -> None:
    assert not is_healthy(database, SETTINGS, "here")
    start(database, "here")
    assert is_healthy(database, SETTINGS, "here")
    assert not is_healthy(database, SETTINGS, "elsewhere")


def test_a_silent_or_stopped_worker_is_not_healthy(database: Database) -> None:
    start(database, "here")
    with database.write() as session:
        session.execute(update(Worker).values(last_seen=now() - timedelta(seconds=31)))
    assert not is_healthy(database, SETTINGS, "here")
    with database.write() as session:
        beat(session, "wrk_1", "stopped")
    assert not is_healthy(database, SETTINGS, "here")
