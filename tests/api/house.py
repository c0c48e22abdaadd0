"""A home whose API is killed and started again, and a line to it that breaks."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.api.yard import Yard, running_yard
from tests.support.servers import Broker
from trainyard.store.database import migrate

_RESET = struct.pack("ii", 1, 0)  # close with a reset, as a broken line does


class House:
    """A home whose API is killed and started again."""

    def __init__(self, home: Path, broker: Broker) -> None:
        self.home, self.broker = home, broker
        self.url = f"sqlite:///{home / 'trainyard.db'}"
        self.armed = home / "armed"
        self.armed.mkdir()
        self.admin_key: str | None = None
        migrate(self.url)

    @contextmanager
    def api(self) -> Iterator[Yard]:
        armed = {"crash_points": str(self.armed)}
        key = self.admin_key
        with running_yard(self.home, self.url, self.broker.url, admin_key=key, **armed) as yard:
            self.admin_key = yard.admin_key
            yield yard


class Line:
    """A TCP way to ``port`` that breaks: once so many bytes went to it, ``on_mark`` is called.

    Meanwhile nothing passes, and afterwards the connection is reset. ``num_sent`` counts what
    was let through to the API.
    """

    def __init__(self, port: int, marks: list[int], on_mark: Callable[[int], None]) -> None:
        self.port, self.num_sent = port, 0
        self._marks, self._on_mark = list(marks), on_mark
        self.num_marks = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            near.close()
            return
        threading.Thread(target=self._answer, args=(far, near), daemon=True).start()
        with suppress(OSError):
            while data := near.recv(65536):
                if self._marks and self.num_sent >= self._marks[0]:
                    self._marks.pop(0)
                    self.num_marks += 1
                    self._on_mark(self.num_marks)
                    break
                far.sendall(data)
                self.num_sent += len(data)
        _reset(near, far)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)
        _reset(near, far)


def _reset(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            one.shutdown(socket.SHUT_RDWR)
        one.close()
