"""/v1/uploads: files in pieces, by the tus protocol 1.0.0.

A finished upload becomes a dataset by ``POST /v1/datasets {"upload": …}``.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, status
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.auth import Caller, get_caller
from api.context import Context, Ctx
from api.guard import PIECE_MEDIA
from api.paging import Cursor, Limit, read_cursor, write_cursor
from api.uploads import protocol
from api.uploads.piece import length_of
from api.uploads.protocol import SpeaksTus
from api.uploads.schemas import Upload, UploadList
from api.uploads.taking import create, file_of, open_row, take_piece
from trainyard.errors import UnsupportedMedia
from trainyard.store import uploads
from trainyard.store.tables import Upload as UploadRow

router = APIRouter(prefix=protocol.PATH, tags=["uploads"])

UploadHeader = Annotated[str | None, Header()]
_BYTES: dict[str, Any] = {
    "content": {PIECE_MEDIA: {"schema": {"type": "string", "format": "binary"}}}
}


@router.options("", status_code=status.HTTP_204_NO_CONTENT, dependencies=[Depends(get_caller)])
def tell_protocol(context: Ctx) -> Response:
    """What of tus is spoken here."""
    return Response(
        status_code=status.HTTP_204_NO_CONTENT,
        headers={
            "Tus-Version": protocol.VERSION,
            "Tus-Extension": protocol.EXTENSIONS,
            "Tus-Max-Size": str(context.settings.max_upload_bytes),
            "Tus-Checksum-Algorithm": ",".join(protocol.ALGORITHMS),
        },
    )


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[SpeaksTus],
    responses={412: {}, 460: {}},
    openapi_extra={"requestBody": _BYTES},
)
async def create_upload(
    request: Request,
    context: Ctx,
    caller: Caller,
    upload_length: UploadHeader = None,
    upload_metadata: UploadHeader = None,
    upload_checksum: UploadHeader = None,
) -> Response:
    """Begin an upload of `Upload-Length` bytes; the body may hold the first of them."""
    size_bytes = protocol.number("Upload-Length", upload_length)
    row = await run_in_threadpool(create, context, caller, size_bytes, upload_metadata)
    offset = 0
    if request.headers.get("content-type", "").partition(";")[0].strip() == PIECE_MEDIA:
        offset = await take_piece(request, context, row, 0, upload_checksum)
    headers = _headers(offset, row) | {"Location": f"{protocol.PATH}/{row.id}"}
    return Response(status_code=status.HTTP_201_CREATED, headers=headers)


@router.get("")
def list_uploads(
    context: Ctx, caller: Caller, limit: Limit = 50, cursor: Cursor = None
) -> UploadList:
    """Uploads that have not become a dataset, newest first."""
    before = read_cursor(cursor, "uploads")
    with context.database.read() as session:
        rows, following = uploads.list_uploads(session, caller.owner_id, limit=limit, before=before)
    next_cursor = None if following is None else write_cursor(following, "uploads")
    return UploadList(items=[_view(context, row) for row in rows], next_cursor=next_cursor)


@router.head("/{upload_id}", dependencies=[SpeaksTus], responses={412: {}})
def get_offset(context: Ctx, caller: Caller, upload_id: str) -> Response:
    """How much has come, in `Upload-Offset`."""
    with context.database.read() as session:
        row = uploads.get_upload(session, caller.owner_id, upload_id)
    is_open = row.dataset_id is None
    offset = length_of(file_of(context, upload_id)) if is_open else row.size_bytes
    headers = _headers(offset, row) | {
        "Upload-Length": str(row.size_bytes),
        "Cache-Control": "no-store",
    }
    if row.described:
        headers["Upload-Metadata"] = row.described
    return Response(headers=headers)


@router.patch(
    "/{upload_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[SpeaksTus],
    responses={409: {}, 412: {}, 423: {}, 460: {}},
    openapi_extra={"requestBody": {"required": True, **_BYTES}},
)
async def append_piece(
    request: Request,
    context: Ctx,
    caller: Caller,
    upload_id: str,
    upload_offset: UploadHeader = None,
    upload_checksum: UploadHeader = None,
) -> Response:
    """Append the body, which begins at `Upload-Offset`. What came of a broken one is kept."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != PIECE_MEDIA:
        raise UnsupportedMedia(f"Expected {PIECE_MEDIA} here, received {media or 'nothing'}.")
    start = protocol.number("Upload-Offset", upload_offset)
    row = await run_in_threadpool(open_row, context, caller, upload_id)
    offset = await take_piece(request, context, row, start, upload_checksum)
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers=_headers(offset, row))


@router.delete(
    "/{upload_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[SpeaksTus],
    responses={412: {}},
)
def terminate_upload(context: Ctx, caller: Caller, upload_id: str) -> Response:
    """Give an upload up; its bytes are free at once."""
    with context.database.write() as session:
        row = uploads.get_open(session, caller.owner_id, upload_id)
        uploads.delete_upload(session, row)
    file_of(context, upload_id).unlink(missing_ok=True)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/{upload_id}", include_in_schema=False, dependencies=[SpeaksTus])
async def override_method(
    request: Request,
    context: Ctx,
    caller: Caller,
    upload_id: str,
    x_http_method_override: UploadHeader = None,
    upload_offset: UploadHeader = None,
    upload_checksum: UploadHeader = None,
) -> Response:
    """For clients whose network knows no PATCH and no DELETE, as the protocol demands."""
    if x_http_method_override == "PATCH":
        return await append_piece(
            request, context, caller, upload_id, upload_offset, upload_checksum
        )
    if x_http_method_override == "DELETE":
        return await run_in_threadpool(terminate_upload, context, caller, upload_id)
    raise HTTPException(
        status.HTTP_405_METHOD_NOT_ALLOWED, headers={"Allow": "HEAD, PATCH, DELETE"}
    )


def _headers(offset: int, row: UploadRow) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Expires": protocol.http_date(row.expires_at)}


def _view(context: Context, row: UploadRow) -> Upload:
    return Upload(
        id=row.id,
        file_name=row.file_name,
        offset=length_of(file_of(context, row.id)),
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
