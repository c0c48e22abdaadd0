"""What is to be deleted from the object store once its rows are gone.

The prefix is written in the transaction that deletes the rows, so that neither a crash nor a
store that does not answer leaves files behind for good: whoever calls ``collect`` next does it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from trainyard.store import uploads
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database
from trainyard.store.tables import Garbage, now

_WRITING_TAKES = timedelta(hours=12)


def discard(session: Session, prefix: str) -> None:
    """Mark everything under the prefix (or the one object of that key) for deletion."""
    _mark(session, prefix, None)


def announce(database: Database, prefix: str) -> None:
    """Before something is written whose row comes after: without ``keep`` it is garbage later."""
    with database.write() as session:
        _mark(session, prefix, now() + _WRITING_TAKES)


def _mark(session: Session, prefix: str, not_before: datetime | None) -> None:
    """A new mark or a renewed one, whoever else makes the same at this moment."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"not_before": not_before, "created_at": now()}
    mark = insert(Garbage).values(prefix=prefix, **values)
    session.execute(
        mark.on_conflict_do_update(index_elements=[Garbage.prefix], set_=values),
        execution_options={"synchronize_session": False},
    )


def keep(session: Session, prefix: str) -> None:
    """In the transaction that writes the row of what was announced."""
    session.execute(
        delete(Garbage).where(Garbage.prefix == prefix),
        execution_options={"synchronize_session": False},
    )


def collect(database: Database, blobs: Blobs) -> int:
    """Delete what is marked, and uploads left lying; returns the bytes that became free.

    Where the store is no folder the files of uploads lie with the API, which sweeps them.
    """
    with database.read() as session:
        due = or_(Garbage.not_before.is_(None), Garbage.not_before <= now())
        marks = session.execute(select(Garbage.prefix, Garbage.created_at).where(due)).all()
    freed = 0
    for prefix, created_at in marks:
        freed += blobs.delete_prefix(prefix)
        with database.write() as session:  # unless it was renewed: more was written meanwhile
            mark = (Garbage.prefix == prefix) & (Garbage.created_at == created_at)
            session.execute(delete(Garbage).where(mark))
    if blobs.folder is not None:
        freed += uploads.sweep(database, blobs.folder / uploads.FOLDER)
    return freed
