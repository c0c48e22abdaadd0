"""Questions to a worker that are answered at once: is a spec with definitions sound in torch, and
what do augmentations make of some samples?

The API never loads torch. It leaves the question in Redis for some seconds and rings a worker of
the ``ingest`` queue, which leaves the answer there. Both are JSON of
some megabytes at most; neither is kept. Without
Redis, or without a worker that has time, there is no answer, and the caller says so.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import redis

from trainyard.ids import new_id
from trainyard.queue import Doorbell
from trainyard.settings import Settings

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0  # within which the caller has an answer
WORK_SECONDS = 4.3  # of these for the worker, so that what it found in time comes in time
_KEPT_SECONDS = 30  # until what nobody fetched is gone


def text_of(array: npt.NDArray[Any]) -> str:
    """The bytes of an array as they travel in a question; ``array_of`` undoes it."""
    return base64.b64encode(np.ascontiguousarray(array).data).decode()


def array_of(text: str, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """An array that may be written to; one axis of ``shape`` may be -1."""
    return np.frombuffer(bytearray(base64.b64decode(text)), dtype).reshape(shape)


class Trials:
    """Asks and answers. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis.Redis.from_url(
            settings.effective_redis_url,
            socket_timeout=ANSWER_SECONDS + 1,
            socket_connect_timeout=0.5,
        )

    def ask(
        self, doorbell: Doorbell, question: dict[str, Any], seconds: float = ANSWER_SECONDS
    ) -> Any | None:
        """The answer of a worker; None if there was none in time."""
        trial_id, until = new_id("trial"), time.monotonic() + seconds
        try:
            self._redis.set(_question(trial_id), json.dumps(question), ex=_KEPT_SECONDS)
            if not doorbell.send_trial(trial_id):
                return None
            left = max(until - time.monotonic(), 0.1)
            found = self._redis.blpop([_answer(trial_id)], timeout=left)
        except (redis.RedisError, OSError) as error:
            log.warning("no worker could be asked about a spec: %s", error)
            return None
        return json.loads(found[1]) if found else None

    def question(self, trial_id: str) -> dict[str, Any] | None:
        """What is asked; None if it is too late."""
        found = self._redis.getdel(_question(trial_id))
        return json.loads(found) if found else None

    def answer(self, trial_id: str, answer: Any) -> None:
        """Leave the answer for who asked."""
        with self._redis.pipeline() as both:
            both.rpush(_answer(trial_id), json.dumps(answer))
            both.expire(_answer(trial_id), _KEPT_SECONDS)
            both.execute()

    def close(self) -> None:
        self._redis.close()


def _question(trial_id: str) -> str:
    return f"trainyard:{trial_id}:question"


def _answer(trial_id: str) -> str:
    return f"trainyard:{trial_id}:answer"
