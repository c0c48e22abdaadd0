"""SHA-256 of uploads while they come in, so that a whole file need not be read once more.

Only within one process, and only of uploads that it saw from their first byte: where another
process took over, the digest is found from the file at the end.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

_MOST = 1000  # uploads at once; the one longest untouched gives way


class RunningDigests:
    """By upload, the digest of its first so many bytes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Any]] = {}
        self._lock = threading.Lock()

    def take(self, upload_id: str, offset: int) -> Any | None:
        """The hash object of the first ``offset`` bytes, now the caller's; None if unknown."""
        with self._lock:
            known, digest = self._kept.pop(upload_id, (0, None))
        if offset == 0:
            return hashlib.sha256()
        return digest if known == offset else None

    def put(self, upload_id: str, offset: int, digest: Any) -> None:
        """Keep what ``take`` gave, brought up to ``offset`` bytes."""
        with self._lock:
            self._kept[upload_id] = (offset, digest)
            if len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
