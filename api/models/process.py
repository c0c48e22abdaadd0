"""A process of its own for models, so that onnxruntime, whole models in memory and hostile
pictures stay out of the API. One request at a time, with a time limit; the process is started
when it is first needed, and again when it died.

The two processes speak JSON over a pipe, never pickles. What is done in there: ``runtime.py``.
"""

from __future__ import annotations

import json
import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any

from api.models import runtime
from trainyard.errors import InvalidInput, Mistake, Unavailable

MAX_WAITING = 16
TIMEOUT_SECONDS = 60.0  # with the start of the process


class ModelProcess:
    """Asks the process. Safe to use from many threads; they wait in line."""

    def __init__(self, max_picture_pixels: int, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._max_picture_pixels, self._timeout = max_picture_pixels, timeout_seconds
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._turn = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def ask(self, request: dict[str, Any]) -> Any:
        """What ``runtime.answer`` makes of the request.

        Raises:
            InvalidInput: samples that the model cannot take; every one is named.
            Unavailable: too many are waiting, or the process died or took too long.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many requests for models are waiting.", retry_after_seconds=1)
        try:
            with self._turn:
                reply = self._ask(json.dumps(request).encode())
        finally:
            self._places.release()
        if "mistakes" in reply:
            mistakes = [Mistake(**mistake) for mistake in reply["mistakes"]]
            raise InvalidInput("These samples cannot be predicted.", mistakes)
        return reply["answer"]

    def _ask(self, request: bytes) -> dict[str, Any]:
        try:
            pipe = self._running()
            pipe.send_bytes(request)
            if not pipe.poll(self._timeout):
                raise TimeoutError
            reply: dict[str, Any] = json.loads(pipe.recv_bytes())
        except TimeoutError as error:
            self._stop()
            raise Unavailable(f"The model took longer than {self._timeout:.0f} s.") from error
        except (EOFError, OSError) as error:
            self._stop()
            raise Unavailable("The model's process died.", retry_after_seconds=1) from error
        return reply

    def _running(self) -> Connection:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self._stop()
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(
                target=runtime.serve, args=(theirs, self._max_picture_pixels), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._stop()
