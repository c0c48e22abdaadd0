"""One storm: a town, a customer, and faults by a seed; then the verdict."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import verdict
from tests.chaos.customer import Customer
from tests.chaos.faults import Weather
from tests.chaos.outcomes import Outcome, outcome_of
from tests.chaos.plan import DatabaseKind, faults
from tests.chaos.town import Town, running_town
from tests.chaos.workload import KINDS
from trainyard.status import FINAL, JobStatus
from trainyard.store.blobs import Blobs
from trainyard.store.tables import Attempt, Garbage, Job

_TICK_SECONDS = 0.02
_SECONDS_A_FAULT = 6.0  # at most, on the mean
_BETTER_SECONDS = 2.0  # at most, for a training to be there when a fault comes
_STUCK_SECONDS = 60.0  # without anything new of any job, once the storm is over
_JOBS_AT_ONCE = 4
_BEATS_SECONDS = 10.0  # until every worker has told that it has nothing to do


@dataclass
class Result:
    """The figures of a storm, and what was wrong."""

    seed: int
    database: DatabaseKind
    num_faults: dict[str, int] = field(default_factory=dict)
    num_missed: int = 0
    num_jobs: int = 0
    num_cancelled: int = 0
    num_attempts: int = 0
    num_equal: int = 0
    num_unanswered: int = 0
    storm_seconds: float = 0.0
    wall_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    state: str = ""

    @property
    def num_delivered(self) -> int:
        return sum(self.num_faults.values())


def uninterrupted(folder: Path) -> dict[str, Outcome]:
    """What each kind of job comes to where nothing goes wrong."""
    with running_town(folder, "sqlite", random.Random(0)) as town:
        customer = Customer(town.url, town.key, 0, at_once=len(KINDS), at_least=len(KINDS))
        customer.enough()
        customer.start()
        calm = Result(0, "sqlite")
        _calm_down(town, customer, calm)
        customer.close()
        assert not calm.violations, f"{calm.violations}\n{_state(town)}"
        with town.database() as database, database.read() as session:
            found = {kind: outcome_of(session, id) for id, kind in customer.kind_of.items()}
            attempts = session.scalar(select(func.count()).select_from(Attempt))
        assert attempts == len(KINDS), "without a fault there is one attempt"
        assert town.stop() == []
    return found


def run_storm(
    folder: Path,
    database: DatabaseKind,
    seed: int,
    num_faults: int,
    expected: dict[str, Outcome],
    *,
    num_jobs: int = 20,
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """``num_faults`` faults over ``num_jobs`` jobs or more, and what is to be said of it."""
    began = time.monotonic()
    result = Result(seed, database)
    with running_town(folder, database, random.Random(f"{seed} restarts")) as town:
        customer = Customer(town.url, town.key, seed, at_once=_JOBS_AT_ONCE, at_least=num_jobs)
        customer.start()
        try:
            _rage(town, customer, result, num_faults, tell)
            result.storm_seconds = time.monotonic() - began
            if _calm_down(town, customer, result):
                result.violations += _violations(town, customer, result, expected)
        finally:
            customer.given_up.set()
            customer.close()
        if result.violations:
            result.state = _state(town)
        result.violations += [f"{part} did not end by itself" for part in town.stop()]
        result.violations += [f"orphan: {orphan}" for orphan in town.orphans()]
    result.wall_seconds = time.monotonic() - began
    return result


def _rage(
    town: Town,
    customer: Customer,
    result: Result,
    num_faults: int,
    tell: Callable[[str], None],
) -> None:
    """The storm itself; over when so many faults have been delivered."""
    _until(lambda: bool(customer.kind_of) or bool(customer.complaints), 60)
    weather, delivered = Weather(town, customer.job_ids), Counter[str]()
    deadline = time.monotonic() + _SECONDS_A_FAULT * num_faults + 60
    try:
        for fault in faults(result.seed, result.database):
            if time.monotonic() > deadline or customer.complaints:
                result.violations.append(f"only {delivered.total()} faults came about in time")
                return
            _keep_up(town, weather, fault.after_seconds)
            _keep_up(town, weather, _BETTER_SECONDS, until=town.trainer_pids)
            hit = weather.deliver(fault)
            tell(f"{'' if hit else 'missed: '}{fault}")
            delivered[fault.kind] += hit
            result.num_missed += not hit
            if delivered.total() == num_faults:
                _keep_up(town, weather, 1.0)
                return
    finally:
        result.num_faults = +delivered
        customer.enough()
        weather.close()


def _keep_up(
    town: Town, weather: Weather, seconds: float, until: Callable[[], object] = lambda: False
) -> None:
    """Let time go by: what ended is started again, what was stopped goes on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not until():
        weather.clear_up()
        town.keep_up()
        time.sleep(_TICK_SECONDS)


def _calm_down(town: Town, customer: Customer, result: Result) -> bool:
    """Wait until all that was begun has ended, and what is of no use is cleared away; for as
    long as anything goes on.
    """
    seen, since, now = (-1, ""), time.monotonic(), (0, "")
    while now[1] or customer.is_alive():
        town.keep_up()
        time.sleep(_TICK_SECONDS * 5)
        now = _what_goes_on(town) or seen
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STUCK_SECONDS:
            result.violations.append(f"nothing happens any more: {now[1]}")
            return False
    customer.finish(_STUCK_SECONDS)
    result.violations += customer.complaints
    return True


def _what_goes_on(town: Town) -> tuple[int, str] | None:
    """Events so far, and what is left to do; none where the database does not answer."""
    with suppress(SQLAlchemyError), town.database() as database, database.read() as session:
        num_events = session.scalar(select(func.sum(Job.last_seq))) or 0
        statuses = Counter(session.scalars(select(Job.status)))
        left = [f"{n} {status}" for status, n in statuses.items() if status not in FINAL]
        marked = session.scalars(select(Garbage.prefix).where(Garbage.not_before.is_(None)))
        left += [f"garbage {prefix}" for prefix in marked]
        return num_events, ", ".join(sorted(left))
    return None


def _violations(
    town: Town, customer: Customer, result: Result, expected: dict[str, Outcome]
) -> Iterator[str]:
    customer.given_up.clear()
    _until(lambda: not list(verdict.of_fleet(customer)), _BEATS_SECONDS)
    yield from verdict.of_fleet(customer)
    for part in (town.api, *town.trainers, town.ingest):
        if not part.stop():
            yield f"{part.name} did not end by itself"
    with town.database() as database, database.read() as session:
        for job_id, kind in customer.kind_of.items():
            ways = verdict.endings(customer, job_id)
            found = list(verdict.of_job(session, job_id, expected[kind], ways))
            result.num_equal += not found
            result.num_cancelled += session.get_one(Job, job_id).status == JobStatus.CANCELLED
            yield from found
        for story in customer.stories:
            yield from verdict.of_story(session, story)
        yield from verdict.of_rows(session, customer)
        yield from verdict.of_bytes(session, Blobs.from_settings(town.settings))
        yield from verdict.of_files(session, town)
        result.num_jobs = len(customer.kind_of)
        result.num_attempts = session.scalar(select(func.count()).select_from(Attempt)) or 0
    result.num_unanswered = customer.num_unanswered


def _state(town: Town) -> str:
    with suppress(SQLAlchemyError), town.database() as database, database.read() as session:
        return verdict.state(town, session)
    return verdict.state(town, None)


def _until(look: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
