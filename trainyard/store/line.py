"""The line of queued jobs: who goes next, and where each job stands.

Fair share between owners, then priority, then age. Next is the owner who has the fewest jobs on
workers; of equals the one who was served longest ago. Of that owner's jobs the one with the
highest priority goes, of equals the oldest. Owners who were never served are told apart by
priority and age of their first jobs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from trainyard.ids import first_id_of
from trainyard.retries import LONGEST_DELAY
from trainyard.status import ON_A_WORKER, JobStatus
from trainyard.store.tables import Awaited, Job, Owner, now

_QUEUED = Job.status == JobStatus.QUEUED
_CLOCKS_AGREE = timedelta(minutes=10)


def by_age(ids: InstrumentedAttribute[str], prefix: str) -> tuple[ColumnElement[Any], ...]:
    """The oldest first, by identifiers, which hold the time when each was made.

    What seems to be from the future was made while a clock was ahead, which has been put right
    since: it is older than all that came after, and would else wait until that future.
    """
    return (ids < first_id_of(prefix, now() + _CLOCKS_AGREE), ids.asc())


def in_line() -> tuple[ColumnElement[Any], ...]:
    """The order of one owner's jobs."""
    return (Job.priority.desc(), *by_age(Job.id, "job"))


def awaits_jobs() -> ColumnElement[bool]:
    """Whether a job is to come after others that have not succeeded yet."""
    return select(Awaited.job_id).where(Awaited.job_id == Job.id).exists()


def retry_is_due() -> ColumnElement[bool]:
    """Later than any policy would wait is a clock's error, and due too."""
    moment = now()
    return or_(Job.not_before <= moment, Job.not_before > moment + 2 * LONGEST_DELAY)


def is_ready() -> ColumnElement[bool]:
    """Whether nothing but a free worker is missing."""
    return _QUEUED & or_(Job.not_before.is_(None), retry_is_due()) & ~awaits_jobs()


@dataclass(frozen=True)
class Share:
    """An owner who has ready jobs; shares compare as their owners' turns come."""

    owner_id: str
    num_running: int
    turn: int  # of all claims, the number of this owner's last
    priority: int  # of the first ready job
    job_id: str
    num_ready: int

    @cached_property
    def order(self) -> tuple[int, int, int, str]:
        """What tells owners apart who have equally many jobs on workers.

        Without a job's end between, those who come to that number last are served first: the
        others have just been.
        """
        return (-self.num_running, self.turn, -self.priority, self.job_id)


def shares(session: Session) -> list[Share]:
    """Every owner with ready jobs, the next one first."""
    place = func.row_number().over(partition_by=Job.owner_id, order_by=in_line())
    size = func.count().over(partition_by=Job.owner_id)
    ready = (
        select(Job.owner_id, Job.id, Job.priority, place.label("place"), size.label("size"))
        .where(is_ready())
        .subquery()
    )
    running = (
        select(Job.owner_id, func.count().label("number"))
        .where(Job.status.in_(ON_A_WORKER))
        .group_by(Job.owner_id)
        .subquery()
    )
    query = (
        select(
            Owner.id,
            func.coalesce(running.c.number, 0),
            Owner.turn,
            ready.c.priority,
            ready.c.id,
            ready.c.size,
        )
        .join(ready, ready.c.owner_id == Owner.id)
        .join(running, running.c.owner_id == Owner.id, isouter=True)
        .where(ready.c.place == 1)
    )
    found = [Share(*row) for row in session.execute(query)]
    return sorted(found, key=lambda share: (share.num_running, share.order))


def take_turn(session: Session, owner_id: str) -> None:
    """Note that this owner is being served.

    Passed over where another claim of the same owner notes the same at this moment: no claim
    waits for another.
    """
    query = select(Owner).where(Owner.id == owner_id)
    owner = session.scalar(query.with_for_update(skip_locked=True, key_share=True))
    if owner is not None:
        last = select(func.max(Owner.turn)).scalar_subquery()
        session.execute(
            update(Owner).where(Owner.id == owner_id).values(turn=last + 1),
            execution_options={"synchronize_session": False},
        )


@dataclass(frozen=True)
class Place:
    """Where a queued job stands: 1 is next, and how many that go before are other owners'."""

    position: int
    num_others_before: int
    is_ready: bool


def places(session: Session, jobs: Collection[Job]) -> dict[str, Place]:
    """The places of those of the jobs that are queued, if no job ended from now on.

    Those that wait for more than a worker stand behind all that do not, the next retry first.
    """
    queued = [job for job in jobs if job.status == JobStatus.QUEUED]
    if not queued:
        return {}
    standing = shares(session)
    by_owner = {share.owner_id: share for share in standing}
    found: dict[str, Place] = {}
    for owner_id in {job.owner_id for job in queued} & by_owner.keys():
        for place, job_id in enumerate(_line_of(session, owner_id), start=1):
            others = _others_before(standing, by_owner[owner_id], place)
            found[job_id] = Place(others + place, others, is_ready=True)
    missing = [job.id for job in queued if job.id not in found]
    if missing:
        num_ready = sum(share.num_ready for share in standing)
        found |= _behind(session, missing, num_ready)
    return {job.id: found[job.id] for job in queued if job.id in found}


def _line_of(session: Session, owner_id: str) -> list[str]:
    query = select(Job.id).where(is_ready(), Job.owner_id == owner_id).order_by(*in_line())
    return list(session.scalars(query))


def _others_before(standing: list[Share], own: Share, place: int) -> int:
    """How many jobs of other owners go before the ``place``-th of this one.

    That one is claimed while its owner has ``level`` jobs on workers; before it the others are
    brought to that level, and those beyond it whose turn at that level comes earlier.
    """
    level = own.num_running + place - 1
    count = 0
    for other in standing:
        if other is not own:
            reached = level - other.num_running + (other.order < own.order)
            count += min(other.num_ready, max(0, reached))
    return count


def first_of_owner(session: Session, owner_id: str, limit: int) -> list[Job]:
    """The owner's first queued jobs: the ready ones in their order, then the others."""
    query = select(Job).where(_QUEUED, Job.owner_id == owner_id)
    return list(session.scalars(query.order_by(~is_ready(), *in_line()).limit(limit)))


def _behind(session: Session, job_ids: Collection[str], num_ready: int) -> dict[str, Place]:
    """Places of the queued that are not ready."""
    order = (Job.not_before.is_(None), Job.not_before, *in_line())
    place = func.row_number().over(order_by=order).label("place")
    line = select(Job.id, place).where(_QUEUED, ~is_ready()).subquery()
    rows = session.execute(select(line.c.id, line.c.place).where(line.c.id.in_(job_ids)))
    return {job_id: Place(num_ready + place, num_ready, is_ready=False) for job_id, place in rows}
