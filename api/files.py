"""Files as answers: ``ETag``, ``Content-Disposition``, and ranges (RFC 9110, sections 13, 14).

One range a request; where several are asked for, the whole file is the answer, as the RFC allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.problems import problem_response
from trainyard.errors import RangeNotSatisfiable

_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_HEADERS = {
    name: {"schema": {"type": "string"}}
    for name in ("Content-Disposition", "ETag", "Accept-Ranges")
}
FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": _BINARY, "headers": _HEADERS},
    206: {"description": "A range of it", "content": _BINARY, "headers": _HEADERS},
    304: {"description": "As `If-None-Match` says"},
    416: {"description": "The range lies outside of the file"},
}
_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True)
class File:
    """A file to download, under this name."""

    name: str
    path: Path
    sha256: str
    media_type: str = "application/octet-stream"

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Bytes ``start`` up to, not with, ``end``; in pieces."""
        with self.path.open("rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(_PIECE_BYTES, end - start))):
                start += len(piece)
                yield piece

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


def file_response(request: Request, file: File) -> Response:
    """The file, a range of it, 304 or 416, as the request's headers ask."""
    headers = {
        "ETag": file.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(file.name),
    }
    if matches(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    try:
        wanted = _wanted_range(request, file)
    except RangeNotSatisfiable as outside:
        answer = problem_response(outside)
        answer.headers["Content-Range"] = f"bytes */{file.size_bytes}"
        return answer
    start, end = wanted or (0, file.size_bytes)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    headers["Content-Length"] = str(end - start)
    status = 206 if wanted else 200
    return StreamingResponse(file.read(start, end), status, headers, media_type=file.media_type)


def disposition(name: str) -> str:
    """``Content-Disposition`` of a download under this name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name) or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def matches(header: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names this ETag."""
    if header is None:
        return False
    given = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in given or etag.removeprefix("W/") in given


def _wanted_range(request: Request, file: File) -> tuple[int, int] | None:
    """(start, end) of the range that the request wants; None where it wants the whole file.

    Raises:
        RangeNotSatisfiable: the range lies outside of the file.
    """
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    condition = request.headers.get("if-range")
    if found is None or (condition is not None and condition != file.etag):
        return None
    size, (first, last) = file.size_bytes, found.groups()
    if (not first and not last) or (first and last and int(last) < int(first)):
        return None  # not a range at all
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
    else:
        start, end = max(0, size - int(last)), size
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes.")
    return start, end
