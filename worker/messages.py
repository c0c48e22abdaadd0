"""Messages between a worker and its child process: a JSON header and raw bytes, never pickles.

Over a ``multiprocessing`` connection, of which nothing but its descriptor is used. A message is
the length of its header (8 bytes, the highest first), the header, which tells the sizes of the
blobs, and the blobs. The child waits for a whole message (``receive``). The worker never does: a
child may stop in the middle of one, and what watches over it has to go on (``MessageReader``,
``Sender``).
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import threading
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from trainyard import jsonable

MAX_WAITING_BYTES = 64 * 1024**2
_HEADER_BYTES = 1024  # about what metrics and progress take
_LENGTH = struct.Struct(">Q")
_READ_BYTES = 1024**2


@dataclass(frozen=True)
class Message:
    """``type`` says what it is, ``data`` is JSON, ``blobs`` travel as they are."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    blobs: tuple[bytes, ...] = ()


def send(connection: Connection[Any, Any], message: Message) -> None:
    """Send one message; blocks while the pipe is full.

    Raises:
        OSError: the other side is gone.
    """
    sizes = [len(blob) for blob in message.blobs]
    told = {"type": message.type, "data": message.data, "blob_sizes": sizes}
    # Replacing: a file's name that is no UTF-8 may stand in a log line.
    header = jsonable.dumps(told).encode(errors="replace")
    for part in (_LENGTH.pack(len(header)) + header, *message.blobs):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(connection.fileno(), rest) :]


def receive(connection: Connection[Any, Any]) -> Message:
    """Wait for one message, and read nothing of the next.

    Raises:
        EOFError, OSError: the other side is gone, perhaps in the middle of a message.
    """
    parts = _parts()
    size = next(parts)
    while True:
        try:
            size = parts.send(_read_whole(connection.fileno(), size))
        except StopIteration as end:
            message: Message = end.value
            return message


def _read_whole(descriptor: int, size: int) -> bytes:
    part = io.BytesIO()
    while left := size - part.tell():
        data = os.read(descriptor, min(left, _READ_BYTES))
        if not data:
            raise EOFError
        part.write(data)
    return part.getvalue()


def _parts() -> Generator[int, bytes, Message]:
    """Asks for the parts of a message, one after the other, by their sizes in bytes."""
    (size,) = _LENGTH.unpack((yield _LENGTH.size))
    header = json.loads((yield size))
    blobs = []
    for size in header["blob_sizes"]:
        blobs.append((yield size))  # noqa: PERF401  a comprehension cannot yield
    return Message(header["type"], header["data"], tuple(blobs))


class MessageReader:
    """Messages out of a connection that is read in whatever pieces come."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._begin_message()

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self) -> list[Message] | None:
        """The messages that are complete by now; none at the end of the connection.

        Does not block where ``multiprocessing.connection.wait`` has said that there is something.
        """
        try:
            data = os.read(self.fileno(), _READ_BYTES)
        except ConnectionResetError:  # the other side ended before it had read everything
            return None
        return [*self._take(memoryview(data))] if data else None

    def _begin_message(self) -> None:
        self._parts = _parts()
        self._begin_part(next(self._parts))

    def _begin_part(self, size: int) -> None:
        self._part, self._size = io.BytesIO(), size

    def _take(self, data: memoryview) -> Iterator[Message]:
        while True:
            missing = self._size - self._part.tell()
            self._part.write(data[:missing])
            if len(data) < missing:
                return
            data = data[missing:]
            try:
                self._begin_part(self._parts.send(self._part.getvalue()))
            except StopIteration as end:
                self._begin_message()
                yield end.value


class Sender(threading.Thread):
    """Sends messages from a thread of its own, so that ``put`` does not block.

    Unless the other side takes nothing for long, as in an outage of the database: with
    ``max_waiting_bytes`` unsent, ``put`` waits, which holds the training back. One message more is
    taken in, however large. Nothing is ever dropped, unless the other side is gone.
    """

    def __init__(
        self, connection: Connection[Any, Any], max_waiting_bytes: float = MAX_WAITING_BYTES
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self._connection, self._max_waiting_bytes = connection, max_waiting_bytes
        self._waiting: deque[Message | None] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()

    @classmethod
    def without_bound(cls, connection: Connection[Any, Any]) -> Sender:
        """One whose ``put`` never waits."""
        return cls(connection, math.inf)

    def put(self, message: Message) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < self._max_waiting_bytes)
            self._waiting_bytes += _size(message)
            self._append(message)

    def run(self) -> None:
        """Until ``finish``, or until the other side is gone: then nothing has to be sent."""
        with suppress(OSError):
            while (message := self._next()) is not None:
                send(self._connection, message)
                with self._changed:
                    self._waiting_bytes -= _size(message)
                    self._changed.notify_all()

    def finish(self) -> None:
        """Wait until all that was put is sent."""
        with self._changed:
            self._append(None)
        self.join()

    def _append(self, message: Message | None) -> None:
        self._waiting.append(message)
        self._changed.notify_all()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            return self._waiting.popleft()


def _size(message: Message) -> int:
    return _HEADER_BYTES + sum(len(blob) for blob in message.blobs)
