"""What is to be deleted from the object store once its rows are gone.

The prefix is written in the transaction that deletes the rows, so that neither a crash nor a
store that does not answer leaves files behind for good: whoever calls ``collect`` next does it.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from trainyard.store.blobs import Blobs
from trainyard.store.database import Database
from trainyard.store.tables import Garbage


def discard(session: Session, prefix: str) -> None:
    """Mark everything under the prefix (or the one object of that key) for deletion."""
    session.merge(Garbage(prefix=prefix))


def collect(database: Database, blobs: Blobs) -> int:
    """Delete what is marked; returns the bytes that became free."""
    with database.read() as session:
        prefixes = session.scalars(select(Garbage.prefix)).all()
    freed = 0
    for prefix in prefixes:
        freed += blobs.delete_prefix(prefix)
        with database.write() as session:
            session.execute(delete(Garbage).where(Garbage.prefix == prefix))
    return freed
