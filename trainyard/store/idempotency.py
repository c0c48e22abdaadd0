"""Idempotency keys: a repeated POST finds what the first one made."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from trainyard.errors import Conflict
from trainyard.store.tables import IdempotencyKey, now

LIFETIME = timedelta(days=7)


def request_digest(method: str, path: str, body: bytes) -> str:
    """SHA-256 that tells two requests apart; an upload gives its own digest as the body."""
    return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()


def find(session: Session, owner_id: str, key: str, request_sha256: str) -> str | None:
    """The id of what the first request with this key made; none if this is the first.

    Raises:
        Conflict: the key was used for another request.
    """
    row = session.get(IdempotencyKey, (owner_id, key))
    if row is None or row.created_at < now() - LIFETIME:
        return None
    if row.request_sha256 != request_sha256:
        raise Conflict("This Idempotency-Key was used for another request.")
    return row.resource_id


def remember(
    session: Session, owner_id: str, key: str, request_sha256: str, resource_id: str
) -> None:
    """Keep what a request made, in the transaction that makes it.

    Raises:
        Conflict: another request with the key got in first; repeat, and ``find`` answers.
    """
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - LIFETIME))
    row = IdempotencyKey(
        owner_id=owner_id, key=key, request_sha256=request_sha256, resource_id=resource_id
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("Another request with this Idempotency-Key is in work.") from error


def forget(session: Session, owner_id: str, resource_id: str) -> None:
    """Drop the keys that led to a resource which is being deleted."""
    mine = select(IdempotencyKey.key).where(
        IdempotencyKey.owner_id == owner_id, IdempotencyKey.resource_id == resource_id
    )
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.owner_id == owner_id, IdempotencyKey.key.in_(mine)
        ),
        execution_options={"synchronize_session": False},
    )
