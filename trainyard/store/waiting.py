"""Where queued jobs stand and what they wait for, in plain words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trainyard.status import JobStatus
from trainyard.store import line
from trainyard.store.dependencies import awaited_by
from trainyard.store.tables import Attempt, Job
from trainyard.store.workers import count_trainers

_MOST_NAMED = 3


@dataclass(frozen=True)
class Waiting:
    """``position`` 1 is next; ``after`` are jobs that have to succeed first."""

    position: int
    waiting_for: str
    retry_at: datetime | None = None
    after: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def waiting(session: Session, jobs: Collection[Job], silent_after: timedelta) -> dict[str, Waiting]:
    """Those of the jobs that are queued, by id; a handful of queries, however many there are.

    Workers count that were seen within ``silent_after``.
    """
    queued = {job.id: job for job in jobs if job.status == JobStatus.QUEUED}
    places = line.places(session, queued.values())
    behind = [job_id for job_id, place in places.items() if not place.is_ready]
    awaited = awaited_by(session, behind) if behind else {}
    faults = _faults(session, [queued[job_id] for job_id in behind])
    fleet = count_trainers(session, silent_after) if len(places) > len(behind) else (0, 0)
    found = {}
    for job_id, place in places.items():
        job, others = queued[job_id], awaited.get(job_id)
        if place.is_ready:
            found[job_id] = Waiting(place.position, _for_a_worker(place, *fleet))
        elif others:
            names = tuple(after_id for after_id, _ in others)
            found[job_id] = Waiting(place.position, _for_jobs(others), after=names)
        elif job.not_before is not None:
            told = _for_a_retry(job.not_before, faults.get(job_id))
            found[job_id] = Waiting(place.position, told, retry_at=job.not_before)
    return found


def _faults(session: Session, jobs: Sequence[Job]) -> dict[str, str]:
    """Why the last attempt of each of these jobs ended."""
    last = {(job.id, job.attempt) for job in jobs if job.not_before is not None}
    if not last:
        return {}
    query = select(Attempt.job_id, Attempt.number, Attempt.reason)
    rows = session.execute(query.where(Attempt.job_id.in_([job_id for job_id, _ in last])))
    return {
        job_id: reason["message"]
        for job_id, number, reason in rows
        if (job_id, number) in last and reason
    }


def _for_a_worker(place: line.Place, num_up: int, num_idle: int) -> str:
    if num_up == 0:
        return "a worker: none is up"
    if place.position <= num_idle:
        return "a free worker, which takes it in a moment"
    busy = "the only one is busy" if num_up == 1 else f"all {num_up} are busy"
    busy = busy if num_idle == 0 else f"{num_idle} of {num_up} are free"
    before = place.position - 1
    if before == 0:
        return f"a free worker: {busy}; it is next"
    jobs = "1 job goes" if before == 1 else f"{before} jobs go"
    told = f"a free worker: {busy}; {jobs} before it"
    if place.num_others_before == 0:
        return told
    whose = "all" if place.num_others_before == before else f"{place.num_others_before}"
    return f"{told}, {whose} of other owners, whose turn it is"


def _for_jobs(awaited: Sequence[tuple[str, JobStatus]]) -> str:
    named = [f"{job_id} ({status})" for job_id, status in awaited[:_MOST_NAMED]]
    more = len(awaited) - len(named)
    named += [f"{more} more"] if more else []
    *others, last = named
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{listed} to succeed"


def _for_a_retry(moment: datetime, fault: str | None) -> str:
    """The moment in UTC."""
    after = f": {fault}" if fault else ""
    return f"another try at {moment:%H:%M:%S} UTC, after a fault{after}"
