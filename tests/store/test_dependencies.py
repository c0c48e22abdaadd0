"""Jobs that come after others."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from tests.store.samples import (
    LEASE,
    SPEC,
    add_job,
    add_owner,
    add_ready_dataset,
    claim,
    queued_job,
    reload,
)
from tests.store.test_line import SILENT_AFTER
from trainyard.spec.job import parse_job
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import claims, events, jobs
from trainyard.store.database import Database
from trainyard.store.dependencies import look_at_awaited
from trainyard.store.states import reason
from trainyard.store.tables import Awaited, Dataset, Job, now
from trainyard.store.waiting import waiting

DIVERGED = reason(ReasonCode.DIVERGED, "The loss is infinite.")


def after(database: Database, *others: Job) -> Job:
    """A new job that comes after these."""
    first = others[0]
    with database.write() as session:
        dataset = session.get_one(Dataset, first.dataset_id)
        spec = parse_job({**SPEC, "after": [job.id for job in others]})
        awaited, mistakes = look_at_awaited(session, first.owner_id, spec.after_by_path())
        assert mistakes == []
        return jobs.create_job(session, first.owner_id, dataset, spec, after=awaited)


def another(database: Database, job: Job) -> Job:
    with database.write() as session:
        return add_job(session, job.owner_id, session.get_one(Dataset, job.dataset_id))


def finish(database: Database, claimed: claims.ClaimedJob, status: JobStatus) -> None:
    why = None if status is JobStatus.SUCCEEDED else DIVERGED
    with database.write() as session:
        claims.finish_job(session, claimed.lease, status, why=why)


def num_edges(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Awaited)) or 0


def nothing_to_claim(database: Database) -> bool:
    with database.write() as session:
        nothing = claims.claim_job(session, "w", "host", LEASE) is None
        return nothing and claims.waiting_jobs(session, now()) == []


def told(database: Database, job: Job) -> str:
    with database.read() as session:
        return waiting(session, [session.get_one(Job, job.id)], SILENT_AFTER)[job.id].waiting_for


def test_a_job_waits_until_all_that_it_comes_after_have_succeeded(database: Database) -> None:
    first = queued_job(database)
    second = another(database, first)
    last = after(database, first, second)
    assert told(database, last) == f"{first.id} (queued) and {second.id} (queued) to succeed"
    one, two = claim(database), claim(database)
    assert nothing_to_claim(database)
    finish(database, one, JobStatus.SUCCEEDED)
    assert nothing_to_claim(database)
    assert told(database, last) == f"{second.id} (running) to succeed"
    finish(database, two, JobStatus.SUCCEEDED)
    assert claim(database).id == last.id
    assert num_edges(database) == 0


def test_priority_does_not_bring_a_job_before_what_it_comes_after(database: Database) -> None:
    first = queued_job(database)
    last = after(database, first)
    with database.write() as session:
        jobs.update_job(session, last, priority=1000)
    assert claim(database).id == first.id
    assert nothing_to_claim(database)


def test_a_job_after_one_that_succeeded_already_waits_for_nothing(database: Database) -> None:
    first = queued_job(database)
    finish(database, claim(database), JobStatus.SUCCEEDED)
    last = after(database, first)
    assert num_edges(database) == 0
    assert claim(database).id == last.id


def test_when_one_fails_all_that_come_after_it_are_cancelled_and_say_why(
    database: Database,
) -> None:
    first = queued_job(database)
    free = another(database, first)
    second = after(database, first, free)
    third, paused = after(database, second), after(database, free, first)
    with database.write() as session:
        jobs.request_pause(session, paused)
    finish(database, claim(database), JobStatus.FAILED)
    for job, cause in (
        (second, f"{first.id} is failed"),
        (third, f"{second.id} is cancelled"),
        (paused, f"{first.id} is failed"),
    ):
        ended = reload(database, job.id)
        assert (ended.status, ended.attempt) == ("cancelled", 0)
        assert ended.reason is not None
        assert ended.reason["code"] == "dependency_failed"
        assert cause in ended.reason["message"]
        with database.read() as session:
            kinds = [event.kind for event in events.read_events(session, job.id)]
        assert kinds.count("end") == 1
    assert reload(database, free.id).status == "queued"
    assert num_edges(database) == 0


def test_cancelling_or_deleting_a_job_ends_what_comes_after_it(database: Database) -> None:
    first = queued_job(database)
    second = after(database, first)
    with database.write() as session:
        jobs.request_cancel(session, first)
    assert reload(database, second.id).status == "cancelled"
    third = another(database, first)
    fourth = after(database, third)
    with database.write() as session:
        jobs.delete_job(session, third)
    ended = reload(database, fourth.id)
    assert ended.reason is not None
    assert f"{third.id} was deleted" in ended.reason["message"]


def test_deleting_a_job_that_succeeded_leaves_the_next_one_queued(database: Database) -> None:
    first = queued_job(database)
    second = after(database, first)
    finish(database, claim(database), JobStatus.SUCCEEDED)
    with database.write() as session:
        jobs.delete_job(session, first)
    assert claim(database).id == second.id


def test_a_waiting_job_can_be_paused_resumed_cancelled_and_deleted(database: Database) -> None:
    first = queued_job(database)
    second, third = after(database, first), after(database, first)
    with database.write() as session:
        jobs.request_pause(session, second)
        jobs.resume(session, second)
        jobs.request_cancel(session, second)
        jobs.delete_job(session, third)
    assert num_edges(database) == 0
    assert claim(database).id == first.id


def test_unknown_foreign_and_failed_jobs_cannot_be_waited_for(database: Database) -> None:
    failed = queued_job(database)
    finish(database, claim(database), JobStatus.FAILED)
    with database.write() as session:
        eve = add_owner(session, "eve")
        theirs = add_job(session, eve, add_ready_dataset(session, eve)).id
    given = {"/after/0": "job_none", "/after/1": theirs, "/after/2": failed.id}
    with database.read() as session:
        awaited, mistakes = look_at_awaited(session, failed.owner_id, given)
    assert awaited == []
    assert [mistake.path for mistake in mistakes] == list(given)
    assert mistakes[0].message == "there is no job job_none"
    assert mistakes[1].message == f"there is no job {theirs}"  # does not tell that it exists
    assert mistakes[2].message == f"{failed.id} is failed: it cannot succeed"


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED])
def test_a_job_made_while_the_first_one_ends_is_never_forgotten(
    database: Database, status: JobStatus
) -> None:
    for _ in range(5):
        first = queued_job(database)
        claimed = claim(database)
        barrier = threading.Barrier(2)
        made: list[Job] = []

        def make(first: Job, barrier: threading.Barrier, made: list[Job]) -> None:
            barrier.wait()
            try:
                made.append(after(database, first))
            except AssertionError:  # it had failed already
                assert status is JobStatus.FAILED

        thread = threading.Thread(target=make, args=(first, barrier, made))
        thread.start()
        barrier.wait()
        finish(database, claimed, status)
        thread.join()
        for job in made:
            if status is JobStatus.SUCCEEDED:
                finish(database, claim(database), status)
            else:
                assert reload(database, job.id).status == "cancelled"
        assert num_edges(database) == 0
