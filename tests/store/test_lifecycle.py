"""Every verb in every state, in any order, and at the same moment."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from tests.store.lifecycle import ASK, ASKED, BAD, FAULT, NEEDS_WORKER, TELL, TOLD, bring_to
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
from trainyard.errors import Conflict, NotFound
from trainyard.retries import RetryPolicy
from trainyard.spec.job import parse_job
from trainyard.status import FINAL, ON_A_WORKER, TRANSITIONS, JobStatus, may_become
from trainyard.store import claims, events, jobs
from trainyard.store.database import Database
from trainyard.store.dependencies import look_at_awaited
from trainyard.store.lease import Lease, LeaseLost
from trainyard.store.states import change_status
from trainyard.store.tables import Attempt, Dataset, Job, now

AT_ONCE = RetryPolicy(max_retries=10**6, first_delay=timedelta(0))


def test_a_status_changes_by_the_table_alone(database: Database) -> None:
    job = queued_job(database)
    claim(database)
    for status, following in itertools.product(JobStatus, JobStatus):
        with database.write() as session:
            session.execute(update(Job).where(Job.id == job.id).values(status=status.value))
            row = session.get_one(Job, job.id, populate_existing=True)
            if may_become(status, following):
                change_status(session, row, following, BAD)
                assert row.status == following
            else:
                with pytest.raises(Conflict):
                    change_status(session, row, following, BAD)
                assert row.status == status
            session.rollback()
    assert reload(database, job.id).status == "running"


def test_the_verbs_and_the_table_agree() -> None:
    """Whatever a verb makes of a state is in the table, and every entry of it has a verb."""
    steps = {
        (JobStatus(state), JobStatus(following))
        for verb, table in (ASKED | TOLD).items()
        for state, following in table.items()
        if following not in (state, "gone") and verb != "patch"
    }
    by_claims = {(JobStatus.QUEUED, JobStatus.RUNNING)}
    in_the_table = {(s, following) for s, all_of in TRANSITIONS.items() for following in all_of}
    assert steps | by_claims == in_the_table


@pytest.mark.parametrize("state", JobStatus)
def test_what_each_verb_makes_of_a_state(database: Database, state: str) -> None:
    for verb in [*ASK, *TELL]:
        job = queued_job(database)
        claimed = claim(database) if state in NEEDS_WORKER else None
        bring_to(database, job, claimed, state)
        expected = (ASKED | TOLD)[verb].get(state)
        lease = claimed.lease if claimed else Lease(job.id, 0, "nobody")
        with database.write() as session:
            if expected is None:
                with pytest.raises((Conflict, LeaseLost)):
                    do(session, verb, job.id, lease)
            else:
                do(session, verb, job.id, lease)
        with database.read() as session:
            row = session.get(Job, job.id)
            assert (row.status if row else "gone") == (expected or state), (verb, state)
        check_story(database, job.id) if row else None
        with database.write() as session, suppress(Conflict):
            if row:
                session.execute(update(Job).where(Job.id == job.id).values(not_before=None))
                jobs.request_cancel(session, session.get_one(Job, job.id))


def do(session: claims.Session, verb: str, job_id: str, lease: Lease) -> None:
    if verb in ASK:
        ASK[verb](session, session.get_one(Job, job_id))
    else:
        TELL[verb](session, lease)


def check_story(database: Database, job_id: str) -> None:
    """What must hold for a job at any moment."""
    with database.read() as session:
        job = session.get_one(Job, job_id)
        told = events.read_events(session, job_id, limit=10_000)
        attempts = session.scalars(
            select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)
        ).all()
    assert [event.seq for event in told] == list(range(1, job.last_seq + 1))
    states = [JobStatus(event.data["status"]) for event in told if event.kind == "status"]
    assert states[0] == "queued"
    assert all(may_become(a, b) for a, b in itertools.pairwise(states)), states
    assert states[-1] == job.status
    ends = [event.data["status"] for event in told if event.kind == "end"]
    assert ends == ([job.status] if job.status in FINAL else [])
    assert (job.finished_at is not None) == (job.status in FINAL)
    assert (job.worker_id is not None) == (job.status in ON_A_WORKER)
    assert [attempt.number for attempt in attempts] == list(range(1, job.attempt + 1))
    assert job.fence == job.attempt
    assert states.count(JobStatus.RUNNING) == job.attempt
    assert all(attempt.outcome for attempt in attempts[:-1])
    if attempts:
        assert (attempts[-1].outcome is None) == (job.status in ON_A_WORKER)


class Model:
    """Jobs as they must be, by the tables above alone."""

    def __init__(self, database: Database, rng: random.Random) -> None:
        self.database, self.rng = database, rng
        self.state: dict[str, str] = {}
        self.after: dict[str, set[str]] = {}
        self.leases: dict[str, list[Lease]] = {}
        with database.write() as session:
            owner_ids = [add_owner(session, name) for name in ("ada", "bob")]
            self.datasets = [(o, add_ready_dataset(session, o)) for o in owner_ids]

    def submit(self) -> None:
        owner_id, dataset = self.rng.choice(self.datasets)
        open_jobs = [j for j, state in self.state.items() if state not in FINAL]
        named = self.rng.sample(open_jobs, min(len(open_jobs), self.rng.choice((0, 0, 1, 2))))
        with self.database.write() as session:
            named = [j for j in named if session.get_one(Job, j).owner_id == owner_id]
            spec = parse_job({**SPEC, "after": named, "priority": self.rng.randint(-1, 1)})
            after, mistakes = look_at_awaited(session, owner_id, spec.after_by_path())
            assert (sorted(after), mistakes) == (sorted(named), [])
            job_id = jobs.create_job(session, owner_id, dataset, spec, after=after).id
        self.state[job_id], self.after[job_id] = "queued", set(named)

    def claim(self) -> None:
        ready = {j for j, state in self.state.items() if state == "queued" and not self.after[j]}
        with self.database.write() as session:
            got = claims.claim_job(session, f"w{self.rng.randrange(3)}", "host", LEASE)
        assert (got is not None) == bool(ready)
        if got is not None:
            assert got.id in ready
            self.state[got.id] = "running"
            self.leases.setdefault(got.id, []).append(got.lease)

    def expire(self) -> None:
        lost = [j for j, s in self.state.items() if s in ON_A_WORKER and self.rng.random() < 0.5]
        with self.database.write() as session:
            silent = [held for held in claims.held_leases(session) if held.job_id in lost]
            found = claims.expire_leases(session, silent, AT_ONCE)
        assert found == {j: TOLD["crash"][self.state[j]] for j in lost}
        for job_id in lost:
            self.become(job_id, TOLD["crash"][self.state[job_id]])

    def ask(self) -> None:
        if self.state:
            job_id, verb = self.rng.choice(list(self.state)), self.rng.choice(list(ASK))
            self.try_it(job_id, ASKED[verb].get(self.state[job_id]), verb)

    def tell(self) -> None:
        """By any lease that ever was; all but the last are stale."""
        leases = [lease for of_job in self.leases.values() for lease in of_job]
        if leases:
            lease, verb = self.rng.choice(leases), self.rng.choice(list(TELL))
            current = lease is self.leases[lease.job_id][-1]
            state = self.state.get(lease.job_id, "gone")
            self.try_it(lease.job_id, TOLD[verb].get(state) if current else None, verb, lease)

    def try_it(
        self, job_id: str, expected: str | None, verb: str, lease: Lease | None = None
    ) -> None:
        before = self.snapshot(job_id)
        try:
            with self.database.write() as session:
                if verb == "crash":
                    assert lease is not None
                    claims.requeue_job(session, lease, crash=FAULT, retries=AT_ONCE)
                else:
                    do(session, verb, job_id, lease or Lease("", 0, ""))
        except (Conflict, LeaseLost):
            assert expected is None, (verb, self.state.get(job_id))
            assert self.snapshot(job_id) == before
        else:
            assert expected is not None, (verb, self.state.get(job_id))
            if expected != self.state[job_id]:
                self.become(job_id, expected)

    def become(self, job_id: str, state: str) -> None:
        dependents = [j for j, after in self.after.items() if job_id in after]
        waited_for = self.state[job_id] not in FINAL
        self.state[job_id] = state
        if state == "gone":
            del self.state[job_id], self.after[job_id]
        if state == "succeeded":
            for other in dependents:
                self.after[other].discard(job_id)
        elif waited_for and (state in FINAL or state == "gone"):
            if state != "gone":
                self.after[job_id] = set()
            for other in dependents:
                if self.state.get(other) not in (None, *FINAL):
                    self.become(other, "cancelled")

    def snapshot(self, job_id: str) -> dict[str, object] | None:
        with self.database.read() as session:
            row = session.get(Job, job_id)
            return {c.key: getattr(row, c.key) for c in Job.__table__.columns} if row else None

    def check(self) -> None:
        with self.database.read() as session:
            found = dict(session.execute(select(Job.id, Job.status)).all())
        assert found == self.state


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_verbs_does_what_the_tables_say(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    model = Model(database, rng)
    steps = [model.submit, model.claim, model.claim, model.ask, model.tell, model.tell]
    for _ in range(150):
        rng.choice([*steps, model.expire])()
        model.check()
    assert {"succeeded", "cancelled"} <= set(model.state.values())
    for job_id in model.state:
        check_story(database, job_id)


Race = Callable[[Database, Job, Lease], None]


def asked(verb: str) -> Race:
    def run(database: Database, job: Job, lease: Lease) -> None:
        with suppress(Conflict, NotFound), database.write() as session:
            ASK[verb](session, job)

    return run


def told(verb: str) -> Race:
    def run(database: Database, job: Job, lease: Lease) -> None:
        with suppress(LeaseLost), database.write() as session:
            TELL[verb](session, lease)

    return run


def reaped(database: Database, job: Job, lease: Lease) -> None:
    with database.write() as session:
        claims.expire_leases(session, claims.held_leases(session), AT_ONCE)


@pytest.mark.parametrize(
    "racers",
    [
        pytest.param([asked("cancel"), told("succeed")], id="cancel-finish"),
        pytest.param([asked("cancel"), told("give back"), reaped], id="cancel-return-reap"),
        pytest.param([told("succeed"), told("fail"), reaped], id="finish-finish-reap"),
        pytest.param([asked("pause"), asked("cancel"), told("crash")], id="pause-cancel-crash"),
        pytest.param([told("fail"), asked("delete"), asked("cancel")], id="fail-delete-cancel"),
    ],
)
def test_what_happens_at_the_same_moment_is_one_story(
    database: Database, racers: list[Race]
) -> None:
    for _ in range(4):
        job = queued_job(database)
        claimed = claim(database)
        if reaped in racers:
            with database.write() as session:
                past = now() - timedelta(seconds=1)
                query = update(Job).where(Job.id == job.id).values(lease_expires_at=past)
                session.execute(query)
        at_once(*(partial(race, database, job, claimed.lease) for race in racers))
        with database.read() as session:
            row = session.get(Job, job.id)
        if row is not None:
            check_story(database, job.id)
            with database.write() as session, suppress(Conflict):
                jobs.request_cancel(session, row)


def at_once(*calls: Callable[[], None]) -> None:
    """Each on a thread of its own, begun together; their errors are raised here."""
    barrier, errors = threading.Barrier(len(calls)), []

    def run(call: Callable[[], None]) -> None:
        barrier.wait()
        try:
            call()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_job_is_either_deleted_or_claimed(database: Database) -> None:
    first = queued_job(database)
    for _ in range(6):
        with database.write() as session:
            dataset = session.get_one(Dataset, first.dataset_id)
            job = add_job(session, first.owner_id, dataset, priority=1)
        got: list[claims.ClaimedJob | None] = []

        def take(got: list[claims.ClaimedJob | None] = got) -> None:
            with database.write() as session:
                got.append(claims.claim_job(session, "w", "host", LEASE))

        at_once(take, partial(asked("delete"), database, job, Lease("", 0, "")))
        with database.read() as session:
            row = session.get(Job, job.id)
        (claimed,) = got
        if row is None:
            assert claimed is None or claimed.id != job.id
        else:
            assert claimed is not None
            assert (claimed.id, row.status) == (job.id, "running")
        if claimed is not None:
            with database.write() as session:
                claims.requeue_job(session, claimed.lease)
                if row is not None:
                    jobs.request_cancel(session, row)
