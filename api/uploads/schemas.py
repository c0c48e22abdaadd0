"""Uploads as JSON."""

from __future__ import annotations

from api.schemas import ApiModel, Page, Timestamp


class Upload(ApiModel):
    """A file that comes in pieces and has not become a dataset yet."""

    id: str
    file_name: str
    offset: int
    """Bytes that have come."""
    size_bytes: int
    """Bytes of the whole file."""
    created_at: Timestamp
    expires_at: Timestamp
    """When it is deleted, unless more comes before."""


class UploadList(Page[Upload]):
    """Uploads, newest first."""
