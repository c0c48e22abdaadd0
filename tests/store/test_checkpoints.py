"""Checkpoints: whole or not at all, pruned, and in either place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from tests.store.samples import claim, queued_job
from trainyard.errors import NotFound
from trainyard.store import checkpoints, garbage, jobs
from trainyard.store.blobs import Blobs
from trainyard.store.checkpoints import CHUNK_BYTES, CorruptCheckpoint, find_checkpoint, read_part
from trainyard.store.claims import ClaimedJob, requeue_job
from trainyard.store.database import Database
from trainyard.store.lease import LeaseLost
from trainyard.store.tables import Checkpoint, CheckpointChunk, Job


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path / 'store'}")


def put(
    database: Database,
    claimed: ClaimedJob,
    step: int,
    *,
    weights: bytes = b"weights",
    metric: float | None = None,
    is_best: bool = False,
    keep: tuple[int, int] = (1, 1),
    for_resume: bool = False,
    blobs: Blobs | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> str:
    return checkpoints.put_checkpoint(
        database,
        claimed.lease,
        claimed.attempt,
        step=step,
        epoch=1,
        weights=weights,
        state=b"state",
        is_best=is_best,
        metric_value=metric,
        keep_last=keep[0],
        keep_best=keep[1],
        for_resume=for_resume,
        blobs=blobs,
        go_on=go_on,
    )


def kept(database: Database, job_id: str) -> list[tuple[int, bool, bool]]:
    with database.read() as session:
        found = checkpoints.list_checkpoints(session, job_id)
        return [(c.step, c.is_best, c.is_last) for c in found]


def count(database: Database, table: type[Checkpoint] | type[CheckpointChunk]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("where", ["database", "store"])
def test_bytes_come_back_as_they_were(database: Database, blobs: Blobs, where: str) -> None:
    job = queued_job(database)
    weights = os.urandom(3 * CHUNK_BYTES + 17)
    put(database, claim(database), 7, weights=weights, blobs=blobs if where == "store" else None)
    with database.read() as session:
        checkpoint = find_checkpoint(session, job.id, "7")
        assert read_part(session, checkpoint, "weights", blobs) == weights
        assert read_part(session, checkpoint, "state", blobs) == b"state"
    assert count(database, CheckpointChunk) == (5 if where == "database" else 0)


class Enough(Exception):
    """What the test's ``go_on`` raises."""


@pytest.mark.parametrize(("where", "call"), [("database", 5), ("store", 4)])
def test_a_checkpoint_is_broken_off_between_its_bytes_and_stays_invisible(
    database: Database, blobs: Blobs, where: str, call: int
) -> None:
    job = queued_job(database)
    claimed = claim(database)
    asked = 0

    def go_on() -> None:
        nonlocal asked
        asked += 1
        if asked == call:
            raise Enough

    with pytest.raises(Enough):
        put(
            database,
            claimed,
            7,
            weights=bytes(9 * CHUNK_BYTES),
            blobs=blobs if where == "store" else None,
            go_on=go_on,
        )
    assert kept(database, job.id) == []
    assert count(database, CheckpointChunk) == (2 if where == "database" else 0)
    with database.write() as session:
        requeue_job(session, claimed.lease)
        checkpoints.drop_incomplete(session, job.id)
    garbage.collect(database, blobs)
    assert count(database, CheckpointChunk) == 0
    assert blobs.keys("jobs") == []


def test_what_is_for_resuming_stays_until_the_next_and_counts_for_nothing(
    database: Database,
) -> None:
    job = queued_job(database)
    claimed = claim(database)
    for step in (2, 4):
        put(database, claimed, step, keep=(2, 1))
    for step in (5, 6):
        put(database, claimed, step, keep=(2, 1), for_resume=True)
        assert kept(database, job.id) == [(2, False, False), (4, False, False), (step, False, True)]
    put(database, claimed, 8, keep=(2, 1))
    assert kept(database, job.id) == [(4, False, False), (8, False, True)]


