"""What the endpoints of uploads do: a row for a new one, and its next bytes."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.context import Context
from api.guard import drain
from api.uploads import protocol
from api.uploads.piece import Piece
from trainyard.errors import TooLarge, TooManyRequests, TrainyardError
from trainyard.store import uploads
from trainyard.store.keys import Identity
from trainyard.store.tables import Upload as UploadRow
from trainyard.store.tables import now


def file_of(context: Context, upload_id: str) -> Path:
    """Where the bytes of an upload lie; ``upload_id`` has been found in the database."""
    return context.incoming_folder / upload_id


def create(context: Context, caller: Identity, size_bytes: int, described: str | None) -> UploadRow:
    """The row of a new upload.

    Raises:
        TooLarge: over the limit of one upload.
        TooManyRequests: over the limit of uploads at once.
    """
    settings = context.settings
    name = protocol.file_name(protocol.metadata(described))
    if size_bytes > settings.max_upload_bytes:
        raise TooLarge(f"An upload may have {settings.max_upload_bytes} bytes at most.")
    uploads.sweep(context.database, context.incoming_folder)
    with context.database.write() as session:
        if len(uploads.open_ids(session, caller.owner_id)) >= settings.max_open_uploads:
            raise TooManyRequests(
                f"{settings.max_open_uploads} uploads are open already "
                "(TRAINYARD_MAX_OPEN_UPLOADS): finish or delete one.",
                retry_after_seconds=60,
            )
        return uploads.create_upload(
            session,
            caller.owner_id,
            file_name=name,
            described=(described or "").strip(),
            size_bytes=size_bytes,
            lifetime=settings.upload_lifetime,
        )


def open_row(context: Context, caller: Identity, upload_id: str) -> UploadRow:
    """The row of an upload whose bytes are still its own.

    Raises:
        NotFound: there is none.
    """
    with context.database.read() as session:
        return uploads.get_open(session, caller.owner_id, upload_id)


async def take_piece(
    request: Request, context: Context, row: UploadRow, start: int, upload_checksum: str | None
) -> int:
    """Append a request's body; how much has come with it."""
    declared = request.headers.get("content-length")
    announced = protocol.number("Content-Length", declared) if declared else None

    def renew() -> None:
        with context.database.write() as session:
            uploads.prolong(session, row.id, context.settings.upload_lifetime)
        row.expires_at = now() + context.settings.upload_lifetime

    try:
        checksum = protocol.checksum(upload_checksum)
        piece = await run_in_threadpool(Piece, file_of(context, row.id), row.size_bytes)
        try:
            piece.check_start(start, announced)
        except TrainyardError:
            piece.close()
            raise
    except TrainyardError:
        if announced != 0:
            await drain(request.receive)
        raise
    digest = context.digests.take(row.id, start)
    try:
        await run_in_threadpool(renew)
        await piece.take(request.receive, digest, checksum, renew)
    finally:
        if digest is not None and piece.offset > piece.start:
            context.digests.put(row.id, piece.offset, digest)
        piece.close()
    await run_in_threadpool(renew)
    if piece.offset == row.size_bytes and digest is not None:
        await run_in_threadpool(_note_digest, context, row.id, digest.hexdigest())
    return piece.offset


def _note_digest(context: Context, upload_id: str, sha256: str) -> None:
    with context.database.write() as session:
        uploads.note_digest(session, upload_id, sha256)
