"""Messages between a worker and its child process: a JSON header and raw bytes, never pickles.

Over a ``multiprocessing`` connection, which keeps the bounds of messages and is used for its
``send_bytes`` and ``recv_bytes`` only.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from trainyard import jsonable

MAX_WAITING_BYTES = 64 * 1024**2
_HEADER_BYTES = 1024  # about what metrics and progress take


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
    header = {"type": message.type, "data": message.data, "num_blobs": len(message.blobs)}
    # Replacing: a file's name that is no UTF-8 may stand in a log line.
    connection.send_bytes(jsonable.dumps(header).encode(errors="replace"))
    for blob in message.blobs:
        connection.send_bytes(blob)


def receive(connection: Connection[Any, Any]) -> Message:
    """Wait for one message.

    Raises:
        EOFError, OSError: the other side is gone, perhaps in the middle of a message.
    """
    header = json.loads(connection.recv_bytes())
    blobs = tuple(connection.recv_bytes() for _ in range(header["num_blobs"]))
    return Message(header["type"], header["data"], blobs)


class Sender(threading.Thread):
    """Sends messages from a thread of its own, so that ``put`` does not block.

    Unless the other side takes nothing for long, as in an outage of the database: with
    ``max_waiting_bytes`` unsent, ``put`` waits, which holds the training back. One message more is
    taken in, however large. Nothing is ever dropped.
    """

    def __init__(
        self, connection: Connection[Any, Any], max_waiting_bytes: int = MAX_WAITING_BYTES
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self._connection, self._max_waiting_bytes = connection, max_waiting_bytes
        self._waiting: deque[Message | None] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()

    def put(self, message: Message) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < self._max_waiting_bytes)
            self._waiting_bytes += _size(message)
            self._append(message)

    def run(self) -> None:
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
