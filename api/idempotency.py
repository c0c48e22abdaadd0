"""``Idempotency-Key``: the same key with the same body answers the first result again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from sqlalchemy.orm import Session

from trainyard.errors import Conflict
from trainyard.store import idempotency
from trainyard.store.database import Database

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="Makes a repeat answer the first result"),
]


def recall(database: Database, owner_id: str, key: str | None, request_sha256: str) -> str | None:
    """The id of what the first request with this key made, whatever has changed since then.

    Raises:
        Conflict: the key was used for another request.
    """
    if key is None:
        return None
    with database.read() as session:
        return idempotency.find(session, owner_id, key, request_sha256)


def once(
    database: Database,
    owner_id: str,
    key: str | None,
    request_sha256: str,
    make: Callable[[Session], str],
) -> tuple[str, bool]:
    """The id of what ``make`` made, now or at the first request with this key; and which.

    ``make`` and the key are written in one transaction. Of two at the same time one is refused
    by the database, and then finds what the other made.

    Raises:
        Conflict: the key was used for another request.
    """
    try:
        return _try_once(database, owner_id, key, request_sha256, make)
    except Conflict:
        if key is None:
            raise
    return _try_once(database, owner_id, key, request_sha256, make)


def _try_once(
    database: Database,
    owner_id: str,
    key: str | None,
    request_sha256: str,
    make: Callable[[Session], str],
) -> tuple[str, bool]:
    with database.write() as session:
        if key is None:
            return make(session), True
        found = idempotency.find(session, owner_id, key, request_sha256)
        if found is not None:
            return found, False
        made = make(session)
        idempotency.remember(session, owner_id, key, request_sha256, made)
        return made, True
