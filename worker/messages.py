"""Messages between a worker and its child process: a JSON header and raw bytes, never pickles.

Over a ``multiprocessing`` connection, which keeps the bounds of messages and is used for its
``send_bytes`` and ``recv_bytes`` only.
"""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from trainyard import jsonable


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
    connection.send_bytes(jsonable.dumps(header).encode())
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
    """Sends messages from a thread of its own, so that ``put`` never blocks."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        super().__init__(name="sender", daemon=True)
        self._connection = connection
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        self._waiting.put(message)

    def run(self) -> None:
        while (message := self._waiting.get()) is not None:
            send(self._connection, message)

    def finish(self) -> None:
        """Wait until all that was put is sent."""
        self._waiting.put(None)
        self.join()
