"""A job's story as it happens: rows of the database, in order, each exactly once.

Redis wakes us; where it is away we look once a second. A database that is away is waited for.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

from fastapi.sse import ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from api.context import Context
from api.schemas import timestamp
from trainyard import events, jsonable
from trainyard.store.events import read_events
from trainyard.store.faults import is_database_fault
from trainyard.store.jobs import has_ended
from trainyard.store.tables import Event, Job

logger = logging.getLogger(__name__)
_BATCH = 500
_LOOK_SECONDS = 1.0


async def story(context: Context, job_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    """Events after this one, up to the `end`."""
    async with context.listener.subscribe(job_id) as bell:
        # Tells at once that the stream stands, also where there is nothing to say yet.
        yield ServerSentEvent(comment="the story of this job")
        while True:
            rows, is_over = await run_in_threadpool(_read_if_possible, context, job_id, after)
            for row in rows:
                yield _sent(row)
                after = row.seq
                if row.kind == "end":
                    return
            if is_over:
                return
            if len(rows) < _BATCH:
                await events.wait(bell, _LOOK_SECONDS)


def _read_if_possible(context: Context, job_id: str, after: int) -> tuple[Sequence[Event], bool]:
    """As ``_read``; nothing new where the database is away: the stream waits for it."""
    try:
        return _read(context, job_id, after)
    except SQLAlchemyError as error:
        if not is_database_fault(error):
            raise
        logger.warning("the story of %s has to wait: %s", job_id, error)
        return [], False


def _read(context: Context, job_id: str, after: int) -> tuple[Sequence[Event], bool]:
    """The next events, and whether none can follow: the job is gone, or has ended before."""
    with context.database.read() as session:
        rows = read_events(session, job_id, after, _BATCH)
        if rows:
            return rows, False
        job = session.get(Job, job_id)
        return rows, job is None or (has_ended(job) and job.last_seq <= after)


def _sent(row: Event) -> ServerSentEvent:
    data = {"attempt": row.attempt, **row.data, "created_at": timestamp(row.created_at)}
    return ServerSentEvent(raw_data=jsonable.dumps(data), event=row.kind, id=str(row.seq))
