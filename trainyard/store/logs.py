"""The log of a job: read by level and text, told in a reason, and kept within its bound.

Beyond the bound the middle is left out: the first lines, which tell what was begun, and the last
ones, which tell how it goes, stay. One line stands in the gap and says how many are gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from trainyard.store.events import NewEvent, log_event
from trainyard.store.tables import Event
from trainyard.store.types import octet_length

LEVELS = ("debug", "info", "warning", "error")
LINE_BYTES = 100  # what a line takes beside its text
_TAIL_LINES, _TAIL_CHARACTERS = 50, 500  # the stacks of a native crash fit

Line = tuple[int, int, int | None]  # number, bytes, and how many others it stands for


def read_logs(
    session: Session,
    job_id: str,
    *,
    after_seq: int = 0,
    level: str | None = None,
    q: str | None = None,
    attempt: int | None = None,
    limit: int = 1000,
) -> Sequence[Event]:
    """Log lines after ``after_seq``, at least as severe as ``level``, holding ``q`` in any case."""
    query = select(Event).where(Event.job_id == job_id, Event.kind == "log", Event.seq > after_seq)
    if level is not None:
        query = query.where(Event.level.in_(LEVELS[LEVELS.index(level) :]))
    if q:
        query = query.where(Event.message.icontains(q, autoescape=True))
    if attempt is not None:
        query = query.where(Event.attempt == attempt)
    return session.scalars(query.order_by(Event.seq).limit(limit)).all()


def log_tail(session: Session, job_id: str, attempt: int) -> list[str]:
    """The last lines of an attempt, each cut to what a reason has room for."""
    of_attempt = (Event.job_id == job_id) & (Event.kind == "log") & (Event.attempt == attempt)
    query = select(Event.message).where(of_attempt).order_by(Event.seq.desc()).limit(_TAIL_LINES)
    return [(line or "")[:_TAIL_CHARACTERS] for line in reversed(session.scalars(query).all())]


def left_out(num_lines: int, why: str) -> NewEvent:
    """The line that stands for others."""
    told = log_event("warning", f"… {num_lines:,} of the lines are left out here: {why}.")
    return NewEvent("log", {**told.data, "left_out": num_lines})


def keep_within(session: Session, job_id: str, max_bytes: int) -> bool:
    """Leave out the middle of a log of more than ``max_bytes``; whether it has such a gap now.

    An eighth of the room is made free at once, so that this is seldom needed.
    """
    size = octet_length(Event.message) + LINE_BYTES
    query = select(Event.seq, size, Event.left_out, Event.attempt)
    rows = session.execute(
        query.where(Event.job_id == job_id, Event.kind == "log").order_by(Event.seq)
    ).all()
    lines: list[Line] = [(row[0], row[1], row[2]) for row in rows]
    if sum(size for _, size, _ in lines) <= max_bytes:
        return any(number is not None for _, _, number in lines)
    begin, end = _gap(lines, max_bytes // 2, max_bytes * 3 // 8)
    gap = lines[begin:end]
    if not gap:
        return True
    first, last = gap[0][0], gap[-1][0]
    in_gap = (Event.job_id == job_id) & (Event.kind == "log") & Event.seq.between(first, last)
    session.execute(delete(Event).where(in_gap), execution_options={"synchronize_session": False})
    num_lines = sum(1 if number is None else number for _, _, number in gap)
    told = left_out(num_lines, "the log is longer than is kept")
    session.execute(insert(Event), _row(job_id, first, rows[begin][3], told))
    return True


def _row(job_id: str, seq: int, attempt: int, told: NewEvent) -> dict[str, object]:
    return {
        "job_id": job_id,
        "seq": seq,
        "kind": "log",
        "attempt": attempt,
        "level": told.data["level"],
        "message": told.data["message"],
        "left_out": told.data["left_out"],
        "data": told.data,
    }


def _gap(lines: Sequence[Line], head_bytes: int, tail_bytes: int) -> tuple[int, int]:
    """(begin, end) of what is left out between a head and a tail of these sizes.

    A gap that is there already ends the head, so that it grows and stays one.
    """
    begin, room = 0, head_bytes
    while begin < len(lines) and lines[begin][2] is None and lines[begin][1] <= room:
        room -= lines[begin][1]
        begin += 1
    end, room = len(lines), tail_bytes
    while end > begin and lines[end - 1][1] <= room:
        end -= 1
        room -= lines[end][1]
    return begin, end
