"""What the attempts at a job have left: where the next one begins, and what is known by then."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from trainyard.status import ReasonCode
from trainyard.store.garbage import discard
from trainyard.store.lease import Lease, lock_leased
from trainyard.store.tables import Attempt, Checkpoint


def last_checkpoint(session: Session, job_id: str) -> Checkpoint | None:
    """The one that the next attempt goes on from."""
    newest = (Checkpoint.job_id == job_id) & Checkpoint.is_last & Checkpoint.complete
    return session.scalar(select(Checkpoint).where(newest))


def used_seconds(session: Session, job_id: str) -> float:
    """What all attempts took together, by the clocks of their workers."""
    total = select(func.sum(Attempt.used_seconds)).where(Attempt.job_id == job_id)
    return session.scalar(total) or 0.0


def note_used(session: Session, job_id: str, attempt: int, seconds: float) -> None:
    """So long an attempt has taken by now; after a write that proved its lease."""
    this = (Attempt.job_id == job_id) & (Attempt.number == attempt)
    session.execute(
        update(Attempt).where(this).values(used_seconds=seconds),
        execution_options={"synchronize_session": False},
    )


def num_memory_kills(session: Session, job_id: str, step: int) -> int:
    """How often memory ran out since the job began at this step: what attempts that got further
    met with is no reason to go on in smaller parts."""
    query = select(Attempt.start_step, Attempt.reason).where(Attempt.job_id == job_id)
    kills = 0
    for begun, why in session.execute(query.order_by(Attempt.number.desc())):
        if begun != step:
            break
        kills += why is not None and why["code"] == ReasonCode.OUT_OF_MEMORY
    return kills


def drop_damaged(session: Session, lease: Lease, checkpoint_id: str) -> None:
    """Delete a checkpoint that cannot be read; the next attempt goes on from the newest other.

    Raises:
        LeaseLost: the job is somebody else's by now; nothing is written.
    """
    lock_leased(session, lease)
    damaged = session.get(Checkpoint, checkpoint_id)
    if damaged is None:
        return
    if damaged.store_key is not None:
        discard(session, damaged.store_key)
    session.delete(damaged)
    others = (Checkpoint.job_id == lease.job_id) & Checkpoint.complete
    others &= Checkpoint.id != checkpoint_id
    newest = select(Checkpoint).where(others).order_by(Checkpoint.step.desc()).limit(1)
    if (checkpoint := session.scalar(newest)) is not None:
        checkpoint.is_last = True
