"""The story of a job: one sequence of events without gaps, and what is read from it.

Event data by kind:
    status    {"status", "attempt", "reason"?, "retry_at"?, "resumed_from_step"?}
    metrics   {"step", "epoch", "values": {name: number or "NaN", "Infinity", "-Infinity"},
               "fingerprints"?: of the steps since the one before}
    log       {"level", "message", "left_out"?: how many lines it stands for}
    progress  as Job.progress
    end       {"status", "reason", "summary"}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import insert, select, true, update
from sqlalchemy.orm import Session

from trainyard.jsonable import jsonable
from trainyard.store.lease import Lease, update_leased
from trainyard.store.tables import Event, Job, now

Kind = Literal["status", "metrics", "log", "progress", "end"]
MAX_LINE_CHARACTERS = 16_384


@dataclass(frozen=True)
class NewEvent:
    """An event that is still to get its number."""

    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)


def metrics_event(
    step: int, epoch: int, values: dict[str, float], fingerprints: str = ""
) -> NewEvent:
    """``fingerprints``, two bytes in base64 of the loss of each step up to this, for replays."""
    data = {"step": step, "epoch": epoch, "values": values}
    return NewEvent("metrics", data | ({"fingerprints": fingerprints} if fingerprints else {}))


def log_event(level: str, message: str) -> NewEvent:
    """A log line as every database takes it; a huge one is cut."""
    text = message[:MAX_LINE_CHARACTERS].replace("\x00", "�")
    cut = len(message) - len(text)
    return NewEvent(
        "log", {"level": level, "message": f"{text}… {cut} more characters" if cut else text}
    )


def append_events(
    session: Session,
    lease: Lease,
    attempt: int,
    events: Sequence[NewEvent],
    *,
    batch: int | None = None,
    progress: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
    best: dict[str, Any] | None = None,
) -> bool:
    """Add a worker's events, and set the job's progress, summary and best with them.

    ``batch`` counts the calls of an attempt from 1. One that went through before, though its
    answer was lost, changes nothing: returns whether this was the first time. Without it, it is.

    Raises:
        LeaseLost: the lease is not current; nothing is written.
    """
    columns: dict[str, Any] = {"last_seq": Job.last_seq + len(events)}
    columns |= {"num_batches": batch} if batch is not None else {}
    columns |= {"progress": progress} if progress is not None else {}
    columns |= {"summary": summary} if summary is not None else {}
    columns |= {"best": best} if best is not None else {}
    is_new = true() if batch is None else Job.num_batches < batch
    last_seq = update_leased(session, lease, is_new, **columns)
    if last_seq is None:
        return False
    _insert(session, lease.job_id, attempt, last_seq, events)
    return True


def add_events(session: Session, job: Job, events: Sequence[NewEvent]) -> None:
    """Add events to a job whose row is locked by this transaction."""
    session.flush()
    statement = update(Job).where(Job.id == job.id).values(last_seq=Job.last_seq + len(events))
    last_seq = session.scalar(
        statement.returning(Job.last_seq), execution_options={"synchronize_session": False}
    )
    assert last_seq is not None
    session.refresh(job, ["last_seq"])
    _insert(session, job.id, job.attempt, last_seq, events)


def _insert(
    session: Session, job_id: str, attempt: int, last_seq: int, events: Sequence[NewEvent]
) -> None:
    if not events:
        return
    moment = now()
    first = last_seq - len(events) + 1
    rows = [
        {
            "job_id": job_id,
            "seq": seq,
            "kind": event.kind,
            "attempt": attempt,
            "step": event.data.get("step"),
            "level": event.data.get("level"),
            "message": event.data.get("message"),
            "left_out": event.data.get("left_out"),
            "data": jsonable(event.data),
            "created_at": moment,
        }
        for seq, event in enumerate(events, start=first)
    ]
    session.execute(insert(Event), rows)


def read_events(
    session: Session, job_id: str, after_seq: int = 0, limit: int = 1000
) -> Sequence[Event]:
    """The events that follow ``after_seq``, oldest first."""
    query = select(Event).where(Event.job_id == job_id, Event.seq > after_seq)
    return session.scalars(query.order_by(Event.seq).limit(limit)).all()


def metrics_at(session: Session, job_id: str, step: int) -> frozenset[str]:
    """The names of the metrics that have been told of this very step."""
    of_step = (Event.job_id == job_id) & (Event.kind == "metrics") & (Event.step == step)
    return frozenset(
        name
        for data in session.scalars(select(Event.data).where(of_step))
        for name in data["values"]
    )
