"""Files that can be made again: models as they were put together for a download.

A file is made under another name and renamed, so that it is whole or absent. The longest unused
are deleted when all together grow too large.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 4 * 1024**3


class FileCache:
    """Files by job and name. The name must change when the content does."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self.max_bytes = folder, max_bytes

    def get(self, job_id: str, name: str, make: Callable[[Path], None]) -> Path:
        """The file, made by ``make(path)`` where it is not there yet."""
        place = self.folder / job_id
        path = place / name
        try:
            os.utime(path)
        except FileNotFoundError:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=place, prefix=".new-") as fresh:
                made = Path(fresh) / name
                make(made)
                made.replace(path)
            self._prune(path)
        return path

    def forget(self, job_id: str) -> None:
        """Delete what is kept of a job."""
        shutil.rmtree(self.folder / job_id, ignore_errors=True)

    def _prune(self, newest: Path) -> None:
        files = [(path, path.stat()) for path in self.folder.glob("*/*") if path.is_file()]
        excess = sum(stat.st_size for _, stat in files) - self.max_bytes
        for path, stat in sorted(files, key=lambda item: item[1].st_mtime):
            if excess <= 0:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                excess -= stat.st_size


def sha256_of(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
