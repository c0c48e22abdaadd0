"""Large files to the service in pieces that survive broken lines: tus 1.0, the client's side.

``trainyard.client`` uses it. What was begun is noted in the user's cache folder, so that a
process that was killed goes on where it stopped when it is started again with the same file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx

Progress = Callable[[int, int], None]  # bytes that have arrived, bytes in all
PIECE_BYTES = 64 * 1024**2  # of one request
PATIENCE_SECONDS = 300.0  # without a byte's progress, before it is given up
_READ_BYTES = 1024**2
_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_TIMEOUT = httpx.Timeout(60.0)
_TUS = {"Tus-Resumable": "1.0.0"}
_GONE = {403, 404, 410}
_LATER = {409, 423, 429}  # and all from 500 on


class UploadFailed(httpx.TransportError):
    """Nothing arrived for a long while, or the file changed on the way."""


class _Lost(Exception):
    """The service does not know the upload (any more)."""


class FileUpload:
    """One file on its way; ``send`` may be called again after any failure."""

    def __init__(
        self,
        http: httpx.Client,
        file: Path,
        *,
        progress: Progress | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._http, self._file = http, file
        self._progress, self._patience = progress, patience_seconds
        self._stat = self._look()
        self.size_bytes = self._stat[0]
        told = [str(http.base_url), str(file.resolve()), *self._stat]
        name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
        self._note = cache_folder() / "uploads" / f"{name}.json"
        self.num_failures = 0

    def send(self) -> str:
        """Bring the whole file there; the id of the finished upload.

        Raises:
            UploadFailed: nothing arrived for as long as there was patience.
            httpx.HTTPStatusError: the service refuses it for good.
        """
        location, arrived, failures = self._noted(), -1, 0
        deadline = time.monotonic() + self._patience
        while True:
            try:
                location = location or self._create()
                offset = self._offset(location)
                while offset < self.size_bytes:
                    if offset > arrived:
                        arrived, failures = offset, 0
                        deadline = time.monotonic() + self._patience
                        self._tell(offset)
                    offset = self._append(location, offset)
                self._tell(offset)
                return location.rstrip("/").rpartition("/")[2]
            except _Lost:
                self.forget()
                location = None
            except httpx.TransportError as error:
                self.num_failures += 1
                if isinstance(error, UploadFailed) or time.monotonic() > deadline:
                    raise UploadFailed(f"{self._file.name} does not arrive: {error}") from error
                time.sleep(_WAITS[min(failures, len(_WAITS) - 1)])
                failures += 1

    def forget(self) -> None:
        """Once the upload has become what it was for: the next one begins anew."""
        self._note.unlink(missing_ok=True)

    def _create(self) -> str:
        name = base64.b64encode(self._file.name.encode(errors="replace")).decode()
        headers = {"Upload-Length": str(self.size_bytes), "Upload-Metadata": f"filename {name}"}
        answer = self._ask("POST", "/v1/uploads", headers)
        location: str = answer.headers["location"]
        self._note.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._note.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"location": location, "file": str(self._file.resolve())}))
        fresh.replace(self._note)
        return location

    def _offset(self, location: str) -> int:
        return int(self._ask("HEAD", location, {}).headers["upload-offset"])

    def _append(self, location: str, offset: int) -> int:
        if self._look() != self._stat:
            raise UploadFailed("the file was changed meanwhile")
        end = min(offset + PIECE_BYTES, self.size_bytes)
        headers = {
            "Upload-Offset": str(offset),
            "Content-Length": str(end - offset),
            "Content-Type": "application/offset+octet-stream",
        }
        answer = self._ask("PATCH", location, headers, self._pieces(offset, end))
        return int(answer.headers["upload-offset"])

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(_READ_BYTES, end - start))):
                yield piece
                start += len(piece)
                self._tell(start)

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: Iterator[bytes] | None = None
    ) -> httpx.Response:
        answer = self._http.request(
            method, path, headers=_TUS | headers, content=body, timeout=_TIMEOUT
        )
        if answer.status_code in _GONE and method != "POST":
            raise _Lost
        if answer.status_code in _LATER or answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise httpx.RemoteProtocolError(f"the service answered {answer.status_code}")
        answer.raise_for_status()
        return answer

    def _tell(self, offset: int) -> None:
        if self._progress is not None:
            self._progress(offset, self.size_bytes)

    def _noted(self) -> str | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            location = json.loads(self._note.read_text())["location"]
            return location if isinstance(location, str) else None
        return None

    def _look(self) -> tuple[int, int]:
        stat = self._file.stat()
        return stat.st_size, stat.st_mtime_ns


def cache_folder() -> Path:
    """Where the command line keeps what it can do without."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "trainyard"
