"""Checkpoints: written whole or not at all, read with their digest, pruned as the spec says.

Their bytes stand in the database in chunks, each written in a short transaction of its own, or
in the object store. A checkpoint is invisible until its row says ``complete``, which is set
last, together with the flags and the pruning of older ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from trainyard.crashpoints import reach
from trainyard.errors import NotFound
from trainyard.ids import new_id
from trainyard.store.asking import go_on_always
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database
from trainyard.store.garbage import discard
from trainyard.store.lease import Lease, LeaseLost, lock_leased
from trainyard.store.tables import Checkpoint, CheckpointChunk

Part = Literal["weights", "state"]
CHUNK_BYTES = 1024**2
_DIGESTED_BYTES = 64 * 1024**2


class CorruptCheckpoint(Exception):
    """The stored bytes are not those that were written."""


def put_checkpoint(
    database: Database,
    lease: Lease,
    attempt: int,
    *,
    step: int,
    epoch: int,
    weights: bytes,
    state: bytes,
    is_best: bool,
    metric_value: float | None,
    keep_last: int,
    keep_best: int,
    for_resume: bool = False,
    blobs: Blobs | None = None,
    go_on: Callable[[], None] = go_on_always,
) -> str:
    """Write a checkpoint and prune older ones; returns its id.

    One ``for_resume`` is kept until the next is complete, beside those that ``keep_last`` and
    ``keep_best`` keep: when it came is chance, and what stays at the end must not be. With
    ``blobs`` the bytes go there, else into the database. A worker writes one at a time: what it
    began before and could not complete is deleted, so that after a fault it may begin anew.
    ``go_on`` is called again and again while bytes are written, and may raise.

    Raises:
        LeaseLost: the job is somebody else's by now; nothing becomes visible.
    """
    parts: dict[Part, bytes] = {"weights": weights, "state": state}
    checkpoint = Checkpoint(
        id=new_id("ckpt"),
        job_id=lease.job_id,
        attempt=attempt,
        step=step,
        epoch=epoch,
        size_bytes=len(weights),
        sha256=_digest(weights, go_on),
        state_size_bytes=len(state),
        state_sha256=_digest(state, go_on),
        metric_value=metric_value,
        is_best=False,
        is_last=False,
        for_resume=for_resume,
        complete=False,
    )
    if blobs is not None:
        checkpoint.store_key = f"jobs/{lease.job_id}/checkpoints/{checkpoint.id}"
    with database.write() as session:
        lock_leased(session, lease)
        drop_incomplete(session, lease.job_id)
        session.add(checkpoint)
    reach("checkpoint.begun")
    try:
        for part, data in parts.items():
            if blobs is not None:
                blobs.put_bytes(f"{checkpoint.store_key}/{part}", data, go_on)
            else:
                _put_chunks(database, lease, checkpoint.id, part, data, go_on)
            reach("checkpoint.stored")
        with database.write() as session:
            lock_leased(session, lease)
            _complete(session, checkpoint, is_best)
            _prune(session, lease.job_id, keep_last, keep_best)
            reach("checkpoint.written")
    except LeaseLost:  # perhaps after what was begun was swept
        if checkpoint.store_key is not None:
            with database.write() as session:
                discard(session, checkpoint.store_key)
        raise
    reach("checkpoint.committed")
    return checkpoint.id


def _digest(data: bytes, go_on: Callable[[], None]) -> str:
    digest, view = hashlib.sha256(), memoryview(data)
    for begin in range(0, len(data), _DIGESTED_BYTES):
        go_on()
        digest.update(view[begin : begin + _DIGESTED_BYTES])
    return digest.hexdigest()


def _put_chunks(
    database: Database,
    lease: Lease,
    checkpoint_id: str,
    part: Part,
    data: bytes,
    go_on: Callable[[], None],
) -> None:
    for number, begin in enumerate(range(0, len(data), CHUNK_BYTES)):
        go_on()
        with database.write() as session:
            lock_leased(session, lease)
            row = {
                "checkpoint_id": checkpoint_id,
                "part": part,
                "number": number,
                "data": data[begin : begin + CHUNK_BYTES],
            }
            session.execute(insert(CheckpointChunk), row)


def _complete(session: Session, checkpoint: Checkpoint, is_best: bool) -> None:
    same_job = Checkpoint.job_id == checkpoint.job_id
    quietly = {"synchronize_session": False}
    # Written again at the same step, as after a resume: the new one takes the old one's place.
    again = same_job & (Checkpoint.step == checkpoint.step) & Checkpoint.complete
    for_resume, metric_value = checkpoint.for_resume, checkpoint.metric_value
    for old in session.scalars(select(Checkpoint).where(again)).all():
        is_best, for_resume = is_best or old.is_best, for_resume and old.for_resume
        metric_value = old.metric_value if metric_value is None else metric_value
        _delete(session, old)
    session.execute(
        update(Checkpoint).where(same_job).values(is_last=False), None, execution_options=quietly
    )
    if is_best:
        session.execute(
            update(Checkpoint).where(same_job).values(is_best=False),
            None,
            execution_options=quietly,
        )
    this = update(Checkpoint).where(Checkpoint.id == checkpoint.id)
    session.execute(
        this.values(
            complete=True,
            is_last=True,
            is_best=is_best,
            for_resume=for_resume,
            metric_value=metric_value,
        ),
        None,
        execution_options=quietly,
    )


def _prune(session: Session, job_id: str, keep_last: int, keep_best: int) -> None:
    """Keep the newest ``keep_last`` and the ``keep_best`` whose metric is nearest to the best."""
    query = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.complete)
    found = session.scalars(query.order_by(Checkpoint.step.desc())).all()
    newest = [c.id for c in found if not c.for_resume][:keep_last]
    keep = {*newest, *(c.id for c in found if c.is_last or c.is_best)}
    best = next((c.metric_value for c in found if c.is_best), None)
    if best is not None:
        # The best is an extreme, so the nearest to it are the next best, whichever way is up.
        measured = [(abs(c.metric_value - best), c.id) for c in found if c.metric_value is not None]
        keep |= {checkpoint_id for _, checkpoint_id in sorted(measured)[:keep_best]}
    for checkpoint in found:
        if checkpoint.id not in keep:
            _delete(session, checkpoint)


def drop_incomplete(session: Session, job_id: str) -> None:
    """Delete what a worker began to write and can no longer complete."""
    begun = select(Checkpoint).where(Checkpoint.job_id == job_id, ~Checkpoint.complete)
    for checkpoint in session.scalars(begun).all():
        _delete(session, checkpoint)


def _delete(session: Session, checkpoint: Checkpoint) -> None:
    if checkpoint.store_key is not None:
        discard(session, checkpoint.store_key)
    session.execute(
        delete(Checkpoint).where(Checkpoint.id == checkpoint.id),
        execution_options={"synchronize_session": False},
    )


def list_checkpoints(session: Session, job_id: str) -> Sequence[Checkpoint]:
    """The complete checkpoints of a job, by growing step."""
    query = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.complete)
    return session.scalars(query.order_by(Checkpoint.step)).all()


def find_checkpoint(session: Session, job_id: str, which: str) -> Checkpoint:
    """The checkpoint named ``best``, ``last`` or by its step; ``best`` may be ``last``.

    Raises:
        NotFound: there is no such checkpoint.
    """
    query = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.complete)
    if which == "best":
        query = query.order_by(Checkpoint.is_best.desc(), Checkpoint.step.desc())
    elif which == "last":
        query = query.order_by(Checkpoint.step.desc())
    elif which.isascii() and which.isdecimal() and len(which) < 19:
        query = query.where(Checkpoint.step == int(which))
    else:
        raise NotFound(f"There is no checkpoint {which!r}: take best, last or a step.")
    checkpoint = session.scalar(query.limit(1))
    if checkpoint is None:
        raise NotFound(f"The job has no checkpoint {which!r}.")
    return checkpoint


def read_chunks(
    session: Session,
    checkpoint: Checkpoint,
    part: Part,
    blobs: Blobs,
    go_on: Callable[[], None] = go_on_always,
) -> Iterator[bytes]:
    """The bytes of a part in pieces, checked against the digest at the end.

    ``go_on`` is called for each, and while the store is waited for, and may raise.

    Raises:
        CorruptCheckpoint: the bytes do not match; raised after the last piece.
    """
    expected = checkpoint.sha256 if part == "weights" else checkpoint.state_sha256
    digest = hashlib.sha256()
    for piece in _pieces(session, checkpoint, part, blobs, go_on):
        go_on()
        digest.update(piece)
        yield piece
    if digest.hexdigest() != expected:
        raise CorruptCheckpoint(f"{checkpoint.id} {part}: {digest.hexdigest()} is not {expected}")


def _pieces(
    session: Session, checkpoint: Checkpoint, part: Part, blobs: Blobs, go_on: Callable[[], None]
) -> Iterator[bytes]:
    if checkpoint.store_key is not None:
        yield from blobs.stream(f"{checkpoint.store_key}/{part}", go_on=go_on)
        return
    size = checkpoint.size_bytes if part == "weights" else checkpoint.state_size_bytes
    for number in range(-(-size // CHUNK_BYTES)):
        chunk = session.scalar(
            select(CheckpointChunk.data).where(
                CheckpointChunk.checkpoint_id == checkpoint.id,
                CheckpointChunk.part == part,
                CheckpointChunk.number == number,
            )
        )
        if chunk is None:
            raise CorruptCheckpoint(f"{checkpoint.id} {part}: chunk {number} is missing")
        yield chunk


def read_part(session: Session, checkpoint: Checkpoint, part: Part, blobs: Blobs) -> bytes:
    """A whole part in memory; see ``read_chunks``."""
    return b"".join(read_chunks(session, checkpoint, part, blobs))
