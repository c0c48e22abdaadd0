"""Claiming, fencing and taking back."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context

import pytest
from sqlalchemy import select, update

from tests.store.samples import (
    LEASE,
    add_job,
    add_owner,
    add_ready_dataset,
    claim,
    queued_job,
    reload,
)
from tests.support.servers import opened
from trainyard.retries import DEFAULT_RETRIES, RetryPolicy
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import claims, events, jobs
from trainyard.store.attempts import note_used
from trainyard.store.checkpoints import list_checkpoints, put_checkpoint
from trainyard.store.database import Database
from trainyard.store.lease import Lease, LeaseLost
from trainyard.store.metrics import metric_series
from trainyard.store.states import reason
from trainyard.store.tables import Attempt, Job, now

CRASH = reason(ReasonCode.INTERNAL, "killed")


def expire(database: Database, retries: RetryPolicy = DEFAULT_RETRIES) -> dict[str, JobStatus]:
    """The reaper's work, for every lease that is held."""
    with database.write() as session:
        return claims.expire_leases(session, claims.held_leases(session), retries)


def test_claim_sets_attempt_fence_and_lease(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    after = reload(database, job.id)
    assert claimed.lease == Lease(job.id, 1, "w1")
    assert (after.status, after.attempt, after.fence, after.worker_id) == ("running", 1, 1, "w1")
    assert after.started_at is not None
    assert after.lease_expires_at is not None
    assert timedelta(seconds=20) < after.lease_expires_at - now() <= LEASE
    with database.read() as session:
        told = events.read_events(session, job.id)[-1]
    assert told.kind == "status"
    assert told.data == {"status": "running", "attempt": 1, "resumed_from_step": 0}


def test_second_claim_of_the_same_job_returns_none(database: Database) -> None:
    queued_job(database)
    claim(database)
    with database.write() as session:
        assert claims.claim_job(session, "w2", "host", LEASE) is None


def test_highest_priority_goes_first_then_the_oldest(database: Database) -> None:
    with database.write() as session:
        owner_id = add_owner(session)
        dataset = add_ready_dataset(session, owner_id)
        first, second, urgent = (
            add_job(session, owner_id, dataset, priority=priority).id for priority in (0, 0, 5)
        )
    assert [claim(database).id for _ in range(3)] == [urgent, first, second]


def test_a_job_that_is_not_due_is_not_claimed(database: Database) -> None:
    job = queued_job(database)
    with database.write() as session:
        later = now() + timedelta(minutes=5)
        session.execute(update(Job).where(Job.id == job.id).values(not_before=later))
    with database.write() as session:
        assert claims.claim_job(session, "w", "host", LEASE) is None
        assert claims.waiting_jobs(session, now()) == []


def test_many_threads_claim_each_job_once(database: Database) -> None:
    with database.write() as session:
        owner_id = add_owner(session)
        dataset = add_ready_dataset(session, owner_id)
        made = {add_job(session, owner_id, dataset).id for _ in range(20)}
    barrier = threading.Barrier(8)
    claimed: list[str] = []

    def work(name: str) -> None:
        barrier.wait()
        while True:
            with database.write() as session:
                got = claims.claim_job(session, name, "host", LEASE)
            if got is None:
                return
            claimed.append(got.id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 20
    assert set(claimed) == made


def claim_all(url: str, worker_id: str) -> list[str]:
    """What one process claims until nothing is left."""
    claimed = []
    with opened(url) as database:
        while True:
            with database.write() as session:
                got = claims.claim_job(session, worker_id, "host", LEASE)
            if got is None:
                return claimed
            claimed.append(got.id)


def test_many_processes_claim_each_job_once(database_url: str) -> None:
    with opened(database_url) as database, database.write() as session:
        owner_id = add_owner(session)
        dataset = add_ready_dataset(session, owner_id)
        made = {add_job(session, owner_id, dataset).id for _ in range(30)}
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(claim_all, database_url, f"w{n}") for n in range(3)]
        claimed = [job_id for future in futures for job_id in future.result()]
    assert len(claimed) == 30
    assert set(claimed) == made


def test_a_worker_with_an_old_fence_changes_nothing(database: Database) -> None:
    job = queued_job(database)
    old = claim(database, "w1")
    assert expire(database) == {job.id: JobStatus.QUEUED}
    due(database, job.id)
    claim(database, "w2")
    before = reload(database, job.id)

    line = [events.log_event("info", "from the dead")]
    for write in (
        lambda s: events.append_events(s, old.lease, 1, line),
        lambda s: claims.renew_lease(s, old.lease, LEASE),
        lambda s: claims.read_request(s, old.lease),
        lambda s: claims.finish_job(s, old.lease, JobStatus.SUCCEEDED),
        lambda s: claims.requeue_job(s, old.lease),
    ):
        with pytest.raises(LeaseLost), database.write() as session:
            write(session)
    with pytest.raises(LeaseLost):
        store_checkpoint(database, old, step=1)
    after = reload(database, job.id)
    assert (after.status, after.worker_id, after.fence) == ("running", "w2", 2)
    assert after.last_seq == before.last_seq
    with database.read() as session:
        assert list_checkpoints(session, job.id) == []


def store_checkpoint(database: Database, claimed: claims.ClaimedJob, step: int) -> None:
    put_checkpoint(
        database,
        claimed.lease,
        claimed.attempt,
        step=step,
        epoch=1,
        weights=b"weights",
        state=b"state",
        is_best=True,
        metric_value=0.5,
        keep_last=1,
        keep_best=1,
    )


def test_a_claim_knows_what_is_told_already_of_the_step_it_goes_on_from(
    database: Database,
) -> None:
    queued_job(database)
    claimed = claim(database)
    assert (claimed.start_step, claimed.told) == (0, frozenset())
    store_checkpoint(database, claimed, step=4)
    told = [(4, {"train/loss": 1.0}), (4, {"test/loss": 2.0}), (5, {"train/loss": 0.5})]
    with database.write() as session:
        metrics = [events.metrics_event(step, 1, values) for step, values in told]
        events.append_events(session, claimed.lease, claimed.attempt, metrics)
        claims.requeue_job(session, claimed.lease)
    again = claim(database)
    assert (again.start_step, again.told) == (4, {"train/loss", "test/loss"})


def test_a_claim_knows_the_time_that_all_earlier_attempts_took_by_their_own_clocks(
    database: Database,
) -> None:
    job = queued_job(database)
    for seconds in (20.0, 30.5):
        claimed = claim(database)
        begin = {"started_at": now() - timedelta(hours=10)}  # silent for long, or a clock was moved
        this = (Attempt.job_id == job.id) & (Attempt.number == claimed.attempt)
        with database.write() as session:
            note_used(session, job.id, claimed.attempt, 3.0)
            note_used(session, job.id, claimed.attempt, seconds)
            session.execute(update(Attempt).where(this).values(**begin))
        expire(database)
        due(database, job.id)
    assert claim(database).used_seconds == 50.5


def test_only_kills_without_a_newer_checkpoint_count_for_smaller_parts(database: Database) -> None:
    job = queued_job(database)
    killed, counts = reason(ReasonCode.OUT_OF_MEMORY, "killed"), []
    # The checkpoint that each attempt leaves, if it leaves one; then memory runs out.
    for step in (None, None, 100, 200, None, 300, 400):
        claimed = claim(database)
        counts.append((claimed.start_step, claimed.num_memory_kills))
        if step is not None:
            store_checkpoint(database, claimed, step)
        with database.write() as session:
            claims.requeue_job(session, claimed.lease, crash=killed)
        due(database, job.id)
    assert counts == [(0, 0), (0, 1), (0, 2), (100, 0), (200, 0), (200, 1), (300, 0)]


def test_a_worker_whose_job_was_given_back_has_lost_it(database: Database) -> None:
    queued_job(database)
    claimed = claim(database)
    with database.write() as session:
        claims.requeue_job(session, claimed.lease)
    with pytest.raises(LeaseLost), database.write() as session:
        claims.finish_job(session, claimed.lease, JobStatus.SUCCEEDED)


def test_what_a_worker_holds_without_knowing_is_queued_again_at_its_next_claim(
    database: Database,
) -> None:
    mine, others = queued_job(database), queued_job(database)
    assert {claim(database, "w1").id, claim(database, "w2").id} == {mine.id, others.id}
    with database.write() as session:  # the answer to its claim was lost
        claims.give_back_forgotten(session, "w1")
    after = reload(database, mine.id)
    assert (after.status, after.num_crashes) == ("queued", 1)
    assert after.not_before is not None
    with database.read() as session:
        told = session.get_one(Attempt, (mine.id, 1)).reason
    assert told is not None
    assert told["code"] == "internal"
    assert "never learned that it had it" in told["message"]
    assert reload(database, others.id).status == "running"
    due(database, mine.id)
    assert claim(database, "w1").id == mine.id


def test_a_job_that_its_worker_can_neither_train_nor_give_back_fails_in_the_end(
    database: Database,
) -> None:
    job = queued_job(database)
    for _ in range(3):
        claim(database, "w1")
        with database.write() as session:
            claims.give_back_forgotten(session, "w1", RetryPolicy(max_retries=2))
        due(database, job.id)
    assert reload(database, job.id).status == "failed"


def test_a_job_that_was_queued_by_a_clock_an_hour_ahead_is_looked_after(
    database: Database,
) -> None:
    job = queued_job(database)
    with database.write() as session:
        ahead = now() + timedelta(hours=1)
        session.execute(update(Job).where(Job.id == job.id).values(queued_at=ahead))
        assert claims.waiting_jobs(session, now() - timedelta(seconds=2)) == [job.id]


def test_renewing_keeps_the_job_from_the_reaper(database: Database) -> None:
    queued_job(database)
    claimed = claim(database)
    with database.read() as session:
        seen = claims.held_leases(session)
    with database.write() as session:
        assert claims.renew_lease(session, claimed.lease, LEASE) is JobStatus.RUNNING
    with database.write() as session:
        assert claims.expire_leases(session, seen) == {}


def due(database: Database, job_id: str) -> None:
    """Let the wait before a retry be over."""
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(not_before=now()))


