"""Who goes next, and what the line tells of itself."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta

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
from trainyard import ids
from trainyard.retries import RetryPolicy
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import claims, jobs, line, workers
from trainyard.store.database import Database
from trainyard.store.states import reason
from trainyard.store.tables import Dataset, Job, Worker, now
from trainyard.store.waiting import waiting

SILENT_AFTER = timedelta(seconds=30)
FAULT = reason(ReasonCode.INTERNAL, "The trainer was killed.")


def owners_with_datasets(database: Database, *names: str) -> dict[str, tuple[str, Dataset]]:
    with database.write() as session:
        owners = {name: add_owner(session, name) for name in names}
        return {name: (o, add_ready_dataset(session, o)) for name, o in owners.items()}


def submit(database: Database, owner: tuple[str, Dataset], *priorities: int) -> list[str]:
    """The ids of new jobs of these priorities."""
    with database.write() as session:
        return [add_job(session, *owner, priority=priority).id for priority in priorities]


def end(database: Database, claimed: claims.ClaimedJob) -> None:
    with database.write() as session:
        claims.finish_job(session, claimed.lease, JobStatus.SUCCEEDED)


def test_owners_with_one_worker_take_turns_whatever_they_submitted_first(
    database: Database,
) -> None:
    owners = owners_with_datasets(database, "ada", "bob", "cy")
    many = submit(database, owners["ada"], *[0] * 5)
    two = submit(database, owners["bob"], 0, 0)
    late = submit(database, owners["cy"], 0)
    order = []
    for _ in range(8):
        claimed = claim(database)
        order.append(claimed.id)
        end(database, claimed)
    assert order == [many[0], two[0], late[0], many[1], two[1], many[2], many[3], many[4]]


def test_the_owner_with_fewer_running_jobs_goes_first(database: Database) -> None:
    owners = owners_with_datasets(database, "ada", "bob")
    many = submit(database, owners["ada"], *[0] * 4)
    first, second = claim(database), claim(database)
    assert [first.id, second.id] == many[:2]
    few = submit(database, owners["bob"], 0, 0, 0)
    assert [claim(database).id for _ in range(2)] == few[:2]  # then two and two
    end(database, first)  # one and two
    assert [claim(database).id for _ in range(3)] == [many[2], few[2], many[3]]


def test_what_was_queued_while_a_clock_was_ahead_waits_for_none_that_came_after(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = owners_with_datasets(database, "ada")
    real = time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() + 30 * 24 * 3600 * 10**9)
    early = submit(database, owners["ada"], 0, 0)
    monkeypatch.setattr(ids.time, "time_ns", real)
    monkeypatch.setattr(ids, "_last", 0)  # as in a process that was started since
    late = submit(database, owners["ada"], 0, 5)
    with database.read() as session:
        queued = session.scalars(select(Job).where(Job.id.in_(early + late))).all()
        places = line.places(session, queued)
    order = [late[1], *early, late[0]]
    assert sorted(places, key=lambda job_id: places[job_id].position) == order
    assert [claim(database).id for _ in range(4)] == order


def test_a_high_priority_is_for_the_owners_own_line(database: Database) -> None:
    owners = owners_with_datasets(database, "ada", "bob")
    low, high = submit(database, owners["ada"], 0, 1000)
    other = submit(database, owners["bob"], -5)
    order = []
    for _ in range(3):
        claimed = claim(database)
        order.append(claimed.id)
        end(database, claimed)
    assert order == [high, *other, low]


def test_a_changed_priority_counts_for_the_next_claim(database: Database) -> None:
    owners = owners_with_datasets(database, "ada")
    first, second = submit(database, owners["ada"], 0, 0)
    with database.write() as session:
        jobs.update_job(session, session.get_one(Job, second), priority=1)
    assert places_of(database, [first, second]) == [2, 1]
    assert [claim(database).id for _ in range(2)] == [second, first]


def places_of(database: Database, job_ids: list[str]) -> list[int]:
    with database.read() as session:
        found = line.places(session, [session.get_one(Job, job_id) for job_id in job_ids])
        return [found[job_id].position for job_id in job_ids]


@pytest.mark.parametrize("seed", range(4))
def test_positions_tell_the_order_of_the_claims_to_come(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    owners = owners_with_datasets(database, *"abcde")
    running: list[claims.ClaimedJob] = []
    made: list[str] = []
    for _ in range(40):
        owner = owners[rng.choice("aaabbcde")]
        made += submit(database, owner, rng.randint(-2, 2))
        if rng.random() < 0.4:
            running.append(claim(database))
        if running and rng.random() < 0.2:
            end(database, running.pop(rng.randrange(len(running))))
    queued = [job_id for job_id in made if reload(database, job_id).status == "queued"]
    told = dict(zip(places_of(database, queued), queued, strict=True))
    assert sorted(told) == list(range(1, len(queued) + 1))
    claimed = [claim(database).id for _ in queued]
    assert claimed == [told[position] for position in sorted(told)]


def test_claims_of_many_workers_at_once_stay_fair(database: Database) -> None:
    """Two that claim in the same moment may serve one owner twice, but never by more."""
    owners = owners_with_datasets(database, "ada", "bob")
    mine = set(submit(database, owners["ada"], *[0] * 20))
    submit(database, owners["bob"], *[0] * 20)
    with database.write() as session:  # uncommitted: it holds ada's first job and her turn
        assert claims.claim_job(session, "w0", "host", LEASE) is not None
        if database.engine.dialect.name == "postgresql":
            with database.write() as other:
                beside = claims.claim_job(other, "w1", "host", LEASE)
            assert beside is not None  # it waits for nobody
            assert beside.id in mine  # and could not know that ada is being served
    counts = Counter(claim(database).id in mine for _ in range(20))
    assert abs(counts[True] - counts[False]) <= 2


def worker(database: Database, status: workers.WorkerStatus, device: str = "cpu") -> None:
    with database.write() as session:
        name = f"wrk_{status}_{device}"
        workers.register_worker(session, name, host="h", device=device, worker_pid=1)
        workers.beat(session, name, status)


def told_of(database: Database, *job_ids: str) -> list[str]:
    with database.read() as session:
        rows = [session.get_one(Job, job_id) for job_id in job_ids]
        found = waiting(session, rows, SILENT_AFTER)
        return [found[job_id].waiting_for for job_id in job_ids]


def test_a_queued_job_tells_what_it_waits_for(database: Database) -> None:
    owners = owners_with_datasets(database, "ada", "bob")
    first, second, third = submit(database, owners["ada"], 0, 0, 0)
    worker(database, "idle", device="ingest")
    worker(database, "stopping")
    assert told_of(database, first) == ["a worker: none is up"]
    worker(database, "idle")
    assert told_of(database, first, second) == [
        "a free worker, which takes it in a moment",
        "a free worker: 1 of 1 are free; 1 job goes before it",
    ]
    worker(database, "busy", device="gpu")
    submit(database, owners["bob"], 0)
    with database.write() as session:
        workers.beat(session, "wrk_idle_cpu", "busy")
    assert told_of(database, first, second, third) == [
        "a free worker: all 2 are busy; it is next",
        "a free worker: all 2 are busy; 2 jobs go before it, 1 of other owners, whose turn it is",
        "a free worker: all 2 are busy; 3 jobs go before it, 1 of other owners, whose turn it is",
    ]
    with database.write() as session:
        session.execute(update(Worker).values(last_seen=now() - 2 * SILENT_AFTER))
    assert told_of(database, first) == ["a worker: none is up"]


def test_a_job_to_be_tried_again_tells_when_and_why_and_stands_behind(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    policy = RetryPolicy(first_delay=timedelta(minutes=2))
    with database.write() as session:
        claims.requeue_job(session, claimed.lease, crash=FAULT, retries=policy)
        other = add_job(session, job.owner_id, session.get_one(Dataset, job.dataset_id))
    with database.read() as session:
        row = session.get_one(Job, job.id)
        found = waiting(session, [row, other], SILENT_AFTER)
    assert (found[job.id].position, found[other.id].position) == (2, 1)
    assert found[job.id].retry_at == row.not_before
    moment = f"{row.not_before:%H:%M:%S} UTC"
    told = f"another try at {moment}, after a fault: The trainer was killed."
    assert found[job.id].waiting_for == told


def test_an_owner_sees_the_first_of_many_jobs(database: Database) -> None:
    owners = owners_with_datasets(database, "ada")
    made = submit(database, owners["ada"], *range(10))
    with database.read() as session:
        first = line.first_of_owner(session, owners["ada"][0], 3)
    assert [job.id for job in first] == made[:-4:-1]
