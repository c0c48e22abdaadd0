"""Uploaded weights, for jobs to begin with: rows here, safetensors files in the object store.

Also what a job's ``init_from`` stands for, be it such a file or another job's best checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trainyard.errors import NotFound
from trainyard.ids import new_id
from trainyard.store import checkpoints, jobs
from trainyard.store.asking import go_on_always
from trainyard.store.blobs import Blobs
from trainyard.store.garbage import discard
from trainyard.store.tables import Checkpoint, Weights

TensorShapes = dict[str, tuple[int, ...]]


def weights_key(weights_id: str) -> str:
    """Where the store keeps the file."""
    return f"weights/{weights_id}"


def new_weights_id() -> str:
    return new_id("w")


def add_weights(
    session: Session,
    owner_id: str,
    weights_id: str,
    *,
    name: str,
    size_bytes: int,
    sha256: str,
    tensors: Mapping[str, Sequence[int]],
) -> Weights:
    """Record a file that stands in the store at ``weights_key(weights_id)``."""
    row = Weights(
        id=weights_id,
        owner_id=owner_id,
        name=name,
        store_key=weights_key(weights_id),
        size_bytes=size_bytes,
        sha256=sha256,
        tensors={name: list(shape) for name, shape in tensors.items()},
    )
    session.add(row)
    session.flush()
    return row


def get_weights(session: Session, owner_id: str, weights_id: str) -> Weights:
    """One file of this owner.

    Raises:
        NotFound: there is none, or it is another owner's.
    """
    row = session.get(Weights, weights_id)
    if row is None or row.owner_id != owner_id:
        raise NotFound(f"There are no weights {weights_id}.")
    return row


def list_weights(
    session: Session, owner_id: str, *, limit: int = 50, before: str = ""
) -> tuple[list[Weights], str | None]:
    """A page, newest first, and the id to go on before."""
    query = select(Weights).where(Weights.owner_id == owner_id)
    if before:
        query = query.where(Weights.id < before)
    rows = session.scalars(query.order_by(Weights.id.desc()).limit(limit + 1)).all()
    return list(rows[:limit]), rows[limit - 1].id if len(rows) > limit else None


def delete_weights(session: Session, row: Weights) -> int:
    """Delete a file; returns its bytes. Jobs that have begun with it keep what they took."""
    discard(session, row.store_key)
    session.delete(row)
    return row.size_bytes


def find_initial(session: Session, owner_id: str, init_from: str) -> Weights | Checkpoint:
    """What ``init_from`` (``w_…`` or ``job_…``) stands for.

    Raises:
        NotFound: the owner has no such file or job, or the job has no checkpoint.
    """
    if init_from.startswith("w_"):
        return get_weights(session, owner_id, init_from)
    job = jobs.get_job(session, owner_id, init_from)
    return checkpoints.find_checkpoint(session, job.id, "best")


def initial_pieces(
    session: Session,
    found: Weights | Checkpoint,
    blobs: Blobs,
    go_on: Callable[[], None] = go_on_always,
) -> Iterator[bytes]:
    """The safetensors file of what ``find_initial`` has found, in pieces.

    A session of its own is a transaction only where the pieces stand in the database: the store
    may take long, and then ``go_on`` is called, and may raise.
    """
    if isinstance(found, Weights):
        return blobs.stream(found.store_key, go_on=go_on)
    return checkpoints.read_chunks(session, found, "weights", blobs, go_on)


def initial_shapes(session: Session, owner_id: str, init_from: str, blobs: Blobs) -> TensorShapes:
    """Names and shapes of the tensors that ``init_from`` stands for; reads no more than these.

    Raises:
        NotFound: as ``find_initial``.
    """
    if init_from.startswith("w_"):
        tensors = get_weights(session, owner_id, init_from).tensors
        return {name: tuple(shape) for name, shape in tensors.items()}
    head = b""
    for piece in initial_pieces(session, find_initial(session, owner_id, init_from), blobs):
        head += piece
        if len(head) >= 8 and len(head) >= 8 + int.from_bytes(head[:8], "little"):
            break
    # The format: 8 bytes of length, little-endian, then a JSON header of that length.
    header: dict[str, Any] = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])
    return {name: tuple(t["shape"]) for name, t in header.items() if name != "__metadata__"}