def test_a_job_lost_too_often_in_a_row_has_failed(database: Database) -> None:
    job = queued_job(database)
    policy = RetryPolicy(max_retries=2)
    for expected in (JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.FAILED):
        claim(database)
        assert expire(database, policy) == {job.id: expected}
        due(database, job.id)
    after = reload(database, job.id)
    assert after.reason is not None
    assert after.reason["code"] == "worker_lost"
    assert after.finished_at is not None
    with database.read() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.number)).all()
    assert [attempt.outcome for attempt in attempts] == ["queued", "queued", "failed"]
    assert [(attempt.reason or {}).get("code") for attempt in attempts] == ["worker_lost"] * 3


def test_each_retry_in_a_row_waits_four_times_longer(database: Database) -> None:
    job = queued_job(database)
    policy = RetryPolicy(max_retries=9, first_delay=timedelta(seconds=30))
    waits = []
    for _ in range(4):
        claimed = claim(database)
        with database.write() as session:
            claims.requeue_job(session, claimed.lease, crash=CRASH, retries=policy)
            assert claims.claim_job(session, "w2", "host", LEASE) is None
        after = reload(database, job.id)
        assert after.not_before is not None
        waits.append(round((after.not_before - after.queued_at).total_seconds()))
        with database.read() as session:
            told = events.read_events(session, job.id)[-1].data
        assert told["reason"] == CRASH
        assert datetime.fromisoformat(told["retry_at"]) - after.not_before < timedelta(seconds=1)
        due(database, job.id)
    assert waits == [30, 120, 480, 600]


