"""Files as answers: ``ETag``, ``Content-Disposition``, and ranges (RFC 9110, section 14)."""

from __future__ import annotations

from typing import Any

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
