"""Uploads that come in pieces: their rows, their files, and the end of those left lying.

The bytes lie in one file an upload, and its length is how much has come, whoever was killed in
the middle of writing it. Where the store is a folder the file lies in it from the beginning, at
the key that its dataset's ingest reads: nothing is ever moved. What HTTP has to say is in
``api.uploads``.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from trainyard.errors import NotFound
from trainyard.ids import new_id
from trainyard.store.database import Database
from trainyard.store.tables import Dataset, Upload, now

FOLDER = "incoming"
_QUIETLY = {"synchronize_session": False}


def upload_key(upload_id: str) -> str:
    """The key of its bytes in the store, and where a store that is a folder has its file."""
    return f"{FOLDER}/{upload_id}"


def create_upload(
    session: Session,
    owner_id: str,
    *,
    file_name: str,
    described: str,
    size_bytes: int,
    lifetime: timedelta,
) -> Upload:
    """An upload of which nothing has come yet."""
    row = Upload(
        id=new_id("up"),
        owner_id=owner_id,
        file_name=file_name,
        described=described,
        size_bytes=size_bytes,
        expires_at=now() + lifetime,
    )
    session.add(row)
    session.flush()
    return row


def get_upload(session: Session, owner_id: str, upload_id: str) -> Upload:
    """One upload of this owner, also one that has become a dataset.

    Raises:
        NotFound: there is none, its time is over, or it is another owner's.
    """
    row = session.get(Upload, upload_id)
    if row is None or row.owner_id != owner_id or row.expires_at < now():
        raise NotFound(f"There is no upload {upload_id}.")
    return row


def get_open(session: Session, owner_id: str, upload_id: str) -> Upload:
    """As ``get_upload``, but only while its bytes are its own.

    Raises:
        NotFound: also where it has become a dataset.
    """
    row = get_upload(session, owner_id, upload_id)
    if row.dataset_id is not None:
        raise NotFound(f"Upload {upload_id} has become dataset {row.dataset_id}.")
    return row


def _open_of(owner_id: str) -> Any:
    return (
        (Upload.owner_id == owner_id) & Upload.dataset_id.is_(None) & (Upload.expires_at >= now())
    )


def open_ids(session: Session, owner_id: str) -> list[str]:
    """The owner's uploads that have not become a dataset."""
    return list(session.scalars(select(Upload.id).where(_open_of(owner_id))))


def list_uploads(
    session: Session, owner_id: str, *, limit: int = 50, before: str = ""
) -> tuple[list[Upload], str | None]:
    """A page of those that have not become a dataset, newest first; the id to go on before."""
    query = select(Upload).where(_open_of(owner_id))
    if before:
        query = query.where(Upload.id < before)
    rows = session.scalars(query.order_by(Upload.id.desc()).limit(limit + 1)).all()
    return list(rows[:limit]), rows[limit - 1].id if len(rows) > limit else None


def prolong(session: Session, upload_id: str, lifetime: timedelta) -> None:
    """Let an upload live on, as something comes.

    Raises:
        NotFound: it was deleted, or has become a dataset.
    """
    going_on = (Upload.id == upload_id) & Upload.dataset_id.is_(None)
    statement = update(Upload).where(going_on).values(expires_at=now() + lifetime)
    if session.scalar(statement.returning(Upload.id), execution_options=_QUIETLY) is None:
        raise NotFound(f"There is no upload {upload_id}.")


def note_digest(session: Session, upload_id: str, sha256: str) -> None:
    """Keep the SHA-256 of a whole file, which takes a while to find."""
    statement = update(Upload).where(Upload.id == upload_id).values(sha256=sha256)
    session.execute(statement, execution_options=_QUIETLY)


def note_dataset(session: Session, upload_id: str, dataset_id: str) -> None:
    """In the transaction that makes the dataset: the bytes are the dataset's from now on.

    Raises:
        NotFound: the upload was deleted meanwhile, or has become another dataset.
    """
    mine = (Upload.id == upload_id) & Upload.dataset_id.is_(None)
    statement = update(Upload).where(mine).values(dataset_id=dataset_id).returning(Upload.id)
    if session.scalar(statement, execution_options=_QUIETLY) is None:
        raise NotFound(f"There is no upload {upload_id}.")


def delete_upload(session: Session, row: Upload) -> None:
    """Forget an upload; ``sweep`` then deletes its file."""
    session.delete(row)


def sweep(database: Database, folder: Path) -> int:
    """Forget uploads whose time is over, and delete files that are nobody's; returns the bytes.

    ``folder`` is where the files of uploads lie. A file is there only after its row, and its row
    goes before it, so that what has none is nobody's.
    """
    is_over = Upload.expires_at < now()
    with database.read() as session:
        any_over = session.scalar(select(Upload.id).where(is_over).limit(1))
    if any_over is not None:
        with database.write() as session:
            session.execute(delete(Upload).where(is_over), execution_options=_QUIETLY)
    found = [path for path in folder.glob("up_*") if path.is_file()] if folder.is_dir() else []
    if not found:
        return 0
    with database.read() as session:
        # In this order: a file that becomes a dataset's in between is in the first.
        named = set(session.scalars(select(Upload.id).where(Upload.dataset_id.is_(None))))
        keys = set(session.scalars(select(Dataset.upload_key).where(Dataset.upload_key != "")))
    freed = 0
    for path in found:
        if path.name not in named and upload_key(path.name) not in keys:
            with suppress(FileNotFoundError):  # another process sweeps too
                size_bytes = path.stat().st_size
                path.unlink()
                freed += size_bytes
    return freed