def test_an_attempt_that_left_a_newer_checkpoint_starts_the_count_anew(database: Database) -> None:
    job = queued_job(database)
    policy = RetryPolicy(max_retries=2)
    counts, left = [], {3: 2}  # the third attempt leaves a checkpoint at step 2
    for attempt in range(1, 6):
        claimed = claim(database)
        if attempt in left:
            store_checkpoint(database, claimed, left[attempt])
        with database.write() as session:
            status = claims.requeue_job(session, claimed.lease, crash=CRASH, retries=policy)
        counts.append((status.value, reload(database, job.id).num_crashes))
        due(database, job.id)
    assert counts == [("queued", 1), ("queued", 2), ("queued", 1), ("queued", 2), ("failed", 3)]


def test_pause_and_resume_give_a_job_all_its_retries_again(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    with database.write() as session:
        claims.requeue_job(session, claimed.lease, crash=CRASH)
        jobs.request_pause(session, job)
        jobs.resume(session, job)
    after = reload(database, job.id)
    assert (after.num_crashes, after.not_before) == (0, None)
    claim(database)


def test_a_retry_planned_by_a_wrong_clock_is_due(database: Database) -> None:
    job = queued_job(database)
    with database.write() as session:
        far = now() + timedelta(days=400)
        session.execute(update(Job).where(Job.id == job.id).values(not_before=far))
    claim(database)


def test_giving_back_without_a_crash_is_never_too_often(database: Database) -> None:
    queued_job(database)
    for _ in range(5):
        claimed = claim(database)
        with database.write() as session:
            assert claims.requeue_job(session, claimed.lease) is JobStatus.QUEUED


def test_a_lost_job_that_was_to_be_paused_or_cancelled_is(database: Database) -> None:
    expected = {}
    for request, status in (
        (jobs.request_pause, JobStatus.PAUSED),
        (jobs.request_cancel, JobStatus.CANCELLED),
    ):
        job = queued_job(database)
        claim(database)
        with database.write() as session:
            request(session, job)
        expected[job.id] = status
    assert expire(database) == expected


def test_the_end_of_a_job_to_be_cancelled_is_cancelled(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    with database.write() as session:
        jobs.request_cancel(session, job)
        assert claims.read_request(session, claimed.lease) is JobStatus.CANCELLING
    with database.write() as session:
        ended = claims.finish_job(session, claimed.lease, JobStatus.SUCCEEDED)
    assert ended is JobStatus.CANCELLED
    after = reload(database, job.id)
    assert after.reason is not None
    assert after.reason["code"] == "cancelled_by_user"


def test_metrics_past_the_checkpoint_give_way_at_the_next_claim(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    told = [events.metrics_event(step, 1, {"train/loss": 1.0 / step}) for step in (1, 2, 3, 4)]
    with database.write() as session:
        events.append_events(session, claimed.lease, 1, told)
    store_checkpoint(database, claimed, step=2)
    with database.write() as session:
        claims.requeue_job(session, claimed.lease, crash=CRASH)
    due(database, job.id)
    again = claim(database)
    assert again.checkpoint_id is not None
    with database.write() as session:
        more = [events.metrics_event(3, 1, {"train/loss": 0.1})]
        events.append_events(session, again.lease, again.attempt, more)
    with database.read() as session:
        [series] = metric_series(session, job.id)
        resumed = [e.data for e in events.read_events(session, job.id) if e.kind == "status"][-1]
    assert series.points == [(1, 1.0), (2, 0.5), (3, 0.1)]
    assert series.attempts == [{"attempt": 1, "from_step": 1}, {"attempt": 2, "from_step": 3}]
    assert resumed == {"status": "running", "attempt": 2, "resumed_from_step": 2}