def test_a_checkpoint_stays_what_it_was_when_it_is_written_again_for_resuming(
    database: Database,
) -> None:
    job = queued_job(database)
    claimed = claim(database)
    put(database, claimed, 4, metric=0.5, is_best=True)
    put(database, claimed, 4, for_resume=True)
    put(database, claimed, 6)
    assert kept(database, job.id) == [(4, True, False), (6, False, True)]
    with database.read() as session:
        assert find_checkpoint(session, job.id, "best").metric_value == 0.5


def test_newest_and_best_are_kept(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    values = [(1, 0.5, True), (2, 0.9, True), (3, 0.7, False), (4, 0.8, False), (5, 0.1, False)]
    for step, metric, is_best in values:
        put(database, claimed, step, metric=metric, is_best=is_best, keep=(1, 2))
    assert kept(database, job.id) == [
        (2, True, False),
        (4, False, False),
        (5, False, True),
    ]
    assert count(database, CheckpointChunk) == 6
    with database.read() as session:
        assert find_checkpoint(session, job.id, "best").step == 2
        assert find_checkpoint(session, job.id, "last").step == 5
        for wrong in ("3", "first", "-1", "9" * 40):
            with pytest.raises(NotFound):
                find_checkpoint(session, job.id, wrong)


def test_the_same_step_written_again_takes_the_old_ones_place(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    put(database, claimed, 3, weights=b"old", is_best=True)
    put(database, claimed, 3, weights=b"new")
    assert kept(database, job.id) == [(3, True, True)]
    assert count(database, Checkpoint) == 1


def test_a_checkpoint_broken_off_in_the_middle_is_invisible_and_goes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued_job(database)
    claimed = claim(database)
    put(database, claimed, 1)
    written = 0

    def lose_power(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "_complete", lose_power)
    with pytest.raises(KeyboardInterrupt):
        put(database, claimed, 2, weights=os.urandom(2 * CHUNK_BYTES))
    monkeypatch.undo()
    written = count(database, CheckpointChunk)
    assert written == 5
    assert kept(database, job.id) == [(1, False, True)]
    with database.write() as session:
        requeue_job(session, claimed.lease)
    assert count(database, CheckpointChunk) == 2
    assert claim(database).checkpoint_id is not None


def test_a_lease_lost_in_the_middle_ends_the_writing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued_job(database)
    claimed = claim(database)
    original = checkpoints._put_chunks

    def lose_the_lease(*arguments: object) -> None:
        original(*arguments)  # type: ignore[arg-type]
        with database.write() as session:
            session.execute(update(Job).values(fence=Job.fence + 1))

    monkeypatch.setattr(checkpoints, "_put_chunks", lose_the_lease)
    with pytest.raises(LeaseLost):
        put(database, claimed, 1)
    assert kept(database, job.id) == []


def test_damaged_bytes_are_told(database: Database, blobs: Blobs) -> None:
    job = queued_job(database)
    put(database, claim(database), 1, weights=os.urandom(CHUNK_BYTES + 1))
    with database.write() as session:
        session.execute(update(CheckpointChunk).values(data=b"x"))
    with database.read() as session, pytest.raises(CorruptCheckpoint):
        read_part(session, find_checkpoint(session, job.id, "last"), "weights", blobs)
    with database.write() as session:
        session.execute(delete(CheckpointChunk))
    with database.read() as session, pytest.raises(CorruptCheckpoint, match="missing"):
        read_part(session, find_checkpoint(session, job.id, "last"), "weights", blobs)


def test_deleting_a_job_tells_and_frees_its_bytes(database: Database, blobs: Blobs) -> None:
    job = queued_job(database)
    claimed = claim(database)
    with database.read() as session:
        told = jobs.job_bytes(session, [job.id])
    put(database, claimed, 1, weights=b"12345", is_best=True)
    put(database, claimed, 2, weights=b"123", blobs=blobs)
    with database.read() as session:
        assert jobs.job_bytes(session, [job.id]) - told == 5 + 3 + 2 * len(b"state")
    with database.write() as session:
        requeue_job(session, claimed.lease)
        held = jobs.job_bytes(session, [job.id])
        assert jobs.delete_job(session, job) == held
        assert jobs.job_bytes(session, [job.id]) == 0
    assert garbage.collect(database, blobs) == 3 + len(b"state")
    assert blobs.keys("jobs") == []
    assert count(database, CheckpointChunk) == 0
