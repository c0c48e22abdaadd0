"""One piece of an upload on its way to disk: a request's body, appended to the upload's file.

The file's length is how much has come, so nothing is to be repaired after a kill. A lock on the
file keeps a second writer out, in whichever process; it goes with the process that holds it.
Memory holds one batch, whatever the size of the body.
"""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from api.uploads.protocol import Checksum
from trainyard.errors import ChecksumMismatch, Conflict, Locked, TooLarge, Unavailable

_BATCH_BYTES = 1024**2
# A connection that was cut without a word must not keep the client out that comes again.
IDLE_SECONDS = 30.0
_RENEW_EVERY_SECONDS = 60.0


def length_of(path: Path) -> int:
    """How much of an upload has come."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


class Piece:
    """The file of an upload, opened and locked at its end; to be closed."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        """``size_bytes`` is the length of the whole upload.

        Raises:
            Locked: another request is writing.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.size_bytes = size_bytes
        self._file = FileIO(str(path), "ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Locked(
                "Another request is writing to this upload.", retry_after_seconds=1.0
            ) from error
        self.start = self.offset = self._file.seek(0, 2)

    def close(self) -> None:
        """Let others write."""
        self._file.close()

    def check_start(self, offset: int, announced: int | None) -> None:
        """Hold the request against what has come; ``announced`` is the length of its body.

        Raises:
            Conflict: it begins elsewhere.
            TooLarge: it goes beyond the end.
        """
        if offset != self.offset:
            raise Conflict(f"{self.offset} bytes have come; the request begins at {offset}.")
        if announced is not None and offset + announced > self.size_bytes:
            raise self._too_long()

    async def take(
        self,
        receive: Receive,
        digest: Any | None,
        checksum: Checksum | None,
        renew: Callable[[], None],
    ) -> None:
        """Append what comes; ``digest`` goes along, ``renew`` is called once in a while.

        What came before a connection broke is kept.

        Raises:
            ClientDisconnect: the connection broke.
            Unavailable: nothing came for a while.
            TooLarge: more came than belongs to the upload; nothing of it is kept.
            ChecksumMismatch: nothing of it is kept.
        """
        running = [d for d in (digest, checksum.begin() if checksum else None) if d is not None]
        batch, more, renewed = bytearray(), True, time.monotonic()
        while more:
            body, more, broken = await _next(receive)
            batch += body
            if len(batch) >= _BATCH_BYTES or not more:
                await run_in_threadpool(self._append, bytes(batch), running)
                batch.clear()
            if broken is not None:
                raise broken
            if time.monotonic() - renewed > _RENEW_EVERY_SECONDS:
                renewed = time.monotonic()
                await run_in_threadpool(renew)
        if checksum is not None and running[-1].digest() != checksum.expected:
            self._undo()
            raise ChecksumMismatch(f"The {checksum.algorithm} of the bytes that came is another.")

    def _append(self, data: bytes, running: list[Any]) -> None:
        if self.offset + len(data) > self.size_bytes:
            self._undo()
            raise self._too_long()
        left = memoryview(data)
        while left:
            written = self._file.write(left)
            self.offset += written
            for digest in running:
                digest.update(left[:written])
            left = left[written:]

    def _undo(self) -> None:
        self._file.truncate(self.start)
        self.offset = self.start

    def _too_long(self) -> TooLarge:
        return TooLarge(f"The upload was announced with {self.size_bytes} bytes; more came.")


async def _next(receive: Receive) -> tuple[bytes, bool, Exception | None]:
    """Bytes, whether more will come, and what broke off."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await receive()
    except TimeoutError:
        silent = f"Nothing came for {IDLE_SECONDS:.0f} seconds; what came before is kept."
        return b"", False, Unavailable(silent, retry_after_seconds=1.0)
    if message["type"] == "http.disconnect":
        return b"", False, ClientDisconnect()
    return message.get("body", b""), message.get("more_body", False), None
