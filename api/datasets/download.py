"""A dataset as one zip: the canonical folder, stored, streamed and never whole in memory.

Uploaded again it is the same dataset; see ``trainyard.datasets.formats.canonical_zip``.
"""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from zipstream import ZIP_STORED, ZipStream

from api.context import Context
from api.files import disposition, matches
from trainyard.errors import Conflict
from trainyard.status import DatasetStatus
from trainyard.store.datasets import stored_prefix
from trainyard.store.tables import Dataset


def zip_response(request: Request, context: Context, row: Dataset) -> Response:
    """The zip, or 304 where the client has it.

    Raises:
        Conflict: the dataset is not ready.
    """
    if row.status != DatasetStatus.READY:
        raise Conflict(f"The dataset is {row.status}: only a ready one can be downloaded.")
    # Weak: the zip's own bytes hold the files' dates too.
    etag = f'W/"{row.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(f"{row.name}@{row.version}.zip"),
    }
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    folder = context.blobs.local_folder(stored_prefix(row), context.cache_folder)
    packed = ZipStream(compress_type=ZIP_STORED, sized=True)
    for path in sorted(folder.iterdir()):
        packed.add_path(path, path.name)
    headers["Content-Length"] = str(len(packed))
    return StreamingResponse(packed, headers=headers, media_type="application/zip")
